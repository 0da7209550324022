"""Elementwise functions and casts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scancc.frontend.graph.constants import kind
from scancc.frontend.graph.variables import Apply
from scancc.frontend.lowering.context import Lowering, lowers
from scancc.frontend.ops.elementwise import Cast, Elemwise
from scancc.frontend.ops.signatures import signature
from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value

Scalar = Callable[..., Value]


@lowers(Elemwise)
def elemwise(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, Elemwise)
    found = signature(op.fn, tuple(v.dtype for v in node.inputs))
    entry = op.scalar.lower[kind(found.compute[-1])]
    operands = low.inputs(node)
    if node.inputs[0].ndim:
        operands, _ = low.align(operands, op.fn, [v.broadcastable for v in node.inputs])
    return [low.pointwise(_scalar_function(entry, found.out), operands)]


def _scalar_function(entry: str | Scalar, dtype: str) -> Scalar:
    if not isinstance(entry, str):
        return lambda b, *operands: entry(b, *operands, dtype=dtype)
    return lambda b, *operands: b.op(entry, list(operands), [t.scalar(dtype)])


@lowers(Cast)
def cast(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, Cast)
    source = node.inputs[0].dtype
    return [low.pointwise(lambda b, x: convert(b, x, source, op.dtype), low.inputs(node))]


def convert(b: Builder, x: Value, source: str, target: str) -> Value:
    """A scalar of dtype `source` as dtype `target`, as `casts.converted` does."""
    if source == target:
        return x
    to = t.scalar(target)
    if kind(target) == "c":
        return _to_complex(b, x, source, to)
    if target == "bool":
        zero = b.const(0, x.type)
        return b.cmpf("une", x, zero) if kind(source) == "f" else b.cmpi("ne", x, zero)
    if kind(source) == "f":
        return _from_float(b, x, target, to)
    if kind(target) == "f":
        return b.op("arith.sitofp" if kind(source) == "i" else "arith.uitofp", [x], [to])
    return _resize(b, x, to, signed=kind(source) == "i")


def _to_complex(b: Builder, x: Value, source: str, to: t.Type) -> Value:
    assert isinstance(to, t.ComplexType)
    part = "float32" if to == t.c64 else "float64"
    if kind(source) != "c":
        return b.op("complex.create", [convert(b, x, source, part), b.const(0.0, to.element)], [to])
    assert isinstance(x.type, t.ComplexType)
    old = "float32" if x.type == t.c64 else "float64"
    parts = [convert(b, b.op(f"complex.{p}", [x], [x.type.element]), old, part) for p in ("re", "im")]
    return b.op("complex.create", parts, [to])


def _from_float(b: Builder, x: Value, target: str, to: t.Type) -> Value:
    if isinstance(to, t.FloatType):
        assert isinstance(x.type, t.FloatType)
        return b.op("arith.extf" if to.width > x.type.width else "arith.truncf", [x], [to])
    return b.op("arith.fptoui" if kind(target) == "u" else "arith.fptosi", [x], [to])


def _resize(b: Builder, x: Value, to: t.Type, signed: bool) -> Value:
    assert isinstance(x.type, t.IntType) and isinstance(to, t.IntType)
    if x.type.width == to.width:
        return x
    if to.width < x.type.width:
        return b.op("arith.trunci", [x], [to])
    return b.op("arith.extsi" if signed else "arith.extui", [x], [to])
