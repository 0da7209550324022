"""What a forward scan saves where its length differs from step to step: one part behind another.

    part = b[t-1][i: i + k]     the scan as it is:  lengths[t] = k
                                a second run:       tape[t] = set(tape[t-1], [at: at + k], part), at[t] = at[t-1] + k
                                the reverse:        tape[at: at + k]

Rows with room for the most that there may be would take a table a step. How long the tape is only the lengths tell;
the scan runs once for them, of which nothing is left where they come from sequences alone.
Conservative: one axis of unknown length, of a scan that `until` does not stop.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from scancc.frontend.graph.dims import dims, int64
from scancc.frontend.graph.variables import Apply, Constant, TensorType, Variable
from scancc.frontend.loops.scan_op import Carry, Scan
from scancc.frontend.ops.control import IfElse
from scancc.frontend.ops.indexing import set_subtensor
from scancc.frontend.ops.making import alloc
from scancc.frontend.ops.reduction import sum as sum_of
from scancc.frontend.ops.scalars import add, gt


class Tape(NamedTuple):
    """All parts, and where that of each step begins."""

    parts: Variable
    starts: Variable


def taped(node: Apply, part: Variable, axis: int, length: Variable, lengths: Variable, zero: Constant,
          is_always_computed: bool) -> Tape:
    """Run a scan once more and keep `part`. length: of its axis in a step, 0 where it is not computed; lengths: the
    rows of that."""
    assert isinstance(node.op, Scan)
    inputs, body = node.op.inputs_of(node.inputs), node.op.body
    outside = [node.op.extent_outside(n, inputs) for n in dims(part)]
    outside[axis] = sum_of(lengths)
    shape = tuple(None if k == axis else n for k, n in enumerate(part.type.shape))
    tape, at = TensorType(part.dtype, shape)("tape"), TensorType("int64", ())("at")
    end = add(at, length)
    grown = set_subtensor(tape[(*[slice(None)] * axis, slice(at, end))], part)
    if not is_always_computed:
        grown = IfElse(1).apply(gt(length, int64(0)), grown, tape)[0]
    added = (Carry(((-1, tape),), 1, grown, trace=False), Carry(((-1, at),), 1, end, trace=False))
    op = replace(node.op, body=replace(body, carry=(*body.carry, *added), ys=(at,), written=None))
    made = op.apply_to(inputs._replace(inits=[*inputs.inits, alloc(zero, *outside), int64(0)]))
    return Tape(made.carry[-2], made.ys[0])
