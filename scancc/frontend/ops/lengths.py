"""Shapes as variables, lengths that a user gives, and what is known about the lengths of a tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from scancc.artifact import MOST_ELEMENTS
from scancc.frontend.graph.constants import as_operand, as_tensor_variable, constant_int, is_integer, result_dtype
from scancc.frontend.graph.dims import JointLength, SameShape, ShapeI, dim, dims, int64, joint_length, normalize_axis
from scancc.frontend.graph.variables import Apply, Constant, Op, TensorType, Variable, mention
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.ops.scalars import eq
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class MakeVector(Op):
    """Scalars of one dtype as a vector. `extents`: it is the shape of something, whose entries are known."""

    extents: bool = False

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        if not inputs or any(v.ndim != 0 or v.dtype != inputs[0].dtype for v in inputs):
            raise TypeError("a vector is made of at least one scalar, all of one dtype")
        return [TensorType(inputs[0].dtype, (len(inputs),))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.stack(inputs)]

    def is_total(self, node: Apply) -> bool:
        return True


def make_vector(scalars: Sequence[Variable]) -> Variable:
    dtype = result_dtype(scalars)
    return MakeVector()(*(cast(v, dtype) for v in scalars))


def shape(x: object) -> Variable:
    """The lengths of all axes, an int64 vector.

    [x.ndim]; lengths that are known are constants.
    """
    var = as_tensor_variable(x)
    lengths = [_own(n) for n in dims(var)]
    mention(lengths, var)
    return MakeVector(extents=True)(*lengths) if lengths else Constant(np.zeros(0, "int64"))


def _own(length: Variable) -> Variable:
    """The same length for whoever writes it here: others ask for it too, and what one writes is not theirs."""
    return length if length.owner is None else length.owner.op.apply(*length.owner.inputs)[length.index]


def size(x: object) -> Variable:
    """The number of elements, an int64 scalar.

    A constant where all lengths are known.
    """
    var = as_tensor_variable(x)
    return mentioning(product(dims(var)), var)


def mentioning(result: Variable, x: Variable) -> Variable:
    mention([result], x)
    return result


def product(lengths: Iterable[Variable]) -> Variable:
    return joint_length("product", lengths)


def is_length(x: Variable) -> bool:
    """Whether `x` is surely not negative, because it is the length of something."""
    value = constant_int(x)
    return value >= 0 if value is not None else (
        x.owner is not None and isinstance(x.owner.op, (ShapeI, JointLength)))


def fits_an_array(x: Variable) -> bool:
    """Whether `x` is surely no more than an array may have elements: a length, or less than one."""
    value, node = constant_int(x), x.owner
    if value is not None or node is None:
        return value is not None and value <= MOST_ELEMENTS
    if node.op.name not in ("sub", "floor_div", "minimum"):
        return isinstance(node.op, ShapeI)
    first, second = node.inputs
    if node.op.name == "minimum":
        return fits_an_array(first) or fits_an_array(second)
    takes_off = is_length(second) if node.op.name == "sub" else (constant_int(second) or 0) > 0
    return takes_off and fits_an_array(first)


def as_lengths(shape: object, what: str) -> list[Variable]:
    """The entries of a shape (a tuple, a number or a symbolic vector of known length), as int64 scalars."""
    if isinstance(shape, Variable) and shape.ndim == 1:
        return [as_length(v, what) for v in entries(shape, what)]
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    parts = list(shape) if isinstance(shape, (tuple, list)) else [shape]
    return [as_length(part, what) for part in parts]


def as_length(value: object, what: str) -> Variable:
    var = as_operand(value)
    if var.ndim != 0 or not is_integer(var.dtype):
        raise TypeError(f"{what}: {value!r} is no length; lengths are integers or integer scalars")
    return cast(var, "int64")


def as_count(value: object, what: str) -> Variable:
    """A length that is 0 or more, which is checked."""
    length = as_length(value, what)
    rule = f"{what}: a length is {{}}; lengths are 0 or more"
    known_length(length, rule)
    if is_length(length):
        return length
    return check(ValueError, rule, length, apply_scalar("ge", length, int64(0)), length)


def entries(vector: Variable, what: str) -> list[Variable]:
    """The elements of a vector whose length is known."""
    if vector.owner is not None and isinstance(vector.owner.op, MakeVector):
        return list(vector.owner.inputs)
    if isinstance(vector, Constant):
        return [Constant(np.asarray(v)) for v in vector.data]
    length = vector.type.shape[0]
    if length is None:
        raise TypeError(
            f"{what}: the length of {vector!r} is not known, so neither is the number of dimensions; "
            "give a tuple of scalars, or ndim="
        )
    return [vector[i] for i in range(length)]


def known_length(length: object, error: str = "", least: int = 0) -> int | None:
    """The value of a length that is a constant; one below `least` counts as unknown, or is the ValueError `error`."""
    value = constant_int(length)
    if value is None or value >= least:
        return value
    if error:
        raise ValueError(error.format(value))
    return None


@dataclass(frozen=True)
class SpecifyShape(SameShape, Op):
    """`x`, whose lengths are checked against the known ones of `shape`."""

    shape: tuple[int | None, ...]
    what: str = "specify_shape"  # what the user wrote

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        if len(self.shape) != x.ndim:
            raise ValueError(f"{self.what}: {x!r} has {x.ndim} dimensions, unlike the shape {self.shape}")
        for axis, (have, want) in enumerate(zip(x.type.shape, self.shape, strict=True)):
            if have is not None and want is not None and have != want:
                raise ValueError(f"{self.what}: axis {axis} has length {have}, not {want}, which it must have")
        merged = (have if want is None else want for have, want in zip(x.type.shape, self.shape, strict=True))
        return [TensorType(x.dtype, tuple(merged))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        (x,) = inputs
        for axis, (have, want) in enumerate(zip(x.shape, self.shape, strict=True)):
            if want is not None and have != want:
                raise ValueError(f"{self.what}: axis {axis} has length {have}, not {want}, which it must have")
        return [x]


def specify_shape(x: object, shape: object) -> Variable:
    """`x` with lengths said beforehand (None: unknown) and checked when it runs.

    `shape` has an entry for each axis. ValueError for another count, or, when it runs, another length.
    """
    return specified_by("specify_shape", x, shape)


def specified_by(what: str, x: object, shape: object) -> Variable:
    """`specify_shape`, whose errors say that `what` asked for it."""
    var = as_tensor_variable(x)
    wanted = list(shape) if isinstance(shape, (tuple, list)) else entries_or_scalar(shape)
    known = tuple(None if n is None else known_length(as_length(n, what)) for n in wanted)
    if any(n is not None and (constant_int(n) or 0) < 0 for n in wanted):
        raise ValueError(f"{what}: {tuple(wanted)} has a negative length; lengths are 0 or more, or None")
    if len(known) != var.ndim:
        SpecifyShape(known, what).infer(var)
    for axis, want in enumerate(wanted):
        if want is not None and known[axis] is None:
            have, length = dim(var, axis), as_length(want, what)
            message = f"{what}: axis {axis} has length {{}}, not {{}}, which it must have"
            var = check(ValueError, message, var, eq(have, length), have, length)
    if all(n is None or n == have for n, have in zip(known, var.type.shape, strict=True)):
        return var
    specified = SpecifyShape(known, what)(var)
    specified.name = var.name
    return specified


def entries_or_scalar(shape: object) -> list[object]:
    if isinstance(shape, Variable) and shape.ndim == 1:
        return list(entries(shape, "specify_shape"))
    return [shape]


@dataclass(frozen=True)
class Unbroadcast(SameShape, Op):
    """`x`, whose `axes` no longer count as known to have length 1."""

    axes: tuple[int, ...]

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        return [TensorType(x.dtype, tuple(None if a in self.axes else n for a, n in enumerate(x.type.shape)))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [inputs[0]]

    def is_total(self, node: Apply) -> bool:
        return True


def unbroadcast(x: object, *axes: int) -> Variable:
    """`x` with `axes` that do not stretch any more.

    The shape of `x`, where these lengths count as unknown.
    """
    var = as_tensor_variable(x)
    places = tuple(sorted({normalize_axis(a, var.ndim, "unbroadcast") for a in axes}))
    if all(var.type.shape[a] != 1 for a in places):
        return var
    return Unbroadcast(places)(var)


def addbroadcast(x: object, *axes: int) -> Variable:
    """`x` with `axes` known to have length 1 (checked), so that they stretch.

    The shape of `x`; ValueError when it runs where a length is another.
    """
    var = as_tensor_variable(x)
    places = {normalize_axis(a, var.ndim, "addbroadcast") for a in axes}
    return specified_by("addbroadcast", var, tuple(1 if a in places else None for a in range(var.ndim)))


def patternbroadcast(x: object, pattern: Sequence[bool]) -> Variable:
    """`x` whose axes stretch where `pattern` is True and only there.

    `pattern` has a truth value for each axis; the others count as of unknown length.
    """
    var = as_tensor_variable(x)
    var = addbroadcast(var, *(a for a, one in enumerate(pattern) if one))
    return unbroadcast(var, *(a for a, one in enumerate(pattern) if not one))
