"""log and its kin: x = 2**k * (1 + f) with |f| small, and a polynomial for log(1 + f)."""

from __future__ import annotations

from typing import NamedTuple

from . import coefficients
from .builder import FORMATS, Operand, Value, estrin, fma, where
from .doubled import Doubled, fast_two_sum, multiply, two_product, two_sum
from .exponential import LN2_PARTS, exp

INFINITY = float("inf")
NAN = float("nan")

SQRT_HALF_BITS = {"f64": 0x3FE6A09E667F3BCD, "f32": 0x3F3504F3}
INVERSE_LN2 = (1.4426950408889634, 2.0355273740931033e-17)
INVERSE_LN10 = (0.4342944819032518, 1.098319650216765e-17)
LOG10_2 = (float.fromhex("0x1.34413509f7800p-2"), float.fromhex("0x1.fef311f12b358p-46"))


class Parts(NamedTuple):
    """x = 2**k * m with sqrt(1/2) <= m < sqrt(2)."""

    k: Value
    m: Value


def _count_from(x: Value) -> float:
    """What makes the number in the exponent's bits, as `_split` reads them, an exponent."""
    return -(2.0**x.format.mantissa_bits + x.format.bias)


def _split(x: Value, count_from: Operand) -> Parts:
    """The parts of a positive normal x, counted from another number where that is not its `_count_from`."""
    f = x.format
    start = SQRT_HALF_BITS[x.kind]
    moved = x.bits() + ((f.bias << f.mantissa_bits) - start)
    m = ((moved & ((1 << f.mantissa_bits) - 1)) + start).as_float()
    # The biased exponent becomes a float as the low bits of 2**mantissa_bits.
    counted = ((moved >> f.mantissa_bits) | ((f.bias + f.mantissa_bits) << f.mantissa_bits)).as_float()
    return Parts(counted + count_from, m)


def split_normal(x: Value) -> Parts:
    """The parts of a positive normal x (anything, for other values)."""
    return _split(x, _count_from(x))


def _branch_if_not_normal(x: Value) -> tuple[Value, Value]:
    """Open a branch for what is no positive normal number; there a subnormal x is a normal number, counted lower."""
    f = x.format
    smallest, beyond = 1 << f.mantissa_bits, (2 * f.bias + 1) << f.mantissa_bits
    # Bits below the smallest and beyond the largest are as signed numbers above one limit.
    shifted = x.bits() + (f.sign_bit - smallest)
    x.body.branch_if_any(shifted >= f.sign_bit + beyond - smallest)
    step = float(f.mantissa_bits + 2)
    small = x < 2.0 ** (1 - f.bias)
    return where(small, x.like(_count_from(x) - step), _count_from(x)), where(small, x * 2.0**step, x)


def _at_pole(x: Value, inside: Operand) -> Value:
    """log(x) where that is infinite or NaN, elsewhere `inside`."""
    below = where(x.equals(0.0), x.like(-INFINITY), NAN)
    return where(x > 0.0, where(x < INFINITY, x.like(inside), INFINITY), below)


def split_positive(x: Value) -> Parts:
    """The parts of a positive x, subnormals too (anything, for other values)."""
    count_from, normal = x.body.join([*_branch_if_not_normal(x)], [x.like(_count_from(x)), x])
    return _split(normal, count_from)


def split_with_pole(x: Value) -> Parts:
    """The parts of x, with k = log(x) where that is infinite or NaN."""
    count_from, normal = _branch_if_not_normal(x)
    rare = [_at_pole(x, count_from), normal]
    count_from, normal = x.body.join(rare, [x.like(_count_from(x)), x])
    return _split(normal, count_from)


def split_beside_pole(x: Value) -> tuple[Parts, Value]:
    """The parts of x, and what to add: log(x) where that is infinite or NaN, elsewhere 0."""
    count_from, normal = _branch_if_not_normal(x)
    rare = [count_from, normal, _at_pole(x, 0.0)]
    count_from, normal, pole = x.body.join(rare, [x.like(_count_from(x)), x, x.like(0.0)])
    return _split(normal, count_from), pole


def _atanh_series(f: Value) -> tuple[Value, Value]:
    """s and z*L(z) of log(1 + f) = 2*s + s*z*L(z), where s = f/(2 + f) and z = s*s."""
    s = f / (f + 2.0)
    z = s * s
    return s, z * estrin(coefficients.LOG_F64, z)


def third_order(f: Value, half_square: Value) -> Value:
    """log(1 + f) - f + f*f/2."""
    if f.kind == "f32":
        return (f * f * f) * estrin(coefficients.LOG_F32, f)
    s, rest = _atanh_series(f)
    return s * (half_square + rest)


def log_of_parts(k: Value, f: Value) -> Value:
    """k*ln2 + log(1 + f)."""
    ln2_hi, ln2_lo = LN2_PARTS[f.kind]
    half_square = f * 0.5 * f
    small = fma(k, ln2_lo, third_order(f, half_square))
    return fma(k, ln2_hi, f - (half_square - small))


