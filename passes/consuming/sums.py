"""Sums of floats along rows that are arrays, as states: the sums of a block of rows, and those of the blocks before.

    %sum = scan.reduce sum(%ys, axes 0)     ->     %blocks_next = scan.add_block(%block, %blocks, %t) {size = 64}
                                                   %start = arith.select(%t % 64 == 0 and %t > 0, -0.0, %block)
                                                   %block_next = arith.addf(%start, %y) {exact}
                                                   ...
                                                   %sum = scan.sum_blocks(%block_end, %blocks_end, %n)

So the terms are added in the order, and joined in the pairs, in which a loop nest outside adds them
(`bufferizing/nests.py`): where neighbours are summed side by side, in order within blocks of 64 rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import is_exact
from scancc.ir.parts import Carry, ScanView
from scancc.ir.shapes import dims_of, dynamic_dims

BLOCK_ROWS = 64    # terms of a block
STACK_LEVELS = 40  # sums of 1, 2, 4, ... blocks
SIZE = {"size": t.IntAttr(BLOCK_ROWS, t.i64)}


@dataclass(frozen=True)
class Sum:
    """The states of a sum: of the rows of a block, and of the blocks before it where there may be any."""

    block: Carry
    blocks: Carry | None

    @classmethod
    def of(cls, end: Op, scan: ScanView, block: Carry, row: Value, b: Builder, before: Builder) -> Sum:
        """The sum that `end` is, of a row a step, with `block` as its first state. `b` builds in the step."""
        steps = constant_of(scan.length)
        if is_exact(end) or steps is not None and steps <= BLOCK_ROWS:
            return cls(block._replace(next=_added(b, block.arg, row)), None)
        init, nothing = _room(before, scan.length, block.init), _filled(before, -0.0, block.init)
        blocks = scan.new_carry(init, init)
        joined = b.op("scan.add_block", [block.arg, blocks.arg, scan.counter], [init.type], SIZE)
        begins = b.cmpi("eq", b.op("arith.andi", [scan.counter, b.index(BLOCK_ROWS - 1)], [t.index]), b.index(0))
        follows = b.op("arith.andi", [begins, b.cmpi("sgt", scan.counter, b.index(0))], [t.i1])
        start = b.select(follows, nothing, block.arg)
        return cls(block._replace(next=_added(b, start, row)), blocks._replace(next=joined))

    @property
    def carries(self) -> list[Carry]:
        return [self.block] if self.blocks is None else [self.block, self.blocks]

    def total(self, end: Op, steps: Value) -> Value:
        """The sum after so many steps, before `end`."""
        assert end.parent is not None
        b, sums = Builder(end.parent, end, end.location), self.block.final
        return sums if self.blocks is None else b.op(
            "scan.sum_blocks", [sums, self.blocks.final, steps], [sums.type], SIZE)


def _added(b: Builder, sums: Value, row: Value) -> Value:
    return b.op("arith.addf", [sums, row], [row.type], {"exact": True})


def _filled(b: Builder, value: float, like: Value) -> Value:
    assert isinstance(like.type, t.TensorType)
    return b.op("tensor.splat", [b.const(value, like.type.element), *dynamic_dims(like.type, dims_of(b, like))],
                [like.type])


def _room(b: Builder, steps: Value, sums: Value) -> Value:
    """An array with a row for the sums of 1, 2, 4, ... blocks: never more rows than blocks, less the last one."""
    assert isinstance(sums.type, t.TensorType)
    elements = b.index(1)
    for size in dims_of(b, sums):
        elements = b.muli(elements, size)
    joined = b.op("arith.divsi", [b.subi(steps, b.index(1)), b.index(BLOCK_ROWS)], [t.index])
    sizes = [b.maxsi(b.minsi(joined, b.index(STACK_LEVELS)), b.index(0)), elements]
    type = t.TensorType((constant_of(sizes[0]), constant_of(elements)), sums.type.element)
    return b.op("tensor.empty", dynamic_dims(type, sizes), [type])
