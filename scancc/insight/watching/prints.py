"""`Print` in native code: the values are more outputs, which are printed when a call is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Variable, user_location
from scancc.frontend.ops.control import Show
from scancc.frontend.program.probes import Inside, Seen, probed
from scancc.frontend.program.program import Program
from scancc.insight.watching.calls import Watched, split
from scancc.runtime.outputs import Given
from scancc.versions import Native


class Printing(Watched):
    """Codes that print, when a call is done, what its `Print`s saw, in the order of computation."""

    def __init__(self, program: Program, later: bool = False) -> None:
        self.n_outputs = len(program.outputs)
        self.probed = probed(program, _is_shown)
        super().__init__(self.probed.program, False, later)
        site = Site(program.name, user_location(), "function")
        for value in self.probed.missed:
            site.warn(f"Print of {described(value)} has no effect: only a branch of an ifelse computes it, or its "
                      "shape changes from step to step", "pass mode='reference' to see the values")

    def run(self, native: Native, values: Sequence[np.ndarray], out: Given | None) -> list[np.ndarray]:
        results, rows = split(self.probed, self.n_outputs, native, values, out)
        _print(self.probed.seen, rows, (), [])
        return results


def _is_shown(value: Variable) -> bool:
    return value.owner is not None and isinstance(value.owner.op, Show)


def _print(seen: Sequence[Seen], rows: Mapping[int, np.ndarray], at: tuple[int, ...], words: Sequence[str]) -> None:
    for one in seen:
        if isinstance(one, Inside):
            for step in range(_n_steps(one, rows, at)):
                _print(one.seen, rows, (*at, step), [f"in step {step} of {one.scan.name}", *words])
        else:
            assert one.of.owner is not None and isinstance(one.of.owner.op, Show)
            one.of.owner.op.show(rows[one.output][at], ", ".join(words))


def _n_steps(inside: Inside, rows: Mapping[int, np.ndarray], at: tuple[int, ...]) -> int:
    first = inside.seen[0]
    return _n_steps(first, rows, at) if isinstance(first, Inside) else len(rows[first.output][at])
