"""Eigenvalues, singular values and QR as loops.

Symmetric matrices: cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5); singular values:
one-sided Jacobi on the rows of the matrix or its transpose, whichever has fewer (8.6.3); QR: reflections, with
LAPACK's signs (5.2). Rows are contiguous, so that rotations and reflections run in lanes. A matrix is scaled by
its largest element where squares might overflow or vanish; one that is not finite gives NaN. Signs of vectors:
`ir/decompositions.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.decompositions import LARGE

from .context import Context, converts
from .nests import PARALLEL_LOOP, REDUCTION_LOOP, materialise

SWEEPS = 40  # Jacobi's method converges quadratically: 6 to 10 sweeps are usual


# ---- sums and rows ----


def _total(c: Context, count: Value, start: Value, combine: Callable[[Value, Value], Value]) -> Value:
    """A running value combined with one for each of `count` counters."""
    with c.carrying_loop(count, [start], REDUCTION_LOOP) as (i, (value,), finish):
        finish([combine(value, i)])
    return c.results[0]


def _dot_rows(c: Context, x: Value, p: Value, y: Value, q: Value) -> Value:
    """Row p of x times row q of y."""
    b, zero = c.b, c.b.const(0.0, t.element(x.type))
    return _total(c, c.sizes(x)[1], zero,
                  lambda value, j: b.addf(value, b.mulf(c.load(x, [p, j]), c.load(y, [q, j]))))


def _each(c: Context, buffer: Value, row: Value, function: Callable[[Value], Value]) -> None:
    """Row `row` of a buffer becomes `function` of its columns' counters."""
    with c.loop(c.sizes(buffer)[1], PARALLEL_LOOP) as j:
        c.store(function(j), buffer, [row, j])


def _rotate(c: Context, rows: Value, p: Value, q: Value, cosine: Value, sine: Value) -> None:
    b = c.b
    with c.loop(c.sizes(rows)[1], PARALLEL_LOOP) as j:
        _rotate_pair(b, c, rows, [p, j], [q, j], cosine, sine)


def _rotate_pair(b: Builder, c: Context, rows: Value, first: list[Value], second: list[Value], cosine: Value,
                 sine: Value) -> None:
    x, y = c.load(rows, first), c.load(rows, second)
    c.store(b.subf(b.mulf(cosine, x), b.mulf(sine, y)), rows, first)
    c.store(b.addf(b.mulf(sine, x), b.mulf(cosine, y)), rows, second)


def _identity(c: Context, kind: t.Type, n: Value) -> Value:
    rows = c.alloc(kind, [n, n])
    with c.loop(n) as i:
        _each(c, rows, i, lambda j: c.b.const(0.0, kind))
        c.store(c.b.const(1.0, kind), rows, [i, i])
    return rows


def _scaled_rows(c: Context, rows: Value) -> tuple[Value, Value]:
    """Brings `rows` to a size whose squares are numbers; what to multiply results with, and 0 or NaN to add to
    them: NaN where an element is not finite."""
    b, kind = c.b, t.element(rows.type)
    n, width = c.sizes(rows)
    zero = b.const(0.0, kind)
    with c.carrying_loop(n, [zero, zero]) as (i, (largest, blemish), finish):
        most = _total(c, width, largest, lambda v, j: b.op(
            "arith.maximumf", [v, b.math("absf", c.load(rows, [i, j]))], [kind]))
        blot = _total(c, width, blemish, lambda v, j: b.addf(v, b.mulf(c.load(rows, [i, j]), zero)))
        finish([most, blot])
    largest, blemish = c.results
    root = float(np.finfo(t.numpy_dtype(kind)).max) ** 0.25
    moderate = b.condition("andi", b.cmpf("olt", largest, b.const(root, kind)),
                           b.cmpf("ogt", largest, b.const(1 / root, kind)))
    usable = b.condition("andi", b.cmpf("ogt", largest, zero), b.cmpf("ord", blemish, blemish))
    one = b.const(1.0, kind)
    scale = b.select(moderate, one, b.select(usable, largest, one))
    with c.loop(n) as i:
        _each(c, rows, i, lambda j: b.divf(c.load(rows, [i, j]), scale))
    return scale, blemish


