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

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, clone_op
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import rows_called

from ..dead_outputs import drop_unread
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
    if cycles > MOST:
        return f"a step costs about {cycles:.0f} cycles"
    return "a step may fail" if stages.failing else None


def _copied(scan: ScanView, waiting: list[Op]) -> Op | str:
    first, op = waiting[0], scan.op
    assert first.parent is not None
    names = tuple(rows_called(stack.result, stack.value) for stack in scan.stacks if stack.result.uses)
    again = ScanView(clone_op(op, {}, Builder(first.parent, first, op.location).insert))
    rows = dict(zip(scan.ys, again.ys, strict=True))
    for reader in waiting:
        reader.operands = [rows.get(v, v) for v in reader.operands]
    if waiting_of(again):  # there is more than one wait
        for reader in waiting:
            reader.operands = [{new: old for old, new in rows.items()}.get(v, v) for v in reader.operands]
        again.op.erase()
        return "it would run more than twice"
    remark("tile", op, True, f"it runs twice, so that {', '.join(names)} is not kept: a reduction needs another one "
           "first", rows=names)
    drop_unread(again.op)
    drop_unread(op)
    return again.op
