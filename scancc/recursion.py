"""Room for graphs that are deeper than Python's stack: chains of hundreds of ops, as unrolled loops make them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FRAMES = 10_000  # about half of what the usual 8 MiB of a thread's stack hold in the worst case

_lock = threading.Lock()
_users = 0
_limit_before = 0


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Python's limit raised, for all threads, until the last one leaves."""
    global _users, _limit_before
    with _lock:
        if _users == 0:
            _limit_before = sys.getrecursionlimit()
            sys.setrecursionlimit(max(_limit_before, FRAMES))
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                sys.setrecursionlimit(_limit_before)
