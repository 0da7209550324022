"""Scans without states are array operations, with the numbers and the shapes of their steps."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

X, M, W, S = T.vector("x"), T.matrix("m"), T.vector("w"), T.scalar("s")


def rows(step, *sequences, **how):
    found, _ = sc.map(step, sequences, **how)
    return found if isinstance(found, list) else [found]


PROGRAMS = {
    "numbers": lambda: rows(lambda x: T.exp(x) * S, X),
    "rows": lambda: rows(lambda r: T.tanh(r) * W + S, M),
    "numbers with rows": lambda: rows(lambda r, x: [r * x, T.switch(x > 0, r, W), x + S, r > x], M, X),
    "the step's number": lambda: rows(lambda r, t: r * t, M, T.arange(M.shape[0])),
    "the row itself": lambda: rows(lambda r: [r, r + 1], M),
    "what no step changes": lambda: rows(lambda r: [r - r, T.ones_like(r) * S, T.exp(S)], M),
    "outer products": lambda: rows(lambda r: r[:, None] * W[None, :], M),
    "from the end": lambda: rows(lambda r, x: r - x, M, X, go_backwards=True),
    "a gradient": lambda: [T.grad(sum(v.sum() for v in rows(lambda r, x: T.exp(r * x), M, X)), v) for v in (M, X)],
    "of maps": lambda: rows(lambda r: rows(lambda e: T.exp(e) + S, r)[0], M),
    "read by a recurrence": lambda: [sc.scan(lambda a, h: h / 2 + a, sequences=rows(lambda x: x * x, X),
                                             outputs_info=S)[0]],
    "division of integers": lambda: rows(lambda x: T.cast(x * 9, "int64") // T.cast(S * 9, "int64"), X),
    "complex": lambda: rows(lambda x: abs(T.complex(x, S)), X),
    "one step's row": lambda: [rows(lambda r: r * W, M)[0][-1]],
    "summed": lambda: [rows(lambda x: T.exp(x), X)[0].sum(), rows(lambda r: r * W, M)[0].sum()],
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_are_those_of_the_steps(name):
    outputs = PROGRAMS[name]()
    native, reference = (sc.function([X, M, W, S], outputs, mode=mode, on_unused_input="ignore")
                         for mode in (None, "reference"))
    rng = np.random.default_rng(3)
    for n, k in [(1, 1), (5, 3), (19, 33), (0, 4)]:
        values = rng.normal(size=n), rng.normal(size=(n, k)), rng.normal(size=k), 0.7
        if n == 0 and name in ("one step's row",):
            continue
        for got, expected in zip(native(*values), reference(*values), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)
            assert got.shape == expected.shape and got.dtype == expected.dtype


COLUMNS = {
    "norms": lambda c: T.sqrt((c**2).sum()), "largest": lambda c: c.max(), "smallest": lambda c: T.abs(c).min(),
    "any": lambda c: (c > 1).any(), "product": lambda c: (1 + c / 9).prod(), "mean": lambda c: c.mean() * S,
    "weighted": lambda c: (c * W).sum(), "variance": lambda c: T.sqr(c - c.mean()).sum(),
    "scaled": lambda c: c / T.maximum(T.abs(c).max(), 1),
}


@pytest.mark.parametrize("step", COLUMNS.values(), ids=list(COLUMNS))
def test_columns_are_combined_side_by_side(step):
    """No matrix is transposed."""
    outputs = rows(step, M.T)
    native, reference = (sc.function([M, W, S], outputs, mode=mode, on_unused_input="ignore")
                         for mode in (None, "reference"))
    rng = np.random.default_rng(3)
    for n, k in [(1, 1), (3, 5), (33, 19), (700, 4), (4, 700), (4, 0)]:
        values = rng.normal(size=(n, k)), rng.normal(size=n), 0.7
        for got, expected in zip(native(*values), reference(*values), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)
            assert got.shape == expected.shape and got.dtype == expected.dtype
    assert "transpose" not in native.dump("loop")
    assert native.memory_plan(np.ones((4000, 9)), np.ones(4000), 1.0).workspace_nbytes < 40_000


def test_fewer_steps_than_rows():
    y = T.vector("y")
    outputs = rows(lambda a, b: a * b, X, y)
    native, reference = (sc.function([X, y], outputs, mode=mode) for mode in (None, "reference"))
    for n, k in [(3, 9), (9, 3), (0, 2)]:
        values = np.arange(n) + 1.5, np.arange(k) - 0.5
        np.testing.assert_array_equal(native(*values)[0], reference(*values)[0])


def test_sizes_that_differ_are_an_error_where_a_step_runs():
    native = sc.function([M, W], rows(lambda r: r * W, M))
    assert native(np.ones((0, 3)), np.ones(4))[0].shape == (0, 3)
    with pytest.raises(ValueError, match="(?s)mul: operands have lengths 3 and 4.*step 0"):
        native(np.ones((2, 3)), np.ones(4))


def test_where_no_step_runs_rows_have_the_sizes_that_the_scan_says():
    h0, n = T.lscalar("h0"), T.iscalar("n")
    _, ranges = sc.scan(lambda h: [h + 0, T.arange(h * h) + h], outputs_info=[h0, None], n_steps=n)[0]
    run = sc.function([h0, n], ranges)
    assert run(2, 0).shape == (0, 0) and run(2, 3).tolist() == [[2, 3, 4, 5]] * 3
    assert "scan %" not in run.dump("scan")
    for step in (lambda r: r * W, lambda r: W * r, lambda r: r - T.exp(r * W)):
        native, reference = (sc.function([M, W], rows(step, M), mode=mode) for mode in (None, "reference"))
        for sizes in ((3, 4), (4, 3)):
            values = np.ones((0, sizes[0])), np.ones(sizes[1])
            assert native(*values)[0].shape == reference(*values)[0].shape


def test_no_loop_over_steps_is_left():
    gradient = T.grad(rows(lambda r: T.tanh(r) ** 2, M)[0].sum(), M)
    for outputs in (PROGRAMS["numbers"](), PROGRAMS["rows"](), PROGRAMS["of maps"](), gradient):
        native = sc.function([X, M, W, S], outputs, on_unused_input="ignore")
        assert "scan %" not in native.dump("scan")
