"""What arith ops ask of their types beside their kinds."""

from __future__ import annotations

from ..constraints import Rule
from ..core import Op, Value
from ..types import FloatType, IntType, element, index


def check_compare(names: tuple[str, ...]) -> Rule:
    def verify(op: Op) -> str | None:
        if not 0 <= op.attrs["predicate"].value < len(names):
            return f"predicate must be 0 to {len(names) - 1}"
        return None if op.operands[0].type == op.operands[1].type else "both sides must have one type"
    return verify


def check_select(op: Op) -> str | None:
    _, x, y = op.operands
    return None if x.type == y.type == op.result.type else "both values and the result must have one type"


def _width(value: Value) -> int:
    kind = element(value.type)
    return kind.width if isinstance(kind, (IntType, FloatType)) else 64


def check_width(op: Op) -> str | None:
    """ext... goes to more bits, trunc... to fewer, bitcast to as many."""
    source, target = _width(op.operands[0]), _width(op.result)
    if "ext" in op.name:
        return None if target > source else "the result must be wider than the operand"
    if "trunc" in op.name:
        return None if target < source else "the result must be narrower than the operand"
    return None if target == source else "the result must be as wide as the operand"


def check_bits(op: Op) -> str | None:
    if any(not isinstance(element(v.type), (IntType, FloatType)) for v in (op.operands[0], op.result)):
        return "bits are those of an integer or a float"
    return check_width(op)


def check_index_cast(op: Op) -> str | None:
    kinds = [element(v.type) for v in (op.operands[0], op.result)]
    return None if kinds.count(index) == 1 else "one side must be index, the other an integer of known width"
