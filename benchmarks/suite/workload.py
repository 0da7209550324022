"""What a workload is: one computation, written for each system side by side.

A subclass of `Workload` registers itself under its `name`. What it holds:

    group       with which others its ratios are averaged
    page        on which page its cells are
    with_shapes whether scancc is measured once more with the shapes of all inputs known
    sizes       names of sizes, each the keywords of `data`; `tiny` is the size of the tests
    data        the inputs in float64: arrays, floats, ints
    numpy       the reference, plain NumPy (a Python loop where it must be); its numbers count
    library     what NumPy or SciPy have ready-made for it, if anything
    scancc      the program as the documentation teaches it, compiled; PyTensor runs the same text
    C           C text with `plain` and, where C can be made faster by hand, `best`; REAL is the float type
    reorders    whether `best` rounds otherwise than the text says, and so is not as strict as `plain`;
                `ordered` is then what can be made by hand that is
    c           the arguments of the C functions (arrays, ints, floats) and the outputs among them
    numba, jax, torch    the same in these systems; `numba` gets the float type too, to keep its literals in it
    absent      why a system has no form, where the reason is not that nobody has written it
    work        arithmetic and latencies that no form can avoid (bounds.py adds the bytes)
    limits      what scancc cannot reach here, by which figure, and why
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

REGISTRY: dict[str, Workload] = {}
FLOATS = ("float64", "float32")
LINE_BYTES = 64


@dataclass(frozen=True)
class Work:
    """`flops` counts a multiply-add, or a product that joins no sum, as two; `chain`: latencies one after the other,
    by name; `special`: elements of functions and divisions, by name; `nbytes`: bytes moved, where it is not inputs
    and outputs once each; `again`: bytes that each of so many steps reads."""

    flops: float = 0.0
    chain: dict[str, float] = field(default_factory=dict)
    special: dict[str, float] = field(default_factory=dict)
    nbytes: float | None = None
    again: tuple[float, float] = (0, 0)


class Workload:
    """One computation; the first line of a subclass's docstring is its title."""

    name: ClassVar[str] = ""
    group: ClassVar[str] = "programs"
    page: ClassVar[str] = "benchmarks"
    with_shapes: ClassVar[bool] = False
    sizes: ClassVar[dict[str, dict[str, Any]]]
    dtypes: ClassVar[tuple[str, ...]] = FLOATS
    tolerance: ClassVar[dict[str, float]] = {"float64": 1e-11, "float32": 2e-5}
    C: ClassVar[str] = ""
    reorders: ClassVar[bool] = False
    absent: ClassVar[dict[str, str]] = {}
    limits: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        if "name" in cls.__dict__:
            REGISTRY[cls.name] = cls()

    @property
    def title(self) -> str:
        return (type(self).__doc__ or "").strip().split("\n")[0]

    def data(self, rng: np.random.Generator, **size: Any) -> tuple[Any, ...]:
        raise NotImplementedError

    def numpy(self, *inputs: Any) -> Any:
        raise NotImplementedError

    def scancc(self, sc: Any, T: Any) -> Any:
        raise NotImplementedError

    def c(self, *inputs: Any) -> tuple[list[Any], Any]:
        raise NotImplementedError

    def work(self, *inputs: Any) -> Work:
        raise NotImplementedError

    def inputs(self, size: str, dtype: str) -> list[Any]:
        """The numbers of a size, the same each time; arrays of floats in `dtype`, all in aligned memory."""
        made = self.data(np.random.default_rng(20), **self.sizes[size])
        return [aligned(a.astype(dtype) if a.dtype.kind == "f" else a) if isinstance(a, np.ndarray) else a
                for a in made]

    def reference(self, inputs: list[Any]) -> list[np.ndarray]:
        """The reference's outputs, computed in float64 from the inputs as they are."""
        wide = [a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in inputs]
        return outputs_of(self.numpy(*wide))


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy that begins at a line of the cache, for every system alike: malloc's large arrays begin 16 bytes behind
    a page, where a vector touches two lines."""
    memory = np.empty(array.nbytes + LINE_BYTES, np.uint8)
    first = -memory.ctypes.data % LINE_BYTES
    made = memory[first:first + array.nbytes].view(array.dtype).reshape(array.shape)
    made[...] = array
    return made


@dataclass(frozen=True)
class Cell:
    """A workload at a size and a type of float."""

    workload: str
    size: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.workload} {self.size} {self.dtype}"


def load_all() -> dict[str, Workload]:
    """Every workload by name, in the order of the files."""
    from benchmarks.suite import workloads

    for found in pkgutil.iter_modules(workloads.__path__):
        importlib.import_module(f"{workloads.__name__}.{found.name}")
    return REGISTRY


def cells(only: str = "", dtypes: tuple[str, ...] = FLOATS, page: str = "benchmarks") -> Iterator[Cell]:
    """All cells of a page whose text ('ema large float64') matches the regular expression `only`."""
    for name, workload in load_all().items():
        for size in workload.sizes:
            for dtype in dtypes:
                cell = Cell(name, size, dtype)
                if size == "tiny" or workload.page != page:
                    continue
                if dtype in workload.dtypes and re.search(only, str(cell)):
                    yield cell


def outputs_of(result: Any) -> list[np.ndarray]:
    return [np.asarray(r) for r in (result if isinstance(result, (list, tuple)) else [result])]


def error(got: Any, want: list[np.ndarray]) -> float:
    """The largest difference in parts of the largest wanted number; for whole numbers the part that differs."""
    got = outputs_of(got)
    if [g.shape for g in got] != [w.shape for w in want]:
        return float("inf")
    return max((_error(g, w) for g, w in zip(got, want, strict=True)), default=0.0)


def _error(got: np.ndarray, want: np.ndarray) -> float:
    if got.size == 0:
        return 0.0
    if want.dtype.kind in "iub":
        return float(np.mean(got != want))
    if not np.array_equal(np.isnan(got), np.isnan(want)):
        return float("inf")
    scale = float(np.nanmax(np.abs(want))) or 1.0
    return float(np.nanmax(np.abs(got.astype(np.float64) - want))) / scale
