"""What a step closes over becomes a closed body.

A traced step is a graph that reaches out of the loop. Parts that depend on nothing of the loop become
invariants, at the largest such subexpression, computed once before the loop. Parts that depend on a
shared variable with an update move into the step, where the variable is a state: a random draw closed
over is drawn anew in every step. Passing such an expression in `non_sequences` holds it fixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from scancc.errors import MissingInputError
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.site import Site, described
from scancc.frontend.graph.variables import Constant, Variable, leaves, rebuild
from scancc.frontend.loops.invariants import Invariants
from scancc.late_dataclasses import dataclass


@dataclass
class Closure:
    """A traced step whose roots rest on inner variables and constants only."""

    roots: list[Variable]
    invariants: list[Variable]  # outer
    inputs: list[Variable]  # these, computed only where the step would
    consts: list[Variable]  # the inner variable for each invariant
    states: dict[SharedVariable, Variable]  # the inner variable for each shared variable with an update


def close(
    roots: Sequence[Variable], own: Iterable[Variable], updated: Iterable[SharedVariable],
    passed: Mapping[Variable, str | None], length: Variable, begun: int,
) -> Closure:
    """Cut `roots` off from the graph around the loop.

    `own`: the step's variables for rows; `updated`: shared variables that change from step to step;
    `passed`: the non-sequences, which are invariant whatever they depend on, with the names of the
    step's parameters; `length`: how many steps run; `begun`: the serial number of the step's first application.
    """
    states = {shared: shared.type(shared.name) for shared in updated}
    fixed = [v for v in passed if v not in states and not isinstance(v, Constant)]
    search = Invariants(roots, {*own, *states}, fixed, begun)
    invariants = search.find()
    consts = [v.type(passed.get(v) or v.name) for v in invariants]
    replace: dict[Variable, Variable] = dict(zip(invariants, consts, strict=True))
    replace.update(states.items())
    closed = rebuild(roots, replace)
    return Closure(closed, invariants, search.guarded(invariants, length), consts, states)


def check_passed(updates: Iterable[Variable], outputs: Iterable[Variable], known: Iterable[Variable],
                 site: Site) -> None:
    """What a step closes over is found from its outputs; an input that only an update uses is passed."""
    known = list(known)
    found = {*leaves(outputs, stop=known), *known}
    for leaf in leaves(updates, stop=known):
        if leaf not in found and not isinstance(leaf, Constant | SharedVariable):
            raise MissingInputError(site.text(
                f"an update that the step returns uses {described(leaf)}, which none of its outputs uses and which "
                "is not in `non_sequences`: the scan is missing an input",
                f"pass {leaf} in non_sequences",
            ))


def check_strict(invariants: Iterable[Variable], passed: Iterable[Variable], site: Site) -> None:
    """Under strict=True a shared variable without update is passed in `non_sequences`."""
    passed = list(passed)
    for leaf in leaves(invariants, stop=passed):
        if isinstance(leaf, SharedVariable) and leaf not in passed:
            raise MissingInputError(site.text(
                f"the step uses the shared variable {leaf}, which is not in `non_sequences`, under "
                "strict=True: "
                "the scan is missing an input", f"add {leaf} to non_sequences, or leave strict out",
            ))
