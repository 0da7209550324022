"""An extreme that each round chooses by a comparison, and what comes with it: of two rounds as one the comparison of
their own numbers chooses. Of equal ones the first stays the first, or the last the last. No number may be NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.parts import Round

from ..slicing.extremes import Extreme, exchanged
from .elements import LANES, LEVELS, Cycle, all_of, in_all, lefts

if TYPE_CHECKING:
    from .group import Group


class Extremes(Cycle):
    """The first state is the extreme, the others come with it."""

    def __init__(self, states: Sequence[Round], form: Extreme) -> None:
        super().__init__(states)
        self.form = form
        brought = [exchanged(state.arg, state.next, form) for state in states[1:]]
        self.brought = [form.other, *(value for value in brought if value is not None)]

    @property
    def made(self) -> list[Value]:
        return [state.next for state in self.states]

    def guard(self, g: Group) -> Value | None:
        """No NaN comes in."""
        if not isinstance(self.type, t.FloatType):
            return None
        b, state, other = g.b, g.args[self.form.state], g.lane(self.form.other)
        return all_of(b, [in_all(b, b.cmpf("ord", other, other)), b.cmpf("ord", state, state)])

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        b, rounds = g.b, [g.lane(value) for value in self.brought]
        for level in LEVELS:
            left = [g.order.shuffled(b, value, value, lefts(level)) for value in rounds]
            rounds = self._chosen(b, left, rounds)
        states = [g.args[state.arg] for state in self.states]
        after = self._chosen(b, states, [g.order.number(b, value, LANES - 1) for value in rounds])
        return self._chosen(b, [g.splat(state) for state in states], rounds), after

    def _chosen(self, b: Builder, earlier: Sequence[Value], later: Sequence[Value]) -> list[Value]:
        asked = self.form.condition
        pair = [later[0] if v is self.form.other else earlier[0] for v in asked.operands]
        truth = b.op(asked.name, pair, [t.shaped(t.i1, earlier[0].type)], dict(asked.attrs))
        sides = (earlier, later) if self.form.inverse else (later, earlier)
        return [b.select(truth, x, y) for x, y in zip(*sides, strict=True)]
