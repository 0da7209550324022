"""`max` with `argmax` of one array: found in one pass, and what they are by themselves."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

KINDS = {"max": (T.max, T.argmax), "min": (T.min, T.argmin)}


def both(inputs, outputs):
    return [sc.function(inputs, outputs, mode=mode) for mode in (None, "reference")]


def special(rng, shape, dtype):
    """Few numbers, so that many are equal; for floats zeros of both signs, infinities and NaN."""
    if dtype == "bool":
        return rng.random(shape) < 0.3
    values = rng.integers(0 if dtype.startswith("u") else -3, 4, shape).astype(dtype)
    if dtype.startswith("float"):
        odd = np.array([-0.0, np.inf, -np.inf, np.nan], dtype)
        return np.where(rng.random(shape) < 0.1, rng.choice(odd, shape), values).astype(dtype)
    return values


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "uint8", "uint32", "bool"])
def test_extremes_and_places_are_those_of_each_alone(what, dtype):
    extreme, place = KINDS[what]
    m = T.tensor("m", dtype=dtype, shape=(None, None))
    rows = [f(value, axis=axis) for value in (m, m + m) for axis in (0, 1) for f in (extreme, place)]
    native, reference = both([m], [*rows, extreme(m[0]), place(m[0])])
    rng = np.random.default_rng(len(dtype))
    for shape in [(1, 1), (5, 1), (3, 40), (40, 3), (17, 19)]:
        values = special(rng, shape, dtype)
        for got, expected in zip(native(values), reference(values), strict=True):
            np.testing.assert_array_equal(got, expected)
        nothing = np.full(shape, {"float64": np.nan, "float32": -np.inf}.get(dtype, 0), dtype)
        for got, expected in zip(native(nothing), reference(nothing), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_one_loop_finds_both_along_columns_of_what_is_not_stored():
    v, m = T.vector("v"), T.matrix("m")
    scores = v[:, None] + m
    native, reference = both([v, m], [T.max(scores, axis=0), T.argmax(scores, axis=0)])
    rng = np.random.default_rng(1)
    v_value, m_value = rng.integers(-3, 3, 9).astype(float), rng.integers(-3, 3, (9, 33)).astype(float)
    for got, expected in zip(native(v_value, m_value), reference(v_value, m_value), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert "workspace 0 bytes" in native.dump("loop")
