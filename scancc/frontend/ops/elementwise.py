"""Elementwise functions: one declarative entry each in `SCALARS`, applied by the op `Elemwise`.

To add one: a `ScalarFn` in the table (arity, dtype rule, NumPy meaning, derivative, lowering, one line
of documentation) and, where its public name is not the entry's, a line at the end of this file.

Broadcasting is explicit: the operands of an `Elemwise` have the same rank and the dtype the function
computes in; an axis known to have length 1 stretches, any other must agree when the program runs.

Semantics, which the reference and the native code share:
- integers wrap; integer division and modulo round towards minus infinity, and by zero give 0;
- an integer to a negative power gives 0, unless it is 1 or -1, whose powers are whole;
- a shift by the width or more gives 0 (`>>` of a negative: -1);
- maximum, minimum and sgn give NaN where an operand is NaN; comparisons with NaN are False, `neq` True;
- a float becomes a bool by `!= 0`, and an integer by cutting towards zero; beyond the integer's range the
  nearest one there is, NaN 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from scancc.errors import NullTypeGradError
from scancc.frontend.graph.constants import (
    as_operand,
    as_tensor_variable,
    constant_value,
    float_for,
    is_discrete,
    is_weak,
    kind,
    promote_dtypes,
    result_dtype,
    strong,
)
from scancc.frontend.graph.dims import SameShape, dim, dimshuffle, int64, require_possible, same_scalar
from scancc.frontend.graph.variables import Apply, Constant, Op, Run, TensorType, Variable, dtype_name
from scancc.frontend.ops import complex_lowering as complex_low
from scancc.frontend.ops import scalar_lowering as low
from scancc.frontend.ops import scalar_numpy as meaning
from scancc.frontend.ops.finiteness import surely_finite
from scancc.ir.casts import converted


@dataclass(frozen=True)
class Signature:
    """The dtype each operand is computed in, and the dtype of the result."""

    compute: tuple[str, ...]
    out: str


DtypeRule = Callable[[tuple[str, ...]], Signature]
Gradients = list[Variable | None]
Derivative = Callable[[Sequence[Variable], Variable, Variable], Gradients]
Lowering = dict[str, str | low.Lower]


@dataclass(frozen=True)
class ScalarFn:
    """An elementwise function.

    `derivative(inputs, output, gradient)` gives the gradient for each input, None where there is none;
    `lower` maps the kind of the compute dtype ('f', 'i', 'u', 'b', 'c') to an IR op's name or to
    `lower(builder, *operands, dtype)`, `dtype` that of the result.
    """

    name: str
    n_in: int
    dtype_rule: DtypeRule
    numpy: Callable[..., Any]
    lower: Lowering
    derivative: Derivative | None
    doc: str


# ---- dtype rules ----------------------------------------------------------------------------------


def same(dtypes: tuple[str, ...]) -> Signature:
    """Computed in, and giving, the promoted dtype."""
    dtype = promote_dtypes(*dtypes)
    return Signature((dtype,) * len(dtypes), dtype)


def floating(dtypes: tuple[str, ...]) -> Signature:
    """As `same`, but integers and bools become floats first (`apply_scalar` has made them `floatX`)."""
    dtype = promote_dtypes(*dtypes)
    dtype = promote_dtypes(dtype, "float64") if is_discrete(dtype) else dtype
    return Signature((dtype,) * len(dtypes), dtype)


def compared(dtypes: tuple[str, ...]) -> Signature:
    """Computed in the promoted dtype, giving bool."""
    return Signature(same(dtypes).compute, "bool")


def tested(dtypes: tuple[str, ...]) -> Signature:
    """Computed in a float dtype, giving bool."""
    return Signature(floating(dtypes).compute, "bool")


def logical(dtypes: tuple[str, ...]) -> Signature:
    """Operands count as true where they are not 0."""
    return Signature(("bool",) * len(dtypes), "bool")


def chosen(dtypes: tuple[str, ...]) -> Signature:
    """A condition, then values in their promoted dtype."""
    dtype = promote_dtypes(*dtypes[1:])
    return Signature(("bool", dtype, dtype), dtype)


def magnitude(dtypes: tuple[str, ...]) -> Signature:
    """As `same`, but a complex number gives its real dtype."""
    return Signature(dtypes, real_dtype(dtypes[0]))


def paired(dtypes: tuple[str, ...]) -> Signature:
    """Two real dtypes give the complex one of their precision."""
    found = floating(dtypes)
    return Signature(found.compute, promote_dtypes(found.out, "complex64"))


def real_dtype(dtype: str) -> str:
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)


# ---- the op ---------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def signature(fn: str, dtypes: tuple[str, ...]) -> Signature:
    """What `fn` computes in and gives for operands of `dtypes`; TypeError where it is not defined."""
    entry = SCALARS[fn]
    if len(dtypes) != entry.n_in:
        raise TypeError(f"{fn} takes {entry.n_in} operands, not {len(dtypes)}")
    found = entry.dtype_rule(dtypes)
    if kind(found.compute[-1]) not in entry.lower:
        allowed = ", ".join(_KIND_WORDS[k] for k in entry.lower)
        raise TypeError(f"{fn} is not defined for {' and '.join(dtypes)}: it takes {allowed}; cast first")
    return found


_KIND_WORDS = {
    "f": "floats", "i": "signed integers", "u": "unsigned integers", "b": "bools", "c": "complex numbers",
}


@dataclass(frozen=True)
class Elemwise(Op):
    """`SCALARS[fn]` on each element; operands have the same rank, axes of static length 1 stretch."""

    fn: str

    @property
    def name(self) -> str:
        return self.fn

    @property
    def scalar(self) -> ScalarFn:
        return SCALARS[self.fn]

    def infer(self, *inputs: Variable) -> list[TensorType]:
        out = signature(self.fn, tuple(v.dtype for v in inputs)).out
        return [TensorType(out, broadcast_shape(self.fn, inputs))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = signature(self.fn, tuple(x.dtype.name for x in inputs))
        return [_compute(self.scalar, found, inputs)]

    def executor(self, node: Apply) -> Run:
        entry = self.scalar
        found = signature(self.fn, tuple(v.dtype for v in node.inputs))
        stretches = [v.broadcastable for v in node.inputs]

        def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            if len(inputs) > 1:
                check_lengths(self.fn, inputs, stretches)
            return [_compute(entry, found, inputs)]

        return run

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        for operand in node.inputs:
            if operand.type.shape[axis] != 1:
                return dim(operand, axis)
        return None

    def is_total(self, node: Apply) -> bool:
        """True where all lengths are known to agree."""
        for axis in range(node.outputs[0].ndim):
            first, *others = [dim(v, axis) for v in node.inputs if v.type.shape[axis] != 1] or [int64(1)]
            if not all(same_scalar(first, other) for other in others):
                return False
        return True


def _compute(entry: ScalarFn, found: Signature, inputs: Sequence[np.ndarray]) -> np.ndarray:
    operands = [x.astype(t, copy=False) for x, t in zip(inputs, found.compute, strict=True)]
    with np.errstate(all="ignore"):
        return np.asarray(entry.numpy(*operands), dtype=found.out)


def broadcast_shape(what: str, operands: Sequence[Variable]) -> tuple[int | None, ...]:
    """The static shape that operands of one rank broadcast to; ValueError where they cannot."""
    if len({v.ndim for v in operands}) > 1:
        raise ValueError(f"{what}: operands have different numbers of dimensions: {_types(operands)}")
    shape: list[int | None] = []
    for axis, lengths in enumerate(zip(*(v.type.shape for v in operands), strict=True)):
        known = {n for n in lengths if n is not None and n != 1}
        if len(known) > 1:
            raise ValueError(
                f"{what}: the lengths of axis {axis} do not agree: {_types(operands)}; "
                "they must be equal, or known to be 1"
            )
        shape.append(known.pop() if known else None if None in lengths else 1)
    return tuple(shape)


def _types(operands: Sequence[Variable]) -> str:
    return ", ".join(f"{v!r} {v.type}" for v in operands)


def check_lengths(what: str, arrays: Sequence[np.ndarray], stretches: Sequence[tuple[bool, ...]]) -> None:
    """ValueError unless axes agree where they may not stretch."""
    first = arrays[0].shape
    if all(x.shape == first for x in arrays):
        return
    for axis in range(len(first)):
        lengths = {x.shape[axis] for x, s in zip(arrays, stretches, strict=True) if not s[axis]}
        if len(lengths) > 1:
            shapes = " and ".join(str(x.shape) for x in arrays)
            raise ValueError(
                f"{what}: shapes {shapes} do not agree on axis {axis}; lengths must be equal, or known to be "
                "1 when the function is built (T.row, T.col, T.addbroadcast or dimshuffle with 'x')"
            )
    axes = zip(*(x.shape for x in arrays), strict=True)
    require_possible(what, [next((n for n in lengths if n != 1), 1) for lengths in axes])


def align(operands: Sequence[Variable]) -> list[Variable]:
    """`operands` with leading axes of length 1 added, so that all have the same rank."""
    ndim = max(v.ndim for v in operands)
    return [v if v.ndim == ndim else pad_axes(v, ndim) for v in operands]


def pad_axes(x: Variable, ndim: int) -> Variable:
    return dimshuffle(x, ("x",) * (ndim - x.ndim) + tuple(range(x.ndim)))


def apply_scalar(fn: str, *values: object) -> Variable:
    """`SCALARS[fn]` of variables, arrays and numbers, with promotion, casts and broadcasting."""
    entry = SCALARS[fn]
    if len(values) != entry.n_in:
        raise TypeError(f"{fn} takes {entry.n_in} operands, not {len(values)}")
    operands = _typed(entry, [as_operand(v) for v in values])
    if entry.dtype_rule in (floating, tested, paired) and any(is_discrete(v.dtype) for v in operands):
        dtype = float_for(promote_dtypes(*(v.dtype for v in operands)))
        operands = [cast(v, dtype) for v in operands]
    found = signature(fn, tuple(v.dtype for v in operands))
    if found.compute[-1] == "float16" and _is_elementary(entry):
        return cast(apply_scalar(fn, *(cast(v, "float32") for v in operands)), found.out)
    operands = [v if v.dtype == t else cast(v, t) for v, t in zip(operands, found.compute, strict=True)]
    if all(isinstance(v, Constant) and v.ndim == 0 and is_discrete(v.dtype) for v in operands):
        value = Constant(_compute(entry, found, [v.data for v in operands]))  # type: ignore[attr-defined]
        return value.computed(partial(apply_scalar, fn), *operands)
    return Elemwise(fn)(*align(operands))


_EXACT = ("absf", "sqrt", "floor", "ceil", "trunc", "roundeven", "round", "copysign")


def _is_elementary(entry: ScalarFn) -> bool:
    """Whether an approximation computes it; for half precision that is done in single, as NumPy does."""
    dialect, _, name = str(entry.lower.get("f", "")).partition(".")
    return (dialect in ("math", "scan") and name not in _EXACT) or entry.name == "trigamma"


def _typed(entry: ScalarFn, operands: list[Variable]) -> list[Variable]:
    """`operands` with weak constants made constants of the dtype they take here."""
    if not any(is_weak(v) for v in operands):
        return operands
    if entry.dtype_rule is logical:
        return [strong(v, "bool") if is_weak(v) else v for v in operands]
    first = 1 if entry.dtype_rule is chosen else 0
    dtype = result_dtype(operands[first:])
    head = [strong(v, "bool") for v in operands[:first]]
    return head + [strong(v, dtype) for v in operands[first:]]


# ---- cast -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cast(SameShape, Op):
    """Another dtype: floats to integers cut towards zero and kept in their range (NaN: 0), anything to bool
    by `!= 0`."""

    dtype: str

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        if kind(x.dtype) == "c" and kind(self.dtype) != "c":
            raise TypeError(f"casting {x.dtype} to {self.dtype} drops the imaginary part; use T.real first")
        return [TensorType(self.dtype, x.type.shape)]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [converted(inputs[0], self.dtype)]

    def is_total(self, node: Apply) -> bool:
        return True


def cast(x: object, dtype: object) -> Variable:
    """`x` in another dtype ('floatX': config.floatX)."""
    var, name = as_operand(x), dtype_name(dtype)
    if isinstance(var, Constant) and (var.weak or var.dtype != name):
        if kind(var.dtype) == "c" and kind(name) != "c":
            Cast(name).infer(var)
        return Constant(converted(var.data, name), name=var.name).computed(partial(cast, dtype=name), var)
    return var if var.dtype == name else Cast(name)(var)


# ---- derivatives ----------------------------------------------------------------------------------
#
# One rule for points where a derivative is infinite or undefined: where the function itself is finite
# there (`sqrt` and `x**k` at 0, `arcsin` at 1), the derivative counts as 0; and a gradient of exactly 0
# (what `switch` did not choose) stays 0, whatever it is multiplied with. `quotient`, `masked_mul` and
# `masked_div` say so; their own derivatives are those of the product and the quotient, so that every
# order is right. `_times` and `_over` mask where the other operand may be infinite or NaN by the functions it is
# made of; that a product or sum overflows they do not foresee (docs/gradients.md). At ties,
# `maximum` and `minimum` give the whole gradient to the first operand.


def _unary(partial: Callable[[Variable, Variable, Variable], Variable | None]) -> Derivative:
    """From `partial(x, output, gradient)`."""
    return lambda inputs, out, g: [partial(inputs[0], out, g)]


def _scaled(value: complex, like: Variable) -> Constant:
    return Constant(np.asarray(value, like.dtype))


def _d_power(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    known = constant_value(y)
    if known is not None and known.size == 1:
        return [_d_fixed_power(x, known.item(), g), None]
    below = apply_scalar("power", x, y - _scaled(1, y))
    if kind(g.dtype) == "c":
        return [g * conj(y * below), g * conj(out * log(x))]
    finite = switch(eq(x, 0), switch(ge(y, 1), below, 0), below)
    return [masked_mul(g, y * finite), masked_mul(g, out * log(switch(gt(x, 0), x, 1)))]


def _d_fixed_power(x: Variable, exponent: complex, g: Variable) -> Variable:
    if exponent == 0:
        return g * _scaled(0, x)
    slope = _fixed_power(x, exponent - 1) * _scaled(exponent, x)
    if kind(g.dtype) == "c":
        return g * conj(slope)
    if 1 <= exponent <= 2:  # type: ignore[operator]
        return _times(g, slope)
    at_zero = 0 < exponent < 1  # type: ignore[operator]
    return masked_mul(g, switch(eq(x, 0), 0, slope) if at_zero else slope)  # a high power soon overflows


def _fixed_power(x: Variable, exponent: complex) -> Variable:
    """x ** exponent, without a power where less will do."""
    if exponent == 0:
        return _scaled(1, x)
    if exponent == 1:
        return x
    return sqr(x) if exponent == 2 else apply_scalar("power", x, _scaled(exponent, x))


def _d_mul(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    return [_times(g, y), _times(g, x)]


def _times(g: Variable, factor: Variable) -> Variable:
    """g * factor; where `factor` may be infinite or NaN, 0 wherever g is 0."""
    if kind(g.dtype) == "c":
        return g * conj(factor)
    return g * factor if surely_finite(factor) else masked_mul(g, factor)


def _over(g: Variable, divisor: Variable) -> Variable:
    """g / divisor, which is nowhere 0; where it may be NaN, 0 wherever g is 0."""
    return g / divisor if surely_finite(divisor) else masked_div(g, divisor)


def _d_true_div(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    if kind(g.dtype) == "c":
        return [g / conj(y), -(g * conj(out) / conj(y))]
    divide = true_div if _nonzero_constant(y) else masked_div
    by_x = divide(g, y)
    return [by_x, -_times(by_x, out)]


def _nonzero_constant(x: Variable) -> bool:
    value = constant_value(x)
    return value is not None and bool(np.all(value != 0))


def _d_choice(first_wins: Callable[[Variable, Variable], Variable]) -> Derivative:
    def derivative(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
        wins = first_wins(*inputs)
        return [switch(wins, g, 0), switch(wins, 0, g)]

    return derivative


def _d_switch(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    return [None, switch(inputs[0], g, 0), switch(inputs[0], 0, g)]


def _d_mod(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    return [g, -_times(g, apply_scalar("floor_div", *inputs))]


def _d_arctan2(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    y, x = inputs
    distance = hypot(y, x)  # its square may overflow, or be 0
    return [_times(g, quotient(quotient(v, distance), distance)) for v in (x, -y)]


def _d_hypot(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    return [_times(g, quotient(x, out)) for x in inputs]


def _d_abs(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    (x,) = inputs
    if kind(x.dtype) == "c":
        ratio = quotient(g, out)
        return [make_complex(ratio * real(x), ratio * imag(x))]
    return [_times(g, sgn(x))]


def _d_sqr(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    (x,) = inputs
    return [_times(g, x) * _scaled(2, g)]


def _d_sqrt(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    if kind(g.dtype) == "c":
        return [g / conj(out * 2)]
    return [quotient(g * _scaled(0.5, g), out)]


def _d_masked_mul(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    return [masked_mul(g, y), g * x]


def _d_masked_div(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    return [masked_div(g, y), -masked_div(g * out, y)]


def _d_quotient(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    by_x = quotient(g, y)
    return [by_x, -(by_x * out)]


def _d_trigamma(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    raise NullTypeGradError("the derivative of trigamma (the third of gammaln) is not implemented")


# ---- the table ------------------------------------------------------------------------------------

_LN2, _LN10, _TWO_OVER_SQRT_PI = float(np.log(2)), float(np.log(10)), float(2 / np.sqrt(np.pi))


def _arithmetic(name: str) -> Lowering:
    """One IR op for each kind of number, by MLIR's naming."""
    return {"f": f"arith.{name}f", "i": f"arith.{name}i", "u": f"arith.{name}i", "c": f"complex.{name}"}


