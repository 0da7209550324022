"""erf and erfc: a polynomial about 0, and exp(-x*x) times a smooth factor further out."""

from __future__ import annotations

from . import coefficients
from .builder import Value, estrin, fma, where
from .doubled import Doubled, two_product
from .exponential import power_of_two, reduce_ln2
from .power import exp_wide

TWO_OVER_ROOT_PI = (1.1283791670955126, float.fromhex("0x1.1ae3a914fed80p-56"))
_CENTRE = 4.0  # of the mapping in the fit of ERFC
_END = 28.0  # erfc is 0 from here
_END_F32 = 11.0  # and in float32 from here


def _erf_small(x: Value, table: tuple[float, ...]) -> Value:
    z = x * x
    return fma(x, TWO_OVER_ROOT_PI[0], x * fma(z, estrin(table, z), TWO_OVER_ROOT_PI[1]))


def _erfc_positive(a: Value) -> Value:
    """exp(-a*a) * P((a - 4)/(a + 4)) / (1 + 2a)"""
    a, table = a.at_most(_END), coefficients.ERFC_F64
    square = two_product(a, a)
    t = (a - _CENTRE) / (a + _CENTRE)
    smooth = fma(t, estrin(table[1:], t), table[0])  # the small part first: it is not rounded as 1 is
    return exp_wide(Doubled(-square.hi, -square.lo)) * (smooth / fma(a, 2.0, 1.0))


def _erfc_positive_short(a: Value) -> Value:
    """The same of an f64 that holds an f32: a*a is exact, and one division makes both quotients."""
    a = a.at_most(_END_F32)
    above, double = a + _CENTRE, fma(a, 2.0, 1.0)
    inverse = 1.0 / (above * double)
    smooth = estrin(coefficients.ERFC_F32, (a - _CENTRE) * (double * inverse))
    shifted, _, r, _ = reduce_ln2(-(a * a))
    near = fma(r * r, estrin(coefficients.POW_EXP_F32, r), r + 1.0)
    return (near * power_of_two(shifted)) * (smooth * (above * inverse))


def _erf(x: Value, small: Value, upper: Value) -> Value:
    return where(x.abs() < 1.0, small, (1.0 - upper).copysign(x))


def _erfc(x: Value, small: Value, upper: Value) -> Value:
    return where(x.abs() < 0.5, 1.0 - small, where(x < 0.0, 2.0 - upper, upper))


def erf(x: Value) -> Value:
    return _erf(x, _erf_small(x, coefficients.ERF_F64), _erfc_positive(x.abs()))


def erfc(x: Value) -> Value:
    return _erfc(x, _erf_small(x, coefficients.ERF_F64), _erfc_positive(x.abs()))


def erf_f32(x: Value) -> Value:
    wide = x.to_f64()
    return _erf(wide, _erf_small(wide, coefficients.ERF_F32), _erfc_positive_short(wide.abs())).to_f32()


def erfc_f32(x: Value) -> Value:
    wide = x.to_f64()
    return _erfc(wide, _erf_small(wide, coefficients.ERF_F32), _erfc_positive_short(wide.abs())).to_f32()
