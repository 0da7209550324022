"""LLVM emitters of loops, branches, checks, buffers and vectors."""

from __future__ import annotations

from collections.abc import Sequence

from ...artifact import N_INFO_SLOTS
from ...ir import types as t
from ...ir.core import Op, Value
from ...ir.ops import group, int_attr, operand, whole
from ...ir.parts import Branch, Loop
from ...ir.slices import COLUMNS, entries, kept_axes
from ..math import MathFunction
from .emitter import Emitted, FunctionEmitter, Mem, Pair, emits, llvm_type, suffix, width_of
from .extents import can_exist
from .interrupts import ask, in_pieces, rounds_between

# ---- loops and branches ----


@emits("scf.for")
def loop(e: FunctionEmitter, op: Op) -> None:
    """All rounds at once, or in pieces between which an interrupt is noticed."""
    parts = Loop(op)
    bounds, inits = [e.value(v) for v in parts.bounds], parts.init
    types = [kind for v in inits for kind in e.flat_types(v.type)]
    start = [x for v in inits for x in e.flatten(e.env[v])]

    def rounds(first: str, last: str, carried: Sequence[str]) -> list[str]:
        return _rounds(e, op, (first, last, bounds[2]), types, carried)

    every = rounds_between(e, op)
    is_short = all(b.isdigit() for b in bounds) and int(bounds[1]) - int(bounds[0]) <= every * int(bounds[2])
    results = rounds(bounds[0], bounds[1], start) if not every or is_short else (
        in_pieces(e, bounds, types, start, every, rounds))
    _bind(e, op.results, inits, results)


def _rounds(e: FunctionEmitter, op: Op, bounds: Sequence[str], types: Sequence[str], start: Sequence[str],
            ) -> list[str]:
    """guard: lower < upper; then the body at least once, until the counter reaches upper; what it carries at last."""
    parts = Loop(op)
    lower, upper, step = bounds
    body, done = e.new_label("loop"), e.new_label("done")
    guard = e.emit(f"icmp slt i64 {lower}, {upper}")
    before = e.label
    e.line(f"br i1 {guard}, label %{body}, label %{done}")
    e.start(body)
    counter = e.fresh()
    position = len(e.lines)  # the phis go here, when the back edge is known
    carried = [e.fresh() for _ in types]
    _bind(e, parts.args, parts.init, carried)
    e.env[parts.counter] = counter
    yielded = [x for v in e.block(op.body) for x in e.flatten(v)]
    following = e.emit(f"add nsw i64 {counter}, {step}")
    again = e.emit(f"icmp slt i64 {following}, {upper}")
    latch = e.label
    e.line(f"br i1 {again}, label %{body}, label %{done}")
    phis = [f"  {counter} = phi i64 [ {lower}, %{before} ], [ {following}, %{latch} ]"]
    phis += [f"  {name} = phi {kind} [ {a}, %{before} ], [ {b}, %{latch} ]"
             for name, kind, a, b in zip(carried, types, start, yielded, strict=True)]
    e.lines[position:position] = phis
    e.start(done)
    return e.phis(types, [(list(start), before), (yielded, latch)])


def _bind(e: FunctionEmitter, targets: list[Value], like: list[Value], operands: list[str]) -> None:
    """Give `targets` their parts of `operands`, in the form of the values `like`."""
    at = 0
    for target, value in zip(targets, like, strict=True):
        form = e.env[value]
        size = len(e.flatten(form))
        e.env[target] = e.unflatten(form, operands[at:at + size])
        at += size


