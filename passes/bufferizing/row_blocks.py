"""Matrices of which solvers make others in place: rows of whole blocks of columns, so that what is done to a row is
vectors without a rest. What an element goes through is what it would in a matrix without the columns that fill the
last block, which hold zeros first, and later nothing that is read.
"""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Value
from scancc.late_dataclasses import dataclass

from ..vectorizing.lanes import whole_lanes
from .context import Context
from .loops import PARALLEL_LOOP, nest

Element = Callable[[Value], tuple[Value, list[Value]]]  # of a row: its part, and where in that

SHORT = 32  # rows of a matrix that stays in the first cache
NARROW, WIDE = 32, 64  # bytes of a block: a register of AVX2, or two, for rows of many columns


def block_of(kind: t.Type, nbytes: int = NARROW) -> int:
    """Columns of a block; complex numbers have no vectors."""
    return 1 if t.is_complex(kind) else max(1, nbytes // t.nbytes(kind))


def padded(c: Context, columns: Value, block: int) -> Value:
    """So many columns and those that fill their last block."""
    return whole_lanes(c.b, c.b.addi(columns, c.b.index(block - 1)), c.b.index(block))


@dataclass(frozen=True)
class RowBlocks:
    """`buffer`: rows of `columns` columns, which are whole blocks of so many."""

    buffer: Value
    rows: Value
    columns: Value
    block: int

    @property
    def kind(self) -> t.Type:
        return t.element(self.buffer.type)

    def part(self, c: Context, first: Value, columns: Value) -> Value:
        """Some columns as a matrix."""
        zero, one = c.b.index(0), c.b.index(1)
        return c.subview(self.buffer, [zero, first], [self.rows, columns], [one, one], [0, 1])

    def in_blocks(self, c: Context, first: Value, body: Callable[[Element], None], end: Value | None = None) -> None:
        """body(elements by their row) of the columns from the block of `first` on, or of those before `end`."""
        start, end = whole_lanes(c.b, first, c.b.index(self.block)), self.columns if end is None else end
        with c.carrying_loop(end, [], start=start, step=self.block) as (at, _, finish):
            self.in_block(c, at, body)
            finish([])

    def in_block(self, c: Context, at: Value, body: Callable[[Element], None]) -> None:
        """body(elements by their row) of the columns of the block that begins at `at`."""
        block, one = c.b.index(self.block), c.b.index(1)
        with c.loop(block, PARALLEL_LOOP) as column:
            body(lambda row: (c.subview(self.buffer, [row, at], [one, block], [one, one], [1]), [column]))


def row_blocks(c: Context, kind: t.Type, rows: Value, columns: Value, filled: Value, block: int) -> RowBlocks:
    """Rows of as many columns, and those that fill the last block: the first ones are `filled` later, from there on
    they are zeros."""
    end = padded(c, columns, block)
    made = RowBlocks(c.alloc(kind, [rows, _apart(c, rows, end, block)]), rows, end, block)
    zero = c.b.const(0.0, kind)
    if constant_of(end) is None or constant_of(end) != constant_of(filled):
        with c.loop(rows) as i:
            made.in_blocks(c, filled, lambda at: c.store(zero, *at(i)))
    return made


def _apart(c: Context, rows: Value, columns: Value, block: int) -> Value:
    """The columns that a row has room for: an odd number of blocks, as the elements of one column would meet in few
    sets of the cache if a row were a power of two."""
    return columns if is_short(rows) else c.b.op("arith.ori", [columns, c.b.index(block)], [columns.type])


def is_short(n: Value) -> bool:
    """Whether a matrix of so many rows is known to stay in the first cache."""
    known = constant_of(n)
    return isinstance(known, int) and known <= SHORT


def copy_elements(c: Context, source: Value, target: Value) -> None:
    """Between matrices of the same sizes."""
    nest(c, c.sizes(target), lambda at: c.store(c.load(source, at), target, at))
