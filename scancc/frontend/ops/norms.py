"""Norms of vectors and matrices: NumPy's `linalg.norm`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from scancc.frontend.graph.constants import as_tensor_variable, float_for, kind
from scancc.frontend.graph.dims import dimshuffle, normalize_axis
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops import reduction
from scancc.frontend.ops.decompositions import svdvals
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.scalars import abs_, power, sqr, sqrt
from scancc.frontend.ops.signatures import real_dtype

Axes = int | Sequence[int] | None


def norm(x: object, ord: object = None, axis: Axes = None, keepdims: bool = False) -> Variable:
    """The norm of a vector or matrix, or of those along one or two axes.

    Of vectors: `ord` None or 2 (Euclidean), inf, -inf, 0 (how many are not 0) or any number p. Of matrices: None
    or 'fro' (Euclidean of the elements), 'nuc' (sum of the singular values), 1, -1 (largest and smallest sum of
    absolute values of a column), inf, -inf (of a row), 2, -2 (largest and smallest singular value). With neither
    `ord` nor `axis` all elements are one vector, whatever the rank.
    """
    given = as_tensor_variable(x)
    if not (ord is None or isinstance(ord, (str, int, float))):
        raise TypeError(f"norm: ord is {ord!r}; give None, a number, inf, -inf, 'fro' or 'nuc'")
    var = cast(given, float_for(given.dtype))
    if axis is None and ord is None:
        return _euclidean(var, tuple(range(var.ndim)), keepdims)
    axes = _axes(var, axis, ord)
    if len(axes) == 1:
        return _of_vectors(var, ord, axes[0], keepdims)
    return _of_matrices(var, ord, axes, keepdims)


def _axes(x: Variable, axis: Axes, ord: object) -> tuple[int, ...]:
    given = range(x.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    axes = tuple(normalize_axis(a, x.ndim, "norm") for a in given)
    if len(axes) not in (1, 2) or len(set(axes)) != len(axes):
        where = f"axis={axis}" if axis is not None else f"a tensor of {x.ndim} dimensions"
        raise ValueError(f"norm: ord {ord!r} is of a vector or a matrix, not over {where}; name one axis or two")
    return axes


def _euclidean(x: Variable, axes: tuple[int, ...], keepdims: bool) -> Variable:
    square = sqr(abs_(x)) if kind(x.dtype) == "c" else sqr(x)
    return sqrt(reduction.sum(square, axes, keepdims=keepdims))


def _of_vectors(x: Variable, ord: object, axis: int, keepdims: bool) -> Variable:
    if ord is None or ord == 2:
        return _euclidean(x, (axis,), keepdims)
    if isinstance(ord, bool) or not isinstance(ord, (int, float)):
        raise ValueError(f"norm: ord {ord!r} of a vector is none of None, a number, inf and -inf")
    if math.isinf(ord):
        return (reduction.max if ord > 0 else reduction.min)(abs_(x), axis, keepdims=keepdims)
    if ord == 0:
        return reduction.sum(cast(x, "bool"), axis, dtype=real_dtype(x.dtype), keepdims=keepdims)
    if ord == 1:
        return reduction.sum(abs_(x), axis, keepdims=keepdims)
    return power(reduction.sum(power(abs_(x), ord), axis, keepdims=keepdims), 1 / ord)


# ord -> the axis that is summed (of the two), and what is taken of the sums
_BY_SUMS: dict[object, tuple[int, Callable[..., Variable]]] = {
    1: (0, reduction.max), -1: (0, reduction.min), math.inf: (1, reduction.max), -math.inf: (1, reduction.min),
}
_BY_SINGULAR_VALUES: dict[object, Callable[..., Variable]] = {
    2: reduction.max, -2: reduction.min, "nuc": reduction.sum,
}


def _of_matrices(x: Variable, ord: object, axes: tuple[int, ...], keepdims: bool) -> Variable:
    if ord in (None, "fro", "f"):
        return _euclidean(x, axes, keepdims)
    if ord in _BY_SUMS:
        place, extreme = _BY_SUMS[ord]
        sums = reduction.sum(abs_(x), axes[place], keepdims=True)
        return _dropped(extreme(sums, axes[1 - place], keepdims=True), axes, keepdims)
    if ord not in _BY_SINGULAR_VALUES:
        raise ValueError(f"norm: ord {ord!r} of a matrix is none of None, 'fro', 'nuc', 1, -1, 2, -2, inf and -inf")
    if x.ndim != 2:
        raise ValueError(
            f"norm: ord {ord!r} takes singular values, of one matrix and not of a stack, {x!r}; "
            "go over the matrices with scancc.map"
        )
    value = _BY_SINGULAR_VALUES[ord](svdvals(x))
    return dimshuffle(value, "x", "x") if keepdims else value


def _dropped(x: Variable, axes: tuple[int, ...], keepdims: bool) -> Variable:
    return x if keepdims else dimshuffle(x, tuple(a for a in range(x.ndim) if a not in axes))
