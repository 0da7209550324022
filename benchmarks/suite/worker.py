"""A process that prepares and times the forms of one system, told what to do by lines of JSON on its input.

`python -m benchmarks.suite.worker SYSTEM`. It answers on what was its standard output; what libraries print goes
to its standard error. Commands: about, load, time, drop.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.suite.systems import SYSTEMS, Form, System
from benchmarks.suite.workload import Cell, error, load_all, outputs_of


class Worker:
    """The forms of the cell that was loaded last."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.forms: dict[str, Form] = {}

    def about(self) -> dict[str, Any]:
        """Versions and the folder of each package; `missing` says which one is not there."""
        load_all()
        try:
            return {"versions": self.system.versions(), "folders": self.system.folders()}
        except ImportError as missing:
            return {"missing": f"{missing.name or missing} is not installed"}

    def load(self, cell: list[str], reference: str, tolerance: float) -> dict[str, Any]:
        """Compiles the cell's forms, and checks the numbers of each against those in the file `reference`."""
        self.forms = {}
        found, absent = {}, {}
        where = Cell(*cell)
        workload = load_all()[where.workload]
        try:
            prepared = self.system.prepare(workload, workload.inputs(where.size, where.dtype), where.dtype)
        except Exception as reason:
            return {"forms": {}, "absent": {self.system.name: _line(reason)}}
        want = _stored(reference)
        for name, form in prepared.items():
            if isinstance(form, str):
                absent[name] = form
                continue
            try:
                found[name] = _checked(form, want, tolerance)
            except Exception as reason:
                absent[name] = _line(reason)
            else:
                self.forms[name] = form
        return {"forms": found, "absent": absent}

    def time(self, form: str, n_calls: int, own_time: bool) -> dict[str, float]:
        """Seconds a call, caches warm: the turns of other processes leave none of this one's lines there. `own_time`:
        of this process alone, where others run beside it."""
        call, clock = self.forms[form].call, time.process_time if own_time else time.perf_counter
        call()
        start = clock()
        for _ in range(n_calls):
            call()
        return {"time_s": (clock() - start) / n_calls}

    def drop(self) -> dict[str, Any]:
        self.forms = {}
        return {}


def _checked(form: Form, want: list[np.ndarray], tolerance: float) -> dict[str, Any]:
    """Error and wrongness of the outputs, and what a call takes, roughly."""
    off = error(outputs_of(form.call()), want)
    start = time.perf_counter()
    form.call()
    return {"error": off, "right": bool(off <= tolerance), "call_s": time.perf_counter() - start,
            "compile_s": form.compile_s, "strict": form.strict}


def _stored(path: str) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[f"arr_{i}"] for i in range(len(file.files))]


def _line(reason: Exception) -> str:
    text = str(reason).strip().split("\n")[0]
    return f"{type(reason).__name__}: {text[:200]}"


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(SYSTEMS[sys.argv[1]])
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "about": worker.about, "load": worker.load, "time": worker.time, "drop": worker.drop}
    for line in sys.stdin:
        command = json.loads(line)
        answer = commands[command.pop("do")](**command)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