def _sweep(c: Context, n: Value, rotate: Callable[[Value, Value], Value]) -> None:
    """`rotate` each pair of n rows, again and again until no pair needed it."""
    b = c.b
    no, yes, none = b.const(0, t.i1), b.const(1, t.i1), b.index(0)
    with c.carrying_loop(b.index(SWEEPS), [yes]) as (_, (again,), finish):
        with c.carrying_loop(b.select(again, n, none), [no]) as (p, (before,), finish_row):
            first = b.addi(p, b.index(1))
            with c.carrying_loop(b.subi(n, first), [before]) as (i, (moved,), finish_pair):
                finish_pair([b.condition("ori", moved, rotate(p, b.addi(first, i)))])
            finish_row(c.results)
        finish(c.results)


def _angle(b: Builder, difference: Value, product: Value) -> tuple[Value, Value]:
    """Cosine and sine of the smaller rotation that makes `product` vanish: `difference` is that of the two
    numbers on the diagonal."""
    kind = product.type
    one = b.const(1.0, kind)
    ratio = b.divf(difference, b.mulf(b.const(2.0, kind), product))
    root = b.math("sqrt", b.addf(one, b.mulf(ratio, ratio)))
    tangent = b.math("copysign", b.divf(one, b.addf(b.math("absf", ratio), root)), ratio)
    cosine = b.divf(one, b.math("sqrt", b.addf(one, b.mulf(tangent, tangent))))
    return cosine, b.mulf(cosine, tangent)


def _take_largest(c: Context, keys: Value) -> Value:
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


def _sign_of_row(c: Context, rows: Value, row: Value) -> Value:
    """The sign of the row's first element that is at least LARGE times the largest."""
    b, kind = c.b, t.element(rows.type)
    zero, n = b.const(0.0, kind), c.sizes(rows)[1]
    most = _total(c, n, zero, lambda v, j: b.op(
        "arith.maximumf", [v, b.math("absf", c.load(rows, [row, j]))], [kind]))
    bound = b.mulf(most, b.const(LARGE, kind))
    with c.carrying_loop(n, [zero]) as (j, (found,), finish):
        x = c.load(rows, [row, j])
        first = b.condition("andi", b.cmpf("oeq", found, zero), b.cmpf("oge", b.math("absf", x), bound))
        finish([b.select(first, x, found)])
    return b.math("copysign", b.const(1.0, kind), c.results[0])


# ---- eigenvalues of a symmetric matrix ----


@converts("scan.eigh")
def eigh(c: Context, op: Op) -> None:
    """Eigenvalues in ascending order and the columns of eigenvectors."""
    b, source = c.b, materialise(c, op.operands[0])
    kind, n = t.element(source.type), c.sizes(source)[0]
    matrix = _mirrored(c, source, op.attrs["lower"])
    scale, blemish = _scaled_rows(c, matrix)
    of_values, of_vectors = op.results
    rows = _identity(c, kind, n) if of_vectors.uses else None
    _sweep(c, n, lambda p, q: _annihilate(c, matrix, rows, p, q))
    keys = c.alloc(kind, [n])
    with c.loop(n) as i:
        c.store(b.negf(c.load(matrix, [i, i])), keys, [i])
    values = c.target(of_values, [n])
    vectors = c.target(of_vectors, [n, n]) if rows is not None else None
    with c.loop(n) as r:
        place = _take_largest(c, keys)
        c.store(b.addf(b.mulf(c.load(matrix, [place, place]), scale), blemish), values, [r])
        if rows is not None and vectors is not None:
            sign = _sign_of_row(c, rows, place)
            with c.loop(n) as i:
                c.store(b.addf(b.mulf(c.load(rows, [place, i]), sign), blemish), vectors, [i, r])
    c.set(of_values, values)
    if vectors is not None:
        c.set(of_vectors, vectors)


def _mirrored(c: Context, source: Value, lower: bool) -> Value:
    """A new matrix: the triangle that is read, and its mirror image."""
    b, n = c.b, c.sizes(source)[0]
    matrix = c.alloc(t.element(source.type), [n, n])
    with c.loop(n) as i, c.loop(n) as j:
        smaller, larger = b.minsi(i, j), b.maxsi(i, j)
        c.store(c.load(source, [larger, smaller] if lower else [smaller, larger]), matrix, [i, j])
    return matrix


