"""Rows of several steps that are reduced together, wherever parts begin: the bits of kept rows, and none kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from tests.frontend.kept_rows import dear, dense, integers, m, require_nothing_kept, scalar, values, vectors, x

LENGTHS = (0, 1, 2, 3, 5, 6, 511, 512, 513, 514, 517, 518, 1023, 1024, 1029, 1600)


def products(h, lags):
    return [(h[k:] * h[:-k]).sum() for k in lags]


def pairs(h):
    n = h[1::2].shape[0]
    return [h[1::2], h[::2][:n]]


REDUCED = {
    "several lags": lambda h: products(h, (1, 2, 5)),
    "beside all rows": lambda h: [T.sqr(h).sum(), *products(h, (1, 3))],
    "second differences beside first ones": lambda h: [
        T.sqr(h[2:] - 2 * h[1:-1] + h[:-2]).sum(), T.abs(h[1:] - h[:-1]).sum()],
    "each second one": lambda h: [T.sqr(pairs(h)[0] - pairs(h)[1]).sum(), (pairs(h)[0] * pairs(h)[1]).sum()],
    "from steps on": lambda h: [T.exp(-h[3:]).sum(), h[7:].sum(), h.sum()],
    "without an end": lambda h: [(h[2:-3] * h[5:]).sum(), (h[1:-4] * h[5:]).sum()],
    "with an argument": lambda h: [(h[1:] * x[:-1]).sum() if h.ndim == 1 else (h[1:] * m[:-1]).sum(),
                                   (h[2:] - h[:-2]).sum()],
    "of one row": lambda h: [h[9:].max(), *products(h, (4, 9))],
}


@pytest.mark.parametrize("ask", REDUCED.values(), ids=list(REDUCED))
@pytest.mark.parametrize("kind", [dear, dense], ids=lambda kind: kind.__name__)
def test_parts_that_begin_at_several_steps_go_a_tile_behind(kind, ask):
    least = 10 if ask is REDUCED["of one row"] else 4 if kind is dense else 0
    require_nothing_kept(kind, ask, [n for n in LENGTHS if n >= least], without="tile")


@pytest.mark.parametrize("kind", [scalar, vectors, integers], ids=lambda kind: kind.__name__)
def test_of_cheap_scans_too(kind):
    def ask(h):
        return [*products(h, (1, 2, 3, 4)), (h[3::3] * h[:-3:3][:h[3::3].shape[0]]).sum()]
    require_nothing_kept(kind, ask, [n for n in LENGTHS if n > 3], without="tile,peel,fuse-consumers")


@pytest.mark.parametrize("kind", [scalar, vectors], ids=lambda kind: kind.__name__)
def test_products_of_distances_from_the_mean_run_a_cheap_scan_twice(kind):
    def ask(h):
        d = h - h.mean(axis=0)
        return [(d * d).sum(), *products(d, (1, 2, 3))]
    require_nothing_kept(kind, ask, [n for n in LENGTHS if n > 3], without="tile")


def test_numbers_of_known_lengths():
    for n in (1, 4, 512, 513, 1300):
        y = T.tensor("float64", (n,), name="y")
        h = sc.scan(lambda v, h: T.tanh(0.9 * h + v), y, T.constant(0.5))[0]
        f, reference = (sc.function([y], products(h, (1, 2)), mode=mode) for mode in (None, "reference"))
        given = np.random.default_rng(n).standard_normal(n)
        np.testing.assert_allclose(f(given), reference(given), 1e-12, 1e-12)


def test_single_floats_have_blocks_of_twice_as_many():
    y = T.fvector("y")
    h = sc.scan(lambda v, h: T.tanh(T.constant(np.float32(0.9)) * h + v), y, T.constant(np.float32(0.5)))[0]
    f = sc.function([y], products(h, (1, 2, 7)))
    with change_flags(leave_out="tile"):
        kept = sc.function([y], products(h, (1, 2, 7)))
    for n in (0, 3, 1023, 1024, 1025, 1031, 5000):
        given = np.random.default_rng(n).standard_normal(n).astype(np.float32)
        assert [v.tobytes() for v in f(given)] == [v.tobytes() for v in kept(given)]


def test_gradients_of_several_lags():
    cost = sum(products(dear(), (1, 2, 3)))
    f, reference = (sc.function([x], [cost, sc.grad(cost, x)], mode=mode) for mode in (None, "reference"))
    for n in (2, 5, 600):
        for got, want in zip(f(values(n, dear)), reference(values(n, dear)), strict=True):
            np.testing.assert_allclose(got, want, 1e-9, 1e-9)


def test_steps_that_may_stop_keep_rows_and_say_so():
    h = sc.scan(lambda v, h: (T.tanh(h) + v, sc.until(h > 1e9)), x, T.constant(0.5))[0]
    f = sc.function([x], products(h, (1, 2)))
    assert any("from a later step on, or from several steps on" in str(remark) for remark in f.remarks())
