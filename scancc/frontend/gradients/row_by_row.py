"""What is made row by row from arrays that have a row a step, for some of the rows.

    sqrt(sum(h**2, axis=1)) - exp(x)        rows 200 to 300 need those of h and x, and no others
    (h[1:] - h[:-1])**2                     its gradient needs rows 199 to 301 of h

A node is followed where each row of its result is made of rows of its inputs whose steps are known (`row_sources`),
and what is at the ends of that is read: rows of the scan itself, which a block of steps has anyway with few before
and after it, and other arrays. So what is only mapped, `exp(x)`, is computed again for these rows, and not kept for
all.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import field, replace

from scancc.frontend.gradients.row_frames import INT64, ZERO, Frame, Reach, Steps, window
from scancc.frontend.gradients.row_sources import (
    BACKWARDS,
    Sources,
    has_own_length,
    is_view,
    numbers_rows,
    place_of_length,
    place_of_numbers,
    slice_of,
    slices_steps,
    sources_of,
)
from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import dim, int64, same_scalar
from scancc.frontend.graph.variables import Apply, Variable, ancestors
from scancc.frontend.ops.control import check
from scancc.frontend.ops.index_template import FULL, Entry, pieces
from scancc.frontend.ops.making import ARange, arange
from scancc.frontend.ops.scalars import add, eq, maximum, minimum, mul, sub
from scancc.frontend.ops.subtensor import IncSubtensor, Subtensor
from scancc.late_dataclasses import dataclass

MOST_AROUND = 1024  # steps before or after a block whose rows are kept for it
UNEQUAL = ("{}: operands have lengths {{}} and {{}} along axis {}; they must agree (an axis broadcasts only where "
           "its length is known to be 1)")


@dataclass(frozen=True)
class Around:
    """Rows of a stack: those of a block, and with those around it, of which the first is that of step `first`."""

    block: Variable
    rows: Variable
    first: Variable


@dataclass
class Asked:
    """Rows of a variable, or of a part of a larger one, that a block needs."""

    var: Variable
    frame: Frame
    length: Variable  # along that axis, as `user` wants it
    user: Apply | None = None
    reach: Reach = Reach()
    sources: Sources | None = None  # of what it is made of; None: it is read
    inputs: list[Asked | None] = field(default_factory=list)

    @property
    def node(self) -> Apply:
        assert self.var.owner is not None
        return self.var.owner

    def input(self, place: int) -> tuple[Frame, Asked]:
        """The rows that are read of an input, and what was asked of it in all."""
        source, asked = (self.sources or [])[place], self.inputs[place]
        assert source is not None and asked is not None
        return source, asked


class RowByRow:
    """What of a gradient is made row by row; `stacks`, which it may read, have n rows, and blocks have of those that
    `may_reach` rows before and after them."""

    def __init__(self, gradient: Variable, stacks: Set[Variable], n: Variable,
                 may_reach: Set[Variable] = frozenset()) -> None:
        self.gradient, self.n, self.stacks, self.may_reach = gradient, n, stacks, may_reach
        self.required: list[tuple[str, Variable, Variable, Variable]] = []  # messages, conditions, their numbers
        self._asked: dict[Variable, list[Asked]] = {}
        self._root = self._ask(gradient, Frame(), n)
        self._find()
        self._order = self._in_order()
        self.read = self._reaches()

    # ---- what is asked of what ----

    def _ask(self, var: Variable, frame: Frame, length: Variable, user: Apply | None = None) -> Asked:
        """The rows in this frame, which may be those that others asked for, with more before and after them."""
        asked = self._asked.setdefault(var, [])
        for one in asked:
            if one.frame.later(frame) is not None:
                return one
        asked.append(Asked(var, frame, length, user))
        return asked[-1]

    def _find(self) -> None:
        """Follow the gradient to what is read."""
        pending = [self._root]
        while pending:
            asked = pending.pop()
            asked.sources = None if asked.var in self.stacks else self._followed(asked)
            if asked.sources is not None and has_own_length(asked.node, asked.frame.axis):
                self._require(asked)
            if asked.sources is None:
                continue
            for var, frame in zip(asked.node.inputs, asked.sources, strict=True):
                known = len(self._asked.get(var, ()))
                asked.inputs.append(None if frame is None else self._ask(
                    var, frame, _length_of_input(asked, var, frame), asked.node))
                pending += self._asked.get(var, ())[known:]

    def _followed(self, asked: Asked) -> Sources | None:
        node, frame = asked.var.owner, asked.frame
        if node is None or asked.var.type.shape[frame.axis] == 1 or is_view(node):
            return None
        sources = sources_of(node, frame)
        if sources is None or not self.stacks.isdisjoint(ancestors(_sizes(node, frame))):  # as the size of blocks may
            return None
        return None if any(self._is_astray(v, f) for v, f in zip(node.inputs, sources, strict=True)) else sources

    def _is_astray(self, var: Variable, frame: Frame | None) -> bool:
        """Whether these are rows of a stack that a block has not."""
        if var not in self.stacks:
            return False
        if frame is None:
            return True
        steps = Frame().later(frame)
        return steps is None or steps != 0 and (var not in self.may_reach or abs(steps) > MOST_AROUND)

    def _require(self, asked: Asked) -> None:
        """Note that what is made must have as many rows as the others."""
        length = dim(asked.var, asked.frame.axis)
        if asked.user is not None and not same_scalar(length, asked.length):
            lengths = (length, asked.length) if asked.var is asked.user.inputs[0] else (asked.length, length)
            message = UNEQUAL.format(asked.user.op.name, asked.frame.axis)
            self.required.append((message, eq(length, asked.length), *lengths))

    def _in_order(self) -> list[Asked]:
        """What is made, inputs before their users."""
        read = [var for var, asked in self._asked.items() if all(one.sources is None for one in asked)]
        order = [one for v in ancestors([self.gradient], stop=set(read)) for one in self._asked.get(v, ())]
        return [one for one in order if one.sources is not None]

    def _reaches(self) -> dict[Variable, Reach]:
        """The stacks that are read, each with how many rows before and after a block."""
        for asked in reversed(self._order):
            for source, one in zip(asked.sources or (), asked.inputs, strict=True):
                if one is not None and source is not None:
                    one.reach = one.reach.with_(asked.reach, one.frame.later(source) or 0)
        found: dict[Variable, Reach] = {}
        for var in self.stacks:
            for one in self._asked.get(var, ()):
                found[var] = found.get(var, Reach()).with_(one.reach, one.frame.first.number)
        return found

    @property
    def is_made(self) -> bool:
        """Whether some of the rows are computed, or are those of a stack."""
        return bool(self._order or self.read)

    # ---- the rows of a block ----

    def of_block(self, stacks: Mapping[Variable, Around], steps: Steps) -> Variable:
        """The rows of a block, from those of the stacks, and from what is outside of the loop over blocks."""
        made = _Made(self, stacks, steps)
        rows = made.rows_of(self._root)
        for message, *values in self.required:
            rows = check(ValueError, message, rows, *map(made.hold, values))
        return rows


class _Made:
    """The rows of one block, as they are made."""

    def __init__(self, plan: RowByRow, stacks: Mapping[Variable, Around], steps: Steps) -> None:
        self.plan, self.stacks = plan, stacks
        self.steps = replace(steps, hold=self.hold)
        self._outside = steps.hold
        self._held: dict[Variable, Variable] = {}
        self._windows: list[tuple[Frame, Reach, Variable, tuple[Variable, Variable]]] = []
        self._rows: dict[int, Variable] = {}
        for asked in plan._order:
            self._rows[id(asked)] = self._make(asked)

    def rows_of(self, asked: Asked) -> Variable:
        return self._rows[id(asked)] if asked.sources is not None else self._read(asked, asked.frame, asked.reach)

    def hold(self, var: Variable) -> Variable:
        """What is outside of the loop, once; a length that is known as the number it is."""
        if var not in self._held:
            known = constant_int(var) if var.type == INT64 else None
            self._held[var] = self._outside(var) if known is None else int64(known)
        return self._held[var]

    def _window(self, frame: Frame, reach: Reach, length: Variable) -> tuple[Variable, Variable]:
        """Where rows begin, and how many they are."""
        frame = frame.along(0)
        for known, other, given, found in self._windows:
            if known.later(frame) == 0 and reach == other and same_scalar(given, length):
                return found
        found = self.steps.rows(frame, reach, length)
        self._windows.append((frame, reach, length, found))
        return found

    def _read(self, asked: Asked, frame: Frame, reach: Reach) -> Variable:
        """Rows of a stack, or of what is outside."""
        begin, count = self._window(frame, reach, asked.length)
        if asked.var in self.stacks:
            around = self.stacks[asked.var]
            if begin is self.steps.start:
                return around.block
            return window(around.rows, 0, sub(begin, around.first), count)
        rows = fitting(asked.var, asked.frame.axis, asked.length, asked.user)
        return window(self.hold(rows), frame.axis, begin, count)

    def _input(self, asked: Asked, place: int) -> Variable:
        """What a node reads of an input: the rows that a block needs, or all of it."""
        if asked.inputs[place] is None:
            return self.hold(asked.node.inputs[place])
        source, one = asked.input(place)
        if one.sources is None:
            return self._read(one, source, asked.reach)
        (have, _), rows = self._window(one.frame, one.reach, one.length), self.rows_of(one)
        begin, count = self._window(source, asked.reach, one.length)
        return rows if begin is have else window(rows, source.axis, sub(begin, have), count)

    # ---- nodes ----

    def _make(self, asked: Asked) -> Variable:
        node = asked.node
        begin, count = self._window(asked.frame, asked.reach, asked.length)
        if slices_steps(node, asked.frame.axis):
            return self._part(asked, begin, count) if isinstance(node.op, Subtensor) else self._written(asked, begin)
        if isinstance(node.op, ARange):
            return add(arange(count), begin)
        told = {i: v for i in range(len(node.inputs)) if (v := self._length(node, i, asked, count)) is not None}
        inputs = [told[i] if i in told else self._input(asked, i) for i in range(len(node.inputs))]
        return Apply(node.op, inputs, node.op.infer(*inputs), node.location).outputs[0]

    def _length(self, node: Apply, place: int, asked: Asked, count: Variable) -> Variable | None:
        """What stands for an input that says how many rows there are, or numbers them."""
        if place == place_of_length(node, asked.frame.axis):
            return count
        return arange(count) if numbers_rows(node) and place == place_of_numbers(node) else None

    def _part(self, asked: Asked, begin: Variable, count: Variable) -> Variable:
        """Rows of a slice of the steps."""
        node, x, (source, one) = asked.node, self._input(asked, 0), asked.input(0)
        start, step = slice_of(node, source.axis)
        if step < 0:
            return self._at(node, source.axis, BACKWARDS, [int64(-1)], x)
        first, rows = self._window(source, asked.reach, one.length)
        at = sub(add(mul(begin, int64(step)), start.variable(self.hold)), first)
        part = window(x, source.axis, minimum(maximum(at, ZERO), rows), count, step)
        return self._at(node, source.axis, FULL, [], part)

    def _written(self, asked: Asked, begin: Variable) -> Variable:
        """Rows of what has something written into a slice of the steps."""
        node, axis, (source, one) = asked.node, asked.frame.axis, asked.input(1)
        x, y, (start, step) = self._input(asked, 0), self._input(asked, 1), slice_of(node, axis)
        if step < 0:
            return self._at(node, axis, BACKWARDS, [int64(-1)], x, y)
        first, count = self._window(source, asked.reach, one.length)
        _, rows = self._window(asked.frame, asked.reach, asked.length)
        at = sub(add(mul(first, int64(step)), start.variable(self.hold)), begin)
        at = minimum(maximum(at, ZERO), rows)
        stop = minimum(add(at, mul(count, int64(step))), rows)
        by = [int64(step)] if step > 1 else []
        return self._at(node, axis, ("s", True, True, step > 1), [at, stop, *by], x, y)

    def _at(self, node: Apply, axis: int, entry: Entry, operands: list[Variable], *arrays: Variable) -> Variable:
        """The same read or write, with another index along an axis."""
        assert isinstance(node.op, Subtensor | IncSubtensor)
        parts = [(e, [self.hold(v) for v in values])
                 for e, values in pieces(node.op.template, node.inputs[len(arrays):])]
        parts[axis] = entry, operands
        if isinstance(node.op, Subtensor) and all(e == FULL for e, _ in parts):
            return arrays[0]
        op = replace(node.op, template=tuple(e for e, _ in parts))
        inputs = [*arrays, *(v for _, values in parts for v in values)]
        return Apply(op, inputs, op.infer(*inputs), node.location).outputs[0]


def _length_of_input(asked: Asked, var: Variable, frame: Frame) -> Variable:
    """How many rows an input has along its axis: as many as the result, where it has the same ones."""
    node, axis = asked.node, asked.frame.axis
    is_written = isinstance(node.op, IncSubtensor) and slices_steps(node, axis) and var is node.inputs[1]
    return dim(var, frame.axis) if is_written or has_own_length(node, axis) else asked.length


def _sizes(node: Apply, frame: Frame) -> list[Variable]:
    """The lengths that a node reads of other axes than that of the rows."""
    place = place_of_length(node, frame.axis)
    return [] if place is None else [v for i, v in enumerate(node.inputs) if i not in (0, place)]


def fitting(x: Variable, axis: int, wanted: Variable, user: Apply | None) -> Variable:
    """An operand of `user`, which must have as many rows along an axis as the others."""
    length = dim(x, axis)
    if user is None or same_scalar(length, wanted):
        return x
    lengths = (length, wanted) if x is user.inputs[0] else (wanted, length)
    return check(ValueError, UNEQUAL.format(user.op.name, axis), x, eq(length, wanted), *lengths)
