"""Types and constants as text: what the parser finds as one token.

Functions here raise ValueError, which says what is wrong with the text.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

import numpy as np

from ..artifact import MOST_ELEMENTS
from . import types as t

MOST_LANES = 4096
MOST_CONSTANT_NBYTES = 1 << 28  # of one dense<...>, which may be few characters

_SHAPE = re.compile(r"((?:(?:\?|[0-9]+)x)*)(.*)", re.DOTALL)
_STRIDED = re.compile(r"strided<\[([^\]]*)\](?:, offset: (?:\?|-?[0-9]+))?>")
_ELEMENT = re.compile(r"[^\[\],\s()]+|\([^()]*\)")
_ESCAPE = re.compile(rb'\\([0-9A-Fa-f]{2}|[nt"\\])')
_MAP = re.compile(r"affine_map<\(([^()]*)\)\s*->\s*\(([^()]*)\)>")


@functools.lru_cache(maxsize=4096)
def plain_type(text: str) -> t.Type:
    """The type of one type token; ValueError says what is wrong with it."""
    if text == "index":
        return t.index
    if text[0] in "if" and text[1:].isdigit():
        return _number_type(text)
    kind, inner = text[:-1].split("<", 1)
    if kind == "complex":
        element = plain_type(inner)
        if element not in (t.f32, t.f64):
            raise ValueError(f"complex numbers are of f32 or f64, not {inner}")
        return t.c64 if element == t.f32 else t.c128
    return _shaped_type(kind, inner)


def _number_type(text: str) -> t.Type:
    width = int(text[1:])
    if text[0] == "f":
        if width not in (16, 32, 64):
            raise ValueError(f"there is no float type {text}; there are f16, f32 and f64")
        return t.FloatType(width)
    if width not in (1, 8, 16, 32, 64):
        raise ValueError(f"there is no integer type {text}; there are i1, i8, i16, i32 and i64")
    return t.IntType(width)


def _shaped_type(kind: str, inner: str) -> t.Type:
    match = _SHAPE.match(inner)
    assert match is not None
    element_text, *rest = _split(match[2])
    element = plain_type(_checked(element_text))
    shape = tuple(None if n == "?" else int(n) for n in match[1].split("x")[:-1])
    if math.prod(n or 1 for n in shape) > MOST_ELEMENTS:
        raise ValueError(f"a {kind} has at most 2**{MOST_ELEMENTS.bit_length() - 1} elements")
    if kind == "memref":
        return _buffer_type(shape, element, rest)
    if rest:
        raise ValueError(f"a {kind} has a shape and an element type only, not '{', '.join(rest)}'")
    if kind == "tensor":
        return t.TensorType(shape, element)
    if None in shape or 0 in shape or math.prod(n or 0 for n in shape) > MOST_LANES:
        raise ValueError(f"the sizes of a vector are known and positive, and it has at most {MOST_LANES} lanes")
    if isinstance(element, t.ComplexType):
        raise ValueError("the lanes of a vector are integers, indices or floats")
    return t.VectorType(tuple(n for n in shape if n is not None), element)


def _buffer_type(shape: tuple[int | None, ...], element: t.Type, rest: list[str]) -> t.Type:
    strides: tuple[int | None, ...] | None = None
    if rest and (match := _STRIDED.fullmatch(rest[0])):
        strides = tuple(None if s.strip() == "?" else int(s) for s in match[1].split(",") if s.strip())
        rest = rest[1:]
        if len(strides) != len(shape):
            raise ValueError(f"a memref has a stride for each of its {len(shape)} axes, not {len(strides)}")
    space = int(rest.pop()) if rest and rest[0].isdigit() else 0
    if rest:
        raise ValueError(f"a memref has strided<[..], offset: ?> and a memory space, not '{rest[0]}'")
    return t.MemRefType(shape, element, strides, space)


def _checked(text: str) -> str:
    if not re.fullmatch(r"index|[if][0-9]+|complex<.*>", text):
        raise ValueError(f"'{text}' is no element type; there are i1 to i64, f16 to f64, index, complex<f64>")
    return text


def _split(text: str) -> list[str]:
    """The parts between commas that lie in no bracket."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "<[(") - (char in ">])")
        if char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]


@functools.lru_cache(maxsize=1024)
def affine_map(text: str) -> t.AffineMap:
    match = _MAP.fullmatch(text)
    assert match is not None
    dims = [d.strip() for d in match[1].split(",") if d.strip()]
    results = [r.strip() for r in match[2].split(",") if r.strip()]
    unknown = [r for r in results if r != "0" and r not in dims]
    if unknown:
        raise ValueError(f"a map's results are loop dimensions or 0, not '{unknown[0]}'")
    return t.AffineMap(len(dims), tuple(None if r == "0" else dims.index(r) for r in results))


def dense_array(text: str) -> t.DenseArray:
    kind, _, values = text[len("array<"):-1].partition(":")
    element = _number_type(kind.strip()) if re.fullmatch(r"i[0-9]+", kind.strip()) else None
    if not isinstance(element, t.IntType):
        raise ValueError(f"an array attribute is of integers (array<i64: 1, 2>), not of '{kind.strip()}'")
    return t.DenseArray(element, tuple(_integer(v.strip(), element) for v in values.split(",") if values.strip()))


