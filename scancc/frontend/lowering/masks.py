"""The places where a mask is True: one pass that writes each position down and goes on where the mask holds."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.graph.variables import Apply
from scancc.frontend.lowering.context import Lowering, lowers
from scancc.frontend.lowering.shaping import n_elements, reshaped
from scancc.frontend.lowering.slices import extract_slice
from scancc.frontend.ops.masks import Nonzero
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Region, Value
from scancc.ir.parts import ScanView


@lowers(Nonzero)
def nonzero(low: Lowering, node: Apply) -> Sequence[Value]:
    """Positions in the flattened mask, from which those along its axes follow."""
    mask = low.inputs(node)[0]
    sizes = low.dims(mask)
    n = n_elements(low, sizes)
    flat = _flat_places(low, mask if len(sizes) == 1 else reshaped(low, mask, [n]), n)
    places = _along_axes(low, flat, sizes)
    low.limits.update(zip(places, sizes, strict=True))
    return places


def _flat_places(low: Lowering, mask: Value, n: Value) -> Value:
    """Where a vector of `n` bools is True. There are at most n such places, which bounds the memory; what comes after
    those found is never read."""
    b = low.b
    room = low.tensor("tensor.empty", [], t.i64, [n], sized=True)
    made = b.grouped("scan.scan", {"length": [n], "xs": [mask], "init": [b.index(0), room]}, [t.index, room.type],
                     {"depths": [t.IntAttr(1, t.i64)] * 2, "until": False}, [Region([_step(b, room.type)])])
    count, places = ScanView(made).finals
    low.record(places, [n])
    zero = b.index(0)
    length = b.minsi(b.maxsi(count, zero), n)  # says the bounds
    return extract_slice(low, places, [zero], [length], [b.index(1)], [0])


def _step(b: Builder, type: t.Type) -> Block:
    """Write the position at the place of the next one found; it stays if the mask holds here."""
    block = Block([t.index, t.i1, t.index, type])
    position, holds, count, places = block.args
    with b.at(block):
        written = b.op("tensor.insert", [b.index_cast(position, t.i64), places, count], [type])
        found = b.select(holds, b.addi(count, b.index(1)), count)
        b.make("scan.yield", [found, written])
    return block


def _along_axes(low: Lowering, flat: Value, sizes: Sequence[Value]) -> list[Value]:
    """Positions in a flattened tensor as positions along each of its axes."""
    places: list[Value] = []
    for size in reversed(sizes[1:]):
        length = low.b.index_cast(low.b.maxsi(size, low.b.index(1)), t.i64)
        places.insert(0, low.pointwise(lambda b, x, n=length: b.op("arith.remsi", [x, n], [t.i64]), [flat]))
        flat = low.pointwise(lambda b, x, n=length: b.op("arith.divsi", [x, n], [t.i64]), [flat])
    return [flat, *places]
