"""Index arithmetic as sums of values with whole factors: what tells that two positions are one.

All is modulo 2**64, as the arithmetic itself is, so that equal sums are equal numbers whatever their size.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .builder import Builder, constant_of, measured
from .core import Value
from .parts import Branch
from .slices import Entry

_DEPTH = 8  # of nested sums looked into: positions are short
_MAX_CHOICES = 3  # of nested minima and maxima
_LINEAR = frozenset({"arith.constant", "arith.addi", "arith.subi", "arith.muli"})
_NEVER = 2**62  # the bound of what cannot be
_LARGE = 2**40  # factors of sizes and constants below this cannot make a sum wrap: a size is at most 2**47


@dataclass(slots=True)  # not frozen, which makes it take twice as long: nobody changes one
class Linear:
    """`constant` plus the sum of `terms`, values times their factors."""

    constant: int = 0
    terms: dict[Value, int] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash((self.constant, frozenset(self.terms.items())))

    def __add__(self, other: Linear) -> Linear:
        return self.plus(other, 1)

    def __sub__(self, other: Linear) -> Linear:
        return self.plus(other, -1)

    def plus(self, other: Linear, factor: int) -> Linear:
        """This and `factor` times the other."""
        terms = dict(self.terms)
        for value, n in other.terms.items():
            total = terms.get(value, 0) + n * factor
            if total:
                terms[value] = total
            else:
                terms.pop(value, None)
        return Linear(self.constant + other.constant * factor, terms)

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
    if isinstance(entry, int):
        return Linear(entry)
    op = entry.op
    if op is None or op.name not in _LINEAR:
        return Linear(0, {entry: 1})
    if op.name == "arith.constant":
        return Linear(op.attrs["value"].value)
    if depth == 0:
        return Linear(0, {entry: 1})
    lhs, rhs = linear(op.operands[0], depth - 1), linear(op.operands[1], depth - 1)
    if op.name == "arith.addi":
        return lhs.plus(rhs, 1)
    if op.name == "arith.subi":
        return lhs.plus(rhs, -1)
    return lhs * rhs.constant if rhs.known is not None else Linear(0, {entry: 1})


def balanced(sum: Linear) -> Linear:
    """The sum with n - min(n, k) in place of max(n - k, 0), where min(n, k) is a term of it, too: the first few of n
    and the rest are all."""
    for value in list(sum.terms):
        first = next((v for v in sum.terms if _is_rest(value, v)), None)
        if first is not None and first.op is not None:
            n, k = map(linear, first.op.operands)
            whole = n if (n - k - linear(value.op.operands[0])).known == 0 else k  # type: ignore[union-attr]
            sum = _instead(sum, value, whole - Linear(0, {first: 1}))
    return sum


def _is_rest(rest: Value, first: Value) -> bool:
    """Whether two values are max(n - k, 0) and min(n, k)."""
    if rest.op is None or first.op is None or (rest.op.name, first.op.name) != ("arith.maxsi", "arith.minsi"):
        return False
    (less, zero), (n, k) = (map(linear, op.operands) for op in (rest.op, first.op))
    return zero.known == 0 and 0 in ((n - k - less).known, (k - n - less).known)


def least(sum: Linear, positive: Linear | None = None, depth: int = _MAX_CHOICES) -> int | None:
    """A number below which a sum of sizes of arrays, of their minima, maxima and quotients, never is where `positive`
    is above 0; None if not known."""
    terms = sum.terms
    if abs(sum.constant) >= _LARGE or len(terms) > 8 or (
            terms and (max(terms.values()) >= 2**10 or min(terms.values()) <= -2**10)):
        return None
    unclear = [v for v, n in terms.items() if n < 0 or not _is_length(v)]
    if not unclear:
        return sum.constant
    choices = [v for v in unclear if v.op is not None and v.op.name in _LEAST] if depth else []
    if not choices or not _may_cancel(unclear, choices, depth):
        return None
    found = [_LEAST[v.op.name](sum, v, terms[v], positive, depth - 1) for v in choices if v.op is not None]
    return max((n for n in found if n is not None), default=None)


def _may_cancel(unclear: list[Value], choices: list[Value], depth: int) -> bool:
    """Whether each unclear value is a choice, or stands in what one may be, behind `depth` of them."""
    missing = set(unclear).difference(choices)
    seen: set[Value] = set()
    level = choices
    for _ in range(depth if missing else 0):
        level = [v for choice in level for v in _behind(choice, seen)]
    return missing <= seen


def _behind(choice: Value, seen: set[Value]) -> list[Value]:
    """The choices that the alternatives of one are sums of. `seen` gains all that stands in these."""
    found, pending = [], [choice]
    while pending:
        value = pending.pop()
        op = value.op
        if op is None or op.name not in _SUMS:
            continue
        if value is not choice and op.name in _LEAST:
            found.append(value)
            continue
        pending += [v for v in op.operands if v not in seen]
        seen.update(op.operands)
    return found


def _is_length(value: Value) -> bool:
    """Whether it is the size of an array: 0 or more."""
    op = value.op
    if op is not None and op.name == "scf.if":
        return any(value in sizes for sizes in Branch(op).sizes.values())
    return measured(value) is not None


def most(entry: Entry) -> int | None:
    """A number that a sum of sizes, and of their minima and maxima, never exceeds; None if not known."""
    found = least(Linear() - linear(entry))
    return None if found is None else -found


def _instead(sum: Linear, value: Value, other: Linear) -> Linear:
    """A sum with another in place of a value."""
    factor = sum.terms.get(value, 0)
    if not factor:
        return sum
    terms = dict(sum.terms)
    del terms[value]
    return Linear(sum.constant, terms).plus(other, factor)


def _least_of_either(sum: Linear, value: Value, factor: int, positive: Linear | None, depth: int) -> int | None:
    """The same with one of two in place of a minimum or maximum: the better, or the worse where either may be it."""
    assert value.op is not None
    others = [linear(v) for v in value.op.operands]
    sums = [_instead(sum, value, other) for other in others]
    if (value.op.name == "arith.maxsi") == (factor > 0):
        return max((n for s in sums if (n := least(s, positive, depth)) is not None), default=None)
    cases = [None if positive is None else _instead(positive, value, other) for other in others]
    found = [_NEVER if _is_never(case) else least(s, case, depth) for s, case in zip(sums, cases, strict=True)]
    known = [n for n in found if n is not None]
    return min(known) if len(known) == len(found) else None


def never_negative(sum: Linear, positive: Linear | None = None) -> bool:
    """Whether a sum is surely 0 or more, where `positive` is above 0."""
    found = least(sum, positive)
    return found is not None and found >= 0


def _is_never(positive: Linear | None) -> bool:
    """Whether what is to be above 0 is not."""
    return positive is not None and never_negative(positive * -1)


def _least_of_quotient(sum: Linear, value: Value, factor: int, positive: Linear | None, depth: int) -> int | None:
    """The same with a bound in place of n / c, for a natural n: at least 0, at most n / c."""
    assert value.op is not None
    divisor, whole = constant_of(value.op.operands[1]), linear(value.op.operands[0])
    smallest = least(whole)
    if divisor is None or divisor <= 0 or smallest is None or smallest < 0:
        return None
    bound = Linear() if factor > 0 else whole * -((divisor - 1 - factor) // divisor)
    return least(sum - Linear(0, {value: factor}) + bound, positive, depth)


_SUMS = ("arith.addi", "arith.subi", "arith.muli", "arith.minsi", "arith.maxsi", "arith.divsi")
_LEAST = {"arith.minsi": _least_of_either, "arith.maxsi": _least_of_either, "arith.divsi": _least_of_quotient}
