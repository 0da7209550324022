"""Arithmetic that is written the same for real, complex and whole numbers."""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Value

from .context import Context


def add(c: Context, x: Value, y: Value) -> Value:
    if t.is_complex(x.type):
        return c.b.op("complex.add", [x, y], [x.type])
    if x.type == t.i1:
        return c.b.op("arith.ori", [x, y], [x.type])
    return c.b.addf(x, y) if t.is_float(x.type) else c.b.addi(x, y)


def multiply(c: Context, x: Value, y: Value) -> Value:
    if t.is_complex(x.type):
        return c.b.op("complex.mul", [x, y], [x.type])
    return c.b.mulf(x, y) if t.is_float(x.type) else c.b.muli(x, y)


def subtract(c: Context, x: Value, y: Value) -> Value:
    return c.b.op("complex.sub", [x, y], [x.type]) if t.is_complex(x.type) else c.b.subf(x, y)


def divide(c: Context, x: Value, y: Value) -> Value:
    return c.b.op("complex.div", [x, y], [x.type]) if t.is_complex(x.type) else c.b.divf(x, y)
