"""Products of matrices, and small dense linear algebra."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from scancc.errors import LinAlgError
from scancc.frontend.graph.constants import (
    as_operand,
    as_tensor_variable,
    float_for,
    kind,
    promote_dtypes,
    result_dtype,
)
from scancc.frontend.graph.dims import SameShape, dim, dims, dimshuffle, normalize_axis, require_possible, same_scalar
from scancc.frontend.graph.options import flag, whole
from scancc.frontend.graph.variables import Apply, Op, TensorType, Variable, dtype_name
from scancc.frontend.ops import reduction
from scancc.frontend.ops.axes import Reshape, flatten, shape_padleft, transpose
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.lengths import product
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import mul
from scancc.frontend.ops.signatures import real_dtype


def _agree(what: str, x: Variable, axis: int, y: Variable, other: int) -> None:
    m, n = x.type.shape[axis], y.type.shape[other]
    if m is not None and n is not None and m != n:
        raise ValueError(
            f"{what}: {x!r} {x.type} times {y!r} {y.type}: axis {axis} of the first has length {m} and axis "
            f"{other} of the second {n}; they must be equal"
        )


LONGEST_PRODUCT = 4096  # terms that NumPy's products may add one after the other


def _in_pairs(product: Callable[[np.ndarray, np.ndarray], np.ndarray], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A product of arrays whose long sums are sums of two halves; of float16 in float32. A sum starts at 0.0."""
    n = x.shape[-1]
    if x.dtype == np.float16:
        return _in_pairs(product, x.astype("float32"), y.astype("float32")).astype("float16")
    if n <= LONGEST_PRODUCT:
        whole: np.ndarray = np.add(product(x, y), x.dtype.type(0))
        return whole
    left, right = (slice(None, n // 2), slice(n // 2, None))
    halves = [_in_pairs(product, x[..., part], y[part] if y.ndim < 3 else y[:, part]) for part in (left, right)]
    total: np.ndarray = np.add(*halves)
    return total


@dataclass(frozen=True)
class Dot(Op):
    """The product of a vector or matrix with a vector or matrix, of one dtype (not bool)."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        x, y = inputs
        if x.ndim not in (1, 2) or y.ndim not in (1, 2):
            raise TypeError(f"dot takes vectors and matrices, not {x!r} {x.type} and {y!r} {y.type}")
        if x.dtype != y.dtype or kind(x.dtype) == "b":
            raise TypeError(f"dot takes operands of one dtype of numbers, not {x.dtype} and {y.dtype}")
        _agree("dot", x, x.ndim - 1, y, 0)
        return [TensorType(x.dtype, x.type.shape[:-1] + y.type.shape[1:])]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        x, y = inputs
        if x.shape[-1] != y.shape[0]:
            raise ValueError(f"dot: shapes {x.shape} and {y.shape} do not fit: {x.shape[-1]}, {y.shape[0]}")
        require_possible("dot", x.shape[:-1] + y.shape[1:])
        with np.errstate(all="ignore"):
            return [np.asarray(_in_pairs(np.dot, x, y))]

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
        _agree("batched_dot", x, 0, y, 0)
        _agree("batched_dot", x, 2, y, 1)
        batch = y.type.shape[0] if x.type.shape[0] is None else x.type.shape[0]
        return [TensorType(x.dtype, (batch, x.type.shape[1], y.type.shape[2]))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        x, y = inputs
        if x.shape[0] != y.shape[0] or x.shape[2] != y.shape[1]:
            raise ValueError(f"batched_dot: shapes {x.shape} and {y.shape} do not fit")
        require_possible("batched_dot", (*x.shape[:2], y.shape[2]))
        with np.errstate(all="ignore"):
            return [_in_pairs(np.matmul, x, y)]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return dim(node.inputs[1], 2) if axis == 2 else dim(node.inputs[0], axis)


def _operands(x: object, y: object, asked: object = None) -> tuple[Variable, Variable]:
    """Both in their promoted dtype, or the one asked for; bools count as int64."""
    a, b = as_operand(x), as_operand(y)
    dtype = result_dtype([a, b]) if asked is None else dtype_name(asked)
    dtype = "int64" if dtype == "bool" else dtype
    return cast(a, dtype), cast(b, dtype)


def dot(x: object, y: object) -> Variable:
    """NumPy's `dot`: the last axis of `x` with the last but one (or only) axis of `y`; scalars multiply."""
    a, b = as_operand(x), as_operand(y)
    if a.ndim == 0 or b.ndim == 0:
        return mul(a, b)
    a, b = _operands(a, b)
    if a.ndim <= 2 and b.ndim <= 2:
        return Dot()(a, b)
    return tensordot(a, b, [[a.ndim - 1], [max(b.ndim - 2, 0)]])


def matmul(x: object, y: object, dtype: object = None) -> Variable:
    """NumPy's `matmul`: leading axes are batches, which stretch where known to be 1. `dtype` is that of the
    operands and of the result."""
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
    """The products of x[i] and y[i] along a first axis that both have; x[i] and y[i] may be vectors."""
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
    """The sum of products over pairs of axes: NumPy's `tensordot`."""
    a, b = _operands(x, y)
    left, right = _contracted(a, b, axes, 0)
    for i, j in zip(left, right, strict=True):
        _agree("tensordot", a, i, b, j)
    rows = [axis for axis in range(a.ndim) if axis not in left]
    columns = [axis for axis in range(b.ndim) if axis not in right]
    inner_a, inner_b = product(dim(a, i) for i in left), product(dim(b, j) for j in right)
    outer = [dim(a, i) for i in rows] + [dim(b, j) for j in columns]
    flat_a = Reshape(2)(dimshuffle(a, (*rows, *left)), product(outer[: len(rows)]), inner_a)
    flat_b = Reshape(2)(dimshuffle(b, (*right, *columns)), inner_b, product(outer[len(rows) :]))
    return Reshape(len(outer))(Dot()(flat_a, flat_b), *outer)


def batched_tensordot(x: object, y: object, axes: Contracted = 2) -> Variable:
    """`tensordot` of x[i] and y[i] along a first axis that both have; axes count that axis too."""
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
    """Each element of `x` with each of `y`: a matrix."""
    a, b = (flatten(v) if v.ndim != 1 else v for v in (as_tensor_variable(x), as_tensor_variable(y)))
    return mul(dimshuffle(a, 0, "x"), dimshuffle(b, "x", 0))


# ---- solving ------------------------------------------------------------------------------------------


def check_square(what: str, a: Variable) -> None:
    if a.ndim != 2 or kind(a.dtype) not in "fc":
        raise TypeError(f"{what} takes a square matrix of floats, not {a!r} {a.type}")
    m, n = a.type.shape
    if m is not None and n is not None and m != n:
        raise ValueError(f"{what}: the matrix {a!r} is {a.type}; it must be square")


def check_square_array(what: str, a: np.ndarray) -> None:
    if a.shape[0] != a.shape[1]:
        raise ValueError(f"{what}: the matrix has shape {a.shape}; it must be square")


def _regular(fact: str, run: Callable[..., np.ndarray], *arrays: np.ndarray) -> np.ndarray:
    """What a function of NumPy gives; LinAlgError, which says `fact`, where the matrix does not allow it."""
    try:
        return run(*arrays)
    except np.linalg.LinAlgError:
        raise LinAlgError(fact) from None


_PARTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "general": lambda a: a, "lower": np.tril, "upper": np.triu, "positive": lambda a: a,
}


@dataclass(frozen=True)
class Solve(Op):
    """x of a x = b, for a vector or matrix b. `kind` says which part of `a` is read: 'general' all of it,
    'lower' or 'upper' the triangle; 'positive' promises a symmetric positive definite matrix.

    LinAlgError where `a` is singular.
    """

    kind: str

    def infer(self, *inputs: Variable) -> list[TensorType]:
        a, b = inputs
        check_square("solve", a)
        if b.ndim not in (1, 2) or b.dtype != a.dtype:
            raise TypeError(f"solve takes a vector or matrix of {a.dtype} on the right, not {b.type}")
        _agree("solve", a, 0, b, 0)
        rows = a.type.shape[1] if b.type.shape[0] is None else b.type.shape[0]
        return [TensorType(a.dtype, (rows, *b.type.shape[1:]))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        a, b = inputs
        check_square_array("solve", a)
        if len(a) != len(b):
            raise ValueError(f"solve: a matrix of shape {a.shape} and a right-hand side of shape {b.shape}")
        columns = b if b.ndim == 2 else b[:, None]
        x = _regular("solve: the matrix is singular", np.linalg.solve, _PARTS[self.kind](a), columns)
        return [x.reshape(b.shape)]

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return dim(node.inputs[1], axis)


@dataclass(frozen=True)
class Cholesky(SameShape, Op):
    """The lower (or upper) triangular factor of a symmetric positive definite matrix, of which the lower
    triangle is read. LinAlgError where it is not positive definite."""

    lower: bool = True

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (a,) = inputs
        check_square("cholesky", a)
        return [a.type]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        (a,) = inputs
        check_square_array("cholesky", a)
        factor = _regular("cholesky: the matrix is not positive definite", np.linalg.cholesky, a)
        return [factor if self.lower else np.ascontiguousarray(factor.T.conj())]


@dataclass(frozen=True)
class Inverse(SameShape, Op):
    """The inverse of a square matrix. LinAlgError where it is singular."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (a,) = inputs
        check_square("inverse", a)
        return [a.type]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        check_square_array("inverse", inputs[0])
        return [_regular("inverse: the matrix is singular", np.linalg.inv, inputs[0])]


@dataclass(frozen=True)
class Det(Op):
    """The determinant of a square matrix; 0 where it is singular."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (a,) = inputs
        check_square("det", a)
        return [TensorType(a.dtype, ())]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        check_square_array("det", inputs[0])
        return [np.asarray(np.linalg.det(inputs[0]))]


def in_floats(op: Op, *values: object) -> list[Variable]:
    """The outputs of `op` for values as floats of one dtype; of half precision it is computed in single."""
    variables = [as_tensor_variable(v) for v in values]
    dtype = promote_dtypes(*(float_for(v.dtype) for v in variables))
    half = dtype == "float16"
    outputs = op.apply(*(cast(v, "float32" if half else dtype) for v in variables))
    return [cast(v, dtype) for v in outputs] if half else outputs


@dataclass(frozen=True)
class SLogDet(Op):
    """The sign of the determinant of a square matrix, and the logarithm of its absolute value."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (a,) = inputs
        check_square("slogdet", a)
        return [TensorType(a.dtype, ()), TensorType(real_dtype(a.dtype), ())]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        check_square_array("slogdet", inputs[0])
        sign, logarithm = np.linalg.slogdet(inputs[0])
        sign = np.where(np.isnan(logarithm), np.nan, sign).astype(inputs[0].dtype)
        return [np.asarray(sign), np.asarray(logarithm)]


_ASSUMPTIONS = {
    "gen": "general", "general": "general", "pos": "positive", "positive definite": "positive",
    "positive": "positive", "sym": "general", "symmetric": "general", "her": "general",
    "lower_triangular": "lower", "lower triangular": "lower", "lower": "lower",
    "upper_triangular": "upper", "upper triangular": "upper", "upper": "upper",
}


def solve(a: object, b: object, assume_a: str = "gen", lower: bool = False) -> Variable:
    """x of a x = b, for a square matrix `a` and a vector or matrix `b`.

    `assume_a`: 'gen', 'pos', 'lower triangular', 'upper triangular', ...; `lower` has no effect: a symmetric
    matrix has both halves.
    """
    if assume_a not in _ASSUMPTIONS:
        raise ValueError(f"solve: assume_a {assume_a!r} is none of {', '.join(_ASSUMPTIONS)}")
    return in_floats(Solve(_ASSUMPTIONS[assume_a]), a, b)[0]


def solve_triangular(a: object, b: object, trans: int | str = 0, lower: bool = False,
                     unit_diagonal: bool = False) -> Variable:
    """x of a x = b, reading the upper (or lower) triangle of `a` only; with `trans` 1 or 'T' (2 or 'C', as
    matrices are real) x of a.T x = b."""
    if flag("solve_triangular: unit_diagonal", unit_diagonal):
        raise ValueError("solve_triangular: unit_diagonal is not supported; put ones on the diagonal of a")
    lower = flag("solve_triangular: lower", lower)
    if isinstance(trans, bool) or trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular: trans {trans!r} is none of 0, 1, 2, 'N', 'T' and 'C'")
    if trans not in (0, "N"):
        return in_floats(Solve("upper" if lower else "lower"), transpose(a), b)[0]
    return in_floats(Solve("lower" if lower else "upper"), a, b)[0]


def cholesky(a: object, lower: bool = True) -> Variable:
    """The triangular factor of a symmetric positive definite matrix: a = l l.T (upper: u.T u)."""
    return in_floats(Cholesky(flag("cholesky: lower", lower)), a)[0]


def matrix_inverse(a: object) -> Variable:
    """The inverse of a square matrix; `solve` is faster and more exact where a product follows."""
    return in_floats(Inverse(), a)[0]


def det(a: object) -> Variable:
    """The determinant of a square matrix."""
    return in_floats(Det(), a)[0]


def slogdet(a: object) -> list[Variable]:
    """[sign, logarithm of the absolute value] of the determinant, which may itself be too large for a float; of a
    singular matrix 0 and -inf."""
    return in_floats(SLogDet(), a)


inv = matrix_inverse


def matrix_dot(*matrices: object) -> Variable:
    """The product of several matrices, from left to right."""
    if not matrices:
        raise TypeError("matrix_dot takes at least one matrix: matrix_dot(a, b, c)")
    result = as_tensor_variable(matrices[0])
    for matrix in matrices[1:]:
        result = dot(result, matrix)
    return result


def kron(x: object, y: object) -> Variable:
    """The Kronecker product of two matrices."""
    a, b = as_tensor_variable(x), as_tensor_variable(y)
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError(f"kron takes two matrices, not {a.type} and {b.type}")
    wide = mul(dimshuffle(a, 0, "x", 1, "x"), dimshuffle(b, "x", 0, "x", 1))
    return Reshape(2)(wide, mul(dim(a, 0), dim(b, 0)), mul(dim(a, 1), dim(b, 1)))
