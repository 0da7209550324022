"""A scan written as a scan over tiles of its rows: maps over a tile, and scans over its rows, in turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.parts import Nest, ScanView, Stack
from scancc.ir.shapes import dims_of
from scancc.ir.slices import Entry, constant_entries, slice_parts

from ..fuse import fuse_block
from .stages import Stages
from .sums import Reduction, rows_behind


class Tiled:
    """The scan over tiles, under construction.

    `tile`: values of the step over the rows of the tile. `once`: those that never change. `old`, `new`: the states,
    by their arguments in the step, before and after the tile.
    """

    def __init__(self, stages: Stages, reductions: Sequence[Reduction], size: int) -> None:
        self.scan, self.stages, self.reductions, self.size = stages.scan, stages, reductions, size
        op = self.scan.op
        assert op.parent is not None
        self.before = Builder(op.parent, op, op.location)
        for needed in dict.fromkeys(needed for reduction in reductions for needed in reduction.above):
            self.before.insert(needed.detach())
        self.stacks = [stack for stack in self.scan.stacks if is_kept(stack.result, reductions)]
        self.rooms = [_room(self.before, self.scan, stack) for stack in self.stacks]
        self.body = Block([t.index])
        self.b = Builder(self.body, location=op.location)
        self.old = {arg: self.body.add_arg(arg.type, arg.name) for arg in self.scan.carry_args}
        self.so_far = [self.body.add_arg(reduction.type, reduction.nest.result.name) for reduction in reductions]
        self.filling = [self.body.add_arg(room.type, stack.value.name)
                        for room, stack in zip(self.rooms, self.stacks, strict=True)]
        self.new: dict[Value, Value] = {}
        self.tile: dict[Value, Value] = {}
        self.once: dict[Value, Value] = {}

    def build(self) -> Op:
        """Put the new scan in the place of the old one, and of the reductions."""
        self._measure()
        for op in self.stages.invariant:
            _clone(op, self.once, self.b)
        self._map([op for op, stages in self.stages.floating.items() if any(stage % 2 == 0 for stage in stages)])
        for stage in range(self.stages.last + 1):
            if stage % 2:
                _Rows(self, stage).build()
            else:
                self._map(op for op in self.stages.ops(stage) if op not in self.stages.floating)
        totals = [self._total(reduction, so_far)
                  for reduction, so_far in zip(self.reductions, self.so_far, strict=True)]
        filled = [self._filled(stack, room) for stack, room in zip(self.stacks, self.filling, strict=True)]
        self.b.make("scan.yield", [*(self.new[arg] for arg in self.scan.carry_args), *totals, *filled])
        fuse_block(self.body)
        return self._replace()

    def _measure(self) -> None:
        """The number of the first row, and how many there are."""
        b, n, (counter, *_) = self.b, self.scan.length, self.body.args
        counter.name = "tile"
        self.first = b.muli(counter, b.index(self.size))
        known = constant_of(n)
        whole = known is not None and known % self.size == 0
        self.count = b.index(self.size) if whole else b.minsi(b.index(self.size), b.subi(n, self.first))
        self.rows = self.size if whole else None

    def _map(self, ops: Iterable[Op]) -> None:
        for op in ops:
            self.b.location = op.location
            attrs = {key: attr for key, attr in op.attrs.items() if key != "slice"}
            type = t.TensorType((self.rows,), op.result.type)
            made = self.b.op(op.name, [self.over(v) for v in op.operands], [type], attrs)
            made.name = op.result.name
            self.tile[op.result] = made
        self.b.location = self.scan.op.location

    def _filled(self, stack: Stack, room: Value) -> Value:
        """An array of all rows, with those of this tile."""
        groups, attrs = self._place(room, (self.first, self.count))
        return self.b.grouped("tensor.insert_slice", {"source": [self.over(stack.value)], "dest": [room], **groups},
                              [room.type], attrs).result

    def _total(self, reduction: Reduction, so_far: Value) -> Value:
        """A reduction, with the rows of this tile."""
        b, values = self.b, {stack.result: stack.value for stack in self.scan.stacks}
        rows = self._first(reduction)
        length = reduction.length if isinstance(reduction.length, Value) else b.index(reduction.length)
        if reduction.is_sum:
            so_far = b.op("scan.running", [so_far, rows[0], length], [so_far.type],
                          {"size": t.IntAttr(self.size, t.i64)})
        parts: dict[Value, Value] = {}
        for read in Nest(reduction.nest).reads:
            stack = rows_behind(read.value, self.scan)
            if stack is not None:
                array = self.over(values[stack])
                parts[read.value] = array if rows[1] is self.count else self._slice(array, (b.index(0), rows[1]))
            elif 0 in read.dims:
                parts[read.value] = self._slice(read.value, rows)
        return reduction.over(b, parts, so_far)

    def _first(self, reduction: Reduction) -> tuple[Value, Value]:
        """Of the rows of the tile those that a reduction reads: where they begin, and how many."""
        if reduction.length is self.scan.length:
            return self.first, self.count
        b = self.b
        length = reduction.length if isinstance(reduction.length, Value) else b.index(reduction.length)
        first = b.minsi(self.first, length)
        return first, b.minsi(self.count, b.subi(length, first))

    def _replace(self) -> Op:
        scan, b, n, size = self.scan, self.before, self.scan.length, self.before.index(self.size)
        known, init = constant_of(n), [*scan.init, *(r.start for r in self.reductions), *self.rooms]
        tiles = b.index(-(-known // self.size)) if known is not None else b.op(
            "arith.divsi", [b.addi(n, b.index(self.size - 1)), size], [t.index])
        kept = {key: scan.op.attrs[key] for key in ("name", "fast_math") if key in scan.op.attrs}
        made = b.grouped("scan.scan", {"length": [tiles], "init": init}, [v.type for v in init],
                         {"depths": [t.IntAttr(1, t.i64)] * len(init), "until": False} | kept, [Region([self.body])])
        results = iter(ScanView(made).finals)
        for final in scan.finals:
            _hand_on(final, next(results))
        for reduction in self.reductions:
            reduction.replace_by(next(results))
        for stack in self.stacks:
            _hand_on(stack.result, next(results))
        scan.op.erase()
        return made

    # ---- values over the rows of the tile ----

    def over(self, value: Value) -> Value:
        """A value of the step, over the rows of the tile."""
        if value not in self.tile:
            self.tile[value] = self._part(value) if value in self.scan.x_args else self._repeated(value)
        return self.tile[value]

    def _part(self, arg: Value) -> Value:
        """The rows of a sequence."""
        return self._slice(self.scan.given(arg), (self.first, self.count))

    def _slice(self, array: Value, rows: tuple[Value, Value]) -> Value:
        assert isinstance(array.type, t.TensorType)
        groups, attrs = self._place(array, rows)
        type = t.TensorType((constant_of(rows[1]), *array.type.shape[1:]), array.type.element)
        made = self.b.grouped("tensor.extract_slice", {"source": [array], **groups}, [type], attrs).result
        made.name = array.name
        return made

    def _repeated(self, value: Value) -> Value:
        """The step's number, or what never changes."""
        dims = [] if self.rows is not None else [self.count]
        type = t.TensorType((self.rows,), value.type)
        if value is self.scan.counter:
            return self.b.op("scan.iota", [self.first, self.b.index(1), *dims], [type])
        return self.b.op("tensor.splat", [self.once.get(value, value), *dims], [type])

    def _place(self, array: Value, rows: tuple[Value, Value],
               ) -> tuple[dict[str, list[Value]], dict[str, t.DenseArray]]:
        """Some rows among all, from one on so many, as parts of a slice."""
        assert isinstance(array.type, t.TensorType)
        rest = constant_entries(dims_of(self.before, array)[1:] if len(array.type.shape) > 1 else [])
        first, count = constant_entries(rows)
        offsets: list[Entry] = [first, *[0] * len(rest)]
        return slice_parts(offsets, [count, *rest], [1] * len(offsets))


