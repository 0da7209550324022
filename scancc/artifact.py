"""What the compiler hands to the runtime: code, its signature, and how to call it.

The packed ABI of the code, `int32_t RUN(int64_t *a)` and `int32_t QUERY(int64_t *a)`, takes one array of
64-bit slots:

- an input or output of rank r > 0: data pointer, then its r dimensions; C-contiguous, aligned;
- an input or output of rank 0: pointer to its one element;
- then the workspace's pointer and size in bytes (the pointer is 64-byte aligned);
- then 4 info slots.

QUERY writes the outputs' dimensions and the workspace's size. RUN writes the dimensions that it filled,
smaller in axis 0 where a loop ended early. Both return 0, or the code of the `Check` that failed, whose
message is filled from the info slots.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

ABI_VERSION = 1
WORKSPACE_ALIGN_BYTES = 64
N_INFO_SLOTS = 4

_MAGIC = b"scancc artifact\n"
_LENGTHS = struct.Struct("<QQ")


@dataclass(frozen=True)
class Param:
    """One input or output; `dtype` is NumPy's name, a dimension known only at run time is None."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def n_slots(self) -> int:
        return 1 + len(self.shape)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.shape)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Param:
        shape = tuple(_dimension(d) for d in _field(data, "shape", list))
        return cls(_field(data, "name", str), _field(data, "dtype", str), shape)


@dataclass(frozen=True)
class Check:
    """A check that emitted code makes at run time.

    `error` names the built-in exception to raise; `message` may hold `{0}` to `{3}`, the info slots.
    """

    code: int
    error: str
    message: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Check:
        return cls(_field(data, "code", int), _field(data, "error", str), _field(data, "message", str))


@dataclass(frozen=True)
class Artifact:
    """Compiled code of one function: an ELF relocatable object ("cpu") or PTX text ("ptx")."""

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

    @property
    def n_slots(self) -> int:
        return n_slots(self.inputs, self.outputs)

    def to_bytes(self) -> bytes:
        fields = {name: getattr(self, name) for name in _TEXT_FIELDS}
        fields["abi_version"] = self.abi_version
        for name in ("inputs", "outputs", "checks"):
            fields[name] = [item.to_json() for item in getattr(self, name)]
        header = json.dumps(fields).encode()
        return _MAGIC + _LENGTHS.pack(len(header), len(self.code)) + header + self.code

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
        return cls(
            **{name: _field(fields, name, str) for name in _TEXT_FIELDS},
            code=data[start + n_header :],
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


def _dimension(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or value < 0):
        raise ValueError(f"a dimension is {value!r}; it must be a number of elements, or null")
    return value
