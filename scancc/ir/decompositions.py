"""What eigenvalues, singular values and QR are: NumPy's, with the signs of vectors made definite; what gradients of
factors are.

A vector times -1 serves as well, and libraries differ. Here the first element of a vector that is at least
`LARGE` times its largest is positive: of each eigenvector, and of each vector of the smaller factor of a
singular value decomposition (the right vectors, of a matrix wider than high the left ones). A matrix with
elements that are not finite gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LARGE = 0.3712  # no ratio that vectors of simple matrices have, so that rounding cannot decide

Arrays = tuple[np.ndarray, ...]


def _signs(columns: np.ndarray) -> np.ndarray:
    sizes = np.abs(columns)
    if not columns.size:
        return np.ones(columns.shape[1], columns.dtype)
    first = np.argmax(sizes >= LARGE * sizes.max(axis=0), axis=0)
    found: np.ndarray = columns[first, np.arange(columns.shape[1])]
    lengths = np.where(found == 0, 1, np.abs(found))
    signs: np.ndarray = found / lengths if columns.dtype.kind == "c" else np.copysign(1, found)
    return signs


def eigh(matrix: Any, lower: bool) -> Arrays:
    """Eigenvalues in ascending order, and the eigenvectors as columns, of the triangle that is read."""
    values, vectors = np.linalg.eigh(matrix, "L" if lower else "U")
    return values, vectors * _signs(vectors).conj()


def svd(matrix: Any, full: bool) -> Arrays:
    """u, the singular values in descending order, and vt."""
    u, values, vt = np.linalg.svd(matrix, full_matrices=full)
    k = len(values)
    signs = _signs(vt[:k].conj().T if matrix.shape[0] >= matrix.shape[1] else u[:, :k])
    u[:, :k] *= signs.conj()
    vt[:k] *= signs[:, None]
    return u, values, vt


def qr(matrix: Any, complete: bool) -> Arrays:
    """q with orthonormal columns and r, upper triangular."""
    q, r = np.linalg.qr(matrix, "complete" if complete else "reduced")
    return q, r


def of_finite(function: Callable[..., Arrays], matrix: np.ndarray, option: bool) -> Arrays:
    """`function`, whose results are NaN where the matrix has an element that is not finite."""
    if np.isfinite(matrix).all():
        return tuple(function(matrix, option))
    return tuple(np.full_like(part, np.nan) for part in function(np.zeros_like(matrix), option))


def cholesky_gradient(factor: Any, gradient: Any) -> np.ndarray:
    """The gradient by the lower triangle of a matrix, zeros above it, from its lower Cholesky factor and the gradient
    by that, of which the lower triangles are read: the factor's columns backwards, each with what it was made of."""
    found: np.ndarray = np.tril(gradient)
    for j in reversed(range(len(found))):
        root, row, below = factor[j, j], factor[j, :j], found[j + 1:, j]
        below /= root
        found[j, j] -= factor[j + 1:, j] @ below
        rest = found[j, j] / root
        found[j, j] = rest / 2
        found[j, :j] -= rest * row + below @ factor[j + 1:, :j]
        found[j + 1:, :j] -= np.outer(below, row)
    return found
