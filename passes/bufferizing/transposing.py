"""A matrix copied with its axes exchanged: lines of eight numbers become parts of eight rows.

    for %k = 0 to %n step 8 {
      for %j = 0 to %m { %y[%k, %j], .., %y[%k + 7, %j] = %x[%j, %k], .., %x[%j, %k + 7] } }

A line of the cache is read once, and eight rows are written side by side, however long they are.
"""

from __future__ import annotations

from scancc.ir.core import Op, Value
from scancc.ir.parts import Nest
from scancc.ir.types import index

from .context import Context

LINE = 8


def is_transposition(op: Op) -> bool:
    """Whether a nest does nothing but that."""
    nest = Nest(op)
    return (len(op.results) == 1 and len(nest.kinds) == 2 and nest.is_parallel and len(op.body.ops) == 1
            and [(read.dims, read.arg) for read in nest.reads] == [((1, 0), nest.elements[0])]
            and nest.writes[0].dims == (0, 1))


def transpose(c: Context, source: Value, out: Value) -> None:
    rows, columns = c.sizes(out)
    whole = c.b.op("arith.andi", [rows, c.b.index(-LINE)], [index])
    _parts(c, source, out, (c.b.index(0), whole, LINE), columns)
    _parts(c, source, out, (whole, rows, 1), columns)


def _parts(c: Context, source: Value, out: Value, rows: tuple[Value, Value, int], columns: Value) -> None:
    """Rows of the result, so many at a time."""
    first, end, many = rows
    with c.carrying_loop(end, [], start=first, step=many) as (row, _, finish):
        places = [c.b.addi(row, c.b.index(number)) for number in range(many)]
        with c.carrying_loop(columns, []) as (column, _, after):
            for place in places:
                c.store(c.load(source, [column, place]), out, [place, column])
            after([])
        finish([])
