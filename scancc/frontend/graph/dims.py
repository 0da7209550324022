"""Axes and extents: the two ops that everything above builds on, `DimShuffle` and `ShapeI`."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from scancc.artifact import can_exist, too_large
from scancc.frontend.graph.constants import as_tensor_variable, constant_int
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import Apply, Constant, Op, TensorType, Variable, equal_computations
from scancc.late_dataclasses import dataclass

Axis = int | str


@dataclass(frozen=True)
class DimShuffle(Op):
    """Drop axes of length 1, permute the rest, insert axes of length 1 ('x')."""

    order: tuple[Axis, ...]

    is_cheap = True
    only_moves_axes = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        kept = [a for a in self.order if isinstance(a, int)]
        _check_order(x, self.order, kept)
        shape = tuple(x.type.shape[a] if isinstance(a, int) else 1 for a in self.order)
        return [TensorType(x.dtype, shape)]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        (x,) = inputs
        kept = [a for a in self.order if isinstance(a, int)]
        dropped = [a for a in range(x.ndim) if a not in kept]
        lengths = iter(x.transpose(kept + dropped).shape)
        shape = [next(lengths) if isinstance(a, int) else 1 for a in self.order]
        return [x.transpose(kept + dropped).reshape(shape)]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        source = self.order[axis]
        return dim(node.inputs[0], source) if isinstance(source, int) else None

    def is_total(self, node: Apply) -> bool:
        return True


def _check_order(x: Variable, order: tuple[Axis, ...], kept: list[int]) -> None:
    if any(a != "x" and not (isinstance(a, int) and 0 <= a < x.ndim) for a in order):
        raise ValueError(
            f"dimshuffle{order} of {x}, which has {x.ndim} dimensions: entries are axes from 0 to "
            f"{x.ndim - 1} or 'x' for a new axis of length 1"
        )
    if len(set(kept)) != len(kept):
        raise ValueError(f"dimshuffle{order} names an axis twice; each axis may stand once")
    for axis in range(x.ndim):
        if axis not in kept and x.type.shape[axis] != 1:
            raise ValueError(
                f"dimshuffle{order} drops axis {axis} of {x} ({x.type}), which is not known to have "
                f"length 1; keep the axis, or say its length with T.specify_shape or T.addbroadcast"
            )


def dimshuffle(x: object, *order: Axis | Sequence[Axis]) -> Variable:
    """`x` with its axes in `order`; 'x' inserts an axis of length 1, axes left out are dropped.

    [n, m] in the order (1, 'x', 0) gives [m, 1, n]. ValueError for an axis twice, one that `x` has not, or one left
    out whose length may be another than 1.
    """
    var = as_tensor_variable(x)
    axes = tuple(order[0]) if len(order) == 1 and isinstance(order[0], (tuple, list)) else order
    return _dimshuffle(var, tuple(a if isinstance(a, str) else _position(a, var.ndim) for a in axes))


def _position(axis: object, ndim: int) -> int:
    position = whole("dimshuffle: an axis", axis)
    return position + ndim if position < 0 else position


def _dimshuffle(x: Variable, order: tuple[Axis, ...]) -> Variable:
    if order == tuple(range(x.ndim)):
        return x
    node = x.owner
    if node is not None and isinstance(node.op, DimShuffle):
        DimShuffle(order).infer(x)
        inner = node.op.order
        return _dimshuffle(node.inputs[0], tuple(inner[a] if isinstance(a, int) else "x" for a in order))
    return DimShuffle(order)(x)


@dataclass(frozen=True)
class ShapeI(Op):
    """The length of one axis, an int64 scalar."""

    axis: int

    is_cheap = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        if not 0 <= self.axis < x.ndim:
            raise IndexError(f"{x!r} has {x.ndim} dimensions and no axis {self.axis}")
        return [TensorType("int64", ())]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.asarray(inputs[0].shape[self.axis], "int64")]

    def is_total(self, node: Apply) -> bool:
        return True


def dim(x: Variable, axis: int) -> Variable:
    """The length of an axis, int64: a constant where it is known, else as near to the inputs as can be."""
    axis = axis + x.ndim if axis < 0 else axis
    if not 0 <= axis < x.ndim:
        raise IndexError(f"{x!r} has {x.ndim} dimensions and no axis {axis}")
    length = x.type.shape[axis]
    if length is not None:
        return int64(length).computed(partial(dim, axis=axis), x)
    if x.lengths is None or axis not in x.lengths:
        _remember(x, axis)
    assert x.lengths is not None
    return x.lengths[axis]


MOST_NESTED = 100  # lengths that are asked for inside one another


class _Nested(threading.local):
    """How many are asked for inside one another now."""

    depth = 0


class _TooDeep(Exception):
    """The length of an axis is to be known first."""

    def __init__(self, x: Variable, axis: int) -> None:
        super().__init__()
        self.length = x, axis


_nested = _Nested()


def _remember(x: Variable, axis: int) -> None:
    """Find a length; before it one that it rests on, where there are many between: such chains are longer than
    Python's stack."""
    if _nested.depth >= MOST_NESTED:
        raise _TooDeep(x, axis)
    pending = [(x, axis)]
    while pending:
        try:
            _find(*pending[-1])
            pending.pop()
        except _TooDeep as other:
            if _nested.depth:
                raise
            pending.append(other.length)


