"""Starts of blocks in few slots, for states too large to keep one for each block: binomial and online checkpoints.

    reverse of block 6, with 3 slots            kept: the starts of blocks 0 3 5
      run from the start of block 5 to 6        reverse it; of block 5 at once, which gives its slot free
      for block 4: run from 3 to 4 ...          on the way starts are kept in slots that are free (`revolve`)

Where starts are kept decides how often steps run, and not what is computed. A scan that `until` may stop does not
know its last block: it keeps all starts, and where the slots are full every other one gives its slot free, and only
every second, fourth, ... is kept from then on. Its reverse goes on from there with the slots that are free.
Sources: Griewank and Walther 2000; for the second Stumm and Walther 2010, Wang, Moin and Iaccarino 2009.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scancc.frontend.gradients.block_sizes import SPARE
from scancc.frontend.gradients.block_starts import ZERO, block_before, starts_in, steps_before, with_initial
from scancc.frontend.gradients.revolve import next_kept
from scancc.frontend.gradients.rules import zero_of
from scancc.frontend.graph.dims import dims, int64
from scancc.frontend.graph.variables import Apply, TensorType, Variable
from scancc.frontend.loops.rewiring import with_states
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.elementwise import cast
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.making import alloc, arange
from scancc.frontend.ops.scalars import add, eq, gt, mul, right_shift, sub, switch
from scancc.late_dataclasses import dataclass

INT64 = TensorType("int64", ())
ONE = int64(1)


@dataclass(frozen=True)
class Slots:
    """For some states a stack with a row a slot; the block that each starts; the last slot in use.

    Two rows more are for what the block that is reversed starts from, and for what is written behind it."""

    stacks: list[Variable]
    blocks: Variable
    top: Variable

    @property
    def flat(self) -> list[Variable]:
        return [self.blocks, self.top, *self.stacks]


@dataclass(frozen=True)
class Blocks:
    """The steps of a block, how many slots there are, the block at whose start the scan ends (None: not known), and
    the step at which block 0 starts."""

    size: Variable
    n_slots: Variable
    last: Variable | None = None
    begin: Variable = ZERO


def kept_of_scan(node: Apply, numbers: Sequence[int], blocks: Blocks) -> Slots:
    """Let a scan keep starts from its first step on. That of block 0 is there only afterwards, where the scan starts
    with it: no step reads it. Where it does not, no slot is in use yet."""
    assert isinstance(node.op, Scan)
    inits = [node.op.inputs_of(node.inputs).inits[i] for i in numbers]
    depths = [node.op.body.carry[i].depth for i in numbers]
    n_rows = add(blocks.n_slots, int64(SPARE))
    empty = [alloc(zero_of(init.dtype), n_rows, *dims(init)) for init in inits]
    kept = keep_in_slots(node, numbers, Slots(empty, alloc(ZERO, n_rows), block_before(blocks.begin)), blocks)
    return replace(kept, stacks=[with_initial(stack, depth, init, blocks.begin)
                                 for stack, depth, init in zip(kept.stacks, depths, inits, strict=True)])


def keep_in_slots(node: Apply, numbers: Sequence[int], slots: Slots, blocks: Blocks) -> Slots:
    """Let a scan, which begins with the block of the last slot in use, keep starts in those that are free, and that
    of the block to which it runs in any case, as the last."""
    assert isinstance(node.op, Scan)
    carries = [node.op.body.carry[i] for i in numbers]
    step = _Binomial(blocks, carries, slots) if blocks.last is not None else _Online(blocks, carries, slots)
    found = with_states(node, step.states(), step.consts)[-len(slots.flat):]
    return Slots(found[2:], *found[:2])


class _Step:
    """What a scan's step does beside its own, to keep starts."""

    def __init__(self, blocks: Blocks, carries: Sequence[Carry], slots: Slots) -> None:
        begin = blocks.begin
        self.slots, self.first = slots, slots.blocks[slots.top] if begin is ZERO else block_before(begin)
        self.done = steps_before(begin, blocks.size)
        self.size, self.n_slots, self.within, self.block, self.due = (
            INT64(name) for name in ("block_size", "n_slots", "step_of_block", "block", "next_kept"))
        self.consts = {self.size: blocks.size, self.n_slots: blocks.n_slots}
        self.rows = Slots([stack.type("starts") for stack in slots.stacks], slots.blocks.type("blocks"), INT64("top"))
        following, place = add(self.within, ONE), add(self.rows.top, ONE)
        ends, left = eq(following, self.size), sub(self.within, self.size)
        self.next_within, self.reached = switch(ends, ZERO, following), add(self.block, cast(ends, "int64"))
        self.keeps = ends & eq(self.reached, self.due)
        self.written = Slots(
            [starts_in(stack, place, carry, left) for carry, stack in zip(carries, self.rows.stacks, strict=True)],
            set_subtensor(self.rows.blocks[place], self.reached), add(self.rows.top, cast(self.keeps, "int64")))

    def states(self) -> list[tuple[Carry, Variable]]:
        """The states, each with its initial value; slots last."""
        counters = [(self.within, self.next_within, self.done), (self.block, self.reached, self.first),
                    *self.schedule()]
        groups = zip(self.rows.flat, self.kept().flat, self.slots.flat, strict=True)
        return [(Carry(((-1, row),), 1, new, trace=False), init) for row, new, init in (*counters, *groups)]

    def schedule(self) -> list[tuple[Variable, Variable, Variable]]:
        """What says which block's start is due: rows, the next ones, the first ones."""
        raise NotImplementedError

    def kept(self) -> Slots:
        return self.written


