"""Arrays that are made in the part of another one into which they are written.

    part = scan(...)                              room[first:first + n] = scan(...)
    room = insert_slice(part, room, first)   ->

A scan over tiles keeps the rows of all of them in one array that it carries: each tile makes its rows there; what a
gradient writes between zeros is made there. A loop nest makes its elements where they go (`elementwise.py`), in any
array.
Conservative: where it goes is known, and checked, before it is made, and loop nests that read it, such as a sum, come
before it is written. For what is not a nest, rows lie in one piece,
the array is written in place, and nobody reads it from where the rows are made to where they are written.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence

from scancc.ir.builder import measured
from scancc.ir.core import Op, Value
from scancc.ir.ops import CHECKS, ELEMENTWISE, has_trait, memory_of, operand
from scancc.ir.parts import Nest
from scancc.ir.shapes import is_one_size
from scancc.ir.slices import COLUMNS, Entry, entries, kept_axes, number_of

from .context import Context, is_contiguous
from .elementwise import takes_the_place
from .nests import array_sizes
from .order import Order, is_inside
from .updates import updatable, writes_over


class Inserts:
    """The arrays of a function that are written into rows of others alone."""

    def __init__(self, order: Order) -> None:
        self.order, self.number = order, order.number
        self.checks = [place for op, place in self.number.items() if has_trait(op, CHECKS)]
        self.placed: dict[Value, Value] = {}  # those made there, and their places
        self.begun: dict[Op, Value] = {}      # writes for which that was done, and the buffers that they change

    def place(self, c: Context, value: Value, dims: Sequence[Value]) -> Value | None:
        """Where an array is made that goes into another one; None where it needs memory of its own."""
        made = value.op
        write = next((user for user in value.uses if user.name == "tensor.insert_slice"), None)
        if write is None or made is None or write.parent is not made.parent or value.uses[write] > 1:
            return None
        if operand(write, "source") is not value or not self._is_known(c, made, write):
            return None
        if not all(user is write or self._reads_before(user, write) for user in value.uses):
            return None
        if made.name == "linalg.generic":
            return self._part(c, value, write)
        return self._rows(c, value, write, dims) if self._may_take_rows(c, value, write) else None

    def _reads_before(self, user: Op, write: Op) -> bool:
        """Whether a loop nest is done with an array before it is written into another one."""
        return (user.name == "linalg.generic" and user.parent is write.parent
                and self.number[user] < self.number[write])

    def _part(self, c: Context, value: Value, write: Op) -> Value | None:
        """Where `write` would copy the result of a loop nest to; None where the nest may not write there."""
        dest, made = operand(write, "dest"), value.op
        assert made is not None
        has_gaps = any(stride != 1 for stride in entries(write, "strides"))
        if Nest(made).reduced or has_gaps and not _is_filled(made):  # what is computed has lanes where it lies dense
            return None
        if not self._is_there(c, dest, made) or not self._may_be_written(c, write, dest, made):
            return None
        buffer = self.begun[write] = updatable(c, write, dest)
        offsets, sizes, strides = ([_told(c, e) for e in entries(write, column)] for column in COLUMNS)
        self.placed[value] = c.subview(buffer, offsets, sizes, strides, kept_axes(write))
        return self.placed[value]

    def _is_there(self, c: Context, array: Value, made: Op) -> bool:
        """Whether an array, which is none of past rows, has elements before `made` runs."""
        return array not in c.rings and array not in c.past and (
            array.op is None or self.number[array.op] < self.number[made])

    def _may_be_written(self, c: Context, write: Op, dest: Value, made: Op) -> bool:
        """Whether `made` may write where `write` does: over `dest` or, where that stays as it is, into a copy."""
        wanted, place = c.dest.get(write.result), c.env.get(dest)
        if place is None or writes_over(c, write, dest, place) or wanted is not None and memory_of(
                wanted) is memory_of(place):
            return takes_the_place(self.order, made, write, c.places.saved)
        return wanted is not None or write.result not in c.places.joins.parts and not any(
            user.name == "tensor.insert_slice" for user in write.result.uses)

    def _rows(self, c: Context, value: Value, write: Op, dims: Sequence[Value]) -> Value | None:
        at, count = (_told(c, entries(write, name)[0]) for name in ("offsets", "sizes"))
        if not _are_equal(c, count, dims[0]):
            return None  # there is more room than what is written needs
        zero, one, rank = c.b.index(0), c.b.index(1), len(dims)
        buffer = self.begun[write] if write in self.begun else c.get(operand(write, "dest"))
        offsets = [at, *[zero] * (rank - 1)]
        rows = c.subview(buffer, offsets, dims, [one] * rank, range(rank))
        self.placed[value] = c.reshape(rows, dims)
        return self.placed[value]

    def holds(self, c: Context, value: Value) -> bool:
        """Whether an array was made where it is written to."""
        return value in self.placed and c.get(value) is self.placed[value]

    def _may_take_rows(self, c: Context, value: Value, write: Op) -> bool:
        dest, made = operand(write, "dest"), value.op
        assert made is not None
        if _is_room(c, dest, write):
            buffer = self.begun[write] = updatable(c, write, dest)
            return is_contiguous(buffer.type) and _are_whole_rows(c, write)
        if dest not in c.env or not is_contiguous(c.get(dest).type) or not _are_whole_rows(c, write):
            return False
        place = c.get(dest)
        if c.dest.get(write.result) is not place and not writes_over(c, write, dest, place):
            return False
        return not any(is_inside(use.op, made) or self.order.is_after(use.op, made)
                       for use in self.order.uses(dest, write) if use.op is not write)

    def _is_known(self, c: Context, made: Op, write: Op) -> bool:
        """Whether it can be told where and how much goes, when the array is made, and no check comes between."""
        start, end = self.number[made], self.number[write]
        return bisect(self.checks, start) == bisect(self.checks, end) and all(
            _can_be_told(c, v) for column in COLUMNS for v in entries(write, column) if isinstance(v, Value))


def _is_filled(nest: Op) -> bool:
    """Whether a loop nest computes nothing, and gives one number to all elements."""
    return len(nest.body.ops) == 1 and not any(v.block is nest.body for v in nest.body.terminator.operands)


def _can_be_told(c: Context, size: Value) -> bool:
    """Whether a size is there, or is made of such alone."""
    op = size.op
    return size in c.env or (op is not None and has_trait(op, ELEMENTWISE)
                             and all(_can_be_told(c, v) for v in op.operands))


def _told(c: Context, entry: Entry) -> Value:
    """A part of a slice, computed now where that stands behind."""
    if isinstance(entry, Value) and entry not in c.env:
        assert entry.op is not None
        for value in entry.op.operands:
            _told(c, value)
        c.convert(entry.op)
    return c.entry(entry)


def _is_room(c: Context, dest: Value, write: Op) -> bool:
    """Whether nothing is in an array before a write, which has a place for it."""
    return dest.op is not None and dest.op.name == "tensor.empty" and write.result in c.dest and (
        write.result not in c.places.ties and all(_can_be_told(c, v) for v in dest.op.operands))


def _are_equal(c: Context, size: Value, other: Value) -> bool:
    one, another = (number_of(c.equal.best(v)) or c.equal.best(v) for v in (size, other))
    return is_one_size(size, other) or one == another


def _are_whole_rows(c: Context, write: Op) -> bool:
    """Whether what is written lies in one piece: some rows, one after the other."""
    offsets, sizes, strides = (entries(write, name) for name in COLUMNS)
    return len(kept_axes(write)) == len(sizes) and all(stride == 1 for stride in strides) and all(
        offset == 0 and _is_whole(c, size, operand(write, "dest"), axis)
        for axis, (offset, size) in enumerate(zip(offsets, sizes, strict=True)) if axis)


def _is_whole(c: Context, size: Entry, array: Value, axis: int) -> bool:
    if isinstance(size, Value) and measured(size) == (array, axis):
        return True
    return _are_equal(c, _told(c, size), array_sizes(c, array)[axis])
