"""What stands after a scan and may stand before it: ops that do not need it, and checks that need not wait for it."""

from __future__ import annotations

from dataclasses import field

from scancc.ir.core import Op, Value, encloses
from scancc.ir.ops import CHECKS, has_trait
from scancc.late_dataclasses import dataclass

from ..checks_first import needed_for
from ..licm import safe_anywhere


@dataclass
class Ahead:
    """The ops after a scan, sorted into those that may move before it and those that stay behind.

    The error that a program raises stays the same: a check goes ahead of the scan where no check comes before it and
    the scan has none, and in a function's block where `checks-first` takes it to the front anyway. What a check that
    stays may guard stays as well.
    """

    scan: Op
    behind: set[Op] = field(default_factory=set)
    guarded: set[Op] = field(default_factory=set)  # those after the first check that stays

    def __post_init__(self) -> None:
        block = self.scan.parent
        assert block is not None
        self.behind.add(self.scan)
        reorders, stays = _reorders(self.scan), False
        fails = any(not (reorders and _goes_first(op, self.scan)) for op in self.scan.walk() if has_trait(op, CHECKS))
        for op in block.ops[block.ops.index(self.scan) + 1:]:
            checks = may_fail(op)
            goes = not stays and not fails or reorders and _is_early(op)
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


def _goes_first(check: Op, scan: Op) -> bool:
    """Whether `licm` takes a check out of a step, and of scans in it, and `checks-first` to the front."""
    around = check.parent_op()
    while around is not None and around is not scan and around.name == "scan.scan":
        around = around.parent_op()
    return around is scan and _is_early(check) and not varies(check, scan)


def varies(op: Op, scan: Op) -> bool:
    """Whether an op needs what a step makes: one that does not fails in the first step, if at all."""
    pending, seen = [op], {op}
    while pending:
        for value in (v for inner in pending.pop().walk() for v in inner.operands):
            if encloses(scan.body, value.block):
                if value.op is None:
                    return True
                if value.op not in seen:
                    seen.add(value.op)
                    pending.append(value.op)
    return False
