"""A table as it was some steps ago, kept by the places that the steps write.

    b[t] = set(b[t-1], i[t], f(b[t-2][j]))                        one state with two rows of n elements

    old[t] = t == 0 ? old : set(old[t-1], i[t-1], b[t-1][i[t-1]])        two tables and a place
    b[t]   = set(b[t-1], i[t], f(t == 0 ? b[-2][j] : old[t-1][j]))

A step makes a row by copying the one before it, since the row that it could write over is read by the next step. Two
tables, each written where it is, differ in the places that one step wrote: the older one is brought up to date
there, from the newer one, before that is written. It begins as the newest of the initial rows; the first steps
read the older of them. A row that is three steps old is kept up to date from the one that is two steps old, at the
places of the step before, and so on. Both kinds of write are O(touched), in the gradient too.

Two states of which one hands its table on, `p, q = q, set(q, i, f(p[j]))`, are such tables too.
Where the step writes over the oldest row, `b[t] = set(b[t-2], i[t], f(b[t-1]))`, the states exchange their places.

Conservative: writes at integers, short slices and lists whose length is known outside, one after another or on sides
of `switch` and `ifelse`; the older rows are read in such parts only; no table of few numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from scancc.frontend.graph.dims import dims, int64, same_scalar
from scancc.frontend.graph.variables import Apply, Constant, TensorType, Variable, rebuild_into
from scancc.frontend.loops.scan_op import Body, Carry, Scan, ScanInputs, is_told_outside, shape_message
from scancc.frontend.loops.table_writes import (
    Path,
    TableWrite,
    has_few,
    on_path,
    parts_read,
    writes_to,
)
from scancc.frontend.ops.control import check, ifelse
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.scalars import add, eq, gt, logical_not, logical_or, lt, switch
from scancc.late_dataclasses import dataclass

MOST_WRITES = 8  # to all older rows
Kept = tuple[Variable | None, Path]  # what says where a write is, or nothing: whether its sides are taken


def with_delayed_tables(body: Body, inputs: ScanInputs[Variable], name: str) -> tuple[Body, ScanInputs[Variable]]:
    """The step and what it begins with, where each row of a table that was handed on is a table of its own.
    name: the scan's, for errors."""
    for number in range(len(body.carry)):
        apart, carry = (body, inputs), body.carry[number]
        if not carry.taps or has_few(carry.taps[0][1]):
            continue
        if carry.depth > 1:
            apart = _rows_apart(body, inputs, number)
        table = _Table.of(*apart, number)
        if table is not None and len(table.older) >= carry.depth - 1:
            body, inputs = table.apart(*apart, name)
        elif _writes_oldest(carry):
            body, inputs = apart
    return body, inputs


def _writes_oldest(carry: Carry) -> bool:
    """Whether the new row is made over the oldest of several, which nobody needs later."""
    oldest = dict(carry.taps).get(-carry.depth)
    return carry.depth > 1 and oldest is not None and bool(writes_to(carry.next, oldest))


def _rows_apart(body: Body, inputs: ScanInputs[Variable], number: int) -> tuple[Body, ScanInputs[Variable]]:
    """The step with each row of a state as a state, which gets what the newer one was."""
    carry, rows = body.carry[number], inputs.inits[number]
    taps, some = dict(carry.taps), carry.taps[0][1]
    states = [taps.get(-k, some.type()) for k in range(1, carry.depth + 1)]
    older = [Carry(((-1, var),), 1, newer, trace=False) for newer, var in pairwise(states)]
    carries, inits = list(body.carry), list(inputs.inits)
    carries[number] = replace(carry, taps=((-1, states[0]),), depth=1)
    inits[number] = rows[carry.depth - 1]
    inits += [rows[k] for k in reversed(range(carry.depth - 1))]
    return replace(body, carry=(*carries, *older)), inputs._replace(inits=inits)


@dataclass(frozen=True)
class _Older:
    """A table as a state had it some steps ago: which state it is, and the parts of it that a step reads."""

    number: int
    table: Variable
    reads: list[Apply]


