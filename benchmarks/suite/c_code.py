"""C forms of the workloads: compilers that are found, libraries that are kept, calls by ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suite.workload import aligned

NAMES = ("gcc", "clang")
FLAGS = ["-O3", "-march=native"]
FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench" / "c"
PRELUDE = """
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <tgmath.h>

#define R(x) ((REAL)(x))
#define LANES ((long)(VECTOR_BYTES / sizeof(REAL)))
#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
typedef REAL vec __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
typedef INTEGER mask __attribute__((vector_size(VECTOR_BYTES)));    /* what comparing vectors gives */

/* BLAS's own name for a product; a null pointer where there is no BLAS. */
typedef void gemm_t(const char *, const char *, const int *, const int *, const int *, const REAL *,
                    const REAL *, const int *, const REAL *, const int *, const REAL *, REAL *, const int *);

/* c (m, n) = beta * c + a @ b, rows side by side; a is (m, k), or (k, m) where `ta`; b (k, n), or (n, k) by `tb`. */
static inline void product(gemm_t *gemm, int ta, int tb, const REAL *a, const REAL *b, REAL *c, long m, long k,
                           long n, REAL beta) {
    if (gemm && m * n * k > 2000) {
        int M = (int)m, K = (int)k, N = (int)n, lda = ta ? M : K, ldb = tb ? K : N;
        REAL one = 1;
        gemm(tb ? "T" : "N", ta ? "T" : "N", &N, &M, &K, &one, b, &ldb, a, &lda, &beta, c, &N);
        return;
    }
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++) c[i * n + j] = beta == 0 ? 0 : beta * c[i * n + j];
    for (long i = 0; i < m; i++)
        for (long p = 0; p < k; p++) {
            REAL v = ta ? a[p * m + i] : a[i * k + p];
            for (long j = 0; j < n; j++) c[i * n + j] += v * (tb ? b[j * k + p] : b[p * n + j]);
        }
}
"""
TYPES = {"float64": ("double", "int64_t"), "float32": ("float", "int32_t")}  # of floats, and integers as wide


class Blas:
    """Stands in a list of C arguments for the address of a BLAS function of the float type in use."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(frozen=True)
class Compiler:
    """A C compiler; `strict` without -ffast-math, which lets it change sums and forget NaN."""

    name: str
    path: str
    strict: bool

    @property
    def flags(self) -> list[str]:
        return FLAGS if self.strict else [*FLAGS, "-ffast-math"]

    def form(self, entry: str) -> str:
        return " ".join([self.name, entry] + ([] if self.strict else ["fast-math"]))


@cache
def compilers() -> tuple[Compiler, ...]:
    """gcc and clang where installed (or where GCC and CLANG say), else `cc`; each with and without fast-math."""
    found = [(name, os.environ.get(name.upper()) or shutil.which(name)) for name in NAMES]
    paths = [(name, path) for name, path in found if path]
    if not paths and (cc := os.environ.get("CC") or shutil.which("cc")):
        paths = [("cc", cc)]
    return tuple(Compiler(name, path, strict) for name, path in paths for strict in (True, False))


@cache
def version(path: str) -> str:
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]


def with_prelude(source: str, dtype: str) -> str:
    real, integer = TYPES[dtype]
    return f"#define REAL {real}\n#define INTEGER {integer}\n{PRELUDE}\n{source}"


def library(source: str, dtype: str, compiler: Compiler) -> ctypes.CDLL:
    """`source`, compiled for `dtype`; what was built before is used again."""
    text = with_prelude(source, dtype)
    known = "\0".join([text, compiler.path, version(compiler.path), *compiler.flags, cpu_flags()])
    target = FOLDER / hashlib.sha256(known.encode()).hexdigest()[:24]
    if not target.with_suffix(".so").exists():
        _build(text, compiler.path, compiler.flags, target)
    return ctypes.CDLL(str(target.with_suffix(".so")))


def _build(text: str, compiler: str, flags: list[str], target: Path) -> None:
    """In two steps: linking with -ffast-math would make the whole process flush small numbers to 0."""
    target.parent.mkdir(parents=True, exist_ok=True)
    source, built, linked = (target.with_suffix(f".{os.getpid()}{end}") for end in (".c", ".o", ".so"))
    source.write_text(text)
    subprocess.run([compiler, *flags, "-fPIC", "-c", "-o", built, source], check=True)
    subprocess.run([compiler, "-shared", "-o", linked, built, "-lm"], check=True)
    linked.rename(target.with_suffix(".so"))
    source.unlink()
    built.unlink()


@cache
def cpu_flags() -> str:
    """What `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def bound_call(function: Any, arguments: list[Any], dtype: str) -> Callable[[], int]:
    """A call without arguments of the C function on these arrays and numbers, which it keeps alive."""
    real = ctypes.c_double if dtype == "float64" else ctypes.c_float
    converted = [_converted(a, real, dtype) for a in arguments]
    function.argtypes = [type(a) for a in converted]

    def call(function: Any = function, converted: list[Any] = converted, keep: Any = arguments) -> int:
        return int(function(*converted))
    return call


def in_aligned_memory(arguments: list[Any], outputs: Any) -> tuple[list[Any], Any]:
    """The arrays of a call, and outputs that are some of them or parts of them, where `aligned` puts them."""
    moved = [(a, aligned(a)) for a in arguments if isinstance(a, np.ndarray)]

    def there(value: Any) -> Any:
        if isinstance(value, list):
            return [there(each) for each in value]
        old, new = next(pair for pair in moved if np.may_share_memory(value, pair[0]))
        return np.ndarray(value.shape, value.dtype, new, value.ctypes.data - old.ctypes.data, value.strides)
    return [there(a) if isinstance(a, np.ndarray) else a for a in arguments], there(outputs)


def _converted(argument: Any, real: Any, dtype: str) -> Any:
    if isinstance(argument, np.ndarray):
        assert argument.flags.c_contiguous
        return ctypes.c_void_p(argument.ctypes.data)
    if isinstance(argument, Blas):
        return ctypes.c_void_p(blas_address(argument.name, dtype))
    return real(argument) if isinstance(argument, float) else ctypes.c_long(argument)


def blas_address(name: str, dtype: str) -> int | None:
    """SciPy's pointer to a BLAS function; None, a null pointer, where SciPy is not installed."""
    try:
        from scipy.linalg import cython_blas
    except ImportError:
        return None
    capsule = cython_blas.__pyx_capi__[("d" if dtype == "float64" else "s") + name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))
