"""Which sizes are one number where a loop runs, as checks before it say.

    check %A_n0 == 3 or %n <= 0               check %A_n0 == 3 or %n <= 0
    for %t in 0..%n {                  ->     for %t in 0..%n {
      for %i in 0..%A_n0 { ... } }              for %i in 0..3 { ... } }

Loops over equal sizes then have one end, and those known to be short need no copy for vectors.
"""

from __future__ import annotations

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.equalities import compares, none_where
from scancc.ir.ops import operand

SHORT = 4  # what `unroll` opens; a longer known size would give products another form

_Size = Value | int


class EqualSizes:
    """What the checks so far say, and the ends of the loops around, which run: their ends are more than none."""

    def __init__(self) -> None:
        self.running: list[Value] = []
        self._equal: dict[_Size, list[tuple[_Size, Value | None]]] = {}  # also: unless that many steps are none

    def learn(self, check: Op) -> None:
        """Two sizes are equal, or there are no steps."""
        condition, steps = operand(check, "condition").op, None
        if condition is not None and condition.name == "arith.ori":
            left, right = (v.op for v in condition.operands)
            condition, steps = (left, none_where(right)) if none_where(left) is None else (right, none_where(left))
            if steps is None:
                return
        if condition is not None and compares(condition, "eq"):
            a, b = map(_size, condition.operands)
            self._equal.setdefault(a, []).append((b, steps))
            self._equal.setdefault(b, []).append((a, steps))

    def best(self, size: Value) -> _Size:
        """The number that `size` is, if it is a short one, else the first of those equal to it."""
        if size not in self._equal:
            return size
        found: dict[_Size, None] = {size: None}
        stack: list[_Size] = [size]
        while stack:
            for other, steps in self._equal[stack.pop()]:
                if other not in found and (steps is None or steps in self.running):
                    found[other] = None
                    stack.append(other)
        short = [n for n in found if isinstance(n, int) and 0 <= n <= SHORT]
        return short[0] if short else next(v for v in self._equal if v in found and isinstance(v, Value))


def _size(value: Value) -> _Size:
    known = constant_of(value)
    return value if known is None else known
