"""What complex ops ask of their types beside their kinds."""

from __future__ import annotations

from ..core import Op
from ..types import ComplexType, element


def check_sides(op: Op) -> str | None:
    return None if op.operands[0].type == op.operands[1].type else "both sides must have one type"


def check_parts(op: Op) -> str | None:
    """A complex number and its parts are of one float type."""
    values = [*op.operands, op.result]
    kinds = {kind.element if isinstance(kind, ComplexType) else kind for kind in (element(v.type) for v in values)}
    return None if len(kinds) == 1 else "the parts must have the float type of the complex number"
