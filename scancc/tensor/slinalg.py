"""Solving and factorising under the older systems' name `T.slinalg`."""

from __future__ import annotations

from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.dims import dim
from scancc.frontend.graph.options import flag
from scancc.frontend.graph.variables import Variable
from scancc.frontend.ops.joining import concatenate
from scancc.frontend.ops.linalg import cholesky, det, matrix_inverse, solve, solve_triangular
from scancc.frontend.ops.making import zeros
from scancc.frontend.ops.products import kron
from scancc.tensor.iterated import expm

inv = matrix_inverse


def solve_lower_triangular(a: object, b: object, trans: int | str = 0, unit_diagonal: bool = False) -> Variable:
    """`solve_triangular` of the lower triangle.

    Shapes and errors as there.
    """
    return solve_triangular(a, b, trans, True, unit_diagonal)


def solve_upper_triangular(a: object, b: object, trans: int | str = 0, unit_diagonal: bool = False) -> Variable:
    """`solve_triangular` of the upper triangle.

    Shapes and errors as there.
    """
    return solve_triangular(a, b, trans, False, unit_diagonal)


def cho_solve(c_and_lower: tuple[object, bool], b: object) -> Variable:
    """x of a x = b, from the triangular factor of a and whether it is the lower one: `(cholesky(a), True)`.

    [n, n] with [n] or [n, k] gives [n] or [n, k]; floats. TypeError for what is no matrix of floats.
    """
    if not isinstance(c_and_lower, list | tuple) or len(c_and_lower) != 2:
        raise TypeError(f"cho_solve takes the pair (factor, whether it is the lower one), not {c_and_lower!r}")
    factor, lower = c_and_lower[0], flag("cho_solve: lower", c_and_lower[1])
    inner = solve_triangular(factor, b, trans=0 if lower else 1, lower=lower)
    return solve_triangular(factor, inner, trans=1 if lower else 0, lower=lower)


def block_diag(*matrices: object) -> Variable:
    """Matrices along the diagonal of a matrix of zeros.

    [n1, m1], [n2, m2], ... give [n1 + n2 + ..., m1 + m2 + ...], in the promoted dtype.
    """
    parts = [as_tensor_variable(m) for m in matrices]
    width = sum((dim(p, 1) for p in parts[1:]), start=dim(parts[0], 1))
    rows, before = [], as_tensor_variable(0)
    for part in parts:
        after = width - before - dim(part, 1)
        sides = [zeros((dim(part, 0), n), dtype=part.dtype) for n in (before, after)]
        rows.append(concatenate([sides[0], part, sides[1]], axis=1))
        before = before + dim(part, 1)
    return concatenate(rows, axis=0)


__all__ = [
    "block_diag", "cho_solve", "cholesky", "det", "expm", "inv", "kron", "solve", "solve_lower_triangular",
    "solve_triangular", "solve_upper_triangular",
]
