"""A table as it was two steps ago, kept by the places that the steps write.

    b[t] = set(b[t-1], i[t], f(b[t-2][j]))                        one state with two rows of n elements

    old[t] = t == 0 ? old : set(old[t-1], i[t-1], b[t-1][i[t-1]])        two tables and a place
    b[t]   = set(b[t-1], i[t], f(t == 0 ? b[-2][j] : old[t-1][j]))

A step makes a row by copying the one before it, since the row that it could write over is read by the next step. Two
tables, each written where it is, differ in the places that one step wrote: the older one is brought up to date
there, from the newer one, before that is written. It begins as the newer of the two initial rows; the first step
reads the older of them. Both kinds of write are O(touched), in the gradient too.

Where the step writes over the older row, `b[t] = set(b[t-2], i[t], f(b[t-1]))`, two states exchange their places.

Conservative: writes at integers, short slices and lists of known length, one after another or chosen by `switch`;
the older row is read in such parts only; no table of few numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from scancc.frontend.graph.dims import ShapeI
from scancc.frontend.graph.variables import Apply, Constant, TensorType, Variable, ancestors, applies, rebuild_into
from scancc.frontend.loops.scan_op import Body, Carry, ScanInputs
from scancc.frontend.ops.control import ifelse
from scancc.frontend.ops.elementwise import Elemwise
from scancc.frontend.ops.index_template import most_of_entry, pieces, summands
from scancc.frontend.ops.scalars import switch
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor
from scancc.late_dataclasses import dataclass

FEW = 64  # a table of so many numbers is copied as fast
MOST_WRITES = 8


def with_delayed_tables(body: Body, inputs: ScanInputs[Variable]) -> tuple[Body, ScanInputs[Variable]]:
    """The step and what it begins with, where tables with taps -2, or -2 and -1, are two tables."""
    for number in range(len(body.carry)):
        table = _Table.of(body, body.carry[number])
        if table is not None:
            body, inputs = table.apart(body, inputs, number)
        elif _writes_older(body.carry[number]):
            body, inputs = _exchanging(body, inputs, number)
    return body, inputs


def _writes_older(carry: Carry) -> bool:
    """Whether the new row is made over the older of two, which nobody needs later."""
    old = dict(carry.taps).get(-2)
    return carry.depth == 2 and old is not None and not _has_few(old) and bool(_writes(carry.next, old))


def _exchanging(body: Body, inputs: ScanInputs[Variable], number: int) -> tuple[Body, ScanInputs[Variable]]:
    """The step with both rows as states, which exchange their places."""
    carry, rows = body.carry[number], inputs.inits[number]
    old = dict(carry.taps)[-2]
    row = dict(carry.taps).get(-1, old.type())
    older = Carry(((-1, old),), 1, row, trace=False)
    carries = [*body.carry, older]
    carries[number] = replace(carry, taps=((-1, row),), depth=1)
    inits = [*inputs.inits, rows[0]]
    inits[number] = rows[1]
    return replace(body, carry=tuple(carries)), inputs._replace(inits=inits)


@dataclass(frozen=True)
class _Table:
    """Rows of a state two steps and one step ago, the reads of the older one and the writes to the newer one."""

    old: Variable
    row: Variable
    reads: list[Apply]
    writes: list[Apply]
    places: list[Variable]  # what differs from step to step in those of the writes

    @staticmethod
    def of(body: Body, carry: Carry) -> _Table | None:
        """None for a state that is no such table."""
        taps = dict(carry.taps)
        if set(taps) != {-1, -2}:
            return None
        old, row = taps[-2], taps[-1]
        reads, writes = _reads(body, old), _writes(carry.next, row)
        if _has_few(row) or reads is None or not writes or len(writes) > MOST_WRITES:
            return None
        operands = dict.fromkeys(operand for node in writes for operand in node.inputs[2:])
        places = list(dict.fromkeys(v for operand in operands for v in _varying(operand, body.varying)))
        return _Table(old, row, reads, writes, places) if all(None not in v.type.shape for v in places) else None

    def apart(self, body: Body, inputs: ScanInputs[Variable], number: int) -> tuple[Body, ScanInputs[Variable]]:
        """The step with the older row as a state of its own."""
        rows, first, oldest = inputs.inits[number], TensorType("bool", ())("first_step"), self.old.type(self.old.name)
        memo: dict[Variable, Variable] = {}
        for node in self.reads:
            _, *places = rebuild_into(node.inputs, memo)
            memo[node.outputs[0]] = switch(first, node.op(oldest, *places), node.op(self.old, *places))
        made = iter(rebuild_into(body.outputs, memo))
        carries = [replace(carry, next=next(made)) for carry in body.carry]
        carries[number] = replace(carries[number], taps=((-1, self.row),), depth=1)
        ys = tuple(next(made) for _ in body.ys)
        added = self._added(first, rows[1], memo)
        step = Body(body.xs, (*carries, *(carry for carry, _ in added)), (*body.consts, oldest), ys, next(made, None))
        inits = [*inputs.inits[:number], rows[1], *inputs.inits[number + 1:], *(init for _, init in added)]
        return step, inputs._replace(inits=inits, consts=[*inputs.consts, rows[0]])

    def _added(self, first: Variable, begun: Variable, memo: dict[Variable, Variable],
               ) -> list[tuple[Carry, Variable]]:
        """The older row, whether this step is the first, where the one before it wrote, and what each begins as."""
        before = {place: place.type() for place in self.places}
        old = self.old
        for node in self.writes:
            places = rebuild_into(node.inputs[2:], dict(before))
            write, part = node.op, node.op.part(node.op.template)  # type: ignore[attr-defined]
            old = replace(write, set=True)(old, part(self.row, *places), *places)  # type: ignore[type-var]
        found = [(self.old, ifelse(first, self.old, old), begun), (first, FALSE, TRUE)]
        found += [(var, rebuild_into([place], memo)[0], _zeros(place)) for place, var in before.items()]
        return [(Carry(((-1, var),), 1, new, trace=False), init) for var, new, init in found]


def _has_few(row: Variable) -> bool:
    """Whether a table is no table, or has few numbers."""
    return None not in row.type.shape and prod(n for n in row.type.shape if n is not None) <= FEW


def _reads(body: Body, old: Variable) -> list[Apply] | None:
    """The parts that a step reads of a table, inputs first; None where it needs more of it."""
    outputs = body.outputs
    users = [node for node in applies(outputs) if old in node.inputs and not isinstance(node.op, ShapeI)]
    parts = all(isinstance(node.op, Subtensor | AdvancedSubtensor) and old not in node.inputs[1:] and
                _is_small(node, node.inputs[1:]) for node in users)
    return users if parts and old not in outputs else None


def _writes(new: Variable, row: Variable) -> list[Apply] | None:
    """The writes by which `new` is made of `row`, the first ones last; None where it is made otherwise."""
    found: dict[Apply, None] = {}
    pending = [new]
    while pending:
        var = pending.pop()
        node = var.owner
        if var is row or node in found:
            continue
        if node is not None and isinstance(node.op, Elemwise) and node.op.fn == "switch":
            pending += node.inputs[1:]
        elif node is not None and isinstance(node.op, IncSubtensor | AdvancedIncSubtensor) and _is_small(
                node, node.inputs[2:]):
            found[node] = None
            pending.append(node.inputs[0])
        else:
            return None
    return list(found)


def _is_small(node: Apply, operands: Sequence[Variable]) -> bool:
    """Whether the place of a read or a write has few elements along an axis of any length."""
    return any(isinstance(entry, str) or most_of_entry(entry, values) is not None
               for entry, values in pieces(node.op.template, operands))  # type: ignore[attr-defined]


def _varying(place: Variable, varying: set[Variable]) -> list[Variable]:
    """What differs from step to step in a place: nothing, all of it, or what a number is added to."""
    if varying.isdisjoint(ancestors([place])):
        return []
    base = None if place.ndim else summands(place)[0]
    return [place if base is None else base]


def _zeros(place: Variable) -> Variable:
    return Constant(np.zeros([n for n in place.type.shape if n is not None], place.dtype))


FALSE, TRUE = (Constant(np.array(value)) for value in (False, True))
