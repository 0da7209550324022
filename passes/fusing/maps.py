"""Ops that work row by row: which rows of their operands a row of the result is made of, and how."""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.linear import Linear, least, linear
from scancc.ir.ops import ELEMENTWISE, NO_SPECULATION, PLACED, group, has_trait, operand
from scancc.ir.parts import Access, Nest
from scancc.ir.shapes import rank
from scancc.ir.slices import COLUMNS, Entry, entries, fitting_axes, kept_axes, slice_parts

from .rows import RULES, Made, Mapped, Place, Plan, Row, Rule, rule


def rule_of(op: Op) -> Rule | None:
    """How `op` works row by row, if it does."""
    return _elementwise if has_trait(op, ELEMENTWISE) else RULES.get(op.name)


def _elementwise(p: Plan, op: Op, place: Place) -> Row | None:
    if place.past and has_trait(op, NO_SPECULATION):
        return None
    rows = [p.row(v, place) if isinstance(v.type, t.TensorType) else Made(p.outside(v)) for v in op.operands]
    type = t.row_type(op.result.type)
    return Mapped(op, place, rows, lambda b, given: b.op(op.name, given, [type], dict(op.attrs)))


@rule("tensor.cast")
def _cast(p: Plan, op: Op, place: Place) -> Row | None:
    source = p.row(op.operands[0], place)
    type = t.row_type(op.result.type)
    return Mapped(op, place, [source], lambda b, given: given[0] if given[0].type == type else b.op(
        "tensor.cast", given, [type]))


# ---- shapes ----


def _later_dims(op: Op) -> list[Value]:
    """The run-time sizes of a row of the result, of an op whose operands have those of the result."""
    open_rows = rank(op.result) and op.result.type.shape[0] is None  # type: ignore[attr-defined]
    return group(op, "dims")[1:] if open_rows else group(op, "dims")


@rule("tensor.splat")
def _splat(p: Plan, op: Op, place: Place) -> Row | None:
    value = p.outside(operand(op, "value"))
    type, dims = t.row_type(op.result.type), [p.outside(v) for v in _later_dims(op)]
    if not isinstance(type, t.TensorType):
        return Made(value)
    return Mapped(op, place, [], lambda b, _: b.op("tensor.splat", [value, *dims], [type]))


@rule("scan.broadcast")
def _broadcast(p: Plan, op: Op, place: Place) -> Row | None:
    """Rows of the source, or where rows are repeated, the source."""
    source, axes = operand(op, "source"), list(op.attrs["axes"].values)
    type, dims = t.row_type(op.result.type), [p.outside(v) for v in _later_dims(op)]
    if not isinstance(source.type, t.TensorType) or not isinstance(type, t.TensorType):
        return None
    if axes[:1] != [0]:
        return Mapped(op, place, [Made(p.outside(source))], lambda b, given: _spread(b, given[0], dims, axes, type))
    if source.type.shape[0] == 1 and op.result.type.shape[0] != 1:  # type: ignore[attr-defined]
        return None
    return Mapped(op, place, [p.row(source, place)], lambda b, given: _spread(b, given[0], dims, axes[1:], type))


def _spread(b: Builder, source: Value, dims: list[Value], axes: list[int], type: t.TensorType) -> Value:
    """A broadcast to rows; `axes` count those of the whole."""
    if not isinstance(source.type, t.TensorType):
        return b.op("tensor.splat", [source, *dims], [type])
    places = t.DenseArray(t.i64, tuple(axis - 1 for axis in axes))
    return b.op("scan.broadcast", [source, *dims], [type], {"axes": places})


@rule("scan.transpose")
def _transpose(p: Plan, op: Op, place: Place) -> Row | None:
    first, *others = op.attrs["permutation"].values
    if first != 0:
        return None
    permutation = t.DenseArray(t.i64, tuple(axis - 1 for axis in others))
    type = t.row_type(op.result.type)
    return Mapped(op, place, [p.row(op.operands[0], place)], lambda b, given: b.op(
        "scan.transpose", given, [type], {"permutation": permutation}))


