"""pytest-benchmark and pyperf: calls of the exported library from Python, by `scancc.runtime.load`."""

from __future__ import annotations

from collections.abc import Sequence

from ..entry import Entry
from .c_harness import replaced
from .roofline import INTEGERS, Cost, Size, bound_of, sizes_of

_FUNCTIONS = {"min": "min({}, {})", "max": "max({}, {})", "//": "int(({}) / ({}))", "%": "math.fmod({}, {})",
              "lines": "(64 * math.ceil(({}) / 64))"}

_CASE = '''\
import math
import time
from pathlib import Path

import numpy as np
@IMPORTS@
import scancc.runtime

LIBRARY = Path(__file__).with_name("@LIBRARY@.so")
SIZES = {@DEFAULTS@}  # lengths, inputs that are whole numbers, and how many others are filled with


def parsed(text):
    """SIZES with what `x_n0=1e6,k=10` says."""
    given = {word.partition("=")[0].strip(): int(float(word.partition("=")[2])) for word in text.split(",") if word}
    if unknown := set(given) - set(SIZES):
        raise ValueError(f"{', '.join(sorted(unknown))}: no size; sizes are {', '.join(SIZES)}")
    return {**SIZES, **given}


def function():
    loaded = scancc.runtime.load(LIBRARY)
    return loaded["@NAME@"] if isinstance(loaded, dict) else loaded


def inputs(sizes):
    """Numbers from 0 to 1@WHOLE@."""
    random = np.random.default_rng(0)

    def made(dtype, *shape):
        numbers = random.random(shape)
        if dtype == "bool":
            return numbers < 0.5
        return (numbers * sizes["@INTEGERS@"] if np.dtype(dtype).kind in "iu" else numbers).astype(dtype)
    return [@INPUTS@]


def flops(sizes):
    """Operations on floats; an elementary function counts as 20."""
    return @FLOPS@


def nbytes(sizes):
    """Bytes of inputs and outputs."""
    return @NBYTES@


def best(work, rounds=7):
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def roofline(sizes, seconds):
    """The share of the least time that one core's peak and bandwidth allow: of products of matrices, too small for
    BLAS to use threads, and of a copy of as many bytes as the call has, or 256 KiB."""
    n, m = 64, int(max(2**18, min(nbytes(sizes), 1e9))) // 16
    a, x, y = np.ones((32, n, n), "@REAL@"), np.ones(m), np.empty(m)
    peak, repeats = 32 * 2 * n**3 / best(lambda: a @ a), 1 + 10**6 // m
    bandwidth = 16 * m * repeats / best(lambda: [np.copyto(y, x) for _ in range(repeats)])
    return max(flops(sizes) / peak, nbytes(sizes) / bandwidth) / seconds


def told(sizes, seconds):
    text = "@NAME@ " + " ".join(f"{name}={n}" for name, n in sizes.items()) + f": {1e6 * seconds:.6g} us a call"
    return text + (f", {100 * roofline(sizes, seconds):.1f} % of the roofline" if nbytes(sizes) else "")
'''

_PYTEST = '''\
"""pytest-benchmark of @NAME@, with its share of the roofline.

    pytest @NAME@_bench_pytest.py            @VARIABLE@_SIZES="@USAGE@" sets sizes
"""

import os
@CASE@

def test_@NAME@(benchmark, capsys):
    sizes = parsed(os.environ.get("@VARIABLE@_SIZES", ""))
    call, given = function(), inputs(sizes)
    benchmark(call, *given)
    if benchmark.stats is not None:
        seconds = benchmark.stats.stats.min
        benchmark.extra_info.update(sizes, roofline=roofline(sizes, seconds) if nbytes(sizes) else None)
        with capsys.disabled():
            print(f"\\n{told(sizes, seconds)}")
'''

_PYPERF = '''\
"""pyperf of @NAME@, with its share of the roofline.

    python @NAME@_bench_pyperf.py --sizes @USAGE@
"""

@CASE@

def main():
    runner = pyperf.Runner(add_cmdline_args=lambda command, options: command.extend(["--sizes", options.sizes]))
    runner.argparser.add_argument("--sizes", default="", help="@USAGE@")
    sizes = parsed(runner.parse_args().sizes)
    result = runner.bench_func("@NAME@", function(), *inputs(sizes))
    if result is not None and not runner.args.worker:
        print(told(sizes, min(result.get_values())))


if __name__ == "__main__":
    main()
'''


def pytest_text(library: str, entry: Entry, cost: Cost | None) -> str:
    """NAME_bench_pytest.py."""
    return _filled(_PYTEST, library, entry, cost)


def pyperf_text(library: str, entry: Entry, cost: Cost | None) -> str:
    """NAME_bench_pyperf.py."""
    return _filled(_PYPERF, library, entry, cost)


def _filled(template: str, library: str, entry: Entry, cost: Cost | None) -> str:
    sizes = sizes_of(entry)
    bound = bound_of(entry, cost, lambda size: f'sizes["{size.name}"]', _FUNCTIONS)
    single = not any(p.dtype in ("float64", "complex128") for p in (*entry.inputs, *entry.outputs))
    imports = "import pyperf\n" if template is _PYPERF else ""
    return replaced(template.replace("@CASE@", _CASE), {"IMPORTS": imports,
        "NAME": entry.name, "LIBRARY": library, "VARIABLE": entry.name.upper(), "INPUTS": _inputs(entry, sizes),
        "DEFAULTS": ", ".join(f'"{s.name}": {s.default}' for s in sizes), "REAL": "f4" if single else "f8",
        "USAGE": ",".join(f"{s.name}={s.default}" for s in sizes), "INTEGERS": INTEGERS,
        "WHOLE": ", whole ones below `integers`" if any(s.name == INTEGERS for s in sizes) else "",
        "FLOPS": bound.flops or "0.0", "NBYTES": bound.nbytes or "0.0"})


def _inputs(entry: Entry, sizes: Sequence[Size]) -> str:
    """An expression for each input that a call gives; a guess of a size is the runtime's."""
    states = {state.input for state in entry.calling.states}
    known = {(size.index, size.axis): size.name for size in sizes}
    found = []
    for index, param in enumerate(entry.inputs):
        if index in states or param.is_bound:
            continue
        if (index, -1) in known:
            found.append(f'np.asarray(sizes["{known[index, -1]}"], "{param.dtype}")')
            continue
        lengths = [entry.dim_argument(index, axis) for axis in range(param.rank)]
        texts = [str(d) if isinstance(d, int) else f'sizes["{d.name}"]' for d in lengths]
        found.append(f"made({', '.join([repr(param.dtype), *texts])})")
    return ", ".join(found)
