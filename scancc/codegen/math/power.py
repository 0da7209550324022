"""pow, by a logarithm and an exponential with about 68 bits between them."""

from __future__ import annotations

from . import coefficients
from .builder import Value, estrin, fma, where
from .doubled import (
    Doubled,
    add,
    divide,
    fast_two_sum,
    multiply,
    multiply_one,
    two_sum,
)
from .exponential import LN2_PARTS, power_of_two, reduce_ln2, scale
from .logarithm import INFINITY, NAN, split_positive

TWO_THIRDS = (0.6666666666666666, float.fromhex("0x1.5555555555555p-55"))
_SIGN = {"f64": -(1 << 63), "f32": -(1 << 31)}


def log_wide(x: Value) -> Doubled:
    """log(x) for positive x, to about 2**-66 of it."""
    k, m = split_positive(x)
    f = m - 1.0
    s = divide(Doubled(f, f.like(0.0)), fast_two_sum(2.0, f))
    z = multiply(s, s)
    series = z.hi * estrin(coefficients.POW_LOG, z.hi)
    slope = fast_two_sum(TWO_THIRDS[0], series)
    slope = Doubled(slope.hi, slope.lo + TWO_THIRDS[1])
    third = multiply(s, multiply(z, slope))
    near = add(Doubled(s.hi * 2.0, s.lo * 2.0), third)
    ln2_hi, ln2_lo = LN2_PARTS["f64"]
    whole = k * ln2_hi
    total = two_sum(whole, near.hi)
    return fast_two_sum(total.hi, total.lo + fma(k, ln2_lo, near.lo))


def exp_wide(x: Doubled) -> Value:
    """exp(x.hi + x.lo)."""
    kept = x.hi.at_most(710.0).at_least(-746.0)
    low = where(kept.equals(x.hi), x.lo, 0.0)
    shifted, n, upper, upper_lo = reduce_ln2(kept)
    r, r_lo = fast_two_sum(upper, upper_lo + low)
    start = fast_two_sum(1.0, r)
    tail = fma(r * r, estrin(coefficients.EXPM1_F64, r), fma(r, r_lo, r_lo) + start.lo)
    return scale(start.hi + tail, shifted, n)


def _integer_parity(y: Value) -> tuple[Value, Value]:
    """Whether y is an integer (infinities are), and an odd one."""
    f = y.format
    unit = 2.0**f.mantissa_bits
    size = y.abs()
    small = size < unit
    counted = where(small, size + unit, size)
    integer = where(small, counted - unit, size).equals(size)
    odd = (counted.bits() & 1).equals(1) & integer & (size < 2.0 * unit)
    return integer, odd


def with_special_cases(x: Value, y: Value, magnitude: Value) -> Value:
    """C99's pow from `magnitude` = |x|**y for finite nonzero x."""
    size = x.abs()
    integer, odd = _integer_parity(y)
    at_zero_or_infinity = where((size < 1.0) ^ (y < 0.0), x.like(0.0), INFINITY)
    extreme = size.equals(0.0) | size.equals(INFINITY)
    result = where(extreme, at_zero_or_infinity, magnitude)
    sign = where(odd, x.bits() & _SIGN[x.kind], 0)
    result = (result.bits() | sign).as_float()
    no_root = (x < 0.0) & (size < INFINITY) & (integer ^ True)
    result = where(no_root, NAN, result)
    result = where(x.is_nan() | y.is_nan(), x + y, result)
    return where(x.equals(1.0) | y.equals(0.0), 1.0, result)


def pow(x: Value, y: Value) -> Value:
    # Beyond 2**70 every y gives 0, 1 or infinity; kept there, the products stay finite.
    exponent = y.at_most(2.0**70).at_least(-(2.0**70))
    product = multiply_one(log_wide(x.abs()), exponent)
    return with_special_cases(x, y, exp_wide(product))


def pow_f32(x: Value, y: Value) -> Value:
    k, m = split_positive(x.abs())
    f = (m - 1.0).to_f64()
    s = f / (f + 2.0)
    z = s * s
    natural = fma(s * z, estrin(coefficients.POW_LOG_F32, z), s + s)
    exponent = y.at_most(2.0**40).at_least(-(2.0**40)).to_f64()
    product = exponent * fma(k.to_f64(), 0.6931471805599453, natural)
    shifted, _, r, _ = reduce_ln2(product.at_most(100.0).at_least(-110.0))
    near = fma(r * r, estrin(coefficients.POW_EXP_F32, r), r + 1.0)
    return with_special_cases(x, y, (near * power_of_two(shifted)).to_f32())
