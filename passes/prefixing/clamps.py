"""States that are added to and kept between bounds: two such steps are one with a sum and bounds of its own.

    min(max(min(max(s + a, l), h) + b, m), k)  =  min(max(s + (a + b), L), H)
    where L and H are what the second step makes of l and h, as if they were states

Extremes are instructions of the processor here, as groups with a NaN are left to the steps as they are written. So
are those in which an integer could wrap around on the way: small numbers are added up in any order.
Source: Fisher and Ghuloum, Parallelizing complex scans and reductions (1994).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Value
from scancc.ir.parts import Round

from ..slicing.forms import Clamped
from ..slicing.terms import ZERO, Expr
from .elements import (
    LANES,
    LEVELS,
    Cycle,
    Lanes,
    add_product,
    all_of,
    in_all,
    lefts,
    merged,
    near,
    powers_of,
    products_of,
    small,
)
from .group import Group, scalar

MOST_ADDENDS = 4  # of a step: 32 of a group, each below 2**(w - 9), add up to less than 2**(w - 4)
LEAST_WIDTH = 32  # of integers that are added to


class _Step(NamedTuple):
    """A step, or some of them as one, in each lane or as numbers; without bounds that are None."""

    added: Value | None
    low: Value | None
    high: Value | None


def can_clamp(form: Clamped, type: t.Type) -> bool:
    """Whether groups of such steps are combined at all."""
    if form.added == ZERO or isinstance(type, t.FloatType):
        return True
    wide = isinstance(type, t.IntType) and type.width >= LEAST_WIDTH
    return wide and form.kind == "si" and len(form.addends) <= MOST_ADDENDS


def can_climb(form: Clamped, type: t.Type) -> bool:
    """Whether what every round adds is an integer; that it is the same one is another question."""
    return form.added != ZERO and isinstance(type, t.IntType)


class Clamping(Cycle):
    """A state, a value that is added to it, and bounds."""

    def __init__(self, states: Sequence[Round], form: Clamped) -> None:
        super().__init__(states)
        self.form = form

    def guard(self, g: Group) -> Value | None:
        """No NaN comes in, and no sum leaves the numbers."""
        if isinstance(self.type, t.FloatType):
            return self._guard_floats(g)
        return None if self.form.added == ZERO else self._guard_integers(g)

    def _guard_floats(self, g: Group) -> Value:
        state, step = g.args[self.states[0].arg], self._step(g)
        low, high = step.low or step.high, step.high or step.low
        assert low is not None and high is not None
        found = [in_all(g.b, g.b.cmpf("ord", low, high))]
        if step.added is None:
            return all_of(g.b, [*found, g.b.cmpf("ord", state, state)])
        return all_of(g.b, [*found, in_all(g.b, near(g.b, step.added)), near(g.b, state)])

    def _guard_integers(self, g: Group) -> Value:
        """Every value and every bound is asked for: one that wraps may lie behind another bound."""
        state = _is_bound(g.b, g.args[self.states[0].arg])
        small = [_is_addend(g.b, g.expr(v, self.type)) for v in self.form.addends]
        small += [_is_bound(g.b, g.expr(v, self.type)) for v in self.form.bounds]
        return all_of(g.b, [in_all(g.b, all_of(g.b, small)), state])

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        b = g.b
        step = self._step(g)
        *factors, last = self._factors(g)
        for level, factor in zip(LEVELS, factors, strict=True):
            left = _Step(*(x and g.order.shuffled(b, x, x, lefts(level)) for x in step))
            both = self._after(b, left, step, factor)
            if step.added is not None or factor is not None:  # bounds alone are the same twice
                both = _Step(*(new and old and g.order.shuffled(b, old, new, merged(level))
                               for old, new in zip(step, both, strict=True)))
            step = both
        state = g.args[self.states[0].arg]
        whole = _Step(*(x and g.order.number(b, x, LANES - 1) for x in step))
        end = last and g.order.number(b, last, LANES - 1)
        return [self._applied(b, g.splat(state), step, last)], [self._applied(b, state, whole, end)]

    def _step(self, g: Group) -> _Step:
        """Each round's own."""
        def lane(expr: Expr | None) -> Value | None:
            return None if expr is None else g.expr(expr, self.type)
        added = None if self.form.added == ZERO else self.form.added
        return _Step(lane(added), lane(self.form.low), lane(self.form.high))

    def _factors(self, g: Group) -> Sequence[Value | None]:
        """By what the later of two steps multiplies at each level, and all of them behind the last."""
        return [None] * (len(LEVELS) + 1)

    def _after(self, b: Builder, earlier: _Step, later: _Step, factor: Value | None) -> _Step:
        """Two steps as one."""
        both = None
        if earlier.added is not None and later.added is not None:
            both = self._moved(b, earlier.added, later.added, factor)
        return _Step(both, *(bound and self._applied(b, bound, later, factor)
                             for bound in (earlier.low, earlier.high)))

    def _applied(self, b: Builder, state: Value, step: _Step, factor: Value | None) -> Value:
        state = self._moved(b, state, step.added, factor)
        if step.low is not None:
            state = self._extreme(b, "max", state, step.low)
        return state if step.high is None else self._extreme(b, "min", state, step.high)

    def _moved(self, b: Builder, state: Value, added: Value | None, factor: Value | None) -> Value:
        return state if added is None else self._sum(b, state, added)

    def _sum(self, b: Builder, x: Value, y: Value) -> Value:
        return b.op("arith.addf" if isinstance(self.type, t.FloatType) else "arith.addi", [x, y], [x.type])

    def _extreme(self, b: Builder, which: str, state: Value, bound: Value) -> Value:
        """The last of equal ones, where none is NaN."""
        x, y = (state, bound) if self.form.state_first else (bound, state)
        if not isinstance(self.type, t.FloatType):
            return b.op(f"arith.{which}{self.form.kind}", [x, y], [x.type])
        return b.select(b.cmpf("ogt" if which == "max" else "olt", x, y), x, y)


