"""Make lanes of rounds that each go along rows of their own: of so many series, so many steps at a time are a tile.

    scf.for %i = 0 to %n {                         scf.for %i = 0 to %n' step 8 {
      %row = row %i of %x                            %rows = rows %i to %i + 8 of %x
      scf.for %t = 0 to %m iter(%s = ...) {          scf.for %t = 0 to %m' step 8 iter(%s = ... : 8 lanes) {
        %v = memref.load %row[%t]              ->      transpose %rows[:, %t to %t + 8] to %tile
        ... } }                                        scf.for %u = 0 to 8 iter(...) {
                                                         %v = vector.load %tile[%u, 0]
                                                         ... } }
                                                     ... the same for the steps from %m' on ... }

Why: a series waits for its own past, 8 cycles a step for an average; as many series as a vector has lanes wait no
longer than one. They lie along memory: tiles are transposed, by three shuffles a vector, and each line of the
cache is read once (an average of 1,024 series of 1,000 steps, float64: 1.9 ns an element, 0.36 so).
What is left over of the rows goes with the last ones once more, where what is written is not read. Few rows go side
by side, as what a tile does not use of a line leaves the caches where rows are a power of two apart.
Conservative: loops over steps have no loops or branches inside, and go along rows by one element a step; a round
uses only rows of its own of what any writes; numbers of 4 and 8 bytes.
Cost: linear; short steps are written out, each of a tile. Runs after `reductions` and `guard-indices`, and before
`vectorize`, which leaves such loops alone.
Source: transposition of squares for structures of arrays (ISPC's `aos_to_soa`; Intel's optimization manual, 15.11).
"""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, defined_in
from scancc.ir.ops import ELEMENTWISE, group, has_trait, operand, set_operands, whole
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark
from scancc.ir.rules.memref import strides_of
from scancc.ir.slices import Entry, entries, kept_axes
from scancc.ir.wording import what

from .indexing.forms import Form, Forms
from .indexing.rows import meet, root_of
from .slicing.latencies import is_function
from .vectorizing.along_rows import RowWidener, Stream
from .vectorizing.in_flight import copies as copies_of
from .vectorizing.in_flight import work_of
from .vectorizing.lanes import makes_again, varying_in, whole_lanes

ACCESSES = ("memref.load", "memref.store")
LINE_NBYTES = 64
MOST_ROWS = 8    # side by side: of more, lines that are half used leave the caches (16 took twice as long from DRAM)
MANY_ROWS = 32   # where functions take longer than memory does


