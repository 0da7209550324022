"""Matrices of the rounds of a group, and states that they take to the next ones. Numbers that are known to be 0 or 1
are not multiplied.

    y = a*y1 + b*y2 + x      y, y1, 1  =  [[a, b, x], [1, 0, 0], [0, 0, 1]] @ (y1, y2, 1)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.parts import Round

from ..slicing.terms import Expr
from .elements import LANES, LEVELS, Cycle, add_product, all_of, in_all, lefts, merged, new_values, small

if TYPE_CHECKING:
    from .group import Group

Number = Value | int
Matrix = Sequence[Sequence[Number]]


class Products:
    """Products of matrices of floats of a type."""

    def __init__(self, type: t.Type, fused: bool) -> None:
        self.type, self.fused = type, fused

    def of_all(self, g: Group, matrix: Matrix) -> Matrix:
        """Of all rounds from the first one of the group on."""
        for level in LEVELS:
            matrix = self._merged(g, matrix, level)
        return matrix

    def of_round(self, g: Group, matrix: Matrix, round: int) -> Matrix:
        """That of one round, as numbers."""
        return [[x if isinstance(x, int) else g.order.number(g.b, x, round) for x in row] for row in matrix]

    def applied(self, b: Builder, row: Sequence[Number], states: Sequence[Value]) -> Value:
        """The sum of the states, each times its factor, and of the last number of a row."""
        return _value(b, self._dot(b, row, (*states, 1)), states[0].type)

    def _merged(self, g: Group, matrix: Matrix, level: int) -> Matrix:
        """The right halves of blocks after the left ones."""
        def left(x: Number) -> Number:
            return x if isinstance(x, int) else g.order.shuffled(g.b, x, x, lefts(level))
        columns = list(zip(*(map(left, row) for row in matrix), strict=True))
        new = [[self._dot(g.b, row, column) for column in columns] for row in matrix]
        return [[self._choice(g, *pair, level) for pair in zip(*rows, strict=True)]
                for rows in zip(matrix, new, strict=True)]

    def _choice(self, g: Group, left: Number, right: Number, level: int) -> Number:
        if isinstance(left, int) and left == right:
            return left
        wide = t.VectorType((LANES,), self.type)
        return g.order.shuffled(g.b, _value(g.b, left, wide), _value(g.b, right, wide), merged(level))

    def _dot(self, b: Builder, x: Sequence[Number], y: Sequence[Number]) -> Number:
        """x[0]*y[0] + (x[1]*y[1] + ...)"""
        total: Number = 0
        for pair in reversed(list(zip(x, y, strict=True))):
            total = self._plus_product(b, *pair, total)
        return total

    def _plus_product(self, b: Builder, x: Number, y: Number, z: Number) -> Number:
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


def _plus(b: Builder, x: Number, y: Number) -> Number:
    if isinstance(x, int):
        x, y = y, x
    if isinstance(x, int) or y == 0:
        return x + y if isinstance(x, int) and isinstance(y, int) else x
    return b.addf(x, _value(b, y, x.type))


def _value(b: Builder, x: Number, type: t.Type) -> Value:
    return b.const(x, type) if isinstance(x, int) else x


class Mixed(Cycle):
    """Several states, each the sum of all of them, each times a factor, and a value, all of which may change."""

    def __init__(self, states: Sequence[Round], factors: Sequence[Sequence[Expr]], rests: Sequence[Expr],
                 fused: bool) -> None:
        super().__init__(states)
        self.rows = [[*row, rest] for row, rest in zip(factors, rests, strict=True)]
        self.products = Products(self.type, fused)

    @property
    def made(self) -> list[Value]:
        return new_values(self.states)

    def guard(self, g: Group) -> Value | None:
        factors = [x for row in self._products(g)[:-1] for x in row[:-1] if isinstance(x, Value)]
        return all_of(g.b, [in_all(g.b, small(g.b, x)) for x in factors]) if factors else None

    def solve(self, g: Group) -> tuple[list[Value], list[Value]]:
        *matrix, _ = self._products(g)
        states = [g.args[state.arg] for state in self.states]
        *whole, _ = self.products.of_round(g, [*matrix, []], LANES - 1)
        before = [g.splat(state) for state in states]
        found = {state.next: self.products.applied(g.b, row, before)
                 for state, row in zip(self.states, matrix, strict=True) if state.next in self.made}
        return [found[value] for value in self.made], [self.products.applied(g.b, row, states) for row in whole]

    def _products(self, g: Group) -> Matrix:
        if self not in g.matrices:
            rows = [[x if isinstance(x, int) else g.expr(x, self.type) for x in row] for row in self.rows]
            g.matrices[self] = self.products.of_all(g, [*rows, [*[0] * len(rows), 1]])
        return g.matrices[self]
