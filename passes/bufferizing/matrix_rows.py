"""The rows of a small matrix: sums along them, their scale, their order and their signs.

Rows are contiguous, so that what is done to one runs in lanes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from scancc.ir import types as t
from scancc.ir.core import Value
from scancc.ir.decompositions import LARGE

from .context import Context
from .loops import PARALLEL_LOOP, REDUCTION_LOOP


def total(c: Context, count: Value, start: Value, combine: Callable[[Value, Value], Value]) -> Value:
    """A running value combined with one for each of `count` counters."""
    with c.carrying_loop(count, [start], REDUCTION_LOOP) as (i, (value,), finish):
        finish([combine(value, i)])
    return c.results[0]


def dot_rows(c: Context, x: Value, p: Value, y: Value, q: Value) -> Value:
    """Row p of x times row q of y."""
    b, zero = c.b, c.b.const(0.0, t.element(x.type))
    return total(c, c.sizes(x)[1], zero,
                  lambda value, j: b.addf(value, b.mulf(c.load(x, [p, j]), c.load(y, [q, j]))))


def fill_row(c: Context, buffer: Value, row: Value, function: Callable[[Value], Value]) -> None:
    """Row `row` of a buffer becomes `function` of its columns' counters."""
    with c.loop(c.sizes(buffer)[1], PARALLEL_LOOP) as j:
        c.store(function(j), buffer, [row, j])


def identity(c: Context, kind: t.Type, n: Value) -> Value:
    rows = c.alloc(kind, [n, n])
    with c.loop(n) as i:
        fill_row(c, rows, i, lambda j: c.b.const(0.0, kind))
        c.store(c.b.const(1.0, kind), rows, [i, i])
    return rows


def scaled_rows(c: Context, rows: Value) -> tuple[Value, Value]:
    """Brings `rows` to a size whose squares are numbers; what to multiply results with, and 0 or NaN to add to
    them: NaN where an element is not finite."""
    b, kind = c.b, t.element(rows.type)
    n, width = c.sizes(rows)
    zero = b.const(0.0, kind)
    with c.carrying_loop(n, [zero, zero]) as (i, (largest, blemish), finish):
        most = total(c, width, largest, lambda v, j: b.op(
            "arith.maximumf", [v, b.math("absf", c.load(rows, [i, j]))], [kind]))
        blot = total(c, width, blemish, lambda v, j: b.addf(v, b.mulf(c.load(rows, [i, j]), zero)))
        finish([most, blot])
    largest, blemish = c.results
    root = float(np.finfo(t.numpy_dtype(kind)).max) ** 0.25
    moderate = b.condition("andi", b.cmpf("olt", largest, b.const(root, kind)),
                           b.cmpf("ogt", largest, b.const(1 / root, kind)))
    usable = b.condition("andi", b.cmpf("ogt", largest, zero), b.cmpf("ord", blemish, blemish))
    one = b.const(1.0, kind)
    scale = b.select(moderate, one, b.select(usable, largest, one))
    with c.loop(n) as i:
        fill_row(c, rows, i, lambda j: b.divf(c.load(rows, [i, j]), scale))
    return scale, blemish


def take_largest(c: Context, keys: Value) -> Value:
    """The place of the largest key, which is struck out."""
    b, kind = c.b, t.element(keys.type)
    lowest = b.const(float("-inf"), kind)
    with c.carrying_loop(c.sizes(keys)[0], [b.index(0), lowest]) as (i, (place, best), finish):
        key = c.load(keys, [i])
        better = b.cmpf("ogt", key, best)
        finish([b.select(better, i, place), b.select(better, key, best)])
    place = c.results[0]
    c.store(lowest, keys, [place])
    return place


def sign_of_row(c: Context, rows: Value, row: Value) -> Value:
    """The sign of the row's first element that is at least LARGE times the largest."""
    b, kind = c.b, t.element(rows.type)
    zero, n = b.const(0.0, kind), c.sizes(rows)[1]
    most = total(c, n, zero, lambda v, j: b.op(
        "arith.maximumf", [v, b.math("absf", c.load(rows, [row, j]))], [kind]))
    bound = b.mulf(most, b.const(LARGE, kind))
    with c.carrying_loop(n, [zero]) as (j, (found,), finish):
        x = c.load(rows, [row, j])
        first = b.condition("andi", b.cmpf("oeq", found, zero), b.cmpf("oge", b.math("absf", x), bound))
        finish([b.select(first, x, found)])
    return b.math("copysign", b.const(1.0, kind), c.results[0])
