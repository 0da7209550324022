"""sin, cos, tan: polynomials in r, what is left of x beside whole quarter turns."""

from __future__ import annotations

from . import coefficients
from .builder import Value, estrin, fma, where
from .doubled import Doubled, fast_two_sum, quotient, two_product
from .reduction import reduce_any, reduce_f32


def _sin_tail(r: Value, z: Value) -> Value:
    table = coefficients.SIN_F64 if r.kind == "f64" else coefficients.SIN_F32
    return (z * r) * estrin(table, z)


def _cos_tail(z: Value) -> Value:
    table = coefficients.COS_F64 if z.kind == "f64" else coefficients.COS_F32
    return (z * z) * estrin(table, z)


def _sin_near_zero(r: Value, r_lo: Value) -> Value:
    z = r * r
    return r + (_sin_tail(r, z) + fma(z * -0.5, r_lo, r_lo))


def _cos_near_zero(r: Value, r_lo: Value) -> Value:
    z = r * r
    half = z * 0.5
    start = fast_two_sum(1.0, -half)
    return start.hi + (start.lo + (_cos_tail(z) - r * r_lo))


def _turned(n: Value, even: Value, odd: Value) -> Value:
    """even, odd, -even, -odd as n counts quarter turns."""
    value = where((n & 1).equals(0), even, odd)
    return (value.bits() ^ ((n & 2) << 62)).as_float()


def _sin_cos(x: Value) -> tuple[Value, Value, Value]:
    """n, sin(r), cos(r) for an f64."""
    r, r_lo, n = reduce_any(x)
    return n, _sin_near_zero(r, r_lo), _cos_near_zero(r, r_lo)


def sin(x: Value) -> Value:
    n, sine, cosine = _sin_cos(x)
    return where(x.equals(0.0), x, _turned(n, sine, cosine))


def cos(x: Value) -> Value:
    n, sine, cosine = _sin_cos(x)
    return _turned(n + 1, sine, cosine)


def _turned_f32(x: Value, quarters: int) -> Value:
    """sin(x + quarters*pi/2): the leading terms in float64, the small rest in float32."""
    wide = x.to_f64()
    r, _, n = reduce_f32(wide)
    turn = n + quarters
    even = (turn & 1).equals(0)
    short = r.to_f32()
    z = short * short
    lead = where(even, r, fma(r * r, -0.5, 1.0))
    tail = where(even, _sin_tail(short, z), _cos_tail(z))
    sign = (turn & 2) << 62
    return ((lead + tail.to_f64()).bits() ^ sign).as_float().to_f32()


def sin_f32(x: Value) -> Value:
    return where(x.equals(0.0), x, _turned_f32(x, 0))


def cos_f32(x: Value) -> Value:
    return _turned_f32(x, 1)


def tan(x: Value) -> Value:
    """sin/cos or -cos/sin, both with their low parts."""
    r, r_lo, n = reduce_any(x)
    square = two_product(r, r)
    z = square.hi
    sine = fast_two_sum(r, _sin_tail(r, z) + fma(z * -0.5, r_lo, r_lo))
    start = fast_two_sum(1.0, z * -0.5)
    cosine = fast_two_sum(start.hi, start.lo + (_cos_tail(z) - fma(square.lo, 0.5, r * r_lo)))
    even = (n & 1).equals(0)
    top = Doubled(where(even, sine.hi, -cosine.hi), where(even, sine.lo, -cosine.lo))
    bottom = Doubled(where(even, cosine.hi, sine.hi), where(even, cosine.lo, sine.lo))
    return where(x.equals(0.0), x, quotient(top, bottom))


def tan_f32(x: Value) -> Value:
    wide = x.to_f64()
    r, _, n = reduce_f32(wide)
    z = r * r
    sine = fma(z * r, estrin(coefficients.SIN_F32, z), r)
    cosine = fma(z * z, estrin(coefficients.COS_F32, z), fma(z, -0.5, 1.0))
    even = (n & 1).equals(0)
    ratio = where(even, sine, -cosine) / where(even, cosine, sine)
    return where(x.equals(0.0), x, ratio.to_f32())
