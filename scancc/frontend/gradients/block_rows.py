"""Gradients of a scan's rows that are computed row by row from the rows themselves.

    hs = scan(...);  cost = sum((hs - y)**2)        the gradient of hs is 2 (hs - y)

A block of steps that runs again has its rows of `hs`, and makes its rows of that gradient of them (`row_by_row`), so
that neither is kept for all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from scancc.frontend.gradients.row_by_row import RowByRow
from scancc.frontend.gradients.rules import Gradient
from scancc.frontend.graph.variables import Variable


class GivenRows:
    """The gradients given for the rows of a scan.

    gradients: by the row in the step; None where the block needs the rows without one.
    rows: the outputs that have rows, each with its row in the step.
    """

    def __init__(self, gradients: Mapping[Variable, Gradient], rows: Mapping[Variable, Variable], n: Variable,
                 ) -> None:
        self.rows = rows
        self.gradients = {row: RowByRow(g, rows.keys(), n) for row, g in gradients.items() if g is not None}
        read = (rows[stack] for g in self.gradients.values() for stack in g.read)
        self.needed = list(dict.fromkeys([*gradients, *read]))  # rows of which the block makes stacks

    def of_block(self, found: Mapping[Variable, Variable], part: Callable[[Variable], Variable],
                 hold: Callable[[Variable], Variable], n_steps: Variable) -> dict[Variable, Variable]:
        """The gradients of the block's stacks, which are `found` for the rows in the step. `hold` brings what is
        outside into the loop over blocks, of which `part` takes the block's rows."""
        stacks = {outer: found[row] for outer, row in self.rows.items() if row in found}
        return {found[row]: g.of_block(stacks, part, hold, n_steps) if g.is_made else part(hold(g.gradient))
                for row, g in self.gradients.items()}
