"""Sums of many shapes, in time and in code: `python -m benchmarks.sums`.

`--against CHECKOUT` compares with another checkout of this repository, each in a process of its own; the two take
turns, so that noise hits both alike. `--code` measures the compiler instead: lines of LLVM IR and LLVM's seconds for
the models of `tests/programs/users.py`. Words name the shapes to measure. Times are the processor's, the least of
many.

Bounds: a sum reads each term once, at best as fast as memory allows; a sum of a few terms waits for about
log2(n) additions; a product of n x n matrices is n**3 multiplications and additions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(11)
Case = tuple[list[Any], Any, list[Any]]  # inputs, output, arguments


def _reduced(of: Callable[[Any], Any], dtype: str, *shape: int) -> Case:
    x = T.TensorType(dtype, (None,) * len(shape))("x")
    return [x], of(x), [RNG.normal(size=shape).astype(dtype)]


def _product(dtype: str, *shapes: tuple[int, ...]) -> Case:
    a, b = (T.TensorType(dtype, (None,) * len(shape))(name) for name, shape in zip("ab", shapes, strict=True))
    return [a, b], T.dot(a, b), [RNG.normal(size=shape).astype(dtype) for shape in shapes]


def _in_steps(dtype: str, terms: int, known: bool = False) -> Case:
    """A sum in each step of a recurrence, whose chain from state to state is no longer than the sum; all terms fit
    into a cache."""
    rows = min(20_000, 100_000 // terms)
    x = T.TensorType(dtype, (None, terms if known else None))("x")
    ys, _ = sc.scan(lambda row, y: y * 0.5 + (row * y).sum() * 0.01, x, T.constant(0.5, dtype=dtype))
    return [x], ys[-1], [RNG.normal(size=(rows, terms)).astype(dtype)]


def _recurrent(dtype: str, hidden: int, steps: int = 200) -> Case:
    x, w = T.matrix("x", dtype=dtype), T.matrix("w", dtype=dtype)
    hs, _ = sc.scan(lambda row, h, w: T.tanh(row + T.dot(h, w)), x, T.zeros_like(x[0]), non_sequences=w)
    data = [RNG.normal(size=(steps, hidden)), RNG.normal(size=(hidden, hidden)) / hidden]
    return [x, w], hs[-1], [v.astype(dtype) for v in data]


def _weight_gradient(dtype: str, hidden: int, steps: int = 200) -> Case:
    (x, w), last, args = _recurrent(dtype, hidden, steps)
    return [x, w], T.grad(last.sum(), w), args


CASES: dict[str, Callable[[str], Case]] = {
    "sum of 10": lambda d: _reduced(lambda x: x.sum(), d, 10),
    "sum of 1000": lambda d: _reduced(lambda x: x.sum(), d, 1000),
    "sum of 10^5": lambda d: _reduced(lambda x: x.sum(), d, 10**5),
    "sum of 10^7": lambda d: _reduced(lambda x: x.sum(), d, 10**7),
    "var of 10^5": lambda d: _reduced(lambda x: x.var(), d, 10**5),
    "logsumexp of 10^5": lambda d: _reduced(T.logsumexp, d, 10**5),
    "strided sum of 10^5": lambda d: _reduced(lambda x: x[::2].sum(), d, 2 * 10**5),
    "dot of 100": lambda d: _product(d, (100,), (100,)),
    "dot of 10^5": lambda d: _product(d, (10**5,), (10**5,)),
    "sum(0) of 20000x5": lambda d: _reduced(lambda x: x.sum(0), d, 20_000, 5),
    "sum(1) of 20000x5": lambda d: _reduced(lambda x: x.sum(1), d, 20_000, 5),
    "sum(0) of 1000x1000": lambda d: _reduced(lambda x: x.sum(0), d, 1000, 1000),
    "sum(1) of 1000x1000": lambda d: _reduced(lambda x: x.sum(1), d, 1000, 1000),
    "sum of 1000x1000": lambda d: _reduced(lambda x: x.sum(), d, 1000, 1000),
    "m.T m of 20000x5": lambda d: _reduced(lambda x: T.dot(x.T, x), d, 20_000, 5),
    "m m.T of 300x300": lambda d: _reduced(lambda x: T.dot(x, x.T), d, 300, 300),
    "matrix vector 1000": lambda d: _product(d, (1000, 1000), (1000,)),
    "vector matrix 1000": lambda d: _product(d, (1000,), (1000, 1000)),
    "matmul 20": lambda d: _product(d, (20, 20), (20, 20)),
    "matmul 100": lambda d: _product(d, (100, 100), (100, 100)),
    "matmul 500": lambda d: _product(d, (500, 500), (500, 500)),
    "step sum of 3": lambda d: _in_steps(d, 3),
    "step sum of 10": lambda d: _in_steps(d, 10),
    "step sum of 33": lambda d: _in_steps(d, 33),
    "step sum of 100": lambda d: _in_steps(d, 100),
    "step sum of 1000": lambda d: _in_steps(d, 1000),
    "step sum of 33 known": lambda d: _in_steps(d, 33, known=True),
    "RNN 10": lambda d: _recurrent(d, 10, 1000),
    "RNN 64": lambda d: _recurrent(d, 64),
    "RNN 64 gradient": lambda d: _weight_gradient(d, 64),
}


# ---- one process a checkout ----


class Worker:
    """A process that measures with the scancc of one checkout."""

    def __init__(self, checkout: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": checkout, "SCANCC_CACHE": "0"}, cwd=checkout)

    def ask(self, *question: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def serve() -> None:
    """Answer questions, one a line: `time NAME DTYPE SECONDS`, `models`, or `code MODEL GRADIENTS`."""
    for line in sys.stdin:
        what, *args = json.loads(line)
        print(json.dumps({"time": least_time_s, "models": model_names, "code": code_of}[what](*args)), flush=True)


_made: dict[tuple[str, str], tuple[Any, list[Any]]] = {}


def least_time_s(name: str, dtype: str, for_s: float) -> float:
    """The least processor time of a call, over about `for_s` seconds."""
    if (name, dtype) not in _made:
        inputs, output, args = CASES[name](dtype)
        _made[name, dtype] = sc.function(inputs, output), args
    f, args = _made[name, dtype]
    repeats = 1
    while (taken := _taken_s(f, args, repeats)) < min(2e-3, for_s):
        repeats *= 2
    return min([taken, *(_taken_s(f, args, repeats) for _ in range(int(for_s / taken)))]) / repeats


def _taken_s(f: Callable[..., Any], args: list[Any], repeats: int) -> float:
    start = time.process_time_ns()
    for _ in range(repeats):
        f(*args)
    return (time.process_time_ns() - start) / 1e9


def model_names() -> list[tuple[str, bool]]:
    """Names of models, each with and without gradients."""
    from tests.programs import users

    return [(m.__name__, gradients) for m in users.MODELS
            for gradients in ([False, True] if users.build(m).wrt else [False])]


def code_of(name: str, gradients: bool) -> tuple[int, float]:
    """Lines of a model's LLVM IR, and the least of LLVM's times for it."""
    from scancc.codegen import cpu
    from tests.programs import users

    model = users.build(getattr(users, name))
    outputs = [model.cost, *model.gradients()] if gradients else model.outputs
    compiled = sc.function(model.inputs, outputs, updates=None if gradients else model.updates).compiled
    assert compiled is not None
    times = []
    for _ in range(3):
        start = time.process_time()
        cpu.compile_object(compiled.llvm_text, compiled.target)
        times.append(time.process_time() - start)
    return compiled.llvm_text.count("\n"), min(times)


# ---- tables ----


def times(workers: list[Worker], chosen: list[str], rounds: int = 6) -> None:
    for dtype in ("float64", "float32"):
        for name in CASES:
            if chosen and not any(word in f"{name} {dtype}" for word in chosen):
                continue
            found = [[w.ask("time", name, dtype, 0.05) for w in workers] for _ in range(rounds)]
            best = [min(column) for column in zip(*found, strict=True)]
            columns = "".join(f"{1e6 * s:12.2f} us" for s in best)
            print(f"{name + ' ' + dtype:34}{columns}{_ratio(best)}", flush=True)


def _ratio(values: list[float]) -> str:
    return f"{values[-1] / values[0]:8.2f} x" if len(values) > 1 else ""


def code(workers: list[Worker]) -> None:
    lines, seconds = [], []
    for model in workers[-1].ask("models"):
        found = [w.ask("code", *model) for w in workers]
        lines.append([row[0] for row in found])
        seconds.append([row[1] for row in found])
        name = model[0] + (", gradient" if model[1] else "")
        print(f"{name:42}" + "".join(f"{n:8} lines {1e3 * s:8.1f} ms" for n, s in found) + _ratio(seconds[-1]))
    for title, rows in (("lines", lines), ("seconds", seconds)):
        sums = [sum(column) for column in zip(*rows, strict=True)]
        ratios = [row[-1] / row[0] for row in rows]
        print(f"{title} in all: {', '.join(f'{s:.6g}' for s in sums)}; ratios: mean {geometric_mean(ratios):.2f}, "
              f"largest {max(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sums", description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="shapes to measure: parts of their names")
    parser.add_argument("--against", metavar="CHECKOUT", help="another checkout, whose figures come first")
    parser.add_argument("--code", action="store_true", help="measure the compiler, not the code")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return
    here = str(Path(__file__).resolve().parent.parent)
    workers = [Worker(checkout) for checkout in ([given.against] if given.against else []) + [here]]
    if given.code:
        code(workers)
    else:
        times(workers, given.words)


if __name__ == "__main__":
    main()
