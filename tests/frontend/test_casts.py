"""Floats as integers: cut towards zero, the nearest integer out of range, 0 of NaN; one meaning everywhere."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.casts import converted

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]


def edges(dtype):
    """Special values, and floats about every power of two at which an integer ends."""
    info, kind = np.finfo(dtype), np.dtype(dtype).type
    values = [0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 0.999, -0.999, 1.5, -1.5, info.max, info.min, info.tiny]
    with np.errstate(over="ignore"):
        for limit in (kind(sign * 2.0**bits) for bits in (7, 8, 15, 16, 31, 32, 63, 64) for sign in (1, -1)):
            values += [limit, limit - 1, limit - kind(0.5), limit + 1, np.nextafter(limit, kind(0))]
        return np.array(values, dtype)


def exactly(value, dtype):
    limits = np.iinfo(dtype)
    if not np.isfinite(value):
        return 0 if np.isnan(value) else int(limits.max if value > 0 else limits.min)
    return min(max(int(value), int(limits.min)), int(limits.max))


@pytest.mark.parametrize("source", FLOATS)
def test_floats_beyond_an_integers_range_become_the_nearest_one(source):
    values = edges(source)
    x, s = T.vector("x", dtype=source), T.scalar("s", dtype=source)
    expected = [np.array([exactly(v, dtype) for v in values], dtype) for dtype in INTEGERS]
    for mode in ("native", "reference"):
        lanes = sc.function([x], [T.cast(x, dtype) for dtype in INTEGERS], mode=mode)
        one = sc.function([s], [T.cast(s, dtype) for dtype in INTEGERS], mode=mode)
        np.testing.assert_equal(lanes(values), expected)
        np.testing.assert_equal([np.array(found) for found in zip(*map(one, values), strict=True)], expected)


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_constants_and_arguments_are_cast_as_variables_are(mode):
    x, n = T.vector("x"), T.ivector("n")
    folded = [T.cast(1e20, "int32"), T.constant([np.nan, -1e20], dtype="uint8"), T.full((2,), np.inf, dtype="int8")]
    run = sc.function([x], [*folded, T.cast(x[0] * 0 + 1e20, "int16"), T.arange(x[0], dtype="int8")], mode=mode)
    for found, expected in zip(run([3e0]), [2**31 - 1, [0, 0], [127, 127], 2**15 - 1, [0, 1, 2]], strict=True):
        np.testing.assert_array_equal(found, expected)
    taken = sc.function([sc.In(n, allow_downcast=True)], n + 0, mode=mode)
    assert taken(np.array([1e20, np.nan])).tolist() == [2**31 - 1, 0]


def test_a_cast_inside_a_step_saturates():
    x = T.vector("x")
    rows, _ = sc.scan(lambda v, n: T.cast(v * 1e9, "int32") // 2 + n // 2, x, np.int32(0))
    for mode in ("native", "reference"):
        assert sc.function([x], rows, mode=mode)([7.0, -7.0])[0] == 2**30 - 1


def test_conversion_of_arrays_is_that_of_programs():
    assert converted(np.float32(3e9), "int32") == 2**31 - 1 and converted(-1.5, "uint64") == 0
    assert converted([1.5, -2.5], "int64").tolist() == [1, -2]
    assert converted(300, "uint8") == 44 and converted(0.5, "bool")  # integers wrap; a bool is `!= 0`
