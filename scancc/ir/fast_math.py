"""What may change a number, as the IR says it.

The attribute `fast_math` of a function or a scan (text that `fast_math.parse` reads) allows parts inside it;
the innermost counts. `strict` is marked at each op beside, `exact`, so that it stays with an op that leaves
its loop: a sum takes in no product, a reduction combines in the order written. An exact sum with the mark `product`
takes in that product alone.
"""

from __future__ import annotations

from ..fast_math import DEFAULT, FastMath, parse
from .core import Block, Op

ATTRIBUTE = "fast_math"
_ROUNDED = frozenset({"arith.addf", "arith.subf", "scan.reduce", "scan.dot", "scan.batch_dot"})


def allowed(op: Op) -> FastMath:
    """What is allowed at `op`: by itself or the innermost op around it that says."""
    at: Op | None = op
    while at is not None and ATTRIBUTE not in at.attrs:
        at = at.parent_op()
    return DEFAULT if at is None else parse(at.attrs[ATTRIBUTE])


def is_exact(op: Op) -> bool:
    """Whether `op` must be rounded, or combine its elements, as it is written."""
    return "exact" in op.attrs


def takes_product(op: Op) -> bool:
    """Whether a sum that a step makes of terms of a product with a matrix takes in its term, as that product does,
    where the target can: nothing else about it may change. Of a term: whether it is one of such a sum."""
    return "product" in op.attrs


def allow(op: Op, setting: FastMath | None) -> None:
    """Give a function or a scan a setting of its own; None leaves it to what is around it."""
    if setting is not None:
        op.attrs[ATTRIBUTE] = str(setting)
        if setting.strict:
            _mark_exact(op.body)


def _mark_exact(block: Block) -> None:
    """Mark all of `block` but scans that say for themselves what they allow."""
    for op in block.ops:
        if ATTRIBUTE in op.attrs:
            continue
        if op.name in _ROUNDED:
            op.attrs["exact"] = True
        for region in op.regions:
            for inner in region.blocks:
                _mark_exact(inner)
