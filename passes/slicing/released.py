"""States of an `until` scan's lanes that need not stay as they were once their lane is done.

    %alive = %x * %x <= 4.0                       %alive = %x * %x <= 4.0 and the lane goes on
    %x_next = select(%alive, %x * %x + %c, %x)    %x_next = %x * %x + %c
    %n_next = %n + (%alive ? 1 : 0)         ->    %n_next = %n + (%alive ? 1 : 0)

A lane that is done waits for its neighbours, and its step runs along. What it makes of `x` then is of use to nobody:
the last `x` is not read, and all else changes only where `alive` holds, which is false for good by the truth that the
lane keeps. So the chain from `x` to `x` has neither the comparison nor the choice: 9 cycles in place of 16 for the
points of a Mandelbrot set.
"""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.core import Value
from scancc.ir.parts import ScanView

from .settling import Lane, Number, Settling, is_opposite

# What may run on any numbers: it takes as long, does not trap, and leaves no value undefined.
_ON_ANY = frozenset((
    "arith.constant", "arith.addf", "arith.subf", "arith.mulf", "arith.divf", "arith.negf", "arith.maximumf",
    "arith.minimumf", "arith.cmpf", "arith.select", "arith.andi", "arith.ori", "arith.xori", "arith.extui",
    "arith.addi", "arith.subi", "arith.muli", "arith.cmpi", "arith.sitofp", "arith.uitofp", "arith.extf",
    "arith.truncf", "math.fma", "math.sqrt", "math.absf", "linalg.yield"))
_AROUND = frozenset(("linalg.generic", "tensor.empty", "tensor.splat", "arith.constant", "scan.yield"))


class Released(NamedTuple):
    """States that are free, by number, of the truth that says by `done` that a lane is."""

    truth: Value
    done: bool
    free: set[int]


def released_states(scan: ScanView, found: Settling) -> Released | None:
    """Which states need not stay as they were, or None where all do."""
    truth, done = Lane(scan).known(found.tested), found.done
    while isinstance(truth, Value) and truth.op is not None and is_opposite(truth.op):
        truth, done = Lane(scan).known(truth.op.operands[0]), not done
    if scan.ys or isinstance(truth, Number) or not _runs_on_any(scan, found):
        return None
    states = {number: carry for number, carry in enumerate(scan.carries) if isinstance(carry.arg.type, t.TensorType)}
    known = Lane(scan, {truth: Number(done)}).known
    numbers = {carry.arg: after for carry in states.values() if isinstance(after := known(carry.next), Number)}
    later = Lane(scan, {**numbers, truth: Number(done)}).known
    kept = {carry.arg: carry.next for carry in states.values() if carry.arg not in numbers}
    if any(known(after) is not before or later(after) is not before for before, after in kept.items()) or any(
            later(carry.next) != numbers[carry.arg] for carry in states.values() if carry.arg in numbers):
        return None
    free = {number for number, carry in states.items() if carry.arg in kept and not carry.final.uses}
    return Released(truth, done, free) if free else None


def _runs_on_any(scan: ScanView, found: Settling) -> bool:
    """Whether a step may run on whatever is left of a lane."""
    around = [op for op in scan.op.body.ops if op not in found.ops]
    return all(op.name in _AROUND for op in around) and all(
        inner.name in _ON_ANY for op in around if op.regions for inner in op.body.ops)
