"""Elementwise functions: a row for each, which makes its entry in `SCALARS` and the function that is called.

To add one: a row here (name, number of operands, dtype rule, NumPy meaning, lowering, derivative, one line of
documentation) and its name in `scancc.tensor`.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal, Protocol, overload

import numpy as np

from scancc.frontend.graph.constants import (
    as_operand,
    as_tensor_variable,
    constant_value,
    is_weak,
    kind,
    result_dtype,
)
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.ops import complex_lowering as complex_low
from scancc.frontend.ops import scalar_gradients as d
from scancc.frontend.ops import scalar_lowering as low
from scancc.frontend.ops import scalar_numpy
from scancc.frontend.ops.elementwise import apply_scalar as call
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.signatures import (
    SCALARS,
    Lowering,
    ScalarFn,
    chosen,
    compared,
    counted,
    floating,
    logical,
    magnitude,
    paired,
    same,
    tested,
    told,
)
from scancc.ir import meanings

_LN2, _LN10, _TWO_OVER_SQRT_PI = float(np.log(2)), float(np.log(10)), float(2 / np.sqrt(np.pi))


class Unary(Protocol):
    """A function of one operand."""

    def __call__(self, x: object, /) -> Variable: ...


class Binary(Protocol):
    """A function of two operands."""

    def __call__(self, x: object, y: object, /) -> Variable: ...


class Ternary(Protocol):
    """A function of three operands."""

    def __call__(self, x: object, y: object, z: object, /) -> Variable: ...


class Chain(Protocol):
    """A function of any number of operands."""

    def __call__(self, x: object, /, *others: object) -> Variable: ...


_KINDS: dict[int, type] = {1: Unary, 2: Binary, 3: Ternary}


def _shown(function: Any, name: str, doc: str, kind: type, first: str = "x") -> Any:
    """`function` as `help` shows it: its name, what it does, and operands by name, which calls give by position."""
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    _, *operands = inspect.signature(kind.__call__).parameters.values()
    names = [p.name for p in operands] if first == "x" else [first, "x"]  # arctan2(y, x)
    shown = [inspect.Parameter(n, p.kind) for n, p in zip(names, operands, strict=True)]
    function.__signature__ = inspect.Signature(shown)
    return function


@overload
def function(name: str, n_in: Literal[1], *row: Any, **flags: Any) -> Unary: ...
@overload
def function(name: str, n_in: Literal[2], *row: Any, **flags: Any) -> Binary: ...
@overload
def function(name: str, n_in: Literal[3], *row: Any, **flags: Any) -> Ternary: ...
def function(name: str, n_in: int, *row: Any, **flags: Any) -> Any:
    """Put a row into the table; the function applies it."""
    first = flags.pop("first", "x")
    entry = SCALARS[name] = ScalarFn(name, n_in, *row, **flags)

    def function(*operands: object) -> Variable:
        return call(name, *operands)

    return _shown(function, name, told(entry), _KINDS[n_in], first)


def rounding(name: str, n_in: Literal[1], *row: Any) -> Unary:
    """Integers are already whole: they come back as they are."""
    apply = function(name, n_in, *row)

    def rounded(x: object) -> Variable:
        var = as_tensor_variable(x)
        return var if kind(var.dtype) in "iub" else apply(var)

    return _shown(rounded, name, f"{apply.__doc__} Integers and bools come back as they are.", Unary)  # type: ignore[no-any-return]


def chained(name: str, n_in: Literal[2], *row: Any) -> Chain:
    """`f(a, b, c)` as `f(f(a, b), c)`."""
    apply = function(name, n_in, *row)

    def chain(first: object, *rest: object) -> Variable:
        if not rest and name in ("maximum", "minimum"):
            raise TypeError(f"{name} takes 2 operands or more, not 1; T.{name[:3]}(x) is that of the elements of x")
        result = as_operand(first) if rest else as_tensor_variable(first)
        for operand in rest:
            result = apply(result, operand)
        return result

    doc = f"{apply.__doc__} Takes any number of operands, from left to right."
    return _shown(chain, name, doc, Chain)  # type: ignore[no-any-return]


def _arithmetic(name: str) -> Lowering:
    """One IR op for each kind of number, by MLIR's naming."""
    return {"f": f"arith.{name}f", "i": f"arith.{name}i", "u": f"arith.{name}i", "c": f"complex.{name}"}


