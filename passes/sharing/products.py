"""A product outside of loops, as a loop over parts of its rows, or of its columns where it has more of those.

    scan.matmul &%x @ &%w into &%y {parts = 8}   ->   scf.for %c = 0 to %rows step %size {threads} {
                                                        scan.matmul &%x[%c..] @ &%w into &%y[%c..] }

Each part has a part of the room, and packs what it reads of the right factor by itself. A number is the same in
whichever part it is: sums are never split.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import group, int_attr, operand
from scancc.ir.rules.memref import strides_of
from scancc.ir.slices import slice_parts

from .chunks import quotient

LEAST_PRODUCTS = 1 << 20  # of numbers, a part: 20 to 60 us
ROWS, COLUMNS = 24, 64    # a part has a multiple: whole tiles

Part = tuple[Value, Value]  # its first element along an axis, and how many there are


def share_product(op: Op) -> None:
    assert op.parent is not None
    b = Builder(op.parent, op, op.location)
    lhs, rhs, out = (operand(op, name) for name in ("lhs", "rhs", "out"))
    is_row = _rank(lhs) == 1
    n_terms, n_columns = (_size(b, rhs, axis) for axis in ((1, 0) if "by_columns" in op.attrs else (0, 1)))
    n_rows = b.index(1) if is_row else _size(b, out, 0)
    in_rows = b.cmpi("sge", n_rows, n_columns)
    extent, other = b.select(in_rows, n_rows, n_columns), b.select(in_rows, n_columns, n_rows)
    size = _part_size(b, op, extent, b.muli(n_terms, other), b.select(in_rows, b.index(ROWS), b.index(COLUMNS)))
    body = Block([t.index])
    (start,) = body.args
    start.name = "part"
    b.make("scf.for", [b.index(0), extent, size], [], {"threads": t.IntAttr(1, t.i64)}, [Region([body])])
    inside = Builder(body, location=op.location)
    many = inside.minsi(size, inside.subi(extent, start))
    zero = inside.index(0)
    rows = inside.select(in_rows, start, zero), inside.select(in_rows, many, n_rows)
    columns = inside.select(in_rows, zero, start), inside.select(in_rows, n_columns, many)
    number = inside.op("arith.divui", [start, size], [t.index])
    _make_part(inside, op, rows, columns, number)
    inside.make("scf.yield")
    op.erase()


def _make_part(b: Builder, op: Op, rows: Part, columns: Part, number: Value) -> None:
    lhs, rhs, out = (operand(op, name) for name in ("lhs", "rhs", "out"))
    row_axis, column_axis = int(bool(op.attrs["transposed"])), 0 if "by_columns" in op.attrs else 1
    left = lhs if _rank(lhs) == 1 else _view(b, lhs, {row_axis: rows})
    made = _view(b, out, {0: columns} if _rank(out) == 1 else {0: rows, 1: columns})
    room = [_view(b, part, {0: _room_of(b, op, part, number)}) for part in group(op, "room")]
    attrs = {name: value for name, value in op.attrs.items() if name != "parts"}
    b.make("scan.matmul", [left, _view(b, rhs, {column_axis: columns}), made, *room], [], attrs)


def _room_of(b: Builder, op: Op, room: Value, number: Value) -> Part:
    many = b.op("arith.divui", [_size(b, room, 0), b.index(int_attr(op, "parts"))], [t.index])
    return b.muli(number, many), many


def _part_size(b: Builder, op: Op, extent: Value, products: Value, multiple: Value) -> Value:
    """Of at most as many parts as there is room for, each worth a thread."""
    worth = _at_least_one(b, b.index(LEAST_PRODUCTS), b.maxsi(products, b.index(1)))
    size = b.maxsi(worth, _at_least_one(b, extent, b.index(int_attr(op, "parts"))))
    return b.muli(_at_least_one(b, size, multiple), multiple)


def _at_least_one(b: Builder, x: Value, y: Value) -> Value:
    """x / y, rounded up, of sizes that are no more than can be; 1 of none."""
    return b.maxsi(quotient(b, x, y), b.index(1))


def _rank(buffer: Value) -> int:
    assert isinstance(buffer.type, t.MemRefType)
    return len(buffer.type.shape)


def _size(b: Builder, buffer: Value, axis: int) -> Value:
    assert isinstance(buffer.type, t.MemRefType)
    known = buffer.type.shape[axis]
    return b.index(known) if known is not None else b.op("memref.dim", [buffer, b.index(axis)], [t.index])


def _view(b: Builder, buffer: Value, parts: dict[int, Part]) -> Value:
    """A buffer of which some axes have a part."""
    assert isinstance(buffer.type, t.MemRefType)
    axes = range(_rank(buffer))
    sizes = [parts[axis][1] if axis in parts else _size(b, buffer, axis) for axis in axes]
    starts = [parts[axis][0] if axis in parts else b.index(0) for axis in axes]
    known: Sequence[int | None] = [None if axis in parts else buffer.type.shape[axis] for axis in axes]
    entries = [size if n is None else n for size, n in zip(sizes, known, strict=True)]
    places = [start if (n := constant_of(start)) is None else n for start in starts]
    groups, attrs = slice_parts(places, entries, [1] * len(sizes))
    type = t.MemRefType(tuple(known), buffer.type.element, strides_of(buffer.type))
    return b.grouped("memref.subview", {"source": [buffer], **groups}, [type], attrs).result
