"""The systems: how each turns a workload into callables, one for each of its forms.

A system's `prepare` gives `Form`s; what it cannot give it says by name, with the reason. Each runs in a process of
its own (worker.py), whose environment is set before its libraries load.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suite import c_code
from benchmarks.suite.workload import Workload

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
NO_XLA_THREADS = "--xla_cpu_multi_thread_eigen=false"
SMALL_WHILE = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1000000000"


@dataclass
class Form:
    """One way to do the work: `call()` does it once and gives its outputs, as `numpy` does; `strict`: nothing
    may be rounded otherwise than the workload's text says, but for a product that joins its sum."""

    call: Callable[[], Any]
    compile_s: float = 0.0
    strict: bool = True


Prepared = dict[str, Form | str]  # a text says why the form is absent


@dataclass(frozen=True)
class System:
    """`packages` are those whose versions count; `dtypes` those that are measured, all sizes or the first only."""

    name: str
    prepare: Callable[[Workload, list[Any], str], Prepared]
    packages: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    peer: bool = True
    dtypes: tuple[str, ...] = ("float64", "float32")
    first_size_only: bool = False

    def versions(self) -> dict[str, str]:
        """Of its packages; ImportError where one is missing."""
        return {name: str(getattr(importlib.import_module(name), "__version__", "?")) for name in self.packages}

    def folders(self) -> dict[str, str]:
        return {name: str(Path(importlib.import_module(name).__file__ or "").parent) for name in self.packages}


