"""Seconds from `sc.function(...)` to a callable: `python -m benchmarks.compile_time`.

Cold: programs of the tutorial, each in a new process, after `import scancc`, with the disk cache off, so
that loading LLVM counts. Warm: the same in one process. The import itself is measured beyond NumPy's.
Models: what people write (`tests/programs/users.py`), with and without gradients, in one process, from
building the graph to the code of the first call, which has the sizes of that call where matrices are small
(docs/calls.md); the best of three, for a machine that is not quiet.
First: of the tutorial's programs, each in a new process whose disk cache has the code, from building the graph to the
function (`--first`). By CPU time, the least of five, with the bytecode of Python's modules.
Exports: of the same models object, header and manifest with the gradient, from the graph; then, in a new process,
what `import scancc.runtime`, `load` and the first call take beyond NumPy's import. By CPU time.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median
from typing import Any

import numpy as np

ONE = """
import json, sys, time
import numpy
start = time.perf_counter()
import scancc as sc
imported = time.perf_counter() - start
from tests.programs import seed
case = next(p for p in seed.PROGRAMS if p.__name__ == sys.argv[1])()
def compile():
    start = time.perf_counter()
    sc.function(case.inputs, case.outputs, updates=case.updates).prepare()
    return time.perf_counter() - start
print(json.dumps([imported, compile(), min(compile() for _ in range(5))]))
"""
ENVIRONMENT = {**os.environ, "SCANCC_CACHE": "0"}


def measure(name: str) -> list[float]:
    """Import, cold and warm seconds of one program."""
    done = subprocess.run([sys.executable, "-c", ONE, name], capture_output=True, text=True, check=True,
                          env=ENVIRONMENT)
    return list(json.loads(done.stdout))


def tutorial() -> None:
    from tests.programs import seed

    rows = []
    for program in seed.PROGRAMS:
        imported, cold, warm = (median(column) for column in zip(*(measure(program.__name__) for _ in range(3)),
                                                                   strict=True))
        rows.append((imported, cold, warm))
        print(f"{program.__name__:32} import {1e3 * imported:6.0f} ms   cold {1e3 * cold:6.0f} ms"
              f"   warm {1e3 * warm:6.1f} ms")
    print("median".ljust(32), *(f"{word} {1e3 * median(column):6.1f} ms  " for word, column in
                                zip(("import", "cold", "warm"), zip(*rows, strict=True), strict=True)))


def _compile(make: Any, gradients: bool) -> float:
    import scancc as sc
    from tests.programs import users

    start = time.perf_counter()
    model = users.build(make)
    outputs = [model.cost, *model.gradients()] if gradients else model.outputs
    sc.function(model.inputs, outputs, updates=None if gradients else model.updates).prepare(*model.args)
    return time.perf_counter() - start


def model_times() -> Iterator[tuple[float, str]]:
    """Seconds and name of each model, values and gradients apart."""
    from tests.programs import users

    for make in users.MODELS:
        for gradients in [False, True] if users.build(make).wrt else [False]:
            name = make.__name__ + (", gradient" if gradients else "")
            yield min(_compile(make, gradients) for _ in range(3)), name


def models() -> None:
    from tests.programs import users

    _compile(users.MODELS[0], False)  # loads LLVM
    rows = sorted(model_times(), reverse=True)
    for seconds, name in rows:
        print(f"{name:42} {1e3 * seconds:8.1f} ms")
    print(f"{'median of ' + str(len(rows)):42} {1e3 * median(s for s, _ in rows):8.1f} ms"
          f"   worst {1e3 * rows[0][0]:8.1f} ms")


FIRST = """
import sys, time, numpy
import scancc as sc, scancc.tensor
from tests.programs import seed
make = next(p for p in seed.PROGRAMS if p.__name__ == sys.argv[1])
start = time.process_time()
case = make()
sc.function(case.inputs, case.outputs, updates=case.updates).prepare()
print(time.process_time() - start)
"""


def _first(name: str, folder: str) -> float:
    """CPU seconds to the first function of a process, whose code is in the disk cache."""
    environment = {**os.environ, "SCANCC_CACHE": "1", "SCANCC_CACHE_DIR": f"{folder}/cache",
                   "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has the bytecode of its modules
    runs = [subprocess.run([sys.executable, "-c", FIRST, name], capture_output=True, text=True, check=True,
                           env=environment).stdout for _ in range(6)]
    return min(map(float, runs[1:]))


def first() -> None:
    from tests.programs import seed

    with tempfile.TemporaryDirectory() as folder:
        rows = {program.__name__: _first(program.__name__, folder) for program in seed.PROGRAMS}
    for name, seconds in rows.items():
        print(f"{name:32} first function of a process {1e3 * seconds:6.1f} ms")
    print(f"{'median':32} first function of a process {1e3 * median(rows.values()):6.1f} ms")


LOADED = """
import sys, time, numpy as np
arguments = np.load(sys.argv[2])
arguments = [arguments[name] for name in arguments.files]
start = time.process_time()
import scancc.runtime
scancc.runtime.load(sys.argv[1])(*arguments)
print(time.process_time() - start)
"""


def _exported(make: Any, folder: str) -> float:
    """CPU seconds of an export with the gradient, in this process."""
    import scancc as sc
    from tests.programs import users

    model = users.build(make)
    start = time.process_time()
    with sc.compile.compiling_later():
        f = sc.function(model.inputs, model.cost, name="model", on_unused_input="ignore")
    wrt = [model.inputs[n] for n in model.wrt]
    sc.export(f, f"{folder}/", emit="o,h,json", gradient="value_and_grad", wrt=wrt)
    return time.process_time() - start


def _loaded(make: Any, folder: str, compiled: str) -> float:
    """CPU seconds from NumPy to the first result, in a new process; the caller's code is in the disk cache, and the
    bytecode of Python's modules in `compiled`."""
    from tests.programs import users

    model = users.build(make)
    arrays = [np.asarray(value, variable.dtype) for value, variable in zip(model.args, model.inputs, strict=True)]
    np.savez(f"{folder}/arguments.npz", *arrays)
    command = [sys.executable, "-c", LOADED, f"{folder}/model.o", f"{folder}/arguments.npz"]
    environment = {**os.environ, "SCANCC_CACHE": "1", "PYTHONPYCACHEPREFIX": compiled,
                   "OPENBLAS_NUM_THREADS": "1"}  # NumPy's other threads start by spinning, which is time of the CPU
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has the bytecode of its modules
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return float(done.stdout)


