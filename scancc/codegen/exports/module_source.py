"""Functions compiled by scancc: what a library made with `python=True` runs when it is imported.

It needs NumPy and nothing of scancc. Each function takes arrays or what converts to them without loss, by position or
keyword, keeps the state of its shared variables from call to call, and gives what the compiled one gives.
"""

from __future__ import annotations

import base64
import builtins
import contextlib
import ctypes
import json
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_N_INFO = 4  # numbers of a check that failed


class Function:
    """A function of the library; the manifest in it says how its code is called."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        manifest = getattr(library, f"{name}_manifest")
        manifest.restype = ctypes.c_char_p
        described = json.loads(manifest())
        row = self._row = described["functions"][0]
        _check_processor(getattr(library, row["missing"]), described["target"]["requires"], name)
        self.__name__ = name
        self._query, self._run = getattr(library, row["query"]), getattr(library, row["run"])
        if "set_print" in row["flat"]:
            getattr(library, row["flat"]["set_print"])(ctypes.byref(_printing))
        self._given = [p for p in row["inputs"] if "initial" not in p and not p.get("is_bound")]
        self._bounds = [1024 for p in row["inputs"] if p.get("is_bound")]
        self._outputs = row["outputs"]
        states = [p for p in (*row["inputs"], *row["outputs"]) if "initial" in p]
        self._held = {p["state"]: _cell(p) for p in states}
        self._lock = _lock if any("shared" in p for p in states) else threading.RLock()

    @property
    def state(self) -> dict[str, np.ndarray]:
        """The values of its shared variables."""
        return {name: held[0] for name, held in self._held.items()}

    def __call__(self, *values: object, **keywords: object) -> Any:
        given = [_converted(p, v) for p, v in zip(self._given, self._placed(values, keywords), strict=True)]
        with self._lock if self._held else contextlib.nullcontext():
            states = [self._held[p["state"]][0] for p in self._row["inputs"] if "initial" in p]
            results = self._called([*given, *states])
            for param, result in zip(self._outputs, results, strict=True):
                if "state" in param:
                    self._held[param["state"]][0] = result
        return self._arranged([r for p, r in zip(self._outputs, results, strict=True) if "state" not in p])

    def _placed(self, values: Sequence[object], keywords: Mapping[str, object]) -> list[object]:
        """A value for each input: by position, by keyword, or its default."""
        names = [p.get("keyword") for p in self._given]
        listed = ", ".join(name or "?" for name in names)
        if len(values) > len(names) or not set(keywords) <= set(names[len(values):]):
            raise TypeError(f"{self.__name__} takes ({listed}); given {len(values)} values"
                            f"{''.join(f', {name}=' for name in keywords)}")
        placed = list(values)
        for param, name in list(zip(self._given, names, strict=True))[len(values):]:
            if name not in keywords and "default" not in param:
                raise TypeError(f"{self.__name__} takes ({listed}); {name or 'one'} is missing")
            placed.append(keywords[name] if name in keywords else _stored(param["default"]))
        return placed

    def _called(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        while True:
            found = self._attempt([*arrays, *(np.array(n, np.int64) for n in self._bounds)])
            if found is not None:
                return found

    def _attempt(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """The outputs; None where a size that was guessed was too small, and is larger now."""
        slots = [n for array in arrays for n in (array.ctypes.data, *array.shape)]
        n_inputs, ranks = len(slots), [len(p["shape"]) for p in self._outputs]
        at = n_inputs + sum(1 + rank for rank in ranks)
        table = (ctypes.c_int64 * (at + 2 + _N_INFO))(*slots)
        if not self._succeeds(self._query(table), table[-_N_INFO:]):
            return None
        results, place = [], n_inputs
        for param, rank in zip(self._outputs, ranks, strict=True):
            results.append(np.empty(table[place + 1 : place + 1 + rank], param["dtype"]))
            table[place] = results[-1].ctypes.data
            place += 1 + rank
        room = np.empty(table[at + 1] + 64, np.uint8)
        table[at] = -(-room.ctypes.data // 64) * 64
        if not self._succeeds(self._run(table), table[-_N_INFO:]):
            return None
        return _filled(results, table[n_inputs:at])

    def _succeeds(self, status: int, info: Sequence[int]) -> bool:
        """Whether a call went well; the check's error where it did not, unless another guess helps."""
        if status == 0:
            return True
        check = next(c for c in self._row["checks"] if c["code"] == status)
        if check["error"] == "BoundExceeded":
            self._bounds[info[1]] = max(info[0], 2 * self._bounds[info[1]])
            return False
        error = getattr(builtins, check["error"], RuntimeError)(_with_numbers(check["message"], info))
        place = check["place"] if check["place"] not in check["message"] else ""
        for note in (place and f"written at {place}", check["step"]):
            if note and hasattr(error, "add_note"):  # Python 3.10 has no notes
                error.add_note(_with_numbers(note, info))
        raise error

    def _arranged(self, results: list[np.ndarray]) -> Any:
        kind = self._row["gives"]
        if kind == "dict":
            return {p["key"]: r for p, r in zip(self._outputs, results, strict=False)}
        return None if kind == "none" else results[0] if kind == "one" else results

    def __repr__(self) -> str:
        return f"<function {self.__name__}({', '.join(p.get('keyword') or '?' for p in self._given)}) by scancc>"


