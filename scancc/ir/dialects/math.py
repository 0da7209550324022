"""math: elementary functions on floats, and the few that upstream lacks (scan.sigmoid, ...).

NumPy meanings here serve folding and the interpreter; emitted code has its own stated errors.
"""

from __future__ import annotations

import math as pymath
from typing import Any

import numpy as np

from ..ops import Dialect, quiet
from ..reading.phrases import CALL

math = Dialect("math")
scan = Dialect("scan")


def _vectorized(function: Any) -> Any:
    def call(x: Any) -> Any:
        x = np.asarray(x)
        return np.vectorize(function, otypes=[x.dtype])(x) if x.size else x.copy()
    return call


def _lgamma(x: float) -> float:
    if np.isinf(x) or (x <= 0 and x == np.floor(x)):
        return np.inf
    return pymath.lgamma(x)


def digamma(x: float) -> float:
    """Recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3.18)."""
    if np.isnan(x) or x == -np.inf or (x <= 0 and x == np.floor(x)):
        return np.nan
    if x < 0:
        return float(digamma(1 - x) - np.pi / np.tan(np.pi * x))
    result = 0.0
    while x < 10:
        result -= 1 / x
        x += 1
    y = 1 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132)))))
    return result + pymath.log(x) - 0.5 / x - series


def sigmoid(x: Any) -> Any:
    x = np.asarray(x)
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e)).astype(x.dtype)


def power(x: Any, y: Any) -> Any:
    """C's pow whatever the shapes: of one number, and of one exponent for a whole array, NumPy takes a root or a
    square instead, which differ at -inf and -0."""
    x, y = np.broadcast_arrays(x, y)
    pairs = [np.append(v, v.dtype.type(1)) for v in (x, y)]  # two numbers at least, one after the other
    return np.power(*pairs)[:-1].reshape(x.shape)


def _nan_safe(function: Any) -> Any:
    return lambda x: x if np.isnan(x) else function(x)


for _name, _numpy, _doc in [
    ("absf", np.abs, "absolute value"), ("floor", np.floor, "largest integer not above"),
    ("ceil", np.ceil, "smallest integer not below"), ("trunc", np.trunc, "toward zero"),
    ("roundeven", np.rint, "nearest integer, halves to even"),
    ("round", lambda x: np.trunc(x + np.copysign(0.5, x)), "nearest integer, halves away from zero"),
    ("sqrt", np.sqrt, "square root"), ("rsqrt", lambda x: 1 / np.sqrt(x), "1 / square root"),
    ("cbrt", np.cbrt, "cube root"), ("exp", np.exp, "e**x"), ("exp2", np.exp2, "2**x"),
    ("expm1", np.expm1, "e**x - 1"), ("log", np.log, "natural logarithm"),
    ("log2", np.log2, "logarithm to base 2"), ("log10", np.log10, "logarithm to base 10"),
    ("log1p", np.log1p, "log(1 + x)"), ("sin", np.sin, "sine"), ("cos", np.cos, "cosine"),
    ("tan", np.tan, "tangent"), ("sinh", np.sinh, "hyperbolic sine"),
    ("cosh", np.cosh, "hyperbolic cosine"), ("tanh", np.tanh, "hyperbolic tangent"),
    ("asin", np.arcsin, "arc sine"), ("acos", np.arccos, "arc cosine"),
    ("atan", np.arctan, "arc tangent"), ("asinh", np.arcsinh, "inverse hyperbolic sine"),
    ("acosh", np.arccosh, "inverse hyperbolic cosine"),
    ("atanh", np.arctanh, "inverse hyperbolic tangent"),
    ("erf", _vectorized(pymath.erf), "error function"),
    ("erfc", _vectorized(pymath.erfc), "1 - erf(x)"),
]:
    math.elementwise(_name, "x", quiet(_numpy), _doc, reading="abs({x})" if _name == "absf" else CALL,
                     same_types=True, gives="floats")

math.elementwise("ipowi", "base exponent", quiet(np.power),
                 "integer power modulo 2**width; the exponent is not negative",
                 reading="{base} ** {exponent}", same_types=True, gives="integers")
math.elementwise("absi", "x", np.abs, "absolute value of a signed integer", reading="abs({x})",
                 same_types=True, gives="integers")
math.elementwise("powf", "base exponent", quiet(power), "base**exponent, C's pow",
                 reading="{base} ** {exponent}", same_types=True, gives="floats")
math.elementwise("atan2", "y x", np.arctan2, "angle of the point (x, y)", same_types=True, gives="floats")
math.elementwise("copysign", "magnitude sign", np.copysign, "magnitude with the sign of the other",
                 same_types=True, gives="floats")
math.elementwise("fma", "a b c", lambda a, b, c: a * b + c, "a * b + c, rounded once", same_types=True,
                 gives="floats")

scan.elementwise("sigmoid", "x", quiet(sigmoid), "1 / (1 + exp(-x))", same_types=True, gives="floats")
scan.elementwise("softplus", "x", quiet(lambda x: np.logaddexp(x, 0).astype(np.asarray(x).dtype)),
                 "log(1 + exp(x))", same_types=True, gives="floats")
scan.elementwise("hypot", "x y", quiet(np.hypot), "sqrt(x*x + y*y) without overflow", same_types=True,
                 gives="floats")
scan.elementwise("lgamma", "x", quiet(_vectorized(_nan_safe(_lgamma))), "log |gamma(x)|", same_types=True,
                 gives="floats")
scan.elementwise("digamma", "x", quiet(_vectorized(digamma)), "derivative of lgamma", same_types=True,
                 gives="floats")
