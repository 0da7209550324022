"""The parts of ops with regions, by name.

A view reads its op as it is now and keeps nothing: it costs what the lookup costs, and stays true
while a pass changes the op. What lies in lists of equal length in the IR (operands, arguments of the
body, what it yields, results) is also there as records, one a state, a stack or an operand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .core import Block, Op, Value
from .ops import group, is_dead, operand, set_operands
from .types import PARALLEL, REDUCTION, AffineMap, DenseArray, IntAttr, TensorType, Type, i64, index, row_type


class Read(NamedTuple):
    """A sequence of a scan, and its row in the step."""

    xs: Value
    arg: Value


class Carry(NamedTuple):
    """A state of a scan: before the loop, at the start of a step, after it, after the loop."""

    init: Value
    arg: Value
    next: Value
    final: Value
    depth: int


class Stack(NamedTuple):
    """A stacked output: how many rows it keeps, a step's row, the stack, run-time sizes of a row.

    It keeps the last rows, or with a `first` row that one and each `stride`-th after it (before it where the stride
    is below 0). As many rows as the scan has steps are all of them.
    """

    rows: Value
    value: Value
    result: Value
    dims: list[Value]
    first: Value | None = None
    stride: int = 0

    @property
    def row_shape(self) -> tuple[int | None, ...]:
        return _row_shape(self.result)


class ScanView:
    """The parts of a `scan.scan`."""

    __slots__ = ("op",)

    def __init__(self, op: Op) -> None:
        self.op = op

    # ---- operands ----

    @property
    def length(self) -> Value:
        """The number of steps, or with `until` the most."""
        return operand(self.op, "length")

    @property
    def xs(self) -> list[Value]:
        return group(self.op, "xs")

    @property
    def init(self) -> list[Value]:
        return group(self.op, "init")

    @property
    def rows(self) -> list[Value]:
        """How many rows of each y are kept."""
        return group(self.op, "rows")[:self._n_ys]

    @property
    def firsts(self) -> list[Value]:
        """The first row kept of each y that has a stride."""
        return group(self.op, "rows")[self._n_ys:]

    @property
    def strides(self) -> list[int]:
        """The steps between the rows kept of each y; 0: its last ones are kept."""
        return list(self.op.attrs["strides"].values) if "strides" in self.op.attrs else [0] * self._n_ys

    @property
    def _n_ys(self) -> int:
        return len(self.op.results) - len(self.init) - self.until

    @property
    def dims(self) -> list[Value]:
        """Run-time sizes of the rows of all ys, in order."""
        return group(self.op, "dims")

    # ---- attributes ----

    @property
    def depths(self) -> list[int]:
        return [depth.value for depth in self.op.attrs["depths"]]

    @property
    def until(self) -> bool:
        return bool(self.op.attrs["until"])

    # ---- the step's arguments ----

    @property
    def counter(self) -> Value:
        return self.op.body.args[0]

    @property
    def x_args(self) -> list[Value]:
        return self.op.body.args[1:1 + len(self.xs)]

    @property
    def carry_args(self) -> list[Value]:
        return self.op.body.args[1 + len(self.xs):]

    def given(self, arg: Value) -> Value:
        """What an argument other than the counter comes from: a sequence, or the initial value of a state."""
        return [*self.xs, *self.init][arg.index - 1]

    # ---- what the step yields ----

    @property
    def next(self) -> list[Value]:
        return self.op.body.terminator.operands[:len(self.init)]

    @property
    def row_values(self) -> list[Value]:
        """A row of each y."""
        first = len(self.init)
        return self.op.body.terminator.operands[first:first + self._n_ys]

    @property
    def stop(self) -> Value | None:
        return self.op.body.terminator.operands[-1] if self.until else None

    # ---- results ----

    @property
    def finals(self) -> list[Value]:
        return self.op.results[:len(self.init)]

    @property
    def ys(self) -> list[Value]:
        first = len(self.init)
        return self.op.results[first:first + self._n_ys]

    @property
    def executed(self) -> Value | None:
        """The number of steps that ran, with `until`."""
        return self.op.results[-1] if self.until else None

    # ---- records ----

    @property
    def reads(self) -> list[Read]:
        return [Read(*parts) for parts in zip(self.xs, self.x_args, strict=True)]

    @property
    def carries(self) -> list[Carry]:
        return [Carry(*parts) for parts in zip(
            self.init, self.carry_args, self.next, self.finals, self.depths, strict=True)]

    @property
    def stacks(self) -> list[Stack]:
        dims, firsts = iter(self.dims), iter(self.firsts)
        return [Stack(rows, value, y, [next(dims) for n in _row_shape(y) if n is None],
                      next(firsts) if stride else None, stride)
                for rows, value, y, stride in zip(self.rows, self.row_values, self.ys, self.strides, strict=True)]

    def keeps_all(self, stack: Stack) -> bool:
        """Whether a stack has the row of each step, in their order."""
        return stack.rows is self.length and stack.stride >= 0

    def stack_of(self, result: Value) -> Stack:
        """The stack that is `result`, one of `ys`: its own parts alone, where there are many."""
        y, strides = result.index - len(self.init), self.strides
        start = sum(n is None for other in self.ys[:y] for n in _row_shape(other))
        sizes = self.dims[start:start + sum(n is None for n in _row_shape(result))]
        first = self.firsts[sum(map(bool, strides[:y]))] if strides[y] else None
        return Stack(self.rows[y], self.row_values[y], result, sizes, first, strides[y])

    # ---- other parts ----

    def new_read(self, xs: Value) -> Read:
        """A sequence that `rebuilt` can add."""
        return Read(xs, Value(row_type(xs.type), self.op.body, 0))

    def new_carry(self, init: Value, next: Value, depth: int = 1) -> Carry:
        """A state that `rebuilt` can add."""
        arg, final = Value(init.type, self.op.body, 0), Value(init.type, self.op, 0, next.name)
        return Carry(init, arg, next, final, depth)

    def new_stack(self, value: Value, type: Type, dims: list[Value]) -> Stack:
        """All rows of `value`, of `type`, that `rebuilt` can keep."""
        return Stack(self.length, value, Value(type, self.op, 0, value.name), dims)

    def taken_in(self, other: ScanView) -> tuple[list[Carry], list[Stack]]:
        """Do in each step, after what is done, a step of another scan, which goes; its parts, for `rebuilt` to add.

        The other scan has no sequences and no `until`, and runs as many steps; its values stay as they are.
        """
        op, body, step = self.op, self.op.body, other.op.body
        assert not other.xs and not other.until
        carries, stacks, length = other.carries, other.stacks, other.length
        other.counter.replace_by(self.counter)
        for value in other.carry_args:
            value.give_to(body)
        for value in other.op.results:
            value.give_to(op)
        moved = step.ops[:-1]
        for inner in moved:
            inner.parent = body
        body.ops[-1:-1] = moved
        step.ops, step.args, other.op.results = step.ops[-1:], [], []
        other.op.erase()
        return carries, [s._replace(rows=self.length) if s.rows is length else s for s in stacks]

    def run_to_the_end(self) -> None:
        """Leave out `until`; nobody reads how many steps ran."""
        carries, stacks = self.carries, self.stacks
        self.op.attrs["until"] = False
        self.rebuilt(carries=carries, stacks=stacks)

    def rebuilt(self, xs: Sequence[Read] | None = None, carries: Sequence[Carry] | None = None,
                stacks: Sequence[Stack] | None = None) -> Op:
        """The op, now of the parts given (None: those it has).

        Values of parts that stay are the same as before; nobody reads those of parts that go. What the
        step computed for these alone goes with them.
        """
        xs = self.reads if xs is None else xs
        carries = self.carries if carries is None else carries
        stacks = self.stacks if stacks is None else stacks
        op, body = self.op, self.op.body
        stop, executed = ([value] if value is not None else [] for value in (self.stop, self.executed))
        body.terminator.operands = [*(c.next for c in carries), *(s.value for s in stacks), *stop]
        _drop_unread(body)
        body.set_args([self.counter, *(x.arg for x in xs), *(c.arg for c in carries)])
        op.set_results([*(c.final for c in carries), *(s.result for s in stacks), *executed])
        set_operands(op, xs=[x.xs for x in xs], init=[c.init for c in carries],
                     rows=[*(s.rows for s in stacks), *(s.first for s in stacks if s.first is not None)],
                     dims=[size for s in stacks for size in s.dims])
        _mark_strides(op, [s.stride for s in stacks])
        op.attrs["depths"] = [IntAttr(c.depth, i64) for c in carries]
        return op


def scan_around(op: Op) -> Op | None:
    """The innermost scan in whose step an op stands."""
    around = op.parent_op()
    while around is not None and around.name != "scan.scan":
        around = around.parent_op()
    return around


def _mark_strides(op: Op, strides: list[int]) -> None:
    if any(strides):
        op.attrs["strides"] = DenseArray(i64, tuple(strides))
    else:
        op.attrs.pop("strides", None)


def _row_shape(stack: Value) -> tuple[int | None, ...]:
    assert isinstance(stack.type, TensorType)
    return stack.type.shape[1:]


def _drop_unread(body: Block) -> None:
    """Erase what nothing reads and nothing else is done by."""
    for op in reversed(body.ops[:-1]):
        if is_dead(op):
            op.erase()


class Access(NamedTuple):
    """An operand of a nest: the array, its element in the body, and the loop dimension that each axis follows."""

    value: Value
    arg: Value
    dims: tuple[int | None, ...]


class Nest:
    """The parts of a `linalg.generic`."""

    __slots__ = ("op",)

    def __init__(self, op: Op) -> None:
        self.op = op

    @property
    def inputs(self) -> list[Value]:
        return group(self.op, "inputs")

    @property
    def outputs(self) -> list[Value]:
        """Where the results start from."""
        return group(self.op, "outputs")

    @property
    def maps(self) -> list[AffineMap]:
        """One for each operand."""
        return list(self.op.attrs["indexing_maps"])

    @property
    def kinds(self) -> list[Any]:
        """How each loop dimension is walked: `PARALLEL` or `REDUCTION`."""
        return list(self.op.attrs["iterator_types"])

    @property
    def input_args(self) -> list[Value]:
        return self.op.body.args[:len(self.inputs)]

    @property
    def running(self) -> list[Value]:
        """The elements of the outputs so far."""
        return self.op.body.args[len(self.inputs):]

    @property
    def elements(self) -> list[Value]:
        """What the body yields: the new element of each output."""
        return self.op.body.terminator.operands

    @property
    def reads(self) -> list[Access]:
        """One for each input."""
        return self._accesses(self.inputs, 0)

    @property
    def writes(self) -> list[Access]:
        """One for each output."""
        return self._accesses(self.outputs, len(self.inputs))

    def _accesses(self, values: Sequence[Value], first: int) -> list[Access]:
        args, maps = self.op.body.args[first:], self.maps[first:]
        return [Access(value, arg, m.results) for value, arg, m in zip(values, args, maps, strict=False)]

    @property
    def identity(self) -> tuple[int, ...]:
        """The access of an array at the nest's own position."""
        return tuple(range(len(self.kinds)))

    @property
    def is_parallel(self) -> bool:
        return all(kind == PARALLEL for kind in self.kinds)

    @property
    def copied(self) -> Value | None:
        """The input that a nest makes again: its elements are those of the one result, each in its place."""
        if len(self.op.results) != 1 or not self.is_parallel:
            return None
        (element,), (write,) = self.elements, self.writes
        return next((read.value for read in self.reads if read.arg is element and read.dims == write.dims
                     and None not in write.dims and read.value.type == self.op.result.type), None)

    @property
    def reduced(self) -> list[int]:
        """The loop dimensions along which a result is combined."""
        return [dim for dim, kind in enumerate(self.kinds) if kind == REDUCTION]

    def is_whole(self, write: Access) -> bool:
        """Whether an output has an element for each round, also where others are combined."""
        return len([dim for dim in write.dims if dim is not None]) == len(self.kinds)

    @property
    def combined(self) -> list[int]:
        """The numbers of the outputs that are combined along the reduced dimensions."""
        return [number for number, write in enumerate(self.writes) if not self.is_whole(write)]


