"""What is computed row by row from the rows of a scan, for some of the rows.

Elementwise functions, reductions of each row and axes that move within rows are followed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from scancc.frontend.graph.dims import DimShuffle, dim, same_scalar
from scancc.frontend.graph.variables import Apply, Variable, applies, rebuild
from scancc.frontend.ops.control import check
from scancc.frontend.ops.elementwise import Cast, Elemwise
from scancc.frontend.ops.reduction import Reduce
from scancc.frontend.ops.scalars import eq

UNEQUAL = ("{}: operands have lengths {{}} and {{}} along axis 0; they must agree (an axis broadcasts only where its "
           "length is known to be 1)")


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
