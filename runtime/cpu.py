"""Calls native code through ctypes: works on every CPython, and checks everything.

`fastcall` makes a faster caller of the same kernel.
"""

from __future__ import annotations

import builtins
import ctypes
import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import numpy as np

from scancc import errors
from scancc.artifact import (
    ABI_VERSION,
    INTERRUPTED,
    MOST_ELEMENTS,
    N_INFO_SLOTS,
    Artifact,
    Check,
    Param,
    n_slots,
    too_large,
)
from scancc.errors import BoundExceeded, InternalError, NotFinite, UnsupportedError
from scancc.later import loaded_later
from scancc.process import kept_property
from scancc.runtime import images, interrupts

if TYPE_CHECKING:
    from scancc.runtime import arguments, buffer, elf
    from scancc.runtime import outputs as arrays_given
    from scancc.runtime.arguments import Array
    from scancc.runtime.buffer import WorkspacePool
    from scancc.runtime.outputs import Given
else:  # for calls that the fast caller does not make, and code that is not linked
    arguments, buffer, elf, arrays_given = map(loaded_later, (
        "scancc.runtime.arguments", "scancc.runtime.buffer", "scancc.runtime.elf", "scancc.runtime.outputs"))

_Slots: TypeAlias = "ctypes.Array[ctypes.c_int64]"
FIRST_GUESS = 16  # of a size that a program computes

