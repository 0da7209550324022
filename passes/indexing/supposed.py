"""What a loop's body gives in rounds where a truth is known.

    %s = arith.select(%m, %x, %c)          where %m is false: %c
    %t = arith.andi(%m, %k)                where %m is false: false

Only what follows without arithmetic on floats, so that it holds to the bit, whatever the numbers are.
"""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.constants import everywhere
from scancc.ir.core import Block, Op, Value

_FROM_TRUTHS = ("arith.extui", "arith.uitofp", "arith.index_castui")


class Known(NamedTuple):
    """A number, in all lanes of a vector."""

    number: bool | int | float


Outcome = Value | Known


class Supposed:
    """What each value of a body is if `truth`, or all its lanes, are `holds`."""

    def __init__(self, body: Block, truth: Value, holds: bool) -> None:
        self.found: dict[Value, Outcome] = {truth: Known(holds)}
        for op in body.ops:
            if len(op.results) == 1 and op.result is not truth and not self.found.keys().isdisjoint(op.operands):
                outcome = self._outcome(op)
                if outcome is not op.result:
                    self.found[op.result] = outcome

    def of(self, value: Value) -> Outcome:
        if value in self.found:
            return self.found[value]
        known = everywhere(value)
        return value if known is None else Known(known.value)

    def _outcome(self, op: Op) -> Outcome:
        given = [self.of(value) for value in op.operands]
        if op.name == "arith.select":
            return _chosen(op, *given)
        if op.name in ("arith.andi", "arith.ori", "arith.xori") and t.element(op.result.type) == t.i1:
            return _of_truths(op, *given)
        if op.name in _FROM_TRUTHS and t.element(op.operands[0].type) == t.i1 and isinstance(given[0], Known):
            return Known(float(given[0].number) if op.name == "arith.uitofp" else int(given[0].number))
        return _of_integers(op, given)


def _chosen(op: Op, condition: Outcome, first: Outcome, second: Outcome) -> Outcome:
    if isinstance(condition, Known):
        return first if condition.number else second
    return op.result


def _of_truths(op: Op, first: Outcome, second: Outcome) -> Outcome:
    known, other = (first, second) if isinstance(first, Known) else (second, first)
    if not isinstance(known, Known):
        return op.result
    if op.name == "arith.xori":
        if isinstance(other, Known):
            return Known(bool(known.number) != bool(other.number))
        return op.result if known.number else other
    decides = op.name == "arith.ori"
    return Known(decides) if bool(known.number) == decides else other


def _of_integers(op: Op, given: list[Outcome]) -> Outcome:
    """A sum with 0, or a product with it."""
    if op.name not in ("arith.addi", "arith.muli"):
        return op.result
    zeros = [outcome == Known(0) for outcome in given]
    if not any(zeros):
        return op.result
    return Known(0) if op.name == "arith.muli" else given[zeros[0]]
