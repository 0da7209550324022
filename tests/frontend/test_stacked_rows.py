"""Rows that are joined, of which columns are taken, or that wait for others: the bits of kept rows, and none kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from tests.frontend.kept_rows import dear, heavy, m, require_nothing_kept, scalar, values, vectors, x


def both(h):
    return T.stack([h, T.exp(-h)], axis=1)


STACKS = {
    "result": lambda h: [both(h)], "of three": lambda h: [T.stack([h, 2 * h, -h], axis=1)],
    "with an argument": lambda h: [T.concatenate([h[:, None], T.sin(h)[:, None], x[:, None]], axis=1)],
    "sum": lambda h: [both(h).sum(), T.sqr(both(h)).mean()], "columns": lambda h: [both(h).mean(axis=0)],
    "extremes": lambda h: [both(h).max(axis=0), both(h).argmax(axis=1)],
    "lengths": lambda h: [T.sqrt(T.sqr(both(h)).sum(axis=1)).sum()],
    "products": lambda h: [T.dot(both(h).T, both(h)), T.dot(both(h), T.constant(np.array([1.0, -0.5]))).max()],
}


@pytest.mark.parametrize("ask", STACKS.values(), ids=list(STACKS))
@pytest.mark.parametrize("kind", [scalar, dear], ids=lambda kind: kind.__name__)
def test_numbers_that_are_stacked_are_made_side_by_side(kind, ask):
    require_nothing_kept(kind, ask, (1, 2, 65, 513, 1100))


ROWS = {
    "stacked": lambda h: [T.stack([h, T.sqr(h)], axis=1)], "behind each other": lambda h: [
        T.stack([h, -h], axis=2)], "joined": lambda h: [T.sqr(T.concatenate([h, T.exp(-h)], axis=1)).sum()],
    "columns": lambda h: [h[:, [0, 2]], T.sqr(h[:, [-1, 0]]).sum(axis=0)], "turned": lambda h: [
        (h * h[:, [1, 0, 3, 2]]).max(), (h * T.roll(h, 1, axis=1)).sum()],
    "one step before": lambda h: [T.dot(h[1:].T, h[:-1])],
    "around the mean": lambda h: [T.dot((h - h.mean(axis=0)).T, h - h.mean(axis=0))],
    "three steps before": lambda h: [T.dot(h[3:].T, h[:-3]), (h[3:] * h[:-3]).sum()],
}


@pytest.mark.parametrize("ask", ROWS.values(), ids=list(ROWS))
def test_rows_that_are_joined_picked_or_multiplied_are_made_in_the_step(ask):
    require_nothing_kept(vectors, ask, (4, 65, 513), without="fuse-consumers,peel")


def test_sums_of_columns_that_are_picked_keep_the_order_that_they_have_outside():
    f = sc.function([m], vectors()[:, [0, 2]].sum())
    with change_flags(leave_out="fuse-consumers"):
        kept = sc.function([m], vectors()[:, [0, 2]].sum())
    assert f(values(700, vectors)).tobytes() == kept(values(700, vectors)).tobytes()


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / T.sqrt(T.sqr(a).sum() * T.sqr(b).sum())


WAITING = {
    "fourth moment": lambda h: [((h - h.mean())**4).mean() / T.sqr(T.sqr(h - h.mean()).mean())],
    "correlation": lambda h: [correlation(h, sc.scan(lambda v, g: v - 0.5 * g, x, T.constant(0.1))[0])],
    "score of the end": lambda h: [(h[-1] - h.mean()) / h.std()],
    "largest deviation": lambda h: [T.abs(h - h.mean()).max()],
}


@pytest.mark.parametrize("ask", WAITING.values(), ids=list(WAITING))
def test_what_several_read_of_distances_from_a_mean_runs_a_cheap_scan_again(ask):
    require_nothing_kept(scalar, ask, (2, 511, 1030), without="fuse-consumers,tile")


@pytest.mark.parametrize("kind", [scalar, heavy], ids=lambda kind: kind.__name__)
def test_a_light_map_that_several_sums_read_is_made_once(kind):
    def ask(h):
        y = 2 * h + 1
        return [(y * x).sum(), T.sqr(y).sum(), T.exp(-y).sum()]
    require_nothing_kept(kind, ask, (1, 513, 1100))


@pytest.mark.parametrize("ask", [lambda h: (both(h) * both(h)[::-1]).sum(), lambda h: T.sqr(both(h)).sum()])
def test_gradients_of_stacks(ask):
    cost = ask(scalar())
    f, reference = (sc.function([x], sc.grad(cost, x), mode=mode) for mode in (None, "reference"))
    for length in (1, 2, 600):
        np.testing.assert_allclose(f(values(length, scalar)), reference(values(length, scalar)), 1e-9, 1e-9)


def test_an_index_outside_is_an_error_that_says_so():
    f = sc.function([m], vectors()[:, [0, 7]].sum())
    with pytest.raises(IndexError, match="axis 1 with length 4"):
        f(np.ones((3, 4)))