def row_lanes(module: Op, bits: int = 512, registers: int = 32) -> None:
    """Make lanes of such rounds in every function, for so many registers of `bits`."""
    for op in list(module.walk()):
        if op.name == "scf.for" and _is_over_series(op):
            rows = _Rows(op, bits // 8)
            problem = rows.problem()
            done = "" if problem else rows.widen(registers)
            remark("row-lanes", op, problem is None, problem or done)


def _is_over_series(loop: Op) -> bool:
    """Whether a loop's rounds hold loops that carry numbers, and carry nothing themselves."""
    if loop.results or "vector" in loop.attrs or constant_of(Loop(loop).step) != 1:
        return False
    inner = [op for op in loop.body.ops if op.regions]
    return bool(inner) and all(op.name == "scf.for" and not op.attrs for op in inner) and any(
        isinstance(v.type, t.FloatType | t.IntType) for op in inner for v in op.results)


class _Place(NamedTuple):
    """What a round uses of a buffer from outside the loop: a row, or elements at that place of the last axis."""

    source: Value
    at: Form
    is_row: bool


class _Rows:
    """A loop over rows, and what of it differs between rounds."""

    def __init__(self, loop: Op, nbytes: int) -> None:
        self.loop, self.nbytes = loop, nbytes
        self.varying, self.forms = varying_in(loop), Forms()
        self.inner = [op for op in loop.body.ops if op.name == "scf.for"]
        self.streams: dict[Op, list[Stream]] = {}
        self.views: dict[Op, int] = {}  # of rows, and what tells which: whether the next round's is the next one

    # ---- what is there ----

    def problem(self) -> str | None:
        """Why rounds cannot be lanes, or None."""
        if any(v in self.varying for op in self.inner for v in Loop(op).bounds):
            return "how many steps there are differs between rows"
        blocks = [self.loop.body, *(op.body for op in self.inner)]
        reasons = [*(self._obstacle(op, block) for block in blocks for op in block.ops[:-1]),
                   *map(self._find_streams, self.inner)]
        reason = next(filter(None, reasons), None)
        if reason is None and not any(self.streams.values()):
            return "its loops go along no rows of their own"
        return reason or self._dependence()

    def _obstacle(self, op: Op, block: Block) -> str | None:
        if any(t.is_complex(v.type) or isinstance(v.type, t.VectorType) for v in [*op.operands, *op.results]):
            return "complex numbers have no vectors"
        if op.regions and block is self.loop.body or op.name == "arith.constant":
            return None
        varies = any(v in self.varying for v in op.operands)
        if op.name == "memref.subview":
            return self._view_obstacle(op) if varies else None
        if op.name in ACCESSES:
            return self._access_obstacle(op) if varies or op.name == "memref.store" else None
        if has_trait(op, ELEMENTWISE) or op.name == "memref.dim" and not varies:
            return None
        return f"a round has {what(op)}"

    def _view_obstacle(self, op: Op) -> str | None:
        """Note a view of a row, or of a part of one, and what tells which."""
        if op.parent is not self.loop.body:
            return "a step takes rows of its own"
        source, (first, *others) = operand(op, "source"), entries(op, "offsets")
        if source in self.varying:
            self.views[op], others = 0, [first, *others]
        elif (row := self._row(op, first)) is None:
            return "rows of rounds are not neighbours"
        else:
            self.views[op] = row.terms[Loop(self.loop).counter]
            self._note(first)
        rest = [*others, *entries(op, "sizes"), *entries(op, "strides")]
        return "rows of rounds begin or end at other places" if self.varying.intersection(rest) else None

    def _row(self, view: Op, first: Entry) -> Form | None:
        """Which row a view takes."""
        if isinstance(first, int) or entries(view, "sizes")[0] != 1 or 0 in kept_axes(view):
            return None
        row, counter = self.forms.of(first), Loop(self.loop).counter
        others = [value for value in row.terms if value is not counter]
        return row if row.terms.get(counter) in (1, -1) and not self.varying.intersection(others) else None

    def _note(self, index: Entry) -> None:
        """The ops that make an index, of which lanes have no vector."""
        op = None if isinstance(index, int) else index.op
        if index in self.varying and op is not None and op not in self.views:
            self.views[op] = 0
            for value in op.operands:
                self._note(value)

    def _access_obstacle(self, op: Op) -> str | None:
        indices = group(op, "indices")
        if whole(op) in self.varying:
            same = any(v in self.varying for v in indices)
            return "a row is read or written where its own numbers say" if same else None
        if not any(v in self.varying for v in indices):
            return "several rounds write one element"
        if any(v in self.varying for v in indices[:-1]) or indices[-1] is not Loop(self.loop).counter:
            return "memory is not used along its last axis"
        return None if strides_of(whole(op).type)[-1] in (1, -1) else "memory is used with a stride"

    def _find_streams(self, inner: Op) -> str | None:
        """Find what goes along the rows, or say why something does not."""
        found = self.streams[inner] = []
        for op in inner.body.ops:
            if op.name in ACCESSES and whole(op) in self.varying:
                stream = self._stream(op, inner)
                if stream is None:
                    return "a step uses elements of a row that are not neighbours of the last step's"
                if t.nbytes(stream.element) not in (4, 8):
                    return f"its rows are of {stream.element}"
                found.append(stream)
        return None

    def _stream(self, op: Op, inner: Op) -> Stream | None:
        indices = group(op, "indices")
        if len(indices) != 1 or strides_of(whole(op).type)[-1] not in (1, -1):
            return None
        form, counter = self.forms.of(indices[0]), Loop(inner).counter
        factor = form.terms.get(counter, 0)
        rest = form.plus(Form({counter: factor}, 0), -1)
        inside = any(defined_in(v, block) for v in rest.terms for block in (self.loop.body, inner.body))
        if factor not in (1, -1) or inside:
            return None
        return Stream(op, rest, factor < 0)

    def _dependence(self) -> str | None:
        """Why rounds may not run side by side, or steps of a loop be read before others have written; or None."""
        accesses = [op for op in self.loop.walk() if op.name in ACCESSES]
        for store in (op for op in accesses if op.name == "memref.store"):
            for other in accesses:
                if other is store or not meet(root_of(whole(store)), root_of(whole(other))):
                    continue
                place = self._place(store)
                if place is None or self._place(other) != place or not _moves(place.at, Loop(self.loop).counter):
                    return "it is not known that what a round writes is not another's"
                if other.parent is store.parent:
                    return "steps read or write again what a step has written"
        return None

    def _place(self, op: Op) -> _Place | None:
        """Which row an access uses."""
        buffer = whole(op)
        if buffer not in self.varying:
            return _Place(buffer, self.forms.of(group(op, "indices")[-1]), False)
        while buffer.op is not None and operand(buffer.op, "source") in self.varying:
            buffer = operand(buffer.op, "source")
        assert buffer.op is not None
        first = entries(buffer.op, "offsets")[0]
        return None if isinstance(first, int) else _Place(operand(buffer.op, "source"), self.forms.of(first), True)

    # ---- lanes ----

    def widen(self, registers: int) -> str:
        """Put the loop over vectors of rows before the loop, which keeps what is left; what it is now."""
        lanes, steps, copies = self._shape(registers)
        loop, block = self.loop, self.loop.parent
        assert block is not None
        b = Builder(block, loop, loop.location)
        overlaps = makes_again(loop)
        for count in dict.fromkeys((copies, 1)):
            self._take(b, lanes, count, steps, overlaps)
        return f"{lanes * copies} rows at a time, tiles of {steps} steps"

    def _shape(self, registers: int) -> tuple[int, int, int]:
        """Lanes of a vector, steps of a tile, and vectors side by side."""
        sizes = [t.nbytes(stream.element) for found in self.streams.values() for stream in found]
        most = MANY_ROWS if any(is_function(op) for inner in self.inner for op in inner.body.ops) else MOST_ROWS
        lanes = min(self.nbytes // max(sizes), most)
        largest = max(self.inner, key=lambda op: len(op.body.ops))
        work = work_of(largest, self.varying, lanes, self.nbytes)
        return lanes, max(lanes, LINE_NBYTES // max(sizes)), min(copies_of(work, registers, None), most // lanes)

    def _take(self, b: Builder, lanes: int, copies: int, steps: int, overlaps: bool) -> None:
        loop, parts = self.loop, Loop(self.loop)
        count = b.index(lanes * copies)
        n = b.maxsi(b.subi(parts.upper, parts.lower), b.index(0))
        last = b.subi(parts.upper, count)
        end = (b.select(b.cmpi("sge", n, count), parts.upper, parts.lower) if overlaps
               else b.addi(parts.lower, whole_lanes(b, n, count)))
        body = Block([t.index])
        inside = Builder(body, location=loop.location)
        at = inside.minsi(body.args[0], last) if overlaps else body.args[0]
        at.name = parts.counter.name
        widener = RowWidener(self.varying, lanes, {parts.counter: at}, parts.counter, copies,
                             self.views, self.streams, steps)
        widener.body(loop.body.ops, inside)
        attrs = {"vector": t.IntAttr(lanes * copies, t.i64)}
        b.make("scf.for", [parts.lower, end, count], [], attrs, [Region([body])])
        set_operands(loop, lower=[end])
        loop.attrs["tail"] = t.IntAttr(1, t.i64)


def _moves(place: Form, counter: Value) -> bool:
    return place.terms.get(counter) in (1, -1)
