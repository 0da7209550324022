"""Parts of what elementwise ops make of a scan's rows, as what they make of parts.

    %d = arith.subf(%ys, %mean)                    %late = %ys[3..%n]
    %late = %d[3..%n]                       ->     %d_late = arith.subf(%late, %mean of as many)
    %s = scan.reduce sum(%late, axes 0)            %s = scan.reduce sum(%d_late, axes 0)

Whoever looks at the readers of rows then sees which rows they take.
"""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value
from scancc.ir.ops import ELEMENTWISE, NO_SPECULATION, group, has_trait, operand
from scancc.ir.parts import ScanView
from scancc.ir.shapes import dims_of
from scancc.ir.slices import constant_entries, entries, kept_axes, slice_parts

from ..slicing.latencies import HEAVY, busy
from .chains import behind, is_reduced, makes_rows
from .parts import takes_whole_rows


def sink(scan: ScanView) -> None:
    """Let light elementwise ops on rows of a scan make the parts that reductions read of what they make."""
    pending = [op for op in behind((user for rows in scan.ys for user in rows.uses), makes_rows) if _is_part(op)]
    while pending:
        part = pending.pop()
        made = operand(part, "source").op
        if made is not None and _is_light(made) and made.parent is part.parent and is_reduced(part.result):
            pending += [op for op in sunk(part, made, first_part_of) if _is_part(op)]


def _is_part(op: Op) -> bool:
    """Whether a slice takes whole rows that follow each other."""
    if op.name != "tensor.extract_slice" or entries(op, "strides")[0] != 1 or not takes_whole_rows(op):
        return False
    return len(kept_axes(op)) == len(entries(op, "sizes"))


def _is_light(op: Op) -> bool:
    """Whether an op may run for each part. (A product that several read is rounded; one of each would join a sum.)"""
    return (has_trait(op, ELEMENTWISE) and not has_trait(op, NO_SPECULATION) and len(op.results) == 1
            and busy(op) < HEAVY and op.name not in ("arith.mulf", "math.fma"))


def sunk(part: Op, made: Op, part_of: Callable[[Builder, Op, Value], Value]) -> list[Op]:
    """Make of parts what `made` makes; the parts. `part_of`: of another array what `part` is of the result."""
    assert part.parent is not None
    b = Builder(part.parent, part, made.location)
    operands = [part_of(b, part, v) if isinstance(v.type, t.TensorType) else v for v in made.operands]
    new = b.op(made.name, operands, [part.result.type], dict(made.attrs))
    new.name = made.result.name
    part.replace_by([new])
    if not made.result.uses:
        made.erase()
    return [v.op for v in operands if v.op is not None]


def first_part_of(b: Builder, part: Op, value: Value) -> Value:
    """The rows of an array that a slice takes of another one; where all are the same, as many of these."""
    assert isinstance(value.type, t.TensorType) and isinstance(part.result.type, t.TensorType)
    type = t.TensorType((part.result.type.shape[0], *value.type.shape[1:]), value.type.element)
    first, count = (entries(part, column)[0] for column in ("offsets", "sizes"))
    if value.op is not None and _repeats(value.op):
        dims = group(value.op, "dims")[int(value.type.shape[0] is None):]
        many = [count] if isinstance(count, Value) and type.shape[0] is None else []
        return b.op(value.op.name, [value.op.operands[0], *many, *dims], [type], dict(value.op.attrs))
    sizes = constant_entries(dims_of(b, value)[1:])
    groups, attrs = slice_parts([first, *[0] * len(sizes)], [count, *sizes], [1] * (1 + len(sizes)))
    return b.grouped("tensor.extract_slice", {"source": [value], **groups}, [type], attrs).result


def _repeats(op: Op) -> bool:
    """Whether all rows are the same, and any number of them would be."""
    return op.name == "tensor.splat" or op.name == "scan.broadcast" and 0 not in op.attrs["axes"].values