@rule("scan.reshape")
def _reshape(p: Plan, op: Op, place: Place) -> Row | None:
    source, type = operand(op, "source"), t.row_type(op.result.type)
    if not isinstance(type, t.TensorType) or rank(source) < 2 or linear(p.size(source)) != linear(p.size(op.result)):
        return None
    dims = [p.outside(v) for v in _later_dims(op)]
    return Mapped(op, place, [p.row(source, place)], lambda b, given: b.op(
        "scan.reshape", [given[0], *dims], [type]))


# ---- parts ----


@rule("tensor.extract_slice")
def _slice(p: Plan, op: Op, place: Place) -> Row | None:
    """Rows from an offset on, or in the other order; and a part of each."""
    columns = [entries(op, column) for column in COLUMNS]
    (offset, *offsets), (_, *sizes), (stride, *strides) = columns
    kept, source = kept_axes(op), operand(op, "source")
    if kept[:1] != [0] or stride not in (1, -1):
        return None
    assert isinstance(stride, int)
    for entry in (offset, *offsets, *sizes, *strides):
        if isinstance(entry, Value):
            p.outside_or_steps(entry)
    row = p.row(source, place.through(linear(offset), stride))
    if set(offsets) <= {0} and set(strides) <= {1} and _all_of(p, source, sizes) and len(kept) == rank(source):
        return row
    return _part(op, place, row, (offsets, sizes, strides), [axis - 1 for axis in kept[1:]])


def _all_of(p: Plan, source: Value, sizes: Sequence[Entry]) -> bool:
    return all(linear(x) == linear(y) for x, y in zip(sizes, p.sizes(source), strict=True))


def _part(op: Op, place: Place, row: Row, columns: Sequence[Sequence[Entry]], kept: list[int]) -> Row | None:
    """A part of a row: an element, or a slice."""
    type = t.row_type(op.result.type)
    offsets = columns[0]
    if not isinstance(type, t.TensorType):
        return Mapped(op, place, [row], lambda b, given: b.op("tensor.extract", [given[0], *(
            b.index(o) if isinstance(o, int) else o for o in offsets)], [type]))
    groups, attrs = slice_parts(*columns)
    if fitting_axes(attrs["static_sizes"].values, type.shape) != kept:
        return None
    return Mapped(op, place, [row], lambda b, given: b.grouped(
        "tensor.extract_slice", {"source": given, **groups}, [type], attrs).result)


@rule("scan.dot")
def _dot(p: Plan, op: Op, place: Place) -> Row | None:
    """A row times a matrix, which tiles of rows have as one product of matrices; a scan that may stop has no such."""
    rows, matrix = op.operands
    if rank(rows) != 2 or rank(matrix) != 2 or p.producer.until or place.past:
        return None
    p.outside(matrix)
    type = t.row_type(op.result.type)
    return Mapped(op, place, [p.row(rows, place)], lambda b, given: b.op(
        "scan.dot", [*given, matrix], [type], dict(op.attrs)))


# ---- one array behind another ----


@rule("scan.concat")
def _concat(p: Plan, op: Op, place: Place) -> Row | None:
    axis, type = op.attrs["axis"].value, t.row_type(op.result.type)
    if axis == 0:
        first, *others = op.operands
        return _one_of(p, [_for_all_steps(p, first) if place.is_own else first, *others], place)
    rows = [p.row(v, place) for v in op.operands]
    return Mapped(op, place, rows, lambda b, given: b.op(
        "scan.concat", given, [type], {"axis": t.IntAttr(axis - 1, t.i64)}))


