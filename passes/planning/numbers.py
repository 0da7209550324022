"""What can be seen of a number without computing it: its sign, and whether its arithmetic may wrap."""

from __future__ import annotations

from scancc.artifact import MOST_ELEMENTS
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.parts import Loop

DEEPEST = 8  # ops to look through


def is_natural(value: Value) -> bool:
    """Whether a number is plainly 0 or more."""
    known, op = constant_of(value), value.op
    if known is not None:
        return bool(known >= 0)
    if op is None or op.name == "memref.dim":
        return op is not None
    if op.name == "arith.maxsi":
        return any(map(is_natural, op.operands))
    rises = op.name in ("arith.minsi", "arith.addi", "arith.muli", "arith.divsi")
    return rises and all(map(is_natural, op.operands))


def is_minimum(value: Value) -> bool:
    """Whether a number is the smaller of two, but for a constant that it is not below."""
    op = value.op
    if op is not None and (op.name == "arith.index_cast" or op.name == "arith.maxsi" and (
            constant_of(op.operands[1]) is not None)):
        return is_minimum(op.operands[0])
    return op is not None and op.name == "arith.minsi"


def may_wrap(value: Value, depth: int = 0) -> bool:
    """Whether arithmetic that leads to `value` may pass the range of numbers: unless all of it is on sizes."""
    op = value.op
    if op is None or depth > DEEPEST:
        return depth > DEEPEST
    if op.name in ("arith.addi", "arith.subi", "arith.muli"):
        return not is_small(value)
    follows = op.name.startswith("arith.") and op.name not in ("arith.constant", "arith.remsi")
    return follows and any(may_wrap(v, depth + 1) for v in op.operands)


def is_small(value: Value, depth: int = 0) -> bool:
    """Whether a number is plainly far from the end of its range: a size, or sums of a few."""
    known, op = constant_of(value), value.op
    if known is not None:
        return bool(abs(known) <= MOST_ELEMENTS)
    if op is None or depth > DEEPEST:
        return False
    if op.name == "memref.dim":
        return True
    if op.name == "arith.minsi" and all(map(is_natural, op.operands)):
        return any(is_small(v, depth + 1) for v in op.operands)
    if op.name == "arith.muli":
        return _is_start_of_part(op, depth)
    keeps = op.name in ("arith.addi", "arith.subi", "arith.maxsi", "arith.minsi", "arith.select", "arith.divsi")
    return keeps and all(is_small(v, depth + 1) for v in op.operands if v.type == value.type)


def _is_start_of_part(op: Op, depth: int) -> bool:
    """Whether a product is `i * k` in a loop that goes over the parts of a small number, of k each: below that."""
    counter, k = op.operands[0], constant_of(op.operands[1])
    loop = counter.block.parent_op() if counter.op is None else None
    if loop is None or loop.name != "scf.for" or counter.index != 0 or not isinstance(k, int):
        return False
    lower, upper = constant_of(Loop(loop).lower), Loop(loop).upper.op
    if lower is None or lower < 0 or upper is None or upper.name != "arith.divsi":
        return False
    divisor = constant_of(upper.operands[1])
    return divisor is not None and 0 < k <= divisor and is_small(upper.operands[0], depth + 1)


def cap_of(value: Value) -> int | None:
    """Of the smaller of a constant and a number that may wrap, the constant: that alone holds for certain."""
    op = value.op
    if op is None or op.name != "arith.minsi":
        return None
    known = [constant_of(v) for v in op.operands]
    return next((int(n) for n, other in zip(known, reversed(op.operands), strict=True)
                 if n is not None and may_wrap(other)), None)


def whole_of(size: Value) -> Value:
    """A size of which `size`, where it is above 0, is plainly a part: less a number, divided by or at most one."""
    op = size.op
    if op is None or op.name not in ("arith.subi", "arith.divsi", "arith.minsi"):
        return size
    known = constant_of(op.operands[1])
    return whole_of(op.operands[0]) if known is not None and known > 0 else size