def _is_low_power(node: Apply) -> bool:
    """Powers beyond the square soon overflow."""
    value = constant_value(node.inputs[1])
    return value is not None and bool(np.all((value >= 0) & (value <= 2) & (value == np.round(value))))


# what derivatives are made of, near a pole
quotient = function("quotient", 2, floating, scalar_numpy.quotient, {"f": low.quotient}, d.of_quotient,
    "x / y; 0 where x or y is 0")
masked_mul = function("masked_mul", 2, floating, scalar_numpy.masked_mul, {"f": low.masked_mul}, d.of_masked_mul,
    "x * y; 0 where x is 0, whatever y is")
masked_div = function("masked_div", 2, floating, scalar_numpy.masked_div, {"f": low.masked_div}, d.of_masked_div,
    "x / y; 0 where x is 0, whatever y is", is_finite=False)
copysign = function("copysign", 2, floating, np.copysign, {"f": "math.copysign"},
    lambda i, o, g: [g * call("copysign", d.scaled(1, g), i[0]) * call("copysign", d.scaled(1, g), i[1]), None],
    "magnitude of x with the sign of y")

# arithmetic
add = chained("add", 2, same, np.add, {**_arithmetic("add"), "b": "arith.ori"}, lambda i, o, g: [g, g],
    "x + y (bools: or)")
sub = function("sub", 2, same, np.subtract, _arithmetic("sub"), lambda i, o, g: [g, -g], "x - y")
mul = chained("mul", 2, same, np.multiply, {**_arithmetic("mul"), "b": "arith.andi"}, d.of_mul,
    "x * y (bools: and)")
true_div = function("true_div", 2, floating, np.true_divide, {"f": "arith.divf", "c": "complex.div"},
    d.of_true_div, "x / y", is_finite=lambda node: d.is_constant_but_0(node.inputs[1]))
floor_div = function("floor_div", 2, same, np.floor_divide,
    {"f": low.floor_div_float, "i": low.floor_div_signed, "u": low.floor_div_unsigned}, None,
    "x // y, towards minus infinity", is_slow=True, is_finite=False)
mod = function("mod", 2, same, np.mod, {"f": low.mod_float, "i": low.mod_signed, "u": low.mod_unsigned},
    d.of_mod, "x % y, with the sign of y", is_slow=True, is_finite=False)
_power = function("power", 2, same, scalar_numpy.power,
    {"f": "math.powf", "i": low.power_signed, "u": low.power_unsigned, "c": complex_low.power}, d.of_power,
    "x ** y", approximated=True, is_finite=_is_low_power)
neg = function("neg", 1, same, np.negative,
    {"f": "arith.negf", "i": low.neg_int, "u": low.neg_int, "c": "complex.neg"}, lambda i, o, g: [-g], "-x")
abs_ = function("abs", 1, magnitude, np.abs,
    {"f": "math.absf", "i": low.absolute_int, "u": low.itself, "b": low.itself, "c": complex_low.absolute},
    d.of_abs, "absolute value")
sgn = function("sgn", 1, same, np.sign, {"f": low.sign_float, "i": low.sign_int, "u": low.sign_unsigned}, None,
    "-1, 0 or 1; NaN of NaN")
sqr = function("sqr", 1, same, np.square,
    {"f": low.square_float, "i": low.square_int, "u": low.square_int, "c": complex_low.sqr}, d.of_sqr, "x * x")
sqrt = function("sqrt", 1, floating, np.sqrt, {"f": "math.sqrt", "c": "complex.sqrt"}, d.of_sqrt,
    "square root", is_finite=False)
cbrt = function("cbrt", 1, floating, np.cbrt, {"f": "math.cbrt"},
    d.unary(lambda x, o, g: quotient(g, sqr(o) * d.scaled(3, g))), "cube root", approximated=True)
reciprocal = function("reciprocal", 1, floating, np.reciprocal,
    {"f": low.reciprocal, "c": complex_low.reciprocal}, d.unary(lambda x, o, g: -d.times(d.times(g, o), o)),
    "1 / x", is_finite=False)
maximum = chained("maximum", 2, same, np.maximum,
    {"f": "arith.maximumf", "i": "arith.maxsi", "u": "arith.maxui", "b": "arith.ori"},
    d.of_choice("ge"), "the larger; NaN if either is")
