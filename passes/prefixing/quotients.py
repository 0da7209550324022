"""A state that is a quotient of two sums, (a*s + b) / (c*s + d): two such steps are one, with the product of their
matrices [[a, b], [c, d]]; numbers that are known to be 0 or 1 are not multiplied.

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
from .elements import LANES, LEVELS, MOST_GROWTH, Cycle, add_product, in_all, lefts, merged

if TYPE_CHECKING:
    from .group import Group

_Number = Value | int
_Matrix = Sequence[Sequence[_Number]]
LEAST = {32: 2.0**-90, 64: 2.0**-900}  # of sums: below, products lose digits
EPSILON = {32: 2.0**-23, 64: 2.0**-52}


class Quotients(Cycle):
    """A state as a quotient."""

    def __init__(self, states: Sequence[Round], form: Moebius, fused: bool) -> None:
        super().__init__(states)
        self.form, self.fused = form, fused

    def guard(self, g: Group) -> Value | None:
        """Every state is what its step makes of the one before, to within four bits more than a rounding."""
        assert isinstance(self.type, t.FloatType)
        b, (above, below) = g.b, self._matrix(g)
        before, after = (g.lane(value) for value in (self.states[0].arg, self.states[0].next))
        num, den = (self._applied(b, row, before) for row in (above, below))
        off = add_product(b, b.negf(after), den, num, self.fused)
        width, size = self.type.width, b.math("absf", num)
        least = b.const(LEAST[width], size.type)
        most = b.mulf(size, b.const(MOST_GROWTH * EPSILON[width], size.type))
        near = b.cmpf("olt", b.addf(b.math("absf", off), least), most)
        return in_all(b, b.op("arith.andi", [near, b.cmpf("olt", least, b.math("absf", den))], [near.type]))

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        matrix = self._matrix(g)
        for level in LEVELS:
            matrix = self._merged(g, matrix, level)
        state = g.args[self.states[0].arg]
        whole = [[self._last(g, x) for x in row] for row in matrix]
        return [self._quotient(g.b, matrix, g.splat(state))], [self._quotient(g.b, whole, state)]

    def _matrix(self, g: Group) -> _Matrix:
        """Of each round."""
        a, b, c, d = (x if isinstance(x, int) else g.expr(x, self.type) for x in self.form)
        return (a, b), (c, d)

    def _merged(self, g: Group, matrix: _Matrix, level: int) -> _Matrix:
        """The right halves of blocks after the left ones."""
        def left(x: _Number) -> _Number:
            return x if isinstance(x, int) else g.order.shuffled(g.b, x, x, lefts(level))
        columns = list(zip(*(map(left, row) for row in matrix), strict=True))
        new = [[self._dot(g.b, row, column) for column in columns] for row in matrix]
        return [[self._choice(g, *pair, level) for pair in zip(*rows, strict=True)]
                for rows in zip(matrix, new, strict=True)]

    def _choice(self, g: Group, left: _Number, right: _Number, level: int) -> _Number:
        if isinstance(left, int) and left == right:
            return left
        wide = t.VectorType((LANES,), self.type)
        return g.order.shuffled(g.b, _value(g.b, left, wide), _value(g.b, right, wide), merged(level))

    def _last(self, g: Group, x: _Number) -> _Number:
        return x if isinstance(x, int) else g.order.number(g.b, x, LANES - 1)

    def _quotient(self, b: Builder, matrix: _Matrix, state: Value) -> Value:
        num, den = (self._applied(b, row, state) for row in matrix)
        return b.divf(num, den)

    def _applied(self, b: Builder, row: Sequence[_Number], state: Value) -> Value:
        """row[0]*state + row[1]"""
        return _value(b, self._dot(b, row, (state, 1)), state.type)

    def _dot(self, b: Builder, x: Sequence[_Number], y: Sequence[_Number]) -> _Number:
        """x[0]*y[0] + x[1]*y[1]"""
        return self._plus_product(b, x[0], y[0], self._plus_product(b, x[1], y[1], 0))

    def _plus_product(self, b: Builder, x: _Number, y: _Number, z: _Number) -> _Number:
        """x*y + z"""
        if isinstance(x, int):
            x, y = y, x
        if isinstance(x, int):
            assert isinstance(y, int)
            return _plus(b, x * y, z)
        if isinstance(y, int) and y in (0, 1):
            return _plus(b, x, z) if y else z
        y = _value(b, y, x.type)
        return _plus(b, b.mulf(x, y), z) if isinstance(z, int) else add_product(b, x, y, z, self.fused)


def _plus(b: Builder, x: _Number, y: _Number) -> _Number:
    if isinstance(x, int):
        x, y = y, x
    if isinstance(x, int) or y == 0:
        return x + y if isinstance(x, int) and isinstance(y, int) else x
    return b.addf(x, _value(b, y, x.type))


def _value(b: Builder, x: _Number, type: t.Type) -> Value:
    return b.const(x, type) if isinstance(x, int) else x
