"""Keep in a register what a round of a loop stores for the next one to read.

    scf.for %i = 0 to %n {                    %y = 0 < %n ? memref.load %p[0] : 0
      %x = memref.load %p[%i]                 scf.for %i = 0 to %n iter(%x = %y) {
      %v = ... %x ...                   ->      %v = ... %x ...
      memref.store %v, %p[%i + 1]               memref.store %v, %p[%i + 1]
    }                                           scf.yield %v }

Why: through memory a value waits four to seven cycles longer for its reader. A row of a table that is made of its
own last element (a bubble sort, a sweep of Gauss and Seidel) is slower by that in each step.
Conservative: the load stands behind no check and behind no write to its element, the store is the last write to its
own, and both happen in every round; places are compared as forms (`indexing/forms.py`) of the counter and of what is
made outside the loop. The element of the first round is read before the loop, where there is a first round.
Cost: for each load of a loop a walk over the stores that may write what it reads. Runs after `scalar-replacement`,
which leaves the loads that read what earlier rounds stored.
Source: scalar replacement of Callahan, Carr and Kennedy (1990), for one round.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, functions
from scancc.ir.ops import CHECKS, WRITES, group, has_trait, memory_of, operand, whole
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark

from .indexing.buffers import all_written_by, is_apart, may_share
from .indexing.forms import Form, Forms, surely_differ
from .indexing.ranges import value_of


class _Pair(NamedTuple):
    """A load, and the store of an earlier round whose value it reads."""

    load: Op
    store: Op


def carried_elements(module: Op) -> None:
    for func in functions(module):
        forms = Forms()
        for op in reversed(list(func.walk())):  # inner loops first
            if op.name == "scf.for" and not op.attrs.keys() & {"parallel", "vector"}:
                pairs = list(_pairs(op, forms))
                if pairs:
                    _carry(op, pairs, forms)
                    forms = Forms()  # of values that are others now


def _pairs(loop: Op, forms: Forms) -> Iterator[_Pair]:
    step, stored = constant_of(Loop(loop).step), {whole(op) for op in loop.body.ops if op.name == "memref.store"}
    loads = {op for op in loop.body.ops if op.name == "memref.load" and whole(op) in stored}
    if step is None or not loads:
        return
    writes = _Writes(loop)
    for at, op in enumerate(loop.body.ops):
        if any(has_trait(inner, CHECKS) for inner in op.walk()):
            return
        if op in loads and _is_outside(whole(op), loop):
            place, near = _place(op, forms), writes.near(op)
            if _moves_alone(place, loop) and not any(_may_write(one, op, place, forms) for n, one in near if n < at):
                store = _stored(near, op, [form.with_constant(form.terms.get(Loop(loop).counter, 0) * step)
                                           for form in place], forms)
                if store is not None:
                    yield _Pair(op, store)


class _Writes:
    """The ops of a body that write, each with its place, by the memory that they write."""

    def __init__(self, loop: Op) -> None:
        self.all = [(at, op) for at, op in enumerate(loop.body.ops)
                    if any(has_trait(inner, WRITES) for inner in op.walk())]
        self.to: dict[Value, list[tuple[int, Op]]] = {}
        self.anywhere: list[tuple[int, Op]] = []
        for at, op in self.all:
            memories = {memory_of(buffer) for buffer in all_written_by(op) or ()}
            if memories and all(map(is_apart, memories)):
                for memory in memories:
                    self.to.setdefault(memory, []).append((at, op))
            else:
                self.anywhere.append((at, op))

    def near(self, load: Op) -> list[tuple[int, Op]]:
        """Those that may write into the memory of which `load` reads, in order."""
        memory = memory_of(whole(load))
        if not is_apart(memory):
            return self.all
        return sorted([*self.to.get(memory, ()), *self.anywhere], key=lambda write: write[0])


def _stored(near: Sequence[tuple[int, Op]], load: Op, place: list[Form], forms: Forms) -> Op | None:
    """The last write to the element that the next round's `load` reads, if that is surely one. `near`: in order, what
    may write it."""
    for _, op in reversed(near):
        if op.name == "memref.store" and whole(op) is whole(load) and _place(op, forms) == place:
            return op
        if _may_write(op, load, place, forms):
            return None
    return None


def _may_write(op: Op, load: Op, place: list[Form], forms: Forms) -> bool:
    """Whether an op, or one inside it, may change the element at `place` of what `load` reads."""
    if op.name == "memref.store" and whole(op) is whole(load):
        return not any(surely_differ(a, b) for a, b in zip(_place(op, forms), place, strict=True))
    buffers = all_written_by(op)
    return buffers is None or any(may_share(memory_of(buffer), memory_of(whole(load))) for buffer in buffers)


def _place(op: Op, forms: Forms) -> list[Form]:
    return [forms.of(index) for index in group(op, "indices")]


def _moves_alone(place: Sequence[Form], loop: Op) -> bool:
    """Whether a place changes with the counter of the loop only."""
    return all(value is Loop(loop).counter or _is_outside(value, loop) for form in place for value in form.terms)


def _is_outside(value: Value, loop: Op) -> bool:
    """Whether a value that the body of a loop uses is made outside it."""
    return value.block is not loop.body


def _carry(loop: Op, pairs: Sequence[_Pair], forms: Forms) -> None:
    assert loop.parent is not None
    b, parts, body = Builder(loop.parent, loop, loop.location), Loop(loop), loop.body
    init = [*parts.init, *_first_round(b, parts, [pair.load for pair in pairs], forms)]
    body.terminator.operands = [*parts.next, *(operand(pair.store, "value") for pair in pairs)]
    for load, _ in pairs:
        remark("carried-elements", load, True, "a round gets in a register what the one before it stored")
        load.replace_by([body.add_arg(load.result.type, load.result.name)])
    regions, loop.regions = loop.regions, ()
    made = b.make("scf.for", [*parts.bounds, *init], [v.type for v in init], dict(loop.attrs), regions)
    loop.replace_by([new for _, new in zip(loop.results, made.results, strict=False)])


def _first_round(b: Builder, parts: Loop, loads: Sequence[Op], forms: Forms) -> list[Value]:
    """What the first round loads, or nothing of worth where there is none."""
    lower, upper = constant_of(parts.lower), constant_of(parts.upper)
    if lower is not None and upper is not None and lower < upper:
        return [_first(b, load, parts, forms) for load in loads]
    sides, types = (Block(), Block()), [load.result.type for load in loads]
    inside, other = (Builder(side, None, b.location) for side in sides)
    inside.make("scf.yield", [_first(inside, load, parts, forms) for load in loads])
    other.make("scf.yield", [other.const(0, type) for type in types])
    runs = b.cmpi("slt", parts.lower, parts.upper)
    return b.make("scf.if", [runs], types, None, [Region([side]) for side in sides]).results


def _first(b: Builder, load: Op, parts: Loop, forms: Forms) -> Value:
    begin = forms.of(parts.lower).minus(forms.of(parts.counter))
    place = [value_of(b, form.plus(begin, form.terms.get(parts.counter, 0))) for form in _place(load, forms)]
    return b.op("memref.load", [whole(load), *place], [load.result.type])
