"""Scans whose rows are read, and what is asked of whoever reads them one after the other."""

import numpy as np

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags

x, m, c, k = T.vector("x"), T.matrix("m"), T.tensor3("c"), T.lvector("k")
j = T.lscalar("j")


def last(found):
    rows = found[0]
    return rows[-1] if isinstance(rows, list) else rows


def scalar():
    return last(sc.scan(lambda v, h: 0.9 * h + v, x, T.constant(0.5)))


def backwards():
    return last(sc.scan(lambda v, h: 0.9 * h + v, x, T.constant(0.5), go_backwards=True))


def taps():
    return last(sc.scan(lambda v, a, b: 0.5 * a - 0.4 * b + v, x, {"initial": x[:2], "taps": [-2, -1]}))


def mapped():
    return last(sc.scan(lambda v: T.sin(v) * v, x))


def integers():
    return last(sc.scan(lambda v, h: (h * 3 + v) % 11, k, T.constant(np.int64(1))))


def truths():
    return last(sc.scan(lambda v, h: (v > 0) ^ h, x, T.constant(np.bool_(False))))


def stopped():
    return last(sc.scan(lambda v, h: (0.9 * h + v, sc.until(T.abs(h) > 2.5)), x, T.constant(0.5)))


def heavy():
    return last(sc.scan(lambda v, h: T.tanh(0.9 * h + v), x, T.constant(0.5)))


def vectors():
    return last(sc.scan(lambda v, h: 0.9 * h + v, m, T.zeros_like(m[0])))


def dense():
    return last(sc.scan(lambda v, h: T.tanh(T.dot(m[:4, :4], h) + v), m, T.zeros_like(m[0])))


def matrices():
    return last(sc.scan(lambda v, h: 0.5 * h - v, c, T.ones_like(c[0])))


KINDS = {
    scalar: x, backwards: x, taps: x, mapped: x, stopped: x, integers: k, truths: x, vectors: m, dense: m,
    matrices: c,
}


def values(length, kind):
    rng = np.random.default_rng(5)
    shape = {x: (length,), m: (length, 4), c: (length, 3, 2)}.get(KINDS.get(kind, x))
    return rng.integers(0, 9, length) if shape is None else rng.standard_normal(shape)


def dear():
    return last(sc.scan(lambda v, h: T.tanh(T.exp(-h * h) + v) / (1 + h * h), x, T.constant(0.5)))


def earlier(h, k):
    return T.concatenate([T.zeros_like(h[:k]), h[:-k]])


def require_nothing_kept(kind, ask, lengths, without="fuse-consumers", longer=(3000, 20_000)):
    """The same bits as with rows kept, the reference's numbers, and as much memory for any length."""
    read = KINDS.get(kind, x)
    f, reference = (sc.function([read], ask(kind()), mode=mode) for mode in (None, "reference"))
    with change_flags(leave_out=without):
        kept = sc.function([read], ask(kind()))
    for length in lengths:
        given = values(length, kind)
        for got, same, want in zip(f(given), kept(given), reference(given), strict=True):
            assert got.tobytes() == same.tobytes(), length
            np.testing.assert_allclose(got, want, 1e-9, 1e-12)
    small, large = (f.memory_plan(values(length, kind)).workspace_nbytes for length in longer)
    assert small == large
