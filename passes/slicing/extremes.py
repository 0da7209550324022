"""Extremes that a step chooses by a comparison, and states that are exchanged where they are.

    c = x > m
    m = select(c, x, m)          an extreme, of equal ones the first
    p = select(c, v, p)          what came with it

Of a comparison that no NaN passes (`x > m and m == m`), as that of `argmax`, the rest is for states that are NaN.
"""

from __future__ import annotations

from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPF, CMPI
from scancc.late_dataclasses import dataclass

ORDERED = ("gt", "ge", "lt", "le")


@dataclass(frozen=True)
class Extreme:
    """`other` where `condition`, a comparison of it and the state, holds, else the state; or the other way round.
    `truth`: what the step asks, the same where neither is NaN."""

    state: Value
    other: Value
    condition: Op
    truth: Value
    inverse: bool

    @property
    def is_most(self) -> bool:
        """Whether it is the largest, or else the least."""
        of_other = self.condition.operands[0] is self.other
        return ((self.predicate[1] == "g") == of_other) != self.inverse

    @property
    def keeps_first(self) -> bool:
        """Whether of equal ones the first stays, or else the last comes in."""
        return (self.predicate[2] == "t") != self.inverse

    @property
    def predicate(self) -> str:
        return _predicate_of(self.condition)


def extreme_of(choice: Op, state: Value) -> Extreme | None:
    """What a choice makes of a state, or None where it is no extreme."""
    truth, x, y = choice.operands
    asked = _comparison(truth, state)
    if asked is None or {x, y} != {*asked.operands} or state not in (x, y) or x is y:
        return None
    return Extreme(state, y if x is state else x, asked, truth, inverse=x is state)


def _comparison(truth: Value, state: Value) -> Op | None:
    """The comparison that decides, where the state is no NaN."""
    op = truth.op
    if op is not None and op.name == "arith.andi":
        parts = [part for part in op.operands if not _is_number(part, state)]
        op = parts[0].op if len(parts) == 1 else None
    return op if op is not None and _predicate_of(op)[1:] in ORDERED else None


def _is_number(truth: Value, state: Value) -> bool:
    """Whether a truth is that a state is no NaN."""
    op = truth.op
    return op is not None and _predicate_of(op) == "ord" and {*op.operands} == {state}


def _predicate_of(op: Op) -> str:
    names = {"arith.cmpf": CMPF, "arith.cmpi": CMPI}.get(op.name)
    return names[op.attrs["predicate"].value] if names is not None else ""


def exchanged(state: Value, following: Value, extreme: Extreme) -> Value | None:
    """What another state is where an extreme is `other`, while it else stays what it was; None if it does not."""
    op = following.op
    if op is None or op.name != "arith.select" or state is extreme.state:
        return None
    condition, x, y = op.operands
    taken, kept = (y, x) if extreme.inverse else (x, y)
    return taken if condition is extreme.truth and kept is state and taken is not state else None
