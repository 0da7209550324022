"""Maxima and minima in a step: NaN, infinities and the sign of a zero come out as NumPy has them, in whatever order
the step combines them."""

import itertools

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -1.5]

STEPS = {
    "least of three and a square": lambda x, h, w: (x - w) ** 2 + T.minimum(T.minimum(x, h), w),
    "largest of three and a magnitude": lambda x, h, w: T.maximum(w, T.maximum(h, x)) + abs(w),
    "least of three": lambda x, h, w: T.minimum(T.minimum(x, h), w),
    "least of three and a number": lambda x, h, w: x + T.minimum(T.minimum(h, x), w),
    "state second": lambda x, h, w: x + T.maximum(w, h),
    "state first": lambda x, h, w: x * x + T.minimum(h, w),
    "compared": lambda x, h, w: T.switch(T.minimum(T.minimum(x, h), w) > 0, x, w),
}
X, H, W = (np.array(column) for column in zip(*itertools.product(SPECIAL, repeat=3), strict=True))


def same(a, b):
    return np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a) & ~np.isnan(a),
                                                                   np.signbit(b) & ~np.isnan(b))


@pytest.mark.parametrize("name", STEPS)
def test_of_special_values(name):
    """One step from each state, element by element; the states do not mix."""
    x, h, w = T.vector("x"), T.scalar("h"), T.scalar("w")
    rows, _ = sc.scan(STEPS[name], sequences=x, outputs_info=h, non_sequences=w)
    native, reference = (sc.function([x, h, w], rows, mode=mode) for mode in (None, "reference"))
    for values in zip(X, H, W, strict=True):
        steps = np.array([values[0], -0.0, values[0]])
        assert same(native(steps, *values[1:]), reference(steps, *values[1:])), values


@pytest.mark.parametrize("name", STEPS)
def test_of_arrays(name):
    x, h, w = T.matrix("x"), T.vector("h"), T.vector("w")
    rows, _ = sc.scan(STEPS[name], sequences=x, outputs_info=h, non_sequences=w)
    native, reference = (sc.function([x, h, w], rows, mode=mode) for mode in (None, "reference"))
    steps = np.stack([X, -X, X])
    assert same(native(steps, H, W), reference(steps, H, W))


@pytest.mark.parametrize("dtype", ["int8", "int64"])
def test_integers_wrap_around(dtype):
    x, h, w = T.vector("x", dtype=dtype), T.scalar("h", dtype=dtype), T.scalar("w", dtype=dtype)
    rows, _ = sc.scan(lambda x, h, w: T.minimum(T.minimum(h + x + w, w * h * x), x - w), sequences=x, outputs_info=h,
                      non_sequences=w)
    native, reference = (sc.function([x, h, w], rows, mode=mode) for mode in (None, "reference"))
    most = np.iinfo(dtype).max
    steps = np.array([most, 3, -most - 1, 7, most - 2, -5], dtype)
    for start in (most, -most, 2):
        args = steps, np.array(start, dtype), np.array(most - 3, dtype)
        assert np.array_equal(native(*args), reference(*args))
