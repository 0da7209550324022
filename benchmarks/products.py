"""Products of matrices beside NumPy's BLAS: `OPENBLAS_NUM_THREADS=1 python -m benchmarks.products`.

A grid of rows, columns and terms; for each form (`x @ w`, `x @ w.T`, `x.T @ w`, and factors whose numbers are not
neighbours) and type of numbers, code for all sizes. Both write to memory that is there, take turns, and the least
times count. A figure is BLAS's time over ours: above 1 we are faster. The geometric means and the cells under
`--below` are printed, the worst ones first.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Callable, Sequence
from statistics import geometric_mean

import numpy as np

import scancc as sc
import scancc.tensor as T

SIZES = (1, 2, 3, 4, 8, 16, 64, 128, 256, 512, 1024)
FORMS: dict[str, Callable[[T.TensorVariable, T.TensorVariable], T.TensorVariable]] = {
    "nn": lambda x, w: T.dot(x, w), "nt": lambda x, w: T.dot(x, w.T), "tn": lambda x, w: T.dot(x.T, w),
    "strided": lambda x, w: T.dot(x, w)}
DTYPES = ("float64", "float32", "complex128", "complex64")
ROUNDS, ROUND_S = 5, 3e-4


def compiled(form: str, dtype: str) -> sc.Function:
    x, w = T.matrix("x", dtype=dtype), T.matrix("w", dtype=dtype)
    return sc.function([x, w], FORMS[form](x, w))


def ratio(function: Callable[..., object], form: str, dtype: str, shape: tuple[int, int, int]) -> float:
    """BLAS's time over ours."""
    rows, columns, terms = shape
    x, w = _array(dtype, rows, terms, form), _array(dtype, terms, columns, form)
    left, right = (x.T.copy() if form == "tn" else x), (w.T.copy() if form == "nt" else w)
    a, b = (left.T if form == "tn" else left), (right.T if form == "nt" else right)
    out, theirs = np.empty((rows, columns), dtype), np.empty((rows, columns), dtype)
    times = _times([lambda: function(left, right, out=out), lambda: np.matmul(a, b, out=theirs)])
    assert np.allclose(out, theirs, rtol=1e-3, atol=1e-3 * terms), (form, dtype, shape)
    return times[1] / times[0]


def _array(dtype: str, rows: int, columns: int, form: str) -> np.ndarray:
    rng, step = np.random.default_rng(rows * 31 + columns), 2 if form == "strided" else 1
    found = rng.normal(size=(rows, columns * step)) + (1j * rng.normal(size=(rows, columns * step))
                                                      if dtype.startswith("complex") else 0)
    return found.astype(dtype)[:, ::step]


def _times(ways: Sequence[Callable[[], object]]) -> list[float]:
    for way in ways:
        way()
    repeats = [max(1, int(ROUND_S / max(_seconds(way, 1), 1e-8))) for way in ways]
    rounds = [[_seconds(way, n) for way, n in zip(ways, repeats, strict=True)] for _ in range(ROUNDS)]
    return [min(found) for found in zip(*rounds, strict=True)]


def _seconds(way: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        way()
    return (time.perf_counter() - start) / repeats


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.products",
                                     description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--forms", nargs="*", default=[*FORMS])
    parser.add_argument("--dtypes", nargs="*", default=DTYPES)
    for name in ("rows", "columns", "terms"):
        parser.add_argument(f"--{name}", nargs="*", type=int, default=SIZES)
    parser.add_argument("--below", type=float, default=0.85)
    asked = parser.parse_args()
    if os.environ.get("OPENBLAS_NUM_THREADS") != "1":
        parser.error("BLAS would use several threads: set OPENBLAS_NUM_THREADS=1")
    shapes = [*itertools.product(asked.rows, asked.columns, asked.terms)]
    for form, dtype in itertools.product(asked.forms, asked.dtypes):
        function = compiled(form, dtype)
        found = {shape: ratio(function, form, dtype, shape) for shape in shapes}
        low = sorted((value, shape) for shape, value in found.items() if value < asked.below)
        print(f"{form} {dtype}: {geometric_mean(found.values()):.2f} in the mean, {len(low)} of {len(found)} cells "
              f"under {asked.below}", flush=True)
        for value, shape in low:
            print(f"  {value:.2f} rows, columns, terms {' '.join(map(str, shape))}")


if __name__ == "__main__":
    main()