minimum = chained("minimum", 2, same, np.minimum,
    {"f": "arith.minimumf", "i": "arith.minsi", "u": "arith.minui", "b": "arith.andi"},
    d.of_choice("le"), "the smaller; NaN if either is")

# exponentials and logarithms
exp = function("exp", 1, floating, np.exp, {"f": "math.exp", "c": "complex.exp"},
    d.unary(lambda x, o, g: d.times(g, o)), "e ** x", approximated=True, is_finite=False)
exp2 = function("exp2", 1, floating, np.exp2, {"f": "math.exp2"},
    d.unary(lambda x, o, g: d.times(g, o) * d.scaled(_LN2, g)), "2 ** x", approximated=True, is_finite=False)
expm1 = function("expm1", 1, floating, np.expm1, {"f": "math.expm1"},
    d.unary(lambda x, o, g: masked_mul(g, o + d.scaled(1, o))), "exp(x) - 1, exact near 0", approximated=True,
    is_finite=False)
log = function("log", 1, floating, np.log, {"f": "math.log", "c": "complex.log"},
    d.unary(lambda x, o, g: masked_div(g, x) if kind(g.dtype) != "c" else g / call("conj", x)), "natural logarithm",
    approximated=True, is_finite=False)
log2 = function("log2", 1, floating, np.log2, {"f": "math.log2"},
    d.unary(lambda x, o, g: masked_div(g, x * d.scaled(_LN2, x))), "logarithm to base 2", approximated=True,
    is_finite=False)
log10 = function("log10", 1, floating, np.log10, {"f": "math.log10"},
    d.unary(lambda x, o, g: masked_div(g, x * d.scaled(_LN10, x))), "logarithm to base 10", approximated=True,
    is_finite=False)
log1p = function("log1p", 1, floating, np.log1p, {"f": "math.log1p"},
    d.unary(lambda x, o, g: masked_div(g, x + d.scaled(1, x))), "log(1 + x), exact near 0", approximated=True,
    is_finite=False)
sigmoid = function("sigmoid", 1, floating, meanings.sigmoid, {"f": "scan.sigmoid"},
    d.unary(lambda x, o, g: d.times(g, o * (d.scaled(1, o) - o))), "1 / (1 + exp(-x))", approximated=True)
softplus = function("softplus", 1, floating, meanings.softplus, {"f": "scan.softplus"},
    d.unary(lambda x, o, g: d.times(g, sigmoid(x))), "log(1 + exp(x)) without overflow", approximated=True)

# circular and hyperbolic functions
sin = function("sin", 1, floating, np.sin, {"f": "math.sin", "c": "complex.sin"},
    d.unary(lambda x, o, g: d.times(g, call("cos", x))), "sine", approximated=True)
cos = function("cos", 1, floating, np.cos, {"f": "math.cos", "c": "complex.cos"},
    d.unary(lambda x, o, g: -d.times(g, sin(x))), "cosine", approximated=True)
tan = function("tan", 1, floating, np.tan, {"f": "math.tan"},
    d.unary(lambda x, o, g: masked_mul(g, sqr(o) + d.scaled(1, o))), "tangent", approximated=True,
    is_finite=False)
arcsin = function("arcsin", 1, floating, np.arcsin, {"f": "math.asin"},
    d.unary(lambda x, o, g: quotient(g, sqrt(d.scaled(1, x) - sqr(x)))), "inverse sine", approximated=True,
    is_finite=False)
arccos = function("arccos", 1, floating, np.arccos, {"f": "math.acos"},
    d.unary(lambda x, o, g: -quotient(g, sqrt(d.scaled(1, x) - sqr(x)))), "inverse cosine", approximated=True,
    is_finite=False)
arctan = function("arctan", 1, floating, np.arctan, {"f": "math.atan"},
    d.unary(lambda x, o, g: d.over(g, sqr(x) + d.scaled(1, x))), "inverse tangent", approximated=True)
arctan2 = function("arctan2", 2, floating, np.arctan2, {"f": "math.atan2"}, d.of_arctan2,
    "the angle of the point (x, y)", approximated=True, first="y")
sinh = function("sinh", 1, floating, np.sinh, {"f": "math.sinh"},
    d.unary(lambda x, o, g: masked_mul(g, call("cosh", x))), "hyperbolic sine", approximated=True, is_finite=False)