def _entries() -> list[ScalarFn]:
    fn = ScalarFn
    return [
        # arithmetic
        fn("add", 2, same, np.add, {**_arithmetic("add"), "b": "arith.ori"}, lambda i, o, g: [g, g],
           "x + y (bools: or)"),
        fn("sub", 2, same, np.subtract, _arithmetic("sub"), lambda i, o, g: [g, -g], "x - y"),
        fn("mul", 2, same, np.multiply, {**_arithmetic("mul"), "b": "arith.andi"}, _d_mul,
           "x * y (bools: and)"),
        fn("true_div", 2, floating, np.true_divide, {"f": "arith.divf", "c": "complex.div"}, _d_true_div,
           "x / y"),
        fn("floor_div", 2, same, np.floor_divide,
           {"f": low.floor_div_float, "i": low.floor_div_signed, "u": low.floor_div_unsigned}, None,
           "x // y, towards minus infinity"),
        fn("mod", 2, same, np.mod, {"f": low.mod_float, "i": low.mod_signed, "u": low.mod_unsigned}, _d_mod,
           "x % y, with the sign of y"),
        fn("power", 2, same, meaning.power,
           {"f": "math.powf", "i": low.power_signed, "u": low.power_unsigned, "c": complex_low.power},
           _d_power, "x ** y"),
        fn("neg", 1, same, np.negative,
           {"f": "arith.negf", "i": low.neg_int, "u": low.neg_int, "c": "complex.neg"},
           lambda i, o, g: [-g], "-x"),
        fn("abs", 1, magnitude, np.abs,
           {"f": "math.absf", "i": low.absolute_int, "u": low.itself, "b": low.itself,
            "c": complex_low.absolute},
           _d_abs, "absolute value"),
        fn("sgn", 1, same, np.sign, {"f": low.sign_float, "i": low.sign_int, "u": low.sign_unsigned}, None,
           "-1, 0 or 1; NaN of NaN"),
        fn("sqr", 1, same, np.square,
           {"f": low.square_float, "i": low.square_int, "u": low.square_int, "c": complex_low.sqr},
           _d_sqr, "x * x"),
        fn("sqrt", 1, floating, np.sqrt, {"f": "math.sqrt", "c": "complex.sqrt"}, _d_sqrt, "square root"),
        fn("cbrt", 1, floating, np.cbrt, {"f": "math.cbrt"},
           _unary(lambda x, o, g: quotient(g, sqr(o) * _scaled(3, g))), "cube root"),
        fn("reciprocal", 1, floating, np.reciprocal, {"f": low.reciprocal, "c": complex_low.reciprocal},
           _unary(lambda x, o, g: -_times(_times(g, o), o)), "1 / x"),
        fn("maximum", 2, same, np.maximum,
           {"f": "arith.maximumf", "i": "arith.maxsi", "u": "arith.maxui", "b": "arith.ori"},
           _d_choice(lambda x, y: ge(x, y)), "the larger; NaN if either is"),
        fn("minimum", 2, same, np.minimum,
           {"f": "arith.minimumf", "i": "arith.minsi", "u": "arith.minui", "b": "arith.andi"},
           _d_choice(lambda x, y: le(x, y)), "the smaller; NaN if either is"),
        # exponentials and logarithms
        fn("exp", 1, floating, np.exp, {"f": "math.exp", "c": "complex.exp"},
           _unary(lambda x, o, g: _times(g, o)), "e ** x"),
        fn("exp2", 1, floating, np.exp2, {"f": "math.exp2"},
           _unary(lambda x, o, g: _times(g, o) * _scaled(_LN2, g)), "2 ** x"),
        fn("expm1", 1, floating, np.expm1, {"f": "math.expm1"},
           _unary(lambda x, o, g: masked_mul(g, o + _scaled(1, o))), "exp(x) - 1, exact near 0"),
        fn("log", 1, floating, np.log, {"f": "math.log", "c": "complex.log"},
           _unary(lambda x, o, g: masked_div(g, x) if kind(g.dtype) != "c" else g / conj(x)),
           "natural logarithm"),
        fn("log2", 1, floating, np.log2, {"f": "math.log2"},
           _unary(lambda x, o, g: masked_div(g, x * _scaled(_LN2, x))), "logarithm to base 2"),
        fn("log10", 1, floating, np.log10, {"f": "math.log10"},
           _unary(lambda x, o, g: masked_div(g, x * _scaled(_LN10, x))), "logarithm to base 10"),
        fn("log1p", 1, floating, np.log1p, {"f": "math.log1p"},
           _unary(lambda x, o, g: masked_div(g, x + _scaled(1, x))), "log(1 + x), exact near 0"),
        fn("sigmoid", 1, floating, meaning.sigmoid, {"f": "scan.sigmoid"},
           _unary(lambda x, o, g: _times(g, o * (_scaled(1, o) - o))), "1 / (1 + exp(-x))"),
        fn("softplus", 1, floating, meaning.softplus, {"f": "scan.softplus"},
           _unary(lambda x, o, g: _times(g, sigmoid(x))), "log(1 + exp(x)) without overflow"),
        # circular and hyperbolic functions
        fn("sin", 1, floating, np.sin, {"f": "math.sin", "c": "complex.sin"},
           _unary(lambda x, o, g: _times(g, cos(x))), "sine"),
        fn("cos", 1, floating, np.cos, {"f": "math.cos", "c": "complex.cos"},
           _unary(lambda x, o, g: -_times(g, sin(x))), "cosine"),
        fn("tan", 1, floating, np.tan, {"f": "math.tan"},
           _unary(lambda x, o, g: masked_mul(g, sqr(o) + _scaled(1, o))), "tangent"),
        fn("arcsin", 1, floating, np.arcsin, {"f": "math.asin"},
           _unary(lambda x, o, g: quotient(g, sqrt(_scaled(1, x) - sqr(x)))), "inverse sine"),
        fn("arccos", 1, floating, np.arccos, {"f": "math.acos"},
           _unary(lambda x, o, g: -quotient(g, sqrt(_scaled(1, x) - sqr(x)))), "inverse cosine"),
        fn("arctan", 1, floating, np.arctan, {"f": "math.atan"},
           _unary(lambda x, o, g: _over(g, sqr(x) + _scaled(1, x))), "inverse tangent"),
        fn("arctan2", 2, floating, np.arctan2, {"f": "math.atan2"}, _d_arctan2,
           "angle of the point whose ordinate is the first operand"),
        fn("sinh", 1, floating, np.sinh, {"f": "math.sinh"},
           _unary(lambda x, o, g: masked_mul(g, cosh(x))), "hyperbolic sine"),
        fn("cosh", 1, floating, np.cosh, {"f": "math.cosh"},
           _unary(lambda x, o, g: masked_mul(g, sinh(x))), "hyperbolic cosine"),
        fn("tanh", 1, floating, np.tanh, {"f": "math.tanh", "c": "complex.tanh"},
           _unary(lambda x, o, g: _times(g, _scaled(1, o) - sqr(o))), "hyperbolic tangent"),
        fn("arcsinh", 1, floating, np.arcsinh, {"f": "math.asinh"},
           _unary(lambda x, o, g: _over(g, sqrt(sqr(x) + _scaled(1, x)))), "inverse hyperbolic sine"),
        fn("arccosh", 1, floating, np.arccosh, {"f": "math.acosh"},
           _unary(lambda x, o, g: quotient(g, sqrt(sqr(x) - _scaled(1, x)))), "inverse hyperbolic cosine"),
        fn("arctanh", 1, floating, np.arctanh, {"f": "math.atanh"},
           _unary(lambda x, o, g: masked_div(g, _scaled(1, x) - sqr(x))), "inverse hyperbolic tangent"),
        fn("hypot", 2, floating, np.hypot, {"f": "scan.hypot"}, _d_hypot, "sqrt(x*x + y*y) without overflow"),
        # special functions
        fn("erf", 1, floating, meaning.erf, {"f": "math.erf"},
           _unary(lambda x, o, g: _times(g, exp(-sqr(x)) * _scaled(_TWO_OVER_SQRT_PI, x))), "error function"),
        fn("erfc", 1, floating, meaning.erfc, {"f": "math.erfc"},
           _unary(lambda x, o, g: -_times(g, exp(-sqr(x)) * _scaled(_TWO_OVER_SQRT_PI, x))),
           "1 - erf(x), exact far out"),
        fn("gammaln", 1, floating, meaning.gammaln, {"f": "scan.lgamma"},
           _unary(lambda x, o, g: masked_mul(g, digamma(x))), "log of the absolute value of gamma"),
        fn("digamma", 1, floating, meaning.digamma, {"f": "scan.digamma"},
           _unary(lambda x, o, g: masked_mul(g, trigamma(x))), "derivative of gammaln"),
        fn("trigamma", 1, floating, meaning.trigamma, {"f": low.trigamma}, _d_trigamma, "derivative of digamma"),
        # rounding
        fn("floor", 1, same, np.floor, {"f": "math.floor"}, None, "largest integer not above"),
        fn("ceil", 1, same, np.ceil, {"f": "math.ceil"}, None, "smallest integer not below"),
        fn("trunc", 1, same, np.trunc, {"f": "math.trunc"}, None, "towards zero"),
        fn("round_half_to_even", 1, same, np.rint, {"f": "math.roundeven"}, None,
           "nearest, halves to even"),
        fn("round_half_away_from_zero", 1, same, meaning.round_half_away, {"f": "math.round"}, None,
           "nearest, halves away from zero"),
        # comparison and choice
        fn("lt", 2, compared, np.less, low.compare("olt", "lt"), None, "x < y"),
        fn("le", 2, compared, np.less_equal, low.compare("ole", "le"), None, "x <= y"),
        fn("gt", 2, compared, np.greater, low.compare("ogt", "gt"), None, "x > y"),
        fn("ge", 2, compared, np.greater_equal, low.compare("oge", "ge"), None, "x >= y"),
        fn("eq", 2, compared, np.equal, {**low.compare("oeq", "eq"), "c": "complex.eq"}, None, "x == y"),
        fn("neq", 2, compared, np.not_equal, {**low.compare("une", "ne"), "c": "complex.neq"}, None,
           "x != y"),
        fn("isnan", 1, tested, np.isnan, {"f": low.is_nan}, None, "whether x is NaN"),
        fn("isinf", 1, tested, np.isinf, {"f": low.is_inf}, None, "whether x is plus or minus infinity"),
        fn("isfinite", 1, tested, np.isfinite, {"f": low.is_finite}, None,
           "whether x is neither NaN nor infinite"),
        fn("switch", 3, chosen, np.where, dict.fromkeys("fiubc", low.select), _d_switch,
           "y where x is not 0, else z"),
        # logic and bits
        fn("logical_and", 2, logical, np.logical_and, {"b": "arith.andi"}, None, "both are not 0"),
        fn("logical_or", 2, logical, np.logical_or, {"b": "arith.ori"}, None, "either is not 0"),
        fn("logical_xor", 2, logical, np.logical_xor, {"b": "arith.xori"}, None, "exactly one is not 0"),
        fn("logical_not", 1, logical, np.logical_not, {"b": low.not_}, None, "x is 0"),
        fn("bitwise_and", 2, same, np.bitwise_and, dict.fromkeys("iub", "arith.andi"), None, "x & y"),
        fn("bitwise_or", 2, same, np.bitwise_or, dict.fromkeys("iub", "arith.ori"), None, "x | y"),
        fn("bitwise_xor", 2, same, np.bitwise_xor, dict.fromkeys("iub", "arith.xori"), None, "x ^ y"),
        fn("invert", 1, same, np.invert, {"i": low.invert, "u": low.invert, "b": low.not_}, None, "~x"),
        fn("left_shift", 2, same, np.left_shift, {"i": low.shift_left, "u": low.shift_left}, None, "x << y"),
        fn("right_shift", 2, same, np.right_shift,
           {"i": low.shift_right_signed, "u": low.shift_right_unsigned}, None, "x >> y"),
        # complex numbers; gradients pair as real ones do: d cost = real(conj(g) * dx)
        fn("real", 1, magnitude, np.real, {"f": low.itself, "c": complex_low.real},
           _unary(lambda x, o, g: cast(g, x.dtype)), "real part"),
        fn("imag", 1, magnitude, np.imag, {**dict.fromkeys("fiub", low.nothing), "c": complex_low.imag},
           _unary(lambda x, o, g: make_complex(g * 0, g) if kind(x.dtype) == "c" else None), "imaginary part"),
        fn("conj", 1, same, np.conj, {**dict.fromkeys("fiub", low.itself), "c": complex_low.conj},
           _unary(lambda x, o, g: conj(g)), "complex conjugate"),
        fn("make_complex", 2, paired, meaning.make_complex, {"f": complex_low.make_complex},
           lambda i, o, g: [real(g), imag(g)], "x + iy"),
        # what derivatives are made of, near a pole
        fn("quotient", 2, floating, meaning.quotient, {"f": low.quotient}, _d_quotient,
           "x / y; 0 where x or y is 0"),
        fn("masked_mul", 2, floating, meaning.masked_mul, {"f": low.masked_mul}, _d_masked_mul,
           "x * y; 0 where x is 0, whatever y is"),
        fn("masked_div", 2, floating, meaning.masked_div, {"f": low.masked_div}, _d_masked_div,
           "x / y; 0 where x is 0, whatever y is"),
        fn("copysign", 2, floating, np.copysign, {"f": "math.copysign"},
           lambda i, o, g: [g * copysign(_scaled(1, g), i[0]) * copysign(_scaled(1, g), i[1]), None],
           "magnitude of x with the sign of y"),
    ]