def _find(x: Variable, axis: int) -> None:
    _nested.depth += 1
    try:
        told = None if x.owner is None else x.owner.op.extent(x.owner, x.index, axis)
    finally:
        _nested.depth -= 1
    if x.lengths is None:
        x.lengths = {}
    x.lengths[axis] = ShapeI(axis)(x) if told is None else told


@dataclass(frozen=True)
class JointLength(Op):
    """The length of axes merged into one (`product`) or of parts laid one after the other (`sum`), from theirs:
    int64 scalars. MemoryError where no array is so long."""

    kind: str

    is_cheap = True
    decides_shapes = False

    @property
    def name(self) -> str:
        return f"{self.kind} of lengths"

    def infer(self, *inputs: Variable) -> list[TensorType]:
        if any(v.type != TensorType("int64", ()) for v in inputs):
            raise TypeError(f"a {self.name} takes int64 scalars")
        return [TensorType("int64", ())]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        lengths = [int(n) for n in inputs]
        if min(lengths) < 0:
            raise ValueError(f"{self.name}: a length is {min(lengths)}; lengths are 0 or more")
        shape = lengths if self.kind == "product" else [sum(lengths)]
        require_possible(self.name, shape)
        return [np.asarray(math.prod(shape), "int64")]


def joint_length(kind: str, lengths: Iterable[Variable]) -> Variable:
    """The product or the sum of lengths, which is a length."""
    lengths, neutral = list(lengths), int(kind == "product")
    parts = [n for n in lengths if constant_int(n) != neutral]
    known = [n.data for n in parts if isinstance(n, Constant)]
    if len(parts) < 2:
        return parts[0] if parts else int64(neutral)
    if len(known) < len(parts):
        return JointLength(kind)(*parts)
    joint = Constant(JointLength(kind).perform(known)[0])
    return joint.computed(partial(_joint_again, kind), *lengths)


def _joint_again(kind: str, *lengths: Variable) -> Variable:
    return joint_length(kind, lengths)


def require_possible(what: str, shape: Sequence[int]) -> None:
    """MemoryError where no array may have this shape, however much memory there is."""
    if not can_exist(shape):
        raise MemoryError(too_large(what, shape))


class SameShape:
    """Of ops whose result has the shape of the first input, and its dtype where they do not say another."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        return [inputs[0].type]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return dim(node.inputs[0], axis)


def dims(x: Variable) -> list[Variable]:
    return [dim(x, a) for a in range(x.ndim)]


def same_scalar(a: Variable, b: Variable) -> bool:
    """Whether two scalars are written in the same way."""
    return a is b or equal_computations([a], [b])


def int64(value: int) -> Constant:
    return Constant(np.asarray(value, "int64"))


def normalize_axis(axis: object, ndim: int, what: str) -> int:
    """An axis counted from the front; raises where there is no such axis."""
    if isinstance(axis, (bool, np.bool_)) or not isinstance(axis, (int, np.integer)):
        if not (isinstance(axis, Constant) and axis.ndim == 0):
            pairwise = f": T.{what}imum(a, b) is that of two values" if what in ("max", "min") else ""
            raise TypeError(f"{what}: axis {axis!r} is not an int; axes are known when the graph is built{pairwise}")
        axis = int(axis.data)
    if not -ndim <= axis < ndim:
        raise ValueError(f"{what}: axis {int(axis)} is out of range for a tensor of {ndim} dimensions")
    return int(axis) % ndim
