"""The derivative of a scan in blocks of steps: states are kept at their starts, and each block is run once more.

    forward                              reverse, from the last block to the first
    for t in range(n):                   for k in reversed(range(n_blocks)):
      s = step(s, x[t])                    rows = scan(step, starts[k], x[k*B : k*B + B])
      starts[t // B + 1] = s               ds, dx[k*B : k*B + B], dw += derivative of that scan, by ds

What is kept is one row of each state a block, and what the derivative of a scan of B steps keeps: with B near the
square root of n (`block_sizes`), memory grows as that root. The steps run twice. Where that is too much, or nobody
knows how many steps there will be, few of the starts are kept at a time (`slots`), and a block runs on from the last
that is. Source: Griewank 1992, Chen et al. 2016.

The forward scan stays one loop and gives what it gave. Of a truncated gradient the blocks are those of the last
steps, from the first of these on. The reverse step is the gradient of a scan over the block, whatever that is: taps,
draws and inner scans are no cases here. The block's scan has no `until`, as it is known how many steps ran.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from scancc.frontend.gradients.block_bytes import bytes_of_a_step
from scancc.frontend.gradients.block_rows import GivenRows
from scancc.frontend.gradients.block_sizes import Need, Sizes, in_words, kept, may_run_on, nbytes
from scancc.frontend.gradients.block_starts import ZERO, keep_starts
from scancc.frontend.gradients.contributions import plus, total
from scancc.frontend.gradients.loop import Lag, backwards
from scancc.frontend.gradients.row_by_row import Around
from scancc.frontend.gradients.row_frames import Reach, Steps
from scancc.frontend.gradients.rules import Gradient, is_continuous, like, zero_of, zeros_for
from scancc.frontend.gradients.scan_reverse import Reverse
from scancc.frontend.gradients.side_by_side import SideBySide
from scancc.frontend.gradients.slots import Blocks, Slots, keep_in_slots, kept_of_scan
from scancc.frontend.gradients.walk import backpropagate
from scancc.frontend.graph.dims import dims, int64
from scancc.frontend.graph.variables import Apply, TensorType, Variable, ancestors, rebuild
from scancc.frontend.loops.added import beside
from scancc.frontend.loops.rewiring import with_states, without_unused
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs, ScanOutputs, merge_types
from scancc.frontend.ops.axes import reshape
from scancc.frontend.ops.elementwise import apply_scalar, cast
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.joining import join
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import add, gt, minimum, mul, sub

INT64 = TensorType("int64", ())


class BlockReverse(Reverse):
    """The reverse of one application of a scan, whose steps run again block by block."""

    def __init__(self, node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool], sizes: Sizes) -> None:
        super().__init__(node, gradients, wanted)
        self.rows, self.n_states = self._given(), len(self.inputs.inits)
        if earlier := self._earlier():
            super().__init__(*with_rows_kept(node, gradients, wanted, earlier))
        self.sizes = sizes
        self.nbytes_kept = 0.0  # infinity where that is not known
        self.begin = ZERO if self.whole else sub(self.n, self.length)  # the first step that is reversed
        limit, length = self.op.truncate_gradient, self.inputs.length
        self.most = length if self.whole else minimum(length, int64(limit))  # steps that are reversed

    def _given(self) -> GivenRows:
        """The gradients given for stacked rows; rows that windows are made of come with none."""
        body, given = self.body, self.given
        stacks: dict[Variable, Gradient] = {}
        for i in sorted(self.carries):
            carry = body.carry[i]
            rows = self.split_trace(given.carry[i])[0] if carry.trace else None
            if rows is not None or carry.depth > 1:
                stacks[carry.next] = plus(stacks.get(carry.next), rows)
        for y, gradient in zip(body.ys, given.ys, strict=True):
            if gradient is not None and is_continuous(y):
                stacks[y] = plus(stacks.get(y), gradient)
        rows_of = _rows_of(self.recall.node)
        told = {stack for stack, row in rows_of.items() if self.lengths_of(row) is not None}
        return GivenRows(stacks, rows_of, self.n, told)

    def lengths_of(self, row: Variable) -> list[Variable] | None:
        """The shape of a row of a stack by what is known before the scan runs, if that tells."""
        i = next((i for i, carry in enumerate(self.body.carry) if carry.next is row), None)
        if i is not None:
            return dims(self.no_rows(i, 1))
        lengths = [self.op.extent_outside(n, self.inputs) for n in dims(row)]
        return None if None in lengths else lengths  # type: ignore[return-value]

    def _earlier(self) -> list[tuple[Carry, Variable]]:
        """States that hold rows from before a block, each with its initial value, where no state of the scan does."""
        found: list[tuple[Carry, Variable]] = []
        held = {carry.next: carry.depth for carry in self.body.carry}
        for row, reach in self.rows.reaches.items():
            if reach.before > held.get(row, 0):
                lengths = self.lengths_of(row)
                assert lengths is not None
                depth = max(reach.before, 2)  # of one row the window would be the row
                first = alloc(zero_of(row.dtype), int64(depth), *lengths)
                found.append((Carry(((-depth, row.type(row.name)),), depth, row, trace=False), first))
        return found

    def gradients(self) -> ScanInputs[Gradient]:
        found = self._gradients()
        return found._replace(inits=found.inits[:self.n_states])

    def _gradients(self) -> ScanInputs[Gradient]:
        step = _BlockStep(self)
        gathered = step.gathered()
        self.loop.lags = [lag for group in (gathered.xs, gathered.inits, gathered.consts) for lag in group if lag]
        if not self.loop.lags:
            return self.nothing()
        self.loop.lags += [step.counter, *step.ahead]
        n_blocks = self._settle(step)
        done = iter(self.loop.run(n_blocks, self.label, {}, self.op.fast_math, self.again).carry)
        xs, inits, consts = ([next(done) if lag else None for lag in group]
                             for group in (gathered.xs, gathered.inits, gathered.consts))
        return ScanInputs(None, xs, [self.where_whole(g) for g in inits], consts)

    def _settle(self, step: _BlockStep) -> Variable:
        """Have the forward scan keep what blocks start from, now that it is known what they read, and choose how long
        they are; the number of blocks."""
        numbers = step.windows_read()
        row_nbytes = step.row_nbytes()
        step.run_side_by_side()
        start_nbytes = nbytes([self.inputs.inits[i] for i in numbers])
        least = max((c.depth for c in self.body.carry), default=1)
        need = Need(self.op.name, self.most, start_nbytes, row_nbytes, least, self._is_open(numbers))
        chosen = self.sizes.choice(need)
        self.again, self.nbytes_kept = in_words(need, chosen), kept(need, chosen)
        told = {self.sizes.size: chosen.size}
        n_blocks, step.counter.init = rebuild([self.sizes.n_blocks(self.length), step.counter.init], told)
        if chosen.n_slots is None or not numbers:
            self._keep_all(step, numbers, chosen.size, n_blocks)
        else:
            last = sub(n_blocks, int64(1))
            self._keep_few(step, numbers, Blocks(chosen.size, chosen.n_slots, last, self.begin))
        self.loop.consts.update(zip(self.loop.consts, rebuild(list(self.loop.consts.values()), told), strict=True))
        return chosen.guarded(n_blocks)

    def _is_open(self, numbers: Sequence[int]) -> bool:
        """Whether there could be more steps than there is room for a start of each block."""
        return bool(numbers) and self._runs_on and may_run_on(self.op.body, self.inputs.length)

    @property
    def _runs_on(self) -> bool:
        """Whether nobody knows where the steps end while starts are kept."""
        return self.whole and self.body.stop is not None

    def _keeper(self, numbers: Sequence[int]) -> tuple[Apply, Sequence[int]]:
        """The scan that keeps starts for the states of these numbers, and their numbers there. Where the last steps
        alone count of a scan that may stop, its steps run once more for it, as then they are known."""
        if self.whole or self.body.stop is None:
            return self.recall.forward, self.recall.in_forward(numbers)
        states = tuple(replace(carry, trace=False) for carry in self.body.carry)
        op = replace(self.op, body=replace(self.body, carry=states, ys=(), stop=None))
        node = op.apply_to(self.inputs._replace(length=self.n)).carry[0].owner
        assert node is not None
        return node, numbers

    def _keep_all(self, step: _BlockStep, numbers: Sequence[int], size: Variable, n_blocks: Variable) -> None:
        """Keep what each block starts from, for the blocks to read as rows."""
        lanes = self.sizes.lanes
        most = rebuild([self.sizes.n_blocks(self.most)], {self.sizes.size: size})[0]
        kept = keep_starts(*self._keeper(numbers), size, mul(most, int64(lanes)), self.begin)
        for i, stack in zip(numbers, kept, strict=True):
            rows = stack[:mul(n_blocks, int64(lanes))]
            self.loop.xs[step.windows[i]] = backwards(rows[::lanes])
            self.loop.xs[step.starts[i]] = backwards(reshape(rows, [n_blocks, int64(lanes), *dims(rows)[1:]]))

    def _keep_few(self, step: _BlockStep, numbers: Sequence[int], blocks: Blocks) -> None:
        """Keep what few blocks start from, for the others to run on from there."""
        is_open = self._runs_on
        kept = kept_of_scan(*self._keeper(numbers), replace(blocks, last=None) if is_open else blocks)
        if is_open:
            beyond = gt(kept.blocks[kept.top], blocks.last)
            kept = replace(kept, top=sub(kept.top, cast(beyond, "int64")))
        step.run_from_slots(numbers, kept, self.loop.hold(blocks.n_slots))


class _BlockStep:
    """The reverse of one block.

    A window is what a block starts from of a state: one row, or as many as its longest tap.
    """

    def __init__(self, reverse: BlockReverse) -> None:
        self.reverse, self.loop = reverse, reverse.loop
        inputs, body = reverse.inputs, reverse.body
        size = reverse.sizes.reach
        first = _after(mul(sub(reverse.sizes.n_blocks(reverse.length), int64(1)), size), reverse.begin)
        self.start, self.size = INT64("start"), self.loop.hold(size)
        self.counter = Lag(self.start, 1, first, sub(self.start, self.size), trace=False)
        self.n_steps = minimum(sub(self.loop.hold(reverse.n), self.start), self.size)
        self.sequences = [self.loop.hold(x) for x in inputs.xs]
        self.rows = [self._part(x) for x in self.sequences]
        self.windows = [self._window(*state) for state in zip(body.carry, inputs.inits, strict=True)]
        self.starts = [TensorType(w.dtype, (reverse.sizes.lanes, *w.type.shape))("starts") for w in self.windows]
        self.consts = [self.loop.hold(c) for c in inputs.consts]
        self.ahead: list[Lag] = []  # rows behind the block
        self.later = {i: self._later(i) for i in sorted(reverse.carries)}
        self.tables = self._gatherers("grad_of_rows", inputs.xs, reverse.wanted.xs)
        self.sums = self._gatherers("sum", inputs.consts, reverse.wanted.consts)

    def _window(self, carry: Carry, init: Variable) -> Variable:
        row = carry.next.type
        known = row if carry.depth == 1 else TensorType(row.dtype, (carry.depth, *row.shape))
        return merge_types(known, init.type)(carry.next.name)

    def _gatherers(self, name: str, inputs: Sequence[Variable], wanted: Sequence[bool]) -> list[Lag | None]:
        """What gathers the gradients of inputs of floats, block by block. Those of other inputs have a dtype that
        is known once they are there."""
        return [_gatherer(name, zeros_for(x)) if want and is_continuous(x) else None
                for x, want in zip(inputs, wanted, strict=True)]

    def _part(self, rows: Variable) -> Variable:
        """The block's part of what has a row a step."""
        return _rows_from(rows, self.start, self.n_steps)

    def _later(self, i: int) -> Lag:
        """The gradient of the window that the next block starts from; for the last block what is given for the last
        row alone."""
        reverse, carry = self.reverse, self.reverse.body.carry[i]
        none, given = reverse.no_rows(i, carry.depth), reverse.given.carry[i]
        last = reverse.split_trace(given)[1] if carry.trace else given
        if last is not None:
            none = last if carry.depth == 1 else set_subtensor(none[carry.depth - 1], last)
        window = self.windows[i].type("grad_of_window")
        return Lag(window, 1, none, window, trace=False)

    # ---- the gradients of what the block reads ----

    def gathered(self) -> ScanInputs[Lag | None]:
        """What gathers the gradient of each input, block by block, if it has one."""
        inputs, wanted = self.reverse.inputs, self.reverse.wanted
        found, of_windows = self._gradients()
        for i, lag in self.later.items():
            gradient = total([found.inits[i], of_windows.get(self.windows[i])])
            lag.next = zeros_for(lag.row) if gradient is None else like(gradient, lag.row)
        groups = (zip(self.tables, inputs.xs, found.xs, wanted.xs, strict=True),
                  zip(self.sums, inputs.consts, found.consts, wanted.consts, strict=True))
        tables, sums = ([add_(lag, x, g) if want and g is not None else None for lag, x, g, want in group]
                        for group, add_ in zip(groups, (self._with_rows, self._with_sum), strict=True))
        return ScanInputs(None, tables, [self.later.get(i) for i in range(len(inputs.inits))], sums)

    def _with_rows(self, lag: Lag | None, x: Variable, gradient: Variable) -> Lag:
        """The gradient of a sequence: each block writes its part, and rows that no step read keep 0."""
        lag = lag or _gatherer("grad_of_rows", zeros_for(x, gradient.dtype))
        part = lag.row[self.start:add(self.start, self.n_steps)]
        lag.next = set_subtensor(part, gradient)
        return lag

    def _with_sum(self, lag: Lag | None, outer: Variable, gradient: Variable) -> Lag:
        """The gradient of an invariant: a block adds to those before it."""
        if lag is not None:
            lag.next = like(gradient, lag.row)
            return lag
        lag = _gatherer("sum", zeros_for(outer, gradient.dtype))
        lag.next = like(add(lag.row, gradient), lag.row)
        return lag

    # ---- the steps, once more, and their reverse ----

    def _gradients(self) -> tuple[ScanInputs[Gradient], Mapping[Variable, Variable]]:
        """The gradients of what the block's scan reads; those of windows that are part of the next one."""
        reverse = self.reverse
        rows = reverse.rows
        self.made = self._run(rows.needed)
        found = {row: stack for stack, row in _rows_of(self._node()).items()}
        around = {row: self._around(row, stack, rows.reaches.get(row, Reach())) for row, stack in found.items()}
        steps = Steps(reverse.n, self.start, self.n_steps, self.size, self.loop.hold)
        seeds = rows.of_block(around, self._part, steps)
        seeds |= {self._end(i, found): lag.row for i, lag in self.later.items()}
        outputs = [*self.made.carry, *self.made.ys]
        given = backpropagate(seeds, [*outputs, *self.windows], outputs)
        wanted = ScanInputs(False, reverse.wanted.xs, [i in self.later for i in range(len(self.windows))],
                            reverse.wanted.consts)
        sums = [None if lag is None else lag.row for lag in self.sums]
        inner = Reverse(self._node(), [given.get(v) for v in outputs], wanted.flat, sums)
        return inner.gradients(), given

    def _around(self, row: Variable, stack: Variable, reach: Reach) -> Around:
        """The block's rows, and with them those before and after that are asked for."""
        parts, first = [stack], self.start
        if reach.before:
            parts.insert(0, self._before(row, reach.before))
            first = sub(first, int64(reach.before))
        if reach.after:
            parts.append(self._ahead(row, stack, reach.after))
        return Around(stack, join(0, *parts) if len(parts) > 1 else stack, first)

    def _before(self, row: Variable, count: int) -> Variable:
        """The last rows before the block, of what it starts from."""
        windows = zip(self.reverse.body.carry, self.windows, strict=True)
        depth, window = next((c.depth, v) for c, v in windows if c.next is row and c.depth >= count)
        return window[-count:] if depth > 1 else window.dimshuffle("x", *range(window.ndim))

    def _ahead(self, row: Variable, stack: Variable, count: int) -> Variable:
        """The first rows behind the block, which was reversed before it."""
        lengths = self.reverse.lengths_of(row)
        assert lengths is not None
        first = alloc(zero_of(row.dtype), int64(count), *lengths)
        rows = first.type("rows_ahead")
        self.ahead.append(Lag(rows, 1, first, like(join(0, stack, rows)[:count], rows), trace=False))
        return rows

    def _run(self, rows: Sequence[Variable]) -> ScanOutputs[Variable]:
        """The block's steps, with stacks of these rows."""
        return self._scan(rows).apply_to(ScanInputs(self.n_steps, self.rows, self.windows, self.consts))

    def _scan(self, rows: Sequence[Variable]) -> Scan:
        """The block's scan. Rows of a state that are arrays are its trace, which has the state's shape."""
        body = self.reverse.body
        states = tuple(replace(carry, trace=carry.next in rows and carry.next.ndim > 0) for carry in body.carry)
        traced = {carry.next for carry in states if carry.trace}
        body = Body(body.xs, states, body.consts, tuple(row for row in rows if row not in traced))
        return replace(self.reverse.op, checkpoints=None, truncate_gradient=-1, body=body)

    def _node(self) -> Apply:
        node = next(iter([*self.made.carry, *self.made.ys])).owner
        assert node is not None
        return node

    def _end(self, i: int, stacks: Mapping[Variable, Variable]) -> Variable:
        """The window of a state after the block."""
        carry = self.reverse.body.carry[i]
        if carry.depth == 1:
            final = self.made.carry[i]
            return final if final.ndim == carry.next.ndim else final[-1]
        return join(0, self.windows[i], stacks[carry.next])[self.n_steps:]

    def run_side_by_side(self) -> None:
        """Run the steps of several blocks at a time, where that is asked for."""
        sizes, outputs = self.reverse.sizes, self._node().outputs
        if sizes.lanes == 1:
            return
        used = set(ancestors([lag.next for lag in self.loop.lags])).intersection(outputs)
        beside = SideBySide(self._node(), dict(zip(self.rows, self.sequences, strict=True)),
                            dict(zip(self.windows, self.starts, strict=True)), self.start,
                            self.loop.hold(sizes.size), self.loop.hold(self.reverse.n))
        stacks = beside.stacks(used)
        self.loop.rewrite(lambda rows: rebuild(rows, stacks))

    def run_from_slots(self, numbers: Sequence[int], kept: Slots, n_slots: Variable) -> None:
        """Run from the last start that is kept to that of the block, which is then the last one; keep starts on the
        way where slots are free. A block that is reversed gives its slot free."""
        rows = Slots([v.type("starts") for v in kept.stacks], kept.blocks.type("blocks"), INT64("top"))
        first = rows.blocks[rows.top]
        begin = self.loop.hold(self.reverse.begin)
        last = apply_scalar("floor_div", self.start if begin is ZERO else sub(self.start, begin), self.size)
        n_steps, start = mul(sub(last, first), self.size), _after(mul(first, self.size), begin)
        windows = dict(zip(numbers, (stack[rows.top] for stack in rows.stacks), strict=True))
        xs = [_rows_from(x, start, n_steps) for x in self.sequences]
        inits = [windows.get(i, window) for i, window in enumerate(self.windows)]
        made = self._scan(()).apply_to(ScanInputs(n_steps, xs, inits, self.consts))
        node = made.carry[0].owner
        assert node is not None
        slots = keep_in_slots(node, numbers, rows, Blocks(self.size, n_slots, last))
        assert slots.top.owner is not None
        without_unused(slots.top.owner, set(slots.flat))
        starts = {self.windows[i]: stack[slots.top] for i, stack in zip(numbers, slots.stacks, strict=True)}
        self.loop.rewrite(lambda rows: rebuild(rows, starts))
        following = replace(slots, top=sub(slots.top, int64(1)))
        self.loop.lags += [Lag(row, 1, init, then, trace=False)
                           for row, init, then in zip(rows.flat, kept.flat, following.flat, strict=True)]

    # ---- what is read and kept ----

    def windows_read(self) -> list[int]:
        """The numbers of the states whose windows the block reads; what it does not read leaves its scan."""
        rows = [lag.next for lag in self.loop.lags]
        used = set(ancestors(rows))
        if not used.isdisjoint(self._node().outputs):
            without_unused(self._node(), used)
            used = set(ancestors(rows))
        return [i for i, window in enumerate(self.windows) if window in used]

    def row_nbytes(self) -> Variable:
        """The bytes that are kept for each step of the block."""
        told = dict(zip(self.windows, self.reverse.inputs.inits, strict=True))
        told |= {lag.row: lag.init for lag in self.loop.lags}
        told |= self.loop.consts
        told |= {inner: int64(0) for inner in self.loop.xs}
        return bytes_of_a_step([lag.next for lag in self.loop.lags], told)


