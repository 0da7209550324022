"""`scf.if`: arrays are made in each side, and the buffer of the side taken goes on."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, Value

from .context import Context, converts
from .nests import materialise


@converts("scf.if")
def branch(c: Context, op: Op) -> None:
    """One of two regions; arrays are made in each side, and the buffer of the side taken goes on."""
    regions, yielded = [], []
    for region in op.regions:
        block = Block()
        with c.b.at(block):
            c.block(region.blocks[0])
            yielded = [_onward(c, v) for v in region.blocks[0].terminator.operands]
            c.b.make("scf.yield", yielded)
        regions.append(Region([block]))
    types = [v.type for v in yielded]
    made = c.b.make("scf.if", [c.get(op.operands[0])], types, None, regions)
    sizes = iter(made.results[sum(1 for r in op.results if r.type != t.index):])
    for old, new in zip(op.results, made.results, strict=True):
        c.env[old] = new
        if isinstance(old.type, t.TensorType):
            c.dims[new] = [next(sizes) if n is None else c.b.index(n) for n in old.type.shape]


def _onward(c: Context, value: Value) -> Value:
    """A value that leaves a branch: a scalar, or a row-major buffer under the type of its tensor."""
    if not isinstance(value.type, t.TensorType):
        return c.get(value)
    place = c.contiguous(materialise(c, value))
    type = t.MemRefType(value.type.shape, value.type.element)
    return place if place.type == type else c.b.op("memref.cast", [place], [type])
