"""What elementary functions mean where NumPy has no function of that meaning: in the reference and in the IR.

Each is elementwise on numbers of one dtype and arrays of any shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any
Meaning = Callable[..., Array]


def power(x: Array, y: Array) -> Array:
    """C's pow whatever the shapes: of one number, and of one exponent for a whole array, NumPy takes a root or a
    square instead, which differ at -inf and -0."""
    x, y = np.broadcast_arrays(x, y)
    pairs = [np.append(v, v.dtype.type(1)) for v in (x, y)]  # two numbers at least, one after the other
    return np.power(*pairs)[:-1].reshape(x.shape)


def sigmoid(x: Array) -> Array:
    x = np.asarray(x)
    tail = np.exp(-np.abs(x))
    return (np.where(x >= 0, 1, tail) / (1 + tail)).astype(x.dtype)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) without overflow."""
    x = np.asarray(x)
    return (np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))).astype(x.dtype)


def round_half_away(x: Array) -> Array:
    whole = np.trunc(np.abs(x))
    return np.copysign(whole + (np.abs(x) - whole >= 0.5), x)


def bit_count(x: Array) -> Array:
    """How many bits of an integer are 1, in its own dtype."""
    x = np.asarray(x)
    octets = np.array(x, order="C").reshape(*x.shape, 1).view(np.uint8)
    return np.unpackbits(octets, axis=-1).sum(-1).astype(x.dtype)


def _by_element(function: Callable[[float], float]) -> Callable[[Array], Array]:
    """A function of Python floats on arrays, computed in double and rounded once."""
    compute = np.vectorize(function, otypes=["float64"])

    def on_array(x: Array) -> Array:
        x = np.asarray(x)
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
lgamma = _by_element(_lgamma)
digamma = _by_element(_digamma)
trigamma = _by_element(_trigamma)
