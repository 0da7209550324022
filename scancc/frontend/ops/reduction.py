"""Reductions over axes, and the statistics that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable, is_discrete, kind, promote_dtypes
from scancc.frontend.graph.dims import dim, dims, dimshuffle, normalize_axis
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.variables import Apply, Op, TensorType, Variable, dtype_name
from scancc.frontend.ops.axes import flatten
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.lengths import product
from scancc.frontend.ops.scalars import conj, real, sqr, sqrt, sub, true_div
from scancc.frontend.ops.signatures import real_dtype
from scancc.late_dataclasses import dataclass

Axes = int | Sequence[int] | None


_UFUNCS: dict[str, np.ufunc] = {
    "sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum, "all": np.logical_and,
    "any": np.logical_or,
}


@dataclass(frozen=True)
class Reduce(Op):
    """One of sum, prod, max, min, all, any over `axes`, which are dropped; the dtype stays.

    Of no elements: 0, 1, an error (max and min), True, False.
    """

    kind: str
    axes: tuple[int, ...]

    @property
    def name(self) -> str:
        return self.kind

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        if self.kind in ("all", "any") and x.dtype != "bool":
            raise TypeError(f"{self.kind} takes bools, not {x.dtype}")
        if self.kind in ("max", "min"):
            check_ordered(self.kind, x)
        if self.kind in ("max", "min") and 0 in [x.type.shape[a] for a in self.axes]:
            raise ValueError(_empty(self.kind))
        kept = (n for a, n in enumerate(x.type.shape) if a not in self.axes)
        return [TensorType(x.dtype, tuple(kept))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        (x,) = inputs
        if self.kind in ("max", "min") and 0 in [x.shape[a] for a in self.axes]:
            raise ValueError(_empty(self.kind))
        with np.errstate(all="ignore"):
            if self.kind == "sum" and x.dtype.kind in "fc":
                return [_sum_in_pairs(x, self.axes)]
            return [np.asarray(_UFUNCS[self.kind].reduce(x, axis=self.axes, dtype=x.dtype))]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        x = node.inputs[0]
        return dim(x, [a for a in range(x.ndim) if a not in self.axes][axis])

    def is_total(self, node: Apply) -> bool:
        lengths = [node.inputs[0].type.shape[a] for a in self.axes]
        return self.kind not in ("max", "min") or None not in lengths


def _sum_in_pairs(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """NumPy adds in pairs along the last axis of an array without gaps only. A sum starts at 0.0."""
    kept = [a for a in range(x.ndim) if a not in axes]
    moved = x.transpose([*kept, *axes])
    rows = np.ascontiguousarray(moved).reshape(*moved.shape[:len(kept)], -1) if x.size else moved
    return np.asarray(np.add.reduce(rows, axis=tuple(range(len(kept), rows.ndim)), dtype=x.dtype) + x.dtype.type(0))


def _empty(what: str) -> str:
    return f"{what} of an axis of length 0: no elements have no {what}; check the length first (ifelse)"


def check_ordered(what: str, x: Variable) -> None:
    if kind(x.dtype) == "c":
        raise TypeError(f"{what}: complex numbers have no order; {what} takes numbers that have an order, such as "
                        f"T.abs(x) or T.real(x), not {x!r}")


@dataclass(frozen=True)
class ArgReduce(Op):
    """argmax or argmin along one axis, int64: the first place of the extreme, or of a NaN."""

    kind: str
    axis: int

    @property
    def name(self) -> str:
        return self.kind

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (x,) = inputs
        check_ordered(self.kind, x)
        if x.type.shape[self.axis] == 0:
            raise ValueError(_empty(self.kind))
        return [TensorType("int64", tuple(n for a, n in enumerate(x.type.shape) if a != self.axis))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        (x,) = inputs
        if x.shape[self.axis] == 0:
            raise ValueError(_empty(self.kind))
        find = np.argmax if self.kind == "argmax" else np.argmin
        return [np.asarray(find(x, axis=self.axis), "int64")]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        x = node.inputs[0]
        return dim(x, [a for a in range(x.ndim) if a != self.axis][axis])


def axes_of(x: Variable, axis: Axes, what: str) -> tuple[int, ...]:
    if axis is None:
        return tuple(range(x.ndim))
    wanted = axis if isinstance(axis, (tuple, list)) else [axis]
    places = sorted({normalize_axis(a, x.ndim, what) for a in wanted})
    if len(places) != len(wanted):
        raise ValueError(f"{what}: axis {axis} names an axis twice")
    return tuple(places)


def with_axes(reduced: Variable, axes: tuple[int, ...], ndim: int) -> Variable:
    """`reduced` with its reduced axes back, of length 1."""
    rest = iter(range(reduced.ndim))
    return dimshuffle(reduced, tuple("x" if a in axes else next(rest) for a in range(ndim)))


def _reduce(what: str, x: Variable, axis: Axes, keepdims: bool) -> Variable:
    axes = axes_of(x, axis, what)
    reduced = Reduce(what, axes)(x) if axes else x
    return with_axes(reduced, axes, x.ndim) if flag("keepdims", keepdims) else reduced


def plain_sum(x: Variable, axis: Axes, keepdims: bool) -> Variable:
    """The sum of floats in their dtype; of float16 it is computed in float32."""
    return cast(_reduce("sum", cast(x, _at_least_single(x.dtype)), axis, keepdims), x.dtype)


def wide_dtype(dtype: str) -> str:
    """Sums and products of integers are 64 bits wide."""
    return {"u": "uint64", "i": "int64", "b": "int64"}.get(kind(dtype), dtype)


def _at_least_single(dtype: str) -> str:
    return "float32" if dtype == "float16" else dtype


def _accumulator(what: str, x: Variable, dtype: str, asked: object) -> str:
    """The dtype that `what` of `x`, to be given as `dtype`, is computed in: one that holds the elements."""
    if kind(dtype) != "c" and "c" in (kind(x.dtype), kind(dtype_name(asked or dtype))):
        raise TypeError(f"{what}: a {what} of complex numbers is no {dtype}; ask for a complex dtype, or take T.real "
                        f"or T.abs of {x!r}")
    if asked is not None:
        found = dtype_name(asked)
        if not (is_discrete(x.dtype) and not is_discrete(found)) and promote_dtypes(x.dtype, found) != found:
            raise TypeError(f"{what}: acc_dtype {found} does not hold the elements of {x}, which are {x.dtype}; "
                            f"accumulate in {promote_dtypes(x.dtype, found)}, or cast the elements first")
        return found
    if is_discrete(x.dtype) or is_discrete(dtype):
        return _at_least_single(dtype)
    return _at_least_single(promote_dtypes(x.dtype, dtype))


def _accumulated(what: str, x: object, axis: Axes, dtype: object, keepdims: bool, acc_dtype: object) -> Variable:
    var = as_tensor_variable(x)
    result = dtype_name(dtype) if dtype is not None else wide_dtype(var.dtype)
    accumulator = _accumulator(what, var, result, acc_dtype)
    return cast(_reduce(what, cast(var, accumulator), axis, keepdims), result)


def sum(x: object, axis: Axes = None, dtype: object = None, keepdims: bool = False,
        acc_dtype: object = None) -> Variable:
    """The sum over `axis` (all axes), given as `dtype` and accumulated in `acc_dtype`.

    Integers and bools are summed in 64 bits, float16 in float32, others in their own dtype (docs/floating_point.md).

    The shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`); 0 over no elements. ValueError
    for an axis that `x` has not.
    """
    return _accumulated("sum", x, axis, dtype, keepdims, acc_dtype)


def prod(x: object, axis: Axes = None, dtype: object = None, keepdims: bool = False,
         acc_dtype: object = None, no_zeros_in_input: bool = False) -> Variable:
    """The product over `axis` (all axes); dtypes as in `sum`.

    Shapes and errors as there; 1 over no elements.
    """
    return _accumulated("prod", x, axis, dtype, keepdims, acc_dtype)


def max(x: object, axis: Axes = None, keepdims: bool = False) -> Variable:
    """The largest element over `axis` (all axes); NaN if any is.

    The shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`), in its dtype. ValueError for an
    axis that `x` has not; and, when it runs, over no elements.
    """
    return _reduce("max", as_tensor_variable(x), axis, keepdims)


def min(x: object, axis: Axes = None, keepdims: bool = False) -> Variable:
    """The smallest element over `axis` (all axes); NaN if any is.

    The shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`), in its dtype. ValueError for an
    axis that `x` has not; and, when it runs, over no elements.
    """
    return _reduce("min", as_tensor_variable(x), axis, keepdims)


def all(x: object, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Whether all elements over `axis` are not 0.

    Bools, of the shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`); True over no elements.
    ValueError for an axis that `x` has not.
    """
    return _reduce("all", cast(x, "bool"), axis, keepdims)


def any(x: object, axis: Axes = None, keepdims: bool = False) -> Variable:
    """Whether any element over `axis` is not 0.

    Bools, of the shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`); False over no
    elements. ValueError for an axis that `x` has not.
    """
    return _reduce("any", cast(x, "bool"), axis, keepdims)


def argmax(x: object, axis: Any = None, keepdims: bool = False) -> Variable:
    """The first place of the largest element along `axis` (of the flattened tensor), int64.

    The shape of `x` without `axis`, or with 1 for it (`keepdims`). NaN counts as largest. ValueError for an axis
    that `x` has not; and, when it runs, over no elements.
    """
    return _arg_reduce("argmax", as_tensor_variable(x), axis, keepdims)


def argmin(x: object, axis: Any = None, keepdims: bool = False) -> Variable:
    """The first place of the smallest element along `axis` (of the flattened tensor), int64.

    The shape of `x` without `axis`, or with 1 for it (`keepdims`). NaN counts as smallest. ValueError for an axis
    that `x` has not; and, when it runs, over no elements.
    """
    return _arg_reduce("argmin", as_tensor_variable(x), axis, keepdims)


def _arg_reduce(what: str, x: Variable, axis: Any, keepdims: bool) -> Variable:
    axes = axes_of(x, axis, what)
    whole = len(axes) == x.ndim
    if len(axes) != 1 and not whole:
        raise ValueError(f"{what} goes along one axis or over all of them, not along {axis}")
    found = ArgReduce(what, 0)(flatten(x)) if whole else ArgReduce(what, axes[0])(x)
    return with_axes(found, axes, x.ndim) if flag("keepdims", keepdims) else found


def max_and_argmax(x: object, axis: Any = None, keepdims: bool = False) -> tuple[Variable, Variable]:
    """The largest elements along `axis`, and where the first of them are.

    Shapes and errors as in `max` and `argmax`.
    """
    return max(x, axis, keepdims), argmax(x, axis, keepdims)


def ptp(x: object, axis: Axes = None) -> Variable:
    """The largest element minus the smallest.

    The shape of `x` without `axis`, in its dtype. ValueError for an axis that `x` has not; and, when it runs,
    over no elements.
    """
    return sub(max(x, axis), min(x, axis))


def _count(x: Variable, axes: tuple[int, ...], dtype: str) -> Variable:
    return cast(product(dims(x)[a] for a in axes), real_dtype(dtype))


def mean(x: object, axis: Axes = None, dtype: object = None, keepdims: bool = False,
         acc_dtype: object = None) -> Variable:
    """The mean over `axis` (all axes), of floats; NaN of no elements. Of float16 it is computed in float32.

    The shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`). ValueError for an axis that `x`
    has not.
    """
    var = as_tensor_variable(x)
    out = dtype_name(dtype if dtype is not None else "float64" if is_discrete(var.dtype) else var.dtype)
    if is_discrete(out):
        raise TypeError(f"mean: a mean is a float, no {out}; leave out dtype, and cast or round the result")
    axes = axes_of(var, axis, "mean")
    total = _reduce("sum", cast(var, _accumulator("mean", var, out, acc_dtype)), axes, keepdims)
    wide = _at_least_single(promote_dtypes(total.dtype, out))
    return cast(true_div(cast(total, wide), _count(var, axes, wide)), out)


def var(x: object, axis: Axes = None, ddof: int = 0, keepdims: bool = False,
        corrected: bool = False) -> Variable:
    """The variance over `axis` (all axes): squared distances from the mean by the count less `ddof`.

    The shape of `x` without the axes of `axis`, or with 1 for them (`keepdims`); floats. ValueError for an axis
    that `x` has not.
    """
    variable = as_tensor_variable(x)
    if variable.dtype == "float16":
        return cast(var(cast(variable, "float32"), axis, ddof, keepdims), "float16")
    axes = axes_of(variable, axis, "var")
    distance = sub(variable, mean(variable, axes, keepdims=True))
    square = real(distance * conj(distance)) if kind(distance.dtype) == "c" else sqr(distance)
    total = _reduce("sum", square, axes, keepdims)
    return true_div(total, _count(variable, axes, total.dtype) - ddof)


def std(x: object, axis: Axes = None, ddof: int = 0, keepdims: bool = False,
        corrected: bool = False) -> Variable:
    """The square root of the variance.

    Shapes, options and errors as in `var`.
    """
    axis = axes_of(as_tensor_variable(x), axis, "std")
    return sqrt(var(x, axis, ddof, keepdims))