cosh = function("cosh", 1, floating, np.cosh, {"f": "math.cosh"},
    d.unary(lambda x, o, g: masked_mul(g, sinh(x))), "hyperbolic cosine", approximated=True, is_finite=False)
tanh = function("tanh", 1, floating, np.tanh, {"f": "math.tanh", "c": "complex.tanh"},
    d.unary(lambda x, o, g: d.times(g, d.scaled(1, o) - sqr(o))), "hyperbolic tangent", approximated=True)
arcsinh = function("arcsinh", 1, floating, np.arcsinh, {"f": "math.asinh"},
    d.unary(lambda x, o, g: d.over(g, sqrt(sqr(x) + d.scaled(1, x)))), "inverse hyperbolic sine",
    approximated=True)
arccosh = function("arccosh", 1, floating, np.arccosh, {"f": "math.acosh"},
    d.unary(lambda x, o, g: quotient(g, sqrt(sqr(x) - d.scaled(1, x)))), "inverse hyperbolic cosine",
    approximated=True, is_finite=False)
arctanh = function("arctanh", 1, floating, np.arctanh, {"f": "math.atanh"},
    d.unary(lambda x, o, g: masked_div(g, d.scaled(1, x) - sqr(x))), "inverse hyperbolic tangent",
    approximated=True, is_finite=False)
hypot = function("hypot", 2, floating, np.hypot, {"f": "scan.hypot"}, d.of_hypot,
    "sqrt(x*x + y*y) without overflow", approximated=True)

# special functions
erf = function("erf", 1, floating, meanings.erf, {"f": "math.erf"},
    d.unary(lambda x, o, g: d.times(g, exp(-sqr(x)) * d.scaled(_TWO_OVER_SQRT_PI, x))), "error function",
    approximated=True)
erfc = function("erfc", 1, floating, meanings.erfc, {"f": "math.erfc"},
    d.unary(lambda x, o, g: -d.times(g, exp(-sqr(x)) * d.scaled(_TWO_OVER_SQRT_PI, x))),
    "1 - erf(x), exact far out", approximated=True)
gammaln = function("gammaln", 1, floating, meanings.lgamma, {"f": "scan.lgamma"},
    d.unary(lambda x, o, g: masked_mul(g, call("digamma", x))), "log of the absolute value of gamma",
    approximated=True, is_finite=False)
digamma = function("digamma", 1, floating, meanings.digamma, {"f": "scan.digamma"},
    d.unary(lambda x, o, g: masked_mul(g, call("trigamma", x))), "derivative of gammaln", approximated=True,
    is_finite=False)
trigamma = function("trigamma", 1, floating, meanings.trigamma, {"f": low.trigamma}, d.of_trigamma,
    "derivative of digamma", approximated=True, is_finite=False)

# rounding
floor = rounding("floor", 1, same, np.floor, {"f": "math.floor"}, None, "largest integer not above")
ceil = rounding("ceil", 1, same, np.ceil, {"f": "math.ceil"}, None, "smallest integer not below")
trunc = rounding("trunc", 1, same, np.trunc, {"f": "math.trunc"}, None, "towards zero")
round_half_to_even = rounding("round_half_to_even", 1, same, np.rint, {"f": "math.roundeven"}, None,
    "nearest, halves to even")
round_half_away_from_zero = rounding("round_half_away_from_zero", 1, same, meanings.round_half_away,
    {"f": "math.round"}, None, "nearest, halves away from zero")

# comparison and choice
lt = function("lt", 2, compared, np.less, low.compare("olt", "lt"), None, "x < y")
le = function("le", 2, compared, np.less_equal, low.compare("ole", "le"), None, "x <= y")
gt = function("gt", 2, compared, np.greater, low.compare("ogt", "gt"), None, "x > y")
ge = function("ge", 2, compared, np.greater_equal, low.compare("oge", "ge"), None, "x >= y")
eq = function("eq", 2, compared, np.equal, {**low.compare("oeq", "eq"), "c": "complex.eq"}, None, "x == y")
neq = function("neq", 2, compared, np.not_equal, {**low.compare("une", "ne"), "c": "complex.neq"}, None,
    "x != y")