@emits("scf.while")
def while_loop(e: FunctionEmitter, op: Op) -> None:
    """before: condition and values; after: the body; results are the condition's values."""
    test, body = (region.blocks[0] for region in op.regions)
    types = [kind for v in op.operands for kind in e.flat_types(v.type)]
    start = [x for v in op.operands for x in e.flatten(e.env[v])]
    head, inside, done = e.new_label("while"), e.new_label("do"), e.new_label("done")
    before = e.label
    e.line(f"br label %{head}")
    e.start(head)
    position = len(e.lines)
    carried = [e.fresh() for _ in types]
    _bind(e, test.args, list(op.operands), carried)
    condition, *values = e.block(test)
    e.line(f"br i1 {condition}, label %{inside}, label %{done}")
    for arg, result, value in zip(body.args, op.results, values, strict=True):
        e.env[arg] = e.env[result] = value
    e.start(inside)
    yielded = [x for v in e.block(body) for x in e.flatten(v)]
    counting = _count_and_ask(e, op, before)
    latch = e.label
    e.line(f"br label %{head}")
    e.lines[position:position] = counting + [
        f"  {name} = phi {kind} [ {a}, %{before} ], [ {b}, %{latch} ]"
        for name, kind, a, b in zip(carried, types, start, yielded, strict=True)]
    e.start(done)


def _count_and_ask(e: FunctionEmitter, op: Op, before: str) -> list[str]:
    """Ask every so many rounds of a `while`; the phi of its counter, for the head."""
    every = rounds_between(e, op)
    if not every:
        return []
    counter, due, go_on = e.fresh(), e.new_label("due"), e.new_label("on")
    following = e.emit(f"add i64 {counter}, 1")
    rest = e.emit(f"and i64 {following}, {every - 1}")
    is_due = e.emit(f"icmp eq i64 {rest}, 0")
    e.line(f"br i1 {is_due}, label %{due}, label %{go_on}")
    e.start(due)
    ask(e)
    e.line(f"br label %{go_on}")
    e.start(go_on)
    return [f"  {counter} = phi i64 [ 0, %{before} ], [ {following}, %{go_on} ]"]


@emits("scf.if")
def branch(e: FunctionEmitter, op: Op) -> None:
    labels = [e.new_label("then"), e.new_label("else")]
    done = e.new_label("join")
    parts = Branch(op)
    e.line(f"br i1 {e.value(parts.condition)}, label %{labels[0]}, label %{labels[1]}")
    arms: list[list[Emitted]] = []
    ends = []
    for label, side in zip(labels, parts.sides, strict=True):
        e.start(label)
        arms.append(e.block(side))
        ends.append(e.label)
        e.line(f"br label %{done}")
    e.start(done)
    given = [[_parts(e, v) for v in arm] for arm in arms]
    joined = []
    for i, result in enumerate(op.results):
        types = e.flat_types(result.type)
        types += ["i64"] * (len(given[0][i]) - len(types))
        joined.append(e.phis(types, [(given[0][i], ends[0]), (given[1][i], ends[1])]))
    for result, like, operands in zip(op.results, arms[0], joined, strict=True):  # phis first, then strides
        e.env[result] = _joined(e, like, operands)


def _parts(e: FunctionEmitter, value: Emitted) -> list[str]:
    """LLVM operands of a value; of a buffer its sizes too, which may differ between branches."""
    return [*e.flatten(value), *(value.dims if isinstance(value, Mem) else ())]


def _joined(e: FunctionEmitter, like: Emitted, parts: list[str]) -> Emitted:
    if isinstance(like, Mem):
        dims = tuple(parts[1:])
        return Mem(parts[0], dims, e.contiguous(dims), like.element)
    return e.unflatten(like, parts)


@emits("func.return")
def return_(e: FunctionEmitter, op: Op) -> None:
    """A query returns sizes: they go to the slots in the order of `returns`."""
    slots = e.func.attrs["return_slots"].values if op.operands else ()
    for slot, value in zip(slots, op.operands, strict=True):
        e.store_slot(slot, e.value(value))
    e.line("ret i32 0")


@emits("scan.output_dims")
def output_dims(e: FunctionEmitter, op: Op) -> None:
    first = e.slots[operand(op, "output")] + 1
    for slot, value in enumerate(group(op, "dims"), first):
        e.store_slot(slot, e.value(value))


