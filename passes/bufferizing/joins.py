"""Parts of a `concat` that are made where it wants them.

    rows = scan(...)                   buffer = alloc; buffer[1:] = scan(...)
    concat([first], rows, axis 0)  ->  buffer[:1] = [first]

The buffer is made before the first such part, so the lengths of all parts must be known there, but for the number of
rows of the last one: those of an `until` scan have room for as many as there may be. Parts along the first axis lie
in one piece each; along others loop nests make them in place, scans, row by row, and joined arrays of such. What has
a place of its own, or is a part for the second time, is copied.
The gradient of a scan reads each state as it was before the step: the initial row, and then the rows of the scan.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import ScanView
from scancc.ir.shapes import dims_of, scratch

from .aliases import may_be_part
from .context import Context, is_contiguous
from .order import Order

Length = Value | int
LOOPS = ("linalg.generic", "scan.scan")
FEW = 8  # elements that are copied at no cost to speak of


class Part(NamedTuple):
    """A value that is part `number` of `join`, whose parts have these `lengths` along its `axis`."""

    join: Op
    number: int
    lengths: list[Length]
    axis: int


class Joins:
    """The joined arrays of a function, and those of their parts that may be made in place."""

    def __init__(self, order: Order) -> None:
        self.buffers: dict[Op, Value] = {}   # of what has a part that is made in place
        self.placed: dict[Value, Value] = {}  # such parts, and their places
        self.parts: dict[Value, Part] = {}
        for op in order.number:
            if op.name == "scan.concat":
                axis = op.attrs["axis"].value
                lengths = [_length(v, axis) for v in op.operands]
                for number, part in enumerate(op.operands):
                    if part not in self.parts and _may_be_made(order, part, op, lengths):
                        self.parts[part] = Part(op, number, lengths, axis)

    def place(self, c: Context, value: Value, dims: Sequence[Value]) -> Value | None:
        """Where an array is made that is a part; None where the joined array is wanted in a place that is free only
        once all parts are there."""
        part = self.parts.get(value)
        if part is None or part.join.result in c.places.ties or part.join.result in c.places.shifts:
            return None
        wanted = c.dest.get(part.join.result)
        if wanted is not None and (not c.is_free(wanted) or _may_stop_early(part.join.operands[-1])):
            return None
        before, after = ([c.entry(length) for length in lengths]
                         for lengths in (part.lengths[:part.number], part.lengths[part.number + 1:]))
        if part.join not in self.buffers:
            sizes = list(dims)
            sizes[part.axis] = _total(c, [*before, dims[part.axis], *after])
            self.buffers[part.join] = self._whole(c, part.join, sizes, value.name)
        zero, one, rank = c.b.index(0), c.b.index(1), len(dims)
        offsets = [_total(c, before) if axis == part.axis else zero for axis in range(rank)]
        rows = c.subview(self.buffers[part.join], offsets, dims, [one] * rank, range(rank))
        self.placed[value] = c.reshape(rows, dims) if part.axis == 0 and is_contiguous(
            self.buffers[part.join].type) else rows
        return self.placed[value]

    def _whole(self, c: Context, join: Op, sizes: Sequence[Value], name: str | None) -> Value:
        """Where a joined array is made: where it is wanted, in another one that it is a part of, or by itself."""
        if join.result in c.dest:
            return c.target(join.result, sizes)
        outer = self.parts.get(join.result)
        known = outer is not None and all(isinstance(n, int) or n in c.env for n in outer.lengths)
        place = self.place(c, join.result, sizes) if known else None
        return c.alloc(t.element(join.result.type), sizes, name) if place is None else place

    def makes_in_place(self, join: Op) -> bool:
        """Whether loops make all of a joined array, but for a few elements, where it wants them."""
        made = [part for part in join.operands if part in self.parts and self.parts[part].join is join]
        return any(part.op is not None and part.op.name in LOOPS for part in made) and all(
            part in made or _is_short(part) for part in join.operands)

    def holds(self, c: Context, value: Value, join: Op) -> bool:
        """Whether a part was made where `join` wants it."""
        if value not in self.placed or self.parts[value].join is not join:
            return False
        place = c.get(value)
        if place.op is not None and self.is_open(join) and place is not self.placed[value]:
            return place.op.name == "scan.buffer_reshape" and operand(place.op, "source") is self.placed[value]
        return place is self.placed[value]

    def is_open(self, join: Op) -> bool:
        """Whether the buffer may have room for more rows than there are."""
        return join in self.buffers and _may_stop_early(join.operands[-1])


def _may_be_made(order: Order, part: Value, join: Op, lengths: list[Length]) -> bool:
    if not may_be_part(part, join) or join.operands.count(part) > 1:
        return False
    may_stop = _may_stop_early(part)
    if may_stop and join.attrs["axis"].value != 0:
        return False
    is_last = part is join.operands[-1] and may_stop
    return all(isinstance(n, int) or _is_known(order, n, part) for n in (lengths[:-1] if is_last else lengths))


def _is_short(value: Value) -> bool:
    lengths: tuple[int | None, ...] = value.type.shape  # type: ignore[attr-defined]
    return math.prod(FEW + 1 if n is None else n for n in lengths) <= FEW


def _may_stop_early(part: Value) -> bool:
    return part.op is not None and part.op.name == "scan.scan" and ScanView(part.op).until


def _is_known(order: Order, size: Value, part: Value) -> bool:
    """Whether a size is computed before an array is made; what only a question has built stands nowhere."""
    assert part.op is not None
    return size.op is None or order.number.get(size.op, len(order.number)) < order.number[part.op]


def _length(value: Value, axis: int) -> Length:
    with scratch() as b:
        size = dims_of(b, value)[axis]
        known = constant_of(size)
    return size if known is None else known


def _total(c: Context, sizes: Sequence[Value]) -> Value:
    total = c.b.index(0)
    for size in sizes:
        total = c.b.addi(total, size)
    return total
