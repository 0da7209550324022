"""A function of numbers as an address that C calls: `double f(double, ...)`, or `double f(int n, double *xs)`.

    double f(double x, double y) {
      int64_t slots[...] = {&x, &y, &result, ...};     // artifact.py
      if (query(slots) || run(slots)) return NAN;      // the workspace, which query tells, is on the stack
      return result;
    }

So `scipy.LowLevelCallable`, Numba and ctypes call native code, without Python and its lock in between.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from scancc.artifact import N_INFO_SLOTS, WORKSPACE_ALIGN_BYTES
from scancc.codegen import cpu as compiler
from scancc.compile import Function
from scancc.errors import UnsupportedError
from scancc.frontend.graph.options import one_of
from scancc.runtime import elf
from scancc.runtime.cpu import Kernel

__all__ = ["pointer"]


def __dir__() -> list[str]:
    return __all__


def pointer(f: Function, form: str = "numbers") -> Any:
    """The native code of `f` as a function of ctypes.

    `form`: 'numbers' is `double f(double, ...)`, 'array' `double f(int n, double *xs)`. UnsupportedError where `f` is
    not of float64 numbers, giving one. Shared variables have the values that they have now. A call that would raise
    gives NaN. The code lives as long as what is returned.

    >>> x, y = T.dscalar("x"), T.dscalar("y")
    >>> from scancc.bridges import native
    >>> native.pointer(sc.function([x, y], x * y + 1))(2.0, 3.0)
    7.0
    """
    one_of("pointer: form", form, ("numbers", "array"))
    kernel = _kernel(f)
    library = elf.load(compiler.compile_for_any(_text(kernel, form)))
    n = len(kernel.inputs)
    takes = [ctypes.c_double] * n if form == "numbers" else [ctypes.c_int, ctypes.POINTER(ctypes.c_double)]
    found = ctypes.CFUNCTYPE(ctypes.c_double, *takes)(library.address("scancc_of_numbers"))
    found.keeps = kernel, library  # type: ignore[attr-defined]
    return found


def _kernel(f: Function) -> Kernel:
    """The code of `f`, whose shared variables are constants."""
    program = f.program
    if program.updates:
        raise UnsupportedError("pointer: the function updates shared variables, which a call by address cannot")
    numbers = [*(i.variable for i in program.inputs), *program.outputs]
    if len(program.outputs) != 1 or any(v.type.shape or v.dtype != "float64" for v in numbers):
        shown = ", ".join(str(v.type) for v in numbers)
        raise UnsupportedError(f"pointer: the function has inputs and outputs ({shown}); an address is of one number "
                               "of float64, made of numbers of float64")
    kernel: Kernel = f.frozen().kernel
    if kernel.guesses:
        raise UnsupportedError("pointer: a size within the function is known only when it runs; give until a bound")
    return kernel


def _text(kernel: Kernel, form: str) -> str:
    """LLVM IR of the function that C calls."""
    n, workspace = len(kernel.inputs), kernel.n_slots - N_INFO_SLOTS - 2
    numbers = form == "numbers"
    takes = ", ".join(f"double %x{i}" for i in range(n)) if numbers else "i32 %n, ptr %xs"
    lines = [f"define double @scancc_of_numbers({takes}) {{",
             f"  %slots = alloca [{kernel.n_slots} x i64], align 8", "  %result = alloca double, align 8"]
    if not numbers:
        lines += [f"  %right = icmp eq i32 %n, {n}", "  br i1 %right, label %go, label %no", "go:"]
    for i in range(n):
        if numbers:
            lines += [f"  %p{i} = alloca double, align 8", f"  store double %x{i}, ptr %p{i}"]
        else:
            lines.append(f"  %p{i} = getelementptr double, ptr %xs, i64 {i}")
        lines += _stored(i, f"%p{i}")
    lines += [*_stored(n, "%result"),
              f"  %queried = call i32 inttoptr (i64 {kernel.query_address} to ptr)(ptr %slots)",
              "  %fits = icmp eq i32 %queried, 0", "  br i1 %fits, label %sized, label %no", "sized:",
              f"  %at = getelementptr i64, ptr %slots, i64 {workspace + 1}", "  %nbytes = load i64, ptr %at",
              f"  %work = alloca i8, i64 %nbytes, align {WORKSPACE_ALIGN_BYTES}", *_stored(workspace, "%work"),
              f"  %status = call i32 inttoptr (i64 {kernel.run_address} to ptr)(ptr %slots)",
              "  %well = icmp eq i32 %status, 0", "  br i1 %well, label %yes, label %no", "yes:",
              "  %y = load double, ptr %result", "  ret double %y", "no:", f"  ret double {_NAN}", "}", ""]
    return "\n".join(lines)


_NAN = "0x" + np.float64(np.nan).tobytes()[::-1].hex().upper()


def _stored(slot: int, pointer: str) -> list[str]:
    return [f"  %slot{slot} = getelementptr i64, ptr %slots, i64 {slot}", f"  store ptr {pointer}, ptr %slot{slot}"]
