"""The checks of an op with regions as an op of its own, so that the op itself may run in fewer steps."""

from __future__ import annotations

from collections.abc import Iterator

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Value, clone_op
from scancc.ir.ops import CHECKS, has_trait, is_dead
from scancc.ir.parts import Branch, ScanView

from ..bufferizing.aliases import is_view
from ..bufferizing.order import is_inside

SMALL = 16  # elements of an array that costs no more than a branch


def is_long(value: Value) -> bool:
    """Whether it is an array that is worth a branch."""
    return isinstance(value.type, t.TensorType) and t.n_elements(value.type) > SMALL


def checks_apart(op: Op) -> Op | None:
    """A copy of `op`, before it, that makes its checks and gives nothing; None where these need arrays it makes."""
    block = op.parent
    assert block is not None
    needed = _needed_by_checks(op)
    if any(is_long(v) and not (v.op is not None and is_view(v.op)) for v in needed):
        return None
    mapping: dict[Value, Value] = {}
    copy = clone_op(op, mapping, lambda made: block.insert_before(op, made))
    _strip(copy, {mapping[v] for v in needed})
    return copy


def _needed_by_checks(op: Op) -> set[Value]:
    """The values inside `op` on which its checks depend, and whether they are made."""
    needed: set[Value] = set()
    pending = [v for check in op.walk() if has_trait(check, CHECKS)
               for v in (*check.operands, *_deciding(check.parent, op))]
    while pending:
        value = pending.pop()
        if value not in needed and _is_of(value, op):
            needed.add(value)
            pending += [*_made_of(value), *_deciding(value.block, op)]
    return needed


def _is_of(value: Value, op: Op) -> bool:
    made = value.op if value.op is not None else value.block.parent_op()
    return made is not None and is_inside(made, op)


def _deciding(block: Block | None, op: Op) -> Iterator[Value]:
    """What decides whether, and how often, a block inside `op` runs."""
    above = None if block is None else block.parent_op()
    while above is not None and is_inside(above, op):
        if above.name == "scan.scan":
            scan = ScanView(above)
            yield from [scan.length] if scan.stop is None else [scan.length, scan.stop]
        elif above.name == "scf.if":
            yield Branch(above).condition
        above = above.parent_op()


def _made_of(value: Value) -> Iterator[Value]:
    """The values from which one is made."""
    op = value.op if value.op is not None else value.block.parent_op()
    assert op is not None
    if op.name == "scan.scan":
        yield from _of_scan(ScanView(op), value)
    elif op.name == "scf.if":
        yield Branch(op).condition
        yield from (v for choice in Branch(op).choices if choice.result is value for v in choice[1:])
    else:
        yield from (v for inner in op.walk() for v in inner.operands)


def _of_scan(scan: ScanView, value: Value) -> Iterator[Value]:
    """An argument of a step, or a result."""
    yield from [scan.length] if scan.stop is None else [scan.length, scan.stop]
    yield from (x.xs for x in scan.reads if x.arg is value)
    for carry in scan.carries:
        if value in (carry.arg, carry.final):
            yield from (carry.init, carry.next, carry.arg)
    for stack in scan.stacks:
        if stack.result is value:
            yield from (stack.value, stack.rows, *stack.dims, *([] if stack.first is None else [stack.first]))


def _strip(op: Op, needed: set[Value]) -> None:
    """Take out what nothing needs: of results first, so that what made them goes, and then of what that read."""
    if op.name == "scf.if":
        _strip_branch(Branch(op), needed)
    if op.name == "scan.scan":
        _strip_scan(ScanView(op), needed)
    else:
        _strip_inside(op, needed)


def _strip_inside(op: Op, needed: set[Value]) -> None:
    for block in (block for region in op.regions for block in region.blocks):
        for inner in reversed(block.ops[:-1]):
            if is_dead(inner):
                inner.erase()
            else:
                _strip(inner, needed)


def _strip_scan(scan: ScanView, needed: set[Value]) -> None:
    reads = [x for x in scan.reads if x.arg in needed]
    carries = [c for c in scan.carries if c.arg in needed]
    stacks = [s for s in scan.stacks if s.result in needed]
    stop = [] if scan.stop is None else [scan.stop]
    scan.op.body.terminator.operands = [*(c.next for c in carries), *(s.value for s in stacks), *stop]
    _strip_inside(scan.op, needed)
    scan.rebuilt(reads, carries, stacks)


def _strip_branch(branch: Branch, needed: set[Value]) -> None:
    kept = [choice for choice in branch.choices if choice.result in needed]
    for number, side in enumerate(branch.sides):
        side.terminator.operands = [choice[1 + number] for choice in kept]
    branch.op.set_results([choice.result for choice in kept])
