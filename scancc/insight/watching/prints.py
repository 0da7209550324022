"""`Print` in native code: the values are more outputs, which are printed when a call is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Variable, user_location
from scancc.frontend.ops.control import Show
from scancc.frontend.program.probes import Inside, Probe, Seen, probed
from scancc.frontend.program.program import Program
from scancc.insight.watching.calls import Watched, split
from scancc.printed import Printed, PrintedSteps, Prints, show, where_of
from scancc.runtime.outputs import Given
from scancc.versions import Native


class Printing(Watched):
    """Codes that print, when a call is done, what its `Print`s saw, in the order of computation."""

    def __init__(self, program: Program, later: bool = False) -> None:
        self.n_outputs = len(program.outputs)
        self.probed = probed(program, _is_shown)
        self.prints = _prints(self.probed.seen)
        super().__init__(self.probed.program, False, later)
        site = Site(program.name, user_location(), "function")
        for value in self.probed.missed:
            site.warn(f"Print of {described(value)} has no effect: only a branch of an ifelse computes it, or its "
                      "shape changes from step to step", "pass mode='reference' to see the values")

    def run(self, native: Native, values: Sequence[np.ndarray], out: Given | None) -> list[np.ndarray]:
        results, rows = split(self.probed, self.n_outputs, native, values, out)
        _print(self.prints, rows)
        return results


def with_prints(program: Program) -> tuple[Program, tuple[Prints, ...]]:
    """The program with what its `Print`s see behind its outputs, and what that is."""
    found = probed(program, _is_shown)
    return found.program, _prints(found.seen)


def _is_shown(value: Variable) -> bool:
    return value.owner is not None and isinstance(value.owner.op, Show)


def _prints(seen: Sequence[Seen]) -> tuple[Prints, ...]:
    return tuple(PrintedSteps(one.scan.name, _prints(one.seen)) if isinstance(one, Inside) else _printed(one)
                 for one in seen)


def _printed(probe: Probe) -> Printed:
    node = probe.of.owner
    assert node is not None and isinstance(node.op, Show)
    return Printed(probe.output, node.op.text, node.op.attributes, node.inputs[0].name or probe.of.name or "")


def _print(prints: Sequence[Prints], rows: Mapping[int, np.ndarray], at: tuple[int, ...] = (),
           scans: tuple[str, ...] = ()) -> None:
    for one in prints:
        if isinstance(one, Printed):
            show(one.text, one.attributes, rows[one.output][at], where_of(scans, at))
            continue
        for step in range(len(rows[one.first.output][at])):
            _print(one.inside, rows, (*at, step), (*scans, one.scan))
