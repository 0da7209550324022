"""`make bench-compare A=... B=...`: what changed between two commits, or two files of results, beyond noise.

Two commits (or `.`, the working tree) are measured in one run, in turn, with the workloads of this checkout: scancc
of A, of A once more, and of B. The ratio of A's second process to its first, which nothing changed, says how much a
cell moves by itself: *noise* is the 95th percentile of that over all cells, and at least 2%. A cell has changed where
the 98% interval of the median of its ratios B / A, round by round, lies beyond 1 by more than the noise. The interval
goes from one of the sorted ratios to another (the sign test's), so no distribution is assumed.

Two files were measured at different times: there the C and NumPy forms, whose text is the same, play the part of A's
second process, and a cell's interval is that of two medians.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.suite.measure import Pace, measure
from benchmarks.suite.processes import ROOT, Process
from benchmarks.suite.results import Cells, geometric_mean, name_of
from benchmarks.suite.systems import SYSTEMS
from benchmarks.suite.workload import Cell

LEAST_NOISE = 0.02
CONFIDENCE = 0.98
FORMS = ("scancc", "scancc fast-math", "scancc with shapes", "scancc fast-math with shapes")


@dataclass(frozen=True)
class Change:
    """B's time over A's for one form of a cell: its median and the interval around it."""

    what: str
    low: float
    middle: float
    high: float

    def verdict(self, noise: float) -> str:
        if self.low > 1 + noise:
            return "slower"
        return "faster" if self.high < 1 / (1 + noise) else ""


def interval(values: list[float]) -> tuple[float, float]:
    """Bounds of the median with the stated confidence; all of the range where there are too few values for it."""
    n, ordered = len(values), sorted(values)
    tail, k = 0.0, 0
    while k < n // 2:
        tail += math.comb(n, k) / 2**n
        if 2 * tail > 1 - CONFIDENCE:
            break
        k += 1
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def noise_of(ratios: list[float]) -> float:
    """The 95th percentile of how far ratios that should be 1 are from it."""
    away = sorted(abs(math.log(r)) for r in ratios)
    return max(LEAST_NOISE, math.expm1(away[math.ceil(0.95 * len(away)) - 1]) if away else 0.0)


# ---- two commits ----


def compare_commits(a: str, b: str, cells: list[Cell], pace: Pace) -> int:
    """Prints the changes; the number of cells that are slower or wrong."""
    with ExitStack() as stack:
        trees = {"A": stack.enter_context(_checkout(a)), "B": stack.enter_context(_checkout(b))}
        trees["A2"] = trees["A"]
        workers = [Process(SYSTEMS["scancc"], label, source=trees[label]) for label in ("A", "A2", "B")]
        for worker in workers:
            stack.callback(worker.stop)
            _check_source(worker)
        measured = []
        for cell in cells:
            measured.append(measure(cell, workers, pace))
            print(f"\r{len(measured)} of {len(cells)} cells", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    changes, control = _changes(measured, "B"), _changes(measured, "A2")
    return _report(a, b, changes, noise_of([c.middle for c in control]), _differences(measured))


@contextmanager
def _checkout(commit: str) -> Iterator[Path]:
    """A folder with that commit's packages, removed afterwards; for `.` this checkout."""
    if commit == ".":
        yield ROOT
        return
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["git", "archive", commit, "scancc", "passes", "runtime"], capture_output=True,
                                check=True, cwd=ROOT).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        yield Path(folder)


def _check_source(worker: Process) -> None:
    """What is compared must be what was asked for, however scancc is installed."""
    found = Path(worker.ask("about")["folders"]["scancc"]).resolve()
    if found != (worker.source / "scancc").resolve():
        raise RuntimeError(f"{worker.label} imports scancc from {found}, not from {worker.source}")


def _changes(measured: Cells, label: str) -> list[Change]:
    """One for each form that both have, from their ratios round by round."""
    made = []
    for cell in measured:
        for form in FORMS:
            before, after = (cell["forms"].get(f"{form} @{which}", {}).get("times") for which in ("A", label))
            if before and after:
                ratios = [y / x for x, y in zip(before, after, strict=False)]
                low, high = interval(ratios)
                made.append(Change(f"{name_of(cell)}, {form}", low, median(ratios), high))
    return made


def _differences(measured: Cells) -> list[str]:
    """What is absent or wrong on one side, and what compiles in another time by more than half."""
    lines = []
    for cell in measured:
        for form in FORMS:
            before, after = (cell["forms"].get(f"{form} @{which}") for which in ("A", "B"))
            states = [("absent" if f is None else "right" if f["right"] else f"wrong by {f['error']:.1e}")
                      for f in (before, after)]
            if states[0] != states[1] or "wrong" in states[1]:
                lines.append(f"{name_of(cell)}, {form}: A {states[0]}, B {states[1]}")
            elif before and after and not 2 / 3 < after["compile_s"] / before["compile_s"] < 3 / 2:
                lines.append(f"{name_of(cell)}, {form}: compiled in {1e3 * before['compile_s']:.0f} ms by A, "
                             f"{1e3 * after['compile_s']:.0f} ms by B")
    return lines


# ---- two files ----


def compare_files(a: Path, b: Path, keep: Callable[[str], bool]) -> int:
    before, after = (json.loads(path.read_text()) for path in (a, b))
    pairs = [(x, y) for x in before["cells"] for y in after["cells"] if name_of(x) == name_of(y) and keep(name_of(x))]
    control = [change.middle for pair in pairs for change in _pair_changes(*pair, ("c", "numpy"))]
    drift = geometric_mean(control) or 1.0
    changes = [Change(c.what, c.low / drift, c.middle / drift, c.high / drift)
               for pair in pairs for c in _pair_changes(*pair, ("scancc",))]
    print(f"C and NumPy forms: B takes {drift:.3f} of A's time; figures below are over that")
    return _report(str(a), str(b), changes, noise_of([r / drift for r in control]), [])


def _pair_changes(before: dict[str, Any], after: dict[str, Any], systems: tuple[str, ...]) -> Iterator[Change]:
    for form, x in before["forms"].items():
        y = after["forms"].get(form)
        if x["system"] in systems and y and x["times"] and y["times"]:
            (low_x, high_x), (low_y, high_y) = interval(x["times"]), interval(y["times"])
            yield Change(f"{name_of(before)}, {form}", low_y / high_x, median(y["times"]) / median(x["times"]),
                         high_y / low_x)


def _report(a: str, b: str, changes: list[Change], noise: float, differences: list[str]) -> int:
    print(f"A = {a}, B = {b}; {len(changes)} forms; noise {100 * noise:.1f}%; "
          f"B / A, median and {100 * CONFIDENCE:.0f}% interval")
    counts = {}
    for verdict in ("slower", "faster"):
        found = sorted((c for c in changes if c.verdict(noise) == verdict), key=lambda c: -abs(math.log(c.middle)))
        counts[verdict] = len(found)
        for c in found:
            print(f"  {verdict}  {c.what:50} {c.middle:6.3f}  [{c.low:.3f}, {c.high:.3f}]")
    for line in differences:
        print(f"  {line}")
    mean = geometric_mean(c.middle for c in changes) or 1.0
    same = len(changes) - sum(counts.values())
    print(f"{counts['slower']} slower, {counts['faster']} faster, {same} the same within noise; "
          f"geometric mean of B / A {mean:.3f}")
    return counts["slower"] + sum("B wrong" in line for line in differences)
