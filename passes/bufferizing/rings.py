"""Rings: a window of past rows in memory of as many rows, in which the new row replaces the oldest.

Row r of a window (0 the oldest) stands at (step + r) % depth.
"""

from __future__ import annotations

from collections.abc import Iterator

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Value
from scancc.ir.slices import kept_axes

from ..slicing.steps import row_read
from .context import Context


def row_in_ring(c: Context, window: Value, row: Value) -> Value:
    """Where row `row` of a window stands in its ring at this step."""
    if window in c.oldest:
        return c.b.addi(c.oldest[window], row)
    turned = c.b.addi(c.rings[window], row)
    return c.b.op("arith.remsi", [turned, c.sizes(c.get(window))[0]], [t.index])


def past_row(c: Context, window: Value, row: Value) -> Value:
    """Row `row`, a constant, of a window whose rows are carried (`states.PastRowsState`)."""
    number: int | None = constant_of(row)
    assert number is not None
    return c.past[window][number]


def rows_read(window: Value) -> Iterator[int | None]:
    """Which row of a window each of its readers takes; None of one that takes more or other than a row."""
    for op in window.uses:
        yield None if op.name == "tensor.extract_slice" and 0 in kept_axes(op) else row_read(op)


def unrolled_window(c: Context, window: Value) -> Value:
    """A copy of the whole window, oldest row first."""
    return unrolled(c, c.get(window), c.rings[window], window.name)


def unrolled(c: Context, ring: Value, step: Value, name: str | None = None) -> Value:
    """A copy of the rows of a ring as they are before `step`, oldest first."""
    sizes = c.sizes(ring)
    copy = c.alloc(t.element(ring.type), sizes, name)
    with c.loop(sizes[0]) as i:
        at = c.b.op("arith.remsi", [c.b.addi(step, i), sizes[0]], [t.index])
        if len(sizes) == 1:
            c.store(c.load(ring, [at]), copy, [i])
        else:
            c.copy(c.row(ring, at), c.row(copy, i))
    return copy
