"""Rows of a scan at places: that the program names, where a mask holds, that other rows tell. None are kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from tests.frontend.kept_rows import (
    backwards,
    dense,
    heavy,
    integers,
    k,
    last,
    m,
    require_nothing_kept,
    scalar,
    stopped,
    taps,
    values,
    vectors,
    x,
)

OF_CLASSES = {
    "log-likelihood": lambda h: (h - T.logsumexp(h, axis=1, keepdims=True))[T.arange(h.shape[0]), k].sum(),
    "logarithms of shares": lambda h: T.log(T.softmax(h, axis=1)[T.arange(h.shape[0]), k]).mean(),
    "its largest": lambda h: T.exp(h)[T.arange(h.shape[0]), k].max(),
}


@pytest.mark.parametrize("ask", OF_CLASSES.values(), ids=list(OF_CLASSES))
@pytest.mark.parametrize("kind", [vectors, dense, lambda: dense() @ m[:4, :4]], ids=["vectors", "dense", "product"])
def test_a_number_of_each_row_at_a_place_of_its_own(kind, ask):
    """As the loss of a class: no rows are kept."""
    f, reference = (sc.function([m, k], ask(kind()), mode=mode) for mode in (None, "reference"))
    for length in (4, 513, 1100):
        given = values(length, vectors), values(length, integers) % 8 - 4
        np.testing.assert_allclose(f(*given), reference(*given), 1e-12)
    small, large = (f.memory_plan(np.zeros((n, 4)), np.zeros(n, int)).workspace_nbytes for n in (3000, 20_000))
    assert small == large
    with pytest.raises(IndexError, match="an index is out of range for axis 1 with length 4"):
        f(np.zeros((4, 4)), [0, 4, 0, 0])


def test_a_number_of_each_row_counted_by_another_length():
    f = sc.function([m, k], T.exp(vectors())[T.arange(k.shape[0]), k].sum())
    assert any("T.arange(rows.shape[0])" in str(remark) for remark in f.remarks if not remark.done)
    assert f(np.zeros((3, 4)), [3, 1]) == 2.0
    with pytest.raises(IndexError, match="an index is out of range for axis 0 with length 3"):
        f(np.zeros((3, 4)), [0, 0, 0, 0])


OF_MASKED = {
    "sums": lambda h: [h[h > 0.3].sum(), (2 * h[h < 0.1]).mean(), h[h > 9e9].sum()],
    "of a map": lambda h: [T.sqr(2 * h + 1)[abs(h) > 0.5].sum(), h[::-1][:1]],
    "extremes": lambda h: [h[h < 0.5].min(), h[h < 0.5].argmax(), (h[h > -9] > 0.2).any(), h[h > -9].shape[0]],
    "two masks": lambda h: [(h[h > 0].sum(axis=0) / h[h < 0].sum(axis=0)).max()],
}
OF_MASKED_ROWS = {
    "sums along rows": lambda h: [h[h[:, 1] > 0].sum(axis=0), T.sqr(h[h[:, 1] > 0]).mean(axis=0)],
    "extremes of rows": lambda h: [h[h[:, 1] > -9].max(axis=0), h[h[:, 1] > -9].argmin(axis=0)],
}


@pytest.mark.parametrize(("kind", "ask"), [
    *(pytest.param(kind, ask, id=f"{kind.__name__}: {name}") for kind in (scalar, heavy, backwards)
      for name, ask in OF_MASKED.items()),
    *(pytest.param(kind, ask, id=f"{kind.__name__}: {name}") for kind in (vectors, dense)
      for name, ask in OF_MASKED_ROWS.items())])
def test_rows_where_a_mask_holds_keep_their_bits(kind, ask):
    require_nothing_kept(kind, ask, (4, 5, 511, 1030, 2500))


@pytest.mark.parametrize("fast_math", [None, "strict"])
@pytest.mark.parametrize("type", ["float32", "float64"])
def test_sums_where_a_given_mask_holds_keep_their_bits(type, fast_math):
    x, mask = T.vector("x", type), T.vector("mask", "bool")
    h = scan_in(type, x)

    def compiled():
        return sc.function([x, mask], [T.sqr(h)[mask].sum(), T.cos(h)[mask].sum()], fast_math=fast_math)
    moved = compiled()
    with change_flags(leave_out="fuse-consumers"):
        kept = compiled()
    for length in (0, 1, 64, 1024, 1025, 3000):
        rng = np.random.default_rng(length)
        for given in (rng.random(length) < 0.7, np.ones(length, bool), np.zeros(length, bool)):
            series = rng.standard_normal(length).astype(type)
            for got, same in zip(moved(series, given), kept(series, given), strict=True):
                assert got.tobytes() == same.tobytes(), length
    assert moved.memory_plan(np.zeros(50_000, type), np.ones(50_000, bool)).workspace_nbytes < 20_000
    with pytest.raises(IndexError, match="a boolean mask has length 2"):
        moved(np.zeros(3, type), [True, False])


def scan_in(type, x):
    return last(sc.scan(lambda v, h: np.array(0.9, type) * h + v, x, T.constant(np.array(0.5, type))))


def bins(h):
    return T.cast(T.minimum(abs(h), 3.9) * 2, "int64")


OF_PLACES = {
    "at the largest": lambda h: [h[h.argmax()], T.exp(h)[h.argmax()], h.argmax()],
    "at the least of a map": lambda h: [T.sin(h)[T.cos(h).argmin()], h.max()],
    "at the first where none is larger": lambda h: [h[T.switch(h > 99, h, -np.inf).argmax()]],
    "at the first that is no number": lambda h: [h[T.log(h).argmax()], T.log(h)[T.log(h).argmax()]],
    "histogram": lambda h: [T.inc_subtensor(T.zeros(8)[bins(h)], 1.0), h.sum()],
    "counts": lambda h: [T.inc_subtensor(T.zeros(8, "int64")[-bins(h) - 1], 1)],
    "sums in bins": lambda h: [T.inc_subtensor(T.ones((8, 9))[bins(h), bins(h / 2)], 0.3 * T.exp(h))],
    "last in bins": lambda h: [T.set_subtensor(T.zeros(8)[bins(h)], h)],
}


@pytest.mark.parametrize("ask", OF_PLACES.values(), ids=list(OF_PLACES))
@pytest.mark.parametrize("kind", [scalar, heavy, backwards, taps, stopped], ids=lambda kind: kind.__name__)
def test_places_that_rows_tell(kind, ask):
    require_nothing_kept(kind, ask, (4, 5, 513, 1100))


def test_a_place_in_no_bin_is_an_error():
    f = sc.function([x], T.inc_subtensor(T.zeros(3)[bins(scalar())], 1.0))
    np.testing.assert_array_equal(f(np.zeros(9)), [9.0, 0.0, 0.0])
    with pytest.raises(IndexError, match="an index is out of range for axis 0 with length 3"):
        f(np.ones(9))


AT_PLACES = {
    "few": lambda h: [h[[3, 17, 29]]], "in any order, twice": lambda h: [h[[20, 1, 1, 2, 3]], h[[0]]],
    "reduced": lambda h: [h[[1, 2, 3, 9]].sum(axis=0), T.exp(h[[4, 1]]).max(axis=0)],
    "beside a sum": lambda h: [h[[3, 17, 29]], abs(h).max(axis=0)],
}
OF_STACKED = {
    "one": lambda h: [T.stack([h, h * h])[1]], "each": lambda h: [T.stack([h, T.exp(h)])[1].max(axis=0), h[-1]],
    "of joined rows": lambda h: [T.concatenate([h, h * h])[:h.shape[0]].max(axis=0)],
    "thinned": lambda h: [T.stack([h, h * h])[0, ::2]],
}


@pytest.mark.parametrize("ask", [*AT_PLACES.values(), *OF_STACKED.values()], ids=[*AT_PLACES, *OF_STACKED])
@pytest.mark.parametrize("kind", [scalar, heavy, vectors, dense], ids=lambda kind: kind.__name__)
def test_parts_that_the_program_names(kind, ask):
    require_nothing_kept(kind, ask, (30, 31, 513))


@pytest.mark.parametrize("places", [[3, 17, 29], [-1, 2], [40], [[0, 1], [2, 3]], [0, -31]])
def test_a_place_that_is_named_and_not_there(places):
    f, reference = (sc.function([x], scalar()[places], mode=mode) for mode in (None, "reference"))
    for length in (2, 29, 30, 41):
        try:
            want = reference(np.linspace(0, 1, length))
        except IndexError:
            with pytest.raises(IndexError, match="out of range for axis 0"):
                f(np.linspace(0, 1, length))
            continue
        np.testing.assert_allclose(f(np.linspace(0, 1, length)), want, 1e-12)
