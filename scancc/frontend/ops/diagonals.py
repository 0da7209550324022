"""Matrices made from lengths, triangles and diagonals."""

from __future__ import annotations

import numpy as np

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import dim, dimshuffle, int64, normalize_axis
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import Constant, Variable
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.ops.lengths import as_count, as_length
from scancc.frontend.ops.making import alloc, arange
from scancc.frontend.ops.scalars import eq, maximum, minimum


def _columns_minus_rows(n: Variable, m: Variable) -> Variable:
    return dimshuffle(arange(m), "x", 0) - dimshuffle(arange(n), 0, "x")


def eye(n: object, m: object = None, k: object = 0, dtype: object = None) -> Variable:
    """Ones on the k-th diagonal of an n × m matrix, zeros elsewhere.

    m is n if left out; floatX if no dtype is given. ValueError for a negative length.
    """
    rows = as_count(n, "eye")
    columns = rows if m is None else as_count(m, "eye")
    return cast(eq(_columns_minus_rows(rows, columns), as_length(k, "eye")), dtype or "floatX")


def identity_like(x: object, dtype: object = None) -> Variable:
    """The identity matrix of the shape of `x`.

    [n, m] gives [n, m] in the dtype of `x`, or in `dtype`.
    """
    var = as_tensor_variable(x)
    return eye(dim(var, 0), dim(var, 1), dtype=dtype or var.dtype)


def tri(n: object, m: object = None, k: object = 0, dtype: object = None) -> Variable:
    """Ones on and below the k-th diagonal of an n × m matrix, zeros above.

    m is n if left out; floatX if no dtype is given. ValueError for a negative length.
    """
    rows = as_count(n, "tri")
    columns = rows if m is None else as_count(m, "tri")
    below = apply_scalar("le", _columns_minus_rows(rows, columns), as_length(k, "tri"))
    return cast(below, dtype or "floatX")


def tril(x: object, k: object = 0) -> Variable:
    """`x` with zeros above the k-th diagonal of its last two axes.

    The shape and dtype of `x`. ValueError for fewer than two dimensions.
    """
    return _masked(x, k, "le", "tril")


def triu(x: object, k: object = 0) -> Variable:
    """`x` with zeros below the k-th diagonal of its last two axes.

    The shape and dtype of `x`. ValueError for fewer than two dimensions.
    """
    return _masked(x, k, "ge", "triu")


def _masked(x: object, k: object, keep: str, what: str) -> Variable:
    var = as_tensor_variable(x)
    if var.ndim < 2:
        raise ValueError(f"{what} takes a matrix, not {var!r}")
    distance = _columns_minus_rows(dim(var, var.ndim - 2), dim(var, var.ndim - 1))
    zero = Constant(np.zeros((), var.dtype))
    return apply_scalar("switch", apply_scalar(keep, distance, as_length(k, what)), var, zero)


def diagonal(x: object, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """The elements on a diagonal of two axes, along a new last axis.

    [n, m] gives the length of the diagonal; more axes stay in front. ValueError for fewer than two dimensions.
    """
    var = as_tensor_variable(x)
    if var.ndim < 2:
        raise ValueError(f"diagonal takes a tensor of at least two dimensions, not {var!r}")
    first, second = (normalize_axis(a, var.ndim, "diagonal") for a in (axis1, axis2))
    rest = tuple(a for a in range(var.ndim) if a not in (first, second))
    moved, offset = dimshuffle(var, (first, second, *rest)), whole("diagonal: offset", offset)
    down, right = max(-offset, 0), max(offset, 0)
    length = minimum(dim(moved, 0) - down, dim(moved, 1) - right)
    places = arange(maximum(length, int64(0)))
    picked = moved[places + down, places + right]
    return dimshuffle(picked, (*range(1, picked.ndim), 0))


def diag(x: object, k: int = 0) -> Variable:
    """The k-th diagonal of a matrix; of a vector, the matrix that has it there and zeros elsewhere.

    [n] gives [n + |k|, n + |k|]; [n, m] gives a vector. ValueError for other numbers of dimensions.
    """
    var = as_tensor_variable(x)
    if var.ndim == 2:
        return diagonal(var, k)
    if var.ndim != 1:
        raise ValueError(f"diag takes a vector or a matrix, not {var!r}")
    k = whole("diag: k", k)
    length = dim(var, 0) + abs(k)
    down, right = max(-k, 0), max(k, 0)
    places = arange(dim(var, 0))
    blank = alloc(Constant(np.zeros((), var.dtype)), length, length)
    return blank[places + down, places + right].set(var)


def trace(x: object, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """The sum of a diagonal.

    [..., n, m] gives [...]: `axis1` and `axis2` go. ValueError for fewer than two dimensions.
    """
    if as_tensor_variable(x).ndim < 2:
        raise ValueError(f"trace takes a tensor of at least two dimensions, not {as_tensor_variable(x).type}")
    return diagonal(x, offset, axis1, axis2).sum(axis=-1)
