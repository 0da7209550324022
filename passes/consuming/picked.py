"""Rows where a mask holds, that reductions alone read: the step asks whether its row is one.

    %state, %places = scan.scan(%n, ...) {                 %s, ... = scan.scan(%n, ...) {
      %more = arith.select(%holds, %k + 1, %k)               %more = arith.select(%holds, %k + 1, %k)
      %with = tensor.insert %t into %at[%k] }          ->    %b = arith.maximumf(%best, %y)
    %some = scan.gather(%ys, %places[0..%state])             %best_next = arith.select(%holds, %b, %best) }
    %m = scan.reduce max(%some, axes 0)

So has a boolean mask its positions (`lowering/masks.py`), in one loop with the rows (`fuse-scans`).
"""

from __future__ import annotations

from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, operand
from scancc.ir.parts import Carry, ScanView
from scancc.ir.slices import entries
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Picked:
    """The rows of the steps in which something holds. `number`: how many there were before."""

    holds: Value
    number: Value
    count: Value

    def now(self, scan: ScanView, b: Builder) -> tuple[Value, Value]:
        """Whether the step's row is one of them, and its number among them."""
        return self.holds, self.number


def picked_by(gather: Op, scan: ScanView) -> Picked | None:
    """The rows that an op takes at positions where a mask holds, which the scan writes down."""
    if gather.name != "scan.gather" or gather.attrs["axes"].values != (0,):
        return None
    part = group(gather, "indices")[0].op
    if part is None or part.name != "tensor.extract_slice" or entries(part, "offsets") != [0]:
        return None
    places = next((carry for carry in scan.carries if carry.final is operand(part, "source")), None)
    counter = None if places is None else _counts(places, scan)
    (length,) = entries(part, "sizes")
    if counter is None or not isinstance(length, Value) or not _is_count(length, counter.final):
        return None
    choice = counter.next.op
    assert choice is not None
    return Picked(choice.operands[0], counter.arg, length)


def _counts(places: Carry, scan: ScanView) -> Carry | None:
    """The number of positions so far, of a state into which a step writes its own where something holds."""
    write = places.next.op
    if write is None or write.name != "tensor.insert" or operand(write, "dest") is not places.arg:
        return None
    at, now = group(write, "indices")[0], operand(write, "value").op
    if now is None or now.name != "arith.index_cast" or now.operands[0] is not scan.counter:
        return None
    counter = next((carry for carry in scan.carries if carry.arg is at), None)
    return counter if counter is not None and _goes_on(counter) else None


def _goes_on(counter: Carry) -> bool:
    """Whether a state counts the steps in which something holds."""
    choice = counter.next.op
    if choice is None or choice.name != "arith.select" or constant_of(counter.init) != 0:
        return False
    _, more, same = choice.operands
    return (same is counter.arg and more.op is not None and more.op.name == "arith.addi"
            and more.op.operands[0] is counter.arg and constant_of(more.op.operands[1]) == 1)


def _is_count(length: Value, final: Value) -> bool:
    """Whether a length is a count, which bounds are said of."""
    while length is not final and length.op is not None and length.op.name in ("arith.minsi", "arith.maxsi"):
        length = length.op.operands[0]
    return length is final
