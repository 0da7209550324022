"""Derivatives of views, picks and their set and increment forms: each is the other's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.gradients.contributions import is_increment, part_of, where_not_zeros
from scancc.frontend.gradients.rules import Gradient, connects, differentiates, first_inputs, summed_to, zeros_for
from scancc.frontend.gradients.windows import rest_of
from scancc.frontend.graph.dims import dim, dims, dimshuffle
from scancc.frontend.graph.variables import Apply, Constant, Variable, equal_computations
from scancc.frontend.ops import reduction
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.index_template import pieces
from scancc.frontend.ops.lengths import size
from scancc.frontend.ops.making import AllocEmpty, arange
from scancc.frontend.ops.masks import Nonzero, mask_of
from scancc.frontend.ops.scalars import add, eq, logical_and, logical_not, lt, switch
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

FEW = 16  # places in a list that are compared with one another, which takes as many steps as their square

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
    by_y = None
    if wanted[1]:
        picked = _picked(node, g)
        listed = isinstance(node.op, AdvancedIncSubtensor)
        lasting = _lasting(node, picked, operands) if node.op.set and listed else None
        by_y = summed_to(picked if lasting is None else switch(lasting, picked, 0), y)
    return [by_x, by_y, *(None for _ in operands)]


def _picked(node: Apply, g: Variable) -> Variable:
    """The part of `g` that the op wrote; what was just added to that part is not read again."""
    added = g.owner
    if isinstance(node.op, IncSubtensor) and is_increment(added) and _is_one_place(node, added):  # type: ignore[arg-type]
        base, value = added.inputs[:2]  # type: ignore[union-attr]
        found = _picked(node, base)
        if found.type == value.type:
            return add(found, value)
    return part_of(node, g)


def _is_one_place(node: Apply, other: Apply) -> bool:
    """Whether both write the same part of their arrays."""
    return (isinstance(other.op, IncSubtensor) and other.op.template == node.op.template  # type: ignore[attr-defined]
            and equal_computations(node.inputs[2:], other.inputs[2:]))


def _lasting(node: Apply, picked: Variable, operands: Sequence[Variable]) -> Variable | None:
    """Where in the part a value is the last that was set at its place; None if each has a place of its own."""
    template = node.op.template  # type: ignore[attr-defined]
    if mask_of([values[0] for entry, values in pieces(template, operands) if entry == "a"]) is not None:
        return None
    if len(operands) == 1 and isinstance(operands[0], Constant):
        places = operands[0].data
        if (places >= 0).all() and len(np.unique(places)) == places.size:
            return None
    if (lasting := _last_of_few(node, picked, operands)) is not None:
        return lasting
    number = reshape(arange(size(picked)), dims(picked))
    room = AllocEmpty("int64")(*dims(node.inputs[0]))  # read where it is written alone: a step fills no array
    written = AdvancedIncSubtensor(template, set=True)(room, number, *operands)
    return eq(AdvancedSubtensor(template)(written, *operands), number)


def _last_of_few(node: Apply, picked: Variable, operands: Sequence[Variable]) -> Variable | None:
    """The same for a short list of places along one axis, compared with one another; None for others."""
    template = node.op.template  # type: ignore[attr-defined]
    lists = [(axis, values[0]) for axis, (entry, values) in enumerate(pieces(template, operands)) if entry == "a"]
    (axis, places), *others = lists
    count = places.type.shape[0] if places.ndim == 1 else None
    if others or count is None or count > FEW:
        return None
    places = switch(lt(places, 0), add(places, dim(node.inputs[0], axis)), places)
    later = Constant(np.triu(np.ones((count, count), bool), 1))
    taken = reduction.any(logical_and(eq(dimshuffle(places, (0, "x")), dimshuffle(places, ("x", 0))), later), axis=1)
    at = AdvancedSubtensor(template).place
    return logical_not(dimshuffle(taken, ["x"] * at + [0] + ["x"] * (picked.ndim - at - 1)))


def _cleared(node: Apply, g: Variable, operands: Sequence[Variable]) -> Variable:
    """`g` with zeros where the op wrote."""
    zero = Constant(np.zeros((1,) * node.inputs[1].ndim, g.dtype))
    return node.op(g, zero, *operands)


@differentiates(Nonzero)
def places(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """A place does not change with a small change of the values."""
    return [None]
