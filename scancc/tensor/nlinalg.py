"""Linear algebra under the older systems' name `T.nlinalg`."""

from scancc.frontend.linalg import det, kron, matrix_dot, matrix_inverse, matrix_power, norm
from scancc.frontend.shaping import diag, diagonal, trace

extract_diag, alloc_diag, inv = diag, diag, matrix_inverse

__all__ = [
    "alloc_diag", "det", "diag", "diagonal", "extract_diag", "inv", "kron", "matrix_dot", "matrix_inverse",
    "matrix_power", "norm", "trace",
]
