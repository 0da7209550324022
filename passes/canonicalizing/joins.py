"""Rules for arrays that are put together of others: what a gradient writes, part by part, into zeros is joined."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.constants import known_integers, made_by
from scancc.ir.constraints import shape_of
from scancc.ir.core import Op, Value
from scancc.ir.linear import Linear, balanced, linear
from scancc.ir.ops import ELEMENTWISE, OPS, group, has_trait, operand
from scancc.ir.parts import ScanView, scan_around
from scancc.ir.shapes import dims_of, dynamic_dims
from scancc.ir.slices import COLUMNS, Entry, constant_entries, entries, kept_axes, slice_parts

from .rules import Outcome, rule
from .tensors import are_apart

MOST_PARTS = 8  # that are looked at, for each of them


@rule("tensor.insert_slice")
def inserts_over_all(op: Op, b: Builder) -> Outcome:
    """Parts that are inserted in numbers that are all alike, and leave none of these, are joined."""
    sizes = list(map(linear, dims_of(b, op.result)))
    axis = next((n for n, size in enumerate(sizes) if not _takes_all(op, n, size)), None)
    if axis is None:
        return None
    inserts, dest = [op], operand(op, "dest")
    while len(inserts) < MOST_PARTS and (inner := made_by(dest, "tensor.insert_slice")):
        inserts.append(inner)
        dest = operand(inner, "dest")
    if made_by(dest, "tensor.splat") is None or not all(_lies_across(each, axis, sizes) for each in inserts):
        return None
    parts = _in_a_row(inserts, axis, sizes[axis])
    return None if parts is None else joined(b, parts, axis, op.result.type)


def _takes_all(insert: Op, axis: int, size: Linear) -> bool:
    return entries(insert, "offsets")[axis] == 0 and _is_same(linear(entries(insert, "sizes")[axis]), size)


def _lies_across(insert: Op, axis: int, sizes: Sequence[Linear]) -> bool:
    """Whether an array without gaps is inserted, as long as what is around it along all axes but one."""
    return set(entries(insert, "strides")) == {1} and kept_axes(insert) == list(range(len(sizes))) and all(
        n == axis or _takes_all(insert, n, size) for n, size in enumerate(sizes))


def _in_a_row(inserts: Sequence[Op], axis: int, whole: Linear) -> list[Value] | None:
    """What is inserted, first to last; None where it does not follow one another from the first place to the last."""
    found, left, at = list[Value](), list(inserts), Linear()
    while left:
        following = next((each for each in left if _is_same(linear(entries(each, "offsets")[axis]), at)), None)
        if following is None:
            return None
        left.remove(following)
        found.append(operand(following, "source"))
        at = at + linear(entries(following, "sizes")[axis])
    return found if _is_same(at, whole) else None


def _is_same(x: Linear, y: Linear) -> bool:
    return balanced(x - y).known == 0


def joined(b: Builder, parts: Sequence[Value], axis: int, type: t.Type) -> Value:
    """Arrays, one behind the other along an axis."""
    return b.op("scan.concat", list(parts), [type], {"axis": t.IntAttr(axis, t.i64)})


@rule("scan.broadcast")
def rows_under_new_axes(op: Op, b: Builder) -> Outcome:
    """Rows of a scan that are a result with more axes, of length 1, are made there: it is their memory, in another
    shape."""
    if op.operands[0].op is None or op.operands[0].op.name != "scan.scan" or not _is_result(op) or not _adds_axes(op):
        return None
    return _in_shape(b, op.operands[0], op.result)


@rule("scan.concat")
def stacked_results(op: Op, b: Builder) -> Outcome:
    """Rows of scans that make a result, each at a place along a new first axis, are joined one behind the other:
    scans make them in their places then."""
    parts = [v.op for v in op.operands if v.op is not None and v.op.name == "scan.broadcast" and _adds_axes(v.op)
             and v.op.attrs["axes"].values == tuple(range(1, len(v.op.result.type.shape)))]  # type: ignore[attr-defined]
    if op.attrs["axis"].value or len(parts) < len(op.operands) or not _is_result(op):
        return None
    sources = [part.operands[0] for part in parts]
    if not any(v.op is not None and v.op.name == "scan.scan" for v in sources):
        return None
    first, *rest = op.operands[0].type.shape[1:]  # type: ignore[attr-defined]
    type = t.TensorType((None if first is None else first * len(parts), *rest), t.element(op.result.type))
    return _in_shape(b, joined(b, sources, 0, type), op.result)


@rule("scan.gather")
def rows_at_known_places(op: Op, b: Builder) -> Outcome:
    """Rows of a scan at few places that the program says are parts of the rows, joined: a scan keeps no more."""
    rows, places = operand(op, "source"), known_integers(group(op, "indices")[0])
    scan = made_by(rows, "scan.scan")
    if scan is None or ScanView(scan).until or op.attrs["axes"].values != (0,):
        return None
    runs = _runs(places or [])
    if not places or min(places) < 0 or len(runs) > MOST_PARTS:
        return None
    rest, shape = constant_entries(dims_of(b, rows)[1:]), shape_of(rows.type)[1:]
    parts = [_part(b, rows, [[first, *[0] * len(rest)], [count, *rest], [stride, *[1] * len(rest)]], (count, *shape))
             for first, count, stride in runs]
    return parts[0] if len(parts) == 1 else joined(b, parts, 0, op.result.type)


def _runs(places: Sequence[int]) -> list[tuple[int, int, int]]:
    """Numbers as few runs: the first number, how many there are, and what is between them."""
    found: list[tuple[int, int, int]] = []
    for place in places:
        first, count, stride = found[-1] if found else (0, 0, 0)
        if count == 1 and place > first:
            found[-1] = first, 2, place - first
        elif count > 1 and place == first + count * stride:
            found[-1] = first, count + 1, stride
        else:
            found.append((place, 1, 1))
    return found


def _is_result(op: Op) -> bool:
    return bool(op.result.uses) and all(reader.name == "func.return" for reader in op.result.uses)


def _adds_axes(broadcast: Op) -> bool:
    """Whether an array gets axes of length 1, and no other axis a length of its own."""
    axes, source, made = broadcast.attrs["axes"].values, broadcast.operands[0].type, broadcast.result.type
    assert isinstance(made, t.TensorType)
    if not isinstance(source, t.TensorType) or not source.shape:
        return False
    return all(n == 1 for axis, n in enumerate(made.shape) if axis not in axes) and all(
        n != 1 or made.shape[axis] == 1 for axis, n in zip(axes, source.shape, strict=True))


def _in_shape(b: Builder, array: Value, made: Value) -> Value:
    """An array in the shape of another value."""
    assert isinstance(made.type, t.TensorType)
    return b.op("scan.reshape", [array, *dynamic_dims(made.type, dims_of(b, made))], [made.type])


@rule(*(name for name, declared in OPS.items() if ELEMENTWISE in declared.traits), of_arrays=True)
def map_of_joined(op: Op, b: Builder) -> Outcome:
    """Elementwise work on what other such work has made, part by part, is done on the parts."""
    join = next((join for v in op.operands if (join := made_by(v, "scan.concat")) and _is_work(join, op)), None)
    if join is None:
        return None
    axis = join.attrs["axis"].value
    made, at = list[Value](), Linear()
    for part in join.operands:
        operands = [part if v is join.result else _beside(b, v, part, axis, at) for v in op.operands]
        type = t.TensorType(shape_of(part.type), t.element(op.result.type))
        made.append(b.op(op.name, operands, [type], dict(op.attrs)))
        at = at + linear(dims_of(b, part)[axis])
    return joined(b, made, axis, op.result.type)


def _beside(b: Builder, array: Value, part: Value, axis: int, at: Linear) -> Value:
    """The part of an array that lies where a part of another one does."""
    sizes = [size if n is None else n for n, size in zip(shape_of(part.type), dims_of(b, part), strict=True)]
    first = at.built(b) if at.known is None else at.known
    offsets = [first if n == axis else 0 for n in range(len(sizes))]
    return _part(b, array, [offsets, sizes, [1] * len(sizes)], shape_of(part.type))


def _part(b: Builder, array: Value, columns: Sequence[Sequence[Entry]], shape: tuple[int | None, ...]) -> Value:
    """A part of an array, with these entries; a number is the same everywhere."""
    if not isinstance(array.type, t.TensorType):
        return array
    type = t.TensorType(shape, t.element(array.type))
    if spread := made_by(array, "scan.broadcast"):
        return _part_of_spread(b, spread, columns, type)
    groups, attrs = slice_parts(*columns)
    return b.grouped("tensor.extract_slice", {"source": [array], **groups}, [type], attrs).result


def _part_of_spread(b: Builder, spread: Op, columns: Sequence[Sequence[Entry]], type: t.TensorType) -> Value:
    """A part of what repeats an array along some axes: it repeats the part along the others."""
    source, axes = operand(spread, "source"), spread.attrs["axes"].values
    if isinstance(source.type, t.TensorType):
        taken = [[0, 1, 1] if n == 1 else [column[axis] for column in columns]
                 for n, axis in zip(shape_of(source.type), axes, strict=True)]
        shape = tuple(1 if n == 1 else type.shape[axis] for n, axis in zip(shape_of(source.type), axes, strict=True))
        source = _part(b, source, list(zip(*taken, strict=True)), shape)
    sizes = [b.index(size) if isinstance(size, int) else size for size in columns[1]]
    return b.op("scan.broadcast", [source, *dynamic_dims(type, sizes)], [type], dict(spread.attrs))


@rule("tensor.extract_slice")
def parts_of_work(op: Op, b: Builder) -> Outcome:
    """What a step makes and reads in parts, none of them twice, is made in parts."""
    source = operand(op, "source")
    work, readers = source.op, list(source.uses)
    if work is None or not has_trait(work, ELEMENTWISE) or scan_around(op) is None or len(readers) > MOST_PARTS:
        return None
    if not all(_is_part(user) and user.parent is work.parent for user in readers):
        return None
    if not all(are_apart(x, y) for n, x in enumerate(readers) for y in readers[:n]):
        return None
    columns = [entries(op, column) for column in COLUMNS]
    return b.op(work.name, [_part(b, v, columns, shape_of(op.result.type)) for v in work.operands], [op.result.type],
                dict(work.attrs))


@rule("tensor.extract_slice")
def parts_of_joined(op: Op, b: Builder) -> Outcome:
    """What is joined, and read part by part again, is not joined."""
    join = made_by(operand(op, "source"), "scan.concat")
    if join is None or max(len(join.operands), len(join.result.uses)) > MOST_PARTS:
        return None
    found = {user: _within(user, join, b) for user in join.result.uses}
    place = found[op]
    if place is None or None in found.values():
        return None
    columns = [list(entries(op, column)) for column in COLUMNS]
    columns[0][join.attrs["axis"].value] = place[1]
    return _like(op, place[0], columns, b)


def _within(user: Op, join: Op, b: Builder) -> tuple[Value, int] | None:
    """The one array of those joined of which a reader takes a part, and the number of the first row in it."""
    axis, start = join.attrs["axis"].value, Linear()
    if user.name != "tensor.extract_slice" or user.parent is not join.parent:
        return None
    offset, size, stride = (entries(user, column)[axis] for column in COLUMNS)
    if not isinstance(stride, int) or stride < 1:
        return None
    for part in join.operands:
        length = linear(dims_of(b, part)[axis])
        first = (linear(offset) - start).known
        left = None if first is None else (length - (linear(size) - Linear(1)) * stride - Linear(1 + first)).known
        if first is not None and first >= 0 and left is not None and left >= 0:
            return part, first
        start = start + length
    return None


@rule("tensor.extract_slice")
def part_without_new_axes(op: Op, b: Builder) -> Outcome:
    """Of an array that got axes of length 1, and loses them again, the part is one of what it was."""
    spread = made_by(operand(op, "source"), "scan.broadcast")
    if spread is None or not _adds_axes(spread) or not set(kept_axes(op)) <= set(spread.attrs["axes"].values):
        return None
    columns = [[entries(op, column)[axis] for axis in spread.attrs["axes"].values] for column in COLUMNS]
    return _like(op, operand(spread, "source"), columns, b)


def _like(op: Op, source: Value, columns: Sequence[Sequence[Entry]], b: Builder) -> Value:
    """A part of another array, of the type that a slice has."""
    groups, attrs = slice_parts(*columns)
    return b.grouped("tensor.extract_slice", {"source": [source], **groups}, [op.result.type], attrs).result


def _is_part(user: Op) -> bool:
    """Whether a reader takes a part of an array without gaps, with all axes."""
    return user.name == "tensor.extract_slice" and set(entries(user, "strides")) == {1} and (
        len(kept_axes(user)) == len(entries(user, "sizes")))


def _is_work(join: Op, reader: Op) -> bool:
    """Whether elementwise work, which nobody else wants, makes each part of an array that one op alone reads."""
    return join.result.uses.keys() == {reader} and join.parent is reader.parent and all(
        part.uses == {join: 1} and part.op is not None and has_trait(part.op, ELEMENTWISE) for part in join.operands)
