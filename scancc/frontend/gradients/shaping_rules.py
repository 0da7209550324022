"""Derivatives of the ops that move elements or make tensors from lengths."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from scancc.frontend.gradients.contributions import where_not_zeros
from scancc.frontend.gradients.rules import Gradient, connects, differentiates, first_inputs, summed_to
from scancc.frontend.graph.dims import DimShuffle, JointLength, ShapeI, dim, dims, dimshuffle, int64
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.ops import reduction
from scancc.frontend.ops.axes import Reshape, reshape
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.joining import Join
from scancc.frontend.ops.lengths import MakeVector, SpecifyShape, Unbroadcast
from scancc.frontend.ops.making import Alloc, AllocEmpty, ARange, arange
from scancc.frontend.ops.scalars import add

connects(Alloc, Reshape)(first_inputs(1))
connects(ShapeI, JointLength, AllocEmpty)(first_inputs(0))


@differentiates(DimShuffle)
def dim_shuffle(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    (x,), order = node.inputs, node.op.order  # type: ignore[attr-defined]
    back = tuple(order.index(axis) if axis in order else "x" for axis in range(x.ndim))
    return [dimshuffle(gradients[0], back)]


@differentiates(Reshape)
def reshape_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    x, *lengths = node.inputs
    return [reshape(gradients[0], dims(x)), *(None for _ in lengths)]


@differentiates(Alloc)
def alloc_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    (value, *lengths), g = node.inputs, gradients[0]
    assert g is not None
    summed = summed_to(g, value) if value.ndim else reduction.sum(g, dtype=g.dtype)
    return [summed, *(None for _ in lengths)]


@differentiates(SpecifyShape, Unbroadcast)
def same_values(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    return gradients


@differentiates(MakeVector)
def make_vector(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    g = gradients[0]
    assert g is not None
    return [g[i] if want else None for i, want in enumerate(wanted)]


@differentiates(Join)
def join(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """Each part gets its rows of the gradient."""
    g, axis = gradients[0], node.op.axis  # type: ignore[attr-defined]
    assert g is not None
    found: list[Gradient] = []
    start: Variable = int64(0)
    for part, want in zip(node.inputs, wanted, strict=True):
        stop = add(start, dim(part, axis))
        found.append(where_not_zeros(g, partial(_rows, axis=axis, start=start, stop=stop)) if want else None)
        start = stop
    return found


def _rows(g: Variable, axis: int, start: Variable, stop: Variable) -> Variable:
    return g[(slice(None),) * axis + (slice(start, stop),)]


@connects(ARange)
def arange_connection(node: Apply, reached: Sequence[bool]) -> Sequence[bool]:
    return [True, False, True]


@differentiates(ARange)
def arange_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    g = gradients[0]
    assert g is not None
    steps = cast(arange(dim(g, 0)), g.dtype)
    return [reduction.sum(g), None, reduction.sum(g * steps)]
