"""What buffer ops ask of sizes and layouts."""

from __future__ import annotations

import math

from ..constraints import Rule, agree, of_types, open_sizes, shape_of
from ..core import Op
from ..ops import group
from ..slices import kept_axes
from ..types import DYNAMIC, MemRefType, Type, nbytes

MOST_STACK_NBYTES = 1 << 16  # of one alloca: a thread's stack may be small


def strides_of(type: Type) -> tuple[int | None, ...]:
    """Element strides as far as they are known; of the identity layout the row-major ones."""
    assert isinstance(type, MemRefType)
    if type.strides is not None:
        return type.strides
    strides: list[int | None] = [1]
    for n in reversed(type.shape[1:]):
        strides.insert(0, None if n is None or strides[0] is None else n * strides[0])
    return tuple(strides[:len(type.shape)])


def contiguous(number: int | None = None) -> Rule:
    """Operand `number`, or the result, has the identity layout."""
    def check(op: Op) -> str | None:
        type = op.result.type if number is None else op.operands[number].type
        return f"{type} must have no strides of its own" if getattr(type, "strides", None) is not None else None
    return of_types(check)


def neighbours(number: int) -> Rule:
    """The elements along the last axis of operand `number` are neighbours in memory."""
    def check(op: Op) -> str | None:
        strides = strides_of(op.operands[number].type)
        return None if strides[-1:] in ((), (1,)) else f"the rows of {op.operands[number].type} have gaps"
    return check


def check_alloc(op: Op) -> str | None:
    wanted, given = open_sizes(shape_of(op.result.type)), len(group(op, "dims"))
    if group(op, "symbols"):
        return "a layout has no symbols"
    return None if wanted == given else f"{op.result.type} leaves {wanted} sizes open, and {given} are given"


def check_alloca(op: Op) -> str | None:
    shape = shape_of(op.result.type)
    if open_sizes(shape):
        return "its size must be known"
    size = math.prod(n or 0 for n in shape) * nbytes(op.result.type)
    return None if size <= MOST_STACK_NBYTES else f"it takes {size} bytes of the stack, {MOST_STACK_NBYTES} at most"


def check_subview(op: Op) -> str | None:
    """The result's strides are the source's times those of the part."""
    strides = [None if s is None or by == DYNAMIC else s * by for s, by in zip(
        strides_of(op.operands[0].type), op.attrs["static_strides"].values, strict=True)]
    expected = tuple(strides[axis] for axis in kept_axes(op))
    result = op.result.type
    if not isinstance(result, MemRefType) or result.strides != expected:
        wanted = MemRefType(shape_of(result), result.element, expected)  # type: ignore[attr-defined]
        return f"the result is {result}; the part is a {wanted}"
    return None


def check_layouts(op: Op) -> str | None:
    source, result = op.operands[0].type, op.result.type
    if agree(strides_of(source), strides_of(result)):
        return None
    return f"{source} and {result} contradict each other in their strides"


def check_copy(op: Op) -> str | None:
    source, dest = (v.type for v in op.operands)
    return None if agree(shape_of(source), shape_of(dest)) else f"{source} has another shape than {dest}"


def check_transposition(op: Op) -> str | None:
    source, dest = (v.type for v in op.operands)
    if len(shape_of(source)) != 2:
        return f"{source} is no matrix"
    turned = shape_of(source)[::-1]
    return None if agree(turned, shape_of(dest)) else f"{dest} has not the shape of {source} with its axes exchanged"