def _annihilate(c: Context, matrix: Value, rows: Value | None, p: Value, q: Value) -> Value:
    """Rotate rows and columns p and q so that the element where they meet is 0, unless it counts as 0."""
    b, kind = c.b, t.element(matrix.type)
    pp, qq, pq = c.load(matrix, [p, p]), c.load(matrix, [q, q]), c.load(matrix, [p, q])
    epsilon = float(np.finfo(t.numpy_dtype(kind)).eps)
    sizes = b.addf(b.math("absf", pp), b.math("absf", qq))
    bound = b.addf(b.mulf(sizes, b.const(epsilon / 16, kind)), b.const(epsilon**2 / 16, kind))
    needed = b.cmpf("ogt", b.math("absf", pq), bound)
    with c.when(needed):
        cosine, sine = _angle(b, b.subf(qq, pp), pq)
        _rotate(c, matrix, p, q, cosine, sine)
        with c.loop(c.sizes(matrix)[0]) as i:
            _rotate_pair(b, c, matrix, [i, p], [i, q], cosine, sine)
        for place in ([p, q], [q, p]):
            c.store(b.const(0.0, kind), matrix, place)
        if rows is not None:
            _rotate(c, rows, p, q, cosine, sine)
    return needed


# ---- singular values ----


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
    scale, blemish = _scaled_rows(c, rows.long)
    if with_vectors:
        rows.square = _identity(c, kind, count)
    _sweep(c, count, lambda p, q: _make_orthogonal(c, rows, p, q))
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
    pp, qq, pq = (_dot_rows(c, rows.long, i, rows.long, j) for i, j in ((p, p), (q, q), (p, q)))
    epsilon = b.const(float(np.finfo(t.numpy_dtype(kind)).eps), kind)
    bound = b.mulf(epsilon, b.mulf(b.math("sqrt", pp), b.math("sqrt", qq)))
    needed = b.cmpf("ogt", b.math("absf", pq), bound)
    with c.when(needed):
        cosine, sine = _angle(b, b.subf(qq, pp), pq)
        for matrix in (rows.long, rows.square):
            if matrix is not None:
                _rotate(c, matrix, p, q, cosine, sine)
    return needed


def _sorted_norms(c: Context, rows: _Rows) -> tuple[Value, Value]:
    """The lengths of the long rows, largest first, and which row each is of."""
    b, kind = c.b, t.element(rows.long.type)
    keys, sizes = (c.alloc(kind, [rows.count]) for _ in range(2))
    order = c.alloc(t.i64, [rows.count])
    with c.loop(rows.count) as i:
        c.store(b.math("sqrt", _dot_rows(c, rows.long, i, rows.long, i)), keys, [i])
    with c.loop(rows.count) as r:
        place = _take_largest(c, keys)
        c.store(b.math("sqrt", _dot_rows(c, rows.long, place, rows.long, place)), sizes, [r])
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
        sign = _sign_of_row(c, old, place)
        _each(c, square, r, lambda j: b.mulf(c.load(old, [place, j]), sign))
        certain = b.cmpf("ogt", size, b.mulf(c.load(sizes, [b.index(0)]), epsilon))
        divisor = b.mulf(b.select(certain, size, b.const(1.0, kind)), sign)
        _each(c, units, r, lambda j: b.divf(c.load(rows.long, [place, j]), divisor))
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
        _each(c, rows, row, lambda j: b.const(0.0, kind))
        c.store(b.const(1.0, kind), rows, [row, axis])
        for _ in range(2):  # the second time takes out what rounding left
            _make_unit_beside(c, rows, row)


def _make_unit_beside(c: Context, rows: Value, row: Value) -> None:
    """Take out of `row` what lies along the rows before it, and make its length 1."""
    b = c.b
    with c.loop(row) as before:
        part = _dot_rows(c, rows, row, rows, before)
        _each(c, rows, row, lambda j: b.subf(c.load(rows, [row, j]), b.mulf(part, c.load(rows, [before, j]))))
    size = b.math("sqrt", _dot_rows(c, rows, row, rows, row))
    _each(c, rows, row, lambda j: b.divf(c.load(rows, [row, j]), size))


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


# ---- QR ----


