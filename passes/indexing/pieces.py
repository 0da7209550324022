"""Arrays that are joined of parts of others, part by part: where each element comes from.

    concat(%u[1:], %u[:1])    ->    Joined(axis 0, [Piece(%u, from 1, n - 1), Piece(%u, from 0, 1)])

A range of a joined array is again pieces; parts that lie outside go, as far as their sizes tell (`least` of
`ir/linear.py`). Where it is not known in which part a range ends, both stay, of a size that may turn out 0.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value
from scancc.ir.linear import Linear, linear, never_negative
from scancc.ir.ops import operand
from scancc.ir.parts import Nest
from scancc.ir.shapes import dims_of, dynamic_dims
from scancc.ir.slices import Entry, entries, kept_axes, slice_parts
from scancc.late_dataclasses import dataclass

ZERO = Linear()


@dataclass(frozen=True)
class Piece:
    """A part of an array, without gaps: the first element and the size along each axis."""

    source: Value
    offsets: tuple[Linear, ...]
    sizes: tuple[Linear, ...]


@dataclass(frozen=True)
class Joined:
    """Parts that follow one another along an axis."""

    axis: int
    parts: tuple[Pieces, ...]


Pieces = Piece | Joined


def is_plain_slice(op: Op) -> bool:
    """Whether a slice, or where one is written, keeps all axes and leaves no gaps."""
    return set(entries(op, "strides")) == {1} and len(kept_axes(op)) == len(entries(op, "sizes"))


class Sums:
    """Sums as values, one for all that are equal, and arrays of such sizes."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.values: dict[Linear, Value] = {}
        self.firsts: dict[Linear, list[tuple[Linear, Value]]] = {}  # min(n, k), under n
        self.eithers: dict[tuple[str, Linear, Linear], Linear] = {}

    def of(self, entry: Entry) -> Linear:
        """An entry as a sum, with n - min(n, k) for max(n - k, 0): the first few of an array, and the rest."""
        whole = linear(entry)
        for value, factor in list(whole.terms.items()):
            whole = whole + (self._settled(value) - Linear(0, {value: 1})) * factor
        return whole

    def _settled(self, value: Value) -> Linear:
        """A minimum as the first one of its kind, what is left of n without the first k by that."""
        op = value.op
        if op is not None and op.name == "arith.minsi":
            n, k = map(linear, op.operands)
            return Linear(0, {self._first(n, k, value): 1})
        if op is not None and op.name == "arith.maxsi" and constant_of(op.operands[1]) == 0:
            n = linear(op.operands[0])
            n, k = Linear(0, n.terms), Linear(-n.constant)
            if k.constant > 0:
                return n - Linear(0, {self._first(n, k, None): 1})
        return Linear(0, {value: 1})

    def _first(self, n: Linear, k: Linear, known: Value | None) -> Value:
        found = next((value for other, value in self.firsts.get(n, []) if other == k), known)
        if found is None:
            found = self.b.minsi(n.built(self.b), k.built(self.b))
        self.firsts.setdefault(n, []).append((k, found))
        return found

    def entry(self, sum: Linear) -> Entry:
        """A number, or a value."""
        known = sum.known
        return self.value(sum) if known is None else known

    def value(self, sum: Linear) -> Value:
        if sum not in self.values:
            self.values[sum] = sum.built(self.b)
        return self.values[sum]

    def larger(self, x: Linear, y: Linear) -> Linear:
        if never_negative(x - y):
            return x
        return y if never_negative(y - x) else self._either("maxsi", x, y)

    def smaller(self, x: Linear, y: Linear) -> Linear:
        if never_negative(y - x):
            return x
        return y if never_negative(x - y) else self._either("minsi", x, y)

    def _either(self, name: str, x: Linear, y: Linear) -> Linear:
        key = (name, x, y)
        if key not in self.eithers:
            self.eithers[key] = linear(self.b.binary(name, self.value(x), self.value(y)))
        return self.eithers[key]

    def array(self, pieces: Pieces) -> Value:
        """The array: a slice, or joined of slices."""
        if isinstance(pieces, Piece):
            return self._slice(pieces)
        one = self._one_of(pieces)
        return self._slice(one) if one is not None else joined(
            self.b, [self.array(part) for part in pieces.parts], pieces.axis)

    def _slice(self, piece: Piece) -> Value:
        if piece.sizes == tuple(map(self.of, dims_of(self.b, piece.source))):
            return piece.source
        offsets, sizes = ([self.entry(n) for n in column] for column in (piece.offsets, piece.sizes))
        groups, attrs = slice_parts(offsets, sizes, [1] * len(sizes))
        type = t.TensorType(tuple(n if isinstance(n, int) else None for n in sizes), t.element(piece.source.type))
        if number := everywhere(piece.source):
            dims = dynamic_dims(type, [self.value(n) for n in piece.sizes])
            return self.b.op("tensor.splat", [number, *dims], [type])
        return self.b.grouped("tensor.extract_slice", {"source": [piece.source], **groups}, [type], attrs).result

    def _one_of(self, pieces: Joined) -> Piece | None:
        """Two parts of one array, of one row in all at most, as the part that has it."""
        if len(pieces.parts) != 2:
            return None
        first, second = pieces.parts
        if not isinstance(first, Piece) or not isinstance(second, Piece) or first.source is not second.source:
            return None
        axis, size = pieces.axis, size_of(pieces, pieces.axis)
        differ = any(n != axis and x != y for n, (x, y) in enumerate(zip(first.offsets, second.offsets, strict=True)))
        if differ or not never_negative(Linear(1) - size):
            return None
        has_it = self.b.cmpi("sgt", self.value(first.sizes[axis]), self.b.index(0))
        at = self.b.select(has_it, self.value(first.offsets[axis]), self.value(second.offsets[axis]))
        return Piece(first.source, _with(first.offsets, axis, linear(at)), _with(first.sizes, axis, size))


