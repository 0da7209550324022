"""The gradients of a scan's sequences: rows of the loop, of which products with invariants leave it.

Where a step's gradient of a row is a product with a matrix that is the same in all steps, the other
factor is stacked, and one product of matrices after the loop gives all rows.
"""

from __future__ import annotations

from collections.abc import Callable

from scancc.frontend.gradients.contributions import plus, terms_of, total
from scancc.frontend.gradients.loop import Loop, backwards
from scancc.frontend.gradients.rules import Gradient
from scancc.frontend.gradients.scan_recall import Recall
from scancc.frontend.gradients.scan_sums import After
from scancc.frontend.graph.dims import DimShuffle, dims, dimshuffle
from scancc.frontend.graph.variables import Variable
from scancc.frontend.loops.scan_op import ScanOutputs
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.products import Dot
from scancc.frontend.ops.scalars import mul

Factor = tuple[Variable, Callable[[], Variable]]  # rows, and the matrix that each is multiplied with


def stacked_rows(row: Variable, loop: Loop, recall: Recall) -> After:
    """What gives the stack of `row` after the loop, in the loop's order."""
    parts: list[After] = []
    rest: Gradient = None
    for term in terms_of(row):
        factor = _by_invariant(term, recall)
        if factor is None:
            rest = plus(rest, term)
        else:
            parts.append(_product(*factor, loop))
    if rest is not None:
        place = loop.emit(rest)
        parts.append(lambda outputs: outputs.ys[place])

    def after(outputs: ScanOutputs[Variable]) -> Variable:
        result = total(part(outputs) for part in parts)
        assert result is not None
        return result

    return after


def _product(rows: Variable, matrix: Callable[[], Variable], loop: Loop) -> After:
    place = loop.emit(rows)

    def after(outputs: ScanOutputs[Variable]) -> Variable:
        stack = backwards(outputs.ys[place])  # in the order in which the product is wanted
        if stack.ndim == 2:
            return backwards(Dot()(stack, matrix()))
        n, m, k = dims(stack)
        flat = Dot()(reshape(stack, [mul(n, m), k]), matrix())
        return backwards(reshape(flat, [n, m, dims(flat)[1]]))

    return after


def _by_invariant(term: Variable, recall: Recall) -> Factor | None:
    """`term` as rows times a matrix that is the same in all steps."""
    if term.owner is None or not isinstance(term.owner.op, Dot):
        return None
    x, y = term.owner.inputs
    if y.ndim == 2:
        matrix = _invariant(y, recall)
        return None if matrix is None or _invariant(x, recall) is not None else (x, matrix)
    matrix = _invariant(x, recall) if x.ndim == 2 else None
    if matrix is None or _invariant(y, recall) is not None:
        return None
    found = matrix
    return y, lambda: dimshuffle(found(), 1, 0)


def _invariant(x: Variable, recall: Recall) -> Callable[[], Variable] | None:
    """The outer value of an invariant of the step, or of one transposed."""
    node = x.owner
    if node is not None and isinstance(node.op, DimShuffle) and node.inputs[0] in recall.consts:
        order, source = node.op.order, recall.consts[node.inputs[0]]
        return lambda: dimshuffle(source, order)
    outer = recall.consts.get(x)
    return None if outer is None else lambda: outer
