"""Lowerings of the elementwise functions of complex numbers that are more than one IR op.

As in `scalar_lowering`: `lower(b, *operands, dtype)`, branch-free.
"""

from __future__ import annotations

from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.types import ComplexType, Type, scalar


def parts(b: Builder, z: Value) -> tuple[Value, Value]:
    return real(b, z, ""), imag(b, z, "")


def part_type(z: Value) -> Type:
    assert isinstance(z.type, ComplexType)
    return z.type.element


def real(b: Builder, z: Value, dtype: str) -> Value:
    return b.op("complex.re", [z], [part_type(z)])


def imag(b: Builder, z: Value, dtype: str) -> Value:
    return b.op("complex.im", [z], [part_type(z)])


def make_complex(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    return b.op("complex.create", [x, y], [scalar(dtype)])


def conj(b: Builder, z: Value, dtype: str) -> Value:
    x, y = parts(b, z)
    return b.op("complex.create", [x, b.negf(y)], [z.type])


def absolute(b: Builder, z: Value, dtype: str) -> Value:
    return b.op("scan.hypot", [*parts(b, z)], [scalar(dtype)])


def sqr(b: Builder, z: Value, dtype: str) -> Value:
    return b.op("complex.mul", [z, z], [z.type])


def reciprocal(b: Builder, z: Value, dtype: str) -> Value:
    return b.op("complex.div", [b.const(1.0, z.type), z], [z.type])


def power(b: Builder, z: Value, w: Value, dtype: str) -> Value:
    """exp(w log z); 0 to a power whose real part is positive is 0, else NaN; to the power 0 it is 1."""
    zero, one, nan = (b.const(v, z.type) for v in (0.0, 1.0, complex(float("nan"), float("nan"))))
    exponent = real(b, w, dtype)
    positive = b.cmpf("ogt", exponent, b.const(0.0, exponent.type))
    nothing = b.op("complex.eq", [z, zero], [scalar("bool")])
    flat = b.op("complex.eq", [w, zero], [scalar("bool")])
    base = b.select(nothing, one, z)
    logarithm = b.op("complex.log", [base], [z.type])
    raised = b.op("complex.exp", [b.op("complex.mul", [w, logarithm], [z.type])], [z.type])
    return b.select(flat, one, b.select(nothing, b.select(positive, zero, nan), raised))
