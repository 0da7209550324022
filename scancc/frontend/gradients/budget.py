"""How many bytes the reverse of each scan may keep of the forward steps: `grad(..., max_bytes=)`.

A budget is shared evenly by the scans that the gradient passes through, those in their steps among them: of these the
rows of one outer step are there at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from scancc.frontend.gradients.walk import depending
from scancc.frontend.graph.site import Site
from scancc.frontend.graph.variables import Variable, applies
from scancc.frontend.loops.scan_op import Scan
from scancc.late_dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """What `n_scans` scans together may keep."""

    max_bytes: int
    n_scans: int

    @property
    def share(self) -> int:
        return self.max_bytes // self.n_scans

    def __str__(self) -> str:
        each = "" if self.n_scans == 1 else f", which {self.n_scans} scans share"
        return f"max_bytes is {self.max_bytes}{each}"


_budget: ContextVar[Budget | None] = ContextVar("budget", default=None)


def budget() -> Budget | None:
    """The budget of the gradient that is being built."""
    return _budget.get()


@contextmanager
def within(budget: Budget | None) -> Iterator[None]:
    """Build gradients under a budget, or, with None, under none."""
    token = _budget.set(budget)
    try:
        yield
    finally:
        _budget.reset(token)


def parse_budget(max_bytes: Any, seeds: Mapping[Variable, Variable], targets: Iterable[Variable], site: Site,
                 ) -> Budget | None:
    """The argument `max_bytes`, for the scans between `seeds` and `targets`."""
    if max_bytes is None:
        return None
    if isinstance(max_bytes, bool) or not hasattr(max_bytes, "__index__") or int(max_bytes) < 1:
        raise ValueError(site.text(f"max_bytes is {max_bytes!r}", "give a number of bytes, 1 or more"))
    order = applies(list(seeds))
    reached = depending(order, targets)
    scans = [node.op for node in order if isinstance(node.op, Scan) and not reached.isdisjoint(node.outputs)]
    return Budget(int(max_bytes), max(sum(map(_n_scans, scans)), 1))


def _n_scans(op: Scan) -> int:
    """A scan, and those that are written in its step."""
    body, written = op.body, op.body.parts_written
    step = [*(carry.next for carry in body.carry[:written.carry]), *body.ys[:written.ys]]
    return 1 + sum(_n_scans(node.op) for node in applies(step) if isinstance(node.op, Scan))
