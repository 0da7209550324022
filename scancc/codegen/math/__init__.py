"""Elementary functions as LLVM IR text, for any vector width, with a stated error.

`define("exp", "f64", 8, fma=True)` is an internal function `@scancc.exp.v8f64` to be inlined.  It
calls no library, branches only where a comment says why, and gives an element the same bits at
every width.  docs/math.md has the table of errors, domains and special values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from . import error, exponential, gamma, hyperbolic, logarithm, power, trigonometric
from . import inverse_trigonometric as inverse
from .builder import Body, Value, through_f64
from .function import MathFunction, module_text

__all__ = ["ACCURACY_ULP", "FUNCTIONS", "MathFunction", "define", "module_text", "n_arguments"]

Formula = Callable[..., Value]

FUNCTIONS: dict[str, tuple[Formula, Formula]] = {
    "exp": (exponential.exp, exponential.exp),
    "exp2": (exponential.exp2, exponential.exp2),
    "expm1": (exponential.expm1, exponential.expm1),
    "tanh": (exponential.tanh, exponential.tanh_f32),
    "sigmoid": (exponential.sigmoid, exponential.sigmoid),
    "log": (logarithm.log, logarithm.log),
    "log2": (logarithm.log2, logarithm.log2_f32),
    "log10": (logarithm.log10, logarithm.log10_f32),
    "log1p": (logarithm.log1p, logarithm.log1p),
    "softplus": (logarithm.softplus, logarithm.softplus),
    "sin": (trigonometric.sin, trigonometric.sin_f32),
    "cos": (trigonometric.cos, trigonometric.cos_f32),
    "tan": (trigonometric.tan, trigonometric.tan_f32),
    "pow": (power.pow, power.pow_f32),
    "sinh": (hyperbolic.sinh, hyperbolic.sinh),
    "cosh": (hyperbolic.cosh, hyperbolic.cosh),
    "asinh": (hyperbolic.asinh, hyperbolic.asinh_f32),
    "acosh": (hyperbolic.acosh, hyperbolic.acosh_f32),
    "atanh": (hyperbolic.atanh, hyperbolic.atanh_f32),
    "asin": (inverse.asin, inverse.asin_f32),
    "acos": (inverse.acos, inverse.acos_f32),
    "atan": (inverse.atan, inverse.atan_f32),
    "atan2": (inverse.atan2, inverse.atan2_f32),
    "cbrt": (power.cbrt, through_f64(power.cbrt_f64_short)),
    "hypot": (power.hypot, power.hypot_f32),
    "erf": (error.erf, error.erf_f32),
    "erfc": (error.erfc, error.erfc_f32),
    "lgamma": (gamma.lgamma, through_f64(gamma.lgamma)),
    "digamma": (gamma.digamma, through_f64(gamma.digamma)),
}
"""Name to its formulas for f64 and for f32."""

ACCURACY_ULP: dict[str, tuple[float, float]] = {
    "exp": (1.2, 1.2),
    "exp2": (1.2, 1.2),
    "expm1": (1.2, 1.0),
    "tanh": (1.1, 0.6),
    "sigmoid": (2.5, 2.5),
    "log": (0.9, 0.9),
    "log2": (0.8, 0.6),
    "log10": (0.7, 0.6),
    "log1p": (0.9, 0.9),
    "softplus": (1.8, 1.8),
    "sin": (0.9, 0.9),
    "cos": (0.9, 0.9),
    "tan": (1.0, 0.6),
    "pow": (0.8, 0.6),
    "sinh": (1.0, 1.0),
    "cosh": (1.1, 1.0),
    "asinh": (1.2, 0.6),
    "acosh": (1.2, 0.6),
    "atanh": (1.0, 0.6),
    "asin": (0.8, 0.6),
    "acos": (0.8, 0.6),
    "atan": (1.5, 0.6),
    "atan2": (2.0, 0.6),
    "cbrt": (0.6, 0.6),
    "hypot": (0.6, 0.6),
    "erf": (2.5, 0.6),
    "erfc": (4.0, 0.6),
    "lgamma": (4.0, 0.6),
    "digamma": (6.0, 0.6),
}
"""Name to the largest error in units in the last place, for f64 and for f32 (lgamma and digamma of
negative x: in those of the larger of the result, the function of |x|, and 1)."""

_BINARY = frozenset({"atan2", "pow", "hypot"})


def n_arguments(fn: str) -> int:
    return 2 if fn in _BINARY else 1


@cache
def define(fn: str, dtype: str, width: int, fma: bool) -> MathFunction:
    """The function over `width` lanes (1: a scalar) of "f32" or "f64"; `fma`: the target has one."""
    formula = FUNCTIONS[fn][dtype == "f32"]
    body = Body(width, fma)
    names = ["%x"] if n_arguments(fn) == 1 else ["%x", "%y"]
    result = formula(*(Value(body, dtype, name) for name in names))  # type: ignore[arg-type]
    lanes = dtype if width == 1 else f"v{width}{dtype}"
    symbol = f"scancc.{fn}.{lanes}"
    value_type = body.type(result.kind)
    parameters = ", ".join(f"{value_type} {name}" for name in names)
    lines = [f"define internal {value_type} @{symbol}({parameters}) alwaysinline nounwind {{", "entry:"]
    lines += [*body.lines, f"  ret {value_type} {result.name}", "}"]
    return MathFunction(symbol, "\n".join(lines), (*body.declares, *body.calls.values()))
