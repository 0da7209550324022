"""What the recurrence and its checks ask of their parts."""

from __future__ import annotations

import re

from ..constraints import open_sizes, shape_of
from ..core import Op
from ..ops import group
from ..parts import ScanView
from ..types import TensorType, Type, i1, index, row_type


def check_scan(op: Op) -> str | None:
    parts = ScanView(op)
    n_init, until = len(parts.init), parts.until
    n_ys = len(group(op, "rows")) - sum(map(bool, parts.strides))
    if len(op.body.args) != 1 + len(parts.xs) + n_init:
        return "the step must have a counter, one argument for each x and one for each carry"
    if len(op.results) != n_init + n_ys + until:
        return "results must be the final carries, the ys, and with `until` the steps executed"
    if len(op.body.terminator.operands) != n_init + n_ys + until:
        return "scan.yield must give the next carries, a row of each y, and with `until` the stop condition"
    if len(op.attrs["depths"]) != n_init:
        return "depths must have one entry for each carry"
    if len(parts.strides) != n_ys:
        return "strides must have one entry for each y, 0 for one of which the last rows are kept"
    if until and any(parts.strides):
        return "with `until` last rows are kept, whose number running tells"
    return _check_xs(parts) or _check_carries(parts) or _check_ys(parts)


def _row(type: Type) -> Type | None:
    """The type of a row; None of what has none."""
    return row_type(type) if isinstance(type, TensorType) and type.shape else None


def _check_xs(parts: ScanView) -> str | None:
    if parts.counter.type != index:
        return "the length and the counter must be of type index"
    for number, (x, arg) in enumerate(zip(parts.xs, parts.x_args, strict=True)):
        if _row(x.type) != arg.type:
            return f"x {number} is {x.type}, its argument {arg.type}; that must be a row of it"
    return None


def _check_carries(parts: ScanView) -> str | None:
    for number, (start, arg, new, final, depth) in enumerate(parts.carries):
        if not start.type == arg.type == final.type:
            return f"carry {number} starts as {start.type}, is {arg.type} in the step and ends as {final.type}"
        row = arg.type if depth == 1 else _row(arg.type)
        if new.type != row:
            return f"the step must yield {row} for carry {number}, not {new.type}"
        if depth > 1 and shape_of(arg.type)[0] not in (None, depth):
            return f"carry {number} is {arg.type}, which has not {depth} rows"
    return None


def _check_ys(parts: ScanView) -> str | None:
    for number, (y, row) in enumerate(zip(parts.ys, parts.row_values, strict=True)):
        if _row(y.type) != row.type:
            return f"y {number} is {y.type}, the step yields {row.type}; that must be a row of it"
    stop, executed = parts.stop, parts.executed
    if stop is not None and executed is not None and (stop.type != i1 or executed.type != index):
        return "with `until` the step yields an i1 last, and the last result is an index"
    wanted, given = sum(open_sizes(shape_of(y.type)[1:]) for y in parts.ys), len(parts.dims)
    return None if wanted == given else f"the rows of the ys leave {wanted} sizes open, and {given} dims are given"


def check_message(op: Op) -> str | None:
    """The places {0}, {1}, ... of a message stand for numbers that are there."""
    n_info = len(op.operands) - 1
    named = [int(n) for n in re.findall(r"\{(\d+)\}", op.attrs["message"])]
    return f"the message names {{{max(named)}}} of {n_info} numbers" if max(named, default=-1) >= n_info else None