SCALARS: dict[str, ScalarFn] = {entry.name: entry for entry in _entries()}


# ---- public functions -----------------------------------------------------------------------------


def _function(name: str) -> Callable[..., Variable]:
    entry = SCALARS[name]

    def function(*operands: object) -> Variable:
        return apply_scalar(name, *operands)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Elementwise: {entry.doc}."
    return function


def _rounding(name: str) -> Callable[..., Variable]:
    """Integers are already whole: they come back as they are."""
    apply = _function(name)

    def function(x: object) -> Variable:
        var = as_tensor_variable(x)
        return var if kind(var.dtype) in "iub" else apply(var)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = apply.__doc__
    return function


def _chained(name: str) -> Callable[..., Variable]:
    """`f(a, b, c)` as `f(f(a, b), c)`."""
    apply = _function(name)

    def function(first: object, *rest: object) -> Variable:
        if not rest and name in ("maximum", "minimum"):
            raise TypeError(f"{name} takes 2 operands or more, not 1; T.{name[:3]}(x) is that of the elements of x")
        result = as_operand(first) if rest else as_tensor_variable(first)
        for operand in rest:
            result = apply(result, operand)
        return result

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{apply.__doc__} Takes any number of operands, from left to right."
    return function


add, mul = _chained("add"), _chained("mul")
maximum, minimum = _chained("maximum"), _chained("minimum")
sub, true_div, floor_div, mod = map(_function, ("sub", "true_div", "floor_div", "mod"))
neg, abs_, sgn, sqr = map(_function, ("neg", "abs", "sgn", "sqr"))
sqrt, cbrt, reciprocal = map(_function, ("sqrt", "cbrt", "reciprocal"))
exp, exp2, expm1, log = map(_function, ("exp", "exp2", "expm1", "log"))
log2, log10, log1p, sigmoid, softplus = map(_function, ("log2", "log10", "log1p", "sigmoid", "softplus"))
sin, cos, tan = map(_function, ("sin", "cos", "tan"))
arcsin, arccos, arctan, arctan2 = map(_function, ("arcsin", "arccos", "arctan", "arctan2"))
sinh, cosh, tanh = map(_function, ("sinh", "cosh", "tanh"))
arcsinh, arccosh, arctanh, hypot = map(_function, ("arcsinh", "arccosh", "arctanh", "hypot"))
erf, erfc, gammaln, digamma, trigamma = map(_function, ("erf", "erfc", "gammaln", "digamma", "trigamma"))
floor, ceil, trunc = map(_rounding, ("floor", "ceil", "trunc"))
round_half_to_even = _rounding("round_half_to_even")
round_half_away_from_zero = _rounding("round_half_away_from_zero")
lt, le, gt, ge, eq, neq = map(_function, ("lt", "le", "gt", "ge", "eq", "neq"))
isnan, isinf, isfinite = map(_function, ("isnan", "isinf", "isfinite"))
_switch = _function("switch")
logical_and, logical_or = _chained("logical_and"), _chained("logical_or")
logical_xor, logical_not = _function("logical_xor"), _function("logical_not")
bitwise_and, bitwise_or = _chained("bitwise_and"), _chained("bitwise_or")
bitwise_xor, invert = _chained("bitwise_xor"), _function("invert")
left_shift, right_shift = _function("left_shift"), _function("right_shift")
imag_of, conj, make_complex = map(_function, ("imag", "conj", "make_complex"))
quotient, masked_mul, masked_div = map(_function, ("quotient", "masked_mul", "masked_div"))
copysign = _function("copysign")


