"""Which scans cost no more than their rows do in memory."""

from __future__ import annotations

from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import ScanView

from ..slicing.latencies import HEAVY, busy

MOST_OPS = 8  # light ones, of a step: a row that is stored, and loaded from behind the caches, takes as long


def is_sparing(scan: ScanView) -> bool:
    """Whether the user said that it is to run again rather than keep its rows (`checkpoints=`, `max_bytes=`)."""
    return "sparing" in scan.op.attrs and bool(scan.init) and not scan.until


def is_cheap(scan: ScanView) -> bool:
    """Whether a step takes no longer than to store a row, and to load it from behind the caches."""
    ops = scan.op.body.ops[:-1]
    light = all(not op.operands or op.name in ("tensor.splat", "tensor.cast", "scan.broadcast") or (
        has_trait(op, ELEMENTWISE) and busy(op) < HEAVY) for op in ops)
    return bool(scan.init) and not scan.until and light and sum(has_trait(op, ELEMENTWISE) for op in ops) <= MOST_OPS
