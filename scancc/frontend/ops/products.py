"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scancc.frontend.graph.constants import as_operand, as_tensor_variable, kind, result_dtype
from scancc.frontend.graph.dims import dim, dims, dimshuffle, normalize_axis, require_possible, same_scalar
from scancc.frontend.graph.options import whole
from scancc.frontend.graph.variables import Apply, Op, TensorType, Variable, dtype_name
from scancc.frontend.ops import reduction
from scancc.frontend.ops.axes import Reshape, flatten, shape_padleft
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.lengths import product
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import mul
from scancc.late_dataclasses import dataclass


def check_agree(what: str, x: Variable, axis: int, y: Variable, other: int) -> None:
    m, n = x.type.shape[axis], y.type.shape[other]
    if m is not None and n is not None and m != n:
        raise ValueError(
            f"{what}: {x!r} times {y!r}: axis {axis} of the first has length {m} and axis "
            f"{other} of the second {n}; they must be equal"
        )


LONGEST_PRODUCT = 4096  # terms that NumPy's products may add one after the other


def in_pairs(product: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A product of arrays whose long sums are sums of two halves; of float16 in float32. A sum starts at 0.0."""
    n = x.shape[-1]
    if x.dtype == np.float16:
        return in_pairs(product, x.astype("float32"), y.astype("float32")).astype("float16")
    if n <= LONGEST_PRODUCT:
        whole: np.ndarray = np.add(product(x, y), x.dtype.type(0))
        return whole
    left, right = (slice(None, n // 2), slice(n // 2, None))
    halves = [in_pairs(product, x[..., part], y[part] if y.ndim < 3 else y[:, part]) for part in (left, right)]
    total: np.ndarray = np.add(*halves)
    return total


@dataclass(frozen=True)
class Dot(Op):
    """The product of a vector or matrix with a vector or matrix, of one dtype (not bool)."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        x, y = inputs
        if x.ndim not in (1, 2) or y.ndim not in (1, 2):
            raise TypeError(f"dot takes vectors and matrices, not {x!r} and {y!r}")
        if x.dtype != y.dtype or kind(x.dtype) == "b":
            raise TypeError(f"dot takes operands of one dtype of numbers, not {x.dtype} and {y.dtype}")
        check_agree("dot", x, x.ndim - 1, y, 0)
        return [TensorType(x.dtype, x.type.shape[:-1] + y.type.shape[1:])]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        x, y = inputs
        if x.shape[-1] != y.shape[0]:
            raise ValueError(f"dot: shapes {x.shape} and {y.shape} do not fit: {x.shape[-1]}, {y.shape[0]}")
        require_possible("dot", x.shape[:-1] + y.shape[1:])
        with np.errstate(all="ignore"):
            return [np.asarray(in_pairs(np.dot, x, y))]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        x, y = node.inputs
        return dim(x, 0) if axis == 0 and x.ndim == 2 else dim(y, 1)

    def is_total(self, node: Apply) -> bool:
        x, y = node.inputs
        return same_scalar(dim(x, x.ndim - 1), dim(y, 0))


@dataclass(frozen=True)
class BatchedDot(Op):
    """Products of matrices along a first axis: (b, n, k) and (b, k, m) give (b, n, m)."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        x, y = inputs
        if x.ndim != 3 or y.ndim != 3 or x.dtype != y.dtype or kind(x.dtype) == "b":
            raise TypeError(f"batched_dot takes two tensors of three dimensions, not {x.type} and {y.type}")
        check_agree("batched_dot", x, 0, y, 0)
        check_agree("batched_dot", x, 2, y, 1)
        batch = y.type.shape[0] if x.type.shape[0] is None else x.type.shape[0]
        return [TensorType(x.dtype, (batch, x.type.shape[1], y.type.shape[2]))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        x, y = inputs
        if x.shape[0] != y.shape[0] or x.shape[2] != y.shape[1]:
            raise ValueError(f"batched_dot: shapes {x.shape} and {y.shape} do not fit")
        require_possible("batched_dot", (*x.shape[:2], y.shape[2]))
        with np.errstate(all="ignore"):
            return [in_pairs(np.matmul, x, y)]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return dim(node.inputs[1], 2) if axis == 2 else dim(node.inputs[0], axis)


def _operands(x: object, y: object, asked: object = None) -> tuple[Variable, Variable]:
    """Both in their promoted dtype, or the one asked for; bools count as int64."""
    a, b = as_operand(x), as_operand(y)
    dtype = result_dtype([a, b]) if asked is None else dtype_name(asked)
    dtype = "int64" if dtype == "bool" else dtype
    return cast(a, dtype), cast(b, dtype)


def dot(x: object, y: object) -> Variable:
    """NumPy's `dot`: the last axis of `x` with the last but one (or only) axis of `y`; scalars multiply.

    [n, k] and [k, m] give [n, m], [k] and [k] a scalar. ValueError where lengths do not agree.
    """
    a, b = as_operand(x), as_operand(y)
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    a, b = _operands(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return Dot()(a, b)
    return tensordot(a, b, [[a.ndim - 1], [max(b.ndim - 2, 0)]])


def matmul(x: object, y: object, dtype: object = None) -> Variable:
    """NumPy's `matmul`: leading axes are batches, which stretch where known to be 1. `dtype` is that of the
    operands and of the result.

    [..., n, k] and [..., k, m] give [..., n, m]; vectors lose their axis. ValueError where lengths do not agree,
    and for scalars.
    """
    a, b = _operands(x, y, dtype)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul takes no scalars; use * to scale")
    if a.ndim <= 2 and b.ndim <= 2:
        return Dot()(a, b)
    if b.ndim <= 2:
        return dot(a, b)
    if a.ndim == 1:
        return reduction.sum(mul(dimshuffle(a, 0, "x"), b), axis=b.ndim - 2)
    return _batched_matmul(a, b)


def _batched_matmul(a: Variable, b: Variable) -> Variable:
    ndim = max(a.ndim, b.ndim)
    a, b = (shape_padleft(v, ndim - v.ndim) for v in (a, b))
    batch = [
        dim(b if a.type.shape[axis] == 1 else a, axis) for axis in range(ndim - 2)
    ]
    stretched = [_stretched(v, batch) for v in (a, b)]
    count = product(batch)
    flat = [Reshape(3)(v, count, dim(v, ndim - 2), dim(v, ndim - 1)) for v in stretched]
    result = BatchedDot()(*flat)
    return Reshape(ndim)(result, *batch, dim(result, 1), dim(result, 2))


def _stretched(x: Variable, batch: list[Variable]) -> Variable:
    lengths = [*batch, *dims(x)[len(batch):]]
    return alloc(x, lengths) if 1 in x.type.shape[: len(batch)] else x


def batched_dot(x: object, y: object) -> Variable:
    """The products of x[i] and y[i] along a first axis that both have; x[i] and y[i] may be vectors.

    [b, n, k] and [b, k, m] give [b, n, m]. ValueError where lengths do not agree.
    """
    a, b = _operands(x, y)
    if a.ndim == 1 or b.ndim == 1:
        return mul(dimshuffle(a, 0, *("x",) * (b.ndim - 1)) if a.ndim == 1 else a,
                   dimshuffle(b, 0, *("x",) * (a.ndim - 1)) if b.ndim == 1 else b)
    if a.ndim > 3 or b.ndim > 3:
        return batched_tensordot(a, b, [[a.ndim - 1], [b.ndim - 2]])
    wide = BatchedDot()(
        a if a.ndim == 3 else dimshuffle(a, 0, "x", 1), b if b.ndim == 3 else dimshuffle(b, 0, 1, "x")
    )
    kept = (0, *((1,) if a.ndim == 3 else ()), *((2,) if b.ndim == 3 else ()))
    if len(kept) == 3:
        return wide
    return wide[tuple(slice(None) if axis in kept else 0 for axis in range(3))]


Contracted = int | Sequence[int] | Sequence[Sequence[int]]


def _contracted(a: Variable, b: Variable, axes: Contracted, first: int) -> tuple[list[int], list[int]]:
    if not isinstance(axes, list | tuple):
        n = whole("tensordot: axes", axes, at_least=0)
        if n > min(a.ndim, b.ndim) - first:
            raise ValueError(f"tensordot: axes is {axes} for tensors of {a.ndim} and {b.ndim} dimensions")
        axes = n
        return list(range(a.ndim - axes, a.ndim)), list(range(first, first + axes))
    pairs = [[e] if isinstance(e, int) else list(e) for e in axes]
    if len(pairs) != 2 or len(pairs[0]) != len(pairs[1]):
        raise ValueError(f"tensordot: axes {axes} are not pairs of axes, some of each tensor")
    left, right = ([normalize_axis(axis, v.ndim, "tensordot") for axis in pair]
                   for v, pair in zip((a, b), pairs, strict=True))
    if len(set(left)) != len(left) or len(set(right)) != len(right):
        raise ValueError(f"tensordot: axes {axes} name an axis twice")
    return left, right


def tensordot(x: object, y: object, axes: Contracted = 2) -> Variable:
    """The sum of products over pairs of axes: NumPy's `tensordot`.

    `axes`: how many, the last of `x` with the first of `y`, or two lists of them. The shape of `x` without its
    axes, then that of `y` without its own. ValueError where lengths do not agree.
    """
    a, b = _operands(x, y)
    left, right = _contracted(a, b, axes, 0)
    for i, j in zip(left, right, strict=True):
        check_agree("tensordot", a, i, b, j)
    rows = [axis for axis in range(a.ndim) if axis not in left]
    columns = [axis for axis in range(b.ndim) if axis not in right]
    inner_a, inner_b = product(dim(a, i) for i in left), product(dim(b, j) for j in right)
    outer = [dim(a, i) for i in rows] + [dim(b, j) for j in columns]
    flat_a = Reshape(2)(dimshuffle(a, (*rows, *left)), product(outer[: len(rows)]), inner_a)
    flat_b = Reshape(2)(dimshuffle(b, (*right, *columns)), inner_b, product(outer[len(rows) :]))
    return Reshape(len(outer))(Dot()(flat_a, flat_b), *outer)


def batched_tensordot(x: object, y: object, axes: Contracted = 2) -> Variable:
    """`tensordot` of x[i] and y[i] along a first axis that both have; axes count that axis too.

    [b, n, k] and [b, k, m] with `axes` [[2], [1]] give [b, n, m]. ValueError where lengths do not agree.
    """
    a, b = _operands(x, y)
    left, right = _contracted(a, b, axes, 1)
    rows = [axis for axis in range(1, a.ndim) if axis not in left]
    columns = [axis for axis in range(1, b.ndim) if axis not in right]
    inner_a, inner_b = product(dim(a, i) for i in left), product(dim(b, j) for j in right)
    outer_a, outer_b = [dim(a, i) for i in rows], [dim(b, j) for j in columns]
    flat_a = Reshape(3)(dimshuffle(a, (0, *rows, *left)), dim(a, 0), product(outer_a), inner_a)
    flat_b = Reshape(3)(dimshuffle(b, (0, *right, *columns)), dim(b, 0), inner_b, product(outer_b))
    lengths = [dim(a, 0), *outer_a, *outer_b]
    return Reshape(len(lengths))(BatchedDot()(flat_a, flat_b), *lengths)


def outer(x: object, y: object) -> Variable:
    """Each element of `x` with each of `y`: a matrix.

    [...] of n elements and [...] of m give [n, m], in the promoted dtype.
    """
    a, b = (flatten(v) if v.ndim != 1 else v for v in (as_tensor_variable(x), as_tensor_variable(y)))
    return mul(dimshuffle(a, 0, "x"), dimshuffle(b, "x", 0))


def matrix_dot(*matrices: object) -> Variable:
    """The product of several matrices, from left to right.

    [n, k1], [k1, k2], ..., [kl, m] give [n, m]. ValueError where inner lengths do not agree.
    """
    if not matrices:
        raise TypeError("matrix_dot takes at least one matrix: matrix_dot(a, b, c)")
    result = as_tensor_variable(matrices[0])
    for matrix in matrices[1:]:
        result = dot(result, matrix)
    return result


def kron(x: object, y: object) -> Variable:
    """The Kronecker product of two matrices.

    [n, m] and [p, q] give [n p, m q], in the promoted dtype.
    """
    a, b = as_tensor_variable(x), as_tensor_variable(y)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"kron takes two matrices, not {a.type} and {b.type}")
    wide = mul(dimshuffle(a, 0, "x", 1, "x"), dimshuffle(b, "x", 0, "x", 1))
    return Reshape(2)(wide, mul(dim(a, 0), dim(b, 0)), mul(dim(a, 1), dim(b, 1)))
