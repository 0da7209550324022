"""Padded sequences that are carried from step to step: the numbers of the padded array, which is not made."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

LENGTHS = (0, 1, 2, 3, 7, 8, 37)


def carried(f: Any) -> int:
    """Of how many scans."""
    return sum(r.pass_name == "delayed-sequences" and r.done for r in f.remarks)


def filtered(front: Any, dtype: str, taps: tuple[int, ...], **options: Any) -> Any:
    """A recurrence over what a padded vector is now and was before."""
    x = T.vector("x", dtype=dtype)
    padded = T.concatenate([front, x])
    n = front.type.shape[0]
    now, *before = (padded[n + tap:n + tap + x.shape[0]] for tap in taps)

    def step(*values: Any) -> Any:
        *older, h = values
        return T.cast(0.5 * h + sum((k + 1) * v for k, v in enumerate(older)), dtype)
    rows, _ = sc.scan(step, sequences=[now, *before], outputs_info=T.constant(np.asarray(1, dtype)))
    return sc.function([x], rows, **options)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("taps", [(0, -1), (0, -1, -2), (0, -2), (0, -3, -1), (0, -4)])
def test_what_was_before_has_the_numbers_of_the_padded_array(taps: tuple[int, ...], dtype: str) -> None:
    front = T.constant(np.arange(1, 1 - min(taps), dtype=dtype) + 0.25)
    f, reference = filtered(front, dtype, taps), filtered(front, dtype, taps, mode="reference")
    fast = filtered(front, dtype, taps, fast_math="all")
    with sc.change_flags(leave_out="delayed-sequences"):
        padded = filtered(front, dtype, taps)
    assert carried(f) == carried(fast) == 1
    assert not carried(padded)
    near = 1e-12 if dtype == "float64" else 1e-5
    for n in LENGTHS:
        x = np.random.default_rng(n).normal(size=n).astype(dtype)
        assert f(x).tobytes() == padded(x).tobytes()
        np.testing.assert_allclose(f(x), reference(x), rtol=near, atol=near)
        np.testing.assert_allclose(fast(x), reference(x), rtol=near, atol=near)


def test_more_than_a_few_numbers_in_front_are_an_array() -> None:
    front = T.constant(np.arange(5.0))
    f, reference = filtered(front, "float64", (0, -5)), filtered(front, "float64", (0, -5), mode="reference")
    assert not carried(f)
    np.testing.assert_allclose(f(np.arange(20.0)), reference(np.arange(20.0)))


def test_an_array_that_is_an_output_too_is_made() -> None:
    x = T.dvector("x")
    padded = T.concatenate([T.zeros(1), x])
    rows, _ = sc.scan(lambda v, old, h: 0.5 * h + v - old, [padded[1:], padded[:-1]], T.constant(0.0))
    f, reference = (sc.function([x], [rows, padded], mode=mode) for mode in (None, "reference"))
    assert not carried(f)
    for found, expected in zip(f(np.arange(9.0)), reference(np.arange(9.0)), strict=True):
        np.testing.assert_allclose(found, expected)


def test_until_and_the_gradient() -> None:
    x, a = T.dvector("x"), T.dscalar("a")
    padded = T.concatenate([T.zeros(2), x])

    def step(v: Any, old: Any, h: Any) -> Any:
        h = a * h + v - T.tanh(old)
        return h, sc.until(h > 3)
    rows, _ = sc.scan(step, [padded[2:], padded[:-2]], T.constant(0.0))
    outputs = [rows, *sc.grad((rows ** 2).sum(), [x, a])]
    f, reference = (sc.function([x, a], outputs, mode=mode) for mode in (None, "reference"))
    for n in (1, 2, 9, 40):
        value = np.random.default_rng(n).normal(size=n)
        for found, expected in zip(f(value, 0.9), reference(value, 0.9), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
