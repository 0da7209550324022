"""Sums and extremes of some of a scan's rows, from later steps on: its numbers, its bits, and no rows kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from tests.frontend.kept_rows import (
    KINDS,
    backwards,
    dense,
    earlier,
    heavy,
    j,
    m,
    require_nothing_kept,
    scalar,
    taps,
    values,
    vectors,
    x,
)

OF_LATER = {
    "returns": lambda h: [((h[1:] - h[:-1]) ** 2).sum(), (h[1:] * h[:-1]).mean()],
    "returns of three steps": lambda h: [((h[3:] - h[:-3]) ** 2).sum(), (h[3:] * h[:-3]).max()],
    "after the start": lambda h: [h[3:].mean(), T.exp(h[3:]).sum(), h[3:].argmax()],
    "from a computed step on": lambda h: [h[T.minimum(h.shape[0] // 3, 700):].sum()],
    "without both ends": lambda h: [h[2:-1].sum(), (h[2:-1]**2).mean()],
    "second differences": lambda h: [T.sqr(h[2:] - 2 * h[1:-1] + h[:-2]).sum()],
}
OF_LATER_ROWS = {
    "returns of three steps": lambda h: [(h[3:] * h[:-3]).sum(axis=0), T.abs(h[3:] - h[:-3]).max()],
    "after the start": lambda h: [h[3:].mean(), h[3:].argmax(axis=0)],
    "second differences": lambda h: [T.sqr(h[2:] - 2 * h[1:-1] + h[:-2]).sum(), (h[1:-1] - h[:-2]).mean(axis=0)],
}


LATER = [(kind, name) for kind in (scalar, backwards, taps) for name in OF_LATER] + [
    (kind, name) for kind in (vectors, dense) for name in OF_LATER_ROWS]


@pytest.mark.parametrize(("kind", "name"), LATER, ids=[f"{kind.__name__}-{name}" for kind, name in LATER])
def test_sums_from_a_later_step_on_keep_their_bits(kind, name):
    ask = (OF_LATER_ROWS if KINDS[kind] is m else OF_LATER)[name]
    require_nothing_kept(kind, ask, (4, 5, 511, 513, 514, 2000), without="peel")


APART = {
    "around the mean": lambda h: [((h - h.mean(axis=0))[3:] * (h - h.mean(axis=0))[:-3]).sum()],
    "beside squares": lambda h: [(h[2:] * h[:-2]).sum() / T.sqr(h).sum()],
    "later rows from their mean": lambda h: [T.abs(h[5:] - h[5:].mean(axis=0)).sum(axis=0)],
}


@pytest.mark.parametrize("ask", APART.values(), ids=list(APART))
@pytest.mark.parametrize("kind", [scalar, vectors], ids=lambda kind: kind.__name__)
def test_reductions_that_begin_apart_run_a_cheap_scan_each(kind, ask):
    require_nothing_kept(kind, ask, (6, 511, 513, 1030), without="peel")


DELAYED = {
    "differences from zero on": lambda h: [T.sqr(h - earlier(h, 1)).sum(), T.abs(h - earlier(h, 1)).max()],
    "behind a number": lambda h: [(h * T.concatenate([T.ones_like(h[:1]), h])[:-1]).sum(axis=0)],
    "several steps ago": lambda h: [T.sqr(h - 2 * earlier(h, 1) + earlier(h, 2)).sum(axis=0),
                                    (h * earlier(h, 7)).mean()],
    "of a map": lambda h: [(h * earlier(T.exp(h), 3)).sum(), h[-1]],
}


@pytest.mark.parametrize("ask", DELAYED.values(), ids=list(DELAYED))
@pytest.mark.parametrize("kind", [scalar, vectors, heavy], ids=lambda kind: kind.__name__)
def test_rows_behind_others_that_are_reduced_are_states(kind, ask):
    require_nothing_kept(kind, ask, (1, 2, 3, 8, 513, 2000), without="delayed-rows")


def test_a_column_of_later_rows_is_kept_alone():
    f = sc.function([m], vectors()[3:, 1].max())
    assert f.memory_plan(np.zeros((1000, 50))).workspace_nbytes < 8 * 1100


PARTS = {
    "each third": lambda h: h[1::3], "thinned late": lambda h: h[20::5], "between": lambda h: h[2:-j],
    "turned": lambda h: h[::-1],
}
REDUCED = {
    "largest": lambda p: [abs(p).max(axis=0), (p > 1).sum(axis=0)], "sums": lambda p: [p.sum(axis=0)],
    "place": lambda p: [p.argmin(axis=0)], "all": lambda p: [T.sqr(p).mean()], "heavy": lambda p: [T.exp(p).sum()],
}


def is_kept_for(kind, part, reduced):
    """Whether a part, no more than it has, is kept: the last extreme is not the first one."""
    return (part, reduced) == ("turned", "place")


@pytest.mark.parametrize("reduced", REDUCED)
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", [scalar, vectors], ids=lambda kind: kind.__name__)
def test_parts_that_are_reduced(kind, part, reduced):
    read, outputs = KINDS.get(kind, x), REDUCED[reduced](PARTS[part](kind()))
    f, reference = (sc.function([read, j], outputs, mode=mode, on_unused_input="ignore")
                    for mode in (None, "reference"))
    for length in (41, 513, 5001):
        given = values(length, kind), 7
        for got, want in zip(f(*given), reference(*given), strict=True):
            np.testing.assert_allclose(got, want, 1e-9, 1e-12)
    small, large = (f.memory_plan(values(length, kind), 7).workspace_nbytes for length in (30_000, 200_000))
    assert (large <= 2 * small) != is_kept_for(kind, part, reduced)


@pytest.mark.parametrize("part", [lambda h: h[1::3], lambda h: h[j:300], lambda h: h[30:]])
def test_sums_of_parts_of_rows_keep_their_bits(part):
    """Those of rows that are arrays, in the blocks that they have outside."""
    outputs = [part(vectors()).sum(axis=0), (1 - part(vectors())).prod(axis=0), part(vectors()).argmax(axis=0)]
    f = sc.function([m, j], outputs, on_unused_input="ignore")
    with change_flags(leave_out="fuse-consumers,peel"):
        kept = sc.function([m, j], outputs, on_unused_input="ignore")
    for length in (41, 193, 577, 1100):
        given = values(length, vectors), 7
        for got, same in zip(f(*given), kept(*given), strict=True):
            assert got.tobytes() == same.tobytes(), length


@pytest.mark.parametrize("ask", [
    lambda h: [(h * 0.99**T.arange(h.shape[0])).sum(), T.sqr(h).sum()],
    lambda h: [(T.exp(h) / (1 + T.arange(h.shape[0]))).mean()],
], ids=["discounted", "divided"])
@pytest.mark.parametrize("kind", [scalar, heavy, backwards], ids=lambda kind: kind.__name__)
def test_sums_that_ask_for_the_number_of_a_row_keep_their_bits(kind, ask):
    require_nothing_kept(kind, ask, (1, 5, 511, 513, 2000), without="tile")


def test_reductions_of_both_halves_say_what_is_kept():
    h = heavy()
    f = sc.function([x], h[h.shape[0] // 2:].mean() - h[:h.shape[0] // 2].mean())
    (said,) = (remark for remark in f.remarks if not remark.done and "is kept whole" in remark.reason)
    assert "from a later step on" in said.reason
