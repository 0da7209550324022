"""A sum or a choice of whole arrays in which a step changes one part of a table, as a write of that part.

    p + inc(zeros_like(p), i, x)              ->    inc(p, i, x)
    switch(arange(n) == i, x, p)              ->    ifelse(0 <= i < n, set(p, i, x), p)

The left forms go over all of the table in each step. The sum makes 0.0 of each -0.0, and no other zero: so a table of
floats begins as p + 0, and what the first step reads of it is read as it was.
Conservative: one addition into zeros, by integers and slices; the new state is that sum, and nothing but parts of the
old one is read besides. Of choices, one number at one place of the first axis.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scancc.frontend.graph.constants import constant_int, is_discrete
from scancc.frontend.graph.dims import DimShuffle, dim, dims, int64, same_scalar
from scancc.frontend.graph.variables import Apply, Constant, TensorType, Variable, ancestors, applies, rebuild_into
from scancc.frontend.loops.scan_op import Body, Carry, ScanInputs
from scancc.frontend.loops.table_writes import has_few, parts_read
from scancc.frontend.ops.control import ifelse
from scancc.frontend.ops.elementwise import Elemwise, cast
from scancc.frontend.ops.index_template import FULL
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.making import ARange, is_zeros
from scancc.frontend.ops.scalars import add, ge, logical_and, lt, switch
from scancc.frontend.ops.subtensor import IncSubtensor, Subtensor


def with_changes_as_writes(body: Body, inputs: ScanInputs[Variable]) -> tuple[Body, ScanInputs[Variable]]:
    """The step and what it begins with, where such sums and choices are writes."""
    tables = {var for carry in body.carry for _, var in carry.taps if var.ndim and not has_few(var)}
    memo: dict[Variable, Variable] = {}
    for node in applies(body.outputs) if tables else ():
        made = _chosen(node, tables)
        if made is not None:
            memo[node.outputs[0]] = rebuild_into([made], memo)[0]
    if memo:
        body = _rebuilt(body, memo)
    for number in range(len(body.carry)):
        write = _addition(body.carry[number], inputs.inits[number], tables)
        if write is not None:
            body, inputs = _added(body, inputs, number, write)
    return body, inputs


def _rebuilt(body: Body, memo: dict[Variable, Variable]) -> Body:
    made = iter(rebuild_into(body.outputs, memo))
    carry = tuple(replace(carry, next=next(made)) for carry in body.carry)
    return replace(body, carry=carry, ys=tuple(next(made) for _ in body.ys), stop=next(made, None))


# ---- choices ----


def _chosen(node: Apply, tables: set[Variable]) -> Variable | None:
    """A choice by the place in a table."""
    if not isinstance(node.op, Elemwise) or node.op.fn != "switch":
        return None
    mask, value, table = node.inputs
    place = _place_of(mask, table) if table in tables and node.outputs[0].type == table.type else None
    if place is None or not all(value.broadcastable):
        return None
    place = cast(place, "int64")
    inside = logical_and(ge(place, int64(0)), lt(place, dim(table, 0)))
    return ifelse(inside, set_subtensor(table[place], cast(value.dimshuffle(), table.dtype)), table)


def _place_of(mask: Variable, table: Variable) -> Variable | None:
    """The integer that the places along the first axis of a table are compared with."""
    node = mask.owner
    if node is not None and isinstance(node.op, DimShuffle) and node.op.order == (0, *["x"] * (table.ndim - 1)):
        node = node.inputs[0].owner
    if node is not None and isinstance(node.op, Subtensor) and node.op.template == (FULL,):
        node = node.inputs[0].owner
    if node is None or not isinstance(node.op, Elemwise) or node.op.fn != "eq":
        return None
    for places, other in (node.inputs, node.inputs[::-1]):
        made = places.owner
        if made is not None and isinstance(made.op, ARange) and all(other.broadcastable) and _is_integer(other):
            start, stop, step = made.inputs
            if constant_int(start) == 0 and constant_int(step) == 1 and same_scalar(stop, dim(table, 0)):
                return other.dimshuffle()
    return None


def _is_integer(x: Variable) -> bool:
    return is_discrete(x.dtype) and x.dtype not in ("bool", "uint64")


# ---- sums ----


def _addition(carry: Carry, begun: Variable, tables: set[Variable]) -> Apply | None:
    """What writes into the zeros that a step adds to a state."""
    node = carry.next.owner
    if carry.depth > 1 or node is None or not isinstance(node.op, Elemwise) or node.op.fn != "add":
        return None
    for (_, row) in carry.taps:
        term = next((v for v in node.inputs if v is not row), row)
        made = term.owner
        if row not in tables or row not in node.inputs or made is None or not isinstance(made.op, IncSubtensor):
            continue
        zeros = made.inputs[0]
        alike = all(map(same_scalar, dims(zeros), dims(row))) and carry.next.type == zeros.type == row.type
        is_exact = not made.op.set or is_discrete(row.dtype) or _are_zeros(begun)
        if _are_zeros(zeros) and alike and is_exact and row not in made.inputs:
            return made
    return None


def _added(body: Body, inputs: ScanInputs[Variable], number: int, write: Apply) -> tuple[Body, ScanInputs[Variable]]:
    """The step that adds to the state where it did to zeros."""
    carry, begun = body.carry[number], inputs.inits[number]
    ((_, row),) = carry.taps
    new = replace(write.op, set=False)(row, *write.inputs[1:])  # type: ignore[type-var]
    carries = list(body.carry)
    carries[number] = replace(carry, next=new)
    changed = replace(body, carry=tuple(carries))
    if is_discrete(row.dtype) or _are_zeros(begun):
        return changed, inputs
    others = [v for k, v in enumerate(body.outputs) if k != number]
    reads = parts_read([*others, *write.inputs[1:]], row)
    if reads is None:
        return body, inputs
    inits = list(inputs.inits)
    inits[number] = add(begun, Constant(np.zeros((), row.dtype)))
    inputs = inputs._replace(inits=inits)
    return _read_as_it_was(changed, inputs, reads, row, begun) if reads else (changed, inputs)


def _are_zeros(x: Variable) -> bool:
    """Whether `x` is written as zeros, none of them -0.0."""
    return is_zeros(x) and not any(isinstance(v, Constant) and np.signbit(v.data).any() for v in ancestors([x]))


def _read_as_it_was(body: Body, inputs: ScanInputs[Variable], reads: list[Apply], row: Variable, begun: Variable,
                    ) -> tuple[Body, ScanInputs[Variable]]:
    """The step whose first run reads parts of another table."""
    first, table = TensorType("bool", ())("first_step"), begun.type()
    memo: dict[Variable, Variable] = {}
    for node in reads:
        places = rebuild_into(node.inputs[1:], memo)
        memo[node.outputs[0]] = switch(first, node.op(table, *places), node.op(row, *places))
    body = _rebuilt(body, memo)
    no, yes = (Constant(np.array(value)) for value in (False, True))
    carry = Carry(((-1, first),), 1, no, trace=False)
    return (replace(body, carry=(*body.carry, carry), consts=(*body.consts, table)),
            inputs._replace(inits=[*inputs.inits, yes], consts=[*inputs.consts, begun]))
