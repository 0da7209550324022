"""What the compiler hands to the runtime: code, its signature, and how to call it.

The packed ABI of the code, `int32_t RUN(int64_t *a)` and `int32_t QUERY(int64_t *a)`, takes one array of
64-bit slots:

- an input or output of rank r > 0: data pointer, then its r dimensions; C-contiguous, aligned;
- an input or output of rank 0: pointer to its one element;
- then the workspace's pointer and size in bytes (the pointer is 64-byte aligned);
- then 4 info slots.

The last inputs may be bounds, int64 numbers: sizes that nothing in the program bounds before it runs, which
the caller guesses. Where one is exceeded, a check with the error BOUND_EXCEEDED fails, whose info slots
are the size needed and the bound's number; the caller calls again with a larger one.

QUERY comes first: it writes the outputs' dimensions and the workspace's size, and checks sizes. RUN, called with the
same arguments where it gave 0, does not check them again. RUN writes the dimensions that it filled,
smaller where a loop ended early or found fewer elements. Both return 0, or the code of the `Check` that failed, whose
message is filled from the info slots.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath
from typing import Any

from scancc.late_dataclasses import dataclass

ABI_VERSION = 2
WORKSPACE_ALIGN_BYTES = 64
N_INFO_SLOTS = 4
MOST_ELEMENTS = 2**47  # of an array: no process can address more bytes, and sums of such sizes stay below 2**63
MOST_NBYTES = 16 * MOST_ELEMENTS  # complex numbers
INTERRUPTED = -16  # the status of a run that a signal's handler ended by an exception
POLL_SYMBOL = "scancc.interrupted"  # where code that Python calls finds the function that asks for one, or null
PARALLEL_FOR_SYMBOL = "scancc.parallel_for"  # where code finds who runs the chunks of a loop, or null (chunks.py)
BOUND_EXCEEDED = "BoundExceeded"  # the error of a check that a size stays within a bound that the caller gave

_MAGIC = b"scancc artifact\n"
_LENGTHS = struct.Struct("<QQ")


def can_exist(shape: Iterable[int]) -> bool:
    """Whether an array may have this shape; a length of 0 does not make up for the others, as in NumPy."""
    lengths = [int(n) for n in shape]
    return min(lengths, default=0) >= 0 and math.prod(n or 1 for n in lengths) <= MOST_ELEMENTS


def too_large(what: str, shape: Sequence[object]) -> str:
    """The message of an error about an array that cannot exist."""
    text = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    return f"{what}: an array of shape ({text}) would have more than 2**{MOST_ELEMENTS.bit_length() - 1} elements"


@dataclass(frozen=True)
class Param:
    """One input or output; `dtype` is NumPy's name, a dimension known only at run time is None.

    `is_bound`: an input that the caller guesses (see above), not one of the program's.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]
    is_bound: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def n_slots(self) -> int:
        return 1 + len(self.shape)

    def to_json(self) -> dict[str, Any]:
        bound = {"is_bound": True} if self.is_bound else {}
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape), **bound}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Param:
        shape = tuple(_dimension(d) for d in _field(data, "shape", list))
        return cls(_field(data, "name", str), _field(data, "dtype", str), shape, bool(data.get("is_bound")))


@dataclass(frozen=True)
class Check:
    """A check that emitted code makes at run time.

    `error` names the built-in exception to raise; `message` may hold `{0}` to `{3}`, the info slots.
    `place` is the user's line, FILE:LINE, where it is known; `step`, with info slots, the step of a scan.
    """

    code: int
    error: str
    message: str
    place: str = ""
    step: str = ""

    def text(self) -> str:
        """For C: the error, the user's line without its folder, which may be on another machine, its step."""
        place = f" ({PurePath(self.place).name})" if self._adds_place() else ""
        return f"{self.error}: {self.message}{place}{', ' if self.step else ''}{self.step}"

    def notes(self) -> list[str]:
        """What to add to an error of this check: the user's line, unless the message has it, and the step."""
        line = [f"written at {self.place}"] if self._adds_place() else []
        return [*line, self.step] if self.step else line

    def _adds_place(self) -> bool:
        return bool(self.place) and self.place not in self.message

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Check:
        error, message, place = (_field(data, name, str) for name in ("error", "message", "place"))
        return cls(_field(data, "code", int), error, message, place, str(data.get("step", "")))


@dataclass(frozen=True)
class Launch:
    """One launch of a kernel. Its record in the slots of a call starts at `slot`: the number of blocks,
    then `n_params` parameters, 8 bytes each."""

    kernel: str
    threads: int  # in a block
    slot: int
    n_params: int


@dataclass(frozen=True)
class DeviceCode:
    """What code for a GPU has beside its kernels.

    `host`: an object for the CPU with RUN and QUERY. RUN gets the GPU's pointers for arrays, and instead
    of computing writes the records of the launches behind the info slots. The workspace's first
    `control_nbytes` are zero before the launches; after them they hold a status (0, or the code of a
    `Check`), its four numbers, and values that `reports` names: slot of an output's size, offset in bytes.
    """

    host: bytes
    launches: tuple[Launch, ...]
    reports: tuple[tuple[int, int], ...] = ()
    control_nbytes: int = 0

    @property
    def n_slots(self) -> int:
        """How many slots all records take."""
        return sum(1 + launch.n_params for launch in self.launches)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "host": len(self.host)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], host: bytes) -> DeviceCode:
        launches = [
            Launch(*(_field(item, name, kind) for name, kind in _LAUNCH_FIELDS))
            for item in _field(data, "launches", list)
        ]
        reports = [(_integer(slot), _integer(offset)) for slot, offset in _field(data, "reports", list)]
        return cls(host, tuple(launches), tuple(reports), _field(data, "control_nbytes", int))


