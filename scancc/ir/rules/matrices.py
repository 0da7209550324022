"""What products and systems ask of shapes."""

from __future__ import annotations

from ..constraints import Rule, agree, shape_of, wrong_shape
from ..core import Op
from ..types import ComplexType, element


def check_dot(op: Op) -> str | None:
    lhs, rhs = (shape_of(v.type) for v in op.operands)
    if not (1 <= len(lhs) <= 2 and 1 <= len(rhs) <= 2 and agree(lhs[-1:], rhs[:1])):
        return "it multiplies vectors and matrices whose inner axes agree"
    return wrong_shape("the result", op.result.type, lhs[:-1] + rhs[1:])


def check_batch_dot(op: Op) -> str | None:
    lhs, rhs = (shape_of(v.type) for v in op.operands)
    if not (len(lhs) == len(rhs) == 3 and agree((lhs[0], lhs[2]), rhs[:2])):
        return "it multiplies matrices along a first axis, whose inner axes agree"
    return wrong_shape("the result", op.result.type, (lhs[0], lhs[1], rhs[2]))


def matrix(op: Op, square: bool = True) -> str | None:
    shape = shape_of(op.operands[0].type)
    if len(shape) != 2 or square and not agree(shape[:1], shape[1:]):
        return f"{op.operands[0].type} is no {'square ' * square}matrix"
    return None


def check_solve(op: Op) -> str | None:
    matrix, rhs = (shape_of(v.type) for v in op.operands)
    if not 1 <= len(rhs) <= 2 or not agree(matrix[:1], rhs[:1]):
        return "the right-hand side has as many rows as the matrix"
    return wrong_shape("the result", op.result.type, rhs)


def check_factor(op: Op) -> str | None:
    if op.attrs["kind"] == "cholesky" and isinstance(element(op.operands[0].type), ComplexType):
        return "there is none of a complex matrix"
    shape = () if op.attrs["kind"] == "det" else shape_of(op.operands[0].type)
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
