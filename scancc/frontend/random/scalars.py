"""The formulas as elementwise functions of the graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.scalars import exp
from scancc.frontend.ops.signatures import SCALARS, Derivative, DtypeRule, ScalarFn, Signature
from scancc.frontend.random import formulas

_NUMPY = formulas.NumpyArithmetic()


def _fixed(operand: str, out: str) -> DtypeRule:
    return DtypeRule(lambda dtypes: Signature((operand,) * len(dtypes), out), f"in {out}")


def _entry(name: str, n_in: int, operand: str, out: str, formula: Callable[..., Any], doc: str,
           derivative: Derivative | None = None) -> None:
    kind = "u" if operand == "uint64" else "f"
    SCALARS[name] = ScalarFn(
        name, n_in, _fixed(operand, out), lambda *x: formula(_NUMPY, *x),
        {kind: lambda b, *x, dtype: formula(formulas.EmittedArithmetic(b), *x)}, derivative,
        doc, is_slow=True)


_entry("philox_low", 3, "uint64", "uint64", formulas.philox_low, "words 0 and 1 of Philox(key, high, low)")
_entry("philox_high", 3, "uint64", "uint64", formulas.philox_high, "words 2 and 3 of Philox(key, high, low)")
_entry("random_unit", 1, "uint64", "float64", formulas.unit, "a number in [0, 1) of 53 random bits")
_entry("random_exponential", 1, "uint64", "float64", formulas.exponential, "-log u of random bits")
_entry("random_normal", 1, "uint64", "float64", formulas.normal, "a standard normal number of random bits")
_entry("normal_quantile", 1, "float64", "float64", formulas.normal_quantile, "quantile of the standard normal",
       lambda inputs, output, gradient: [gradient * math.sqrt(2 * math.pi) * exp(output * output / 2)])
_entry("exact_log", 1, "float64", "float64", formulas.log, "log of a normal number, the same bits everywhere",
       lambda inputs, output, gradient: [gradient / inputs[0]])
_entry("gamma_attempt", 3, "float64", "float64", formulas.gamma_attempt, "a gamma number, or -1 to try again")
_entry("gamma_boost", 3, "float64", "float64", formulas.gamma_boost, "a gamma number brought below shape 1")
_entry("log_gamma_boost", 3, "float64", "float64", formulas.log_gamma_boost, "log of gamma_boost")
_entry("share", 2, "float64", "float64", formulas.share, "x / (x + y) of the logarithms of x and y")
_entry("exact_affine", 3, "float64", "float64", formulas.affine, "x * scale + shift, rounded twice",
       lambda inputs, output, gradient: [gradient * inputs[1], gradient * inputs[0], gradient])


def call(name: str, *operands: object) -> Variable:
    """One of the functions above, with casts and broadcasting."""
    return apply_scalar(name, *operands)
