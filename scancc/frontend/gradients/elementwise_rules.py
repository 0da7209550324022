"""Derivatives of elementwise functions, which the table of functions holds, and of casts."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.gradients.contributions import Choice, Touched, where_not_zeros
from scancc.frontend.gradients.rules import Gradient, connects, differentiates, summed_to, zeros_for
from scancc.frontend.graph.constants import is_discrete, kind
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.ops.elementwise import Cast, Elemwise, cast
from scancc.frontend.ops.scalars import real


@differentiates(Elemwise)
def elemwise(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    assert isinstance(node.op, Elemwise) and gradients[0] is not None
    derivative = node.op.scalar.derivative
    if derivative is None:
        return [None] * len(node.inputs)
    touched = Touched.of(gradients[0])
    if touched is not None and all(x.type.shape == node.outputs[0].type.shape for x in node.inputs):
        parts = derivative([touched.part(x) for x in node.inputs], touched.part(node.outputs[0]), touched.value)
        return [touched.into(x, g) if want and g is not None else None
                for g, x, want in zip(parts, node.inputs, wanted, strict=True)]
    found = _of_choice(node, gradients[0]) or derivative(node.inputs, node.outputs[0], gradients[0])
    return [
        summed_to(g, x) if want and g is not None else None
        for g, x, want in zip(found, node.inputs, wanted, strict=True)
    ]


def _of_choice(node: Apply, gradient: Variable) -> list[Gradient] | None:
    """Of a choice between arrays by one condition, in the choices that its own gradient is made of."""
    outer, choice = Choice.of(gradient), Choice.of(node.outputs[0]) if gradient.ndim else None
    if choice is None or outer is None or not outer.leaves_out:
        return None
    return [None, *(where_not_zeros(gradient, side) for side in (
        lambda part: choice.between(part, zeros_for(part)), lambda part: choice.between(zeros_for(part), part)))]


@connects(Elemwise)
def elemwise_connection(node: Apply, reached: Sequence[bool]) -> Sequence[bool]:
    """Nothing is connected to what only counts as true or false."""
    assert isinstance(node.op, Elemwise)
    truths = node.inputs[: node.op.scalar.dtype_rule.truths]
    return [i >= len(truths) for i in range(len(node.inputs))]


@differentiates(Cast)
def cast_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """An integer that becomes a float has the gradient that it would have as a float."""
    (x,), g = node.inputs, gradients[0]
    assert g is not None
    if kind(g.dtype) == "c" and kind(x.dtype) != "c":
        g = real(g)
    return [g if is_discrete(x.dtype) else cast(g, x.dtype)]
