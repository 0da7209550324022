"""exp and its kin: x = n*ln2 + r, a polynomial in |r| <= ln2/2, and powers of two by their bits."""

from __future__ import annotations

from typing import NamedTuple

from . import coefficients
from .builder import Value, estrin, fma, where
from .doubled import Doubled, fast_two_sum, quotient


class _Constants(NamedTuple):
    """ln2 = ln2_hi + ln2_lo, where n*ln2_hi is exact for every exponent n."""

    ln2_hi: float
    ln2_lo: float
    overflow: float  # exp is infinite from here
    underflow: float  # exp is 0 up to here
    minus_one: float  # expm1 is -1 up to here
    exp_tail: tuple[float, ...]
    expm1_tail: tuple[float, ...]


LOG2_E = 1.4426950408889634
LN2 = 0.6931471805599453

_CONSTANTS = {
    "f64": _Constants(
        float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45"),
        710.0, -746.0, -40.0, coefficients.EXP_F64, coefficients.EXPM1_F64,
    ),
    "f32": _Constants(
        float.fromhex("0x1.62e400p-1"), float.fromhex("0x1.7f7d1cp-20"),
        89.0, -104.0, -18.0, coefficients.EXP_F32, coefficients.EXPM1_F32,
    ),
}  # fmt: skip


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


def _clamp(x: Value) -> Value:
    constants = _CONSTANTS[x.kind]
    return x.at_most(constants.overflow).at_least(constants.underflow)


def _exp_near_zero(r: Value) -> Value:
    tail = estrin(_CONSTANTS[r.kind].exp_tail, r)
    return 1.0 + fma(r * r, tail, r)


def exp(x: Value) -> Value:
    shifted, n, r, _ = reduce_ln2(_clamp(x))
    return scale(_exp_near_zero(r), shifted, n)


def exp_of_negative(x: Value) -> Value:
    """exp for x <= 0 or NaN, one comparison less."""
    shifted, n, r, _ = reduce_ln2(x.at_least(_CONSTANTS[x.kind].underflow))
    return scale(_exp_near_zero(r), shifted, n)


def exp2(x: Value) -> Value:
    f = x.format
    limited = x.at_most(f.bias + 1.0).at_least(-float(f.bias + f.mantissa_bits + 1))
    shifted = limited + f.round_magic
    n = shifted - f.round_magic
    return scale(_exp_near_zero((limited - n) * LN2), shifted, n)


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
    reduced = reduce_ln2(x.at_most(constants.overflow).at_least(constants.minus_one))
    # Half the power, so that the largest finite results do not overflow on the way.
    power = power_of_two(reduced.shifted - 1.0)
    hi, lo = _plus_scaled(-0.5, power, expm1_near_zero(reduced))
    return where(is_tiny(x), x, (hi + lo) * 2.0)


def tanh(x: Value) -> Value:
    """(E - 1) / (E + 1) for E = exp(2|x|), both with their low parts, side by side for a short chain."""
    limit = 20.0 if x.kind == "f64" else 9.5
    twice = x.abs().at_most(limit) * 2.0
    reduced = reduce_ln2(twice)
    power = power_of_two(reduced.shifted)
    near_zero = expm1_near_zero(reduced)
    result = quotient(_plus_scaled(-1.0, power, near_zero), _plus_scaled(1.0, power, near_zero))
    return where(is_tiny(x), x, result.copysign(x))


def tanh_f32(x: Value) -> Value:
    """x * P(x*x) / Q(x*x) in float64: one rounding, and a shorter chain than through exp."""
    wide = x.at_most(9.2).at_least(-9.2).to_f64()
    square = wide * wide
    numerator = wide * estrin(coefficients.TANH_F32_NUMERATOR, square)
    return (numerator / estrin(coefficients.TANH_F32_DENOMINATOR, square)).to_f32()


def sigmoid(x: Value) -> Value:
    """1 / (1 + exp(-x)) for x >= 0, exp(x) / (1 + exp(x)) below, so that small results keep their digits."""
    e = exp_of_negative(-x.abs())
    numerator = where(x < 0.0, e, 1.0)
    return numerator / (1.0 + e)
