"""Lengths of scans that a check compares: one value, so that the scans are of one length.

    %h = scan.scan(%x_n0, %x) {...}              check %x_n0 == %y_n0
    %g = scan.scan(%y_n0, %y) {...}       ->     %h = scan.scan(%x_n0, %x) {...}
    check %x_n0 == %y_n0                         %g = scan.scan(%x_n0, %y) {...}
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir.builder import constant_of
from scancc.ir.core import Block, Op, Value
from scancc.ir.equalities import compares
from scancc.ir.ops import CHECKS, has_trait, operand
from scancc.ir.parts import ScanView

from ..checks_first import needed_for


def let_lengths_agree(block: Block) -> None:
    """Move such checks to the front of a function, with those before them, as `checks-first` would, and read one of
    two lengths in place of the other. Before these checks is nothing else that may fail."""
    around = block.parent_op()
    lengths = {ScanView(op).length for op in block.ops if op.name == "scan.scan"}
    if around is None or around.name != "func.func" or len(lengths) < 2:
        return
    checks = _first_checks(block)
    asked = [check for check in checks if lengths.issuperset(_compared(check))]
    if asked:
        front = _to_the_front(block, checks[:checks.index(asked[-1]) + 1])
        same: dict[Value, Value] = {}
        for check in asked:
            first, second = (_stands_for(v, same) for v in _compared(check))
            if first is not second:
                same[second] = first
                _replace(second, first, front)


def _first_checks(block: Block) -> list[Op]:
    """The checks of sizes before which nothing else may fail."""
    found: list[Op] = []
    for op in block.ops:
        if has_trait(op, CHECKS) and needed_for(op) is not None:
            found.append(op)
        elif any(has_trait(inner, CHECKS) for inner in op.walk()):
            break
    return found


def _compared(check: Op) -> Sequence[Value]:
    """The two lengths that a check requires to be equal, of which none is known; a value that is no length else."""
    condition = operand(check, "condition")
    compare = condition.op
    if compare is None or not compares(compare, "eq") or any(constant_of(v) is not None for v in compare.operands):
        return [condition]
    return compare.operands


def _to_the_front(block: Block, checks: list[Op]) -> dict[Op, None]:
    front: dict[Op, None] = {}
    for check in checks:
        front.update(dict.fromkeys(sorted(needed_for(check) or (), key=block.ops.index)))
        front[check] = None
    block.ops = [*front, *(op for op in block.ops if op not in front)]
    return front


def _stands_for(value: Value, same: dict[Value, Value]) -> Value:
    while value in same:
        value = same[value]
    return value


def _replace(old: Value, new: Value, front: dict[Op, None]) -> None:
    for user in list(old.uses):
        if user not in front:
            user.replace_operand(old, new)
