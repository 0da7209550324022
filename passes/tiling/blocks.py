"""A scan written as a scan over tiles of its rows."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Region, Value
from scancc.ir.parts import ScanView, Stack
from scancc.ir.shapes import dims_of
from scancc.ir.slices import constant_entries, slice_parts

from ..fuse import fuse_block
from .products import as_index, most_rows
from .row_products import Companion, RowProduct
from .rows import Tile
from .stages import Stages
from .sums import Reduction, is_kept
from .turned import Turned


class Tiled:
    """The scan over tiles, under construction. What it carries on: states, reductions, arrays of all rows."""

    def __init__(self, stages: Stages, reductions: Sequence[Companion], size: int | Value) -> None:
        self.scan, self.stages, self.reductions, self.size = stages.scan, stages, reductions, size
        op = self.scan.op
        assert op.parent is not None
        self.before = Builder(op.parent, op, op.location)
        for needed in dict.fromkeys(needed for reduction in reductions for needed in reduction.above):
            self.before.insert(needed.detach())
        self.stacks = [stack for stack in self.scan.stacks if is_kept(stack.result, reductions)]
        late = {rows for each in reductions if isinstance(each, Reduction) and each.is_late for rows in each.rows}
        self.past = [stack for stack in self.scan.stacks if stack.result in late]

    def build(self) -> Op:
        """Put a new scan in the place of the old one, and of the reductions, and what is left of a tile behind it."""
        scan = self.scan
        starts = [start for reduction in self.reductions for start in self._starts(reduction)]
        carried = [*scan.init, *starts, *map(self._room, self.stacks), *map(self._room_of_two, self.past),
                   *([self.before.index(0)] if scan.until else [])]
        tiles, rows, rest = self._sizes()
        made = self._over(tiles, rows, carried)
        results = iter(ScanView(made).finals if rest is None else self._rest(rest, ScanView(made).finals))
        for final in scan.finals:
            _hand_on(final, next(results))
        for reduction in self.reductions:
            if isinstance(reduction, RowProduct):
                assert isinstance(self.size, int)
                reduction.replace_by(next(results), next(results), self.size)
            else:
                reduction.replace_by(next(results))
        rooms = [next(results) for _ in self.stacks]
        if scan.executed is not None:
            # the least of both says nothing new to the program, but how many rows there may be
            _hand_on(scan.executed, steps := self.before.minsi(next(results), scan.length))
            rooms = [self._first_rows(stack, room, steps) for stack, room in zip(self.stacks, rooms, strict=True)]
        for stack, room in zip(self.stacks, rooms, strict=True):
            _hand_on(stack.result, room)
        scan.op.erase()
        return made

    def _starts(self, reduction: Companion) -> list[Value]:
        if isinstance(reduction, RowProduct):
            return reduction.starts(self.before)
        return [reduction.start(self.before, self.scan) if isinstance(reduction, Turned) else reduction.start]

    def _room(self, stack: Stack) -> Value:
        """An array for the rows that a stack keeps."""
        type = stack.result.type
        assert isinstance(type, t.TensorType)
        return self.before.op("tensor.empty", [*([stack.rows] if type.shape[0] is None else []), *stack.dims], [type])

    def _room_of_two(self, stack: Stack) -> Value:
        """An array for the rows of two tiles."""
        assert isinstance(self.size, int)
        type = t.TensorType((2 * self.size, *stack.row_shape), t.element(stack.result.type))
        return self.before.op("tensor.empty", stack.dims, [type])

    def _first_rows(self, stack: Stack, room: Value, steps: Value) -> Value:
        """Those of the steps that ran."""
        rank, type = len(stack.row_shape), stack.result.type
        sizes = constant_entries([steps, *dims_of(self.before, room)[1:]])
        groups, attrs = slice_parts([0] * (1 + rank), sizes, [1] * (1 + rank))
        return self.before.grouped("tensor.extract_slice", {"source": [room], **groups}, [type], attrs).result

    def _sizes(self) -> tuple[Value, int | None, Value | None]:
        """How many tiles, the rows of each where they are known, and where the rest begins that is no tile: with far
        states a tile is whole, so that it is the next state."""
        b, n, size, known = self.before, self.scan.length, self.size, constant_of(self.scan.length)
        if self.past:
            return b.addi(_begun(b, n, as_index(b, size)), b.index(1)), None, None
        if self.scan.until and known is None:
            return _begun(b, n, as_index(b, size)), None, None
        if isinstance(size, Value):
            most = b.subi(b.addi(n, size), b.index(1))
            return b.op("arith.divsi", [most, size], [t.index]), None, None
        if known is not None and known % size == 0:
            return b.index(known // size), size, None
        if self.stages.lag is not None:
            whole = b.index(known // size) if known is not None else _divided(b, n, size)
            return whole, size, b.muli(whole, b.index(size))
        return b.index(-(-known // size)) if known is not None else _divided(
            b, b.addi(n, b.index(size - 1)), size), None, None

    def _over(self, tiles: Value, rows: int | None, init: Sequence[Value]) -> Op:
        """The scan over tiles."""
        op, tile = self.scan.op, Tile(self.before, self.stages, self.size, rows, None, bool(self.past))
        names = ["tile", *(arg.name for arg in self.scan.carry_args),
                 *(r.nest.result.name for r in self.reductions for _ in range(1 + isinstance(r, RowProduct))),
                 *(stack.value.name for stack in (*self.stacks, *self.past)), *["steps"] * self.scan.until]
        tile.build(self.reductions, self.stacks, self.past, [tile.block.add_arg(v.type) for v in init])
        for arg, name in zip(tile.block.args, names, strict=True):
            arg.name = name
        fuse_block(tile.block)
        kept = {key: op.attrs[key] for key in ("name", "fast_math", "gradient") if key in op.attrs}
        return self.before.grouped(
            "scan.scan", {"length": [tiles], "init": init}, [*(v.type for v in init), *[t.index] * self.scan.until],
            {"depths": [t.IntAttr(1, t.i64)] * len(init), "until": self.scan.until,
             "tile": t.IntAttr(most_rows(self.size), t.i64)} | kept,
            [Region([tile.block])])

    def _rest(self, first: Value, given: Sequence[Value]) -> Sequence[Value]:
        """The steps from `first` on, which are less than a tile, behind the scan."""
        tile = Tile(self.before, self.stages, self.size, None, first)
        tile.build(self.reductions, self.stacks, [], given)
        fuse_block(tile.block)
        *ops, end = list(tile.block.ops)
        after = list(end.operands)
        end.erase()
        for op in ops:
            self.before.insert(op.detach())
        return after


def _divided(b: Builder, n: Value, size: int) -> Value:
    return b.op("arith.divsi", [n, b.index(size)], [t.index])


def _begun(b: Builder, n: Value, size: Value) -> Value:
    """How many tiles begin in `n` steps, however many that are."""
    left = b.op("arith.remsi", [n, size], [t.index])
    return b.addi(b.op("arith.divsi", [n, size], [t.index]), b.minsi(left, b.index(1)))


def _hand_on(old: Value, new: Value) -> None:
    new.name = old.name
    old.replace_by(new)
