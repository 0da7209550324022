"""The derivative of a scan: another scan, over the same steps backwards.

Its step is the derivative of the forward step. What goes from step to step is the gradient that a row
of a state receives from the steps that read it later; what is stacked are the gradients of the
sequences' rows; sums over steps are in `scan_sums`, the forward values it reads in `scan_recall`. It
runs as many steps as the forward scan did, or the last `truncate_gradient` of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scancc.frontend.gradients.contributions import incremented, increments_of, plus, total
from scancc.frontend.gradients.forward_values import with_forward_values
from scancc.frontend.gradients.loop import Lag, Loop, backwards, shorter
from scancc.frontend.gradients.row_by_row import Around, RowByRow
from scancc.frontend.gradients.row_frames import ZERO, Steps
from scancc.frontend.gradients.rules import (
    Gradient,
    is_continuous,
    like,
    zero_of,
    zeros_for,
)
from scancc.frontend.gradients.running_sums import Restarts, begun_with_the_rest
from scancc.frontend.gradients.scan_links import needed_carries, tap_variables, varying_carries
from scancc.frontend.gradients.scan_recall import Recall
from scancc.frontend.gradients.scan_rows import stacked_rows
from scancc.frontend.gradients.scan_sums import After, Sums
from scancc.frontend.gradients.scan_tables import inside
from scancc.frontend.gradients.walk import backpropagate_lazily
from scancc.frontend.gradients.windows import moved, with_windows_moved
from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import dim, dims, int64, same_scalar
from scancc.frontend.graph.variables import Apply, TensorType, Variable, ancestors, applies
from scancc.frontend.loops.scan_op import Scan, ScanInputs, ScanOutputs, row_type, stacked
from scancc.frontend.ops.control import IfElse, check
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.index_template import FULL
from scancc.frontend.ops.indexing import inc_subtensor
from scancc.frontend.ops.joined_choices import with_choices_joined
from scancc.frontend.ops.making import Alloc, alloc, arange, is_zeros
from scancc.frontend.ops.scalars import add, eq, ge, logical_and, lt, sub, switch
from scancc.frontend.ops.subtensor import AdvancedSubtensor, IncSubtensor

MOST_ALONE = 4  # rows of a stack whose gradients are added each in its step; those of more are a stack
FEWEST = "of each step the fewest bytes are kept that the rest can be computed from, which the reverse does again"


class Reverse:
    """The reverse of one application of a scan. `sums`: what the gradients of its invariants are added to; `fewest`:
    the fewest bytes are kept, whatever is computed again."""

    def __init__(self, node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool],
                 sums: Sequence[Gradient] | None = None, fewest: bool = False) -> None:
        assert isinstance(node.op, Scan)
        self.op, self.body = node.op, node.op.body
        self.given: ScanOutputs[Gradient] = self.op.outputs_of(gradients)
        self.wanted = self.op.inputs_of(wanted)
        self.inputs = self.op.inputs_of(node.inputs)
        self.sums = sums or [None] * len(self.inputs.consts)
        self.loop = Loop()
        self.recall = Recall(node, self.loop, fewest)
        self.n = self.recall.n
        limit = self.op.truncate_gradient
        self.whole = limit < 0
        self.length = self.n if self.whole else shorter(self.n, int64(limit))
        self.carries = self._carries()
        self.pending: dict[tuple[int, int], int] = {}  # (carry, how many steps later): place among the lags

    def _carries(self) -> set[int]:
        """The states that a gradient goes through."""
        xs = [x for x, want in zip(self.body.xs, self.wanted.xs, strict=True) if want]
        consts = [c for c, want in zip(self.body.consts, self.wanted.consts, strict=True) if want]
        start = {i for i, want in enumerate(self.wanted.inits) if want}
        active = varying_carries(self.body, [*xs, *consts], start)
        given = {i for i, g in enumerate(self.given.carry) if g is not None and i in active}
        ys = [y for y, g in zip(self.body.ys, self.given.ys, strict=True) if g is not None]
        return needed_carries(self.body, ys, given, active)

    @property
    def label(self) -> str | None:
        return None if self.op.label is None else f"grad_of_{self.op.label}"

    def gradients(self) -> ScanInputs[Gradient]:
        inner = self._step_gradients()
        self._lag_rows(inner)
        xs = [self._rows(inner.get(x), want) for x, want in zip(self.body.xs, self.wanted.xs, strict=True)]
        sums = self._sums(inner)
        forward = [v for node in applies(self.recall.op.body.outputs) for v in node.outputs]
        for change in (with_forward_values, begun_with_the_rest, with_windows_moved, with_choices_joined):
            self.loop.rewrite(lambda rows, change=change: change(rows, forward))  # type: ignore[misc]
        self.recall.recall([*(lag.next for lag in self.loop.lags), *self.loop.ys])
        if not self.loop.lags and not self.loop.ys:
            return self.nothing()
        again = FEWEST if self.recall.fewest else None
        done = self.loop.run(self.length, self.label, self.recall.replace, self.op.fast_math, again)
        return ScanInputs(
            None,
            [None if after is None else self._of_sequence(x, after(done))
             for x, after in zip(self.inputs.xs, xs, strict=True)],
            [self._of_initial(i, done) if want else None for i, want in enumerate(self.wanted.inits)],
            [None if after is None else after(done) for after in sums],
        )

    def stacks_read(self) -> list[Variable]:
        """The stacks of the forward scan that the loop reads, once it is made."""
        stacks = set(stacked(self.recall.node))
        return [v for v in ancestors(list(self.loop.xs.values()), stop=stacks) if v in stacks]

    def nothing(self) -> ScanInputs[Gradient]:
        _, xs, inits, consts = self.inputs
        return ScanInputs(None, [None for _ in xs], [None for _ in inits], [None for _ in consts])

    # ---- one step ----

    def _step_gradients(self) -> dict[Variable, Variable]:
        """The gradients of what the forward step reads."""
        seeds: dict[Variable, Variable] = {}
        for i in sorted(self.carries):
            _seed(seeds, self.body.carry[i].next, self._state_seed(i))
        for y, gradient in zip(self.body.ys, self.given.ys, strict=True):
            if gradient is not None and is_continuous(y):
                _seed(seeds, y, self._given_rows(gradient, y))
        wrt = [*self.body.xs, *self.body.consts]
        wanted = [*self.wanted.xs, *self.wanted.consts]
        inner = [v for v, want in zip(wrt, wanted, strict=True) if want]
        inner += [v for i in self.carries for v in tap_variables(self.body.carry[i])]
        with inside(self.recall.tables):
            return backpropagate_lazily(seeds, inner)

    def _state_seed(self, i: int) -> Gradient:
        """The gradient of a state's new row: what is given for it, and what later steps pass back."""
        carry, given = self.body.carry[i], self.given.carry[i]
        row, last = (None, given) if not carry.trace else self.split_trace(given)
        gradient = None if row is None else self._given_rows(row, carry.next)
        taps = {-tap for tap, _ in carry.taps}
        for lag in sorted(taps | ({1} if last is not None else set())):
            init = last if lag == 1 and last is not None else self.no_rows(i, lag)
            gradient = plus(gradient, self._add_lag(i, lag, init))
        return gradient

    def _add_lag(self, i: int, lag: int, init: Variable) -> Variable:
        """A new lag, whose next row is filled in once the step's gradients are known."""
        carry = self.body.carry[i]
        row = TensorType(init.dtype, self.row_shape(i))(f"grad_{carry.next.name or 'state'}")
        self.pending[i, lag] = len(self.loop.lags)
        self.loop.lags.append(Lag(row, lag, init, row, trace=lag > 1))
        return row

    def row_shape(self, i: int) -> tuple[int | None, ...]:
        """The static shape that the rows of a state keep."""
        carry, init = self.body.carry[i], self.inputs.inits[i]
        given = init.type if carry.depth == 1 else row_type(init.type)
        return tuple(m if n is None else n for n, m in zip(carry.next.type.shape, given.shape, strict=True))

    def no_rows(self, i: int, lag: int) -> Variable:
        carry, init = self.body.carry[i], self.inputs.inits[i]
        given = dims(init)[carry.depth > 1:]
        lengths = [m if n is None else int64(n) for n, m in zip(self.row_shape(i), given, strict=True)]
        zero = zero_of(carry.next.dtype)
        if lag > 1:
            lengths = [int64(lag), *lengths]
        return alloc(zero, lengths) if lengths else zero

    def _lag_rows(self, inner: dict[Variable, Variable]) -> None:
        for (i, lag), place in self.pending.items():
            found = [inner.get(var) for tap, var in self.body.carry[i].taps if -tap == lag]
            waiting = self.loop.lags[place]
            gradient = total(found)
            waiting.next = zeros_for(waiting.row) if gradient is None else like(moved(gradient), waiting.row)

    # ---- the given gradients ----

    def split_trace(self, given: Gradient) -> tuple[Gradient, Gradient]:
        """The gradient of a trace as that of all its rows, and that of its last row alone."""
        last: Gradient = None
        while given is not None and _writes_last_row(given):
            assert given.owner is not None
            last = plus(last, self._last_row(given.owner))
            given = given.owner.inputs[0]
        return (None if given is not None and is_zeros(given) else given), self._where_a_row(last)

    def _where_a_row(self, last: Gradient) -> Gradient:
        """The gradient of the last row; the error of `trace[-1]` where there is none."""
        message = "indexing: index -1 is out of range for axis 0, which has length {}"
        return None if last is None else check(IndexError, message, last, ge(self.n, int64(1)), self.n)

    def _last_row(self, node: Apply) -> Variable:
        """What is added to the last row."""
        base, y, _, *operands = node.inputs
        rest = node.op.template[1:]  # type: ignore[attr-defined]
        whole = all(entry == ("s", False, False, False) for entry in rest)
        row = like(y, self._first_of(base)) if whole and not _stretches(y, base) else None
        if row is None:
            row = IncSubtensor(rest, set=False)(zeros_for(self._first_of(base), y.dtype), y, *operands)
        return row

    def _first_of(self, stack: Variable) -> Variable:
        """A variable of the shape of a row of `stack`."""
        lengths = dims(stack)[1:]
        return alloc(zero_of(stack.dtype), lengths) if lengths else zero_of(stack.dtype)

    def _given_rows(self, gradient: Variable, row: Variable) -> Variable:
        """A step's row of the gradient of a stack; where only a part of each row counts, a write of that part."""
        base, increments = increments_of(gradient)
        within = [node for node in increments if _is_in_rows(node)]
        others = [node for node in increments if node not in within]
        alone = is_zeros(base) and row.ndim > 0 and len(others) <= MOST_ALONE and all(map(_is_of_one_row, others))
        base = base if alone else incremented(base, others)
        found = zeros_for(row, gradient.dtype) if is_zeros(base) else self._given_row(base, row)
        for node in others if alone else ():
            found = self._in_its_step(found, node)
        for node in within:
            _, part, *operands = node.inputs
            write = replace(node.op, template=node.op.template[1:])  # type: ignore[type-var,attr-defined]
            held = [self.loop.hold(v) for v in operands]
            found = write(found, self._given_row(part, node.op.part(write.template)(row, *operands)), *held)  # type: ignore[attr-defined]
        return found

    def _in_its_step(self, found: Variable, node: Apply) -> Variable:
        """`found`, with what an increment of one row of a stack adds, in the step of that row."""
        _, part, place, *operands = node.inputs
        message = "indexing: index {} is out of range for axis 0 with length {}"
        inside = logical_and(ge(place, -self.n), lt(place, self.n))
        at = self.loop.hold(check(IndexError, message, switch(lt(place, 0), add(place, self.n), place), inside, place,
                                  self.n))
        number = self.loop.read(TensorType("int64", ()), backwards(self.recall.last_rows(arange(self.n))))
        return IfElse(1).apply(eq(number, at), self._with_part(found, node, part, operands), found)[0]

    def _with_part(self, found: Variable, node: Apply, part: Variable, operands: Sequence[Variable]) -> Variable:
        """`found`, with what an increment adds to a row; where that is zeros but for a few places, in these alone."""
        root, writes = increments_of(part)
        write = replace(node.op, template=node.op.template[1:])  # type: ignore[type-var,attr-defined]
        whole = all(entry == FULL for entry in write.template)  # type: ignore[attr-defined]
        if whole and writes and is_zeros(root) and not _stretches(part, node.inputs[0]):
            for one in writes:
                found = one.op(found, *map(self.loop.hold, one.inputs[1:]))
            return found
        return write(found, self.loop.hold(part), *map(self.loop.hold, operands))

    def _given_row(self, gradient: Variable, row: Variable) -> Variable:
        """The inner variable for the rows of a gradient of a stack; all alike, they are an invariant."""
        type = TensorType(gradient.dtype, row.type.shape)
        alike = row_of_equal_rows(gradient)
        if alike is not None:
            return self.loop.hold(like(alike, row), type)
        rows = backwards(gradient) if self.whole else self._last_rows(gradient)
        return self.loop.read(type, rows, f"grad_{row.name or 'row'}")

    def _last_rows(self, gradient: Variable) -> Variable:
        """The rows that the loop reads of a gradient; where it is computed row by row, no others are."""
        last = self.recall.last_rows
        stacks = set(stacked(self.recall.node))
        by_row = RowByRow(gradient, stacks, self.n, stacks)
        if not by_row.read:
            return backwards(last(gradient))
        around = {v: Around(last(v), v, ZERO) for v in by_row.read}
        steps = Steps(self.n, sub(self.n, self.length), self.length, self.length, lambda v: v)
        return backwards(by_row.of_block(around, steps))

    # ---- the inputs' gradients ----

    def _rows(self, gradient: Gradient, want: bool) -> After | None:
        return stacked_rows(gradient, self.loop, self.recall) if want and gradient is not None else None

    def _sums(self, inner: dict[Variable, Variable]) -> list[After | None]:
        restarts = Restarts()
        sums = Sums(self.loop, self.recall, self.whole, not self.loop.lags, restarts)
        groups = zip(self.body.consts, self.inputs.consts, self.sums, self.wanted.consts, strict=True)
        terms = {c: (outer, base, inner[c]) for c, outer, base, want in groups if want and c in inner}
        made = dict(zip(terms, sums.add(list(terms.values())), strict=True))
        self.loop.rewrite(restarts.instead)
        return [made.get(c) for c in self.body.consts]

    def _of_sequence(self, x: Variable, rows: Variable) -> Variable:
        """Rows that no step read have gradient 0."""
        gradient = backwards(rows)
        if self.whole and same_scalar(dim(x, 0), self.n):
            return gradient
        read = slice(self.n) if self.whole else slice(sub(self.n, self.length), self.n)
        return inc_subtensor(zeros_for(x, rows.dtype)[read], gradient)

    def _of_initial(self, i: int, done: ScanOutputs[Variable]) -> Gradient:
        found: Gradient = None
        for (state, lag), place in self.pending.items():
            if state != i:
                continue
            rows = done.carry[place]
            found = rows if self.body.carry[i].depth == 1 else self._scattered(i, found, lag, rows)
        return self.where_whole(found)

    def where_whole(self, gradient: Gradient) -> Gradient:
        """The gradient of what the first step starts from, 0 where the reverse does not go back so far."""
        return gradient if gradient is None or self.whole else switch(eq(self.length, self.n), gradient, 0)

    def _scattered(self, i: int, base: Gradient, lag: int, rows: Variable) -> Variable:
        """What a lag passed to the initial rows: the state `lag` steps before step t is row depth - lag + t."""
        target = zeros_for(self.inputs.inits[i]) if base is None else base
        depth = self.body.carry[i].depth
        if lag == 1:
            return inc_subtensor(target[depth - 1], rows)
        count = apply_scalar("minimum", self.length, int64(lag))
        part = target[depth - lag: add(int64(depth - lag), count)]
        return inc_subtensor(part, backwards(rows[-lag:]))


