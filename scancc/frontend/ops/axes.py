"""The same elements in another shape, or under another order of axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scancc.artifact import can_exist, too_large
from scancc.frontend.graph.constants import as_tensor_variable, constant_int
from scancc.frontend.graph.dims import dims, dimshuffle, int64, normalize_axis
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import Apply, Op, Run, TensorType, Variable
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.lengths import as_length, as_lengths, known_length, product, size, specified_by
from scancc.late_dataclasses import dataclass

_NEGATIVE = "reshape: the length {} is negative; the one that follows from the rest is -1"


@dataclass(frozen=True)
class Reshape(Op):
    """Inputs (x, *lengths): the same elements, in C order; one length may be the constant -1."""

    ndim: int

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        x, *lengths = inputs
        if len(lengths) != self.ndim:
            raise TypeError(f"a reshape to {self.ndim} dimensions takes as many lengths, not {len(lengths)}")
        if sum(constant_int(n) == -1 for n in lengths) > 1:
            raise ValueError("reshape: only one length can be -1, the one that follows from the others")
        return [TensorType(x.dtype, _reshaped(x, [known_length(n, _NEGATIVE, least=-1) for n in lengths]))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        x, *lengths = inputs
        wanted = [int(n) for n in lengths]
        if not can_exist(n for n in wanted if n != -1):
            raise ValueError(too_large("reshape", wanted))
        try:
            return [np.ascontiguousarray(x).reshape(wanted)]
        except ValueError:
            raise ValueError(
                f"reshape: {x.size} elements of shape {x.shape} do not fill shape {tuple(wanted)}"
            ) from None

    def executor(self, node: Apply) -> Run:
        """Only a length that is the constant -1 follows from the others."""
        given = [i for i, n in enumerate(node.inputs) if i and constant_int(n) != -1]

        def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            for i in given:
                if inputs[i] < 0:
                    raise ValueError(f"reshape: a length is {int(inputs[i])}; lengths are 0 or more")
            return self.perform(inputs)

        return run

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        x, *lengths = node.inputs
        if constant_int(lengths[axis]) != -1:
            return lengths[axis]
        others = product(n for i, n in enumerate(lengths) if i != axis)
        return apply_scalar("floor_div", size(x), others)


def _reshaped(x: Variable, lengths: Sequence[int | None]) -> tuple[int | None, ...]:
    """The static result; checks the number of elements where all is known."""
    known = [n for n in lengths if n is not None and n != -1]
    if None in x.type.shape or None in lengths:
        return tuple(None if n == -1 else n for n in lengths)
    total, rest = int(np.prod([n for n in x.type.shape if n is not None])), int(np.prod(known))
    fits = total == rest if -1 not in lengths else rest != 0 and total % rest == 0
    if not fits:
        raise ValueError(f"reshape: {x!r} of {total} elements does not fill shape {tuple(lengths)}")
    return tuple(total // rest if n == -1 else n for n in lengths)


def reshape(x: object, newshape: object, ndim: int | None = None) -> Variable:
    """`x` in another shape, elements in C order. `ndim` is needed where `newshape` is a vector of unknown
    length.

    `newshape`: lengths, numbers or symbolic, one of which may be -1 (what is left). ValueError where the elements
    do not fill it, when built or when it runs.
    """
    var = as_tensor_variable(x)
    if ndim is not None and isinstance(newshape, Variable) and newshape.ndim == 1:
        lengths = [as_length(newshape[i], "reshape") for i in range(ndim)]
    else:
        lengths = as_lengths(newshape, "reshape")
    if ndim is not None and len(lengths) != ndim:
        raise ValueError(f"reshape: {len(lengths)} lengths are given where ndim={ndim}")
    return Reshape(len(lengths))(var, *lengths)


def flatten(x: object, ndim: int = 1) -> Variable:
    """`x` with its last axes merged, so that `ndim` remain.

    [n, m, k] gives [n m k], with `ndim` 2 [n, m k]. ValueError for more dimensions than `x` has.
    """
    var, ndim = as_tensor_variable(x), whole("flatten: ndim", ndim)
    if ndim < 1 or (ndim > var.ndim and var.ndim > 0):
        raise ValueError(f"flatten: ndim={ndim} for a tensor of {var.ndim} dimensions; give 1 to {var.ndim}")
    if var.ndim == ndim:
        return var
    kept = dims(var)[: ndim - 1]
    rest = product(dims(var)[ndim - 1 :])
    return Reshape(ndim)(var, *kept, rest if known_length(rest) is not None else int64(-1))


def transpose(x: object, *order: object, axes: object = None) -> Variable:
    """`x` with its axes reversed, or in the order given, as numbers or a list of them.

    [n, m, k] gives [k, m, n]. ValueError for an order that has not each axis once.
    """
    var = as_tensor_variable(x)
    given: Any = order if axes is None else (axes,)
    if len(given) == 1 and isinstance(given[0], tuple | list | None):
        given = given[0]
    if not given:
        return dimshuffle(var, tuple(reversed(range(var.ndim))))
    places = [normalize_axis(a, var.ndim, "transpose") for a in given]
    if sorted(places) != list(range(var.ndim)):
        raise ValueError(f"transpose: axes {given} are not the {var.ndim} axes of {var}, each once")
    return dimshuffle(var, tuple(places))


def swapaxes(x: object, axis1: int, axis2: int) -> Variable:
    """`x` with two axes exchanged.

    ValueError for an axis that `x` has not.
    """
    var = as_tensor_variable(x)
    order = list(range(var.ndim))
    a, b = (normalize_axis(axis, var.ndim, "swapaxes") for axis in (axis1, axis2))
    order[a], order[b] = order[b], order[a]
    return dimshuffle(var, tuple(order))


def moveaxis(x: object, source: int | Sequence[int], destination: int | Sequence[int]) -> Variable:
    """`x` with the axes `source` at the places `destination`; the others keep their order.

    [n, m, k] with source 0 and destination 2 gives [m, k, n]. ValueError for an axis that `x` has not, or that is
    named twice.
    """
    var = as_tensor_variable(x)
    ends = [(e if isinstance(e, (tuple, list)) else [e]) for e in (source, destination)]
    start, end = ([normalize_axis(a, var.ndim, "moveaxis") for a in e] for e in ends)
    if len(start) != len(end):
        raise ValueError(f"moveaxis: {len(start)} axes cannot move to {len(end)} places; give as many of each")
    order = [a for a in range(var.ndim) if a not in start]
    for place, axis in sorted(zip(end, start, strict=True)):
        order.insert(place, axis)
    return dimshuffle(var, tuple(order))


def expand_dims(x: object, axis: int | Sequence[int]) -> Variable:
    """`x` with axes of length 1 at the places `axis` of the result.

    [n, m] with axis 1 gives [n, 1, m]. ValueError for an axis that the result has not.
    """
    var = as_tensor_variable(x)
    wanted = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    ndim = var.ndim + len(wanted)
    places = {normalize_axis(a, ndim, "expand_dims") for a in wanted}
    if len(places) != len(wanted):
        raise ValueError(f"expand_dims: axis {axis} names a place twice")
    kept = iter(range(var.ndim))
    return dimshuffle(var, tuple("x" if a in places else next(kept) for a in range(ndim)))


def squeeze(x: object, axis: int | Sequence[int] | None = None) -> Variable:
    """`x` without its axes known to have length 1, or without those of `axis`, which are checked.

    [n, 1, m] gives [n, m]. ValueError for an axis that `x` has not, or whose length is another.
    """
    var = as_tensor_variable(x)
    if axis is None:
        dropped = {a for a, n in enumerate(var.type.shape) if n == 1}
    else:
        wanted = axis if isinstance(axis, (tuple, list)) else [axis]
        dropped = {normalize_axis(a, var.ndim, "squeeze") for a in wanted}
        var = specified_by("squeeze", var, tuple(1 if a in dropped else None for a in range(var.ndim)))
    return dimshuffle(var, tuple(a for a in range(var.ndim) if a not in dropped))


def shape_padleft(x: object, n_ones: int = 1) -> Variable:
    """`x` with `n_ones` axes of length 1 in front.

    [n, m] gives [1, n, m].
    """
    var = as_tensor_variable(x)
    return dimshuffle(var, ("x",) * whole("shape_padleft: n_ones", n_ones, at_least=0) + tuple(range(var.ndim)))


def shape_padright(x: object, n_ones: int = 1) -> Variable:
    """`x` with `n_ones` axes of length 1 behind.

    [n, m] gives [n, m, 1].
    """
    var = as_tensor_variable(x)
    return dimshuffle(var, tuple(range(var.ndim)) + ("x",) * whole("shape_padright: n_ones", n_ones, at_least=0))


def shape_padaxis(x: object, axis: int) -> Variable:
    """`x` with an axis of length 1 at the place `axis`.

    [n, m] with axis 1 gives [n, 1, m]. ValueError for an axis that the result has not.
    """
    return expand_dims(x, axis)
