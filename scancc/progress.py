"""Where the time of a compilation goes: its phases, told to the logger `scancc.compile` when it is done.

On a terminal, a compilation of more than a second says in one line what it is at; the line goes when it is done.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

PATIENCE_S = 1.0  # before a terminal hears of a compilation
LOGGER = "scancc.compile"
CLEAR = "\r\x1b[K"


class Compilation:
    """One compilation: what took how long, in seconds, in the order in which it began."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.times: dict[str, float] = {}
        self.total_s = 0.0
        self._start = time.perf_counter()
        self._shown = False

    def at(self, what: str) -> None:
        """Tell a terminal, if it has waited for long, what is done now."""
        waited = time.perf_counter() - self._start
        if waited > PATIENCE_S and sys.stderr is not None and sys.stderr.isatty():
            self._shown = True
            sys.stderr.write(f"{CLEAR}scancc: compiling {self.name}, {waited:.1f} s: {what}")
            sys.stderr.flush()

    def finish(self) -> None:
        self.total_s = time.perf_counter() - self._start
        if self._shown:
            sys.stderr.write(CLEAR)
            sys.stderr.flush()
        logging = sys.modules.get("logging")  # nobody listens who has not loaded it
        if logging is not None:
            logging.getLogger(LOGGER).info("%s", self)

    def __str__(self) -> str:
        parts = ", ".join(f"{what} {1e3 * time_s:.1f}" for what, time_s in self.times.items())
        return f"{self.name}: ready in {1e3 * self.total_s:.1f} ms ({parts})"


_current: ContextVar[Compilation | None] = ContextVar("scancc_compilation", default=None)


@contextmanager
def compiling(name: str) -> Iterator[Compilation]:
    """A compilation that the block makes; its phases tell it what they take."""
    found = Compilation(name)
    token = _current.set(found)
    try:
        yield found
    finally:
        _current.reset(token)
        found.finish()


@contextmanager
def phase(name: str) -> Iterator[None]:
    """A phase of the compilation around it, if there is one; phases of one name count together."""
    found = _current.get()
    if found is None:
        yield
        return
    found.at(name)
    found.times.setdefault(name, 0.0)
    start = time.perf_counter()
    try:
        yield
    finally:
        found.times[name] += time.perf_counter() - start


def at(what: str) -> None:
    """What the compilation around it is at."""
    found = _current.get()
    if found is not None:
        found.at(what)
