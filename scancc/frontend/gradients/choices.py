"""Lazy choices in a walk back: what only a branch of `ifelse` needs has its gradient computed in a branch too.

    y = ifelse(i < n, x[i] ** 2, a)        dx = ifelse(i < n, inc(zeros, i, 2 * x[i] * dy), zeros)
                                   ->
                                           da = ifelse(i < n, 0, dy)

An application is *lazy* if every use of it lies in a branch. Those that hang on the same branches are one
part: where one of these branches is taken, all gradients that leave the part are computed, else they are
zeros. So a gradient never computes what the function did not: an index out of range, a singular matrix,
the maximum of nothing. Choices within a part are parts of its own walk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from scancc.frontend.gradients.contributions import Choice
from scancc.frontend.gradients.rules import like, zeros_for
from scancc.frontend.graph.variables import Apply, Variable
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.ops.branches import Branch, find_uses, in_order, taken
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.elementwise import Elemwise
from scancc.late_dataclasses import dataclass

Found = dict[Variable, Variable]
Backpropagate = Callable[[Mapping[Variable, Variable], Iterable[Variable], Iterable[Variable]], Found]


@dataclass
class Part:
    """Applications that are run where one of `branches` is taken, and only there."""

    branches: list[Branch]
    nodes: list[Apply]

    def gradients(self, given: Mapping[Variable, Variable], wanted: set[Variable], wrt: set[Variable],
                  backpropagate: Backpropagate) -> list[tuple[Variable, Variable]]:
        """What the part adds to the gradients of variables outside it, and those of `wrt` within."""
        made = dict.fromkeys(v for node in self.nodes for v in node.outputs)
        seeds = {v: self._where_taken(given[v]) for v in made if v in given}
        outside = dict.fromkeys(v for node in self.nodes for v in node.inputs if v in wanted and v not in made)
        inside = [v for v in made if v in wrt and v not in seeds]
        found = backpropagate(seeds, [*outside, *inside], outside) if seeds else {}
        if not found:
            return []
        found = {v: found[v] for v in [*outside, *inside] if v in found}
        zeros = [zeros_for(v, g.dtype) for v, g in found.items()]
        chosen = self._chosen(list(found.values()), zeros)
        return [(v, like(g, v)) for v, g in zip(found, chosen, strict=True)]

    def _chosen(self, gradients: Sequence[Variable], zeros: Sequence[Variable]) -> list[Variable]:
        """`gradients` where one of the part's branches is taken; by its own condition if it is one branch."""
        choose = IfElse(len(gradients))
        ((choice, side), *others) = self.branches
        if others:
            return choose.apply(taken(self.branches), *gradients, *zeros)
        sides = [*gradients, *zeros] if side else [*zeros, *gradients]
        return choose.apply(choice.inputs[0].dimshuffle(), *sides)

    def _where_taken(self, gradient: Variable) -> Variable:
        """A gradient in the part's branch, without the choice that made it."""
        ((node, side), *others) = self.branches
        choice, given = Choice.of(node.outputs[0]), Choice.of(gradient)
        if others or choice is None or given is None or not given.is_beside(choice):
            return gradient
        return given.sides[not side]


def switches_of_loops(order: Sequence[Apply], roots: Sequence[Variable]) -> set[Apply]:
    """Switches by one condition between arrays, of which a side alone needs a scan or a lazy choice: its gradient is
    as lazy as that of an `ifelse`, and touches what the side taken touches."""
    switches = {node for node in order if isinstance(node.op, Elemwise) and node.outputs[0].ndim
                and Choice.of(node.outputs[0]) is not None}
    if not switches:
        return set()
    found = find_uses(order, roots, switches)
    around = [found[v] for node in order if isinstance(node.op, IfElse | Scan) for v in node.outputs if v.ndim]
    return {choice for uses in around for choice, _ in uses or () if choice in switches}


class Parts:
    """The parts of a graph. `order`: its applications, inputs first; `roots`: what is computed in any case."""

    def __init__(self, order: Sequence[Apply], roots: Iterable[Variable]) -> None:
        self.lazy: set[Apply] = set()
        self._parts: dict[frozenset[Branch], Part] = {}
        self._waiting: dict[frozenset[Branch], set[Apply]] = {}
        if any(isinstance(node.op, IfElse | Scan) for node in order):
            self._find(order, list(roots))

    def _find(self, order: Sequence[Apply], roots: Sequence[Variable]) -> None:
        found = find_uses(order, roots, switches_of_loops(order, roots))
        for node in order:
            uses = found[node.outputs[0]]
            if uses is None:
                continue
            self.lazy.add(node)
            if uses not in self._parts:
                self._parts[uses] = Part(in_order(uses, order), [])
                self._waiting[uses] = {choice for choice, _ in uses}
            self._parts[uses].nodes.append(node)

    def after(self, choice: Apply) -> Iterator[Part]:
        """The parts whose branches have all been walked through, now that `choice` has; users first."""
        for branches in sorted(self._parts, key=len):
            waiting = self._waiting[branches]
            if choice in waiting:
                waiting.remove(choice)
                if not waiting:
                    yield self._parts[branches]
