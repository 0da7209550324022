"""Jacobi's method: pairs of rows are rotated, again and again, until no pair needs it."""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value

from .context import Context
from .loops import PARALLEL_LOOP

SWEEPS = 40  # Jacobi's method converges quadratically: 6 to 10 sweeps are usual


def rotate(c: Context, rows: Value, p: Value, q: Value, cosine: Value, sine: Value) -> None:
    """Rows p and q become their images under a rotation."""
    with c.loop(c.sizes(rows)[1], PARALLEL_LOOP) as j:
        rotate_pair(c, rows, [p, j], [q, j], cosine, sine)


def rotate_pair(c: Context, rows: Value, first: list[Value], second: list[Value], cosine: Value,
                sine: Value) -> None:
    """Two elements become their images under a rotation."""
    b = c.b
    x, y = c.load(rows, first), c.load(rows, second)
    c.store(b.subf(b.mulf(cosine, x), b.mulf(sine, y)), rows, first)
    c.store(b.addf(b.mulf(sine, x), b.mulf(cosine, y)), rows, second)


def sweep(c: Context, n: Value, turn: Callable[[Value, Value], Value]) -> None:
    """`turn` each pair of n rows, again and again until no pair needed it."""
    b = c.b
    no, yes, none = b.const(0, t.i1), b.const(1, t.i1), b.index(0)
    with c.carrying_loop(b.index(SWEEPS), [yes]) as (_, (again,), finish):
        with c.carrying_loop(b.select(again, n, none), [no]) as (p, (before,), finish_row):
            first = b.addi(p, b.index(1))
            with c.carrying_loop(b.subi(n, first), [before]) as (i, (moved,), finish_pair):
                finish_pair([b.condition("ori", moved, turn(p, b.addi(first, i)))])
            finish_row(c.results)
        finish(c.results)


def angle(b: Builder, difference: Value, product: Value) -> tuple[Value, Value]:
    """Cosine and sine of the smaller rotation that makes `product` vanish: `difference` is that of the two
    numbers on the diagonal."""
    kind = product.type
    one = b.const(1.0, kind)
    ratio = b.divf(difference, b.mulf(b.const(2.0, kind), product))
    root = b.math("sqrt", b.addf(one, b.mulf(ratio, ratio)))
    tangent = b.math("copysign", b.divf(one, b.addf(b.math("absf", ratio), root)), ratio)
    cosine = b.divf(one, b.math("sqrt", b.addf(one, b.mulf(tangent, tangent))))
    return cosine, b.mulf(cosine, tangent)
