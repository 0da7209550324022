"""Cycles an element of the elementary functions in a loop over an array in cache: `python -m benchmarks.cycles`.

Each is a function of one vector, compiled as any program is, for each type of float and level of processor. Two
lengths that fit the innermost cache are timed in turn, and the least times count; what the longer one takes more, by
what it has more, has no call in it. The clock is the calibration's (`suite/calibrate.py`), in the same run.
`--markdown` prints the lines of docs/math.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import scancc as sc
import scancc.tensor as T
from benchmarks.suite.calibrate import calibrate
from benchmarks.suite.workload import FLOATS
from scancc.codegen.target import levels

NAMES = ("exp", "log", "tanh", "sigmoid", "expm1", "log1p", "sin", "erf")
SHORT = "short_"  # before a name: as `fast_math` allows it
LENGTHS = (512, 1536)  # two arrays of the longer one, of doubles, are 24 KiB
ROUNDS, CALLS = 200, 20  # short rounds, the least of which no other work has disturbed


def cycles(name: str, dtype: str, cpu: str, clock_hz: float) -> float:
    with sc.change_flags(cpu=cpu, floatX=dtype):
        x = T.vector("x")
        f = sc.function([x], getattr(T, name.removeprefix(SHORT))(x), fast_math=name.startswith(SHORT))
    rng = np.random.default_rng(1)
    arrays = [rng.uniform(0.1, 3, n).astype(dtype) for n in LENGTHS]
    calls = [partial(f, array, out=np.empty_like(array)) for array in arrays]
    rounds = [[_seconds(call) for call in calls] for _ in range(ROUNDS)]
    short, long = (min(found) for found in zip(*rounds, strict=True))
    return (long - short) / (LENGTHS[1] - LENGTHS[0]) * clock_hz


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - start) / CALLS


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cycles", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--markdown", action="store_true")
    asked = parser.parse_args()
    clock_hz = calibrate()["clock_hz"]
    cpus = [cpu for cpu in levels() if cpu != "x86-64"]
    columns = [(dtype, cpu) for dtype in FLOATS for cpu in cpus]
    if asked.markdown:
        print("| | " + " | ".join(f"{dtype} {cpu}" for dtype, cpu in columns) + " |")
        print("|---" * (1 + len(columns)) + "|")
    for name in asked.names:
        found = [f"{cycles(name, dtype, cpu, clock_hz):.2f}" for dtype, cpu in columns]
        print("| " + " | ".join([name, *found]) + " |" if asked.markdown else " ".join(
            [f"{name:8}", *(f"{dtype} {cpu} {value}" for (dtype, cpu), value in zip(columns, found, strict=True))]),
            flush=True)


if __name__ == "__main__":
    main()
