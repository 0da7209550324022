"""LLVM emitters of loops, branches, checks, buffers and vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ...artifact import N_INFO_SLOTS
from ...ir import types as t
from ...ir.core import Op, Value
from ...ir.ops import group, int_attr, operand, whole
from ...ir.parts import Branch, Loop
from ...ir.slices import COLUMNS, entries, kept_axes
from ..math import MathFunction
from .emitter import Emitted, FunctionEmitter, Mem, emits, llvm_type, suffix, width_of
from .extents import can_exist
from .interrupts import ask, in_pieces, rounds_between

SHORT_NBYTES = 256  # that registers hold between loads and stores

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
    for inner in op.body.ops:
        if inner.name == "scan.join":
            _free_stack(e, inner, op)


def _rounds(e: FunctionEmitter, op: Op, bounds: Sequence[str], types: Sequence[str], start: Sequence[str],
            ) -> list[str]:
    """guard: lower < upper; then the body at least once, until the counter reaches upper; what it carries at last."""
    parts = Loop(op)
    lower, upper, step = bounds
    body, done = e.new_label("loop"), e.new_label("done")
    guard, first_opposite = e.emit(f"icmp slt i64 {lower}, {upper}"), e.imul(lower, "-1")
    before = e.label
    e.line(f"br i1 {guard}, label %{body}, label %{done}")
    e.start(body)
    counter = e.fresh()
    e.falling[counter] = None
    position = len(e.lines)  # the phis go here, when the back edge is known
    carried = [e.fresh() for _ in types]
    _bind(e, parts.args, parts.init, carried)
    e.env[parts.counter] = counter
    yielded = [x for v in e.block(op.body) for x in e.flatten(v)]
    following = e.emit(f"add nsw i64 {counter}, {step}")
    again = e.emit(f"icmp slt i64 {following}, {upper}")
    turns = [(counter, "i64", lower, following), *zip(carried, types, start, yielded, strict=True)]
    if falling := e.falling.pop(counter):
        turns.append((falling, "i64", first_opposite, e.emit(f"sub i64 {falling}, {step}")))
    latch = e.label
    e.line(f"br i1 {again}, label %{body}, label %{done}")
    e.lines[position:position] = [f"  {name} = phi {kind} [ {a}, %{before} ], [ {b}, %{latch} ]"
                                  for name, kind, a, b in turns]
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
    factors = e.factors if op.parent is e.func.body else dict(e.factors)  # what a region makes ends with it
    e.env[op.result] = can_exist(e.emit, [e.value(v) for v in op.operands], factors)


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


@emits("scan.buffer_move")
def move(e: FunctionEmitter, op: Op) -> None:
    """memmove of elements that are neighbours; of the usual number by vectors in registers, without a call."""
    source, dest = (e.mem(v) for v in op.operands)
    size, usual = t.nbytes(source.element), int_attr(op, "usual")
    callee = e.out.intrinsic("llvm.memmove.p0.p0.i64", "void", "ptr", "ptr", "i64", "i1")

    def call(count: str) -> None:
        e.line(f"call void @{callee}(ptr {dest.pointer}, ptr {source.pointer}, i64 {count}, i1 false)")
    if not 0 < usual * size <= SHORT_NBYTES:
        call(e.imul(str(size), source.dims[0]))
        return
    short, long, done = e.new_label("short"), e.new_label("long"), e.new_label("moved")
    is_usual = e.emit(f"icmp eq i64 {source.dims[0]}, {usual}")
    e.line(f"br i1 {is_usual}, label %{short}, label %{long}")
    for label, count in ((short, str(usual * size)), (long, None)):
        e.start(label)
        call(e.imul(str(size), source.dims[0]) if count is None else count)
        e.line(f"br label %{done}")
    e.start(done)


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


@emits("vector.from_elements")
def vector_from_elements(e: FunctionEmitter, op: Op) -> None:
    kind, made = llvm_type(op.result.type), "poison"
    for lane, value in enumerate(op.operands):
        made = e.emit(f"insertelement {kind} {made}, {llvm_type(value.type)} {e.value(value)}, i64 {lane}")
    e.env[op.result] = made


@emits("vector.shuffle")
def vector_shuffle(e: FunctionEmitter, op: Op) -> None:
    first, second = (f"{llvm_type(v.type)} {e.value(v)}" for v in op.operands)
    mask = op.attrs["mask"].values
    e.env[op.result] = e.emit(f"shufflevector {first}, {second}, <{len(mask)} x i32> <"
                              + ", ".join(f"i32 {lane}" for lane in mask) + ">")


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
    """A call where there is more than one block: joining is rare, and one function serves all sums of a module."""
    value = operand(op, "value")
    one, types = e.flatten(e.env[value]), e.flat_types(value.type)
    before, several, done = e.label, e.new_label("several"), e.new_label("joined")
    _branch_on_blocks(e, op, several, done)
    e.start(several)
    total = e.flatten(_join_number(e, op) if isinstance(value.type, t.FloatType) else _join_vector(e, op))
    end = e.label
    e.line(f"br label %{done}")
    e.start(done)
    e.env[op.result] = e.unflatten(e.env[value], e.phis(types, [(one, before), (total, end)]))


@emits("scan.running")
def running(e: FunctionEmitter, op: Op) -> None:
    """Of a sum in order, which goes on from the number itself."""
    e.env[op.result] = e.env[operand(op, "value")]


@emits("scan.join_row")
def join_row(e: FunctionEmitter, op: Op) -> None:
    """A call, which goes along the row; a complex number is two of its elements."""
    row, several, done = e.mem(operand(op, "row")), e.new_label("several"), e.new_label("joined")
    _branch_on_blocks(e, op, several, done)
    e.start(several)
    part = _part(row.element)
    _call_join_row(e, op, part, row.pointer, e.imul(row.dims[0], str(t.nbytes(row.element) // t.nbytes(part))))
    e.line(f"br label %{done}")
    e.start(done)


def _free_stack(e: FunctionEmitter, op: Op, loop: Op) -> None:
    """The sum is made: another one, not inside it, may use the memory. One that goes on in the next round of a loop
    around keeps it."""
    stack = operand(op, "stack")
    if stack.op is not None and stack.op.name == "memref.alloca" and stack.op.parent is loop.parent:
        e.free_stack_memory(stack.type, e.mem(stack).pointer)


def _branch_on_blocks(e: FunctionEmitter, op: Op, several: str, one: str) -> None:
    is_long = e.emit(f"icmp sgt i64 {e.value(operand(op, 'end'))}, {int_attr(op, 'size')}")
    e.line(f"br i1 {is_long}, label %{several}, label %{one}")


def _join_number(e: FunctionEmitter, op: Op) -> str:
    value = operand(op, "value")
    kind = llvm_type(value.type)
    symbol = _shared(e, "join", value.type, _JOIN)
    return e.emit(f"call {kind} @{symbol}({kind} {e.value(value)}, {_blocks(e, op)})")


def _join_vector(e: FunctionEmitter, op: Op) -> Emitted:
    """A vector or a complex number is a row, by way of memory."""
    value = operand(op, "value")
    part = _part(value.type)
    count = width_of(value.type) * t.nbytes(t.element(value.type)) // t.nbytes(part)
    room = t.MemRefType((count,), part)
    place = e.stack_memory(room)
    e.store(e.env[value], place, value.type)
    _call_join_row(e, op, part, place, str(count))
    e.free_stack_memory(room, place)
    return e.load(place, value.type)


def _call_join_row(e: FunctionEmitter, op: Op, part: t.Type, row: str, width: str) -> None:
    symbol = _shared(e, "join_row", part, _JOIN_ROW)
    e.line(f"call void @{symbol}(ptr {row}, i64 {width}, {_blocks(e, op)})")


def _blocks(e: FunctionEmitter, op: Op) -> str:
    """The stack, the bytes from one of its rows to the next, and which terms they are."""
    stack, first, end = e.mem(operand(op, "stack")), e.value(operand(op, "first")), e.value(operand(op, "end"))
    step = e.imul(stack.strides[0], str(t.nbytes(stack.element)))
    return f"ptr {stack.pointer}, i64 {step}, i64 {first}, i64 {end}, i64 {int_attr(op, 'size').bit_length() - 1}"


def _part(type: t.Type) -> t.Type:
    """The real numbers that a value is made of."""
    element = t.element(type)
    return element.element if isinstance(element, t.ComplexType) else element


def _shared(e: FunctionEmitter, name: str, part: t.Type, template: str) -> str:
    """The name of a function for numbers of type `part`."""
    return e.out.needed(_joining(name, llvm_type(part), t.nbytes(part), template))


def join_row_function(kind: str, nbytes: int) -> MathFunction:
    """`join_row` of rows of numbers."""
    return _joining("join_row", kind, nbytes, _JOIN_ROW)


@cache
def _joining(name: str, kind: str, align: int, template: str) -> MathFunction:
    symbol, vector = f"scancc.{name}.{kind}", f"<{JOIN_LANES} x {kind}>"
    pairs = [_PAIRS.format(kind=k, n=n, align=align) for k, n in ((kind, 1), (vector, JOIN_LANES))]
    text = template.format(symbol=symbol, kind=kind, vector=vector, align=align, n=JOIN_LANES, number=_NUMBER,
                           pairs=pairs[0], pairs_of_lanes=pairs[1])
    return MathFunction(symbol, text, (), is_shared=True)


JOIN_LANES = 8

_NUMBER = """%number = lshr i64 %first, %shift
  %before = sub i64 %end, 1
  %final = lshr i64 %before, %shift
  %last = icmp eq i64 %number, %final"""

# The sums of 1, 2, 4, ... blocks are added while the bits of the block's number are ones, in the last block all.
_PAIRS = """level{n}:
  %place{n} = phi ptr [ %sums, %start{n} ], [ %above{n}, %up{n} ]
  %bits{n} = phi i64 [ %number, %start{n} ], [ %rest{n}, %up{n} ]
  %sum{n} = phi {kind} [ %value{n}, %start{n} ], [ %more{n}, %up{n} ]
  %full{n} = trunc i64 %bits{n} to i1
  br i1 %full{n}, label %pair{n}, label %gap{n}
