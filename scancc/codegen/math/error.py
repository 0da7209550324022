"""erf and erfc: a polynomial about 0, and exp(-x*x) times a smooth factor further out."""

from __future__ import annotations

from . import coefficients
from .builder import Value, estrin, fma, where
from .doubled import Doubled, two_product
from .power import exp_wide

TWO_OVER_ROOT_PI = (1.1283791670955126, float.fromhex("0x1.1ae3a914fed80p-56"))
_CENTRE = 4.0  # of the mapping in the fit of ERFC
_END = 28.0  # erfc is 0 from here


def _erf_small(x: Value, table: tuple[float, ...]) -> Value:
    z = x * x
    return fma(x, TWO_OVER_ROOT_PI[0], x * fma(z, estrin(table, z), TWO_OVER_ROOT_PI[1]))


def _erfc_positive(a: Value, table: tuple[float, ...]) -> Value:
    """exp(-a*a) * P((a - 4)/(a + 4)) / (1 + 2a)"""
    a = a.at_most(_END)
    square = two_product(a, a)
    t = (a - _CENTRE) / (a + _CENTRE)
    smooth = fma(t, estrin(table[1:], t), table[0])  # the small part first: it is not rounded as 1 is
    return exp_wide(Doubled(-square.hi, -square.lo)) * (smooth / fma(a, 2.0, 1.0))


def _erf(x: Value, small: tuple[float, ...], large: tuple[float, ...]) -> Value:
    a = x.abs()
    far = (1.0 - _erfc_positive(a, large)).copysign(x)
    return where(a < 1.0, _erf_small(x, small), far)


def _erfc(x: Value, small: tuple[float, ...], large: tuple[float, ...]) -> Value:
    upper = _erfc_positive(x.abs(), large)
    far = where(x < 0.0, 2.0 - upper, upper)
    return where(x.abs() < 0.5, 1.0 - _erf_small(x, small), far)


def erf(x: Value) -> Value:
    return _erf(x, coefficients.ERF_F64, coefficients.ERFC_F64)


def erfc(x: Value) -> Value:
    return _erfc(x, coefficients.ERF_F64, coefficients.ERFC_F64)


def erf_f32(x: Value) -> Value:
    return _erf(x.to_f64(), coefficients.ERF_F32, coefficients.ERFC_F32).to_f32()


def erfc_f32(x: Value) -> Value:
    return _erfc(x.to_f64(), coefficients.ERF_F32, coefficients.ERFC_F32).to_f32()
