"""QR as loops: reflections, with LAPACK's signs (Golub and Van Loan, Matrix Computations, 5.2).

A matrix is scaled by its largest element where squares might overflow or vanish; one that is not finite gives NaN.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from .context import Context, converts
from .matrix_rows import fill_row, scaled_rows
from .nests import materialise


@converts("scan.qr")
def qr(c: Context, op: Op) -> None:
    """q with orthonormal columns, as many as `complete` says, and r, upper triangular."""
    b, source = c.b, materialise(c, op.operands[0])
    kind, (m, n) = t.element(source.type), c.sizes(source)
    count = b.minsi(m, n)
    rank = m if op.attrs["complete"] else count
    work = c.own_copy(source)
    scale, blemish = scaled_rows(c, work)
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
    fill_row(c, mirrors, k, lambda j: zero)
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
    fill_row(c, line, zero, lambda j: b.const(0.0, kind))
    with c.loop(count) as i:
        row = b.addi(k, i)
        weight = c.load(mirrors, [k, row])
        fill_row(c, line, zero, lambda j: b.addf(c.load(line, [zero, j]), b.mulf(weight, c.load(matrix, [row, j]))))
    with c.loop(count) as i:
        row = b.addi(k, i)
        weight = b.mulf(factor, c.load(mirrors, [k, row]))
        fill_row(c, matrix, row, lambda j: b.subf(c.load(matrix, [row, j]), b.mulf(weight, c.load(line, [zero, j]))))


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
