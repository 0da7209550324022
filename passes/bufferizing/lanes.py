"""Scans marked with `lanes`: loops over lanes around a loop over time, whose states are scalars in registers.

With `until` each lane ends by itself, and the loop over time is marked `settled`: lanes that are done change no more,
so that those of one vector may wait for the last. States that nobody reads then go on (`slicing/released.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.core import Attributes, Op, Value, defined_in
from scancc.ir.ops import operand
from scancc.ir.parts import Nest, ScanView
from scancc.late_dataclasses import dataclass

from ..slicing.released import Released, released_states
from ..slicing.settling import Settling, is_opposite
from .checks import say_step
from .context import Context
from .loops import REDUCTION_LOOP, nest
from .nests import array_sizes, inline, materialise
from .stacks import Rows, rows_of
from .states import write_initial
from .until import until_loop


def over_lanes(c: Context, scan: ScanView, settling: Settling | None) -> None:
    """for each lane: for each step, with the lane's state in registers; with `until`, as many as the lane needs."""
    lanes = _Lanes(c, scan, settling, [materialise(c, v) for v in scan.xs], rows_of(c, scan))
    lanes.run()
    for rows in lanes.stacks:
        rows.finish(c, None)


def over_one_lane(c: Context, scan: ScanView, xs: list[Value], stacks: list[Rows]) -> None:
    """The same where there is one lane, whose last state nobody reads."""
    _Lanes(c, scan, None, xs, stacks).lane([c.b.index(0)])


def marks_of(scan: ScanView) -> Attributes:
    """What the loop of a scan says."""
    return {key: attr for key, attr in scan.op.attrs.items() if key == "prefix"}


@dataclass
class _Lanes:
    """A scan over lanes, and where it reads and writes."""

    c: Context
    scan: ScanView
    settling: Settling | None
    xs: list[Value]
    stacks: list[Rows]

    def __post_init__(self) -> None:
        c, scan = self.c, self.scan
        self.length = c.get(scan.length)
        states = [array_sizes(c, v) for v in scan.init if isinstance(v.type, t.TensorType)]
        self.sizes, self.are_equal = states[0], all(sizes == states[0] for sizes in states)
        self.finals = {number: c.target(final, array_sizes(c, scan.init[number])) for number, final in enumerate(
            scan.finals) if isinstance(final.type, t.TensorType) and final.uses}

    def run(self) -> None:
        c, scan, sizes = self.c, self.scan, self._sizes()
        if scan.executed is None or not scan.executed.uses:
            nest(c, sizes, self.lane)
        else:  # one step runs where there is no lane
            c.env[scan.executed] = self._longest(sizes, [], c.b.minsi(self.length, c.b.index(1)))
        for number, buffer in self.finals.items():
            c.set(scan.finals[number], buffer)

    def _sizes(self) -> list[Value]:
        """How many lanes: those of the states are equal where a step runs; else the states stay as they were."""
        b, sizes = self.c.b, self.sizes
        if self.are_equal:
            return sizes
        self._keep_initial()
        runs = b.cmpi("sgt", self.length, b.index(0))
        return [b.select(runs, size, b.index(0)) for size in sizes]

    def lane(self, at: list[Value]) -> None:
        """All steps of a lane."""
        if self.settling is not None:
            self._lane_until(at)
            return
        c, scan = self.c, self.scan
        _read_invariants(c, scan, at)
        init = [_initial(c, v, at) for v in scan.init]
        with c.carrying_loop(self.length, init, marks_of(scan)) as (step, states, finish):
            step.name = "t"
            finish(_step(c, scan, step, at, self.xs, self.stacks, states))
        say_step(c, scan.op, step)
        self._write(at, c.results)

    def _write(self, at: list[Value], states: Sequence[Value]) -> None:
        for number, buffer in self.finals.items():
            self.c.store(states[number], buffer, at)

    def _keep_initial(self) -> None:
        with self.c.when(self.c.b.cmpi("sle", self.length, self.c.b.index(0))):
            for number, buffer in self.finals.items():
                write_initial(self.c, self.scan.init[number], buffer)

    def _longest(self, sizes: Sequence[Value], at: list[Value], most: Value) -> Value:
        """The steps of the longest of these lanes, and of `most`."""
        if not sizes:
            return self.c.b.maxsi(most, self._lane_until(at))
        with self.c.carrying_loop(sizes[0], [most], dict(REDUCTION_LOOP)) as (counter, (inner,), finish):
            counter.name = "i"
            finish([self._longest(sizes[1:], [*at, counter], inner)])
        (longest,) = self.c.results
        return longest

    def _lane_until(self, at: list[Value]) -> Value:
        """The steps of a lane until it is done; then it changes no more, and may wait for its neighbours."""
        c, scan, settling = self.c, self.scan, self.settling
        assert settling is not None
        _read_invariants(c, scan, at)
        released = released_states(scan, settling)

        def step(count: Value, states: list[Value]) -> tuple[Value, list[Value]]:
            onward = _step(c, scan, count, at, self.xs, self.stacks, states, settling)
            made = None if released is None else _among_others(c, released, states, onward)
            if made is not None:
                return made
            tested = c.get(settling.tested)
            return b.opposite(tested) if settling.done else tested, onward
        b = c.b
        made = until_loop(c, self.length, [_initial(c, v, at) for v in scan.init], step,
                          {"settled": t.IntAttr(1, t.i64)})
        count, _, *states = made.results
        self._write(at, states)
        return count


