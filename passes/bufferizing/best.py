"""The few best of a line, in one pass over it: most elements are no better than the worst that is kept."""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.core import Value

from .context import Context
from .sorted_lines import Line, load, store
from .until import until_loop

MOST = 64   # elements that are looked for so: of more, more elements are better than the worst of them
ROOM = 4    # times as many are kept before they are sorted
FEWEST = 16  # entries for which there is room


class End(NamedTuple):
    """Which end of a sorted line a part stands at, if at one (`holds`): at the last one, elements come from the last
    place on, and keys are turned, so that the best come first."""

    holds: Value
    is_last: Value
    room: Value


def at_end(c: Context, line: Line, first: Value, count: Value) -> End:
    b = c.b
    is_first = b.cmpi("eq", first, b.index(0))
    is_last = b.condition("andi", b.opposite(is_first), b.cmpi("eq", b.addi(first, count), line.n))
    room = b.maxsi(b.muli(count, b.index(ROOM)), b.index(FEWEST))
    few = b.condition("andi", b.cmpi("ule", b.subi(count, b.index(1)), b.index(MOST - 1)),
                      b.cmpi("slt", room, line.n))
    holds = b.condition("andi", few, b.condition("ori", is_first, is_last))
    return End(holds, b.condition("andi", holds, is_last), room)


def begin(c: Context, line: Line, end: End, count: Value) -> list[Value]:
    """The first elements, as many as there is room for; how many these are, twice, and where the part begins."""
    with c.loop(end.room) as i:
        store(c, _entry(c, line, end, i), line.entries, i)
    return [end.room, end.room, c.b.index(0)]


def more(c: Context, line: Line, end: End, count: Value, n: Value, seen: Value) -> tuple[Value, Value]:
    """Put those elements from `seen` on that are better than the last of the `count` best so far behind the `n` that
    are kept, until there is no more room or no more element."""
    b = c.b
    worst = load(c, line.entries, b.maxsi(b.subi(count, b.index(1)), b.index(0)))

    def look(turn: Value, carried: list[Value]) -> tuple[Value, list[Value]]:
        n, seen = carried
        worse = _is_worse(c, line, end, seen, worst)
        kept = c.either(worse, lambda: [n], lambda: [_keep(c, line, end, n, seen, worst[0])], likely=1)
        return b.cmpi("slt", kept[0], end.room), [kept[0], b.addi(seen, b.index(1))]
    made = until_loop(c, b.subi(line.n, seen), [n, seen], look)
    return made.results[2], made.results[3]


def _place(c: Context, line: Line, end: End, i: Value) -> Value:
    return c.b.select(end.is_last, c.b.subi(c.b.subi(line.n, c.b.index(1)), i), i)


def _entry(c: Context, line: Line, end: End, i: Value) -> list[Value]:
    key, place = line.entry(c, _place(c, line, end, i))
    return [_turned(c, line, end, key), place]


def _turned(c: Context, line: Line, end: End, key: Value) -> Value:
    b = c.b
    all_bits = b.const(1 if line.key == t.i1 else -1, line.key)
    return b.select(end.is_last, b.op("arith.xori", [key, all_bits], [line.key]), key)


def _is_worse(c: Context, line: Line, end: End, i: Value, worst: list[Value]) -> Value:
    """Whether an element surely is no better: floats are compared as they are; keys tell of those in doubt."""
    b = c.b
    if line.is_key:
        return b.opposite(line.less(c, _entry(c, line, end, i)[0], worst[0]))
    x, y = line.element(_place(c, line, end, i)), line.element(b.index_cast(worst[1], t.index))
    return b.select(end.is_last, b.cmpf("olt", x, y), b.cmpf("ogt", x, y))


def _keep(c: Context, line: Line, end: End, n: Value, i: Value, worst: Value) -> Value:
    entry = _entry(c, line, end, i)
    store(c, entry, line.entries, n)
    return c.b.select(line.less(c, entry[0], worst), c.b.addi(n, c.b.index(1)), n)


def result(c: Context, line: Line, end: End, count: Value, i: Value) -> Value:
    """What is asked for of the entry that stands for element `i` of the part."""
    last = c.b.subi(count, c.b.index(1))
    found = line.result(c, c.b.select(end.is_last, c.b.subi(last, i), i))
    return found if line.positions or not line.is_key else _turned(c, line, end, found)
