"""Elementary functions as LLVM IR text, for any vector width, with a stated error.

`define("exp", "f64", 8, fma=True)` is an internal function `@scancc.exp.v8f64` to be inlined.  It
calls no library, branches only where a comment says why, and gives an element the same bits at
every width.  docs/math.md has the table of errors, domains and special values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from inspect import signature

from scancc.late_dataclasses import dataclass

from . import error, exponential, fixed_power, gamma, hyperbolic, logarithm, power, trigonometric
from . import inverse_trigonometric as inverse
from .builder import Body, Value, through_f64
from .function import Closure, MathFunction, module_text, shared_modules

__all__ = ["FUNCTIONS", "Closure", "Elementary", "MathFunction", "define", "module_text", "row_of", "shared_modules"]

Formula = Callable[..., Value]


@dataclass(frozen=True)
class Elementary:
    """A function by the op that it computes: its formulas for f64 and for f32, and the largest error of each.

    Errors are in units in the last place (lgamma and digamma of negative x: in those of the larger of the
    result, the function of |x|, and 1).
    """

    op: str
    f64: Formula
    f32: Formula
    ulp: tuple[float, float]

    @property
    def n_arguments(self) -> int:
        return len(signature(self.f64).parameters)

    def formula(self, dtype: str) -> Formula:
        return {"f64": self.f64, "f32": self.f32}[dtype]

    def error_ulp(self, dtype: str) -> float:
        return self.ulp[("f64", "f32").index(dtype)]


FUNCTIONS = {row.op.partition(".")[2]: row for row in (
    Elementary("math.exp", exponential.exp, exponential.exp, (1.2, 1.2)),
    Elementary("math.exp2", exponential.exp2, exponential.exp2, (1.2, 1.2)),
    Elementary("math.expm1", exponential.expm1, exponential.expm1, (1.2, 1.0)),
    Elementary("math.tanh", exponential.tanh, exponential.tanh_f32, (1.1, 0.6)),
    Elementary("scan.short_tanh", exponential.tanh, exponential.short_tanh_f32, (1.1, 6.0)),
    Elementary("scan.sigmoid", exponential.sigmoid, exponential.sigmoid, (2.5, 2.5)),
    Elementary("math.log", logarithm.log, logarithm.log, (0.9, 0.9)),
    Elementary("math.log2", logarithm.log2, logarithm.log2_f32, (0.8, 0.6)),
    Elementary("math.log10", logarithm.log10, logarithm.log10_f32, (0.7, 0.6)),
    Elementary("math.log1p", logarithm.log1p, logarithm.log1p, (0.9, 0.9)),
    Elementary("scan.softplus", logarithm.softplus, logarithm.softplus, (1.8, 1.8)),
    Elementary("math.sin", trigonometric.sin, trigonometric.sin_f32, (0.9, 0.9)),
    Elementary("math.cos", trigonometric.cos, trigonometric.cos_f32, (0.9, 0.9)),
    Elementary("math.tan", trigonometric.tan, trigonometric.tan_f32, (1.0, 0.6)),
    Elementary("math.powf", power.pow, power.pow_f32, (0.8, 0.6)),
    Elementary("math.sinh", hyperbolic.sinh, hyperbolic.sinh, (1.0, 1.0)),
    Elementary("math.cosh", hyperbolic.cosh, hyperbolic.cosh, (1.1, 1.0)),
    Elementary("math.asinh", hyperbolic.asinh, hyperbolic.asinh_f32, (1.2, 0.6)),
    Elementary("math.acosh", hyperbolic.acosh, hyperbolic.acosh_f32, (1.2, 0.6)),
    Elementary("math.atanh", hyperbolic.atanh, hyperbolic.atanh_f32, (1.0, 0.6)),
    Elementary("math.asin", inverse.asin, inverse.asin_f32, (0.8, 0.6)),
    Elementary("math.acos", inverse.acos, inverse.acos_f32, (0.8, 0.6)),
    Elementary("math.atan", inverse.atan, inverse.atan_f32, (1.5, 0.6)),
    Elementary("math.atan2", inverse.atan2, inverse.atan2_f32, (2.0, 0.6)),
    Elementary("math.cbrt", power.cbrt, through_f64(power.cbrt_f64_short), (0.6, 0.6)),
    Elementary("scan.hypot", power.hypot, power.hypot_f32, (0.6, 0.6)),
    Elementary("math.erf", error.erf, error.erf_f32, (2.5, 0.6)),
    Elementary("math.erfc", error.erfc, error.erfc_f32, (4.0, 0.6)),
    Elementary("scan.lgamma", gamma.lgamma, through_f64(gamma.lgamma), (4.0, 0.6)),
    Elementary("scan.digamma", gamma.digamma, through_f64(gamma.digamma), (6.0, 0.6)),
)}


def row_of(fn: str, exponent: float | None = None) -> Elementary:
    """The function `fn`, or a power of few products (`scancc.ir.powers`) by its exponent, which takes x alone."""
    if exponent is None:
        return FUNCTIONS[fn]
    ulp = fixed_power.ULP_OF_TINY, fixed_power.ULP
    f64, f32 = (lambda x: fixed_power.power(x, exponent)), (lambda x: fixed_power.power_f32(x, exponent))
    return Elementary("math.powf", f64, f32, ulp)


@cache
def define(fn: str, dtype: str, width: int, fma: bool, exponent: float | None = None) -> MathFunction:
    """The function over `width` lanes (1: a scalar) of "f32" or "f64"; `fma`: the target has one."""
    body, row = Body(width, fma), row_of(fn, exponent)
    names = ["%x", "%y"][: row.n_arguments]
    result = row.formula(dtype)(*(Value(body, dtype, name) for name in names))  # type: ignore[arg-type]
    lanes = dtype if width == 1 else f"v{width}{dtype}"
    symbol = f"scancc.{fn}.{lanes}" if exponent is None else f"scancc.{fn}.{lanes}.{exponent:g}"
    value_type = body.type(result.kind)
    parameters = ", ".join(f"{value_type} {name}" for name in names)
    lines = [f"define internal {value_type} @{symbol}({parameters}) alwaysinline nounwind {{", "entry:"]
    lines += [*body.lines, f"  ret {value_type} {result.name}", "}"]
    return MathFunction(symbol, "\n".join(lines), (*body.declares, *body.calls.values()))