def pieces_of(sums: Sums, value: Value, opened: Container[Op]) -> Pieces:
    """An array as pieces of others, as far as the ops are `opened` that make it."""
    op = value.op
    if op is not None and op in opened and op.name == "scan.concat":
        return Joined(op.attrs["axis"].value, tuple(pieces_of(sums, part, opened) for part in op.operands))
    if op is not None and op in opened and op.name == "tensor.insert_slice":
        return _with_inserted(sums, op, opened)
    if op is not None and op.name == "tensor.extract_slice" and is_plain_slice(op):
        found = pieces_of(sums, operand(op, "source"), opened)
        for axis, (offset, size) in enumerate(zip(entries(op, "offsets"), entries(op, "sizes"), strict=True)):
            found = part_of(sums, found, axis, sums.of(offset), sums.of(size))
        return found
    sizes = tuple(map(sums.of, dims_of(sums.b, value)))
    return Piece(value, (ZERO,) * len(sizes), sizes)


def _with_inserted(sums: Sums, op: Op, opened: Container[Op]) -> Pieces:
    """What is inserted between parts of what is around it, along one axis after the other."""
    around = pieces_of(sums, operand(op, "dest"), opened)
    found = pieces_of(sums, operand(op, "source"), opened)
    places = [(sums.of(at), sums.of(n)) for at, n in zip(entries(op, "offsets"), entries(op, "sizes"), strict=True)]
    for axis in reversed(range(len(places))):
        beside = around
        for outer, (at, n) in enumerate(places[:axis]):
            beside = part_of(sums, beside, outer, at, n)
        (at, n), whole = places[axis], size_of(around, axis)
        found = Joined(axis, (part_of(sums, beside, axis, ZERO, at), found,
                              part_of(sums, beside, axis, at + n, whole - at - n)))
    return found


def size_of(pieces: Pieces, axis: int) -> Linear:
    """The length along an axis."""
    if isinstance(pieces, Piece):
        return pieces.sizes[axis]
    if pieces.axis != axis:
        return size_of(pieces.parts[0], axis)
    return sum((size_of(part, axis) for part in pieces.parts), ZERO)


def part_of(sums: Sums, pieces: Pieces, axis: int, offset: Linear, size: Linear) -> Pieces:
    """The range of `size` from `offset` on along an axis, which lies inside."""
    if isinstance(pieces, Piece):
        return Piece(pieces.source, _with(pieces.offsets, axis, pieces.offsets[axis] + offset),
                     _with(pieces.sizes, axis, size))
    if pieces.axis != axis:
        return replace(pieces, parts=tuple(part_of(sums, part, axis, offset, size) for part in pieces.parts))
    found = _overlapping(pieces, offset, offset + size)
    if len(found) == 1:
        part, start = found[0]
        return part_of(sums, part, axis, offset - start, size)
    last = len(found) - 1
    return Joined(axis, tuple(_overlap(sums, part, axis, offset - start, offset + size - start, number == last)
                              for number, (part, start) in enumerate(found)))


def _overlapping(pieces: Joined, first: Linear, end: Linear) -> list[tuple[Pieces, Linear]]:
    """The parts that may lie in a range, and where each begins; one at least."""
    found, start = list[tuple[Pieces, Linear]](), ZERO
    for part in pieces.parts:
        after = start + size_of(part, pieces.axis)
        if not never_negative(first - after):
            found.append((part, start))
        start = after
        if never_negative(start - end):
            break
    return found or [(part, start - size_of(part, pieces.axis))]


def _overlap(sums: Sums, part: Pieces, axis: int, first: Linear, end: Linear, is_last: bool) -> Pieces:
    """What of a part lies between two places, counted from where it begins. The last part reaches as far."""
    start = sums.larger(first, ZERO)
    stop = end if is_last else sums.smaller(end, size_of(part, axis))
    return part_of(sums, part, axis, start, sums.larger(stop - start, ZERO))


def boundary(pieces: Pieces, axis: int) -> Linear | None:
    """Where along an axis the first part ends, of one that has more than one there."""
    if isinstance(pieces, Piece):
        return None
    if pieces.axis == axis:
        return size_of(pieces.parts[0], axis)
    return next((at for part in pieces.parts if (at := boundary(part, axis)) is not None), None)


def everywhere(array: Value) -> Value | None:
    """The number that each element of an array is, if it is one."""
    made = array.op
    if made is not None and made.name == "tensor.splat":
        return operand(made, "value")
    if made is None or made.name != "linalg.generic" or len(made.results) > 1 or not Nest(made).is_parallel:
        return None
    (number,) = Nest(made).elements
    return None if number.block is made.body else number


def _with(sums: tuple[Linear, ...], axis: int, new: Linear) -> tuple[Linear, ...]:
    return (*sums[:axis], new, *sums[axis + 1:])


def joined(b: Builder, parts: Sequence[Value], axis: int, name: str | None = None) -> Value:
    """Arrays, one behind the other along an axis."""
    shapes = [part.type.shape for part in parts]  # type: ignore[attr-defined]
    shape = [next((n for n in lengths if n is not None), None) for lengths in zip(*shapes, strict=True)]
    lengths = [shape[axis] for shape in shapes]
    shape[axis] = None if None in lengths else sum(lengths)
    type = t.TensorType(tuple(shape), t.element(parts[0].type))
    made = b.op("scan.concat", list(parts), [type], {"axis": t.IntAttr(axis, t.i64)})
    made.name = name
    return made
