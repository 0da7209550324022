"""The page of a run, `benchmarks.md` with plots where matplotlib is installed (the extra `bench`), or `layers.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.suite import plots
from benchmarks.suite.results import (
    PEERS,
    Cells,
    Column,
    best_c,
    geometric_mean,
    name_of,
    ratio,
    time_of,
    to_c,
    wrong,
)

INTRO = """# Benchmarks

Written by `make bench`, commit {commit}, {when}: {n} cells in {took:.0f} s, {rounds} rounds. Each workload is one
computation (`benchmarks/suite/workloads/`), in scancc as its documentation teaches it. All forms run on one core, in
one run, taking turns; figures are medians of the rounds. Every number was checked against the NumPy reference in
float64 first (`error`: the largest difference in parts of the largest number; the part of whole numbers that differ).
Recurrent layers over a grid of sizes, with shapes known or not, have [a page of their own](layers.md).

* **Ratios** are scancc's time over the other's: below 1 scancc is faster.
* **strict C**: the fastest C form of any compiler found, plain or made fast by hand, that rounds as the text says
  (but for a product that joins its sum, in C as in scancc). **plain C**: without the forms made fast by hand.
  **any C**: `-ffast-math`, vector math libraries and reordered sums included; scancc with `fast_math="all"` stands
  against it, and against Numba's `fastmath` (**Numba fm**).
* **bound**: the least time on this machine by the calibration below, and what sets it: *bytes* (inputs and outputs
  once), *flops* (the peak of multiply-adds), *special* (divisions and elementary functions, as vector code of the C
  compiler's library has them; better code may beat it), *chain* (latencies that follow each other as the text is
  written: forms that reorder may beat it), *cache* (matrices that each step reads again, at the bandwidth of the
  cache that holds them). **reached**: bound over scancc's time.
"""

LAYERS = """# Recurrent layers

