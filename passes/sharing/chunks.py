"""How many rounds a chunk has."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Value


def quotient(b: Builder, x: Value, y: Value) -> Value:
    """x / y, rounded up, of sizes."""
    n, m = constant_of(x), constant_of(y)
    if n is not None and m is not None:
        return b.index(-(-n // m))
    return b.op("arith.divui", [b.addi(x, b.subi(y, b.index(1))), y], [t.index])
