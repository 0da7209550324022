"""What a step closes over becomes a closed body.

A traced step is a graph that reaches out of the loop. Parts that depend on nothing of the loop become
invariants, at the largest such subexpression, computed once before the loop. Parts that depend on a
shared variable with an update move into the step, where the variable is a state: a random draw closed
over is drawn anew in every step. Passing such an expression in `non_sequences` holds it fixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scancc.errors import MissingInputError
from scancc.frontend.dims import DimShuffle
from scancc.frontend.graph import Constant, Variable, ancestors, leaves, rebuild
from scancc.frontend.shared import SharedVariable
from scancc.frontend.site import Site, described


@dataclass
class Closure:
    """A traced step whose roots rest on inner variables and constants only."""

    roots: list[Variable]
    invariants: list[Variable]  # outer
    consts: list[Variable]  # the inner variable for each invariant
    states: dict[SharedVariable, Variable]  # the inner variable for each shared variable with an update


def close(
    roots: Sequence[Variable], own: Iterable[Variable], updated: Iterable[SharedVariable],
    passed: Mapping[Variable, str | None],
) -> Closure:
    """Cut `roots` off from the graph around the loop.

    `own`: the step's variables for rows; `updated`: shared variables that change from step to step;
    `passed`: the non-sequences, which are invariant whatever they depend on, with the names of the
    step's parameters.
    """
    states = {shared: shared.type(shared.name) for shared in updated}
    fixed = [v for v in passed if v not in states and not isinstance(v, Constant)]
    invariants = _invariants(roots, {*own, *states}, fixed)
    consts = [v.type(passed.get(v) or v.name) for v in invariants]
    replace: dict[Variable, Variable] = dict(zip(invariants, consts, strict=True))
    replace.update(states.items())
    closed = rebuild(roots, replace)
    return Closure(closed, invariants, consts, states)


def _invariants(
    roots: Sequence[Variable], varying: set[Variable], fixed: Sequence[Variable]
) -> list[Variable]:
    """The largest subexpressions of `roots` that depend on nothing in `varying`, non-sequences first."""
    varies: dict[Variable, bool] = {}
    constant: dict[Variable, bool] = {}  # rests on constants only
    found: dict[Variable, None] = {}
    for var in ancestors(roots, stop=[*varying, *fixed]):
        inputs = [] if var.owner is None or var in varying or var in fixed else var.owner.inputs
        varies[var] = var in varying or any(varies[v] for v in inputs)
        constant[var] = isinstance(var, Constant) or (bool(inputs) and all(constant[v] for v in inputs))
        if varies[var]:
            found.update((_boundary(v, fixed), None) for v in inputs if not varies[v])
    found.update((_boundary(v, fixed), None) for v in roots if not varies[v])
    outside = [v for v in found if not _stays_inside(v, constant[v])]
    first = [v for v in fixed if v in found]
    return first + [v for v in outside if v not in first]


def _boundary(var: Variable, fixed: Sequence[Variable]) -> Variable:
    """Where the cut goes: a scalar broadcast to more axes enters the loop as the scalar."""
    node = None if var in fixed else var.owner
    scalar = node is not None and isinstance(node.op, DimShuffle) and node.inputs[0].ndim == 0
    return node.inputs[0] if node is not None and scalar else var


def _stays_inside(var: Variable, constant: bool) -> bool:
    """Constants, and single numbers computed from constants, are part of the step."""
    return isinstance(var, Constant) or (constant and all(n == 1 for n in var.type.shape))


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
                f"pass {leaf!r} in non_sequences",
            ))


def check_strict(invariants: Iterable[Variable], passed: Iterable[Variable], site: Site) -> None:
    """Under strict=True a shared variable without update is passed in `non_sequences`."""
    passed = list(passed)
    for leaf in leaves(invariants, stop=passed):
        if isinstance(leaf, SharedVariable) and leaf not in passed:
            raise MissingInputError(site.text(
                f"the step uses the shared variable {leaf!r}, which is not in `non_sequences`, under "
                "strict=True: "
                "the scan is missing an input", f"add {leaf!r} to non_sequences, or leave strict out",
            ))
