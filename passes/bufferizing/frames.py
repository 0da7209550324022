"""States of which each step makes one window anew, from elements around those that it makes.

    scan(%u) {                                       u, v = init, init
      %w = generic(%u[:-2], %u[1:-1], %u[2:])   ->   each step: v[1:-1] = f(u[:-2], u[1:-1], u[2:]); u, v = v, u
      yield insert_slice %w into %u[1:-1] }

In one buffer such a window would be made beside it and copied there. In two that change places nothing is copied:
what is outside the window never changes, and is the same in both once both begin with the initial value.
Conservative: the step gives the new state to no other state or result, the window is the same in each step and not
known to be a small part, and the scan is not inside another one, where each of its starts would copy all.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir.core import Value
from scancc.ir.ops import operand
from scancc.ir.parts import Carry, ScanView
from scancc.ir.slices import COLUMNS, Entry, entries

from .chains import Link
from .elementwise import takes_the_place
from .order import Order


def is_framed(order: Order, scan: ScanView, carry: Carry, path: Sequence[Link]) -> bool:
    """Whether a state is one of these, and cannot be made in one buffer without a copy."""
    above = scan.op.parent_op()
    if len(path) != 1 or path[0].op.name != "tensor.insert_slice" or above is None or above.name != "func.func":
        return False
    write = path[0].op
    made = operand(write, "source").op
    if made is None or made.name != "linalg.generic" or not made.parent is write.parent is scan.op.body:
        return False
    if operand(write, "source").uses != {write: 1} or scan.op.body.terminator.operands.count(carry.next) > 1:
        return False
    fixed = all(_is_fixed(entry, scan) for column in COLUMNS for entry in entries(write, column))
    return fixed and _may_be_large(carry.arg, entries(write, "sizes")) and not takes_the_place(order, made, write, ())


def _is_fixed(entry: Entry, scan: ScanView) -> bool:
    return isinstance(entry, int) or entry.block is not scan.op.body


def _may_be_large(array: Value, sizes: Sequence[Entry]) -> bool:
    """Whether a window is not known to be less than half of an array along some axis."""
    lengths = array.type.shape  # type: ignore[attr-defined]
    return all(not isinstance(size, int) or length is not None and 2 * size >= length
               for size, length in zip(sizes, lengths, strict=True))
