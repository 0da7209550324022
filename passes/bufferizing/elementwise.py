"""Whether a loop nest may make its result in the part of an array into which it is written.

    part = generic(slice(x, at))                  for i: x[at + i] = f(x[at + i])
    y = insert_slice(part, x, at)            ->

The nest then stands for the write, and may run earlier. So nothing may read the array as it was between the two; the
nest itself may read of it what is elsewhere, or the very elements that it writes, each in the round that writes it.
"""

from __future__ import annotations

from collections.abc import Iterable

from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Nest
from scancc.ir.slices import entries, kept_axes, number_of

from .order import Order, Use, is_inside


def takes_the_place(order: Order, nest: Op, write: Op, saved: Iterable[Value]) -> bool:
    """Whether `nest` may write over the array into which `write` would write its result."""
    uses = (use for use in order.uses(operand(write, "dest"), write) if use.op is not write)
    return all(_is_no_obstacle(order, nest, write, use, saved) for use in uses)


def _is_no_obstacle(order: Order, nest: Op, write: Op, use: Use, saved: Iterable[Value]) -> bool:
    if is_inside(use.op, nest):
        return use.op is nest and (_is_elsewhere(use.value, write) or _is_where_it_writes(nest, use.value, write))
    early = use.slice is not None and use.slice.result in saved and order.number[use.slice] < order.number[nest]
    return early or not order.is_after(use.op, nest)


def _is_where_it_writes(nest: Op, value: Value, write: Op) -> bool:
    """Whether a nest reads of `value`, a part that is the one written, each element in the round that writes it."""
    view = Nest(nest)
    return _is_part(value, write) and _entries(value.op) == _entries(write) and all(
        read.dims == view.identity for read in view.reads if read.value is value) and value not in view.outputs


def _is_elsewhere(value: Value, write: Op) -> bool:
    """Whether `value` is a part of the array that ends before the written one begins, or begins where that ends."""
    if not _is_part(value, write):
        return False
    (first, size, step), (start, length, stride) = (
        ([number_of(entry) for entry in entries(op, column)] for column in ("offsets", "sizes", "strides"))
        for op in (value.op, write) if op is not None)
    return any(None not in (a, n, b, m) and s == r == 1 and (a + n <= b or b + m <= a)
               for a, n, s, b, m, r in zip(first, size, step, start, length, stride, strict=True))


def _is_part(value: Value, write: Op) -> bool:
    taken = value.op
    return taken is not None and taken.name == "tensor.extract_slice" and operand(taken, "source") is operand(
        write, "dest")


def _entries(op: Op | None) -> object:
    assert op is not None
    return kept_axes(op), [entries(op, column) for column in ("offsets", "sizes", "strides")]
