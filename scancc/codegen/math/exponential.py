"""exp and its kin: x = n*ln2 + r, a polynomial in |r| <= ln2/2, and powers of two by their bits."""

from __future__ import annotations

from typing import NamedTuple

from . import coefficients
from .builder import Value, estrin, fma, horner, where
from .doubled import Doubled, fast_two_sum


class Range(NamedTuple):
    """Of x: where a power of it is 0, normal (above minus the limit too), and infinite."""

    zero_below: float
    normal_below: float
    infinite_above: float


class _Constants(NamedTuple):
    """ln2 = ln2_hi + ln2_lo, where n*ln2_hi is exact for every exponent n."""

    ln2_hi: float
    ln2_lo: float
    exp_range: Range
    minus_one: float  # expm1 is -1 up to here
    exp_tail: tuple[float, ...]
    expm1_tail: tuple[float, ...]


LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453
INFINITY = float("inf")

_CONSTANTS = {
    "f64": _Constants(
        float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45"),
        Range(-746.0, 708.0, 710.0), -40.0, coefficients.EXP_F64, coefficients.EXPM1_F64,
    ),
    "f32": _Constants(
        float.fromhex("0x1.62e400p-1"), float.fromhex("0x1.7f7d1cp-20"),
        Range(-104.0, 87.0, 89.0), -18.0, coefficients.EXP_F32, coefficients.EXPM1_F32,
    ),
}  # fmt: skip


EXP_RANGE = {kind: c.exp_range for kind, c in _CONSTANTS.items()}
LN2_PARTS = {kind: (c.ln2_hi, c.ln2_lo) for kind, c in _CONSTANTS.items()}


class Reduced(NamedTuple):
    """x = n*ln2 + r_hi + r_lo; `shifted` holds n in its low bits."""

    shifted: Value
    n: Value
    r: Value
    r_lo: Value


def reduce_ln2(x: Value) -> Reduced:
    constants, magic = _CONSTANTS[x.kind], x.format.round_magic
    shifted = fma(x, LOG2_E, magic)
    n = shifted - magic
    upper = fma(-n, constants.ln2_hi, x)
    r = fma(-n, constants.ln2_lo, upper)
    return Reduced(shifted, n, r, fma(-n, constants.ln2_lo, upper - r))


def power_of_two(shifted: Value) -> Value:
    """2**n for the integer n in the low bits of a number rounded by `round_magic`; n is a normal exponent."""
    f = shifted.format
    return ((shifted.bits() << f.mantissa_bits) + (f.bias << f.mantissa_bits)).as_float()


def scale(y: Value, shifted: Value, n: Value) -> Value:
    """y * 2**n in two steps, so that results overflow and become subnormal with one rounding."""
    f = y.format
    half = fma(n, 0.5, f.round_magic)
    rest = ((shifted.bits() - half.bits()) << f.mantissa_bits) + (f.bias << f.mantissa_bits)
    return y * power_of_two(half) * rest.as_float()


def scale_by_exponent(y: Value, shifted: Value) -> Value:
    """y * 2**n, where that is a normal number."""
    return (y.bits() + (shifted.bits() << y.format.mantissa_bits)).as_float()


def _exp_near_zero(r: Value) -> Value:
    tail = estrin(_CONSTANTS[r.kind].exp_tail, r)
    return 1.0 + fma(r * r, tail, r)


def scaled(y: Value, shifted: Value, n: Value, x: Value, of: Range) -> Value:
    """y * 2**n, a power of x; results that are infinite, subnormal, 0 or NaN come by a branch."""
    quick = scale_by_exponent(y, shifted)
    y.body.branch_if_any((x.abs() < of.normal_below) ^ True)
    finite = where(x < of.zero_below, 0.0, scale(y, shifted, n))
    return y.body.join([where(x > of.infinite_above, INFINITY, finite)], [quick])[0]