class _Binomial(_Step):
    """Of a scan that runs to a known block."""

    def __init__(self, blocks: Blocks, carries: Sequence[Carry], slots: Slots) -> None:
        super().__init__(blocks, carries, slots)
        assert blocks.last is not None
        self.outer, self.last = blocks, INT64("last_block")
        self.consts[self.last] = blocks.last

    def schedule(self) -> list[tuple[Variable, Variable, Variable]]:
        def due(block: Variable, last: Variable, n_slots: Variable, top: Variable) -> Variable:
            return next_kept(block, last, sub(sub(n_slots, ONE), top))

        outer = self.outer
        assert outer.last is not None
        then = due(self.reached, self.last, self.n_slots, self.written.top)
        first = due(self.first, outer.last, outer.n_slots, self.slots.top)
        if outer.begin is not ZERO:
            first = switch(gt(outer.begin, ZERO), ZERO, first)
        return [(self.due, IfElse(1).apply(self.keeps, then, self.due)[0], first)]


class _Online(_Step):
    """Of a scan that nobody knows the end of, from its first step on."""

    def __init__(self, blocks: Blocks, carries: Sequence[Carry], slots: Slots) -> None:
        super().__init__(blocks, carries, slots)
        self.apart = INT64("apart")  # blocks from one start that is kept to the next
        self.half = right_shift(add(self.n_slots, ONE), ONE)
        self.is_full = self.keeps & eq(self.written.top, sub(self.n_slots, ONE))
        self.top = switch(self.is_full, sub(self.half, ONE), self.written.top)

    def schedule(self) -> list[tuple[Variable, Variable, Variable]]:
        apart = switch(self.is_full, add(self.apart, self.apart), self.apart)
        due = switch(self.keeps, mul(add(self.top, ONE), apart), self.due)
        return [(self.apart, apart, ONE), (self.due, due, ONE)]

    def kept(self) -> Slots:
        """The slots; where all are in use, the first half with every other start."""
        arrays = [self.written.blocks, *self.written.stacks]
        inner, at = [v.type(v.name) for v in arrays], INT64("slot")
        following = add(at, ONE)
        states = tuple(Carry(((-1, v),), 1, set_subtensor(v[following], v[add(following, following)]), trace=False)
                       for v in inner)
        count = switch(self.is_full, sub(self.half, ONE), ZERO)
        blocks, *stacks = Scan(Body((at,), states, (), ())).apply_to(
            ScanInputs(count, [arange(count)], arrays, [])).carry
        return Slots(stacks, blocks, self.top)
