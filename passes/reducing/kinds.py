"""The ops that combine the terms of a reduction."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op

# By the op that combines: its kind, and what changes nothing.
KINDS: dict[str, tuple[str, object]] = {
    "arith.addf": ("add", -0.0), "math.fma": ("add", -0.0), "complex.add": ("add", complex(-0.0, -0.0)),
    "arith.mulf": ("mul", 1.0), "arith.addi": ("add", 0), "arith.muli": ("mul", 1),
    "arith.andi": ("and", -1), "arith.ori": ("or", 0),
    "arith.maximumf": ("maximumf", float("-inf")), "arith.minimumf": ("minimumf", float("inf")),
    "arith.maxsi": ("maxsi", "least"), "arith.minsi": ("minsi", "most"), "arith.maxui": ("maxui", 0),
    "arith.minui": ("minui", -1),
}
ROUNDED = ("arith.addf", "math.fma", "complex.add", "arith.mulf")  # their order shows in the result
SUMS = ("arith.addf", "math.fma", "complex.add")
MOST_LANES = 64


def neutral(combine: Op, type: t.Type) -> object:
    """What changes nothing, in numbers of `type`."""
    known = KINDS[combine.name][1]
    if type == t.i1:  # true is the larger
        return {"least": False, "most": True}.get(str(known), known)
    half = 1 << (8 * t.nbytes(type) - 1)
    return {"least": -half, "most": half - 1}.get(str(known), known)
