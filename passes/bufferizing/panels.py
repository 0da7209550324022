"""Elimination by panels of rows: what the rows of a finished panel take off the others goes off in one pass over
those, which are read and written once a panel and not once a row of it (Golub and Van Loan, Matrix Computations,
3.2.11). Of each element the products go off one by one, in the order of the rows: the bits are those of elimination
row by row.

    for %i in %end..%n {                             // rows beyond a panel of two, %p and %q
      %f, %g = %factors[%i, 0], %factors[%i, 1]
      for %j in %end..%columns by 4 { &%a[%i, %j..+4] -= %f * &%a[%p, %j..+4], then %g * &%a[%q, %j..+4] }
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

STRIP = 2048  # bytes of a row: with a panel's others, half of that cache

Order = Callable[[Value], Value]  # rows by when they are finished
Rows = tuple[Order, Value]  # those from there on
Factors = Callable[[Value], Sequence[Value]]  # of a row, one a row of the panel


@contextmanager
def panels(c: Context, n: Value, rows: int) -> Iterator[tuple[Value, Value]]:
    """From the first row on: where each begins and ends."""
    b = c.b
    with c.carrying_loop(n, [], step=rows) as (first, _, finish):
        yield first, b.minsi(b.addi(first, b.index(rows)), n)
        finish([])


def take_panel_off(c: Context, work: RowBlocks, rows: Rows, first: Value, panel: Sequence[Value], factors: Factors,
                   by_row: bool = False) -> None:
    """Off those rows, from the block of column `first` on (`by_row`: not before the row's own), a panel. By strips of
    columns, so that those of the panel stay in the first cache."""
    b, (order, begin) = c.b, rows
    strip = STRIP // t.nbytes(work.kind)
    with c.carrying_loop(work.columns, [], start=first, step=strip) as (left, _, finish):
        right = b.minsi(b.addi(left, b.index(strip)), work.columns)
        with c.carrying_loop(work.rows, [], start=begin) as (k, _, after):
            i = order(k)
            start = b.maxsi(left, whole_lanes(b, i, b.index(work.block))) if by_row else left
            work.in_blocks(c, start, less_multiples(c, i, panel, factors(i)), right)
            after([])
        finish([])


def less_multiples(c: Context, row: Value, panel: Sequence[Value], factors: Sequence[Value],
                   ) -> Callable[[Element], None]:
    """What takes rows times factors off another one, one after the other."""
    def body(at: Element) -> None:
        rest = c.load(*at(row))
        for source, factor in zip(panel, factors, strict=True):
            rest = subtract(c, rest, multiply(c, factor, c.load(*at(source))))
        c.store(rest, *at(row))
    return body
