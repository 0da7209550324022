"""Three scans on this machine's NVIDIA GPU: numbers beside NumPy's, times beside what memory allows.

`python -m benchmarks.gpu_smoke [index of the GPU]`. Needs llvmlite and cuda-python. Times are of launches
alone, by the GPU's own events, in memory that is there already; the bound is the bytes of inputs and
outputs over the speed of a copy inside the GPU's memory, measured in the same run (or the number of
operations over the rate of the float64 units, where a line says so).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

import scancc as sc
import scancc.tensor as T
from scancc.codegen import target as targets
from scancc.runtime import cuda
from scancc.runtime.device import require_gpu
from scancc.stages import compile_program

N_BLOCKS = 9
REPEATS = 10
COPY_NBYTES = 2**31


@dataclass
class Program:
    """`reference` gives what the outputs must be, for the lanes in its slice."""

    title: str
    function: sc.Function
    args: list[np.ndarray]
    reference: Callable[[slice], list[np.ndarray]]
    flops: float


def power(n: int = 10**7) -> Program:
    k = 64
    a, steps = T.vector("A"), T.iscalar("k")
    powers, _ = sc.scan(lambda prior, a: prior * a, outputs_info=T.ones_like(a), non_sequences=a, n_steps=steps)
    values = np.random.default_rng(0).uniform(0.5, 1.5, n)
    return Program(f"A**k, {n:,} float64, k = {k}, last step", sc.function([a, steps], powers[-1], name="power"),
                   [values, np.asarray(k, "int32")], lambda lanes: [values[lanes] ** k], float(n * k))


def moving_averages(n: int = 2**20) -> Program:
    n_steps = 256
    x, a = T.matrix("x"), T.scalar("a")
    means, _ = sc.scan(lambda row, h, a: (1 - a) * h + a * row, sequences=x, outputs_info=T.zeros_like(x[0]),
                       non_sequences=a)
    values = np.random.default_rng(1).normal(size=(n_steps, n))

    def reference(lanes: slice) -> list[np.ndarray]:
        state, rows = np.zeros(n)[lanes], []
        for row in values[:, lanes]:
            state = 0.9 * state + 0.1 * row
            rows.append(state)
        return [np.array(rows)]
    return Program(f"moving averages of {n:,} series, {n_steps} steps", sc.function([x, a], means, name="averages"),
                   [values, np.asarray(0.1)], reference, 3.0 * values.size)


def lorenz_ensemble(n: int = 2**20) -> Program:
    n_steps = 1000
    state = [T.vector(name) for name in "xyz"]

    def step(x: Any, y: Any, z: Any) -> Any:
        return x + 0.01 * (10 * (y - x)), y + 0.01 * (x * (28 - z) - y), z + 0.01 * (x * y - 8 / 3 * z)
    rows, _ = sc.scan(step, outputs_info=state, n_steps=n_steps)
    start = list(np.random.default_rng(2).normal(size=(3, n)) * 0.01 + 1)

    def reference(lanes: slice) -> list[np.ndarray]:
        x, y, z = (s[lanes] for s in start)
        for _ in range(n_steps):
            x, y, z = step(x, y, z)
        return [x, y, z]
    return Program(f"Lorenz, {n:,} initial states, {n_steps} steps of Euler",
                   sc.function(state, [r[-1] for r in rows], name="lorenz"), start, reference, 14.0 * n * n_steps)


def exponentials(n: int = 2**21) -> Program:
    n_steps = 64
    h = T.fvector("h")
    rows, _ = sc.scan(lambda h: T.tanh(h) + T.exp(-h * h), outputs_info=h, n_steps=n_steps)
    start = np.random.default_rng(3).normal(size=n).astype("float32")

    def reference(lanes: slice) -> list[np.ndarray]:
        value = start[lanes].astype("float64")
        for _ in range(n_steps):
            value = np.tanh(value) + np.exp(-value * value)
        return [value]
    return Program(f"tanh and exp of {n:,} float32, {n_steps} steps", sc.function([h], rows[-1], name="exponentials"),
                   [start], reference, float("nan"))


PROGRAMS = (power, moving_averages, lorenz_ensemble, exponentials)


def copy_speed(gpu: cuda.Gpu, nbytes: int = COPY_NBYTES) -> float:
    """Bytes a second of a copy inside the GPU's memory, reads and writes counted."""
    x = T.vector("x")
    kernel = load(sc.function([x], x.copy(), name="copy"))
    call = kernel.prepare(np.ones(nbytes // 16))
    call.launch()
    return call.nbytes / median(gpu.timed(call, REPEATS) for _ in range(N_BLOCKS))


def load(function: sc.Function, index: int = 0) -> cuda.Kernel:
    target = targets.parse(require_gpu(index).target)
    return cuda.Kernel(compile_program(function.program, target).artifact(), index)


def check(program: Program, results: list[np.ndarray]) -> float:
    """The largest relative error over two parts of the lanes."""
    worst = 0.0
    for lanes in (slice(0, 4096), slice(-4096, None)):
        for result, wanted in zip(results, program.reference(lanes), strict=True):
            found = result[..., lanes].astype("float64")
            assert found.shape == wanted.shape and np.all(np.isfinite(found))
            worst = max(worst, float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted)))
    return worst


def run(program: Program, speed: float, index: int) -> None:
    kernel = load(program.function, index)
    call = kernel.prepare(*program.args)
    call.launch()
    error = check(program, call.results())
    blocks = [kernel.gpu.timed(call, REPEATS) for _ in range(N_BLOCKS)]
    bound = call.nbytes / speed
    print(program.title)
    print(f"  {len(call.launches)} launch(es), relative error {error:.1e}")
    print(f"  median {1e3 * median(blocks):9.4f} ms   min {1e3 * min(blocks):9.4f} ms   memory bound "
          f"{1e3 * bound:9.4f} ms   {median(blocks) / bound:6.2f} x bound   "
          f"{program.flops / median(blocks) / 1e12:6.2f} Tflop/s")
    limit = 1e-4 if program.args[0].dtype == np.float32 else 1e-9
    if not error < limit:
        raise SystemExit(f"the error is over {limit}")


def main() -> None:
    index = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    gpu = require_gpu(index)
    speed = copy_speed(cuda.Gpu.at(index))
    print(f"{gpu.name} ({gpu.target}), copies at {speed / 1e12:.2f} TB/s\n")
    for make in PROGRAMS:
        run(make(), speed, index)


if __name__ == "__main__":
    main()