def _one_of(p: Plan, parts: Sequence[Value], place: Place) -> Row | None:
    """Rows of the part in which all lie that are read; or first some of one, then those of the part behind it, each
    so many steps after it was made."""
    sizes = [linear(p.size(v)) for v in parts]
    first = place.first
    if place.backwards:  # as if all stood the other way round
        parts, sizes, first = parts[::-1], sizes[::-1], _total(sizes) - Linear(1) - first
    for number, (part, size) in enumerate(zip(parts, sizes, strict=True)):
        skipped = first.known
        if first == Linear() and size == p.steps:
            return p.row(part, _from_start(place, size, place.past))
        if skipped is None or size.known is None or skipped < 0:
            return None
        if skipped < size.known:
            return _held(p, parts[number:], sizes[number:], place, skipped)
        first = first - size
    return None


def _for_all_steps(p: Plan, first: Value) -> Value:
    """The first part with k rows, where it is one number min(n, k) times, of which n steps read no more than there
    are: `T.zeros_like(h[:k])`."""
    op, type = first.op, first.type
    if op is None or op.name != "tensor.splat" or not isinstance(type, t.TensorType) or type.shape[0] is not None:
        return first
    count, *others = group(op, "dims")
    k = None if p.waits(first) else _most_of(count, p.steps)
    if k is None:
        return first
    wider = t.TensorType((k, *type.shape[1:]), type.element)
    return p.b.op("tensor.splat", [operand(op, "value"), *others], [wider])


def _most_of(count: Value, steps: Linear) -> int | None:
    """The k of min(n, k), of so many steps n."""
    op = count.op
    if op is None or op.name != "arith.minsi" or steps not in map(linear, op.operands):
        return None
    return next((k for k in map(constant_of, op.operands) if k is not None), None)


def _total(sizes: Sequence[Linear]) -> Linear:
    return sum(sizes, Linear())


def _from_start(place: Place, size: Linear, past: bool) -> Place:
    return Place(size - Linear(1) if place.backwards else Linear(), place.backwards, past)


def _held(p: Plan, parts: Sequence[Value], sizes: Sequence[Linear], place: Place, skipped: int) -> Row | None:
    known = sizes[0].known
    if known is None or len(parts) == 1:
        return None
    lag = known - skipped
    spare = least(sizes[1] + Linear(lag) - p.steps)
    if spare is None or spare < 0:
        return None
    enough = least(sizes[1] - p.steps)
    past = place.past or enough is None or enough < 0
    row = p.row(parts[1], _from_start(place, sizes[1], past))
    offset = known - 1 - skipped if place.backwards else skipped
    return p.held(parts[0], offset, -1 if place.backwards else 1, lag, row)


# ---- loop nests and lookups ----


@rule("linalg.generic")
def _nest(p: Plan, op: Op, place: Place) -> Row | None:
    """A nest that computes each element by itself, with a loop less."""
    nest = Nest(op)
    if len(op.results) != 1 or not nest.is_parallel or nest.writes[0].dims != nest.identity or nest.running[0].uses:
        return None
    if place.past and any(has_trait(o, NO_SPECULATION) or has_trait(o, PLACED) for o in op.body.ops):
        return None
    inside = set(op.body.args) | {v for inner in op.body.ops for v in inner.results}
    captured = [v for inner in op.body.ops for v in inner.operands if v not in inside]
    for value in captured:
        p.outside(value)
    rows: list[Row] = []
    for read in nest.reads:
        if 0 in read.dims[1:]:
            return None
        rows.append(p.row(read.value, place) if read.dims[:1] == (0,) else Made(p.outside(read.value)))
    sizes = p.sizes(op.result)
    return Mapped(op, place, rows, lambda b, given: _smaller_nest(b, p, op, place, given, sizes))


