"""Measures cells: numbers first, then times, the forms in turn, round after round."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.suite.processes import Process, WorkerLost
from benchmarks.suite.workload import Cell, load_all

ROUNDS_BY_CALL_S = ((0.02, 5), (0.1, 3), (0.5, 1))  # calls longer than this are measured in so many rounds only


@dataclass(frozen=True)
class Pace:
    """How forms are timed: in so many rounds of so many seconds; `own_time`: by the processor's time for the form."""

    rounds: int
    round_s: float
    own_time: bool = False


def measure(cell: Cell, workers: Iterable[Process], pace: Pace) -> dict[str, Any]:
    """Errors, compile times and times of every form of a cell, as the JSON of the results has them."""
    workload = load_all()[cell.workload]
    inputs = workload.inputs(cell.size, cell.dtype)
    want = workload.reference(inputs)
    forms: dict[str, dict[str, Any]] = {}
    absent: dict[str, str] = {}
    owners: dict[str, Process] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "reference.npz")
        np.savez(path, *want)
        for worker in workers:
            answer = _load(worker, cell, path, workload.tolerance[cell.dtype])
            absent.update(answer["absent"])
            for name, form in answer["forms"].items():
                label = name if worker.label == worker.system.name else f"{name} @{worker.label}"
                forms[label], owners[label] = {
                    **form, "name": name, "system": worker.system.name, "times": []}, worker
    _time(forms, owners, pace)
    return {"workload": cell.workload, "size": cell.size, "dtype": cell.dtype, "title": workload.title,
            "limits": workload.limits,
            "group": workload.group,
            "sizes": workload.sizes[cell.size], "tolerance": workload.tolerance[cell.dtype],
            "forms": forms, "absent": absent, "nbytes": _nbytes([*inputs, *want], cell.dtype)}


def _load(worker: Process, cell: Cell, reference: str, tolerance: float) -> dict[str, Any]:
    system = worker.system
    if cell.dtype not in system.dtypes:
        return {"forms": {}, "absent": {worker.label: f"not measured in {cell.dtype}"}}
    if system.first_size_only and cell.size != next(s for s in load_all()[cell.workload].sizes if s != "tiny"):
        return {"forms": {}, "absent": {worker.label: "measured at the first size only"}}
    where = [cell.workload, cell.size, cell.dtype]
    try:
        return worker.ask("load", cell=where, reference=reference, tolerance=tolerance)
    except WorkerLost as lost:
        return {"forms": {}, "absent": {worker.label: str(lost)}}


def _time(forms: dict[str, dict[str, Any]], owners: dict[str, Process], pace: Pace) -> None:
    """Fills `times`, seconds a call, one a round; a form with wrong numbers is not timed."""
    for done in range(pace.rounds):
        for label, form in forms.items():
            if form["right"] and done < _rounds(form["call_s"], pace.rounds):
                n_calls = max(1, int(pace.round_s / max(form["call_s"], 1e-8)))
                try:
                    answer = owners[label].ask("time", form=form["name"], n_calls=n_calls, own_time=pace.own_time)
                except WorkerLost:
                    form["right"] = False
                    continue
                form["times"].append(answer["time_s"])
                form["call_s"] = min(form["call_s"], answer["time_s"])


def _rounds(call_s: float, rounds: int) -> int:
    return min([rounds, *(fewer for longer_s, fewer in ROUNDS_BY_CALL_S if call_s > longer_s)])


def _nbytes(arrays: list[Any], dtype: str) -> int:
    """Bytes of all arrays, floats in `dtype`."""
    item = np.dtype(dtype).itemsize
    return sum(a.size * (item if a.dtype.kind == "f" else a.itemsize) for a in arrays if isinstance(a, np.ndarray))
