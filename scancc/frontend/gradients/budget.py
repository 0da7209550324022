"""How many bytes the reverse of each scan may keep of the forward steps: `grad(..., max_bytes=)`.

Scans share it by what they need, the bytes of their states times the root of their steps. Where rows of all steps of
one fit beside what the others need for blocks, they are kept, and the next ones may take what one leaves. Where there
are scans in steps, of which the rows of one outer step are there at a time, all have even parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import reduce
from typing import Any

import numpy as np

from scancc.frontend.gradients.block_sizes import TYPICAL_STEPS, nbytes, value_of
from scancc.frontend.gradients.walk import depending
from scancc.frontend.graph.constants import as_tensor_variable
from scancc.frontend.graph.site import Site
from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.variables import Apply, Variable, ancestors, applies
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.scalars import add, floor, maximum, minimum, sqrt, sub
from scancc.late_dataclasses import dataclass

STEPS_OF_STATES = 16  # as many bytes as these states take do for most steps


@dataclass
class Budget:
    """What `n_scans` scans together may keep.

    left: what those may that wait; of each of these the bytes of its states, and of blocks of the root of its steps.
    """

    max_bytes: int
    n_scans: int
    left: Variable
    waiting: dict[Apply, tuple[Variable, Variable]]

    def share(self, node: Apply) -> Variable:
        """What one of them may keep: each some states, and of the rest as much as its steps need."""
        if node not in self.waiting:
            return floor(self.left / float(self.n_scans))
        if len(self.waiting) == 1:
            return self.left
        even = self.left / float(2 * len(self.waiting))
        least = {scan: minimum(even, state * float(STEPS_OF_STATES)) for scan, (state, _) in self.waiting.items()}
        roots = {scan: root for scan, (_, root) in self.waiting.items()}
        rest = sub(self.left, reduce(add, least.values()))
        return floor(add(least[node], rest * (roots[node] / reduce(add, roots.values()))))

    def most(self, node: Apply) -> float:
        """The bytes up to which it may keep rows of all steps, as others could do with blocks."""
        others = [root for scan, (_, root) in self.waiting.items() if scan is not node]
        share, alone = value_of(self.share(node)), value_of(reduce(sub, others, self.left))
        return share if node not in self.waiting or alone == np.inf else max(share, alone)

    def settle(self, node: Apply, kept: Variable) -> None:
        """Take what it keeps off what is left."""
        if self.waiting.pop(node, None) is not None:
            self.left = sub(self.left, kept)

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
    scans = {node: _n_scans(node.op) for node in order if isinstance(node.op, Scan)
             and node.op.checkpoints is None and not reached.isdisjoint(node.outputs)}
    needs = {node: _needs(node) for node in scans}
    known = all(n == 1 for n in scans.values()) and not any(map(_rests_on_scans, needs.values()))
    return Budget(int(max_bytes), max(sum(scans.values()), 1), as_tensor_variable(float(max_bytes)),
                  needs if known else {})


def _needs(node: Apply) -> tuple[Variable, Variable]:
    """The bytes of a scan's states, and twice those that blocks of the root of its steps keep, if the reverse of a
    step reads as many."""
    op = node.op
    assert isinstance(op, Scan)
    inputs = op.inputs_of(node.inputs)
    state = nbytes(x for x in inputs.inits or [x[0] for x in inputs.xs] if not isinstance(x.type, StreamType))
    most = [*([TYPICAL_STEPS] if op.body.stop is not None else []),
            *([op.truncate_gradient] if op.truncate_gradient >= 0 else [])]
    steps = reduce(minimum, map(as_tensor_variable, map(float, most)), cast(inputs.length, "float64"))
    return state, maximum(state * minimum(sqrt(steps) * 4.0, steps * 2.0), as_tensor_variable(1.0))


def _rests_on_scans(needs: tuple[Variable, Variable]) -> bool:
    """Whether nobody knows sizes before a scan has run: what this keeps may not depend on itself."""
    return any(v.owner is not None and isinstance(v.owner.op, Scan) for v in ancestors(needs))


def _n_scans(op: Scan) -> int:
    """A scan, and those that are written in its step."""
    body, written = op.body, op.body.parts_written
    step = [*(carry.next for carry in body.carry[:written.carry]), *body.ys[:written.ys]]
    return 1 + sum(_n_scans(node.op) for node in applies(step) if isinstance(node.op, Scan))
