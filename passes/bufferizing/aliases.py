"""Who shares memory with whom, before there are buffers.

A result has, or may have, the memory of another value: a view that of its source, a branch that of what either side
yields, a joined array that of its parts, a state that of the stack whose last row it is or, where no step runs, of
its initial value. Views have a trait; the table `SHARED` has a rule for each other op. All questions go through these
pairs, forwards and backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import TERMINATOR, VIEW, has_trait, operand
from scancc.ir.parts import Branch, ScanView

from .context import AT_TARGET
from .latest import latest_part

Pairs = Iterator[tuple[Value, Value]]  # a value, and a result that may have its memory


def _branch(op: Op) -> Pairs:
    for choice in Branch(op).choices:
        yield choice.then, choice.result
        yield choice.otherwise, choice.result


def _scan(op: Op) -> Pairs:
    """A state whose rows are kept may live in them, and one that is written into another state in that."""
    scan = ScanView(op)
    stacks = scan.stacks
    for carry in scan.carries:
        rows = [stack.result for stack in stacks if stack.value is carry.next]
        if rows:
            yield from ((source, carry.final) for source in (carry.init, *rows))
        elif (part := latest_part(scan, carry)) is not None:
            yield from ((source, carry.final) for source in (carry.init, part.whole.final))


def _concat(op: Op) -> Pairs:
    """A part may be made where it is joined to others."""
    return ((part, op.result) for part in op.operands if may_be_part(part, op))


SHARED: dict[str, Callable[[Op], Pairs]] = {"scf.if": _branch, "scan.scan": _scan, "scan.concat": _concat}


IN_COLUMNS = ("linalg.generic", "scan.concat", "scan.scan")  # what can write elements that do not lie in one piece


def may_be_part(value: Value, join: Op) -> bool:
    """Whether the op that makes an array stands beside `join`, and can write where it is told to (`joins.py`)."""
    made = value.op
    writes = AT_TARGET if join.attrs["axis"].value == 0 else IN_COLUMNS
    return made is not None and made.parent is join.parent and made.name in writes


def shares_memory(value: Value, other: Value) -> bool:
    """True if both may have memory of one array."""
    return not origins(value).keys().isdisjoint(origins(other))


def origins(value: Value) -> dict[Value, None]:
    """`value`, and all whose memory it may have."""
    found = {value: None}
    pending = [value]
    while pending:
        reached = [v for v in _sources(pending.pop()) if v not in found]
        found.update(dict.fromkeys(reached))
        pending += reached
    return found


def exchanged(op: Op) -> dict[Value, None]:
    """The arrays, of one type and in memory of their own, that a branch hands on in one order or in another."""
    choices = [choice for choice in Branch(op).choices if isinstance(choice.result.type, t.TensorType)]
    then, otherwise = ([choice[side] for choice in choices] for side in (1, 2))
    sources = dict.fromkeys(then)
    if len(choices) < 2 or sources.keys() != set(otherwise) or len(sources) < len(choices):
        return {}
    alike = len({choice.result.type for choice in choices}) == 1
    outside = all(value.block is not side for side in Branch(op).sides for value in sources)
    apart = not any(shares_memory(x, y) for n, x in enumerate(then) for y in then[:n])
    return sources if alike and outside and apart else {}


def is_view(op: Op) -> bool:
    """Whether the result is an array in the memory of the operand; one element is read instead."""
    return bool(op.results) and has_trait(op, VIEW) and isinstance(op.result.type, t.TensorType)


def handed_on(value: Value) -> Iterator[tuple[Op, Value]]:
    """The values that may have the memory of `value`, and the ops that make them."""
    for op in _sharing(value):
        if op is not None:
            yield from ((op, result) for source, result in _pairs(op) if source is value)


def _sources(value: Value) -> Iterator[Value]:
    """The values whose memory `value` may have."""
    return (source for source, result in _pairs(value.op) if result is value)


def _sharing(value: Value) -> dict[Op | None, None]:
    """The ops that may hand on the memory of `value`: what makes it, its users, and ops whose regions yield it."""
    yielding = [user.parent_op() for user in value.uses if has_trait(user, TERMINATOR)]
    return dict.fromkeys([value.op, *value.uses, *yielding])


def _pairs(op: Op | None) -> Pairs:
    if op is not None and op.name in SHARED:
        yield from SHARED[op.name](op)
    elif op is not None and is_view(op):
        yield operand(op, "source"), op.result
