"""The rounds of a loop as lanes where each goes along rows of its own: tiles of rows and steps, transposed.

    for each L rows:
      for each T steps:
        transpose x[L rows, T steps] to tile[T, L]
        for each of the T steps: the step, on vectors of L lanes of tiles
        transpose tile[T, L] to y[L rows, T steps]
      the same for the steps that are left

A tile lies on the stack; short steps are written out, one after the other, and a tile is registers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.ops import group, operand, whole
from scancc.ir.parts import Loop
from scancc.ir.rules.memref import strides_of
from scancc.ir.slices import COLUMNS, Entry, entries, fitting_axes, number_of, slice_parts

from ..indexing.forms import Form
from ..indexing.ranges import value_of
from .lanes import Widener, whole_lanes

MOST_OPS = 400  # of a tile's steps that are written out


class Stream(NamedTuple):
    """A load or store that goes along a row by one element a step: its place is `rest` plus or less the step."""

    op: Op
    rest: Form
    goes_back: bool

    @property
    def element(self) -> t.Type:
        type = whole(self.op).type
        assert isinstance(type, t.MemRefType)
        return type.element


class RowWidener(Widener):
    """Rebuilds the body of a loop along rows, of `views`: a view of one row is one of as many as there are lanes."""

    def __init__(self, varying: set[Value], lanes: int, map: dict[Value, Value], counter: Value, copies: int,
                 views: Mapping[Op, int], streams: Mapping[Op, Sequence[Stream]], steps: int) -> None:
        super().__init__(varying, lanes, map, counter, copies)
        self.views, self.streams, self.steps, self.rows = views, streams, steps, lanes * copies
        self.first: dict[Value, Value] = {}  # what the first lane has of indices, and all rows together of views
        self.tiles: dict[Op, Value] = {}  # where a step of a tile reads and writes

    def loop(self, op: Op, b: Builder) -> None:
        """A loop over steps: first those of whole tiles."""
        loop, steps, carries = Loop(op), b.index(self.steps), Loop(op).carries
        first, end, _ = (self.value(v) for v in loop.bounds)
        init = [v for carry in carries for v in self._all(carry.init, carry.arg, b)]
        n = b.maxsi(b.subi(end, first), b.index(0))
        middle = b.addi(first, whole_lanes(b, n, steps))
        body = Block([t.index, *[v.type for v in init]])
        counter, *args = body.args
        inside, outside = Builder(body, location=op.location), self.spread
        self.spread = dict(outside)
        inside.make("scf.yield", self._tile(op, inside, counter, inside.index(self.steps), args))
        self.spread = outside
        made = b.make("scf.for", [first, middle, steps, *init], [v.type for v in init], None, [Region([body])])
        self._tile(op, b, middle, b.subi(b.addi(first, n), middle), made.results)

    def _tile(self, op: Op, b: Builder, first: Value, count: Value, init: Sequence[Value]) -> list[Value]:
        """So many steps from `first` on, by tiles; what they carry."""
        streams, known = self.streams[op], constant_of(count)
        if known == 0:
            self._bind(op.results, init)
            return list(init)
        shape = self.steps, self.rows
        self.tiles = {s.op: b.op("memref.alloca", [], [t.MemRefType(shape, s.element)]) for s in streams}
        parts = {s.op: (self._part(s, first, count, b), self._filled(s, count, b)) for s in streams}
        for stream in streams:
            if stream.op.name == "memref.load":
                b.make("scan.buffer_transpose", [*parts[stream.op]])
        if known is not None and len(op.body.ops) * self.copies * known <= MOST_OPS:
            self._write_out(op, b, first, known, init)
        else:
            self.rounds(op, b, [b.index(0), count, b.index(1)], init, first)
        for stream in streams:
            if stream.op.name == "memref.store":
                b.make("scan.buffer_transpose", [*reversed(parts[stream.op])])
        self.tiles = {}
        return [v for carry in Loop(op).carries for v in self._all(carry.final, carry.arg, b)]

    def _write_out(self, op: Op, b: Builder, first: Value, count: int, init: Sequence[Value]) -> None:
        """All `count` steps of a tile, one after the other: what the tile has are registers then."""
        loop, values = Loop(op), list(init)
        for step in range(count):
            self.round, self.map[loop.counter] = b.index(step), b.addi(first, b.index(step))
            self._bind(loop.args, values)
            self._ops(op.body.ops[:-1], b)
            values = [v for carry in loop.carries for v in self._all(carry.next, carry.arg, b)]
        self._bind(op.results, values)

    def _part(self, stream: Stream, first: Value, count: Value, b: Builder) -> Value:
        """The elements of some steps of all rows, in the order in which they lie in memory."""
        rows, rest, one = self.first[whole(stream.op)], value_of(b, stream.rest), b.index(1)
        low = b.subi(b.subi(rest, first), b.subi(count, one)) if stream.goes_back else b.addi(rest, first)
        step = strides_of(rows.type)[-1]
        low = b.addi(low, b.subi(count, one)) if step == -1 else low
        assert step is not None
        return part(b, rows, [0, low], [self.rows, count], [1, step])

    def _filled(self, stream: Stream, count: Value, b: Builder) -> Value:
        """What of a tile some steps fill, in the same order."""
        tile = self.tiles[stream.op]
        if stream.goes_back == (strides_of(self.first[whole(stream.op)].type)[-1] == -1):
            return part(b, tile, [0, 0], [count, self.rows], [1, 1])
        return part(b, tile, [b.subi(count, b.index(1)), 0], [count, self.rows], [-1, 1])

    # ---- ops ----

    def _op(self, op: Op, b: Builder, copy: int) -> None:
        if op in self.views and copy == 0:
            self._of_first(op, b)
        if op in self.views and isinstance(op.result.type, t.MemRefType):
            return
        if op.name in ("memref.load", "memref.store") and whole(op) in self.varying:
            self._element(op, b, copy)
        else:
            super()._op(op, b, copy)

    def _of_first(self, op: Op, b: Builder) -> None:
        """A view of all rows, or what the first lane has of an index."""
        if not isinstance(op.result.type, t.MemRefType):
            mapping = {**self.map, **self.first}
            clone_op(op, mapping, b.insert)
            self.first[op.result] = mapping[op.result]
            return
        source = operand(op, "source")
        offsets, sizes, strides = ([self._entry(entry) for entry in entries(op, column)] for column in COLUMNS)
        if source in self.varying:
            offsets, sizes, strides = [0, *offsets], [self.rows, *sizes], [1, *strides]
        else:
            sizes[0], strides[0] = self.rows, self.views[op]
        rows = self.first.get(source, self.value(source))
        self.first[op.result] = part(b, rows, offsets, sizes, strides, (self.rows, *op.result.type.shape))

    def _entry(self, entry: Entry) -> Entry:
        return entry if isinstance(entry, int) else self.first.get(entry, self.value(entry))

    def _element(self, op: Op, b: Builder, copy: int) -> None:
        """An element of each lane's row: of a tile, or one by one."""
        if op not in self.tiles:
            self._one_by_one(op, b, copy)
            return
        place = self.tiles[op], self.round, b.index(copy * self.width)
        if op.name == "memref.load":
            made = b.op("vector.load", [*place], [self.type(op.result.type)])
            made.name = op.result.name
            self.each[copy][op.result] = made
        else:
            b.make("vector.store", [self.vector(operand(op, "value"), b, copy), *place])

    def _one_by_one(self, op: Op, b: Builder, copy: int) -> None:
        rows = range(copy * self.width, (copy + 1) * self.width)
        places = [(self.first[whole(op)], b.index(row), *map(self.value, group(op, "indices"))) for row in rows]
        if op.name == "memref.load":
            elements = [b.op("memref.load", [*place], [op.result.type]) for place in places]
            self.each[copy][op.result] = b.op("vector.from_elements", elements, [self.type(op.result.type)])
            return
        value, element = self.vector(operand(op, "value"), b, copy), operand(op, "value").type
        for lane, place in enumerate(places):
            at = {"static_position": t.DenseArray(t.i64, (lane,))}
            b.make("memref.store", [b.op("vector.extract", [value], [element], at), *place])


def part(b: Builder, source: Value, offsets: Sequence[Entry], sizes: Sequence[Entry], strides: Sequence[Entry],
         shape: Sequence[int | None] | None = None) -> Value:
    """A part of a buffer; of `shape` where axes of one element go."""
    columns = [[entry if (known := number_of(entry)) is None else known for entry in column]
               for column in (offsets, sizes, strides)]
    groups, attrs = slice_parts(*columns)
    whole_shape = tuple(entry if isinstance(entry, int) else None for entry in columns[1])
    shape = whole_shape if shape is None else tuple(shape)
    kept = fitting_axes(attrs["static_sizes"].values, shape)
    assert kept is not None
    steps = [s * by if s is not None and isinstance(by, int) else None
             for s, by in zip(strides_of(source.type), columns[2], strict=True)]
    type = t.MemRefType(shape, t.element(source.type), tuple(steps[axis] for axis in kept))
    return b.grouped("memref.subview", {"source": [source], **groups}, [type], attrs).result
