"""The first steps of a scan, put before it: what reads its rows from a later one on then reads all of them."""

from __future__ import annotations

from collections.abc import Iterable

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Value, clone_op
from scancc.ir.ops import CHECKS, has_trait, set_operands
from scancc.ir.parts import Read, ScanView
from scancc.ir.shapes import dims_of
from scancc.ir.slices import Entry, constant_entries, number_of, slice_parts

from ..consuming.ahead import varies

MOST_LAG = 8  # steps ago of which a row is carried on
SHORT = 64    # ops of a step that may stand twice


def may_stand_twice(scan: ScanView) -> bool:
    """Whether a step is short, and has no checks, which name their step."""
    ops = list(scan.op.walk())
    return len(ops) <= SHORT and not any(has_trait(op, CHECKS) and varies(op, scan.op) for op in ops)


def left_out(count: Entry, scan: ScanView) -> int | None:
    """By how much a count is less than the steps, where it is plainly that, or 0 where there are fewer."""
    steps = constant_of(scan.length)
    if steps is not None:
        known = number_of(count)
        return None if known is None else steps - known
    most = count.op if isinstance(count, Value) else None
    if most is None or most.name != "arith.maxsi" or constant_of(most.operands[1]) != 0:
        return None
    less = most.operands[0].op
    if less is None or less.name != "arith.subi" or less.operands[0] is not scan.length:
        return None
    return constant_of(less.operands[1])


def cut_off(scan: ScanView, b: Builder, first: Value, rest: Value, earlier: Iterable[tuple[Value, int]],
            ) -> dict[tuple[Value, int], Value]:
    """Let a scan begin behind its `first` steps, which run before it, with the `rest`; `earlier`: values of the step,
    and so many steps ago, of which there are values in the step then."""
    ago = _carried_on(scan, b, earlier)
    head = _head(scan, b, first)
    set_operands(scan.op, length=[rest])
    reads = [read._replace(xs=rows_of(b, read.xs, first, rest)) for read in scan.reads]
    carries = [carry._replace(init=final) for carry, final in zip(scan.carries, head.finals, strict=True)]
    count_from(scan, first)
    scan.rebuilt(reads, carries)
    return ago


def _head(scan: ScanView, b: Builder, first: Value) -> ScanView:
    """The first steps, of which no rows are kept."""
    parts = [rows_of(b, xs, b.index(0), first) for xs in scan.xs]
    head = ScanView(clone_op(scan.op, {}, b.insert))
    set_operands(head.op, length=[first])
    head.rebuilt([Read(xs, arg) for xs, arg in zip(parts, head.x_args, strict=True)], stacks=[])
    return head


def rows_of(b: Builder, rows: Value, first: Value, count: Value) -> Value:
    """Of an array so many rows, from the `first` on."""
    assert isinstance(rows.type, t.TensorType)
    sizes = dims_of(b, rows)[1:]
    zeros: list[Entry] = [0] * len(sizes)
    groups, attrs = slice_parts([*constant_entries([first]), *zeros], constant_entries([count, *sizes]),
                                [1] * (1 + len(sizes)))
    type = t.TensorType((constant_of(count), *rows.type.shape[1:]), rows.type.element)
    return b.grouped("tensor.extract_slice", {"source": [rows], **groups}, [type], attrs).result


def count_from(scan: ScanView, first: Value) -> None:
    """Let the step count on from `first`."""
    counter, body = scan.counter, scan.op.body
    if not counter.uses:
        return
    b = Builder(body, body.ops[0], scan.op.location)
    users = list(counter.uses)
    number = b.addi(counter, first)
    for user in users:
        user.replace_operand(counter, number)


def _carried_on(scan: ScanView, b: Builder, earlier: Iterable[tuple[Value, int]]) -> dict[tuple[Value, int], Value]:
    """The values of so many steps ago, as the state whose new one a value is, and states that are added: what these
    begin as nobody reads."""
    ago: dict[tuple[Value, int], Value] = {}
    added = []
    for row, lag in earlier:
        state = next((c for c in scan.carries if c.depth == 1 and c.next is row), None)
        nothing = _nothing(scan, b, row) if state is None else state.init
        for k in range(1, lag + 1):
            if k == 1 and state is not None:
                ago[row, 1] = state.arg
            elif (row, k) not in ago:
                added.append(scan.new_carry(nothing, ago.get((row, k - 1), row)))
                ago[row, k] = added[-1].arg
    if added:
        scan.rebuilt(carries=[*scan.carries, *added])
    return ago


def _nothing(scan: ScanView, b: Builder, row: Value) -> Value:
    """Something of the type of a row that is kept."""
    zero, stack = b.const(0, t.element(row.type)), next(stack for stack in scan.stacks if stack.value is row)
    return b.op("tensor.splat", [zero, *stack.dims], [row.type]) if isinstance(row.type, t.TensorType) else zero
