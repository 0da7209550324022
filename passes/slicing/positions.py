"""Positions in arrays that are known functions of a step's number, and whether they lie inside in all steps."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property

from scancc.ir.builder import constant_of
from scancc.ir.core import Value, defined_in
from scancc.ir.equalities import compares
from scancc.ir.linear import Linear, linear, never_negative
from scancc.ir.ops import operand
from scancc.ir.parts import ScanView
from scancc.ir.types import index
from scancc.late_dataclasses import dataclass

_MAX_STRIDE = 2**10


@dataclass(frozen=True)
class Place:
    """The position `first` + t * `stride` in step t."""

    first: Linear
    stride: int

    @property
    def is_own(self) -> bool:
        """Step t is at t."""
        return self.first.known == 0 and self.stride == 1


@dataclass
class Positions:
    """What is known of positions in the step of a scan."""

    scan: ScanView
    known: dict[tuple[Value, Value], Place | None] = field(default_factory=dict)
    places: dict[Value, Place | None] = field(default_factory=dict)

    def moves(self, value: Value) -> bool:
        """Whether a position is another in each step, as far as its sign is not in the way."""
        place = self._place(_wrapped(value) or value)
        return place is not None and place.stride != 0

    def holds(self, condition: Value) -> bool:
        """Whether a comparison says that a position is inside, and it is."""
        op = condition.op
        if op is None or not any(compares(op, below) for below in ("slt", "ult")):
            return False
        return op.operands[0].type == index and self.inside(*op.operands) is not None

    def inside(self, value: Value, size: Value) -> Place | None:
        """The place that is `value` in each step, if it is at least 0 and below `size` in all of them."""
        key = value, size
        if key not in self.known:
            self.known[key] = self._inside(value, size)
        return self.known[key]

    def settled(self, value: Value) -> Value | None:
        """The v, or the v + n, that `v < 0 ? v + n : v` is in all steps."""
        unwrapped = _wrapped(value)
        if unwrapped is None or value.op is None:
            return None
        other = operand(value.op, "true_value")
        size = other.op.operands[1] if other.op is not None and other.op.name == "arith.addi" else None
        if size is None or self.inside(value, size) is None:
            return None
        return other if self.inside(unwrapped, size) is None else unwrapped

    def _inside(self, value: Value, size: Value) -> Place | None:
        unwrapped = _wrapped(value)
        if unwrapped is None:
            place = self._place(value)
            return place if place is not None and self._fits(place, size) else None
        place = self.inside(unwrapped, size)
        if place is not None or value.op is None:
            return place
        negative = self._place(unwrapped)
        if negative is None or not self._natural(Linear(-1) - self._ends(negative)[1]):
            return None
        return self.inside(operand(value.op, "true_value"), size)

    def _place(self, value: Value) -> Place | None:
        if value not in self.places:
            self.places[value] = self._as_sum(value)
        return self.places[value]

    def _as_sum(self, value: Value) -> Place | None:
        sum = linear(value)
        stride = sum.terms.get(self.scan.counter, 0)
        first = sum - Linear(0, {self.scan.counter: stride})
        if abs(stride) >= _MAX_STRIDE or not self._is_fixed(first):
            return None
        return Place(first, stride)

    def _is_fixed(self, sum: Linear) -> bool:
        return not any(defined_in(value, self.scan.op.body) for value in sum.terms)

    def _fits(self, place: Place, size: Value) -> bool:
        """Whether its least is not below 0, its most is below `size`, and there are too few steps to wrap between."""
        rows = linear(size)
        if not self._is_fixed(rows):
            return False
        least, most = self._ends(place)
        steps = [rows + Linear(abs(place.stride)) - self._length] if abs(place.stride) > 1 else []
        return all(map(self._natural, [least, rows - most - Linear(1), *steps]))

    @cached_property
    def _length(self) -> Linear:
        return linear(self.scan.length)

    @cached_property
    def _last(self) -> Linear:
        return self._length - Linear(1)

    def _ends(self, place: Place) -> tuple[Linear, Linear]:
        """The least and the most that it is in any step."""
        last = place.first + self._last * place.stride
        return (place.first, last) if place.stride >= 0 else (last, place.first)

    def _natural(self, sum: Linear) -> bool:
        """Whether it is at least 0 where there is a step."""
        return self._is_above(sum) or self._is_above(sum - self._last)

    def _is_above(self, sum: Linear) -> bool:
        return never_negative(sum, self._length)


def _wrapped(value: Value) -> Value | None:
    """The v of `v < 0 ? v + n : v`."""
    op = value.op
    if op is None or op.name != "arith.select":
        return None
    compare, v = operand(op, "condition").op, operand(op, "false_value")
    if compare is None or not compares(compare, "slt"):
        return None
    return v if compare.operands[0] is v and constant_of(compare.operands[1]) == 0 else None
