"""Lowerings of the elementwise functions of complex numbers that are more than one IR op.

As in `scalar_lowering`: `lower(b, *operands, dtype)`, branch-free.
"""

from __future__ import annotations

from typing import Any

from scancc.ir.types import scalar


def parts(b: Any, z: Any) -> tuple[Any, Any]:
    return real(b, z, ""), imag(b, z, "")


def real(b: Any, z: Any, dtype: str) -> Any:
    return b.op("complex.re", [z], [z.type.element])


def imag(b: Any, z: Any, dtype: str) -> Any:
    return b.op("complex.im", [z], [z.type.element])


def make_complex(b: Any, x: Any, y: Any, dtype: str) -> Any:
    return b.op("complex.create", [x, y], [scalar(dtype)])


def conj(b: Any, z: Any, dtype: str) -> Any:
    x, y = parts(b, z)
    return b.op("complex.create", [x, b.negf(y)], [z.type])


def absolute(b: Any, z: Any, dtype: str) -> Any:
    return b.op("scan.hypot", [*parts(b, z)], [scalar(dtype)])


def sqr(b: Any, z: Any, dtype: str) -> Any:
    return b.op("complex.mul", [z, z], [z.type])


def reciprocal(b: Any, z: Any, dtype: str) -> Any:
    return b.op("complex.div", [b.const(1.0, z.type), z], [z.type])


def power(b: Any, z: Any, w: Any, dtype: str) -> Any:
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
