"""Array states with several lags, whose past rows are those of the stack: nothing is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(3)


def wave(u: Any, steps: Any, backwards: bool) -> Any:
    """Leapfrog, with neighbours, and an element of each row."""
    def step(w, u1, u2):  # type: ignore[no-untyped-def]
        return 2 * u1 - u2 + 0.1 * w * (T.roll(u1, 1) - 2 * u1 + T.roll(u1, -1)) + u2[0]
    rows, _ = sc.scan(step, sequences=T.arange(steps) / 10.0, outputs_info={"initial": u, "taps": [-1, -2]},
                      go_backwards=backwards)
    return rows


def three_lags(u: Any, steps: Any, backwards: bool) -> Any:
    """The middle lag is not read; beside it a state whose next value is an old row."""
    def step(w, u1, u3, v):  # type: ignore[no-untyped-def]
        return 0.5 * u1 + 0.25 * u3 + w * v, u3
    (rows, others), _ = sc.scan(step, sequences=T.arange(steps) / 10.0, go_backwards=backwards, outputs_info=[
        {"initial": u, "taps": [-1, -3]}, T.zeros_like(u[0])])
    return rows + others


@pytest.mark.parametrize("make", [wave, three_lags])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("of_gradient", [False, True])
def test_as_the_reference(make: Any, backwards: bool, of_gradient: bool) -> None:
    u, n = T.matrix("u"), T.iscalar("n")
    rows = make(u, n, backwards)
    outputs = [rows[::-1] if backwards else rows, T.concatenate([u, rows])]
    if of_gradient:
        outputs = [T.grad(sum((out ** 2).sum() for out in outputs), u)]
    f, reference = sc.function([u, n], outputs), sc.function([u, n], outputs, mode="reference")
    assert any("last rows of its stack" in str(remark) for remark in f.remarks)
    for steps, width in ((0, 3), (1, 3), (2, 1), (3, 4), (12, 9)):
        value = RNG.normal(size=(3, width))
        for found, want in zip(f(value, steps), reference(value, steps), strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-11, atol=1e-12)


def test_rows_of_a_scan_that_stops() -> None:
    u = T.matrix("u")
    rows, _ = sc.scan(lambda u1, u2: (u1 + u2, {}, sc.until(T.sum(u1) > 100)), n_steps=50,
                      outputs_info={"initial": u, "taps": [-1, -2]})
    f, reference = sc.function([u], rows), sc.function([u], rows, mode="reference")
    for value in (np.ones((2, 4)), np.full((2, 1), 300.0)):
        np.testing.assert_array_equal(f(value), reference(value))