def _with_numbers(text: str, info: Sequence[int]) -> str:
    for n, value in enumerate(info):
        text = text.replace(f"{{{n}}}", str(value))
    return text


class _Printed(ctypes.Structure):
    """A value that Print shows, as the header has it."""

    _fields_ = (("text", ctypes.c_char_p), ("name", ctypes.c_char_p), ("attributes", ctypes.c_char_p),
                ("dtype", ctypes.c_char_p), ("rank", ctypes.c_int64), ("dims", ctypes.POINTER(ctypes.c_int64)),
                ("data", ctypes.c_void_p), ("depth", ctypes.c_int64), ("steps", ctypes.POINTER(ctypes.c_int64)),
                ("scans", ctypes.POINTER(ctypes.c_char_p)))


_PRINT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.POINTER(_Printed))


class _Printing(ctypes.Structure):
    """Who gets what Print shows, as the header has it."""

    _fields_ = (("print", _PRINT), ("user", ctypes.c_void_p))


def _print(_user: Any, given: Any) -> None:
    value = given.contents
    shape, dtype = value.dims[:value.rank], np.dtype(value.dtype.decode())
    data = ctypes.string_at(value.data, math.prod(shape) * dtype.itemsize) if value.data else b""
    array = np.frombuffer(data, dtype).reshape(shape)[()]
    steps = [f"in step {value.steps[n]} of {value.scans[n].decode()}" for n in reversed(range(value.depth))]
    for name in value.attributes.decode().split():
        found = getattr(array, name)
        print(value.text.decode(), name, "=", found() if callable(found) else found,
              *([f"({', '.join(steps)})"] if steps else []))


_printing = _Printing(_PRINT(_print), None)


def _check_processor(missing: Any, requires: Sequence[str], name: str) -> None:
    missing.restype = ctypes.c_uint64
    lacking = [word for n, word in enumerate(requires) if missing() >> n & 1]
    if lacking:
        raise ImportError(f"{name} is compiled for features that this processor lacks: {', '.join(lacking)}")


_shared: dict[int, list[np.ndarray]] = {}  # the values of variables that several functions have
_lock = threading.RLock()  # who may change them


def _cell(row: Mapping[str, Any]) -> list[np.ndarray]:
    """A list with the value of a variable."""
    value = [_stored(row["initial"])]
    return _shared.setdefault(row["shared"], value) if "shared" in row else value


def _stored(row: Mapping[str, Any]) -> np.ndarray:
    """An array of the manifest."""
    dtype = np.dtype(row["dtype"])
    return np.frombuffer(base64.b64decode(row["data"]), dtype.newbyteorder("<")).reshape(row["shape"]).astype(dtype)


def _converted(param: Mapping[str, Any], value: object) -> np.ndarray:
    """`value` as an array that the code reads in place."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{param['name']} is a masked array, and code knows no masks; pass value.filled(0)")
    array, wanted = np.asarray(value), np.dtype(param["dtype"])
    if array.dtype != wanted and (param.get("strict") or not _loses_nothing(array, wanted, value)):
        raise TypeError(f"{param['name']} takes {wanted}, and what was given ({array.dtype}) is not it"
                        f"{'' if param.get('strict') else ' without loss'}; pass np.asarray(value, {str(wanted)!r})")
    shape = tuple(param["shape"])
    if array.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, array.shape, strict=True)):
        raise TypeError(f"{param['name']} takes an array of shape {shape}; given {array.shape}")
    return np.require(array, wanted, ("C", "A"))


def _loses_nothing(array: np.ndarray, wanted: np.dtype[Any], value: object) -> bool:
    if array.dtype.kind not in "biufc" or np.can_cast(array.dtype, wanted, "safe"):
        return array.dtype.kind in "biufc"
    if isinstance(value, np.ndarray):
        return False
    with np.errstate(all="ignore"):
        cast = array.astype(wanted) if array.dtype.kind != "c" or wanted.kind == "c" else None
    is_rounded = isinstance(value, float) and wanted.kind in "fc"  # as NumPy takes Python's floats
    return cast is not None and (is_rounded or bool(np.all(cast == array)))


def _filled(results: list[np.ndarray], dims: Sequence[int]) -> list[np.ndarray]:
    """Outputs cut to what the code says that it filled."""
    found, at = [], 0
    for result in results:
        shape = tuple(dims[at + 1 : at + 1 + result.ndim])
        found.append(result.reshape(-1)[: math.prod(shape)].reshape(shape))
        at += 1 + result.ndim
    return found
