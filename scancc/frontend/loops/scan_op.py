"""The loop as a graph op: a closed body, run once a step.

The body's inner graph rests on its own inner variables and on constants only. Its variables and the
op's inputs and outputs come in named groups (`Body`, `ScanInputs`, `ScanOutputs`); nothing outside
this file counts positions. Taps of sequences and reversed sequences are already views of the outer
arrays, whose row i is read at step i.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import field, replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from scancc.errors import TypeMismatchError
from scancc.fast_math import FastMath
from scancc.frontend.graph.constants import is_discrete
from scancc.frontend.graph.dims import ShapeI, dim, dims, require_possible
from scancc.frontend.graph.site import described
from scancc.frontend.graph.stream_type import StreamType
from scancc.frontend.graph.variables import (
    Apply,
    Constant,
    Copy,
    Op,
    TensorType,
    Variable,
    ancestors,
    equal_computations,
    leaves,
    rebuild,
)
from scancc.frontend.ops.control import IfElse, unchecked
from scancc.frontend.ops.masks import Nonzero
from scancc.frontend.ops.reference import Evaluator
from scancc.frontend.ops.subtensor import Subtensor
from scancc.late_dataclasses import dataclass
from scancc.process import kept_property

T = TypeVar("T")


class ScanInputs(NamedTuple, Generic[T]):
    """What a scan reads: how many steps, the sequence views, initial rows, invariants."""

    length: T
    xs: list[T]
    inits: list[T]
    consts: list[T]

    @property
    def flat(self) -> list[T]:
        return [self.length, *self.xs, *self.inits, *self.consts]


class ScanOutputs(NamedTuple, Generic[T]):
    """What a scan gives: a trace or a final row for each carry, and the stacked `ys`."""

    carry: list[T]
    ys: list[T]


@dataclass(frozen=True, eq=False)
class Carry:
    """A value that goes from step to step."""

    taps: tuple[tuple[int, Variable], ...]  # (-k, the inner variable holding the row k steps ago)
    depth: int  # how many initial rows there are, which is the longest tap
    next: Variable
    trace: bool  # False: only the final row is an output

    def __str__(self) -> str:
        """As errors call it: by its name, else by that of the step's argument."""
        argument = next((var.name for _, var in self.taps if var.name is not None), None)
        return described(self.next, self.next.name or argument)


class Written(NamedTuple):
    """How many states, invariants and outputs of a step the user wrote; behind them is what was added (`added`)."""

    carry: int
    consts: int
    ys: int


@dataclass(frozen=True, eq=False)
class Body:
    """One step."""

    xs: tuple[Variable, ...]
    carry: tuple[Carry, ...]
    consts: tuple[Variable, ...]
    ys: tuple[Variable, ...]
    stop: Variable | None = None  # nonzero: this step is the last
    written: Written | None = None  # None: all of it

    @property
    def parts_written(self) -> Written:
        return self.written or Written(len(self.carry), len(self.consts), len(self.ys))

    @property
    def inputs(self) -> list[Variable]:
        """Every inner variable that the step may read."""
        taps = [var for carry in self.carry for _, var in carry.taps]
        return [*self.xs, *taps, *self.consts]

    @property
    def varying(self) -> set[Variable]:
        """The inner variables that differ from step to step."""
        return set(self.inputs) - set(self.consts)

    @property
    def outputs(self) -> list[Variable]:
        """Every inner variable that the step computes: new rows, `ys`, then the stop condition."""
        stop = [] if self.stop is None else [self.stop]
        return [*(carry.next for carry in self.carry), *self.ys, *stop]

    def copied(self, inner: dict[Variable, Variable], copy: Copy) -> Body:
        """This step on other inner variables, the values of `inner`."""
        new = iter(copy(self.outputs, inner))
        carry = [Carry(tuple((k, inner[v]) for k, v in c.taps), c.depth, next(new), c.trace) for c in self.carry]
        ys = [next(new) for _ in self.ys]
        xs, consts = ([inner[v] for v in group] for group in (self.xs, self.consts))
        return Body(tuple(xs), tuple(carry), tuple(consts), tuple(ys), next(new, None), self.written)

    def signature(self) -> tuple[object, ...]:
        """All of a step but what it computes: its groups and their types."""
        carry = [(tuple(k for k, _ in c.taps), c.depth, c.trace) for c in self.carry]
        return (len(self.xs), tuple(carry), len(self.ys), self.stop is None,
                tuple(v.type for v in (*self.inputs, *self.outputs)))


