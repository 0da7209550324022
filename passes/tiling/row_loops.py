"""The scans over the rows of a tile: the states of a stage, and what hangs on them, row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Region, Value, clone_op
from scancc.ir.parts import ScanView

from .arrays import row_dims, stacked
from .stages import LOOP

if TYPE_CHECKING:
    from .rows import Tile


class RowLoop:
    """A scan over the rows of the tile, of the states and ops of one stage."""

    def __init__(self, tiled: Tile, stage: int) -> None:
        self.tiled, self.stage, self.scan = tiled, stage, tiled.scan
        self.ops = tiled.stages.ops(stage)
        self.carries = [carry for carry in self.scan.carries if tiled.stages.of_arg[carry.arg] == stage]
        self.read = list(dict.fromkeys(v for v in self._used() if self._comes_in(v)))
        self.kept = list(dict.fromkeys(v for v in self._made() if self._goes_out(v)))
        self.may_stop = self.scan.until and stage == LOOP

    def _used(self) -> Iterator[Value]:
        yield from (carry.next for carry in self.carries)
        if self.scan.stop is not None and self.stage == LOOP:
            yield self.scan.stop
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
        tiled, name = self.tiled, {key: attr for key, attr in self.scan.op.attrs.items() if key == "name"}
        init, rows = [tiled.old[carry.arg] for carry in self.carries], None if self.may_stop else tiled.rows
        if self.may_stop:
            init.append(tiled.b.const(0, t.i1))
        made = tiled.b.grouped("scan.scan", {
            "length": [tiled.count], "xs": [tiled.over(v) for v in self.read],
            "init": init, "rows": [tiled.count] * len(self.kept),
            "dims": [size for value in self.kept for size in row_dims(tiled, value)]},
            [*(v.type for v in init), *(stacked(value.type, rows) for value in self.kept),
             *[t.index] * self.may_stop],
            {"depths": [t.IntAttr(n, t.i64) for n in self._depths()], "until": self.may_stop} | name,
            [Region([self._step()])])
        parts = ScanView(made)
        if parts.executed is not None:
            tiled.stop_after(parts.executed, parts.finals[-1])
        for carry, final in zip(self.carries, parts.finals, strict=False):
            tiled.new[carry.arg], final.name = final, carry.next.name
        for value, result in zip(self.kept, parts.ys, strict=True):
            tiled.tile[value], result.name = result, value.name

    def _depths(self) -> list[int]:
        """Of the states, and of whether the loop stopped."""
        return [*(carry.depth for carry in self.carries), *[1] * self.may_stop]

    def _step(self) -> Block:
        scan, given = self.scan, [*self.read, *(carry.arg for carry in self.carries)]
        body = Block()
        mapping = self.tiled.once | {v: body.add_arg(v.type, v.name) for v in (scan.counter, *given)}
        stop = [scan.stop] if self.may_stop and scan.stop is not None else []
        if stop:
            body.add_arg(t.i1, "stopped")
        b = Builder(body, location=scan.op.location)
        if scan.counter.uses:
            mapping[scan.counter] = b.addi(self.tiled.first, mapping[scan.counter])
        for op in self.ops:
            clone_op(op, mapping, b.insert)
        yielded = [*(carry.next for carry in self.carries), *stop, *self.kept, *stop]
        b.make("scan.yield", [mapping.get(v, v) for v in yielded])
        return body
