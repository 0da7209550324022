"""Linear algebra under the newer systems' name `T.linalg`."""

from scancc.frontend.ops.decompositions import eigh, eigvalsh, qr, svd, svdvals
from scancc.frontend.ops.diagonals import diagonal, trace
from scancc.frontend.ops.linalg import cholesky, det, matrix_inverse, slogdet, solve, solve_triangular
from scancc.frontend.ops.norms import norm
from scancc.frontend.ops.products import kron, matrix_dot
from scancc.tensor.composed import matrix_power
from scancc.tensor.iterated import expm

inv = matrix_inverse

__all__ = [
    "cholesky", "det", "diagonal", "eigh", "eigvalsh", "expm", "inv", "kron", "matrix_dot", "matrix_inverse",
    "matrix_power", "norm", "qr", "slogdet", "solve", "solve_triangular", "svd", "svdvals", "trace",
]
