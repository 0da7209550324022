"""sinh, cosh and the inverses of the hyperbolic functions."""

from __future__ import annotations

from . import coefficients
from .builder import Value, estrin, fma, where
from .doubled import Doubled, divide, fast_two_sum, square_root, two_product, two_sum
from .exponential import expm1_near_zero, is_tiny, power_of_two, reduce_ln2
from .logarithm import INFINITY, NAN, log1p, log1p_of_sum

# Just above the largest argument with a finite result.
_SINH_LIMIT = {"f64": 710.6, "f32": 89.5}
_LARGE, _STEP = 2.0**500, 400  # from the first on asinh(x) and acosh(x) are log(2x), of x divided by 2 to the second


def _quarter_exp(x: Value) -> Doubled:
    """exp(|x|)/4, which is finite as long as sinh and cosh are."""
    reduced = reduce_ln2(x.abs().at_most(_SINH_LIMIT[x.kind]))
    near = expm1_near_zero(reduced)
    one = fast_two_sum(1.0, near.hi)
    power = power_of_two(reduced.shifted - 2.0)
    return Doubled(one.hi * power, (one.lo + near.lo) * power)


def _from_exp(x: Value, sign: float) -> Value:
    """(E + sign/E)/2 for E = exp(|x|)."""
    quarter = _quarter_exp(x)
    return (quarter.hi + fma(0.0625 * sign, 1.0 / quarter.hi, quarter.lo)) * 2.0


def cosh(x: Value) -> Value:
    return _from_exp(x, 1.0)


def sinh(x: Value) -> Value:
    """A polynomial for |x| < 1, where exp(x) - exp(-x) loses digits."""
    z = x * x
    table = coefficients.SINH_F64 if x.kind == "f64" else coefficients.SINH_F32
    small = fma(x * z, estrin(table, z), x)
    return where(x.abs() < 1.0, small, _from_exp(x, -1.0).copysign(x))


def _log1p_or_log(x: Value, large: Value, hi: Value, lo: Value) -> Value:
    """log(2x) where x is large, else log(1 + hi + lo)."""
    argument = where(large, x * 2.0**-_STEP, hi)
    return log1p_of_sum(argument, where(large, 0.0, lo), where(large, x.like(_STEP + 1.0), 0.0))


def asinh(x: Value) -> Value:
    """log1p(a + (sqrt(1 + a*a) - 1)) for a = |x|."""
    a = x.abs()
    large = a > _LARGE
    reduced = where(large, 1.0, a)
    square = two_product(reduced, reduced)
    radicand = two_sum(square.hi, 1.0)
    root = square_root(fast_two_sum(radicand.hi, radicand.lo + square.lo))
    more = two_sum(root.hi, -1.0)
    total = two_sum(a, more.hi)
    result = _log1p_or_log(a, large, total.hi, total.lo + (more.lo + root.lo))
    result = where(a < INFINITY, result, a)
    return where(is_tiny(x), x, result.copysign(x))


def acosh(x: Value) -> Value:
    """log1p(t + sqrt(t*(x + 1))) for t = x - 1."""
    large = x > _LARGE
    reduced = where(large, 2.0, x)
    t, above = two_sum(reduced, -1.0), two_sum(reduced, 1.0)
    product = two_product(t.hi, above.hi)
    product = Doubled(product.hi, product.lo + fma(t.hi, above.lo, t.lo * above.hi))
    root, root_lo = square_root(product)
    total = two_sum(t.hi, root)
    low = where(x.equals(1.0), 0.0, total.lo + (t.lo + root_lo))
    result = _log1p_or_log(x, large, total.hi, low)
    result = where(x < INFINITY, result, x)
    return where(x < 1.0, NAN, result)


def atanh(x: Value) -> Value:
    """log1p(2a/(1 - a)) / 2 for a = |x|."""
    a = x.abs()
    ratio = divide(Doubled(a * 2.0, a.like(0.0)), two_sum(-a, 1.0))
    result = (log1p_of_sum(ratio.hi, ratio.lo) * 0.5).copysign(x)
    at_end = where(a.equals(1.0), x.like(INFINITY).copysign(x), NAN)
    return where(is_tiny(x), x, where(a < 1.0, result, at_end))


def asinh_f32(x: Value) -> Value:
    wide = x.to_f64()
    a = wide.abs()
    square = a.at_most(2.0**128) * a.at_most(2.0**128)
    return _odd_f32(x, log1p(a + square / ((square + 1.0).sqrt() + 1.0)))


def acosh_f32(x: Value) -> Value:
    wide = x.to_f64()
    t = wide - 1.0
    result = log1p(t + (t * (wide + 1.0)).sqrt()).to_f32()
    return where(x < 1.0, NAN, result)


def atanh_f32(x: Value) -> Value:
    wide = x.to_f64()
    a = wide.abs()
    ratio = (a + a) / (1.0 - a)
    return _odd_f32(x, where(a > 1.0, NAN, log1p(ratio) * 0.5))


def _odd_f32(x: Value, magnitude: Value) -> Value:
    return magnitude.to_f32().copysign(x)