isnan = function("isnan", 1, tested, np.isnan, {"f": low.is_nan}, None, "whether x is NaN")
isinf = function("isinf", 1, tested, np.isinf, {"f": low.is_inf}, None, "whether x is plus or minus infinity")
isfinite = function("isfinite", 1, tested, np.isfinite, {"f": low.is_finite}, None,
    "whether x is neither NaN nor infinite")
_switch = function("switch", 3, chosen, np.where, dict.fromkeys("fiubc", low.select), d.of_switch,
    "y where x is not 0, else z")

# logic and bits
logical_and = chained("logical_and", 2, logical, np.logical_and, {"b": "arith.andi"}, None, "both are not 0")
logical_or = chained("logical_or", 2, logical, np.logical_or, {"b": "arith.ori"}, None, "either is not 0")
logical_xor = function("logical_xor", 2, logical, np.logical_xor, {"b": "arith.xori"}, None,
    "exactly one is not 0")
logical_not = function("logical_not", 1, logical, np.logical_not, {"b": low.not_}, None, "x is 0")
bitwise_and = chained("bitwise_and", 2, same, np.bitwise_and, dict.fromkeys("iub", "arith.andi"), None,
    "x & y")
bitwise_or = chained("bitwise_or", 2, same, np.bitwise_or, dict.fromkeys("iub", "arith.ori"), None, "x | y")
bitwise_xor = function("bitwise_xor", 2, same, np.bitwise_xor, dict.fromkeys("iub", "arith.xori"), None,
    "x ^ y")
invert = function("invert", 1, same, np.invert, {"i": low.invert, "u": low.invert, "b": low.not_}, None, "~x")
bitwise_count = function("bitwise_count", 1, counted, scalar_numpy.bit_count,
    {"i": low.count_bits_signed, "u": low.count_bits, "b": low.count_truth}, None, "how many bits of |x| are 1")
left_shift = function("left_shift", 2, same, np.left_shift, {"i": low.shift_left, "u": low.shift_left}, None,
    "x << y")
right_shift = function("right_shift", 2, same, np.right_shift,
    {"i": low.shift_right_signed, "u": low.shift_right_unsigned}, None, "x >> y")

# complex numbers; gradients pair as real ones do: d cost = real(conj(g) * dx)
_real_of = function("real", 1, magnitude, np.real, {"f": low.itself, "c": complex_low.real},
    d.unary(lambda x, o, g: cast(g, x.dtype)), "real part")
imag_of = function("imag", 1, magnitude, np.imag,
    {**dict.fromkeys("fiub", low.nothing), "c": complex_low.imag},
    d.unary(lambda x, o, g: call("make_complex", g * 0, g) if kind(x.dtype) == "c" else None), "imaginary part")
conj = function("conj", 1, same, np.conj, {**dict.fromkeys("fiub", low.itself), "c": complex_low.conj},
    d.unary(lambda x, o, g: call("conj", g)), "complex conjugate")
make_complex = function("make_complex", 2, paired, scalar_numpy.make_complex, {"f": complex_low.make_complex},
    lambda i, o, g: [real(g), imag(g)], "x + iy")



def switch(condition: object, if_true: object, if_false: object) -> Variable:
    """Elementwise: `if_true` where the condition is not 0, else `if_false`."""
    return _switch(condition, if_true, if_false)


def real(x: object) -> Variable:
    """Elementwise: real part; a real tensor as it is.

    The shape of `x`; the dtype of its parts.
    """
    var = as_tensor_variable(x)
    return _real_of(var) if kind(var.dtype) == "c" else var


def imag(x: object) -> Variable:
    """Elementwise: imaginary part; zeros for a real tensor.

    The shape of `x`; the dtype of its parts.
    """
    return imag_of(as_tensor_variable(x))


def power(x: object, y: object) -> Variable:
    """Elementwise: x ** y.

    The operands' shapes, broadcast; the promoted dtype. ValueError where lengths do not agree.
    """
    base = as_operand(x)
    exponent = constant_value(as_operand(y))
    if exponent is not None and exponent.ndim == 0 and exponent == 2 and is_weak(as_operand(y)):
        return sqr(cast(base, result_dtype([base, as_operand(y)])))
    return _power(base, y)


def clip(x: object, lower: object, upper: object) -> Variable:
    """Elementwise: `x` kept between `lower` and `upper` (the upper bound wins where they cross).

    The shapes of all three, broadcast; the promoted dtype. ValueError where lengths do not agree.
    """
    return minimum(maximum(x, lower), upper)
