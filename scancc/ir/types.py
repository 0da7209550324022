"""Types and attributes of the IR, in MLIR's words and spelling.

Types are immutable, and equal ones are one object. `str(type)` is MLIR's text for it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator as PyIterator
from typing import Any

import numpy as np

from scancc.late_dataclasses import dataclass


class _Interned(type):
    """The class of classes of which equal instances are one object: compared and hashed as fast as that goes."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        return _INTERNED.setdefault((cls, *vars(made).values()), made)


_INTERNED: dict[tuple[Any, ...], Any] = {}  # class and fields -> the instance


class Type(metaclass=_Interned):
    """Base of all types."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(vars(self).values())


@dataclass(frozen=True, eq=False)
class IntType(Type):
    """A signless integer of `width` bits; i1 is a truth value."""

    width: int

    def __str__(self) -> str:
        return f"i{self.width}"


@dataclass(frozen=True, eq=False)
class FloatType(Type):
    """An IEEE float of 16, 32 or 64 bits."""

    width: int

    def __str__(self) -> str:
        return f"f{self.width}"


@dataclass(frozen=True, eq=False)
class IndexType(Type):
    """Sizes, offsets and loop counters: 64 bits on every target."""

    def __str__(self) -> str:
        return "index"


@dataclass(frozen=True, eq=False)
class ComplexType(Type):
    element: FloatType

    def __str__(self) -> str:
        return f"complex<{self.element}>"


def _dims(shape: tuple[int | None, ...]) -> str:
    return "".join("?x" if n is None else f"{n}x" for n in shape)


@dataclass(frozen=True, eq=False)
class VectorType(Type):
    shape: tuple[int, ...]
    element: Type

    def __str__(self) -> str:
        return f"vector<{_dims(self.shape)}{self.element}>"


@dataclass(frozen=True, eq=False)
class TensorType(Type):
    """A value with a shape; None is a dimension known at run time only."""

    shape: tuple[int | None, ...]
    element: Type

    def __str__(self) -> str:
        return f"tensor<{_dims(self.shape)}{self.element}>"


@dataclass(frozen=True, eq=False)
class MemRefType(Type):
    """A buffer. `strides` None is the identity (row-major) layout; otherwise element strides, None
    where known at run time, with a run-time offset."""

    shape: tuple[int | None, ...]
    element: Type
    strides: tuple[int | None, ...] | None = None
    space: int = 0

    def __str__(self) -> str:
        space = f", {self.space}" if self.space else ""
        if self.strides is None:
            return f"memref<{_dims(self.shape)}{self.element}{space}>"
        strides = ", ".join("?" if s is None else str(s) for s in self.strides)
        return f"memref<{_dims(self.shape)}{self.element}, strided<[{strides}], offset: ?>{space}>"


@dataclass(frozen=True, eq=False)
class FunctionType(Type):
    inputs: tuple[Type, ...]
    results: tuple[Type, ...]

    def __str__(self) -> str:
        results = ", ".join(map(str, self.results))
        if len(self.results) != 1:
            results = f"({results})"
        return f"({', '.join(map(str, self.inputs))}) -> {results}"


index = IndexType()
i1, i8, i16, i32, i64 = (IntType(w) for w in (1, 8, 16, 32, 64))
f16, f32, f64 = FloatType(16), FloatType(32), FloatType(64)
c64, c128 = ComplexType(f32), ComplexType(f64)

_NUMPY_TO_TYPE: dict[str, Type] = {
    "bool": i1, "int8": i8, "int16": i16, "int32": i32, "int64": i64,
    "uint8": i8, "uint16": i16, "uint32": i32, "uint64": i64,
    "float16": f16, "float32": f32, "float64": f64, "complex64": c64, "complex128": c128,
}
_TYPE_TO_NUMPY: dict[Type, np.dtype] = {
    i1: np.dtype("bool"), i8: np.dtype("int8"), i16: np.dtype("int16"), i32: np.dtype("int32"),
    i64: np.dtype("int64"), index: np.dtype("int64"), f16: np.dtype("float16"),
    f32: np.dtype("float32"), f64: np.dtype("float64"), c64: np.dtype("complex64"),
    c128: np.dtype("complex128"),
}


def scalar(dtype: str) -> Type:
    """The scalar type of a NumPy dtype name; integers lose their sign (ops carry it)."""
    return _NUMPY_TO_TYPE[dtype]


def numpy_dtype(type: Type) -> np.dtype:
    """The NumPy dtype that holds values of a scalar type (signed where it is an integer)."""
    return _TYPE_TO_NUMPY[type]


def element(type: Type) -> Type:
    """The scalar type of a scalar, vector, tensor or buffer."""
    return type.element if isinstance(type, (TensorType, MemRefType, VectorType)) else type


def row_type(type: Type) -> Type:
    """The type of a row of a tensor."""
    assert isinstance(type, TensorType)
    return TensorType(type.shape[1:], type.element) if len(type.shape) > 1 else type.element


def shaped(type: Type, like: Type) -> Type:
    """Scalar `type` in the container (scalar, vector, tensor) of `like`."""
    if isinstance(like, TensorType):
        return TensorType(like.shape, type)
    if isinstance(like, VectorType):
        return VectorType(like.shape, type)
    return type


def is_float(type: Type) -> bool:
    return isinstance(element(type), FloatType)


def is_complex(type: Type) -> bool:
    return isinstance(element(type), ComplexType)


def part(type: Type) -> Type:
    """The type of the real numbers that a scalar or an element consists of: of a complex one that of its parts."""
    kind = element(type)
    return kind.element if isinstance(kind, ComplexType) else kind


def parts(type: Type) -> Type:
    """The type of the real parts of a complex number, or of a vector of them."""
    return shaped(part(type), type)


@functools.cache
def nbytes(type: Type) -> int:
    """Bytes of one element in memory (a truth value takes one)."""
    kind = element(type)
    if isinstance(kind, ComplexType):
        return 2 * nbytes(kind.element)
    if isinstance(kind, (IntType, FloatType)):
        return max(1, kind.width // 8)
    return 8


def n_elements(type: Type) -> float:
    """How many an array has; infinitely many where only running tells."""
    shape = type.shape if isinstance(type, TensorType | MemRefType) else ()
    if 0 in shape:
        return 0
    return math.inf if None in shape else math.prod(n for n in shape if n is not None)


# ---- attributes: plain Python bool, str, list, dict, Type, and these ----


@dataclass(frozen=True)
class IntAttr:
    value: int
    type: Type

    def __str__(self) -> str:
        if self.type == i1:
            return "true" if self.value else "false"
        return f"{self.value} : {self.type}"


@dataclass(frozen=True, eq=False)
class FloatAttr:
    """A float constant; compares by bits, so that -0.0, 0.0 and NaNs stay apart."""

    value: float
    type: Type

    def _key(self) -> tuple[bytes, Type]:
        return np.float64(self.value).tobytes(), self.type

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FloatAttr) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __str__(self) -> str:
        return f"{float_text(self.value, self.type)} : {self.type}"


def float_text(value: float, type: Type) -> str:
    """MLIR's text of a float: decimal where exact to read back, hexadecimal bits for inf and nan."""
    if np.isfinite(value):
        text = repr(float(value))
        return text if "." in text else text.replace("e", ".0e")
    kind = numpy_dtype(type)
    bits = np.array(value, kind).view(f"u{kind.itemsize}")
    return f"0x{int(bits):0{2 * kind.itemsize}X}"


