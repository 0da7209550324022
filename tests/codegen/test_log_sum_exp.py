"""Logarithms of sums over a matrix that a scan does not change: the bound of docs/floating_point.md, and what has
none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T


def forward(dtype: str, **options: Any) -> Any:
    """All rows of the forward recurrence of a hidden Markov model."""
    b, A = T.matrix("b", dtype=dtype), T.matrix("A", dtype=dtype)
    rows, _ = sc.scan(lambda b_t, h: T.logsumexp(h[:, None] + A, axis=0) + b_t, b[1:], b[0])
    return sc.function([b, A], rows, **options)


def was_done(f: Any, said: str = "") -> bool:
    return any(r.pass_name == "log-sum-exp" and r.done and said in r.reason for r in f.remarks)


def last(dtype: str, **options: Any) -> Any:
    """The last row, for which steps need no logarithms."""
    b, A = T.matrix("b", dtype=dtype), T.matrix("A", dtype=dtype)
    rows, _ = sc.scan(lambda b_t, h: T.logsumexp(h[:, None] + A, axis=0) + b_t, b[1:], b[0])
    return sc.function([b, A], rows[-1], **options)


@pytest.fixture(scope="module", params=["float64", "float32"])
def both_last(request: pytest.FixtureRequest) -> tuple[Any, Any, str]:
    f = last(request.param, fast_math="reassociate")
    assert was_done(f, "tiles of")
    return f, last(request.param, mode="reference"), request.param


@pytest.fixture(scope="module", params=["float64", "float32"])
def both(request: pytest.FixtureRequest) -> tuple[Any, Any, str]:
    f = forward(request.param, fast_math="reassociate")
    assert was_done(f)
    return f, forward(request.param, mode="reference"), request.param


def test_the_error_is_within_its_bound(both):
    f, _, dtype = both
    rng, u = np.random.default_rng(1), np.finfo(dtype).eps / 2
    for n, spread in [(1, 1), (2, 40), (5, 200), (16, 1), (33, 15), (40, 100)]:
        h, A = (spread * rng.normal(size=shape).astype(dtype) for shape in ((n,), (n, n)))
        found = f(np.stack([h, np.zeros(n, dtype)]), A)[0]
        h, A = h.astype("longdouble"), A.astype("longdouble")
        m, c = h.max(), A.max(0)
        q = np.exp(h[:, None] - m + A - c).sum(0)
        bound = u * (2 * abs(m + c) + 4 * abs(np.log(q)) + 80 + 2 * np.log2(n))
        if dtype == "float64" or q.min() > 2.0 ** -80:
            assert (abs(found - (np.log(q) + m + c)) <= bound).all(), (n, spread)


@pytest.mark.parametrize("steps", [1, 2, 7, 8, 9, 31, 32, 33, 100])
def test_the_error_of_tiles_is_within_its_bound(both_last, steps):
    f, _, dtype = both_last
    rng, u, size = np.random.default_rng(steps), np.finfo(dtype).eps / 2, 32 if dtype == "float64" else 8
    for n, spread in [(1, 1), (2, 40), (4, 3), (5, 200), (16, 1), (33, 4)]:
        b, A = (spread * rng.normal(size=shape).astype(dtype) for shape in ((steps + 1, n), (n, n)))
        h, bound, largest, small = b[0].astype("longdouble"), 0.0, 0.0, 0.0
        for row in b[1:].astype("longdouble"):
            summed = h[:, None] + A
            q = np.exp(summed - summed.max(0)).sum(0)
            h = np.log(q) + summed.max(0) + row
            largest = max(largest, abs(h).max(), abs(row + A).max())
            small = max(small, float((h - row).max() - (h - row).min()), abs(np.log(q)).max())
            bound += u * (4 * largest + 8 * size * small + 80 + 3 * np.log2(n))
        assert (abs(f(b, A) - h) <= bound).all(), (n, spread)
        assert abs(f(b, A) - h).max() <= 40 * u * max(largest, 1), "most tiles are far below"


def test_tiles_may_leave_the_range_of_floats_one_by_one(both_last):
    f, reference, dtype = both_last
    rng, tolerance = np.random.default_rng(4), 1e-12 if dtype == "float64" else 2e-5
    b, A = rng.normal(size=(200, 6)).astype(dtype), rng.normal(size=(6, 6)).astype(dtype)
    for scale in (1, 30, 300, 3000):
        b[70:75] *= scale  # some tiles are done as written, those before and behind are not
        np.testing.assert_allclose(f(b, A), reference(b, A), rtol=tolerance)
    far = np.where(rng.random((200, 6)) < 0.5, -500.0, 0.0).astype(dtype)  # an observation that few states may make
    np.testing.assert_allclose(f(far, A), reference(far, A), rtol=tolerance)
    A[rng.random(A.shape) < 0.4] = -np.inf
    np.testing.assert_allclose(f(b, A), reference(b, A), rtol=tolerance)


def test_no_step_of_a_tile():
    f = last("float64", fast_math="reassociate")
    with pytest.raises(IndexError):
        f(np.zeros((1, 3)), np.zeros((3, 3)))


def test_a_step_that_does_more_has_no_tiles():
    b, A = T.matrix("b"), T.matrix("A")
    steps: dict[str, Callable[..., Any]] = {
        "counts": lambda b_t, t, h: T.logsumexp(h[:, None] + A, axis=0) + b_t * t,
        "adds its state": lambda b_t, t, h: T.logsumexp(h[:, None] + A, axis=0) + b_t - h,
        "twice": lambda b_t, t, h: T.logsumexp(h[:, None] + A, axis=0) * 2 + b_t,
        "turned": lambda b_t, t, h: T.logsumexp(h[:, None] + A, axis=0)[::-1] + b_t,
    }
    rng = np.random.default_rng(5)
    values = 0.3 * rng.normal(size=(40, 5)), rng.normal(size=(5, 5))
    for name, step in steps.items():
        rows, _ = sc.scan(step, [b[1:], T.arange(39)], b[0])
        f, reference = (sc.function([b, A], rows[-1], **options)
                        for options in ({"fast_math": "reassociate"}, {"mode": "reference"}))
        np.testing.assert_allclose(f(*values), reference(*values), rtol=1e-9, err_msg=name)
        assert not was_done(f, "tiles of"), name


def test_what_a_step_computes_of_its_sequences_stays_in_it(both_last):
    dtype = both_last[2]
    x, mean, A = T.vector("x", dtype=dtype), T.vector("mean", dtype=dtype), T.matrix("A", dtype=dtype)
    h, _ = sc.scan(lambda x_t, h: T.logsumexp(A.T + h, axis=1) - 0.5 * (x_t - mean) ** 2, x, mean)
    f, reference = (sc.function([x, mean, A], T.logsumexp(h[-1]), **options)
                    for options in ({"fast_math": "reassociate"}, {"mode": "reference"}))
    assert was_done(f, "tiles of")
    rng = np.random.default_rng(6)
    values = [rng.normal(size=shape).astype(dtype) for shape in ((77,), (9,), (9, 9))]
    np.testing.assert_allclose(f(*values), reference(*values), rtol=1e-12 if dtype == "float64" else 2e-5)


@pytest.mark.parametrize("rows", [0, 1])
def test_what_is_no_number_and_what_vanishes_comes_as_it_is_written(both, both_last, rows):
    f, reference, dtype = [both_last, both][rows]
    rng = np.random.default_rng(2)
    for n in (3, 17):
        for name in ("nan in h", "inf in h", "-inf in h", "nan in A", "inf in A", "-inf in A", "h is -inf",
                     "far apart", "left to right", "none leads there"):
            b, A = rng.normal(size=(6, n)), rng.normal(size=(n, n))
            where: dict[str, Any] = {"h": b[2, 1:2], "A": A[1, :1]}
            if " in " in name:
                where[name[-1]][:] = float(name.split()[0])
            elif name == "h is -inf":
                b[2] = -np.inf
            elif name == "far apart":
                b *= 1e4
            elif name == "left to right":
                A[np.tril_indices(n, -1)] = b[0, 1:] = -np.inf
            else:
                A[:, 0] = -np.inf
            b, A = b.astype(dtype), A.astype(dtype)
            with np.errstate(all="ignore"):
                wanted = reference(b, A)
            np.testing.assert_allclose(f(b, A), wanted, rtol=1e-12 if dtype == "float64" else 2e-5, err_msg=name)


def test_no_state_and_no_step():
    f = forward("float64", fast_math="reassociate")
    assert f(np.zeros((1, 3)), np.zeros((3, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="max of no elements"):
        f(np.zeros((2, 0)), np.zeros((0, 0)))


def by_hand(x: Any, axis: Any) -> Any:
    top = T.max(x, axis=axis)
    return T.log(T.sum(T.exp(x - top), axis=axis)) + top


FORMS: dict[str, Callable[..., Any]] = {
    "by hand, the rows": lambda v, h, A: by_hand(A.T + h + v[:, None], 0),
    "the columns, other terms between": lambda v, h, A: v + (T.logsumexp(h[None, :] + A + v[:, None], axis=1) + h),
    "no shift": lambda v, h, A: T.log(T.exp(h[:, None] + A).sum(axis=0)),
    "a shift by the state's": lambda v, h, A: T.log(T.exp(h[:, None] + A - h.max()).sum(axis=0)) + h.max() + v,
    "all": lambda v, h, A: h + 0.1 * T.logsumexp(h[:, None] - A) * v,
    "differences, what does not change is computed in the step": lambda v, h, A: -T.logsumexp(
        v[:, None] - T.log_softmax(A, axis=1) - h[:, None], axis=0, keepdims=True)[0],
    "in a branch": lambda v, h, A: sc.ifelse(v.sum() > 0, T.logsumexp(h[:, None] + A, axis=0), h),
    "a batch": lambda v, h, A: T.logsumexp(T.stack([h, v])[:, :, None] + A[None] + v[None, None, :], axis=1).sum(0),
}


@pytest.mark.parametrize("name", FORMS)
def test_forms(name):
    x, A = T.matrix("x"), T.matrix("A")
    rows, _ = sc.scan(FORMS[name], x, x[0], A)
    f = sc.function([x, A], rows, fast_math="reassociate")
    assert was_done(f)
    rng = np.random.default_rng(3)
    for n in (1, 5):
        values = rng.normal(size=(4, n)), rng.normal(size=(n, n))
        reference = sc.function([x, A], rows, mode="reference")
        np.testing.assert_allclose(f(*values), reference(*values), rtol=1e-12)
