"""Steps that multiply by the same, or add the same, eight at a time: within the bound of docs/floating_point.md."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

STEPS = {"product": lambda h, a: h * a, "sum": lambda h, a: a + h}


def repeated(step: str, dtype: str, **options: Any) -> Any:
    h, a, n = T.matrix("h", dtype=dtype), T.matrix("a", dtype=dtype), T.lscalar("n")
    rows, _ = sc.scan(STEPS[step], outputs_info=h, non_sequences=a, n_steps=n)
    return sc.function([h, a, n], rows[-1], **options)


def one_by_one(step: str, h: np.ndarray, a: np.ndarray, n: int) -> np.ndarray:
    with np.errstate(all="ignore"):
        for _ in range(n):
            h = STEPS[step](h, a)
    return h


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_errors_and_ends_of_the_range(step, dtype):
    f = repeated(step, dtype, fast_math="reassociate")
    assert any(r.pass_name == "repeated-squaring" and r.done for r in f.remarks)
    assert not any(r.pass_name == "repeated-squaring" and r.done for r in repeated(step, dtype).remarks)
    rng, u = np.random.default_rng(5), np.finfo(dtype).eps / 2
    for shape in [(1, 1), (3, 37)]:
        h, a = rng.normal(size=shape).astype(dtype), rng.uniform(-1.2, 1.2, shape).astype(dtype)
        for n in (1, 15, 16, 17, 23, 64, 101):
            exact = one_by_one(step, h.astype("longdouble"), a.astype("longdouble"), n)
            size = abs(exact) if step == "product" else abs(h) + n * abs(a)
            bound = (2 * n + 6) * u * size + 16 * np.finfo(dtype).smallest_subnormal
            assert (abs(f(h, a, n) - exact) <= bound).all(), (shape, n)
        for odd in (np.nan, np.inf, 0.0, -0.0, 1e25, 1e-25, np.finfo(dtype).max, np.finfo(dtype).tiny):
            a[0, 0], h[0, 0] = odd, np.finfo(dtype).tiny
            np.testing.assert_allclose(f(h, a, 24)[0, 0], one_by_one(step, h, a, 24)[0, 0], 50 * u, err_msg=str(odd))


def test_rows_and_steps_that_stop_go_one_by_one():
    a = T.vector("a")
    rows, _ = sc.scan(lambda h, a: h * a, outputs_info=T.ones_like(a), non_sequences=a, n_steps=20)
    early, _ = sc.scan(lambda h, a: (h * a, sc.until(T.all(h > 4))), outputs_info=T.ones_like(a), non_sequences=a,
                       n_steps=20)
    f = sc.function([a], [rows, early[-1]], fast_math="reassociate")
    assert not any(r.pass_name == "repeated-squaring" for r in f.remarks)
    given = np.array([1.5, 2.0])
    np.testing.assert_array_equal(f(given)[0], np.cumprod(np.tile(given, (20, 1)), axis=0))
    np.testing.assert_array_equal(f(given)[1], given ** 5)
