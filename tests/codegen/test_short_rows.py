"""Steps over many rows of two or three numbers: eight rows share vectors, by columns, with the bits of one row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

LENGTHS = (0, 1, 7, 8, 9, 41)


def build(n: int, dtype: str, **options: Any) -> Any:
    """Rows that a matrix takes to the next ones, and what each step makes of them."""
    x, h0, a = (T.TensorType(dtype, shape)(name) for shape, name in (
        ((None, None, n), "x"), ((None, n), "h0"), ((n, n), "a")))

    def step(x_t: Any, h: Any) -> Any:
        return h @ a + x_t, h * x_t
    rows, products = sc.scan(step, x, [h0, None])[0]
    return sc.function([x, h0, a], [rows[-1], products, rows.sum(0)], **options)


def values(rng: Any, n: int, rows: int, steps: int, dtype: str) -> list[Any]:
    shapes = (steps, rows, n), (rows, n), (n, n)
    return [(0.5 * rng.normal(size=shape)).astype(dtype) for shape in shapes]


def shared(f: Any) -> bool:
    return any(r.pass_name == "short-rows" and r.done for r in f.remarks)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [2, 3])
def test_the_bits_of_one_row_alone(n, dtype, level):
    with sc.change_flags(cpu=level):
        f, reference = build(n, dtype), build(n, dtype, mode="reference")
    assert shared(f)
    rng = np.random.default_rng(3)
    for rows in LENGTHS:
        given = values(rng, n, rows, 5, dtype)
        found = f(*given)
        for part, expected in zip(found, reference(*given), strict=True):
            np.testing.assert_allclose(part, expected, rtol=2e-5 if dtype == "float32" else 1e-13, atol=1e-6)
        for row in range(0, rows, 3):
            x, h0, a = given
            for part, alone in zip(found, f(x[:, row:row + 1], h0[row:row + 1], a), strict=True):
                np.testing.assert_array_equal(part[..., row:row + 1, :], alone)


def test_a_gradient_of_rows():
    x, h0, a = T.TensorType("float64", (None, None, 3))("x"), T.TensorType("float64", (None, 3))("h0"), T.dmatrix("a")
    h, _ = sc.scan(lambda x_t, h: T.tanh(h @ a) + x_t, x, h0)
    cost = (h[-1] ** 2).sum()
    wanted = sc.grad(cost, [x, h0, a])
    f, reference = (sc.function([x, h0, a], wanted, mode=mode) for mode in (None, "reference"))
    given = values(np.random.default_rng(5), 3, 20, 6, "float64")
    for part, expected in zip(f(*given), reference(*given), strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-11, atol=1e-12)
