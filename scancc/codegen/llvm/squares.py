"""Small matrices transposed in registers: squares of as many vectors as each has lanes.

    a0 a1 a2 a3 | b0 b1 b2 b3 | c0 ... | d0 ...   ->   a0 b0 c0 d0 | a1 b1 c1 d1 | a2 ... | a3 ...

Within parts of 16 bytes first, then whole parts: no shuffle takes single numbers over the border of a part, which
costs a vector of places, and on AVX2 three shuffles. Each step puts the even ones of two vectors side by side, then
the odd ones.
Source: the perfect shuffle (Stone: Parallel Processing with the Perfect Shuffle, 1971).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from ...ir import types as t
from ...ir.core import Op
from ...ir.rules.memref import strides_of
from .emitter import FunctionEmitter, Mem, llvm_type

PART_NBYTES = 16
MOST_NUMBERS = 512  # of a matrix; more are better a loop


def side(op: Op, nbytes: int) -> int:
    """The side of the squares that a `scan.buffer_transpose` is made of in registers of so many bytes; 0: of none."""
    types = [v.type for v in op.operands]
    source, _ = types
    assert isinstance(source, t.MemRefType)
    known = [n for n in source.shape if n is not None]
    if len(known) < 2 or known[0] * known[1] > MOST_NUMBERS or any(strides_of(type)[-1] != 1 for type in types):
        return 0
    size = 0 if t.is_complex(source) else t.nbytes(source.element)
    lanes = min(nbytes // size, *known) if size in (4, 8) else 0
    fits = lanes * size >= PART_NBYTES and not lanes & (lanes - 1)
    return lanes if fits and not any(n % lanes for n in known) else 0


def transpose_squares(e: FunctionEmitter, source: Mem, dest: Mem, lanes: int) -> None:
    """Square by square."""
    rows, columns = map(int, source.dims)
    type = t.VectorType((lanes,), source.element)
    for row in range(0, rows, lanes):
        for column in range(0, columns, lanes):
            places = [e.address(source, [str(row + k), str(column)]) for k in range(lanes)]
            loading = f"load {llvm_type(type)}, ptr %s, align {t.nbytes(type.element)}"
            found = [e.emit(loading % place) for place in places]
            for k, made in enumerate(_transposed(e, type, found)):
                e.store(made, e.address(dest, [str(column + k), str(row)]), type)


def _transposed(e: FunctionEmitter, type: t.VectorType, vectors: Sequence[str]) -> list[str]:
    """The columns of a square whose rows are `vectors`."""
    part = PART_NBYTES // t.nbytes(type.element)
    groups = [_columns(e, type, vectors[first:first + part], 1, part) for first in range(0, len(vectors), part)]
    whole = [_columns(e, type, [group[k] for group in groups], part, len(vectors)) for k in range(part)]
    return list(chain.from_iterable(zip(*whole, strict=True)))


def _columns(e: FunctionEmitter, type: t.VectorType, vectors: Sequence[str], unit: int, span: int) -> list[str]:
    """The transposition, within each `span` of numbers, of units of so many."""
    if len(vectors) == 1:
        return list(vectors)
    pairs = list(zip(vectors[::2], vectors[1::2], strict=True))
    halves = [_columns(e, type, [_every_other(e, type, *pair, first, unit, span) for pair in pairs], unit, span)
              for first in (0, 1)]
    return list(chain.from_iterable(zip(*halves, strict=True)))


def _every_other(e: FunctionEmitter, type: t.VectorType, one: str, other: str, first: int, unit: int,
                 span: int) -> str:
    """Within each `span`, every other unit of one vector, from the first or second on, and of another behind them."""
    (lanes,), vector = type.shape, llvm_type(type)
    mask = ", ".join(f"i32 {begin + at + k}" for whole in range(0, lanes, span) for begin in (whole, lanes + whole)
                     for at in range(first * unit, span, 2 * unit) for k in range(unit))
    return e.emit(f"shufflevector {vector} {one}, {vector} {other}, <{lanes} x i32> <{mask}>")
