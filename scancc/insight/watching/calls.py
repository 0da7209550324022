"""Native code whose every call is seen by Python: what runs it, and what it gives beside a program's own outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from scancc.frontend.program.probes import Probed
from scancc.runtime.outputs import Given
from scancc.versions import Native, Versions


class _Behind:
    """Code whose calls go through `kernel` of one's own, which does more than run it."""

    def __init__(self, native: Native, kernel: Callable[..., list[np.ndarray]]) -> None:
        self.native, self.kernel = native, kernel
        self.compilation = native.compilation

    def call(self, *values: Any) -> Any:
        return NotImplemented  # the caller goes through `kernel`


class Watched(Versions):
    """Codes whose every call is seen."""

    @property
    def is_open(self) -> bool:
        return True

    def of(self, arrays: Sequence[np.ndarray]) -> Any:
        native = super().of(arrays)
        return _Behind(native, lambda *values, out=None: self.run(native, values, out))

    def run(self, native: Native, values: Sequence[np.ndarray], out: Given | None) -> list[np.ndarray]:
        raise NotImplementedError


def split(seen: Probed, n_outputs: int, native: Native, values: Sequence[np.ndarray],
           out: Given | None) -> tuple[list[np.ndarray], dict[int, np.ndarray]]:
    """The program's own results of a call, and its other outputs by their numbers."""
    last = n_outputs + seen.n_outputs
    if out is not None:
        out = [*out[:n_outputs], *[None] * seen.n_outputs, *out[n_outputs:]]
    found = native.kernel(*values, out=out)
    return [*found[:n_outputs], *found[last:]], dict(enumerate(found[n_outputs:last], n_outputs))
