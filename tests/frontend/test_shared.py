"""Shared variables: who owns the array, what may be put in."""

import numpy as np
import pytest

import scancc as sc
from scancc.frontend.ops.reference import evaluate


@pytest.mark.parametrize("value, dtype, ndim", [
    (1, "int64", 0), (1.5, "float64", 0), (True, "bool", 0), ([0, 1], "int64", 1), (np.float32(2), "float32", 0),
    (np.zeros((2, 3), "int8"), "int8", 2), (1j, "complex128", 0), ([[1.0], [2.0]], "float64", 2),
])
def test_dtype_and_rank_come_from_the_value(value, dtype, ndim):
    s = sc.shared(value, name="s")
    assert (s.dtype, s.ndim, s.name) == (dtype, ndim, "s")
    np.testing.assert_array_equal(s.get_value(), value)
    assert s.type.shape == (None,) * ndim


def test_dtype_can_be_chosen():
    assert sc.shared(1, dtype="float32").dtype == "float32"


def test_the_value_is_copied_in_and_out():
    data = np.zeros(2)
    s = sc.shared(data)
    data[0] = 1
    s.get_value()[1] = 1
    assert s.get_value().tolist() == [0, 0]
    s.set_value(data)
    data[1] = 7
    assert s.get_value().tolist() == [1, 0]


def test_borrowing_shares_the_array():
    data = np.zeros(2)
    s = sc.shared(data, borrow=True)
    assert s.get_value(borrow=True) is data
    other = np.ones(3)
    s.set_value(other, borrow=True)
    assert s.get_value(borrow=True) is other


def test_the_array_is_contiguous_whatever_was_given():
    s = sc.shared(np.arange(6.0).reshape(2, 3).T, borrow=True)
    assert s.get_value(borrow=True).flags.c_contiguous
    s.set_value(np.arange(8.0)[::2].reshape(2, 2), borrow=True)
    assert s.get_value(borrow=True).flags.c_contiguous


def test_lengths_may_change_and_rank_may_not():
    s = sc.shared(np.zeros(2))
    s.set_value(np.zeros(5))
    assert s.get_value().shape == (5,)
    with pytest.raises(TypeError, match="has 1 dimensions, the value 2"):
        s.set_value(np.zeros((2, 2)))


@pytest.mark.parametrize("dtype, value", [
    ("float32", 0.1), ("float32", [1, 2.5]), ("float64", np.float32(1)), ("int64", np.int8(3)), ("int8", 5),
    ("float32", 3), ("int64", True),
])
def test_values_that_lose_nothing_are_cast(dtype, value):
    s = sc.shared(np.zeros(np.shape(value), dtype))
    s.set_value(value)
    assert s.get_value().dtype == dtype
    np.testing.assert_allclose(s.get_value(), value)


@pytest.mark.parametrize("dtype, value", [
    ("float32", np.float64(0.1)), ("int64", 1.5), ("int8", 300), ("float64", 1j), ("bool", 1.5),
    ("int64", "a"),
])
def test_values_that_lose_something_are_refused(dtype, value):
    s = sc.shared(np.zeros((), dtype), name="s")
    with pytest.raises(TypeError, match="variable s is .*; (convert it first|give its real)|cannot become"):
        s.set_value(value)


def test_fixed_lengths_are_kept():
    s = sc.shared(np.zeros((1, 3)), broadcastable=(True, False))
    assert s.broadcastable == (True, False)
    with pytest.raises(TypeError, match="axis 0 of the shared variable .* has length 1, not 2"):
        s.set_value(np.zeros((2, 3)))


def test_zero():
    s = sc.shared(np.ones(3))
    s.zero()
    assert not s.get_value().any()


def test_the_interpreter_reads_the_value_at_the_call():
    s = sc.shared(2.0)
    doubled = s * 2
    s.set_value(5.0)
    assert evaluate([doubled])[0] == 10


@pytest.mark.parametrize("value, text", [
    ("abc", "cannot become a tensor"), ([[1], [1, 2]], "inhomogeneous"),
])
def test_what_is_no_array_is_refused(value, text):
    with pytest.raises((TypeError, ValueError), match=text):
        sc.shared(value)


def test_a_symbolic_value_is_refused():
    with pytest.raises(TypeError, match="is symbolic"):
        sc.shared(sc.shared(1.0) + 1)


def test_numbers_fit_a_complex_variable():
    z = sc.shared(np.zeros(2, "complex64"))
    z.set_value([1.0, 2])
    z.set_value([1 + 2j, 3])
    assert z.get_value().tolist() == [1 + 2j, 3] and z.dtype == "complex64"
