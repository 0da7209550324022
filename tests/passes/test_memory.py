"""Random programs on arrays that share memory: views, writes, branches and nested scans.

On tensors a value never changes. Bufferized, it lives in memory that others may have too, and a write in place that
comes too early, or a copy left out, shows in the numbers.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from scancc import pipeline
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op, module
from scancc.ir.interpreter import run_program
from scancc.ir.parts import ScanView
from scancc.ir.slices import slice_parts
from scancc.ir.verifier import verify

VECTOR = t.TensorType((None,), t.f64)
WINDOW = t.TensorType((2, None), t.f64)  # of a state with two past rows
LENGTH = 3
DEEPEST = 2  # scans and branches inside each other


class Writer:
    """Writes ops on vectors of one length, `size`; `vectors` are those in reach."""

    def __init__(self, seed: int) -> None:
        self.pick = random.Random(seed)
        self.block = Block([VECTOR, VECTOR, t.i64])
        self.b = Builder(self.block)
        x, y, count = self.block.args
        self.zero, self.one, self.two = (self.b.index(i) for i in range(3))
        self.size = self.b.op("tensor.dim", [x, self.zero], [t.index])
        self.counts = [self.b.index_cast(count, t.index), self.two]
        self.vectors = [x, y]
        self.read: list[Value] = []
        self.depth = 0

    def function(self) -> Op:
        self.statements(self.pick.randint(5, 9))
        outputs = [self.nest() for _ in range(4)]  # late readers of what may have been written over
        self.b.make("func.return", outputs)
        type = t.FunctionType((VECTOR, VECTOR, t.i64), (VECTOR,) * len(outputs))
        return Op("func.func", attrs={"sym_name": "f", "function_type": type}, regions=[Region([self.block])])

    def statements(self, count: int) -> None:
        """Some statements; after one of them often a write into what it has read."""
        for _ in range(count):
            kinds = [*STATEMENTS, *(NESTED if self.depth < DEEPEST else [])]
            self.read.clear()
            made = self.pick.choice(kinds)(self)
            self.vectors += made if isinstance(made, list) else [made]
            if self.pick.random() < 0.3:
                self.vectors.append(self.write(self.pick.choice(self.read or self.vectors)))

    def some(self) -> Value:
        """Rather one of the last made."""
        self.read.append(self.pick.choice(self.vectors[-self.pick.choice([2, 3, 4, 8]):]))
        return self.read[-1]

    def inside(self, block: Block, vectors: list[Value], count: int) -> list[Value]:
        """Statements in a block that has these vectors too; all vectors in reach there."""
        saved = self.vectors
        self.vectors, self.depth = [*saved, *vectors], self.depth + 1
        with self.b.at(block):
            self.statements(count)
        found, self.vectors, self.depth = self.vectors, saved, self.depth - 1
        self.read = [v for v in self.read if v in saved]
        return found

    def scalar(self) -> Value:
        return self.b.op("tensor.extract", [self.some(), self.one], [t.f64])

    # ---- loop nests ----

    def nest(self) -> Value:
        """Element by element, of one or two vectors."""
        values = [self.some() for _ in range(self.pick.randint(1, 2))]
        block = Block([t.f64] * (len(values) + 1))
        b = Builder(block)
        b.make("linalg.yield", [b.mulf(b.addf(block.args[0], block.args[len(values) - 1]), b.const(0.75, t.f64))])
        return self._generic(values, block)

    def turned(self) -> Value:
        """One vector, plus another one backwards."""
        block = Block([t.f64] * 2)
        b = Builder(block)
        i = b.op("linalg.index", [], [t.index], {"dim": t.IntAttr(0, t.i64)})
        at = b.subi(b.subi(self.size, self.one), i)
        b.make("linalg.yield", [b.subf(block.args[0], b.op("tensor.extract", [self.some(), at], [t.f64]))])
        return self._generic([self.some()], block)

    def _generic(self, values: list[Value], block: Block) -> Value:
        room = self.b.op("tensor.empty", [self.size], [VECTOR])
        attrs = {"indexing_maps": [t.AffineMap(1, (0,))] * (len(values) + 1), "iterator_types": [t.PARALLEL]}
        return self.b.grouped("linalg.generic", {"inputs": values, "outputs": [room]}, [VECTOR], attrs,
                              [Region([block])]).result

    # ---- views and writes ----

    def cast(self) -> Value:
        return self.b.op("tensor.cast", [self.some()], [VECTOR])

    def reshaped(self) -> Value:
        return self.b.op("scan.reshape", [self.some(), self.size], [VECTOR])

    def part(self, source: Value, offset: Value, count: Value) -> Value:
        groups, attrs = slice_parts([offset], [count], [1])
        return self.b.grouped("tensor.extract_slice", {"source": [source], **groups}, [VECTOR], attrs).result

    def view(self) -> Value:
        return self.part(self.some(), self.zero, self.size)

    def write(self, dest: Value | None = None) -> Value:
        return self.b.op("tensor.insert", [self.scalar(), dest or self.some(), self.zero], [VECTOR])

    def move(self) -> Value:
        """A part of one vector written one further into another, or the same."""
        source = self.part(self.some(), self.zero, self.two)
        groups, attrs = slice_parts([self.one], [self.two], [1])
        return self.b.grouped("tensor.insert_slice", {"source": [source], "dest": [self.some()], **groups}, [VECTOR],
                              attrs).result

    def joined(self) -> list[Value]:
        """Vectors one after the other, perhaps written to, and a part of them that lies in two."""
        parts = [self.some() for _ in range(self.pick.randint(2, 3))]
        whole = self._maybe_written(self._concat(parts, VECTOR))
        offsets = self.pick.choice([self.zero, self.size]), self.two
        return [self.part(whole, offset, self.size) for offset in offsets]

    def _concat(self, parts: list[Value], type: t.TensorType) -> Value:
        return self.b.op("scan.concat", parts, [type], {"axis": t.IntAttr(0, t.i64)})

    def _maybe_written(self, whole: Value) -> Value:
        return self.write(whole) if self.pick.random() < 0.5 else whole

    # ---- branches and scans ----

    def branch(self) -> list[Value]:
        condition = self.b.cmpf("olt", self.scalar(), self.scalar())
        count, sides = self.pick.randint(1, 2), []
        for _ in range(2):
            block = Block()
            found = self.inside(block, [], self.pick.randint(0, 2))
            Builder(block).make("scf.yield", [*(self.pick.choice(found[-3:]) for _ in range(count)),
                                              *[self.size] * count])
            sides.append(Region([block]))
        return self.b.make("scf.if", [condition], [VECTOR] * count + [t.index] * count, None, sides).results[:count]

    def scan(self) -> list[Value]:
        """States of one row or two, whose last rows are given, and written and kept rows."""
        steps = self.pick.choice(self.counts)
        init = [self.some() for _ in range(self.pick.randint(1, 3))]
        rings = [self.window() for _ in range(self.pick.choice([0, 0, 1, 2]))]
        block = Block([t.index, *[VECTOR] * len(init), *[WINDOW] * len(rings)])
        _, *args = block.args
        with self.b.at(block):
            rows = [self.row(self.whole(window), self.pick.choice([self.zero, self.one]))
                    for window in args[len(init):]]
        found = self.inside(block, [*args[:len(init)], *rows], self.pick.randint(1, 5))
        states = [self.pick.choice(found[-4:]) for _ in [*init, *rings]]
        kept = [v for v in [*states, found[-1]] if self.pick.random() < 0.4]
        Builder(block).make("scan.yield", [*states, *kept])
        attrs = {"depths": [t.IntAttr(1, t.i64)] * len(init) + [t.IntAttr(2, t.i64)] * len(rings), "until": False}
        groups = {"length": [steps], "init": [*init, *rings], "rows": [steps] * len(kept),
                  "dims": [self.size] * len(kept)}
        made = self.b.grouped("scan.scan", groups, [*[VECTOR] * len(init), *[WINDOW] * len(rings),
                                                    *[t.TensorType((None, None), t.f64)] * len(kept)], attrs,
                              [Region([block])])
        self.read += init
        scan = ScanView(made)
        return [*scan.finals[:len(init)], *(self.row(w, self.one) for w in scan.finals[len(init):]),
                *(self.row(self.beside(y), self.one) for y in scan.ys if steps is self.two)]

    def beside(self, rows: Value) -> Value:
        """Rows of a scan that are written to, or joined to others."""
        if self.pick.random() < 0.5:
            return self.written(rows)
        parts = [self.window(), rows, rows]
        self.pick.shuffle(parts)
        return self._concat(parts[:self.pick.choice([2, 3])], t.TensorType((None, None), t.f64))

    def written(self, rows: Value) -> Value:
        return self.b.op("tensor.insert", [self.scalar(), rows, self.one, self.zero], [rows.type])

    def window(self) -> Value:
        return self.b.op("tensor.splat", [self.scalar(), self.size], [WINDOW])

    def whole(self, window: Value) -> Value:
        """A window, or something that has all its rows in order."""
        made = self.pick.choice(["", "tensor.cast", "tensor.insert"])
        if made == "tensor.insert":
            return self.written(window)
        return self.b.op(made, [window], [WINDOW]) if made else window

    def row(self, source: Value, at: Value) -> Value:
        groups, attrs = slice_parts([at, 0], [1, self.size], [1, 1])
        return self.b.grouped("tensor.extract_slice", {"source": [source], **groups}, [VECTOR], attrs).result


STATEMENTS: list[Callable[[Writer], Value | list[Value]]] = [
    Writer.nest, Writer.turned, Writer.cast, Writer.reshaped, Writer.view, Writer.write, Writer.write, Writer.move,
    Writer.joined, Writer.joined]
NESTED: list[Callable[[Writer], Value | list[Value]]] = [Writer.branch, Writer.scan, Writer.scan, Writer.scan]


@pytest.mark.long
@pytest.mark.parametrize("seed", [*range(60), 284])  # 284: a state in rows was written over before its first row
def test_memory_that_is_shared_changes_no_number(seed: int) -> None:
    top = module([Writer(seed).function()])
    verify(top, "writing the function")
    args = [np.arange(1.0, LENGTH + 1), np.array([0.5, -2.0, 3.0])]
    loops = clone_op(top, {})
    pipeline.run(loops, "bufferize,plan-memory")
    for count in (0, 1, 3):
        expected, found = (run_program(m, "f", [*args, count]) for m in (top, loops))
        for theirs, mine in zip(expected, found, strict=True):
            np.testing.assert_array_equal(mine, theirs)
