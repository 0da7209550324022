"""Which sizes are known to be equal: the same value, the same constant, or compared by an earlier check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .builder import constant_of
from .core import Block, Op, Value
from .dialects.arith import CMPI
from .ops import operand
from .parts import ScanView


def equal_sizes(a: Value, b: Value, at: Op, steps: Value | None = None) -> bool:
    """True if `a` and `b` are one number wherever `at` runs; with `steps`, where those are more than none."""
    return any(value is b or _same_constant(value, b) for value in sizes_equal_to(a, at, steps))


def sizes_equal_to(size: Value, at: Op, steps: Value | None = None) -> Iterator[Value]:
    """`size`, and the values that checks before `at` require to be the same number."""
    seen = {size}
    stack = [size]
    while stack:
        value = stack.pop()
        yield value
        found = {other for other in _checked_against(value, at, steps) if other not in seen}
        seen |= found
        stack += found


def is_checked_not_zero(size: Value, at: Op) -> bool:
    """Whether a check before `at` requires that a size, or a product of it, is not 0."""
    pending, seen = [size], {size}
    while pending:
        for user in pending.pop().uses:
            if compares(user, "ne") and constant_of(user.operands[1]) == 0 and check_of(user, at, []) is not None:
                return True
            if user.name == "arith.muli" and user.result not in seen:
                seen.add(user.result)
                pending.append(user.result)
    return False


def _same_constant(a: Value, b: Value) -> bool:
    known = constant_of(a)
    return known is not None and known == constant_of(b)


def _checked_against(value: Value, at: Op, steps: Value | None) -> Iterator[Value]:
    """Values that a check before `at` requires `value` to equal."""
    lengths = [*([] if steps is None else [steps]), *_lengths_around(at)]
    for compare in value.uses:
        if compares(compare, "eq") and check_of(compare, at, lengths) is not None:
            yield from (v for v in compare.operands if v is not value)


def _lengths_around(at: Op) -> Iterator[Value]:
    """The lengths of the scans in whose steps an op runs, which are more than none there."""
    op = at.parent_op()
    while op is not None:
        if op.name == "scan.scan":
            yield ScanView(op).length
        op = op.parent_op()


def check_of(compare: Op, at: Op, lengths: Sequence[Value]) -> Op | None:
    """The check before `at` that requires a comparison to hold, at least where `lengths` are more than none."""
    either = (op for op in compare.result.uses for steps in lengths if _is_unless(op, steps))
    held = [compare.result, *(op.result for op in either)]
    checks = (user for truth in held for user in truth.uses
              if user.name == "scan.check" and operand(user, "condition") is truth)
    return next((check for check in checks if _runs_before(check, at)), None)


def _is_unless(op: Op, steps: Value) -> bool:
    """Whether an op is `a truth or no steps`."""
    return op.name == "arith.ori" and any(none_where(truth.op) is steps for truth in op.operands)


def none_where(op: Op | None) -> Value | None:
    """The n of `n <= 0`, a number of steps; None of another op."""
    if op is None or not compares(op, "sle") or constant_of(op.operands[1]) != 0:
        return None
    return op.operands[0]


def compares(op: Op, predicate: str) -> bool:
    """Whether an op compares integers so."""
    return op.name == "arith.cmpi" and op.attrs["predicate"].value == CMPI.index(predicate)


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
