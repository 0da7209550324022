"""Gradients of a scan's rows that are computed row by row from the rows themselves.

    hs = scan(...);  cost = sum((hs - y)**2)        the gradient of hs is 2 (hs - y)

A block of steps that runs again has its rows of `hs`, and makes its rows of that gradient of them, so that neither is
kept for all steps. Elementwise functions, reductions of each row and axes that move within rows are followed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from scancc.frontend.gradients.rules import Gradient
from scancc.frontend.gradients.scan_reverse import row_of_equal_rows
from scancc.frontend.graph.dims import DimShuffle, dim, dims, same_scalar
from scancc.frontend.graph.variables import Apply, Variable, applies, rebuild
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import Cast, Elemwise
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.reduction import Reduce
from scancc.frontend.ops.scalars import eq

UNEQUAL = ("{}: operands have lengths {{}} and {{}} along axis 0; they must agree (an axis broadcasts only where its "
           "length is known to be 1)")


class GivenRows:
    """The gradients given for the rows of a scan.

    gradients: by the row in the step; None where the block needs the rows without one.
    rows: the outputs that have rows, each with its row in the step.
    """

    def __init__(self, gradients: Mapping[Variable, Gradient], rows: Mapping[Variable, Variable], n: Variable,
                 ) -> None:
        self.rows = rows
        self.gradients = {row: RowByRow(g, rows, n) for row, g in gradients.items() if g is not None}
        read = (rows[stack] for g in self.gradients.values() for stack in g.read)
        self.needed = list(dict.fromkeys([*gradients, *read]))  # rows of which the block makes stacks

    def of_block(self, found: Mapping[Variable, Variable], part: Callable[[Variable], Variable],
                 hold: Callable[[Variable], Variable], n_steps: Variable) -> dict[Variable, Variable]:
        """The gradients of the block's stacks, which are `found` for the rows in the step. `hold` brings what is
        outside into the loop over blocks, of which `part` takes the block's rows."""
        stacks = {outer: found[row] for outer, row in self.rows.items() if row in found}
        return {found[row]: g.of_block(stacks, part, hold) if g.read else _as_given(g.gradient, part, hold, n_steps)
                for row, g in self.gradients.items()}


def _as_given(gradient: Variable, part: Callable[[Variable], Variable], hold: Callable[[Variable], Variable],
              n_steps: Variable) -> Variable:
    alike = row_of_equal_rows(gradient)
    if alike is None:
        return part(hold(gradient))
    row = hold(alike)
    return alloc(row.dimshuffle("x", *range(row.ndim)), n_steps, *dims(row))


class RowByRow:
    """What of a gradient is computed row by row from `stacks`, all of them of n rows."""

    def __init__(self, gradient: Variable, stacks: Collection[Variable], n: Variable) -> None:
        self.gradient, self.n = gradient, n
        self.read: set[Variable] = set()  # of the stacks
        self._inputs: dict[Variable, tuple[Apply, int]] = {}  # what else is read, with where
        if gradient.type.shape[0] != 1:
            self._find(_made_of_rows(gradient, stacks), stacks)

    def _find(self, made: set[Variable], stacks: Collection[Variable]) -> None:
        pending, seen = [v for v in (self.gradient,) if v in made], set[Variable]()
        while pending:
            var = pending.pop()
            if var in stacks:
                self.read.add(var)
            elif var not in seen and var.owner is not None:
                seen.add(var)
                pending += (v for v in var.owner.inputs if v in made)
                self._inputs |= {v: (var.owner, i) for i, v in enumerate(var.owner.inputs) if v not in made}

    def of_block(self, stacks: Mapping[Variable, Variable], part: Callable[[Variable], Variable],
                 hold: Callable[[Variable], Variable]) -> Variable:
        """The rows of a block, from those of the stacks."""
        told = {v: stacks[v] for v in self.read}
        for var, place in self._inputs.items():
            told[var] = hold(var) if var.type.shape[0] == 1 else part(hold(self._fitting(var, *place)))
        return rebuild([self.gradient], told)[0]

    def _fitting(self, operand: Variable, node: Apply, i: int) -> Variable:
        """An operand of an elementwise function, which must have n rows."""
        length = dim(operand, 0)
        if same_scalar(length, self.n):
            return operand
        lengths = (length, self.n) if i == 0 else (self.n, length)
        return check(ValueError, UNEQUAL.format(node.op.name), operand, eq(length, self.n), *lengths)


def _made_of_rows(gradient: Variable, stacks: Collection[Variable]) -> set[Variable]:
    """The stacks, and all whose row t is computed from their rows t."""
    made = set(stacks)
    for node in applies([gradient], stop=stacks):
        if _goes_by_rows(node) and not made.isdisjoint(node.inputs):
            made.update(node.outputs)
    return made


def _goes_by_rows(node: Apply) -> bool:
    match node.op:
        case Elemwise() | Cast():
            return True
        case DimShuffle(order=order):
            return order[:1] == (0,)
        case Reduce(axes=axes):
            return 0 not in axes
    return False
