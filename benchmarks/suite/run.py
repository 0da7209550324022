"""`make bench`: calibrates, measures every cell in all systems, writes results.json and the page."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.suite import c_code, page, results
from benchmarks.suite.bounds import bound
from benchmarks.suite.calibrate import calibrate
from benchmarks.suite.measure import Pace, measure
from benchmarks.suite.processes import ROOT, Process, WorkerLost
from benchmarks.suite.systems import SYSTEMS, chosen
from benchmarks.suite.workload import Cell, load_all


def run(cells: list[Cell], out: Path, page_name: str, peers: bool, python: str, pace: Pace) -> int:
    """Number of forms with wrong numbers."""
    start = time.perf_counter()
    build_c(cells)
    workers, versions, absent = start_workers(peers, python)
    made: dict[str, Any] = {"when": time.strftime("%Y-%m-%d %H:%M"), "commit": commit(), "page": page_name,
                            "machine": machine(), "calibration": calibrate(), "versions": versions,
                            "absent": absent, "rounds": pace.rounds, "own_time": pace.own_time, "cells": []}
    try:
        for cell in cells:
            measured = measure(cell, workers, pace)
            measured["bound"] = _bound(cell, measured, made["calibration"])
            made["cells"].append(measured)
            print(_line(measured), flush=True)
    except KeyboardInterrupt:
        print(f"stopped after {len(made['cells'])} of {len(cells)} cells")
    finally:
        for worker in workers:
            worker.stop()
    made["took_s"] = time.perf_counter() - start
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(made, indent=1))
    page.write(made, out)
    return _close(made, out)


def _close(made: dict[str, Any], out: Path) -> int:
    wrong = results.wrong(made["cells"])
    for text in wrong:
        print("WRONG", text)
    for name, reason in made["absent"].items():
        print(f"absent: {name}: {reason}")
    print(f"{len(made['cells'])} cells in {made['took_s']:.0f} s, {len(wrong)} forms wrong; {out / 'results.json'}, "
          f"{out / made['page']}.md")
    return len(results.wrong(made["cells"], ours_only=True))


def build_c(cells: Iterable[Cell]) -> None:
    """Every library before anything is measured, on all cores."""
    workloads = load_all()
    jobs = {(workloads[c.workload].C, c.dtype, compiler) for c in cells for compiler in c_code.compilers()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: c_code.library(*job), sorted(jobs, key=str)))


def start_workers(peers: bool, python: str) -> tuple[list[Process], dict[str, dict[str, str]], dict[str, str]]:
    """Workers, versions of what they run, and the systems that are absent, with the reason."""
    workers, versions, absent = [], {}, {}
    for system in chosen(peers):
        worker = Process(system, python=python if system.peer else sys.executable)
        try:
            about = worker.ask("about")
        except WorkerLost as lost:
            about = {"missing": str(lost)}
        if "missing" in about:
            absent[system.name] = about["missing"]
            worker.stop()
        else:
            workers.append(worker)
            versions[system.name] = about["versions"]
    found = {compiler.name for compiler in c_code.compilers()}
    absent.update({name: f"{name} is not installed" for name in c_code.NAMES if name not in found})
    absent.update({} if peers else {s.name: "not asked for (PEERS=1)" for s in SYSTEMS.values() if s.peer})
    return workers, versions, absent


def _bound(cell: Cell, measured: dict[str, Any], calibration: dict[str, Any]) -> dict[str, Any] | None:
    workload = load_all()[cell.workload]
    work = workload.work(*workload.inputs(cell.size, cell.dtype))
    return bound(work, measured["nbytes"], cell.dtype, calibration)


def _line(cell: dict[str, Any]) -> str:
    own, best = results.time_of(cell, "scancc"), results.best_c(cell)
    text = f"{results.name_of(cell):34} " + (f"{1e6 * own:12.2f} us" if own else "  no scancc")
    if own and best:
        text += f"   {own / best[1]:6.2f} of {best[0]}"
    if own and cell["bound"]:
        text += f"   bound by {cell['bound']['limit']}: {cell['bound']['time_s'] / own:.2f} reached"
    return text


def commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=ROOT)
    return done.stdout.strip()


def machine() -> dict[str, Any]:
    """Processor, system, compilers, and what of the environment may change a figure."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    paths = {compiler.path for compiler in c_code.compilers()}
    switches = {name: value for name, value in os.environ.items()
                if name.startswith(("OPENBLAS", "OMP_", "MKL_", "XLA_", "SCANCC_"))}
    return {"processor": models[0] if models else platform.machine(), "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
            "compilers": [c_code.version(path) for path in sorted(paths)], "c_flags": c_code.FLAGS,
            "environment": switches}
