"""What row t of a value is made of, where the value comes from another scan's rows by ops that work row by row.

A plan says it before anything is changed, or `NoRow` says why there is none; `build` then makes the row in a step.
The rules for ops are in `maps.py`; here is where a row comes from in the end: from the step of the scan that makes
it (now, or so many steps ago), or out of an array from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.linear import Linear, least, linear
from scancc.ir.parts import ScanView
from scancc.ir.shapes import dims_of
from scancc.ir.wording import called, what
from scancc.late_dataclasses import dataclass

from .first_steps import MOST_LAG

MAX_REGISTERS = 8  # a longer lag of scalars is a ring in memory
_SIZES = ("arith.addi", "arith.subi", "arith.muli", "arith.minsi", "arith.maxsi", "tensor.dim")
_MAX_ROWS = 200  # that one plan may have
READS_BACK = "it reads the rows from the last one on"


class NoRow(Exception):
    """Why a row cannot be made in the step that makes the rows which it needs."""


@dataclass(frozen=True)
class Place:
    """The row that step t reads: `first` + t, or backwards `first` - t. With `past`, the last steps may read it
    though nobody asked for so many rows."""

    first: Linear = Linear()
    backwards: bool = False
    past: bool = False

    @property
    def is_own(self) -> bool:
        """Step t reads row t."""
        return self.first.known == 0 and not self.backwards

    def through(self, offset: Linear, stride: int) -> Place:
        """The row of an array of which a slice is read."""
        first = offset + self.first * stride
        return Place(first, self.backwards != (stride < 0), self.past)


@dataclass(eq=False)
class Made:
    """A value that is there in the step, or outside it."""

    value: Value


@dataclass(eq=False)
class Picked:
    """A row of an array from outside the step, which becomes a sequence."""

    value: Value
    place: Place


@dataclass(eq=False)
class Held:
    """A row of so many steps ago; before that, rows of `start`."""

    start: Value
    offset: int
    stride: int
    lag: int
    row: Row


@dataclass(eq=False)
class Ago:
    """What a value of the step was so many steps ago, where the scan begins behind as many."""

    value: Value
    lag: int


@dataclass(eq=False)
class Mapped:
    """A row of the result of `op`, from rows of its operands."""

    op: Op
    place: Place
    rows: Sequence[Row]
    make: Callable[[Builder, Sequence[Value]], Value]


Row = Made | Picked | Held | Ago | Mapped
Rule = Callable[["Plan", Op, Place], "Row | None"]
RULES: dict[str, Rule] = {}


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Declare how the ops called `names` work row by row."""
    def declare(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function
    return declare


@dataclass
class Plan:
    """Rows for each step of `producer`, on which the ops in `late` wait; sizes are built with `b`. `begins`: step 0
    is the one of the producer that makes the row of that number."""

    producer: ScanView
    late: set[Op]
    b: Builder
    rule_of: Callable[[Op], Rule | None]
    steps: Linear
    rows: dict[tuple[Value, Place], Row] = field(default_factory=dict)
    depth: int = 0  # rows whose parts are being planned
    begins: int = 0

    def waits(self, value: Value) -> bool:
        """True if a value is only there after the producer ran; also of sizes that were built since."""
        op = value.op
        if op is None:
            return False
        if op in self.late or op is self.producer.op:
            return True
        return op.name in _SIZES and any(map(self.waits, op.operands))

    def outside(self, value: Value) -> Value:
        """A value that all rows need."""
        if self.waits(value):
            raise NoRow(f"{called(value)}, which its rows need, is there only after the last step")
        return value

    def row(self, value: Value, place: Place) -> Row:
        key = (value, place)
        if key not in self.rows:
            if len(self.rows) + self.depth >= _MAX_ROWS:
                raise NoRow(f"more than {_MAX_ROWS} ops stand between")
            self.depth += 1
            try:
                self.rows[key] = self._row(value, place)
            finally:
                self.depth -= 1
        return self.rows[key]

    def _row(self, value: Value, place: Place) -> Row:
        op = value.op
        if op is self.producer.op:
            return self._own_row(value, place)
        waits = self.waits(value)
        known = self.rule_of(op) if op is not None and (waits or self._comes_along(op)) else None
        found = known(self, op, place) if known is not None and op is not None else None
        if found is not None:
            return found
        if waits:
            assert op is not None
            raise NoRow(f"{what(op)} stands between, which needs more than a row")
        return self._picked(value, place)

    def _comes_along(self, op: Op) -> bool:
        """True for what does not wait, but is better made in the step than read from memory."""
        return op.parent is self.producer.op.parent and op.name in ("tensor.splat", "scan.broadcast", "tensor.cast")

    def _own_row(self, value: Value, place: Place) -> Row:
        stack = next((s for s in self.producer.stacks if s.result is value), None)
        if stack is None:
            raise NoRow(f"it reads '{value.name or 'a state'}' as it is after the last step")
        if not self.producer.keeps_all(stack):
            raise NoRow("only some rows are kept, or not in order")
        if place.backwards:
            raise NoRow(READS_BACK)
        lag = None if (first := self._row_number(place.first)) is None else self.begins - first
        if lag is None or not 0 <= lag <= MOST_LAG:
            raise NoRow("it reads rows that are not made yet" if lag is None or lag < 0 else f"it reads rows of more "
                        f"than {MOST_LAG} steps ago")
        return Ago(stack.value, lag) if lag else Made(stack.value)

    def _row_number(self, first: Linear) -> int | None:
        """The row that step 0 reads, where it is a number: also k of min(n, k), of n rows, of which no step reads any
        where there are fewer."""
        if first.known is not None or first.constant or list(first.terms.values()) != [1]:
            return first.known
        (cut,) = (value.op for value in first.terms)
        if not self.begins or cut is None or cut.name != "arith.minsi" or self.producer.length not in cut.operands:
            return None
        return next((k for k in map(constant_of, cut.operands) if k is not None), None)

    def _picked(self, value: Value, place: Place) -> Row:
        if place.past:
            spare = least(linear(self.size(value)) - self.steps - place.first)
            if place.backwards or spare is None or spare < 0:
                raise NoRow(f"'{value.name or 'a value'}' has a row less than there are steps")
        if not place.is_own and self.producer.until:
            raise NoRow(f"rows of '{value.name or 'a value'}' are counted from the number of steps that ran")
        return Picked(value, place)

    def size(self, value: Value) -> Value:
        """How many rows a value has."""
        return self.outside_or_steps(dims_of(self.b, value)[0])

    def outside_or_steps(self, size: Value) -> Value:
        if size is self.producer.executed:
            return size
        return self.outside(size)

    def held(self, start: Value, offset: int, stride: int, lag: int, row: Row) -> Row:
        return Held(self.outside(start), offset, stride, lag, row)

    def sizes(self, value: Value) -> list[Value]:
        """The sizes of a row."""
        return [self.outside(size) for size in dims_of(self.b, value)[1:]]

    # ---- what was planned ----

    def going(self, reader: Op) -> set[Op]:
        """The ops on the way that nothing reads any more once the reader's rows are made in the step."""
        way = {value.op for value, _ in self.rows} | {reader}
        going = {reader}
        for op in reversed(self.producer.op.parent.ops):  # type: ignore[union-attr]
            if op in way and all(user in going for result in op.results for user in result.uses):
                going.add(op)
        return going

    def mapped(self) -> list[Mapped]:
        """The ops of which rows are made."""
        return [row for row in self.rows.values() if isinstance(row, Mapped)]

    def earlier(self) -> list[tuple[Value, int]]:
        """The values of the step of which rows need what they were so many steps ago."""
        return [(row.value, row.lag) for row in self.rows.values() if isinstance(row, Ago)]
