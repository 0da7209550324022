"""Where the rows lie that a loop over steps goes along: of which array, and which of two are surely different.

    scf.for %t iter(%h = %h0) {             %h is %h0 or a row of %ys
      %y = row %t of %ys                    %y and %h are in line: element i of one is element i of the other, if any
      ...                                   where %h0 is no part of %ys, %h is never the row %y of this round
      scf.yield %y }
"""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import VIEW, has_trait, operand
from scancc.ir.parts import Loop
from scancc.ir.slices import Entry, entries, number_of

from .buffers import may_share
from .forms import Forms


class _Row(NamedTuple):
    """All of a buffer, or the part of a row of it that begins at `first` of its last axis."""

    buffer: Value
    first: Entry


class Rows:
    """The rows of a loop over steps."""

    def __init__(self, step: Op) -> None:
        self._step = step
        self._next = dict(zip(Loop(step).args, Loop(step).next, strict=True))
        self._init = dict(zip(Loop(step).args, Loop(step).init, strict=True))
        self._forms = Forms()

    def are_apart(self, one: Value, other: Value) -> bool:
        """Whether two buffers surely have no memory in common."""
        return not any(meet(root_of(a.buffer), root_of(b.buffer)) for a in self._rows(one) for b in self._rows(other))

    def are_in_line(self, one: Value, other: Value) -> bool:
        """Whether an element of one can only be the element of the other that has the same number."""
        return one is other or all(a == b or not meet(root_of(a.buffer), root_of(b.buffer))
                                   for a in self._rows(one) for b in self._rows(other)) and _strides(
            one) == _strides(other) == 1

    def moves(self, row: Value) -> bool:
        """Whether a row is another one in each step."""
        counter, made = Loop(self._step).counter, begun(row).op
        return made is not None and made.name == "memref.subview" and any(
            not isinstance(entry, int) and counter in self._forms.of(entry).terms
            for entry in entries(made, "offsets")[:-1])

    def is_earlier(self, carried: Value, row: Value) -> bool:
        """Whether a carried row is one of earlier steps, where `row` moves, or has nothing to do with it."""
        carried, row, seen = begun(carried), begun(row), set()
        while carried in self._next and carried not in seen and self.are_apart(self._init[carried], row):
            seen.add(carried)
            carried = begun(self._next[carried])
        return carried is row and self.moves(row)

    def _rows(self, value: Value, seen: frozenset[Value] = frozenset()) -> set[_Row]:
        """What a buffer may be."""
        if value in seen:
            return set()
        if value in self._next:
            seen |= {value}
            return self._rows(self._init[value], seen) | self._rows(self._next[value], seen)
        if (same := begun(value)) is not value:
            return self._rows(same, seen)
        made = value.op
        if made is not None and made.name == "memref.subview" and _is_row(made):
            return {_Row(operand(made, "source"), entries(made, "offsets")[-1])}
        return {_Row(value, 0)}


def begun(buffer: Value) -> Value:
    """What a buffer of one axis is the beginning of, or all."""
    made = buffer.op
    while made is not None and (made.name == "memref.cast" or made.name == "memref.subview" and _is_beginning(made)):
        buffer = operand(made, "source")
        made = buffer.op
    return buffer


def _is_beginning(view: Op) -> bool:
    offsets, strides = entries(view, "offsets"), entries(view, "strides")
    return len(offsets) == 1 and number_of(offsets[0]) == 0 and number_of(strides[0]) == 1


def _is_row(view: Op) -> bool:
    """Whether a view is a part of one row, whose elements are neighbours."""
    type = view.result.type
    sizes, strides = entries(view, "sizes"), entries(view, "strides")
    one = all(number_of(size) == 1 for size in sizes[:-1]) and all(number_of(stride) == 1 for stride in strides)
    return one and len(sizes) > 1 and isinstance(type, t.MemRefType) and len(type.shape) == 1


def _strides(buffer: Value) -> int | None:
    """From one element to the next, of a buffer of one axis."""
    type = buffer.type
    assert isinstance(type, t.MemRefType)
    if len(type.shape) != 1:
        return None
    return 1 if type.strides is None else type.strides[0]


def root_of(value: Value) -> Value:
    """The buffer that a view is of: an argument of a function, a place in the workspace, or what some op made."""
    while value.op is not None and has_trait(value.op, VIEW) and value.op.name != "memref.view":
        value = operand(value.op, "source")
    return value


def meet(one: Value, other: Value) -> bool:
    """Whether two buffers that are there at one time may have memory in common."""
    if one is other:
        return True
    places = [value.op is not None and value.op.name == "memref.view" for value in (one, other)]
    if all(places):
        return False  # places in the workspace, both of them in use
    if any(places):
        return may_share(*(operand(v.op, "source") if v.op is not None and v.op.name == "memref.view" else v
                           for v in (one, other)))
    return may_share(one, other)