_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class Kernel:
    """A compiled function: `kernel(*arrays)` returns the list of its outputs, new arrays each time.

    Many threads may call it at once; the GIL is released while native code runs. Sizes that only running
    the program tells are guessed, and where a guess was too small the call starts again.
    """

    def __init__(self, artifact: Artifact) -> None:
        if artifact.target != "cpu":
            raise UnsupportedError(f"{artifact.name!r} is code for {artifact.target!r}; this runs CPU code")
        check_abi(artifact.abi_version, artifact.name)
        libraries: tuple[images.Library, ...] = ()
        for code in artifact.libraries:
            libraries += (_shared(code, libraries),)
        query = images.load(artifact.query_code) if artifact.query_code else None
        library = images.load(artifact.code, libraries if query is None else (*libraries, query))
        self._set(
            artifact.name,
            (artifact.inputs, artifact.outputs, artifact.checks),
            (library.address(artifact.run_symbol), (query or library).address(artifact.query_symbol)),
            library,
        )

    @property
    def guesses(self) -> bool:
        """Whether a call may have to start again."""
        return bool(self._bounds)

    @property
    def bounds(self) -> list[int]:
        """What the next call guesses of sizes that only running the program tells."""
        return list(self._bounds)

    @classmethod
    def at(
        cls,
        name: str,
        signature: tuple[tuple[Param, ...], tuple[Param, ...], tuple[Check, ...]],
        addresses: tuple[int, int],
        library: object,
    ) -> Kernel:
        """A kernel over code that is loaded already: run and query `addresses`, kept alive by `library`."""
        kernel = cls.__new__(cls)
        kernel._set(name, signature, addresses, library)
        return kernel

    def _set(
        self,
        name: str,
        signature: tuple[tuple[Param, ...], tuple[Param, ...], tuple[Check, ...]],
        addresses: tuple[int, int],
        library: object,
    ) -> None:
        self.name = name
        inputs, self.outputs, self.checks = signature
        self.inputs = tuple(p for p in inputs if not p.is_bound)
        self._bounds = [FIRST_GUESS] * (len(inputs) - len(self.inputs))
        self.run_address, self.query_address = addresses
        self.library = library
        self._run, self._query = _ENTRY(self.run_address), _ENTRY(self.query_address)
        self.n_slots = n_slots(inputs, self.outputs)
        self._slots = ctypes.c_int64 * self.n_slots

    @kept_property
    def _pool(self) -> WorkspacePool:
        return buffer.WorkspacePool()

    def __call__(self, *values: object, out: Given | None = None) -> list[Array]:
        """`out`: the arrays to give the outputs in, as `outputs.spread` gives them."""
        arrays = self.pack(values)
        given = out or [None] * len(self.outputs)
        longest = max((n for array in given if array is not None for n in array.shape), default=0)
        while True:
            bounds = [max(bound, longest) for bound in self._bounds]
            try:
                return self._attempt([*arrays, *(np.array(n, np.int64) for n in bounds)], given)
            except BoundExceeded as short:
                needed, number = short.info[:2]
                if needed > MOST_ELEMENTS:
                    raise MemoryError(too_large(self.name, [needed])) from None
                self._bounds[number] = max(needed, bounds[number] * 3 // 2, self._bounds[number])

    def _attempt(self, arrays: list[Array], given: Given) -> list[Array]:
        input_slots: list[int] = []
        for array in arrays:
            input_slots += (array.ctypes.data, *array.shape)
        slots = self._slots(*input_slots)
        address = ctypes.addressof(slots)
        self._require(self._query(address), slots)
        outputs = self._allocate(slots, len(input_slots), given, arrays)
        most = [array.shape for array in outputs]
        workspace = self.n_slots - N_INFO_SLOTS - 2
        with self._pool.lend(slots[workspace + 1]) as slots[workspace]:
            self._require(self._run(address), slots)
        trimmed = self._trimmed(outputs, slots, len(input_slots))
        return list(map(arrays_given.stored, given, self.outputs, trimmed, most))

    def pack(self, values: Sequence[object]) -> list[Array]:
        """The arrays that native code takes for `values`; TypeError or ValueError says what does not fit."""
        if len(values) != len(self.inputs):
            names = ", ".join(p.name for p in self.inputs) or "none"
            raise TypeError(f"{self.name} takes {len(self.inputs)} inputs ({names}); given {len(values)}")
        return [arguments.pack(p, v, i) for i, (p, v) in enumerate(zip(self.inputs, values, strict=True))]

    def _allocate(self, slots: _Slots, at: int, given: Given, arrays: list[Array]) -> list[Array]:
        outputs: list[Array] = []
        for param, there in zip(self.outputs, given, strict=True):
            array = arrays_given.array_for(there, param, slots[at + 1 : at + param.n_slots], [*arrays, *outputs])
            slots[at] = array.ctypes.data
            at += param.n_slots
            outputs.append(array)
        return outputs

    def _trimmed(self, outputs: list[Array], slots: _Slots, at: int) -> list[Array]:
        """The part of each output that was filled: all, unless a loop ended early or found fewer elements."""
        for index, param in enumerate(self.outputs):
            shape = tuple(slots[at + 1 : at + param.n_slots])
            if shape != outputs[index].shape:
                outputs[index] = outputs[index].reshape(-1)[: math.prod(shape)].reshape(shape)
            at += param.n_slots
        return outputs

    def _require(self, status: int, slots: _Slots) -> None:
        if status != 0:
            self.fail(status, *slots[-N_INFO_SLOTS:])

    def fail(self, status: int, *info: int) -> NoReturn:
        """Raise the error of the check with code `status`, or what a signal's handler raised."""
        if status == INTERRUPTED:
            interrupts.raise_again()
        for check in self.checks:
            if check.code == status:
                error = _error_type(check.error)(_filled(check.message, info))
                if isinstance(error, BoundExceeded | NotFinite):
                    error.info = info
                for note in check.notes():
                    error.add_note(_filled(note, info))
                raise error
        raise InternalError(f"{self.name} returned status {status}, which is none of its checks; info {info}")


def linked(artifact: Artifact) -> Artifact:
    """The artifact with images in place of its objects, which are linked once, and not by each process."""
    query = [artifact.query_code] if artifact.query_code else []
    *called, code = elf.linked([*artifact.libraries, *query, artifact.code])
    return replace(artifact, code=code, libraries=tuple(called[: len(artifact.libraries)]),
                   query_code=called[-1] if query else b"")


@cache
def _shared(code: bytes, libraries: tuple[images.Library, ...]) -> images.Library:
    """Code that many kernels call: it is loaded once."""
    return images.load(code, libraries)


def _filled(message: str, info: tuple[int, ...]) -> str:
    # Not str.format: a message may quote the user's names, with braces in them.
    for index, value in enumerate(info):
        message = message.replace(f"{{{index}}}", str(value))
    return message


def _error_type(name: str) -> type[Exception]:
    found = getattr(builtins, name, None) or getattr(errors, name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else ValueError


def check_abi(version: int, name: str) -> None:
    if version != ABI_VERSION:
        raise UnsupportedError(
            f"{name!r} is compiled for version {version} of the calling convention; this scancc has "
            f"version {ABI_VERSION}; compile it again with this one"
        )
