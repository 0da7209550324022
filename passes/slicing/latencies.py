"""What elementwise work costs, in cycles of one core.

Two numbers for each op on one number: how long a value takes (what a chain waits for), and how long the core is
busy with it (what a step pays for work that no chain waits for). Those of Zen 3 and 4, and close to other current
cores: a choice between schedules needs no more. What is not named takes as long as an addition of integers.
"""

from __future__ import annotations

from scancc.ir.builder import constant_of
from scancc.ir.core import Op
from scancc.ir.ops import ELEMENTWISE, has_trait
from scancc.ir.parts import Nest
from scancc.ir.powers import fixed_exponent

_LATENCY = {
    "arith.addf": 3, "arith.subf": 3, "arith.mulf": 3, "math.fma": 4, "arith.divf": 13, "math.sqrt": 20,
    "arith.remf": 30, "arith.muli": 3, "arith.divsi": 12, "arith.divui": 12, "arith.remsi": 12, "arith.remui": 12,
    "arith.maximumf": 4, "arith.minimumf": 4, "arith.cmpf": 2, "arith.sitofp": 4, "arith.uitofp": 5,
    "arith.fptosi": 5, "arith.extf": 4, "arith.truncf": 4,
    "complex.add": 3, "complex.sub": 3, "complex.mul": 7, "complex.div": 60,
}
_FUNCTION = 40  # an elementary function whose row is not here
_FUNCTIONS = {"math.absf": 1, "math.absi": 1, "math.ctpop": 3, "math.copysign": 2, "math.floor": 3,
              "math.ceil": 3, "math.roundeven": 3, "math.trunc": 3, "math.ipowi": 30, "math.powf": 80, "math.exp": 30,
              "math.log": 30, "scan.lgamma": 150, "scan.digamma": 90}
_FEW_PRODUCTS = 20  # a power that is no more
_DIVISIONS = ("arith.divsi", "arith.divui", "arith.remsi", "arith.remui")
_BY_CONSTANT = 6  # cycles of a quotient by a constant
HEAVY = 4  # busy cycles from which an op is worth a vector of its own
_BUSY = {"arith.divf": 5, "math.sqrt": 6, "arith.remf": 20, "arith.divsi": 8, "arith.divui": 8, "arith.remsi": 8,
         "arith.remui": 8, "complex.mul": 3, "complex.div": 40}


def latency(op: Op) -> int | None:
    """Cycles from the operands of an elementwise op, or an elementwise nest, to its result; None of others."""
    if op.name == "linalg.generic":
        return chain_of(op) if Nest(op).is_parallel else None
    if op.name.startswith("tensor.") or not op.operands:
        return 0  # where an element stands is known before the state is
    if not has_trait(op, ELEMENTWISE):
        return None
    if _divides_by_constant(op):
        return _BY_CONSTANT
    return _LATENCY.get(op.name, _of_function(op) if is_function(op) else 1)


def chain_of(nest: Op) -> int:
    """The longest way through a body."""
    ready: dict[object, int] = {}
    for op in nest.body.ops[:-1]:
        at = max((ready.get(v, 0) for v in op.operands), default=0) + (latency(op) or 0)
        ready.update(dict.fromkeys(op.results, at))
    return max(ready.values(), default=0)


def busy(op: Op) -> int:
    """Cycles for which an elementwise op on one number keeps the core from others like it."""
    if _divides_by_constant(op):
        return _BY_CONSTANT // 2
    if op.name in _BUSY:
        return _BUSY[op.name]
    return _of_function(op) // 2 if is_function(op) else 1


def _divides_by_constant(op: Op) -> bool:
    """Whether a quotient or remainder of integers is a product and shifts."""
    return op.name in _DIVISIONS and constant_of(op.operands[1]) is not None


def _of_function(op: Op) -> int:
    return _FUNCTIONS.get(op.name, _FUNCTION) if fixed_exponent(op) is None else _FEW_PRODUCTS


def is_function(op: Op) -> bool:
    """Whether an op is an elementary function, which is a formula of many operations."""
    dialect, _, name = op.name.partition(".")
    return dialect == "math" and name not in ("fma", "sqrt") or (
        dialect == "scan" and has_trait(op, ELEMENTWISE))
