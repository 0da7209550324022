"""A table as it was before a step, from the one after it: what the step overwrote is written back.

    b[t] = set(b[t-1], i, y)          forward: b[t-1][i] is saved
                                      reverse: b[t-1] = set(b[t], i, what was saved)

The reverse of a step that needs the whole table, as one that reads a window of it whose length is not known, has it
for what the step wrote. The rows of all steps would take a table a step, and each step would copy one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import prod

from scancc.frontend.gradients.contributions import Choice
from scancc.frontend.graph.variables import Variable, applies
from scancc.frontend.loops.scan_op import Carry
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, IncSubtensor

FEW = 64  # a table of so many numbers has rows
Saved = Callable[[Variable, Variable], Variable]


class Writes:
    """What a step writes to a state on the way to the next one, and what chooses between writes."""

    def __init__(self, carry: Carry) -> None:
        ((_, self.row), *_) = carry.taps
        self.parts: dict[Variable, Variable] = {}  # of each value written: what it overwrote
        self.operands: dict[Variable, None] = {}  # places and conditions
        self._before = {self.row: self.row}  # of each value of the state: the one that it is made of
        for node in applies([carry.next], [self.row]):
            for var in node.outputs:
                self._follow(var)
        self.values: list[Variable] = []  # the state after the step and between its writes, back to that before it
        if carry.next in self._before and carry.next is not self.row:
            self.values = list(self._way(carry.next))

    @staticmethod
    def of(carry: Carry) -> Writes | None:
        """None where something else happens to a state, or where it is small."""
        ((_, row), *others) = carry.taps
        few = None not in row.type.shape and prod(n for n in row.type.shape if n is not None) <= FEW
        if others or carry.depth > 1 or few:
            return None
        found = Writes(carry)
        return found if found.values else None

    def _follow(self, var: Variable) -> None:
        node, choice = var.owner, Choice.of(var)
        assert node is not None
        if choice is not None and all(side in self._before for side in choice.sides):
            one, other = choice.sides
            way = set(self._way(one))
            self._before[var] = next(x for x in self._way(other) if x in way)
            self.operands[choice.condition] = None
        elif isinstance(node.op, IncSubtensor | AdvancedIncSubtensor) and node.inputs[0] in self._before:
            base, _, *places = node.inputs
            self._before[var] = base
            self.parts[var] = node.op.part(node.op.template)(base, *places)
            self.operands.update(dict.fromkeys(places))

    def _way(self, x: Variable) -> Iterator[Variable]:
        """`x`, and what it is made of, back to the state before the step."""
        yield x
        while x is not self.row:
            x = self._before[x]
            yield x

    def undone(self, x: Variable, after: Variable, saved: Saved, to: Variable | None = None,
               ) -> dict[Variable, Variable]:
        """What the values of the state were, back to that before the step (or `to`), from `after`, which is `x`.
        saved: what stands for a part, and a value that only steps with the part compute."""
        found = {x: after}
        to = self.row if to is None else to
        while x is not to:
            before, choice = self._before[x], Choice.of(x)
            if x in self.parts:
                assert x.owner is not None
                write = replace(x.owner.op, set=True)  # type: ignore[type-var]
                after = write(after, saved(self.parts[x], x), *x.owner.inputs[2:])
            else:
                assert choice is not None
                after = choice.between(*(self.undone(side, after, saved, before)[before] for side in choice.sides))
            x = before
            found[x] = after
        return found
