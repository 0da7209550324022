"""Seconds from `sc.function(...)` to a callable: `python -m benchmarks.compile_time`.

Cold: each program in a new process, after `import scancc`, with the disk cache off, so that loading
LLVM counts. Warm: the same in one process. The import itself is measured beyond NumPy's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median

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
    sc.function(case.inputs, case.outputs, updates=case.updates)
    return time.perf_counter() - start
print(json.dumps([imported, compile(), min(compile() for _ in range(5))]))
"""


def measure(name: str) -> list[float]:
    """Import, cold and warm seconds of one program."""
    environment = {**os.environ, "SCANCC_CACHE": "0"}
    done = subprocess.run([sys.executable, "-c", ONE, name], capture_output=True, text=True, check=True,
                          env=environment)
    return list(json.loads(done.stdout))


def main() -> None:
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


if __name__ == "__main__":
    main()
