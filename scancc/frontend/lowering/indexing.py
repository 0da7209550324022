"""Indexing and slicing by NumPy's rules: bounds clip, negative positions count from the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scancc.frontend.graph.variables import Apply
from scancc.frontend.lowering.context import Lowering, lowers
from scancc.frontend.lowering.shaping import MOST_STEP, is_size, same_size, shuffle, slice_length
from scancc.frontend.lowering.slices import extract_slice
from scancc.frontend.ops.subtensor import AdvancedIncSubtensor, AdvancedSubtensor, IncSubtensor, Subtensor
from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.constants import known_integers
from scancc.ir.core import Value, encloses
from scancc.ir.equalities import compares
from scancc.ir.ops import operand
from scancc.ir.slices import constant_entries, slice_parts
from scancc.late_dataclasses import dataclass


@dataclass
class View:
    """A part of a tensor: offset, size and step an axis, and the axes that stay."""

    offsets: list[Value]
    sizes: list[Value]
    steps: list[Value]
    kept: list[int]

    @property
    def kept_sizes(self) -> list[Value]:
        return [self.sizes[a] for a in self.kept]


def view_of(low: Lowering, value: Value, template: Sequence[object], operands: Sequence[Value]) -> View:
    """The part of `value` that an index template with its operands addresses."""
    sizes = low.dims(value)
    rest = iter(operands)
    view = View([], [], [], [])
    one = low.b.index(1)
    for axis, size in enumerate(sizes):
        entry = template[axis] if axis < len(template) else ("s", False, False, False)
        if entry == "i":
            _add(view, position(low, next(rest), size, axis), one, one)
        else:
            assert isinstance(entry, tuple)
            _add(view, *_range(low, entry, rest, size))
            view.kept.append(axis)
    return view


def _add(view: View, offset: Value, size: Value, step: Value) -> None:
    view.offsets.append(offset)
    view.sizes.append(size)
    view.steps.append(step)


def position(low: Lowering, index: Value, size: Value, axis: int) -> Value:
    """An index counted from the start, checked to be inside."""
    b = low.b
    known = constant_of(index)
    at = low.index(index)
    if known is not None and known < 0:
        at = b.subi(size, b.index(-known))
        inside = b.cmpi("sge", at, b.index(0))
    elif is_size(at) or _is_counter(at):
        inside = b.cmpi("slt", at, size)
    else:
        at = b.select(b.cmpi("slt", at, b.index(0)), b.addi(at, size), at)
        inside = b.cmpi("ult", at, size)
    low.require(inside, "IndexError", f"indexing: index {{0}} is out of range for axis {axis} with length {{1}}",
                low.index(index), size)
    return at


def _is_counter(value: Value) -> bool:
    return value.op is None and value.type == t.index


def _range(low: Lowering, entry: tuple[object, ...], rest: Iterator[Value], size: Value,
           ) -> tuple[Value, Value, Value]:
    """Offset, length and step of a slice."""
    b = low.b
    start, stop, step = (low.index(next(rest)) if given else None for given in entry[1:])
    zero = b.index(0)
    if step is None or constant_of(step) == 1:
        first = zero if start is None else clip(b, start, size)
        last = size if stop is None else clip(b, stop, size)
        length = b.subi(last, first)
        ordered = stop is None or constant_of(first) == 0 or is_size(length)
        return first, length if ordered else b.maxsi(length, zero), b.index(1)
    known = constant_of(step)
    if known is None or abs(known) > MOST_STEP:  # a longer step than the axis takes one element, as one of its length
        most = b.maxsi(size, b.index(1))
        step = b.minsi(b.maxsi(step, b.subi(zero, most)), most)
    if known is None:
        low.require(b.cmpi("ne", step, zero), "ValueError", "a slice has step 0")
        up = b.cmpi("sgt", step, zero)
        first, last = (b.select(up, x, y) for x, y in zip(
            _bounds(low, start, stop, size, True), _bounds(low, start, stop, size, False), strict=True))
    else:
        low.require(b.const(known != 0, t.i1), "ValueError", "a slice has step 0")
        first, last = _bounds(low, start, stop, size, known > 0)
    return first, slice_length(low, first, last, step), step


def _bounds(low: Lowering, start: Value | None, stop: Value | None, size: Value, up: bool,
            ) -> tuple[Value, Value]:
    """Clipped bounds of a slice that goes up or down."""
    b = low.b
    if up:
        return (b.index(0) if start is None else clip(b, start, size),
                size if stop is None else clip(b, stop, size))
    top = b.subi(size, b.index(1))
    return (top if start is None else _clip_down(b, start, size),
            b.index(-1) if stop is None else _clip_down(b, stop, size))


def clip(b: Builder, bound: Value, size: Value) -> Value:
    """A slice's bound as a position from 0 to size."""
    known = constant_of(bound)
    if known is not None and known < 0:
        return b.maxsi(b.subi(size, b.index(-known)), b.index(0))
    if not (is_size(bound) or _is_counter(bound)):
        negative = b.cmpi("slt", bound, b.index(0))
        bound = b.maxsi(b.select(negative, b.addi(bound, size), bound), b.index(0))
    return bound if bound is size else b.minsi(bound, size)