def _row(make: Any, compiled: str) -> tuple[float, float, str]:
    with tempfile.TemporaryDirectory() as folder:
        made = min(_exported(make, folder) for _ in range(3))
        return made, min(_loaded(make, folder, compiled) for _ in range(3)), make.__name__


def exports() -> None:
    from tests.programs import users

    with tempfile.TemporaryDirectory() as compiled:
        rows = [_row(make, compiled) for make in (users.MODELS[0],  # which loads LLVM
                                                  *(m for m in users.MODELS if users.build(m).wrt))]
    for made, loaded, name in sorted(rows[1:], reverse=True):
        print(f"{name:34} export {1e3 * made:8.1f} ms   load and first call {1e3 * loaded:8.1f} ms")
    print(f"{'median of ' + str(len(rows) - 1):34} export {1e3 * median(r[0] for r in rows[1:]):8.1f} ms   "
          f"load and first call {1e3 * median(r[1] for r in rows[1:]):8.1f} ms")


def main() -> None:
    if "--exports" in sys.argv:
        os.environ.update(ENVIRONMENT)
        exports()
        return
    if "--first" in sys.argv:
        first()
        return
    if "--models" not in sys.argv:
        tutorial()
    os.environ.update(ENVIRONMENT)
    models()


if __name__ == "__main__":
    main()
