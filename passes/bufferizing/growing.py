"""Room for the rows of a scan that may stop long before all the steps that it may run.

    %room = min(%n, max(%bound_0, 1 MiB of rows))
    while %t < %room and it goes on
    scan.check(it does not go on, or %t >= %n) {BoundExceeded: (%room + 1) * 2 is needed}

Native code allocates nothing, so rows grow by starting again: the caller guesses how many there are, calls again with
twice as much room where that was too little, and keeps what it learned (`artifact.py`). All starts together run less
than twice the steps of the last one.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from scancc.artifact import BOUND_EXCEEDED
from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Value
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark

from ..planning.numbers import is_small
from .context import Context

LEAST_BYTES = 1 << 20  # of rows for which there is room in any case
LENGTH = 64             # of an axis that only running tells


class Room(NamedTuple):
    """For how many rows, `size`, a scan of `length` steps has room: all of them, where no `guess` says otherwise."""

    size: Value
    length: Value
    guess: int | None = None

    def require(self, b: Builder, goes_on: Value, steps: Value) -> None:
        """A check, after so many steps, that the scan did not end for lack of room."""
        if self.guess is None:
            return
        ended = b.condition("ori", b.opposite(goes_on), b.cmpi("sge", steps, self.length))
        needed = b.muli(b.addi(self.size, b.index(1)), b.index(2))
        b.make("scan.check", [ended, needed, b.index(self.guess)], [], {
            "error": BOUND_EXCEEDED, "message":
            f"bound_{self.guess} is too small for the rows of a scan that goes on: {{0}} is needed"})


def room_of(c: Context, scan: ScanView) -> Room:
    """Room for all steps, where these are few or as many as an array has rows; else for as many as are guessed."""
    length = c.get(scan.length)
    if not (c.grow_rows and scan.until and scan.stacks) or scan.xs:
        return Room(length, length)
    if has_room(scan, length) or _most(length) is None and is_small(length):
        return Room(length, length)
    number, least = c.n_guesses, c.b.index(LEAST_BYTES // _row_nbytes(scan))
    room = Room(c.b.minsi(length, c.b.maxsi(_guessed(c), least)), length, number)
    remark("bufferize", scan.op, True, f"its rows grow as it runs: the caller guesses as bound_{number} how many "
           "there are, and calls again where there are more")
    return room


def has_room(scan: ScanView, length: Value) -> bool:
    """Whether there is room for the rows of all steps, `length`, since these are known to be few."""
    steps = _most(length)
    return steps is not None and steps <= LEAST_BYTES // _row_nbytes(scan)


def _most(length: Value) -> int | None:
    """How many steps there are at the most, as of a tile, where that is known."""
    bounds = length.op.operands if length.op is not None and length.op.name == "arith.minsi" else [length]
    return min((n for n in map(constant_of, bounds) if n is not None), default=None)


def _row_nbytes(scan: ScanView) -> int:
    """What one step adds to all rows, about."""
    nbytes = (t.nbytes(t.element(stack.value.type)) * prod(LENGTH if n is None else n for n in stack.row_shape)
              for stack in scan.stacks)
    return max(1, sum(nbytes))


def _guessed(c: Context) -> Value:
    """What the caller guesses, read at the start of the function."""
    block = c.b.pool
    assert block is not None
    guess = block.insert_arg(c.n_inputs + c.n_guesses, t.MemRefType((), t.i64), f"bound_{c.n_guesses}")
    c.n_guesses += 1
    b = Builder(block, block.ops[0] if block.ops else None, c.b.location)
    return b.index_cast(b.op("memref.load", [guess], [t.i64]), t.index)
