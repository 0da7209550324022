"""Aligned memory for the workspace of native calls."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np

from scancc.artifact import WORKSPACE_ALIGN_BYTES


class AlignedBuffer:
    """Uninitialised bytes at an aligned address; they live as long as this object."""

    def __init__(self, nbytes: int, align_bytes: int = WORKSPACE_ALIGN_BYTES) -> None:
        self.nbytes = nbytes
        self._memory = np.empty(nbytes + align_bytes, np.uint8)
        start = self._memory.ctypes.data
        self.address = start + -start % align_bytes


class WorkspacePool:
    """Lends buffers to calls, one call one buffer, and keeps a few for the next calls.

    Safe for use by many threads: two calls at once never get the same buffer.
    """

    def __init__(self, n_kept: int = 2) -> None:
        self._n_kept = n_kept
        self._free: list[AlignedBuffer] = []  # no lock: taking and adding one are each one moment

    @contextmanager
    def lend(self, nbytes: int) -> Iterator[int]:
        """The address of `nbytes` bytes for the `with` block; 0 where none are needed."""
        if nbytes == 0:
            yield 0
            return
        buffer = self._take(nbytes) or AlignedBuffer(nbytes)
        try:
            yield buffer.address
        finally:
            self._give_back(buffer)

    def _take(self, nbytes: int) -> AlignedBuffer | None:
        for buffer in tuple(self._free):
            if buffer.nbytes >= nbytes:
                with suppress(ValueError):  # another thread took it
                    self._free.remove(buffer)
                    return buffer
        return None

    def _give_back(self, buffer: AlignedBuffer) -> None:
        self._free.append(buffer)
        if len(self._free) > self._n_kept:
            smallest = min(tuple(self._free), key=lambda b: b.nbytes, default=buffer)
            with suppress(ValueError):
                self._free.remove(smallest)
