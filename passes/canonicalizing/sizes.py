"""Rules for sizes that are known to be in order: `min(n, n + 1)` is n, `n + 2 >= n` holds."""

from __future__ import annotations

import operator

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPI
from scancc.ir.linear import least, linear

from .rules import Outcome, rule

_COMPARE = {"sge": operator.ge, "sgt": operator.gt, "sle": operator.le, "slt": operator.lt}


def difference(x: Value, y: Value) -> tuple[int | None, int | None]:
    """Between what numbers x - y lies, as far as is known."""
    found = linear(x) - linear(y)
    below = least(found * -1)
    return least(found), None if below is None else -below


@rule("arith.minsi", "arith.maxsi")
def known_order(op: Op, b: Builder) -> Outcome:
    x, y = op.operands
    if x.type != t.index:
        return None
    least, most = difference(x, y)
    if least is not None and least >= 0:
        return y if op.name == "arith.minsi" else x
    if most is not None and most <= 0:
        return x if op.name == "arith.minsi" else y
    return None


@rule("arith.cmpi")
def known_comparison(op: Op, b: Builder) -> Outcome:
    x, y = op.operands
    holds = _COMPARE.get(CMPI[op.attrs["predicate"].value])
    if x.type != t.index or holds is None:
        return None
    least, most = difference(x, y)
    rising = holds(1, 0)
    if least is not None and holds(least, 0) is rising:
        return b.const(rising, t.i1)
    if most is not None and holds(most, 0) is not rising:
        return b.const(not rising, t.i1)
    return None
