"""What products and systems ask of shapes."""

from __future__ import annotations

from ..constraints import Rule, agree, shape_of, wrong_shape
from ..core import Op
from ..ops import group, operand
from ..types import ComplexType, FloatType, element, f16, nbytes
from .memref import strides_of

ROOM_NBYTES = 512  # of a row of the room that `scan.matmul` has, to pack parts of its factors
ROOM_LEVELS = 40
PRODUCT_PARTS = 8  # of a product that threads share
ROOM_TERMS = 1024  # packed at a time; where there are more, room for the sums of 1, 2, 4, ... times as many is behind


def check_dot(op: Op) -> str | None:
    lhs, rhs = (shape_of(v.type) for v in op.operands)
    if not (1 <= len(lhs) <= 2 and 1 <= len(rhs) <= 2):
        return "it multiplies vectors and matrices"
    return wrong_shape("the result", op.result.type, lhs[:-1] + rhs[1:])


def check_batch_dot(op: Op) -> str | None:
    lhs, rhs = (shape_of(v.type) for v in op.operands)
    if not (len(lhs) == len(rhs) == 3):
        return "it multiplies matrices along a first axis"
    return wrong_shape("the result", op.result.type, (lhs[0], lhs[1], rhs[2]))


def check_matmul(op: Op) -> str | None:
    """A vector or matrix times a matrix; rows of the result are contiguous, and of the factor of a vector."""
    lhs, rhs, out = (operand(op, name).type for name in ("lhs", "rhs", "out"))
    left, right, made = shape_of(lhs), shape_of(rhs), shape_of(out)
    if not isinstance(element(out), FloatType) or element(out) == f16:
        return "it multiplies f32 or f64"
    if len(left) not in (1, 2) or len(right) != 2:
        return "it multiplies a vector or matrix with a matrix"
    left, right = left[::-1] if op.attrs["transposed"] else left, _by_terms(op, right)
    if not agree(left[-1:], right[:1]) or len(made) != len(left) or not agree(made, left[:-1] + right[1:]):
        return f"{lhs} times {rhs} is no {out}"
    if strides_of(out)[-1] != 1:
        return "rows of the result are contiguous"
    if len(left) == 1 and (strides_of(rhs)[-1] != 1 or "by_columns" in op.attrs):
        return "rows of a matrix that a vector is multiplied with are contiguous"
    return _check_room(op, len(left))


def _by_terms(op: Op, right: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return right[::-1] if "by_columns" in op.attrs else right


def _check_room(op: Op, rank: int) -> str | None:
    rooms = [v.type for v in group(op, "room")]
    if len(rooms) != rank - 1:
        return "a product of two matrices has room, that of a vector has none"
    kind = element(op.operands[1].type)
    width = ROOM_NBYTES // nbytes(kind)
    for room in rooms:
        if element(room) != kind or shape_of(room)[1:] != (width,) or tuple(strides_of(room)) != (width, 1):
            return f"the room has rows of {width} numbers"
        known, wanted = shape_of(room)[0], _needed_rows(op)
        if known is not None and wanted is not None and known < wanted:
            return f"the room has {known} rows; it needs {wanted}"
    return None


def _needed_rows(op: Op) -> int | None:
    n_terms, n_rows = _by_terms(op, shape_of(operand(op, "rhs").type))[0], shape_of(operand(op, "out").type)[0]
    n_parts = op.attrs["parts"].value if "parts" in op.attrs else 1
    return None if n_terms is None or n_rows is None else n_parts * room_rows(n_terms, n_rows)


def room_rows(n_terms: int, n_rows: int) -> int:
    """The rows that a room needs: what is packed at a time, and the sums of 1, 2, 4, ... times as many terms."""
    return min(n_terms, ROOM_TERMS) + n_rows * min(max(n_terms - 1, 0) // ROOM_TERMS, ROOM_LEVELS)


def matrix(op: Op) -> str | None:
    shape = shape_of(op.operands[0].type)
    if len(shape) != 2:
        return f"{op.operands[0].type} is no matrix"
    return None


def check_solve(op: Op) -> str | None:
    rhs = shape_of(op.operands[1].type)
    if not 1 <= len(rhs) <= 2:
        return "the right-hand side is a vector or a matrix"
    return wrong_shape("the result", op.result.type, rhs)


def check_factor(op: Op) -> str | None:
    if op.attrs["kind"] == "cholesky" and isinstance(element(op.operands[0].type), ComplexType):
        return "there is none of a complex matrix"
    shape = () if op.attrs["kind"] == "det" else shape_of(op.operands[0].type)
    return wrong_shape("the result", op.result.type, shape)


def check_factor_gradient(op: Op) -> str | None:
    shape = shape_of(op.operands[0].type)
    if len(shape_of(op.operands[1].type)) != 2:
        return f"{op.operands[1].type} is no matrix"
    return wrong_shape("the result", op.result.type, shape)


def results(*shapes: str) -> Rule:
    """Results of shapes that are spelled by the matrix's m, n, and k, the smaller of the two."""
    def check(op: Op) -> str | None:
        m, n = shape_of(op.operands[0].type)
        sizes = {"m": m, "n": n, "k": None if m is None or n is None else min(m, n), "?": None}
        if len(op.results) != len(shapes):
            return f"it has {len(shapes)} results"
        wrong = (wrong_shape(f"result {i}", r.type, tuple(sizes[c] for c in shape), element(op.operands[0].type))
                 for i, (r, shape) in enumerate(zip(op.results, shapes, strict=True)))
        return next(filter(None, wrong), None)
    return check
