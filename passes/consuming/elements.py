"""Elements of rows that are arrays: where nobody reads more of the rows, the elements are kept in their place.

    %ys = scan.scan(... rows %n) { ... yield %q }         %es = scan.scan(... rows %n) {
    %e = tensor.extract %ys[%k, %i]                  ->     %e = tensor.extract %q[%i] ... yield %e }
                                                          %e = tensor.extract %es[%k]

Of a table that a step writes, rows are copies of the whole table; which of them is asked for, as the last but one, is
then a question about numbers. Where a check behind the scan guards the place, the step asks whether it is inside.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import ELEMENTWISE, group, has_trait, set_operands
from scancc.ir.parts import ScanView, Stack
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of
from scancc.ir.wording import rows_called

from .ahead import Ahead

MOST_PLACES = 4  # that are read of a row


def keep_elements(scan: ScanView) -> None:
    """Keep elements of rows in place of rows, wherever that is enough."""
    asked = [(stack, places) for stack in scan.stacks if (places := _places_read(scan, stack))]
    if not asked:
        return
    ahead = Ahead(scan.op)
    for stack, places in asked:
        if all(ahead.is_free(v) for at in places for v in at):
            _keep(scan, stack, places, ahead)


def takes_element(user: Op) -> bool:
    """Whether a reader takes one element of an array of rows."""
    return user.name == "tensor.extract" and len(group(user, "indices")) > 1


def _places_read(scan: ScanView, stack: Stack) -> list[tuple[Value, ...]]:
    """The places in rows of which readers take one element each; none where one takes more."""
    made, users = stack.value.op, stack.result.uses
    if not stack.row_shape or made is None or has_trait(made, ELEMENTWISE) or not scan.keeps_all(stack):
        return []
    if any(user.name != "tensor.extract" or user.parent is not scan.op.parent for user in users):
        return []
    places = dict.fromkeys(tuple(group(user, "indices")[1:]) for user in users)
    return list(places) if len(places) <= MOST_PLACES else []


def _keep(scan: ScanView, stack: Stack, places: list[tuple[Value, ...]], ahead: Ahead) -> None:
    op, block, users = scan.op, scan.op.parent, list(stack.result.uses)
    assert block is not None
    ahead.go(max(users, key=block.ops.index))
    guarded = not ahead.guarded.isdisjoint(users)
    type = t.TensorType(stack.result.type.shape[:1], t.element(stack.result.type))  # type: ignore[attr-defined]
    kept = {at: scan.new_stack(_element(scan, stack, at, guarded), type, []) for at in places}
    scan.rebuilt(stacks=[*scan.stacks, *kept.values()])
    for user in users:
        row, *at = group(user, "indices")
        set_operands(user, source=[kept[tuple(at)].result], indices=[row])
    remark("dead-outputs", op, True, f"of {rows_called(stack.result, stack.value)} single elements are kept")


def _element(scan: ScanView, stack: Stack, at: Sequence[Value], guarded: bool) -> Value:
    """An element of a step's row; 0 where a check will say that it is outside."""
    op, row = scan.op, stack.value
    assert op.parent is not None
    b, before = Builder(op.body, op.body.terminator, op.location), Builder(op.parent, op, op.location)
    type = t.element(row.type)
    if not guarded:
        return b.op("tensor.extract", [row, *at], [type])
    sizes = dims_of(before, stack.result)[1:]
    inside = reduce(lambda x, y: before.op("arith.andi", [x, y], [t.i1]),
                    [before.cmpi("ult", place, size) for place, size in zip(at, sizes, strict=True)])
    then, otherwise = (Builder(Block(), None, op.location) for _ in range(2))
    then.make("scf.yield", [then.op("tensor.extract", [row, *at], [type])])
    otherwise.make("scf.yield", [otherwise.const(0, type)])
    sides = [Region([side.block]) for side in (then, otherwise)]
    return b.make("scf.if", [inside], [type], None, sides).result
