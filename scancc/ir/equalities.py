"""Which sizes are known to be equal: the same value, the same constant, or compared by an earlier check."""

from __future__ import annotations

from collections.abc import Iterator

from .builder import constant_of
from .core import Block, Op, Value
from .dialects.arith import CMPI
from .ops import operand

_EQ = CMPI.index("eq")


def equal_sizes(a: Value, b: Value, at: Op) -> bool:
    """True if `a` and `b` are one number wherever `at` runs."""
    seen = {a}
    stack = [a]
    while stack:
        value = stack.pop()
        if value is b or _same_constant(value, b):
            return True
        found = {other for other in _checked_against(value, at) if other not in seen}
        seen |= found
        stack += found
    return False


def _same_constant(a: Value, b: Value) -> bool:
    known = constant_of(a)
    return known is not None and known == constant_of(b)


def _checked_against(value: Value, at: Op) -> Iterator[Value]:
    """Values that a check before `at` requires `value` to equal."""
    for compare in value.uses:
        if compare.name == "arith.cmpi" and compare.attrs["predicate"].value == _EQ:
            checks = (user for user in compare.result.uses if user.name == "scan.check")
            if any(operand(check, "condition") is compare.result and _runs_before(check, at) for check in checks):
                yield from (v for v in compare.operands if v is not value)


def _runs_before(check: Op, at: Op) -> bool:
    """True if `check` stands earlier in the block of `at`, or in one around it."""
    block: Block | None = at.parent
    inside: Op | None = at
    while block is not None and inside is not None:
        if check.parent is block:
            return block.ops.index(check) < block.ops.index(inside)
        inside = block.parent_op()
        block = inside.parent if inside is not None else None
    return False