class Round(NamedTuple):
    """A value that a loop carries: before it, at the start of a round, after it, after the loop."""

    init: Value
    arg: Value
    next: Value
    final: Value


class Loop:
    """The parts of an `scf.for`."""

    __slots__ = ("op",)

    def __init__(self, op: Op) -> None:
        self.op = op

    @property
    def lower(self) -> Value:
        return operand(self.op, "lower")

    @property
    def upper(self) -> Value:
        return operand(self.op, "upper")

    @property
    def step(self) -> Value:
        return operand(self.op, "step")

    @property
    def bounds(self) -> tuple[Value, Value, Value]:
        return self.lower, self.upper, self.step

    @property
    def init(self) -> list[Value]:
        return group(self.op, "init")

    @property
    def counter(self) -> Value:
        return self.op.body.args[0]

    @property
    def args(self) -> list[Value]:
        """The carried values at the start of a round."""
        return self.op.body.args[1:]

    @property
    def next(self) -> list[Value]:
        return self.op.body.terminator.operands

    @property
    def carries(self) -> list[Round]:
        return [Round(*parts) for parts in zip(self.init, self.args, self.next, self.op.results, strict=True)]


class Turn(NamedTuple):
    """A value that a `while` carries: before it, in its test, handed on by it, in the body, after it, at the end."""

    init: Value
    tested: Value
    handed: Value
    arg: Value
    onward: Value
    result: Value


