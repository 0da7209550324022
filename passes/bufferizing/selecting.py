"""A part of what is sorted, without sorting the rest (quickselect)."""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir import types as t
from scancc.ir.core import Value

from .context import Context
from .sorted_lines import RUN, Entry, Line, load, sorted_few, store
from .until import until_loop

N_ROUNDS = 60    # after which the line is sorted as it is: bad pivots cost so much and no more
FEW = 64         # entries that are sorted at once
SHARE = 4        # of the entries that are left, the part that is wanted is less than one in so many


def narrowed(c: Context, line: Line, first: Value, count: Value) -> list[Value]:
    """Leave at the start of a line few entries, among them those that come `first` and on when all are sorted.

    How many are left, how many elements were seen (all), and which entry then is the first. Equal entries stay in
    their order.
    """
    b, n = c.b, line.n
    line.fill(c)
    enough = b.maxsi(b.muli(count, b.index(SHARE)), b.index(FEW))

    def cut(turn: Value, carried: list[Value]) -> tuple[Value, list[Value]]:
        n, first = carried
        n_before = _part(c, line, n, *_pivot(c, line, turn, n, first, count))
        left, at = _chosen(c, line, n, n_before, first, count)
        return b.cmpi("slt", enough, left), [left, at]
    rounds = b.select(b.cmpi("slt", enough, n), b.index(N_ROUNDS), b.index(0))
    made = until_loop(c, rounds, [n, first], cut)
    return [made.results[2], n, made.results[3]]


def _pivot(c: Context, line: Line, turn: Value, n: Value, first: Value, count: Value) -> tuple[Value, Value]:
    """The key and the place of one of a few entries, such that the longer side of the part wanted goes."""
    b = c.b
    gap = b.op("arith.divsi", [n, b.index(RUN)], [t.index])
    start = b.op("arith.andi", [turn, b.index(RUN - 1)], [t.index])  # other entries if those did not help
    sample: list[Entry] = []
    for i in range(RUN):
        place = b.addi(b.muli(gap, b.index(i)), start)
        sample.append([c.load(line.entries[0], [place]), place])
    ordered = [c.alloc(kind, [b.index(RUN)]) for kind in (line.key, t.index)]
    for i, entry in enumerate(sorted_few(c, line, sample)):
        store(c, entry, ordered, b.index(i))
    rank = _rank(c, n, first, b.addi(first, count))
    key, place = load(c, ordered, rank)
    return key, place


def _rank(c: Context, n: Value, first: Value, end: Value) -> Value:
    """Which of as many sorted entries likely stands just behind the part from `first` to `end`, or just before it."""
    b = c.b
    after = b.subi(n, end)

    def share(part: Value) -> Value:
        return b.op("arith.divsi", [b.muli(part, b.index(RUN)), n], [t.index])
    behind = b.addi(share(end), b.index(1))
    before = b.subi(b.index(RUN - 2), share(b.subi(n, first)))
    rank = b.select(b.cmpi("slt", after, first), before, behind)
    return b.minsi(b.maxsi(rank, b.index(1)), b.index(RUN - 1))


def _part(c: Context, line: Line, n: Value, pivot: Value, place: Value) -> Value:
    """Move what comes before the pivot to the start of the line, the others beside it; how many those before are.

    Of the pivot's equals those come before it that stand before it.
    """
    b = c.b

    def part(start: Value, end: Value, n_before: Value, comes_before: Callable[[Value], Value]) -> Value:
        with c.carrying_loop(end, [n_before], start=start) as (i, (count,), finish):
            entry = load(c, line.entries, i)
            store(c, entry, line.entries, count)
            store(c, entry, line.merged, b.subi(i, count))
            finish([b.select(comes_before(entry[0]), b.addi(count, b.index(1)), count)])
        return c.results[0]
    smaller = part(b.index(0), place, b.index(0), lambda key: b.opposite(line.less(c, pivot, key)))
    return part(place, n, smaller, lambda key: line.less(c, key, pivot))


def _chosen(c: Context, line: Line, n: Value, n_before: Value, first: Value, count: Value) -> tuple[Value, Value]:
    """Keep the side where all of the part is, or both, one behind the other."""
    b = c.b
    is_before = b.cmpi("sle", b.addi(first, count), n_before)
    is_after = b.condition("andi", b.opposite(is_before), b.cmpi("sle", n_before, first))
    n_after = b.subi(n, n_before)
    to = b.select(is_after, b.index(0), n_before)
    with c.when(b.opposite(is_before)), c.loop(n_after) as i:
        store(c, load(c, line.merged, i), line.entries, b.addi(to, i))
    left = b.select(is_before, n_before, b.select(is_after, n_after, n))
    return left, b.select(is_after, b.subi(first, n_before), first)
