"""Eigenvalues, singular values, QR and the matrix exponential.

Signs of vectors: `ir/decompositions.py`. Gradients: `gradients/decomposition_rules.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np

from scancc.frontend.graph.constants import kind
from scancc.frontend.graph.dims import dim
from scancc.frontend.graph.variables import Apply, Op, TensorType, Variable
from scancc.frontend.ops.linalg import check_square, check_square_array, in_floats
from scancc.frontend.ops.scalars import minimum
from scancc.frontend.ops.signatures import real_dtype
from scancc.ir import decompositions
from scancc.late_dataclasses import dataclass


def _check_matrix(what: str, a: Variable) -> None:
    if a.ndim != 2 or kind(a.dtype) not in "fc":
        raise TypeError(f"{what} takes a matrix of floats, not {a!r}")


def _smaller(m: int | None, n: int | None) -> int | None:
    if 0 in (m, n):
        return 0
    return None if m is None or n is None else min(m, n)


@dataclass(frozen=True)
class Eigh(Op):
    """Ascending eigenvalues, and eigenvectors as columns, of a symmetric (Hermitian) matrix, of which the lower
    or the upper triangle is read."""

    lower: bool

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (a,) = inputs
        check_square("eigh", a)
        return [TensorType(real_dtype(a.dtype), a.type.shape[:1]), a.type]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        check_square_array("eigh", inputs[0])
        return list(decompositions.of_finite(decompositions.eigh, inputs[0], self.lower))

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        return dim(node.inputs[0], axis)


@dataclass(frozen=True)
class SVD(Op):
    """u, descending singular values, and vt of a matrix; with `full` u and vt are square."""

    full: bool

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (a,) = inputs
        _check_matrix("svd", a)
        m, n = a.type.shape
        rank = _smaller(m, n)
        left, right = (m, n) if self.full else (rank, rank)
        return [TensorType(a.dtype, (m, left)), TensorType(real_dtype(a.dtype), (rank,)),
                TensorType(a.dtype, (right, n))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(decompositions.of_finite(decompositions.svd, inputs[0], self.full))

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        m, n = (dim(node.inputs[0], a) for a in (0, 1))
        rank = minimum(m, n)
        return [[m, m if self.full else rank], [rank], [n if self.full else rank, n]][output][axis]


@dataclass(frozen=True)
class QR(Op):
    """q with orthonormal columns and r, upper triangular; with `complete` q is square."""

    complete: bool

    def infer(self, *inputs: Variable) -> list[TensorType]:
        (a,) = inputs
        _check_matrix("qr", a)
        m, n = a.type.shape
        rank = m if self.complete else _smaller(m, n)
        return [TensorType(a.dtype, (m, rank)), TensorType(a.dtype, (rank, n))]

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(decompositions.of_finite(decompositions.qr, inputs[0], self.complete))

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        m, n = (dim(node.inputs[0], a) for a in (0, 1))
        rank = m if self.complete else minimum(m, n)
        return [[m, rank], [rank, n]][output][axis]


def _triangle(what: str, letter: str) -> bool:
    if letter not in ("L", "U", "l", "u"):
        raise ValueError(f"{what}: UPLO {letter!r} is none of 'L' and 'U'")
    return letter in "Ll"


def eigh(a: object, UPLO: str = "L") -> list[Variable]:
    """Ascending eigenvalues, and eigenvectors as columns, of a symmetric matrix, whose lower ('L') or upper
    triangle is read.

    [n, n] gives [n] and [n, n]; floats. TypeError for what is no matrix of floats; ValueError where it is not
    square.
    """
    return in_floats(Eigh(_triangle("eigh", UPLO)), a)


def eigvalsh(a: object, UPLO: str = "L") -> Variable:
    """The eigenvalues of a symmetric matrix in ascending order: see `eigh`.

    [n, n] gives [n]; floats. TypeError for what is no matrix of floats; ValueError where it is not square.
    """
    return in_floats(Eigh(_triangle("eigvalsh", UPLO)), a)[0]


@overload
def svd(a: object, full_matrices: bool = True, compute_uv: Literal[True] = True) -> list[Variable]: ...
@overload
def svd(a: object, full_matrices: bool = True, *, compute_uv: Literal[False]) -> Variable: ...
def svd(a: object, full_matrices: bool = True, compute_uv: bool = True) -> list[Variable] | Variable:
    """[u, s, vt] with u diag(s) vt = a, s in descending order; only s unless `compute_uv`.

    [n, m] gives u [n, n], s [min(n, m)], vt [m, m], or without `full_matrices` u [n, k], vt [k, m] with k =
    min(n, m). TypeError for what is no matrix of floats.
    """
    outputs = in_floats(SVD(bool(full_matrices and compute_uv)), a)
    return outputs if compute_uv else outputs[1]


def svdvals(a: object) -> Variable:
    """The singular values of a matrix in descending order.

    [n, m] gives [min(n, m)]; floats. TypeError for what is no matrix of floats.
    """
    return in_floats(SVD(False), a)[1]


@overload
def qr(a: object, mode: Literal["reduced", "complete"] = "reduced") -> list[Variable]: ...
@overload
def qr(a: object, mode: Literal["r"]) -> Variable: ...
def qr(a: object, mode: str = "reduced") -> list[Variable] | Variable:
    """[q, r] with q r = a, q with orthonormal columns and r upper triangular; `mode` 'reduced', 'complete' (q
    square) or 'r' (only r).

    [n, m] gives [n, k] and [k, m], k = min(n, m) ('reduced'), or [n, n] and [n, m] ('complete'). TypeError for
    what is no matrix of floats; ValueError for another `mode`.
    """
    if mode not in ("reduced", "complete", "r"):
        raise ValueError(f"qr: mode {mode!r} is none of 'reduced', 'complete' and 'r'")
    outputs = in_floats(QR(mode == "complete"), a)
    return outputs[1] if mode == "r" else outputs
