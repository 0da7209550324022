"""Where the rounds of a loop read and write: places that follow each other in memory, forwards or backwards."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value, defined_in
from scancc.ir.ops import group, operand, whole
from scancc.ir.slices import entries, kept_axes, number_of
from scancc.late_dataclasses import dataclass

REACH = ("memref.subview", "memref.cast", "scan.buffer_reshape")


MOST_COLUMNS = 4  # of rows that are read or written as a whole

Index = Value | int


@dataclass(frozen=True)
class Place:
    """An element of a buffer. From round to round it moves along `axis` by `step`; it stays where that is None."""

    buffer: Value
    indices: tuple[Index, ...]
    axis: int | None
    step: int

    @property
    def row(self) -> tuple[object, ...]:
        """What is the same for all elements of a row."""
        return self.buffer, self.indices[0], self.step

    @property
    def n_columns(self) -> int:
        """Of a buffer of few columns without gaps, in whose rows rounds move, at a known column; else 0."""
        type = self.buffer.type
        assert isinstance(type, t.MemRefType)
        if self.axis != 0 or len(self.indices) != 2 or not isinstance(self.indices[1], int):
            return 0
        n = type.shape[1]
        return n if n is not None and 1 < n <= MOST_COLUMNS and type.strides in (None, (n, 1)) else 0

    def is_apart(self, other: Place) -> bool:
        """Whether two places of a buffer are different in any two rounds: other columns."""
        return self.buffer is other.buffer and any(
            isinstance(x, int) and isinstance(y, int) and x != y
            for x, y in zip(self.indices, other.indices, strict=True))


def place_of(op: Op, body: Block) -> Place | None:
    """What a load or store of a loop's body addresses; None where rounds do not move along one axis."""
    buffer, known = whole(op), [constant_of(index) for index in group(op, "indices")]
    indices = [index if n is None else n for n, index in zip(known, group(op, "indices"), strict=True)]
    while defined_in(buffer, body):
        found = _of_source(buffer.op, indices)
        if found is None:
            return None
        buffer, indices = found
    moving = [axis for axis, index in enumerate(indices) if isinstance(index, Value) and defined_in(index, body)]
    if len(moving) > 1:
        return None
    if not moving:
        return Place(buffer, tuple(indices), None, 0)
    step = _step(indices[moving[0]], body)
    return Place(buffer, tuple(indices), moving[0], step) if step else None


def _of_source(view: Op | None, indices: Sequence[Index]) -> tuple[Value, list[Index]] | None:
    """The array that a view has a part of, and an element's indices there; None where they are sums."""
    if view is None or view.name != "memref.subview" or any(stride != 1 for stride in entries(view, "strides")):
        return None
    axes, found = kept_axes(view), list[Index]()
    for axis, offset in enumerate(entries(view, "offsets")):
        index, first = indices[axes.index(axis)] if axis in axes else 0, number_of(offset)
        if isinstance(index, int) and first is not None:
            found.append(index + first)
        elif index == 0 or first == 0:
            found.append(offset if index == 0 else index)
        else:
            return None
    return operand(view, "source"), found


def _step(index: Value, body: Block) -> int:
    """How far an index moves in a round, by one at most; 0 if that is not known."""
    if index is body.args[0]:
        return 1
    op = index.op
    if op is None or op.name not in ("arith.addi", "arith.subi"):
        return 0
    x, y = op.operands
    if not defined_in(x, body):
        return _step(y, body) * (1 if op.name == "arith.addi" else -1)
    return _step(x, body) if not defined_in(y, body) else 0


def root_of(buffer: Value) -> Value:
    """The buffer that others are views of."""
    while buffer.op is not None and buffer.op.name in REACH:
        buffer = operand(buffer.op, "source")
    return buffer


def goes_back(place: Place) -> bool:
    """Whether the elements of later rounds stand before those of earlier ones."""
    view = place.buffer.op
    turned = view is not None and view.name == "memref.subview" and entries(view, "strides")[0] == -1
    return place.axis == 0 and (place.step < 0) != turned


class Walk:
    """Neighbours of a place, from the first of some rounds on."""

    def __init__(self, b: Builder, before: Builder, place: Place, indices: Sequence[Value]) -> None:
        self.b, self.before, self.buffer, self.indices = b, before, place.buffer, list(indices)
        self.axis, self.step = place.axis, place.step
        self._drop_unit_axis()
        self._leave_turned_view()

    def _drop_unit_axis(self) -> None:
        """A column of rows of one element, as a vector."""
        type = self.buffer.type
        assert isinstance(type, t.MemRefType)
        view = self.buffer.op
        if self.axis != 0 or len(self.indices) != 2 or constant_of(self.indices[1]) != 0:
            return
        if type.strides is None and type.shape[1:] == (1,):
            self.buffer, self.indices = self._flat(self.buffer), self.indices[:1]
        elif view is not None and view.name == "memref.subview" and _turns_rows(view):
            offset = self._offset(view)
            self.buffer = self._flat(operand(view, "source"))
            self.indices, self.step = [self.b.subi(offset, self.indices[0])], -self.step

    def _leave_turned_view(self) -> None:
        """The array of which a view has the elements from the end to the front."""
        view = self.buffer.op
        if view is None or view.name != "memref.subview" or len(self.indices) != 1:
            return
        if entries(view, "strides") == [-1] and _neighbours(operand(view, "source")):
            self.indices, self.step = [self.b.subi(self._offset(view), self.indices[0])], -self.step
            self.buffer = operand(view, "source")

    def _flat(self, buffer: Value, columns: int = 1) -> Value:
        b, type = self.before, buffer.type
        assert isinstance(type, t.MemRefType)
        n = type.shape[0]
        flat = t.MemRefType((None if n is None else n * columns,), type.element)
        rows = [] if n is not None else [b.op("memref.dim", [buffer, b.index(0)], [t.index])]
        return b.op("scan.buffer_reshape", [buffer, *(b.muli(size, b.index(columns)) for size in rows)], [flat])

    def parts(self, columns: int, rounds: int) -> tuple[Value, list[Value]]:
        """The rows of so many rounds as one array, and where each of `columns` vectors of so many elements begins."""
        b, first = self.b, self.b.muli(self.lowest(rounds)[0], self.b.index(columns))
        return self._flat(self.buffer, columns), [b.addi(first, b.index(n * rounds)) for n in range(columns)]

    def _offset(self, view: Op) -> Value:
        offset = entries(view, "offsets")[0]
        return self.b.index(offset) if isinstance(offset, int) else offset

    @property
    def is_adjacent(self) -> bool:
        """Whether the rounds' elements follow each other in memory."""
        return self.axis == len(self.indices) - 1 and _neighbours(self.buffer)

    def lowest(self, rounds: int) -> list[Value]:
        """The indices of the first in memory of so many rounds."""
        return self.at(0 if self.step > 0 else rounds - 1)

    def at(self, round: int) -> list[Value]:
        """The indices in a later round."""
        assert self.axis is not None
        found = list(self.indices)
        found[self.axis] = self.b.addi(found[self.axis], self.b.index(round * self.step))
        return found


def _turns_rows(view: Op) -> bool:
    source = operand(view, "source").type
    assert isinstance(source, t.MemRefType)
    plain = source.strides is None and source.shape[1:] == (1,)
    return plain and entries(view, "strides") == [-1, 1] and number_of(entries(view, "offsets")[1]) == 0


def _neighbours(buffer: Value) -> bool:
    type = buffer.type
    assert isinstance(type, t.MemRefType)
    return len(type.shape) > 0 and (type.strides is None or type.strides[-1] == 1)
