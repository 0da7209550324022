"""Where something that is made of one array may be made: outside of scans that do not change it."""

from __future__ import annotations

from scancc.ir.core import Block, Op, Value, defined_in


def outside(op: Op, array: Value) -> tuple[Block, Op]:
    """The outermost block around `op` in which what is made of `array` is the same in all steps, and before what."""
    block, anchor = op.parent, op
    assert block is not None
    while (around := block.parent_op()) is not None and around.name == "scan.scan" and not defined_in(array, block):
        assert around.parent is not None
        block, anchor = around.parent, around
    return block, anchor
