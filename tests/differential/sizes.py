"""Random programs on sizes near the ends of what a number holds: each runs natively and by the reference, in a
process with little memory, and gives the same value, or is refused, in both. Where memory lacks for an array that
could be, the other may do without it.

    python -m tests.differential.sizes SEED COUNT
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import scancc as sc
import scancc.tensor as T

SIZES = (0, 1, 2, 3, 2**31 - 1, 2**31, 2**32, 2**47, 2**61, 2**61 + 1, 2**62, 2**63 - 1, -1)
SMALL = (0, 1, 2, 3)
MEMORY_NBYTES = 4 << 30  # of address space: what does not fit fails at once
REFUSED, SHORT = "refused", "no memory for it"

Make = Callable[[Any, Any, Any], Any]

ARRAYS: dict[str, Make] = {
    "vector": lambda n, m, x: T.alloc(1.0, n),
    "column": lambda n, m, x: T.alloc(x[:1], n, 1),
    "matrix": lambda n, m, x: T.alloc(2.0, n, m),
    "bytes": lambda n, m, x: T.zeros((n, m), "int8"),
    "cube": lambda n, m, x: T.zeros((n, m, n)),
    "range": lambda n, m, x: T.arange(n, m),
    "steps": lambda n, m, x: T.arange(0, n, m),
    "eye": lambda n, m, x: T.eye(n, m),
    "tile": lambda n, m, x: T.tile(x, n),
    "tiles": lambda n, m, x: T.tile(x, (n, m)),
    "repeat": lambda n, m, x: T.repeat(x, n),
    "repeats": lambda n, m, x: T.repeat(x, T.stack([n, m, n])),
    "joined": lambda n, m, x: T.concatenate([T.alloc(1.0, n), x, T.alloc(1.0, m)]),
    "outer": lambda n, m, x: T.alloc(1.0, n).dimshuffle(0, "x") * T.alloc(1.0, m).dimshuffle("x", 0),
    "product": lambda n, m, x: T.dot(T.alloc(1.0, n, 2), T.alloc(1.0, 2, m)),
    "reshaped": lambda n, m, x: x.reshape((n, m)),
    "rest": lambda n, m, x: T.alloc(1.0, n, 2).reshape((m, -1)),
    "diagonal": lambda n, m, x: T.diag(T.alloc(1.0, n)),
    "picked": lambda n, m, x: x[T.zeros((n, m), "int64")],
    "rows": lambda n, m, x: sc.scan(lambda h: h * 0.5, outputs_info=[x], n_steps=n)[0],
    "made": lambda n, m, x: sc.scan(lambda v: T.alloc(v, m), sequences=[T.alloc(1.0, n)])[0],
    "growing": lambda n, m, x: sc.scan(lambda i: T.sort(T.alloc(1.0, i * n + m)).sum(), sequences=[T.arange(3)])[0],
    "lagging": lambda n, m, x: sc.scan(lambda a, b: a + b, n_steps=2, outputs_info=[
        {"initial": T.alloc(1.0, 2, n), "taps": [-2, -1]}])[0],
}
READS: dict[str, Callable[[Any], Any]] = {
    "size": lambda y: y.size,
    "shape": lambda y: y.shape,
    "flat": lambda y: y.flatten().shape,
    "twice": lambda y: T.concatenate([y, y]).shape,
    "itself": lambda y: y,
    "sorted": lambda y: T.sort(y.flatten()),
    "sums": lambda y: T.sort(y, axis=0).sum(axis=0),
    "cut": lambda y: y[1:],
    "backwards": lambda y: y[::-1],
    "spread": lambda y: y.dimshuffle(*range(y.ndim), "x") + T.zeros((3,)),
}


def draw(random: random.Random) -> tuple[str, str, int, int]:
    """A program, and sizes: one of them large at most half of the time, so that many programs give a value."""
    n, m = (random.choice(SMALL if random.random() < 0.4 else SIZES) for _ in range(2))
    return random.choice(list(ARRAYS)), random.choice(list(READS)), n, m


def outcome(name: str, read: str, n: int, m: int, mode: str | None) -> str:
    """The value as text, or REFUSED, or SHORT."""
    sizes, x = [T.lscalar("n"), T.lscalar("m")], T.vector("x")
    try:
        f = sc.function([*sizes, x], READS[read](ARRAYS[name](*sizes, x)), mode=mode, on_unused_input="ignore")
        value = f(n, m, np.array([1.0, 2.0, 3.0]))
    except (MemoryError, ValueError, IndexError) as error:
        return SHORT if re.search("Unable to allocate|cannot be had", str(error)) else REFUSED
    return f"{value.dtype}{value.shape} {value.tolist() if value.size < 100 else value.sum()}"


def compare(seed: int, count: int) -> None:
    """Print each program before it runs, and fail at the first one whose outcomes differ."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_NBYTES, MEMORY_NBYTES))
    chance = random.Random(seed)
    for _ in range(count):
        program = draw(chance)
        print(*program, flush=True)
        found, wanted = (outcome(*program, mode) for mode in (None, "reference"))
        assert found == wanted or SHORT in (found, wanted), f"{program}: native {found}, reference {wanted}"


def run(seed: int, count: int, timeout_s: float) -> None:
    """`compare` in a process of its own, which neither ends by a signal nor hangs."""
    command = [sys.executable, "-m", "tests.differential.sizes", str(seed), str(count)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    last = done.stdout.splitlines()[-1:]
    assert done.returncode == 0, f"seed {seed}: status {done.returncode} at {last}\n{done.stderr[-2000:]}"


if __name__ == "__main__":
    compare(int(sys.argv[1]), int(sys.argv[2]))
