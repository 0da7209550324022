"""A scan written as a scan over tiles of its rows: maps over a tile, and scans over its rows, in turn."""

from __future__ import annotations

from collections.abc import Iterator

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.parts import ScanView, Stack
from scancc.ir.shapes import dims_of
from scancc.ir.slices import Entry, constant_entries, slice_parts

from ..fuse import fuse_block
from .stages import Stages


class Tiled:
    """The scan over tiles, under construction.

    `tile`: values of the step over the rows of the tile. `once`: those that never change. `old`, `new`: the states,
    by their arguments in the step, before and after the tile.
    """

    def __init__(self, stages: Stages, size: int) -> None:
        self.scan, self.stages, self.size = stages.scan, stages, size
        op = self.scan.op
        assert op.parent is not None
        self.before = Builder(op.parent, op, op.location)
        self.stacks = [stack for stack in self.scan.stacks if stack.result.uses]
        self.rooms = [_room(self.before, self.scan, stack) for stack in self.stacks]
        self.body = Block([t.index])
        self.b = Builder(self.body, location=op.location)
        self.old = {arg: self.body.add_arg(arg.type, arg.name) for arg in self.scan.carry_args}
        self.filling = [self.body.add_arg(room.type, stack.value.name)
                        for room, stack in zip(self.rooms, self.stacks, strict=True)]
        self.new: dict[Value, Value] = {}
        self.tile: dict[Value, Value] = {}
        self.once: dict[Value, Value] = {}

    def build(self) -> Op:
        """Put the new scan in the place of the old one."""
        self._measure()
        for op in self.stages.invariant:
            _clone(op, self.once, self.b)
        for stage in range(self.stages.last + 1):
            if stage % 2:
                _Rows(self, stage).build()
            else:
                self._map(stage)
        filled = [self._filled(stack, room) for stack, room in zip(self.stacks, self.filling, strict=True)]
        self.b.make("scan.yield", [*(self.new[arg] for arg in self.scan.carry_args), *filled])
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

    def _map(self, stage: int) -> None:
        for op in self.stages.ops(stage):
            self.b.location = op.location
            attrs = {key: attr for key, attr in op.attrs.items() if key != "slice"}
            type = t.TensorType((self.rows,), op.result.type)
            made = self.b.op(op.name, [self.over(v) for v in op.operands], [type], attrs)
            made.name = op.result.name
            self.tile[op.result] = made
        self.b.location = self.scan.op.location

    def _filled(self, stack: Stack, room: Value) -> Value:
        """An array of all rows, with those of this tile."""
        groups, attrs = self._place(room)
        return self.b.grouped("tensor.insert_slice", {"source": [self.over(stack.value)], "dest": [room], **groups},
                              [room.type], attrs).result

    def _replace(self) -> Op:
        scan, b, n, size = self.scan, self.before, self.scan.length, self.before.index(self.size)
        known, init = constant_of(n), [*scan.init, *self.rooms]
        tiles = b.index(-(-known // self.size)) if known is not None else b.op(
            "arith.divsi", [b.addi(n, b.index(self.size - 1)), size], [t.index])
        kept = {key: scan.op.attrs[key] for key in ("name", "fast_math") if key in scan.op.attrs}
        made = b.grouped("scan.scan", {"length": [tiles], "init": init}, [v.type for v in init],
                         {"depths": [t.IntAttr(1, t.i64)] * len(init), "until": False} | kept, [Region([self.body])])
        for old, new in zip([*scan.finals, *(stack.result for stack in self.stacks)], ScanView(made).finals,
                            strict=True):
            new.name = old.name
            old.replace_by(new)
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
        xs = self.scan.given(arg)
        assert isinstance(xs.type, t.TensorType)
        groups, attrs = self._place(xs)
        made = self.b.grouped("tensor.extract_slice", {"source": [xs], **groups},
                              [t.TensorType((self.rows, *xs.type.shape[1:]), xs.type.element)], attrs).result
        made.name = xs.name
        return made

    def _repeated(self, value: Value) -> Value:
        """The step's number, or what never changes."""
        dims = [] if self.rows is not None else [self.count]
        type = t.TensorType((self.rows,), value.type)
        if value is self.scan.counter:
            return self.b.op("scan.iota", [self.first, self.b.index(1), *dims], [type])
        return self.b.op("tensor.splat", [self.once.get(value, value), *dims], [type])

    def _place(self, array: Value) -> tuple[dict[str, list[Value]], dict[str, t.DenseArray]]:
        """The rows of the tile among all rows, as parts of a slice."""
        assert isinstance(array.type, t.TensorType)
        rest = constant_entries(dims_of(self.before, array)[1:] if len(array.type.shape) > 1 else [])
        (first, count), ones = constant_entries([self.first, self.count]), [1] * (1 + len(rest))
        offsets: list[Entry] = [first, *[0] * len(rest)]
        return slice_parts(offsets, [count, *rest], ones)


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
            yield from op.results

    def _goes_out(self, value: Value) -> bool:
        return value in self.tiled.stages.crossing or any(stack.value is value for stack in self.tiled.stacks)

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


def _room(b: Builder, scan: ScanView, stack: Stack) -> Value:
    """An array for all rows of a stack."""
    type = stack.result.type
    assert isinstance(type, t.TensorType)
    return b.op("tensor.empty", [scan.length] if type.shape[0] is None else [], [type])
