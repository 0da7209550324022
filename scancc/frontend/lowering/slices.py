"""Slice ops: parts of tensors by offset, size and step of each axis."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.frontend.lowering.context import Lowering, tensor_type
from scancc.ir import types as t
from scancc.ir.core import Value
from scancc.ir.slices import constant_entries, slice_parts


def extract_slice(low: Lowering, value: Value, offsets: Sequence[Value], sizes: Sequence[Value],
                  steps: Sequence[Value], kept: Sequence[int]) -> Value:
    """`tensor.extract_slice`; axes not in `kept` have size 1 and go."""
    kept_sizes = [sizes[a] for a in kept]
    type = tensor_type(kept_sizes, t.element(value.type))
    groups, attrs = slice_parts(*map(constant_entries, (offsets, sizes, steps)))
    made = low.b.grouped("tensor.extract_slice", {"source": [value], **groups}, [type], attrs)
    if low.extents.hold(low.dims(value), computed=True):
        low.extents.trust(kept_sizes)
    else:
        low.extents.trust_if_kept(kept_sizes)
    return low.record(made.result, kept_sizes)
