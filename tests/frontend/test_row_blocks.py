"""What reads a scan's rows in blocks of so many, as means of days: no more rows than those of a block are kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.frontend.kept_rows import (
    backwards,
    dense,
    heavy,
    last,
    m,
    matrices,
    require_nothing_kept,
    scalar,
    taps,
    values,
    vectors,
    x,
)


def blocks(h, k=8):
    return h.reshape((-1, k, *h.shape[1:]))


def cut(h, k=8):
    return blocks(h[:h.shape[0] // k * k], k)


READ = {
    "means": lambda h: [cut(h).mean(axis=1)], "one way more": lambda h: [cut(h, 5).sum(axis=1)],
    "squares": lambda h: [T.sqr(cut(h).mean(axis=1)).sum(axis=0)],
    "extremes": lambda h: [cut(h).max(axis=1), cut(h).argmin(axis=1), cut(h).min(axis=1).max(axis=0)],
    "last ones": lambda h: [cut(h)[:, -1]],
    "some": lambda h: [cut(h)[:, ::2].mean(axis=1)], "by the hour": lambda h: [cut(h, 24).mean(axis=0)],
    "of a map": lambda h: [cut(T.exp(2 * h) + 1).mean(axis=1)], "of a map and itself": lambda h: [
        cut(T.sqr(h)).mean(axis=1) - T.sqr(cut(h).mean(axis=1))],
    "of one step": lambda h: [cut(h, 1).mean(axis=1)], "turned": lambda h: [cut(h).max(axis=1)[::-1]],
    "softened": lambda h: [T.logsumexp(cut(h), axis=1)],
}


@pytest.mark.parametrize("ask", READ.values(), ids=list(READ))
@pytest.mark.parametrize("kind", [scalar, heavy, backwards, vectors, dense, matrices], ids=lambda kind: kind.__name__)
def test_blocks_of_rows_keep_those_of_one(kind, ask):
    require_nothing_kept(kind, ask, (24, 41, 513, 1100), "strip-mine", (70_000, 200_000))


@pytest.mark.parametrize("ask", [lambda h: [blocks(h).mean(axis=1), h[-1]],
                                 lambda h: [h.reshape((h.shape[0] // 8, 8, *h.shape[1:])).max(axis=1).sum()]])
@pytest.mark.parametrize("kind", [scalar, taps, lambda: vectors()[:, :3]])
def test_blocks_that_are_all_rows(kind, ask):
    f, reference = (sc.function([x, m], ask(kind()), mode=mode, on_unused_input="ignore")
                    for mode in (None, "reference"))
    for length in (0, 8, 64, 800):
        given = np.linspace(-1, 1, length), np.linspace(-1, 1, 4 * length).reshape(length, 4)
        if not length:
            continue
        for got, want in zip(f(*given), reference(*given), strict=True):
            np.testing.assert_allclose(got, want, 1e-12)
    for function in (f, reference):
        with pytest.raises(ValueError, match="reshape: (9|27) elements"):
            function(np.ones(9), np.ones((9, 4)))


def test_steps_know_their_number_and_what_they_began_with():
    k = T.lscalar("k")
    h = last(sc.scan(lambda t, v, h: h + v * t, [T.arange(x.shape[0]), x], T.constant(0.0)))
    means = h.reshape((x.shape[0] // k, k)).mean(axis=1)
    f, reference = (sc.function([x, k], [means, h[-1]], mode=mode) for mode in (None, "reference"))
    for size in (1, 2, 3, 100):
        for got, want in zip(f(np.linspace(0, 1, 300), size), reference(np.linspace(0, 1, 300), size), strict=True):
            np.testing.assert_allclose(got, want, 1e-12)
    small, large = (f.memory_plan(np.zeros(n), 10).workspace_nbytes for n in (3000, 30_000))
    assert large < 12 * 3000 and large - small <= 8 * 2700


def test_rows_without_elements_do_not_tell_how_many_there_are():
    """Nine rows of nothing are one block of eight, or a hundred: nobody reads what is not there."""
    n = T.lscalar("n")
    h, g = sc.scan(lambda v, w, h, g: (0.5 * h + v, g + w), [m, x], [T.zeros_like(m[0]), T.constant(0.0)],
                   return_updates=False)
    f, reference = (sc.function([m, x, n], [h.reshape((n, 8, m.shape[1])).mean(axis=1), g[-1]], mode=mode)
                    for mode in (None, "reference"))
    for count in (1, 100):
        for got, want in zip(f(np.ones((9, 0)), np.ones(9), count), reference(np.ones((9, 0)), np.ones(9), count),
                             strict=True):
            assert got.shape == want.shape
            np.testing.assert_array_equal(got, want)
    said = [remark for remark in f.remarks("strip-mine") if not remark.done]
    assert "no elements" in said[0].reason and "-1" in said[0].hint


@pytest.mark.parametrize("kind", [scalar, dense], ids=lambda kind: kind.__name__)
def test_deviations_within_blocks(kind):
    """Of what a step makes products may join sums."""
    f, reference = (sc.function([x, m], cut(kind()).std(axis=1), mode=mode, on_unused_input="ignore")
                    for mode in (None, "reference"))
    for length in (8, 100, 1100):
        given = values(length, scalar), values(length, vectors)
        np.testing.assert_allclose(f(*given), reference(*given), 1e-12)
    small, large = (f.memory_plan(np.zeros(n), np.zeros((n, 4))).workspace_nbytes for n in (3000, 30_000))
    assert small == large


def noisy():
    """A dear step beside a cheap state: tiles of many steps have its logarithms in vectors."""
    return sc.scan(lambda v, h: (0.9 * h + v, T.log1p(T.exp(h)) / (1 + h * h)), x, [T.constant(0.5), None],
                   return_updates=False)[1]


WHOLE = {
    "returned": (lambda: blocks(scalar()), "needs all of them"), "heavy": (lambda: cut(noisy()).sum(axis=1), "heavy"),
}


@pytest.mark.parametrize("case", WHOLE.values(), ids=list(WHOLE))
def test_a_remark_says_why_rows_are_made_as_a_whole(case):
    asked, words = case
    f, reference = (sc.function([x], asked(), mode=mode) for mode in (None, "reference"))
    np.testing.assert_allclose(f(np.ones(80)), reference(np.ones(80)), 1e-12)
    (said,) = (remark for remark in f.remarks("strip-mine") if not remark.done)
    assert words in said.reason


def test_the_first_rows_of_one_block():
    """Of which the axis that goes and the one that stays both have one element."""
    y = T.TensorType("float64", (5, 2))("y")
    h = last(sc.scan(lambda a, h: 0.5 * h + a, y, T.zeros_like(y[0])))
    outputs = [T.abs(h)[1:-1].min(), T.sqr(cut(h, 3)[:, 0]).sum(), cut(h, 3)[:, 0]]
    f, reference = (sc.function([y], outputs, mode=mode) for mode in (None, "reference"))
    given = np.linspace(1, 2, 10).reshape(5, 2)
    for got, want in zip(f(given), reference(given), strict=True):
        np.testing.assert_allclose(got, want, 1e-12)
