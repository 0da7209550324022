"""What loops and code without them share of elimination: how large a pivot is, and what fails."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Value

from .context import Context


def size2(c: Context, x: Value) -> Value:
    """|x|, or |x|**2 of a complex number: what pivots are compared by."""
    if not isinstance(x.type, t.ComplexType):
        return c.b.math("absf", x)
    re, im = (c.b.op(f"complex.{p}", [x], [x.type.element]) for p in ("re", "im"))
    return c.b.addf(c.b.mulf(re, re), c.b.mulf(im, im))


def nonzero_or_one(c: Context, x: Value) -> Value:
    size = size2(c, x)
    return c.b.select(c.b.cmpf("une", size, c.b.const(0.0, size.type)), x, c.b.const(1.0, x.type))


def fail_unless(c: Context, condition: Value, message: str) -> None:
    c.b.make("scan.check", [condition], [], {"error": "LinAlgError", "message": message})