@dataclass(frozen=True)
class _Table:
    """A state that a step writes to, and the ones to which it is handed on from step to step."""

    number: int
    row: Variable
    writes: list[TableWrite]
    older: list[_Older]
    varying: set[Variable]

    @staticmethod
    def of(body: Body, inputs: ScanInputs[Variable], number: int) -> _Table | None:
        """None for a state that is no such table."""
        carry = body.carry[number]
        row = carry.taps[0][1]
        writes = writes_to(carry.next, row)
        older = _older(body, row) if writes else None
        if not writes or not older or len(writes) * len(older) > MOST_WRITES:
            return None
        table = _Table(number, row, writes, older, body.varying)
        return table if table.has_known_beginnings(body, inputs) and table.has_known_lengths(body, inputs) else None

    def has_known_beginnings(self, body: Body, inputs: ScanInputs[Variable]) -> bool:
        """Whether rows that are asked of a table, older than by two steps, are those of the newest one."""
        inits = [inputs.inits[n] for n in (self.number, *(old.number for old in self.older))]
        traced = [k for k, old in enumerate(self.older) if body.carry[old.number].trace]
        return all(v.type == inits[0].type for v in inits) and (
            not traced or all(v is inits[0] for v in inits[1: max(traced) + 1]))

    def has_known_lengths(self, body: Body, inputs: ScanInputs[Variable]) -> bool:
        scan = Scan(body)
        lengths = [n for write in self.writes for place in write.varying_places(self.varying) for n in dims(place)]
        return all(is_told_outside(n, self.varying) and scan.extent_outside(n, inputs) is not None for n in lengths)

    def apart(self, body: Body, inputs: ScanInputs[Variable], name: str) -> tuple[Body, ScanInputs[Variable]]:
        """The step with the older rows as tables that are brought up to date."""
        age = TensorType("int64", ())("age")
        begun = [inputs.inits[old.number] for old in self.older]
        first = [v.type() for v in begun]
        memo: dict[Variable, Variable] = {}
        for k, old in enumerate(self.older):
            for node in old.reads:
                places = rebuild_into(node.inputs[1:], memo)
                value = node.op(old.table, *places)
                for t in reversed(range(k + 1)):
                    if begun[k - t] is not inputs.inits[self.number]:
                        value = switch(lt(age, int64(t + 1)), node.op(first[k - t], *places), value)
                memo[node.outputs[0]] = value
        made = iter(rebuild_into(body.outputs, memo))
        carries = [replace(carry, next=next(made)) for carry in body.carry]
        ys, stop = tuple(next(made) for _ in body.ys), next(made, None)
        inits = list(inputs.inits)
        scan = Scan(body)

        def outside(lengths: list[Variable]) -> list[Variable]:
            return [n for n in (scan.extent_outside(n, inputs) for n in lengths) if n is not None]
        for old, new in zip(self.older, self._brought_up_to_date(age, memo, carries, inits, outside), strict=True):
            carries[old.number] = replace(carries[old.number], next=new)
            inits[old.number] = self._beginning(inputs, body.carry[old.number], old.number, name)
        carries.append(Carry(((-1, age),), 1, add(age, int64(1)), trace=False))
        step = Body(body.xs, tuple(carries), (*body.consts, *first), ys, stop)
        return step, inputs._replace(inits=[*inits, int64(0)], consts=[*inputs.consts, *begun])

    def _brought_up_to_date(self, age: Variable, memo: dict[Variable, Variable], carries: list[Carry],
                            inits: list[Variable], outside: Callable[[list[Variable]], list[Variable]],
                            ) -> Iterator[Variable]:
        """Each older table as the next step has it; adds the states of where earlier steps wrote."""
        newer = self.row
        places = {key: self._now(key, memo) for write in self.writes for key in self._kept(write)}
        lengths = {key: [] if key[0] is None else outside(dims(key[0])) for key in places}
        for k, old in enumerate(self.older):
            earlier = {key: place.type() for key, place in places.items()}
            carries += [Carry(((-1, var),), 1, places[key], trace=False) for key, var in earlier.items()]
            inits += [_zeros(var.dtype, lengths[key]) for key, var in earlier.items()]
            copied = self._copied(old.table, newer, earlier)
            yield ifelse(lt(age, int64(k + 1)), old.table, copied) if any(not w.path for w in self.writes) else copied
            newer, places = old.table, earlier

    def _kept(self, write: TableWrite) -> list[Kept]:
        found: list[Kept] = [(var, write.path if var.owner else ()) for var in write.varying_places(self.varying)]
        return [*found, (None, write.path)] if write.path else found

    def _now(self, key: Kept, memo: dict[Variable, Variable]) -> Variable:
        """What is kept, of this step; zeros where the step does not compute it."""
        var, path = key
        value = TRUE if var is None else rebuild_into([var], memo)[0]
        zeros = _zeros(value.dtype, dims(value))
        conditions = rebuild_into([condition for condition, _ in path], memo)
        return on_path(tuple(zip(conditions, (side for _, side in path), strict=True)), value, zeros)

    def _copied(self, old: Variable, newer: Variable, earlier: dict[Kept, Variable]) -> Variable:
        """`old` with what `newer` has where an earlier step wrote."""
        for write in self.writes:
            change = {var: earlier[var, path] for var, path in self._kept(write) if var is not None}
            changed = write.copied(old, newer, rebuild_into(write.node.inputs[2:], change))
            old = ifelse(earlier[None, write.path], changed, old) if write.path else changed
        return old

    def _beginning(self, inputs: ScanInputs[Variable], carry: Carry, number: int, name: str) -> Variable:
        """The newest initial row in place of an older one, of which the same is asked as if it were handed on."""
        newest, own = inputs.inits[self.number], inputs.inits[number]
        runs = gt(inputs.length, int64(0))
        pairs = [(axis, a, b) for axis, (a, b) in enumerate(zip(dims(own), dims(newest), strict=True))
                 if not same_scalar(a, b)]
        for axis, a, b in pairs:
            fits = logical_or(logical_not(runs), eq(a, b))
            newest = check(ValueError, shape_message(name, carry, axis), newest, fits, a, b)
        return ifelse(runs, newest, own) if pairs else newest


def _older(body: Body, row: Variable) -> list[_Older] | None:
    """The states to which a table is handed on, one after another; None where more than parts of one is read."""
    found: list[_Older] = []
    newer = row
    while (number := _handed_on(body, newer, [old.number for old in found])) is not None:
        newer = body.carry[number].taps[0][1]
        found.append(_Older(number, newer, []))
    handed = [old.number for old in found]
    values = [*(c.next for k, c in enumerate(body.carry) if k not in handed), *body.outputs[len(body.carry):]]
    several = [parts_read(values, old.table) for old in found]
    return None if None in several else [
        replace(old, reads=reads) for old, reads in zip(found, several, strict=True) if reads is not None]


def _handed_on(body: Body, table: Variable, but: Sequence[int]) -> int | None:
    """The state that a step sets to a table as it was before."""
    return next((k for k, carry in enumerate(body.carry)
                 if carry.next is table and k not in but and carry.depth == 1
                 and any(var is not table and var.type == table.type for _, var in carry.taps)), None)


def _zeros(dtype: str, lengths: Sequence[Variable]) -> Variable:
    zero = Constant(np.zeros((), dtype))
    return alloc(zero, *lengths) if lengths else zero


TRUE = Constant(np.array(True))
