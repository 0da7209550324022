"""The rows that a scan keeps, in memory: each step writes one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.core import Value
from scancc.ir.ops import operand
from scancc.ir.parts import ScanView, Stack
from scancc.ir.slices import entries
from scancc.late_dataclasses import dataclass

from .context import Context, goes_to_target, strides_of
from .nests import materialise


@dataclass
class Rows:
    """A stack and its buffer. All rows are kept, or those from step `first` on, each or some of them."""

    stack: Stack
    buffer: Value
    first: Value
    all_kept: bool
    direct: bool  # the op of the step that makes a row can write it here
    places: dict[Value, Value] = field(default_factory=dict)  # a step's number -> where its row stands

    def offer(self, c: Context, step: Value) -> None:
        """Let the step write its row where it is wanted."""
        value = c.places.origin(self.stack.value)
        if self.direct and value not in c.dest and goes_to_target(value, self.stack.value.block):
            row = c.dest[value] = c.row(self.buffer, self.at(c, step))
            c.free.add(row)

    def store(self, c: Context, step: Value) -> None:
        """Write the row of this step, if that is kept and does not stand there already."""
        with self._place(c, step) as at:
            self._store(c, at)

    def at(self, c: Context, step: Value) -> Value:
        """Where the row of this step stands, of all rows."""
        if step not in self.places:
            self.places[step] = step if self.stack.stride >= 0 else c.b.subi(self.first, step)
        return self.places[step]

    @contextmanager
    def _place(self, c: Context, step: Value) -> Iterator[Value]:
        """Where the row of this step stands; what is made inside runs if it is kept."""
        if self.all_kept:
            yield self.at(c, step)
            return
        b, stride = c.b, self.stack.stride
        after = b.subi(self.first, step) if stride < 0 else b.subi(step, self.first)
        if not stride:
            with c.when(b.cmpi("sge", step, self.first)):
                yield after
            return
        by = b.index(abs(stride))
        kept = b.cmpi("ult", after, b.muli(c.get(self.stack.rows), by))
        if abs(stride) > 1:
            left = b.op("arith.remsi", [after, by], [t.index])
            kept = b.condition("andi", kept, b.cmpi("eq", left, b.index(0)))
        with c.when(kept):
            yield after if abs(stride) == 1 else b.op("arith.divsi", [after, by], [t.index])

    def _store(self, c: Context, at: Value) -> None:
        value = self.stack.value
        if not isinstance(value.type, t.TensorType):
            c.store(c.get(value), self.buffer, [at])
            return
        place = materialise(c, value)
        if not self.holds(place, at):
            c.copy(place, c.row(self.buffer, at))

    def holds(self, place: Value, at: Value) -> bool:
        """True for row `at`, in which a value was made."""
        made = place.op
        return (made is not None and made.name == "memref.subview" and operand(made, "source") is self.buffer
                and entries(made, "offsets")[0] is at)

    def made(self, c: Context, step: Value) -> Value:
        """The row of this step, which is kept, as a row of the stack."""
        made, at = c.get(self.stack.value), self.at(c, step)
        return as_row(c, made if self.holds(made, at) else c.row(self.buffer, at), self.buffer)

    def store_element(self, c: Context, value: Value, step: Value, lane: list[Value]) -> None:
        """Write one lane's element of the row of this step, if that is kept."""
        with self._place(c, step) as at:
            c.store(value, self.buffer, [at, *lane])

    def finish(self, c: Context, executed: Value | None) -> None:
        """Give the stack; of one that an early stop left, its first rows."""
        made = self.buffer
        if executed is not None:
            made = c.reshape(self.buffer, [executed, *c.sizes(self.buffer)[1:]])
            c.base[made] = c.base.get(self.buffer, self.buffer)
        c.set(self.stack.result, made)


def rows_of(c: Context, scan: ScanView, room: Value | None = None) -> list[Rows]:
    """Buffers for all stacks of a scan; all rows of one have so much `room`, if not that for all steps."""
    return [_rows(c, scan, stack, room) for stack in scan.stacks]


def _rows(c: Context, scan: ScanView, stack: Stack, room: Value | None) -> Rows:
    if scan.until and c.dest.get(stack.result) not in c.outputs:
        c.dest.pop(stack.result, None)  # where the rows are wanted there may be room for those of an early stop only
    all_kept, dims = stack.rows is scan.length, iter(c.scalars(stack.dims))
    count = room if all_kept and room is not None else c.get(stack.rows)
    row = [next(dims) if n is None else c.b.index(n) for n in stack.row_shape]
    first = c.b.subi(c.get(scan.length), count) if stack.first is None else c.get(stack.first)
    direct = all_kept and goes_to_target(stack.value, scan.op.body) and not _stays_in_registers(c, stack.value)
    return Rows(stack, c.target(stack.result, [count, *row]), first, all_kept, direct)


def _stays_in_registers(c: Context, value: Value) -> bool:
    """Whether the step or the next one reads a row of few numbers: from the stack it would come back through memory,
    8 cycles or more each time."""
    return c.is_in_registers(value.type) and sum(value.uses.values()) > 1


def as_row(c: Context, buffer: Value, stack: Value) -> Value:
    """A row-major buffer under the type of a row of `stack`."""
    type = stack.type
    assert isinstance(type, t.MemRefType)
    row = t.MemRefType(type.shape[1:], type.element, strides_of(type)[1:])
    if buffer.type == row:
        return buffer
    cast = c.b.op("memref.cast", [buffer], [row])
    c.dims[cast] = c.sizes(buffer)
    return cast
