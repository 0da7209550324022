"""LLVM emitters of buffers: loads, stores, views and copies."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir import types as t
from ...ir.core import Op, Value
from ...ir.ops import group, int_attr, operand, whole
from ...ir.parts import Loop
from ...ir.runs import Run
from ...ir.slices import COLUMNS, entries, kept_axes
from .emitter import FunctionEmitter, Mem, emits, stored_type
from .extents import can_exist
from .lane_orders import order_of
from .squares import side, transpose_squares
from .turning import transposed_copy

SHORT_NBYTES = 256  # that registers hold between loads and stores


@emits("memref.load", "vector.load")
def load(e: FunctionEmitter, op: Op) -> None:
    e.env[op.result] = e.load(_place(e, op), op.result.type, _order(e, op, op.result))


@emits("memref.store", "vector.store")
def store(e: FunctionEmitter, op: Op) -> None:
    value = operand(op, "value")
    e.store(e.env[value], _place(e, op), value.type, _order(e, op, value))


def _order(e: FunctionEmitter, op: Op, value: Value) -> Sequence[int]:
    if not isinstance(value.type, t.VectorType) or not t.is_complex(value.type):
        return ()
    return order_of(op, value, e.orders, e.out.registers.nbytes)


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
    offsets, sizes, steps = [[str(entry) if isinstance(entry, int) else e.value(entry) for entry in entries(op, name)]
                             for name in COLUMNS]
    pointer = e.address(mem, offsets)
    strides = [e.product(a, b) for a, b in zip(steps, mem.strides, strict=True)]
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


@emits("scan.buffer_transpose")
def transpose(e: FunctionEmitter, op: Op) -> None:
    """In registers where it is small and known to be; else a call: one function serves all matrices of a module."""
    source, dest = (e.mem(v) for v in op.operands)
    if lanes := side(op, e.out.registers.nbytes):
        transpose_squares(e, source, dest, lanes)
        return
    symbol = e.out.needed(transposed_copy(stored_type(source.element), t.nbytes(t.part(source.element))))
    to, at, sizes = (", ".join(f"i64 {n}" for n in numbers) for numbers in (dest.strides, source.strides, dest.dims))
    e.line(f"call void @{symbol}(ptr {dest.pointer}, {to}, ptr {source.pointer}, {at}, {sizes})")


@emits("scan.buffer_move")
def move(e: FunctionEmitter, op: Op) -> None:
    """memmove of elements that are neighbours; of the usual number by vectors in registers, without a call."""
    source, dest = (e.mem(v) for v in op.operands)
    size, usual = t.nbytes(source.element), int_attr(op, "usual")
    callee = e.out.intrinsic("llvm.memmove.p0.p0.i64", "void", "ptr", "ptr", "i64", "i1")

    def call(count: str) -> None:
        e.line(f"call void @{callee}(ptr {dest.pointer}, ptr {source.pointer}, i64 {count}, i1 false)")
    if not 0 < usual * size <= SHORT_NBYTES or source.dims[0] == str(usual):
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
    with e.apart():
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


def do_run(e: FunctionEmitter, loop: Loop, run: Run) -> None:
    """What a loop does with a run of memory, by memset or memmove."""
    lower, upper = e.value(loop.lower), e.value(loop.upper)
    length = upper if lower == "0" else e.emit(f"sub i64 {upper}, {lower}")
    at_least = e.out.intrinsic("llvm.smax.i64", "i64", "i64", "i64")
    count = e.emit(f"call i64 @{at_least}(i64 {length}, i64 0)")
    places = [e.address(e.mem(whole(op)), [*map(e.value, group(op, "indices")[:-1]), lower])
              for op in (run.store, run.load) if op is not None]
    nbytes = e.imul(count, str(t.nbytes(e.mem(whole(run.store)).element)))
    if run.load is None:
        callee = e.out.intrinsic("llvm.memset.p0.i64", "void", "ptr", "i8", "i64", "i1")
        e.line(f"call void @{callee}(ptr {places[0]}, i8 0, i64 {nbytes}, i1 false)")
    else:
        callee = e.out.intrinsic("llvm.memmove.p0.p0.i64", "void", "ptr", "ptr", "i64", "i1")
        e.line(f"call void @{callee}(ptr {places[0]}, ptr {places[1]}, i64 {nbytes}, i1 false)")


@emits("scan.buffer_constant")
def buffer_constant(e: FunctionEmitter, op: Op) -> None:
    type = op.result.type
    assert isinstance(type, t.MemRefType)
    dims = tuple(str(n) for n in type.shape)
    symbol = e.out.constant(op.attrs["value"].data.tobytes())
    e.env[op.result] = Mem(symbol, dims, e.contiguous(dims), type.element)
