"""Solving and factorising under the older systems' name `T.slinalg`."""

from functools import partial

from scancc.frontend.linalg import cholesky, det, kron, matrix_inverse, solve, solve_triangular

inv = matrix_inverse
solve_lower_triangular = partial(solve_triangular, lower=True)
solve_upper_triangular = partial(solve_triangular, lower=False)

__all__ = [
    "cholesky", "det", "inv", "kron", "solve", "solve_lower_triangular", "solve_triangular",
    "solve_upper_triangular",
]
