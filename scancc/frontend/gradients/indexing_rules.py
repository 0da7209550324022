"""Derivatives of views, picks and their set and increment forms: each is the other's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.gradients.contributions import where_not_zeros
from scancc.frontend.gradients.rules import Gradient, connects, differentiates, first_inputs, summed_to, zeros_for
from scancc.frontend.gradients.windows import rest_of
from scancc.frontend.graph.dims import dims
from scancc.frontend.graph.variables import Apply, Constant, Variable
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.index_template import pieces
from scancc.frontend.ops.lengths import size
from scancc.frontend.ops.making import arange
from scancc.frontend.ops.masks import Nonzero, mask_of
from scancc.frontend.ops.scalars import eq, switch
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

connects(Subtensor, AdvancedSubtensor)(first_inputs(1))
connects(Nonzero)(first_inputs(0))
connects(IncSubtensor, AdvancedIncSubtensor)(first_inputs(2))


@differentiates(Subtensor, AdvancedSubtensor)
def part(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    (x, *operands), g = node.inputs, gradients[0]
    assert g is not None and isinstance(node.op, Subtensor | AdvancedSubtensor)
    write = IncSubtensor if isinstance(node.op, Subtensor) else AdvancedIncSubtensor

    def scattered(g: Variable) -> Variable:
        return write(node.op.template, set=False)(zeros_for(x, g.dtype), g, *operands)  # type: ignore[attr-defined]

    found = scattered(g) if rest_of(node.op.template, operands) is None else where_not_zeros(g, scattered)
    return [found, *(None for _ in operands)]


@differentiates(IncSubtensor, AdvancedIncSubtensor)
def written(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """What was overwritten has no influence; nor has a value that was set where a later one was too."""
    (_, y, *operands), g = node.inputs, gradients[0]
    assert g is not None and isinstance(node.op, IncSubtensor | AdvancedIncSubtensor)
    by_x = where_not_zeros(g, lambda part: _cleared(node, part, operands)) if node.op.set else g
    read = Subtensor if isinstance(node.op, IncSubtensor) else AdvancedSubtensor
    by_y = None
    if wanted[1]:
        picked = where_not_zeros(g, lambda part: read(node.op.template)(part, *operands))  # type: ignore[attr-defined]
        lasting = _lasting(node, picked, operands) if node.op.set and read is AdvancedSubtensor else None
        by_y = summed_to(picked if lasting is None else switch(lasting, picked, 0), y)
    return [by_x, by_y, *(None for _ in operands)]


def _lasting(node: Apply, picked: Variable, operands: Sequence[Variable]) -> Variable | None:
    """Where in the part a value is the last that was set at its place; None if each has a place of its own."""
    template = node.op.template  # type: ignore[attr-defined]
    if mask_of([values[0] for entry, values in pieces(template, operands) if entry == "a"]) is not None:
        return None
    if len(operands) == 1 and isinstance(operands[0], Constant):
        places = operands[0].data
        if (places >= 0).all() and len(np.unique(places)) == places.size:
            return None
    number = reshape(arange(size(picked)), dims(picked))
    blank = zeros_for(node.inputs[0], "int64")
    written = AdvancedIncSubtensor(template, set=True)(blank, number, *operands)
    return eq(AdvancedSubtensor(template)(written, *operands), number)


def _cleared(node: Apply, g: Variable, operands: Sequence[Variable]) -> Variable:
    """`g` with zeros where the op wrote."""
    zero = Constant(np.zeros((1,) * node.inputs[1].ndim, g.dtype))
    return node.op(g, zero, *operands)


@differentiates(Nonzero)
def places(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """A place does not change with a small change of the values."""
    return [None]
