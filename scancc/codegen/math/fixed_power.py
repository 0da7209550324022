"""x to a power that the program says: products of numbers held as two floats, rounded once at the end.

What overflows on the way, or is infinite, has no low part; then the product of the high ones is the result.
"""

from __future__ import annotations

from typing import NamedTuple

from .builder import Value, fma, where
from .doubled import Doubled, remainder, square_root, two_product
from .logarithm import INFINITY

# The second where x or the result is no more than 2**60 times the smallest normal number: low parts lose bits there.
ULP, ULP_OF_TINY = 0.6, 1.6


def power(x: Value, exponent: float) -> Value:
    """x**exponent with the special values of `pow`; of exponents see `scancc.ir.powers`."""
    base, count = _Factor(x), _count(exponent)
    if count != abs(exponent):
        base = _Factor(*square_root(Doubled(_without_sign(x), x.like(0.0))))
    if exponent < 0:
        base = _inverse(base)
    if count > 1:
        return _product(*_last_factors(base, count))
    return _rounded(base.hi, base.low, base.hi + base.low) if exponent == -0.5 else base.hi


def power_f32(x: Value, exponent: float) -> Value:
    """The same in float64, where nothing overflows that is finite in the end, and few roundings do not show."""
    base, count = x.to_f64(), _count(exponent)
    if count != abs(exponent):
        base = _without_sign(base).sqrt()
    return _repeated(1.0 / base if exponent < 0 else base, count).to_f32()


def _count(exponent: float) -> int:
    """How many factors: x, or its root where the exponent is no whole number."""
    size = abs(exponent)
    return int(size) if size == int(size) else int(size * 2)


def _repeated(x: Value, count: int) -> Value:
    if count == 1:
        return x
    half = _repeated(x, count // 2)
    return half * half * x if count % 2 else half * half


class _Factor(NamedTuple):
    """hi + lo; hi alone where it is exact."""

    hi: Value
    lo: Value | None = None

    @property
    def low(self) -> Value:
        return self.hi.like(0.0) if self.lo is None else self.lo


def _without_sign(x: Value) -> Value:
    """Of -0 and -inf, whose roots are no powers."""
    return where(x.equals(-INFINITY), INFINITY, x) + 0.0


def _inverse(a: _Factor) -> _Factor:
    one = a.hi.like(1.0)
    hi = one / a.hi
    return _Factor(hi, hi * remainder(Doubled(one, a.hi.like(0.0)), hi, Doubled(a.hi, a.low)))


def _last_factors(base: _Factor, count: int) -> tuple[_Factor, _Factor]:
    """Two factors of base**count, of squares where they can be."""
    if count % 2:
        return _times(*_last_factors(base, count - 1)) if count > 1 else base, base
    half = _times(*_last_factors(base, count // 2)) if count > 2 else base
    return half, half


def _times(a: _Factor, b: _Factor) -> _Factor:
    """`product` of `doubled.py`, without terms of low parts that are not there."""
    hi, lo = two_product(a.hi, b.hi)
    for high, low in ((a.hi, b.lo), (b.hi, a.lo)):
        lo = lo if low is None else fma(high, low, lo)
    return _Factor(hi, lo)


def _product(a: _Factor, b: _Factor) -> Value:
    """a * b, rounded once."""
    high = a.hi * b.hi
    cross = [(x, y) for x, y in ((a.hi, b.lo), (b.hi, a.lo)) if y is not None]
    if not cross:
        return high
    (x, y), *others = cross
    low = x * y
    for x, y in others:
        low = fma(x, y, low)
    if high.body.has_fma:
        return _rounded(high, low, fma(a.hi, b.hi, low))
    low = low + two_product(a.hi, b.hi).lo
    return _rounded(high, low, high + low).copysign(high)


def _rounded(high: Value, low: Value, both: Value) -> Value:
    return where(low.abs() < INFINITY, both, high)
