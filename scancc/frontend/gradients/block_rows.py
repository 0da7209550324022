"""Gradients of a scan's rows that are computed row by row from the rows themselves.

    hs = scan(...);  cost = sum((hs - y)**2)        the gradient of hs is 2 (hs - y)

A block of steps that runs again has its rows of `hs`, and makes its rows of that gradient of them (`row_by_row`), so
that neither is kept for all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from scancc.frontend.gradients.row_by_row import Around, RowByRow
from scancc.frontend.gradients.row_frames import Reach, Steps
from scancc.frontend.gradients.rules import Gradient
from scancc.frontend.graph.variables import Variable


class GivenRows:
    """The gradients given for the rows of a scan.

    gradients: by the row in the step; None where the block needs the rows without one.
    rows: the outputs that have rows, each with its row in the step; those of `may_reach` may be asked for before and
    after a block, too.
    reaches: how far, by the row in the step.
    """

    def __init__(self, gradients: Mapping[Variable, Gradient], rows: Mapping[Variable, Variable], n: Variable,
                 may_reach: Set[Variable]) -> None:
        self.rows = rows
        given = {row: g for row, g in gradients.items() if g is not None}
        self.gradients = {row: RowByRow(g, rows.keys(), n, may_reach) for row, g in given.items()}
        self.reaches: dict[Variable, Reach] = {}
        for g in self.gradients.values():
            for stack, reach in g.read.items():
                self.reaches[rows[stack]] = self.reaches.get(rows[stack], Reach()).with_(reach)
        self.needed = list(dict.fromkeys([*gradients, *self.reaches]))  # rows of which the block makes stacks

    def of_block(self, found: Mapping[Variable, Around], part: Callable[[Variable], Variable], steps: Steps,
                 ) -> dict[Variable, Variable]:
        """The gradients of the block's stacks, which are `found` for the rows in the step; `part` takes the block's
        rows of what is outside of the loop over blocks."""
        stacks = {outer: found[row] for outer, row in self.rows.items() if row in found}
        return {found[row].block: g.of_block(stacks, steps) if g.is_made else part(steps.hold(g.gradient))
                for row, g in self.gradients.items()}