class While:
    """The parts of an `scf.while` whose test hands on as many values as it gets."""

    __slots__ = ("op",)

    def __init__(self, op: Op) -> None:
        self.op = op

    @property
    def test(self) -> Block:
        return self.op.regions[0].blocks[0]

    @property
    def body(self) -> Block:
        return self.op.regions[1].blocks[0]

    @property
    def condition(self) -> Value:
        return operand(self.test.terminator, "condition")

    @property
    def carries(self) -> list[Turn]:
        return [Turn(*parts) for parts in zip(
            group(self.op, "init"), self.test.args, group(self.test.terminator, "values"), self.body.args,
            self.body.terminator.operands, self.op.results, strict=True)]


class Choice(NamedTuple):
    """A result of a branch, and what each side gives for it."""

    result: Value
    then: Value
    otherwise: Value


class Branch:
    """The parts of an `scf.if`."""

    __slots__ = ("op",)

    def __init__(self, op: Op) -> None:
        self.op = op

    @property
    def condition(self) -> Value:
        return operand(self.op, "condition")

    @property
    def sides(self) -> tuple[Block, Block]:
        """What runs where the condition holds, and where not."""
        then, otherwise = self.op.regions
        return then.blocks[0], otherwise.blocks[0]

    @property
    def choices(self) -> list[Choice]:
        then, otherwise = (side.terminator.operands for side in self.sides)
        return [Choice(*parts) for parts in zip(self.op.results, then, otherwise, strict=True)]

    @property
    def sizes(self) -> dict[Value, list[Value]]:
        """The results that are the unknown sizes of each array, where the branch gives them: they come last."""
        sizes = [v for v in self.op.results if v.type == index]
        arrays = [v for v in self.op.results if isinstance(v.type, TensorType)]
        counts = [v.type.shape.count(None) for v in arrays]  # type: ignore[attr-defined]
        if len(sizes) != sum(counts):
            return {}
        rest = iter(sizes)
        return {v: [next(rest) for _ in range(count)] for v, count in zip(arrays, counts, strict=True)}


