"""Turn parallel loops into kernels, and the function around them into the plan of their launches.

    func @f(%A, %r, %ws) {                  func @f(%A, %r, %ws) {
      %n = memref.dim %A                      %n = memref.dim %A
      scf.for %i = 0 to %n {parallel} {       %g = (%n + 127) / 128
        %x = memref.load %A[%i]               scan.launch @f__kernel (%g, %A, %n, %r) {threads = 128} }
        %p = scf.for %t ... time ...    ->  func @f__kernel(%A, %n, %r) {gpu.kernel} {
        memref.store %p, %r[%i] } }           %i = gpu.block_id * gpu.block_dim + gpu.thread_id
                                              scf.if %i < %n { ... the body ... } }

A scan over lanes is such a loop, so it is one kernel: a lane a thread, time inside, state in registers.
Nested parallel loops become one range of threads, the innermost along neighbouring threads. What stays
in the function is what the host computes before it launches: sizes, scalar inputs and arithmetic on
them, checks. Everything else runs in a kernel of one thread, neighbours in one kernel. A scalar that
one kernel computes and another, or the caller, reads goes through the first bytes of the workspace
(the control block: status, four numbers for its message, then such scalars).
Conservative: a loop over lanes that reads buffers chosen by an earlier loop stays with that loop.
Cost: linear in ops, times the kernels. Runs after `plan-memory`.
Source: the split into host and device code of gpu.launch_func (MLIR).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op, functions
from scancc.ir.needs import BUFFERS, PLANNED, Need, first_op, makes
from scancc.ir.ops import CHECKS, group, has_trait, is_pure, operand, set_operands
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark
from scancc.late_dataclasses import dataclass

STATUS_NBYTES = 64  # status and four numbers, padded
SPILL_NBYTES = 16   # the largest scalar
NEEDS = (
    BUFFERS, PLANNED,
    Need(first_op(lambda op: "gpu.kernel" in op.attrs), "is a kernel already", "it runs once"),
    Need(first_op(lambda op: makes(op, t.VectorType)), "makes a vector, and a thread has one lane",
         "leave out `vectorize`, and give `reductions{lanes=false}`"),
)
ALIGN_NBYTES = 64
OPEN_BLOCKS = 256   # where only the device knows how many lanes there are
_X = t.DialectAttr("#gpu<dim x>")


def map_to_gpu(module: Op, threads: int = 128) -> None:
    """Make kernels of every planned function of `module`, with `threads` threads in a block."""
    for func in functions(module):
        if "planned" in func.attrs:
            _expand_copies(func)
            plan = _Plan(func)
            _make_room(module, func, plan)
            for number, segment in enumerate(plan.segments):
                name = f"{func.attrs['sym_name']}__kernel{number if len(plan.segments) > 1 else ''}"
                _Kernel(plan, segment, threads).build(module, name)
            _report(plan)
            _erase(plan)


# ---- copies are loops like others ----


def _expand_copies(func: Op) -> None:
    """Top-level copies and transpositions as parallel loops."""
    for op in list(func.body.ops):
        if op.name in ("memref.copy", "scan.buffer_transpose"):
            source, dest = operand(op, "source"), operand(op, "dest")
            b = Builder(func.body, op, op.location)
            sizes = [b.index(n) if n is not None else b.op("memref.dim", [source, b.index(axis)], [t.index])
                     for axis, n in enumerate(source.type.shape)]  # type: ignore[attr-defined]
            _copy_nest(b, source, dest, sizes, [], op.name == "scan.buffer_transpose")
            op.erase()


def _copy_nest(b: Builder, source: Value, dest: Value, sizes: list[Value], at: list[Value], turned: bool) -> None:
    if not sizes:
        there = at[::-1] if turned else at
        b.make("memref.store", [b.op("memref.load", [source, *at], [t.element(source.type)]), dest, *there])
        return
    body = Block([t.index])
    bounds = [b.index(0), sizes[0], b.index(1)]
    with b.at(body):
        _copy_nest(b, source, dest, sizes[1:], [*at, body.args[0]], turned)
        b.make("scf.yield")
    b.make("scf.for", bounds, [], {"parallel": t.IntAttr(1, t.i64)}, [Region([body])])


# ---- which ops run where ----


@dataclass
class _Segment:
    """Ops of the function that become one kernel: a loop over lanes, or ops for a single thread."""

    ops: list[Op]
    parallel: bool


@dataclass
class _Plan:
    """The kernels of a function, and what crosses between them and the host."""

    func: Op
    segments: list[_Segment] = field(default_factory=list)
    host: set[Value] = field(default_factory=set)         # scalars known before any launch
    made_in: dict[Value, int] = field(default_factory=dict)  # result of a device op -> its segment
    spills: dict[Value, int] = field(default_factory=dict)   # scalar that crosses -> offset in bytes
    places: set[Value] = field(default_factory=set)  # in the workspace, which kernels decide: each computes them

    def __post_init__(self) -> None:
        for op in self.func.body.ops:
            self._place(op)
        for number, segment in enumerate(self.segments):
            for op in segment.ops:
                self.made_in.update(dict.fromkeys(op.results, number))
        self._find_spills()

    @property
    def workspace(self) -> Value:
        return self.func.body.args[-1]

    @property
    def checks(self) -> bool:
        """Whether a kernel may fail."""
        return any(has_trait(op, CHECKS) for s in self.segments for top in s.ops for op in top.walk())

    @property
    def control_nbytes(self) -> int:
        if not (self.spills or self.checks):
            return 0
        return -(-(STATUS_NBYTES + SPILL_NBYTES * len(self.spills)) // ALIGN_NBYTES) * ALIGN_NBYTES

    def _place(self, op: Op) -> None:
        if op.name in ("func.return", "scan.output_dims") or is_view(op):
            return
        if self._on_host(op):
            self.host.update(op.results)
            return
        number = self._needed_segment(op)
        if number is not None:
            merged = [o for s in self.segments[number:] for o in s.ops]
            self.segments[number:] = [_Segment([*merged, op], False)]
            self.made_in = {v: min(n, number) for v, n in self.made_in.items()}
        elif lanes_of(op):
            self.segments.append(_Segment([op], True))
        elif self.segments and not self.segments[-1].parallel:
            self.segments[-1].ops.append(op)
        else:
            self.segments.append(_Segment([op], False))
        self.made_in.update(dict.fromkeys(op.results, len(self.segments) - 1))

    def _on_host(self, op: Op) -> bool:
        if op.name == "memref.load":
            return self._is_scalar_input(operand(op, "source"))
        if op.name == "memref.dim":
            return self._known_view(operand(op, "source"))
        if not has_trait(op, CHECKS) and not (is_pure(op) and not op.regions):
            return False
        return all(v in self.host for v in op.operands)

    def _is_scalar_input(self, buffer: Value) -> bool:
        n_inputs = self.func.attrs["n_inputs"].value
        return (buffer.owner is self.func.body and buffer.index < n_inputs
                and not buffer.type.shape)  # type: ignore[attr-defined]

    def _known_view(self, buffer: Value) -> bool:
        """True if the host knows the sizes of a buffer: no kernel decides them."""
        made = buffer.op
        if made is None:
            return True
        return is_view(made) and all(
            self._known_view(v) if isinstance(v.type, t.MemRefType) else v in self.host for v in made.operands)

    def _needed_segment(self, op: Op) -> int | None:
        """The first segment that decides in which buffers `op` works: it must run there too."""
        buffers = [v for v in outside_values(op, self.func.body) if isinstance(v.type, t.MemRefType)]
        numbers = [self.made_in[r] for v in buffers for r in _roots(v) if r in self.made_in]
        return min(numbers, default=None)

    def _find_spills(self) -> None:
        """Scalars that one kernel computes and another one, or the report of an output's size, reads."""
        readers: list[tuple[int, Op]] = [(n, op) for n, s in enumerate(self.segments) for op in s.ops]
        readers += [(-1, op) for op in self.func.body.ops if op.name == "scan.output_dims"]
        for number, op in readers:
            for value in _with_views(outside_values(op, self.func.body)):
                if self.made_in.get(value, number) != number and value not in self.spills:
                    self.spills[value] = STATUS_NBYTES + SPILL_NBYTES * len(self.spills)


