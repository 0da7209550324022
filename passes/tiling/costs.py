"""What a step costs as one loop, and as stages over a tile: cycles of one core, by the table of `latencies`."""

from __future__ import annotations

from collections.abc import Iterable

from scancc.ir import types as t
from scancc.ir.core import Op
from scancc.late_dataclasses import dataclass

from ..slicing.latencies import busy
from .stages import Stages

REGISTER_BYTES = 32  # of a vector that a core adds in a cycle, on most machines today
HANDED_ON = 1        # a value stored in a tile and read again
WORTH = 3            # cycles a step for which a second loop and a tile in the cache are taken


@dataclass(frozen=True)
class Cost:
    """Cycles a step: in one loop, and tiled."""

    whole: float
    tiled: float

    @property
    def is_less(self) -> bool:
        return self.whole - self.tiled >= max(WORTH, self.whole / 8)


def cost_of(stages: Stages) -> Cost:
    """The cost of a step: in a loop the core is busy with all of it while the longest chain runs."""
    whole = max(_busy(stages.of_op), _chain(stages, range(stages.last + 1)))
    tiled = float(HANDED_ON * len(stages.crossing))
    for stage in range(stages.last + 1):
        ops = stages.ops(stage)
        tiled += max(_busy(ops), _chain(stages, [stage])) if stage % 2 else sum(busy(op) / _lanes(op) for op in ops)
    return Cost(whole, tiled)


def _busy(ops: Iterable[Op]) -> int:
    return sum(busy(op) for op in ops)


def _chain(stages: Stages, which: Iterable[int]) -> int:
    """The longest chain of the cycles in some stages."""
    return max((cycle.chain or 0 for cycle in stages.slice.cycles if stages.of_arg[cycle.carries[0].arg] in which),
               default=0)


def _lanes(op: Op) -> int:
    return REGISTER_BYTES // max(t.nbytes(v.type) for v in (*op.operands, *op.results))
