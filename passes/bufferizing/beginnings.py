"""Whether a state may live where its initial value was made, so that nothing is copied before the first step."""

from __future__ import annotations

from scancc.ir.ops import TERMINATOR, has_trait, operand
from scancc.ir.parts import Carry, ScanView

from .aliases import origins
from .in_place import may_overwrite
from .order import Order

# What these make has memory of its own.
FRESH = ("scan.scan", "tensor.insert", "tensor.insert_slice", "linalg.generic", "scan.concat")


def begins_in_place(order: Order, scan: ScanView, carry: Carry) -> bool:
    """True where nobody reads the initial value later, and the last one is not wanted anywhere else."""
    made = carry.init.op
    if made is None or made.name not in FRESH or made.parent is not scan.op.parent or _is_placed(carry):
        return False
    here = all(v.op is not None and v.op.parent is made.parent for v in origins(carry.init))
    return here and may_overwrite(order, scan.op, carry.init)


def _is_placed(carry: Carry) -> bool:
    """Whether the last value goes into a place that is given: an output, or a part of another array."""
    final = carry.final
    return any(has_trait(user, TERMINATOR) or user.name == "scan.concat"
               or user.name == "tensor.insert_slice" and operand(user, "source") is final for user in final.uses)
