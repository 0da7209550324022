"""Index arithmetic as sums of values with whole factors: what tells that two positions are one.

All is modulo 2**64, as the arithmetic itself is, so that equal sums are equal numbers whatever their size.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .builder import Builder, constant_of, measured
from .core import Value
from .slices import Entry

_DEPTH = 8  # of nested sums looked into: positions are short
_MAX_CHOICES = 3  # of nested minima and maxima
_LARGE = 2**40  # factors of sizes and constants below this cannot make a sum wrap: a size is at most 2**47


@dataclass(frozen=True)
class Linear:
    """`constant` plus the sum of `terms`, values times their factors."""

    constant: int = 0
    terms: dict[Value, int] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.constant, frozenset(self.terms.items())))

    def __add__(self, other: Linear) -> Linear:
        terms = dict(self.terms)
        for value, factor in other.terms.items():
            terms[value] = terms.get(value, 0) + factor
        return Linear(self.constant + other.constant, {v: n for v, n in terms.items() if n})

    def __sub__(self, other: Linear) -> Linear:
        return self + other * -1

    def __mul__(self, factor: int) -> Linear:
        return Linear(self.constant * factor, {v: n * factor for v, n in self.terms.items()} if factor else {})

    @property
    def known(self) -> int | None:
        """The number, where it is one."""
        return None if self.terms else self.constant

    def built(self, b: Builder) -> Value:
        """The sum as a value."""
        total = b.index(self.constant) if self.constant or not self.terms else None
        for value, factor in sorted(self.terms.items(), key=lambda term: term[1] < 0):  # what is taken away last
            part = value if abs(factor) == 1 else b.muli(value, b.index(abs(factor)))
            if total is None:
                total = part if factor > 0 else b.subi(b.index(0), part)
            else:
                total = b.addi(part, total) if factor > 0 else b.subi(total, part)
        assert total is not None
        return total


def linear(entry: Entry, depth: int = _DEPTH) -> Linear:
    """A number or an index value as a sum."""
    known = entry if isinstance(entry, int) else constant_of(entry)
    if known is not None:
        return Linear(known)
    assert isinstance(entry, Value)
    op = entry.op
    if op is None or depth == 0 or op.name not in ("arith.addi", "arith.subi", "arith.muli"):
        return Linear(0, {entry: 1})
    lhs, rhs = (linear(v, depth - 1) for v in op.operands)
    if op.name == "arith.addi":
        return lhs + rhs
    if op.name == "arith.subi":
        return lhs - rhs
    return lhs * rhs.constant if rhs.known is not None else Linear(0, {entry: 1})


def least(sum: Linear, depth: int = _MAX_CHOICES) -> int | None:
    """A number below which a sum of sizes of arrays, and of their minima and maxima, never is; None if not known."""
    if abs(sum.constant) >= _LARGE or any(abs(n) >= 2**10 for n in sum.terms.values()) or len(sum.terms) > 8:
        return None
    unclear = [(v, n) for v, n in sum.terms.items() if n < 0 or measured(v) is None]
    if not unclear:
        return sum.constant
    found = [_least_of_either(sum, value, factor, depth - 1) for value, factor in unclear
             if value.op is not None and value.op.name in ("arith.minsi", "arith.maxsi") and depth]
    return max((n for n in found if n is not None), default=None)


def _least_of_either(sum: Linear, value: Value, factor: int, depth: int) -> int | None:
    """The same with one of two in place of a minimum or maximum: the better, or the worse where either may be it."""
    assert value.op is not None
    found = [least(sum + (linear(v) - Linear(0, {value: 1})) * factor, depth) for v in value.op.operands]
    known = [n for n in found if n is not None]
    if (value.op.name == "arith.maxsi") == (factor > 0):
        return max(known, default=None)
    return min(known) if len(known) == len(found) else None
