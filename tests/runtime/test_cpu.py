"""The portable caller: what it accepts, what it says, and what it gives back."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from scancc.artifact import Param
from scancc.errors import InternalError, UnsupportedError
from scancc.runtime.arguments import describe, pack
from scancc.runtime.cpu import Kernel
from tests.runtime.kernels import EXP_SCALAR, artifact, axpb, cumsum_until


@pytest.fixture(scope="module")
def line():
    return Kernel(axpb())


@pytest.fixture(scope="module")
def sums():
    return Kernel(cumsum_until())


def test_values(line):
    np.testing.assert_array_equal(line(2.0, np.arange(4.0), 1.0)[0], [1, 3, 5, 7])


def test_empty_input(line):
    assert line(2.0, np.empty(0), 1.0)[0].shape == (0,)


def test_workspace_and_until(sums):
    x = np.arange(12.0).reshape(6, 2)
    y, n = sums(x, 5.0)
    assert n == 3 and n.shape == ()
    np.testing.assert_array_equal(y, np.cumsum(x, 0)[:3])


def test_libm_is_called():
    (y,) = Kernel(artifact(EXP_SCALAR, [("x", "float64", ())], [("y", "float64", ())]))(1)
    assert y == np.exp(1.0)


def test_strange_arrays_are_packed(line):
    x = np.arange(10.0)
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float64)
    assert not unaligned.flags.aligned
    for given, plain in ((x[::-2], x[::-2]), (x.astype(">f8"), x), (unaligned, x)):
        np.testing.assert_array_equal(line(2.0, given, 1.0)[0], 2 * plain + 1)


def test_lossless_conversions(line):
    for given in ([1, 2], (1.5, 2.5), np.array([1, 2], np.int8), np.array([1, 2], np.float32), [True, False]):
        np.testing.assert_array_equal(line(1, given, 0)[0], np.asarray(given, float))


X = Param("x", "float64", (None,))
ROW = Param("r", "float32", (1, None))
WANTED_X = "input 1 ('x') takes float64 of rank 1, shape (?,); "
WANTED_ROW = "input 1 ('r') takes float32 of rank 2, shape (1, ?); "


@pytest.mark.parametrize(
    ("param", "value", "error", "text"),
    [
        (X, np.ones((2, 3)), TypeError, WANTED_X + "given rank 2, shape (2, 3)"),
        (X, 1.0, TypeError, WANTED_X + "given rank 0, shape ()"),
        (X, np.ones(2, complex), TypeError, "float64 cannot hold without loss; convert it with .astype("),
        (X, ["a"], TypeError, WANTED_X + "given list, which is not numeric"),
        (X, None, TypeError, WANTED_X + "given NoneType, which is not numeric"),
        (X, np.ma.array([1.0]), TypeError, "is a masked array, and code knows no masks"),
        (X, [[1], [2, 3]], TypeError, WANTED_X + "setting an array element"),
        (ROW, np.ones((2, 3), "f"), ValueError, WANTED_ROW + "given shape (2, 3), whose axis 0 has 2 "),
        (ROW, np.ones((1, 3)), TypeError, "given an array of float64, which float32 cannot hold"),
        (Param("k", "int8", ()), 300, TypeError, "input 1 ('k') takes int8; 300 does not fit into it"),
        (Param("k", "int64", ()), 1.5, TypeError, "input 1 ('k') takes int64; 1.5 does not fit into it"),
        (Param("k", "uint8", ()), -1, TypeError, "-1 does not fit"),
        (Param("f", "float32", ()), 1e300, TypeError, "1e+300 does not fit"),
        (Param("f", "float32", ()), np.float64(0.1), TypeError, "float32 cannot hold without loss"),
        (Param("b", "bool", ()), 2, TypeError, "2 does not fit"),
    ],
)
def test_errors(param, value, error, text):
    with pytest.raises(error) as caught:
        pack(param, value, 1)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        ("float32", 0.1, np.float32(0.1)),  # Python floats round
        ("float32", float("nan"), np.float32("nan")),
        ("float32", float("-inf"), np.float32("-inf")),
        ("float32", np.float64(0.5), np.float32(0.5)),
        ("int8", 127, np.int8(127)),
        ("int64", 2.0, np.int64(2)),
        ("bool", True, np.bool_(True)),
        ("bool", 0, np.bool_(False)),
        ("complex64", 0.1, np.complex64(0.1)),
        ("complex128", 1 + 2j, np.complex128(1 + 2j)),
        ("uint64", 2**64 - 1, np.uint64(2**64 - 1)),
    ],
)
def test_numbers_that_fit(dtype, value, expected):
    got = pack(Param("x", dtype, ()), value, 0)
    assert got.dtype == dtype and got.shape == ()
    np.testing.assert_array_equal(got, expected)


def test_description():
    assert describe(Param("x", "float64", (None, 3))) == "float64 of rank 2, shape (?, 3)"
    assert describe(Param("x", "bool", ())) == "bool of rank 0"


def test_wrong_number_of_inputs(line):
    with pytest.raises(TypeError, match=r"axpb takes 3 inputs \(a, x, b\); given 2"):
        line(1.0, 2.0)


def test_a_failed_check_raises_its_error(sums):
    with pytest.raises(ValueError, match=r"x has no columns, with 5 rows and {braces}"):
        sums(np.ones((5, 0)), 1.0)


def test_an_unknown_status_is_our_mistake():
    kernel = Kernel(replace(cumsum_until(), checks=()))
    with pytest.raises(InternalError, match="returned status 7, which is none of its checks"):
        kernel(np.ones((5, 0)), 1.0)


def test_other_targets_and_versions_are_refused():
    with pytest.raises(UnsupportedError, match="code for 'ptx'"):
        Kernel(replace(axpb(), target="ptx"))
    with pytest.raises(UnsupportedError, match="version 99 of the calling convention"):
        Kernel(replace(axpb(), abi_version=99))


def test_many_threads(sums):
    failures = []

    def work(seed):
        x = np.random.default_rng(seed).normal(size=(200, 3))
        for _ in range(100):
            if not np.allclose(sums(x, 1e9)[0], np.cumsum(x, 0)):
                failures.append(seed)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
