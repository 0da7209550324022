"""Values by number: what is computed alike has one number, so that many are compared in one walk."""

from __future__ import annotations

from collections.abc import Hashable

from scancc.frontend.graph.variables import Constant, Variable


class ValueNumbers:
    """Gives two variables one number where they are the same ops on the same variables and equal constants."""

    def __init__(self) -> None:
        self._numbers: dict[Variable, int] = {}
        self._known: dict[Hashable, int] = {}

    def of(self, var: Variable) -> int:
        """Its number; each variable behind it is looked at once, whatever is asked for later."""
        pending = [var]
        while pending:
            current = pending[-1]
            fresh = [] if current.owner is None else [v for v in current.owner.inputs if v not in self._numbers]
            if fresh and current not in self._numbers:
                pending += fresh
                continue
            pending.pop()
            if current not in self._numbers:
                self._numbers[current] = self._known.setdefault(self._form(current), len(self._known))
        return self._numbers[var]

    def _form(self, var: Variable) -> Hashable:
        if isinstance(var, Constant):
            return var.type, var.data.tobytes()
        if var.owner is None:
            return var
        return var.owner.op, var.index, *(self._numbers[v] for v in var.owner.inputs)
