"""Singular values as loops: one-sided Jacobi (Golub and Van Loan, Matrix Computations, 8.6.3).

It works on the rows of the matrix or its transpose, whichever has fewer. A matrix is scaled by its largest element
where squares might overflow or vanish; one that is not finite gives NaN. Signs of vectors: `ir/decompositions.py`.
"""

from __future__ import annotations

import numpy as np

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.late_dataclasses import dataclass

from .context import Context, converts
from .jacobi import angle, rotate, sweep
from .matrix_rows import dot_rows, fill_row, identity, scaled_rows, sign_of_row, take_largest
from .nests import materialise


@dataclass
class _Rows:
    """A matrix or its transpose as few long rows: `long` = `square` transposed times what it was."""

    tall: Value     # whether the matrix has at least as many rows as columns: then `long` is its transpose
    count: Value    # of rows
    length: Value
    long: Value
    square: Value | None


@converts("scan.svd")
def svd(c: Context, op: Op) -> None:
    """u, singular values in descending order, and vt; with `full` u and vt are square."""
    b, source = c.b, materialise(c, op.operands[0])
    kind, (m, n) = t.element(source.type), c.sizes(source)
    u, of_values, vt = op.results
    with_vectors = bool(u.uses or vt.uses)
    tall, count, length = b.cmpi("sge", m, n), b.minsi(m, n), b.maxsi(m, n)
    rows = _Rows(tall, count, length, c.alloc(kind, [count, length]), None)
    with c.loop(count) as i, c.loop(length) as j:
        c.store(c.load(source, [b.select(tall, j, i), b.select(tall, i, j)]), rows.long, [i, j])
    scale, blemish = scaled_rows(c, rows.long)
    if with_vectors:
        rows.square = identity(c, kind, count)
    sweep(c, count, lambda p, q: _make_orthogonal(c, rows, p, q))
    values = c.target(of_values, [count])
    sizes, order = _sorted_norms(c, rows)
    with c.loop(count) as r:
        c.store(b.addf(b.mulf(c.load(sizes, [r]), scale), blemish), values, [r])
    c.set(of_values, values)
    if with_vectors:
        _singular_vectors(c, op, rows, sizes, order, blemish)


def _make_orthogonal(c: Context, rows: _Rows, p: Value, q: Value) -> Value:
    """Rotate rows p and q so that their product is 0, unless it counts as 0."""
    b, kind = c.b, t.element(rows.long.type)
    pp, qq, pq = (dot_rows(c, rows.long, i, rows.long, j) for i, j in ((p, p), (q, q), (p, q)))
    epsilon = b.const(float(np.finfo(t.numpy_dtype(kind)).eps), kind)
    bound = b.mulf(epsilon, b.mulf(b.math("sqrt", pp), b.math("sqrt", qq)))
    needed = b.cmpf("ogt", b.math("absf", pq), bound)
    with c.when(needed):
        cosine, sine = angle(b, b.subf(qq, pp), pq)
        for matrix in (rows.long, rows.square):
            if matrix is not None:
                rotate(c, matrix, p, q, cosine, sine)
    return needed


def _sorted_norms(c: Context, rows: _Rows) -> tuple[Value, Value]:
    """The lengths of the long rows, largest first, and which row each is of."""
    b, kind = c.b, t.element(rows.long.type)
    keys, sizes = (c.alloc(kind, [rows.count]) for _ in range(2))
    order = c.alloc(t.i64, [rows.count])
    with c.loop(rows.count) as i:
        c.store(b.math("sqrt", dot_rows(c, rows.long, i, rows.long, i)), keys, [i])
    with c.loop(rows.count) as r:
        place = take_largest(c, keys)
        c.store(b.math("sqrt", dot_rows(c, rows.long, place, rows.long, place)), sizes, [r])
        c.store(b.index_cast(place, t.i64), order, [r])
    return sizes, order


