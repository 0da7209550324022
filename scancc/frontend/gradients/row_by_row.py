"""What is made row by row from arrays that have a row a step, for some of the rows.

    sqrt(sum(h**2, axis=1)) - exp(x)        rows 200 to 300 need those of h and x, and no others

A node is followed where row t of its result is made of rows t of its inputs (`_by_rows`), and what is at the ends of
that is read: rows of the scan itself, which a block of steps has anyway, and other arrays. So what is only mapped,
`exp(x)`, is computed again for these rows, and not kept for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import DimShuffle, dim, int64, same_scalar
from scancc.frontend.graph.variables import Apply, TensorType, Variable, ancestors
from scancc.frontend.ops.axes import Reshape
from scancc.frontend.ops.control import Detach, check
from scancc.frontend.ops.elementwise import Cast, Elemwise
from scancc.frontend.ops.index_template import FULL
from scancc.frontend.ops.joining import Join
from scancc.frontend.ops.making import Alloc, ARange, arange
from scancc.frontend.ops.products import BatchedDot, Dot
from scancc.frontend.ops.reduction import Reduce
from scancc.frontend.ops.scalars import eq
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

INT64 = TensorType("int64", ())
UNEQUAL = ("{}: operands have lengths {{}} and {{}} along axis 0; they must agree (an axis broadcasts only where its "
           "length is known to be 1)")


class RowByRow:
    """What of a gradient is made row by row; `stacks`, which it may read, have n rows."""

    def __init__(self, gradient: Variable, stacks: Set[Variable], n: Variable) -> None:
        self.gradient, self.n = gradient, n
        self._followed: dict[Variable, list[bool]] = {}  # with which inputs go by rows
        reached = self._find(stacks)
        self.read = reached.intersection(stacks)
        self._order = [v for v in ancestors([gradient], stop=reached - self._followed.keys()) if v in self._followed]

    def _find(self, stacks: Set[Variable]) -> set[Variable]:
        """Follow the gradient; what is reached."""
        pending, reached = [self.gradient], {self.gradient}
        while pending:
            var = pending.pop()
            rows = None if var in stacks or var.type.shape[0] == 1 else _by_rows(var.owner)
            if var.owner is None or rows is None:
                continue
            sizes = [v for v in var.owner.inputs if v.type == INT64]
            if stacks.isdisjoint(ancestors(sizes)):  # how long blocks are may rest on these
                self._followed[var] = rows
                found = {v for v, by_rows in zip(var.owner.inputs, rows, strict=True) if by_rows and v not in reached}
                reached |= found
                pending += found
        return reached

    @property
    def is_made(self) -> bool:
        """Whether some of the rows are computed, or are those of a stack."""
        return bool(self._followed or self.read)

    def of_block(self, stacks: Mapping[Variable, Variable], part: Callable[[Variable], Variable],
                 hold: Callable[[Variable], Variable], n_rows: Variable) -> Variable:
        """The rows of a block of `n_rows`, from those of the stacks. `hold` brings what is outside into the loop over
        blocks, of which `part` takes the block's rows."""
        made = {v: stacks[v] for v in self.read}
        held: dict[Variable, Variable] = {}

        def read(var: Variable, node: Apply, i: int, by_rows: bool) -> Variable:
            if by_rows and var not in made:
                made[var] = part(hold(self._fitting(var, node, i)))
            elif not by_rows and var not in held:
                known = constant_int(var) if var.type == INT64 else None
                held[var] = hold(var) if known is None else int64(known)  # which may be known by rows of the scan
            return made[var] if by_rows else held[var]

        for var in self._order:
            node = var.owner
            assert node is not None
            told = _place_of_length(node) if _says_length(node) else None
            inputs = [read(v, node, i, by_rows) if i != told else arange(n_rows) if v.ndim else n_rows
                      for i, (v, by_rows) in enumerate(zip(node.inputs, self._followed[var], strict=True))]
            made[var] = Apply(node.op, inputs, node.op.infer(*inputs), node.location).outputs[0]
        return made[self.gradient]

    def _fitting(self, operand: Variable, node: Apply, i: int) -> Variable:
        """An operand, which must have n rows."""
        length = dim(operand, 0)
        if same_scalar(length, self.n):
            return operand
        lengths = (length, self.n) if i == 0 else (self.n, length)
        return check(ValueError, UNEQUAL.format(node.op.name), operand, eq(length, self.n), *lengths)


def _by_rows(node: Apply | None) -> list[bool] | None:
    """Of which inputs row t is read for row t of the result; None where others may be read for it."""
    if node is None or not _keeps_rows(node):
        return None
    match node.op:
        case Elemwise() | Join() | BatchedDot():
            return [v.type.shape[0] != 1 for v in node.inputs]
        case IncSubtensor() | AdvancedIncSubtensor():
            _, y, *places = node.inputs
            return [True, y.type.shape[0] != 1, *(_numbers_rows(node) and v.ndim > 0 for v in places)]
        case AdvancedSubtensor():
            return [True, *(_numbers_rows(node) and v.ndim > 0 for v in node.inputs[1:])]
        case Alloc():
            value, *lengths = node.inputs
            return [value.ndim > 0 and value.type.shape[0] != 1, *(False for _ in lengths)]
    return [i == 0 for i, _ in enumerate(node.inputs)]


def _keeps_rows(node: Apply) -> bool:
    """Whether the result has a row for each row of what it is made of."""
    match node.op:
        case Elemwise() | Cast() | Detach() | Alloc() | BatchedDot():
            return True
        case DimShuffle(order=order):
            return order[:1] == (0,)
        case Reduce(axes=axes):
            return 0 not in axes
        case Join(axis=axis):
            return axis > 0
        case Dot():
            return node.inputs[0].ndim == 2
        case Reshape():
            return node.inputs[0].ndim > 0 and same_scalar(node.inputs[1], dim(node.inputs[0], 0))
        case Subtensor(template=template) | IncSubtensor(template=template):
            return template[0] == FULL
        case AdvancedSubtensor(template=template) | AdvancedIncSubtensor(template=template):
            return _numbers_rows(node) or template[0] == FULL and AdvancedSubtensor(template).place > 0
    return False


def _numbers_rows(node: Apply) -> bool:
    """Whether it reads or writes a place in each row, as `x[arange(n), classes]` does."""
    match node.op:
        case AdvancedSubtensor(template=("a", *_)) | AdvancedIncSubtensor(template=("a", *_)):
            x, places = node.inputs[0], node.inputs[_place_of_length(node)]
            if places.ndim != 1 or places.owner is None or not isinstance(places.owner.op, ARange):
                return False
            start, stop, step = places.owner.inputs
            return constant_int(start) == 0 and constant_int(step) == 1 and same_scalar(stop, dim(x, 0))
    return False


def _place_of_length(node: Apply) -> int:
    """The position of the input that says how many rows there are, or numbers them, where there is one."""
    return 2 if isinstance(node.op, AdvancedIncSubtensor) else 1


def _says_length(node: Apply) -> bool:
    return isinstance(node.op, Alloc | Reshape) or _numbers_rows(node)
