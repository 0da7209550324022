"""Keeps rows from the last step to the first where they are read so, in another shape or with others put between.

    %f, %ys = scan.scan(%n, rows %n) {...}                  %f, %back = scan.scan(%n, rows %n from %n-1 by -1) {...}
    %back = tensor.extract_slice %ys[%n-1][%n][-1]   ->     %flat = scan.reshape %back
    %flat = scan.reshape %back                              %ys = tensor.extract_slice %back[%n-1][%n][-1]
    %s = linalg.generic ins(%ys) { sum }                    %s = linalg.generic ins(%ys) { sum }

Why: the gradient by the weights of a layer is one product, in which the rows of all steps and all of a batch are one
axis. The reverse of a scan makes them from the last step on; what turns them is a view, but has no other shape
without a copy of them all. A gradient of an LSTM copied 3 MB so, a twentieth of its time. Others put between them,
as the gradient of `r[1:]` is between those of `r`, are written where the rows lie, if these lie in that order:
a GARCH likelihood's gradient by its returns is not copied. Arrays that are kept in both orders are kept once.
Conservative: all rows of a scan that runs to its end, none of them a state. Who else reads them is a loop nest, which
reads rows, or parts of them, in any order as fast; sums keep the order that they had, and one of all elements, which
goes along memory, keeps the rows in theirs.
Cost: linear. Runs after `fuse-consumers` and `tile`, which move what reads the rows in the order of the steps.
"""

from __future__ import annotations

from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.linear import linear
from scancc.ir.ops import operand
from scancc.ir.parts import Nest, ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, rank
from scancc.ir.slices import COLUMNS, constant_entries, entries, slice_parts
from scancc.ir.wording import rows_called

from .consuming.parts import goes_back, keeps_all_turned, turns_rows


def turned_rows(module: Op) -> None:
    """Turn the rows of every scan that are better kept so, and keep none in both orders."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            scan = ScanView(op)
            views = {stack.result: _views(stack) for stack in scan.stacks if _may_be_turned(scan, stack)}
            _turn(scan, {rows: found for rows, found in views.items() if _are_copied(rows, found)})
            _keep_once(scan)


def _may_be_turned(scan: ScanView, stack: Stack) -> bool:
    is_state = any(stack.value is carry.next for carry in scan.carries)
    return scan.keeps_all(stack) and not scan.until and not is_state


def _are_copied(rows: Value, views: list[Op]) -> bool:
    """Whether rows, once they are turned, get another shape or others are put between them; but for that loop nests
    alone read them, or parts of them."""
    others = [user for user in rows.uses if user not in views]
    return all(_is_read_by_nests(user) for user in others) and any(
        _copies(user, view.result) for view in views for user in view.result.uses)


def _copies(user: Op, rows: Value) -> bool:
    """Whether a reader of turned rows takes them in memory, in order."""
    if user.name == "tensor.insert_slice":
        return operand(user, "dest") is rows
    return user.name == "scan.reshape" and rank(rows) > 1


def _is_read_by_nests(user: Op) -> bool:
    if user.name == "tensor.extract_slice" and isinstance(entries(user, "strides")[0], int):
        return all(map(_goes_by_rows, user.result.uses))
    return _goes_by_rows(user)


def _goes_by_rows(user: Op) -> bool:
    """Whether a reader is a loop nest, and none that sums all elements: that goes along memory, whatever rows are."""
    if user.name != "linalg.generic":
        return False
    nest = Nest(user)
    return len(nest.reduced) < len(nest.kinds) or len(nest.kinds) == 1


def _views(stack: Stack) -> list[Op]:
    """The readers that take all rows, from the last to the first."""
    return [user for user in stack.result.uses
            if goes_back(user) and user.result.type == stack.result.type and turns_rows(user)]


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
    _read_backwards(scan, rows, [user for user in rows.uses if user not in views], rows)
    for view in views:
        view.replace_by([rows])


def _read_backwards(scan: Op, rows: Value, readers: list[Op], turned: Value) -> None:
    """Let readers of rows have them of those that are turned."""
    parts = [user for user in readers if user.name == "tensor.extract_slice"]
    for part in parts:
        part.replace_by([_part_of_turned(part, turned)])
    others = [user for user in readers if user not in parts]
    in_order = _turned_again(scan, turned) if others else turned
    for user in others:
        user.replace_operand(rows, in_order)


def _part_of_turned(part: Op, turned: Value) -> Value:
    """What a part takes of rows, of those that are turned."""
    assert part.parent is not None
    b = Builder(part.parent, part, part.location)
    steps, *_ = dims_of(b, turned)
    (first, *offsets), sizes, (stride, *strides) = (entries(part, column) for column in COLUMNS)
    assert isinstance(stride, int)
    place = (linear(steps) - linear(1) - linear(first)).built(b)
    groups, attrs = slice_parts([place, *offsets], sizes, [-stride, *strides])
    return b.grouped("tensor.extract_slice", {"source": [turned], **groups}, [part.result.type],
                     {**part.attrs, **attrs}).result


def _keep_once(scan: ScanView) -> None:
    """Let loop nests that read arrays in the order of the steps read those that are kept turned."""
    turned = {stack.value: stack.result for stack in scan.stacks if stack.row_shape and keeps_all_turned(scan, stack)}
    twice = [stack for stack in scan.stacks if stack.value in turned and _may_be_turned(scan, stack)
             and all(map(_is_read_by_nests, stack.result.uses))]
    for stack in twice:
        _read_backwards(scan.op, stack.result, list(stack.result.uses), turned[stack.value])
        remark("turned-rows", scan.op, True, f"{rows_called(stack.result, stack.value)} is kept from the last row to "
               "the first alone: what reads it in order reads it backwards")
    if twice:
        scan.rebuilt(stacks=[stack for stack in scan.stacks if stack.result.uses or not _is_one_of(stack, twice)])


def _is_one_of(stack: Stack, stacks: list[Stack]) -> bool:
    return any(stack.result is other.result for other in stacks)


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
