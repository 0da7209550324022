"""`scan.scan` as a loop over time.

Its sequences are read by rows, its states live where `states.py` says, the rows that it keeps go into stacks.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.late_dataclasses import dataclass

from ..slicing.settling import settling_of
from .checks import say_step
from .context import Context, converts
from .growing import Room, room_of
from .lanes import marks_of, over_lanes
from .nests import materialise
from .one_lane import with_one_lane
from .reasons import name_of
from .stacks import Rows, rows_of
from .states import State, advance_all, state_of
from .until import until_loop


@converts("scan.scan", at_target=True)
def scan(c: Context, op: Op) -> None:
    view = ScanView(op)
    settling = settling_of(view) if "lanes" in op.attrs and view.until else None
    if "lanes" in op.attrs and (settling is not None or not view.until):
        over_lanes(c, view, settling)
        return
    xs = [materialise(c, v) for v in view.xs]
    room = room_of(c, view)
    stacks = rows_of(c, view, room.size)
    if "one_lane" in op.attrs:
        with_one_lane(c, view, xs, stacks, lambda: _over_rows(c, view, xs, stacks, room))
    else:
        _over_rows(c, view, xs, stacks, room)


def _over_rows(c: Context, view: ScanView, xs: list[Value], stacks: list[Rows], room: Room) -> None:
    """for each step: all that it does, and rows whole."""
    states = [state_of(c, carry, stacks) for carry in view.carries]
    for state in states:
        if state.home and state.carry.arg not in c.places.said and (
                state.carry.arg.name or "tile" not in view.op.attrs):
            _say_home(c, view.op, state)
    loop = _Loop(c, view, room, xs, stacks, states)
    if view.until:
        loop.run_until()
    else:
        loop.run()


def _say_home(c: Context, op: Op, state: State) -> None:
    carry = state.carry
    between = "between tiles " if "tile" in op.attrs else ""
    why = c.places.reasons.get(carry.arg, "")
    remark("bufferize", op, True, f"{between}the state {name_of(carry)} {state.home}{f': {why}' if why else ''}")


@dataclass
class _Loop:
    """A scan whose sequences, stacks and states have their places."""

    c: Context
    scan: ScanView
    room: Room
    xs: list[Value]
    stacks: list[Rows]
    states: list[State]

    @property
    def carried(self) -> list[Value]:
        """What the loop carries before the first step."""
        return [v for s in self.states for v in s.carried]

    def run(self) -> None:
        """for t = 0 to length"""
        length = self.c.get(self.scan.length)
        with self.c.carrying_loop(length, self.carried, marks_of(self.scan)) as (step, carried, finish):
            finish(self._step(step, carried))
        say_step(self.c, self.scan.op, step)
        self._finish(length, self.c.results)

    def run_until(self) -> None:
        """while t < length and not stopped, as far as there is room for rows"""
        c, b, stop = self.c, self.c.b, self.scan.stop
        assert stop is not None

        def step(count: Value, carried: list[Value]) -> tuple[Value, list[Value]]:
            onward = self._step(count, carried)
            return b.opposite(c.get(stop)), onward
        made = until_loop(c, self.room.size, self.carried, step)
        say_step(c, self.scan.op, made.regions[1].blocks[0].args[0])
        # At most `room`: says nothing new to the program, but bounds the size of what depends on it.
        steps, goes_on, *finals = made.results
        self.room.require(b, goes_on, steps)
        self._finish(b.op("arith.minsi", [steps, self.room.size], [t.index]), finals)

    def _step(self, step: Value, carried: list[Value]) -> list[Value]:
        """One step, which begins with the `carried` values; what the loop carries on."""
        c = self.c
        step.name = "t"
        c.env[self.scan.counter] = step
        for arg, buffer in zip(self.scan.x_args, self.xs, strict=True):
            c.env[arg] = c.row(buffer, step) if isinstance(arg.type, t.TensorType) else c.load(buffer, [step])
        for state, values in self._parts(carried):
            state.bind(c, step, values)
        for rows in self.stacks:
            rows.offer(c, step)
        for state in self.states:
            state.offer(c)
        c.block(self.scan.op.body)
        for rows in self.stacks:
            rows.store(c, step)
        return advance_all(c, self.states, step)

    def _parts(self, carried: list[Value]) -> list[tuple[State, list[Value]]]:
        """Each state with its part of the carried values."""
        values = iter(carried)
        return [(state, [next(values) for _ in state.carried]) for state in self.states]

    def _finish(self, executed: Value, carried: list[Value]) -> None:
        """The results, after so many steps."""
        for state, values in self._parts(carried):
            state.final(self.c, executed, values)
        for rows in self.stacks:
            rows.finish(self.c, executed if self.scan.until else None)
        if self.scan.executed is not None:
            self.c.env[self.scan.executed] = executed