@emits("scan.check")
def check(e: FunctionEmitter, op: Op) -> None:
    """Ends the function with the check's code; the info operands go to the last four slots."""
    passed, failed = e.new_label("pass"), e.new_label("fail")
    e.line(f"br i1 {e.value(operand(op, 'condition'))}, label %{passed}, label %{failed}")
    e.start(failed)
    base = e.n_slots
    for number, info in enumerate(group(op, "info")[:N_INFO_SLOTS]):
        told, kind = e.value(info), llvm_type(info.type)
        if kind != "i64":
            told = e.emit(f"sext {kind} {told} to i64")
        e.store_slot(base + number, told)
    e.line(f"ret i32 {int_attr(op, 'code')}")
    e.start(passed)


# ---- buffers ----


@emits("memref.load", "vector.load")
def load(e: FunctionEmitter, op: Op) -> None:
    e.env[op.result] = e.load(_place(e, op), op.result.type)


@emits("memref.store", "vector.store")
def store(e: FunctionEmitter, op: Op) -> None:
    value = operand(op, "value")
    e.store(e.env[value], _place(e, op), value.type)


def _place(e: FunctionEmitter, op: Op) -> str:
    """Where the elements are that an op reads or writes."""
    return e.address(e.mem(whole(op)), [e.value(i) for i in group(op, "indices")])


@emits("scan.can_exist")
def existence(e: FunctionEmitter, op: Op) -> None:
    e.env[op.result] = can_exist(e.emit, [e.value(v) for v in op.operands])


@emits("memref.dim")
def dim(e: FunctionEmitter, op: Op) -> None:
    e.env[op.result] = e.mem(operand(op, "source")).dims[int(e.value(operand(op, "axis")))]


@emits("memref.cast")
def cast(e: FunctionEmitter, op: Op) -> None:
    e.env[op.result] = e.env[op.operands[0]]


@emits("memref.subview")
def subview(e: FunctionEmitter, op: Op) -> None:
    mem = e.mem(operand(op, "source"))
    offsets, sizes, steps = ([str(entry) if isinstance(entry, int) else e.value(entry) for entry in entries(op, name)]
                             for name in COLUMNS)
    pointer = e.address(mem, offsets)
    strides = [e.imul(a, b) for a, b in zip(steps, mem.strides, strict=True)]
    kept = kept_axes(op)
    e.env[op.result] = Mem(pointer, tuple(sizes[i] for i in kept), tuple(strides[i] for i in kept),
                           mem.element)


@emits("scan.buffer_reshape")
def reshape(e: FunctionEmitter, op: Op) -> None:
    mem, type = e.mem(operand(op, "source")), op.result.type
    dims = _result_dims(e, type, group(op, "dims"))
    e.env[op.result] = Mem(mem.pointer, dims, e.contiguous(dims), mem.element)


def _result_dims(e: FunctionEmitter, type: t.Type, operands: list[Value]) -> tuple[str, ...]:
    assert isinstance(type, t.MemRefType)
    dynamic = iter(operands)
    return tuple(e.value(next(dynamic)) if n is None else str(n) for n in type.shape)


@emits("memref.view")
def view(e: FunctionEmitter, op: Op) -> None:
    source, offset = e.mem(operand(op, "source")), e.value(operand(op, "offset"))
    pointer = e.emit(f"getelementptr inbounds i8, ptr {source.pointer}, i64 {offset}")
    dims = _result_dims(e, op.result.type, group(op, "dims"))
    e.env[op.result] = Mem(pointer, dims, e.contiguous(dims), t.element(op.result.type))


@emits("memref.copy")
def copy(e: FunctionEmitter, op: Op) -> None:
    """memcpy where both sides are contiguous, a loop nest over rows otherwise."""
    source, dest = (e.mem(v) for v in op.operands)
    inner = _contiguous_axes(e, source, dest)
    _copy_nest(e, source, dest, len(source.dims) - inner, [])


