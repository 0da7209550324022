"""Scans over rows whose length is not known: of one element they are loops over numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(5)


def advantages() -> tuple[list[Any], list[Any]]:
    """Backwards, returned in order; a vector and a number from outside in the step, and its number."""
    r, v, w, k = T.matrix("r"), T.matrix("v"), T.vector("w"), T.scalar("k")

    def step(r_t, v_t, v_next, t, a, w, k):  # type: ignore[no-untyped-def]
        return r_t + k * v_next - v_t + k * w * a + t
    a, _ = sc.scan(step, sequences=[r, v[:-1], v[1:], T.arange(r.shape[0], dtype="float64")],
                   outputs_info=T.zeros_like(r[0]), non_sequences=[w, k], go_backwards=True)
    return [r, v, w, k], [a[::-1]]


def two_states() -> tuple[list[Any], list[Any]]:
    """Two states, of which some rows are kept, and one output more."""
    x, y, k = T.matrix("x"), T.matrix("y"), T.scalar("k")

    def step(x_t, y_t, g, h, k):  # type: ignore[no-untyped-def]
        return k * g + x_t, T.tanh(h + g), h * y_t
    (g, h, out), _ = sc.scan(step, sequences=[x, y[::2]], outputs_info=[x[0], T.ones_like(x[0]), None],
                             non_sequences=k)
    return [x, y, k], [g, h[::3], h[-2:], out]


def numbers(make: Any, n: int, m: int) -> list[Any]:
    if make is advantages:
        return [RNG.normal(size=(n, m)), RNG.normal(size=(n + 1, m)), RNG.normal(size=m), 0.9]
    return [RNG.normal(size=(n, m)), RNG.normal(size=(2 * n, m)), 0.5]


def rows_of_one(f: sc.Function) -> list[str]:
    return [str(remark) for remark in f.remarks if "it is one lane" in str(remark)]


@pytest.mark.parametrize("make", [advantages, two_states])
@pytest.mark.parametrize("of_gradient", [False, True])
def test_as_the_reference(make: Any, of_gradient: bool) -> None:
    inputs, outputs = make()
    if of_gradient:
        outputs = sc.grad(sum((out ** 2).sum() for out in outputs), inputs)
    f, reference = sc.function(inputs, outputs), sc.function(inputs, outputs, mode="reference")
    assert of_gradient or rows_of_one(f)
    for n, m in ((3, 1), (20, 1), (20, 2), (7, 5), (9, 0)):
        values = numbers(make, n, m)
        for found, want in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-13)


def test_no_steps() -> None:
    x, w, h = T.matrix("x"), T.vector("w"), T.vector("h")
    rows, _ = sc.scan(lambda x_t, h, w: w * h + x_t, sequences=x, outputs_info=h, non_sequences=w)
    f = sc.function([x, w, h], rows)
    assert rows_of_one(f)
    for m in (1, 3):
        assert f(np.zeros((0, m)), np.zeros(0), np.zeros(m)).shape == (0, m)
    with pytest.raises(ValueError):
        f(np.zeros((4, 1)), np.zeros(2), np.zeros(1))


def test_last_states_stay_one_loop() -> None:
    x, h = T.matrix("x"), T.vector("h")
    rows, _ = sc.scan(lambda x_t, h: 0.5 * h + x_t, sequences=x, outputs_info=h)
    assert not rows_of_one(sc.function([x, h], rows[-1]))
