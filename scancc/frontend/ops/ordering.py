"""Running sums and products, and sorting, along one axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import SameShape, normalize_axis
from scancc.frontend.graph.options import one_of
from scancc.frontend.graph.variables import Apply, Op, TensorType, Variable
from scancc.frontend.ops.axes import flatten
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.reduction import check_ordered, wide_dtype
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class _AlongAxis(SameShape, Op):
    """An op whose result has the shape of its input."""

    axis: int


@dataclass(frozen=True)
class Cumulative(SameShape, Op):
    """cumsum or cumprod along an axis, in the dtype of the input."""

    kind: str
    axis: int

    @property
    def name(self) -> str:
        return self.kind

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        (x,) = inputs
        ufunc = np.add if self.kind == "cumsum" else np.multiply
        with np.errstate(all="ignore"):
            return [ufunc.accumulate(x, axis=self.axis, dtype=x.dtype)]

    def is_total(self, node: Apply) -> bool:
        return True


@dataclass(frozen=True)
class Sort(_AlongAxis):
    """Ascending along an axis; NaNs last."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        check_ordered("sort", inputs[0])
        return [inputs[0].type]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.sort(inputs[0], axis=self.axis, kind="stable")]


@dataclass(frozen=True)
class ArgSort(_AlongAxis):
    """The places that sort an axis, int64; equal elements keep their order, NaNs are last."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        check_ordered("argsort", inputs[0])
        return [TensorType("int64", inputs[0].type.shape)]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.argsort(inputs[0], axis=self.axis, kind="stable")]


def _along(x: object, axis: int | None, what: str) -> tuple[Variable, int]:
    var = as_tensor_variable(x)
    if axis is None:
        return flatten(var), 0
    return var, normalize_axis(axis, var.ndim, what)


def cumsum(x: object, axis: int | None = None) -> Variable:
    """Running sums along `axis` (of the flattened tensor).

    The shape of `x` (flattened: [x.size]); integers and bools in 64 bits. ValueError for an axis that `x` has
    not.
    """
    var, place = _along(x, axis, "cumsum")
    return Cumulative("cumsum", place)(cast(var, wide_dtype(var.dtype)))


def cumprod(x: object, axis: int | None = None) -> Variable:
    """Running products along `axis` (of the flattened tensor).

    The shape of `x` (flattened: [x.size]); integers and bools in 64 bits. ValueError for an axis that `x` has
    not.
    """
    var, place = _along(x, axis, "cumprod")
    return Cumulative("cumprod", place)(cast(var, wide_dtype(var.dtype)))


def _check_kind(what: str, kind: object, order: object) -> None:
    """Every kind that NumPy knows gives what a stable sort gives."""
    one_of(f"{what}: kind", kind, ("stable", "quicksort", "mergesort", "heapsort", None))
    if order is not None:
        raise ValueError(f"{what}: order is {order!r}; it names fields, which tensors have not")


def sort(x: object, axis: int | None = -1, kind: str = "stable", order: object = None) -> Variable:
    """Ascending along `axis` (None: of the flattened tensor), NaNs last.

    The shape and dtype of `x` (flattened: [x.size]). ValueError for an axis that `x` has not, or another `kind`.
    """
    _check_kind("sort", kind, order)
    var, place = _along(x, axis, "sort")
    return Sort(place)(var)


def argsort(x: object, axis: int | None = -1, kind: str = "stable", order: object = None) -> Variable:
    """The places that sort `axis`, int64; equal elements keep their order.

    The shape of `x` (flattened: [x.size]). ValueError for an axis that `x` has not, or another `kind`.
    """
    _check_kind("argsort", kind, order)
    var, place = _along(x, axis, "argsort")
    return ArgSort(place)(var)