def is_view(op: Op) -> bool:
    """True for an op that only says where a buffer is: each kernel has its own copy of it."""
    return is_pure(op) and not op.regions and isinstance(op.results[0].type, t.MemRefType)


def outside_values(op: Op, block: Block) -> list[Value]:
    """Values of the function's own block that `op` and everything inside it reads."""
    return list(dict.fromkeys(v for inner in op.walk() for v in inner.operands if v.block is block))


def _roots(buffer: Value) -> Iterable[Value]:
    """The buffer under any views: an argument, or what a loop over buffers gives."""
    while buffer.op is not None and is_view(buffer.op):
        if not buffer.op.operands:
            return ()
        buffer = buffer.op.operands[0]
    return (buffer,)


def _with_views(values: list[Value]) -> list[Value]:
    """`values`, and in place of a view what it is a view of and by which numbers; with a view's size both, since
    a kernel that has the buffer asks it."""
    found: list[Value] = []
    for value in values:
        view = value.op is not None and is_view(value.op)
        if not view:
            found.append(value)
        if value.op is not None and (view or value.op.name == "memref.dim"):
            found += _with_views(value.op.operands)
    return found


def lanes_of(op: Op) -> list[Op]:
    """The parallel loops, from the outermost in, whose iterations become threads; none if `op` is no such loop."""
    loops: list[Op] = []
    while op.name == "scf.for" and "parallel" in op.attrs and not op.results and _from_zero(op):
        if any(v.block is loop.body for v in op.operands for loop in loops):
            break
        loops.append(op)
        inner = [o for o in op.body.ops[:-1] if o.regions or not is_pure(o)]
        if len(inner) != 1 or inner[0] is not op.body.ops[-2]:
            break
        op = inner[0]
    return loops


