"""Derivatives of products of matrices and of small dense linear algebra."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.errors import NullTypeGradError
from scancc.frontend.gradients.contributions import Touched
from scancc.frontend.gradients.rules import Gradient, conjugate, differentiates
from scancc.frontend.graph.constants import kind
from scancc.frontend.graph.dims import dimshuffle
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.ops.diagonals import identity_like, tril, triu
from scancc.frontend.ops.index_template import FULL
from scancc.frontend.ops.linalg import Cholesky, CholeskyGradient, Det, Inverse, SLogDet, Solve
from scancc.frontend.ops.products import BatchedDot, Dot, outer
from scancc.frontend.ops.scalars import switch


def adjoint(x: Variable) -> Variable:
    """The conjugate, with the last two axes exchanged."""
    order = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2) if x.ndim > 1 else (0,)
    return dimshuffle(conjugate(x), order)


@differentiates(Dot)
def dot_rule(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    (x, y), g = node.inputs, gradients[0]
    assert g is not None
    touched = Touched.of(g) if x.ndim == 2 else None
    if touched is None or touched.write.template[0] != "i" or any(e != FULL for e in touched.write.template[1:]):
        return [_dot_left(g, x, y) if wanted[0] else None, _dot_right(g, x, y) if wanted[1] else None]
    template = ("i", FULL)
    row, value = touched.part(x, template), touched.value
    return [touched.into(x, _dot_left(value, row, y), template) if wanted[0] else None,
            _dot_right(value, row, y) if wanted[1] else None]


def _dot_left(g: Variable, x: Variable, y: Variable) -> Variable:
    """The gradient of x in x y."""
    if x.ndim == 1:
        return g * conjugate(y) if y.ndim == 1 else Dot()(conjugate(y), g)
    return outer(g, conjugate(y)) if y.ndim == 1 else Dot()(g, adjoint(y))


def _dot_right(g: Variable, x: Variable, y: Variable) -> Variable:
    """The gradient of y in x y."""
    if x.ndim == 1:
        return g * conjugate(x) if y.ndim == 1 else outer(conjugate(x), g)
    return Dot()(g, conjugate(x)) if y.ndim == 1 else Dot()(adjoint(x), g)


@differentiates(BatchedDot)
def batched_dot(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    (x, y), g = node.inputs, gradients[0]
    assert g is not None
    by_x = BatchedDot()(g, adjoint(y)) if wanted[0] else None
    return [by_x, BatchedDot()(adjoint(x), g) if wanted[1] else None]


_TRANSPOSED = {"lower": "upper", "upper": "lower", "general": "general", "positive": "positive"}


@differentiates(Solve)
def solve(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """With x of a x = b: b's gradient solves the adjoint system; a's is minus its product with x."""
    (a, _), g, x, op = node.inputs, gradients[0], node.outputs[0], node.op
    assert isinstance(op, Solve) and g is not None
    by_b = Solve(_TRANSPOSED[op.kind])(adjoint(a), g)
    if not wanted[0]:
        return [None, by_b]
    by_a = -(outer(by_b, conjugate(x)) if x.ndim == 1 else Dot()(by_b, adjoint(x)))
    return [_part_read(op.kind, by_a), by_b]


def _part_read(kind: str, gradient: Variable) -> Variable:
    """The gradient of the triangle that is read; zeros elsewhere."""
    return {"lower": tril, "upper": triu}.get(kind, lambda v: v)(gradient)


@differentiates(Inverse)
def inverse(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    out, g = adjoint(node.outputs[0]), gradients[0]
    assert g is not None
    return [-Dot()(Dot()(out, g), out)]


@differentiates(Det)
def det(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """By the inverse: where the matrix is singular, an error."""
    (a,), g = node.inputs, gradients[0]
    assert g is not None
    return [g * conjugate(node.outputs[0]) * adjoint(Inverse()(a))]


@differentiates(SLogDet)
def slogdet(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """By the inverse: where the matrix is singular, an error. The sign of a real matrix has none."""
    (a,), (_, g) = node.inputs, gradients
    if kind(a.dtype) == "c":
        raise NullTypeGradError("slogdet of a complex matrix has no derivative here; write it as real blocks")
    return [None if g is None else g * adjoint(Inverse()(a))]


@differentiates(Cholesky)
def cholesky(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """Of the lower triangle, which is what the op reads."""
    out, g, op = node.outputs[0], gradients[0], node.op
    assert isinstance(op, Cholesky) and g is not None
    if kind(out.dtype) == "c":
        raise NullTypeGradError(
            "the Cholesky factor of a complex matrix has no derivative here; write the matrix as real blocks"
        )
    return [CholeskyGradient()(out, g) if op.lower else CholeskyGradient()(adjoint(out), adjoint(g))]


@differentiates(CholeskyGradient)
def cholesky_gradient(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool]) -> Sequence[Gradient]:
    """With l the factor, s the symmetric matrix of which one half is the result, and m the symmetric one of which one
    half is its gradient: those by l and g are those of the product of m and s, which l and g make (the derivative of
    the factor: I. Murray, arXiv:1602.07527, section 3.1)."""
    (factor, by_factor), (half,), m = node.inputs, node.outputs, gradients[0]
    assert m is not None
    m = tril(m) + adjoint(tril(m, -1))
    left = Solve("lower")(factor, m)
    both = tril(Solve("lower")(factor, adjoint(left)))
    turn = switch(_on_diagonal(both), both * 0.5, both)
    moved = Dot()(tril(factor), turn)
    if not wanted[0]:
        return [None, moved]
    return [tril(Dot()(tril(by_factor), adjoint(turn)) - Dot()(half + adjoint(half), adjoint(left))), moved]


def _on_diagonal(x: Variable) -> Variable:
    return identity_like(x, dtype="bool")
