"""Times the C entry of an artefact: NAME_call on a struct that is filled once, so that nothing else is measured.

Inputs are given, or made from lengths by name: numbers of a normal distribution, whole ones below `integers` (10).
"""

from __future__ import annotations

import ctypes
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np

from scancc.calling import array_from_json
from scancc.codegen.exports.export import export
from scancc.errors import ScanccError
from scancc.late_dataclasses import dataclass
from scancc.runtime import images, objects
from scancc.runtime.processor import check_features, check_machine

_INTEGERS = "integers"
_C_TYPES = {"double": ctypes.c_double, "float": ctypes.c_float} | {
    f"{sign}int{bits}_t": getattr(ctypes, f"c_{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)}


class BenchError(ScanccError, ValueError):
    """An artefact that cannot be timed with these inputs."""


def entry_of_file(path: str, name: str = "") -> Entry:
    """The entry `name` (the only one) of a `.so`, `.a` or `.o`, or of what a `.json` describes."""
    path = _code_of(path) if path.endswith(".json") else path
    data = Path(path).read_bytes()
    found: dict[str, Entry] = {}
    for code in [data] if path.endswith(".so") else objects.members(data):
        for manifest in objects.manifests(code):
            check_machine(manifest["target"], path)
            library: Any = ctypes.CDLL(str(Path(path).resolve())) if path.endswith(".so") else images.load(code)
            for row in manifest["functions"]:
                found[row["name"]] = entry = Entry(row, library)
                check_features(entry.address(row["missing"]), manifest["target"]["requires"], path)
    if name not in found and (name or len(found) != 1):
        raise BenchError(f"{path} has the functions {', '.join(found) or 'none'}; name one, as {path}:NAME")
    return found[name] if name else next(iter(found.values()))


def _code_of(manifest: str) -> str:
    """The library, archive or object of a set that a manifest describes."""
    try:
        files = json.loads(Path(manifest).read_bytes())["files"]
    except (ValueError, KeyError, TypeError):
        raise BenchError(f"{manifest} is no manifest of scancc; give a .json, .so, .a or .o of an export") from None
    found = [name for kind in (".so", ".a", ".o") for name in files if name.endswith(kind)]
    if not found:
        raise BenchError(f"{manifest} describes no library, archive or object; export one of them, too")
    return str(Path(manifest).with_name(found[0]))


def entry_of_function(function: Any) -> Entry:
    """The entry of a function of Python's, exported for this machine."""
    with tempfile.TemporaryDirectory(prefix="scancc-bench-") as folder:
        (file,) = export(function, Path(folder, "timed"), emit="o").files
        return entry_of_file(str(file))


@dataclass
class Entry:
    """A function in loaded code; `row`: what its manifest says."""

    row: Mapping[str, Any]
    library: Any

    def function(self, name: str, *types: Any, gives: Any = ctypes.c_int32) -> Callable[..., Any]:
        return ctypes.CFUNCTYPE(gives, *types)(self.address(name))

    def address(self, name: str) -> int:
        if isinstance(self.library, images.Library):
            return self.library.address(name)
        return ctypes.cast(getattr(self.library, name), ctypes.c_void_p).value or 0

    def ready(self, args: Sequence[Any], kwargs: Mapping[str, Any], lengths: Mapping[str, int]) -> Call:
        """A call with these inputs, and what they leave out made with these lengths."""
        return Call(self, _values(self.row, args, kwargs, dict(lengths)))


class Call:
    """A filled struct, whose memory it keeps, and the functions that take it."""

    def __init__(self, entry: Entry, values: Sequence[np.ndarray]) -> None:
        self.entry, self.values, self.outputs = entry, list(values), list[np.ndarray]()
        short = entry.row["short"]
        self._members = short["members"]
        kind = type("Arguments", (ctypes.Structure,), {"_fields_": [(m["name"], _c_type(m)) for m in self._members]})
        self.struct: Any = kind()
        self._query, self._call = (entry.function(short[k], ctypes.c_void_p) for k in ("query", "entry"))
        self._address = ctypes.addressof(self.struct)
        self._fill()
        self._checked(self._query)
        self._place()
        self._checked(self._call)

    def __call__(self) -> None:
        self._call(self._address)

    def _fill(self) -> None:
        for member in self._members:
            role, index, name = member["role"], member["index"], member["name"]
            if role == "value":
                value = self.values[index]
                setattr(self.struct, name, (value.view(np.uint16) if value.dtype == np.float16 else value).item())
            elif role == "data":
                setattr(self.struct, name, self.values[index].ctypes.data)
            elif role == "dim":
                setattr(self.struct, name, self.values[index].shape[member["axis"]])

    def _place(self) -> None:
        """Memory for outputs and the workspace."""
        for index, param in enumerate(self.entry.row["outputs"]):
            shape = list(param["shape"])
            for member in self._members:
                if member["role"] == "size" and member["index"] == index:
                    shape[member["axis"]] = getattr(self.struct, member["name"])
            self.outputs.append(np.zeros(shape, param["dtype"]))
            name = next(m["name"] for m in self._members if (m["role"], m["index"]) == ("out", index))
            setattr(self.struct, name, self.outputs[index].ctypes.data)
        self._checked(self._query)
        self._workspace = np.zeros(max(self.struct.workspace_nbytes, 1), np.uint8)
        self.struct.workspace = self._workspace.ctypes.data

    def _checked(self, function: Callable[[int], int]) -> None:
        if (status := function(self._address)) != 0:
            room = ctypes.create_string_buffer(4096)
            error = self.entry.function(self.entry.row["flat"]["error"], ctypes.c_int32, ctypes.c_void_p,
                                        ctypes.c_char_p, ctypes.c_int64, gives=ctypes.c_int64)
            error(status, ctypes.addressof(self.struct.values), room, 4096)
            raise BenchError(f"{self.entry.row['name']}: {room.value.decode()}")

    def seconds(self, blocks: int, min_time_s: float = 0.02) -> tuple[list[float], int]:
        """The time of a call in each block, and how many calls a block has."""
        start = time.perf_counter()
        self()
        repeats = max(1, int(min_time_s / max(time.perf_counter() - start, 1e-8)))
        found = []
        call, address = self._call, self._address
        for _ in range(blocks):
            start = time.perf_counter()
            for _ in range(repeats):
                call(address)
            found.append((time.perf_counter() - start) / repeats)
        return found, repeats


def _c_type(member: Mapping[str, Any]) -> Any:
    kind = ctypes.c_void_p if member["type"].endswith("*") else _C_TYPES[member["type"]]
    return kind * member["count"] if "count" in member else kind


def _values(row: Mapping[str, Any], args: Sequence[Any], kwargs: Mapping[str, Any],
            lengths: dict[str, int]) -> list[np.ndarray]:
    """An array for each input: given, its default or state, or made."""
    axes = {(a["index"], a["axis"]): a["name"] for a in row["flat"]["arguments"] if a["role"] == "dim"}
    random, found = np.random.default_rng(0), []
    _check_given(row, args, kwargs)
    _check_lengths(row, axes, lengths)
    for index, param in enumerate(row["inputs"]):
        keyword = _keyword(param)
        if index < len(args) or keyword in kwargs:
            found.append(_given(param, args[index] if index < len(args) else kwargs[keyword]))
        elif "initial" in param or "default" in param:
            value = array_from_json(param.get("initial") or param["default"])
            found.append(np.ascontiguousarray(value).reshape(value.shape))
        else:
            found.append(_made(param, index, axes, lengths, random))
    return found


def _keyword(param: Mapping[str, Any]) -> str:
    return str(param.get("keyword") or param["name"])


def _check_given(row: Mapping[str, Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    n_given = sum("initial" not in p and not p.get("is_bound") for p in row["inputs"])
    if len(args) > n_given:
        raise BenchError(f"{row['name']} takes {n_given} inputs; given {len(args)}")
    unknown = set(kwargs) - set(map(_keyword, row["inputs"]))
    if unknown:
        raise BenchError(f"{row['name']} has no input {', '.join(sorted(unknown))}")


def _check_lengths(row: Mapping[str, Any], axes: Mapping[tuple[int, int], str], lengths: Mapping[str, int]) -> None:
    known = {axes.get((index, axis), f"{param['name']}_n{axis}"): None for index, param in enumerate(row["inputs"])
             for axis, length in enumerate(param["shape"]) if length is None}
    known |= dict.fromkeys(param["name"] for param in row["inputs"] if not param["shape"])
    if unknown := set(lengths) - {*known, "n", _INTEGERS}:
        raise BenchError(f"--dims names {', '.join(sorted(unknown))}, which is no length and no number of "
                         f"{row['name']}; there are {', '.join(known)}, n for all lengths that are not named, and "
                         f"{_INTEGERS}, below which whole numbers of arrays are")


def _given(param: Mapping[str, Any], given: Any) -> np.ndarray:
    value, rank = np.asarray(given), len(param["shape"])
    is_number = isinstance(given, int | float | list)  # whose type is Python's: the value counts
    lost = is_number and not np.array_equal(value.astype(param["dtype"]), value, equal_nan=value.dtype.kind in "fc")
    fits = np.can_cast(value.dtype, param["dtype"], "same_kind") or is_number and not lost
    if not fits or value.ndim != rank:
        raise BenchError(f"the input {_keyword(param)} takes {param['dtype']} of rank {rank}; given {value.dtype} of "
                         f"rank {value.ndim}")
    return np.ascontiguousarray(value, param["dtype"]).reshape(value.shape)


def _number(param: Mapping[str, Any], value: int) -> np.ndarray:
    dtype = np.dtype(param["dtype"])
    if dtype.kind in "iu" and value > np.iinfo(dtype).max:
        raise BenchError(f"--dims gives {param['name']}={value}, which {dtype} has no place for")
    return np.asarray(value, dtype)


def _made(param: Mapping[str, Any], index: int, axes: Mapping[tuple[int, int], str], lengths: Mapping[str, int],
          random: np.random.Generator) -> np.ndarray:
    """An input of lengths by the names that C has for them; `n` is that of all others."""
    if not param["shape"] and param["name"] in lengths:
        return _number(param, lengths[param["name"]])
    shape = []
    for axis, known in enumerate(param["shape"]):
        name = axes.get((index, axis), f"{param['name']}_n{axis}")
        length = known if known is not None else lengths.get(name, lengths.get("n"))
        if length is None:
            raise BenchError(f"nothing says how long {name} is; give --dims {name}=1000, or n=1000 for all that is "
                             "not named, or the input itself")
        shape.append(length)
    if not shape and not lengths:
        raise BenchError(f"the input {param['name']} is not given; give its value, or --dims {param['name']}=10")
    kind = np.dtype(param["dtype"]).kind
    try:
        below = 2 if kind == "b" else max(lengths.get(_INTEGERS, 10), 1)
        values = random.normal(size=shape) if kind in "fc" else random.integers(0, below, shape)
        return np.asarray(values).astype(param["dtype"])
    except (MemoryError, ValueError, OverflowError):
        raise BenchError(f"there is no room here for {param['name']} of shape {tuple(shape)}; give smaller --dims"
                         ) from None


def statistics(times: Sequence[float], repeats: int) -> dict[str, float]:
    """Of the time of a call, in seconds."""
    ordered = sorted(times)
    return {"min": ordered[0], "median": median(ordered), "mean": mean(ordered), "max": ordered[-1],
            "stdev": stdev(ordered) if len(ordered) > 1 else 0.0, "blocks": len(ordered), "calls_per_block": repeats}
