"""Elements that lie in memory from the last one to the first: vectors of them, as if they lay the other way."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.slices import slice_parts


def is_turned(buffer: Value) -> bool:
    """Whether neighbours along the last axis of a buffer lie one before the other."""
    return isinstance(buffer.type, t.MemRefType) and buffer.type.strides is not None and buffer.type.strides[-1] == -1


def forwards(b: Builder, buffer: Value, place: Sequence[Value], width: int) -> Value:
    """`width` elements of a turned buffer from `place` on, the last one first: they lie side by side in memory."""
    assert isinstance(buffer.type, t.MemRefType)
    *row, first = place
    ones = [1] * len(row)
    groups, attrs = slice_parts([*row, b.addi(first, b.index(width - 1))], [*ones, width], [*ones, -1])
    type = t.MemRefType((width,), buffer.type.element, (1,))
    return b.grouped("memref.subview", {"source": [buffer], **groups}, [type], attrs).result


def turned(b: Builder, vector: Value) -> Value:
    """The lanes of a vector from the last one to the first."""
    assert isinstance(vector.type, t.VectorType)
    lanes = tuple(reversed(range(vector.type.shape[0])))
    return b.op("vector.shuffle", [vector, vector], [vector.type], {"mask": t.DenseArray(t.i64, lanes)})
