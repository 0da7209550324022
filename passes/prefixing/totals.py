"""A state of which nothing but the last value is wanted: each lane keeps one of its own, from group to group, and
lanes are combined once, after the last group. Sums and bits, and extremes of integers: no order of equal ones counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value

from .elements import LANES, Joining, Kept, Lanes

if TYPE_CHECKING:
    from .group import Group


def neutral_of(op: str, type: t.Type) -> float | int | None:
    """The number that an op leaves others as they are with, or None where groups are combined in order."""
    if op == "arith.addf":
        return -0.0
    if not isinstance(type, t.IntType) or type.width < 8:
        return None
    least = -2**(type.width - 1)
    return {"addi": 0, "ori": 0, "xori": 0, "andi": -1, "maxsi": least, "minsi": -1 - least, "maxui": 0,
            "minui": -1}.get(op.removeprefix("arith."))


class Totals(Kept):
    """Such a state."""

    def __init__(self, joining: Joining, order: Lanes) -> None:
        super().__init__(joining.states)
        self.joining, self.order, self.neutral = joining, order, neutral_of(joining.op, self.type)

    def lanes_of(self, b: Builder, numbers: Sequence[Value]) -> list[Value]:
        (number,), nothing = numbers, b.const(self.neutral, self.type)
        return [self.order.vector(b, [number, *[nothing] * (LANES - 1)])]

    def numbers_of(self, b: Builder, lanes: Sequence[Value]) -> list[Value]:
        """In pairs."""
        found = [self.order.number(b, lanes[0], lane) for lane in range(LANES)]
        while len(found) > 1:
            found = [self.joining.join(b, *pair) for pair in zip(found[::2], found[1::2], strict=True)]
        return found

    def added(self, g: Group) -> list[Value]:
        (lanes,) = g.lanes_of(self)
        return [self.joining.join(g.b, lanes, g.expr(self.joining.other, self.type))]

    def apart(self, b: Builder, lanes: Sequence[Value]) -> list[Value]:
        return [b.const(self.neutral, self.type)]

    def joined(self, b: Builder, lanes: Sequence[Value], numbers: Sequence[Value]) -> list[Value]:
        return [self.joining.join(b, lanes[0], *self.lanes_of(b, numbers))]
