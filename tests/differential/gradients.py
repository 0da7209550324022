"""Gradients of random programs: their costs, and differences to compare them with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.differential.program import Built, Mismatch

STEP = 1e-5
TOLERANCE = 1e-4


def cost_of(outputs: Sequence[Any]) -> Any:
    """A scalar that every element of every float output moves, each by another weight; None without any."""
    floats = [v for v in outputs if v.dtype.startswith("float")]
    parts = [(T.cast(T.cos(T.arange(v.size) + 0.5), v.dtype) * v.flatten()).sum() if v.ndim else v for v in floats]
    return sum(T.cast(p, "float64") for p in parts) if parts else None


def slopes_of(cost: Any, built: Built, max_bytes: int | None = None) -> list[Any]:
    """The gradients of the float inputs and shared variables, within `max_bytes`."""
    wrt = [v for v in [*built.inputs, *built.shared] if v.dtype.startswith("float")]
    if cost is None or not wrt:
        return []
    return list(sc.grad(cost, wrt, disconnected_inputs="ignore", max_bytes=max_bytes))


def check_slopes(cost: Any, built: Built, args: Sequence[np.ndarray], what: str) -> None:
    """The gradient along a random direction is how fast the cost grows there, by the reference."""
    shared = [s for s in built.shared if s.dtype == "float64"]
    function = sc.function([*built.inputs], [cost, *built.outputs], mode="reference", on_unused_input="ignore",
                           no_default_updates=True)
    try:
        _, *slopes = function(*args)
    except (ValueError, IndexError):
        return
    rng = np.random.default_rng(0)
    floats = [i for i, v in enumerate(built.inputs) if v.dtype == "float64"]
    held = [s.get_value() for s in shared]
    along = [rng.normal(size=np.shape(v)) for v in [*(args[i] for i in floats), *held]]
    expected = sum(float((g * d).sum()) for g, d in zip(slopes, along, strict=True))

    def cost_at(distance: float) -> float:
        moved = list(args)
        for i, direction in zip(floats, along, strict=False):
            moved[i] = args[i] + distance * direction
        for s, value, direction in zip(shared, held, along[len(floats):], strict=True):
            s.set_value(value + distance * direction)
        return float(function(*moved)[0])

    found = (cost_at(STEP) - cost_at(-STEP)) / (2 * STEP)
    for s, value in zip(shared, held, strict=True):
        s.set_value(value)
    if not (np.isfinite(found) and np.isfinite(expected)):
        return
    size = 1.0 + sum(float(np.abs(g).sum()) for g in slopes)
    if abs(found - expected) > TOLERANCE * size:
        raise Mismatch(f"gradient, {what}: along a direction {expected}, by differences {found}")