def switch(condition: object, if_true: object, if_false: object) -> Variable:
    """Elementwise: `if_true` where the condition is not 0, else `if_false`."""
    if type(condition) is bool:  # what == of two variables gives
        warnings.warn(f"switch: the condition is Python's {condition}, the same for all elements; x == y asks "
                      "whether two variables are the same one, and T.eq(x, y) compares elements", stacklevel=3)
    return _switch(condition, if_true, if_false)


def real(x: object) -> Variable:
    """Elementwise: real part; a real tensor as it is."""
    var = as_tensor_variable(x)
    return apply_scalar("real", var) if kind(var.dtype) == "c" else var


def imag(x: object) -> Variable:
    """Elementwise: imaginary part; zeros for a real tensor."""
    return imag_of(as_tensor_variable(x))


def power(x: object, y: object) -> Variable:
    """Elementwise: x ** y."""
    base = as_operand(x)
    exponent = constant_value(as_operand(y))
    if exponent is not None and exponent.ndim == 0 and exponent == 2 and is_weak(as_operand(y)):
        return sqr(cast(base, result_dtype([base, as_operand(y)])))
    return apply_scalar("power", base, y)


def clip(x: object, lower: object, upper: object) -> Variable:
    """Elementwise: `x` kept between `lower` and `upper` (the upper bound wins where they cross)."""
    return minimum(maximum(x, lower), upper)
