"""Where the rounds of a loop read and write: places that follow each other in memory, forwards or backwards."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value, defined_in
from scancc.ir.ops import group, operand, whole
from scancc.ir.slices import entries, number_of
from scancc.late_dataclasses import dataclass

REACH = ("memref.subview", "memref.cast", "scan.buffer_reshape")


@dataclass(frozen=True)
class Place:
    """An element of a buffer. From round to round it moves along `axis` by `step`; it stays where that is None."""

    buffer: Value
    indices: tuple[Value, ...]
    axis: int | None
    step: int


def place_of(op: Op, body: Block) -> Place | None:
    """What a load or store of a loop's body addresses; None where rounds do not move along one axis."""
    buffer, indices = whole(op), tuple(group(op, "indices"))
    moving = [axis for axis, index in enumerate(indices) if defined_in(index, body)]
    if defined_in(buffer, body) or len(moving) > 1:
        return None
    if not moving:
        return Place(buffer, indices, None, 0)
    step = _step(indices[moving[0]], body)
    return Place(buffer, indices, moving[0], step) if step else None


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

    def _flat(self, buffer: Value) -> Value:
        b, type = self.before, buffer.type
        assert isinstance(type, t.MemRefType)
        n = type.shape[0]
        dims = [] if n is not None else [b.op("memref.dim", [buffer, b.index(0)], [t.index])]
        return b.op("scan.buffer_reshape", [buffer, *dims], [t.MemRefType((n,), type.element)])

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
