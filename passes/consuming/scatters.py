"""What is written or added at places that rows tell, as a histogram of them, one row after the other: a state.

    %hist = scatter add 1.0 to %zeros at [%places]    ->    if place < size { bins with [place] += 1.0 } else { bins }

The order is that which it has outside. Where a place is outside, a check behind the scan says so.
"""

from __future__ import annotations

from functools import reduce

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import group, operand
from scancc.ir.parts import Carry
from scancc.ir.shapes import dims_of

from .rows import RowMaker


def scattered(op: Op, maker: RowMaker) -> Carry:
    """The state that is the array so far."""
    dest, b = operand(op, "dest"), maker.b
    carry = maker.readers.scan.new_carry(dest, dest)
    sizes = dims_of(maker.before, dest)
    places = [b.index_cast(maker.row(v), t.index) for v in group(op, "indices")]
    source = operand(op, "source")
    value = maker.row(source) if isinstance(source.type, t.TensorType) else source
    inside = reduce(lambda x, y: b.op("arith.andi", [x, y], [t.i1]),
                    [b.cmpi("ult", place, size) for place, size in zip(places, sizes, strict=True)])
    then, otherwise = (Builder(Block(), None, op.location) for _ in range(2))
    then.make("scf.yield", [_written(then, op, carry.arg, places, value)])
    otherwise.make("scf.yield", [carry.arg])
    made = b.make("scf.if", [inside], [dest.type], None, [Region([side.block]) for side in (then, otherwise)])
    return carry._replace(next=made.result)


def _written(b: Builder, op: Op, array: Value, places: list[Value], value: Value) -> Value:
    type = t.element(array.type)
    if op.attrs["kind"] == "add":
        before = b.op("tensor.extract", [array, *places], [type])
        exact = {"exact": True} if t.is_float(type) else None
        value = b.op("arith.addi" if exact is None else "arith.addf", [before, value], [type], exact)
    return b.op("tensor.insert", [value, array, *places], [array.type])
