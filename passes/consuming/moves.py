"""Moves readers of a scan's rows into its step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.fast_math import is_exact as keeps_order
from scancc.ir.ops import group, operand
from scancc.ir.parts import Carry, ScanView, Stack
from scancc.ir.shapes import dims_of, dynamic_dims
from scancc.ir.slices import kept_axes
from scancc.late_dataclasses import dataclass

from ..fuse import combination
from .number_sums import NumberSum
from .parts import as_taken, last_state, offset_of, row_at, some_rows, takes_last_row, takes_whole_rows
from .picked import Picked, picked_by
from .readers import Readers
from .rows import RowMaker
from .scatters import scattered
from .selections import Selection, where
from .sums import Sum
from .windows import read_window, window_of


@dataclass
class Move:
    """The new parts of a scan into whose step readers of its rows move, and what they replace."""

    readers: Readers
    carries: list[Carry] = field(default_factory=list)
    stacks: list[Stack] = field(default_factory=list)
    replaced: list[tuple[Op, Carry | Stack]] = field(default_factory=list)
    windows: dict[tuple[Value, int], Carry] = field(default_factory=dict)  # of rows and how many last ones
    sums: list[tuple[Op, Sum | NumberSum, Value | None]] = field(default_factory=list)  # and of how many rows
    picks: bool = False  # whether rows are read where a mask holds, so that nobody may need positions any more
    better: dict[Op, Value] = field(default_factory=dict)  # whether a row is the best so far that an op searches

    def run(self, ends: list[Op]) -> None:
        """Move what the `ends` read, and them."""
        scan = self.scan
        self.readers.ahead.go(ends[-1])
        body, block = scan.op.body, scan.op.parent
        assert block is not None
        self.b, self.before = Builder(body, body.terminator), Builder(block, scan.op)
        self.maker = RowMaker(self.readers, self.b, self.before)
        for end in ends:
            self.b.location = self.before.location = end.location
            self._take(end)
        carries = [*scan.carries, *self.maker.carries, *self.carries]
        scan.rebuilt([*scan.reads, *self.maker.reads], carries, [*scan.stacks, *self.stacks])
        for end, part in self.replaced:
            if isinstance(part, Stack) and part.first is not None:
                end.replace_by([as_taken(part, end)])
            elif isinstance(part, Carry) and part.depth > 1:
                assert scan.executed is not None
                read_window(end, part, scan.executed)
            else:
                _give(end, part.final if isinstance(part, Carry) else part.result)
        for end, made, count in self.sums:
            _give(end, made.total(end, count))

    @property
    def scan(self) -> ScanView:
        return self.readers.scan

    def _take(self, end: Op) -> None:
        if self.readers.is_map(end):
            self._stack(end)
        elif end.name in ("scan.reduce", "scan.dot") and self.readers.adds_rows(end):
            self._sum(end)
        elif end.name == "scan.reduce" and self.readers.adds_some(end):
            self._sum_some(end)
        elif end.name == "scan.reduce":
            self._fold(end)
        elif end.name == "scan.argreduce":
            self._extreme(end)
        elif end.name == "scan.scatter":
            made = scattered(end, self.maker)
            self._next(end, made, made.next)
        elif (state := last_state(end, self.scan)) is not None:
            self.replaced.append((end, state))
        elif (depth := self.readers.depth_of_window(end)) is not None and not takes_last_row(end, self.scan):
            self._window(end, depth)
        elif end.name == "tensor.extract_slice" and not self.scan.until:
            self._some(end)
        else:
            self._pick(end)

    def _stack(self, end: Op) -> None:
        """Rows that are smaller than those they are made of."""
        type, row = end.result.type, self.maker.row(end.result)
        assert isinstance(type, t.TensorType)
        sizes = dims_of(self.before, end.result)[1:]
        stack = self.scan.new_stack(row, type, [n for n, known in zip(sizes, type.shape[1:], strict=True)
                                                if known is None])
        self.stacks.append(stack)
        self.replaced.append((end, stack))

    def _some(self, end: Op) -> None:
        """Some of the rows, or a part of each of these."""
        type = end.result.type
        if takes_whole_rows(end):
            row = self.maker.row(operand(end, "source"))
        else:
            row = self.maker.part(end, t.row_type(type) if 0 in kept_axes(end) else type)
        self.stacks.append(some_rows(self.scan, row, end, self.before))
        self.replaced.append((end, self.stacks[-1]))

    def _window(self, end: Op, depth: int) -> None:
        """The last rows of a scan that may stop."""
        rows = operand(end, "source")
        if (rows, depth) not in self.windows:
            sizes = dims_of(self.before, rows)[1:]
            self.windows[rows, depth] = window_of(self.scan, self.maker.row(rows), depth, sizes, self.before)
            self.carries.append(self.windows[rows, depth])
        self.replaced.append((end, self.windows[rows, depth]))

    # ---- states ----

    def _fold(self, end: Op) -> None:
        """A running value, combined with each row; other axes are reduced after the scan, once."""
        row, kind = self.maker.row(end.operands[0]), str(end.attrs["kind"])
        start, name = combination(kind, t.element(row.type))
        some = self._selection(end)
        if some is None or isinstance(row.type, t.TensorType):
            self._run(end, start, row, name)
            return
        now, _ = some.now(self.scan, self.b)  # what changes nothing in place of others, that the chain stays short
        carry, row = self.maker.carry(start, row.type, end), self.b.select(now, row, self.b.const(start, row.type))
        self._next(end, carry, self.b.op(name, [carry.arg, row], [row.type]))

    def _run(self, end: Op, start: object, row: Value, name: str) -> None:
        carry = self.maker.carry(start, row.type, end)
        (made,) = self._stepped(end, [carry], lambda b, _: [b.op(name, [carry.arg, row], [row.type])])
        self._next(end, made, made.next)

    def _sum(self, end: Op) -> None:
        """A sum of floats, in blocks that are joined as outside; a product, which has no blocks, in order."""
        row, b = self.maker.row(end.operands[-1]), self.b
        if end.name == "scan.dot":
            weight = b.op("tensor.splat", [self.maker.row(end.operands[0]), *_row_dims(b, row)], [row.type])
            row = b.op("arith.mulf", [weight, row], [row.type], {"product": True})  # of its own: its sum takes it in
        elif str(end.attrs["kind"]) == "prod":
            self._run(end, 1.0, row, "arith.mulf")
            return
        some = self._selection(end)
        most = some.count if isinstance(some, Selection) else self.scan.length
        made = Sum.of(end, self.scan, self.maker.carry(0.0, row.type, end), most, self.before)
        self.carries += self._stepped(end, made.carries, lambda b, number: made.added(row, number, b))
        self.sums.append((end, made, some.count if isinstance(some, Picked) else self.scan.executed))

    def _sum_some(self, end: Op) -> None:
        """A sum of numbers where a mask holds, in blocks that are joined as outside."""
        if keeps_order(end):
            self._run(end, 0.0, self.maker.row(end.operands[0]), "arith.addf")
            return
        row, some = self.maker.row(end.operands[0]), self._selection(end)
        assert isinstance(some, Picked)
        made = NumberSum.of(self.scan, self.maker.carry(0.0, row.type, end), self.before)
        self.carries += made.made(row, some, self.b)
        self.sums.append((end, made, some.count))

    def _extreme(self, end: Op) -> None:
        """The best row so far, element by element, and its number; the first NaN is the best."""
        row, kind = self.maker.row(end.operands[0]), str(end.attrs["kind"])
        start, _ = combination(kind, t.element(row.type))
        best, place = self.maker.carry(start, row.type, end), self.maker.carry(0, t.shaped(t.i64, row.type), end)

        def chosen(b: Builder, number: Value) -> list[Value]:
            self.better[end] = better = _better(b, kind, row, best.arg)
            now = b.index_cast(number, t.i64)
            if isinstance(row.type, t.TensorType):
                now = b.op("tensor.splat", [now, *_row_dims(b, row)], [place.arg.type])
            return [b.select(better, row, best.arg), b.select(better, now, place.arg)]

        best, place = self._stepped(end, [best, place], chosen)
        self.carries.append(best)
        self._next(end, place, place.next)

    def _stepped(self, end: Op, carries: list[Carry], make: Callable[[Builder, Value], list[Value]]) -> list[Carry]:
        """States with what `make` makes of them in a step, of whose row it has the number: in each step, or in those
        whose rows are selected."""
        some = self._selection(end)
        if some is None:
            made = make(self.b, self.scan.counter)
            return [carry._replace(next=value) for carry, value in zip(carries, made, strict=True)]
        now, number = some.now(self.scan, self.b)
        return where(now, carries, self.b, lambda b: make(b, number))

    def _selection(self, end: Op) -> Selection | Picked | None:
        """Which rows a reader reads, where these are not all."""
        part = self.readers.selection_of(end.operands[-1])
        if part is None or not self.readers.selects(part):
            return None
        picked = picked_by(part, self.scan)
        self.picks = self.picks or picked is not None
        return picked or Selection.of(part, self.before)

    def _pick(self, end: Op) -> None:
        """An element of one row, taken at its step."""
        row, b = self.maker.row(operand(end, "source")), self.b
        if end.name == "tensor.extract" and len(end.operands) > 2 and not self.readers.picks(end):
            self.stacks.append(row_at(self.scan, row, end, self.before))
            self.replaced.append((end, self.stacks[-1]))
            return
        if takes_last_row(end, self.scan):
            self._next(end, self.maker.carry(0, row.type, end), row)
            return
        if end.name == "tensor.extract_slice":
            self._next(end, *self._where(b.cmpi("eq", self.scan.counter, offset_of(b, end)), row, end))
            return
        at, *places = group(end, "indices")
        if places:
            row = b.op("tensor.extract", [row, *places], [end.result.type])
        carry, search = self.maker.carry(0, row.type, end), self.readers.search_for(at)
        now = b.cmpi("eq", self.scan.counter, at if search is None else b.index(0))
        if search is not None:  # of rows of which none is better than nothing the first one is taken
            now = b.op("arith.ori", [self.better[search], now], [t.i1])
        self._next(end, carry, b.select(now, row, carry.arg))

    def _where(self, now: Value, row: Value, end: Op) -> tuple[Carry, Value]:
        """A state that is the row of the step in which `now` holds, and the new one."""
        carry = self.maker.carry(0, row.type, end)
        sides = [Builder(Block(), None, end.location) for _ in range(2)]
        for side, value in zip(sides, (row, carry.arg), strict=True):
            side.make("scf.yield", [value])
        return carry, self.b.make("scf.if", [now], [row.type], None, [Region([side.block]) for side in sides]).result

    def _next(self, end: Op, carry: Carry, value: Value) -> None:
        carry.final.name = end.result.name
        self.carries.append(carry._replace(next=value))
        self.replaced.append((end, self.carries[-1]))


def _row_dims(b: Builder, row: Value) -> list[Value]:
    """The run-time sizes of a row in the step."""
    assert isinstance(row.type, t.TensorType)
    return dynamic_dims(row.type, dims_of(b, row))


def _better(b: Builder, kind: str, row: Value, best: Value) -> Value:
    """Where a row beats the best so far: strictly, or as the first NaN."""
    largest = kind.startswith("max")
    if not t.is_float(t.element(row.type)):
        unsigned = kind.endswith("u") or t.element(row.type) == t.i1
        return b.cmpi(("u" if unsigned else "s") + ("gt" if largest else "lt"), row, best)
    nan = b.op("arith.andi", [b.cmpf("uno", row, row), b.cmpf("ord", best, best)], [t.shaped(t.i1, row.type)])
    return b.op("arith.ori", [b.cmpf("ogt" if largest else "olt", row, best), nan], [nan.type])


def _give(end: Op, value: Value) -> None:
    """Let `value` stand for the result of an op that moved, all of its axes reduced."""
    assert end.parent is not None
    b, type = Builder(end.parent, end, end.location), end.result.type
    axes = [axis - 1 for axis in end.attrs["axes"].values if axis] if end.name == "scan.reduce" else []
    if axes and 0 in end.attrs["axes"].values:
        value = b.op("scan.reduce", [value], [type], {**end.attrs, "axes": t.DenseArray(t.i64, tuple(axes))})
    end.replace_by([value if value.type == type else b.op("tensor.cast", [value], [type])])