def _clip_down(b: Builder, bound: Value, size: Value) -> Value:
    """A bound of a slice with negative step as a position from -1 to size - 1."""
    negative = b.cmpi("slt", bound, b.index(0))
    bound = b.select(negative, b.maxsi(b.addi(bound, size), b.index(-1)), bound)
    return b.minsi(bound, b.subi(size, b.index(1)))


@lowers(Subtensor)
def subtensor(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, Subtensor)
    value, *operands = low.inputs(node)
    view = view_of(low, value, op.template, operands)
    for axis, known in zip(view.kept, node.outputs[0].type.shape, strict=True):
        if known is not None:
            view.sizes[axis] = low.b.index(known)
    return [take(low, value, view)]


def take(low: Lowering, value: Value, view: View) -> Value:
    if not view.offsets:
        return value
    if not view.kept:
        return low.b.op("tensor.extract", [value, *view.offsets], [t.element(value.type)])
    return extract_slice(low, value, view.offsets, view.sizes, view.steps, view.kept)


@lowers(IncSubtensor)
def inc_subtensor(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, IncSubtensor)
    dest, part, *operands = low.inputs(node)
    view = view_of(low, dest, op.template, operands)
    part = fit(low, part, view.kept_sizes, "set_subtensor" if op.set else "inc_subtensor")
    if not op.set:
        part = low.pointwise(lambda b, x, y: plus(b, x, y), [take(low, dest, view), part])
    return [put(low, dest, part, view)]


def put(low: Lowering, dest: Value, part: Value, view: View) -> Value:
    """`dest` with the part at `view` replaced."""
    if not view.offsets:
        return part
    if not isinstance(part.type, t.TensorType):
        made = low.b.op("tensor.insert", [part, dest, *view.offsets], [dest.type])
        return low.record(made, low.dims(dest))
    groups, attrs = slice_parts(*map(constant_entries, (view.offsets, view.sizes, view.steps)))
    parts = {"source": [part], "dest": [dest], **groups}
    return low.record(low.b.grouped("tensor.insert_slice", parts, [dest.type], attrs).result, low.dims(dest))


def plus(b: Builder, x: Value, y: Value) -> Value:
    if t.is_complex(x.type):
        return b.op("complex.add", [x, y], [x.type])
    if x.type == t.i1:
        return b.op("arith.ori", [x, y], [x.type])
    return b.op("arith.addf" if t.is_float(x.type) else "arith.addi", [x, y], [x.type])


def fit(low: Lowering, part: Value, sizes: Sequence[Value], what: str) -> Value:
    """`part` stretched to `sizes`, which it must fit."""
    if not sizes:
        return part
    if not isinstance(part.type, t.TensorType):
        return low.splat(part, list(sizes))
    missing = len(sizes) - len(low.dims(part))
    if missing:
        part = shuffle(low, part, ["x"] * missing + list(range(len(low.dims(part)))))
    assert isinstance(part.type, t.TensorType)
    for axis, (n, own, size) in enumerate(zip(part.type.shape, low.dims(part), sizes, strict=True)):
        if n != 1 or constant_of(size) == 1:
            low.require_equal(own, size, f"{what}: a value of length {{0}} along axis {axis} does not fit "
                              "a place of length {1}")
    return low.stretch(part, list(sizes))


# ---- integer arrays as indices ----


@dataclass
class Picked:
    """An advanced index: a view first, then index tensors for adjacent axes, moved together."""

    view: View
    axes: list[int]       # axes (of the view's result) that index tensors address, ascending
    indices: list[Value]  # one for each, all of the same sizes
    first: bool           # NumPy puts the indexed axes first, because a slice stands between


def _picked(low: Lowering, value: Value, template: Sequence[object], operands: Sequence[Value]) -> Picked:
    rest = iter(operands)
    sizes = low.dims(value)
    view, axes, raw = View([], [], [], []), [], []
    one, zero = low.b.index(1), low.b.index(0)
    for axis, size in enumerate(sizes):
        entry = template[axis] if axis < len(template) else ("s", False, False, False)
        if entry == "a":
            raw.append((next(rest), size, axis))
            axes.append(axis)
            _add(view, zero, size, one)
        else:
            assert isinstance(entry, tuple)
            _add(view, *_range(low, entry, rest, size))
        view.kept.append(axis)
    indices = _aligned_indices(low, raw)
    adjacent = axes == list(range(axes[0], axes[0] + len(axes)))
    return Picked(view, axes, indices, not adjacent)


def _aligned_indices(low: Lowering, raw: list[tuple[Value, Value, int]]) -> list[Value]:
    """Index tensors broadcast together, counted from the start, and checked as a whole."""
    rank = max(len(low.dims(v)) for v, _, _ in raw)
    padded = [shuffle(low, v, ["x"] * (rank - len(low.dims(v))) + list(range(len(low.dims(v)))))
              for v, _, _ in raw]
    aligned, _ = low.align(padded, "index arrays") if rank else (padded, [])
    return [_normal_index(low, v, size, axis) for v, (_, size, axis) in zip(aligned, raw, strict=True)]


