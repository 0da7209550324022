"""Which forward values a scan keeps for its reverse, and which are computed again: a cut of the step of least cost.

    u = tanh(z); a = u * x; b = u * y        the reverse reads a and b: u is kept, and both are computed again

Each value is an edge, which costs what its row takes, and each op one, which costs what it takes to run it again;
what lies between a cut and what the reverse reads is computed again. What is more than arithmetic (`Op.is_cheap`) is
not, where it can be kept. Lengths that are not known count as TYPICAL_LENGTH.
Where memory is scarce (`fewest`), bytes alone count, and operations decide between cuts of as many.
Source: min-cut rematerialisation as in the partitioner of PyTorch's AOTAutograd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod

import numpy as np

from scancc.frontend.gradients.min_cut import SINK, SOURCE, Network
from scancc.frontend.graph.variables import Constant, Variable, ancestors
from scancc.late_dataclasses import dataclass

TYPICAL_LENGTH = 64
BYTE = 8  # in operations: writing and reading a row of float64 takes as long as 64
SCARCE_BYTE = 2**40
UNWANTED, NEVER = 2**60, 2**90
FUNCTION = 16  # operations of an element of what is no arithmetic


@dataclass(frozen=True)
class Step:
    """What can be said of the values of a step."""

    is_known: Callable[[Variable], bool]
    must_keep: Callable[[Variable], bool]  # where the reverse reads it, or what rests on it
    may_keep: Callable[[Variable], bool]
    fewest: bool = False

    def kept(self, needed: Iterable[Variable]) -> set[Variable]:
        """What to keep so that all of `needed` is known or can be computed again."""
        roots = list(dict.fromkeys(needed))
        number = {v: 2 * i + 2 for i, v in enumerate(self._costly(roots))}
        if number.keys().isdisjoint(roots):
            return set()
        network = Network(2 * len(number) + 2)
        for var, at in number.items():
            network.edge(SOURCE, at, self._price(var))
            is_keepable = self.must_keep(var) or self.may_keep(var)
            byte = SCARCE_BYTE if self.fewest else BYTE
            network.edge(at, at + 1, byte * _nbytes(var) if is_keepable else NEVER)
            for v in () if self.must_keep(var) or var.owner is None else var.owner.inputs:
                if v in number:
                    network.edge(number[v] + 1, at, NEVER)
        for root in roots:
            if root in number:
                network.edge(number[root] + 1, SINK, NEVER)
        beyond = network.beyond_cut()
        return {var for var, at in number.items() if at + 1 in beyond and at not in beyond}

    def _costly(self, roots: list[Variable]) -> list[Variable]:
        """What more than cheap ops lie between and what is known."""
        known, kept = self._ends(roots)
        costly: dict[Variable, None] = {}
        for v in ancestors(roots, known | kept):
            if v in kept or v not in known and v.owner is not None and not (
                    v.owner.op.is_cheap and costly.keys().isdisjoint(v.owner.inputs)):
                costly[v] = None
        return list(costly)

    def _ends(self, roots: list[Variable]) -> tuple[set[Variable], set[Variable]]:
        """What is known of what `roots` rest on, and what must be kept."""
        known: set[Variable] = set()
        kept: set[Variable] = set()
        seen, pending = set(roots), list(roots)
        while pending:
            var = pending.pop()
            if isinstance(var, Constant) or self.is_known(var):
                known.add(var)
            elif self.must_keep(var) or var.owner is None:
                kept.add(var)
            else:
                pending += (v for v in var.owner.inputs if v not in seen)
                seen.update(var.owner.inputs)
        return known, kept

    def _price(self, var: Variable) -> int:
        """What it costs to compute `var` again from its inputs."""
        if var.owner is None or self.must_keep(var):
            return NEVER
        n_elements = max(map(_n_elements, (var, *var.owner.inputs)))
        if var.owner.op.is_cheap:
            return n_elements
        return FUNCTION * n_elements if self.fewest else UNWANTED


def _n_elements(var: Variable) -> int:
    return prod(TYPICAL_LENGTH if n is None else n for n in var.type.shape)


def _nbytes(var: Variable) -> int:
    return _n_elements(var) * int(np.dtype(var.dtype).itemsize)