def _seed(seeds: dict[Variable, Variable], var: Variable, gradient: Gradient) -> None:
    sum_ = plus(seeds.get(var), gradient)
    if sum_ is not None:
        seeds[var] = sum_


def _writes_last_row(gradient: Variable) -> bool:
    """Whether a gradient is `base` with something added to its last row."""
    node = gradient.owner
    if node is None or not isinstance(node.op, IncSubtensor) or node.op.set:
        return False
    return node.op.template[0] == "i" and constant_int(node.inputs[2]) == -1


def _is_of_one_row(node: Apply) -> bool:
    """Whether an increment of a stack is one of a single row."""
    return isinstance(node.op, IncSubtensor) and node.op.template[0] == "i"


def _is_in_rows(node: Apply) -> bool:
    """Whether an increment of a stack adds a row to the same part of each row."""
    first, *rest = node.op.template  # type: ignore[attr-defined]
    _, part, *_ = node.inputs
    if first != FULL or not rest or all(entry == FULL for entry in rest) or part.type.shape[0] == 1:
        return False
    return isinstance(node.op, IncSubtensor) or AdvancedSubtensor(node.op.template).place > 0  # type: ignore[attr-defined]


def _stretches(y: Variable, base: Variable) -> bool:
    return any(n == 1 and m != 1 for n, m in zip(y.type.shape, base.type.shape[1:], strict=True))


def row_of_equal_rows(stack: Variable) -> Variable | None:
    """The row of which `stack` is made, where all its rows are the same by the way it is written."""
    node = stack.owner
    if node is None or not isinstance(node.op, Alloc):
        return None
    value, _, *lengths = node.inputs
    if value.ndim:
        if value.type.shape[0] != 1:
            return None
        value = value.dimshuffle(*range(1, value.ndim))
    return alloc(value, lengths) if lengths else value
