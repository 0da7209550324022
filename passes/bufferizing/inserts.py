"""Arrays that are made in the rows of another one into which they are written.

    part = scan(...)                              room[first:first + n] = scan(...)
    room = insert_slice(part, room, first)   ->

A scan over tiles keeps the rows of all of them in one array that it carries: each tile makes its rows there.
Conservative: the array stays in one buffer, nothing but this write knows it before, and nothing of the step after,
so that nobody sees the rows early; where they go is known, and checked, before they are made.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence

from scancc.ir.builder import measured
from scancc.ir.core import Op, Value
from scancc.ir.ops import CHECKS, TERMINATOR, has_trait, operand
from scancc.ir.shapes import is_one_size
from scancc.ir.slices import Entry, entries

from .context import Context


class Inserts:
    """The arrays of a function that are written into rows of others alone."""

    def __init__(self, number: dict[Op, int]) -> None:
        self.number = number
        self.checks = [place for op, place in number.items() if has_trait(op, CHECKS)]
        self.placed: dict[Value, Value] = {}  # those made there, and their places

    def place(self, c: Context, value: Value, dims: Sequence[Value]) -> Value | None:
        """Where an array is made that goes into another one; None where it needs memory of its own."""
        write = next(iter(value.uses), None)
        if write is None or write.name != "tensor.insert_slice" or not self._may_be_made(c, value, write):
            return None
        at, count = (c.entry(entries(write, name)[0]) for name in ("offsets", "sizes"))
        if not is_one_size(count, dims[0]):
            return None  # there is more room than what is written needs
        zero, one, rank = c.b.index(0), c.b.index(1), len(dims)
        buffer, offsets = c.get(operand(write, "dest")), [at, *[zero] * (rank - 1)]
        rows = c.subview(buffer, offsets, dims, [one] * rank, range(rank))
        self.placed[value] = c.reshape(rows, dims)
        return self.placed[value]

    def holds(self, c: Context, value: Value) -> bool:
        """Whether an array was made where it is written to."""
        return value in self.placed and c.get(value) is self.placed[value]

    def _may_be_made(self, c: Context, value: Value, write: Op) -> bool:
        dest, made = operand(write, "dest"), value.op
        if made is None or write.parent is not made.parent or value.uses != {write: 1}:
            return False
        if dest.op is not None or dest not in c.env or c.places.ties.get(write.result) is not dest:
            return False
        return _is_seen_by(write, dest) and _are_whole_rows(write, value, dest) and self._is_known(made, write)

    def _is_known(self, made: Op, write: Op) -> bool:
        """Whether it is known where and how much goes, when the array is made, and no check comes between."""
        start, end = self.number[made], self.number[write]
        places = [v for name in ("offsets", "sizes") for v in entries(write, name)
                  if isinstance(v, Value) and v.op is not None]
        return bisect(self.checks, start) == bisect(self.checks, end) and all(
            self.number.get(v.op, end) < start for v in places if v.op is not None)


def _is_seen_by(write: Op, dest: Value) -> bool:
    """Whether nothing but a write, which is the step's last one, reads an array."""
    before = all(user is write and n == 1 or user.name == "tensor.dim" for user, n in dest.uses.items())
    return before and all(has_trait(user, TERMINATOR) for user in write.result.uses)


def _are_whole_rows(write: Op, value: Value, dest: Value) -> bool:
    """Whether what is written lies in one piece: some rows, one after the other."""
    offsets, sizes, strides = (entries(write, name) for name in ("offsets", "sizes", "strides"))
    rank = len(value.type.shape)  # type: ignore[attr-defined]
    return rank == len(sizes) and all(stride == 1 for stride in strides) and all(
        offset == 0 and _is_whole(size, dest, axis)
        for axis, (offset, size) in enumerate(zip(offsets, sizes, strict=True)) if axis)


def _is_whole(size: Entry, array: Value, axis: int) -> bool:
    if isinstance(size, Value):
        return measured(size) == (array, axis)
    return bool(size == array.type.shape[axis])  # type: ignore[attr-defined]
