"""Linear algebra under the newer systems' name `T.linalg`."""

from scancc.frontend.linalg import (
    cholesky,
    det,
    kron,
    matrix_dot,
    matrix_inverse,
    matrix_power,
    norm,
    solve,
    solve_triangular,
)
from scancc.frontend.shaping import diagonal, trace

inv = matrix_inverse

__all__ = [
    "cholesky", "det", "diagonal", "inv", "kron", "matrix_dot", "matrix_inverse", "matrix_power", "norm",
    "solve", "solve_triangular", "trace",
]
