"""Derivatives of eigenvalues, singular values and QR.

Where two eigenvalues or singular values are equal, their vectors have no derivative: the turn of one into the
other, which would be divided by the difference, counts as 0. Costs of the values alone are right there too.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.errors import NullTypeGradError
from scancc.frontend.gradients.contributions import total
from scancc.frontend.gradients.linalg_rules import adjoint
from scancc.frontend.gradients.rules import Gradient, differentiates
from scancc.frontend.graph.constants import kind
from scancc.frontend.graph.dims import dim, dimshuffle
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.ops.decompositions import QR, SVD, Eigh
from scancc.frontend.ops.diagonals import diag, tril, triu
from scancc.frontend.ops.joining import concatenate
from scancc.frontend.ops.linalg import Solve
from scancc.frontend.ops.making import ones_like
from scancc.frontend.ops.products import Dot
from scancc.frontend.ops.scalars import quotient, sqr


def _product(*factors: Variable) -> Variable:
    result = factors[0]
    for factor in factors[1:]:
        result = Dot()(result, factor)
    return result


def _check_real(x: Variable, what: str) -> None:
    if kind(x.dtype) == "c":
        raise NullTypeGradError(f"{what} of a complex matrix has no derivative here; write it as real blocks")


def _over_differences(matrix: Variable, values: Variable) -> Variable:
    """matrix[i, j] / (values[j] - values[i]), 0 where they are equal."""
    return quotient(matrix, dimshuffle(values, "x", 0) - dimshuffle(values, 0, "x"))


@differentiates(Eigh)
def eigh(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """Of the triangle that is read: an element of it stands for its mirror image too."""
    (a,), (values, vectors), op = node.inputs, node.outputs, node.op
    by_values, by_vectors = gradients
    assert isinstance(op, Eigh)
    _check_real(a, "eigh")
    inner = total([
        None if by_values is None else diag(by_values),
        None if by_vectors is None else _over_differences(_product(adjoint(vectors), by_vectors), values),
    ])
    assert inner is not None
    whole = _product(vectors, inner, adjoint(vectors))
    strict = (tril if op.lower else triu)(whole + adjoint(whole), -1 if op.lower else 1)
    return [strict + diag(diag(whole))]


@differentiates(SVD)
def svd(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """J. Townsend, Differentiating the singular value decomposition (2016)."""
    (u, s, vt), op = node.outputs, node.op
    by_u, by_s, by_vt = gradients
    assert isinstance(op, SVD)
    _check_real(u, "svd")
    if op.full:
        if by_u is not None or by_vt is not None:
            raise NullTypeGradError(
                "svd with full_matrices=True: the vectors that complete u and vt are chosen, not computed, and have "
                "no derivative; use full_matrices=False"
            )
        u, vt = u[:, : dim(s, 0)], vt[: dim(s, 0)]
    terms: list[Gradient] = [None if by_s is None else _product(u * by_s, vt)]
    if by_u is not None:
        terms += _by_left(u, s, vt, by_u)
    if by_vt is not None:
        terms += [adjoint(term) for term in _by_left(adjoint(vt), s, adjoint(u), adjoint(by_vt))]
    return [total(terms)]


def _by_left(u: Variable, s: Variable, vt: Variable, g: Variable) -> list[Variable]:
    """The gradient by the left vectors: their turn among themselves, and out of the space that they span."""
    turn = _product(adjoint(u), g)
    inside = _over_differences(turn - adjoint(turn), sqr(s)) * s
    outside = g - _product(u, turn)
    return [_product(u, inside, vt), _product(quotient(outside, ones_like(outside) * s), vt)]


@differentiates(QR)
def qr(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """D. Roberts and L. Roberts, arXiv:2009.10071; of a wide matrix the columns beyond the square part are q
    times those of r."""
    (a,), (q, r), op = node.inputs, node.outputs, node.op
    by_q, by_r = gradients
    assert isinstance(op, QR)
    _check_real(a, "qr")
    if op.complete:
        raise NullTypeGradError(
            "qr with mode 'complete': the columns that complete q are chosen, not computed, and have no derivative; "
            "use mode 'reduced'"
        )
    rank = dim(q, 1)
    by_r = r * 0 if by_r is None else triu(by_r)
    moved = _product(a[:, rank:], adjoint(by_r[:, rank:]))
    by_q = moved if by_q is None else by_q + moved
    left = _square_part(q, r[:, :rank], by_q, by_r[:, :rank])
    return [concatenate([left, _product(q, by_r[:, rank:])], axis=1)]


def _square_part(q: Variable, r: Variable, by_q: Variable, by_r: Variable) -> Variable:
    inner = _product(r, adjoint(by_r)) - _product(adjoint(by_q), q)
    mirrored = tril(inner) + adjoint(tril(inner, -1))
    return adjoint(Solve("upper")(r, adjoint(by_q + _product(q, mirrored))))
