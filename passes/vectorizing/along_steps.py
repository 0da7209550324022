"""Lanes outside and steps inside: what a step does in its loops over lanes, for a tile of lanes and a block of steps.

    for each tile of lanes:                  for each step:
      states, coefficients = load              (what the step does, but for lanes that were in tiles;
      for each step:                            its sums go on from those of sum[step])
        states = ... states ...
        sum[step][lanes] += ... states ...
      store states

Sums stay as many numbers as their tree has lanes, one row of them a step, until all tiles are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op, defined_in
from scancc.ir.ops import group, operand, whole
from scancc.ir.parts import Loop

from ..indexing.rows import meet, root_of
from .lanes import Check, Widener
from .steps import Place, StepNest


class Sum(NamedTuple):
    """A sum over lanes in a template: what it has so far is read, combined with a term, and stored, for each step."""

    loop: Op
    read: Op
    combine: Op
    store: Op

    @property
    def is_ordered(self) -> bool:
        """Whether lanes are taken in, one after the other."""
        return "reduction" not in self.loop.attrs


class Template:
    """The loops over lanes of a nest as one loop over lanes, which has the steps from `first` to `end` inside.

    It is code for one lane, of which vectors are made; `known` says what values of the nest are, such as the rows.
    """

    def __init__(self, nest: StepNest, b: Builder, first: Value, end: Value, known: dict[Value, Value]) -> None:
        self.nest = nest
        self.fixed = dict(known)  # what is the same in each step, made before them
        self.moving: dict[Value, Value] = {}  # what is not
        self.sums: list[Sum] = []
        self.carried = self._carried()
        body = Block([t.index])
        body.args[0].name = nest.lane.name if nest.lane is not None else ""
        self.outside = Builder(body, location=nest.step.location)
        self.fixed.update((Loop(op).counter, body.args[0]) for op in nest.loops)
        starts = [self.outside.op("memref.load", self._element(op), [operand(op, "value").type])
                  for op in self.carried.values()]
        self.round = Block([t.index, *(v.type for v in starts)])
        counter, *args = self.round.args
        counter.name = Loop(nest.step).counter.name
        self.inside = Builder(self.round, location=nest.step.location)
        self.moving[Loop(nest.step).counter] = counter
        self.row = self.inside.subi(counter, first)  # of the sums so far
        self.known: dict[object, Value] = dict(zip(self.carried, args, strict=True))  # what is at a place of memory
        for loop in nest.loops:
            self._lane(loop)
        self.inside.make("scf.yield", [self.known[key] for key in self.carried])
        self.steps = self.outside.make("scf.for", [first, end, b.index(1), *starts], [v.type for v in starts], None,
                                       [Region([self.round])])
        for op, last in zip(self.carried.values(), self.steps.results, strict=True):
            self.outside.make("memref.store", [last, *self._element(op)])
        self.outside.make("scf.yield")
        self.loop = b.make("scf.for", [b.index(0), Loop(nest.loops[0]).upper, b.index(1)], [], None, [Region([body])])

    def _carried(self) -> dict[object, Op]:
        """An access to each element that steps hand on to the next ones, in registers here: its place is fixed, and
        nothing else of its memory is used."""
        places = {op: self.nest.place(op) for op in self.nest.accesses() if self.nest.in_lanes(op)}
        found: dict[object, Op] = {}
        for op, place in places.items():
            if op.name == "memref.store" and place is not None and self._is_state(op, place, places):
                found.setdefault(place.key, op)
        return found

    def _is_state(self, store: Op, place: Place, places: dict[Op, Place | None]) -> bool:
        return self.nest.is_fixed(place) and all(
            other is not None and other.key == place.key for op, other in places.items()
            if meet(root_of(whole(store)), root_of(whole(op))))

    # ---- values ----

    def value(self, value: Value) -> Value:
        """What a value of the nest is here; what makes it is made here when it is first wanted."""
        if not defined_in(value, self.nest.step.body):
            return value
        if value not in self.fixed and value not in self.moving:
            assert value.op is not None
            self._make(value.op)
        return self.fixed[value] if value in self.fixed else self.moving[value]

    def _make(self, op: Op) -> None:
        """A copy of an op, before the steps where it is the same in each."""
        mapping = {v: self.value(v) for v in op.operands}
        moves = any(v in self.moving for v in op.operands) or op.name == "memref.load" and self.nest.is_written(op)
        copy = clone_op(op, mapping, (self.inside if moves else self.outside).insert)
        (self.moving if moves else self.fixed).update(zip(op.results, copy.results, strict=True))

    def _element(self, op: Op) -> list[Value]:
        """The buffer that a load or store uses, and where."""
        return [self.value(v) for v in (whole(op), *group(op, "indices"))]

    # ---- ops ----

    def _lane(self, loop: Op) -> None:
        """All that a loop over lanes does in a step."""
        if loop.results:
            self._begin_sum(loop)
        for op in loop.body.ops[:-1]:
            if op.name == "memref.load":
                self._read(op)
            elif op.name == "memref.store":
                self._write(op)
            elif op.result not in self.fixed and op.result not in self.moving:
                self._make(op)
        if loop.results:
            self._end_sum(loop)

    def _read(self, op: Op) -> None:
        place = self.nest.place(op)
        key = op if place is None else place.key
        if key not in self.known:
            self.known[key] = self.value(op.result)
        (self.moving if defined_in(self.known[key], self.round) else self.fixed)[op.result] = self.known[key]

    def _write(self, op: Op) -> None:
        place = self.nest.place(op)
        assert place is not None
        value = self.value(operand(op, "value"))
        if place.key not in self.carried:
            self.inside.make("memref.store", [value, *self._element(op)])
            self.known = {key: v for key, v in self.known.items()
                          if key in self.carried or not meet(_root(key), root_of(place.buffer))}
        self.known[place.key] = value

    def _begin_sum(self, loop: Op) -> None:
        (carry,) = Loop(loop).carries
        room = self.outside.op("memref.alloca", [], [t.MemRefType((1,), carry.arg.type)])
        self.moving[carry.arg] = self.inside.op("memref.load", [room, self.row], [carry.arg.type])

    def _end_sum(self, loop: Op) -> None:
        (carry,) = Loop(loop).carries
        read, total = self.moving[carry.arg].op, self.value(carry.next)
        assert read is not None and total.op is not None
        store = self.inside.make("memref.store", [total, *read.operands])
        self.sums.append(Sum(loop, read, total.op, store))

    # ---- what differs between lanes ----

    def varying(self) -> set[Value]:
        check = Check(self.loop, {Loop(self.loop).counter, *(sum.read.result for sum in self.sums)})
        check.spread()
        return check.varying


def _root(key: object) -> Value:
    return root_of(whole(key) if isinstance(key, Op) else key[0])  # type: ignore[index]


class StepsWidener(Widener):
    """Rebuilds a template on vectors: `rows` has what sums have so far, a row of lanes for each step."""

    def __init__(self, template: Template, width: int, at: Value, copies: int, rows: Sequence[Value]) -> None:
        counter = Loop(template.loop).counter
        super().__init__(template.varying(), width, {counter: at}, counter, copies)
        self.rows = {op: (sum, buffer) for sum, buffer in zip(template.sums, rows, strict=True)
                     for op in (sum.read, sum.combine, sum.store)}
        self.rooms = {operand(sum.read, "source").op for sum in template.sums}

    def _op(self, op: Op, b: Builder, copy: int) -> None:
        if op in self.rooms:
            return
        if op not in self.rows:
            super()._op(op, b, copy)
            return
        sum, buffer = self.rows[op]
        if op is sum.combine:
            if copy:  # terms of one copy after those of the last
                self.each[copy][sum.read.result] = self.each[copy - 1][op.result]
            if sum.is_ordered:
                self._in_order(sum, b, copy)
            else:
                super()._op(op, b, copy)
        elif copy == (self.copies - 1 if op is sum.store else 0):
            self._rows(op, sum, buffer, b)

    def _rows(self, op: Op, sum: Sum, buffer: Value, b: Builder) -> None:
        """Read what a sum has so far, or keep it."""
        place = [buffer, *(self.value(v) for v in group(op, "indices")), *[b.index(0)] * (not sum.is_ordered)]
        kind = "memref" if sum.is_ordered else "vector"
        if op is sum.store:
            b.make(f"{kind}.store", [self.each[-1][sum.combine.result], *place])
        else:
            type = op.result.type if sum.is_ordered else self.type(op.result.type)
            self.each[0][op.result] = b.op(f"{kind}.load", place, [type])

    def _in_order(self, sum: Sum, b: Builder, copy: int) -> None:
        """Take in the terms of one lane after the other."""
        so_far = self.each[copy][sum.read.result]
        for lane in range(self.width):
            place = {"static_position": t.DenseArray(t.i64, (lane,))}
            operands = [so_far if v is sum.read.result else v if constant_of(v) is not None else b.op(
                "vector.extract", [self.vector(v, b, copy)], [v.type], place) for v in sum.combine.operands]
            so_far = b.op(sum.combine.name, operands, [so_far.type], dict(sum.combine.attrs))
        self.each[copy][sum.combine.result] = so_far
