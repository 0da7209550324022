"""The ops that combine the terms of a reduction."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op, Value
from scancc.ir.ops import operand

# By the op that combines: its kind, and what changes nothing.
KINDS: dict[str, tuple[str, object]] = {
    "arith.addf": ("add", -0.0), "arith.subf": ("add", -0.0), "math.fma": ("add", -0.0),
    "complex.add": ("add", complex(-0.0, -0.0)),
    "arith.mulf": ("mul", 1.0), "arith.addi": ("add", 0), "arith.muli": ("mul", 1),
    "arith.andi": ("and", -1), "arith.ori": ("or", 0), "arith.xori": ("xor", 0),
    "arith.maximumf": ("maximumf", float("-inf")), "arith.minimumf": ("minimumf", float("inf")),
    "arith.maxsi": ("maxsi", "least"), "arith.minsi": ("minsi", "most"), "arith.maxui": ("maxui", 0),
    "arith.minui": ("minui", -1),
}
SUMS = ("arith.addf", "arith.subf", "math.fma", "complex.add")  # the second takes the negatives of terms
ROUNDED = (*SUMS, "arith.mulf")  # their order shows in the result
MOST_LANES = 64


def combines(op: Op, running: Value) -> bool:
    """Whether an op combines a running value with a term, and nothing else does."""
    if op.name not in KINDS or running.uses != {op: 1}:
        return False
    if op.name == "math.fma":
        return operand(op, "c") is running
    return op.name != "arith.subf" or operand(op, "lhs") is running


def neutral(combine: Op, type: t.Type) -> object:
    """What changes nothing, in numbers of `type`."""
    known = KINDS[combine.name][1]
    if type == t.i1:  # true is the larger
        return {"least": False, "most": True}.get(str(known), known)
    half = 1 << (8 * t.nbytes(type) - 1)
    return {"least": -half, "most": half - 1}.get(str(known), known)
