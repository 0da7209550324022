"""The native code of a program: for all sizes, or first for those small matrices that its first call shows.

Most programs are compiled where they are made, for all sizes. One whose steps have linear algebra of sizes that it
does not say (`small_sizes.py`) is compiled at its first call: where the matrices are small, for the lengths that size
them and for no others, which each call is asked about (the caller in C compares lengths that are known anyway). The
code for all sizes is then compiled when a call has others. Numbers are the same: a sum has its order from its length.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scancc import cached, progress
from scancc.artifact import Artifact
from scancc.config import config
from scancc.frontend.program.program import Program
from scancc.frontend.program.small_sizes import Axis, sizes_in_steps, small_lengths, with_lengths
from scancc.later import loaded_later
from scancc.process import kept_property
from scancc.runtime import fastcall
from scancc.runtime.cpu import Kernel

if TYPE_CHECKING:
    from scancc import signature, stages
    from scancc.codegen import cpu
    from scancc.ir import remarks as said
    from scancc.ir.remarks import Remark
    from scancc.runtime import threads
    from scancc.stages import Compiled
else:
    signature, stages, cpu, said, threads = map(loaded_later, (
        "scancc.signature", "scancc.stages", "scancc.codegen.cpu", "scancc.ir.remarks", "scancc.runtime.threads"))


class Native:
    """Native code of a program, and `call`, the function of its arrays in Python.

    `plain`: no shared variable is updated, and the outputs are one value or a list.
    """

    def __init__(self, program: Program, plain: bool) -> None:
        self.program = program
        with progress.compiling(program.name or "a function") as self.compilation:
            artifact, made = _artifact_of(program)
            with progress.phase("loading"):
                self.kernel = Kernel(artifact)
                fastcall.build(_compile_for_any)
                if program.threads:
                    threads.build(_compile_for_any)
        if made is not None:
            self.__dict__["compiled"] = made
        # A number of steps may make small arrays a long run: then other threads go on meanwhile.
        counted = any(i.variable.ndim == 0 and "int" in i.variable.dtype for i in program.inputs)
        self.call = fastcall.bind(self.kernel, plain and program.layout.kind == "one", counted,
                                  _arguments(program) if plain else None)

    @kept_property
    def compiled(self) -> Compiled:
        """IR, LLVM IR and signature for this machine."""
        return stages.compile_program(self.program)


def _artifact_of(program: Program) -> tuple[Artifact, Compiled | None]:
    """What Python calls, and how it was made if the disk cache did not have it."""
    with progress.phase("cache"):
        entry = cached.entry_of(program)
        found = cached.by_entry(entry) if entry else None
    return stages.artifact_of(program, entry) if found is None else (found, None)


def _compile_for_any(llvm_text: str) -> bytes:
    return cpu.compile_for_any(llvm_text)


def _arguments(program: Program) -> list[fastcall.Argument]:
    given = [fastcall.Argument(i.keyword, converts=not i.strict) for i in program.inputs]
    return [*given, *(fastcall.Argument(held=v.container.storage) for v in program.shared)]


class Versions:
    """The native codes of a program. `first`: what its first call took, where that showed small matrices.

    `later`: nothing is compiled before it is asked for.
    """

    def __init__(self, program: Program, plain: bool, later: bool = False) -> None:
        self.program, self._plain = program, plain
        self._sizes = sizes_in_steps(program) if config.specialise else []
        self._lock = threading.RLock()
        self._lengths: dict[Axis, int] | None = None if self._sizes else {}  # of `first`; None: no call yet
        self.first: Native | None = None
        if not self._sizes and not later:
            self.__dict__["general"] = Native(program, plain)

    @kept_property
    def general(self) -> Native:
        """The code for all sizes."""
        with self._lock:
            return Native(self.program, self._plain)

    @property
    def made(self) -> list[Native]:
        """The codes that are compiled by now."""
        return [native for native in (self.first, self.__dict__.get("general")) if native is not None]

    @property
    def is_open(self) -> bool:
        """Whether a call may need other code than `general`."""
        return self._lengths is None or self.first is not None

    def of(self, arrays: Sequence[np.ndarray]) -> Native:
        """The code for a call with these arrays, compiled if need be."""
        if self._lengths is None:
            with self._lock:
                if self._lengths is None:
                    self._specialise([a.shape for a in arrays])
        lengths = self._lengths or {}
        fits = self.first is not None and all(arrays[i].shape[axis] == n for (i, axis), n in lengths.items())
        return self.first if fits and self.first is not None else self.general

    def prepare(self, arrays: Sequence[np.ndarray] | None) -> None:
        """Compile the code for a call with these arrays; None: that for all sizes."""
        self.general if arrays is None else self.of(arrays)

    def _specialise(self, shapes: Sequence[tuple[int, ...]]) -> None:
        lengths = small_lengths(self._sizes, shapes)
        if lengths:
            try:
                self.first = Native(with_lengths(self.program, lengths), self._plain)
            except (TypeError, ValueError, IndexError):  # the arrays do not fit together: a call says so
                lengths = {}
        self._lengths = lengths

    @property
    def compiled(self) -> Compiled:
        """What the passes made of the program whose code calls run."""
        return self.compiled_for_all if self.first is None else self.first.compiled

    @kept_property
    def compiled_for_all(self) -> Compiled:
        general = self.__dict__.get("general")  # not compiled further than is asked for
        return stages.compile_program(self.program) if general is None else general.compiled

    @property
    def running(self) -> Program:
        """The program whose code calls run: with the lengths of the first one, where it has such."""
        return self.program if self.first is None else self.first.program

    @property
    def remarks(self) -> list[Remark]:
        """That calls of certain lengths run code of their own."""
        if self.first is None:
            return []
        inputs = signature.signature(self.program)[0]
        known = ", ".join(f"{inputs[i].name}_n{axis} = {n}" for (i, axis), n in (self._lengths or {}).items())
        return [said.Remark("specialise", "func.func", None, None, True,
                            f"the first call had small matrices in the steps: calls with {known} run code for these "
                            "sizes, others code for all")]
