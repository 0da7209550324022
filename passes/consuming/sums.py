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

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.fast_math import is_exact
from scancc.ir.parts import Carry, ScanView
from scancc.ir.shapes import dims_of, dynamic_dims
from scancc.late_dataclasses import dataclass

BLOCK_ROWS = 64    # terms of a block
STACK_LEVELS = 40  # sums of 1, 2, 4, ... blocks
SIZE = {"size": t.IntAttr(BLOCK_ROWS, t.i64)}


@dataclass(frozen=True)
class Sum:
    """The states of a sum of so many rows: of those of a block, and of the blocks before it where there may be any.
    `nothing`: what a block starts from."""

    count: Value
    block: Carry
    blocks: Carry | None = None
    nothing: Value | None = None
    takes_product: bool = False  # whether terms are products with a matrix, which are not rounded

    @classmethod
    def of(cls, end: Op, scan: ScanView, block: Carry, count: Value, before: Builder) -> Sum:
        """The sum that `end` is, with `block` as its first state."""
        known, takes_product = constant_of(count), end.name == "scan.dot" and not is_exact(end)
        if is_exact(end) or known is not None and known <= BLOCK_ROWS:
            return cls(count, block, takes_product=takes_product)
        init, nothing = room_of(before, count, block.init), _filled(before, -0.0, block.init)
        return cls(count, block, scan.new_carry(init, init), nothing, takes_product)

    @property
    def carries(self) -> list[Carry]:
        return [self.block] if self.blocks is None else [self.block, self.blocks]

    def added(self, row: Value, number: Value, b: Builder) -> list[Value]:
        """The states with one more row, whose number among them is given."""
        block, blocks = self.block.arg, self.blocks
        if blocks is None or self.nothing is None:
            return [self._added(b, block, row)]
        joined = b.op("scan.add_block", [block, blocks.arg, number], [blocks.init.type], SIZE)
        begins = b.cmpi("eq", b.op("arith.andi", [number, b.index(BLOCK_ROWS - 1)], [t.index]), b.index(0))
        follows = b.op("arith.andi", [begins, b.cmpi("sgt", number, b.index(0))], [t.i1])
        return [self._added(b, b.select(follows, self.nothing, block), row), joined]

    def _added(self, b: Builder, sums: Value, row: Value) -> Value:
        attrs = {"exact": True} | ({"product": True} if self.takes_product else {})
        return b.op("arith.addf", [sums, row], [row.type], attrs)

    def total(self, end: Op, steps: Value | None) -> Value:
        """The sum before `end`; after so many steps, where running tells how many."""
        assert end.parent is not None
        b, sums = Builder(end.parent, end, end.location), self.block.final
        return sums if self.blocks is None else b.op(
            "scan.sum_blocks", [sums, self.blocks.final, steps or self.count], [sums.type], SIZE)


def _filled(b: Builder, value: float, like: Value) -> Value:
    assert isinstance(like.type, t.TensorType)
    return b.op("tensor.splat", [b.const(value, like.type.element), *dynamic_dims(like.type, dims_of(b, like))],
                [like.type])


def room_of(b: Builder, steps: Value, sums: Value) -> Value:
    """An array with a row for the sums of 1, 2, 4, ... blocks: never more rows than blocks, less the last one."""
    assert isinstance(sums.type, t.TensorType)
    elements = b.index(1)
    for size in dims_of(b, sums):
        elements = b.muli(elements, size)
    joined = b.op("arith.divsi", [b.subi(steps, b.index(1)), b.index(BLOCK_ROWS)], [t.index])
    sizes = [b.maxsi(b.minsi(joined, b.index(STACK_LEVELS)), b.index(0)), elements]
    type = t.TensorType((constant_of(sizes[0]), constant_of(elements)), sums.type.element)
    return b.op("tensor.empty", dynamic_dims(type, sizes), [type])
