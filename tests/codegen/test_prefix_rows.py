"""Steps that are combined and read or write rows of few numbers: the elements of eight rows are vectors, taken apart
and put together in registers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels


def combined(f: Any) -> int:
    return sum(r.pass_name == "parallel-prefix" and r.done for r in f.remarks)


def build(columns: int, dtype: str, backwards: bool = False, **options: Any) -> Any:
    """Two states that are sums of each other, which read two columns of a row, and give a row and a column."""
    x = T.matrix("x", dtype=dtype)

    def step(row: Any, s: Any, r: Any) -> Any:
        s, r = s * 3 - r + row[0], s + r * 2 + row[columns - 1]
        if dtype[0] == "f":
            s, r = s * 0.25, r * 0.25
        return s, r, T.stack([s, r, s - r, r * 2][:columns])
    one = T.constant(np.asarray(1, dtype))
    (s, _, rows), _ = sc.scan(step, x, [one, one, None], go_backwards=backwards)
    return sc.function([x], [s, rows], **options)


def check(f: Any, reference: Any, columns: int, dtype: str) -> None:
    for n in (0, 1, 8, 9, 37):
        rng = np.random.default_rng(n)
        x = rng.integers(-9, 9, (n, columns)) if dtype[0] == "i" else rng.normal(size=(n, columns))
        for found, expected in zip(f(x.astype(dtype)), reference(x.astype(dtype)), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == "float32" else 1e-12, atol=1e-5)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "int32"])
@pytest.mark.parametrize("columns", [2, 3, 4, 5])
def test_rows_of_few_numbers(columns, dtype, backwards):
    f = build(min(columns, 4), dtype, backwards, fast_math="reassociate")
    reference = build(min(columns, 4), dtype, backwards, mode="reference")
    check(f, reference, columns, dtype)
    assert combined(f) == 1


@pytest.mark.parametrize("level", levels())
def test_at_every_level_of_features(level):
    with sc.change_flags(cpu=level):
        f = build(3, "float32", fast_math="reassociate")
        assert combined(f) == 1
    check(f, build(3, "float32", mode="reference"), 3, "float32")


def test_columns_of_complex_numbers_and_of_bytes():
    z, b = T.matrix("z", dtype="complex128"), T.matrix("b", dtype="int8")
    sums, _ = sc.scan(lambda row, s: s * 0.5 + row[0] * row[1], z, T.constant(0j))
    most, _ = sc.scan(lambda row, s: T.maximum(s, row[1]), b, T.constant(np.int8(-3)))
    f, reference = (sc.function([z, b], [sums, most], fast_math="reassociate", mode=m) for m in (None, "reference"))
    for n in (0, 7, 8, 30):
        rng = np.random.default_rng(n)
        given = rng.normal(size=(n, 4)).view("complex128"), rng.integers(-99, 99, (n, 2)).astype("int8")
        for found, expected in zip(f(*given), reference(*given), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert combined(f) == 2


def test_the_last_large_number_of_each_column_of_prices():
    x = T.dmatrix("x")

    def step(row: Any, high: Any, low: Any) -> Any:
        return T.maximum(high, row[0]), T.minimum(low, row[1]), T.stack([high - row[0], row[1] - low, low])
    (high, low, rows), _ = sc.scan(step, x, [T.constant(0.0), T.constant(0.0), None])
    f, reference = (sc.function([x], [high, low, rows], mode=mode) for mode in (None, "reference"))
    value = np.random.default_rng(2).normal(size=(50, 2))
    for found, expected in zip(f(value), reference(value), strict=True):
        np.testing.assert_array_equal(found, expected)
    assert combined(f) == 1