def _singular_vectors(c: Context, op: Op, rows: _Rows, sizes: Value, order: Value, blemish: Value) -> None:
    """The vectors as rows: those of the square factor, and unit vectors along the long rows, completed where
    a singular value is 0 in this precision."""
    b, kind = c.b, t.element(rows.long.type)
    old = rows.square
    assert old is not None
    full = op.attrs["full"]
    units = c.alloc(kind, [rows.length if full else rows.count, rows.length])
    square = c.alloc(kind, [rows.count, rows.count])
    epsilon = b.const(float(np.finfo(t.numpy_dtype(kind)).eps), kind)
    with c.carrying_loop(rows.count, [b.index(0)]) as (r, (used,), finish):
        place, size = b.index_cast(c.load(order, [r]), t.index), c.load(sizes, [r])
        sign = sign_of_row(c, old, place)
        fill_row(c, square, r, lambda j: b.mulf(c.load(old, [place, j]), sign))
        certain = b.cmpf("ogt", size, b.mulf(c.load(sizes, [b.index(0)]), epsilon))
        divisor = b.mulf(b.select(certain, size, b.const(1.0, kind)), sign)
        fill_row(c, units, r, lambda j: b.divf(c.load(rows.long, [place, j]), divisor))
        finish([b.select(certain, b.addi(r, b.index(1)), used)])
    _complete(c, units, c.results[0])
    tall = rows.tall
    u, _, vt = op.results
    for result, upright in ((u, True), (vt, False)):
        if result.uses:
            _write_vectors(c, result, (units, square), tall, upright, blemish)


def _write_vectors(c: Context, result: Value, factors: tuple[Value, Value], tall: Value, upright: bool,
                   blemish: Value) -> None:
    """u, whose columns are vectors (`upright`), or vt, whose rows are: of the units or of the square factor."""
    b = c.b
    units, square = factors
    (many, long), few = c.sizes(units), c.sizes(square)[0]
    wide_first = tall if upright else b.opposite(tall)
    length, n_vectors = b.select(wide_first, long, few), b.select(wide_first, many, few)
    target = c.target(result, [length, n_vectors] if upright else [n_vectors, length])

    def copy(rows: Value) -> None:
        with c.loop(c.sizes(rows)[0]) as i, c.loop(c.sizes(rows)[1]) as j:
            c.store(b.addf(c.load(rows, [i, j]), blemish), target, [j, i] if upright else [i, j])

    with c.when(wide_first):
        copy(units)
    with c.when(b.opposite(wide_first)):
        copy(square)
    c.set(result, target)


def _complete(c: Context, rows: Value, used: Value) -> None:
    """Make the rows from `used` on unit vectors, orthogonal to each other and to those before: what is left of
    the unit vector of which most is left."""
    b, kind = c.b, t.element(rows.type)
    n, length = c.sizes(rows)
    with c.loop(b.subi(n, used)) as i:
        row = b.addi(used, i)
        axis = _least_covered(c, rows, row)
        fill_row(c, rows, row, lambda j: b.const(0.0, kind))
        c.store(b.const(1.0, kind), rows, [row, axis])
        for _ in range(2):  # the second time takes out what rounding left
            _make_unit_beside(c, rows, row)


def _make_unit_beside(c: Context, rows: Value, row: Value) -> None:
    """Take out of `row` what lies along the rows before it, and make its length 1."""
    b = c.b
    with c.loop(row) as before:
        part = dot_rows(c, rows, row, rows, before)
        fill_row(c, rows, row, lambda j: b.subf(c.load(rows, [row, j]), b.mulf(part, c.load(rows, [before, j]))))
    size = b.math("sqrt", dot_rows(c, rows, row, rows, row))
    fill_row(c, rows, row, lambda j: b.divf(c.load(rows, [row, j]), size))


def _least_covered(c: Context, rows: Value, count: Value) -> Value:
    """The axis along which the first `count` rows have least."""
    b, kind = c.b, t.element(rows.type)
    with c.carrying_loop(c.sizes(rows)[1], [b.index(0), b.const(float("inf"), kind)]) as (j, (axis, least), finish):
        with c.carrying_loop(count, [b.const(0.0, kind)]) as (i, (total,), add):
            x = c.load(rows, [i, j])
            add([b.addf(total, b.mulf(x, x))])
        total = c.results[0]
        better = b.cmpf("olt", total, least)
        finish([b.select(better, j, axis), b.select(better, total, least)])
    return c.results[0]
