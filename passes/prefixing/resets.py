"""A state that choices keep or drop, and what is added to it: of two such rounds as one, what was before counts where
both keep it.

    s = (c ? 0 : s) + x       kept, v  =  not c, x;  after another round  kept & kept', v' + (kept' ? v : 0)

    s = max(c ? low : s, x)   kept, v  =  not c, (c ? max(low, x) : x), and so for all that joins bits or extremes

No number is multiplied: what was before a reset is forgotten, NaN too. Where nothing is added to what is kept, no
float is rounded, and no guard is asked. Where a state is kept is an integer of all bits, as wide as the state: those
can be shuffled, and a processor chooses by their signs.
Source: Blelloch, Prefix sums and their applications (1990), on segmented scans.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.parts import Round

from ..slicing.forms import Affine, Joined
from ..slicing.terms import Expr
from .elements import COUNTS_TWICE, LANES, LEVELS, Cycle, lefts, merged
from .group import Group


def can_reset(form: Affine, type: t.Type) -> bool:
    """Whether choices alone say what is kept of a state, which has integers as wide as it is."""
    return form.is_kept_or_not and type != t.i1


class Resets(Cycle):
    """A state that is kept or not (`factor`), and a value that `adds` to it, or stands where it is not."""

    def __init__(self, states: Sequence[Round], factor: Expr, rest: Expr, adds: bool) -> None:
        super().__init__(states)
        self.factor, self.rest, self.adds = factor, rest, adds
        self.mask = t.IntType(8 * t.nbytes(self.type))

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        b, v, state = g.b, g.expr(self.rest, self.type), g.args[self.states[0].arg]
        kept = g.expr(self.factor, self.mask)
        kept = b.op("arith.subi", [b.const(0, kept.type), kept], [kept.type])
        for level in LEVELS:
            v = self._level(g, kept, v, level)
            kept = b.op("arith.andi", [kept, g.order.shuffled(b, kept, kept, lefts(level))], [kept.type])
        made = self._after(b, kept, g.splat(state), v)
        if isinstance(self.type, t.FloatType):  # a choice of a number would be a branch
            return [made], [g.order.number(b, made, LANES - 1)]
        return [made], [self._after(b, *(g.order.number(b, x, LANES - 1) if x is not state else x
                                         for x in (kept, state, v)))]

    def _level(self, g: Group, kept: Value, v: Value, level: int) -> Value:
        """What the right halves of blocks are after the left ones."""
        if isinstance(self.type, t.FloatType):
            left = g.order.shuffled(g.b, v, v, lefts(level))
            made = self._after(g.b, kept, left, v)
            return g.order.shuffled(g.b, v, made, merged(level)) if self.adds else made
        nothing = [left if lane & level else LANES for lane, left in enumerate(lefts(level))]
        return self._after(g.b, kept, g.order.shuffled(g.b, v, g.b.const(0, v.type), nothing), v)

    def _after(self, b: Builder, kept: Value, earlier: Value, later: Value) -> Value:
        """What a round makes of an earlier value."""
        if not isinstance(self.type, t.FloatType):
            return b.op("arith.addi", [b.op("arith.andi", [kept, earlier], [kept.type]), later], [later.type])
        known = b.cmpi("slt", kept, b.const(0, kept.type))
        return b.select(known, b.addf(earlier, later) if self.adds else earlier, later)


class JoinedResets(Resets):
    """A state that is joined to a value by bits or as an extreme, or not kept."""

    def __init__(self, states: Sequence[Round], form: Joined) -> None:
        super().__init__(states, form.kept, form.other, True)
        self.form = form

    def _level(self, g: Group, kept: Value, v: Value, level: int) -> Value:
        made = self._after(g.b, kept, g.order.shuffled(g.b, v, v, lefts(level)), v)
        return g.order.shuffled(g.b, v, made, merged(level)) if self.form.op in COUNTS_TWICE else made

    def _after(self, b: Builder, kept: Value, earlier: Value, later: Value) -> Value:
        known = b.cmpi("slt", kept, b.const(0, kept.type))
        pair = [earlier, later] if self.form.state_first else [later, earlier]
        return b.select(known, b.op(self.form.op, pair, [later.type]), later)
