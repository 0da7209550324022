"""Constants, views and parts of arrays, and arrays put together from others."""

from __future__ import annotations

from scancc.ir import slices
from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, operand
from scancc.ir.remarks import remark
from scancc.ir.shapes import fill, is_one_size
from scancc.ir.wording import called

from .context import Context, converts, is_contiguous
from .nests import array_sizes, materialise
from .rings import past_row, row_in_ring


@converts("arith.constant")
def constant(c: Context, op: Op) -> None:
    """A constant array becomes data of the module, read in place."""
    if not isinstance(op.result.type, t.TensorType):
        c.clone_scalar(op)
        return
    type = op.result.type
    memref = t.MemRefType(type.shape, type.element)
    buffer = c.b.op("scan.buffer_constant", [], [memref], {"value": op.attrs["value"]})
    c.dims[buffer] = [c.b.index(n) for n in type.shape if n is not None]
    c.set(op.result, buffer)


@converts("tensor.cast")
def cast(c: Context, op: Op) -> None:
    c.env[op.result] = materialise(c, op.operands[0])


@converts("tensor.dim")
def dim(c: Context, op: Op) -> None:
    axis = constant_of(operand(op, "axis"))
    assert axis is not None
    c.env[op.result] = array_sizes(c, operand(op, "source"))[axis]


@converts("tensor.extract_slice")
def extract_slice(c: Context, op: Op) -> None:
    whole = operand(op, "source")
    kept = slices.kept_axes(op)
    offsets, sizes, steps = entries(c, op)
    if whole in c.past:
        source, (offsets, sizes, steps) = past_row(c, whole, offsets[0]), (offsets[1:], sizes[1:], steps[1:])
        kept = [axis - 1 for axis in kept]
    elif whole in c.rings and constant_of(sizes[0]) == 1:
        source, offsets[0] = c.get(whole), row_in_ring(c, whole, offsets[0])
    else:
        source = materialise(c, whole)
    if not kept:  # one element, as a scalar
        c.env[op.result] = c.load(source, offsets)
        return
    part = c.subview(source, offsets, sizes, steps, kept)
    if op.result in c.places.saved:  # what it is a part of is written before this is read
        c.set(op.result, c.own_copy(part))
        if not c.is_in_registers(op.result.type):
            remark("bufferize", op, False, f"{called(op.result)} is copied where it is taken: the array that it is a "
                   "part of is written before it is read")
    else:
        c.env[op.result] = part


def entries(c: Context, op: Op) -> list[list[Value]]:
    """Offsets, sizes and strides of a slice."""
    return [list(map(c.entry, slices.entries(op, column))) for column in slices.COLUMNS]


@converts("scan.reshape")
def reshape(c: Context, op: Op) -> None:
    source = materialise(c, operand(op, "source"))
    assert isinstance(op.result.type, t.TensorType)
    source = source if _lies_in_one_piece(c, source) else c.contiguous(source)
    c.env[op.result] = view = c.reshape(source, fill(c.b, op.result.type, c.scalars(group(op, "dims"))))
    if source in c.base or source in c.outputs:
        c.base[view] = c.base.get(source, source)


def _lies_in_one_piece(c: Context, buffer: Value) -> bool:
    """Whether a buffer is some rows of another one, all of each, though its type does not say so."""
    part = buffer.op
    if part is None or part.name != "memref.subview" or not is_contiguous(operand(part, "source").type):
        return False
    offsets, sizes, strides = (slices.entry_values(c.b, part, column) for column in slices.COLUMNS)
    whole = c.sizes(operand(part, "source"))
    outer = next((axis for axis, size in enumerate(sizes) if constant_of(size) != 1), len(sizes))
    return all(constant_of(stride) == 1 for stride in strides) and all(
        constant_of(offsets[axis]) == 0 and is_one_size(sizes[axis], whole[axis])
        for axis in range(outer + 1, len(sizes)))


@converts("scan.concat", at_target=True)
def concat(c: Context, op: Op) -> None:
    if op.result in c.places.shifts:
        c.windows[c.places.shifts[op.result]].extend(c, op)
        return
    parts, joins = [materialise(c, v) for v in op.operands], c.places.joins
    axis = op.attrs["axis"].value
    sizes = list(c.sizes(parts[0]))
    for part in parts[1:]:
        sizes[axis] = c.b.addi(sizes[axis], c.sizes(part)[axis])
    buffer = joins.buffers.get(op) or c.target(op.result, sizes)
    zero, one = c.b.index(0), c.b.index(1)
    at = zero
    for value, part in zip(op.operands, parts, strict=True):
        if not joins.holds(c, value, op):
            rank = len(sizes)
            offsets = [at if i == axis else zero for i in range(rank)]
            c.copy(part, c.subview(buffer, offsets, c.sizes(part), [one] * rank, range(rank)))
        at = c.b.addi(at, c.sizes(part)[axis])
    c.set(op.result, c.reshape(buffer, sizes) if joins.is_open(op) else buffer)


@converts("tensor.from_elements", at_target=True)
def from_elements(c: Context, op: Op) -> None:
    assert isinstance(op.result.type, t.TensorType)
    sizes = [c.b.index(n) for n in op.result.type.shape if n is not None]
    buffer = c.target(op.result, sizes)
    flat = buffer if len(sizes) == 1 else c.reshape(buffer, [c.b.index(len(op.operands))])
    for i, value in enumerate(c.scalars(op.operands)):
        c.store(value, flat, [c.b.index(i)])
    c.set(op.result, buffer)
