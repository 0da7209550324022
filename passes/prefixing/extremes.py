"""An extreme that each round chooses by a comparison, and what comes with it: of two rounds as one the comparison of
their own numbers chooses. Of equal ones the first stays the first, or the last the last. No number may be NaN.

Where nothing but the last values is wanted each lane keeps an extreme of its own, and the round before which it came.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.parts import Round

from ..slicing.extremes import Extreme, exchanged
from .elements import LANES, LEVELS, Cycle, Kept, Lanes, all_of, in_all, lefts

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
        return _chosen(b, self.form, earlier, later)


class Champions(Kept):
    """Extremes of all lanes: of equal ones of several lanes the round says which was the first, or the last."""

    n_beside = 1

    def __init__(self, extremes: Extremes, order: Lanes) -> None:
        super().__init__(extremes.states)
        self.form, self.brought, self.order = extremes.form, extremes.brought, order

    def guard(self, g: Group) -> Value | None:
        """No NaN comes in, or was there."""
        if not isinstance(self.type, t.FloatType):
            return None
        best, *_ = g.lanes_of(self)
        return in_all(g.b, g.b.cmpf("ord", g.lane(self.form.other), best))

    def lanes_of(self, b: Builder, numbers: Sequence[Value]) -> list[Value]:
        """All are in the first lane, before any round; the others have what everything is preferred to."""
        nobody = [b.const(self._worst(), self.type), *numbers[1:]]
        lanes = [self.order.vector(b, [number, *[other] * (LANES - 1)])
                 for number, other in zip(numbers, nobody, strict=True)]
        never = 2**62 if self.form.keeps_first else -2
        return [*lanes, self.order.vector(b, [b.index(-1), *[b.index(never)] * (LANES - 1)])]

    def _worst(self) -> float | int:
        if isinstance(self.type, t.FloatType):
            return -math.inf if self.form.is_most else math.inf
        assert isinstance(self.type, t.IntType)
        is_signed = self.form.predicate.startswith("s") and self.type.width > 1
        least, n = -2**(self.type.width - 1) if is_signed else 0, 2**self.type.width
        return least if self.form.is_most else least + n - 1

    def numbers_of(self, b: Builder, lanes: Sequence[Value]) -> list[Value]:
        found = [[self.order.number(b, each, lane) for each in lanes] for lane in range(LANES)]
        while len(found) > 1:
            found = [self._better(b, *pair) for pair in zip(found[::2], found[1::2], strict=True)]
        return found[0][:-1]

    def _better(self, b: Builder, x: Sequence[Value], y: Sequence[Value]) -> list[Value]:
        """What stands in y where that is more extreme, or equal and of an earlier group, or of none that is earlier.
        A NaN, which the first lane alone may have, stays."""
        is_float = isinstance(self.type, t.FloatType)
        compare = b.cmpf if is_float else b.cmpi
        more = ("o" if is_float else self.form.predicate[0]) + ("gt" if self.form.is_most else "lt")
        equal = compare("oeq" if is_float else "eq", y[0], x[0])
        when = b.cmpi("slt" if self.form.keeps_first else "sge", y[-1], x[-1])
        taken = b.condition("ori", compare(more, y[0], x[0]), b.condition("andi", equal, when))
        return [b.select(taken, *pair) for pair in zip(y, x, strict=True)]

    def added(self, g: Group) -> list[Value]:
        rounds = [g.lane(value) for value in self.brought]
        return _chosen(g.b, self.form, g.lanes_of(self), [*rounds, g.splat(g.args[g.loop.counter])])

    def apart(self, b: Builder, lanes: Sequence[Value]) -> list[Value]:
        return self.numbers_of(b, lanes)

    def joined(self, b: Builder, lanes: Sequence[Value], numbers: Sequence[Value]) -> list[Value]:
        return self.lanes_of(b, numbers)


def _chosen(b: Builder, form: Extreme, earlier: Sequence[Value], later: Sequence[Value]) -> list[Value]:
    """Of each pair the one where the comparison of the first pair chooses it."""
    asked = form.condition
    pair = [later[0] if v is form.other else earlier[0] for v in asked.operands]
    truth = b.op(asked.name, pair, [t.shaped(t.i1, earlier[0].type)], dict(asked.attrs))
    sides = (earlier, later) if form.inverse else (later, earlier)
    return [b.select(truth, x, y) for x, y in zip(*sides, strict=True)]
