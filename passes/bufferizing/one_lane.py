"""A scan over rows that may have one element, as a loop over numbers where they have.

    if %m == 1 and %n > 0 {               the state is a number in a register, and rows follow each other in memory
      for %t in 0..%n carry(%s = ...) { ... }
    } else {
      for %t in 0..%n carry(%row = ...) { for %i in 0..%m { ... } }
    }

Why: a row of one element goes through memory from step to step, 8 cycles or more, and its loop is set up for one
round: a batch of one took three times as long as numbers do. The pass `lanes` marks the scans for which that is so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scancc.ir import types as t
from scancc.ir.core import Block, Region, Value
from scancc.ir.ops import operand
from scancc.ir.parts import ScanView
from scancc.ir.slices import COLUMNS, entry_values

from .context import Context, is_contiguous
from .lanes import over_one_lane
from .nests import array_sizes
from .stacks import Rows


def with_one_lane(c: Context, scan: ScanView, xs: list[Value], stacks: list[Rows],
                  otherwise: Callable[[], None]) -> None:
    """The steps, of one lane alone where rows have one element, and else as `otherwise` runs them; without a step
    sizes may differ."""
    size = next(array_sizes(c, v)[0] for v in scan.init if isinstance(v.type, t.TensorType))
    one, rows = Block(), Block()
    with c.b.at(one):
        columns = [_column(c, x) if isinstance(arg.type, t.TensorType) else x
                   for x, arg in zip(xs, scan.x_args, strict=True)]
        over_one_lane(c, scan, columns, [replace(kept, buffer=_column(c, kept.buffer), places={}) for kept in stacks])
        c.b.make("scf.yield")
    with c.b.at(rows):
        otherwise()
        c.b.make("scf.yield")
    runs = c.b.cmpi("sgt", c.get(scan.length), c.b.index(0))
    is_one = c.b.condition("andi", c.b.cmpi("eq", size, c.b.index(1)), runs)
    c.b.make("scf.if", [is_one], [], None, [Region([one]), Region([rows])])


def _column(c: Context, buffer: Value) -> Value:
    """Rows of one element, under a type that says so where they lie in order: their places need no product then."""
    one, made = c.b.index(1), buffer.op
    if is_contiguous(buffer.type):
        return c.reshape(buffer, [c.sizes(buffer)[0], one])
    if made is None or made.name != "memref.subview" or not is_contiguous(operand(made, "source").type):
        return buffer
    source = operand(made, "source")
    if len(c.sizes(source)) != 2 or c.sizes(source)[1] is not c.sizes(buffer)[1]:
        return buffer
    offsets, sizes, steps = (entry_values(c.b, made, column) for column in COLUMNS)
    whole = c.reshape(source, [c.sizes(source)[0], one])
    return c.subview(whole, offsets, [sizes[0], one], steps, range(2))