def timed(make: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    made = make()
    return made, time.perf_counter() - start


# ---- scancc, C, NumPy ----


def scancc(workload: Workload, inputs: list[Any], dtype: str) -> Prepared:
    """The program as it is, and with every part of fast_math allowed; where it asks for it, with shapes too."""
    import scancc as sc
    import scancc.tensor as T

    forms: Prepared = {}
    _load_llvm(sc, T)
    sc.config.floatX = dtype
    for name, fast_math in (("scancc", "default"), ("scancc fast-math", "all")):
        sc.config.fast_math = fast_math
        for suffix in ("", " with shapes")[:1 + workload.with_shapes]:
            tensors = KnownShapes(T, inputs) if suffix else T
            function, compile_s = timed(lambda: _prepared(workload.scancc(sc, tensors), inputs))  # noqa: B023 - at once
            forms[name + suffix] = Form(partial(function, *inputs), compile_s, strict=fast_math == "default")
    return forms


class KnownShapes:
    """The names of T, whose variables have the shapes of the inputs, in the order in which a program makes them."""

    def __init__(self, tensors: Any, inputs: list[Any]) -> None:
        self._tensors, self._inputs = tensors, iter(inputs)

    def __getattr__(self, name: str) -> Any:
        made = getattr(self._tensors, name)
        return partial(self._variable, made) if name in ("vector", "matrix", "tensor3") else made

    def _variable(self, make: Callable[..., Any], name: str) -> Any:
        return make(name, shape=next(self._inputs).shape)


def _prepared(function: Any, inputs: list[Any]) -> Any:
    """With the code that the first call would else wait for."""
    function.prepare(*inputs)
    return function


@cache
def _load_llvm(sc: Any, T: Any) -> None:
    """Before anything is timed: the first compilation of a process loads LLVM."""
    x = T.vector("x")
    sc.function([x], x + 1)


def c(workload: Workload, inputs: list[Any], dtype: str) -> Prepared:
    forms: Prepared = {}
    for compiler in c_code.compilers():
        library, compile_s = timed(partial(c_code.library, workload.C, dtype, compiler))
        for entry in ("plain", "ordered", "best"):
            if f" {entry}(" in workload.C:
                call = _c_call(library, entry, workload, inputs, dtype)
                strict = compiler.strict and not (entry == "best" and workload.reorders)
                forms[compiler.form(entry)] = Form(call, compile_s, strict)
    return forms or {"C": "no C compiler found"}


def _c_call(library: Any, entry: str, workload: Workload, inputs: list[Any], dtype: str) -> Callable[[], Any]:
    arguments, outputs = c_code.in_aligned_memory(*workload.c(*inputs))
    call = c_code.bound_call(getattr(library, entry), arguments, dtype)

    def run() -> Any:
        call()
        return outputs
    return run


def numpy(workload: Workload, inputs: list[Any], dtype: str) -> Prepared:
    """The reference as it stands, and what NumPy or SciPy have ready-made."""
    forms: Prepared = {"NumPy": Form(partial(workload.numpy, *inputs))}
    library = getattr(workload, "library", None)
    if library is not None:
        try:
            import scipy
            import scipy.signal
        except ImportError:
            forms["NumPy/SciPy library"] = "SciPy is not installed"
        else:
            forms["NumPy/SciPy library"] = Form(partial(library, scipy, *inputs))
    return forms


# ---- the peers ----


def missing(workload: Workload, system: str) -> str:
    return workload.absent.get(system, f"not written for {system}")


def jax(workload: Workload, inputs: list[Any], dtype: str, name: str = "JAX") -> Prepared:
    import jax
    import jax.numpy as jnp

    if getattr(workload, "jax", None) is None:
        return {name: missing(workload, "jax")}
    function = jax.jit(workload.jax(jax, jnp))
    arrays = [jax.device_put(a) if isinstance(a, np.ndarray) else a for a in inputs]

    def run() -> Any:
        return jax.block_until_ready(function(*arrays))
    _, compile_s = timed(run)
    return {name: Form(run, compile_s)}


def numba(workload: Workload, inputs: list[Any], dtype: str) -> Prepared:
    forms: Prepared = {}
    real = np.dtype(dtype).type
    for name, fastmath in (("Numba", False), ("Numba fast-math", True)):
        if getattr(workload, "numba", None) is None:
            forms[name] = missing(workload, "numba")
            continue
        function = _jitted(workload, real, fastmath)
        run = partial(function, *(real(a) if isinstance(a, float) else a for a in inputs))
        _, compile_s = timed(run)
        forms[name] = Form(run, compile_s)
    return forms


@cache
def _jitted(workload: Workload, real: Any, fastmath: bool) -> Callable[..., Any]:
    """Kept, so that another size is not another compilation."""
    from numba import njit

    return workload.numba(partial(njit, fastmath=fastmath), real)


def torch(workload: Workload, inputs: list[Any], dtype: str) -> Prepared:
    import torch

    torch.set_num_threads(1)
    torch.set_default_dtype(getattr(torch, dtype))
    if getattr(workload, "torch", None) is None:
        return {"torch": missing(workload, "torch")}
    function = workload.torch(torch)
    tensors = [torch.from_numpy(a.copy()) if isinstance(a, np.ndarray) else a for a in inputs]

    def run() -> Any:
        return function(*tensors)
    return {"torch": Form(run)}


def pytensor(workload: Workload, inputs: list[Any], dtype: str) -> Prepared:
    """The text of scancc's program, run by PyTensor: the two have the same names."""
    import pytensor

    from benchmarks.suite.pytensor_names import Names, TensorNames

    if "pytensor" in workload.absent:
        return {"PyTensor": workload.absent["pytensor"]}
    pytensor.config.floatX = dtype

    def make() -> Any:
        return workload.scancc(Names(pytensor), TensorNames(pytensor))
    function, compile_s = timed(make)
    run = partial(function, *inputs)
    _, first_s = timed(run)
    return {"PyTensor": Form(run, compile_s + first_s)}


SYSTEMS = {s.name: s for s in (
    System("scancc", scancc, ("scancc", "llvmlite", "numpy"), (("SCANCC_CACHE", "0"),), peer=False),
    System("c", c, peer=False),
    System("numpy", numpy, ("numpy",), peer=False),
    System("jax", jax, ("jax", "jaxlib"), (("JAX_PLATFORMS", "cpu"), ("JAX_ENABLE_X64", "1"),
                                           ("XLA_FLAGS", NO_XLA_THREADS))),
    System("jax-flag", partial(jax, name="JAX small-while flag"), ("jax", "jaxlib"),
           (("JAX_PLATFORMS", "cpu"), ("JAX_ENABLE_X64", "1"), ("XLA_FLAGS", f"{NO_XLA_THREADS} {SMALL_WHILE}"))),
    System("numba", numba, ("numba", "llvmlite")),
    System("torch", torch, ("torch",)),
    System("pytensor", pytensor, ("pytensor",), dtypes=("float64",), first_size_only=True),  # 8 s a compilation
)}


def chosen(peers: bool) -> Iterator[System]:
    return (s for s in SYSTEMS.values() if peers or not s.peer)
