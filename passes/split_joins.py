"""Split loop nests that read joined arrays where the parts of these meet, so that nothing is joined.

    %l = scan.concat %u[n-1:], %u[:n-1]           %0 = linalg.generic ins(%u[:1], %u[n-1:]) {f}
    %r = linalg.generic ins(%u, %l) {f}     ->    %1 = linalg.generic ins(%u[1:], %u[:n-1]) {f}
                                                  %r = scan.concat %0, %1

Why: a step that shifts or rolls its state copies all of it for each shift, and goes over memory once more. Each part
of the nest reads straight from the arrays that were joined, and `bufferize` makes it where the result is wanted:
heat in a ring of 1,000 points took 1.8 times as long as a loop by hand, now 1.0; Life on 200 x 200 cells takes a
quarter of what it took.
What a step inserts between numbers that are all alike, as where it pads, is such an array, too.
A part that is short where arrays are long (a border) is split no further: what it reads is joined, of its few rows.
Outer axes come first, so that a plate that is rolled along both has five loops: two rows, two columns, the inside.
Conservative: nests that combine nothing, whose tree of sums would be another one; arrays that nobody but such nests
reads element by element, or slices of for them; more than what registers hold; at most MOST_PARTS loops.
Cost: linear. Runs after `contract`, so that no bit depends on it, and after `lanes`, whose arrays are registers;
before `multi-output-fusion`, which joins nests. Not for a GPU, where a thread has an element.
Source: index-set splitting (Griebl, Feautrier and Lengauer, 2000).
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, clone_op
from scancc.ir.linear import Linear
from scancc.ir.ops import operand
from scancc.ir.parts import Nest, scan_around
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of
from scancc.late_dataclasses import dataclass

from .dce import dce
from .indexing.long_arrays import where_long
from .indexing.pieces import (
    ZERO,
    Piece,
    Pieces,
    Sums,
    boundary,
    everywhere,
    is_plain_slice,
    joined,
    part_of,
    pieces_of,
)
from .joining.blocks import blocks_of_loops

MOST_PARTS = 12  # loops of one nest
BORDER = 8       # a part is a border where the whole is so many times as long
FEW = 32         # elements that are registers (`bufferize{in-registers}`)


def split_joins(module: Op) -> None:
    """Visit every block that runs as loops."""
    found = False
    for block in list(blocks_of_loops(module)):
        opened = {op for op in block.ops if _is_opened(op)}
        for op in list(block.ops) if opened else ():
            if op.name == "linalg.generic" and _may_be_split(op):
                _visit(op, opened)
        found |= bool(opened)
    if found:
        dce(module)  # what only nests read that are split now


# ---- which ----


def _is_opened(join: Op) -> bool:
    """Whether an array is joined of others by a copy, and nests alone read it."""
    if join.name == "tensor.insert_slice":
        return _pads(join) and _is_long(join.result) and _read_by_nests(join.result)
    copied = join.name == "scan.concat" and _is_long(join.result) and any(map(_is_copied, join.operands))
    return copied and _read_by_nests(join.result)


def _pads(insert: Op) -> bool:
    """Whether a step inserts an array between numbers that are all alike, or in such an array."""
    around = operand(insert, "dest")
    if scan_around(insert) is None or not is_plain_slice(insert):
        return False
    return everywhere(around) is not None or (around.op is not None and around.op.name == "tensor.insert_slice"
                                              and around.op.parent is insert.parent and _pads(around.op))


def _is_copied(part: Value) -> bool:
    """Whether a part is long, and lies elsewhere."""
    made = None if part.op is None else part.op.name
    return _is_long(part) and (made in (None, "tensor.extract_slice") or sum(part.uses.values()) > 1)


def _is_long(part: Value) -> bool:
    lengths = part.type.shape  # type: ignore[attr-defined]
    return math.prod(FEW + 1 if n is None else n for n in lengths) > FEW


def _read_by_nests(value: Value) -> bool:
    return all(_reads_pieces(user, value) for user in value.uses)


def _reads_pieces(user: Op, value: Value) -> bool:
    """Whether pieces of a value are as good for a user: a nest, or what makes an array for nests of it."""
    if value.op is None or user.parent is not value.op.parent:
        return False
    if user.name == "linalg.generic":
        return _may_be_split(user) and all(None not in read.dims for read in Nest(user).reads if read.value is value)
    if user.name == "tensor.insert_slice":
        return _is_opened(user)
    is_part = user.name == "scan.concat" or user.name == "tensor.extract_slice" and is_plain_slice(user)
    return is_part and _read_by_nests(user.result)


def _may_be_split(op: Op) -> bool:
    """Whether a nest makes each element by itself."""
    nest = Nest(op)
    return nest.is_parallel and all(write.dims == nest.identity and not write.arg.uses for write in nest.writes)


# ---- a nest and its parts ----


@dataclass(frozen=True)
class _Part:
    """A range of the rounds of a nest, and what it reads there."""

    offsets: tuple[Linear, ...]
    sizes: tuple[Linear, ...]
    read: tuple[Pieces, ...]


@dataclass(frozen=True)
class _Row:
    """Parts that follow one another along an axis."""

    axis: int
    parts: list[_Part | _Row]


def _visit(op: Op, opened: Container[Op]) -> None:
    nest, block = Nest(op), op.parent
    assert block is not None
    if not any(_shows(read.value, opened) for read in nest.reads):
        return
    split = _Split(Builder(block, op, op.location), nest, opened)
    parts = split.along_all_axes()
    if isinstance(parts, _Part):
        return
    if split.n_parts > MOST_PARTS:
        remark("split-joins", op, False, f"what it reads is joined in memory: its parts would be read in more than "
               f"{MOST_PARTS} loops")
        return
    remark("split-joins", op, True, f"{split.n_parts} loops read parts of other arrays, which are not joined")
    op.replace_by(split.built(parts))


def _shows(value: Value, opened: Container[Op]) -> bool:
    """Whether a value is an opened array, or a slice of one."""
    made = value.op
    if made is not None and made.name == "tensor.extract_slice":
        return _shows(operand(made, "source"), opened)
    return made is not None and made in opened


class _Split:
    """A nest, cut along one axis after the other."""

    def __init__(self, b: Builder, nest: Nest, opened: Container[Op]) -> None:
        self.b, self.nest, self.sums = b, nest, Sums(b)
        self.whole = tuple(map(self.sums.of, dims_of(b, nest.op.results[0])))
        read = tuple(pieces_of(self.sums, access.value, opened) for access in nest.reads)
        self.start = _Part((ZERO,) * len(self.whole), self.whole, read)
        self.n_parts = 1

    def along_all_axes(self) -> _Part | _Row:
        return self._cut(self.start, 0)

    def _cut(self, part: _Part, axis: int) -> _Part | _Row:
        """A part cut along `axis` and those behind it; what is short is cut no further."""
        if axis == len(self.whole):
            return part
        parts = self._along(part, axis)
        if len(parts) == 1:
            return self._cut(part, axis + 1)
        self.n_parts += len(parts) - 1
        return _Row(axis, [one if self._is_short(one, axis) else self._cut(one, axis + 1) for one in parts])

    def _along(self, part: _Part, axis: int) -> list[_Part]:
        at = None if self._is_short(part, axis) else self._boundary(part, axis)
        if at is None or self.n_parts > MOST_PARTS:
            return [part]
        return [*self._along(self._range(part, axis, ZERO, at), axis),
                *self._along(self._range(part, axis, at, part.sizes[axis] - at), axis)]

    def _is_short(self, part: _Part, axis: int) -> bool:
        return BORDER * where_long(part.sizes[axis]) <= where_long(self.whole[axis])

    def _boundary(self, part: _Part, axis: int) -> Linear | None:
        """Where along an axis something ends that the part reads."""
        places = ((pieces, n) for pieces, read in zip(part.read, self.nest.reads, strict=True)
                  for n, dim in enumerate(read.dims) if dim == axis)
        return next((at for pieces, n in places if (at := boundary(pieces, n)) is not None), None)

    def _range(self, part: _Part, axis: int, offset: Linear, size: Linear) -> _Part:
        read = list(part.read)
        for number, access in enumerate(self.nest.reads):
            for n, dim in enumerate(access.dims):
                if dim == axis:
                    read[number] = part_of(self.sums, read[number], n, offset, size)
        offsets, sizes = list(part.offsets), list(part.sizes)
        offsets[axis], sizes[axis] = offsets[axis] + offset, size
        return _Part(tuple(offsets), tuple(sizes), tuple(read))

    # ---- building ----

    def built(self, parts: _Part | _Row) -> list[Value]:
        """The results, joined of those of the parts; all sizes before all loops (`bufferizing/joins.py`)."""
        for part in _leaves(parts):
            for size in part.sizes:
                self.sums.entry(size)
        return self._results(parts)

    def _results(self, parts: _Part | _Row) -> list[Value]:
        if isinstance(parts, _Part):
            return self._loop(parts)
        made = zip(*map(self._results, parts.parts), strict=True)
        return [joined(self.b, values, parts.axis, name=old.name)
                for values, old in zip(made, self.nest.op.results, strict=True)]

    def _loop(self, part: _Part) -> list[Value]:
        """The nest, over a range of its rounds."""
        b, op, body = self.b, self.nest.op, Block()
        mapping, inputs, maps = dict[Value, Value](), list[Value](), list[t.AffineMap]()
        for read, pieces in zip(self.nest.reads, part.read, strict=True):
            number = everywhere(pieces.source) if isinstance(pieces, Piece) else None
            if number is None:
                inputs.append(self.sums.array(pieces))
                maps.append(t.AffineMap(len(part.sizes), read.dims))
            mapping[read.arg] = body.add_arg(read.arg.type, read.arg.name) if number is None else number
        outs = [self._empty(part, result) for result in op.results]
        for write in self.nest.writes:
            body.add_arg(write.arg.type)
            maps.append(t.AffineMap(len(part.sizes), write.dims))
        inner = Builder(body, location=op.location)
        for each in op.body.ops:
            copy = clone_op(each, mapping, inner.insert)
            if copy.name == "linalg.index" and (offset := part.offsets[copy.attrs["dim"].value]) != ZERO:
                mapping[each.result] = inner.addi(copy.result, self.sums.value(offset))
        made = b.grouped("linalg.generic", {"inputs": inputs, "outputs": outs}, [out.type for out in outs],
                         {**op.attrs, "indexing_maps": maps}, [Region([body])])
        return made.results

    def _empty(self, part: _Part, result: Value) -> Value:
        sizes = [self.sums.entry(size) for size in part.sizes]
        type = t.TensorType(tuple(n if isinstance(n, int) else None for n in sizes), t.element(result.type))
        return self.b.op("tensor.empty", [n for n in sizes if isinstance(n, Value)], [type])


def _leaves(parts: _Part | _Row) -> Iterator[_Part]:
    if isinstance(parts, _Part):
        yield parts
    else:
        for part in parts.parts:
            yield from _leaves(part)