def merge_types(first: TensorType, second: TensorType) -> TensorType:
    """The type of one array that has both types."""
    if isinstance(first, StreamType):
        return first
    shape = tuple(m if n is None else n for n, m in zip(first.shape, second.shape, strict=True))
    return TensorType(first.dtype, shape)


def stands_for(given: TensorType, wanted: TensorType) -> bool:
    """Whether an array of type `given` may be read as `wanted`, unknown dimensions checked at run time.

    A dimension that broadcasts (known to be 1) must be known to be 1 on both sides.
    """
    if given.dtype != wanted.dtype or given.ndim != wanted.ndim:
        return False
    return all(
        w is None or w == g or (g is None and w != 1) for g, w in zip(given.shape, wanted.shape, strict=True)
    )


def row_type(stacked: TensorType) -> TensorType:
    return TensorType(stacked.dtype, stacked.shape[1:])


def stacked_type(row: TensorType) -> TensorType:
    """A stack of rows never broadcasts along its steps, not even where there is one step."""
    return TensorType(row.dtype, (None, *row.shape))


@dataclass(frozen=True, eq=False)
class Scan(Op):
    """A recurrence: `body` run `length` times, or until its stop condition holds."""

    body: Body
    label: str | None = None  # the user's name for it
    truncate_gradient: int = -1
    fast_math: FastMath | None = None  # what may change its numbers; None: what the function around it says
    origin: object = field(default_factory=object)  # one object for a scan and those that its derivatives make of it
    checkpoints: int | str | None = None  # the gradient runs blocks of so many steps again, 'sqrt': of their root
    again: str | None = None  # of a reverse: what it computes again of the forward steps, in words
    gradient: bool = False  # whether it is the reverse of a scan
    in_budget: bool = False  # its gradient keeps what a budget allows

    @property
    def spares_rows(self) -> bool:
        """Whether it is to run again rather than that its rows are kept."""
        return self.in_budget or self.checkpoints not in (None, "states")

    def __eq__(self, other: object) -> bool:
        """Two scans are equal that compute the same, under whatever names."""
        if self is other:
            return True
        if not isinstance(other, Scan) or hash(self) != hash(other):
            return False
        return self._signature == other._signature and equal_computations(
            self.body.outputs, other.body.outputs, self.body.inputs, other.body.inputs
        )

    def __hash__(self) -> int:
        return hash(self._signature)

    @kept_property
    def _signature(self) -> tuple[object, ...]:
        return self.truncate_gradient, self.fast_math, self.checkpoints, self.body.signature()

    @property
    def name(self) -> str:
        return scan_name(self.label)

    def inputs_of(self, flat: Sequence[T]) -> ScanInputs[T]:
        """The inputs of an application, in their groups."""
        items = iter(flat)
        return ScanInputs(
            next(items), _take(items, len(self.body.xs)), _take(items, len(self.body.carry)), list(items)
        )

    def outputs_of(self, flat: Sequence[T]) -> ScanOutputs[T]:
        """The outputs of an application, in their groups."""
        items = iter(flat)
        return ScanOutputs(_take(items, len(self.body.carry)), list(items))

    def apply_to(self, inputs: ScanInputs[Variable]) -> ScanOutputs[Variable]:
        """A new application, inputs and outputs in their groups."""
        length, xs, inits, consts = inputs
        return self.outputs_of(self.apply(length, *xs, *inits, *consts))

    def infer(self, *inputs: Variable) -> list[TensorType]:
        length, xs, inits, consts = self.inputs_of(inputs)
        self._check_length(length)
        for inner, x in zip(self.body.xs, xs, strict=True):
            self._check_stands_for("sequence", x, row_type(x.type), inner)
        for inner, const in zip(self.body.consts, consts, strict=True):
            self._check_stands_for("invariant", const, const.type, inner)
        carried = [self._infer_carry(c, init) for c, init in zip(self.body.carry, inits, strict=True)]
        return carried + [stacked_type(y.type) for y in self.body.ys]

    def retyped(self, inputs: Sequence[Variable], copy: Copy) -> Scan:
        """This scan for inputs of other known lengths, its step copied for them."""
        _, xs, inits, consts = self.inputs_of(inputs)
        rows = [row_type(x.type) for x in xs]
        taps = [init.type if c.depth == 1 else row_type(init.type)
                for c, init in zip(self.body.carry, inits, strict=True) for _ in c.taps]
        given = [*rows, *taps, *(const.type for const in consts)]
        inner = {v: v if stands_for(t, v.type) or t.dtype != v.dtype else t.variable(name=v.name)
                 for v, t in zip(self.body.inputs, given, strict=True)}
        return replace(self, body=self.body.copied(inner, copy))

    def _check_length(self, length: Variable) -> None:
        if length.type != TensorType("int64", ()):
            raise TypeMismatchError(
                f"{self.name}: the number of steps must be an int64 scalar, not {length.type}"
            )

    def _check_stands_for(self, what: str, outer: Variable, given: TensorType, inner: Variable) -> None:
        if not stands_for(given, inner.type):
            raise TypeMismatchError(
                f"{self.name}: {what} {outer} gives {given}, where the step was traced with "
                f"{inner} as {inner.type}; give a value of that type"
            )

    def _infer_carry(self, carry: Carry, init: Variable) -> TensorType:
        given = init.type if carry.depth == 1 else row_type(init.type)
        for _, inner in carry.taps:
            self._check_stands_for("initial state", init, given, inner)
        row = merge_types(carry.next.type, given)
        return stacked_type(row) if carry.trace else row

    def extent(self, node: Apply, output: int, axis: int) -> Variable | None:
        inputs, n = self.inputs_of(node.inputs), len(self.body.carry)
        stacked = output >= n or self.body.carry[output].trace
        if stacked and axis == 0:
            return inputs.length if self.body.stop is None else None
        if output >= n:
            return self.extent_outside(dim(self.body.ys[output - n], axis - 1), inputs)
        return dim(inputs.inits[output], axis - stacked + (self.body.carry[output].depth > 1))

    def extent_outside(self, length: Variable, inputs: ScanInputs[Variable]) -> Variable | None:
        """A length inside the step by the scan's inputs; None where it depends on the steps."""
        told = dict(zip(self.body.consts, inputs.consts, strict=True))
        for var in ancestors([length]):
            if var.owner is not None and isinstance(var.owner.op, ShapeI):
                inner, axis = var.owner.inputs[0], var.owner.op.axis
                outside = self._row_extent(inner, axis, inputs)
                outside = self._slice_extent(inner, axis, inputs) if outside is None else outside
                if outside is not None:
                    told[var] = outside
        if any(v not in told and not isinstance(v, Constant) for v in leaves([length], stop=told)):
            return None
        return rebuild([length], told)[0]

    def _row_extent(self, inner: Variable, axis: int, inputs: ScanInputs[Variable]) -> Variable | None:
        """The length of an axis of a row that the step reads."""
        for var, x in zip(self.body.xs, inputs.xs, strict=True):
            if var is inner:
                return dim(x, axis + 1)
        for carry, init in zip(self.body.carry, inputs.inits, strict=True):
            if any(var is inner for _, var in carry.taps):
                return dim(init, axis + (carry.depth > 1))
        return None

    def _slice_extent(self, inner: Variable, axis: int, inputs: ScanInputs[Variable]) -> Variable | None:
        """The length of an axis of a slice that the step takes."""
        node = inner.owner
        length = node.op.length(node, axis) if node is not None and isinstance(node.op, Subtensor) else None
        return None if length is None else self.extent_outside(length, inputs)

    @kept_property
    def step(self) -> Evaluator:
        """One step by the interpreter."""
        return Evaluator(self.body.outputs, self.body.inputs)

    def perform(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        return _Run(self, self.inputs_of(inputs)).outputs()


def _take(items: Iterator[T], n: int) -> list[T]:
    return [next(items) for _ in range(n)]


@dataclass
class _Run:
    """One execution of a scan by the interpreter."""

    op: Scan
    inputs: ScanInputs[np.ndarray]
    rows: list[deque[np.ndarray]] = field(init=False)  # the last `depth` rows of each carry
    stacks: list[list[np.ndarray]] = field(init=False)  # rows of each carry's trace, then of each `ys`

    def __post_init__(self) -> None:
        body = self.op.body
        self.step = self.op.step
        self.rows = [
            deque([init] if carry.depth == 1 else init, maxlen=carry.depth)
            for carry, init in zip(body.carry, self.inputs.inits, strict=True)
        ]
        self.stacks = [[] for _ in (*body.carry, *body.ys)]

    def outputs(self) -> list[np.ndarray]:
        self._check_inputs()
        for t in range(int(self.inputs.length)):
            if self._advance(t):
                break
        carry = self.op.body.carry
        stacks = [self._stack(i) for i in range(len(self.stacks))]
        finals = [stacks[i] if c.trace else self.rows[i][-1] for i, c in enumerate(carry)]
        return finals + stacks[len(carry):]

    def _advance(self, t: int) -> bool:
        """Run step t; whether it was the last."""
        body = self.op.body
        taps = [rows[tap] for c, rows in zip(body.carry, self.rows, strict=True) for tap, _ in c.taps]
        try:
            new = self.step([*(x[t, ...] for x in self.inputs.xs), *taps, *self.inputs.consts])
        except Exception as error:
            error.add_note(f"in step {t} of {self.op.name}")
            raise
        for i, stack in enumerate(self.stacks):
            self._check_row(i, t, new[i])
            if i >= len(body.carry) or body.carry[i].trace:
                if t == 0 and body.stop is None:
                    self._reserve(new[i])
                stack.append(new[i])
        for rows, row in zip(self.rows, new, strict=False):
            rows.append(row)
        return body.stop is not None and bool(new[-1])

    def _reserve(self, row: np.ndarray) -> None:
        """MemoryError before the first step's row is kept rather than after many, where all do not fit."""
        shape = int(self.inputs.length), *row.shape
        require_possible(self.op.name, shape)
        np.empty(shape, row.dtype)

    def _check_inputs(self) -> None:
        length = int(self.inputs.length)
        if length < 0:
            raise IndexError(f"{self.op.name}: the number of steps is {length}; it must be 0 or more")
        for inner, x in zip(self.op.body.xs, self.inputs.xs, strict=True):
            if len(x) < length:
                raise ValueError(f"{self.op.name}: sequence {inner} has {len(x)} rows for {length} steps")
        for carry, rows in zip(self.op.body.carry, self.rows, strict=True):
            if len(rows) != carry.depth:
                raise ValueError(
                    f"{self.op.name}: the state {carry} needs {carry.depth} initial rows, "
                    f"not {len(rows)}"
                )
            _check_static_shape(self.op.name, carry.next, rows[-1].shape)

    def _check_row(self, i: int, t: int, row: np.ndarray) -> None:
        """All rows of a state, and of an output, have one shape."""
        if i < len(self.rows):
            what, before = f"the state, {self.op.body.carry[i]}", self.rows[i][-1].shape
        else:
            what = f"the output, {described(self.op.body.outputs[i])}"
            before = self.stacks[i][0].shape if t else row.shape
        if row.shape != before:
            raise ValueError(
                f"{self.op.name}: {what}, has shape {before} before step {t} and {row.shape} after it.\n  {STEADY}"
            )

    def _stack(self, i: int) -> np.ndarray:
        var = self.op.body.outputs[i]
        if self.stacks[i]:
            return np.stack(self.stacks[i])
        shape = self.rows[i][-1].shape if i < len(self.rows) else self._shape_of_no_row(var)
        return np.empty((0, *shape), var.dtype)

    def _shape_of_no_row(self, var: Variable) -> tuple[int, ...]:
        """The trailing shape of an output of which no row was computed: a length that depends on values of
        the step, or on what a loop, a choice or a search in it gives, is 0."""
        body = self.op.body
        xs = [np.zeros(x.shape[1:], x.dtype) for x in self.inputs.xs]
        taps = [rows[tap] for c, rows in zip(body.carry, self.rows, strict=True) for tap, _ in c.taps]
        given = [*xs, *taps, *self.inputs.consts]
        lengths = unchecked(dims(var))
        varying = body.varying
        known = [n for n in lengths if is_told_outside(n, varying)]
        try:
            found = dict(zip(known, Evaluator(known, body.inputs)(given), strict=True))
        except (ValueError, IndexError) as error:
            error.add_note(f"{self.op.name} has no steps: this came up in finding the shape of its rows")
            raise
        return tuple(int(found.get(n, 0)) for n in lengths)


STEADY = "A row keeps its shape over all steps; slice or pad it in the step."


def scan_name(label: str | None) -> str:
    return "scan" if label is None else f"scan {label!r}"


def shape_message(name: str, carry: Carry, axis: int) -> str:
    """The error of a state that does not keep its shape; two lengths are to be filled in. name: the scan's."""
    return (f"{name}: the state, {carry}, has length {{0}} along axis {axis} before a step and {{1}} after it.\n"
            f"  {STEADY}")


def is_told_outside(length: Variable, varying: set[Variable]) -> bool:
    """Whether the sizes outside the loop tell a length in the step, where no step runs as well."""
    return not _rests_on_values(length, varying) and not _rests_on_running(length)


def _rests_on_values(x: Variable, varying: set[Variable]) -> bool:
    """Whether `x` depends on values of `varying`, and not only on their shapes."""
    shapes = [v for v in ancestors([x]) if v.owner is not None and isinstance(v.owner.op, ShapeI)]
    reached = set(ancestors([x], stop=shapes))
    return not varying.isdisjoint(reached) or any(
        shape_moves(v.owner.inputs[0], varying) for v in shapes if v in reached and v.owner is not None)


def _rests_on_running(length: Variable) -> bool:
    """Whether only running a loop, a choice or a search in the step tells a length."""
    pending, seen = [length], set[Variable]()
    while pending:
        x = pending.pop()
        node = x.owner
        if node is None or x in seen:
            continue
        seen.add(x)
        if isinstance(node.op, (Scan, IfElse, Nonzero)):
            return True
        pending += _telling_size(node.inputs[0], node.op.axis) if isinstance(node.op, ShapeI) else node.inputs
    return False


def _telling_size(array: Variable, axis: int) -> list[Variable]:
    """What tells the size of an axis of an array: the scalars and the sizes that it is made of, or the array itself.

    Rows of a loop and sides of a choice have sizes that are known before it runs.
    """
    node = array.owner
    if node is None or isinstance(node.op, Nonzero):
        return [array]
    if isinstance(node.op, IfElse) or isinstance(node.op, Scan) and (axis or node.op.body.stop is None):
        return []
    if isinstance(node.op, Scan):
        return [array]
    return [v for x in node.inputs for v in (dims(x) if x.ndim else [x] if node.op.decides_shapes else [])]


def shape_moves(x: Variable, varying: set[Variable]) -> bool:
    """Whether the shape of `x` depends on values of `varying`: through sizes, bounds, conditions and stops."""
    pending: list[Variable] = [x]
    seen: set[Apply] = set()
    while pending:
        node = pending.pop().owner
        if node is None or node in seen:
            continue
        seen.add(node)
        decisive = _decisive(node)
        if any(_rests_on_values(v, varying) for v in decisive):
            return True
        pending += [v for v in node.inputs if v not in decisive]
    return False


def _decisive(node: Apply) -> list[Variable]:
    """The inputs whose values may decide the shape of what `node` gives."""
    scan = scan_of(node)
    if scan is not None and scan.body.stop is not None:
        return node.inputs
    return [v for v in node.inputs if node.op.decides_shapes and v.ndim == 0 and is_discrete(v.dtype)]


def _check_static_shape(name: str, var: Variable, shape: tuple[int, ...]) -> None:
    if any(n is not None and n != m for n, m in zip(var.type.shape, shape, strict=True)):
        raise ValueError(
            f"{name}: a state starts with rows of shape {shape}, but the step gives {var.type}"
        )


def scan_of(node: Apply | None) -> Scan | None:
    """The scan that `node` applies, if it applies one."""
    return node.op if node is not None and isinstance(node.op, Scan) else None


def stacked(node: Apply) -> list[Variable]:
    """The outputs of a scan that have a row a step."""
    assert isinstance(node.op, Scan)
    carry, ys = node.op.outputs_of(node.outputs)
    return [*(v for c, v in zip(node.op.body.carry, carry, strict=True) if c.trace), *ys]
