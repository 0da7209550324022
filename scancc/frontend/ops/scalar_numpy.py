"""What the elementwise functions mean where NumPy has no function of that meaning.

Each is elementwise on arrays of one dtype and of any shape; `elementwise.py` lists the semantics.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from scancc.ir.dialects.math import power as power_of_floats

Array = Any


def power(x: Array, y: Array) -> Array:
    """C's; an integer to a negative power is 0, but for 1 and -1, whose powers are whole."""
    if x.dtype.kind == "f":
        return power_of_floats(x, y)
    if x.dtype.kind == "i":
        unit = np.abs(x) == 1
        x, y = np.where((y < 0) & ~unit, 0, x), np.where(y < 0, np.where(unit, y & 1, 1), y)
    return np.power(x, y)


def sigmoid(x: Array) -> Array:
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, tail) / (1 + tail)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def round_half_away(x: Array) -> Array:
    whole = np.trunc(np.abs(x))
    return np.copysign(whole + (np.abs(x) - whole >= 0.5), x)


def quotient(x: Array, y: Array) -> Array:
    """x / y, but 0 where x or y is 0."""
    return np.where((x == 0) | (y == 0), 0, x / np.where(y == 0, 1, y))


def masked_mul(x: Array, y: Array) -> Array:
    """x * y, but 0 where x is 0, whatever y is."""
    return np.where(x == 0, 0, x * y)


def masked_div(x: Array, y: Array) -> Array:
    """x / y, but 0 where x is 0, whatever y is."""
    return np.where(x == 0, 0, x / y)


def make_complex(x: Array, y: Array) -> Array:
    z = np.empty(np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, "complex64"))
    z.real, z.imag = x, y
    return z


def _by_element(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """A function of Python floats on arrays, computed in double and rounded once."""
    compute = np.vectorize(function, otypes=["float64"])

    def on_array(x: Array) -> Array:
        return compute(x).astype(x.dtype)

    return on_array


def _lgamma(x: float) -> float:
    if math.isinf(x):
        return math.inf
    if x <= 0 and x == math.floor(x):
        return math.inf
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


_DIGAMMA_SERIES = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760, 1 / 12)


def _digamma(x: float) -> float:
    if x <= 0:
        if x == 0:
            return -math.copysign(math.inf, x)
        if math.isinf(x) or x == math.floor(x):
            return math.nan
        return _digamma(1 - x) - math.pi / math.tan(math.pi * (x - round(x)))
    shift = 0.0
    while x < 10:
        shift -= 1 / x
        x += 1
    inverse = 1 / (x * x) if math.isfinite(x) else 0.0
    tail = 0.0
    for coefficient in reversed(_DIGAMMA_SERIES):
        tail = inverse * (coefficient + tail)
    return shift + (math.log(x) - 0.5 / x - tail if math.isfinite(x) else x)


def _trigamma(x: float) -> float:
    if x <= 0:
        if math.isinf(x):
            return math.nan
        if x == math.floor(x):
            return math.inf
        ratio = math.pi / math.sin(math.pi * (x - round(x)))
        return ratio * ratio - _trigamma(1 - x)
    shift = 0.0
    while x < 15:
        shift += (1 / x) * (1 / x)
        x += 1
    inverse = 1 / (x * x)
    series = 1 / 6 + inverse * (-1 / 30 + inverse * (1 / 42 + inverse * (-1 / 30 + inverse * 5 / 66)))
    return shift + 1 / x + 0.5 * inverse + series * inverse / x


erf = _by_element(math.erf)
erfc = _by_element(math.erfc)
gammaln = _by_element(_lgamma)
digamma = _by_element(_digamma)
trigamma = _by_element(_trigamma)
