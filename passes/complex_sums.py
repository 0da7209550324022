"""Sum only the part of complex numbers that is read of the sum.

    %s = over [i] carry(%acc = complex(0, 0)) {      %s = over [i] carry(%acc = 0) {
      %acc + %c[i] * %x[i] }                     ->    %acc + real(%c[i] * %x[i]) }
    %y = real(%s)                                    %y = %s

Why: a state-space layer reads the real part of its state's product with a vector; the imaginary part is as much work.
Each part of a sum is the sum of the parts, with the same tree: no bit depends on it.
Conservative: sums that begin with one number, of which all readers take the same part.
Cost: linear. Runs after `fuse`, which makes the nests, and after `complex-products`, which has its own.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.ops import group, operand, set_operands
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark

from .reducing.parts import PARTS, is_part, part_of, part_read


def complex_sums(module: Op) -> None:
    for op in list(module.walk()):
        if op.name == "linalg.generic" and (term := _summed(op)) is not None and (name := part_read(op.result)):
            remark("complex-sums", op, True, f"{('real', 'imaginary')[PARTS.index(name)]} parts alone are summed")
            _sum_parts(op, term, name)


def _summed(op: Op) -> Value | None:
    """What a nest sums of complex numbers, each result from one number on; None where it does something else."""
    nest = Nest(op)
    if not nest.reduced or len(op.results) != 1 or not t.is_complex(op.result.type):
        return None
    (acc,), (total,), start = nest.running, nest.elements, nest.outputs[0].op
    last = total.op
    if last is None or last.name != "complex.add" or sum(acc.uses.values()) != 1 or acc not in last.operands:
        return None
    if start is None or start.name != "tensor.splat":
        return None
    return next(v for v in last.operands if v is not acc)


def _sum_parts(op: Op, term: Value, name: str) -> None:
    nest = Nest(op)
    (acc,), last, start = nest.running, nest.elements[0].op, nest.outputs[0].op
    assert last is not None and start is not None and op.parent is not None
    acc.type = t.part(acc.type)
    inside = Builder(op.body, last, last.location)
    part = part_of(inside, term, name)
    last.replace_by([inside.make("arith.addf", [acc, part], [acc.type], dict(last.attrs)).result])
    before = Builder(op.parent, op, op.location)
    op.result.type = t.shaped(acc.type, op.result.type)
    first = before.op("tensor.splat", [part_of(before, operand(start, "value"), name), *group(start, "dims")],
                      [op.result.type])
    set_operands(op, outputs=[first])
    is_part(op.result)