pair{n}:
  %old{n} = load {kind}, ptr %place{n}, align {align}
  %both{n} = fadd {kind} %old{n}, %sum{n}
  br label %up{n}
gap{n}:
  %higher{n} = icmp ne i64 %bits{n}, 0
  %on{n} = and i1 %higher{n}, %last
  br i1 %on{n}, label %up{n}, label %stop{n}
up{n}:
  %more{n} = phi {kind} [ %both{n}, %pair{n} ], [ %sum{n}, %gap{n} ]
  %rest{n} = lshr i64 %bits{n}, 1
  %above{n} = getelementptr i8, ptr %place{n}, i64 %step
  br label %level{n}"""

_JOIN = """define internal {kind} @{symbol}({kind} %value1, ptr %sums, i64 %step, i64 %first, i64 %end, i64 %shift)
    noinline nounwind {{
start1:
  {number}
  br label %level1
{pairs}
stop1:
  br i1 %last, label %done, label %keep
keep:
  store {kind} %sum1, ptr %place1, align {align}
  br label %done
done:
  ret {kind} %sum1
}}"""

# The sums go to the stack, and the row starts anew; in the last block they go to the row.
_JOIN_ROW = """define internal void @{symbol}(ptr %row, i64 %width, ptr %stack, i64 %step, i64 %first, i64 %end,
    i64 %shift) noinline nounwind {{
entry:
  {number}
  br label %next
next:
  %j = phi i64 [ 0, %entry ], [ %after{n}, %stop{n} ], [ %after1, %stop1 ]
  %values = getelementptr {kind}, ptr %row, i64 %j
  %sums = getelementptr {kind}, ptr %stack, i64 %j
  %left = sub i64 %width, %j
  %enough{n} = icmp sge i64 %left, {n}
  br i1 %enough{n}, label %start{n}, label %few
start{n}:
  %value{n} = load {vector}, ptr %values, align {align}
  br label %level{n}
{pairs_of_lanes}
stop{n}:
  %to{n} = select i1 %last, ptr %values, ptr %place{n}
  store {vector} splat ({kind} -0.0), ptr %values, align {align}
  store {vector} %sum{n}, ptr %to{n}, align {align}
  %after{n} = add i64 %j, {n}
  br label %next
few:
  %enough1 = icmp sge i64 %left, 1
  br i1 %enough1, label %start1, label %done
start1:
  %value1 = load {kind}, ptr %values, align {align}
  br label %level1
{pairs}
stop1:
  %to1 = select i1 %last, ptr %values, ptr %place1
  store {kind} -0.0, ptr %values, align {align}
  store {kind} %sum1, ptr %to1, align {align}
  %after1 = add i64 %j, 1
  br label %next
done:
  ret void
}}"""
