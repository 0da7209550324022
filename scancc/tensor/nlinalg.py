"""Linear algebra under the older systems' name `T.nlinalg`."""

from __future__ import annotations

from scancc.frontend.decompositions import eigh, eigvalsh, qr, svd
from scancc.frontend.elementwise import abs_, log, sgn
from scancc.frontend.graph import Variable
from scancc.frontend.linalg import det, kron, matrix_dot, matrix_inverse
from scancc.frontend.norms import norm
from scancc.frontend.shaping import diag, diagonal, trace
from scancc.tensor.composed import matrix_power

extract_diag, alloc_diag, inv = diag, diag, matrix_inverse


def slogdet(x: object) -> tuple[Variable, Variable]:
    """Sign and log of the absolute value of the determinant, from the determinant, which must not overflow."""
    value = det(x)
    return sgn(value), log(abs_(value))


__all__ = [
    "alloc_diag", "det", "diag", "diagonal", "eigh", "eigvalsh", "extract_diag", "inv", "kron", "matrix_dot",
    "matrix_inverse", "matrix_power", "norm", "qr", "slogdet", "svd", "trace",
]