def _smaller_nest(b: Builder, p: Plan, op: Op, place: Place, rows: Sequence[Value], sizes: list[Value]) -> Value:
    """One row of a nest's result: scalars where the nest had one loop."""
    type, nest = t.row_type(op.result.type), Nest(op)
    number = _number_of(b, p, place) if _asks_for_row(op) else None
    if not isinstance(type, t.TensorType):
        given = [_only_element(b, value) for value in rows]
        return _elements(b, op, dict(zip(nest.input_args, given, strict=True)), number)[0]
    body, inputs, maps, mapping = Block(), [], [], {}
    for read, row in zip(nest.reads, rows, strict=True):
        if isinstance(row.type, t.TensorType):
            inputs.append(row)
            maps.append(_without_first(read, len(nest.kinds) - 1))
        mapping[read.arg] = body.add_arg(row.type.element, read.arg.name) if isinstance(
            row.type, t.TensorType) else row
    elements = _elements(Builder(body, location=op.location), op, mapping, number)
    body.add_arg(type.element)
    body.append(Op("linalg.yield", elements, location=op.location))
    out = b.op("tensor.empty", [s for s, n in zip(sizes, type.shape, strict=True) if n is None], [type])
    own = t.AffineMap(len(nest.kinds) - 1, nest.identity[:-1])
    attrs = {**op.attrs, "indexing_maps": [*maps, own], "iterator_types": nest.kinds[1:]}
    return b.grouped("linalg.generic", {"inputs": inputs, "outputs": [out]}, [type], attrs, [Region([body])]).result


def _asks_for_row(op: Op) -> bool:
    return any(inner.name == "linalg.index" and inner.attrs["dim"].value == 0 for inner in op.body.ops)


def _number_of(b: Builder, p: Plan, place: Place) -> Value:
    """Which row step t reads."""
    counter, first = p.producer.counter, place.first.built(b)
    return b.subi(first, counter) if place.backwards else b.addi(counter, first)


def _only_element(b: Builder, value: Value) -> Value:
    """A scalar, or the element of an array of one."""
    if not isinstance(value.type, t.TensorType):
        return value
    return b.op("tensor.extract", [value, *(b.index(0) for _ in value.type.shape)], [t.element(value.type)])


def _without_first(read: Access, n_dims: int) -> t.AffineMap:
    dims = read.dims[1:] if read.dims[:1] == (0,) else read.dims
    return t.AffineMap(n_dims, tuple(None if d is None else d - 1 for d in dims))


def _elements(b: Builder, op: Op, mapping: dict[Value, Value], number: Value | None) -> list[Value]:
    """What the body of a nest yields, built for these elements of its inputs in row `number`."""
    for inner in op.body.ops[:-1]:
        if inner.name == "linalg.index" and inner.attrs["dim"].value == 0:
            assert number is not None
            mapping[inner.result] = number
            continue
        copy = clone_op(inner, mapping, b.insert)
        if copy.name == "linalg.index":
            copy.attrs["dim"] = t.IntAttr(copy.attrs["dim"].value - 1, t.i64)
    return [mapping.get(v, v) for v in Nest(op).elements]


@rule("scan.gather")
def _gather(p: Plan, op: Op, place: Place) -> Row | None:
    """Rows, or elements, of an array at one index a step."""
    source, indices = operand(op, "source"), group(op, "indices")
    axes = list(op.attrs["axes"].values)
    if place.past or rank(indices[0]) != 1 or axes != list(range(len(axes))) or len(axes) != rank(source):
        return None
    rows = [Made(p.outside(source)), *(p.row(v, place) for v in indices)]
    type = t.row_type(op.result.type)
    return Mapped(op, place, rows, lambda b, given: b.op(
        "tensor.extract", [given[0], *(b.index_cast(v, t.index) for v in given[1:])], [type]))


@rule("scan.reduce")
def _reduce(p: Plan, op: Op, place: Place) -> Row | None:
    """Of each row by itself; sums of floats stay where they are, whose tree is that of their array."""
    axes = list(op.attrs["axes"].values)
    added = op.attrs["kind"] in ("sum", "prod") and not isinstance(t.element(op.operands[0].type), t.IntType)
    if 0 in axes or added or rank(op.operands[0]) == 1:
        return None
    type, attrs = t.row_type(op.result.type), {**op.attrs, "axes": t.DenseArray(t.i64, tuple(a - 1 for a in axes))}
    return Mapped(op, place, [p.row(op.operands[0], place)], lambda b, given: b.op(
        "scan.reduce", given, [type], attrs))

