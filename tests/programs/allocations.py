"""What native code is given to write into, counted byte by byte where the runtime allocates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from scancc.compile import Function
from scancc.runtime.cpu import Kernel


class Counting(Kernel):
    """A kernel that counts the bytes of outputs and workspace of its last call."""

    taken = 0

    def _attempt(self, *args: Any) -> Any:
        self.taken, lend = 0, self._pool.lend

        def counted(nbytes: int) -> Any:
            self.taken += nbytes
            return lend(nbytes)

        with patch.object(self._pool, "lend", counted):
            return super()._attempt(*args)

    def _allocate(self, *args: Any) -> Any:
        outputs = super()._allocate(*args)
        self.taken += sum(array.nbytes for array in outputs)
        return outputs


def check_plan(f: Callable[..., Any], args: list[Any]) -> None:
    """The plan of a native function says, to the byte, what a call is given."""
    if isinstance(f, Function) and not f.mode.reference:
        kernel = Counting(f.compiled.artifact())
        kernel(*f._arrays(args, {}))
        plan = f.memory_plan(*args)
        assert plan.peak_nbytes == kernel.taken + plan.copied_nbytes
