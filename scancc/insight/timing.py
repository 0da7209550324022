"""Where the time of a function went: of its compilations, and of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Timing(NamedTuple):
    """Where the time went, in seconds: `compile`, of each code that was made, what its phases took (only 'cache' and
    'loading' where the disk cache had it); `calls`, of a function with `profile=True`, the parts of all `n_calls`."""

    function: str
    compile: tuple[Mapping[str, float], ...]
    n_calls: int | None = None
    calls: Mapping[str, float] | None = None

    def __str__(self) -> str:
        lines = [f"time of {self.function}"]
        for times in self.compile:
            lines += _times("compiled", times)
        if self.calls is None:
            return "\n".join([*lines, "  calls are not timed: pass profile=True to function", ""])
        return "\n".join([*lines, *_times(f"{self.n_calls} call{'s' * (self.n_calls != 1)}", self.calls), ""])


def _times(title: str, times: Mapping[str, float]) -> list[str]:
    total = sum(times.values())
    rows = [f"    {what:14} {1e3 * time_s:10.3f} ms  {time_s / total if total else 0:4.0%}"
            for what, time_s in times.items()]
    return [f"  {title + ' in':18}{1e3 * total:8.3f} ms", *rows]