def _among_others(c: Context, released: Released, states: list[Value],
                  onward: list[Value]) -> tuple[Value, list[Value]] | None:
    """Whether the lane goes on, by its own truth, which stays when it is done, and the next states, of which the free
    ones are made as if it went on."""
    body, made = states[0].block, c.get(released.truth)
    if made.op is None or made.block is not body:
        return None
    users, goes_on = list(made.uses), body.args[1]
    with c.b.at(body, body.ops[body.ops.index(made.op) + 1]) as b:
        own = b.condition("ori", made, b.opposite(goes_on)) if released.done else b.condition("andi", made, goes_on)
    for user in users:
        user.replace_operand(made, own)
    onward = [_chosen(own, state, after) if number in released.free else after
              for number, (state, after) in enumerate(zip(states, onward, strict=True))]
    return c.b.opposite(own) if released.done else own, onward


def _chosen(truth: Value, state: Value, after: Value) -> Value:
    """What a choice by `truth` between a state and another value gives where it is not the state."""
    if after.op is None or after.op.name != "arith.select":
        return after
    test, *sides = after.op.operands
    if test.op is not None and is_opposite(test.op):
        test = test.op.operands[0]
    others = [v for v in sides if v is not state]
    return others[0] if test is truth and len(others) == 1 else after


def _read_invariants(c: Context, scan: ScanView, at: list[Value]) -> None:
    """The lane's elements of arrays that do not change with time, read once before the loop."""
    for op in scan.op.body.ops:
        if op.name == "linalg.generic":
            for read in Nest(op).reads:
                if not defined_in(read.value, scan.op.body):
                    indices = [c.b.index(0) if d is None else at[d] for d in read.dims]
                    c.env[read.arg] = c.load(materialise(c, read.value), indices)


def _initial(c: Context, init: Value, at: list[Value]) -> Value:
    """The lane's element of an array from outside the step."""
    if not isinstance(init.type, t.TensorType):
        return c.get(init)
    made = init.op
    if init not in c.env and made is not None and made.name == "tensor.splat":
        return c.get(operand(made, "value"))
    return c.load(materialise(c, init), at)


def _step(c: Context, scan: ScanView, step: Value, at: list[Value], xs: list[Value], stacks: list[Rows],
          states: list[Value], settling: Settling | None = None) -> list[Value]:
    """One step of a lane; its next state."""
    body = scan.op.body
    c.env[scan.counter] = step
    for arg, buffer in zip(scan.x_args, xs, strict=True):
        c.env[arg] = c.load(buffer, [step, *at] if isinstance(arg.type, t.TensorType) else [step])
    for arg, value in zip(scan.carry_args, states, strict=True):
        c.env[arg] = value
        value.name = arg.name
    asking = settling.ops if settling is not None else []
    for op in body.ops[:-1]:
        if op.name == "linalg.generic":
            _element(c, scan, op, at)
        elif op.name not in ("tensor.empty", "tensor.splat") and op not in asking:
            c.convert(op)
    for rows in stacks:
        rows.store_element(c, _onward(c, scan, rows.stack.value, at), step, at)
    return [_onward(c, scan, v, at) for v in scan.next]


def _onward(c: Context, scan: ScanView, value: Value, at: list[Value]) -> Value:
    """The lane's element of what a step yields; one from outside the step is read from its array."""
    return c.get(value) if defined_in(value, scan.op.body) else _initial(c, value, at)


def _element(c: Context, scan: ScanView, op: Op, at: list[Value]) -> None:
    """One element of a loop nest: changing arrays are the lane's scalars, others are read already."""
    generic = Nest(op)
    for read in generic.reads:
        if defined_in(read.value, scan.op.body):
            c.env[read.arg] = c.get(read.value)
    for number in generic.combined:  # the lane's own answer
        made = generic.outputs[number].op
        assert made is not None
        c.env[generic.running[number]] = c.get(operand(made, "value"))
    inline(c, op, at)
    c.env.update((result, c.get(element)) for result, element in zip(op.results, generic.elements, strict=True))
