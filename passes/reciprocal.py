"""Divide by what a loop does not change by multiplying with its reciprocal.

    scan.scan { %y = arith.divf(%x, %c)  }   ->   %r = arith.divf(%one, %c)
                                                  scan.scan { %y = arith.mulf(%x, %r) }

Why: a division takes 13 to 23 cycles on current cores, a product 3 to 4, and on the chain from a state to the next
that is the speed of the scan. Only where `approximate` is allowed: the result is rounded twice (1.5 ulp in place of
0.5), and is infinite or NaN where the reciprocal overflows (|c| < 2**-1024 in float64).
Conservative: only a scalar divisor that comes from outside the step or the loop nest; float16 stays.
Cost: linear. Runs after `fuse`, which makes scalars of what is the same for all elements.
Source: LLVM's `arcp`.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Value, defined_in
from scancc.ir.fast_math import allowed
from scancc.ir.ops import LOOP, has_trait, operand
from scancc.ir.remarks import remark


def reciprocal(module: Op) -> None:
    """Rewrite in every loop in which `approximate` is allowed."""
    for loop in list(module.walk()):
        if has_trait(loop, LOOP) and allowed(loop).allows("approximate"):
            for op in list(loop.body.ops):
                if _divides_by_invariant(op, loop.body):
                    _multiply(op, loop)


def _divides_by_invariant(op: Op, body: Block) -> bool:
    return (op.name == "arith.divf" and isinstance(op.result.type, t.FloatType) and op.result.type != t.f16
            and not defined_in(operand(op, "rhs"), body))


def _multiply(op: Op, loop: Op) -> None:
    x, divisor = op.operands
    inverse = _inverse(divisor, loop, op)
    assert op.parent is not None
    product = Builder(op.parent, op, op.location).mulf(x, inverse)
    product.name = op.result.name
    remark("reciprocal", op, True, "the divisor does not change in the loop: a product with its reciprocal",
           part="approximate")
    op.replace_by([product])


def _inverse(divisor: Value, loop: Op, op: Op) -> Value:
    assert loop.parent is not None
    outside = Builder(loop.parent, loop, op.location)
    return outside.divf(outside.const(1.0, divisor.type), divisor)
