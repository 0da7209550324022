"""Arrays without gaps, gone along as vectors or rows: whole row-major ones, and neighbouring rows of them."""

from __future__ import annotations

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.slices import COLUMNS, entry_values

from .context import Context, is_contiguous


def has_no_gaps(c: Context, buffer: Value) -> bool:
    """Whether a buffer is known to hold its elements one after the other."""
    return is_contiguous(buffer.type) or _takes_neighbours(c, buffer.op)


def as_vector(c: Context, buffer: Value, total: Value) -> Value:
    """All elements of a buffer without gaps, of which there are `total`."""
    if is_contiguous(buffer.type):
        return c.reshape(buffer, [total])
    b, part = c.b, buffer.op
    assert part is not None
    source, first = operand(part, "source"), entry_values(b, part, "offsets")[0]
    rows, *row = c.sizes(source)
    elements = b.index(1)
    for size in row:
        elements = b.muli(elements, size)
    vector = as_vector(c, source, b.muli(rows, elements))
    return c.subview(vector, [b.muli(first, elements)], [total], [b.index(1)], [0])


def as_matrix(c: Context, buffer: Value, total: Value) -> Value:
    """All rows along the last axis of a buffer without gaps, of which there are `total`."""
    width = c.sizes(buffer)[-1]
    if is_contiguous(buffer.type):
        return c.reshape(buffer, [total, width])
    b, part = c.b, buffer.op
    assert part is not None
    source, first = operand(part, "source"), entry_values(b, part, "offsets")[0]
    each = b.index(1)
    for size in c.sizes(source)[1:-1]:
        each = b.muli(each, size)
    matrix = as_matrix(c, source, b.muli(c.sizes(source)[0], each))
    return c.subview(matrix, [b.muli(first, each), b.index(0)], [total, width], [b.index(1)] * 2, range(2))


def _takes_neighbours(c: Context, part: Op | None) -> bool:
    """Whether a view is of rows that follow each other, each of them whole."""
    if part is None or part.name != "memref.subview":
        return False
    source = operand(part, "source")
    offsets, sizes, strides = (entry_values(c.b, part, column) for column in COLUMNS)
    if len(sizes) != len(c.sizes(part.result)) or not has_no_gaps(c, source):
        return False
    return (all(constant_of(stride) == 1 for stride in strides) and all(constant_of(at) == 0 for at in offsets[1:])
            and all(_are_equal(c, taken, size) for taken, size in zip(sizes[1:], c.sizes(source)[1:], strict=True)))


def _are_equal(c: Context, taken: Value, size: Value) -> bool:
    a, b = c.length(taken), c.length(size)
    return a is b or constant_of(a) is not None and constant_of(a) == constant_of(b)
