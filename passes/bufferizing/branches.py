"""`scf.if`: arrays are made in each side, and the buffer of the side taken goes on."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.parts import Branch

from .context import Context, converts
from .nests import materialise


@converts("scf.if")
def if_(c: Context, op: Op) -> None:
    """One of two regions. Sizes of arrays are the results after all else, as lowering makes them, or asked for."""
    regions, yielded = [], []
    branch = Branch(op)
    for side in branch.sides:
        block = Block()
        with c.b.at(block):
            c.block(side)
            yielded = [_onward(c, v) for v in side.terminator.operands]
            c.b.make("scf.yield", yielded)
        regions.append(Region([block]))
    made = c.b.make("scf.if", [c.get(branch.condition)], [v.type for v in yielded], None, regions)
    sizes = iter([new for old, new in zip(op.results, made.results, strict=True) if old.type == t.index])
    for old, new in zip(op.results, made.results, strict=True):
        c.env[old] = new
        if isinstance(old.type, t.TensorType):
            c.dims[new] = [c.b.index(n) if n is not None else next(sizes, None) or _measured(c, new, axis)
                           for axis, n in enumerate(old.type.shape)]


def _measured(c: Context, buffer: Value, axis: int) -> Value:
    return c.b.op("memref.dim", [buffer, c.b.index(axis)], [t.index])


def _onward(c: Context, value: Value) -> Value:
    """A value that leaves a branch: a scalar, or a row-major buffer under the type of its tensor."""
    if not isinstance(value.type, t.TensorType):
        return c.get(value)
    place = c.contiguous(materialise(c, value))
    type = t.MemRefType(value.type.shape, value.type.element)
    return place if place.type == type else c.b.op("memref.cast", [place], [type])
