"""Writes into a part of an array: in place where nobody needs the old elements."""

from __future__ import annotations

from scancc.ir import slices
from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, memory_of, operand
from scancc.ir.slices import kept_axes

from .arithmetic import add
from .arrays import entries
from .context import Context, converts, strides_of
from .in_place import is_move, may_overwrite
from .lengths import usual_length
from .loops import nest
from .nests import array_sizes, fill_buffer, materialise


@converts("tensor.insert_slice", at_target=True)
def insert_slice(c: Context, op: Op) -> None:
    """The destination, updated in place where nobody reads the old one afterwards."""
    inserts = c.places.inserts
    buffer = inserts.begun[op] if op in inserts.begun else updatable(c, op, operand(op, "dest"))
    source = materialise(c, operand(op, "source"))
    if not inserts.holds(c, operand(op, "source")):
        offsets, sizes, steps = entries(c, op)
        part = c.subview(buffer, offsets, sizes, steps, kept_axes(op))
        if is_move(op) and memory_of(source) is memory_of(buffer):
            _move(c, op, source, part)
        else:
            c.copy(source, part)
    c.set(op.result, buffer)


def _move(c: Context, op: Op, source: Value, dest: Value) -> None:
    """One part of a buffer over another one, which it may overlap."""
    if strides_of(source.type) != (1,):
        c.copy(c.own_copy(source), dest)
        return
    usual = max(usual_length(slices.entries(op, "sizes")[0]) or 0, 0)  # short arrays have none of a part
    c.b.make("scan.buffer_move", [source, dest], [], {"usual": t.IntAttr(usual, t.i64)})


@converts("tensor.insert", at_target=True)
def insert(c: Context, op: Op) -> None:
    buffer = updatable(c, op, operand(op, "dest"))
    c.store(c.get(operand(op, "value")), buffer, c.scalars(group(op, "indices")))
    c.set(op.result, buffer)


def updatable(c: Context, op: Op, dest: Value) -> Value:
    """A buffer that holds `dest` and that `op` may change: its own, where that does no harm; any, where nobody reads
    an element that is in it now."""
    if dest.op is not None and dest.op.name == "tensor.empty" and op.result not in c.places.ties:
        return c.target(op.result, array_sizes(c, dest))
    place = materialise(c, dest)
    if writes_over(c, op, dest, place):
        return place
    buffer = c.target(op.result, c.sizes(place))
    if op.result in c.places.framed:
        return buffer  # what is outside the part is the same in both
    if buffer is not place and dest.op is not None and dest.op.name == "tensor.splat":
        fill_buffer(c, c.get(operand(dest.op, "value")), buffer)
    else:
        c.copy(place, buffer)
    return buffer


def writes_over(c: Context, op: Op, dest: Value, place: Value) -> bool:
    """Whether `op` changes the buffer of `dest` itself, and not a copy."""
    spare = op.result not in c.dest and _is_temporary(c, place) and may_overwrite(c.places.order, op, dest)
    return spare or op.result in c.places.ties


def _is_temporary(c: Context, buffer: Value) -> bool:
    """True for memory that was made in the block being converted."""
    made = buffer.op
    return made is not None and made.name == "memref.alloc" and made.parent is c.b.block


@converts("scan.scatter", at_target=True)
def scatter(c: Context, op: Op) -> None:
    """dest[..., index, ...] = or += source, one index after the other; rows of one index in any order."""
    source, axes = operand(op, "source"), op.attrs["axes"].values
    buffer = updatable(c, op, operand(op, "dest"))
    places = [materialise(c, v) for v in group(op, "indices")]
    values = materialise(c, source) if isinstance(source.type, t.TensorType) else None
    before, behind = c.sizes(buffer)[:axes[0]], c.sizes(buffer)[axes[-1] + 1:]

    def update_at(at: list[Value]) -> None:
        picked = [c.b.index_cast(c.load(p, at[axes[0]:]), t.index) for p in places]

        def update(rest: list[Value]) -> None:
            target = [*at[:axes[0]], *picked, *rest]
            value = c.load(values, [*at, *rest]) if values is not None else c.get(source)
            if op.attrs["kind"] == "add":
                value = add(c, c.load(buffer, target), value)
            c.store(value, buffer, target)
        nest(c, behind, update)
    nest(c, before, lambda at: c.in_order(c.sizes(places[0]), lambda more: update_at([*at, *more])))
    c.set(op.result, buffer)
