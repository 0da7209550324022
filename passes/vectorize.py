"""Give parallel loops SIMD registers: W neighbouring iterations become one, on vectors.

    scf.for %i = 0 to %n {parallel} {       %m = %n - %n mod 8
      %x = memref.load %a[%i]                 scf.for %i = 0 to %m step 8 {
      %y = arith.mulf %x, %c            ->      %x = vector.load %a[%i] : vector<8xf64>
      memref.store %y, %r[%i]                   %y = arith.mulf %x, broadcast(%c)
    }                                           vector.store %y, %r[%i] }
                                              scf.for %i = %m to %n { ... as before ... }

Why: LLVM's vectorizer does not see lanes around a time loop, and its choice is not ours to state.
W fills one 512-bit register, and four of them where a loop over time is inside: its latency then
overlaps. An element's operations are the same in the vector loop and in the tail, so its bits are.
Conservative: only the innermost parallel loop; memory must be indexed by the counter along its last
axis with stride one, or not at all; branches must not depend on the counter. Else the loop stays.
Cost: linear; the body appears twice. Runs after `plan-memory`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.remarks import remark

HEAVY_OPS = 24  # more ops than this in a body would spill if four registers held each value


def vectorize(module: Op, bits: int = 512) -> None:
    """Vectorize every innermost parallel loop of `module` for registers of `bits`."""
    for op in list(module.walk()):
        if op.name == "scf.for" and "parallel" in op.attrs and _innermost(op):
            check = _Check(op)
            width = _fitting(op, _width(op, bits))
            problem = "it has fewer iterations than lanes" if width < 2 else check.problem()
            if problem is None:
                _widen(op, width, check)
            remark("vectorize", op, problem is None, problem or "neighbouring elements share registers")
    for op in list(module.walk()):
        if op.name == "scf.for" and "reduction" in op.attrs and not _holds_loops(op):
            width, n = 4 * _width(op, bits), constant_of(op.operands[1])
            problem = "it has fewer iterations than lanes" if n is not None and n < width else _reduction_obstacle(op)
            if problem is None:
                _widen_reduction(op, width)
            remark("vectorize", op, problem is None, problem or "a reduction runs in lanes")


def _innermost(loop: Op) -> bool:
    return not any(op is not loop and op.name == "scf.for" and "parallel" in op.attrs for op in loop.walk())


def _width(loop: Op, bits: int) -> int:
    """Lanes: one register of the widest element, four where time runs inside a light body."""
    ops = [op for op in loop.walk() if op is not loop]
    sizes = [t.nbytes(op.result.type) for op in ops if op.name == "memref.load" and op.operands[1:]]
    sizes += [t.nbytes(op.operands[0].type) for op in ops if op.name == "memref.store"]
    lanes = bits // 8 // max(sizes, default=8)
    heavy = len(ops) > HEAVY_OPS or any(op.name.startswith("math.") for op in ops)
    return max(2, lanes * (4 if any(op.name == "scf.for" for op in ops) and not heavy else 1))


def _fitting(loop: Op, width: int) -> int:
    """Lanes for a loop whose number of iterations may be known: as many as leave no tail, if that fills a
    register or is all there is."""
    n = constant_of(loop.operands[1])
    if n is None:
        return width
    lanes = width
    while n % lanes:
        lanes //= 2
    if lanes == n or lanes >= min(width, 8):
        return lanes
    return width if n >= width else 1


@dataclass
class _Check:
    """Decides which values differ between iterations, and whether all uses of them can be vectors."""

    loop: Op
    varying: set[Value] = field(default_factory=set)

    def problem(self) -> str | None:
        """Why the loop cannot be vectorized, or None."""
        self.varying = {self.loop.body.args[0]}
        self._spread()
        for op in self.loop.walk():
            if op is not self.loop:
                reason = self._obstacle(op)
                if reason is not None:
                    return reason
        return None

    def _spread(self) -> None:
        """Mark everything that depends on the counter, around inner loops until nothing changes."""
        before = -1
        while before != len(self.varying):
            before = len(self.varying)
            for op in self.loop.walk():
                if op is self.loop:
                    continue
                if op.name == "scf.for":
                    self._spread_loop(op)
                elif any(v in self.varying for v in op.operands):
                    self.varying.update(op.results)

    def _spread_loop(self, op: Op) -> None:
        for init, arg, result, onward in zip(op.operands[3:], op.body.args[1:], op.results,
                                             op.body.terminator.operands, strict=True):
            if {init, arg, onward} & self.varying:
                self.varying.update((arg, result))

    def _obstacle(self, op: Op) -> str | None:
        varying = [v for v in op.operands if v in self.varying]
        if any(t.is_complex(v.type) for v in [*op.operands, *op.results]):
            return "complex numbers have no vectors"
        if op.name == "memref.load":
            return self._memory_obstacle(op.operands[0], op.operands[1:])
        if op.name == "memref.store":
            reason = self._memory_obstacle(op.operands[1], op.operands[2:])
            if reason is None and op.operands[-1] not in self.varying:
                return "several iterations write one element"
            return reason
        if op.name == "scf.for":
            bounds = [v for v in op.operands[:3] if v in self.varying]
            return "an inner loop's length differs between lanes" if bounds else None
        if op.name in ("scf.yield", "arith.constant", "memref.dim"):
            return None
        if op.name == "scf.if" or op.name == "scf.while":
            return "a branch or loop depends on the lane" if varying or op.results else None
        if op.name in ("memref.subview", "memref.cast", "scan.buffer_reshape"):
            return "a view depends on the lane" if varying else None
        if has_trait(op, ELEMENTWISE):
            return None
        return f"{op.name} has no vector form"

    def _memory_obstacle(self, buffer: Value, indices: list[Value]) -> str | None:
        if buffer in self.varying:
            return "a buffer differs between lanes"
        if not any(i in self.varying for i in indices):
            return None
        if any(i in self.varying for i in indices[:-1]) or indices[-1] is not self.loop.body.args[0]:
            return "memory is not read along its last axis"
        type = buffer.type
        assert isinstance(type, t.MemRefType)
        if type.strides is not None and type.strides[-1] != 1:
            return "memory is read with a stride"
        return None


def _widen(loop: Op, width: int, check: _Check) -> None:
    block = loop.parent
    assert block is not None
    b = Builder(block, loop, loop.location)
    lower, upper, one = loop.operands
    count = b.index(width)
    whole = _whole(b, upper, count)
    body = Block([t.index])
    body.args[0].name = loop.body.args[0].name
    widen = _Widener(check.varying, width, {loop.body.args[0]: body.args[0]}, loop.body.args[0])
    widen.ops(loop.body, Builder(body, location=loop.location))
    b.make("scf.for", [lower, whole, count], [], {"vector": t.IntAttr(width, t.i64)}, [Region([body])])
    if whole is upper:
        loop.erase()
    else:  # the loop itself becomes the tail
        loop.operands = [whole, upper, one]
        del loop.attrs["parallel"]


def _whole(b: Builder, n: Value, width: Value) -> Value:
    """`n` less what is left over after whole vectors; `n` itself where nothing is."""
    known, lanes = constant_of(n), constant_of(width)
    if known is None or lanes is None:
        return b.subi(n, b.op("arith.remsi", [n, width], [t.index]))
    return n if known % lanes == 0 else b.index(known - known % lanes)


# ---- reductions ----

# What a lane starts from, by the op that combines; the tree of `vector.reduction` joins the lanes.
_IDENTITY: dict[str, tuple[str, object]] = {
    "arith.addf": ("add", -0.0), "math.fma": ("add", -0.0), "arith.mulf": ("mul", 1.0),
    "arith.addi": ("add", 0), "arith.muli": ("mul", 1), "arith.andi": ("and", -1), "arith.ori": ("or", 0),
    "arith.maximumf": ("maximumf", float("-inf")), "arith.minimumf": ("minimumf", float("inf")),
}
_JOIN = {"add": "arith.add", "mul": "arith.mul", "and": "arith.andi", "or": "arith.ori",
         "maximumf": "arith.maximumf", "minimumf": "arith.minimumf"}


def _holds_loops(loop: Op) -> bool:
    return any(op is not loop and op.regions for op in loop.walk())


def _reduction_obstacle(loop: Op) -> str | None:
    """Why a reduction must stay in order, or None."""
    acc = loop.body.args[1]
    combine = loop.body.terminator.operands[0].op
    if combine is None or combine.name not in _IDENTITY or acc.uses != {combine: 1}:
        return "the running value is used for more than one combination"
    if combine.name == "math.fma" and combine.operands[2] is not acc:
        return "the running value is multiplied"
    check = _Check(loop)
    problem = check.problem()
    if problem is None and not any(v in check.varying for v in combine.operands if v is not acc):
        problem = "every step combines the same value"
    return problem


def _widen_reduction(loop: Op, width: int) -> None:
    """Each lane combines every width-th element; a tree joins the lanes; the tail follows in order."""
    check = _Check(loop)
    check.problem()
    check.varying |= {loop.body.args[1], loop.body.terminator.operands[0]}
    block, combine = loop.parent, loop.body.terminator.operands[0].op
    assert block is not None and combine is not None
    b = Builder(block, loop, loop.location)
    lower, upper, one, init = loop.operands
    kind, start = _IDENTITY[combine.name]
    count = b.index(width)
    whole = _whole(b, upper, count)
    lanes = t.VectorType((width,), init.type)
    body = Block([t.index, lanes])
    for old, new in zip(loop.body.args, body.args, strict=True):
        new.name = old.name
    widen = _Widener(check.varying, width, dict(zip(loop.body.args, body.args, strict=True)), loop.body.args[0])
    inner = Builder(body, location=loop.location)
    for op in loop.body.ops[:-1]:
        widen.op(op, inner)
    inner.make("scf.yield", [widen.map[loop.body.terminator.operands[0]]])
    made = b.make("scf.for", [lower, whole, count, b.const(start, lanes)], [lanes],
                  {"vector": t.IntAttr(width, t.i64)}, [Region([body])])
    joined = b.op("vector.reduction", [made.result], [init.type],
                  {"kind": t.DialectAttr(f"#vector.kind<{kind}>")})
    suffix = ("f" if t.is_float(init.type) else "i") if kind in ("add", "mul") else ""
    first = b.op(_JOIN[kind] + suffix, [init, joined], [init.type])
    if whole is upper:
        loop.replace_by([first])
    else:
        loop.operands = [whole, upper, one, first]
        del loop.attrs["reduction"]


@dataclass
class _Widener:
    """Rebuilds a body with vectors for varying values."""

    varying: set[Value]
    width: int
    map: dict[Value, Value]
    counter: Value
    spread: dict[Value, Value] = field(default_factory=dict)  # in all lanes, made in this block or around it

    def type(self, type: t.Type) -> t.VectorType:
        return t.VectorType((self.width,), type)

    def ops(self, block: Block, b: Builder) -> None:
        outside = self.spread
        self.spread = dict(outside)
        for op in block.ops:
            self.op(op, b)
        self.spread = outside

    def op(self, op: Op, b: Builder) -> None:
        b.location = op.location
        if op.name == "scf.for":
            self._loop(op, b)
        elif op.name == "scf.if":
            self._branch(op, b)
        elif op.name == "scf.yield":
            self._yield(op, b)
        elif op.name in ("memref.load", "memref.store") and op.operands[-1] in self.varying:
            self._memory(op, b)
        elif op.name == "memref.store" or not any(v in self.varying for v in op.operands):
            clone_op(op, self.map, b.insert)
        else:
            operands = [self.vector(v, b) for v in op.operands]
            made = b.make(op.name, operands, [self.type(op.result.type)], dict(op.attrs))
            made.result.name = op.result.name
            self.map[op.result] = made.result

    def vector(self, value: Value, b: Builder) -> Value:
        """`value` in all lanes."""
        mapped = self.map.get(value, value)
        if value in self.varying and value is not self.counter:
            return mapped
        if value not in self.spread:
            wide = b.op("vector.broadcast", [mapped], [self.type(value.type)])
            if value is self.counter:
                wide = b.op("arith.addi", [wide, b.op("vector.step", [], [wide.type])], [wide.type])
            self.spread[value] = wide
        return self.spread[value]

    def _memory(self, op: Op, b: Builder) -> None:
        at = [self.map.get(v, v) for v in op.operands]
        if op.name == "memref.load":
            made = b.op("vector.load", at, [self.type(op.result.type)])
            made.name = op.result.name
            self.map[op.result] = made
        else:
            b.make("vector.store", [self.vector(op.operands[0], b), *at[1:]])

    def _loop(self, op: Op, b: Builder) -> None:
        init = [self.vector(v, b) if arg in self.varying else self.map.get(v, v)
                for v, arg in zip(op.operands[3:], op.body.args[1:], strict=True)]
        body = Block([t.index, *[v.type for v in init]])
        for old, new in zip(op.body.args, body.args, strict=True):
            new.name = old.name
            self.map[old] = new
        self.ops(op.body, Builder(body, location=op.location))
        bounds = [self.map.get(v, v) for v in op.operands[:3]]
        made = b.make("scf.for", [*bounds, *init], [v.type for v in init], dict(op.attrs), [Region([body])])
        for old, new in zip(op.results, made.results, strict=True):
            new.name = old.name
            self.map[old] = new

    def _branch(self, op: Op, b: Builder) -> None:
        regions = []
        for region in op.regions:
            block = Block()
            self.ops(region.blocks[0], Builder(block, location=op.location))
            regions.append(Region([block]))
        b.make("scf.if", [self.map.get(op.operands[0], op.operands[0])], [], None, regions)

    def _yield(self, op: Op, b: Builder) -> None:
        parent = op.parent_op()
        assert parent is not None
        if parent.name != "scf.for":
            b.make("scf.yield")
            return
        onward = [self.vector(v, b) if arg in self.varying else self.map.get(v, v)
                  for v, arg in zip(op.operands, parent.body.args[1:], strict=False)]
        b.make("scf.yield", onward)
