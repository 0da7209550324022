"""Reading results: which form of a cell is which, and how long it took."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

Cells = list[dict[str, Any]]
Column = Callable[[dict[str, Any]], float | None]  # of a table: the figure of a cell
PEERS = {"NumPy": "NumPy", "NumPy/SciPy library": "library", "JAX": "JAX", "JAX small-while flag": "JAX flag",
         "Numba": "Numba", "Numba fast-math": "Numba fm", "torch": "torch", "PyTensor": "PyTensor"}


def time_of(cell: dict[str, Any], form: str) -> float | None:
    """Median seconds a call; None where the form is absent or its numbers were wrong."""
    found = cell["forms"].get(form)
    return median(found["times"]) if found and found["times"] else None


def c_forms(cell: dict[str, Any], strict_only: bool = False, plain_only: bool = False) -> dict[str, float]:
    """Seconds of the C forms that are as strict as the text, or of all."""
    return {name: median(form["times"]) for name, form in cell["forms"].items()
            if form["system"] == "c" and form["times"] and (form["strict"] or not strict_only)
            and (not plain_only or (" plain" in name and form["strict"]))}


def best_c(cell: dict[str, Any], **which: bool) -> tuple[str, float] | None:
    forms = c_forms(cell, **which)
    return min(forms.items(), key=lambda item: item[1]) if forms else None


def ratio(cell: dict[str, Any], form: str, to: float | None) -> float | None:
    own = time_of(cell, form)
    return own / to if own is not None and to else None


def to_c(cell: dict[str, Any], form: str, **which: bool) -> float | None:
    best = best_c(cell, **which)
    return ratio(cell, form, best[1]) if best else None


def geometric_mean(values: Iterable[float | None]) -> float | None:
    logs = [math.log(v) for v in values if v]
    return math.exp(sum(logs) / len(logs)) if logs else None


def name_of(cell: dict[str, Any]) -> str:
    return f"{cell['workload']} {cell['size']} {cell['dtype']}"


def wrong(cells: Cells, ours_only: bool = False) -> list[str]:
    """Cells and forms whose numbers are not the reference's; `ours_only`: of scancc and of C as the text says."""
    return [f"{name_of(cell)}: {form}, error {found['error']:.2g}, allowed {cell['tolerance']:.2g}"
            for cell in cells for form, found in cell["forms"].items()
            if not found["right"] and (_ours(found) or not ours_only)]


def _ours(form: dict[str, Any]) -> bool:
    return form["system"] == "scancc" or (form["system"] == "c" and form["strict"])