def usual_blocks(op: Op) -> list[Block]:
    """The blocks inside an op; of a branch of which one side nearly always runs, that alone."""
    blocks = [block for region in op.regions for block in region.blocks]
    return [blocks[0 if op.attrs["likely"].value else 1]] if "likely" in op.attrs else blocks


class PlannedFunc:
    """The arguments of a function of loop IR with a plan of its memory."""

    __slots__ = ("op",)

    def __init__(self, op: Op) -> None:
        self.op = op

    @property
    def inputs(self) -> list[Value]:
        """What the program takes, and then the `bounds`."""
        return self.op.body.args[:self._count("n_inputs")]

    @property
    def bounds(self) -> list[Value]:
        """The inputs that the caller guesses: sizes that nothing tells before it runs."""
        return self.inputs[self._count("n_inputs") - self._count("n_bounds"):]

    @property
    def outputs(self) -> list[Value]:
        return self.op.body.args[self._count("n_inputs"):-1]

    @property
    def workspace(self) -> Value:
        return self.op.body.args[-1]

    @property
    def fits(self) -> bool:
        """Whether it has the arguments that its attributes count."""
        return 0 <= self._count("n_bounds") <= self._count("n_inputs") < len(self.op.body.args)

    def _count(self, attribute: str) -> int:
        count = self.op.attrs.get(attribute)
        return 0 if count is None else int(count.value)
