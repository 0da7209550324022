"""Turns what a caller passes into the arrays that native code takes, or says what is wrong with it.

A value with a dtype (an array, a NumPy scalar) must have the input's dtype or one that converts to it
without loss. A value without (a number, a list) must keep every value, except that Python floats round to
the input's precision, as they do in NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scancc.artifact import Param, can_exist, too_large
from scancc.casts import converted
from scancc.foreign import as_array, is_array, is_masked

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[np.generic]"


def pack(param: Param, value: object, position: int) -> Array:
    """`value` as a C-contiguous, aligned array in native byte order of `param`'s dtype and shape."""
    wanted = np.dtype(param.dtype)
    if is_masked(value):
        raise TypeError(f"{_which(param, position)} is a masked array, and code knows no masks; pass value.filled(0)")
    if type(value) is np.ndarray and value.dtype == wanted:
        array: Array = value
    else:
        array = _with_dtype(param, value, wanted, position)
    _check_shape(param, array, position)
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else array.copy(order="C")


def cast(param: Param, value: object, position: int, loses: bool) -> object:
    """`value` for an input that converts with loss, or (not `loses`) not even Python's floats."""
    wanted = np.dtype(param.dtype)
    if is_masked(value) or (loses and type(value) is np.ndarray and value.dtype == wanted):
        return value  # `pack` says what is wrong, if something is
    if loses:
        given = _foreign(param, value, position)
        return value if given.dtype.kind == "c" and wanted.kind != "c" else converted(given, wanted)
    given = np.asarray(value)
    if given.dtype.kind in "?biufc" and not _keeps_values(given, wanted):
        raise TypeError(f"{_which(param, position)} takes {param.dtype} without loss (allow_downcast=False); "
                        f"{_shown(value)} does not fit into it; pass np.asarray(value, {param.dtype!r})")
    return value


def _with_dtype(param: Param, value: object, wanted: np.dtype[np.generic], position: int) -> Array:
    if is_array(value):
        given = _foreign(param, value, position)
        if given.dtype == wanted or np.can_cast(given.dtype, wanted, "safe"):
            return given.astype(wanted, copy=False)
        if isinstance(value, np.generic) and _keeps_values(given, wanted):
            return given.astype(wanted)
        raise TypeError(
            f"{_which(param, position)} takes {param.dtype}; given an array of {given.dtype}, which "
            f"{param.dtype} cannot hold without loss; convert it with .astype({param.dtype!r})"
        )
    return _from_python(param, value, wanted, position)


def _foreign(param: Param, value: object, position: int) -> Array:
    try:
        given = as_array(value)
    except ValueError as error:
        raise TypeError(f"{_which(param, position)} takes {describe(param)}; {error}") from None
    if given.dtype.kind in "?biufc":
        return given
    raise TypeError(
        f"{_which(param, position)} takes {describe(param)}; given {type(value).__name__}, "
        f"which is not numeric; pass an array"
    )


def _from_python(param: Param, value: object, wanted: np.dtype[np.generic], position: int) -> Array:
    try:
        given = np.asarray(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise TypeError(f"{_which(param, position)} takes {describe(param)}; {error}") from None
    if given.dtype.kind not in "?biufc":
        raise TypeError(
            f"{_which(param, position)} takes {describe(param)}; given {type(value).__name__}, "
            f"which is not numeric; pass an array"
        )
    is_weak = given.dtype.kind == "f" and wanted.kind in "fc" and _stays_finite(given, wanted)
    if given.size and not is_weak and not _keeps_values(given, wanted):
        raise TypeError(
            f"{_which(param, position)} takes {param.dtype}; {_shown(value)} does not fit into it; "
            f"convert the value, or declare the input with a wider dtype"
        )
    return given.astype(wanted, copy=False)


def _keeps_values(given: Array, wanted: np.dtype[np.generic]) -> bool:
    if given.dtype.kind == "c" and wanted.kind != "c":
        return False
    with np.errstate(all="ignore"):
        converted = given.astype(wanted)
        both_nan = (converted != converted) & (given != given)
        return bool(np.all((converted == given) | both_nan))


def _stays_finite(given: Array, wanted: np.dtype[np.generic]) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.all(np.isfinite(given.astype(wanted)) == np.isfinite(given)))


def _check_shape(param: Param, array: Array, position: int) -> None:
    if array.ndim != param.rank:
        raise TypeError(
            f"{_which(param, position)} takes {describe(param)}; given rank {array.ndim}, shape {array.shape}"
        )
    if array.size == 0 and not can_exist(array.shape):
        raise MemoryError(too_large(_which(param, position), array.shape))
    for axis, wanted in enumerate(param.shape):
        given = array.shape[axis]
        if wanted is not None and wanted != given:
            raise ValueError(
                f"{_which(param, position)} takes {describe(param)}; given shape {array.shape}, "
                f"whose axis {axis} has {given} elements in place of {wanted}"
            )


def describe(param: Param) -> str:
    """A parameter's type in words: `float64 of rank 2, shape (?, 3)`."""
    if not param.shape:
        return f"{param.dtype} of rank 0"
    dims = ", ".join("?" if d is None else str(d) for d in param.shape)
    comma = "," if len(param.shape) == 1 else ""
    return f"{param.dtype} of rank {param.rank}, shape ({dims}{comma})"


def _which(param: Param, position: int) -> str:
    return f"input {position} ({param.name!r})" if param.name else f"input {position}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
