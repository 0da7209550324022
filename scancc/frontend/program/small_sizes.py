"""The axes of inputs that size the small matrices of a step, and a program for known lengths of them.

Products, factorisations and solutions of a few numbers a side become code without loops and calls where their sizes
are known: a step of a Kalman filter of 4 states took 0.40 µs where they were not, 0.17 µs where they were. So do
extremes and sums of the columns of a matrix: a step of the best path through 4 states took 24 ns where they were not,
7 where they were. Of a large array whose short rows are summed, as distances between points in space are, the rows
count alone: gravity between 64 bodies took 23 µs a step where their length was not known, 14 where it was. A step
that multiplies many rows of two numbers with a matrix took 2 ns a number, 0.14 where that size was known. Who writes
such a step rarely says them (`T.matrix("A")`), so that the first call does (`versions.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import ShapeI, dim
from scancc.frontend.graph.shared import SharedVariable
from scancc.frontend.graph.variables import Apply, Op, TensorType, Variable, applies, rebuild
from scancc.frontend.loops.scan_op import Scan, scan_of
from scancc.frontend.ops.linalg import Cholesky, CholeskyGradient, Det, Inverse, SLogDet, Solve
from scancc.frontend.ops.products import BatchedDot, Dot
from scancc.frontend.ops.reduction import ArgReduce, Reduce
from scancc.frontend.program.program import Program
from scancc.late_dataclasses import dataclass

LINEAR_ALGEBRA = (Dot, BatchedDot, Solve, Cholesky, CholeskyGradient, Inverse, Det, SLogDet)
REDUCTIONS = (Reduce, ArgReduce)
LARGEST = 20  # from there on loops over known sizes are no faster than the general code
LARGEST_REDUCED = 8  # the same of matrices whose columns or rows are reduced
LARGEST_ROW = 8  # of many rows that are multiplied

Axis = tuple[int, int]  # the number of an input, shared ones last, and of one of its axes
Sizes = tuple[Axis | int, ...]  # of the operands of one op; a length that is known is a number


@dataclass(frozen=True)
class StepSizes:
    """Of one step: the sizes of its ops of linear algebra, of rows that are multiplied with what, of matrices that it
    reduces, of the axes along which it does, and of what it reads."""

    matrices: tuple[Sizes, ...]
    rows: tuple[Sizes, ...]
    reduced: tuple[Sizes, ...]
    along: tuple[Sizes, ...]
    beside: tuple[Sizes, ...]


def sizes_in_steps(program: Program) -> list[StepSizes]:
    """The sizes of the steps with matrices of which some is a length of an input."""
    search = _Search({v: n for n, v in enumerate(_variables(program))})
    for node in applies(program.settled().results):
        search.enter(node)
    return search.found


def small_lengths(steps: Sequence[StepSizes], shapes: Sequence[tuple[int, ...]]) -> dict[Axis, int]:
    """The lengths, in a call with inputs of these `shapes`, of what sizes small matrices alone, and what is beside.

    A length of 1 is not among them: an axis of known length 1 broadcasts.
    """
    known: dict[Axis, int] = {}
    for step in steps:
        found = _small(step.matrices, shapes) | _small(step.rows, shapes, LARGEST_ROW) | _small(
            (*step.reduced, *step.along), shapes, LARGEST_REDUCED)
        known |= found and found | _small(step.beside, shapes)
    return known


def _small(sizes: Sequence[Sizes], shapes: Sequence[tuple[int, ...]], largest: int = LARGEST) -> dict[Axis, int]:
    known: dict[Axis, int] = {}
    for group in sizes:
        lengths = {a: shapes[a[0]][a[1]] for a in group if not isinstance(a, int)}
        if all(n <= largest for n in (*lengths.values(), *(n for n in group if isinstance(n, int)))):
            known |= {axis: n for axis, n in lengths.items() if n > 1}
    return known


def with_lengths(program: Program, known: Mapping[Axis, int]) -> Program:
    """The program for inputs with these lengths; TypeError or ValueError where it can run with none such."""
    new = {v: _typed(v, n, known) for n, v in enumerate(_variables(program))}
    results = iter(rebuild(program.results, {old: v for old, v in new.items() if v is not old}))
    outputs = tuple(next(results) for _ in program.outputs)
    return replace(program, outputs=outputs, updates=tuple((s, next(results)) for s, _ in program.updates),
                   inputs=tuple(replace(i, variable=new[i.variable]) for i in program.inputs),
                   shared=tuple(v for s in program.shared if isinstance(v := new[s], SharedVariable)))


def _variables(program: Program) -> list[Variable]:
    return [*(i.variable for i in program.inputs), *program.shared]


def _typed(old: Variable, number: int, known: Mapping[Axis, int]) -> Variable:
    shape = tuple(known.get((number, axis), n) for axis, n in enumerate(old.type.shape))
    if shape == old.type.shape:
        return old
    kind = TensorType(old.dtype, shape)
    return SharedVariable(kind, old.container, old.name) if isinstance(old, SharedVariable) else kind(old.name)


class _Search:
    """Goes into steps, where `outside` has what an inner variable stands for, and the axes that it has less."""

    def __init__(self, numbers: dict[Variable, int]) -> None:
        self.numbers = numbers
        self.outside: dict[Variable, tuple[Variable, int]] = {}
        self.found: list[StepSizes] = []

    def enter(self, node: Apply) -> None:
        loop = scan_of(node)
        if loop is None:
            return
        self.outside |= _stands_for(loop, node)
        inner = applies(loop.body.outputs)
        reductions = [(n.op, n.inputs[0]) for n in inner if isinstance(n.op, REDUCTIONS) and n.inputs[0].ndim > 1]
        matrices = self._sizes(_axes(n.inputs) for n in inner if isinstance(n.op, LINEAR_ALGEBRA))
        rows = self._sizes(_beside_rows(*n.inputs) for n in inner if isinstance(n.op, Dot))
        reduced = self._sizes(_axes([x]) for _, x in reductions)
        along = self._sizes([(x, axis) for axis in _along(op)] for op, x in reductions)
        if matrices or reduced or along:
            beside = self._sizes([axis] for axis in _axes(loop.body.inputs))
            self.found.append(StepSizes(matrices, rows, reduced, along, beside))
        for held in inner:
            self.enter(held)

    def _sizes(self, axes: Iterable[Sequence[tuple[Variable, int]]]) -> tuple[Sizes, ...]:
        """Of each of `axes` that have an input's length among theirs, and none that is not told."""
        every = ([self._size(v, axis) for v, axis in group] for group in axes)
        told = dict.fromkeys(tuple(s for s in sizes if s is not None) for sizes in every if None not in sizes)
        return tuple(sizes for sizes in told if any(isinstance(s, tuple) for s in sizes))

    def _size(self, var: Variable, axis: int) -> Axis | int | None:
        """The length as a number, as an input's, or None."""
        length = dim(var, axis)
        node = length.owner
        if node is None or not isinstance(node.op, ShapeI):
            return constant_int(length)
        leaf, axis = node.inputs[0], node.op.axis
        if leaf in self.outside:
            outer, fewer = self.outside[leaf]
            return self._size(outer, axis + fewer)
        return (self.numbers[leaf], axis) if leaf in self.numbers else None


def _axes(variables: Sequence[Variable]) -> list[tuple[Variable, int]]:
    return [(v, axis) for v in variables for axis in range(v.ndim)]


def _beside_rows(x: Variable, y: Variable) -> list[tuple[Variable, int]]:
    """The axes of the factors of a product of matrices but that along which there may be many rows."""
    return [(x, 1), (y, 0), (y, 1)] if x.ndim == y.ndim == 2 else []


def _along(op: Op) -> tuple[int, ...]:
    """The axes that a reduction drops."""
    return op.axes if isinstance(op, Reduce) else (op.axis,) if isinstance(op, ArgReduce) else ()


def _stands_for(loop: Scan, node: Apply) -> dict[Variable, tuple[Variable, int]]:
    """What each variable of a step is outside, and how many axes it has less than that."""
    inputs, body = loop.inputs_of(node.inputs), loop.body
    found = {v: (x, 1) for v, x in zip(body.xs, inputs.xs, strict=True)}
    for carry, init in zip(body.carry, inputs.inits, strict=True):
        found |= {v: (init, int(carry.depth > 1)) for _, v in carry.taps}
    return found | {v: (c, 0) for v, c in zip(body.consts, inputs.consts, strict=True)}
