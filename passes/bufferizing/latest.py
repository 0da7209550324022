"""A state that is the part of another state which the last step wrote.

    for %t in 0..%n {                                for %t in 0..%n carry(%s = %init) {
      %s = ... %s ...                         ->       %part = &%all[%t * 52..+52]
      copy %s to &%all[%t * 52..+52]                   %part = ... %s ...
    }                                                  yield %part }

Why: tiles of a recurrence that waits long hand on what they write into all rows: the rows are the memory, and
a second one, with a copy in each tile, took a third of the time.
Conservative: parts of numbers, of which none has an element of the one before: at the number of the step times at
least their length. Nobody else sees the whole array in the loop.
"""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Carry, ScanView
from scancc.ir.slices import Entry, entries


class Part(NamedTuple):
    """The op that writes a state into the array of another one, and how far it moves with a step."""

    write: Op
    whole: Carry
    length: int
    step: int


def latest_part(scan: ScanView, carry: Carry) -> Part | None:
    """The part of another state as which a state lives; None of others."""
    end, value = scan.op.body.terminator, carry.next
    write = next((op for op in value.uses if op.name == "tensor.insert_slice"), None)
    if scan.until or write is None or value.uses != {write: 1, end: 1} or operand(write, "source") is not value:
        return None
    whole = next((c for c in scan.carries if c.next is write.result), None)
    if whole is None or write.result.uses != {end: 1} or whole.arg.uses != {write: 1}:
        return None
    if operand(write, "dest") is not whole.arg or write.parent is not scan.op.body:
        return None
    offsets, lengths, strides = (entries(write, column) for column in ("offsets", "sizes", "strides"))
    step = _step(offsets[0], scan.counter)
    length = lengths[0]
    if strides != [1] or not isinstance(length, int) or step is None or step < length:
        return None
    is_all = isinstance(carry.arg.type, t.TensorType) and carry.arg.type.shape == (length,)
    return Part(write, whole, length, step) if is_all else None


def _step(offset: Entry, counter: Value) -> int | None:
    """The k of `counter * k`."""
    op = offset.op if isinstance(offset, Value) else None
    if op is None or op.name != "arith.muli" or counter not in op.operands:
        return None
    factors = [constant_of(v) for v in op.operands if v is not counter]
    return factors[0] if factors else None
