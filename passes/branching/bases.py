"""From which array of a step, or outside, an array is made by writes and moves."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Branch, ScanView

from ..bufferizing.chains import kept_part

INSERTS = ("tensor.insert", "tensor.insert_slice", "scan.scatter")


def leads_back(states: set[Value], value: Value, ops: Sequence[Op]) -> bool:
    """Whether a value is a state, or comes from one by writes and moves among `ops`."""
    base = base_of(states, value, ops)
    return base in states


def base_of(states: set[Value], value: Value, ops: Sequence[Op]) -> Value | None:
    """The state, or the value from elsewhere, that writes and moves among `ops` make into a value; None where
    something else makes it."""
    while value not in states and value.op is not None and value.op in ops:
        op = value.op
        through = _THROUGH.get(op.name)
        source = source_of(op) if through is None else through(states, op, value)
        if source is None:
            return None
        value = source
    return value


def _of_branch(states: set[Value], op: Op, value: Value) -> Value | None:
    """That of both sides of a branch which chooses one array."""
    choice = next(choice for choice in Branch(op).choices if choice.result is value)
    bases = [base_of(states, side, block.ops) for side, block in zip(choice[1:], Branch(op).sides, strict=True)]
    if not chooses_an_array(op) or None in bases or bases[0] is not bases[1] and not all(v in states for v in bases):
        return None
    return bases[0]


def _of_scan(states: set[Value], op: Op, value: Value) -> Value | None:
    """Where a scan begins whose steps write and move one of its states."""
    carry = next((carry for carry in ScanView(op).carries if carry.final is value and carry.depth == 1), None)
    if carry is None or base_of({carry.arg}, carry.next, op.body.ops) is not carry.arg:
        return None
    return carry.init


_THROUGH = {"scf.if": _of_branch, "scan.scan": _of_scan}


def source_of(op: Op) -> Value | None:
    """The array that a write or a move changes; what it keeps of it is its own."""
    if op.name in INSERTS:
        return operand(op, "dest")
    kept = kept_part(op) if op.name == "scan.concat" else None
    return None if kept is None else operand(kept, "source")


def source_before(value: Value, side: Block) -> Value:
    """What is outside a side of a branch, where writes and moves in it begin that make `value`."""
    while value.op is not None and value.op.parent is side and (source := source_of(value.op)) is not None:
        value = source
    return value


def chooses_an_array(op: Op) -> bool:
    """Whether a branch chooses one array, as those made here."""
    return sum(isinstance(v.type, t.TensorType) for v in op.results) == 1


