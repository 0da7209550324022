"""Sorting as loops: stable, NaN last.

Runs of four are sorted in registers, then merged bottom-up, two runs of one length from both ends at once: neither
branches on what it compares, and two chains of loads and comparisons are in flight. Lines of 300 float64 took 49 ns
an element as runs of one, merged from one end; they take 15 so.
"""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, operand

from .best import at_end, begin, more, result
from .context import Context, converts
from .nests import materialise
from .selecting import narrowed
from .sorted_lines import RUN, Line, load, sorted_few, store
from .until import until_loop

N_LEVELS = 60  # run lengths 4, 8, 16, ...: more than any line has


@converts("scan.sort", at_target=True)
def sort(c: Context, op: Op) -> None:
    """The keys of each line along the axis are copied out and sorted; what they stand for is written to its place."""
    source = materialise(c, operand(op, "source"))
    axis, part = op.attrs["axis"].value, c.scalars(group(op, "part"))
    sizes = c.sizes(source)
    count = part[1] if part else sizes[axis]
    kept = [count if a == axis else size for a, size in enumerate(sizes)]
    target = c.target(op.result, kept)
    line = Line(c, op, sizes[axis])

    def one(counters: list[Value]) -> None:
        line.element = lambda i: c.load(source, [*counters[:axis], i, *counters[axis:]])
        found = _sorted_part(c, line, *part) if part else _sorted(c, line)
        with c.loop(count) as i:
            c.store(found(i), target, [*counters[:axis], i, *counters[axis:]])
    c.in_order([s for a, s in enumerate(sizes) if a != axis], one)
    c.set(op.result, target)


def _sorted(c: Context, line: Line) -> Callable[[Value], Value]:
    line.fill(c)
    _merge_sort(c, line, line.n)
    return lambda i: line.result(c, i)


def _sorted_part(c: Context, line: Line, first: Value, count: Value) -> Callable[[Value], Value]:
    """Sort what is left of a line once most of it is known to be outside of a part; what element i of that is.

    Few elements from an end are the best of those seen so far, sorted each time when many have come.
    """
    b = c.b
    end = at_end(c, line, first, count)
    begun = c.either(end.holds, lambda: begin(c, line, end, count), lambda: narrowed(c, line, first, count))

    def step(turn: Value, carried: list[Value]) -> tuple[Value, list[Value]]:
        n, seen = carried
        _merge_sort(c, line, n)
        n, seen = more(c, line, end, count, b.minsi(n, count), seen)
        return b.cmpi("slt", count, n), [n, seen]
    until_loop(c, b.addi(line.n, b.index(1)), begun[:2], step)
    return lambda i: result(c, line, end, count, b.addi(begun[2], i))


def _merge_sort(c: Context, line: Line, n: Value) -> None:
    """Sort the first `n` entries of a line."""
    b = c.b
    _sort_runs(c, line, n)
    if line.is_short:
        return

    def level(count: Value, carried: list[Value]) -> tuple[Value, list[Value]]:
        run = carried[0]
        _merge_runs(c, line, n, run)
        longer = b.addi(run, run)
        return b.cmpi("slt", longer, n), [longer]
    until_loop(c, b.select(b.cmpi("slt", b.index(RUN), n), b.index(N_LEVELS), b.index(0)), [b.index(RUN)], level)


def _sort_runs(c: Context, line: Line, n: Value) -> None:
    """Each run of entries in registers; behind the last one stands what comes last."""
    b, width = c.b, line.run
    runs = b.op("arith.divsi", [b.addi(n, b.index(width - 1)), b.index(width)], [t.index])
    if not line.is_short:
        with c.loop(b.subi(b.muli(runs, b.index(width)), n)) as i:
            line.fill_last(c, b.addi(n, i))
    with c.loop(runs) as k:
        places = [b.addi(b.muli(k, b.index(width)), b.index(i)) for i in range(width)]
        entries = sorted_few(c, line, [load(c, line.entries, place) for place in places])
        for entry, place in zip(entries, places, strict=True):
            store(c, entry, line.entries, place)


def _merge_runs(c: Context, line: Line, n: Value, run: Value) -> None:
    """Runs of `run` become runs of twice as many."""
    b = c.b
    pair = b.addi(run, run)
    pairs = b.op("arith.divsi", [n, pair], [t.index])
    with c.loop(pairs) as k:
        _merge_pair(c, line, b.muli(k, pair), run)
    start = b.muli(pairs, pair)
    _merge_rest(c, line, start, b.minsi(b.addi(start, run), n), n)
    for entries, merged in zip(line.entries, line.merged, strict=True):
        c.copy(_first(c, merged, n), _first(c, entries, n))


def _first(c: Context, buffer: Value, n: Value) -> Value:
    return c.subview(buffer, [c.b.index(0)], [n], [c.b.index(1)], [0])


def _merge_pair(c: Context, line: Line, start: Value, run: Value) -> None:
    """Two runs of one length, from both ends: neither end leaves them, as each takes half of the entries."""
    b, one = c.b, c.b.index(1)
    middle, last = b.addi(start, run), b.subi(b.addi(start, b.addi(run, run)), one)
    with c.carrying_loop(run, [start, middle, b.subi(middle, one), last]) as (k, (i, j, p, q), finish):
        right = _less_at(c, line, j, i)  # of equals the left one goes first
        _take(c, line, b.select(right, j, i), b.addi(start, k))
        left = _less_at(c, line, q, p)
        _take(c, line, b.select(left, p, q), b.subi(last, k))
        finish([b.select(right, i, b.addi(i, one)), b.select(right, b.addi(j, one), j),
                b.select(left, b.subi(p, one), p), b.select(left, q, b.subi(q, one))])


def _merge_rest(c: Context, line: Line, start: Value, middle: Value, end: Value) -> None:
    """A run and a shorter one, or none: the right entry goes first only if it is less."""
    b, one = c.b, c.b.index(1)
    with c.carrying_loop(b.subi(end, start), [start, middle]) as (k, (i, j), finish):
        left, right = b.minsi(i, b.subi(middle, one)), b.minsi(j, b.subi(end, one))
        has_left, has_right = b.cmpi("slt", i, middle), b.cmpi("slt", j, end)
        first = b.condition("andi", has_right, b.condition("ori", _less_at(c, line, right, left),
                                                           b.opposite(has_left)))
        _take(c, line, b.select(first, right, left), b.addi(start, k))
        finish([b.select(first, i, b.addi(i, one)), b.select(first, b.addi(j, one), j)])


def _less_at(c: Context, line: Line, i: Value, j: Value) -> Value:
    keys = line.entries[0]
    return line.less(c, c.load(keys, [i]), c.load(keys, [j]))


def _take(c: Context, line: Line, i: Value, to: Value) -> None:
    store(c, load(c, line.entries, i), line.merged, to)