def exp(x: Value) -> Value:
    shifted, n, r, _ = reduce_ln2(x)
    return scaled(_exp_near_zero(r), shifted, n, x, EXP_RANGE[x.kind])


def exp2(x: Value) -> Value:
    f = x.format
    shifted = x + f.round_magic
    n = shifted - f.round_magic
    of = Range(-float(f.bias + f.mantissa_bits + 1), f.bias - 1.0, f.bias + 1.0)
    return scaled(_exp_near_zero((x - n) * LN2), shifted, n, x, of)


def expm1_near_zero(reduced: Reduced) -> Doubled:
    """exp(r) - 1, with the digits after the last."""
    tail = estrin(_CONSTANTS[reduced.r.kind].expm1_tail, reduced.r)
    total = fast_two_sum(reduced.r, reduced.r * reduced.r * tail)
    return Doubled(total.hi, total.lo + reduced.r_lo)


def _plus_scaled(offset: float, power: Value, near_zero: Doubled) -> Doubled:
    """offset + power * (1 + near_zero), where power / |offset| is 2**n."""
    base = power + offset
    base_lo = (power - base) + offset
    total = fast_two_sum(base, power * near_zero.hi)
    return Doubled(total.hi, total.lo + fma(power, near_zero.lo, base_lo))


def is_tiny(x: Value) -> Value:
    """Where f(x) = x + O(x**2) is x itself (subnormals and the sign of 0 need no more care)."""
    return x.abs() < 2.0 ** -(x.format.mantissa_bits + 2)


def expm1(x: Value) -> Value:
    constants = _CONSTANTS[x.kind]
    reduced = reduce_ln2(x.at_most(constants.exp_range.infinite_above).at_least(constants.minus_one))
    # Half the power, so that the largest finite results do not overflow on the way.
    power = power_of_two(reduced.shifted - 1.0)
    hi, lo = _plus_scaled(-0.5, power, expm1_near_zero(reduced))
    return where(is_tiny(x), x, (hi + lo) * 2.0)


def tanh(x: Value) -> Value:
    """|x| + |x|*z*P(z)/Q(z) for z = x*x below 0.77, 1 - 2/(exp(2|x|) + 1) above: one division of what is chosen."""
    a = x.abs()
    z = a * a
    shifted, _, r, _ = reduce_ln2(a.at_most(20.0) * 2.0)
    power = power_of_two(shifted)
    near_zero = fma(r * r, estrin(_CONSTANTS[x.kind].exp_tail, r), r)
    top = (a * z) * estrin(coefficients.TANH_F64_NUMERATOR, z)
    small = a < 0.77
    bottom = where(small, estrin(coefficients.TANH_F64_DENOMINATOR, z), fma(power, near_zero, power + 1.0))
    result = where(small, a, 1.0) + where(small, top, -2.0) / bottom
    return (result.bits() | (x.bits() & x.format.sign_bit)).as_float()


def tanh_f32(x: Value) -> Value:
    """x * P(x*x) / Q(x*x) in float64: one rounding, and a shorter chain than through exp."""
    wide = x.at_most(9.2).at_least(-9.2).to_f64()
    square = wide * wide
    numerator = wide * estrin(coefficients.TANH_F32_NUMERATOR, square)
    return (numerator / estrin(coefficients.TANH_F32_DENOMINATOR, square)).to_f32()


def short_tanh_f32(x: Value) -> Value:
    """The same in float32, between -1 and 1: lanes are twice as many."""
    near = x.at_most(9.2).at_least(-9.2)
    square = near * near
    numerator = fma(near * square, horner(coefficients.TANH_F32_NUMERATOR[1:], square), near)
    quotient = numerator / horner(coefficients.TANH_F32_DENOMINATOR, square)
    return quotient.at_most(1.0).at_least(-1.0)


def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(-x)) for x >= 0, exp(x) / (1 + exp(x)) below, so that small results keep their digits."""
    e = exp(-x.abs())
    numerator = where(x < 0.0, e, 1.0)
    return numerator / (1.0 + e)
