"""The determinant and the inverse of a matrix of two rows by their formulas.

`a*d - b*c`, and what is opposite by its reciprocal: one division, for which elimination has three that wait for each
other and for the choice of a pivot (40 of the 200 cycles of a step of a Kalman filter with two observations). With u
half an ulp of 1 the determinant is off by at most `2*u*(|a*d| + |b*c|)`, as after elimination, and each entry of the
inverse by that part of itself and 3*u (stable for two rows: Higham, Accuracy and Stability of Numerical Algorithms,
1.10.1).

Where the determinant has lost half its digits, or products may have left the range of floats, `Cofactors.hold` is
false and the matrix is eliminated: what is singular there is singular here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Value
from scancc.late_dataclasses import dataclass

from .context import Context
from .small_solvers import Grid

HALF: dict[t.Type, float] = {t.f64: 2.0**-26, t.f32: 2.0**-12}  # of the digits
RANGE: dict[t.Type, tuple[float, float]] = {  # of a determinant whose products have all their digits
    t.f64: (2.0**-900, 2.0**1000), t.f32: (2.0**-80, 2.0**120)}


@dataclass(frozen=True)
class Cofactors:
    """A determinant, whether it is to be used, and the entries of the inverse times it."""

    det: Value
    hold: Value
    entries: Grid
    block: Block

    def inverse(self, c: Context) -> Grid:
        reciprocal = c.b.divf(c.b.const(1.0, self.det.type), self.det)
        return [[c.b.mulf(entry, reciprocal) for entry in row] for row in self.entries]


def of_two_rows(c: Context, matrix: Value, source: Value, found: Callable[[Cofactors], Sequence[Value]],
                eliminated: Callable[[], Sequence[Value]]) -> Sequence[Value]:
    """What is `found` by formula of the buffer `matrix` of the array `source`, where that has two rows and cofactors
    that hold, else what elimination gives, which may write over what `found` has written."""
    n = c.sizes(matrix)[0]
    if t.element(matrix.type) not in RANGE or constant_of(n) not in (None, 2):
        return eliminated()
    if constant_of(n) == 2:
        two = _cofactors(c, matrix, source)
        return c.rarely(c.b.opposite(two.hold), eliminated, found(two))
    hold, *values = _if_two(c, n, lambda: _cofactors(c, matrix, source), found)
    return c.either(hold, lambda: values, eliminated)


def _if_two(c: Context, n: Value, cofactors: Callable[[], Cofactors],
            found: Callable[[Cofactors], Sequence[Value]]) -> list[Value]:
    """Whether cofactors of so many rows hold, and what is `found` of them."""
    b, values = c.b, list[Value]()

    def of_two() -> list[Value]:
        two = cofactors()
        values.extend((two.hold, *found(two)))
        return values
    return c.either(b.cmpi("eq", n, b.index(2)), of_two, lambda: [b.const(0, v.type) for v in values])


def _cofactors(c: Context, matrix: Value, source: Value) -> Cofactors:
    """What a block has of a matrix already, or made here."""
    made = c.cofactors.get(source)
    if made is None or made.block is not c.b.block:
        made = c.cofactors[source] = _made(c, matrix)
    return made


def _made(c: Context, matrix: Value) -> Cofactors:
    b = c.b
    (a11, a12), (a21, a22) = ([c.load(matrix, [b.index(i), b.index(j)]) for j in range(2)] for i in range(2))
    plus, minus = b.mulf(a11, a22), b.mulf(a12, a21)
    det, zero = b.subf(plus, minus), b.const(0.0, plus.type)
    return Cofactors(det, _holds(b, plus, minus, det), [[a22, b.subf(zero, a12)], [b.subf(zero, a21), a11]], b.block)


def _holds(b: Builder, plus: Value, minus: Value, det: Value) -> Value:
    size = b.math("absf", det)
    half, least, most = (b.const(bound, det.type) for bound in (HALF[det.type], *RANGE[det.type]))
    kept = b.mulf(b.addf(b.math("absf", plus), b.math("absf", minus)), half)
    inside = b.condition("andi", b.cmpf("oge", size, least), b.cmpf("ole", size, most))
    return b.condition("andi", b.cmpf("oge", size, kept), inside)
