"""Arrays of other libraries are read where they lie, `out=` writes into them, results go back by DLPack."""

from __future__ import annotations

import array

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.foreign import as_array, is_array, writable

X = T.vector("x")
DATA = np.arange(4.0)


class OnlyDlpack:
    """An array that other libraries know by DLPack alone."""

    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    def __dlpack__(self, **options):
        return self.data.__dlpack__()

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()


class OnlyArray(OnlyDlpack):
    """One with `__array__` alone, as a table's column."""

    __dlpack__ = __dlpack_device__ = None

    def __array__(self, dtype=None, copy=None):
        return self.data if dtype is None else self.data.astype(dtype)


class Elsewhere:
    """One on another device."""

    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")


del OnlyArray.__dlpack__, OnlyArray.__dlpack_device__


def torch():
    found = pytest.importorskip("torch", reason="torch is not installed: the extra 'torch' has it")
    return found.arange(4, dtype=found.float64)


def jax():
    jax = pytest.importorskip("jax", reason="jax is not installed: the extra 'jax' has it")
    jax.config.update("jax_enable_x64", True)
    return jax.numpy.arange(4.0)


def pandas():
    return pytest.importorskip("pandas", reason="pandas is not installed").Series(np.arange(4.0))


@pytest.mark.parametrize("make", [
    lambda: OnlyArray(DATA), lambda: OnlyDlpack(DATA), lambda: memoryview(DATA), torch, jax, pandas,
], ids=["__array__", "dlpack", "buffer", "torch", "jax", "pandas"])  # fmt: skip
def test_the_memory_of_an_argument_is_read_where_it_lies(make):
    value = make()
    assert is_array(value) and as_array(value).ctypes.data == as_array(value).ctypes.data
    f = sc.function([X], X * 2)
    assert f(value).tolist() == [0, 2, 4, 6]
    assert f.in_mode("reference")(value).tolist() == [0, 2, 4, 6]


def test_an_array_is_judged_by_its_dtype_wherever_it_comes_from():
    f = sc.function([T.fvector("x")], [], on_unused_input="ignore")
    for value in (DATA, OnlyArray(DATA), OnlyDlpack(DATA)):
        with pytest.raises(TypeError, match="float32"):
            f(value)
    f(array.array("d", [1.0, 2.0]))


def test_an_array_that_is_not_here_says_so():
    with pytest.raises(TypeError, match="cuda:0"):
        sc.function([X], X)(Elsewhere())


def test_results_are_handed_on_without_a_copy():
    found = sc.function([X], X + 1)(DATA)
    assert np.from_dlpack(found).ctypes.data == found.ctypes.data


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_out_writes_into_memory_of_others(mode):
    f = sc.function([X], X + 1, mode=mode)
    memory = np.zeros(4)
    found = f(DATA, out=memoryview(memory))
    assert memory.tolist() == [1, 2, 3, 4] and found.ctypes.data == memory.ctypes.data
    f(DATA, out=OnlyArray(memory))
    with pytest.raises(TypeError, match="whose memory can be written; given a list"):
        f(DATA, out=[0.0] * 4)
    memory.flags.writeable = False
    assert writable(OnlyArray(memory)) is None
    with pytest.raises(TypeError, match="whose memory can be written"):
        f(DATA, out=OnlyArray(memory))


def test_out_writes_into_a_tensor_of_torch():
    tensor = torch()
    sc.function([X], X + 1)(DATA, out=tensor)
    assert tensor.tolist() == [1, 2, 3, 4]
