"""Products of vectors and matrices."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.graph import Apply
from scancc.frontend.linalg import BatchedDot, Dot
from scancc.frontend.lowering.context import Lowering, lowers
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
    element = t.element(lhs.type)
    if not sizes:
        return [low.b.op("scan.dot", [lhs, rhs], [element])]
    return [low.tensor("scan.dot", [lhs, rhs], element, sizes)]


@lowers(BatchedDot)
def batched_dot(low: Lowering, node: Apply) -> Sequence[Value]:
    lhs, rhs = low.inputs(node)
    left, right = low.dims(lhs), low.dims(rhs)
    low.require_equal(left[0], right[0], "batched_dot: batches have lengths {0} and {1}; they must agree")
    low.require_equal(left[2], right[1], "batched_dot: inner axes have lengths {0} and {1}; they must agree")
    return [low.tensor("scan.batch_dot", [lhs, rhs], t.element(lhs.type), [left[0], left[1], right[2]])]
