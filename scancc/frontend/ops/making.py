"""Tensors made from lengths: filled ones, and ranges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.artifact import MOST_ELEMENTS
from scancc.frontend.graph.constants import as_operand, as_tensor_variable, constant_int, is_discrete, result_dtype
from scancc.frontend.graph.dims import DimShuffle, ShapeI, dims, int64, require_possible
from scancc.frontend.graph.variables import Apply, Constant, Op, Run, TensorType, Variable, dtype_name
from scancc.frontend.ops.axes import shape_padleft
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.ops.lengths import as_lengths, fits_an_array, is_length, known_length, mentioning
from scancc.frontend.ops.scalars import maximum
from scancc.late_dataclasses import dataclass

_NEGATIVE = "a tensor cannot have an axis of length {}; lengths are 0 or more"


@dataclass(frozen=True)
class Alloc(Op):
    """Inputs (value, *lengths): `value`, a scalar or of rank `ndim`, stretched to the lengths."""

    ndim: int

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        value, *lengths = inputs
        if len(lengths) != self.ndim or value.ndim not in (0, self.ndim):
            raise TypeError(f"alloc of {value.type} to {self.ndim} dimensions with {len(lengths)} lengths")
        given = value.type.shape or (1,) * self.ndim
        merged = (_filled(n, known_length(m, _NEGATIVE), value) for n, m in zip(given, lengths, strict=True))
        return [TensorType(value.dtype, tuple(merged))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        value, *lengths = inputs
        wanted = [_count(n) for n in lengths]
        require_possible("alloc", wanted)
        return [np.broadcast_to(value, wanted).copy()]

    def executor(self, node: Apply) -> Run:
        fixed = node.inputs[0].broadcastable

        def run(inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
            value, *lengths = inputs
            for axis, (have, stretches) in enumerate(zip(value.shape, fixed, strict=True)):
                if not stretches and have != int(lengths[axis]):
                    wanted = int(lengths[axis])
                    raise ValueError(f"alloc: axis {axis} of length {have} cannot fill length {wanted}")
            return self.perform(inputs)

        return run

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return node.inputs[1 + axis]

    def is_total(self, node: Apply) -> bool:
        value, *lengths = node.inputs
        return value.ndim == 0 and all(isinstance(n, Constant) or _is_extent(n) for n in lengths)


@dataclass(frozen=True)
class AllocEmpty(Op):
    """Inputs lengths: a tensor of which nobody reads an element that was not written before. Not negative."""

    dtype: str

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        return [TensorType(self.dtype, tuple(known_length(n, _NEGATIVE) for n in inputs))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.zeros([_count(n) for n in inputs], self.dtype)]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return node.inputs[axis]

    def is_total(self, node: Apply) -> bool:
        return all(isinstance(n, Constant) or _is_extent(n) for n in node.inputs)


def _is_extent(length: Variable) -> bool:
    """Whether a length is that of an axis, and so not negative."""
    return length.owner is not None and isinstance(length.owner.op, ShapeI)


def _count(length: np.ndarray) -> int:
    if length < 0:
        raise ValueError(_NEGATIVE.format(int(length)))
    return int(length)


def _filled(have: int | None, want: int | None, value: Variable) -> int | None:
    if have is not None and have != 1:
        if want is not None and want != have:
            raise ValueError(f"alloc: {value!r} cannot fill an axis of length {want}")
        return have
    return want


def alloc(value: object, *shape: object) -> Variable:
    """A tensor of lengths `shape` filled with `value`, which stretches where it may.

    `shape`: lengths, numbers or symbolic; the dtype of `value`. ValueError where `value` does not fit or a length
    is negative.
    """
    var = as_tensor_variable(value)
    lengths = as_lengths(shape[0] if len(shape) == 1 and _is_sequence(shape[0]) else shape, "alloc")
    if var.ndim > len(lengths):
        raise ValueError(f"alloc: {var} has {var.ndim} dimensions, not the {len(lengths)} of the result")
    if not lengths:
        return var
    if 0 < var.ndim < len(lengths):
        var = shape_padleft(var, len(lengths) - var.ndim)
    return Alloc(len(lengths))(var, *lengths)


def _is_sequence(value: object) -> bool:
    return isinstance(value, (tuple, list, np.ndarray)) or (isinstance(value, Variable) and value.ndim == 1)


def broadcast_to(x: object, shape: object) -> Variable:
    """`x` over the axes of `shape`, which ends in the shape of `x`, ones stretched.

    ValueError where `x` does not fit into `shape`.
    """
    return alloc(x, shape)


def full(shape: object, fill_value: object, dtype: object = None) -> Variable:
    """A tensor of `shape` filled with a number.

    `shape` as in `zeros`; the dtype of `fill_value` if none is given. ValueError for a negative length.
    """
    return _constant_tensor("full", shape, fill_value, dtype)


def _constant_tensor(what: str, shape: object, fill_value: object, dtype: object) -> Variable:
    """A tensor of one value; errors in its shape say `what`."""
    value = as_tensor_variable(fill_value)
    value, lengths = value if dtype is None else cast(value, dtype), as_lengths(shape, what)
    return alloc(value, lengths) if lengths else Alloc(0)(value)  # no constant: it may be an input of a function


def zeros(shape: object, dtype: object = None) -> Variable:
    """Zeros, of floatX if no dtype is given.

    `shape`: a length, a list of lengths, numbers or symbolic. ValueError for a negative length.
    """
    return _constant_tensor("zeros", shape, 0, dtype or "floatX")


def ones(shape: object, dtype: object = None) -> Variable:
    """Ones, of floatX if no dtype is given.

    `shape`: a length, a list of lengths, numbers or symbolic. ValueError for a negative length.
    """
    return _constant_tensor("ones", shape, 1, dtype or "floatX")


def full_like(x: object, fill_value: object, dtype: object = None) -> Variable:
    """A tensor of the shape of `x` with `fill_value` everywhere.

    In the dtype of `x` if no dtype is given.
    """
    var = as_tensor_variable(x)
    return mentioning(alloc(cast(fill_value, dtype or var.dtype), dims(var)), var)


def zeros_like(x: object, dtype: object = None, opt: bool = False) -> Variable:
    """Zeros of the shape of `x`, and of its dtype or the one given.

    `opt` has no effect.
    """
    return full_like(x, 0, dtype)


def ones_like(x: object, dtype: object = None, opt: bool = False) -> Variable:
    """Ones of the shape of `x`, and of its dtype or the one given.

    `opt` has no effect.
    """
    return full_like(x, 1, dtype)


empty, empty_like = zeros, zeros_like


def fill(x: object, value: object) -> Variable:
    """A tensor of the shape of `x`, filled with `value`, which keeps its own dtype.

    The shape of `x` broadcast with `value`. ValueError where lengths do not agree.
    """
    var = as_tensor_variable(x)
    return mentioning(alloc(as_tensor_variable(value), dims(var)), var)


def is_zeros(x: Variable) -> bool:
    """Whether `x` is written as zeros."""
    while x.owner is not None and isinstance(x.owner.op, Alloc | DimShuffle):
        x = x.owner.inputs[0]
    return isinstance(x, Constant) and not np.any(x.data)


@dataclass(frozen=True)
class ARange(Op):
    """Inputs (start, stop, step) of `dtype`: start + i * step, up to but not with stop."""

    dtype: str

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        if any(v.ndim != 0 or v.dtype != self.dtype for v in inputs):
            raise TypeError(f"arange takes three scalars of {self.dtype}")
        values = [v.data for v in inputs if isinstance(v, Constant)]
        return [TensorType(self.dtype, (_range_length(*values) if len(values) == 3 else None,))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        start, stop, step = inputs
        require_possible("arange", [_range_length(start, stop, step)])
        steps = np.arange(_range_length(start, stop, step), dtype="int64").astype(self.dtype)
        if len(steps) < 2:
            return [np.full(len(steps), start, self.dtype)]  # the step may be infinite
        return [start + steps * step]

    def is_total(self, node: Apply) -> bool:
        (length,), (start, stop, step) = node.outputs[0].type.shape, node.inputs
        if length is not None:
            return length <= MOST_ELEMENTS
        return constant_int(step) == 1 and is_length(start) and fits_an_array(stop)

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        start, stop, step = node.inputs
        if constant_int(step) != 1:
            return None
        if constant_int(start) == 0:
            return stop if is_length(stop) else maximum(stop, int64(0))
        length = maximum(stop, start) - start
        if (constant_int(start) or -1) > 0:
            return length
        return check(MemoryError, "arange: from {} to {} there are more numbers than an array may have", length,
                     apply_scalar("ge", length, int64(0)), start, stop)


def _range_length(start: np.ndarray, stop: np.ndarray, step: np.ndarray) -> int:
    if step == 0:
        raise ValueError("arange: the step is 0; it must be positive or negative")
    if start.dtype.kind in "iu":
        return max(0, -((int(start) - int(stop)) // int(step)))
    with np.errstate(all="ignore"):
        quotient = (stop - start) / step
    if not abs(quotient) < 2.0**62:
        raise ValueError(f"arange: no range goes from {start} to {stop} by {step}")
    if quotient == 0 and stop != start and not np.signbit(quotient):
        return 1  # a step so long that it goes beyond at once
    return max(0, int(np.ceil(quotient)))


def arange(start: object, stop: object = None, step: object = 1, dtype: object = None) -> Variable:
    """The numbers from `start` (0) up to `stop`, without it; integers are int64 if no dtype is given.

    A vector, of no elements where `stop` is behind `start`. TypeError for what is no scalar of real numbers;
    ValueError for a step of 0.
    """
    first, last = (0, start) if stop is None else (start, stop)
    ends = [as_operand(v) for v in (first, last, step)]
    for end in ends:
        if end.ndim != 0:
            raise TypeError(f"arange takes scalars, not {end!r}; for a length use x.shape[0]")
        if end.dtype.startswith("complex"):
            raise TypeError(f"arange takes real numbers, not {end!r}; complex numbers have no order")
    if dtype is None:
        found = result_dtype(ends)
        dtype = "int64" if is_discrete(found) else found
    name = dtype_name(dtype)
    return ARange(name)(*(cast(v, name) for v in ends))