def _from_zero(loop: Op) -> bool:
    return constant_of(Loop(loop).lower) == 0 and constant_of(Loop(loop).step) == 1


# ---- the control block ----


def _make_room(module: Op, func: Op, plan: _Plan) -> None:
    """Move the temporaries behind the control block, and let the query count it."""
    nbytes = plan.control_nbytes
    func.attrs["control_nbytes"] = t.IntAttr(nbytes, t.i64)
    if not nbytes:
        return
    for op in list(plan.workspace.uses):
        assert op.name == "memref.view" and op.parent is not None
        b = Builder(op.parent, op, op.location)
        # not folded: what a kernel decides is a spill as it is
        offset = b.op("arith.addi", [operand(op, "offset"), b.index(nbytes)], [t.index])
        if op.parent is func.body:
            (plan.host if operand(op, "offset") in plan.host else plan.places).add(offset)
        set_operands(op, offset=[offset])
    query = next(f for f in functions(module) if f.attrs["sym_name"] == f"{func.attrs['sym_name']}__query")
    end = query.body.terminator
    b = Builder(query.body, end)
    *sizes, workspace = group(end, "values")
    set_operands(end, values=[*sizes, b.addi(workspace, b.index(nbytes))])


def _spilled(b: Builder, workspace: Value, value: Value, offset: int) -> Value:
    """The place of a scalar in the control block."""
    return b.op("memref.view", [workspace, b.index(offset)], [t.MemRefType((), value.type)])


# ---- one kernel ----


