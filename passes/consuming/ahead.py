"""What stands after a scan and may stand before it: ops that do not need it, and checks that need not wait for it."""

from __future__ import annotations

from dataclasses import field

from scancc.ir.core import Op, Value
from scancc.ir.ops import CHECKS, has_trait
from scancc.late_dataclasses import dataclass

from ..checks_first import needed_for
from ..licm import safe_anywhere


@dataclass
class Ahead:
    """The ops after a scan, sorted into those that may move before it and those that stay behind.

    The error that a program raises stays the same: in a function's block a check goes ahead of the scan where
    `checks-first` takes it to the front anyway, elsewhere where no check comes before it and the scan has none.
    What a check that stays may guard stays as well.
    """

    scan: Op
    behind: set[Op] = field(default_factory=set)
    guarded: set[Op] = field(default_factory=set)  # those after the first check that stays

    def __post_init__(self) -> None:
        block = self.scan.parent
        assert block is not None
        self.behind.add(self.scan)
        reorders, fails, stays = _reorders(self.scan), may_fail(self.scan), False
        for op in block.ops[block.ops.index(self.scan) + 1:]:
            checks = may_fail(op)
            goes = _is_early(op) if reorders else not stays and not fails
            if self._needs(op) or checks and not goes or stays and not all(map(safe_anywhere, op.walk())):
                self.behind.add(op)
                stays = stays or checks
            if stays:
                self.guarded.add(op)

    def _needs(self, op: Op) -> bool:
        return any(v.op in self.behind for inner in op.walk() for v in inner.operands)

    def is_free(self, value: Value) -> bool:
        """Whether a value can be there before the scan."""
        return value.op is None or value.op not in self.behind

    def go(self, last: Op) -> None:
        """Move before the scan what may, and stands between it and `last`."""
        block = self.scan.parent
        assert block is not None
        first, end = block.ops.index(self.scan), block.ops.index(last)
        between = block.ops[first:end]
        block.ops[first:end] = [*(op for op in between if op not in self.behind),
                                *(op for op in between if op in self.behind)]


def may_fail(op: Op) -> bool:
    """Whether an op, or one inside it, may end the program."""
    return any(has_trait(inner, CHECKS) for inner in op.walk())


def _reorders(scan: Op) -> bool:
    """Whether `checks-first` works on the block of a scan."""
    op = scan.parent_op()
    return op is not None and op.name == "func.func"


def _is_early(op: Op) -> bool:
    return has_trait(op, CHECKS) and needed_for(op) is not None
