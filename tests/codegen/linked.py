"""A flat C entry, loaded and called as C would call it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from scancc.codegen import cpu
from scancc.codegen.exports.entry import Entry
from scancc.codegen.exports.flat import flat_text
from scancc.codegen.target import host
from scancc.runtime import elf


class Linked:
    """A loaded flat entry, called with Python numbers, arrays and pointers."""

    def __init__(self, entry: Entry, text: str) -> None:
        self.entry = entry
        self.library = elf.load(cpu.compile_object(text + flat_text(entry), host()))

    def _function(self, name: str, arguments: Any) -> Any:
        kinds = {"ptr": ctypes.c_void_p, "i64": ctypes.c_int64, "i32": ctypes.c_int32, "i16": ctypes.c_int16,
                 "i8": ctypes.c_int8, "double": ctypes.c_double, "float": ctypes.c_float}
        types = [kinds[a.llvm_type] for a in arguments]
        return ctypes.CFUNCTYPE(ctypes.c_int32, *types)(self.library.address(name))

    def call(self, **values: Any) -> int:
        arguments = self.entry.arguments
        assert [a.name for a in arguments] == list(values)
        return int(self._function(self.entry.name, arguments)(*map(_pointer, values.values())))

    def query(self, *values: Any) -> int:
        name = f"{self.entry.name}_query"
        return int(self._function(name, self.entry.query_arguments)(*map(_pointer, values)))

    def error(self, status: int) -> str:
        write = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int32, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int64)(
            self.library.address(f"{self.entry.name}_error"))
        room = ctypes.create_string_buffer(4096)
        assert write(status, None, room, 4096) == len(room.value)
        return room.value.decode()

    def run(self, inputs: Sequence[np.ndarray], spread: bool = False) -> tuple[int, list[np.ndarray]]:
        """Status and outputs for arrays; `spread` gives every array strides that are not row-major."""
        inputs = [_spread(x) if spread else np.ascontiguousarray(x).reshape(x.shape) for x in inputs]
        given = {(a.role, a.index, a.axis): _input(a, inputs) for a in self.entry.arguments}
        asked = [a for a in self.entry.query_arguments if a.role in ("size", "need_nbytes", "staging_nbytes")]
        answers = {a.name: np.zeros(1, np.int64) for a in asked}
        values = [answers.get(a.name, given.get((a.role, a.index, a.axis))) for a in self.entry.query_arguments]
        status = self.query(*values)
        if status != 0:
            return status, []
        outputs = [self._output(n, answers, spread) for n in range(len(self.entry.outputs))]
        need = sum(int(answers[a.name][0]) for a in asked if a.role != "size")
        workspace, lengths = np.full(need, 0xAB, np.uint8), [[np.full(1, n) for n in o.shape] for o in outputs]
        for a in self.entry.arguments:
            at = a.role, a.index, a.axis
            if a.role == "out":
                given[at] = outputs[a.index]
            elif a.role == "out_stride":
                given[at] = strides(outputs[a.index])[a.axis]
            elif a.role == "length":
                given[at] = lengths[a.index][a.axis]
            elif a.role == "workspace":
                given[at] = workspace
            elif a.role == "workspace_nbytes":
                given[at] = need
        status = self.call(**{a.name: given[a.role, a.index, a.axis] for a in self.entry.arguments})
        cut = [o[tuple(slice(n[0]) for n in filled)] for o, filled in zip(outputs, lengths, strict=True)]
        return status, cut

    def _output(self, index: int, answers: dict[str, np.ndarray], spread: bool) -> np.ndarray:
        param = self.entry.outputs[index]
        shape = list(param.shape)
        for a in self.entry.query_arguments:
            if (a.role, a.index) == ("size", index):
                shape[a.axis] = int(answers[a.name][0])
        array = np.zeros([n or 0 for n in shape], param.dtype)
        return _spread(array) if spread else array


def _pointer(value: Any) -> Any:
    return value.ctypes.data if isinstance(value, np.ndarray) else value


def _input(argument: Any, inputs: Sequence[np.ndarray]) -> Any:
    """What an input's argument is given; None for the arguments of outputs."""
    if argument.role == "value":
        x = inputs[argument.index]
        return x.view("u2").item() if x.dtype == np.float16 else x.item()
    if argument.role == "data":
        return inputs[argument.index]
    if argument.role == "dim":
        return inputs[argument.index].shape[argument.axis]
    if argument.role == "stride":
        return strides(inputs[argument.index])[argument.axis]
    return None


def _spread(array: np.ndarray) -> np.ndarray:
    """The same values, every axis backwards in memory and with a gap, the last axis outermost."""
    if array.ndim == 0:
        return array
    whole = np.zeros([2 * n for n in reversed(array.shape)], array.dtype)
    view = whole[(slice(None, None, -2),) * array.ndim].transpose()
    view[...] = array
    return view


def strides(array: np.ndarray) -> list[int]:
    return [s // array.itemsize for s in array.strides]


def same_bits(found: Sequence[np.ndarray], wanted: Sequence[np.ndarray]) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
