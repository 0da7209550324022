"""Makes planned rows in the step of the scan that makes what they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.linear import Linear
from scancc.ir.ops import is_removable
from scancc.ir.parts import Carry, Read, ScanView
from scancc.ir.shapes import dims_of, fill
from scancc.ir.slices import Entry, constant_entries, slice_parts

from .rows import MAX_REGISTERS, Ago, Held, Made, Picked, Row


class Step:
    """The step of a scan under construction, and the sequences and states that it gains.

    What is made stands at the end of the step, or `before` an op in it. `ago`: what values were some steps ago.
    """

    def __init__(self, scan: ScanView, length: Linear, before: Op | None = None,
                 ago: Mapping[tuple[Value, int], Value] = MappingProxyType({})) -> None:
        assert scan.op.parent is not None
        self.scan = scan
        self.reads: list[Read] = []
        self.carries: list[Carry] = []
        self._length, self._ago = length, ago
        self._inside = Builder(scan.op.body, before or scan.op.body.terminator, scan.op.location)
        self._before = Builder(scan.op.parent, scan.op, scan.op.location)
        self._values: dict[Row, Value] = {}
        self._past: dict[tuple[Value, int, Value], Value] = {}

    def value(self, row: Row) -> Value:
        """The row in the step."""
        if row not in self._values:
            self._values[row] = self._made(row)
        return self._values[row]

    def _made(self, row: Row) -> Value:
        if isinstance(row, Made):
            return row.value
        if isinstance(row, Ago):
            return self._ago[row.value, row.lag]
        if isinstance(row, Picked):
            return self._picked(row)
        if isinstance(row, Held):
            return self._held(row)
        given = [self.value(part) for part in row.rows]
        self._inside.location = row.op.location
        made = row.make(self._inside, given)
        made.name = made.name or row.op.result.name
        return made

    def _picked(self, row: Picked) -> Value:
        xs = row.value
        if not row.place.is_own:
            stride = -1 if row.place.backwards else 1
            first, steps = constant_entries([self._before_value(row.place.first), self._before_value(self._length)])
            xs = rows_from(self._before, xs, first, steps, stride)
        known = next((x for x in [*self.scan.reads, *self.reads] if x.xs is xs), None)
        if known is None:
            known = self.scan.new_read(xs)
            known.arg.name = row.value.name and f"{row.value.name}_t"
            self.reads.append(known)
        return known.arg

    def _before_value(self, sum: Linear) -> Value:
        return sum.built(self._before)

    def _held(self, row: Held) -> Value:
        """A row of some steps ago: registers, the oldest read; or a window of which it is the oldest row."""
        new = self.value(row.row)
        if row.lag > 1 and (isinstance(new.type, t.TensorType) or row.lag > MAX_REGISTERS):
            return self._window(row, new)
        for age in range(row.lag):  # what the step made, what it made in the step before, ...
            place = row.offset + row.stride * (row.lag - 1 - age)
            key = (row.start, place, new)
            if key not in self._past:
                self._past[key] = self._remembered(self._start(row.start, place, new.type), new, 1)
            new = self._past[key]
        return new

    def _remembered(self, start: Value, new: Value, depth: int) -> Value:
        carry = self.scan.new_carry(start, new, depth)
        carry.arg.name = new.name and f"{new.name.removesuffix('_next')}_past"
        self.carries.append(carry)
        return carry.arg

    def _start(self, start: Value, place: int, type: t.Type) -> Value:
        b = self._before
        if not isinstance(type, t.TensorType):
            return b.op("tensor.extract", [start, b.index(place)], [type])
        sizes = constant_entries(dims_of(b, start)[1:])
        return _under(b, _row(b, start, place, sizes, t.row_type(start.type)), type)

    def _window(self, row: Held, new: Value) -> Value:
        b = self._before
        window = t.TensorType((row.lag, *(new.type.shape if isinstance(new.type, t.TensorType) else ())),
                              t.element(new.type))
        start = _under(b, rows_from(b, row.start, row.offset, row.lag, row.stride), window)
        sizes = constant_entries(dims_of(b, start)[1:])
        oldest, b = self._remembered(start, new, row.lag), self._inside
        if not isinstance(new.type, t.TensorType):
            return b.op("tensor.extract", [oldest, b.index(0)], [new.type])
        return _row(b, oldest, 0, sizes, new.type)


def _row(b: Builder, array: Value, place: int, sizes: Sequence[Entry], type: t.Type) -> Value:
    groups, attrs = slice_parts([place, *[0] * len(sizes)], [1, *sizes], [1] * (len(sizes) + 1))
    return b.grouped("tensor.extract_slice", {"source": [array], **groups}, [type], attrs).result


def rows_from(b: Builder, array: Value, first: Entry, n: Entry, stride: int) -> Value:
    """So many rows of an array."""
    sizes = constant_entries(dims_of(b, array)[1:])
    zeros, ones = [0] * len(sizes), [1] * len(sizes)
    groups, attrs = slice_parts([first, *zeros], [n, *sizes], [stride, *ones])
    assert isinstance(array.type, t.TensorType)
    type = t.TensorType((n if isinstance(n, int) else None, *array.type.shape[1:]), array.type.element)
    return b.grouped("tensor.extract_slice", {"source": [array], **groups}, [type], attrs).result


def _under(b: Builder, value: Value, type: t.Type) -> Value:
    """The same under a type that knows more or less."""
    return value if value.type == type else b.op("tensor.cast", [value], [type])


def reversed_rows(b: Builder, stack: Value, length: Value, dims: list[Value]) -> Value:
    """All rows of a stack, the last first."""
    assert isinstance(stack.type, t.TensorType)
    n, *sizes = constant_entries([length, *fill(b, t.TensorType(stack.type.shape[1:], stack.type.element), dims)])
    zeros, ones = [0] * len(sizes), [1] * len(sizes)
    first = constant_entries([b.subi(length, b.index(1))])
    groups, attrs = slice_parts([*first, *zeros], [n, *sizes], [-1, *ones])
    return b.grouped("tensor.extract_slice", {"source": [stack], **groups}, [stack.type], attrs).result


def erase_unread(values: Sequence[Value]) -> None:
    """Erase what made these, as far as nothing else reads it: a dead reader would keep rows alive."""
    stack = list(values)
    while stack:
        op = stack.pop().op
        if op is not None and op.parent is not None and not any(v.uses for v in op.results) and is_removable(op):
            stack += op.operands
            op.erase()
