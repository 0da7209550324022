"""Reductions, running sums and sorting."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.graph.constants import kind
from scancc.frontend.graph.variables import Apply
from scancc.frontend.lowering.context import Lowering, lowers
from scancc.frontend.ops.ordering import ArgSort, Cumulative, Sort
from scancc.frontend.ops.reduction import ArgReduce, Reduce
from scancc.ir import types as t
from scancc.ir.core import Value


@lowers(Reduce)
def reduce(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, Reduce)
    (value,) = low.inputs(node)
    if not isinstance(value.type, t.TensorType) or not op.axes:
        return [value]
    sizes = low.dims(value)
    if op.kind in ("max", "min"):
        _require_elements(low, [sizes[a] for a in op.axes], op.kind)
    word = op.kind + ("u" if op.kind in ("max", "min") and kind(node.inputs[0].dtype) == "u" else "")
    attrs = {"kind": word, "axes": t.DenseArray(t.i64, tuple(op.axes))}
    rest = [n for axis, n in enumerate(sizes) if axis not in op.axes]
    element = value.type.element
    if not rest:
        return [low.b.op("scan.reduce", [value], [element], attrs)]
    return [low.tensor("scan.reduce", [value], element, rest, attrs)]


def _require_elements(low: Lowering, sizes: Sequence[Value], what: str) -> None:
    for size in sizes:
        low.require(low.b.cmpi("sgt", size, low.b.index(0)), "ValueError",
                    f"{what} of no elements has no value; the reduced axis has length {{0}}", size)


@lowers(ArgReduce)
def arg_reduce(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, ArgReduce)
    (value,) = low.inputs(node)
    sizes = low.dims(value)
    _require_elements(low, [sizes[op.axis]], op.kind)
    word = op.kind.removeprefix("arg") + ("u" if kind(node.inputs[0].dtype) == "u" else "")
    attrs = {"kind": word, "axis": t.IntAttr(op.axis, t.i64)}
    rest = [n for axis, n in enumerate(sizes) if axis != op.axis]
    if not rest:
        return [low.b.op("scan.argreduce", [value], [t.i64], attrs)]
    return [low.tensor("scan.argreduce", [value], t.i64, rest, attrs)]


@lowers(Cumulative)
def cumulative(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, Cumulative)
    (value,) = low.inputs(node)
    attrs = {"kind": op.kind.removeprefix("cum"), "axis": t.IntAttr(op.axis, t.i64)}
    return [low.tensor("scan.cumulative", [value], t.element(value.type), low.dims(value), attrs)]


@lowers(Sort, ArgSort)
def sort(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, (Sort, ArgSort))
    (value,) = low.inputs(node)
    attrs = {"axis": t.IntAttr(op.axis, t.i64), "positions": isinstance(op, ArgSort),
             "unsigned": kind(node.inputs[0].dtype) == "u"}
    element = t.scalar(node.outputs[0].dtype)
    return [low.tensor("scan.sort", [value], element, low.dims(value), attrs)]
