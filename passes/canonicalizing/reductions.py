"""Rules for reductions and products of arrays that are transposed or reshaped before."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constants import made_by
from scancc.ir.core import Op
from scancc.ir.ops import ELEMENTWISE, has_trait, operand
from scancc.ir.shapes import rank

from .rules import Outcome, rule


@rule("scan.reduce", "scan.argreduce")
def reduction_of_turned(op: Op, b: Builder) -> Outcome:
    """A reduction of a transposed array is one of the array along other axes, where those left keep their order."""
    turned = made_by(op.operands[0], "scan.transpose")
    if turned is None:
        return None
    permutation, name = turned.attrs["permutation"], "axes" if op.name == "scan.reduce" else "axis"
    axes = [permutation[n] for n in (op.attrs["axes"].values if name == "axes" else [op.attrs["axis"].value])]
    left = [axis for axis in permutation.values if axis not in axes]
    if left != sorted(left):
        return None
    new = t.DenseArray(t.i64, tuple(sorted(axes))) if name == "axes" else t.IntAttr(axes[0], t.i64)
    return b.op(op.name, [turned.operands[0]], [op.result.type], {**op.attrs, name: new})


@rule("scan.reduce")
def reduction_of_reshaped(op: Op, b: Builder) -> Outcome:
    """One of all elements is one of all elements of what was reshaped."""
    reshaped = made_by(op.operands[0], "scan.reshape")
    if reshaped is None or isinstance(op.result.type, t.TensorType):
        return None
    source = operand(reshaped, "source")
    axes = t.DenseArray(t.i64, tuple(range(rank(source))))
    return b.op("scan.reduce", [source], [op.result.type], {**op.attrs, "axes": axes}) if rank(source) else None


@rule("scan.dot")
def product_with_turned_rows(op: Op, b: Builder) -> Outcome:
    """That of a vector and the rows of a scan, or what is made of them, transposed is one from the other side."""
    lhs, rhs = op.operands
    turned = made_by(lhs, "scan.transpose") or made_by(rhs, "scan.transpose")
    if turned is None or {rank(lhs), rank(rhs)} != {1, 2}:
        return None
    rows = turned.operands[0]
    if rows.op is None or rows.op.name != "scan.scan" and not has_trait(rows.op, ELEMENTWISE):
        return None
    return b.op("scan.dot", [rhs, rows] if turned.result is lhs else [rows, lhs], [op.result.type], dict(op.attrs))
