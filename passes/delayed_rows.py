"""Reads rows of some steps before from states, where the first ones stand before them and all is reduced.

    %f, %ys = scan.scan(%n, %x, %h0) {...}             %f, %g, %ys, %zs = scan.scan(%n, %x, %h0, %zero) {
    %less = %ys[0..%n - 1]                      ->       ... the step that makes %h; before it was %past ...
    %late = scan.concat(splat %zero [1], %less)          scan.yield(%h, %h, %h, %past) }
    %d = arith.subf(%ys, %late)                        %d = arith.subf(%ys, %zs)
    %s = scan.reduce sum(%d, axes 0)                   %s = scan.reduce sum(%d, axes 0)

Why: `T.concatenate([T.zeros_like(h[:1]), h[:-1]])` is h of the step before, which the step has at hand; joined behind
the scan, it needs all rows of h, and as many for itself. Both then go where `fuse-consumers` and `tile` bring them.
Conservative: what is joined has surely as many rows as the scan has steps, and goes to reductions by elementwise ops
alone, as it would else be an array beside the rows; to none that waits for a later scan, as gradients by weights do;
up to eight steps; scans that have states, and do not stop.
Cost: linear in the block for each scan of which rows are joined. Runs after `fuse-scans`, which brings in the scans
that read rows so, and before `peel` and `fuse-consumers`, which look at all readers of the rows.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.equalities import sizes_equal_to
from scancc.ir.linear import linear
from scancc.ir.ops import operand
from scancc.ir.parts import ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of
from scancc.ir.wording import what

from .canonicalizing.sizes import parted
from .consuming.ahead import Ahead
from .consuming.chains import behind, is_reduced, makers, makes_rows
from .fusing.build import Step, erase_unread
from .fusing.maps import rule_of
from .fusing.rows import MAX_REGISTERS, Held, NoRow, Place, Plan


def delayed_rows(module: Op) -> None:
    """Let every scan keep the rows of the steps before that it is asked for."""
    for op in list(module.walk()):
        if op.name == "scan.scan" and op.parent is not None:
            scan = ScanView(op)
            late = _late(scan) if scan.init and not scan.until else []
            if late:
                _keep(scan, late)


def _late(scan: ScanView) -> list[Op]:
    """What is joined of rows of a scan, and reduced."""
    ends = behind((user for rows in scan.ys for user in rows.uses), _goes_on)
    found = dict.fromkeys(whole for end in ends if _joins(end) for whole in _whole(end))
    return [op for op in found if op.parent is scan.op.parent and _is_as_long(op, scan) and _goes_along(op, scan)]


def _goes_along(op: Op, scan: ScanView) -> bool:
    """Whether what is joined goes to reductions alone, and to none that waits for rows of a later scan."""
    return is_reduced(op.result) and not any(
        _waits(end, scan) for end in behind(op.result.uses, makes_rows) if end.name == "scan.dot")


def _waits(product: Op, scan: ScanView) -> bool:
    """Whether a factor of a product is made of what a scan behind this one gives."""
    block = scan.op.parent
    assert block is not None
    pending = [product]
    seen = {product, scan.op}
    while pending:
        op = pending.pop()
        if op.name == "scan.scan" and op.parent is block and block.place_of(op) > block.place_of(scan.op):
            return True
        further = [made for made in makers(op) if made not in seen]
        seen.update(further)
        pending += further
    return False


def _goes_on(op: Op) -> bool:
    """Whether an op makes some or all rows of rows."""
    return makes_rows(op) or op.name == "tensor.extract_slice" and not _is_of_joined(op)


def _is_of_joined(op: Op) -> bool:
    source = operand(op, "source").op
    return source is not None and _joins(source)


def _joins(op: Op) -> bool:
    return op.name == "scan.concat" and op.attrs["axis"].value == 0 and len(op.operands) == 2


def _whole(joined: Op) -> list[Op]:
    """What is joined, or the parts of it that others read in its place."""
    users = list(joined.result.uses)
    return users if all(user.name == "tensor.extract_slice" for user in users) else [joined]


def _is_as_long(op: Op, scan: ScanView) -> bool:
    """Whether those who read what is joined know that it has a row for each step."""
    assert op.parent is not None
    b = Builder(op.parent, op, op.location)
    count, *_ = dims_of(b, op.result)
    whole = parted(count.op) if count.op is not None and count.op.name == "arith.addi" else None
    return linear(whole or count) == linear(scan.length) or all(
        any(linear(size) == linear(count) for size in sizes_equal_to(scan.length, user)) for user in op.result.uses)


def _keep(scan: ScanView, late: list[Op]) -> None:
    planned = _planned(scan, late)
    if not planned:
        return
    block = scan.op.parent
    assert block is not None
    Ahead(scan.op).go(max(planned, key=block.ops.index))
    step = Step(scan, linear(scan.length))
    kept = {op: _stack(step, op, row) for op, row in planned.items()}
    scan.rebuilt([*scan.reads, *step.reads], [*scan.carries, *step.carries], [*scan.stacks, *kept.values()])
    for op, stack in kept.items():
        remark("delayed-rows", op, True, f"{what(op)} is a state of the scan: it is reduced along its steps")
        _give(op, stack.result)


def _planned(scan: ScanView, late: list[Op]) -> dict[Op, Held]:
    """How the step has what is joined."""
    behind = Ahead(scan.op).behind
    found = {}
    for op in late:
        assert op.parent is not None
        plan = Plan(scan, behind, Builder(op.parent, op, op.location), rule_of, linear(scan.length))
        try:
            row = plan.row(op.result, Place())
            plan.sizes(op.result)
        except NoRow:
            continue
        if isinstance(row, Held) and row.lag <= MAX_REGISTERS:
            found[op] = row
    return found


def _stack(step: Step, op: Op, row: Held) -> Stack:
    scan, type = step.scan, op.result.type
    assert isinstance(type, t.TensorType) and scan.op.parent is not None
    before = Builder(scan.op.parent, scan.op, op.location)
    rows = t.TensorType((constant_of(scan.length), *type.shape[1:]), type.element)
    sizes = zip(type.shape[1:], dims_of(before, op.result)[1:], strict=True)
    return scan.new_stack(step.value(row), rows, [size for known, size in sizes if known is None])


def _give(op: Op, rows: Value) -> None:
    assert op.parent is not None
    read, type, b = op.operands, op.result.type, Builder(op.parent, op, op.location)
    op.replace_by([rows if rows.type == type else b.op("tensor.cast", [rows], [type])])
    erase_unread(read)
