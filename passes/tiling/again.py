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
from .costs import cost_of
from .stages import stages_of
from .sums import waiting_of

MOST = 8  # cycles of a step, as many as it takes to store a row and to load it from behind the caches


def run_again(op: Op) -> Op | None:
    """A copy of a scan before the first reduction that waits, which reads its rows then, as others do that wait; None
    where there is none, or the step costs more than a row in memory."""
    scan = ScanView(op)
    if scan.until or not scan.init or any(isinstance(stack.value.type, t.TensorType) for stack in scan.stacks):
        return None
    waiting = waiting_of(scan)
    if not waiting:
        return None
    names = ", ".join(rows_called(stack.result, stack.value) for stack in scan.stacks if stack.result.uses)
    stages = stages_of(op)
    cycles = cost_of(stages).whole
    if cycles > MOST or stages.failing:
        why = f"a step costs about {cycles:.0f} cycles" if cycles > MOST else "a step may fail"
        remark("tile", op, False, f"it does not run again for a reduction that needs another one first: {why}, so "
               f"{names} is kept", "write a second scan of the same step where memory matters more")
        return None
    return _copied(scan, waiting, names)


def _copied(scan: ScanView, waiting: list[Op], names: str) -> Op | None:
    first, op = waiting[0], scan.op
    assert first.parent is not None
    again = ScanView(clone_op(op, {}, Builder(first.parent, first, op.location).insert))
    rows = dict(zip(scan.ys, again.ys, strict=True))
    for reader in waiting:
        reader.operands = [rows.get(v, v) for v in reader.operands]
    if waiting_of(again):  # there is more than one wait
        for reader in waiting:
            reader.operands = [{new: old for old, new in rows.items()}.get(v, v) for v in reader.operands]
        again.op.erase()
        remark("tile", op, False, f"{names} is kept: it would run more than twice")
        return None
    remark("tile", op, True, f"it runs twice, so that {names} is not kept: a reduction needs another one first")
    drop_unread(again.op)
    drop_unread(op)
    return again.op
