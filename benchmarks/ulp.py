"""Measure the error of every elementary function against mpmath, at many points.

    python benchmarks/ulp.py                        # all, both types, with and without fused multiply-add
    python benchmarks/ulp.py exp powf --points 1000000 --dtype f64
    python benchmarks/ulp.py --markdown             # the lines of docs/math.md

Unit: ulp, the distance of neighbouring numbers in the binade of the true value.  Bound: the one stated
in scancc.codegen.math.FUNCTIONS; a row over it is marked and the exit status is 1.  Where NumPy's
long double has 64 bits it screens the points and mpmath settles the worst; elsewhere mpmath does all.
Time a number, ns, is the least of several passes over 8192 random points, in cache.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

from scancc.codegen.math import FUNCTIONS, define
from scancc.codegen.math.evaluate import Compiled
from scancc.codegen.target import Target, host

Array = Any
WIDTH = 8
N_SETTLED = 40  # worst points of the screening that mpmath computes again
LONG = np.longdouble
HAS_LONG_DOUBLE = np.finfo(LONG).nmant >= 63

# Where most of a function's range is; random bit patterns come on top.
INTERVALS: dict[str, list[tuple[float, float]]] = {
    "exp": [(-1, 1), (-750, 715), (-110, 90)],
    "exp2": [(-1, 1), (-1080, 1030), (-150, 130)],
    "expm1": [(-1, 1), (-40, 40), (-1e-3, 1e-3), (-45, 712)],
    "tanh": [(-0.5, 0.5), (-3, 3), (-22, 22)],
    "short_tanh": [(-0.5, 0.5), (-3, 3), (-10, 10)],
    "sigmoid": [(-3, 3), (-40, 40), (-750, 40), (-110, 20)],
    "softplus": [(-3, 3), (-40, 40), (-750, 800)],
    "log": [(0.6, 1.6), (0.99, 1.01), (0, 100)],
    "log2": [(0.6, 1.6), (0.99, 1.01), (0, 100)],
    "log10": [(0.6, 1.6), (0.99, 1.01), (0, 2000)],
    "log1p": [(-1, 1), (-0.01, 0.01), (0, 100)],
    "sin": [(-1, 1), (-10, 10), (-1e4, 1e4), (2.0**27, 2.0**29)],
    "cos": [(-1, 1), (-10, 10), (-1e4, 1e4), (2.0**27, 2.0**29)],
    "tan": [(-1, 1), (-10, 10), (-1e4, 1e4), (2.0**27, 2.0**29)],
    "sinh": [(-1.5, 1.5), (-30, 30), (-711, 711), (-90, 90)],
    "cosh": [(-1.5, 1.5), (-30, 30), (-711, 711), (-90, 90)],
    "asinh": [(-1, 1), (-30, 30)],
    "acosh": [(1, 1.1), (1, 3), (1, 100)],
    "atanh": [(-1, 1), (-0.1, 0.1), (0.99, 1)],
    "asin": [(-1, 1), (-0.1, 0.1), (0.49, 0.51)],
    "acos": [(-1, 1), (-0.1, 0.1), (0.99, 1)],
    "atan": [(-1, 1), (-5, 5), (-0.1, 0.1)],
    "cbrt": [(-10, 10)],
    "erf": [(-1.2, 1.2), (-6, 6)],
    "erfc": [(-1, 1), (-6, 28), (26, 27.3), (8, 10.1)],
    "lgamma": [(0, 3), (0.9, 1.1), (1.9, 2.1), (0, 12), (0, 1000), (-20, 0), (-3, 0)],
    "digamma": [(0, 3), (1.4, 1.5), (0, 12), (0, 1000), (-20, 0), (-3, 0)],
    "powf": [(0, 2), (0, 40), (0.9, 1.1)],
    "atan2": [(-1, 1), (-100, 100)],
    "hypot": [(-1, 1), (-100, 100)],
}  # fmt: skip

def power(x: Any, y: Any) -> Any:
    """x**y; with y brought nearer where the result overflows or vanishes anyway: it would take long."""
    if x < 0 and y != mp.floor(y):
        raise ValueError("a root of a negative number")
    sign = -1 if x < 0 and y % 2 == 1 else 1
    octaves = y * mp.log(abs(x), 2) if x else mp.zero
    return sign * (mp.power(abs(x), y) if abs(octaves) < 3000 else mp.ldexp(1, 3000 * int(mp.sign(octaves))))


MPMATH: dict[str, Callable[..., Any]] = {
    "exp2": lambda x: mp.mpf(2) ** x,
    "short_tanh": mp.tanh,
    "sigmoid": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "powf": power,
    "lgamma": lambda x: mp.log(abs(mp.gamma(x))) if x < 0 else mp.loggamma(x),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
}
# None: NumPy has none, and mpmath does all the points.
LONG_DOUBLE: dict[str, Callable[..., Any] | None] = {
    "short_tanh": np.tanh,
    "sigmoid": lambda x: np.where(x < 0, np.exp(x) / (1 + np.exp(x)), 1 / (1 + np.exp(-x))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "powf": np.power, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "atan2": np.arctan2,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "erf": None, "erfc": None, "lgamma": None, "digamma": None,
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    fn: str
    dtype: str
    fma: bool
    worst_ulp: float
    worst_at: tuple[float, ...]
    time_ns: float

    @property
    def bound_ulp(self) -> float:
        return FUNCTIONS[self.fn].error_ulp(self.dtype)

    def __str__(self) -> str:
        mark = "  OVER ITS BOUND" if self.worst_ulp > self.bound_ulp else ""
        place = ", ".join(x.hex() for x in self.worst_at)
        fused = "fma" if self.fma else "   "
        return (f"{self.fn:8} {self.dtype} {fused} {self.worst_ulp:6.3f} of {self.bound_ulp:3.1f} ulp"
                f" {self.time_ns:6.2f} ns  at {place}{mark}")  # fmt: skip


def numpy_type(dtype: str) -> Any:
    return np.float64 if dtype == "f64" else np.float32


def points(fn: str, dtype: str, n: int, seed: int) -> list[Array]:
    """n points an argument: half in the function's intervals, half random bits or exponents."""
    rng = np.random.default_rng(seed)
    kind = numpy_type(dtype)
    n_arg = FUNCTIONS[fn].n_arguments
    intervals = INTERVALS[fn]
    size = n // (2 * len(intervals))
    columns = []
    for i in range(n_arg):
        inside = [rng.uniform(low, high, size) for low, high in intervals]
        if fn == "powf" and i == 1:
            inside = [rng.uniform(-30, 30, size) * 10.0 ** rng.uniform(0, 2, size) for _ in intervals]
        bits = rng.integers(-(2**63), 2**63, n // 4) if dtype == "f64" else rng.integers(-(2**31), 2**31, n // 4)
        patterns = bits.astype(np.int64 if dtype == "f64" else np.int32).view(kind)
        scaled = rng.standard_normal(n // 4) * np.exp2(rng.uniform(-70, 9, n // 4))
        with np.errstate(invalid="ignore", over="ignore"):
            columns.append(np.concatenate([*inside, patterns, scaled]).astype(kind))
    keep = np.all([np.isfinite(c) for c in columns], axis=0)
    return [c[keep] for c in columns]


def ulp_of(true: Array, dtype: str) -> Array:
    """The spacing of the type's numbers around a long double."""
    info = np.finfo(numpy_type(dtype))
    _, exponent = np.frexp(np.abs(true))
    return np.exp2(np.maximum(exponent - 1 - info.nmant, info.minexp - info.nmant).astype(LONG))


def exact(fn: str, arguments: tuple[float, ...]) -> Any:
    """The true value as an mpmath number; None outside the domain."""
    function = MPMATH.get(fn) or getattr(mp, fn)
    with mp.workprec(200):
        try:
            value = function(*(mp.mpf(x) for x in arguments))
        except (ValueError, ZeroDivisionError, OverflowError):
            return None
        return None if isinstance(value, mpmath.mpc) or not mp.isfinite(value) else value


def exact_error(fn: str, dtype: str, arguments: tuple[float, ...], got: float) -> float:
    true = exact(fn, arguments)
    info = np.finfo(numpy_type(dtype))
    if true is None or true == 0:
        return 0.0 if (not np.isfinite(got) if true is None else got == 0) else float("inf")
    if not np.isfinite(got):
        largest = mp.mpf(float(info.max)) * (1 + mp.mpf(float(info.eps)) / 4)
        return 0.0 if np.isinf(got) and np.sign(got) * true > largest else float("inf")
    exponent = mp.frexp(size_of_unit(fn, arguments[0], true))[1] - 1
    unit = mp.ldexp(1, max(exponent, info.minexp) - info.nmant)
    return float(abs(mp.mpf(float(got)) - true) / unit)


def size_of_unit(fn: str, x: float, true: Any) -> Any:
    """Whose ulp counts: the result's; for gamma functions of negative x, with roots all over, a larger one."""
    if fn in ("lgamma", "digamma") and x < 0:
        return max(mp.mpf(1), abs(true), abs(exact(fn, (-x,)) or 0))
    return abs(true)


def worst(fn: str, dtype: str, columns: list[Array], got: Array) -> tuple[float, int]:
    """The largest error in ulp and where it is."""
    candidates: Any = range(len(got))
    long_function = LONG_DOUBLE.get(fn, getattr(np, fn, None))
    if HAS_LONG_DOUBLE and long_function is not None:
        with np.errstate(all="ignore"):
            true = long_function(*(c.astype(LONG) for c in columns))
            errors = np.abs(got.astype(LONG) - true) / ulp_of(true, dtype)
            rounded = true.astype(got.dtype)
        # Equal infinities and NaN on both sides are right; else mpmath says.
        odd = (got != rounded) & ~(np.isnan(got) & np.isnan(rounded))
        errors = np.where(np.isnan(errors) | np.isinf(errors), np.where(odd, LONG(1e9), 0), errors)
        candidates = np.argsort(errors)[-N_SETTLED:]
    settled = [
        (exact_error(fn, dtype, tuple(float(c[i]) for c in columns), float(got[i])), int(i)) for i in candidates
    ]
    return max(settled)


def time_ns(function: Compiled, columns: list[Array]) -> float:
    arrays = [np.ascontiguousarray(c[:8192]) for c in columns]
    out = np.empty_like(arrays[0])
    n = out.size - out.size % function.width
    pointers = [out.ctypes.data, *(a.ctypes.data for a in arrays)]
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        function.apply(*pointers, n)
        best = min(best, time.perf_counter() - start)
    return best / n * 1e9


def measure(fn: str, dtype: str, fma: bool, n_points: int, seed: int) -> Row:
    target = host() if fma else Target(host().triple, "generic")
    function = Compiled(define(fn, dtype, WIDTH, fma), dtype, WIDTH, FUNCTIONS[fn].n_arguments, target)
    if not HAS_LONG_DOUBLE or LONG_DOUBLE.get(fn, ()) is None:
        n_points = min(n_points, 20000)
    columns = points(fn, dtype, n_points, seed)
    got = function(*columns)
    error, where = worst(fn, dtype, columns, got)
    return Row(fn, dtype, fma, error, tuple(float(c[where]) for c in columns), time_ns(function, columns))


def markdown(rows: list[Row]) -> str:
    """One function's line of docs/math.md: for each type the bound, the worst of all rows, the least time."""
    cells = []
    for dtype in ("f64", "f32"):
        mine = [row for row in rows if row.dtype == dtype]
        worst_ulp, least_ns = max(row.worst_ulp for row in mine), min(row.time_ns for row in mine)
        cells += [str(mine[0].bound_ulp), f"{worst_ulp:.2f}", f"{least_ns:.2f}"]
    return f"| {rows[0].fn} | {' | '.join(cells)} |"


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("functions", nargs="*", default=[], help="names; all without")
    parser.add_argument("--points", type=int, default=200_000, help="points a function (default 200000)")
    parser.add_argument("--dtype", choices=["f64", "f32"], help="one type only")
    parser.add_argument("--fma", choices=["yes", "no"], help="one kind of target only")
    parser.add_argument("--markdown", action="store_true", help="the lines of docs/math.md")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if unknown := set(options.functions) - set(FUNCTIONS):
        parser.error(f"no such function: {', '.join(sorted(unknown))}; there are {', '.join(FUNCTIONS)}")
    if options.markdown and options.dtype:
        parser.error("--markdown shows both types: leave out --dtype")
    return options


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    dtypes = [options.dtype] if options.dtype else ["f64", "f32"]
    fused = [options.fma == "yes"] if options.fma else [True, False]
    failed = False
    for fn in options.functions or FUNCTIONS:
        rows = []
        for dtype, fma in product(dtypes, fused):
            rows.append(measure(fn, dtype, fma, options.points, options.seed))
            if not options.markdown:
                print(rows[-1], flush=True)
        if options.markdown:
            print(markdown(rows), flush=True)
        failed |= any(row.worst_ulp > row.bound_ulp for row in rows)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
