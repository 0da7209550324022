"""A loop over steps whose arrays have lanes that never mix: where it uses memory, and why lanes may not go outside.

    scf.for %t = 0 to %n {                      the step
      %u = row %t of %us
      scf.for %i = 0 to %rows {parallel} {      loops over rows, none, one or more
        %v = memref.load %u[%i]
        scf.for %j = 0 to %m ... x[%i, %j]      loops over lanes
        %s = scf.for %j = 0 to %m iter(%acc) {reduction} ... x[%i, %j]
        memref.store %s, %y[%t, %i] } }

An element that lanes write is used by one lane of one row alone, in whatever step: steps of other lanes may come
before or after. What is made of sums over lanes comes after the lanes of that step, and no lane reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.equalities import equal_sizes
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import ELEMENTWISE, group, has_trait, is_pure, operand, whole
from scancc.ir.parts import Loop
from scancc.ir.slices import entries, kept_axes, number_of

from ..indexing.forms import Form, Forms, number
from ..indexing.rows import meet, root_of

ACCESSES = ("memref.load", "memref.store")

_Key = tuple[Value, tuple[tuple[frozenset[tuple[Value, int]], int], ...]]


class Place(NamedTuple):
    """An element of a buffer from outside the step."""

    buffer: Value
    indices: tuple[Form, ...]

    @property
    def key(self) -> _Key:
        return self.buffer, tuple((frozenset(form.terms.items()), form.constant) for form in self.indices)


class StepNest:
    """A step, its loops over rows, level by level (loops side by side are one), and its loops over lanes."""

    def __init__(self, step: Op) -> None:
        self.step, self.levels, self.loops = step, list[list[Op]](), list[Op]()
        self.forms, self.counters = Forms(), list[Value]()
        ops = step.body.ops[:-1]
        while any(inner.regions for op in ops for inner in _inside(op)):
            rows = [op for op in ops if op.regions]
            self.levels.append(rows)
            self._count(rows)
            ops = [op for row in rows for op in row.body.ops[:-1]] if all(op.name == "scf.for" for op in rows) else []
        self.loops = [op for op in ops if op.regions]
        self.straight = ops  # of the innermost loop over rows, lanes between
        self.lane = self._count(self.loops)
        self.changes = {Loop(step).counter}
        self._spread()

    def _count(self, loops: Sequence[Op]) -> Value | None:
        """Let the counters of loops side by side be one number, that of the first."""
        counters = [Loop(op).counter for op in loops if op.name == "scf.for"]
        for counter in counters:
            self.forms.assume(counter, Form({counters[0]: 1}, 0))
        if loops is not self.loops:
            self.counters += counters[:1]
        return counters[0] if counters else None

    def _spread(self) -> None:
        """Mark what differs between steps, but for what memory has."""
        for op in self.step.walk():
            if op is not self.step and any(v in self.changes for v in op.operands):
                self.changes.update(op.results)

    # ---- places ----

    def place(self, op: Op) -> Place | None:
        """The element that a load or store uses; None where it is not known."""
        buffer, indices = whole(op), [self.forms.of(v) for v in group(op, "indices")]
        while buffer.op is not None and defined_in(buffer, self.step.body):
            if buffer.op.name == "memref.subview":
                inner = iter(indices)
                kept, view, indices = kept_axes(buffer.op), buffer.op, []
                for axis, (offset, stride) in enumerate(zip(entries(view, "offsets"), entries(view, "strides"),
                                                            strict=True)):
                    first = number(offset) if isinstance(offset, int) else self.forms.of(offset)
                    times = number_of(stride)
                    if times is None:
                        return None
                    indices.append(first.plus(next(inner), times) if axis in kept else first)
            elif buffer.op.name != "memref.cast":
                return None
            buffer = operand(buffer.op, "source")
        return None if defined_in(buffer, self.step.body) else Place(buffer, tuple(indices))

    def is_fixed(self, place: Place) -> bool:
        """Whether it is the same element in each step."""
        own = {*self.counters, self.lane}
        return all(v in own or not defined_in(v, self.step.body) for form in place.indices for v in form.terms)

    def accesses(self) -> Iterator[Op]:
        return (op for op in self.step.walk() if op.name in ACCESSES)

    def in_lanes(self, op: Op) -> bool:
        """Whether an op stands in a loop over lanes."""
        return op.parent_op() in self.loops

    @property
    def written(self) -> list[Value]:
        """The roots of what steps write."""
        return list(dict.fromkeys(root_of(whole(op)) for op in self.accesses() if op.name == "memref.store"))

    def is_written(self, op: Op) -> bool:
        """Whether a step may write what a load reads."""
        return any(meet(root, root_of(whole(op))) for root in self.written)

    # ---- sums ----

    @property
    def sums(self) -> list[Op]:
        """The loops over lanes that combine these to one number."""
        return [op for op in self.loops if op.results]

    @property
    def trees(self) -> list[Op]:
        """Those that do so in a tree, and not in order."""
        return [op for op in self.sums if "reduction" in op.attrs]

    # ---- what is to gain ----

    @property
    def has_states(self) -> bool:
        """Whether lanes hand on what they write."""
        return any(op.name == "memref.store" and (place := self.place(op)) is not None and self.is_fixed(place)
                   for op in self.accesses() if self.in_lanes(op))

    @property
    def has_streams(self) -> bool:
        """Whether lanes go along other elements of memory in each step."""
        return any((place := self.place(op)) is None or self._moves(place) and self._goes_along(place)
                   for op in self.accesses() if self.in_lanes(op))

    def _moves(self, place: Place) -> bool:
        return any(v in self.changes for form in place.indices for v in form.terms if v is not self.lane)

    def _goes_along(self, place: Place) -> bool:
        return any(self.lane in form.terms for form in place.indices)

    # ---- why not ----

    def problem(self) -> str | None:
        """Why lanes may not go outside of steps, or None; empty where there is nothing to gain, or to say."""
        if not self.loops or Loop(self.step).init:
            return ""
        return self._shape_problem() or self._content_problem() or self._sharing_problem()

    def _shape_problem(self) -> str | None:
        for loops in [*self.levels, self.loops]:
            first = Loop(loops[0]) if loops[0].name == "scf.for" else None
            for op in loops:
                if first is None or op.name != "scf.for" or constant_of(Loop(op).step) != 1:
                    return "its step has other loops, or branches"
                if constant_of(Loop(op).lower) != 0 or not equal_sizes(Loop(op).upper, first.upper, op):
                    return "loops in its step have other lengths"
                if defined_in(Loop(op).upper, self.step.body):
                    return "the length of an array changes from step to step"
        if any("parallel" not in op.attrs or op.results for loops in self.levels for op in loops):
            return "rows wait for each other"
        return next((reason for op in self.loops if (reason := _lanes_problem(op)) is not None), None)

    def _content_problem(self) -> str | None:
        for op in self.step.walk():
            if op is self.step or op.name == "scf.yield" or op in self.loops or any(op in row for row in self.levels):
                continue
            if self.in_lanes(op):
                if op.name not in (*ACCESSES, "arith.constant") and not has_trait(op, ELEMENTWISE):
                    return f"a lane has {op.name}"
            elif op.name == "memref.store":
                if op not in self.straight:
                    return "a step writes beside its loops over rows"
            elif op.name != "memref.load" and not (is_pure(op) and not op.regions):
                return f"a step has {op.name}"
        return None

    def _sharing_problem(self) -> str | None:
        """Why lanes of one step need others of a step before, or None."""
        places = {op: self.place(op) for op in self.accesses()}
        for root in self.written:
            uses = [op for op in places if meet(root, root_of(whole(op)))]
            own = self.counters if not self.in_lanes(uses[0]) else [*self.counters, self.lane]
            if len({self.in_lanes(op) for op in uses}) > 1:
                return "what lanes write is read beside them, or the other way round"
            found = {_axes(place, own) for op in uses if (place := places[op]) is not None}
            if len(found) != 1 or None in found or None in (places[op] for op in uses):
                return "it is not known that what a lane writes is its own"
        return "lanes wait for what is made of all of them" if self._waits() else None

    def _waits(self) -> bool:
        """Whether lanes read, by what stands around them, what a step writes, or the sums of others."""
        seen = set[Value]()
        waiting = [v for loop in self.loops for op in loop.walk() for v in op.operands]
        while waiting:
            value = waiting.pop()
            if value in seen or not defined_in(value, self.step.body) or value.op is None:
                continue
            seen.add(value)
            op = value.op
            if op in self.loops or op.name == "memref.load" and not self.in_lanes(op) and self.is_written(op):
                return True
            waiting += op.operands
        return False


def _axes(place: Place, counters: Sequence[Value | None]) -> tuple[Value, tuple[int, ...]] | None:
    """The buffer, and along which of its axes each counter goes by itself; None where one goes along none."""
    plain = [place.indices.index(form) if (form := Form({v: 1}, 0)) in place.indices else None
             for v in counters if v is not None]
    return (place.buffer, tuple(axis for axis in plain if axis is not None)) if None not in plain else None


def _inside(op: Op) -> list[Op]:
    """The ops in the loops of an op."""
    return [inner for region in op.regions for block in region.blocks for inner in block.ops]


def _lanes_problem(loop: Op) -> str | None:
    """Why a loop is none over lanes: it is parallel, or combines lanes to one number."""
    if not loop.results:
        return None if "parallel" in loop.attrs else "a loop in its step goes in order"
    if len(loop.results) > 1:
        return "a loop in its step carries more than one value"
    (carry,) = Loop(loop).carries
    combine = carry.next.op
    if combine is None or combine.parent is not loop.body or carry.arg.uses != {combine: 1}:
        return "a loop in its step goes in order"
    ordered = "reduction" not in loop.attrs
    if ordered and not is_exact(combine) or constant_of(carry.init) is None:
        return "a loop in its step goes in order"
    return None