@converts("scan.qr")
def qr(c: Context, op: Op) -> None:
    """q with orthonormal columns, as many as `complete` says, and r, upper triangular."""
    b, source = c.b, materialise(c, op.operands[0])
    kind, (m, n) = t.element(source.type), c.sizes(source)
    count = b.minsi(m, n)
    rank = m if op.attrs["complete"] else count
    work = c.own_copy(source)
    scale, blemish = _scaled_rows(c, work)
    mirrors, factors = c.alloc(kind, [count, m]), c.alloc(kind, [count])
    line = c.alloc(kind, [b.index(1), n])
    with c.loop(count) as k:
        _reflect_column(c, work, mirrors, factors, k)
        diagonal = c.load(work, [k, k])
        _reflect(c, work, mirrors, factors, k, line)
        c.store(diagonal, work, [k, k])
    q, r = op.results
    if r.uses:
        _write_r(c, r, work, rank, scale, blemish)
    if q.uses:
        _write_q(c, q, mirrors, factors, rank, blemish)


def _reflect_column(c: Context, work: Value, mirrors: Value, factors: Value, k: Value) -> None:
    """The mirror that takes column k, from its diagonal element down, to that element's place, where its new
    value is written; none where nothing is below."""
    b, kind = c.b, t.element(work.type)
    zero, one, next_ = b.const(0.0, kind), b.const(1.0, kind), b.addi(k, b.index(1))
    head, below = c.load(work, [k, k]), b.subi(c.sizes(work)[0], next_)
    with c.carrying_loop(below, [zero]) as (i, (total,), finish):
        x = c.load(work, [b.addi(next_, i), k])
        finish([b.addf(total, b.mulf(x, x))])
    tail = c.results[0]
    flat = b.cmpf("oeq", tail, zero)
    size = b.math("sqrt", b.addf(b.mulf(head, head), tail))
    made = b.select(flat, head, b.negf(b.math("copysign", size, head)))
    divisor = b.select(flat, one, b.subf(head, made))
    _each(c, mirrors, k, lambda j: zero)
    c.store(one, mirrors, [k, k])
    with c.loop(below) as i:
        row = b.addi(next_, i)
        c.store(b.divf(c.load(work, [row, k]), divisor), mirrors, [k, row])
    c.store(b.select(flat, zero, b.divf(b.subf(made, head), b.select(flat, one, made))), factors, [k])
    c.store(made, work, [k, k])


def _reflect(c: Context, matrix: Value, mirrors: Value, factors: Value, k: Value, line: Value) -> None:
    """matrix - factor * mirror (mirror^T matrix), by rows from k on; `line` is room for a row."""
    b, kind, zero = c.b, t.element(matrix.type), c.b.index(0)
    count, factor = b.subi(c.sizes(matrix)[0], k), c.load(factors, [k])
    _each(c, line, zero, lambda j: b.const(0.0, kind))
    with c.loop(count) as i:
        row = b.addi(k, i)
        weight = c.load(mirrors, [k, row])
        _each(c, line, zero, lambda j: b.addf(c.load(line, [zero, j]), b.mulf(weight, c.load(matrix, [row, j]))))
    with c.loop(count) as i:
        row = b.addi(k, i)
        weight = b.mulf(factor, c.load(mirrors, [k, row]))
        _each(c, matrix, row, lambda j: b.subf(c.load(matrix, [row, j]), b.mulf(weight, c.load(line, [zero, j]))))


def _write_r(c: Context, result: Value, work: Value, rank: Value, scale: Value, blemish: Value) -> None:
    b, kind, n = c.b, t.element(work.type), c.sizes(work)[1]
    target = c.target(result, [rank, n])
    with c.loop(rank) as i, c.loop(n) as j:
        value = b.select(b.cmpi("sge", j, i), b.mulf(c.load(work, [i, j]), scale), b.const(0.0, kind))
        c.store(b.addf(value, blemish), target, [i, j])
    c.set(result, target)


def _write_q(c: Context, result: Value, mirrors: Value, factors: Value, rank: Value, blemish: Value) -> None:
    """The product of the mirrors: the last one first on columns of the identity."""
    b, kind = c.b, t.element(mirrors.type)
    count, m = c.sizes(mirrors)
    work, line = c.alloc(kind, [m, rank]), c.alloc(kind, [b.index(1), rank])
    with c.loop(m) as i, c.loop(rank) as j:
        c.store(b.select(b.cmpi("eq", i, j), b.const(1.0, kind), b.const(0.0, kind)), work, [i, j])
    with c.loop(count) as i:
        _reflect(c, work, mirrors, factors, b.subi(b.subi(count, i), b.index(1)), line)
    target = c.target(result, [m, rank])
    with c.loop(m) as i, c.loop(rank) as j:
        c.store(b.addf(c.load(work, [i, j]), blemish), target, [i, j])
    c.set(result, target)
