"""Ops that work row by row on arrays of all steps, as a step does them for its row.

    (h @ V + b)[t]  =  h[t] @ V + b

A rule gets an application whose rows are those of the steps, for each input the row that the step has or, where it
is read as a whole, what `hold` gives of it; it gives the row of the result, with the bits that it has outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from scancc.frontend.gradients.row_frames import Frame
from scancc.frontend.gradients.row_sources import Sources, numbers_rows, sources_of
from scancc.frontend.graph.dims import DimShuffle, dimshuffle
from scancc.frontend.graph.variables import Apply, Op, Variable
from scancc.frontend.ops.axes import Reshape, reshape
from scancc.frontend.ops.control import Detach
from scancc.frontend.ops.elementwise import Cast, Elemwise
from scancc.frontend.ops.index_template import FULL
from scancc.frontend.ops.products import BatchedDot, Dot
from scancc.frontend.ops.reduction import Reduce
from scancc.frontend.ops.subtensor import AdvancedSubtensor, Subtensor

Hold = Callable[[Variable], Variable]
RowRule = Callable[[Apply, Sequence[Variable | None], Hold], Variable]


def sources_in_step(node: Apply) -> Sources | None:
    """For each input whether the step reads its row, or, with None, all of it; None where a step cannot make rows
    of the result from these."""
    out = node.outputs[0]
    if len(node.outputs) > 1 or out.ndim == 0 or out.type.shape[0] == 1 or type(node.op) not in _RULES:
        return None
    sources = sources_of(node, Frame())
    if sources is None or not any(sources) or not all(s is None or s.axis == 0 and s.is_steps for s in sources):
        return None
    if isinstance(node.op, Subtensor):
        return sources if node.op.template[0] == FULL else None  # h[:-1] begins as h does, and has fewer rows
    if isinstance(node.op, AdvancedSubtensor):
        op = node.op
        return sources if op.template[0] == FULL or op.template == ("a", "a") and sources[2] is not None else None
    if isinstance(node.op, Reshape):
        return sources if node.op.ndim and sources[0] is not None else None
    return sources


def row_in_step(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> Variable:
    """The row of the result, of the rows of its inputs; None stands for one that is read as a whole."""
    return _RULES[type(node.op)](node, rows, hold)


def _given(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> list[Variable]:
    return [hold(v) if row is None else row for v, row in zip(node.inputs, rows, strict=True)]


def _of_elements(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> Variable:
    def alike(v: Variable) -> Variable:
        return hold(dimshuffle(v, *range(1, v.ndim)))

    return node.op(*(alike(v) if row is None else row for v, row in zip(node.inputs, rows, strict=True)))


def _of_product(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> Variable:
    return Dot()(*_given(node, rows, hold))


def _of_moved(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> Variable:
    order = node.op.order[1:]  # type: ignore[attr-defined]
    return dimshuffle(_given(node, rows, hold)[0], tuple(a if isinstance(a, str) else a - 1 for a in order))


def _of_reduced(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> Variable:
    axes = tuple(a - 1 for a in node.op.axes)  # type: ignore[attr-defined]
    return replace(node.op, axes=axes)(*_given(node, rows, hold))  # type: ignore[type-var]


def _of_reshaped(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> Variable:
    (row, *_), lengths = rows, node.inputs[2:]
    assert row is not None
    return reshape(row, [hold(n) for n in lengths], ndim=len(lengths))


def _of_part(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> Variable:
    """Of a part of each row."""
    op = replace(node.op, template=node.op.template[1:])  # type: ignore[type-var,attr-defined]
    return op(*_given(node, rows, hold))


def _of_picked(node: Apply, rows: Sequence[Variable | None], hold: Hold) -> Variable:
    """Of the same places in each row, or of a place in each."""
    if not numbers_rows(node):
        return _of_part(node, rows, hold)
    row, _, place = rows
    assert row is not None and place is not None
    return row[place]


_RULES: dict[type[Op], RowRule] = {
    **dict.fromkeys((Elemwise, Cast, Detach), _of_elements),
    **dict.fromkeys((Dot, BatchedDot), _of_product),
    DimShuffle: _of_moved, Reduce: _of_reduced, Reshape: _of_reshaped, Subtensor: _of_part,
    AdvancedSubtensor: _of_picked,
}
