"""What loaded code hands to `Print`: this process prints it, as compiled functions do.

    NAME_set_print(&how)     how = { print, user }; `codegen/exports/prints.py` says what print gets
"""

from __future__ import annotations

import ctypes
import math
from typing import Any

import numpy as np

from scancc.printed import show, where_of


class _Value(ctypes.Structure):
    _fields_ = (("text", ctypes.c_char_p), ("name", ctypes.c_char_p), ("attributes", ctypes.c_char_p),
                ("dtype", ctypes.c_char_p), ("rank", ctypes.c_int64), ("dims", ctypes.POINTER(ctypes.c_int64)),
                ("data", ctypes.c_void_p), ("depth", ctypes.c_int64), ("steps", ctypes.POINTER(ctypes.c_int64)),
                ("scans", ctypes.POINTER(ctypes.c_char_p)))


_PRINT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_Value))


class _How(ctypes.Structure):
    _fields_ = (("print", _PRINT), ("user", ctypes.c_void_p))


def _print(_user: Any, given: Any) -> None:
    value = given.contents
    array = _array(value.dtype.decode(), value.dims[:value.rank], value.data)
    where = where_of([scan.decode() for scan in value.scans[:value.depth]], value.steps[:value.depth])
    show(value.text.decode(), value.attributes.decode().split(), array[()], where)


def _array(dtype: str, shape: list[int], data: int | None) -> Any:
    """A copy of an array in memory."""
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer(ctypes.string_at(data, nbytes) if data else b"", dtype).reshape(shape)


_how = _How(_PRINT(_print), None)


def have_printed(setter: int) -> None:
    """Have a library's `Print`s, by NAME_set_print at this address, print here."""
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(setter)(ctypes.addressof(_how))
