"""Types and numbers of the IR in C.

A truth value is an `int`, a byte in memory. A float16 is a `float` that holds one, its bits in memory. A vector is a
type of the GNU extension, which gcc and clang have: `f64x8`; one of truth values has bytes, one of complex numbers
their parts, as in memory.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from scancc.ir import types as t

_FLOATS = {16: "float", 32: "float", 64: "double"}


def c_type(type: t.Type, memory: bool = False) -> str:
    """The C type of a scalar or vector; of a complex number that of its parts."""
    if isinstance(type, t.VectorType):
        return vector_type(type)
    if isinstance(type, t.ComplexType):
        type = type.element
    if type == t.i1:
        return "uint8_t" if memory else "int"
    if isinstance(type, t.FloatType):
        return "uint16_t" if memory and type.width == 16 else _FLOATS[type.width]
    return f"int{width(type)}_t"


def width(type: t.Type) -> int:
    """The bits of an integer."""
    return type.width if isinstance(type, t.IntType) else 64


def vector_type(type: t.VectorType) -> str:
    return f"{_lane(type)}x{n_parts(type)}"


def n_parts(type: t.VectorType) -> int:
    """How many real numbers a vector has."""
    return type.shape[0] * (2 if t.is_complex(type) else 1)


def _lane(type: t.VectorType) -> str:
    lane = t.part(type)
    if isinstance(lane, t.FloatType):
        return f"f{max(lane.width, 32)}"
    return f"i{8 if lane == t.i1 else width(lane)}"


def vector_typedef(type: t.VectorType) -> str:
    lane = _lane(type)
    kind = {"f32": "float", "f64": "double"}.get(lane, f"int{lane[1:]}_t")
    return (f"typedef {kind} {vector_type(type)} "
            f"__attribute__((vector_size({int(lane[1:]) // 8 * n_parts(type)})));")


def suffix(type: t.Type) -> str:
    """Of a function of the library for numbers of a type: f64, i32."""
    return "i64" if type == t.index else str(type)


def float_text(value: float, bits: int) -> str:
    """The shortest decimal that is this number, as `bits` many have it."""
    end = "f" if bits <= 32 else ""
    rounded = float(np.float32(value)) if end else float(value)
    if math.isnan(rounded):
        return "(float)NAN" if end else "(double)NAN"
    if math.isinf(rounded):
        return f"{'-' if rounded < 0 else ''}{'(float)' if end else '(double)'}INFINITY"
    text = repr(np.float32(value)) if end else repr(rounded)
    text = text.removeprefix("np.float32(").rstrip(")")
    return text + end


def integer_text(value: int, bits: int) -> str:
    """A signed number, with the words that C wants for the least one."""
    if value == -(1 << (bits - 1)) and bits >= 32:
        return f"INT{bits}_MIN"
    return str(value) if abs(value) < 1 << 31 else f"INT64_C({value})"


def element_text(value: Any, type: t.Type) -> str:
    """An element of a constant array in memory; a complex number is its two parts."""
    if isinstance(type, t.ComplexType):
        return f"{element_text(value.real, type.element)}, {element_text(value.imag, type.element)}"
    if isinstance(type, t.FloatType):
        return str(int(np.float16(value).view(np.uint16))) if type.width == 16 else float_text(value, type.width)
    return integer_text(int(value), width(type))
