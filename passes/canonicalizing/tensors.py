"""Rules for tensors: shapes, views of views, and elements that need no tensor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of, measured
from scancc.ir.constants import everywhere, is_number, made_by
from scancc.ir.constraints import shape_of
from scancc.ir.core import Block, Op, Value
from scancc.ir.dialects.arith import CMPI
from scancc.ir.linear import linear, never_negative
from scancc.ir.ops import ELEMENTWISE, OPS, group, has_trait, operand, set_operands
from scancc.ir.shapes import dims_of, dynamic_dims, rank
from scancc.ir.slices import (
    COLUMNS,
    Entry,
    entries,
    entry_values,
    kept_axes,
    number_of,
    slice_parts,
)

from .arithmetic import is_never_minus_zero
from .rules import Outcome, counted, rule

MOST_INSERTS = 8  # arrays that are looked through: linear in the size of a program


# ---- sizes ----


@rule("tensor.dim")
def known_size(op: Op, b: Builder) -> Outcome:
    """The size is in the type, or an operand of the op that makes the tensor."""
    asked = measured(op.result)
    if asked is None:
        return None
    source, axis = asked
    if (size := shape_of(source.type)[axis]) is not None:
        return b.index(size)
    if not _has_sizes(source):
        return None
    found = dims_of(b, source)[axis]
    asked = measured(found)
    return None if asked is not None and asked[0] is source else found


@rule("arith.cmpi")
def place_of_an_extreme(op: Op, b: Builder) -> Outcome:
    """It is inside the axis along which it was searched: of no elements there is none, which has a check."""
    place, bound = op.operands
    found = made_by(place, "arith.index_cast")
    search = made_by(found.operands[0] if found is not None else place, "scan.argreduce")
    predicate = CMPI[op.attrs["predicate"].value]
    if search is None or isinstance(place.type, t.TensorType):
        return None
    if constant_of(bound) == 0 and predicate in ("slt", "sge"):
        return b.const(predicate == "sge", t.i1)
    source, axis = search.operands[0], search.attrs["axis"].value
    if predicate not in ("slt", "ult") or place.type != t.index:
        return None
    if measured(bound) != (source, axis) and not (
            _has_sizes(source) and _are_equal([bound], [dims_of(b, source)[axis]])):
        return None
    return b.const(True, t.i1)


def _has_sizes(value: Value) -> bool:
    """True for what may know its sizes: results, and the rows and carries of a scan."""
    if not isinstance(value.owner, Block):
        return True
    loop = value.owner.parent_op()
    return loop is not None and loop.name == "scan.scan"


def _same_sizes(b: Builder, first: Value, second: Value) -> bool:
    """True if both surely have one shape."""
    if first.type != second.type:
        return False
    if None not in shape_of(first.type):
        return True
    if not (_has_sizes(first) and _has_sizes(second)):
        return False
    pairs = zip(shape_of(first.type), dims_of(b, first), dims_of(b, second), strict=True)
    return all(n is not None or x is y for n, x, y in pairs)


@rule("tensor.cast")
def useless_cast(op: Op, b: Builder) -> Outcome:
    source = op.operands[0]
    if source.type == op.result.type:
        return source
    inner = made_by(source, "tensor.cast")
    return b.op("tensor.cast", [inner.operands[0]], [op.result.type]) if inner else None


@rule(*(name for name, declared in OPS.items() if ELEMENTWISE in declared.traits), of_arrays=True)
def map_of_cast(op: Op, b: Builder) -> Outcome:
    """Elementwise work on what a type tells less of, and on splats, is that work on what the type told: the step that
    makes such rows can do it."""
    cast = next((v.op for v in op.operands if made_by(v, "tensor.cast")), None)
    if cast is None:
        return None
    told = cast.operands[0]
    shape = shape_of(told.type)
    if any(n is None and m is not None for n, m in zip(shape, shape_of(cast.result.type), strict=True)):
        return None
    operands = [_of_shape(b, v, told) for v in op.operands]
    if None in operands:
        return None
    type = t.TensorType(shape, t.element(op.result.type))
    made = b.op(op.name, [v for v in operands if v is not None], [type], dict(op.attrs))
    return b.op("tensor.cast", [made], [op.result.type])


def _of_shape(b: Builder, value: Value, like: Value) -> Value | None:
    """An operand of elementwise work in the shape of `like`: a number, a splat, or what a type tells as much of."""
    if not isinstance(value.type, t.TensorType):
        return value
    if splat := made_by(value, "tensor.splat"):
        type = t.TensorType(shape_of(like.type), value.type.element)
        return b.op("tensor.splat", [operand(splat, "value"), *dynamic_dims(type, dims_of(b, like))], [type])
    cast = made_by(value, "tensor.cast")
    source = None if cast is None else cast.operands[0]
    return source if source is not None and shape_of(source.type) == shape_of(like.type) else None


# ---- broadcast, transpose, reshape ----


@rule("scan.broadcast")
def broadcast_of_broadcast(op: Op, b: Builder) -> Outcome:
    """Two broadcasts are one; one that changes nothing is none; one of a splat is a splat."""
    source, dims, axes = operand(op, "source"), group(op, "dims"), tuple(op.attrs["axes"])
    if inner := made_by(source, "scan.broadcast"):
        composed = tuple(axes[axis] for axis in inner.attrs["axes"])
        return b.op("scan.broadcast", [operand(inner, "source"), *dims], [op.result.type],
                    {**op.attrs, "axes": t.DenseArray(t.i64, composed)})
    if splat := made_by(source, "tensor.splat"):
        return b.op("tensor.splat", [operand(splat, "value"), *dims], [op.result.type])
    if isinstance(source.type, t.TensorType) and axes == tuple(range(rank(source))):
        return source if _same_sizes(b, source, op.result) else None
    return None


@rule("scan.transpose")
def transpose_of_transpose(op: Op, b: Builder) -> Outcome:
    """Two transposes are one; the identity is none; one of a splat is a splat."""
    source, permutation = op.operands[0], tuple(op.attrs["permutation"])
    if permutation == tuple(range(len(permutation))):
        return source
    if inner := made_by(source, "scan.transpose"):
        composed = tuple(inner.attrs["permutation"][axis] for axis in permutation)
        return b.op("scan.transpose", [inner.operands[0]], [op.result.type],
                    {**op.attrs, "permutation": t.DenseArray(t.i64, composed)})
    if splat := made_by(source, "tensor.splat"):
        sizes = dims_of(b, source)
        dims = [sizes[axis] for axis in permutation if shape_of(source.type)[axis] is None]
        return b.op("tensor.splat", [operand(splat, "value"), *dims], [op.result.type])
    return None


@rule("scan.reshape")
def reshape_of_reshape(op: Op, b: Builder) -> Outcome:
    """Two reshapes are one; one to the same sizes is none; one of a splat is a splat."""
    source, dims = operand(op, "source"), group(op, "dims")
    if inner := made_by(source, "scan.reshape"):
        return b.op("scan.reshape", [operand(inner, "source"), *dims], [op.result.type], dict(op.attrs))
    if splat := made_by(source, "tensor.splat"):
        return b.op("tensor.splat", [operand(splat, "value"), *dims], [op.result.type])
    return source if source.type == op.result.type and _same_sizes(b, source, op.result) else None


# ---- slices ----

def _entries(op: Op, name: str) -> list[Entry]:
    """Offsets, sizes or strides of a slice, known ones as int."""
    return [_entry(entry) for entry in entries(op, name)]


def _entry(value: Entry) -> Entry:
    known = number_of(value)
    return value if known is None else known


def _value(b: Builder, entry: Entry) -> Value:
    return b.index(entry) if isinstance(entry, int) else entry


def _covers(b: Builder, op: Op, whole: Value) -> bool:
    """True if the slice takes all of `whole`, in order."""
    if any(o != 0 for o in _entries(op, "offsets")) or any(s != 1 for s in _entries(op, "strides")):
        return False
    sizes = _entries(op, "sizes")
    if all(n is not None for n in shape_of(whole.type)):
        return sizes == list(shape_of(whole.type))
    if not _has_sizes(whole):
        return all(_measures(size, n, whole, axis)
                   for axis, (size, n) in enumerate(zip(sizes, shape_of(whole.type), strict=True)))
    return _are_equal(sizes, dims_of(b, whole))


def _are_equal(sizes: Sequence[Entry], others: Sequence[Value]) -> bool:
    """Whether sizes are the same values, or the same sums: those of `concat` are made anew by each who asks."""
    return all(size == other or (linear(size) - linear(other)).known == 0
               for size, other in zip(sizes, map(_entry, others), strict=True))


def _measures(size: Entry, static: int | None, whole: Value, axis: int) -> bool:
    if isinstance(size, int):
        return size == static
    return measured(size) == (whole, axis)


@rule("tensor.extract_slice")
def slice_without_work(op: Op, b: Builder) -> Outcome:
    """All of the source is the source; nothing of it is an empty tensor; a part of a splat is one, also beside parts
    that others were inserted in."""
    source = operand(op, "source")
    if source.type == op.result.type and _covers(b, op, source):
        return source
    dims = group(op, "sizes")
    if len(dims) != sum(1 for n in shape_of(op.result.type) if n is None):
        return None
    if 0 in shape_of(op.result.type):
        return b.op("tensor.empty", dims, [op.result.type])
    splat = made_by(_beneath(op, source), "tensor.splat")
    return b.op("tensor.splat", [operand(splat, "value"), *dims], [op.result.type]) if splat else None


def _beneath(part: Op, source: Value) -> Value:
    """What a part of `source` is a part of before others were inserted beside it."""
    for _ in range(MOST_INSERTS):
        insert = made_by(source, "tensor.insert_slice")
        if insert is None or not are_apart(insert, part):
            break
        source = operand(insert, "dest")
    return source


def are_apart(x: Op, y: Op) -> bool:
    """Whether two parts of an array have no element in common."""
    axes = (zip(*(entries(part, column) for column in COLUMNS), strict=True) for part in (x, y))
    return any(_is_apart(*both) for both in zip(*axes, strict=True))


def _is_apart(first: tuple[Entry, ...], second: tuple[Entry, ...]) -> bool:
    """Whether along an axis one part ends before the other begins."""
    if (first[2], second[2]) != (1, 1):
        return False
    (a, end_of_a), (c, end_of_c) = ((linear(at), linear(at) + linear(n)) for at, n, _ in (first, second))
    return never_negative(c - end_of_a) or never_negative(a - end_of_c)


@rule("tensor.extract_slice")
def slice_of_inserted(op: Op, b: Builder) -> Outcome:
    """The part that was just inserted is what was inserted."""
    inner = made_by(operand(op, "source"), "tensor.insert_slice")
    if inner is None or operand(inner, "source").type != op.result.type:
        return None
    same = all(_entries(op, name) == _entries(inner, name) for name in COLUMNS)
    return operand(inner, "source") if same else None


@rule("tensor.extract_slice")
def slice_of_slice(op: Op, b: Builder) -> Outcome:
    """A part of a part is one part: offsets add up in steps of the first."""
    inner = made_by(operand(op, "source"), "tensor.extract_slice")
    if inner is None:
        return None
    first, second = ([_entries(o, name) for name in COLUMNS] for o in (inner, op))
    kept = kept_axes(inner)
    composed = _composed(b, first, kept, second)
    made = _make_slice(b, operand(inner, "source"), composed, op)
    return made if kept_axes(made.op) == [kept[axis] for axis in kept_axes(op)] else None  # type: ignore[arg-type]


def _composed(b: Builder, first: list[list[Entry]], kept: list[int], second: list[list[Entry]]) -> list[list[Entry]]:
    """Offsets, sizes and strides of a part of a part that has the `kept` axes."""
    composed: list[list[Entry]] = [[], [], []]
    for axis, (offset, size, stride) in enumerate(zip(*first, strict=True)):
        if axis in kept:
            inner_offset, size, inner_stride = (column[kept.index(axis)] for column in second)
            offset = _sum(b, offset, _product(b, inner_offset, stride))
            stride = _product(b, inner_stride, stride)
        for column, entry in zip(composed, (offset, size, stride), strict=True):
            column.append(entry)
    return composed


@rule("tensor.extract_slice")
def slice_of_range(op: Op, b: Builder) -> Outcome:
    """A part of a range of integers is a range."""
    iota = made_by(operand(op, "source"), "scan.iota")
    sizes = group(op, "sizes")
    if iota is None or t.element(iota.result.type) != t.i64 or kept_axes(op) != [0]:
        return None
    if shape_of(op.result.type).count(None) != len(sizes):
        return None
    offset, stride = (_value(b, *entries(op, column)) for column in ("offsets", "strides"))
    start, step = operand(iota, "start"), operand(iota, "step")
    first, by = counted(b, offset, start, step), counted(b, stride, b.const(0, t.i64), step)
    return b.op("scan.iota", [first, by, *sizes], [op.result.type])


def _sum(b: Builder, x: Entry, y: Entry) -> Entry:
    return x + y if isinstance(x, int) and isinstance(y, int) else _entry(b.addi(_value(b, x), _value(b, y)))


def _product(b: Builder, x: Entry, y: Entry) -> Entry:
    return x * y if isinstance(x, int) and isinstance(y, int) else _entry(b.muli(_value(b, x), _value(b, y)))


def _make_slice(b: Builder, source: Value, columns: Sequence[Sequence[Entry]], like: Op) -> Value:
    groups, attrs = slice_parts(*columns)
    return b.grouped("tensor.extract_slice", {"source": [source], **groups}, [like.result.type],
                     {**like.attrs, **attrs}).result


@rule("tensor.insert_slice")
def insert_without_work(op: Op, b: Builder) -> Outcome:
    """Nothing inserted leaves the destination; everything replaced leaves the source."""
    source, dest = operand(op, "source"), operand(op, "dest")
    if 0 in shape_of(source.type):
        return dest
    return source if source.type == dest.type and _covers(b, op, dest) else None


@rule("tensor.insert_slice")
def insert_of_cast(op: Op, b: Builder) -> Outcome:
    """A part that is put into an array needs no cast to a type that tells less of it."""
    cast = made_by(operand(op, "source"), "tensor.cast")
    if cast is None or len(kept_axes(op)) != len(entries(op, "sizes")):
        return None
    told = shape_of(cast.operands[0].type)
    if any(n is None and size is not None for n, size in zip(told, shape_of(cast.result.type), strict=True)):
        return None
    sizes = [size if n is None else n for n, size in zip(told, entries(op, "sizes"), strict=True)]
    groups, attrs = slice_parts(entries(op, "offsets"), sizes, entries(op, "strides"))
    return b.grouped("tensor.insert_slice", {"source": [cast.operands[0]], "dest": [operand(op, "dest")], **groups},
                     [op.result.type], {**op.attrs, **attrs}).result


@rule("tensor.insert_slice")
def insert_over_insert(op: Op, b: Builder) -> Outcome:
    """What is replaced at once need not be written."""
    inner = made_by(operand(op, "dest"), "tensor.insert_slice")
    if inner is None or any(_entries(op, name) != _entries(inner, name) for name in COLUMNS):
        return None
    set_operands(op, dest=[operand(inner, "dest")])
    return True


@rule("tensor.insert_slice")
def insert_in_inserted(op: Op, b: Builder) -> Outcome:
    """What is written into a part, whose other elements stay what they were, is written at once."""
    source, dest = operand(op, "source"), operand(op, "dest")
    inner = made_by(source, "tensor.insert_slice")
    if inner is None or source.uses != {op: 1} or not _is_beneath(operand(inner, "dest"), op, dest):
        return None
    columns = _composed(b, [_entries(op, name) for name in COLUMNS], kept_axes(op),
                        [_entries(inner, name) for name in COLUMNS])
    groups, attrs = slice_parts(*columns)
    made = b.grouped("tensor.insert_slice", {"source": [operand(inner, "source")], "dest": [dest], **groups},
                     [dest.type], {**op.attrs, **attrs})
    return made.result if kept_axes(made) == [kept_axes(op)[axis] for axis in kept_axes(inner)] else None


def _is_beneath(part: Value, op: Op, dest: Value) -> bool:
    """Whether a part has what `dest` has where `op` writes it."""
    taken = made_by(part, "tensor.extract_slice")
    if taken is not None and operand(taken, "source") is dest:
        return all(_entries(op, name) == _entries(taken, name) for name in COLUMNS)
    number = everywhere(part)
    return number is not None and made_by(dest, "tensor.splat") is not None and everywhere(dest) == number


@rule("arith.addf")
def add_of_padded(op: Op, b: Builder) -> Outcome:
    """What is added between zeros is added to that part alone."""
    for array, padded in (op.operands, reversed(op.operands)):
        insert = made_by(padded, "tensor.insert_slice")
        if insert is None or padded.uses != {op: 1} or not is_number(operand(insert, "dest"), 0.0):
            continue
        if is_never_minus_zero(array):
            source, columns = operand(insert, "source"), [entries(insert, name) for name in COLUMNS]
            groups, attrs = slice_parts(*columns)
            part = b.grouped("tensor.extract_slice", {"source": [array], **groups}, [source.type], attrs)
            if kept_axes(part) == kept_axes(insert):
                total = b.op(op.name, [part.result, source], [source.type], dict(op.attrs))
                return b.grouped("tensor.insert_slice", {"source": [total], "dest": [array], **groups},
                                 [array.type], attrs).result
    return None


# ---- elements ----


@rule("tensor.extract")
def element_without_tensor(op: Op, b: Builder) -> Outcome:
    """An element of what was made from scalars, or of a view, comes from where the view looks."""
    source, places = operand(op, "source"), group(op, "indices")
    maker = source.op
    reader = _ELEMENT.get(maker.name) if maker is not None else None
    return reader(b, maker, places) if reader is not None and maker is not None else None


def _of_splat(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    return operand(maker, "value")


def _of_constant(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    known = [constant_of(v) for v in places]
    data = maker.attrs["value"].data
    if not _inside(known, data.shape) or data.dtype.kind == "c":
        return None
    return b.const(data[tuple(known)], t.element(maker.result.type))


def _inside(places: Sequence[int | None], shape: Sequence[int | None]) -> bool:
    return all(i is not None and n is not None and 0 <= i < n for i, n in zip(places, shape, strict=True))


def _of_elements(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    known, shape = [constant_of(v) for v in places], shape_of(maker.result.type)
    if not _inside(known, shape):
        return None
    number = 0
    for i, n in zip(known, shape, strict=True):
        number = number * (n or 0) + (i or 0)
    return group(maker, "elements")[number]


def _of_slice(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    offsets = entry_values(b, maker, "offsets")
    strides = entry_values(b, maker, "strides")
    for place, axis in zip(places, kept_axes(maker), strict=True):
        offsets[axis] = b.addi(b.muli(place, strides[axis]), offsets[axis])
    return _element(b, operand(maker, "source"), offsets)


def _element(b: Builder, source: Value, places: Sequence[Value]) -> Value:
    return b.op("tensor.extract", [source, *places], [t.element(source.type)])


def _of_broadcast(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    source = operand(maker, "source")
    if not isinstance(source.type, t.TensorType):
        return source
    if None in source.type.shape:
        return None  # a size that turns out to be 1 would repeat
    axes = maker.attrs["axes"]
    at = [b.index(0) if n == 1 else places[axes[i]] for i, n in enumerate(source.type.shape)]
    return _element(b, source, at)


def _of_transpose(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    at = dict(zip(maker.attrs["permutation"], places, strict=True))
    return _element(b, maker.operands[0], [at[axis] for axis in range(len(places))])


def _of_cast(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    return _element(b, maker.operands[0], places)


def _of_iota(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    start, step = operand(maker, "start"), operand(maker, "step")
    if t.is_float(start.type) or t.is_complex(start.type):
        return None
    return counted(b, places[0], start, step)


def _of_insert(b: Builder, maker: Op, places: list[Value]) -> Value | None:
    """Of the place where it was written; of another known one as it was before; one of these, where nothing but
    elements is read of what was written."""
    written = group(maker, "indices")
    if written == places:
        return operand(maker, "value")
    known = [(constant_of(i), constant_of(k)) for i, k in zip(places, written, strict=True)]
    apart = any(i is not None and k is not None and i != k for i, k in known)
    if not apart and any(user.name != "tensor.extract" for user in maker.result.uses):
        return None
    before = _element(b, operand(maker, "dest"), places)
    if apart:
        return before
    equal = [b.cmpi("eq", i, k) for i, k in zip(places, written, strict=True)]
    both = reduce(lambda x, y: b.op("arith.andi", [x, y], [t.i1]), equal)
    return b.select(both, operand(maker, "value"), before)


_ELEMENT = {
    "tensor.splat": _of_splat, "arith.constant": _of_constant, "tensor.from_elements": _of_elements,
    "tensor.extract_slice": _of_slice, "scan.broadcast": _of_broadcast, "scan.transpose": _of_transpose,
    "tensor.cast": _of_cast, "scan.iota": _of_iota, "tensor.insert": _of_insert,
}


@rule("tensor.extract")
def element_of_result(op: Op, b: Builder) -> Outcome:
    """An element, the only use of an elementwise op, is the op on elements."""
    maker = operand(op, "source").op
    if maker is None or not has_trait(maker, ELEMENTWISE) or len(maker.result.uses) != 1:
        return None
    if maker.parent is not op.parent:
        return None  # inside a loop this would repeat the op
    elements = [_element(b, v, group(op, "indices")) if isinstance(v.type, t.TensorType) else v
                for v in maker.operands]
    return b.op(maker.name, elements, [op.result.type], dict(maker.attrs))
