"""A state that is a quotient of two sums, (a*s + b) / (c*s + d): two such steps are one, with the product of their
matrices [[a, b], [c, d]] (`matrices.py`).

No matrix says beforehand what cancels in its products. So a group is asked whether each of its states is what its
step makes of the one before, up to some bits: where one is not, the rounds go one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.parts import Round

from ..slicing.quotients import Moebius
from .elements import LANES, MOST_GROWTH, Cycle, add_product, in_all
from .matrices import Matrix, Products

if TYPE_CHECKING:
    from .group import Group

LEAST = {32: 2.0**-90, 64: 2.0**-900}  # of sums: below, products lose digits
EPSILON = {32: 2.0**-23, 64: 2.0**-52}


class Quotients(Cycle):
    """A state as a quotient."""

    def __init__(self, states: Sequence[Round], form: Moebius, fused: bool) -> None:
        super().__init__(states)
        self.form, self.products = form, Products(self.type, fused)

    def guard(self, g: Group) -> Value | None:
        """Every state is what its step makes of the one before, to within four bits more than a rounding."""
        assert isinstance(self.type, t.FloatType)
        b, (above, below) = g.b, self._matrix(g)
        before, after = (g.lane(value) for value in (self.states[0].arg, self.states[0].next))
        num, den = (self.products.applied(b, row, [before]) for row in (above, below))
        off = add_product(b, b.negf(after), den, num, self.products.fused)
        width, size = self.type.width, b.math("absf", num)
        least = b.const(LEAST[width], size.type)
        most = b.mulf(size, b.const(MOST_GROWTH * EPSILON[width], size.type))
        near = b.cmpf("olt", b.addf(b.math("absf", off), least), most)
        return in_all(b, b.op("arith.andi", [near, b.cmpf("olt", least, b.math("absf", den))], [near.type]))

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        matrix = self.products.of_all(g, self._matrix(g))
        state = g.args[self.states[0].arg]
        whole = self.products.of_round(g, matrix, LANES - 1)
        return [self._quotient(g.b, matrix, g.splat(state))], [self._quotient(g.b, whole, state)]

    def _matrix(self, g: Group) -> Matrix:
        """Of each round."""
        a, b, c, d = (x if isinstance(x, int) else g.expr(x, self.type) for x in self.form)
        return (a, b), (c, d)

    def _quotient(self, b: Builder, matrix: Matrix, state: Value) -> Value:
        num, den = (self.products.applied(b, row, [state]) for row in matrix)
        return b.divf(num, den)
