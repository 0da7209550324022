"""Reductions of a scan's rows that wait for others: for these a cheap scan runs again, in place of keeping its rows.

    %f, %ys = scan.scan(%n, %x, %h0) {...}         %s = ... of %ys, tile by tile ...
    %s = sum of %ys                                %mean = %s / %n
    %mean = %s / %n                          ->    %g, %zs = scan.scan(%n, %x, %h0) {...}
    %v = sum of (%ys - %mean)^2                    %v = ... of %zs, tile by tile ...

So a variance has two passes over the steps, and no array for the rows between. Of 10^6 rows of `a * h + x` that takes
3.9 ns a step, with the array 9.5; of 10^4 rows, which stay in the caches, 3.1 and 1.8.
Source: rematerialization (Briggs, Cooper and Torczon, 1992).
"""

from __future__ import annotations

from collections.abc import Mapping

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, clone_op
from scancc.ir.ops import operand
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import rows_called

from ..consuming.cheap import is_sparing
from ..dead_outputs import drop_unread
from ..fusing.build import erase_unread
from ..slicing.steps import slice_of
from .costs import cost_of
from .stages import stages_of
from .sums import waiting_of

MOST = 8  # cycles of a step, as many as it takes to store a row and to load it from behind the caches


def run_again(op: Op) -> Op | str:
    """A copy of a scan before the first reduction that waits, which reads its rows then, as others do that wait; else
    why there is none, in words that are empty where nothing waits."""
    scan = ScanView(op)
    waiting = waiting_of(scan)
    if not waiting:
        return ""
    return _against(scan) or _copied(scan, waiting)


def _against(scan: ScanView) -> str | None:
    """Why a scan does not run again."""
    if scan.until or not scan.init:
        return "it may stop" if scan.until else "it has no states"
    if any(isinstance(stack.value.type, t.TensorType) for stack in scan.stacks):
        return "its rows are arrays"
    stages = stages_of(slice_of(scan.op))
    cycles = cost_of(stages).whole
    if cycles > MOST and not is_sparing(scan):
        return f"a step costs about {cycles:.0f} cycles"
    return "a step may fail" if stages.failing else None


def _copied(scan: ScanView, waiting: list[Op]) -> Op | str:
    first, op = waiting[0], scan.op
    assert first.parent is not None
    names = tuple(rows_called(stack.result, stack.value) for stack in scan.stacks if stack.result.uses)
    again = ScanView(clone_op(op, {}, Builder(first.parent, first, op.location).insert))
    before = [(reader, reader.operands) for reader in waiting]
    parts = [part for reader in waiting for part in _read(reader, dict(zip(scan.ys, again.ys, strict=True)))]
    if waiting_of(again):  # there is more than one wait
        for reader, operands in before:
            reader.operands = operands
        for op in (*parts, again.op):
            op.erase()
        return "it would run more than twice"
    remark("tile", op, True, f"it runs twice, so that {', '.join(names)} is not kept: a reduction needs another one "
           "first", rows=names)
    erase_unread([v for _, operands in before for v in operands])
    drop_unread(again.op)
    drop_unread(op)
    return again.op


def _read(reader: Op, rows: Mapping[Value, Value]) -> list[Op]:
    """Let a reader read others in place of these rows; the parts that are taken of them for it."""
    parts = {}
    for value in reader.operands:
        if value.op is not None and value.op.name == "tensor.extract_slice" and operand(value.op, "source") in rows:
            assert reader.parent is not None
            parts[value] = clone_op(value.op, dict(rows), Builder(reader.parent, reader, value.op.location).insert)
    new = {**rows, **{value: part.result for value, part in parts.items()}}
    reader.operands = [new.get(v, v) for v in reader.operands]
    return list(parts.values())