class _Kernel:
    """Builds the kernel of a segment and its launch."""

    def __init__(self, plan: _Plan, segment: _Segment, threads: int) -> None:
        self.plan = plan
        self.segment = segment
        self.number = plan.segments.index(segment)
        self.threads = threads
        self.main = segment.ops[-1] if segment.parallel else max(segment.ops, key=lambda op: len(op.regions))
        self.block = Block()
        self.b = Builder(self.block, location=self.main.location)
        self.map: dict[Value, Value] = {}
        self.args: list[Value] = []  # what the host passes
        function, last = plan.func.body, segment.ops[-1]
        self.host = Builder(function, function.ops[function.ops.index(last) + 1], self.main.location)
        inside = {v for op in segment.ops for v in outside_values(op, plan.func.body)}
        self.buffers = {r for v in inside if isinstance(v.type, t.MemRefType) for r in _roots(v)}

    def build(self, module: Op, name: str) -> None:
        attrs: dict[str, object] = {"sym_name": name, "function_type": None, "gpu.kernel": t.IntAttr(1, t.i64)}
        if self.plan.checks:
            attrs["status"] = t.IntAttr(self._param(self.plan.workspace).index, t.i64)
        blocks = self._over_lanes() if self.segment.parallel else self._single_thread()
        self.b.make("func.return")
        attrs["function_type"] = t.FunctionType(tuple(a.type for a in self.block.args), ())
        module.body.append(Op("func.func", attrs=attrs, regions=[Region([self.block])],
                              location=self.main.location))
        self._launch(name, blocks)

    def _launch(self, name: str, blocks: Value) -> None:
        attrs = {"kernel": t.Symbol(name), "threads": t.IntAttr(self.threads if self.segment.parallel else 1, t.i64)}
        self.host.make("scan.launch", [blocks, *self.args], [], attrs)

    # ---- values of the function, seen from the kernel ----

    def value(self, v: Value) -> Value:
        if v not in self.map:
            self.map[v] = self._seen(v)
        return self.map[v]

    def _seen(self, v: Value) -> Value:
        op = v.op
        if op is None:
            return self._param(v)
        sized = op.name == "memref.dim" and operand(op, "source") in self.buffers
        if is_view(op) or op.name == "arith.constant" or sized or v in self.plan.places:
            for value in op.operands:
                self.value(value)
            return clone_op(op, self.map, self.b.insert).result
        if v in self.plan.spills:
            place = _spilled(self.b, self.value(self.plan.workspace), v, self.plan.spills[v])
            return self.b.op("memref.load", [place], [v.type])
        return self._param(v)

    def _param(self, v: Value) -> Value:
        if v not in self.map:
            self.map[v] = self.block.add_arg(v.type, v.name)
            self.args.append(v)
        return self.map[v]

    def _resolve(self, op: Op) -> None:
        """Bring everything that `op` reads into the kernel."""
        for v in outside_values(op, self.plan.func.body):
            if v not in self.map:
                self.value(v)

    # ---- the two forms ----

    def _single_thread(self) -> Value:
        for op in self.segment.ops:
            self._resolve(op)
            clone_op(op, self.map, self.b.insert)
            for result in op.results:
                if result in self.plan.spills:
                    place = _spilled(self.b, self.value(self.plan.workspace), result, self.plan.spills[result])
                    self.b.make("memref.store", [self.map[result], place])
        loops = any(op.regions for op in self.segment.ops)
        remark("map-to-gpu", self.main, not loops, "one thread runs it: it has no loop over independent lanes",
               "give the scan a batch axis, or compile it for a CPU" if loops else "")
        return self.host.index(1)

    def _over_lanes(self) -> Value:
        """A thread a lane; where only the device knows their number, each thread takes every n-th."""
        loops = lanes_of(self.main)
        self._resolve(self.main)
        sizes = [Loop(loop).upper for loop in loops]
        remark("map-to-gpu", self.main, True, "one kernel, a thread for each lane")
        thread = self._thread()
        total = self._product(self.b, [self.map[v] for v in sizes])
        if all(v in self.plan.host for v in sizes):
            self._guarded(loops, thread, total)
            rounded = self.host.addi(self._product(self.host, sizes), self.host.index(self.threads - 1))
            return self.host.op("arith.divsi", [rounded, self.host.index(self.threads)], [t.index])
        self._strided(loops, thread, total)
        return self.host.index(OPEN_BLOCKS)

    def _thread(self) -> Value:
        b = self.b
        block, size, thread = (b.op(f"gpu.{name}", [], [t.index], {"dimension": _X})
                               for name in ("block_id", "block_dim", "thread_id"))
        return b.addi(b.muli(block, size), thread)

    @staticmethod
    def _product(b: Builder, sizes: list[Value]) -> Value:
        total = sizes[0]
        for size in sizes[1:]:
            total = b.muli(total, size)
        return total

    def _guarded(self, loops: list[Op], thread: Value, total: Value) -> None:
        then, other = Block(), Block()
        inside = self.b.cmpi("slt", thread, total)
        self._lane(loops, thread, Builder(then, location=self.main.location))
        Builder(other).make("scf.yield")
        self.b.make("scf.if", [inside], [], None, [Region([then]), Region([other])])

    def _strided(self, loops: list[Op], thread: Value, total: Value) -> None:
        body = Block([t.index])
        step = self.b.muli(self.b.op("gpu.grid_dim", [], [t.index], {"dimension": _X}),
                           self.b.op("gpu.block_dim", [], [t.index], {"dimension": _X}))
        self._lane(loops, body.args[0], Builder(body, location=self.main.location))
        self.b.make("scf.for", [thread, total, step], [], None, [Region([body])])

    def _lane(self, loops: list[Op], flat: Value, b: Builder) -> None:
        """The body of the innermost loop at position `flat` of the lanes."""
        for loop in reversed(loops):
            size = self.map[Loop(loop).upper]
            outermost = loop is loops[0]
            self.map[Loop(loop).counter] = flat if outermost else b.op("arith.remsi", [flat, size], [t.index])
            if not outermost:
                flat = b.op("arith.divsi", [flat, size], [t.index])
        for loop, inner in zip(loops, [*loops[1:], None], strict=True):
            for op in loop.body.ops[:-1]:
                if op is not inner:
                    clone_op(op, self.map, b.insert)
        b.make("scf.yield")


# ---- what is left in the function ----


def _report(plan: _Plan) -> None:
    """Sizes that a kernel decided are read back for the report."""
    for op in plan.func.body.ops[:]:
        if op.name == "scan.output_dims":
            b = Builder(plan.func.body, op, op.location)
            set_operands(op, dims=[
                b.op("memref.load", [_spilled(b, plan.workspace, v, plan.spills[v])], [v.type])
                if v in plan.spills else v for v in group(op, "dims")])


def _erase(plan: _Plan) -> None:
    """Remove what the kernels now do, last first, and views and places that nobody reads."""
    done = {op for segment in plan.segments for op in segment.ops}
    for op in reversed(plan.func.body.ops[:]):
        unread = op.results and not any(r.uses for r in op.results)
        if op in done or unread and (is_view(op) or op.results[0] in plan.places):
            op.erase()
