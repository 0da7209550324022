"""What a graph computes in any case, and what hangs on branches of lazy choices."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.scalars import logical_not, logical_or

Branch = tuple[Apply, bool]  # an ifelse, or a switch that counts as one; the side where the condition holds
Uses = frozenset[Branch] | None  # None: used in any case


def find_uses(order: Sequence[Apply], roots: Iterable[Variable], switches: Container[Apply] = ()
              ) -> dict[Variable, Uses]:
    """For each variable, the branches in which all its uses lie. `order`: the applications, inputs first;
    `roots`: what is computed in any case; `switches`: those that count as lazy choices. Branches of choices that
    themselves lie in a branch do not count."""
    found: dict[Variable, Uses] = dict.fromkeys(roots)
    for node in reversed(order):
        mine = _union(found[v] for v in node.outputs if v in found)
        found.update((v, mine) for v in node.outputs)
        for position, var in enumerate(node.inputs):
            here = _branch(node, position, switches) if mine is None else mine
            found[var] = _union([found[var], here]) if var in found else here
    return found


def _branch(node: Apply, position: int, switches: Container[Apply]) -> Uses:
    """The branch of an application run in any case that an input belongs to, if it is a choice."""
    if position and node in switches:
        return frozenset([(node, position == 1)])
    if position in node.op.always(len(node.inputs)):
        return None
    assert isinstance(node.op, IfElse)
    return frozenset([(node, position in node.op.demands(True))])


def _union(several: Iterable[Uses]) -> Uses:
    """All branches together; None as soon as one use is in any case, as in both sides of one choice."""
    found: set[Branch] = set()
    for uses in several:
        if uses is None:
            return None
        found |= uses
    return None if any((node, not side) in found for node, side in found) else frozenset(found)


def in_order(uses: frozenset[Branch], order: Sequence[Apply]) -> list[Branch]:
    """The branches in the order of their choices."""
    choices = {node for node, _ in uses}
    return [(node, side) for node in order if node in choices for side in (True, False) if (node, side) in uses]


def taken(branches: Sequence[Branch]) -> Variable:
    """True where one of the branches is taken."""
    found = [(node.inputs[0].dimshuffle(), side) for node, side in branches]
    conditions = [condition if side else logical_not(condition) for condition, side in found]
    result = conditions[0]
    for condition in conditions[1:]:
        result = logical_or(result, condition)
    return result
