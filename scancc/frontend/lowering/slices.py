"""Slice ops: parts of tensors by offset, size and step of each axis."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.lowering.context import Lowering, tensor_type
from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Value


def extract_slice(low: Lowering, value: Value, offsets: Sequence[Value], sizes: Sequence[Value],
                  steps: Sequence[Value], kept: Sequence[int]) -> Value:
    """`tensor.extract_slice`; axes not in `kept` have size 1 and go."""
    kept_sizes = [sizes[a] for a in kept]
    type = tensor_type(kept_sizes, t.element(value.type))
    made = low.b.grouped("tensor.extract_slice", *slice_parts([value], offsets, sizes, steps, type))
    if low.extents.hold(low.dims(value), computed=True):
        low.extents.trust(kept_sizes)
    else:
        low.extents.trust_if_kept(kept_sizes)
    return low.record(made.result, kept_sizes)


def slice_parts(first: list[Value], offsets: Sequence[Value], sizes: Sequence[Value],
                 steps: Sequence[Value], type: t.Type,
                 ) -> tuple[list[list[Value]], list[t.Type], dict[str, t.DenseArray]]:
    """Operand groups, result types and attributes of a slice op: constants become static entries."""
    groups: list[list[Value]] = [[v] for v in first]
    attrs = {}
    for name, values in (("offsets", offsets), ("sizes", sizes), ("strides", steps)):
        known = [constant_of(v) for v in values]
        groups.append([v for v, n in zip(values, known, strict=True) if n is None])
        attrs[f"static_{name}"] = t.DenseArray(t.i64, tuple(t.DYNAMIC if n is None else n for n in known))
    return groups, [type], attrs
