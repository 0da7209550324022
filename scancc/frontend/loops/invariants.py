"""Invariants of a step: what depends on nothing of the loop, computed once before it.

What could fail before the loop must not fail where the step would not have computed it:

    scan(lambda h: h + x[5], ..., n_steps=n)       x5 = ifelse(n > 0, x[5], 0)       scan(lambda h: h + x5, ...)

An expression written in the step is computed only if a step runs; one that only a branch of `ifelse` uses,
only if the branch can be taken: where the condition varies from step to step, it stays in the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field

import numpy as np

from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import DimShuffle, dims, int64
from scancc.frontend.graph.variables import Apply, Constant, Variable, ancestors, applies
from scancc.frontend.ops.branches import Uses, find_uses, in_order, taken
from scancc.frontend.ops.control import IfElse, unchecked
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.making import Alloc, alloc, zeros_like
from scancc.late_dataclasses import dataclass
from scancc.process import kept_property


@dataclass
class Invariants:
    """The largest subexpressions of `roots` that depend on nothing in `varying`.

    `fixed`: the non-sequences, which are invariant as they are; `begun`: the serial number of the first
    application that the step made.
    """

    roots: Sequence[Variable]
    varying: set[Variable]
    fixed: Sequence[Variable]
    begun: int
    _varies: dict[Variable, bool] = field(default_factory=dict)
    _fails: dict[Variable, bool] = field(default_factory=dict)

    def find(self) -> list[Variable]:
        """The invariants, non-sequences first."""
        constant: dict[Variable, bool] = {}  # rests on constants only
        for var in self._order:
            inputs = self._inputs(var)
            self._varies[var] = var in self.varying or any(self._varies[v] for v in inputs)
            self._fails[var] = any(self._fails[v] for v in inputs) or (bool(inputs) and not _is_total(var))
            constant[var] = isinstance(var, Constant) or (bool(inputs) and all(constant[v] for v in inputs))
        found: dict[Variable, None] = {}
        for var in self._order:
            if self._is_inside(var):
                found.update((self._boundary(v), None) for v in self._inputs(var) if not self._is_inside(v))
        found.update((self._boundary(v), None) for v in self.roots if not self._is_inside(v))
        outside = [v for v in found if not _belongs_to_step(v, constant[v])]
        first = [v for v in self.fixed if v in found]
        return list(dict.fromkeys([*first, *outside]))

    def guarded(self, found: Sequence[Variable], length: Variable) -> list[Variable]:
        """The invariants as they are computed before a loop of `length` steps."""
        waiting: dict[tuple[bool, Uses], list[Variable]] = {}
        for var in found:
            guard = self._guard(var, _surely_runs(length))
            if guard != (False, None):
                waiting.setdefault(guard, []).append(var)
        made: dict[Variable, Variable] = {}
        for (steps, uses), group in waiting.items():
            held = self._made_outside(group) if uses is None else []
            chosen = IfElse(len(group)).apply(
                self._condition(steps, uses, length), *group, *(self._nothing(v) for v in group), *held)
            made.update(zip(group, chosen, strict=True))
        return [made.get(v, v) for v in found]

    @kept_property
    def _given(self) -> set[Variable]:
        return {*self.varying, *self.fixed}

    @kept_property
    def _order(self) -> list[Variable]:
        return list(ancestors(self.roots, stop=self._given))

    @kept_property
    def _nodes(self) -> list[Apply]:
        return applies(self.roots, stop=self._given)

    @kept_property
    def _uses(self) -> dict[Variable, Uses]:
        return find_uses(self._nodes, self.roots)

    def _inputs(self, var: Variable) -> list[Variable]:
        return [] if var.owner is None or var in self._given else var.owner.inputs

    def _is_inside(self, var: Variable) -> bool:
        """Whether `var` is computed in the step."""
        if self._varies[var] or not self._fails[var]:
            return self._varies[var]
        return self._depends_on_step(self._uses.get(var)) and (self._is_written_in_step(var) or self._is_small(var))

    def _depends_on_step(self, uses: Uses) -> bool:
        """Whether it changes from step to step if one of these branches is taken."""
        return uses is not None and any(self._varies[node.inputs[0]] for node, _ in uses)

    def _is_written_in_step(self, var: Variable) -> bool:
        return var.owner is not None and var.owner.serial >= self.begun

    def _is_small(self, var: Variable) -> bool:
        """Whether only picking and single numbers lie between `var` and what is given."""
        return all(v.ndim == 0 or not self._fails[v] for v in ancestors([var], stop=self.fixed))

    def _boundary(self, var: Variable) -> Variable:
        """Where the cut goes: a scalar broadcast to more axes enters the loop as the scalar."""
        node = None if var in self._given else var.owner
        scalar = node is not None and isinstance(node.op, DimShuffle) and node.inputs[0].ndim == 0
        return node.inputs[0] if node is not None and scalar else var

    # ---- guards ----

    def _guard(self, var: Variable, runs: bool) -> tuple[bool, Uses]:
        """Whether `var` is computed only if a step runs, and the branches of which one is to be taken."""
        if not self._fails[var]:
            return False, None
        uses = self._uses.get(var)
        if uses is not None and not self._depends_on_step(uses):
            return not runs, uses
        return not runs and any(map(self._is_step_failure, ancestors([var], stop=self.fixed))), None

    def _is_step_failure(self, var: Variable) -> bool:
        return self._is_written_in_step(var) and not _is_total(var)

    def _condition(self, steps: bool, uses: Uses, length: Variable) -> Variable:
        some = apply_scalar("gt", length, int64(0))
        if uses is None:
            return some
        branch = taken(in_order(uses, self._nodes))
        return IfElse(1)(some, branch, zeros_like(branch)) if steps else branch

    def _made_outside(self, group: Iterable[Variable]) -> list[Variable]:
        """What the step's own expressions are computed from."""
        found: dict[Variable, None] = {}
        for var in ancestors(group, stop=self.fixed):
            if self._is_written_in_step(var):
                found.update((v, None) for v in self._inputs(var) if v.owner and not self._is_written_in_step(v))
        return list(found)

    def _nothing(self, var: Variable) -> Variable:
        """Zeros of the shape of `var`; lengths that only computing it tells are 0."""
        zero = Constant(np.zeros((), var.dtype))
        lengths = [int64(0) if self._could_fail(n) else n for n in unchecked(dims(var))]
        return alloc(zero, lengths) if lengths else zero

    def _could_fail(self, length: Variable) -> bool:
        return any(v.owner is not None and not _is_total(v) for v in ancestors([length], stop=self.fixed))


def _is_total(var: Variable) -> bool:
    assert var.owner is not None
    return var.owner.op.is_total(var.owner)


def _surely_runs(length: Variable) -> bool:
    """Whether a loop of `length` steps is known to have one."""
    known = constant_int(unchecked([length])[0])
    return known is not None and known > 0


def _belongs_to_step(var: Variable, constant: bool) -> bool:
    """Constants, and single numbers computed from constants, are part of the step."""
    made = var.owner is not None and isinstance(var.owner.op, Alloc)  # may be an input of a function
    return isinstance(var, Constant) or (constant and not made and all(n == 1 for n in var.type.shape))