class Scaling(Clamping):
    """A state between bounds that is multiplied, too, by what is never below 0: the bounds are, as it is.

        max(f * max(g*s + a, l) + b, m)  =  max((f*g)*s + (f*a + b), L)
        where L is what the second step makes of l
    """

    def __init__(self, states: Sequence[Round], form: Clamped, before: Builder, order: Lanes, is_fixed: bool,
                 fused: bool) -> None:
        super().__init__(states, form)
        self.fused = fused
        self.powers = powers_of(before, order, scalar(before, form.factor, self.type)) if is_fixed else []
        self.scales = [scalar(before, scale, self.type) for scale in form.scales] if is_fixed else []

    def guard_all(self, before: Builder) -> Value | None:
        if not self.powers:
            return None
        return all_of(before, [*(_is_no_less(before, scale) for scale in self.scales),
                               in_all(before, small(before, self.powers[-1]))])

    def _guard_floats(self, g: Group) -> Value:
        """No infinity comes in either, which is NaN times 0."""
        step = self._step(g)
        lanes = [near(g.b, x) for x in step if x is not None]
        if not self.powers:
            lanes += [_is_no_less(g.b, g.expr(scale, self.type)) for scale in self.form.scales]
            lanes.append(small(g.b, self._factors(g)[-1]))
        return all_of(g.b, [in_all(g.b, all_of(g.b, lanes)), near(g.b, g.args[self.states[0].arg])])

    def _factors(self, g: Group) -> Sequence[Value]:
        if self.powers:
            return self.powers
        if self not in g.factors:
            g.factors[self] = products_of(g, g.expr(self.form.factor, self.type))
        return g.factors[self]

    def _moved(self, b: Builder, state: Value, added: Value | None, factor: Value | None) -> Value:
        assert factor is not None
        return add_product(b, factor, state, added, self.fused)


class Climbing(Clamping):
    """Every round adds the same integer c, as an edit distance adds 1: what holds after i rounds is looked at less
    i*c, so that only bounds are left to combine."""

    def __init__(self, states: Sequence[Round], form: Clamped, before: Builder, order: Lanes) -> None:
        super().__init__(states, replace(form, added=ZERO, addends=()))
        self.addends = [scalar(before, v, self.type) for v in form.addends]
        step = scalar(before, form.added, self.type)
        self.ramp = [before.muli(step, before.const(n + 1, self.type)) for n in range(LANES)]
        self.lanes = order.vector(before, self.ramp)

    def guard(self, g: Group) -> Value | None:
        return self._guard_integers(g)

    def guard_all(self, before: Builder) -> Value | None:
        asked = [_is_addend(before, v) for v in self.addends]
        return all_of(before, asked)

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        (lanes,), (after,) = super().solve(g)
        return [self._sum(g.b, lanes, self.lanes)], [self._sum(g.b, after, self.ramp[-1])]

    def _step(self, g: Group) -> _Step:
        low, high = super()._step(g)[1:]
        return _Step(None, *(bound and g.b.op("arith.subi", [bound, self.lanes], [bound.type])
                             for bound in (low, high)))


def _is_no_less(b: Builder, scale: Value) -> Value:
    """Where a factor is not below 0."""
    return b.cmpf("oge", scale, b.const(0.0, scale.type))


def _is_bound(b: Builder, x: Value) -> Value:
    """Where an integer is so near to 0 that a group's addends take it to no end of its type."""
    return _within(b, x, 3)


def _is_addend(b: Builder, x: Value) -> Value:
    return _within(b, x, 9)


def _within(b: Builder, x: Value, spare: int) -> Value:
    """Where an integer needs so many bits less than its type has."""
    type = t.element(x.type)
    assert isinstance(type, t.IntType)
    bits = type.width - spare
    known = constant_of(x)
    if known is not None:
        return b.const(abs(known) <= 2**bits, t.i1)
    moved = b.op("arith.addi", [x, b.const(2**bits, x.type)], [x.type])
    return b.cmpi("ule", moved, b.const(2**(bits + 1), x.type))
