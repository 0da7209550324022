"""Products of a step's rows with matrices that never change, and the elementwise work on arrays beside them.

Of a tile of rows they are one product of matrices each: its loop nest has one more dimension, around all others, so
that each number is the same sum in the same order, and the matrix is read once for several rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.ops import ELEMENTWISE, has_trait, operand
from scancc.ir.parts import Nest, ScanView
from scancc.ir.shapes import dims_of, rank, scratch
from scancc.late_dataclasses import dataclass

from ..slicing.steps import AFTER, BEFORE, INVARIANT, Slice

TILE_BYTES = 1 << 17  # of the rows that the parts of a step hand on: they stay in the second cache, a matrix beside
SMALL = 64            # elements of a matrix that is worth no tile: it stays in registers
MOST_ROWS = 64        # from so many on a matrix costs nothing to read


@dataclass(frozen=True)
class ArrayMaps:
    """Loop nests of a step that run on a tile of rows at once: products, and what is elementwise beside them."""

    products: frozenset[Op] = frozenset()
    beside: frozenset[Op] = frozenset()

    def __contains__(self, op: object) -> bool:
        return op in self.products or op in self.beside


def array_maps(found: Slice, smallest: int) -> ArrayMaps:
    """The products off the cycles of a step, with matrices of more than `smallest` elements, and the elementwise
    nests that only they read, or that read them."""
    nests = [op for op in found.scan.op.body.ops if op.name == "linalg.generic" and _is_batchable(op, found)]
    products = frozenset(op for op in nests if is_product(op, found, smallest))
    maps = set(products)
    for op in reversed(nests):
        if Nest(op).is_parallel and maps.issuperset(op.result.uses):
            maps.add(op)
    for op in nests:
        if Nest(op).is_parallel and any(v.op in maps for v in op.operands):
            maps.add(op)
    return ArrayMaps(products, frozenset(maps) - products)


def _is_batchable(op: Op, found: Slice) -> bool:
    """Whether a nest off the cycles may have a dimension more, and gives the same numbers then."""
    nest, scan = Nest(op), found.scan
    if found.kind[op] not in (BEFORE, AFTER) or len(op.results) != 1 or not rank(op.result):
        return False
    if not is_plain(op):
        return False
    made = nest.outputs[0].op
    if made is None or made.name not in ("tensor.splat", "tensor.empty") or not nest.is_whole(nest.writes[0]) and (
            not is_fixed(operand(made, "value"), found)):
        return False
    windows = {carry.arg for carry in scan.carries if carry.depth > 1}
    return windows.isdisjoint(nest.inputs) and outer_sizes(op.result, scan) is not None


def is_plain(nest: Op) -> bool:
    """Whether the body of a nest is elementwise, and knows no places."""
    plain = all(has_trait(op, ELEMENTWISE) or not op.operands for op in nest.body.ops[:-1])
    return plain and all(op.name != "linalg.index" for op in nest.body.ops) and not any(
        isinstance(v.type, t.TensorType) for v in captured(nest))


def is_product(op: Op, found: Slice, smallest: int) -> bool:
    """Whether a nest combines each row with a matrix that never changes, so that several rows may share it.
    A row that has an element for each of the matrix's meets it once."""
    nest = Nest(op)
    if len(nest.reduced) != 1 or nest.op.result.type.shape[-1:] in ((), (1,)):  # type: ignore[attr-defined]
        return False
    (summed,) = nest.reduced
    along = [read for read in nest.reads if summed in read.dims]
    rows = [set(read.dims) for read in along if not is_fixed(read.value, found)]
    return bool(rows) and any(
        len(read.dims) == 2 and is_fixed(read.value, found) and t.n_elements(read.value.type) > smallest
        and not any(row.issuperset(read.dims) for row in rows) for read in along)


def is_fixed(value: Value, found: Slice) -> bool:
    """Whether an array is the same in each step."""
    if value.op is None:
        return value.block is not found.scan.op.body
    return value.op.parent is not found.scan.op.body or found.kind[value.op] == INVARIANT


def captured(nest: Op) -> list[Value]:
    """What a nest's body reads and does not have from its operands."""
    read = (v for inner in nest.body.ops for v in inner.operands)
    return list(dict.fromkeys(v for v in read if not defined_in(v, nest.body)))


def outer_sizes(value: Value, scan: ScanView) -> list[int | Value] | None:
    """The sizes of an array of the step where they are known before the scan; else None."""
    assert isinstance(value.type, t.TensorType)
    sizes: list[int | Value] = []
    with scratch() as b:
        for known, size in zip(value.type.shape, dims_of(b, value), strict=True):
            number = constant_of(size) if known is None else known
            if number is None and (defined_in(size, scan.op.body) or defined_in(size, b.block)):
                return None
            sizes.append(size if number is None else number)
    return sizes


def rows_of_tile(b: Builder, rows: Iterable[Value], scan: ScanView) -> int | Value:
    """How many rows a tile has, so that what it keeps stays in the cache: known, or computed before the scan."""
    nbytes: int | Value = 0
    for each in rows:
        nbytes = _added(b, nbytes, _row_bytes(b, each, scan))
    if isinstance(nbytes, int):
        return max(1, min(MOST_ROWS, TILE_BYTES // max(nbytes, 1)))
    fitting = b.op("arith.divsi", [b.index(TILE_BYTES), b.maxsi(nbytes, b.index(1))], [t.index])
    return b.maxsi(b.index(1), b.minsi(b.index(MOST_ROWS), fitting))


def balanced(rows: int | Value, length: Value) -> int | Value:
    """The rows of tiles that are as many, and nearly equal, where the number of steps is known."""
    steps = constant_of(length)
    if isinstance(rows, Value) or not steps:
        return rows
    n_tiles = -(-int(steps) // rows)
    return -(-int(steps) // n_tiles)


def most_rows(size: int | Value) -> int:
    return MOST_ROWS if isinstance(size, Value) else size


def as_index(b: Builder, size: int | Value) -> Value:
    return size if isinstance(size, Value) else b.index(size)


def _row_bytes(b: Builder, value: Value, scan: ScanView) -> int | Value:
    sizes = list(outer_sizes(value, scan) or []) if isinstance(value.type, t.TensorType) else []
    known = t.nbytes(t.element(value.type)) * math.prod(n for n in sizes if isinstance(n, int))
    total: Value | None = None
    for size in sizes:
        if isinstance(size, Value):
            total = b.muli(size, b.index(known) if total is None else total)
    return known if total is None else total


def _added(b: Builder, x: int | Value, y: int | Value) -> int | Value:
    if isinstance(x, int) and isinstance(y, int):
        return x + y
    return b.addi(as_index(b, x), as_index(b, y))
