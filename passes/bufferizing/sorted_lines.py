"""Lines that are sorted: a key of each element, and the place from which it came."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand

from .context import Context

RUN = 4  # entries that are sorted in registers: of 8 a merge less, a tenth of the time, but five times the code
Entry = list[Value]


class Line:
    """Room for one line: its entries, and as many that merging or a choice makes of them.

    An entry is a key and, where keys do not say it all, its place. Keys are integers whose order is that of the
    elements; those of 0.0 and -0.0 are equal, that of NaN is the largest.
    """

    def __init__(self, c: Context, op: Op, n: Value) -> None:
        self.element: Callable[[Value], Value]  # at a place of the line
        element = t.element(operand(op, "source").type)
        self.positions = bool(op.attrs["positions"])
        self.is_key = not isinstance(element, t.FloatType)  # an element is its key
        self.unsigned = bool(op.attrs["unsigned"]) or element == t.i1
        self.key = t.IntType(_width(element))
        self.n = n
        self.run = _run(n)
        self.is_short = constant_of(n) == self.run  # all of it is sorted in registers
        self.room = n if self.is_short else _whole_runs(c, n)
        kinds = [self.key, t.i64] if self.positions or not self.is_key else [self.key]
        self.entries = [c.alloc(kind, [self.room]) for kind in kinds]
        self.merged = [] if self.is_short else [c.alloc(kind, [self.room]) for kind in kinds]

    def less(self, c: Context, x: Value, y: Value) -> Value:
        return c.b.cmpi("ult" if self.unsigned else "slt", x, y)

    def fill(self, c: Context) -> None:
        with c.loop(self.n) as i:
            store(c, self.entry(c, i), self.entries, i)

    def entry(self, c: Context, place: Value) -> Entry:
        """That of the element at a place."""
        return [self._key(c, self.element(place)), c.b.index_cast(place, t.i64)]

    def fill_last(self, c: Context, i: Value) -> None:
        """Entry `i` becomes one that no other stands behind, and that stands behind its equals, being after them."""
        largest = -1 if self.unsigned else 2 ** (self.key.width - 1) - 1
        store(c, [c.b.const(1 if self.key == t.i1 else largest, self.key), c.b.const(0, t.i64)], self.entries, i)

    def result(self, c: Context, i: Value) -> Value:
        """What is asked for of entry `i`."""
        found = c.load(self.entries[-1], [i])
        return found if self.positions or self.is_key else self.element(c.b.index_cast(found, t.index))

    def _key(self, c: Context, x: Value) -> Value:
        """The bits of a float, those below the sign turned where it is negative."""
        b = c.b
        if not isinstance(x.type, t.FloatType):
            return x
        width = x.type.width
        bits = b.op("arith.bitcast", [x], [self.key])
        turned = b.op("arith.shrui", [b.op("arith.shrsi", [bits, b.const(width - 1, self.key)], [self.key]),
                                      b.const(1, self.key)], [self.key])
        key = b.op("arith.xori", [bits, turned], [self.key])
        key = b.select(b.cmpf("oeq", x, b.const(0.0, x.type)), b.const(0, self.key), key)
        return b.select(b.cmpf("uno", x, x), b.const(2 ** (width - 1) - 1, self.key), key)


def _width(element: t.Type) -> int:
    assert isinstance(element, (t.FloatType, t.IntType))
    return element.width


def _run(n: Value) -> int:
    known: int | None = constant_of(n)
    return RUN if known is None else max(1, min(known, RUN))


def _whole_runs(c: Context, n: Value) -> Value:
    b = c.b
    runs = b.op("arith.divsi", [b.addi(n, b.index(RUN - 1)), b.index(RUN)], [t.index])
    return b.muli(runs, b.index(RUN))


def load(c: Context, entries: Sequence[Value], i: Value) -> Entry:
    return [c.load(buffer, [i]) for buffer in entries]


def store(c: Context, entry: Sequence[Value], entries: Sequence[Value], i: Value) -> None:
    for value, buffer in zip(entry, entries, strict=False):  # a key alone has no use for a place
        c.store(value, buffer, [i])


def sorted_few(c: Context, line: Line, entries: list[Entry]) -> list[Entry]:
    """By exchanges of neighbours (odd-even transposition sort), which keep the order of equals."""
    entries = list(entries)
    for turn in range(len(entries)):
        for i in range(turn % 2, len(entries) - 1, 2):
            left, right = entries[i], entries[i + 1]
            wrong = line.less(c, right[0], left[0])
            entries[i:i + 2] = [[c.b.select(wrong, x, y) for x, y in zip(*pair, strict=True)]
                                for pair in ((right, left), (left, right))]
    return entries