def _contiguous_axes(e: FunctionEmitter, source: Mem, dest: Mem) -> int:
    """How many last axes form one contiguous run in both buffers (compared by name)."""
    axes, run = 0, "1"
    for axis in reversed(range(len(source.dims))):
        if source.strides[axis] != run or dest.strides[axis] != run:
            break
        axes += 1
        run = e.imul(run, source.dims[axis])
    return axes


def _copy_nest(e: FunctionEmitter, source: Mem, dest: Mem, depth: int, counters: list[str]) -> None:
    axis = len(counters)
    if axis == depth:
        _copy_run(e, source, dest, axis, counters)
        return
    body, done = e.new_label("copy"), e.new_label("copied")
    guard = e.emit(f"icmp slt i64 0, {source.dims[axis]}")
    before, counter = e.label, e.fresh()
    e.line(f"br i1 {guard}, label %{body}, label %{done}")
    e.start(body)
    position = len(e.lines)
    _copy_nest(e, source, dest, depth, [*counters, counter])
    following = e.emit(f"add nsw i64 {counter}, 1")
    again = e.emit(f"icmp slt i64 {following}, {source.dims[axis]}")
    e.lines.insert(position, f"  {counter} = phi i64 [ 0, %{before} ], [ {following}, %{e.label} ]")
    e.line(f"br i1 {again}, label %{body}, label %{done}")
    e.start(done)


def _copy_run(e: FunctionEmitter, source: Mem, dest: Mem, axis: int, indices: list[str]) -> None:
    rest = ["0"] * (len(source.dims) - axis)
    pointers = [e.address(mem, [*indices, *rest]) for mem in (source, dest)]
    if axis == len(source.dims):
        e.store(e.load(pointers[0], source.element), pointers[1], source.element)
        return
    count = str(t.nbytes(source.element))
    for size in source.dims[axis:]:
        count = e.imul(count, size)
    callee = e.out.intrinsic("llvm.memcpy.p0.p0.i64", "void", "ptr", "ptr", "i64", "i1")
    e.line(f"call void @{callee}(ptr {pointers[1]}, ptr {pointers[0]}, i64 {count}, i1 false)")


@emits("scan.buffer_constant")
def buffer_constant(e: FunctionEmitter, op: Op) -> None:
    type = op.result.type
    assert isinstance(type, t.MemRefType)
    dims = tuple(str(n) for n in type.shape)
    symbol = e.out.constant(op.attrs["value"].data.tobytes())
    e.env[op.result] = Mem(symbol, dims, e.contiguous(dims), type.element)


# ---- vectors ----


@emits("vector.broadcast")
def vector_broadcast(e: FunctionEmitter, op: Op) -> None:
    kind, scalar = llvm_type(op.result.type), op.operands[0]
    one = e.emit(f"insertelement {kind} poison, {llvm_type(scalar.type)} {e.value(scalar)}, i64 0")
    count = op.result.type.shape[0]  # type: ignore[attr-defined]
    e.env[op.result] = e.emit(
        f"shufflevector {kind} {one}, {kind} poison, <{count} x i32> zeroinitializer")


@emits("vector.step")
def vector_step(e: FunctionEmitter, op: Op) -> None:
    count = op.result.type.shape[0]  # type: ignore[attr-defined]
    e.env[op.result] = "<" + ", ".join(f"i64 {i}" for i in range(count)) + ">"


_REDUCTIONS = {"add": "add", "mul": "mul", "and": "and", "or": "or", "maxsi": "smax", "minsi": "smin",
               "maxui": "umax", "minui": "umin"}


