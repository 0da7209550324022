"""Sorting as loops: bottom-up merge sort, stable, NaN last."""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from .context import Context, converts
from .nests import materialise

N_LEVELS = 63  # run lengths 1, 2, 4, ...: those of at least n do nothing


@converts("scan.sort", at_target=True)
def sort(c: Context, op: Op) -> None:
    """Each line along the axis is copied out, sorted, and copied to its place."""
    source = materialise(c, op.operands[0])
    axis, positions = op.attrs["axis"].value, bool(op.attrs["positions"])
    sizes = c.sizes(source)
    target = c.target(op.result, sizes)
    n, element = sizes[axis], t.element(source.type)
    lines = [c.alloc(element, [n]) for _ in range(2)]
    places = [c.alloc(t.i64, [n]) for _ in range(2)] if positions else []
    less = _less(op)

    def line(counters: list[Value]) -> None:
        def at(i: Value) -> list[Value]:
            return [*counters[:axis], i, *counters[axis:]]

        with c.loop(n) as i:
            c.store(c.load(source, at(i)), lines[0], [i])
            if places:
                c.store(c.b.index_cast(i, t.i64), places[0], [i])
        _merge_sort(c, n, lines, places, less)
        with c.loop(n) as i:
            c.store(c.load((places or lines)[0], [i]), target, at(i))
    c.in_order([s for a, s in enumerate(sizes) if a != axis], line)
    c.set(op.result, target)


def _less(op: Op) -> Callable[[Context, Value, Value], Value]:
    """a stands before b; a NaN before nothing."""
    kind = t.element(op.operands[0].type)
    unsigned = bool(op.attrs["unsigned"]) or kind == t.i1

    def less(c: Context, a: Value, b: Value) -> Value:
        if not isinstance(kind, t.FloatType):
            return c.b.cmpi("ult" if unsigned else "slt", a, b)
        number = c.b.condition("andi", c.b.cmpf("ord", a, a), c.b.cmpf("uno", b, b))
        return c.b.condition("ori", c.b.cmpf("olt", a, b), number)
    return less


def _merge_sort(c: Context, n: Value, lines: list[Value], places: list[Value],
                less: Callable[[Context, Value, Value], Value]) -> None:
    b = c.b
    one, two = b.index(1), b.index(2)
    with c.loop(b.index(N_LEVELS)) as level:
        run = b.op("arith.shli", [one, level], [t.index])
        with c.when(b.cmpi("slt", run, n)):
            pair = b.muli(run, two)
            count = b.op("arith.divsi", [b.addi(n, b.subi(pair, one)), pair], [t.index])
            with c.loop(count) as k:
                start = b.muli(k, pair)
                middle = b.minsi(b.addi(start, run), n)
                _merge(c, start, middle, b.minsi(b.addi(start, pair), n), lines, places, less)
            c.copy(lines[1], lines[0])
            if places:
                c.copy(places[1], places[0])


def _merge(c: Context, start: Value, middle: Value, end: Value, lines: list[Value], places: list[Value],
           less: Callable[[Context, Value, Value], Value]) -> None:
    """Two sorted runs into one: the right element goes first only if it is less."""
    b = c.b
    one = b.index(1)
    with c.carrying_loop(b.subi(end, start), [start, middle]) as (k, (i, j), finish):
        left_at = b.minsi(i, b.subi(middle, one))
        right_at = b.minsi(j, b.subi(end, one))
        left, right = c.load(lines[0], [left_at]), c.load(lines[0], [right_at])
        has_left, has_right = b.cmpi("slt", i, middle), b.cmpi("slt", j, end)
        first = b.condition("andi", has_right, b.condition("ori", less(c, right, left), c.b.opposite(has_left)))
        to = b.addi(start, k)
        c.store(b.select(first, right, left), lines[1], [to])
        if places:
            c.store(c.load(places[0], [b.select(first, right_at, left_at)]), places[1], [to])
        finish([b.select(first, i, b.addi(i, one)), b.select(first, b.addi(j, one), j)])
