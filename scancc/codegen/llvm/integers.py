"""LLVM emitters of conversions from floats to integers: out of range the nearest integer there is, 0 of NaN.

A scalar is LLVM's own saturating conversion. Of a vector LLVM makes scalars (63 instructions for eight floats
to i32 on AVX2, 20 here), so vectors are clamped to the range first.
"""

from __future__ import annotations

import numpy as np

from ...ir import types as t
from ...ir.core import Op
from .arithmetic import float_literal
from .emitter import FunctionEmitter, emits, llvm_type, suffix, width_of


@emits("arith.fptosi", "arith.fptoui")
def float_to_int(e: FunctionEmitter, op: Op) -> None:
    signed = op.name == "arith.fptosi"
    convert = _scalar if width_of(op.result.type) == 1 else _vector
    e.env[op.result] = convert(e, op, signed)


def _scalar(e: FunctionEmitter, op: Op, signed: bool) -> str:
    source, kind = op.operands[0], llvm_type(op.result.type)
    word, stype = "fptosi" if signed else "fptoui", llvm_type(source.type)
    callee = e.out.intrinsic(f"llvm.{word}.sat.{suffix(op.result.type)}.{suffix(source.type)}", kind, stype)
    return e.emit(f"call {kind} @{callee}({stype} {e.value(source)})")


def _vector(e: FunctionEmitter, op: Op, signed: bool) -> str:
    """Clamped, converted (to 32 bits at least, which hardware has), and then what the clamp cannot give: the
    largest integer where no float is equal to it, and 0 of NaN."""
    lanes, bits, element = width_of(op.result.type), _width(op.result.type), t.element(op.operands[0].type)
    x = e.value(op.operands[0])
    if element == t.f16:
        x, element = e.emit(f"fpext <{lanes} x half> {x} to <{lanes} x float>"), t.f32
    low, top = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    wide = max(bits, 32)
    floats, ints, tests = (f"<{lanes} x {kind}>" for kind in (llvm_type(element), f"i{wide}", "i1"))
    inside = _clamped(e, x, floats, _splat(low, element, lanes), _splat(float_below(top, element), element, lanes))
    result = e.emit(f"fpto{'s' if signed or wide > bits else 'u'}i {floats} {inside} to {ints}")
    if float_below(top, element) != top:
        above = e.emit(f"fcmp oge {floats} {x}, {_splat(top + 1, element, lanes)}")
        most = "<" + ", ".join([f"i{wide} {top}"] * lanes) + ">"
        result = e.emit(f"select {tests} {above}, {ints} {most}, {ints} {result}")
    nan = e.emit(f"fcmp uno {floats} {x}, zeroinitializer")
    result = e.emit(f"select {tests} {nan}, {ints} zeroinitializer, {ints} {result}")
    return result if wide == bits else e.emit(f"trunc {ints} {result} to {llvm_type(op.result.type)}")


def _width(type: t.Type) -> int:
    element = t.element(type)
    assert isinstance(element, t.IntType)
    return element.width


def float_below(top: int, element: t.Type) -> int:
    """The largest float that is not above the integer `top`."""
    value = t.numpy_dtype(element).type(top)
    return int(value) if int(value) <= top else int(np.nextafter(value, value.dtype.type(0)))


def _splat(value: int, element: t.Type, lanes: int) -> str:
    assert isinstance(element, t.FloatType)
    literal = f"{llvm_type(element)} {float_literal(float(value), element)}"
    return "<" + ", ".join([literal] * lanes) + ">"


def _clamped(e: FunctionEmitter, x: str, floats: str, low: str, high: str) -> str:
    """x inside [low, high]; `low` of NaN."""
    tests = floats.replace(floats.split(" ")[-1], "i1>")
    above = e.emit(f"fcmp ogt {floats} {x}, {low}")
    raised = e.emit(f"select {tests} {above}, {floats} {x}, {floats} {low}")
    below = e.emit(f"fcmp olt {floats} {raised}, {high}")
    return e.emit(f"select {tests} {below}, {floats} {raised}, {floats} {high}")
