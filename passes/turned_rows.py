"""Keeps rows from the last step to the first where they are read so, and in another shape.

    %f, %ys = scan.scan(%n, rows %n) {...}                  %f, %back = scan.scan(%n, rows %n from %n-1 by -1) {...}
    %back = tensor.extract_slice %ys[%n-1][%n][-1]   ->     %flat = scan.reshape %back
    %flat = scan.reshape %back                              %ys = tensor.extract_slice %back[%n-1][%n][-1]
    %s = linalg.generic ins(%ys) { sum }                    %s = linalg.generic ins(%ys) { sum }

Why: the gradient by the weights of a layer is one product, in which the rows of all steps and all of a batch are one
axis. The reverse of a scan makes them from the last step on; what turns them is a view, but has no other shape
without a copy of them all. A gradient of an LSTM copied 3 MB so, a twentieth of its time.
Conservative: all rows of a scan that runs to its end, which are arrays, none of them a state. Who else reads them is
a loop nest, which reads rows in any order as fast; sums keep the order that they had.
Cost: linear. Runs after `fuse-consumers` and `tile`, which move what reads the rows in the order of the steps.
"""

from __future__ import annotations

from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of
from scancc.ir.slices import constant_entries, entries, slice_parts
from scancc.ir.wording import rows_called

from .consuming.parts import takes_every_row, takes_whole_rows


def turned_rows(module: Op) -> None:
    """Turn the rows of every scan that are better kept so."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            scan = ScanView(op)
            views = {stack.result: _views(stack) for stack in scan.stacks if _may_be_turned(scan, stack)}
            _turn(scan, {rows: found for rows, found in views.items() if _are_reshaped(rows, found)})


def _may_be_turned(scan: ScanView, stack: Stack) -> bool:
    is_state = any(stack.value is carry.next for carry in scan.carries)
    return bool(stack.row_shape) and scan.keeps_all(stack) and not scan.until and not is_state


def _are_reshaped(rows: Value, views: list[Op]) -> bool:
    """Whether rows get another shape once they are turned, and but for that are read by loop nests alone."""
    others = [user for user in rows.uses if user not in views]
    return all(user.name == "linalg.generic" for user in others) and any(
        user.name == "scan.reshape" for view in views for user in view.result.uses)


def _views(stack: Stack) -> list[Op]:
    """The readers that take all rows, from the last to the first."""
    return [user for user in stack.result.uses if _turns(user)]


def _turns(user: Op) -> bool:
    """Whether a reader takes all rows, from the last to the first."""
    return (user.name == "tensor.extract_slice" and entries(user, "strides")[0] == -1
            and user.result.type == operand(user, "source").type and takes_every_row(user) and takes_whole_rows(user))


def _turn(scan: ScanView, views: dict[Value, list[Op]]) -> None:
    """Keep the rows turned of which there are such views."""
    op = scan.op
    if not views or op.parent is None:
        return
    before = Builder(op.parent, op, op.location)
    last = before.subi(scan.length, before.index(1))
    scan.rebuilt(stacks=[stack._replace(first=last, stride=-1) if stack.result in views else stack
                         for stack in scan.stacks])
    for stack in scan.stacks:
        if stack.result in views:
            _read_turned(op, stack.result, views[stack.result])
            remark("turned-rows", op, True, f"{rows_called(stack.result, stack.value)} is kept from the last row to "
                   "the first: so it is read in another shape")


def _read_turned(scan: Op, rows: Value, views: list[Op]) -> None:
    """Let readers of rows that are turned now read them as before."""
    others = [user for user in rows.uses if user not in views]
    if others:
        in_order = _turned_again(scan, rows)
        for user in others:
            user.replace_operand(rows, in_order)
    for view in views:
        view.replace_by([rows])


def _turned_again(scan: Op, rows: Value) -> Value:
    """Rows that are kept from the last one on, in the order of the steps."""
    assert scan.parent is not None
    block = scan.parent.ops
    b = Builder(scan.parent, block[block.index(scan) + 1], scan.location)
    steps, *others = dims_of(b, rows)
    rest = constant_entries(others)
    groups, attrs = slice_parts([b.subi(steps, b.index(1)), *[0] * len(rest)], constant_entries([steps, *others]),
                                [-1, *[1] * len(rest)])
    return b.grouped("tensor.extract_slice", {"source": [rows], **groups}, [rows.type], attrs).result
