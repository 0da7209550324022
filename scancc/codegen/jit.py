"""Loads an object by LLVM's own linker, on systems for which `runtime/elf.py` has no loader (macOS, Windows).

Such a library calls whatever the process has, and is loaded whole for each kernel: what `elf` shares between kernels
is here loaded again. Its loops do not ask whether a signal came: Ctrl-C ends a call where it returns.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import InternalError, UnsupportedError
from .binding import binding
from .llvm_access import exclusive
from .target import Target, host, machine_options


class LinkedLibrary:
    """Loaded code. Its memory lives as long as this object does."""

    def __init__(self, code: bytes, libraries: tuple[LinkedLibrary, ...], engine: Any) -> None:
        self.code = code
        self.libraries = libraries
        self._engine = engine

    @exclusive
    def address(self, symbol: str) -> int:
        """Of a function or of data; InternalError where there is none."""
        found = self._engine.get_function_address(symbol) or self._engine.get_global_value_address(symbol)
        if not found:
            raise InternalError(f"the object defines no symbol {symbol!r}")
        return int(found)


@exclusive
def load(code: bytes, libraries: Sequence[LinkedLibrary] = ()) -> LinkedLibrary:
    """Load an object for this machine, which may call `libraries`; UnsupportedError where none can run."""
    if ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        raise UnsupportedError("native code runs on 64-bit little-endian machines; mode='reference' runs on any")
    llvm = binding()
    target = Target(host().triple, "generic")
    machine = llvm.Target.from_triple(target.triple).create_target_machine(**machine_options(target))
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    for part in [*(library.code for library in libraries), code]:
        try:
            engine.add_object_file(llvm.ObjectFileRef.from_data(part))
        except RuntimeError as error:
            raise InternalError(f"the object code is cut or damaged ({error}); compile it again") from None
    engine.finalize_object()
    return LinkedLibrary(code, tuple(libraries), engine)
