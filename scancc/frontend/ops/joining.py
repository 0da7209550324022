"""Joining, cutting and turning tensors, and lists that hold variables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.graph.constants import (
    as_operand,
    as_tensor_variable,
    constant_int,
    holds_variables,
    register_conversion,
    result_dtype,
)
from scancc.frontend.graph.dims import dim, dims, int64, joint_length, normalize_axis, require_possible
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import Apply, Constant, Op, TensorType, Variable
from scancc.frontend.ops.axes import Reshape, expand_dims, flatten
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.ops.lengths import as_count, as_length, as_lengths, make_vector
from scancc.frontend.ops.scalars import eq
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Join(Op):
    """Tensors of one dtype and rank, one after the other along an axis."""

    axis: int

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        first = inputs[0]
        if any(v.ndim != first.ndim or v.dtype != first.dtype for v in inputs):
            listed = ", ".join(str(v.type) for v in inputs)
            raise ValueError(f"concatenate: the tensors differ in dtype or number of dimensions: {listed}")
        lengths = [self._length(axis, inputs) for axis in range(first.ndim)]
        return [TensorType(first.dtype, tuple(lengths))]

    def _length(self, axis: int, inputs: Sequence[Variable]) -> int | None:
        given = [v.type.shape[axis] for v in inputs]
        if axis == self.axis:
            return None if None in given else sum(n for n in given if n is not None)
        known = {n for n in given if n is not None}
        if len(known) > 1:
            raise ValueError(f"concatenate: axis {axis} has lengths {given}; only axis {self.axis} may")
        return known.pop() if known else None

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        others = {x.shape[: self.axis] + x.shape[self.axis + 1 :] for x in inputs}
        if len(others) > 1:
            shapes = " and ".join(str(x.shape) for x in inputs)
            raise ValueError(f"concatenate: shapes {shapes} may differ on axis {self.axis} only")
        whole = list(inputs[0].shape)
        whole[self.axis] = sum(x.shape[self.axis] for x in inputs)
        require_possible("concatenate", whole)
        return [np.concatenate(inputs, axis=self.axis)]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        if axis != self.axis:
            return dim(node.inputs[0], axis)
        return joint_length("sum", (dim(v, axis) for v in node.inputs))


def apply_add(a: Variable, b: Variable) -> Variable:
    return apply_scalar("add", a, b)


def concatenate(tensors: Sequence[object], axis: int = 0) -> Variable:
    """Tensors one after the other along an existing axis, in their promoted dtype.

    [n1, m] and [n2, m] give [n1 + n2, m] (`axis` 0). ValueError where the other lengths differ, for scalars, and
    for an axis that they have not.
    """
    if not isinstance(tensors, (list, tuple)):
        raise TypeError("concatenate takes a list of tensors; write T.concatenate([a, b], axis=0)")
    if not tensors:
        raise ValueError("concatenate: the list of tensors is empty; give at least one")
    variables = [as_operand(t) for t in tensors]
    if any(v.ndim == 0 for v in variables):
        raise ValueError("concatenate: a scalar has no axis to join on; use T.stack for scalars")
    dtype = result_dtype(variables)
    place = normalize_axis(axis, variables[0].ndim, "concatenate")
    variables = [cast(v, dtype) for v in variables]
    return variables[0] if len(variables) == 1 else Join(place)(*variables)


def join(axis: int, *tensors: object) -> Variable:
    """`concatenate` with the axis first.

    Shapes and errors as there.
    """
    return concatenate(list(tensors), axis)


def stack(*tensors: object, axis: int = 0) -> Variable:
    """Tensors of one shape along a new axis: `stack([a, b])` or `stack(a, b)`.

    k tensors [n, m] give [k, n, m] (`axis` 0), in the promoted dtype. ValueError where their shapes differ, and
    for an axis that the result has not.
    """
    if not tensors:
        raise TypeError("stack takes a list of tensors; write T.stack([a, b], axis=0)")
    parts: Sequence[object] = tensors
    if isinstance(tensors[0], (list, tuple)):
        parts = tensors[0]
        axis = tensors[1] if len(tensors) > 1 else axis  # type: ignore[assignment]
    if not parts:
        raise ValueError("stack: the list of tensors is empty; give at least one")
    variables = [as_operand(t) for t in parts]
    if len({v.ndim for v in variables}) > 1:
        listed = ", ".join(str(v.type) for v in variables)
        raise ValueError(f"stack: the tensors have different numbers of dimensions: {listed}")
    axis = normalize_axis(axis, variables[0].ndim + 1, "stack")
    if variables[0].ndim == 0:
        return make_vector(variables)
    for place in range(variables[0].ndim):
        known = {n for v in variables if (n := v.type.shape[place]) is not None}
        if len(known) > 1:
            raise ValueError(f"stack: axis {place} of the tensors has lengths {sorted(known)}; they must be equal")
    dtype = result_dtype(variables)
    return concatenate([expand_dims(cast(v, dtype), axis) for v in variables], axis)


def split(x: object, splits_size: object, n_splits: int | None = None, axis: int = 0) -> list[Variable]:
    """`x` cut along `axis` into parts of the lengths `splits_size`, which must add up.

    As many tensors as there are lengths; `n_splits` is needed where their number is not known. ValueError for
    lengths that do not add up, when built or when it runs.
    """
    var = as_tensor_variable(x)
    place = normalize_axis(axis, var.ndim, "split")
    lengths = _split_lengths(splits_size, n_splits)
    start: Variable = int64(0)
    total = joint_length("sum", lengths)
    var = with_equal(var, total, dim(var, place), "split: the parts have {} rows together and the tensor has {}")
    parts = []
    for length in lengths:
        stop = apply_add(start, length)
        parts.append(var[(slice(None),) * place + (slice(start, stop),)])
        start = stop
    return parts


def _split_lengths(splits_size: object, n_splits: int | None) -> list[Variable]:
    if n_splits is not None and isinstance(splits_size, Variable) and splits_size.ndim == 1:
        return [as_count(splits_size[i], "split") for i in range(whole("split: n_splits", n_splits, at_least=0))]
    lengths = [as_count(n, "split") for n in as_lengths(splits_size, "split")]
    if n_splits is not None and len(lengths) != n_splits:
        raise ValueError(f"split: {len(lengths)} lengths are given where n_splits={n_splits}")
    return lengths


def with_equal(value: Variable, length: Variable, other: Variable, message: str) -> Variable:
    """`value` where two lengths agree; ValueError where not: when built if that tells, else when it runs."""
    fits = eq(length, other)
    if not isinstance(fits, Constant):
        return check(ValueError, message, value, fits, length, other)
    if not fits.data:
        raise ValueError(message.format(constant_int(length), constant_int(other)))
    return value


def flip(x: object, axis: int | Sequence[int] | None = None) -> Variable:
    """`x` backwards along `axis` (all axes).

    The shape and dtype of `x`. ValueError for an axis that `x` has not.
    """
    var = as_tensor_variable(x)
    wanted = range(var.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis]
    places = {normalize_axis(a, var.ndim, "flip") for a in wanted}
    if len(places) != len(wanted):
        raise ValueError(f"flip: axis {axis} names an axis twice")
    return var[tuple(slice(None, None, -1) if a in places else slice(None) for a in range(var.ndim))]


def roll(x: object, shift: object, axis: int | None = None) -> Variable:
    """`x` moved by `shift` places along `axis` (or flattened); what leaves at the end enters at the start.

    The shape and dtype of `x`. ValueError for an axis that `x` has not.
    """
    var = as_tensor_variable(x)
    if axis is None and var.ndim != 1:
        return Reshape(var.ndim)(roll(flatten(var), shift, 0), *dims(var))
    place = normalize_axis(0 if axis is None else axis, var.ndim, "roll")
    length = dim(var, place)
    before = (slice(None),) * place
    by = as_length(shift, "roll")
    if constant_int(by) == 0:
        return var
    if constant_int(by) in (1, -1):  # one place from each end, whatever the length
        cut = by * -1
    else:
        cut = length - apply_scalar("mod", by, length)
    return concatenate([var[(*before, slice(cut, None))], var[(*before, slice(None, cut))]], place)


def _from_list(value: object) -> Variable | None:
    assert isinstance(value, (list, tuple))
    return stack([as_tensor_or_list(v) for v in value]) if holds_variables(value) else None


def as_tensor_or_list(value: object) -> object:
    return as_tensor_variable(value) if isinstance(value, (list, tuple)) else value


register_conversion(list, _from_list)


register_conversion(tuple, _from_list)
