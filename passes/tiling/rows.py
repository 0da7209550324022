"""One tile of a scan's rows: maps over them, and scans over them, in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value, clone_op
from scancc.ir.ops import group, operand
from scancc.ir.parts import Carry, Nest, Stack
from scancc.ir.shapes import dims_of
from scancc.ir.slices import Entry, constant_entries, slice_parts

from ..consuming.parts import keeps_all_turned
from .arrays import nest_over, row_dims, stacked
from .outer_sums import summed_over
from .products import as_index
from .row_loops import RowLoop
from .row_products import Companion, RowProduct
from .stages import LOOP, Stages
from .sums import Part, Reduction, part_of
from .turned import Turned


class Tile:
    """The steps of one tile, under construction in a block of their own.

    `before` builds in front of the scan. `rows`: how many rows there are, where that is known; `first`: the first of
    them, where it is the tile after all others. `tile`: values of the step over the rows. `once`: those that never
    change. `old`, `new`: the states, by their arguments in the step, before and after the tile.
    With `ends_later` there is a tile without rows behind the last one, for what goes a tile behind; `joined` has the
    rows of a stack, of the tile before and of this one.
    With `until`, `stopped` is whether it has stopped in this tile; from there on there are as many rows as steps that
    ran, and `beyond` has values over the rows that there were before.
    """

    def __init__(self, before: Builder, stages: Stages, size: int | Value, rows: int | None,
                 first: Value | None, ends_later: bool = False) -> None:
        self.before, self.scan, self.stages, self.size, self.rows = before, stages.scan, stages, size, rows
        self.block = Block([] if first is not None else [t.index])
        self.b = b = Builder(self.block, location=self.scan.op.location)
        self.is_last = first is not None
        self.first = b.muli(self.block.args[0], as_index(b, size)) if first is None else first
        if ends_later:
            self.first = b.minsi(self.first, self.scan.length)
        left = b.subi(self.scan.length, self.first) if rows is None else b.index(rows)
        self.count = b.minsi(as_index(b, size), left) if rows is None else left
        self.stopped: Value | None = None
        self.new: dict[Value, Value] = {}
        self.tile: dict[Value, Value] = {}
        self.beyond: dict[Value, Value] = {}
        self.once: dict[Value, Value] = {}
        self.joined: dict[Value, Value] = {}

    def build(self, reductions: Sequence[Companion], stacks: Sequence[Stack], past: Sequence[Stack],
              given: Sequence[Value]) -> None:
        """Do the steps; `given`: states, reductions, arrays of all rows and of those of two tiles (`past`) before
        them, which the block yields as they are after."""
        rest = iter(given)
        self.old = {arg: next(rest) for arg in self.scan.carry_args}
        so_far = [[next(rest) for _ in range(1 + isinstance(each, RowProduct))] for each in reductions]
        rooms = [next(rest) for _ in stacks]
        self._steps()
        self.joined = {stack.result: self._joined(stack, next(rest)) for stack in past}
        totals = [total for reduction, values in zip(reductions, so_far, strict=True)
                  for total in (self._product(reduction, values) if isinstance(reduction, RowProduct)
                                else [self._total(reduction, *values)])]
        filled = [self._filled(stack, room) for stack, room in zip(stacks, rooms, strict=True)]
        ending = [] if self.stopped is None else [self.end, self.stopped]
        later = [self._moved(self.joined[stack.result]) for stack in past]
        states = [self.new[arg] for arg in self.scan.carry_args]
        self.b.make("scan.yield", [*states, *totals, *filled, *later, *ending])

    @cached_property
    def end(self) -> Value:
        """How many steps ran until this tile ended."""
        return self.b.addi(self.first, self.count)

    def stop_after(self, count: Value, stopped: Value) -> None:
        """Go on with the steps that ran before one stopped, if one has."""
        self.beyond, self.tile, self.count, self.rows, self.stopped = self.tile, {}, count, None, stopped
        self._map(self._floating(lambda stage: stage > LOOP))

    def _steps(self) -> None:
        stages = self.stages
        for op in stages.invariant:
            clone_op(op, self.once, self.b.insert)
        self._map(self._floating(lambda stage: stage < LOOP or not self.scan.until))
        for stage in range(stages.last + 1):
            if stage % 2:
                RowLoop(self, stage).build()
            else:
                adds = stages.sums.values()
                self._map(op for op in stages.ops(stage) if op not in stages.floating and op not in adds)
        for carry in self.scan.carries:
            if carry.arg in stages.sums:
                self.new[carry.arg] = summed_over(self, carry)
            elif stages.is_far(carry):
                self.new[carry.arg] = self._window(carry)

    def _floating(self, when: Callable[[int], bool]) -> list[Op]:
        """The ops that float, and are read by maps of some stages."""
        return [op for op, found in self.stages.floating.items() if any(stage % 2 == 0 and when(stage)
                                                                         for stage in found)]

    def _map(self, ops: Iterable[Op]) -> None:
        for op in ops:
            self.b.location = op.location
            if op in self.stages.arrays:
                made = nest_over(self, op)
            else:
                made = self._past(op) if self.stages.reads_past(op) else self._mapped(op)
            made.name = op.result.name
            self.tile[op.result] = made
        self.b.location = self.scan.op.location

    def _mapped(self, op: Op) -> Value:
        type = t.TensorType((self.rows,), op.result.type)
        return self.b.op(op.name, [self.over(v) for v in op.operands], [type], dict(op.attrs))

    def _past(self, op: Op) -> Value:
        """What the steps of the tile read of a far state: all of that was there before the tile."""
        (place,) = constant_entries(group(op, "indices"))
        window = self.old[operand(op, "source")]
        if place == 0 and self.rows is not None and window.type == t.TensorType((self.rows,), op.result.type):
            return window
        return self._slice(window, (self.b.index(place) if isinstance(place, int) else place, self.count))

    def _window(self, carry: Carry) -> Value:
        """A far state after the tile: the last of its rows and of the tile's."""
        old = self.old[carry.arg]
        if self.is_last and not carry.final.uses:
            return old
        made = self.over(carry.next)
        if self.rows == carry.depth:
            return made
        rest = self._slice(old, (self.count, self.b.subi(self.b.index(carry.depth), self.count)))
        return self.b.op("scan.concat", [rest, made], [old.type], {"axis": t.IntAttr(0, t.i64)})

    def _filled(self, stack: Stack, room: Value) -> Value:
        """An array of all rows kept, with those of this tile."""
        rows, places = self.over(stack.value), (self.first, self.count)
        if not self.scan.keeps_all(stack):
            rows, places = self._kept(stack, rows)
        return self._put(rows, room, places)

    def _kept(self, stack: Stack, rows: Value) -> tuple[Value, tuple[Value, Value]]:
        """Of the rows of this tile those that a stack keeps, and which of its rows they are."""
        b, stride = self.b, abs(stack.stride) or 1
        if keeps_all_turned(self.scan, stack):
            start = b.subi(self.scan.length, self.end)
            return self._slice(rows, (b.subi(self.count, b.index(1)), self.count), -1), (start, self.count)
        step, zero = b.index(stride), b.index(0)
        first = b.subi(self.scan.length, stack.rows) if stack.first is None else stack.first
        if stack.stride < 0:
            first = b.subi(first, b.muli(b.subi(stack.rows, b.index(1)), step))

        def before(row: Value) -> Value:
            """How many rows are kept of those before this one."""
            after = b.maxsi(b.subi(row, first), zero)
            return b.minsi(b.op("arith.divsi", [b.addi(after, b.index(stride - 1)), step], [t.index]), stack.rows)

        start = before(self.first)
        count = b.subi(before(b.addi(self.first, self.count)), start)
        offset = b.subi(b.addi(first, b.muli(start, step)), self.first)  # in the tile where anything is kept
        if stack.stride < 0:
            offset = b.addi(offset, b.muli(b.subi(count, b.index(1)), step))
            start = b.subi(stack.rows, b.addi(start, count))
        inside = b.minsi(b.maxsi(offset, zero), self.count)
        return self._slice(rows, (inside, count), stack.stride or 1), (start, count)

    def _total(self, reduction: Reduction | Turned, so_far: Value) -> Value:
        """A reduction, or an array of all rows turned, with the rows of this tile."""
        if isinstance(reduction, Turned):
            return reduction.over(self.b, self.over(reduction.stack.value), (self.first, self.count), so_far)
        b, values = self.b, {stack.result: stack.value for stack in self.scan.stacks}
        rows = self._first_a_tile_behind(reduction) if reduction.is_late else self._first(reduction)
        length = reduction.length if isinstance(reduction.length, Value) else b.index(reduction.length)
        if reduction.is_rounded:
            assert isinstance(self.size, int)
            mark = {"open": True} if self.scan.until else {}
            so_far = b.op("scan.running", [so_far, rows[0], self.end if mark else length], [so_far.type],
                          {"size": t.IntAttr(self.size // reduction.stride, t.i64)} | mark)
        parts: dict[Value, Value] = {}
        for read in Nest(reduction.nest).reads:
            part = part_of(read.value, self.scan)
            if part is not None and reduction.is_late:
                parts[read.value] = self._slice(self.joined[part.rows], (b.index(part.first), rows[1]), part.stride)
            elif part is not None:
                parts[read.value] = self._read(part, self.over(values[part.rows]), rows[1])
            elif 0 in read.dims:
                parts[read.value] = self._slice(read.value, rows)
        return reduction.over(b, parts, rows[0], so_far)

    def _product(self, product: RowProduct, so_far: Sequence[Value]) -> list[Value]:
        """A product of matrices along the rows, with those of this tile."""
        assert isinstance(self.size, int)
        values = {stack.result: stack.value for stack in self.scan.stacks}
        return product.over(self.b, lambda v: self.over(values[v]) if v in values else self._slice(
            v, (self.first, self.count)), self.first, self.size, so_far)

    def _read(self, part: Part, rows: Value, count: Value) -> Value:
        """Of the rows of the tile so many that a reduction reads."""
        if count is self.count:
            return rows
        first = self.b.minsi(self.b.index(part.first), self.count) if part.first else self.b.index(0)
        return self._slice(rows, (first, count), part.stride)

    def _first(self, reduction: Reduction) -> tuple[Value, Value]:
        """Of the rows of the tile those that a reduction reads: where they begin among those that it reads, and how
        many."""
        if reduction.length is self.scan.length:
            return self.first, self.count
        b, stride = self.b, reduction.stride
        length = reduction.length if isinstance(reduction.length, Value) else b.index(reduction.length)
        place, most = self.first, self.count
        if stride > 1:
            assert isinstance(self.size, int)
            place, most = b.op("arith.divsi", [self.first, b.index(stride)], [t.index]), b.index(self.size // stride)
        first = b.minsi(place, length)
        return first, b.minsi(most, b.subi(length, first))

    # ---- rows of the tile before ----

    def _first_a_tile_behind(self, reduction: Reduction) -> tuple[Value, Value]:
        """Which of the rows that a reduction reads are due, and how many: as many as a tile has for it, of those that
        were made before this tile, or in it."""
        b, tile, length = self.b, self.block.args[0], reduction.length
        assert isinstance(self.size, int)
        most, all = b.index(self.size // reduction.stride), length if isinstance(length, Value) else b.index(length)
        first = b.minsi(b.muli(b.maxsi(b.subi(tile, b.index(1)), b.index(0)), most), all)
        return first, b.minsi(b.muli(b.minsi(tile, b.index(1)), most), b.subi(all, first))

    def _joined(self, stack: Stack, room: Value) -> Value:
        """The rows of the tile before, and of this one."""
        return self._put(self.over(stack.value), room, (as_index(self.b, self.size), self.count))

    def _moved(self, room: Value) -> Value:
        """Rows that will be those of the tile before."""
        size = as_index(self.b, self.size)
        return self._put(self._slice(room, (size, size)), room, (self.b.index(0), size))

    def _put(self, rows: Value, room: Value, places: tuple[Value, Value]) -> Value:
        groups, attrs = self._place(room, places)
        return self.b.grouped("tensor.insert_slice", {"source": [rows], "dest": [room], **groups},
                              [room.type], attrs).result

    # ---- values over the rows of the tile ----

    def over(self, value: Value) -> Value:
        """A value of the step, over the rows of the tile."""
        if value not in self.tile:
            if value in self.scan.x_args:
                self.tile[value] = self._part(value)
            elif value.op is not None and value in self.beyond:
                self.tile[value] = self._slice(self.beyond[value], (self.b.index(0), self.count))
            else:
                self.tile[value] = self._repeated(value)
        return self.tile[value]

    def is_fixed(self, value: Value) -> bool:
        """Whether a value is the same in each step."""
        step, op = self.scan.op.body, value.op
        if op is None or op.parent is not step:
            return value.block is not step
        return op not in self.stages.of_op and op not in self.stages.floating

    def _part(self, arg: Value) -> Value:
        """The rows of a sequence."""
        return self._slice(self.scan.given(arg), (self.first, self.count))

    def _slice(self, array: Value, rows: tuple[Value, Value], stride: int = 1) -> Value:
        assert isinstance(array.type, t.TensorType)
        groups, attrs = self._place(array, rows, stride)
        type = t.TensorType((constant_of(rows[1]), *array.type.shape[1:]), array.type.element)
        made = self.b.grouped("tensor.extract_slice", {"source": [array], **groups}, [type], attrs).result
        made.name = array.name
        return made

    def _repeated(self, value: Value) -> Value:
        """The step's number, or what never changes."""
        dims = [] if self.rows is not None else [self.count]
        type, same = stacked(value.type, self.rows), self.once.get(value, value)
        if value is self.scan.counter:
            return self.b.op("scan.iota", [self.first, self.b.index(1), *dims], [type])
        if not isinstance(value.type, t.TensorType):
            return self.b.op("tensor.splat", [same, *dims], [type])
        axes = t.DenseArray(t.i64, tuple(range(1, len(type.shape))))
        return self.b.op("scan.broadcast", [same, *dims, *row_dims(self, value)], [type], {"axes": axes})

    def _place(self, array: Value, rows: tuple[Value, Value], stride: int = 1,
               ) -> tuple[dict[str, list[Value]], dict[str, t.DenseArray]]:
        """Some rows among all, from one on so many, as parts of a slice."""
        assert isinstance(array.type, t.TensorType)
        rest = constant_entries(dims_of(self.before, array)[1:] if len(array.type.shape) > 1 else [])
        first, count = constant_entries(rows)
        offsets: list[Entry] = [first, *[0] * len(rest)]
        return slice_parts(offsets, [count, *rest], [stride, *[1] * len(rest)])
