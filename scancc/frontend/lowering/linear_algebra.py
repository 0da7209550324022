"""Products of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.errors import UnsupportedError
from scancc.frontend.graph.variables import Apply
from scancc.frontend.lowering.context import Lowering, lowers, tensor_type
from scancc.frontend.lowering.shaping import shuffle
from scancc.frontend.ops.decompositions import QR, SVD, Eigh
from scancc.frontend.ops.linalg import Cholesky, CholeskyGradient, Det, Inverse, SLogDet, Solve
from scancc.frontend.ops.products import BatchedDot, Dot
from scancc.ir import types as t
from scancc.ir.core import Value


@lowers(Dot)
def dot(low: Lowering, node: Apply) -> Sequence[Value]:
    lhs, rhs = low.inputs(node)
    left, right = low.dims(lhs), low.dims(rhs)
    low.require_equal(left[-1], right[0],
                      "dot: the last axis of the first factor has length {0}, the first axis of the second {1}; "
                      "they must agree")
    sizes = left[:-1] + right[1:]
    return [_product(low, "scan.dot", lhs, rhs, sizes)]


def _product(low: Lowering, name: str, lhs: Value, rhs: Value, sizes: list[Value]) -> Value:
    """A product of arrays; of float16 it is computed in float32."""
    element = t.element(lhs.type)
    if element == t.f16:
        single = _product(low, name, _as(low, lhs, t.f32), _as(low, rhs, t.f32), sizes)
        return _as(low, single, t.f16)
    return low.tensor(name, [lhs, rhs], element, sizes) if sizes else low.b.op(name, [lhs, rhs], [element])


def _as(low: Lowering, value: Value, element: t.FloatType) -> Value:
    type = t.TensorType(value.type.shape, element) if isinstance(value.type, t.TensorType) else element
    return low.b.op("arith.extf" if element == t.f32 else "arith.truncf", [value], [type])


@lowers(BatchedDot)
def batched_dot(low: Lowering, node: Apply) -> Sequence[Value]:
    lhs, rhs = low.inputs(node)
    left, right = low.dims(lhs), low.dims(rhs)
    low.require_equal(left[0], right[0], "batched_dot: batches have lengths {0} and {1}; they must agree")
    low.require_equal(left[2], right[1], "batched_dot: inner axes have lengths {0} and {1}; they must agree")
    return [_product(low, "scan.batch_dot", lhs, rhs, [left[0], left[1], right[2]])]


@lowers(Solve)
def solve(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, Solve)
    matrix, rhs = low.inputs(node)
    kind = "general" if op.kind == "positive" else op.kind
    _require_square(low, matrix, "solve")
    low.require_equal(low.dims(matrix)[0], low.dims(rhs)[0],
                      "solve: the matrix has {0} rows and the right-hand side {1}; they must agree")
    return [low.tensor("scan.solve", [matrix, rhs], t.element(rhs.type), low.dims(rhs), {"kind": kind})]


def _require_square(low: Lowering, matrix: Value, what: str) -> None:
    sizes = low.dims(matrix)
    low.require_equal(sizes[0], sizes[1], f"{what}: the matrix has {{0}} rows and {{1}} columns; it must be square")


@lowers(Cholesky, Inverse, Det)
def factor(low: Lowering, node: Apply) -> Sequence[Value]:
    (matrix,) = low.inputs(node)
    if isinstance(node.op, Cholesky) and t.is_complex(matrix.type):
        raise UnsupportedError("cholesky of a complex matrix has no native code; use mode='reference'")
    kind = {Cholesky: "cholesky", Inverse: "inverse", Det: "det"}[type(node.op)]
    _require_square(low, matrix, kind)
    if kind == "det":
        return [low.b.op("scan.factor", [matrix], [t.element(matrix.type)], {"kind": kind})]
    made = low.tensor("scan.factor", [matrix], t.element(matrix.type), low.dims(matrix), {"kind": kind})
    upper = isinstance(node.op, Cholesky) and not node.op.lower
    return [shuffle(low, made, (1, 0)) if upper else made]


@lowers(CholeskyGradient)
def cholesky_gradient(low: Lowering, node: Apply) -> Sequence[Value]:
    factor, gradient = low.inputs(node)
    if t.is_complex(factor.type):
        raise UnsupportedError("cholesky of a complex matrix has no native code; use mode='reference'")
    kind = t.element(factor.type)
    return [low.tensor("scan.cholesky_gradient", [factor, gradient], kind, low.dims(factor))]


@lowers(SLogDet)
def slogdet(low: Lowering, node: Apply) -> Sequence[Value]:
    (matrix,) = low.inputs(node)
    _require_square(low, matrix, "slogdet")
    if t.is_complex(matrix.type):
        raise UnsupportedError("slogdet of a complex matrix has no native code; use mode='reference'")
    kind = t.element(matrix.type)
    return low.b.make("scan.slogdet", [matrix], [kind, kind]).results


@lowers(Eigh)
def eigh(low: Lowering, node: Apply) -> Sequence[Value]:
    op, (matrix,) = node.op, low.inputs(node)
    assert isinstance(op, Eigh)
    _require_square(low, matrix, "eigh")
    n = low.dims(matrix)[0]
    return _decomposed(low, "eigh", matrix, [[n], [n, n]], {"lower": op.lower})


@lowers(SVD)
def svd(low: Lowering, node: Apply) -> Sequence[Value]:
    op, (matrix,) = node.op, low.inputs(node)
    assert isinstance(op, SVD)
    m, n = low.dims(matrix)
    rank = low.b.minsi(m, n)
    left, right = (m, n) if op.full else (rank, rank)
    return _decomposed(low, "svd", matrix, [[m, left], [rank], [right, n]], {"full": op.full})


@lowers(QR)
def qr(low: Lowering, node: Apply) -> Sequence[Value]:
    op, (matrix,) = node.op, low.inputs(node)
    assert isinstance(op, QR)
    m, n = low.dims(matrix)
    rank = m if op.complete else low.b.minsi(m, n)
    return _decomposed(low, "qr", matrix, [[m, rank], [rank, n]], {"complete": op.complete})


def _decomposed(low: Lowering, name: str, matrix: Value, sizes: Sequence[Sequence[Value]],
                option: dict[str, bool]) -> Sequence[Value]:
    if t.is_complex(matrix.type):
        raise UnsupportedError(f"{name} of a complex matrix has no native code; use mode='reference'")
    types = [tensor_type(each, t.element(matrix.type)) for each in sizes]
    made = low.b.make(f"scan.{name}", [matrix], types, dict(option)).results
    return [low.record(value, each) for value, each in zip(made, sizes, strict=True)]
