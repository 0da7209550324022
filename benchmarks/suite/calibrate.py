"""What this machine can do on one core: clock, latencies, peaks, bandwidths, the cost of a call.

Latencies and throughputs are of C (calibrate.c), by the compiler found first, elementary functions with -ffast-math
where that gives vector code. Without a C compiler there is no calibration, and cells have no bounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suite import c_code

LATENCIES = ("add", "mul", "fma", "div", "sqrt", "min", "exp", "log", "tanh")
THROUGHPUTS = ("div", "sqrt", "exp", "log", "tanh")
KBYTES = (16, 128, 256, 1024, 4096, 16384, 65536, 262144)
SOURCE = Path(__file__).with_name("calibrate.c")
TRIES = 7


def calibrate() -> dict[str, Any]:
    """Seconds by name and float type; `missing` says why there is nothing."""
    if not c_code.compilers():
        return {"missing": "no C compiler found"}
    made: dict[str, Any] = {"clock_hz": _clock(), "call_s": _calls(), "bandwidth": _bandwidths()}
    for dtype in ("float64", "float32"):
        made[dtype] = {"latency_s": _latencies(dtype), "throughput_s": _throughputs(dtype),
                       "peak_flops": _peak(dtype)}
    return made


def best_s(call: Callable[[], Any]) -> float:
    """The least of a few tries: other work on the machine only adds."""
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _library(dtype: str, fast: bool = False) -> Any:
    compiler = c_code.compilers()[1 if fast else 0]
    return c_code.library(SOURCE.read_text(), dtype, compiler)


def _seconds(library: Any, name: str, arguments: list[Any], dtype: str, n: int) -> float:
    return best_s(c_code.bound_call(getattr(library, name), arguments, dtype)) / n


def _clock() -> float:
    n = 1_600_000
    return 1 / _seconds(_library("float64"), "chain_clock", [n, 1.0, 1.0], "float64", n)


def _latencies(dtype: str) -> dict[str, float]:
    n, library = 100_000, _library(dtype)
    return {name: _seconds(library, f"chain_{name}", [n, 0.9, 1.0001], dtype, n) for name in LATENCIES}


def _throughputs(dtype: str) -> dict[str, float]:
    """Seconds an element, of arrays in the innermost cache, the faster of strict and fast-math code."""
    m, n = 1024, 50
    x = np.linspace(0.1, 2, m).astype(dtype)
    return {name: min(_seconds(_library(dtype, fast), f"each_{name}", [x, np.empty_like(x), m, n], dtype, m * n)
                      for fast in (False, True)) for name in THROUGHPUTS}


def _peak(dtype: str) -> float:
    """Floating-point operations a second, a multiply-add counted as two."""
    n, library = 200_000, _library(dtype)
    lanes = _vector_bytes() // np.dtype(dtype).itemsize
    return 2 * 12 * lanes / _seconds(library, "peak_fma", [n, 1e-3, 0.5], dtype, n)


def _vector_bytes() -> int:
    flags = c_code.cpu_flags().split()
    return 64 if "avx512f" in flags else 32 if "avx" in flags else 16


def _bandwidths() -> list[dict[str, float]]:
    """Bytes a second by the size of all that is touched: reading, copying (both arrays counted), filling."""
    library, rows = _library("float64"), []
    for kbytes in KBYTES:
        m, n = kbytes * 128, max(1, 65536 // kbytes)
        x, half = np.ones(m), m // 2
        rows.append({"kbytes": kbytes, **{
            name: 8 * m * n / _seconds(library, f"{name}_all", [*arguments, n], "float64", 1)
            for name, arguments in (("read", [x, m]), ("copy", [x[:half], x[half:], half]), ("fill", [x, m]))}})
    return rows


def _calls() -> dict[str, float]:
    """What an empty function costs from Python, in C and in Python."""
    empty = c_code.bound_call(_library("float64").nothing, [], "float64")

    def many(call: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(10_000):
                call()
        return run
    return {"C by ctypes": best_s(many(empty)) / 10_000, "Python": best_s(many(lambda: None)) / 10_000}
