"""Rows of several steps that are reduced together, wherever parts begin: the bits of kept rows, and none kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from tests.frontend.kept_rows import (
    dear,
    dense,
    integers,
    m,
    mapped,
    require_nothing_kept,
    scalar,
    values,
    vectors,
    x,
)

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


def of(h):
    return x if h.ndim == 1 else m


MADE = {
    "differences": lambda h: [h[1:] - h[:-1]], "five steps apart": lambda h: [h[5:] - h[:-5]],
    "relative, with the last row": lambda h: [h[1:] / h[:-1] - 1, h[-1]],
    "a moving average": lambda h: [(h[2:] + h[1:-1] + h[:-2]) / 3], "with a sum": lambda h: [
        T.diff(h, axis=0), T.sqr(h[1:] - h[:-1]).sum()],
    "of a later part": lambda h: [2 * h[3:]], "of an earlier part": lambda h: [2 * h[:-1]],
    "beside an argument": lambda h: [of(h)[1:] - h[:-1]], "before an argument": lambda h: [h[1:] - of(h)[:-1]],
    "several parts": lambda h: [h[1:], h[:-1], h[::2]], "turned round": lambda h: [T.roll(h, 1, axis=0)],
    "turned back": lambda h: [T.roll(h, -2, axis=0)],
    "shifted": lambda h: [T.concatenate([T.zeros_like(h[:1]), h[:-1]])],
    "parts joined": lambda h: [T.concatenate([h[-1:], h[:-1], h[:2]])], "a first part": lambda h: [h[:7] + 1],
}


@pytest.mark.parametrize("ask", MADE.values(), ids=list(MADE))
@pytest.mark.parametrize("kind", [scalar, dense, mapped], ids=lambda kind: kind.__name__)
def test_results_that_are_made_of_parts_have_no_rows_beside_them(kind, ask):
    if kind is mapped:  # of no states: numbers alone
        f, reference = (sc.function([x], ask(kind()), mode=mode) for mode in (None, "reference"))
        for n in (5, 600):
            for got, want in zip(f(values(n, kind)), reference(values(n, kind)), strict=True):
                np.testing.assert_allclose(got, want, 1e-12, 1e-12)
        return
    least = 4 if kind is dense else 2
    require_nothing_kept(kind, ask, [n for n in LENGTHS if n >= least], without="peel,fuse-consumers")


def test_a_scan_runs_no_longer_than_somebody_reads_its_rows():
    runs = sc.function([x], (2 * scalar()[:5]).sum())
    assert runs.memory_plan(values(10**6, scalar)).workspace_nbytes < 100_000
    assert "%0 = min(%x_n0, 5)" in str(runs.dump("scan")) and "div(%0 + 511, 512)" in str(runs.dump("scan"))


def test_steps_that_nobody_reads_may_fail_all_the_same():
    i = T.lvector("i")
    h = sc.scan(lambda k, h: h + x[k], i, T.constant(0.5))[0]
    f = sc.function([i, x], 2 * h[:-1])
    with pytest.raises(IndexError):
        f(np.array([0, 1, 9]), np.ones(2))


@pytest.mark.parametrize("ask", [
    lambda h: T.sqr(h[1:] - h[:-1]), lambda h: h[1:] * of(h)[:-1], lambda h: T.exp(-h[:-1])])
@pytest.mark.parametrize("kind", [scalar, dense], ids=lambda kind: kind.__name__)
def test_gradients_of_what_is_made_of_parts(kind, ask):
    made, given = ask(kind()), x if kind is scalar else m
    asked = [made, sc.grad(made.sum(), given)]
    f, reference = (sc.function([given], asked, mode=mode) for mode in (None, "reference"))
    for n in (4, 5, 130):
        for got, want in zip(f(values(n, kind)), reference(values(n, kind)), strict=True):
            np.testing.assert_allclose(got, want, 1e-9, 1e-9)


STACKED = {
    "side by side": lambda h, g: [T.stack([h, g])], "twice": lambda h, g: [T.stack([h, g]), T.stack([g, h])],
    "the second turned": lambda h, g: [T.stack([h, g[::-1]])], "under a new axis": lambda h, g: [h[None], g[:, None]],
}


@pytest.mark.parametrize("ask", STACKED.values(), ids=list(STACKED))
@pytest.mark.parametrize("kinds", [(scalar, dear), (vectors, dense)], ids=["numbers", "arrays"])
def test_stacked_results_are_made_in_their_places(kinds, ask):
    h, g = kinds[0](), kinds[1]()
    given = of(h)
    f, reference = (sc.function([given], ask(h, g), mode=mode) for mode in (None, "reference"))
    for n in (4, 5, 600):
        for got, want in zip(f(values(n, kinds[0])), reference(values(n, kinds[0])), strict=True):
            assert got.shape == want.shape
            np.testing.assert_allclose(got, want, 1e-12, 1e-12)
    small, large = (f.memory_plan(values(n, kinds[0])).workspace_nbytes for n in (3000, 20_000))
    assert small == large


def test_rows_at_places_that_a_call_gives_say_how_few_are_kept_alone():
    places = T.lvector("places")
    f = sc.function([x, places], dear()[places])
    assert any("read one by one, T.stack([rows[i], rows[j]])" in remark.hint for remark in f.remarks)
    h, i, j = dear(), T.lscalar("i"), T.lscalar("j")
    alone = sc.function([x, i, j], T.stack([h[i], h[j]]))
    assert alone.memory_plan(values(10**6, dear), 3, 7).workspace_nbytes < 1000


def test_differences_over_several_distances_keep_rows_and_say_what_to_change():
    f = sc.function([x], [scalar()[1:] - scalar()[:-1], scalar()[2:] - scalar()[:-2]])
    (said,) = (remark for remark in f.remarks if "together more than all" in remark.reason)
    assert "line " in said.reason and "given by the step itself, with taps" in said.hint
