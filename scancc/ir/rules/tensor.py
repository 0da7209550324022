"""What tensor ops ask of sizes, indices and parts."""

from __future__ import annotations

import math

from ..constraints import agree, axis_in, open_sizes, shape_of
from ..core import Op
from ..ops import group, operand, whole
from ..slices import COLUMNS, fitting_axes
from ..types import DYNAMIC, IntAttr


def check_dim(op: Op) -> str | None:
    """The axis is a constant: sizes are found by following it."""
    source, made = op.operands[0], op.operands[1].op
    value = made.attrs.get("value") if made is not None and made.name == "arith.constant" else None
    return axis_in(source.type, value.value) if isinstance(value, IntAttr) else "the axis must be an arith.constant"


def check_cast(op: Op) -> str | None:
    source, result = op.operands[0].type, op.result.type
    return None if agree(shape_of(source), shape_of(result)) else f"{source} and {result} contradict each other"


def check_elements(op: Op) -> str | None:
    shape = shape_of(op.result.type)
    if open_sizes(shape) or math.prod(n or 0 for n in shape) != len(op.operands):
        return f"{op.result.type} is not of {len(op.operands)} elements"
    return None


def check_inserted(op: Op) -> str | None:
    return None if op.operands[1].type == op.result.type else "dest and the result must have one type"


def check_slice(op: Op) -> str | None:
    """The entries of a part."""
    source, array = operand(op, "source"), whole(op)
    rank = len(shape_of(array.type))
    for name in COLUMNS:
        static = op.attrs[f"static_{name}"].values
        if len(static) != rank:
            return f"static_{name} must have {rank} entries, one an axis"
        if static.count(DYNAMIC) != len(group(op, name)):
            return f"static_{name} must leave one entry open for each run-time operand"
    small = op.result.type if array is source else source.type
    sizes = op.attrs["static_sizes"].values
    if fitting_axes(sizes, shape_of(small)) is None:
        return f"static_sizes leave no {small}, whichever axes of size 1 go"
    return "no size is negative" if any(n < 0 for n in sizes if n != DYNAMIC) else None
