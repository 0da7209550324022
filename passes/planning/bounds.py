"""Intervals of numbers, computed at the start of a function: a rule for each op, for both sides at once.

A rule gets a result of its op and a side, and gives a number that is at least (`UPPER`) or at most (`LOWER`) that
result whenever the op runs, or None where it has none. A number that the start can compute is its own bound; one
whose op has no rule has no other. What a rule computes may wrap where the numbers are large: who relies on a bound
compares (`may_wrap`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum

from scancc.ir.builder import constant_of, measured
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Branch

from .numbers import is_natural
from .start import Start


class Side(Enum):
    LOWER = "lower"
    UPPER = "upper"

    @property
    def other(self) -> Side:
        return LOWER if self is UPPER else UPPER

    @property
    def further(self) -> str:
        """The op that gives the bound of both of two numbers: of whichever it is."""
        return "maxsi" if self is UPPER else "minsi"


LOWER, UPPER = Side.LOWER, Side.UPPER


class Bounds:
    """The bounds found so far in one function."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.b = start.b
        self.known: dict[tuple[Value, Side], Value] = {}

    def upper(self, value: Value) -> Value | None:
        return self.of(value, UPPER)

    def of(self, value: Value, side: Side) -> Value | None:
        """A bound of `value`, available at the start."""
        if (value, side) not in self.known:
            found = self.start.copy(value)
            if found is None:
                found = self._by_rule(value, side)
            if found is not None:
                self.known[value, side] = found
        return self.known.get((value, side))

    def all_of(self, values: Iterable[Value], side: Side) -> list[Value] | None:
        """A bound of each of `values`; None where one has none."""
        found = [self.of(v, side) for v in values]
        known = [v for v in found if v is not None]
        return known if len(known) == len(found) else None

    def _by_rule(self, value: Value, side: Side) -> Value | None:
        if value.op is None:
            return self._counter(value, side)
        rule = RULES.get(value.op.name)
        return rule(self, value.op, value, side) if rule is not None else None

    def _counter(self, value: Value, side: Side) -> Value | None:
        """The counter of a loop goes from its start to below its end."""
        loop = value.block.parent_op()
        if loop is None or loop.name != "scf.for" or value.index != 0:
            return None
        start, end, *_ = loop.operands
        return self.of(end if side is UPPER else start, side)


Rule = Callable[[Bounds, Op, Value, Side], Value | None]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Declare how the results of the ops called `names` are bounded."""
    def declare(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function
    return declare


@rule("arith.constant")
def constant(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    known = constant_of(value)
    return None if known is None else bounds.b.const(known, value.type)


@rule("arith.index_cast")
def index_cast(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    inner = bounds.of(op.operands[0], side)
    return None if inner is None else bounds.b.index_cast(inner, value.type)


@rule("memref.dim")
def size(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    """A size of an argument that is asked for inside a loop."""
    array, axis = measured(value) or (None, 0)
    if array is None or array not in bounds.start.block.args:
        return None
    return bounds.b.op("memref.dim", [array, bounds.b.index(axis)], [value.type])


@rule("arith.minsi", "arith.maxsi")
def extreme(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    """The smaller of two numbers is below a bound of either, and above a bound of both."""
    name = op.name.removeprefix("arith.")
    found = [v for v in (bounds.of(v, side) for v in op.operands) if v is not None]
    if len(found) == 2:
        return bounds.b.binary(name, *found)
    return found[0] if found and name != side.further else None


@rule("arith.addi")
def sum_(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    found = bounds.all_of(op.operands, side)
    return bounds.b.addi(*found) if found else None


@rule("arith.subi")
def difference(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    """The most that is left when the least is taken away."""
    count = _last_part(bounds, op) if side is UPPER else None
    if count is not None:
        return bounds.b.const(count, value.type)
    if side is UPPER and (length := _cut(op)) is not None and (most := bounds.upper(length)) is not None:
        return bounds.b.maxsi(most, bounds.b.const(0, value.type))
    left, right = bounds.of(op.operands[0], side), bounds.of(op.operands[1], side.other)
    return None if left is None or right is None else bounds.b.subi(left, right)


def _last_part(bounds: Bounds, op: Op) -> int | None:
    """k of `n - max(n - k, 0)`, the length of a last part, for n and a constant k that are not below 0."""
    n, first = op.operands
    if first.op is None or first.op.name != "arith.maxsi" or constant_of(first.op.operands[1]) != 0:
        return None
    before = first.op.operands[0].op
    if before is None or before.name != "arith.subi" or before.operands[0] is not n:
        return None
    k, low = constant_of(before.operands[1]), bounds.of(n, LOWER)
    return k if isinstance(k, int) and k >= 0 and low is not None and is_natural(low) else None


def _cut(op: Op) -> Value | None:
    """n of `min(b, n) - min(max(a, 0), n)`, the length of a slice from a to b of an array of n: no more than n."""
    end, start = (v.op for v in op.operands)
    if end is None or start is None or not end.name == start.name == "arith.minsi":
        return None
    first, second = start.operands
    return next((n for a, n in ((first, second), (second, first)) if n in end.operands and _is_cut(a)), None)


def _is_cut(place: Value) -> bool:
    """Whether a place is surely not below 0."""
    known, op = constant_of(place), place.op
    if known is not None:
        return bool(known >= 0)
    return op is not None and op.name == "arith.maxsi" and constant_of(op.operands[1]) == 0


@rule("arith.muli")
def product(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    """At most the product of the largest magnitudes, and at least its negative; at least that of the least numbers,
    where none is below 0."""
    if side is LOWER:
        least = bounds.all_of(op.operands, LOWER)
        if least and all(map(is_natural, least)):
            return bounds.b.muli(*least)
        most = bounds.of(value, UPPER)
        return None if most is None else bounds.b.subi(bounds.b.const(0, value.type), most)
    first, second = (_magnitude(bounds, v) for v in op.operands)
    return None if first is None or second is None else bounds.b.muli(first, second)


def _magnitude(bounds: Bounds, value: Value) -> Value | None:
    """A number that is at least `value` and at least its negative."""
    low, high = bounds.of(value, LOWER), bounds.of(value, UPPER)
    if low is None or high is None:
        return None
    if low.op is not None and low.op.name == "arith.subi" and low.op.operands[1] is high and (
            constant_of(low.op.operands[0]) == 0):
        return high  # of a product
    return bounds.b.maxsi(high, bounds.b.subi(bounds.b.const(0, value.type), low))


@rule("arith.divsi")
def quotient(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    """By a constant above 0 it rises with what is divided."""
    divisor, found = constant_of(op.operands[1]), bounds.of(op.operands[0], side)
    if found is None or not isinstance(divisor, int) or divisor <= 0:
        return None
    return bounds.b.op("arith.divsi", [found, bounds.b.const(divisor, value.type)], [value.type])


@rule("arith.select")
def selection(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    return _of_both(bounds, operand(op, "true_value"), operand(op, "false_value"), side)


@rule("scf.if")
def choice(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    taken = Branch(op).choices[value.index]
    return _of_both(bounds, taken.then, taken.otherwise, side)


def _of_both(bounds: Bounds, first: Value, second: Value, side: Side) -> Value | None:
    """A bound of both alternatives."""
    found = bounds.all_of([first, second], side)
    return bounds.b.binary(side.further, *found) if found else None


@rule("scf.while")
def steps(bounds: Bounds, op: Op, value: Value, side: Side) -> Value | None:
    """The first result counts the steps."""
    return bounds.b.index(0) if side is LOWER and value.index == 0 else None
