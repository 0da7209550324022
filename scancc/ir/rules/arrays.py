"""What tensor ops of the scan dialect ask of axes and shapes."""

from __future__ import annotations

import math
from collections.abc import Callable

from ..constraints import Rule, agree, axis_in, shape_of, wrong_axes, wrong_shape
from ..core import Op
from ..types import ComplexType, IntType, Type, element, i1, i64


def _axes(op: Op, name: str = "axes") -> tuple[int, ...]:
    return tuple(op.attrs[name].values)


def _without(shape: tuple[int | None, ...], axes: tuple[int, ...]) -> tuple[int | None, ...]:
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)


def check_broadcast(op: Op) -> str | None:
    source, shape, axes = shape_of(op.operands[0].type), shape_of(op.result.type), _axes(op)
    if len(axes) != len(source):
        return f"axes must have {len(source)} entries, one an axis of the source"
    return wrong_axes(axes, len(shape))


def check_transpose(op: Op) -> str | None:
    shape, order = shape_of(op.operands[0].type), _axes(op, "permutation")
    if sorted(order) != list(range(len(shape))):
        return f"the permutation must have each axis from 0 to {len(shape) - 1} once"
    return wrong_shape("the result", op.result.type, tuple(shape[axis] for axis in order))


def check_vector(op: Op) -> str | None:
    return None if len(shape_of(op.result.type)) == 1 else "the result must be a vector"


def check_reduce(op: Op) -> str | None:
    source, axes = op.operands[0].type, _axes(op)
    return (wrong_axes(axes, len(shape_of(source))) or _check_reduced(op, element(source))
            or wrong_shape("the result", op.result.type, _without(shape_of(source), axes), element(source)))


def _check_reduced(op: Op, kind: Type) -> str | None:
    word = op.attrs["kind"]
    if word in ("all", "any"):
        return None if kind == i1 else f"{word} is of truth values, not of {kind}"
    if word.endswith("u"):
        return None if isinstance(kind, IntType) else f"{word} is of unsigned integers, not of {kind}"
    return f"complex numbers have no {word}" if word in ("max", "min") and isinstance(kind, ComplexType) else None


def check_argreduce(op: Op) -> str | None:
    source, axis = op.operands[0].type, op.attrs["axis"].value
    return (axis_in(source, axis) or _check_reduced(op, element(source))
            or wrong_shape("the result", op.result.type, _without(shape_of(source), (axis,)), i64))


def along_axis(op: Op) -> str | None:
    return axis_in(op.operands[0].type, op.attrs["axis"].value)


def like(number: int) -> Rule:
    """The result has the shape of operand `number`."""
    return lambda op: wrong_shape("the result", op.result.type, shape_of(op.operands[number].type))


def check_sort(op: Op) -> str | None:
    source, *part = op.operands
    wanted = i64 if op.attrs["positions"] else element(source.type)
    shape, axis = list(shape_of(source.type)), op.attrs["axis"].value
    if part:
        shape[axis:axis + 1] = shape_of(op.result.type)[axis:axis + 1]
    if len(part) not in (0, 2):
        return "a part has a first place and a size"
    return wrong_shape("the result", op.result.type, tuple(shape), wanted)


def check_concat(op: Op) -> str | None:
    axis, shape = op.attrs["axis"].value, shape_of(op.result.type)
    shapes = [shape_of(v.type) for v in op.operands]
    wrong = axis_in(op.result.type, axis)
    if wrong or not shapes:
        return wrong or "it has no inputs"
    if any(len(s) != len(shape) for s in shapes):
        return "its inputs have as many axes as the result"
    total = [s[axis] for s in shapes]
    joined = None if None in total else sum(n or 0 for n in total)
    return None if None in (joined, shape[axis]) or joined == shape[axis] else f"together they have {joined} rows"


def check_places(whole: int, part: Callable[[Op], Type]) -> Rule:
    """Axes of operand `whole` that are next to each other, addressed by the last operands; the shape of the part."""
    def check(op: Op) -> str | None:
        axes, indices = _axes(op), [v.type for v in op.operands[whole + 1:]]
        shape = shape_of(op.operands[whole].type)
        if not axes or len(axes) != len(indices) or list(axes) != list(range(axes[0], axes[0] + len(axes))):
            return "axes must be adjacent ones in order, each with an index"
        if any(not isinstance(element(type), IntType) or not agree(shape_of(type), shape_of(indices[0]))
               for type in indices):
            return "indices are integers in one shape"
        wanted = (*shape[:axes[0]], *shape_of(indices[0]), *shape[axes[-1] + 1:])
        return wrong_axes(axes, len(shape)) or wrong_shape("the part", part(op), wanted)
    return check


def check_blocks(op: Op) -> str | None:
    """A row of the second operand holds the elements of the first, one after the other."""
    block, blocks, size = *(v.type for v in op.operands[:2]), op.attrs["size"].value
    if size <= 0 or size & (size - 1):
        return "the size of a block is a power of two"
    if len(shape_of(blocks)) != 2 or element(blocks) != element(block):
        return f"{blocks} does not hold sums of {block} in its rows"
    known, row = shape_of(block), shape_of(blocks)[1]
    elements = None if None in known else math.prod(n for n in known if n is not None)
    return None if elements is None or row in (None, elements) else f"a row of {blocks} does not hold {block}"
