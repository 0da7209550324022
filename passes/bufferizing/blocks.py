"""Sums of rows that a step adds: blocks of terms that end in some of the steps join the blocks before them."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import int_attr, operand

from .context import Context, converts
from .nests import materialise
from .updates import updatable


@converts("scan.add_block", at_target=True)
def add_block(c: Context, op: Op) -> None:
    """A copy of the block's sums joins, in the step behind its last term alone."""
    blocks, block = updatable(c, op, operand(op, "dest")), materialise(c, operand(op, "block"))
    b, place, size = c.b, c.get(operand(op, "place")), int_attr(op, "size")
    sums = c.alloc(t.element(block.type), c.sizes(block))
    is_whole = b.cmpi("eq", b.op("arith.andi", [place, b.index(size - 1)], [t.index]), b.index(0))
    ends = b.op("arith.andi", [is_whole, b.cmpi("sgt", place, b.index(0))], [t.i1])
    with c.when(ends):
        c.copy(block, sums)
        _join(c, op, sums, blocks, b.subi(place, b.index(size)), b.addi(place, b.index(1)))
    c.set(op.result, blocks)


@converts("scan.sum_blocks")
def sum_blocks(c: Context, op: Op) -> None:
    b, end, size = c.b, c.get(operand(op, "end")), int_attr(op, "size")
    sums, blocks = c.own_copy(materialise(c, operand(op, "block"))), materialise(c, operand(op, "blocks"))
    first = b.op("arith.andi", [b.subi(end, b.index(1)), b.index(-size)], [t.index])
    _join(c, op, sums, blocks, first, end)
    c.set(op.result, sums)


def _join(c: Context, op: Op, sums: Value, blocks: Value, first: Value, end: Value) -> None:
    row = sums if len(c.sizes(sums)) == 1 else c.reshape(sums, c.sizes(blocks)[1:])
    c.b.make("scan.join_row", [row, blocks, first, end], [], {"size": op.attrs["size"]})