Written by `python -m benchmarks.suite run --page layers --peers`, commit {commit}, {when}: {n} cells in {took:.0f} s,
{rounds} rounds. Recurrent layers of H units, as many inputs, over 50 steps (20 where B is not 1) of B rows each: all
rows, and the sum of their squares with its gradient by the weights (`_grad`). A size is B x H. `with shapes`: the
program says the lengths of all axes; the other one learns them when it runs. C has SciPy's OpenBLAS for its products.
How it is measured, and what the columns mean, says [the benchmarks' page](benchmarks.md).

What bounds it: with one row a step reads its matrix once, from the cache that holds it, and OpenBLAS does no more.
With many rows it is the products, and, where H is 32, the functions: with `-ffast-math` C has the tanh and exp of
libmvec, which may be off by 4 ulp; ours stay within 1.2, a tanh in float32 with `fast_math` within 6 ([errors and
cycles](math.md)).
"""

PAGES = {"benchmarks": INTRO, "layers": LAYERS}


def write(made: dict[str, Any], folder: Path) -> None:
    """The page that was measured; beside `benchmarks.md`, in `benchmarks/`, its plots."""
    cells, page = made["cells"], made["page"]
    drawn = plots.write(cells, columns(cells), folder) if page == "benchmarks" else ""
    about = {key: made[key] for key in ("commit", "when", "rounds")}
    intro = PAGES[page].format(n=len(cells), took=made["took_s"], **about)
    parts = [intro, _machine(made), _means(cells), drawn, _table(cells), _faults(made)]
    (folder / f"{page}.md").write_text("\n".join(part for part in parts if part))


def _machine(made: dict[str, Any]) -> str:
    machine = made["machine"]
    versions = [f"{system}: " + ", ".join(f"{name} {v}" for name, v in found.items())
                for system, found in made["versions"].items() if found]
    lines = ["## Machine and versions\n", f"{machine['processor']}, {machine['cores']} cores; {machine['system']}; "
             f"{'; '.join(machine['compilers']) or 'no C compiler'}, `{' '.join(machine['c_flags'])}`; Python "
             f"{machine['python']}. Versions by process: {'; '.join(versions)}."]
    if made["own_time"]:
        lines.append("Times are those that the processor ran for a form, on a machine with other work.")
    if machine["environment"]:
        switches = ", ".join(f"`{k}={v}`" for k, v in machine["environment"].items())
        lines.append(f"Set in the environment: {switches}.")
    return "\n".join(lines + [_calibration(made["calibration"])])


def _calibration(calibration: dict[str, Any]) -> str:
    if "missing" in calibration:
        return f"\nNo calibration: {calibration['missing']}; cells have no bounds.\n"
    clock = calibration["clock_hz"]
    rows = [f"\nClock {clock / 1e9:.2f} GHz (a chain of additions). An empty call: "
            + ", ".join(f"{name} {1e6 * s:.2f} µs" for name, s in calibration["call_s"].items()) + ".\n",
            "| | peak GFLOP/s | latency, cycles | an element, cycles |", "|---|---|---|---|"]
    for dtype in ("float64", "float32"):
        made = calibration[dtype]
        cycles = [", ".join(f"{name} {s * clock:.1f}" for name, s in made[kind].items())
                  for kind in ("latency_s", "throughput_s")]
        rows.append(f"| {dtype} | {made['peak_flops'] / 1e9:.0f} | {cycles[0]} | {cycles[1]} |")
    sizes = calibration["bandwidth"]
    rows += ["", *_head(["GB/s of", *(f"{r['kbytes']} KB" for r in sizes)])]
    rows += [_row([name, *(f"{r[name] / 1e9:.0f}" for r in sizes)]) for name in ("read", "copy", "fill")]
    return "\n".join(rows) + "\n"


def _row(entries: list[str]) -> str:
    return "| " + " | ".join(entries) + " |"


def _head(names: list[str]) -> list[str]:
    return [_row(names), "|---" * len(names) + "|"]


def columns(cells: Cells) -> dict[str, Column]:
    """The ratios of the tables; peers that no cell has are left out here and named at the end of the page."""
    made: dict[str, Column] = {
        "strict C": lambda cell: to_c(cell, "scancc", strict_only=True),
        "plain C": lambda cell: to_c(cell, "scancc", plain_only=True),
        "fast-math / any C": lambda cell: to_c(cell, "scancc fast-math"),
    }
    if any(time_of(cell, "scancc with shapes") for cell in cells):
        made |= {"with shapes / strict C": lambda cell: to_c(cell, "scancc with shapes", strict_only=True),
                 "with shapes, fast-math / any C": lambda cell: to_c(cell, "scancc fast-math with shapes")}
    for form, short in PEERS.items():
        if any(time_of(cell, form) for cell in cells):
            own = "scancc fast-math" if form == "Numba fast-math" else "scancc"
            made[short] = lambda cell, form=form, own=own: ratio(cell, own, time_of(cell, form))
    return made


def _means(cells: Cells) -> str:
    made = columns(cells)
    rows = ["## Geometric means of the ratios\n", *_head(["", "cells", *made])]
    groups = list(dict.fromkeys(cell["group"] for cell in cells))
    for name, own in [(f"{group}, {dtype}", [c for c in cells if (c["group"], c["dtype"]) == (group, dtype)])
                      for group in groups for dtype in ("float64", "float32")] + [("all", cells)]:
        if not own:
            continue
        means = [_figure(geometric_mean(column(cell) for cell in own)) for column in made.values()]
        rows.append(_row([name, str(len(own)), *means]))
    peers = [column for name, column in made.items() if name in PEERS.values()]
    behind = sum(any((column(cell) or 0) > 1 for column in peers) for cell in cells)
    return "\n".join(rows) + f"\n\nIn {behind} of {len(cells)} cells some peer or library is faster than scancc.\n"


def _table(cells: Cells) -> str:
    made = columns(cells)
    rows = ["## Cells\n", *_head(["workload", "size", "float", "scancc", "bound", "reached", *made, "compile ms",
                                  "error", "fastest strict C"])]
    for cell in cells:
        best = best_c(cell, strict_only=True)
        own, form = time_of(cell, "scancc"), cell["forms"].get("scancc", {})
        rows.append(_row([
            cell["workload"], cell["size"], cell["dtype"][5:], _seconds(own), *_bound(cell, own),
            *(_figure(column(cell)) for column in made.values()),
            f"{1e3 * form['compile_s']:.0f}" if form else "–", f"{form['error']:.0e}" if form else "–",
            f"{best[0]}, {_seconds(best[1])}" if best else "–"]))
    titles = {cell["workload"]: " ".join(filter(None, (cell["title"], cell["limits"]))) for cell in cells}
    return "\n".join([*rows, "", *(f"* **{name}**: {title}" for name, title in titles.items())]) + "\n"


def _bound(cell: dict[str, Any], own: float | None) -> tuple[str, str]:
    limit = cell["bound"]
    if not limit:
        return "–", "–"
    return f"{_seconds(limit['time_s'])} {limit['limit']}", _figure(limit["time_s"] / own if own else None)


def _faults(made: dict[str, Any]) -> str:
    """Wrong numbers, then what is absent, by name."""
    lines = ["## Wrong numbers\n", *(f"* {text}" for text in wrong(made["cells"]) or ["none"]), "", "## Absent\n"]
    lines += [f"* **{name}**: {reason}" for name, reason in made["absent"].items()]
    where: dict[tuple[str, str], list[str]] = {}
    for cell in made["cells"]:
        for form, reason in cell["absent"].items():
            where.setdefault((form, reason), []).append(name_of(cell))
    lines += [f"* {form}: {reason}: {', '.join(names)}" for (form, reason), names in sorted(where.items())]
    return "\n".join(lines) + "\n"


def _figure(value: float | None) -> str:
    return f"{value:.3g}" if value is not None else "–"


def _seconds(value: float | None) -> str:
    if value is None:
        return "–"
    units = (("s", 1), ("ms", 1e3), ("µs", 1e6), ("ns", 1e9))
    unit, scale = next((u, s) for u, s in units if value * s >= 1 or u == "ns")
    return f"{value * scale:.3g} {unit}"
