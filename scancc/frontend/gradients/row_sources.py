"""Of which rows of its inputs the rows of an array are made, each told by the step that it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from scancc.frontend.gradients.row_frames import Frame, Place, first_of_slice
from scancc.frontend.graph.constants import constant_int
from scancc.frontend.graph.dims import DimShuffle, dim, dims, same_scalar
from scancc.frontend.graph.variables import Apply, Op, Variable
from scancc.frontend.ops.axes import Reshape
from scancc.frontend.ops.control import Detach
from scancc.frontend.ops.elementwise import Cast, Elemwise
from scancc.frontend.ops.index_template import FULL, Entry, pieces, slice_parts
from scancc.frontend.ops.joining import Join
from scancc.frontend.ops.lengths import Unbroadcast, product
from scancc.frontend.ops.making import Alloc, ARange
from scancc.frontend.ops.products import BatchedDot, Dot
from scancc.frontend.ops.reduction import Reduce
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor

BACKWARDS: Entry = ("s", False, False, True)
Sources = list[Frame | None]
SourceRule = Callable[[Apply, Frame], Sources | None]


def sources_of(node: Apply, frame: Frame) -> Sources | None:
    """For each input the frame of the rows that those of the result in `frame` are made of, None for what is read
    as a whole; None where there is no such frame."""
    if frame.group is not None and not isinstance(node.op, Elemwise | Cast | Detach | Alloc | Reshape):
        return None
    rule = _RULES.get(type(node.op))
    return None if rule is None else rule(node, frame)


def has_own_length(node: Apply, axis: int) -> bool:
    """Whether the result has as many rows along an axis as it says, and not as many as its inputs."""
    joined = isinstance(node.op, Join) and node.op.axis == axis
    return joined or isinstance(node.op, Alloc | ARange | Reshape) or (
        isinstance(node.op, Subtensor) and slices_steps(node, axis))


def is_view(node: Apply) -> bool:
    """Whether it is a part of what the program is given, which takes no memory."""
    return isinstance(node.op, Subtensor) and node.inputs[0].owner is None


def place_of_length(node: Apply, axis: int) -> int | None:
    """The position of the input that says how many rows there are along an axis."""
    return 1 + axis if isinstance(node.op, Alloc | Reshape) else None


# ---- rules --------------------------------------------------------------------------------------------


def _of_elements(node: Apply, frame: Frame) -> Sources:
    return [None if v.type.shape[frame.axis] == 1 else frame for v in node.inputs]


def _of_joined(node: Apply, frame: Frame) -> Sources:
    """Of arrays that are joined along the steps, or along another axis."""
    if node.op.axis != frame.axis:  # type: ignore[attr-defined]
        return [frame] * len(node.inputs)
    found, start = Sources(), Place()
    for part in node.inputs:
        found.append(frame.of_part(frame.axis, start, 1))
        start = start.plus(Place.of(dim(part, frame.axis)))
    return found


def _of_product(node: Apply, frame: Frame) -> Sources | None:
    x, y = node.inputs
    if x.ndim == 2 and frame.axis == 0:
        return [frame, None]
    return [None, frame.along(1)] if y.ndim == 2 else None


def _of_products(node: Apply, frame: Frame) -> Sources | None:
    return [frame, frame] if frame.axis == 0 else None


def _of_moved(node: Apply, frame: Frame) -> Sources | None:
    source = node.op.order[frame.axis]  # type: ignore[attr-defined]
    return [frame.along(source)] if isinstance(source, int) else None


def _of_reduced(node: Apply, frame: Frame) -> Sources:
    kept = [a for a in range(node.inputs[0].ndim) if a not in node.op.axes]  # type: ignore[attr-defined]
    return [frame.along(kept[frame.axis])]


def _of_stretched(node: Apply, frame: Frame) -> Sources:
    value, *lengths = node.inputs
    is_stretched = value.ndim == 0 or value.type.shape[frame.axis] == 1
    return [None if is_stretched else frame, *(None for _ in lengths)]


def _of_numbers(node: Apply, frame: Frame) -> Sources | None:
    start, _, step = map(constant_int, node.inputs)
    return [None, None, None] if start == 0 and step == 1 and node.op.dtype == "int64" else None  # type: ignore[attr-defined]


def _of_reshaped(node: Apply, frame: Frame) -> Sources | None:
    """Of what keeps its rows, or has the elements of each one after the other, or has them as rows again."""
    x, *lengths = node.inputs
    rest = [None] * len(lengths)
    if frame.axis or x.ndim == 0:
        return None
    if frame.group is not None:
        width = product(dims(x)[1:])
        return [replace(frame, group=None), *rest] if len(lengths) == 1 and same_scalar(width, frame.group) else None
    if same_scalar(lengths[0], dim(x, 0)):
        return [frame, *rest]
    if x.ndim == 1 and len(lengths) > 1:
        return [replace(frame, group=product(dims(node.outputs[0])[1:])), *rest]
    return None


def _of_indexed(node: Apply, frame: Frame) -> Sources | None:
    """Of a part along other axes, or a slice of the steps; of what has something written there."""
    reads = isinstance(node.op, Subtensor)
    axis = _axis_read(node, frame.axis) if reads else frame.axis
    entry, places = node.op.template[axis], [None] * (len(node.inputs) - 1)  # type: ignore[attr-defined]
    if entry != FULL and not _is_plain_slice(node, axis):
        return None
    if reads:
        whole = frame.along(axis) if entry == FULL else frame.of_whole(axis, *slice_of(node, axis))
        return None if whole is None else [whole, *places]
    part = sum(e != "i" for e in node.op.template[:axis])  # type: ignore[attr-defined]
    if node.inputs[1].type.shape[part] == 1:
        return [frame, None, *places[1:]] if entry == FULL else None
    return [frame, frame.along(part) if entry == FULL else frame.of_part(part, *slice_of(node, axis)), *places[1:]]


def _axis_read(node: Apply, axis: int) -> int:
    """The axis of the array that an axis of its part is."""
    template = node.op.template  # type: ignore[attr-defined]
    return [a for a, entry in enumerate(template) if entry != "i"][axis]


def slices_steps(node: Apply, axis: int) -> bool:
    """Whether it reads or writes a part of the steps, which are along an axis of the result."""
    if not isinstance(node.op, Subtensor | IncSubtensor):
        return False
    return node.op.template[_axis_read(node, axis) if isinstance(node.op, Subtensor) else axis] != FULL


def _is_plain_slice(node: Apply, axis: int) -> bool:
    """Whether sums tell which rows it takes: from one on by a known step, or all of them backwards."""
    entry, operands = _entry(node, axis)
    if isinstance(entry, str):
        return False
    by = slice_parts(entry, operands)[2]
    step = 1 if by is None else constant_int(by)
    return step is not None and (step > 0 or step == -1 and entry == BACKWARDS)


def _entry(node: Apply, axis: int) -> tuple[Entry, list[Variable]]:
    n_arrays = 1 if isinstance(node.op, Subtensor) else 2
    return pieces(node.op.template, node.inputs[n_arrays:])[axis]  # type: ignore[attr-defined]


def slice_of(node: Apply, axis: int) -> tuple[Place, int]:
    """Where a slice begins, and its step."""
    entry, operands = _entry(node, axis)
    assert not isinstance(entry, str)
    length = dim(node.inputs[0], axis)
    if entry == BACKWARDS and constant_int(operands[0]) == -1:
        return Place.of(length).plus(Place(-1)), -1
    start, _, by = slice_parts(entry, operands)
    step = 1 if by is None else constant_int(by)
    assert step is not None
    return first_of_slice(start, length), step


def _of_picked(node: Apply, frame: Frame) -> Sources | None:
    """Of what has a place in each row read or written, as `x[arange(n), classes]`, or the same places in all rows."""
    reads, template = isinstance(node.op, AdvancedSubtensor), node.op.template  # type: ignore[attr-defined]
    in_each = numbers_rows(node)
    if frame.axis or not in_each and not (template[0] == FULL and AdvancedSubtensor(template).place > 0):
        return None
    places: Sources = [frame if in_each and v.ndim > 0 else None for v in node.inputs[1 if reads else 2:]]
    if reads:
        return [frame, *places]
    return [frame, None if node.inputs[1].type.shape[0] == 1 else frame, *places]


def numbers_rows(node: Apply) -> bool:
    """Whether it reads or writes a place in each row."""
    match node.op:
        case AdvancedSubtensor(template=("a", *_)) | AdvancedIncSubtensor(template=("a", *_)):
            x, places = node.inputs[0], node.inputs[place_of_numbers(node)]
            if places.ndim != 1 or places.owner is None or not isinstance(places.owner.op, ARange):
                return False
            start, stop, step = places.owner.inputs
            return constant_int(start) == 0 and constant_int(step) == 1 and same_scalar(stop, dim(x, 0))
    return False


def place_of_numbers(node: Apply) -> int:
    """The position of the input that numbers the rows."""
    return 2 if isinstance(node.op, AdvancedIncSubtensor) else 1


_RULES: dict[type[Op], SourceRule] = {
    **dict.fromkeys((Elemwise, Cast, Detach, Unbroadcast), _of_elements),
    Join: _of_joined, Dot: _of_product, BatchedDot: _of_products, DimShuffle: _of_moved, Reduce: _of_reduced,
    Alloc: _of_stretched, ARange: _of_numbers, Reshape: _of_reshaped,
    **dict.fromkeys((Subtensor, IncSubtensor), _of_indexed),
    **dict.fromkeys((AdvancedSubtensor, AdvancedIncSubtensor), _of_picked),
}
