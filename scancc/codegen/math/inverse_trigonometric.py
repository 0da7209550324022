"""asin, acos, atan and atan2."""

from __future__ import annotations

from typing import NamedTuple

from . import coefficients
from .builder import Value, estrin, fma, through_f64, where
from .doubled import Doubled, fast_two_sum, two_product, two_sum
from .logarithm import INFINITY

HALF_PI = (1.5707963267948966, float.fromhex("0x1.1a62633145c07p-54"))
PI = (2 * HALF_PI[0], 2 * HALF_PI[1])
# atan(t) = atan(c) + atan((t - c)/(1 + c*t)).  From BREAK on, what is left is small beside atan(c), so
# that the rounding errors of the quotient count for little.
BREAK = 0.4375
CENTRE = 0.6875
CENTRE_ANGLE = (float.fromhex("0x1.345f01cce37bbp-1"), float.fromhex("0x1.1021137c71102p-55"))


class _Tables(NamedTuple):
    atan: tuple[float, ...]
    asin: tuple[float, ...]


_EXACT = _Tables(coefficients.ATAN_F64, coefficients.ASIN_F64)
_SHORT = _Tables(coefficients.ATAN_F32, coefficients.ASIN_F32)  # enough for a result in float32


def _turned_angle(a: Value, b: Value, behind: Value, tables: _Tables) -> Value:
    """The angle of (b, a), a and b >= 0; of (-b, a) where `behind`."""
    steep = a > b
    top, bottom = where(steep, b, a), where(steep, a, b)
    centred = top > bottom * BREAK
    # In two steps, of which the first is exact: it counts where multiply-adds are not fused.
    centred_top = fma(bottom, 0.5 - CENTRE, fma(bottom, -0.5, top))
    numerator = where(centred, centred_top, top)
    denominator = where(centred, fma(top, CENTRE, bottom), bottom)
    # Both zero is the angle 0; never less than a quotient of numbers.
    u = numerator / where(denominator.equals(0.0), 1.0, denominator)
    z = u * u
    rest = fma(u * z, estrin(tables.atan, z), u)
    # The angle is start + (centre + rest), or start - (centre + rest).
    backward = steep ^ behind
    start = where(steep, a.like(1.0), where(behind, a.like(2.0), 0.0))
    centre = where(centred, where(backward, a.like(-1.0), 1.0), 0.0)
    whole = two_sum(start * HALF_PI[0], centre * CENTRE_ANGLE[0])
    low = fma(start, HALF_PI[1], fma(centre, CENTRE_ANGLE[1], whole.lo))
    return whole.hi + (low + where(backward, -rest, rest))


def _atan(x: Value, tables: _Tables) -> Value:
    a = x.abs()
    result = _turned_angle(a, a.like(1.0), a.is_nan(), tables).copysign(x)
    return where(x.is_nan(), x, result)


def atan(x: Value) -> Value:
    return _atan(x, _EXACT)


def _atan2(y: Value, x: Value, tables: _Tables) -> Value:
    both_infinite = y.abs().equals(INFINITY) & x.abs().equals(INFINITY)
    a, b = where(both_infinite, 1.0, y.abs()), where(both_infinite, 1.0, x.abs())
    larger = where(a > b, a, b)
    # Neither products with the centre nor the quotient may leave the normal numbers on the way.
    one = a.like(1.0)
    scale = where(larger > 2.0**1000, a.like(2.0**-200), where(larger < 2.0**-800, a.like(2.0**200), one))
    result = _turned_angle(a * scale, b * scale, x.bits() < 0, tables).copysign(y)
    return where(x.is_nan() | y.is_nan(), x + y, result)


def atan2(y: Value, x: Value) -> Value:
    return _atan2(y, x, _EXACT)


def _arc_parts(x: Value, tables: _Tables) -> tuple[Value, Doubled, Value]:
    """Where |x| > 1/2; s, which is |x| or sqrt((1 - |x|)/2) there; and asin(s) - s.

    asin(|x|) is asin(s), or pi/2 - 2*asin(s).
    """
    a = x.abs()
    outer = a > 0.5
    z = where(outer, fma(a, -0.5, 0.5), a * a)
    root = z.sqrt()
    square = two_product(root, root)
    residual = (z - square.hi) - square.lo
    root_lo = residual / where(root > 0.0, root + root, 1.0)
    s = Doubled(where(outer, root, a), where(outer, root_lo, 0.0))
    return outer, s, (s.hi * z) * estrin(tables.asin, z)


def _asin(x: Value, tables: _Tables) -> Value:
    outer, s, tail = _arc_parts(x, tables)
    whole = fast_two_sum(HALF_PI[0], s.hi * -2.0)
    far = whole.hi + (whole.lo - fma(tail + s.lo, 2.0, -HALF_PI[1]))
    return where(outer, far, s.hi + tail).copysign(x)


def asin(x: Value) -> Value:
    return _asin(x, _EXACT)


def _acos(x: Value, tables: _Tables) -> Value:
    """pi/2 - asin(x); 2*asin(s) for x > 1/2; pi - 2*asin(s) for x < -1/2."""
    outer, s, tail = _arc_parts(x, tables)
    inner = outer ^ True
    negative = x < 0.0
    factor = where(inner, where(negative, x.like(1.0), -1.0), where(negative, x.like(-2.0), 2.0))
    start = where(inner, x.like(1.0), where(negative, x.like(2.0), 0.0))
    whole = two_sum(start * HALF_PI[0], factor * s.hi)
    return whole.hi + (whole.lo + fma(factor, tail + s.lo, start * HALF_PI[1]))


def acos(x: Value) -> Value:
    return _acos(x, _EXACT)


asin_f32 = through_f64(lambda x: _asin(x, _SHORT))
acos_f32 = through_f64(lambda x: _acos(x, _SHORT))
atan_f32 = through_f64(lambda x: _atan(x, _SHORT))
atan2_f32 = through_f64(lambda y, x: _atan2(y, x, _SHORT))
