"""A window that moves along a buffer of twice its length: a state that each step extends at one end.

    u = concat(u[1:], [x])         buffer[start + n] = x; start = start + 1; u is buffer[start : start + n]

What is kept stays where it is. Where the buffer ends, the part kept moves to its other end: n elements in n steps or
more, so that a step costs what it adds. A window that moves now up, now down has a buffer of three times its length,
and begins again in the middle. The window has no gaps: whoever reads it finds an array, in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.late_dataclasses import dataclass

from .chains import kept_part
from .context import Context
from .nests import materialise

if TYPE_CHECKING:
    from .places import Way


@dataclass
class Window:
    """`length` elements of a buffer along `axis`, from `start` on, which is at most `last`.

    low, high: where a window begins again that came to the upper end, and to the lower one.
    """

    buffer: Value
    start: Value
    length: Value
    axis: int
    last: Value
    low: Value
    high: Value

    @staticmethod
    def of(c: Context, value: Value, sizes: Sequence[Value], way: Way) -> Window:
        """Room for an array that moves, at the end from which it goes."""
        length, zero = sizes[way.axis], c.b.index(0)
        last = c.b.addi(length, length) if way.up and way.down else length
        low = length if way.down else zero
        room = c.b.addi(last, length)
        if way.room:
            room = c.b.addi(room, c.b.index(way.room))
        buffer = c.alloc(t.element(value.type), [room if a == way.axis else n for a, n in enumerate(sizes)],
                         value.name)
        return Window(buffer, low, length, way.axis, last, low, length)

    def view(self, c: Context) -> Value:
        """The array."""
        return self.part(c, self.start, self.length)

    def part(self, c: Context, start: Value, length: Value) -> Value:
        zero, one, sizes = c.b.index(0), c.b.index(1), c.sizes(self.buffer)
        rank = len(sizes)
        return c.subview(self.buffer, [start if a == self.axis else zero for a in range(rank)],
                         [length if a == self.axis else n for a, n in enumerate(sizes)], [one] * rank, range(rank))

    def extend(self, c: Context, op: Op) -> None:
        """`concat` of a part of the array and of others."""
        kept = kept_part(op)
        assert kept is not None
        number = op.operands.index(kept.result)
        parts = [None if n == number else materialise(c, v) for n, v in enumerate(op.operands)]
        lengths = [c.sizes(c.get(kept.result) if part is None else part)[self.axis] for part in parts]
        before = c.b.index(0)
        for length in lengths[:number]:
            before = c.b.addi(before, length)
        self._move(c, entries_of(c, kept, self.axis), before, lengths[number])
        at = self.start
        for part, length in zip(parts, lengths, strict=True):
            if part is not None:
                c.copy(part, self.part(c, at, length))
            at = c.b.addi(at, length)
        c.set(op.result, self.view(c))

    def _move(self, c: Context, offset: Value, before: Value, length: Value) -> None:
        """Begin so that the part of `length` from `offset` on comes after `before` other elements."""
        b, zero = c.b, c.b.index(0)
        kept_at = b.addi(self.start, offset)
        start = b.subi(kept_at, before)
        ends = [("sgt", self.last, self.low)] if constant_of(offset) != 0 else []
        ends += [("slt", zero, self.high)] if constant_of(before) != 0 else []
        for predicate, bound, again in ends:
            begin = b.addi(again, before)
            full = b.cmpi(predicate, start, bound)
            start, = c.rarely(full, partial(self._restart, c, kept_at, begin, length, again), [start])
        self.start = start

    def _restart(self, c: Context, source: Value, dest: Value, length: Value, start: Value) -> list[Value]:
        """Move elements within the buffer, between parts that do not overlap; where it then begins."""
        c.copy(self.part(c, source, length), self.part(c, dest, length))
        return [start]


def entries_of(c: Context, part: Op, axis: int) -> Value:
    """Where a slice begins along an axis."""
    from .arrays import entries

    return entries(c, part)[0][axis]

