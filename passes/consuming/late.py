"""Parts of a scan's rows that begin at several steps, and are reduced to numbers: tiles have these a tile later.

    %early = tensor.extract_slice %ys[0][%n - 1][1]      each tile has its rows and those of the tile before:
    %late = tensor.extract_slice %ys[1][%n - 1][1]  ->   in them are those of a block of each sum, wherever
    %s = scan.reduce sum(%early * %late)                 it begins (`tiling/sums.py`)
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.parts import ScanView
from scancc.ir.slices import Entry, entries, kept_axes, number_of

from .ahead import Ahead
from .chains import behind, makes_rows, maps_behind
from .parts import takes_whole_rows
from .selections import MOST_APART

FURTHEST = 512  # steps from the first one


def number_of_first(part: Op, scan: ScanView) -> int | None:
    """The number of the row from which on a slice takes some, where it is known, and there are so many."""
    first: Entry = entries(part, "offsets")[0]
    if isinstance(first, int) or first.op is None or first.op.name != "arith.minsi":
        return number_of(first)
    numbers = [constant_of(v) for v in first.op.operands if v is not scan.length]
    return numbers[0] if len(numbers) == 1 else None


def takes_rows_apart(part: Op) -> bool:
    """Whether a slice takes whole rows, so many steps apart, from the first to the last."""
    stride = entries(part, "strides")[0]
    return (isinstance(stride, int) and 0 < stride <= MOST_APART and takes_whole_rows(part)
            and len(kept_axes(part)) == len(entries(part, "sizes")))


def goes_a_tile_behind(part: Op, scan: ScanView, ahead: Ahead) -> bool:
    """Whether what reads a slice makes numbers of it, with other parts that are as far apart, and arrays that are
    there before."""
    if scan.until or not scan.init or not takes_rows_apart(part):
        return False
    first, stride = number_of_first(part, scan), entries(part, "strides")[0]
    if first is None or not 0 <= first <= FURTHEST or part in ahead.guarded:
        return False
    ends = list(behind(part.result.uses, makes_rows))
    return all(map(_gives_a_number, ends)) and all(
        _is_there(v, stride, scan, ahead) for op in (*maps_behind(part.result), *ends) for v in op.operands)


def _gives_a_number(end: Op) -> bool:
    if end.name == "scan.dot":
        return all(len(v.type.shape) == 1 for v in end.operands)  # type: ignore[attr-defined]
    return end.name == "scan.reduce" and not isinstance(end.result.type, t.TensorType)


def _is_there(value: Value, stride: object, scan: ScanView, ahead: Ahead) -> bool:
    """Whether a value is there before the scan, or made of parts of its rows that are as far apart."""
    pending, seen = [value], {value}
    while pending:
        op = pending.pop().op
        if op is None or ahead.is_free(op.results[0]):
            continue
        if op.name == "tensor.extract_slice" and op.operands[0].op is scan.op:
            if not takes_rows_apart(op) or entries(op, "strides")[0] != stride:
                return False
        elif not makes_rows(op):
            return False
        else:
            pending += [v for v in op.operands if v not in seen]
            seen.update(op.operands)
    return True
