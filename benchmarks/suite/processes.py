"""The workers as the driver sees them: started with their environment, on one core, asked with a time limit."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.suite.systems import ONE_THREAD, System

ROOT = Path(__file__).resolve().parents[2]
LOAD_LIMIT_S = 120.0


class WorkerLost(Exception):
    """A worker died or did not answer in time."""


class Process:
    """One worker; `label` tells two of the same system apart, `source` is the checkout whose scancc it imports."""

    def __init__(self, system: System, label: str = "", python: str = sys.executable, source: Path = ROOT) -> None:
        self.system, self.label = system, label or system.name
        self.python, self.source = python, source
        self.log = open(log_path(self.label), "ab")  # noqa: SIM115 - lives as long as the worker
        self.start()

    def start(self) -> None:
        environment = {**os.environ, **ONE_THREAD, **dict(self.system.environment),
                       "PYTHONPATH": os.pathsep.join([str(self.source), str(ROOT)])}
        self.process = subprocess.Popen(
            [self.python, "-P", "-m", "benchmarks.suite.worker", self.system.name], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.log, env=environment, cwd=ROOT, bufsize=0)
        _pin(self.process.pid)

    def ask(self, do: str, limit_s: float = LOAD_LIMIT_S, **command: Any) -> dict[str, Any]:
        """The worker's answer; a worker that does not answer is ended and started again."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do, **command}).encode() + b"\n")
            ready, _, _ = select.select([self.process.stdout], [], [], limit_s)
            answer = self.process.stdout.readline() if ready else b""
        except BrokenPipeError:
            ready, answer = [1], b""
        if answer:
            return dict(json.loads(answer))
        reason = "ended" if ready else f"no answer in {limit_s:.0f} s"
        self.restart()
        raise WorkerLost(f"{self.label}: {reason} (see {self.log.name})")

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def _pin(pid: int) -> None:
    """All workers on the same core, the last: they never run at the same time."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {max(os.sched_getaffinity(0))})


def log_path(label: str) -> Path:
    folder = ROOT / "build" / "bench" / "log"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{label}.txt"
