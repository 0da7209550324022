"""What products and systems ask of shapes."""

from __future__ import annotations

from ..constraints import Rule, shape_of, wrong_shape
from ..core import Op
from ..types import ComplexType, element


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