@emits("vector.reduction", "scan.fold_lanes")
def vector_reduction(e: FunctionEmitter, op: Op) -> None:
    """Halves combined with halves: the same tree on every target."""
    vector = op.operands[0]
    kind = str(op.attrs["kind"]).removeprefix("#vector.kind<").removesuffix(">")
    count, left = width_of(vector.type), width_of(op.result.type)
    element = t.element(vector.type)
    current = e.value(vector)
    while count > left:
        count //= 2
        wide, narrow = (f"<{n} x {llvm_type(element)}>" for n in (2 * count, count))
        low, high = (e.emit(f"shufflevector {wide} {current}, {wide} poison, <{count} x i32> <"
                            + ", ".join(f"i32 {start + i}" for i in range(count)) + ">")
                     for start in (0, count))
        current = _combine(e, kind, element, narrow, low, high, count)
    if not isinstance(op.result.type, t.VectorType):
        current = e.emit(f"extractelement <1 x {llvm_type(element)}> {current}, i64 0")
    e.env[op.result] = current


def _combine(e: FunctionEmitter, kind: str, element: t.Type, type: str, x: str, y: str, n: int) -> str:
    if isinstance(element, t.FloatType):
        if kind in ("add", "mul"):
            return e.emit(f"f{kind} {type} {x}, {y}")
        bits = f"<{n} x i1>"
        better = e.emit(f"fcmp {'ogt' if kind == 'maximumf' else 'olt'} {type} {x}, {y}")
        nan = e.emit(f"fcmp uno {type} {x}, {x}")
        take = e.emit(f"or {bits} {better}, {nan}")
        return e.emit(f"select {bits} {take}, {type} {x}, {type} {y}")
    word = _REDUCTIONS[kind]
    if word in ("add", "mul", "and", "or"):
        return e.emit(f"{word} {type} {x}, {y}")
    callee = e.out.intrinsic(f"llvm.{word}.{suffix(t.VectorType((n,), element))}", type, type, type)
    return e.emit(f"call {type} @{callee}({type} {x}, {type} {y})")


@emits("vector.extract")
def vector_extract(e: FunctionEmitter, op: Op) -> None:
    vector = op.operands[0]
    position = op.attrs["static_position"].values[0]
    e.env[op.result] = e.emit(f"extractelement {llvm_type(vector.type)} {e.value(vector)}, i64 {position}")


# ---- sums joined in pairs ----


@emits("memref.alloca")
def alloca(e: FunctionEmitter, op: Op) -> None:
    """Stack memory, which sums that are not inside each other share."""
    type = op.result.type
    assert isinstance(type, t.MemRefType)
    dims = tuple(map(str, type.shape))
    e.env[op.result] = Mem(e.stack_memory(type), dims, e.contiguous(dims), type.element)


@emits("scan.join")
def join(e: FunctionEmitter, op: Op) -> None:
    """A call: joining is rare, and one small function serves all sums of a module."""
    value = _as_vector(e, op.operands[0])
    pointer, step = _row_of_stack(e, op)
    symbol = _shared(e, "join", value.rsplit(" ", 1)[0], _part(op.operands[0].type))
    e.line(f"call void @{symbol}(ptr {pointer}, i64 {step}, i64 {e.value(op.operands[2])}, {value})")


@emits("scan.joined")
def joined(e: FunctionEmitter, op: Op) -> None:
    """A call where there is more than one block."""
    value = _as_vector(e, op.operands[0])
    kind, last = value.rsplit(" ", 1)
    number, before = e.value(op.operands[2]), e.label
    several, done = e.new_label("several"), e.new_label("joined")
    some = e.emit(f"icmp ne i64 {number}, 0")
    e.line(f"br i1 {some}, label %{several}, label %{done}")
    e.start(several)
    pointer, step = _row_of_stack(e, op)
    symbol = _shared(e, "joined", kind, _part(op.operands[0].type))
    total = e.emit(f"call {kind} @{symbol}(ptr {pointer}, i64 {step}, i64 {number}, {value})")
    e.line(f"br label %{done}")
    e.start(done)
    e.env[op.result] = _from_vector(e, op, e.emit(f"phi {kind} [ {last}, %{before} ], [ {total}, %{several} ]"))
    if op.operands[1].op is not None and op.operands[1].op.name == "memref.alloca":
        e.free_stack_memory(op.operands[1].type, e.mem(op.operands[1]).pointer)


