"""Functions that change a gradient and leave the value as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.gradients.rules import Gradient, differentiates, zeros_for
from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.ops.control import GradientFilter, detach
from scancc.frontend.ops.scalars import clip


@differentiates(GradientFilter)
def gradient_filter(
    node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]
) -> Sequence[Gradient]:
    (x,), g, op = node.inputs, gradients[0], node.op
    assert isinstance(op, GradientFilter) and g is not None
    if op.kind == "zero":
        return [zeros_for(x, g.dtype)]
    return [clip(g, *op.limits) if op.kind == "clip" else g * op.limits[0]]


def disconnected_grad(x: object) -> Variable:
    """`x`, which counts as a constant: a gradient with respect to what it is made of is an error, unless
    there is another way to it.

    >>> x = T.vector("x")
    >>> sc.grad(T.sum(x * sc.gradient.disconnected_grad(x)), x).eval({x: [1., 2.]})
    array([1., 2.])
    """
    return detach(x)


def zero_grad(x: object) -> Variable:
    """`x`, whose derivative is 0.

    >>> x = T.vector("x")
    >>> sc.grad(T.sum(x * sc.gradient.zero_grad(x)), x).eval({x: [1., 2.]})
    array([1., 2.])
    """
    return GradientFilter("zero")(as_tensor_variable(x))


consider_constant = zero_grad


def _number(value: object) -> float:
    """A bound or factor of gradients, known when the graph is built."""
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{value!r} cannot bound or scale a gradient; give a number known when the graph is built")
    return float(value)


def grad_clip(x: object, lower_bound: float, upper_bound: float) -> Variable:
    """`x`, whose gradient is kept between the bounds, element by element.

    >>> x = T.vector("x")
    >>> sc.grad(T.sum(9 * sc.gradient.grad_clip(x, -1, 1)), x).eval({x: [1., 2.]})
    array([1., 1.])
    """
    limits = _number(lower_bound), _number(upper_bound)
    if not limits[0] <= limits[1]:
        raise ValueError(f"grad_clip: the bounds are {lower_bound} and {upper_bound}; give the lower one first")
    return GradientFilter("clip", limits)(as_tensor_variable(x))


def grad_scale(x: object, multiplier: float) -> Variable:
    """`x`, whose gradient is multiplied by a number.

    >>> x = T.vector("x")
    >>> sc.grad(T.sum(sc.gradient.grad_scale(x, -1)), x).eval({x: [1., 2.]})
    array([-1., -1.])
    """
    return GradientFilter("scale", (_number(multiplier),))(as_tensor_variable(x))
