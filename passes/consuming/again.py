"""Columns of a scan's rows that wait for others: for these a cheap scan runs again, in place of keeping its rows.

    %f, %ys = scan.scan(%n, %x, %h0) {...}         %f, %ys = scan.scan(%n, %x, %h0) {...}
    %m = mean of %ys over time                     %m = mean of %ys over time
    %v = mean of (%ys - %m)^2 over time      ->    %g, %zs = scan.scan(%n, %x, %h0) {...}
                                                   %v = mean of (%zs - %m)^2 over time

Both then have what reads their rows in the step. (Of numbers `tile` does this: `tiling/again.py`.)
Source: rematerialization (Briggs, Cooper and Torczon, 1992).
"""

from __future__ import annotations

from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, clone_op
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.ir.wording import rows_called

from ..dead_outputs import drop_unread
from .cheap import is_cheap
from .readers import Place, Readers, is_array_of_arrays


def run_again(op: Op, mixing: bool) -> Op | None:
    """A copy of a scan behind which nothing waits, for the readers of its rows that wait for other ones; None where
    there are no such, where the rows would be kept all the same, or a step is dear."""
    scan = ScanView(op)
    rows = [stack.result for stack in scan.stacks if stack.result.uses]
    if len(rows) != 1 or not mixing or not is_array_of_arrays(rows[0]) or not is_cheap(scan):
        return None
    waiting = [] if _runs_in_steps(scan, rows[0], mixing) else _waiting(Readers(scan, mixing), rows[0])
    if not waiting:
        return None
    first = waiting[0]
    assert first.parent is not None
    again = ScanView(clone_op(op, {}, Builder(first.parent, first, op.location).insert))
    new = again.ys[scan.ys.index(rows[0])]
    _read(waiting, rows[0], new)
    if not all(_runs_in_steps(each, rows, mixing) for each, rows in ((scan, rows[0]), (again, new))):
        _read(waiting, new, rows[0])
        again.op.erase()
        return None
    name = rows_called(rows[0], scan.stack_of(rows[0]).value)
    remark("fuse-consumers", op, True, f"it runs twice, so that {name} is not kept: a reduction needs another first")
    drop_unread(again.op)
    return again.op


def _waiting(readers: Readers, rows: Value) -> list[Op]:
    """The readers that also need what others make of all rows, in order."""
    block = readers.scan.op.parent
    assert block is not None
    late = [op for op in rows.uses if op.parent is block and any(readers.waits(op, v) for v in op.operands)]
    return sorted(late, key=block.ops.index) if len(late) < len(rows.uses) else []


def _read(readers: list[Op], old: Value, new: Value) -> None:
    for reader in readers:
        reader.replace_operand(old, new)


def _runs_in_steps(scan: ScanView, rows: Value, mixing: bool) -> bool:
    """Whether nobody needs the rows together."""
    return Readers(scan, mixing).place_of_stack(rows) is Place.STEP
