"""Find loops whose rounds touch different places, so that `vectorize` takes them.

    scf.for %k = 0 to 8 {                     %y = memref.load %p[%a]             (the first round)
      %x = memref.load %p[%a]                 memref.store %y + c, %p[%a]
      memref.store %x + c, %p[%a + %k]  ->    %v = memref.subview %p[%a + 1][7]
    }                                         %x = memref.load %p[%a]
                                              scf.for %k = 0 to 7 {parallel} {
                                                memref.store %x + c, %v[%k] }

Why: a scan that writes a state in place, such as an inner scan over a window, is a loop in order; where no round
reads what another writes, eight of them are one. A place that does not change is written by one round at most:
where that is the first one, it runs before the loop.
Conservative: straight code of numbers, loads and stores; places are the counter and what does not change, along one
axis; of two places of one buffer the distance is a known number; buffers are known to be different ones.
Cost: for each store of such a loop a look at its other loads and stores. Runs after `guard-indices`, which takes
checks out of loops, and before `vectorize`.
Source: dependence tests for one index variable, strong and weak-zero SIV, with peeling (Allen, Kennedy: Optimizing
Compilers for Modern Architectures, chapters 3 and 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op, defined_in
from scancc.ir.ops import ELEMENTWISE, group, has_trait, memory_of, name_of_whole, set_operands, whole
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark
from scancc.ir.slices import slice_parts

from .bufferizing.loops import PARALLEL_LOOP
from .indexing.buffers import may_share
from .indexing.forms import Form, Forms
from .indexing.ranges import value_of

_SCALAR = ("arith.constant", "arith.index_cast", "scf.yield")


class _Access(NamedTuple):
    """A load or store of the element `place`, or, where it moves, `place` and the counter."""

    op: Op
    place: Form
    moves: bool


def parallel_rounds(module: Op) -> None:
    for op in list(module.walk()):
        if op.name == "scf.for" and _is_plain(op):
            accesses = _accesses(op)
            peeled = _first_rounds(op, accesses) if accesses else None
            if peeled is not None:
                _rewrite(op, accesses, peeled)


# ---- what is there ----


def _is_plain(loop: Op) -> bool:
    """A loop in order, one by one, of numbers, loads and stores."""
    if loop.attrs or loop.results or constant_of(Loop(loop).step) != 1 or constant_of(Loop(loop).lower) is None:
        return False
    return all(op.name in ("memref.load", "memref.store", *_SCALAR) or (has_trait(op, ELEMENTWISE) and not op.regions)
               for op in loop.body.ops)


def _accesses(loop: Op) -> list[_Access]:
    """What its rounds read and write; nothing where some place is not known, or one is written by all."""
    forms, found = Forms(), []
    for op in loop.body.ops:
        if op.name in ("memref.load", "memref.store"):
            access = _access(op, loop, forms)
            if access is None:
                return []
            found.append(access)
    return found if any(access.moves and access.op.name == "memref.store" for access in found) else []


def _access(op: Op, loop: Op, forms: Forms) -> _Access | None:
    indices, type = group(op, "indices"), whole(op).type
    assert isinstance(type, t.MemRefType)
    if len(indices) != 1 or defined_in(whole(op), loop.body) or (type.strides is not None and type.strides[-1] != 1):
        return None
    form, counter = forms.of(indices[0]), Loop(loop).counter
    factor = form.terms.get(counter, 0)
    place = form.minus(Form({counter: factor}, 0)) if factor else form
    if any(defined_in(value, loop.body) for value in place.terms) or factor not in (0, 1):
        return None
    return None if op.name == "memref.store" and not factor else _Access(op, place, bool(factor))


# ---- which rounds depend on others ----


def _first_rounds(loop: Op, accesses: Sequence[_Access]) -> int | None:
    """How many rounds, 0 or 1, have to run before the others, which then are independent; None where they are not."""
    peeled = 0
    for store in accesses:
        for other in accesses if store.op.name == "memref.store" else ():
            distance = _distance(store, other)
            if distance is None or (other.moves and distance and not _is_far(loop, distance)):
                return None
            if not other.moves and may_share(memory_of(whole(store.op)), memory_of(whole(other.op))):
                before = -distance - (constant_of(Loop(loop).lower) or 0)  # the round in which the store is there
                if before == 0 and _surely_runs(loop):
                    peeled = 1
                elif before >= 0 and not _is_far(loop, before):
                    return None
    return peeled


def _surely_runs(loop: Op) -> bool:
    lower, upper = constant_of(Loop(loop).lower), constant_of(Loop(loop).upper)
    return lower is not None and upper is not None and lower < upper


def _distance(store: _Access, other: _Access) -> int | None:
    """How much further a store begins than another access; 0 where they never meet, None where nobody knows."""
    if not may_share(memory_of(whole(store.op)), memory_of(whole(other.op))):
        return 0
    distance = store.place.minus(other.place)
    return None if distance.terms or whole(store.op) is not whole(other.op) else distance.constant


def _is_far(loop: Op, distance: int) -> bool:
    """Whether a loop has no more rounds than that."""
    lower, upper = constant_of(Loop(loop).lower), constant_of(Loop(loop).upper)
    return lower is not None and upper is not None and abs(distance) >= upper - lower


# ---- the loop in other words ----


def _rewrite(loop: Op, accesses: Sequence[_Access], peeled: int) -> None:
    assert loop.parent is not None
    b = Builder(loop.parent, loop, loop.location)
    parts = Loop(loop)
    first = constant_of(parts.lower) or 0
    for number in range(first, first + peeled):
        mapping = {parts.counter: b.index(number)}
        for op in loop.body.ops[:-1]:
            clone_op(op, mapping, b.insert)
    begin = b.index(first + peeled)
    rounds = b.subi(parts.upper, begin)
    body = Block([t.index])
    inside = Builder(body, None, loop.location)
    mapping = {parts.counter: inside.addi(body.args[0], begin)}
    left = constant_of(rounds)
    if left is not None and left > 0:
        mapping |= {a.op.result: _read_before(b, a) for a in accesses if not a.moves}
    views = _views(b, accesses, begin, rounds)
    for op in loop.body.ops:
        if not any(value in mapping for value in op.results):
            copy = clone_op(op, mapping, body.append)
            if op in views:
                set_operands(copy, **{name_of_whole(op): [views[op]], "indices": [body.args[0]]})
    body.args[0].name = parts.counter.name
    made = b.make("scf.for", [b.index(0), rounds, parts.step], [], dict(PARALLEL_LOOP), [Region([body])])
    remark("parallel-rounds", made, True, "no round reads what another one writes" + (
        ", but for the first one, which runs before" if peeled else ""))
    loop.erase()


def _read_before(b: Builder, access: _Access) -> Value:
    """An element that no round writes."""
    return b.op("memref.load", [whole(access.op), value_of(b, access.place)], [access.op.result.type])


def _views(b: Builder, accesses: Sequence[_Access], begin: Value, rounds: Value) -> dict[Op, Value]:
    """The part of a buffer that each moving access goes along."""
    made: dict[object, Value] = {}
    found = {}
    for access in (access for access in accesses if access.moves):
        buffer, place = whole(access.op), access.place
        key = buffer, frozenset(place.terms.items()), place.constant
        if key not in made:
            made[key] = _view(b, buffer, b.addi(value_of(b, place), begin), b.maxsi(rounds, b.index(0)))
        found[access.op] = made[key]
    return found


def _view(b: Builder, buffer: Value, start: Value, size: Value) -> Value:
    assert isinstance(buffer.type, t.MemRefType)
    groups, attrs = slice_parts([start], [size], [1])
    type = t.MemRefType((None,), buffer.type.element, (1,))
    return b.grouped("memref.subview", {"source": [buffer], **groups}, [type], attrs).result
