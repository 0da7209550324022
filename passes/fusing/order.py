"""What of a block must stand before, and what behind, two of its ops that become one."""

from __future__ import annotations

from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import CHECKS, has_trait, is_pure
from scancc.ir.types import TensorType


class Order:
    """Which ops of a block wait for which. Made anew when the block has changed."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._needs: dict[Op, set[Op]] = {}
        self._checks: dict[Op, bool] = {}

    def between(self, first: Op, second: Op) -> list[Op]:
        ops = self.block.ops
        return ops[ops.index(first) + 1:ops.index(second)]

    def late(self, first: Op, ops: list[Op]) -> set[Op]:
        """Those of `ops`, which stand behind `first` in order, that wait for it."""
        found: set[Op] = set()
        for op in ops:
            needs = self.needs(op)
            if first in needs or not found.isdisjoint(needs):
                found.add(op)
        return found

    def needs(self, op: Op) -> set[Op]:
        """The makers of what an op, and all in it, uses."""
        if op not in self._needs:
            used = op.operands if not op.regions else [v for inner in op.walk() for v in inner.operands]
            self._needs[op] = {v.op for v in used if v.op is not None}
        return self._needs[op]

    def fails(self, op: Op) -> bool:
        """True where an op may end the program."""
        if op not in self._checks:
            self._checks[op] = not is_pure(op) if op.regions else has_trait(op, CHECKS)
        return self._checks[op]


def decided_by_sizes(check: Op) -> bool:
    """True of a check that compares sizes and scalars: those come before all work, wherever they stand
    (`checks-first`)."""
    seen: set[Op] = set()
    stack: list[Value] = list(check.operands)
    while stack:
        op = stack.pop().op
        if op is None or op in seen:
            continue
        if op.regions or not is_pure(op) or isinstance(op.results[0].type, TensorType):
            return False
        seen.add(op)
        stack += op.operands
    return True
