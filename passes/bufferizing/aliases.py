"""Who shares memory with whom, before there are buffers.

A result has, or may have, the memory of another value: a view that of its source, a branch that of what either side
yields, a state that of the stack whose last row it is or, where no step runs, of its initial value. Views have a
trait; the table `SHARED` has a rule for each other op. All questions go through these pairs, forwards and backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from scancc.ir.core import Op, Value
from scancc.ir.ops import TERMINATOR, VIEW, has_trait, operand
from scancc.ir.parts import Branch, ScanView

Pairs = Iterator[tuple[Value, Value]]  # a value, and a result that may have its memory


def _branch(op: Op) -> Pairs:
    for choice in Branch(op).choices:
        yield choice.then, choice.result
        yield choice.otherwise, choice.result


def _scan(op: Op) -> Pairs:
    """A state whose rows are kept may live in them."""
    scan = ScanView(op)
    stacks = scan.stacks
    for carry in scan.carries:
        rows = [stack.result for stack in stacks if stack.value is carry.next]
        if rows:
            yield from ((source, carry.final) for source in (carry.init, *rows))


SHARED: dict[str, Callable[[Op], Pairs]] = {"scf.if": _branch, "scan.scan": _scan}


def shares_memory(value: Value, other: Value) -> bool:
    """True if both may have memory of one array."""
    return not _origins(value).keys().isdisjoint(_origins(other))


def readers(value: Value) -> list[Op]:
    """Ops that read `value`, or another that may share memory with it."""
    return [user for reached in _closure(_origins(value), _results) for user in reached.uses]


def _origins(value: Value) -> dict[Value, None]:
    """`value`, and all whose memory it may have."""
    return _closure([value], _sources)


def last_reader(op: Op, value: Value) -> bool:
    """True if nothing after `op` reads `value`, or another that may share memory with it."""
    block = op.parent
    assert block is not None
    if value.block is not block:
        return False
    position = {o: i for i, o in enumerate(block.ops)}
    return all(_ancestor_position(user, position) <= position[op] for user in readers(value))


def _closure(values: Iterable[Value], step: Callable[[Value], Iterator[Value]]) -> dict[Value, None]:
    """`values` and all that is reached from them."""
    found = dict.fromkeys(values)
    pending = list(found)
    while pending:
        reached = [v for v in step(pending.pop()) if v not in found]
        found.update(dict.fromkeys(reached))
        pending += reached
    return found


def _sources(value: Value) -> Iterator[Value]:
    """The values whose memory `value` may have."""
    return (source for source, result in _pairs(value.op) if result is value)


def _results(value: Value) -> Iterator[Value]:
    """The values that may have the memory of `value`."""
    return (result for op in _sharing(value) for source, result in _pairs(op) if source is value)


def _sharing(value: Value) -> dict[Op | None, None]:
    """The ops that may hand on the memory of `value`: what makes it, its users, and ops whose regions yield it."""
    yielding = [user.parent_op() for user in value.uses if has_trait(user, TERMINATOR)]
    return dict.fromkeys([value.op, *value.uses, *yielding])


def _pairs(op: Op | None) -> Pairs:
    if op is not None and op.name in SHARED:
        yield from SHARED[op.name](op)
    elif op is not None and has_trait(op, VIEW):
        yield operand(op, "source"), op.result


def _ancestor_position(op: Op, position: dict[Op, int]) -> int:
    """Position in the block of `op` or of the op that holds it."""
    current: Op | None = op
    while current is not None and current not in position:
        current = current.parent_op()
    return position[current] if current is not None else len(position)