_LAUNCH_FIELDS = (("kernel", str), ("threads", int), ("slot", int), ("n_params", int))


@dataclass(frozen=True)
class Artifact:
    """Compiled code of one function: an ELF relocatable object ("cpu"), or PTX text ("ptx") and `device`.

    `libraries`: objects with functions that `code` calls, each after those that it calls in turn; the same ones serve
    other artifacts, too. `query_code`: the object of the query, where `code` does not have it.
    """

    name: str
    target: str
    triple: str
    cpu: str
    features: str
    code: bytes
    run_symbol: str
    query_symbol: str
    inputs: tuple[Param, ...]
    outputs: tuple[Param, ...]
    checks: tuple[Check, ...] = ()
    abi_version: int = ABI_VERSION
    versions: str = ""
    device: DeviceCode | None = None
    libraries: tuple[bytes, ...] = ()
    query_code: bytes = b""

    @property
    def n_slots(self) -> int:
        return n_slots(self.inputs, self.outputs)

    def to_bytes(self) -> bytes:
        fields = {name: getattr(self, name) for name in _TEXT_FIELDS}
        fields["abi_version"] = self.abi_version
        for name in ("inputs", "outputs", "checks"):
            fields[name] = [item.to_json() for item in getattr(self, name)]
        fields["query_code"] = len(self.query_code)
        fields["libraries"] = [len(library) for library in self.libraries]
        payload = b"".join([self.query_code, *self.libraries, self.code])
        if self.device is not None:
            fields["device"] = self.device.to_json()
            payload += self.device.host
        header = json.dumps(fields).encode()
        return _MAGIC + _LENGTHS.pack(len(header), len(payload)) + header + payload

    @classmethod
    def from_bytes(cls, data: bytes) -> Artifact:
        """The artifact that `to_bytes` wrote; ValueError where `data` is anything else."""
        start = len(_MAGIC) + _LENGTHS.size
        if len(data) < start or not data.startswith(_MAGIC):
            raise ValueError("these bytes are no scancc artifact; compile the function again")
        n_header, n_code = _LENGTHS.unpack_from(data, len(_MAGIC))
        if len(data) != start + n_header + n_code:
            raise ValueError(
                f"a scancc artifact of {start + n_header + n_code} bytes was cut or extended to {len(data)}"
            )
        fields = json.loads(data[start : start + n_header])
        lengths = [_field(fields, "query_code", int), *_field(fields, "libraries", list)]
        (query_code, *libraries), code = _parted(data[start + n_header :], lengths)
        device = None
        if isinstance(fields, dict) and "device" in fields:
            table = _field(fields, "device", dict)
            end = len(code) - _part_nbytes(_field(table, "host", int), len(code))
            code, device = code[:end], DeviceCode.from_json(table, code[end:])
        return cls(
            **{name: _field(fields, name, str) for name in _TEXT_FIELDS},
            code=code,
            device=device,
            libraries=tuple(libraries),
            query_code=query_code,
            inputs=tuple(map(Param.from_json, _field(fields, "inputs", list))),
            outputs=tuple(map(Param.from_json, _field(fields, "outputs", list))),
            checks=tuple(map(Check.from_json, _field(fields, "checks", list))),
            abi_version=_field(fields, "abi_version", int),
        )


_TEXT_FIELDS = ("name", "target", "triple", "cpu", "features", "run_symbol", "query_symbol", "versions")


def n_slots(inputs: tuple[Param, ...], outputs: tuple[Param, ...]) -> int:
    """How many 64-bit slots a call of the packed ABI takes."""
    return sum(p.n_slots for p in inputs + outputs) + 2 + N_INFO_SLOTS


def _field(data: Any, name: str, kind: type) -> Any:
    value = data.get(name) if isinstance(data, dict) else None
    if not isinstance(value, kind):
        raise ValueError(f"{name!r} of a scancc artifact is {value!r}; it must be a {kind.__name__}")
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"a scancc artifact has {value!r} where a whole number belongs")
    return value


def _part_nbytes(n_bytes: int, n_all: int) -> int:
    if not 0 <= n_bytes <= n_all:
        raise ValueError(f"a scancc artifact tells of {n_bytes} bytes out of {n_all}")
    return n_bytes


def _parted(data: bytes, lengths: Sequence[object]) -> tuple[tuple[bytes, ...], bytes]:
    """The parts of these lengths at the start of `data`, and what is left."""
    parts = []
    for length in lengths:
        n_bytes = _part_nbytes(_integer(length), len(data))
        parts.append(data[:n_bytes])
        data = data[n_bytes:]
    return tuple(parts), data


def _dimension(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 0):
        raise ValueError(f"a dimension is {value!r}; it must be a number of elements, or null")
    return value