def log(x: Value) -> Value:
    k, m = split_with_pole(x)
    return log_of_parts(k, m - 1.0)


def log_doubled(x: Value) -> Doubled:
    """log(x) for positive x, to about 2**-57 of it."""
    k, m = split_positive(x)
    ln2_hi, ln2_lo = LN2_PARTS[x.kind]
    near = _log_doubled(m - 1.0)
    total = two_sum(k * ln2_hi, near.hi)
    return fast_two_sum(total.hi, total.lo + fma(k, ln2_lo, near.lo))


def _log_doubled(f: Value) -> Doubled:
    """log(1 + f) to about 2**-57."""
    square = two_product(f * 0.5, f)
    start = fast_two_sum(f, -square.hi)
    return fast_two_sum(start.hi, (start.lo - square.lo) + third_order(f, square.hi))


def log2(x: Value) -> Value:
    (k, m), pole = split_beside_pole(x)
    natural = _log_doubled(m - 1.0)
    fraction = multiply(natural, Doubled(*(x.like(c) for c in INVERSE_LN2)))
    total = two_sum(k, fraction.hi)
    return total.hi + (total.lo + fraction.lo) + pole


def log10(x: Value) -> Value:
    (k, m), pole = split_beside_pole(x)
    natural = _log_doubled(m - 1.0)
    fraction = multiply(natural, Doubled(*(x.like(c) for c in INVERSE_LN10)))
    total = two_sum(k * LOG10_2[0], fraction.hi)
    low = total.lo + fma(k, LOG10_2[1], fraction.lo)
    return total.hi + low + pole


def _in_f64(x: Value, per_octave: float, per_unit: float) -> Value:
    """k*per_octave + log(1 + f)*per_unit for a float32 x, rounded once."""
    k, m = split_with_pole(x)
    f = (m - 1.0).to_f64()
    series = (f * f) * fma(f, estrin(coefficients.LOG_F32, f), -0.5)
    return fma(k.to_f64(), per_octave, (f + series) * per_unit).to_f32()


def log2_f32(x: Value) -> Value:
    return _in_f64(x, 1.0, INVERSE_LN2[0])


def log10_f32(x: Value) -> Value:
    return _in_f64(x, sum(LOG10_2), INVERSE_LN10[0])


# log1p_of_sum takes x below the first; log1p divides larger ones by 2 to the second, which leaves 1 + x = x.
_LOG1P_LIMIT = {"f64": (1000, 600), "f32": (100, 60)}


def log1p(x: Value) -> Value:
    inside, k_more = _below_limit(x)
    result = log1p_of_sum(inside, x.like(0.0), k_more)
    return (result.bits() | (x.bits() & x.format.sign_bit)).as_float()  # of -0 it is 0 till here


def _below_limit(x: Value) -> tuple[Value, Value]:
    """y and k with log(1 + x) = log(1 + y) + k*ln2; k is the result where that is infinite or NaN."""
    f, total = x.format, x + 1.0
    limit, step = _LOG1P_LIMIT[x.kind]
    # 1 + x is 0, or negative, or too large: as signed numbers its bits are then above one limit.
    shifted = total.bits() + (f.sign_bit - 1)
    x.body.branch_if_any(shifted >= f.sign_bit + ((f.bias + limit) << f.mantissa_bits) - 1)
    huge = total >= 2.0**limit
    count = _at_pole(total, where(huge, x.like(float(step)), 0.0))
    scaled = where(huge, x * 2.0**-step, x)
    kept = where((total > 0.0) & (total < INFINITY), scaled, 0.0)
    kept, count = x.body.join([kept, count], [x, x.like(0.0)])
    return kept, count


def log1p_of_sum(x: Value, x_lo: Value, k_more: Value | float = 0.0) -> Value:
    """log(1 + x + x_lo) + k_more*ln2 for x from -1 to its limit and a tiny x_lo.

    With k from 1 + x, f = 2**-k*x + (2**-k - 1) exactly, as two floats.
    """
    k, _ = split_normal(x + 1.0)
    inverse = power_of_minus(k)
    f, f_lo = two_sum(inverse - 1.0, x * inverse)
    f_lo = fma(x_lo, inverse, f_lo)
    if isinstance(k_more, Value):
        k = k + k_more
    ln2_hi, ln2_lo = LN2_PARTS[x.kind]
    half_square = f * 0.5 * f
    small = fma(k, ln2_lo, third_order(f, half_square)) + fma(-f_lo, f, f_lo)
    return fma(k, ln2_hi, f - (half_square - small))


def power_of_minus(k: Value) -> Value:
    """2**-k for a normal exponent held as a float."""
    f = FORMATS[k.kind]
    shifted = (f.round_magic + f.bias) - k
    return (shifted.bits() << f.mantissa_bits).as_float()


def softplus(x: Value) -> Value:
    """log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|))."""
    e = exp(-x.abs())
    upper = e > 0.41421356
    f = where(upper, fma(e, 0.5, -0.5), e)
    k = where(upper, e.like(1.0), 0.0)
    return x.at_least(0.0) + log_of_parts(k, f)
