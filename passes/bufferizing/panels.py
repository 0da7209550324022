"""Elimination by panels of rows: what the rows of a finished panel take off the others goes off in one pass over
those, which are read and written once a panel and not once a row of it (Golub and Van Loan, Matrix Computations,
3.2.11). Of each element the products go off one by one, in the order of the rows: the bits are those of elimination
row by row.

    for %i in %end..%n by 4, %j in %end..%columns by 4 {  // rows beyond a panel: four, with a block of columns, are
      %tile = &%a[%i..+4, %j..+4]                         // in registers
      for %k in %first..%end { %tile -= &%factors[%i..+4, %k - %first] * &%a[%k, %j..+4] }
    }
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from scancc.ir import types as t
from scancc.ir.core import Value

from ..vectorizing.lanes import whole_lanes
from .arithmetic import multiply, subtract
from .context import Context
from .row_blocks import Element, RowBlocks

PANEL = 32   # rows: a multiple of any block's columns
TILE = 4     # rows in registers, with one block of columns each
STRIP = 512  # bytes of a row: with the others of a panel, half of the first cache

Order = Callable[[Value], Value]  # rows by when they are finished
Span = tuple[Value, Value]  # from which on, and before which
Factor = Callable[[Value, Value], Value]  # of a row, for that of the panel which is finished as that many-th


@contextmanager
def panels(c: Context, n: Value) -> Iterator[Span]:
    """From the first row on: where each begins and ends."""
    with c.span(c.b.index(0), n, PANEL) as first:
        yield first, c.b.minsi(c.b.addi(first, c.b.index(PANEL)), n)


def take_panel_off(c: Context, work: RowBlocks, order: Order, panel: Span, column: Value, factor: Factor,
                   by_row: bool = False) -> None:
    """Off the rows after a panel, from the block of a column on (`by_row`: not before the row's own). By strips of
    columns, so that those of the panel stay in the first cache."""
    b, last, strip = c.b, c.b.subi(work.rows, c.b.index(1)), STRIP // t.nbytes(work.kind)
    with c.span(column, work.columns, strip) as left:
        right = b.minsi(b.addi(left, b.index(strip)), work.columns)
        with c.span(panel[1], work.rows, TILE) as k:
            # where fewer are left the last one stands in each other place: the same is written to it again
            rows = [order(b.minsi(b.addi(k, b.index(s)), last)) for s in range(TILE)]
            start = b.maxsi(left, whole_lanes(b, rows[0], b.index(work.block))) if by_row else left
            work.in_blocks(c, start, less_panel(c, rows, order, panel, factor), right)


def less_panel(c: Context, rows: Sequence[Value], order: Order, panel: Span, factor: Factor,
               ) -> Callable[[Element], None]:
    """What takes the rows of a panel times factors off others."""
    begin, end = panel

    def body(at: Element) -> None:
        with c.carrying_loop(end, [c.load(*at(i)) for i in rows], start=begin) as (k, rest, finish):
            source = c.load(*at(order(k)))
            finish([subtract(c, r, multiply(c, factor(i, k), source)) for i, r in zip(rows, rest, strict=True)])
        for i, r in zip(rows, c.results, strict=True):
            c.store(r, *at(i))
    return body


def less_multiple(c: Context, row: Value, other: Value, factor: Value) -> Callable[[Element], None]:
    """What takes a row times a factor off another one."""
    return lambda at: c.store(subtract(c, c.load(*at(row)), multiply(c, factor, c.load(*at(other)))), *at(row))
