"""Derivatives of reductions, running sums and products, and sorting."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.gradients.rules import Gradient, conjugate, differentiates, zero_of, zeros_for
from scancc.frontend.graph.dims import dim, dims, dimshuffle, int64
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs, row_type
from scancc.frontend.ops.axes import moveaxis, reshape
from scancc.frontend.ops.joining import concatenate, flip
from scancc.frontend.ops.lengths import product
from scancc.frontend.ops.making import alloc, arange, full_like
from scancc.frontend.ops.ordering import ArgSort, Cumulative, Sort
from scancc.frontend.ops.reduction import ArgReduce, Reduce, with_axes
from scancc.frontend.ops.scalars import eq, switch
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor


@differentiates(Reduce)
def reduce_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    (x,), g, op = node.inputs, gradients[0], node.op
    assert isinstance(op, Reduce) and g is not None
    if op.kind == "sum":
        return [alloc(with_axes(g, op.axes, x.ndim), dims(x))]
    if op.kind == "prod":
        return [with_axes(g, op.axes, x.ndim) * conjugate(_product_of_others(x, op.axes))]
    return [_to_extremes(x, node.outputs[0], g, op.axes)]


def _to_extremes(x: Variable, extreme: Variable, g: Variable, axes: tuple[int, ...]) -> Variable:
    """Every element that equals the extreme gets the gradient."""
    best = eq(x, with_axes(extreme, axes, x.ndim))
    return switch(best, with_axes(g, axes, x.ndim), 0)


def _product_of_others(x: Variable, axes: tuple[int, ...]) -> Variable:
    """For each element, the product of the others, without a division: exact where elements are 0."""
    rest = [a for a in range(x.ndim) if a not in axes]
    order = (*axes, *rest)
    moved = dimshuffle(x, order)
    lengths = dims(moved)
    flat = reshape(moved, [product(lengths[: len(axes)]), *lengths[len(axes):]])
    others = _products_before(flat) * flip(_products_before(flip(flat, 0)), 0)
    return dimshuffle(reshape(others, lengths), tuple(order.index(a) for a in range(x.ndim)))


def _products_before(x: Variable) -> Variable:
    """Row i is the product of the rows before it."""
    shifted = concatenate([full_like(x[:1], 1), x[:-1]], 0)
    return Cumulative("cumprod", 0)(shifted)


@differentiates(ArgReduce, ArgSort)
def no_derivative(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """A place does not change with a small change of the values."""
    return [None]


@differentiates(Cumulative)
def cumulative(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    (x,), g, op = node.inputs, gradients[0], node.op
    assert isinstance(op, Cumulative) and g is not None
    if op.kind == "cumsum":
        return [flip(Cumulative("cumsum", op.axis)(flip(g, op.axis)), op.axis)]
    return [_of_running_product(x, node.outputs[0], g, op.axis)]


def _of_running_product(x: Variable, out: Variable, g: Variable, axis: int) -> Variable:
    """By the recurrence backwards, which is exact where elements are 0.

    With p the running product: h[t] = g[t] + x[t+1] h[t+1], and the gradient is h[t] p[t-1].
    """
    x, out, g = (moveaxis(v, axis, 0) for v in (x, out, g))
    following = concatenate([x[1:], full_like(x[:1], 0)], 0)
    before = concatenate([full_like(x[:1], 1), out[:-1]], 0)
    h = _linear_recurrence(flip(conjugate(following), 0), flip(g, 0))
    return moveaxis(flip(h, 0) * conjugate(before), 0, axis)


def _linear_recurrence(factor: Variable, term: Variable) -> Variable:
    """h[t] = term[t] + factor[t] * h[t-1], from 0."""
    row, before = (row_type(term.type)(name) for name in ("term", "before"))
    by = row_type(factor.type)("factor")
    body = Body((by, row), (Carry(((-1, before),), 1, row + by * before, True),), (), ())
    zero = zero_of(term.dtype)
    zeros = alloc(zero, dims(term)[1:]) if term.ndim > 1 else zero
    outputs = Scan(body, "running_product").apply_to(
        ScanInputs(dim(term, 0), [factor, term], [zeros], [])
    )
    return outputs.carry[0]


@differentiates(Sort)
def sort_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """Each element of the gradient goes back to the place its value came from."""
    (x,), g, axis = node.inputs, gradients[0], node.op.axis  # type: ignore[attr-defined]
    assert g is not None
    order = ArgSort(axis)(x)
    places = [order if a == axis else _along(x, a) for a in range(x.ndim)]
    back = AdvancedIncSubtensor(("a",) * x.ndim, set=False)(zeros_for(x), g, *places)
    return [back]


def _along(x: Variable, axis: int) -> Variable:
    """The positions along an axis, shaped to go with `x`."""
    positions = arange(int64(0), dim(x, axis))
    return dimshuffle(positions, tuple(0 if a == axis else "x" for a in range(x.ndim)))
