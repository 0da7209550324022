"""What values a call accepts for an input."""

import numpy as np
import pytest

import scancc.tensor as T
from scancc.frontend.graph.variables import TensorType
from scancc.frontend.program.arguments import In, convert


def converted(value, dtype, ndim=None, **options):
    ndim = np.ndim(value) if ndim is None else ndim
    return convert(value, In(TensorType(dtype, (None,) * ndim)("v"), **options), 3)


@pytest.mark.parametrize("value, dtype", [
    (3, "float64"), (3, "int8"), (3.5, "float64"), (3.5, "float32"), (0.1, "float32"), (True, "int8"),
    (1, "bool"),
    ([1, 2], "float32"), ([1.5, 2], "float32"), (range(3), "float64"), ([[1], [2]], "int16"), ([], "int32"),
    (np.arange(3, dtype="int32"), "int64"), (np.ones(2, "float32"), "float64"), (np.int64(3), "int64"),
    (np.ones(2, ">f8"), "float64"), (3, "complex128"), (np.float32(2), "float64"),
    (np.ones(2, "int16"), "float32"),
    ([np.nan, np.inf], "float32"), (np.nan, "float32"),
])
def test_accepted(value, dtype):
    array = converted(value, dtype)
    assert array.dtype == dtype and array.dtype.isnative
    np.testing.assert_array_equal(array, np.asarray(value).astype(dtype))


def test_an_array_of_the_right_type_is_not_copied():
    value = np.ones((3, 2))[::2]
    assert converted(value, "float64") is value


@pytest.mark.parametrize("value, dtype, text", [
    (np.ones(2), "float32", "could lose precision"), (np.ones(2, "int64"), "int32", "could lose precision"),
    (np.float64(1), "float32", "could lose precision"), ([0.1], "float32", "could lose precision"),
    (300, "int8", "beyond the range of int8"), (1.5, "int64", "could lose precision"),
    (-1, "uint8", "beyond the range of uint8"), ([2**40], "int32", "beyond the range of int32"),
    (2, "bool", "could lose"), ([1.5], "int32", "could lose"), (np.nan, "int64", "could lose"),
    ("abc", "float64", "no numbers"), (None, "float64", "None"), ([[1], [2, 3]], "float64", "cannot become"),
    (1j, "float64", "imaginary"), (object(), "float64", "no numbers"), (10**30, "int64", "more than 64 bits"),
    ([10**400], "float64", "more than 64 bits"),
])
def test_refused(value, dtype, text):
    with pytest.raises(TypeError, match=f"(?s)argument 3 `v`.*({text})"):
        converted(value, dtype, 0)


def test_downcast_on_request():
    assert converted(np.ones(2), "float32", allow_downcast=True).dtype == "float32"
    assert converted([0.1], "float32", allow_downcast=True).dtype == "float32"
    assert converted(1.7, "int64", allow_downcast=True) == 1


def test_downcast_never():
    with pytest.raises(TypeError, match="could lose precision"):
        converted(0.1, "float32", allow_downcast=False)
    assert converted(0.5, "float32", allow_downcast=False) == 0.5


def test_strict_takes_arrays_of_the_dtype_only():
    assert converted(np.ones(2), "float64", strict=True).tolist() == [1, 1]
    with pytest.raises(TypeError, match="strict"):
        converted([1.0, 2.0], "float64", strict=True)


def test_a_variable_is_no_argument():
    with pytest.raises(TypeError, match="needs a value"):
        converted(T.vector("z"), "float64", 1)


@pytest.mark.parametrize("value, ndim", [([1, 2], 0), (1.0, 1), (np.ones((2, 2)), 1), ([[1]], 3)])
def test_the_wrong_rank(value, ndim):
    with pytest.raises(TypeError, match="number of dimensions"):
        converted(value, "float64", ndim)


def test_known_lengths():
    row = In(T.row("row"))
    assert convert([[1, 2]], row).shape == (1, 2)
    with pytest.raises(TypeError, match="axis 0 of float64.* has length 1"):
        convert([[1], [2]], row)
