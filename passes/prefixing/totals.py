"""A state of which nothing but the last value is wanted: each lane keeps one of its own, from group to group, and
lanes are combined once, after the last group. Sums and bits, and extremes of integers: no order of equal ones counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value

from .elements import LANES, Joining, Lanes

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


class Totals(Joining):
    """Such a state."""

    def __init__(self, joining: Joining, order: Lanes) -> None:
        super().__init__(joining.states, joining.op, joining.other, joining.state_first)
        self.order, self.neutral = order, neutral_of(self.op, self.type)

    @property
    def made(self) -> list[Value]:
        return []

    def lanes_of(self, b: Builder, number: Value) -> Value:
        """A number as lanes."""
        nothing = b.const(self.neutral, self.type)
        return self.order.vector(b, [number, *[nothing] * (LANES - 1)])

    def number_of(self, b: Builder, lanes: Value) -> Value:
        """All lanes as a number, in pairs."""
        found = [self.order.number(b, lanes, lane) for lane in range(LANES)]
        while len(found) > 1:
            found = [self._join(b, *pair) for pair in zip(found[::2], found[1::2], strict=True)]
        return found[0]

    def added(self, g: Group) -> Value:
        """The lanes after a group."""
        return self._join(g.b, g.args[self.states[0].arg], g.expr(self.other, self.type))

    def joined(self, b: Builder, lanes: Value, number: Value) -> Value:
        """The lanes, and what some rounds one by one came to."""
        return self._join(b, lanes, self.lanes_of(b, number))
