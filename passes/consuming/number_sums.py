"""Sums of numbers where a mask holds, as states: the sum of a block of terms, and those of the blocks before.

    %some = scan.gather(%ys, %places)             %start, %blocks_next = where a block begins:
    %s = scan.reduce sum(%some)            ->       -0.0, scan.add_block(%block, %blocks, %k) {size = 64}
                                                  %block_next = arith.select(%holds, %start + %y, %start)
                                                  ...
                                                  %s = scan.sum_blocks(%block_end, %blocks_end, %count)

Numbers that are read at positions are no neighbours in memory, so that outside they are added in order within blocks.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.parts import Carry, ScanView
from scancc.late_dataclasses import dataclass

from .picked import Picked
from .sums import BLOCK_ROWS, SIZE, room_of


@dataclass(frozen=True)
class NumberSum:
    """The states of a sum of some numbers: of those of a block, and of the blocks before it."""

    block: Carry
    blocks: Carry

    @classmethod
    def of(cls, scan: ScanView, block: Carry, before: Builder) -> NumberSum:
        init = room_of(before, scan.length, _as_row(before, block.init))
        return cls(block, scan.new_carry(init, init))

    def made(self, row: Value, picked: Picked, b: Builder) -> list[Carry]:
        """The states with a step's number, where it is picked."""
        # one number that is rarely 0, as processors guess it: of a random mask half of all guesses would be wrong
        at = b.op("arith.andi", [picked.number, b.index(BLOCK_ROWS - 1)], [t.index])
        at = b.select(picked.holds, at, b.index(1))
        follows = [b.cmpi("eq", at, b.index(0)), b.cmpi("sgt", picked.number, b.index(0))]
        start, blocks = self._begun(b.op("arith.andi", follows, [t.i1]), picked.number, b)
        block = b.select(picked.holds, b.op("arith.addf", [start, row], [row.type], {"exact": True}), start)
        return [self.block._replace(next=block), self.blocks._replace(next=blocks)]

    def _begun(self, now: Value, number: Value, b: Builder) -> list[Value]:
        """What a block starts from, and the sums of blocks, where one begins."""
        then, otherwise = (Builder(Block(), None, b.location) for _ in range(2))
        joined = then.op("scan.add_block", [_as_row(then, self.block.arg), self.blocks.arg, number],
                         [self.blocks.arg.type], SIZE)
        then.make("scf.yield", [then.const(-0.0, self.block.arg.type), joined])
        otherwise.make("scf.yield", [self.block.arg, self.blocks.arg])
        return b.make("scf.if", [now], [self.block.arg.type, joined.type], None,
                      [Region([side.block]) for side in (then, otherwise)]).results

    def total(self, end: Op, count: Value | None) -> Value:
        """The sum of so many numbers, before `end`."""
        assert end.parent is not None and count is not None
        b = Builder(end.parent, end, end.location)
        row = _as_row(b, self.block.final)
        made = b.op("scan.sum_blocks", [row, self.blocks.final, count], [row.type], SIZE)
        return b.op("tensor.extract", [made, b.index(0)], [self.block.final.type])


def _as_row(b: Builder, number: Value) -> Value:
    return b.op("tensor.from_elements", [number], [t.TensorType((1,), number.type)])
