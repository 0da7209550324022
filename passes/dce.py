"""Removes ops that only compute or read, whose results nobody uses.

    %0 = "math.exp"(%x)                                  "scan.yield"(%h)
    "scan.yield"(%h)                              ->

Why: tracing and other passes leave values behind. Where: after every pass that replaces uses.
Loops and scans go as a whole, when all their results are unused and all inside only computes and reads; a single
unused result of a loop is the business of `dead-outputs`. Conservative about: anything that writes
memory or may end the program (`scan.check`).
Cost: one walk, last op first, so that a chain falls in one go.
"""

from __future__ import annotations

from scancc.ir.core import Block, Op
from scancc.ir.ops import is_dead


def dce(module: Op) -> None:
    for region in module.regions:
        for block in region.blocks:
            _clean(block)


def _clean(block: Block) -> None:
    for op in reversed(list(block.ops)):
        if is_dead(op):
            op.erase()
            continue
        for region in op.regions:
            for inner in region.blocks:
                _clean(inner)
