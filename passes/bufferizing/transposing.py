"""A matrix copied with its axes exchanged: one op, which is a call of a function of the module, or loops that are
opened, where a side is known to be short.

    transpose %x to %y                for %i = 0 to 3 { for %j = 0 to 3 { %y[%i, %j] = %x[%j, %i] } }
"""

from __future__ import annotations

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.parts import Nest

from .context import Context

SHORT = 8


def is_transposition(op: Op) -> bool:
    """Whether a nest does nothing but that."""
    nest = Nest(op)
    return (len(op.results) == 1 and len(nest.kinds) == 2 and nest.is_parallel and len(op.body.ops) == 1
            and [(read.dims, read.arg) for read in nest.reads] == [((1, 0), nest.elements[0])]
            and nest.writes[0].dims == (0, 1))


def transpose(c: Context, source: Value, out: Value) -> None:
    rows, columns = c.sizes(out)
    if not any(is_short(n) for n in (rows, columns)):
        c.b.make("scan.buffer_transpose", [source, out])
        return
    with c.carrying_loop(rows, []) as (row, _, finish):
        with c.carrying_loop(columns, []) as (column, _, after):
            c.store(c.load(source, [column, row]), out, [row, column])
            after([])
        finish([])


def is_short(size: Value) -> bool:
    """Whether a loop over so many is known to be opened."""
    known = constant_of(size)
    return isinstance(known, int) and known <= SHORT
