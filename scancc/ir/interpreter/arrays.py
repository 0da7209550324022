"""What IR values are in Python: NumPy scalars and arrays, ints for `index`; poison and type checks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .. import types as t


def poison(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """A new array whose elements show that nobody wrote them: NaN, integers of bytes 0xCD, and truth
    values that are neither true nor false, which a load refuses."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    byte = b"\xff" if dtype.kind in "fc" else b"\xcd"
    return np.ndarray(tuple(shape), dtype, bytearray(byte * max(1, size)))


def to_scalar(type: t.Type) -> Callable[[Any], Any]:
    """The function that makes a value of a scalar type out of any number or 0-d array."""
    return int if type == t.index else t.numpy_dtype(type).type


def element_dtype(type: t.Type) -> np.dtype:
    return t.numpy_dtype(t.element(type))


def full_shape(type: t.Type, dims: Iterable[Any]) -> tuple[int, ...]:
    """The shape of `type`, its run-time sizes taken from `dims` in order."""
    rest = iter(dims)
    shape = tuple(int(next(rest)) if n is None else n for n in type.shape)  # type: ignore[attr-defined]
    if any(n < 0 for n in shape):
        raise ValueError(f"negative size in {shape}")
    return shape


def ints(attr: Any) -> tuple[int, ...]:
    """The integers of an attribute, as a dense array or a list of either kind."""
    values = attr.values if isinstance(attr, t.DenseArray) else attr
    return tuple(int(getattr(v, "value", v)) for v in values)


def check_index(indices: Sequence[int], shape: Sequence[int]) -> None:
    """Raises IndexError unless all indices lie inside."""
    for index, size in zip(indices, shape, strict=True):
        if not 0 <= index < size:
            check_indices(indices, shape)  # the slow one knows the axis


def check_indices(indices: Sequence[Any], shape: Sequence[int]) -> None:
    """`check_index` for arrays of indices, one an axis."""
    for axis, (values, size) in enumerate(zip(indices, shape, strict=True)):
        array = np.asarray(values)
        for index in array[(array < 0) | (array >= size)].flat[:1]:
            raise IndexError(f"index {index} is outside axis {axis} of size {size}")


def conform(type: t.TensorType | t.MemRefType, meaning: Callable[..., Any]) -> Callable[..., Any]:
    """`meaning`, whose answer must have the shape, dtype and layout that `type` states."""
    def checked(*values: Any) -> Any:
        answer = meaning(*values)
        problem = mismatch(answer, type)
        if problem:
            raise TypeError(f"{problem}, but the type is {type}")
        return answer
    return checked


def mismatch(value: np.ndarray, type: t.TensorType | t.MemRefType) -> str | None:
    """How an array differs from its type, or None."""
    shape = value.shape
    if len(shape) != len(type.shape) or any(
            n != m for n, m in zip(type.shape, shape, strict=True) if n is not None):
        return f"the shape is {shape}"
    if value.dtype != element_dtype(type):
        return f"the dtype is {value.dtype}"
    return _layout_mismatch(value, type) if isinstance(type, t.MemRefType) else None


def _layout_mismatch(value: np.ndarray, type: t.MemRefType) -> str | None:
    if type.strides is None:
        return None if value.flags.c_contiguous else f"the strides are {_element_strides(value)}"
    if value.size and any(want not in (None, have) for want, have, n in zip(
            type.strides, _element_strides(value), value.shape, strict=True) if n > 1):
        return f"the strides are {_element_strides(value)}"
    return None


def _element_strides(value: np.ndarray) -> tuple[int, ...]:
    return tuple(s // value.itemsize for s in value.strides)
