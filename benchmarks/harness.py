"""Interleaved timing of several ways to do one thing, in one process (the suite has a process for each system)."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

N_BLOCKS = 9


def interleaved(ways: dict[str, Callable[[], object]], n_blocks: int = N_BLOCKS,
                min_time_s: float = 0.02) -> dict[str, list[float]]:
    """Seconds a call of each way, one figure a block; the ways take turns, so that noise hits all alike."""
    repeats = {name: _repeats(way, min_time_s) for name, way in ways.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(n_blocks):
        for name, way in ways.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                way()
            times[name].append((time.perf_counter() - start) / repeats[name])
    return times


def _repeats(way: Callable[[], object], min_time_s: float) -> int:
    way()
    start = time.perf_counter()
    way()
    return max(1, int(min_time_s / max(time.perf_counter() - start, 1e-8)))


def report(title: str, times: dict[str, list[float]], base: str, unit: str = "ms") -> None:
    """One line a way: minimum and median, and the median of its ratios to `base` block by block."""
    scale = {"s": 1.0, "ms": 1e3, "us": 1e6}[unit]
    print(title)
    for name, values in times.items():
        ratio = median(a / b for a, b in zip(values, times[base], strict=True))
        print(f"  {name:28} min {scale * min(values):10.3f} {unit}   median {scale * median(values):10.3f} {unit}"
              f"   {ratio:7.2f} x {base}")
