"""Arrays of other libraries as NumPy arrays: without a copy where their memory allows.

Anything with the buffer protocol or NumPy's own (`__array__`: torch on the CPU, JAX, pandas) or with DLPack.
"""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

import numpy as np

_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__", "__dlpack__")


def is_array(value: object) -> bool:
    """Whether `value` is an array of any library, and so has a dtype that its user chose."""
    return isinstance(value, np.ndarray | np.generic | memoryview) or any(hasattr(value, p) for p in _PROTOCOLS)


def is_masked(value: object) -> bool:
    """Whether `value` is one of NumPy's masked arrays, whose module is not loaded to find out."""
    ma = sys.modules.get("numpy.ma")
    return ma is not None and isinstance(value, ma.MaskedArray)


def is_generator(value: object) -> TypeGuard[np.random.Generator | np.random.RandomState]:
    """Whether `value` is one of NumPy's generators of random numbers, whose module is not loaded to find out."""
    random = sys.modules.get("numpy.random")
    return random is not None and isinstance(value, random.Generator | random.RandomState)


def as_array(value: Any) -> np.ndarray:
    """`value` as a NumPy array, of its own memory where that can be; ValueError where it is not in this machine's."""
    if not is_array(value):
        return np.asarray(value)
    try:
        if hasattr(value, "__dlpack__") and not any(hasattr(value, p) for p in _PROTOCOLS[:-1]):
            return np.from_dlpack(value)
        return np.asarray(value)
    except (TypeError, RuntimeError, BufferError) as error:  # on a GPU, or torch asks for .detach()
        raise ValueError(f"{type(value).__module__.partition('.')[0]}: {error}") from None


def writable(value: Any) -> np.ndarray | None:
    """The memory of an array, to write into; None where `value` is no array, or gives a copy or a read-only view."""
    if type(value) is np.ndarray:
        return value
    if not is_array(value) or isinstance(value, np.generic) or is_masked(value):
        return None
    first, second = as_array(value), as_array(value)  # a copy would lie elsewhere each time
    return first if first.flags.writeable and first.ctypes.data == second.ctypes.data else None