def _normal_index(low: Lowering, value: Value, size: Value, axis: int) -> Value:
    def normal(b: Builder, x: Value) -> Value:
        wide = b.op("arith.extsi", [x], [t.i64]) if x.type != t.i64 else x
        return b.select(b.cmpi("slt", wide, b.const(0, t.i64)), b.addi(wide, length), wide)

    b, limit = low.b, low.limits.get(value)
    if limit is not None and (same_size(limit, size) or _must_agree(limit, size, b)):
        return value
    message = f"indexing: an index is out of range for axis {axis} with length {{0}}"
    if _counts_from_zero(value):
        low.require(b.cmpi("ule", low.dims(value)[0], size), "IndexError", message, size)
        return value
    places = known_integers(value)
    if places and min(places) >= 0:
        low.require(b.cmpi("ugt", size, b.index(max(places))), "IndexError", message, size)
        return value
    length = b.index_cast(size, t.i64)
    at = low.pointwise(normal, [value])
    outside = low.pointwise(lambda b, x: b.cmpi("uge", x, length), [at])
    if isinstance(at.type, t.TensorType):
        axes = t.DenseArray(t.i64, tuple(range(len(low.dims(at)))))
        outside = b.op("scan.reduce", [outside], [t.i1], {"kind": "any", "axes": axes})
    inside = b.op("arith.xori", [outside, b.const(1, t.i1)], [t.i1])
    low.require(inside, "IndexError", message, size)
    return at


def _must_agree(a: Value, b: Value, here: Builder) -> bool:
    """Whether a check before requires two sizes to be equal, as numbers of any type."""
    same = [a, *(user.result for user in a.uses if user.name == "arith.index_cast")]
    compared = (user for value in same for user in value.uses
                if compares(user, "eq") and b in map(_size_behind, user.operands))
    checks = (user for compare in compared for user in compare.result.uses if user.name == "scan.check")
    return any(encloses(check.parent, here.block) for check in checks if check.parent is not None)


def _size_behind(value: Value) -> Value:
    return value.op.operands[0] if value.op is not None and value.op.name == "arith.index_cast" else value


def _counts_from_zero(value: Value) -> bool:
    """Whether an index is plainly 0, 1, 2, ...: one less than its length is the largest."""
    op = value.op
    return (op is not None and op.name == "scan.iota" and t.element(value.type) == t.i64
            and constant_of(operand(op, "start")) == 0 and constant_of(operand(op, "step")) == 1)


def _moved(picked: Picked, rank: int) -> list[int]:
    """The order of axes in which the indexed ones are adjacent and come first if they must."""
    if not picked.first:
        return list(range(rank))
    return picked.axes + [a for a in range(rank) if a not in picked.axes]


@lowers(AdvancedSubtensor)
def advanced_subtensor(low: Lowering, node: Apply) -> Sequence[Value]:
    op = node.op
    assert isinstance(op, AdvancedSubtensor)
    value, *operands = low.inputs(node)
    picked = _picked(low, value, op.template, operands)
    part = take(low, value, picked.view)
    order = _moved(picked, len(picked.view.kept))
    part = shuffle(low, part, order)
    start = 0 if picked.first else picked.axes[0]
    return [gather(low, part, picked.indices, start)]


def gather(low: Lowering, source: Value, indices: list[Value], start: int) -> Value:
    """Elements of `source` where `indices` address the axes from `start` on."""
    sizes = low.dims(source)
    result = sizes[:start] + low.dims(indices[0]) + sizes[start + len(indices):]
    axes = t.DenseArray(t.i64, tuple(range(start, start + len(indices))))
    return low.tensor("scan.gather", [source, *indices], t.element(source.type), result, {"axes": axes})


@lowers(AdvancedIncSubtensor)
def advanced_inc_subtensor(low: Lowering, node: Apply) -> Sequence[Value]:
    """`dest` with elements set or added one after the other, duplicates counting each time."""
    op = node.op
    assert isinstance(op, AdvancedIncSubtensor)
    dest, part, *operands = low.inputs(node)
    picked = _picked(low, dest, op.template, operands)
    whole = take(low, dest, picked.view)
    order = _moved(picked, len(picked.view.kept))
    moved = shuffle(low, whole, order)
    start = 0 if picked.first else picked.axes[0]
    changed = scatter(low, moved, part, picked.indices, start, op.set)
    back = shuffle(low, changed, [order.index(a) for a in range(len(order))])
    return [put(low, dest, back, picked.view)]


def scatter(low: Lowering, dest: Value, part: Value, indices: list[Value], start: int, set_: bool) -> Value:
    sizes = low.dims(dest)
    inner = low.dims(indices[0])
    what = "set_subtensor" if set_ else "inc_subtensor"
    part = fit(low, part, sizes[:start] + inner + sizes[start + len(indices):], what)
    attrs = {"axes": t.DenseArray(t.i64, tuple(range(start, start + len(indices)))),
             "kind": "set" if set_ else "add"}
    return low.record(low.b.op("scan.scatter", [part, dest, *indices], [dest.type], attrs), sizes)
