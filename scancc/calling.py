"""How a function is called beside its arrays: keywords, defaults, names of outputs, and state from call to call.

The manifest of a library says it, so that a loaded function is called as the compiled one was.
"""

from __future__ import annotations

import binascii
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from scancc.late_dataclasses import dataclass

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[np.generic]"
KINDS = ("one", "list", "dict", "none")


@dataclass(frozen=True)
class State:
    """A shared variable with its value at the export: which input takes it (none where a call only gives it its
    value), and which output is its new value (none where a call leaves it). `variable`: which one it is, in the
    process that exports; `shared`: its number, where several functions of the library have it."""

    name: str
    input: int | None
    output: int | None
    value: Array
    variable: int | None = None
    shared: int | None = None

    def value_fields(self) -> dict[str, Any]:
        """What a manifest says of the value."""
        shared = {} if self.shared is None else {"shared": self.shared}
        return {"initial": array_to_json(self.value), **shared}


@dataclass(frozen=True)
class Calling:
    """`kind`: a call gives 'one' array, a 'list', a 'dict' with `keys`, or 'none'. For each input that a call gives,
    its keyword, its default and, where they are given, whether only arrays of its dtype are taken (`strict`) and
    whether values are converted with loss (`downcast`; None: Python's floats alone); inputs of `states` follow them,
    and outputs that are new values follow the others."""

    kind: str = "list"
    keys: tuple[str, ...] = ()
    keywords: tuple[str | None, ...] = ()
    defaults: tuple[Array | None, ...] = ()
    states: tuple[State, ...] = ()
    strict: tuple[bool, ...] = ()
    downcast: tuple[bool | None, ...] = ()

    def input_fields(self, index: int) -> dict[str, Any]:
        """What a manifest says of an input beside its type."""
        found: dict[str, Any] = {}
        if index < len(self.keywords):
            found["keyword"] = self.keywords[index]
            default = self.defaults[index]
            if default is not None:
                found["default"] = array_to_json(default)
        if index < len(self.strict) and self.strict[index]:
            found["strict"] = True
        if index < len(self.downcast) and self.downcast[index] is not None:
            found["allow_downcast"] = self.downcast[index]
        for state in self.states:
            if state.input == index:
                found |= {"state": state.name, **state.value_fields(), "new_value": state.output}
        return found

    def output_fields(self, index: int) -> dict[str, Any]:
        """What a manifest says of an output beside its type."""
        found: dict[str, Any] = {"key": self.keys[index]} if index < len(self.keys) else {}
        for state in self.states:
            if state.output == index:
                found |= {"state": state.name, "new_value_of": state.input}
                if state.input is None:
                    found |= state.value_fields()
        return found

    @classmethod
    def from_json(cls, kind: str, inputs: Sequence[Mapping[str, Any]],
                  outputs: Sequence[Mapping[str, Any]]) -> Calling:
        """What `input_fields` and `output_fields` wrote; inputs without them are called by their names."""
        if kind not in KINDS:
            raise ValueError(f"a function gives {kind!r}, which is none of {', '.join(KINDS)}")
        given = [row for row in inputs if "initial" not in row and not row.get("is_bound")]
        states = [State(row["state"], n, row["new_value"], array_from_json(row["initial"]), shared=row.get("shared"))
                  for n, row in enumerate(inputs) if "initial" in row]
        states += [State(row["state"], None, n, array_from_json(row["initial"]), shared=row.get("shared"))
                   for n, row in enumerate(outputs) if "initial" in row]
        defaults = (array_from_json(row["default"]) if "default" in row else None for row in given)
        return cls(kind, tuple(row["key"] for row in outputs if "key" in row),
                   tuple(row.get("keyword", row["name"]) for row in given), tuple(defaults), tuple(states),
                   tuple(bool(row.get("strict")) for row in given),
                   tuple(row.get("allow_downcast") for row in given))


def array_to_json(array: Array) -> dict[str, Any]:
    """An array with its bits: row-major, little-endian, in base64."""
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    data = binascii.b2a_base64(little.tobytes(), newline=False).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def array_from_json(data: Mapping[str, Any]) -> Array:
    dtype, shape, raw = np.dtype(data["dtype"]), tuple(map(int, data["shape"])), binascii.a2b_base64(data["data"])
    if dtype.kind not in "biufc" or len(raw) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"an array of {dtype} and shape {shape} has {len(raw)} bytes")
    return np.frombuffer(raw, dtype.newbyteorder("<")).reshape(shape).astype(dtype)
