"""Where the states of a scan live: a class for each kind of place.

A state goes with its loop through five moments. It is made before the loop, with what the loop carries for it; `bind`
shows the step the old state; `offer` shows the op that makes the new one where to write it; `advance` brings the new
state to where the next step finds it, and gives what the loop carries on; `final` gives the result. `state_of`
decides which kind a carry gets.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.core import Value
from scancc.ir.ops import memory_of, operand
from scancc.ir.parts import Carry

from .context import Context, goes_to_target
from .nests import array_sizes, fill_buffer, materialise
from .rings import rows_read, unrolled
from .stacks import Rows, as_row
from .windows import Window

MOST_PAST = 4  # rows that a loop carries one by one
MOST_DOUBLED = 512  # numbers of a ring that is there twice


def state_of(c: Context, carry: Carry, stacks: Sequence[Rows]) -> State:
    """The place of a carry: the first of these that it may have."""
    if not isinstance(carry.init.type, t.TensorType):
        return ScalarState(c, carry)
    rows = next((r for r in stacks if r.direct and r.stack.value is carry.next), None)
    if carry.depth > 1:
        if rows is not None and _reads_past_rows(carry):
            return PastRowsState(c, carry, rows)
        return DoubleRingState(c, carry) if _reads_many_numbers(carry) else RingState(c, carry)
    if rows is not None:
        return RowState(c, carry, rows, c.contiguous(materialise(c, carry.init)))
    if carry.arg in c.places.parts:
        return PartState(c, carry, c.contiguous(materialise(c, carry.init)))
    if carry.arg in c.places.windows:
        return WindowState(c, carry)
    if carry.arg in c.places.partners:
        return ExchangedState(c, carry)
    if carry.arg in c.places.stays:
        return InPlaceState(c, carry)
    copied = c.is_in_registers(carry.init.type) and carry.next not in c.places.framed
    return CopiedState(c, carry) if copied else SwapState(c, carry)


class State(ABC):
    """A carry and its place."""

    home = ""  # what its place is, where a remark says it

    def __init__(self, carry: Carry, carried: Sequence[Value] = ()) -> None:
        self.carry = carry
        self.carried = list(carried)  # the loop's carried values, before it
        self.wanted: Value | None = None  # the buffer in which the step should make the new state

    @abstractmethod
    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        """Show the old state to the step, which begins with these carried values."""

    def offer(self, c: Context) -> None:
        """Show the op that makes the new state where to write it."""
        value = c.places.origin(self.carry.next)
        if self.wanted is not None and goes_to_target(value, self.carry.arg.block) and value not in c.dest:
            c.dest[value] = self.wanted

    @abstractmethod
    def advance(self, c: Context, step: Value) -> list[Value]:
        """Bring the new state to where the next step finds it; what the loop carries on."""

    @abstractmethod
    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        """Give the state after the loop, which ended with these carried values."""


class ScalarState(State):
    """A number in a register.

    The loop carries the number itself.
    """

    def __init__(self, c: Context, carry: Carry) -> None:
        super().__init__(carry, [c.get(carry.init)])

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        c.env[self.carry.arg] = carried[0]
        carried[0].name = self.carry.arg.name

    def advance(self, c: Context, step: Value) -> list[Value]:
        return [c.get(self.carry.next)]

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        c.env[self.carry.final] = carried[0]


class RowState(State):
    """The row of its stack that the last step wrote.

    The loop carries the row; before the first step that is the initial value, in its own buffer, which is therefore
    the final state where no step runs. A step reads one row and writes the next: nothing is copied, and the old
    state stays whole.
    """

    home = "is the last row of its stack"

    def __init__(self, c: Context, carry: Carry, rows: Rows, init: Value) -> None:
        super().__init__(carry, [as_row(c, init, rows.buffer)])
        self.rows = rows

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        c.env[self.carry.arg] = carried[0]
        carried[0].name = self.carry.arg.name

    def advance(self, c: Context, step: Value) -> list[Value]:
        return [self.rows.made(c, step)]

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        c.set(self.carry.final, carried[0])


class PastRowsState(State):
    """The rows of its stack that the last steps wrote: a state with a small depth.

    The loop carries each of these rows, the oldest first; before the first steps they are those of the initial value.
    A step reads some, each by its number, and writes the next: nothing is copied, and no place is computed.
    """

    home = "is the last rows of its stack"

    def __init__(self, c: Context, carry: Carry, rows: Rows) -> None:
        init = c.contiguous(materialise(c, carry.init))
        super().__init__(carry, [as_row(c, c.row(init, c.b.index(i)), rows.buffer) for i in range(carry.depth)])
        self.rows = rows

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        c.past[self.carry.arg] = self.past = carried
        for row in carried:
            row.name = self.carry.arg.name

    def advance(self, c: Context, step: Value) -> list[Value]:
        return [*self.past[1:], self.rows.made(c, step)]

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        """Nobody reads it."""


def _reads_past_rows(carry: Carry) -> bool:
    return (isinstance(carry.next.type, t.TensorType) and carry.depth <= MOST_PAST and _reads_known_rows(carry))


def _reads_known_rows(carry: Carry) -> bool:
    """Whether a state is read in the step alone, each time a row of a known number."""
    return not carry.final.uses and all(isinstance(row, int) for row in rows_read(carry.arg))


class PartState(State):
    """The part of another state's buffer that the last step wrote (`latest.py`).

    The loop carries the part; before the first step that is the initial value, in its own buffer. A step reads one
    part and writes the next.
    """

    home = "is the part of another one that was written last"

    def __init__(self, c: Context, carry: Carry, init: Value) -> None:
        self.part = c.places.parts[carry.arg]
        self.type = t.MemRefType((self.part.length,), t.element(carry.init.type), (1,))
        made = c.b.op("memref.cast", [init], [self.type])
        c.dims[made] = c.sizes(init)
        super().__init__(carry, [made])

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        c.env[self.carry.arg] = carried[0]
        carried[0].name = self.carry.arg.name
        self.step = step

    def offer(self, c: Context) -> None:
        b, one = c.b, c.b.index(1)
        at = b.muli(self.step, b.index(self.part.step))
        self.wanted = c.subview(c.get(self.part.whole.arg), [at], [b.index(self.part.length)], [one], [0])
        c.places.inserts.placed[self.carry.next] = self.wanted
        super().offer(c)

    def advance(self, c: Context, step: Value) -> list[Value]:
        assert self.wanted is not None
        return [self.wanted]

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        c.set(self.carry.final, carried[0])


class SwapState(State):
    """One of two buffers of the same size.

    The loop carries both, the one with the state first. A step reads that and writes the other; then they change
    places. The old state stays whole until the next step writes. Where each step makes one window of the new state
    and leaves the rest (`frames.py`), both begin with the initial value.
    """

    home = "has two buffers that change places"

    def __init__(self, c: Context, carry: Carry) -> None:
        sizes, element = array_sizes(c, carry.init), t.element(carry.init.type)
        spare = c.alloc(element, sizes, carry.arg.name)
        if carry.arg in c.places.begun and c.get(carry.init).type == spare.type:
            buffers = [c.get(carry.init), spare]
        else:
            buffers = [spare, c.alloc(element, sizes, carry.arg.name)]
            write_initial(c, carry.init, buffers[0])
        if carry.next in c.places.framed:
            write_initial(c, carry.init, buffers[1])
        super().__init__(carry, buffers)

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        self.old, self.spare = carried
        self.wanted = self.spare
        c.free.add(self.spare)
        c.env[self.carry.arg] = self.old
        self.old.name = self.carry.arg.name

    def advance(self, c: Context, step: Value) -> list[Value]:
        c.copy(materialise(c, self.carry.next), self.spare)
        return [self.spare, self.old]

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        c.set(self.carry.final, carried[0])


class CopiedState(State):
    """One buffer of few numbers, which are registers.

    The loop carries nothing. A step makes the new state elsewhere and copies it when nobody reads the old one any
    more (`_keep_copied`): two buffers that change places would have to be in memory.
    """

    home = "has few numbers, which are copied"

    def __init__(self, c: Context, carry: Carry) -> None:
        super().__init__(carry)
        self.buffer = c.alloc(t.element(carry.init.type), array_sizes(c, carry.init), carry.arg.name)
        write_initial(c, carry.init, self.buffer)

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        c.env[self.carry.arg] = self.buffer

    def offer(self, c: Context) -> None:
        """A place of its own for a branch, which would hand on one of its arrays: ops behind it may write there."""
        made = c.places.origin(self.carry.next).op
        if made is not None and made.name == "scf.if":
            self.wanted = c.alloc(t.element(self.carry.init.type), c.sizes(self.buffer), self.carry.next.name)
            super().offer(c)

    def advance(self, c: Context, step: Value) -> list[Value]:
        c.copy(materialise(c, self.carry.next), self.buffer)
        return []

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        c.set(self.carry.final, self.buffer)


class InPlaceState(State):
    """One buffer, where the result is wanted, or registers where it has few numbers.

    The loop carries nothing. Each op of the chain from the old state to the new one writes over its operand
    (`places.py`), or an op makes the new state anew after all that reads the old one.
    """

    home = "has one buffer"

    def __init__(self, c: Context, carry: Carry) -> None:
        super().__init__(carry)
        sizes, kind = array_sizes(c, carry.init), t.element(carry.init.type)
        few = c.is_in_registers(carry.init.type) and carry.final not in c.places.ties
        self.buffer = self.wanted = c.alloc(kind, sizes, carry.arg.name) if few else c.target(carry.final, sizes)
        write_initial(c, carry.init, self.buffer)

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        c.env[self.carry.arg] = self.buffer

    def advance(self, c: Context, step: Value) -> list[Value]:
        c.copy(materialise(c, self.carry.next), self.buffer)
        return []

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        c.set(self.carry.final, self.buffer)


class ExchangedState(State):
    """One of several buffers that go round.

    The loop carries the buffer. Each state is made in that of its partner, another state or what a branch chose among
    them, and finds itself there in the next step. Those of an inner scan may go on with the buffers of the outer one.
    """

    def __init__(self, c: Context, carry: Carry) -> None:
        if carry.arg in c.places.begun:
            buffer = c.get(carry.init)
        else:
            buffer = c.alloc(t.element(carry.init.type), array_sizes(c, carry.init), carry.arg.name)
            write_initial(c, carry.init, buffer)
        super().__init__(carry, [buffer])

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        c.env[self.carry.arg] = carried[0]
        carried[0].name = self.carry.arg.name

    def advance(self, c: Context, step: Value) -> list[Value]:
        place = c.get(c.places.partners[self.carry.arg])
        c.copy(materialise(c, self.carry.next), place)
        return [place]

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        c.set(self.carry.final, carried[0])


class WindowState(State):
    """A window that moves along a longer buffer (`windows.py`): a state that a step extends at one end.

    The loop carries where the window begins. That of an inner scan goes on moving the window of the scan around it.
    """

    def __init__(self, c: Context, carry: Carry) -> None:
        outer = c.places.shifts.get(carry.final)
        if outer is not None:
            self.window = c.windows[outer]
        else:
            sizes = array_sizes(c, carry.init)
            self.window = Window.of(c, carry.init, sizes, c.places.windows[carry.arg])
            write_initial(c, carry.init, self.window.view(c))
        super().__init__(carry, [self.window.start])

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        self.window.start = carried[0]
        c.windows[self.carry.arg] = self.window
        c.env[self.carry.arg] = self.window.view(c)

    def advance(self, c: Context, step: Value) -> list[Value]:
        return [self.window.start]

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        self.window.start = carried[0]
        c.set(self.carry.final, self.window.view(c))


class RingState(State):
    """The last rows in a ring (`rings.py`): a state with a depth.

    The loop carries nothing: the step's number tells which row is the oldest. The new row replaces that after all
    that reads the ring, the new rows of other rings included: `keep` first copies a row that would be lost.
    """

    def __init__(self, c: Context, carry: Carry) -> None:
        super().__init__(carry)
        self.buffer = c.alloc(t.element(carry.init.type), array_sizes(c, carry.init), carry.final.name)
        write_initial(c, carry.init, self.buffer)

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        c.env[self.carry.arg] = self.buffer
        c.rings[self.carry.arg] = step

    def keep(self, c: Context, overwritten: Sequence[Value]) -> None:
        """Find the new row, in memory other than that of the rings that are written before it is read."""
        value = self.carry.next
        self.row = materialise(c, value) if isinstance(value.type, t.TensorType) else c.get(value)
        if memory_of(self.row) in overwritten:
            self.row = c.own_copy(self.row)

    def advance(self, c: Context, step: Value) -> list[Value]:
        at = c.b.op("arith.remsi", [step, c.sizes(self.buffer)[0]], [t.index])
        if isinstance(self.row.type, t.MemRefType):
            c.copy(self.row, c.row(self.buffer, at))
        else:
            c.store(self.row, self.buffer, [at])
        return []

    def final(self, c: Context, executed: Value, carried: Sequence[Value]) -> None:
        if self.carry.final.uses:
            c.set(self.carry.final, unrolled(c, self.buffer, executed))


class DoubleRingState(RingState):
    """The last numbers in a ring that is there twice, one behind the other.

    So a window stands in one piece, from the place of the oldest number on, and only that place is computed. Each new
    number is written to both.
    """

    def __init__(self, c: Context, carry: Carry) -> None:
        State.__init__(self, carry)
        depth = c.b.index(carry.depth)
        self.buffer = c.alloc(t.element(carry.init.type), [c.b.index(2 * carry.depth)], carry.final.name)
        write_initial(c, carry.init, c.subview(self.buffer, [c.b.index(0)], [depth], [c.b.index(1)], [0]))

    def bind(self, c: Context, step: Value, carried: Sequence[Value]) -> None:
        super().bind(c, step, carried)
        self.oldest = c.b.op("arith.remsi", [step, c.b.index(self.carry.depth)], [t.index])
        c.oldest[self.carry.arg] = self.oldest

    def advance(self, c: Context, step: Value) -> list[Value]:
        for at in (self.oldest, c.b.addi(self.oldest, c.b.index(self.carry.depth))):
            c.store(self.row, self.buffer, [at])
        return []


def _reads_many_numbers(carry: Carry) -> bool:
    """Whether a step reads so many numbers of a state, of known ages, that the place of each would cost more than a
    second place for the new one."""
    few = not isinstance(carry.next.type, t.TensorType) and carry.depth <= MOST_DOUBLED
    return few and _reads_known_rows(carry) and len(set(rows_read(carry.arg))) > 2


def advance_all(c: Context, states: Sequence[State], step: Value) -> list[Value]:
    """The next states, and what the loop carries on. Rings are last: what they overwrite is read until then."""
    _keep_copied(c, states)
    rings = [s for s in states if isinstance(s, RingState)]
    onward = [v for s in states if s not in rings for v in s.advance(c, step)]
    for number, ring in enumerate(rings):
        ring.keep(c, [r.buffer for r in rings[:number + 1]])
    for ring in rings:
        ring.advance(c, step)
    return onward


def _keep_copied(c: Context, states: Sequence[State]) -> None:
    """Keep what a state becomes where it is the old value of one that is copied, or a part of that."""
    copied = {state.buffer: state for state in states if isinstance(state, CopiedState)}
    for state in states:
        value = state.carry.next
        place = materialise(c, value) if copied and isinstance(value.type, t.TensorType) else None
        if place is not None and memory_of(place) in copied and copied.get(place) is not state:
            c.env[value] = c.own_copy(place)


# ---- memory ----


def write_initial(c: Context, init: Value, buffer: Value) -> None:
    """The initial state into its buffer; nothing of one whose elements nobody reads."""
    if init in c.env:
        c.copy(materialise(c, init), buffer)
        return
    made = init.op
    assert made is not None and made.name in ("tensor.empty", "tensor.splat"), f"{init!r} has no buffer"
    if made.name == "tensor.splat":
        fill_buffer(c, c.get(operand(made, "value")), buffer)