@emits("scan.join_row", "scan.joined_row")
def join_row(e: FunctionEmitter, op: Op) -> None:
    """A call, which goes along the row; a complex number is two of its elements."""
    row, part = e.mem(op.operands[0]), _part(op.operands[0].type)
    width = e.imul(row.dims[0], str(t.nbytes(row.element) // t.nbytes(part)))
    what = op.name.removeprefix("scan.").removesuffix("_row")
    single = _shared(e, what, llvm_type(part), part)
    several = _shared(e, what, f"<{ROW_LANES} x {llvm_type(part)}>", part)
    symbol = f"scancc.{what}_row.{llvm_type(part)}"
    text = (_JOIN_ROW if what == "join" else _JOINED_ROW).format(
        symbol=symbol, single=single, several=several, part=llvm_type(part), lanes=ROW_LANES, align=t.nbytes(part))
    e.out.math.setdefault(symbol, MathFunction(symbol, text, ()))
    pointer, step = _row_of_stack(e, op)
    number = e.value(op.operands[2])
    e.line(f"call void @{symbol}(ptr {row.pointer}, ptr {pointer}, i64 {step}, i64 {number}, i64 {width})")


ROW_LANES = 8


def _row_of_stack(e: FunctionEmitter, op: Op) -> tuple[str, str]:
    """The place of a stack's first row, and the bytes from one to the next."""
    mem = e.mem(op.operands[1])
    return mem.pointer, e.imul(mem.strides[0], str(t.nbytes(mem.element)))


def _part(type: t.Type) -> t.Type:
    """The real numbers that a value is made of."""
    element = t.element(type)
    return element.element if isinstance(element, t.ComplexType) else element


def _as_vector(e: FunctionEmitter, value: Value) -> str:
    """A value with its type; a complex number as a vector of two."""
    if not isinstance(value.type, t.ComplexType):
        return f"{llvm_type(value.type)} {e.value(value)}"
    part, pair = llvm_type(value.type.element), e.pair(value)
    kind = f"<2 x {part}>"
    one = e.emit(f"insertelement {kind} poison, {part} {pair.re}, i64 0")
    return f"{kind} {e.emit(f'insertelement {kind} {one}, {part} {pair.im}, i64 1')}"


def _from_vector(e: FunctionEmitter, op: Op, value: str) -> Emitted:
    if not isinstance(op.result.type, t.ComplexType):
        return value
    kind = f"<2 x {llvm_type(op.result.type.element)}>"
    return Pair(*(e.emit(f"extractelement {kind} {value}, i64 {i}") for i in (0, 1)))


def _shared(e: FunctionEmitter, what: str, kind: str, part: t.Type) -> str:
    """The function that joins values of an LLVM type, made of numbers of type `part`."""
    symbol = f"scancc.{what}.{kind.strip('<>').replace(' x ', 'x')}"
    text = (_JOIN if what == "join" else _JOINED).format(symbol=symbol, kind=kind, align=t.nbytes(part))
    e.out.math.setdefault(symbol, MathFunction(symbol, text, ()))
    return symbol


_JOIN = """define internal void @{symbol}(ptr %stack, i64 %step, i64 %number, {kind} %value) noinline nounwind {{
entry:
  br label %level
level:
  %place = phi ptr [ %stack, %entry ], [ %above, %pair ]
  %bits = phi i64 [ %number, %entry ], [ %rest, %pair ]
  %sum = phi {kind} [ %value, %entry ], [ %both, %pair ]
  %full = trunc i64 %bits to i1
  br i1 %full, label %pair, label %done
pair:
  %old = load {kind}, ptr %place, align {align}
  %both = fadd {kind} %old, %sum
  %rest = lshr i64 %bits, 1
  %above = getelementptr i8, ptr %place, i64 %step
  br label %level
done:
  store {kind} %sum, ptr %place, align {align}
  ret void
}}"""

_JOINED = """define internal {kind} @{symbol}(ptr %stack, i64 %step, i64 %number, {kind} %last) noinline nounwind {{
entry:
  br label %level
level:
  %place = phi ptr [ %stack, %entry ], [ %above, %next ]
  %bits = phi i64 [ %number, %entry ], [ %rest, %next ]
  %sum = phi {kind} [ %last, %entry ], [ %more, %next ]
  %none = icmp eq i64 %bits, 0
  br i1 %none, label %done, label %some
some:
  %full = trunc i64 %bits to i1
  br i1 %full, label %pair, label %next
pair:
  %old = load {kind}, ptr %place, align {align}
  %both = fadd {kind} %old, %sum
  br label %next
next:
  %more = phi {kind} [ %sum, %some ], [ %both, %pair ]
  %rest = lshr i64 %bits, 1
  %above = getelementptr i8, ptr %place, i64 %step
  br label %level
done:
  ret {kind} %sum
}}"""

_JOIN_ROW = """define internal void @{symbol}(ptr %row, ptr %stack, i64 %step, i64 %number, i64 %width)
    noinline nounwind {{
entry:
  br label %next
next:
  %j = phi i64 [ 0, %entry ], [ %far, %many ], [ %near, %one ]
  %left = sub i64 %width, %j
  %place = getelementptr {part}, ptr %row, i64 %j
  %sums = getelementptr {part}, ptr %stack, i64 %j
  %wide = icmp sge i64 %left, {lanes}
  br i1 %wide, label %many, label %few
many:
  %values = load <{lanes} x {part}>, ptr %place, align {align}
  call void @{several}(ptr %sums, i64 %step, i64 %number, <{lanes} x {part}> %values)
  %far = add i64 %j, {lanes}
  br label %next
few:
  %some = icmp sgt i64 %left, 0
  br i1 %some, label %one, label %done
one:
  %value = load {part}, ptr %place, align {align}
  call void @{single}(ptr %sums, i64 %step, i64 %number, {part} %value)
  %near = add i64 %j, 1
  br label %next
done:
  ret void
}}"""

_JOINED_ROW = """define internal void @{symbol}(ptr %row, ptr %stack, i64 %step, i64 %number, i64 %width)
    noinline nounwind {{
entry:
  %blocks = icmp sgt i64 %number, 0
  br i1 %blocks, label %next, label %done
next:
  %j = phi i64 [ 0, %entry ], [ %far, %many ], [ %near, %one ]
  %left = sub i64 %width, %j
  %place = getelementptr {part}, ptr %row, i64 %j
  %sums = getelementptr {part}, ptr %stack, i64 %j
  %wide = icmp sge i64 %left, {lanes}
  br i1 %wide, label %many, label %few
many:
  %values = load <{lanes} x {part}>, ptr %place, align {align}
  %totals = call <{lanes} x {part}> @{several}(ptr %sums, i64 %step, i64 %number, <{lanes} x {part}> %values)
  store <{lanes} x {part}> %totals, ptr %place, align {align}
  %far = add i64 %j, {lanes}
  br label %next
few:
  %some = icmp sgt i64 %left, 0
  br i1 %some, label %one, label %done
one:
  %value = load {part}, ptr %place, align {align}
  %total = call {part} @{single}(ptr %sums, i64 %step, i64 %number, {part} %value)
  store {part} %total, ptr %place, align {align}
  %near = add i64 %j, 1
  br label %next
done:
  ret void
}}"""