class _Rows:
    """A scan over the rows of the tile, of the states and ops of one stage."""

    def __init__(self, tiled: Tiled, stage: int) -> None:
        self.tiled, self.stage, self.scan = tiled, stage, tiled.scan
        self.ops = tiled.stages.ops(stage)
        self.carries = [carry for carry in self.scan.carries if tiled.stages.of_arg[carry.arg] == stage]
        self.read = list(dict.fromkeys(v for v in self._used() if self._comes_in(v)))
        self.kept = list(dict.fromkeys(v for v in self._made() if self._goes_out(v)))

    def _used(self) -> Iterator[Value]:
        yield from (carry.next for carry in self.carries)
        for op in self.ops:
            for inner in op.walk():
                yield from inner.operands

    def _comes_in(self, value: Value) -> bool:
        """Whether the rows of a value are made before: a sequence's, or another stage's."""
        return value in self.scan.x_args or self.tiled.stages.of(value) not in (None, self.stage)

    def _made(self) -> Iterator[Value]:
        yield from (carry.arg for carry in self.carries)
        for op in self.ops:
            if op not in self.tiled.stages.floating:
                yield from op.results

    def _goes_out(self, value: Value) -> bool:
        return value in self.tiled.stages.crossing or any(
            stack.value is value for stack in self.scan.stacks if stack.result.uses)

    def build(self) -> None:
        tiled = self.tiled
        made = tiled.b.grouped("scan.scan", {
            "length": [tiled.count], "xs": [tiled.over(v) for v in self.read],
            "init": [tiled.old[carry.arg] for carry in self.carries], "rows": [tiled.count] * len(self.kept)},
            [*(carry.init.type for carry in self.carries),
             *(t.TensorType((tiled.rows,), value.type) for value in self.kept)],
            {"depths": [t.IntAttr(carry.depth, t.i64) for carry in self.carries], "until": False},
            [Region([self._step()])])
        parts = ScanView(made)
        for carry, final in zip(self.carries, parts.finals, strict=True):
            tiled.new[carry.arg], final.name = final, carry.next.name
        for value, result in zip(self.kept, parts.ys, strict=True):
            tiled.tile[value], result.name = result, value.name

    def _step(self) -> Block:
        scan, given = self.scan, [*self.read, *(carry.arg for carry in self.carries)]
        body = Block()
        mapping = self.tiled.once | {v: body.add_arg(v.type, v.name) for v in (scan.counter, *given)}
        b = Builder(body, location=scan.op.location)
        if scan.counter.uses:
            mapping[scan.counter] = b.addi(self.tiled.first, mapping[scan.counter])
        for op in self.ops:
            _clone(op, mapping, b)
        b.make("scan.yield", [mapping.get(v, v) for v in (*(carry.next for carry in self.carries), *self.kept)])
        return body


def _clone(op: Op, mapping: dict[Value, Value], b: Builder) -> None:
    clone_op(op, mapping, b.insert).attrs.pop("slice", None)


def _hand_on(old: Value, new: Value) -> None:
    new.name = old.name
    old.replace_by(new)


def is_kept(rows: Value, reductions: Sequence[Reduction]) -> bool:
    """Whether the rows of a stack are read by more than some reductions."""
    gone = {reduction.nest for reduction in reductions}
    parts = {part for reduction in reductions for part in reduction.parts}
    readers = [reader for user in rows.uses for reader in (
        user.result.uses if any(v in parts for v in user.results) else [user])]
    return not gone.issuperset(readers)


def _room(b: Builder, scan: ScanView, stack: Stack) -> Value:
    """An array for all rows of a stack."""
    type = stack.result.type
    assert isinstance(type, t.TensorType)
    return b.op("tensor.empty", [scan.length] if type.shape[0] is None else [], [type])
