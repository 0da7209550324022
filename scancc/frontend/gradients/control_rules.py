"""Derivatives of checks, stops and lazy choice."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.errors import NullTypeGradError
from scancc.frontend.gradients.rules import Gradient, connects, differentiates, first_inputs, zeros_for
from scancc.frontend.graph.variables import Apply
from scancc.frontend.ops.control import Check, Detach, Draw, IfElse, Show

connects(Check)(first_inputs(1))
connects(Detach)(first_inputs(0))


@differentiates(Check, Show)
def check(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    return [gradients[0], *(None for _ in node.inputs[1:])]


@connects(Draw)
def draw_connection(node: Apply, reached: Sequence[bool]) -> Sequence[bool]:
    state, value = reached
    return [state, *(value for _ in node.inputs[1:])]


@differentiates(Draw)
def random_draw(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    op = node.op
    assert isinstance(op, Draw)
    if any(wanted[2:]):
        raise NullTypeGradError(
            f"the {op.distribution} draw at {node.location} has no derivative by its parameters, and the gradient "
            "was to pass through them; hold the draw constant with disconnected_grad or consider_constant"
        )
    return [None, gradients[1], *(None for _ in node.inputs[2:])]


@connects(IfElse)
def choice_connection(node: Apply, reached: Sequence[bool]) -> Sequence[bool]:
    held = len(node.inputs) - 1 - 2 * len(reached)
    return [False, *reached, *reached, *[False] * held]


@differentiates(IfElse)
def choice(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """The side that was chosen gets the gradient, the other zeros; one lazy choice for all."""
    condition, *values = node.inputs
    n = len(gradients)
    places = [i for i, want in enumerate(wanted[1:]) if want and gradients[i % n] is not None]
    if not places:
        return [None] * len(node.inputs)
    given = [gradients[i % n] for i in places]
    zeros = [zeros_for(values[i]) for i in places]
    then = [g if i < n else z for i, g, z in zip(places, given, zeros, strict=True)]
    otherwise = [z if i < n else g for i, g, z in zip(places, given, zeros, strict=True)]
    chosen = IfElse(len(places)).apply(condition, *then, *otherwise)  # type: ignore[arg-type]
    found: list[Gradient] = [None] * len(node.inputs)
    for i, gradient in zip(places, chosen, strict=True):
        found[1 + i] = gradient
    return found
