"""Eigenvalues of a symmetric matrix as loops: cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5).

A matrix is scaled by its largest element where squares might overflow or vanish; one that is not finite gives NaN.
Signs of vectors: `ir/decompositions.py`.
"""

from __future__ import annotations

import numpy as np

from scancc.ir import types as t
from scancc.ir.core import Op, Value

from .context import Context, converts
from .jacobi import angle, rotate, rotate_pair, sweep
from .matrix_rows import identity, scaled_rows, sign_of_row, take_largest
from .nests import materialise


@converts("scan.eigh")
def eigh(c: Context, op: Op) -> None:
    """Eigenvalues in ascending order and the columns of eigenvectors."""
    b, source = c.b, materialise(c, op.operands[0])
    kind, n = t.element(source.type), c.sizes(source)[0]
    matrix = _mirrored(c, source, op.attrs["lower"])
    scale, blemish = scaled_rows(c, matrix)
    of_values, of_vectors = op.results
    rows = identity(c, kind, n) if of_vectors.uses else None
    sweep(c, n, lambda p, q: _annihilate(c, matrix, rows, p, q))
    keys = c.alloc(kind, [n])
    with c.loop(n) as i:
        c.store(b.negf(c.load(matrix, [i, i])), keys, [i])
    values = c.target(of_values, [n])
    vectors = c.target(of_vectors, [n, n]) if rows is not None else None
    with c.loop(n) as r:
        place = take_largest(c, keys)
        c.store(b.addf(b.mulf(c.load(matrix, [place, place]), scale), blemish), values, [r])
        if rows is not None and vectors is not None:
            sign = sign_of_row(c, rows, place)
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
        cosine, sine = angle(b, b.subf(qq, pp), pq)
        rotate(c, matrix, p, q, cosine, sine)
        with c.loop(c.sizes(matrix)[0]) as i:
            rotate_pair(c, matrix, [i, p], [i, q], cosine, sine)
        for place in ([p, q], [q, p]):
            c.store(b.const(0.0, kind), matrix, place)
        if rows is not None:
            rotate(c, rows, p, q, cosine, sine)
    return needed
