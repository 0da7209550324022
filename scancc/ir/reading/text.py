"""Types, numbers and attributes as the reading form spells them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from scancc.hashes import sha256

from .. import types as t

MOST_ELEMENTS = 8  # of a constant array that is written out
_OF_DIALECT = re.compile(r"#[\w.]+<(?:\w+ )?(\w+)>\Z")


def type_text(type: t.Type, sizes: Sequence[str] | None = None) -> str:
    """`f64`, `f64x4` a vector, `f64[%n, 3]` a tensor, `&f64[?, 3]` a buffer; `sizes` stand for the shape."""
    if isinstance(type, t.VectorType):
        return f"{type_text(type.element)}x{lanes_text(type)}"
    if isinstance(type, t.TensorType):
        return type_text(type.element) + shape_text(type.shape, sizes)
    if isinstance(type, t.MemRefType):
        space = f" in space {type.space}" if type.space else ""
        return f"&{type_text(type.element)}{_layout(type, sizes)}{space}"
    if isinstance(type, t.ComplexType):
        return f"c{2 * type.element.width}"
    return str(type)


def lanes_text(type: t.Type) -> str:
    """How many lanes a vector has."""
    return "x".join(map(str, getattr(type, "shape", ())))


def shape_text(shape: Sequence[int | None], sizes: Sequence[str] | None = None) -> str:
    return "[" + ", ".join(sizes if sizes is not None else ["?" if n is None else str(n) for n in shape]) + "]"


def _layout(type: t.MemRefType, sizes: Sequence[str] | None) -> str:
    """The shape, each axis with its stride where rows do not just follow each other."""
    if type.strides is None:
        return shape_text(type.shape, sizes)
    axes = sizes if sizes is not None else ["?" if n is None else str(n) for n in type.shape]
    strides = ["?" if s is None else str(s) for s in type.strides]
    return shape_text((), [f"{n} by {s}" for n, s in zip(axes, strides, strict=True)])


def number_text(value: Any, type: t.Type, typed: bool = True) -> str:
    """A literal; with its type (`0.5f32`, `3i64`) where `typed`, but for f64, index and truth values."""
    if type == t.i1:
        return "true" if value else "false"
    text = _float_text(value, type) if isinstance(type, t.FloatType) else str(int(value))
    return text if not typed or type in (t.f64, t.index) else text + str(type)


def _float_text(value: float, type: t.FloatType) -> str:
    """The shortest text that is this number in its type."""
    if np.isnan(value):
        return _nan_text(value)
    if np.isinf(value):
        return "inf" if value > 0 else "-inf"
    return str(t.numpy_dtype(type).type(value))


def _nan_text(value: float) -> str:
    """A NaN that is not the usual one shows its bits."""
    bits = np.float64(value).view(np.uint64)
    return "nan" if bits == np.float64("nan").view(np.uint64) else f"nan(0x{int(bits):X})"


def constant_text(value: t.IntAttr | t.FloatAttr | t.Dense) -> str:
    return array_text(value) if isinstance(value, t.Dense) else number_text(value.value, value.type)


def array_text(value: t.Dense) -> str:
    """A constant array; of a large one its type, its ends and a digest, so that no two look the same."""
    kind = t.element(value.type)
    if value.data.size <= MOST_ELEMENTS:
        return f"{type_text(value.type)} {_nested_text(value.data, kind)}"
    first, last = (_element_text(value.data.flat[at], kind) for at in (0, -1))
    digest = sha256(value.data.tobytes()).hexdigest()[:8]
    return f"{type_text(value.type)} [{first}, ..., {last}] #{digest}"


def _nested_text(data: np.ndarray, kind: t.Type) -> str:
    if data.ndim:
        return "[" + ", ".join(_nested_text(row, kind) for row in data) + "]"
    return _element_text(data[()], kind)


def _element_text(value: Any, kind: t.Type) -> str:
    if isinstance(kind, t.ComplexType):
        return "({}, {})".format(*(number_text(float(p), kind.element, False) for p in (value.real, value.imag)))
    return number_text(value, kind, typed=False)


def near(text: str) -> str:
    """A text in which files below the working directory have short paths."""
    return text.replace(os.getcwd() + os.sep, "")


def quoted(text: str) -> str:
    """A string in quotes, on one line, of characters that can be printed."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text) + '"'


def attribute_text(value: Any) -> str:
    """An attribute; what stands in an array or another dialect's brackets without them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(attribute_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} {attribute_text(v)}" for key, v in value.items()) + "}"
    if isinstance(value, (t.IntAttr, t.FloatAttr)):
        return number_text(value.value, value.type, typed=value.type != t.i64)
    return _other_text(value)


def _other_text(value: Any) -> str:
    if isinstance(value, t.DenseArray):
        return " ".join(map(str, value.values))
    if isinstance(value, t.Dense):
        return array_text(value)
    if isinstance(value, t.Type):
        return type_text(value)
    inner = _OF_DIALECT.match(str(value))
    return inner.group(1) if inner else str(value)
