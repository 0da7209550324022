"""Shapes: asking for them, changing them, and tensors made from shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scancc.artifact import MOST_ELEMENTS, can_exist, too_large
from scancc.frontend.graph.constants import (
    as_operand,
    as_tensor_variable,
    constant_int,
    holds_variables,
    is_discrete,
    is_integer,
    register_conversion,
    result_dtype,
)
from scancc.frontend.graph.dims import (
    DimShuffle,
    JointLength,
    SameShape,
    ShapeI,
    dim,
    dims,
    dimshuffle,
    int64,
    joint_length,
    normalize_axis,
    require_possible,
)
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import Apply, Constant, Op, TensorType, Variable, dtype_name, mention
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import (
    abs_,
    apply_scalar,
    cast,
    eq,
    maximum,
    minimum,
)

__all__ = ["DimShuffle", "ShapeI", "dim", "dims", "dimshuffle"]

Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]

# ---- shapes as variables -----------------------------------------------------------------------------


@dataclass(frozen=True)
class MakeVector(Op):
    """Scalars of one dtype as a vector. `extents`: it is the shape of something, whose entries are known."""

    extents: bool = False

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
    """The lengths of all axes, an int64 vector."""
    var = as_tensor_variable(x)
    lengths = [_own(n) for n in dims(var)]
    mention(lengths, var)
    return MakeVector(extents=True)(*lengths) if lengths else Constant(np.zeros(0, "int64"))


def _own(length: Variable) -> Variable:
    """The same length for whoever writes it here: others ask for it too, and what one writes is not theirs."""
    return length if length.owner is None else length.owner.op.apply(*length.owner.inputs)[length.index]


def size(x: object) -> Variable:
    """The number of elements, an int64 scalar."""
    var = as_tensor_variable(x)
    return _mentioning(product(dims(var)), var)


def _mentioning(result: Variable, x: Variable) -> Variable:
    mention([result], x)
    return result


def product(lengths: Iterable[Variable]) -> Variable:
    return joint_length("product", lengths)


def is_length(x: Variable) -> bool:
    """Whether `x` is surely not negative, because it is the length of something."""
    value = constant_int(x)
    return value >= 0 if value is not None else (
        x.owner is not None and isinstance(x.owner.op, (ShapeI, JointLength)))


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
    known = constant_int(length)
    if known is not None and known < 0:
        raise ValueError(rule.format(known))
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


def static(length: Variable) -> int | None:
    """The value of a length where it is a constant (-1 counts as unknown)."""
    value = constant_int(length)
    return None if value is None or value < 0 else value


# ---- reshape ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reshape(Op):
    """Inputs (x, *lengths): the same elements, in C order; one length may be the constant -1."""

    ndim: int

    def infer(self, *inputs: Variable) -> list[TensorType]:
        x, *lengths = inputs
        if len(lengths) != self.ndim:
            raise TypeError(f"a reshape to {self.ndim} dimensions takes as many lengths, not {len(lengths)}")
        if sum(constant_int(n) == -1 for n in lengths) > 1:
            raise ValueError("reshape: only one length can be -1, the one that follows from the others")
        return [TensorType(x.dtype, _reshaped(x, [_static_length(n) for n in lengths]))]

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


def _static_length(length: Variable) -> int | None:
    value = constant_int(length)
    if value is not None and value < -1:
        raise ValueError(f"reshape: the length {value} is negative; the one that follows from the rest is -1")
    return value


def _reshaped(x: Variable, lengths: Sequence[int | None]) -> tuple[int | None, ...]:
    """The static result; checks the number of elements where all is known."""
    known = [n for n in lengths if n is not None and n != -1]
    if None in x.type.shape or None in lengths:
        return tuple(None if n == -1 else n for n in lengths)
    total, rest = int(np.prod([n for n in x.type.shape if n is not None])), int(np.prod(known))
    fits = total == rest if -1 not in lengths else rest != 0 and total % rest == 0
    if not fits:
        raise ValueError(f"reshape: {x!r} {x.type} of {total} elements does not fill shape {tuple(lengths)}")
    return tuple(total // rest if n == -1 else n for n in lengths)


def reshape(x: object, newshape: object, ndim: int | None = None) -> Variable:
    """`x` in another shape, elements in C order. `ndim` is needed where `newshape` is a vector of unknown
    length."""
    var = as_tensor_variable(x)
    if ndim is not None and isinstance(newshape, Variable) and newshape.ndim == 1:
        lengths = [as_length(newshape[i], "reshape") for i in range(ndim)]
    else:
        lengths = as_lengths(newshape, "reshape")
    if ndim is not None and len(lengths) != ndim:
        raise ValueError(f"reshape: {len(lengths)} lengths are given where ndim={ndim}")
    return Reshape(len(lengths))(var, *lengths)


def flatten(x: object, ndim: int = 1) -> Variable:
    """`x` with its last axes merged, so that `ndim` remain."""
    var, ndim = as_tensor_variable(x), whole("flatten: ndim", ndim)
    if ndim < 1 or (ndim > var.ndim and var.ndim > 0):
        raise ValueError(f"flatten: ndim={ndim} for a tensor of {var.ndim} dimensions; give 1 to {var.ndim}")
    if var.ndim == ndim:
        return var
    kept = dims(var)[: ndim - 1]
    rest = product(dims(var)[ndim - 1 :])
    return Reshape(ndim)(var, *kept, rest if static(rest) is not None else int64(-1))


# ---- orders of axes -----------------------------------------------------------------------------------


def transpose(x: object, *order: object, axes: object = None) -> Variable:
    """`x` with its axes reversed, or in the order given, as numbers or a list of them."""
    var = as_tensor_variable(x)
    given: Any = order if axes is None else (axes,)
    if len(given) == 1 and isinstance(given[0], tuple | list | None):
        given = given[0]
    if not given:
        return dimshuffle(var, tuple(reversed(range(var.ndim))))
    places = [normalize_axis(a, var.ndim, "transpose") for a in given]
    if sorted(places) != list(range(var.ndim)):
        raise ValueError(f"transpose: axes {given} are not the {var.ndim} axes of {var!r}, each once")
    return dimshuffle(var, tuple(places))


def swapaxes(x: object, axis1: int, axis2: int) -> Variable:
    var = as_tensor_variable(x)
    order = list(range(var.ndim))
    a, b = (normalize_axis(axis, var.ndim, "swapaxes") for axis in (axis1, axis2))
    order[a], order[b] = order[b], order[a]
    return dimshuffle(var, tuple(order))


def moveaxis(x: object, source: int | Sequence[int], destination: int | Sequence[int]) -> Variable:
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
    """`x` with axes of length 1 at the places `axis` of the result."""
    var = as_tensor_variable(x)
    wanted = list(axis) if isinstance(axis, (tuple, list)) else [axis]
    ndim = var.ndim + len(wanted)
    places = {normalize_axis(a, ndim, "expand_dims") for a in wanted}
    if len(places) != len(wanted):
        raise ValueError(f"expand_dims: axis {axis} names a place twice")
    kept = iter(range(var.ndim))
    return dimshuffle(var, tuple("x" if a in places else next(kept) for a in range(ndim)))


def squeeze(x: object, axis: int | Sequence[int] | None = None) -> Variable:
    """`x` without its axes known to have length 1, or without those of `axis`, which are checked."""
    var = as_tensor_variable(x)
    if axis is None:
        dropped = {a for a, n in enumerate(var.type.shape) if n == 1}
    else:
        wanted = axis if isinstance(axis, (tuple, list)) else [axis]
        dropped = {normalize_axis(a, var.ndim, "squeeze") for a in wanted}
        var = specified_by("squeeze", var, tuple(1 if a in dropped else None for a in range(var.ndim)))
    return dimshuffle(var, tuple(a for a in range(var.ndim) if a not in dropped))


def shape_padleft(x: object, n_ones: int = 1) -> Variable:
    var = as_tensor_variable(x)
    return dimshuffle(var, ("x",) * whole("shape_padleft: n_ones", n_ones, at_least=0) + tuple(range(var.ndim)))


def shape_padright(x: object, n_ones: int = 1) -> Variable:
    var = as_tensor_variable(x)
    return dimshuffle(var, tuple(range(var.ndim)) + ("x",) * whole("shape_padright: n_ones", n_ones, at_least=0))


def shape_padaxis(x: object, axis: int) -> Variable:
    return expand_dims(x, axis)


# ---- what is known about lengths ----------------------------------------------------------------------


@dataclass(frozen=True)
class SpecifyShape(SameShape, Op):
    """`x`, whose lengths are checked against the known ones of `shape`."""

    shape: tuple[int | None, ...]
    what: str = "specify_shape"  # what the user wrote

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
    """`x` with lengths said beforehand (None: unknown) and checked when it runs."""
    return specified_by("specify_shape", x, shape)


def specified_by(what: str, x: object, shape: object) -> Variable:
    """`specify_shape`, whose errors say that `what` asked for it."""
    var = as_tensor_variable(x)
    wanted = list(shape) if isinstance(shape, (tuple, list)) else entries_or_scalar(shape)
    known = tuple(None if n is None else static(as_length(n, what)) for n in wanted)
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

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        return [TensorType(x.dtype, tuple(None if a in self.axes else n for a, n in enumerate(x.type.shape)))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [inputs[0]]

    def is_total(self, node: Apply) -> bool:
        return True


def unbroadcast(x: object, *axes: int) -> Variable:
    """`x` with `axes` that do not stretch any more."""
    var = as_tensor_variable(x)
    places = tuple(sorted({normalize_axis(a, var.ndim, "unbroadcast") for a in axes}))
    if all(var.type.shape[a] != 1 for a in places):
        return var
    return Unbroadcast(places)(var)


def addbroadcast(x: object, *axes: int) -> Variable:
    """`x` with `axes` known to have length 1 (checked), so that they stretch."""
    var = as_tensor_variable(x)
    places = {normalize_axis(a, var.ndim, "addbroadcast") for a in axes}
    return specified_by("addbroadcast", var, tuple(1 if a in places else None for a in range(var.ndim)))


def patternbroadcast(x: object, pattern: Sequence[bool]) -> Variable:
    """`x` whose axes stretch where `pattern` is True and only there."""
    var = as_tensor_variable(x)
    var = addbroadcast(var, *(a for a, one in enumerate(pattern) if one))
    return unbroadcast(var, *(a for a, one in enumerate(pattern) if not one))


# ---- tensors made from lengths ------------------------------------------------------------------------


@dataclass(frozen=True)
class Alloc(Op):
    """Inputs (value, *lengths): `value`, a scalar or of rank `ndim`, stretched to the lengths."""

    ndim: int

    def infer(self, *inputs: Variable) -> list[TensorType]:
        value, *lengths = inputs
        if len(lengths) != self.ndim or value.ndim not in (0, self.ndim):
            raise TypeError(f"alloc of {value.type} to {self.ndim} dimensions with {len(lengths)} lengths")
        given = value.type.shape or (1,) * self.ndim
        merged = (_filled(n, static_count(m), value) for n, m in zip(given, lengths, strict=True))
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


def _is_extent(length: Variable) -> bool:
    """Whether a length is that of an axis, and so not negative."""
    return length.owner is not None and isinstance(length.owner.op, ShapeI)


def static_count(length: Variable) -> int | None:
    value = constant_int(length)
    if value is not None and value < 0:
        raise ValueError(f"a tensor cannot have an axis of length {value}; lengths are 0 or more")
    return value


def _count(length: np.ndarray) -> int:
    if length < 0:
        raise ValueError(f"a tensor cannot have an axis of length {int(length)}; lengths are 0 or more")
    return int(length)


def _filled(have: int | None, want: int | None, value: Variable) -> int | None:
    if have is not None and have != 1:
        if want is not None and want != have:
            raise ValueError(f"alloc: {value!r} {value.type} cannot fill an axis of length {want}")
        return have
    return want


def alloc(value: object, *shape: object) -> Variable:
    """A tensor of lengths `shape` filled with `value`, which stretches where it may."""
    var = as_tensor_variable(value)
    lengths = as_lengths(shape[0] if len(shape) == 1 and _is_sequence(shape[0]) else shape, "alloc")
    if var.ndim > len(lengths):
        raise ValueError(f"alloc: {var!r} has {var.ndim} dimensions, not the {len(lengths)} of the result")
    if not lengths:
        return var
    if 0 < var.ndim < len(lengths):
        var = shape_padleft(var, len(lengths) - var.ndim)
    return Alloc(len(lengths))(var, *lengths)


def _is_sequence(value: object) -> bool:
    return isinstance(value, (tuple, list, np.ndarray)) or (isinstance(value, Variable) and value.ndim == 1)


def broadcast_to(x: object, shape: object) -> Variable:
    return alloc(x, shape)


def full(shape: object, fill_value: object, dtype: object = None) -> Variable:
    """A tensor of `shape` filled with a number."""
    return _constant_tensor("full", shape, fill_value, dtype)


def _constant_tensor(what: str, shape: object, fill_value: object, dtype: object) -> Variable:
    """A tensor of one value; errors in its shape say `what`."""
    value = as_tensor_variable(fill_value)
    value, lengths = value if dtype is None else cast(value, dtype), as_lengths(shape, what)
    return alloc(value, lengths) if lengths else Alloc(0)(value)  # no constant: it may be an input of a function


def zeros(shape: object, dtype: object = None) -> Variable:
    """Zeros, of floatX if no dtype is given."""
    return _constant_tensor("zeros", shape, 0, dtype or "floatX")


def ones(shape: object, dtype: object = None) -> Variable:
    """Ones, of floatX if no dtype is given."""
    return _constant_tensor("ones", shape, 1, dtype or "floatX")


def full_like(x: object, fill_value: object, dtype: object = None) -> Variable:
    var = as_tensor_variable(x)
    return _mentioning(alloc(cast(fill_value, dtype or var.dtype), dims(var)), var)


def zeros_like(x: object, dtype: object = None, opt: bool = False) -> Variable:
    return full_like(x, 0, dtype)


def ones_like(x: object, dtype: object = None, opt: bool = False) -> Variable:
    return full_like(x, 1, dtype)


empty, empty_like = zeros, zeros_like


def fill(x: object, value: object) -> Variable:
    """A tensor of the shape of `x`, filled with `value`, which keeps its own dtype."""
    var = as_tensor_variable(x)
    return _mentioning(alloc(as_tensor_variable(value), dims(var)), var)


@dataclass(frozen=True)
class ARange(Op):
    """Inputs (start, stop, step) of `dtype`: start + i * step, up to but not with stop."""

    dtype: str

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
    """The numbers from `start` (0) up to `stop`, without it; integers are int64 if no dtype is given."""
    first, last = (0, start) if stop is None else (start, stop)
    ends = [as_operand(v) for v in (first, last, step)]
    for end in ends:
        if end.ndim != 0:
            raise TypeError(f"arange takes scalars, not {end!r} {end.type}; for a length use x.shape[0]")
        if end.dtype.startswith("complex"):
            raise TypeError(f"arange takes real numbers, not {end!r} {end.type}; complex numbers have no order")
    if dtype is None:
        found = result_dtype(ends)
        dtype = "int64" if is_discrete(found) else found
    name = dtype_name(dtype)
    return ARange(name)(*(cast(v, name) for v in ends))


# ---- joining and cutting --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Join(Op):
    """Tensors of one dtype and rank, one after the other along an axis."""

    axis: int

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
    """Tensors one after the other along an existing axis, in their promoted dtype."""
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
    """`concatenate` with the axis first."""
    return concatenate(list(tensors), axis)


def stack(*tensors: object, axis: int = 0) -> Variable:
    """Tensors of one shape along a new axis: `stack([a, b])` or `stack(a, b)`."""
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
    """`x` cut along `axis` into parts of the lengths `splits_size`, which must add up."""
    var = as_tensor_variable(x)
    place = normalize_axis(axis, var.ndim, "split")
    lengths = _split_lengths(splits_size, n_splits)
    start: Variable = int64(0)
    total, whole = joint_length("sum", lengths), dim(var, place)
    fits = eq(total, whole)
    if not isinstance(fits, Constant):
        message = "split: the parts have {} rows together and the tensor has {}"
        var = check(ValueError, message, var, fits, total, whole)
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


# ---- repeating and turning --------------------------------------------------------------------------


def repeat(x: object, repeats: object, axis: int | None = None) -> Variable:
    """Each element `repeats` times, along `axis` or of the flattened tensor; a vector of counts gives
    each element its own."""
    var = as_tensor_variable(x)
    if axis is None:
        var, axis = flatten(var), 0
    place = normalize_axis(axis, var.ndim, "repeat")
    counts = as_tensor_variable(repeats)
    if counts.ndim == 1:
        return var[(slice(None),) * place + (_repeated_rows(_counts_of(counts, dim(var, place))),)]
    count, lengths = as_length(counts, "repeat"), dims(var)
    padded = expand_dims(var, place + 1)
    spread = Alloc(padded.ndim)(padded, *lengths[: place + 1], count, *lengths[place + 1 :])
    lengths[place] = product([lengths[place], count])
    return Reshape(var.ndim)(spread, *lengths)


def _counts_of(counts: Variable, length: Variable) -> Variable:
    """A count for each row, or one for all."""
    if not is_discrete(counts.dtype):
        raise TypeError(f"repeat: the counts are {counts!r} {counts.type}; counts are whole numbers")
    if counts.type.shape[0] == 1:
        return alloc(cast(counts, "int64"), length)
    given = dim(counts, 0)
    fits = eq(given, length)
    message = "repeat: {} counts are given for {} rows"
    if isinstance(fits, Constant) and not fits.data:
        raise ValueError(message.format(constant_int(given), constant_int(length)))
    return check(ValueError, message, cast(counts, "int64"), fits, given, length)


def _repeated_rows(counts: Variable) -> Variable:
    """Row i of the source stands at the places between the sums of counts up to i - 1 and to i."""
    # the sum of sizes is another one where a count is below 0
    counts = check(ValueError, "repeat: a count is negative; counts are 0 or more", counts,
                   apply_scalar("eq", abs_(counts).sum(), counts.sum()))
    total = cast(counts, "float64").sum()  # exact as far as it matters, where the sum of integers wraps
    counts = check(MemoryError, "repeat: the counts are together more elements than an array may have", counts,
                   apply_scalar("le", total, as_operand(float(MOST_ELEMENTS))))
    ends = counts.cumsum()
    places = arange(counts.sum())
    before = apply_scalar("le", dimshuffle(ends, "x", 0), dimshuffle(places, 0, "x"))
    return cast(before, "int64").sum(axis=1)


def tile(x: object, reps: object, ndim: int | None = None) -> Variable:
    """`x` laid `reps` times along each axis (the last axes, if there are fewer counts than axes)."""
    var = as_tensor_variable(x)
    counts = [as_count(n, "tile") for n in as_lengths(reps, "tile")]
    rank = max(var.ndim, len(counts)) if ndim is None else whole("tile: ndim", ndim)
    if rank < max(var.ndim, len(counts)):
        raise ValueError(f"tile: ndim is {ndim} where the tensor has {var.ndim} axes and reps {len(counts)} counts")
    counts = [int64(1)] * (rank - len(counts)) + counts
    var = shape_padleft(var, rank - var.ndim)
    lengths = dims(var)
    order: list[int | str] = [e for a in range(rank) for e in ("x", a)]
    pairs = [n for pair in zip(counts, lengths, strict=True) for n in pair]
    spread = Alloc(2 * rank)(dimshuffle(var, tuple(order)), *pairs) if rank else var
    return Reshape(rank)(spread, *(product(pair) for pair in zip(counts, lengths, strict=True)))


def flip(x: object, axis: int | Sequence[int] | None = None) -> Variable:
    """`x` backwards along `axis` (all axes)."""
    var = as_tensor_variable(x)
    wanted = range(var.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis]
    places = {normalize_axis(a, var.ndim, "flip") for a in wanted}
    if len(places) != len(wanted):
        raise ValueError(f"flip: axis {axis} names an axis twice")
    return var[tuple(slice(None, None, -1) if a in places else slice(None) for a in range(var.ndim))]


def roll(x: object, shift: object, axis: int | None = None) -> Variable:
    """`x` moved by `shift` places along `axis` (or flattened); what leaves at the end enters at the start."""
    var = as_tensor_variable(x)
    if axis is None:
        return Reshape(var.ndim)(roll(flatten(var), shift, 0), *dims(var))
    place = normalize_axis(axis, var.ndim, "roll")
    length = dim(var, place)
    cut = length - apply_scalar("mod", as_length(shift, "roll"), length)
    before = (slice(None),) * place
    return concatenate([var[(*before, slice(cut, None))], var[(*before, slice(None, cut))]], place)


# ---- matrices made from lengths, and diagonals ------------------------------------------------------------


def _columns_minus_rows(n: Variable, m: Variable) -> Variable:
    return dimshuffle(arange(m), "x", 0) - dimshuffle(arange(n), 0, "x")


def eye(n: object, m: object = None, k: object = 0, dtype: object = None) -> Variable:
    """Ones on the k-th diagonal of an n × m matrix, zeros elsewhere."""
    rows = as_count(n, "eye")
    columns = rows if m is None else as_count(m, "eye")
    return cast(eq(_columns_minus_rows(rows, columns), as_length(k, "eye")), dtype or "floatX")


def identity_like(x: object, dtype: object = None) -> Variable:
    """The identity matrix of the shape of `x`."""
    var = as_tensor_variable(x)
    return eye(dim(var, 0), dim(var, 1), dtype=dtype or var.dtype)


def tri(n: object, m: object = None, k: object = 0, dtype: object = None) -> Variable:
    """Ones on and below the k-th diagonal of an n × m matrix, zeros above."""
    rows = as_count(n, "tri")
    columns = rows if m is None else as_count(m, "tri")
    below = apply_scalar("le", _columns_minus_rows(rows, columns), as_length(k, "tri"))
    return cast(below, dtype or "floatX")


def tril(x: object, k: object = 0) -> Variable:
    """`x` with zeros above the k-th diagonal of its last two axes."""
    return _masked(x, k, "le", "tril")


def triu(x: object, k: object = 0) -> Variable:
    """`x` with zeros below the k-th diagonal of its last two axes."""
    return _masked(x, k, "ge", "triu")


def _masked(x: object, k: object, keep: str, what: str) -> Variable:
    var = as_tensor_variable(x)
    if var.ndim < 2:
        raise ValueError(f"{what} takes a matrix, not {var!r} {var.type}")
    distance = _columns_minus_rows(dim(var, var.ndim - 2), dim(var, var.ndim - 1))
    zero = Constant(np.zeros((), var.dtype))
    return apply_scalar("switch", apply_scalar(keep, distance, as_length(k, what)), var, zero)


def diagonal(x: object, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """The elements on a diagonal of two axes, along a new last axis."""
    var = as_tensor_variable(x)
    if var.ndim < 2:
        raise ValueError(f"diagonal takes a tensor of at least two dimensions, not {var!r} {var.type}")
    first, second = (normalize_axis(a, var.ndim, "diagonal") for a in (axis1, axis2))
    rest = tuple(a for a in range(var.ndim) if a not in (first, second))
    moved, offset = dimshuffle(var, (first, second, *rest)), whole("diagonal: offset", offset)
    down, right = max(-offset, 0), max(offset, 0)
    length = minimum(dim(moved, 0) - down, dim(moved, 1) - right)
    places = arange(maximum(length, int64(0)))
    picked = moved[places + down, places + right]
    return dimshuffle(picked, (*range(1, picked.ndim), 0))


def diag(x: object, k: int = 0) -> Variable:
    """The k-th diagonal of a matrix; of a vector, the matrix that has it there and zeros elsewhere."""
    var = as_tensor_variable(x)
    if var.ndim == 2:
        return diagonal(var, k)
    if var.ndim != 1:
        raise ValueError(f"diag takes a vector or a matrix, not {var!r} {var.type}")
    k = whole("diag: k", k)
    length = dim(var, 0) + abs(k)
    down, right = max(-k, 0), max(k, 0)
    places = arange(dim(var, 0))
    blank = alloc(Constant(np.zeros((), var.dtype)), length, length)
    return blank[places + down, places + right].set(var)


def trace(x: object, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """The sum of a diagonal."""
    if as_tensor_variable(x).ndim < 2:
        raise ValueError(f"trace takes a tensor of at least two dimensions, not {as_tensor_variable(x).type}")
    return diagonal(x, offset, axis1, axis2).sum(axis=-1)


# ---- lists that hold variables ----------------------------------------------------------------------------


def _from_list(value: object) -> Variable | None:
    assert isinstance(value, (list, tuple))
    return stack([as_tensor_or_list(v) for v in value]) if holds_variables(value) else None


def as_tensor_or_list(value: object) -> object:
    return as_tensor_variable(value) if isinstance(value, (list, tuple)) else value


register_conversion(list, _from_list)
register_conversion(tuple, _from_list)
