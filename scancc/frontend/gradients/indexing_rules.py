"""Derivatives of views, picks and their set and increment forms: each is the other's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.gradients.rules import (
    Gradient,
    connects,
    differentiates,
    first_inputs,
    summed_to,
    zeros_for,
)
from scancc.frontend.graph import Apply, Constant, Variable
from scancc.frontend.indexing import (
    AdvancedIncSubtensor,
    AdvancedSubtensor,
    IncSubtensor,
    Subtensor,
)

connects(Subtensor, AdvancedSubtensor)(first_inputs(1))
connects(IncSubtensor, AdvancedIncSubtensor)(first_inputs(2))


@differentiates(Subtensor, AdvancedSubtensor)
def part(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    (x, *operands), g = node.inputs, gradients[0]
    assert g is not None and isinstance(node.op, Subtensor | AdvancedSubtensor)
    write = IncSubtensor if isinstance(node.op, Subtensor) else AdvancedIncSubtensor
    scattered = write(node.op.template, set=False)(zeros_for(x, g.dtype), g, *operands)
    return [scattered, *(None for _ in operands)]


@differentiates(IncSubtensor, AdvancedIncSubtensor)
def written(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """What was overwritten has no influence. Of values set at one place twice, each gets the gradient."""
    (_, y, *operands), g = node.inputs, gradients[0]
    assert g is not None and isinstance(node.op, IncSubtensor | AdvancedIncSubtensor)
    by_x = _cleared(node, g, operands) if node.op.set else g
    read = Subtensor if isinstance(node.op, IncSubtensor) else AdvancedSubtensor
    by_y = summed_to(read(node.op.template)(g, *operands), y) if wanted[1] else None
    return [by_x, by_y, *(None for _ in operands)]


def _cleared(node: Apply, g: Variable, operands: Sequence[Variable]) -> Variable:
    """`g` with zeros where the op wrote."""
    zero = Constant(np.zeros((1,) * node.inputs[1].ndim, g.dtype))
    return node.op(g, zero, *operands)
