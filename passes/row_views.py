"""Takes the row that an inner loop walks along before the loop.

    scf.for %j = 0 to %n {                    %row = memref.subview %a[%i, 0][1, %n]
      %x = memref.load %a[%i, %j]       ->    scf.for %j = 0 to %n {
    }                                           %x = memref.load %row[%j] }

Why: the place of the row (`%i` times its length) is computed once, not for every element; two reads of one
row share it after `cse`. Conservative: only loads and stores whose last index changes in the loop, whose
other indices come from outside it, and whose buffer has stride one along its last axis.
Cost: one walk. Runs after `plan-memory`, before `cse`, `licm` and `vectorize`.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Value, defined_in
from scancc.ir.ops import group, lookup, name_of_whole, set_operands, whole
from scancc.ir.slices import slice_parts


def row_views(module: Op) -> None:
    for loop in list(module.walk()):
        if loop.name == "scf.for":
            for op in loop.body.ops:
                if op.name in ("memref.load", "memref.store"):
                    _use_row(op, loop)


def _use_row(op: Op, loop: Op) -> None:
    buffer, indices = whole(op), group(op, "indices")
    type = buffer.type
    assert isinstance(type, t.MemRefType)
    if len(indices) < 2 or (type.strides is not None and type.strides[-1] != 1):
        return
    body = loop.body
    if not defined_in(indices[-1], body) or any(defined_in(v, body) for v in [buffer, *indices[:-1]]):
        return
    set_operands(op, **{name_of_whole(op): [_row(buffer, type, indices[:-1], loop)], "indices": indices[-1:]})


def _row(buffer: Value, type: t.MemRefType, places: list[Value], loop: Op) -> Value:
    """The part of `buffer` that is left when all but its last index are fixed."""
    assert isinstance(loop.parent, Block)
    b = Builder(loop.parent, loop, loop.location)
    length = type.shape[-1]
    sizes = [] if length is not None else [_length(b, buffer)]
    row = t.MemRefType((length,), type.element, (1,))
    ones, whole = [1] * len(places), length if length is not None else sizes[0]
    groups, attrs = slice_parts([*places, 0], [*ones, whole], [*ones, 1])
    return b.grouped("memref.subview", {"source": [buffer], **groups}, [row], attrs).result


def _length(b: Builder, buffer: Value) -> Value:
    """The size of the last axis, which a view of the workspace has as an operand."""
    made = buffer.op
    if made is not None and "dims" in lookup(made).groups:
        return group(made, "dims")[-1]
    assert isinstance(buffer.type, t.MemRefType)
    return b.op("memref.dim", [buffer, b.index(len(buffer.type.shape) - 1)], [t.index])