@dataclass(frozen=True)
class DenseArray:
    """A list of integers kept by an op, such as static offsets: `array<i64: 1, 2>`."""

    element: IntType
    values: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> PyIterator[int]:
        return iter(self.values)

    def __getitem__(self, index: int) -> int:
        return self.values[index]

    def __str__(self) -> str:
        if not self.values:
            return f"array<{self.element}>"
        return f"array<{self.element}: {', '.join(map(str, self.values))}>"


class Dense:
    """A constant tensor or vector."""

    __slots__ = ("data", "type", "_hash")

    def __init__(self, data: np.ndarray, type: TensorType | VectorType) -> None:
        if data.dtype.kind == "u":  # integers are signless; one spelling for equal bits
            data = data.view(data.dtype.str.replace("u", "i"))
        self.data = np.asarray(data, order="C")
        self.type = type
        self._hash = hash((type, self.data.tobytes()))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dense) and self.type == other.type and (
            self.data.tobytes() == other.data.tobytes())

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        text = _dense_text(self.data, element(self.type)) if self.data.size else ""
        return f"dense<{text}> : {self.type}"


def _dense_text(data: np.ndarray, type: Type) -> str:
    if data.ndim:
        return "[" + ", ".join(_dense_text(row, type) for row in data) + "]"
    if isinstance(type, ComplexType):
        value = complex(data)
        return f"({float_text(value.real, type.element)}, {float_text(value.imag, type.element)})"
    if isinstance(type, FloatType):
        return float_text(float(data), type)
    return ("true" if data else "false") if type == i1 else str(int(data))


@dataclass(frozen=True)
class AffineMap:
    """Which loop dimension each axis of an operand follows: `results[axis]` is a dimension number,
    or None for the constant 0 (an axis of extent 1)."""

    n_dims: int
    results: tuple[int | None, ...]

    def __str__(self) -> str:
        dims = ", ".join(f"d{i}" for i in range(self.n_dims))
        results = ", ".join("0" if r is None else f"d{r}" for r in self.results)
        return f"affine_map<({dims}) -> ({results})>"


@dataclass(frozen=True)
class DialectAttr:
    """An attribute of another dialect, kept as its text: `#gpu<dim x>`."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Symbol:
    """A reference to a function by name."""

    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


@dataclass(frozen=True)
class Iterator:
    """How `linalg.generic` walks a loop dimension: parallel or reduction."""

    kind: str

    def __str__(self) -> str:
        return f"#linalg.iterator_type<{self.kind}>"


PARALLEL, REDUCTION = Iterator("parallel"), Iterator("reduction")
DYNAMIC = -(2**63)  # MLIR's mark of a run-time entry in a static list
