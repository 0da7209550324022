"""What the derivatives of elementwise functions are made of, and those that take more than a line.

One rule for points where a derivative is infinite or undefined: where the function itself is finite
there (`sqrt` and `x**k` at 0, `arcsin` at 1), the derivative counts as 0; and a gradient of exactly 0
(what `switch` did not choose) stays 0, whatever it is multiplied with. `quotient`, `masked_mul` and
`masked_div` say so; their own derivatives are those of the product and the quotient, so that every
order is right. `times` and `over` mask where the other operand may be infinite or NaN by the functions it is
made of; that a product or sum overflows they do not foresee (docs/gradients.md). At ties,
`maximum` and `minimum` give the whole gradient to the first operand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scancc.errors import NullTypeGradError
from scancc.frontend.graph.constants import constant_value, kind
from scancc.frontend.graph.variables import Constant, Variable
from scancc.frontend.ops.elementwise import apply_scalar as call
from scancc.frontend.ops.finiteness import surely_finite
from scancc.frontend.ops.signatures import Derivative, Gradients


def unary(partial: Callable[[Variable, Variable, Variable], Variable | None]) -> Derivative:
    """From `partial(x, output, gradient)`."""
    return lambda inputs, out, g: [partial(inputs[0], out, g)]


def scaled(value: complex, like: Variable) -> Constant:
    return Constant(np.asarray(value, like.dtype))


def of_power(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    known = constant_value(y)
    if known is not None and known.size == 1:
        return [_of_fixed_power(x, known.item(), g), None]
    below = call("power", x, y - scaled(1, y))
    if kind(g.dtype) == "c":
        return [g * call("conj", y * below), g * call("conj", out * call("log", x))]
    finite = call("switch", call("eq", x, 0), call("switch", call("ge", y, 1), below, 0), below)
    positive = call("switch", call("gt", x, 0), x, 1)
    return [call("masked_mul", g, y * finite), call("masked_mul", g, out * call("log", positive))]


def _of_fixed_power(x: Variable, exponent: complex, g: Variable) -> Variable:
    if exponent == 0:
        return g * scaled(0, x)
    slope = _fixed_power(x, exponent - 1) * scaled(exponent, x)
    if kind(g.dtype) == "c":
        return g * call("conj", slope)
    if 1 <= exponent <= 2:  # type: ignore[operator]
        return times(g, slope)
    at_zero = 0 < exponent < 1  # type: ignore[operator]
    finite = call("switch", call("eq", x, 0), 0, slope) if at_zero else slope
    return call("masked_mul", g, finite)  # a high power soon overflows


def _fixed_power(x: Variable, exponent: complex) -> Variable:
    """x ** exponent, without a power where less will do."""
    if exponent == 0:
        return scaled(1, x)
    if exponent == 1:
        return x
    return call("sqr", x) if exponent == 2 else call("power", x, scaled(exponent, x))


def of_mul(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    return [times(g, y), times(g, x)]


def times(g: Variable, factor: Variable) -> Variable:
    """g * factor; where `factor` may be infinite or NaN, 0 wherever g is 0."""
    if kind(g.dtype) == "c":
        return g * call("conj", factor)
    return g * factor if surely_finite(factor) else call("masked_mul", g, factor)


def over(g: Variable, divisor: Variable) -> Variable:
    """g / divisor, which is nowhere 0; where it may be NaN, 0 wherever g is 0."""
    return g / divisor if surely_finite(divisor) else call("masked_div", g, divisor)


def of_true_div(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    if kind(g.dtype) == "c":
        return [g / call("conj", y), -(g * call("conj", out) / call("conj", y))]
    by_x = call("true_div" if is_constant_but_0(y) else "masked_div", g, y)
    return [by_x, -times(by_x, out)]


def is_constant_but_0(x: Variable) -> bool:
    """Whether no element of `x` is 0, as far as constants tell."""
    value = constant_value(x)
    return value is not None and bool(np.all(value != 0))


def of_choice(comparison: str) -> Derivative:
    """Of two operands, the first is the result where it compares so with the second."""
    def derivative(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
        wins = call(comparison, *inputs)
        return [call("switch", wins, g, 0), call("switch", wins, 0, g)]

    return derivative


def of_switch(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    return [None, call("switch", inputs[0], g, 0), call("switch", inputs[0], 0, g)]


def of_mod(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    return [g, -times(g, call("floor_div", *inputs))]


def of_arctan2(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    y, x = inputs
    distance = call("hypot", y, x)  # its square may overflow, or be 0
    return [times(g, call("quotient", call("quotient", v, distance), distance)) for v in (x, -y)]


def of_hypot(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    return [times(g, call("quotient", x, out)) for x in inputs]


def of_abs(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    (x,) = inputs
    if kind(x.dtype) == "c":
        ratio = call("quotient", g, out)
        return [call("make_complex", ratio * call("real", x), ratio * call("imag", x))]
    return [times(g, call("sgn", x))]


def of_sqr(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    (x,) = inputs
    return [times(g, x) * scaled(2, g)]


def of_sqrt(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    if kind(g.dtype) == "c":
        return [g / call("conj", out * 2)]
    return [call("quotient", g * scaled(0.5, g), out)]


def of_masked_mul(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    return [call("masked_mul", g, y), g * x]


def of_masked_div(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    return [call("masked_div", g, y), -call("masked_div", g * out, y)]


def of_quotient(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    x, y = inputs
    by_x = call("quotient", g, y)
    return [by_x, -(by_x * out)]


def of_trigamma(inputs: Sequence[Variable], out: Variable, g: Variable) -> Gradients:
    raise NullTypeGradError("the derivative of trigamma (the third of gammaln) is not implemented")
