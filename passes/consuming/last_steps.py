"""Leaves out last steps whose rows nobody reads: a scan of which only the first rows are read runs so many steps.

    %f, %ys = scan.scan(%n, %x, %h0) {...}               %f, %ys = scan.scan(%k, %x[0..%k], %h0) {...}
    %e = math.exp(tensor.extract_slice %ys[0..%k])  ->   %e = math.exp(%ys)

What is made of these rows is then made of all rows that there are, and can run in the step (`y[1:] - h[:-1]`).
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op
from scancc.ir.ops import CHECKS, has_trait, set_operands
from scancc.ir.parts import ScanView
from scancc.ir.slices import entries, entry_values, kept_axes

from ..fusing.first_steps import rows_of
from .ahead import Ahead, varies
from .parts import takes_whole_rows


def leave_out_last_steps(scan: ScanView) -> None:
    """Let a scan run as long as somebody reads its rows."""
    users = [user for rows in scan.ys for user in rows.uses]
    if scan.until or not users or any(final.uses for final in scan.finals) or not all(map(takes_first, users)):
        return
    counts = {entries(user, "sizes")[0] for user in users}
    if len(counts) > 1 or not all(map(scan.keeps_all, scan.stacks)) or counts <= {scan.length}:
        return
    ahead = Ahead(scan.op)
    (count,) = counts
    is_there = isinstance(count, int) or ahead.is_free(count)
    if is_there and ahead.guarded.isdisjoint(users) and not any(
            has_trait(op, CHECKS) and varies(op, scan.op) for op in scan.op.walk()):
        _end_after(scan, users, ahead)


def takes_first(user: Op) -> bool:
    """Whether a slice takes so many rows from the first on."""
    return (user.name == "tensor.extract_slice" and entries(user, "offsets")[0] == 0
            and entries(user, "strides")[0] == 1 and takes_whole_rows(user)
            and len(kept_axes(user)) == len(entries(user, "sizes")))


def _end_after(scan: ScanView, users: list[Op], ahead: Ahead) -> None:
    op = scan.op
    assert op.parent is not None
    ahead.go(users[0])
    b = Builder(op.parent, op, op.location)
    count = entry_values(b, users[0], "sizes")[0]
    reads = [read._replace(xs=rows_of(b, read.xs, b.index(0), count)) for read in scan.reads]
    set_operands(op, length=[count])
    given = [(user, scan.stack_of(user.operands[0])) for user in users]
    kept = {stack.result: stack for _, stack in given}
    new = {rows: scan.new_stack(stack.value, _rows_type(stack.result.type, constant_of(count)), stack.dims)
           for rows, stack in kept.items()}
    scan.rebuilt(reads, stacks=[*scan.stacks, *new.values()])
    for user, stack in given:
        rows, type = new[stack.result].result, user.result.type
        after = Builder(op.parent, user, user.location)
        user.replace_by([rows if rows.type == type else after.op("tensor.cast", [rows], [type])])
    scan.rebuilt(stacks=[stack for stack in scan.stacks if stack.result.uses])


def _rows_type(rows: t.Type, count: int | None) -> t.TensorType:
    assert isinstance(rows, t.TensorType)
    return t.TensorType((count, *rows.shape[1:]), rows.element)