def dense(body: str, type: t.Type) -> t.Dense:
    """The constant between the angle brackets of `dense<...>`: nested lists, one number for all, or bytes."""
    if not isinstance(type, (t.TensorType, t.VectorType)) or None in type.shape:
        raise ValueError(f"dense<...> is of a tensor or vector whose shape is known, not {type}")
    shape, kind = tuple(n for n in type.shape if n is not None), t.numpy_dtype(type.element)
    if math.prod(shape) * kind.itemsize > MOST_CONSTANT_NBYTES:
        raise ValueError(f"a constant has at most {MOST_CONSTANT_NBYTES} bytes")
    if body.strip().startswith('"'):
        return t.Dense(_of_bytes(body.strip(), shape, type.element), type)
    numbers = [_scalar(text, type.element) for text in _ELEMENT.findall(body)]
    if len(numbers) == 1 and "[" not in body:
        return t.Dense(np.full(shape, numbers[0], kind), type)
    if len(numbers) != math.prod(shape) or (body.strip() and not _has_shape(_nested(body), shape)):
        raise ValueError(f"the brackets hold {len(numbers)} elements in another shape than {type}")
    return t.Dense(np.array(numbers, kind).reshape(shape), type)


def _of_bytes(text: str, shape: tuple[int, ...], element: t.Type) -> np.ndarray:
    """What mlir-opt writes of many elements: their bytes (of truth values bits); of equal ones those of one."""
    data = bytes.fromhex(text.strip('"').removeprefix("0x"))
    kind, n = t.numpy_dtype(element), math.prod(shape)
    if element == t.i1:
        array = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").astype(bool)
        array = array[:1] if len(data) == 1 and n > 8 else array[:n] if len(data) == (n + 7) // 8 else array
    else:
        array = np.frombuffer(data, kind) if len(data) % kind.itemsize == 0 else np.empty(0, kind)
    if array.size not in (1, n):
        raise ValueError(f"{len(data)} bytes are not {n} elements of {element}")
    return np.broadcast_to(array, (n,)).reshape(shape).copy()


def _nested(body: str) -> list[Any]:
    """The brackets of a constant as lists, in which None stands for an element."""
    top: list[Any] = []
    stack = [top]
    for token in re.findall(r"[\[\]]|\([^()]*\)|[^\[\],\s()]+", body):
        if token == "[":
            stack[-1].append([])
            stack.append(stack[-1][-1])
        elif token != "]":
            stack[-1].append(None)
        elif len(stack) > 1:
            stack.pop()
        else:
            raise ValueError("the brackets do not match")
    return top[0] if len(stack) == len(top) == 1 else top


def _has_shape(nested: Any, shape: tuple[int, ...]) -> bool:
    if not shape:
        return nested is None or nested == [None]
    return isinstance(nested, list) and len(nested) == shape[0] and all(_has_shape(n, shape[1:]) for n in nested)


def _scalar(text: str, type: t.Type) -> Any:
    if isinstance(type, t.ComplexType):
        parts = text.strip("()").split(",")
        if len(parts) != 2:
            raise ValueError(f"'{text}' is no complex number; write (1.0, 2.0)")
        value = np.zeros((), t.numpy_dtype(type))
        value.real, value.imag = (_scalar(p.strip(), type.element) for p in parts)
        return value[()]
    if isinstance(type, t.FloatType):
        return _float(text, type)
    assert isinstance(type, (t.IntType, t.IndexType))
    return text == "true" if text in ("true", "false") and type == t.i1 else _integer(text, type)


def _integer(text: str, type: t.IntType | t.IndexType) -> int:
    """A number that the type has, read as signed or as unsigned; a signed one is given."""
    value, width = int(text, 16 if "x" in text else 10), type.width if isinstance(type, t.IntType) else 64
    if not -(1 << (width - 1)) <= value < 1 << width:
        raise ValueError(f"{text} does not fit {type}")
    return value


def _float(text: str, type: t.FloatType) -> Any:
    """A decimal number with its point, or the bits in hexadecimal."""
    if not text.startswith("0x"):
        if "." not in text:
            raise ValueError(f"a number of type {type} has a point ({text}.0), or is its bits in hexadecimal")
        return float(text)
    kind, bits = t.numpy_dtype(type), int(text, 16)
    if bits >= 1 << type.width:
        raise ValueError(f"{text} does not fit {type}")
    return np.array(bits, f"u{kind.itemsize}").view(kind)[()]


def number_attribute(text: str, type: t.Type) -> t.IntAttr | t.FloatAttr:
    if isinstance(type, t.FloatType):
        return t.FloatAttr(float(_scalar(text, type)), type)
    if isinstance(type, (t.IntType, t.IndexType)):
        return t.IntAttr(_integer(text, type), type)
    raise ValueError(f"a number has an integer, index or float type, not {type}")


def unescape(token: str) -> str:
    """The text of a string token: escapes are bytes of UTF-8."""
    if "\\" not in token:
        return token[1:-1]
    named = {b"n": b"\n", b"t": b"\t", b'"': b'"', b"\\": b"\\"}
    data = token[1:-1].encode(errors="surrogateescape")
    return _ESCAPE.sub(lambda m: named.get(m[1]) or bytes([int(m[1], 16)]), data).decode(errors="surrogateescape")
