"""math: elementary functions on floats, and the few that upstream lacks (scan.sigmoid, ...).

NumPy meanings here serve folding and the interpreter; emitted code has its own stated errors.
"""

from __future__ import annotations

import numpy as np

from .. import meanings
from ..ops import Dialect, quiet
from ..reading.phrases import CALL

math = Dialect("math")
scan = Dialect("scan")


_ONE_OPERAND: list[tuple[str, meanings.Meaning, str]] = [
    ("absf", np.abs, "absolute value"), ("floor", np.floor, "largest integer not above"),
    ("ceil", np.ceil, "smallest integer not below"), ("trunc", np.trunc, "toward zero"),
    ("roundeven", np.rint, "nearest integer, halves to even"),
    ("round", meanings.round_half_away, "nearest integer, halves away from zero"),
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
    ("erf", meanings.erf, "error function"),
    ("erfc", meanings.erfc, "1 - erf(x)"),
]
for _name, _numpy, _doc in _ONE_OPERAND:
    math.elementwise(_name, "x", quiet(_numpy), _doc, reading="abs({x})" if _name == "absf" else CALL,
                     same_types=True, gives="floats")

math.elementwise("ipowi", "base exponent", quiet(np.power),
                 "integer power modulo 2**width; the exponent is not negative",
                 reading="{base} ** {exponent}", same_types=True, gives="integers")
math.elementwise("absi", "x", np.abs, "absolute value of a signed integer", reading="abs({x})",
                 same_types=True, gives="integers")
math.elementwise("ctpop", "x", meanings.bit_count, "number of bits that are 1", reading="bits({x})", same_types=True,
                 gives="integers")
math.elementwise("powf", "base exponent", quiet(meanings.power), "base**exponent, C's pow",
                 reading="{base} ** {exponent}", same_types=True, gives="floats")
math.elementwise("atan2", "y x", np.arctan2, "angle of the point (x, y)", same_types=True, gives="floats")
math.elementwise("copysign", "magnitude sign", np.copysign, "magnitude with the sign of the other",
                 same_types=True, gives="floats")
math.elementwise("fma", "a b c", lambda a, b, c: a * b + c, "a * b + c, rounded once", same_types=True,
                 gives="floats")

scan.elementwise("sigmoid", "x", quiet(meanings.sigmoid), "1 / (1 + exp(-x))", same_types=True, gives="floats")
scan.elementwise("short_tanh", "x", quiet(np.tanh), "hyperbolic tangent, of float32 by a shorter formula",
                 same_types=True, gives="floats")
scan.elementwise("softplus", "x", quiet(meanings.softplus),
                 "log(1 + exp(x))", same_types=True, gives="floats")
scan.elementwise("hypot", "x y", quiet(np.hypot), "sqrt(x*x + y*y) without overflow", same_types=True,
                 gives="floats")
scan.elementwise("lgamma", "x", quiet(meanings.lgamma), "log |gamma(x)|", same_types=True,
                 gives="floats")
scan.elementwise("digamma", "x", quiet(meanings.digamma), "derivative of lgamma", same_types=True,
                 gives="floats")
