"""What sizes are where arrays are long: which parts of an array are most of it, and which are borders."""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir.builder import constant_of
from scancc.ir.core import Value
from scancc.ir.linear import Linear

LARGE = 2**40


def where_long(size: Linear) -> int:
    """The number that a sum is where all sizes are large that it is computed from."""
    return size.constant + sum(value_where_long(value) * n for value, n in size.terms.items())


def value_where_long(size: Value, depth: int = 8) -> int:
    """The same of a value; what is deeper is taken as large."""
    known, op = constant_of(size), size.op
    if known is not None:
        return int(known)
    if depth == 0 or op is None or op.name not in _ARITHMETIC:
        return LARGE
    left, right = (value_where_long(v, depth - 1) for v in op.operands)
    return _ARITHMETIC[op.name](left, right)


_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "arith.addi": lambda a, b: a + b, "arith.subi": lambda a, b: a - b, "arith.muli": lambda a, b: a * b,
    "arith.minsi": min, "arith.maxsi": max}
