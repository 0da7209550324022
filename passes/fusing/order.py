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


def fails_by_sizes(op: Op) -> bool:
    """True where all that may end the program in an op compares sizes and scalars."""
    return all(decided_by_sizes(inner) for inner in op.walk() if has_trait(inner, CHECKS))


def decided_by_sizes(check: Op) -> bool:
    """True of a check that compares sizes and scalars, which are no step's: those come before all work, wherever they
    stand (`checks-first`)."""
    seen: set[Op] = set()
    stack: list[Value] = list(check.operands)
    while stack:
        value = stack.pop()
        op = value.op
        if op is None and _is_of_a_step(value):
            return False
        if op is None or op in seen or op.name == "tensor.dim" and op.operands[0].op is None:
            continue
        if op.regions or not is_pure(op) or isinstance(op.results[0].type, TensorType):
            return False
        seen.add(op)
        stack += op.operands
    return True


def _is_of_a_step(value: Value) -> bool:
    around = value.block.parent_op()
    return around is not None and around.name != "func.func"
