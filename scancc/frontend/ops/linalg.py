"""Small dense linear algebra: solving, factors, inverses and determinants."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scancc.errors import LinAlgError
from scancc.frontend.graph.constants import as_tensor_variable, float_for, kind, promote_dtypes
from scancc.frontend.graph.dims import SameShape, dim
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.variables import Apply, Op, TensorType, Variable
from scancc.frontend.ops.axes import transpose
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.products import check_agree
from scancc.frontend.ops.signatures import real_dtype
from scancc.ir import decompositions
from scancc.late_dataclasses import dataclass


def check_square(what: str, a: Variable) -> None:
    if a.ndim != 2 or kind(a.dtype) not in "fc":
        raise TypeError(f"{what} takes a square matrix of floats, not {a!r}")
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
        check_agree("solve", a, 0, b, 0)
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
class CholeskyGradient(SameShape, Op):
    """The gradient by the lower triangle of a matrix, zeros above it, from its lower Cholesky factor and the gradient
    by that, of which the lower triangles are read."""

    def infer(self, *inputs: Variable) -> list[TensorType]:
        return [inputs[0].type]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [decompositions.cholesky_gradient(*inputs)]


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

    [n, n] with [n] or [n, k] gives [n] or [n, k]; floats. TypeError for what is no matrix of floats; LinAlgError,
    when it runs, where it is singular.
    """
    if assume_a not in _ASSUMPTIONS:
        raise ValueError(f"solve: assume_a {assume_a!r} is none of {', '.join(_ASSUMPTIONS)}")
    return in_floats(Solve(_ASSUMPTIONS[assume_a]), a, b)[0]


def solve_triangular(a: object, b: object, trans: int | str = 0, lower: bool = False,
                     unit_diagonal: bool = False) -> Variable:
    """x of a x = b, reading the upper (or lower) triangle of `a` only; with `trans` 1 or 'T' (2 or 'C', as
    matrices are real) x of a.T x = b.

    [n, n] with [n] or [n, k] gives [n] or [n, k]; floats. TypeError for what is no matrix of floats; LinAlgError,
    when it runs, where it is singular.
    """
    if flag("solve_triangular: unit_diagonal", unit_diagonal):
        raise ValueError("solve_triangular: unit_diagonal is not supported; put ones on the diagonal of a")
    lower = flag("solve_triangular: lower", lower)
    if isinstance(trans, bool) or trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"solve_triangular: trans {trans!r} is none of 0, 1, 2, 'N', 'T' and 'C'")
    if trans not in (0, "N"):
        return in_floats(Solve("upper" if lower else "lower"), transpose(a), b)[0]
    return in_floats(Solve("lower" if lower else "upper"), a, b)[0]


def cholesky(a: object, lower: bool = True) -> Variable:
    """The triangular factor of a symmetric positive definite matrix: a = l l.T (upper: u.T u).

    [n, n] gives [n, n]; floats. TypeError for what is no matrix of floats; LinAlgError, when it runs, where it is
    not positive definite.
    """
    return in_floats(Cholesky(flag("cholesky: lower", lower)), a)[0]


def matrix_inverse(a: object) -> Variable:
    """The inverse of a square matrix; `solve` is faster and more exact where a product follows.

    [n, n] gives [n, n]; floats. TypeError for what is no matrix of floats; LinAlgError, when it runs, where it is
    singular.
    """
    return in_floats(Inverse(), a)[0]


def det(a: object) -> Variable:
    """The determinant of a square matrix.

    [n, n] gives a scalar. TypeError for integers and for other shapes than a matrix; ValueError where it is not
    square.
    """
    return in_floats(Det(), a)[0]


def slogdet(a: object) -> list[Variable]:
    """[sign, logarithm of the absolute value] of the determinant, which may itself be too large for a float; of a
    singular matrix 0 and -inf.

    [n, n] gives two scalars. TypeError for what is no matrix of floats.
    """
    return in_floats(SLogDet(), a)


inv = matrix_inverse