def with_rows_kept(node: Apply, gradients: Sequence[Gradient], wanted: Sequence[bool],
                   states: Sequence[tuple[Carry, Variable]]) -> tuple[Apply, list[Gradient], list[bool]]:
    """A scan, and the gradients given for it and wanted of it, with more states, which no step reads."""
    op, forward = node.op, node.outputs[0].owner
    assert isinstance(op, Scan) and forward is not None
    inputs, outputs = op.inputs_of(node.inputs), op.outputs_of(node.outputs)
    given, wants = op.outputs_of(gradients), op.inputs_of(wanted)
    finals, n = with_states(forward, states), len(states)
    body = replace(op.body, carry=(*op.body.carry, *(carry for carry, _ in states)), written=op.body.parts_written)
    inits = [*inputs.inits, *(init for _, init in states)]
    seen = beside(node, replace(op, body=body), inputs._replace(inits=inits).flat,
                  [*outputs.carry, *finals, *outputs.ys])
    return (seen, [*given.carry, *[None] * n, *given.ys],
            wants._replace(inits=[*wants.inits, *[False] * n]).flat)


def _after(step: Variable, begin: Variable) -> Variable:
    """What is counted from the first step that is reversed, counted from the first step."""
    return step if begin is ZERO else add(step, begin)


def _rows_from(rows: Variable, start: Variable, n_steps: Variable) -> Variable:
    """A part of what has a row a step; the forward scan checks that all its rows are there."""
    part = rows[start:add(start, n_steps)]
    part.lengths = {0: n_steps}
    return part


def _gatherer(name: str, first: Variable) -> Lag:
    row = first.type(name)
    return Lag(row, 1, first, row, trace=False)


def _rows_of(node: Apply) -> dict[Variable, Variable]:
    """The outputs of a scan that have a row a step, each with that row."""
    assert isinstance(node.op, Scan)
    body, outputs = node.op.body, node.op.outputs_of(node.outputs)
    found = {trace: carry.next for carry, trace in zip(body.carry, outputs.carry, strict=True) if carry.trace}
    return found | dict(zip(outputs.ys, body.ys, strict=True))
