"""Linear algebra under the older systems' name `T.nlinalg`."""

from scancc.frontend.ops.decompositions import eigh, eigvalsh, qr, svd
from scancc.frontend.ops.diagonals import diag, diagonal, trace
from scancc.frontend.ops.linalg import det, matrix_inverse, slogdet
from scancc.frontend.ops.norms import norm
from scancc.frontend.ops.products import kron, matrix_dot
from scancc.tensor.composed import matrix_power

extract_diag, alloc_diag, inv = diag, diag, matrix_inverse

__all__ = [
    "alloc_diag", "det", "diag", "diagonal", "eigh", "eigvalsh", "extract_diag", "inv", "kron", "matrix_dot",
    "matrix_inverse", "matrix_power", "norm", "qr", "slogdet", "svd", "trace",
]
