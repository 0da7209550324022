"""Plots of a run, where matplotlib is installed (the extra `bench`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.suite.results import PEERS, Cells, Column, ratio, time_of, to_c


def write(cells: Cells, columns: dict[str, Column], folder: Path) -> str:
    """The plots as files of `benchmarks/`, and the lines of a page that show them."""
    try:
        import matplotlib
    except ImportError:
        return "No plots: matplotlib is not installed (the extra `bench`).\n"
    matplotlib.use("agg")
    (folder / "benchmarks").mkdir(parents=True, exist_ok=True)
    names = {"c": "scancc beside C", "bound": "the part of the bound that is reached",
             "peers": "scancc beside the peers"}
    _plot_points(cells, {k: v for k, v in columns.items() if k.endswith("C")}, "time over C's", folder, "c")
    _plot_points(cells, {"reached": _reached}, "bound over time", folder, "bound")
    peers = {k: v for k, v in columns.items() if k in PEERS.values()}
    _plot_points(cells, peers, "time over the peer's", folder, "peers")
    _plot_summary(cells, folder)
    return "\n".join(f"![{title}](benchmarks/{name}.png)\n" for name, title in names.items())


def _plot_summary(cells: Cells, folder: Path) -> None:
    """A row a workload, its largest size in float64: others' time in scancc's. Losses stand at the top."""
    import matplotlib.pyplot as plt

    others: dict[str, Column] = {
        "NumPy": lambda cell: ratio(cell, "scancc", time_of(cell, "NumPy")),
        "C, plain": lambda cell: to_c(cell, "scancc", plain_only=True),
        "C, fastest of any compiler, by hand too": lambda cell: to_c(cell, "scancc", strict_only=True)}
    of_workloads = {cell["workload"]: cell for cell in cells if cell["dtype"] == "float64"}
    best = list(others.values())[-1]
    known = sorted((cell for cell in of_workloads.values() if best(cell)), key=lambda cell: -(best(cell) or 0))
    figure, panel = plt.subplots(figsize=(8.5, 1 + 0.17 * len(known)))
    for marker, colour, (label, column) in zip("s^o", ("#e07b39", "#7f8fe0", "#2f3f9e"), others.items(), strict=True):
        points = [(1 / value, row) for row, cell in enumerate(known) if (value := column(cell))]
        panel.plot([x for x, _ in points], [y for _, y in points], marker, markersize=4.5, color=colour, label=label)
    panel.axvspan(panel.get_xlim()[0], 1, color="#888888", alpha=0.12, linewidth=0)
    _times_axis(panel)
    panel.set_xlim(left=min(0.1, *(1 / (best(cell) or 1) for cell in known)))
    panel.set_yticks(range(len(known)), [cell["workload"] for cell in known], fontsize=7)
    panel.set_ylim(len(known) - 0.5, -0.5)
    panel.set_xlabel("their time in scancc's (1: as fast; to the right scancc is faster)")
    panel.grid(axis="x", alpha=0.3)
    panel.legend(fontsize=8, loc="lower right")
    figure.tight_layout()
    figure.savefig(folder / "benchmarks" / "summary.png", dpi=110, metadata={"Software": None})
    plt.close(figure)


def _reached(cell: dict[str, Any]) -> float | None:
    own = time_of(cell, "scancc")
    return cell["bound"]["time_s"] / own if cell["bound"] and own else None


def _plot_points(cells: Cells, made: dict[str, Column], axis: str, folder: Path,
                 name: str) -> None:
    """A row a cell, a mark a column, on a logarithmic axis with a line at 1; one panel a float type."""
    import matplotlib.pyplot as plt

    groups = [g for g in ([c for c in cells if c["dtype"] == d] for d in ("float64", "float32")) if g]
    height = 1.2 + 0.19 * max(len(g) for g in groups)
    figure, panels = plt.subplots(1, len(groups), figsize=(6.5 * len(groups), height), squeeze=False)
    for panel, group in zip(panels[0], groups, strict=True):
        for marker, (label, column) in zip("osD^v<>Ph*", made.items(), strict=False):
            points = [(column(cell), row) for row, cell in enumerate(group)]
            known = [(x, y) for x, y in points if x is not None]
            panel.plot([x for x, _ in known], [y for _, y in known], marker, markersize=4, label=label, alpha=0.8)
        _times_axis(panel)
        panel.set_yticks(range(len(group)), [f"{c['workload']} {c['size']}" for c in group], fontsize=7)
        panel.set_ylim(len(group) - 0.5, -0.5)
        panel.set_xlabel(axis)
        panel.set_title(group[0]["dtype"])
        panel.grid(axis="x", alpha=0.3)
        panel.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(folder / "benchmarks" / f"{name}.png", dpi=70, metadata={"Software": None})
    plt.close(figure)


def _times_axis(panel: Any) -> None:
    from matplotlib.ticker import NullFormatter

    panel.axvline(1, color="black", linewidth=0.8)
    panel.set_xscale("log")
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_formatter(NullFormatter())
