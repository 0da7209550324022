"""Computes functions of float32 by shorter formulas, where `approximate` is allowed.

    %y = math.tanh %x : f32    ->    %y = scan.short_tanh %x : f32

Why: a tanh in float32 with an error of 0.6 ulp is computed in float64, with half as many lanes; in float32 it is off
by 6 ulp at most (docs/math.md), and takes half the time: a recurrent layer of few units is bound by it.
Conservative: float32 alone, as float64 gains nothing.
Cost: linear. Runs after `fuse`: what it makes of a step is final.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op
from scancc.ir.fast_math import allowed
from scancc.ir.remarks import remark

SHORT = {"math.tanh": "scan.short_tanh"}


def short_functions(module: Op) -> None:
    """Replace every function that has a shorter formula, and may have it."""
    for op in list(module.walk()):
        if op.name in SHORT and t.element(op.result.type) == t.f32 and allowed(op).allows("approximate"):
            assert op.parent is not None
            b = Builder(op.parent, op, op.location)
            made = b.op(SHORT[op.name], op.operands, [op.result.type])
            made.name = op.result.name
            remark("short-functions", op, True, "in float32, with an error of 6 ulp at most in place of 0.6",
                   part="approximate")
            op.replace_by([made])
