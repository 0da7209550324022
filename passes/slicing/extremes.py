"""Extremes that a step chooses by a comparison, and states that are exchanged where they are.

    c = x > m
    m = select(c, x, m)          an extreme, of equal ones the first
    p = select(c, v, p)          what came with it
"""

from __future__ import annotations

from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPF, CMPI
from scancc.late_dataclasses import dataclass

ORDERED = ("gt", "ge", "lt", "le")


@dataclass(frozen=True)
class Extreme:
    """`other` where `condition`, a comparison of it and the state, holds, else the state; or the other way round."""

    state: Value
    other: Value
    condition: Op
    inverse: bool


def extreme_of(choice: Op, state: Value) -> Extreme | None:
    """What a choice makes of a state, or None where it is no extreme."""
    condition, x, y = choice.operands
    asked = condition.op
    if asked is None or not _is_ordered(asked) or {x, y} != {*asked.operands} or state not in (x, y) or x is y:
        return None
    return Extreme(state, y if x is state else x, asked, inverse=x is state)


def _is_ordered(op: Op) -> bool:
    names = {"arith.cmpf": CMPF, "arith.cmpi": CMPI}.get(op.name)
    return names is not None and names[op.attrs["predicate"].value][1:] in ORDERED


def exchanged(state: Value, following: Value, extreme: Extreme) -> Value | None:
    """What another state is where an extreme is `other`, while it else stays what it was; None if it does not."""
    op = following.op
    if op is None or op.name != "arith.select" or state is extreme.state:
        return None
    condition, x, y = op.operands
    taken, kept = (y, x) if extreme.inverse else (x, y)
    return taken if condition is extreme.condition.result and kept is state and taken is not state else None
