"""Products of matrices: calls of functions that a module has once for each type of numbers.

    scan.matmul &%x @ &%w into &%y   ->   call @scancc.matmul.float(y, x, w, their strides, sizes and room)

A function goes over tiles (`tiles.py`). Many rows and columns are packed (`packed_products.py`); few, and some dozens
of rows that meet a small matrix, are read where they are (`thin_products.py`): products of long stacks of small
matrices, as a gradient takes them, are chains of one multiply-add a term. A vector on the left has tiles of one row.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from scancc.late_dataclasses import dataclass

from ...ir.core import Op
from ...ir.ops import group, operand
from ..math import MathFunction
from .emitter import FunctionEmitter, Operand, Registers, emits, llvm_type
from .interrupts import end_if
from .packed_products import packed_product
from .streamed_rows import NBYTES_IN_CACHE, NBYTES_NEAR, streamed_row
from .thin_products import (
    TURNED_ROWS,
    base_tile,
    few_rows,
    lanes_of,
    named,
    narrow,
    row_tile,
    turned_columns,
    turned_lanes,
)
from .tiles import INTRINSICS, Tile
from .turning import NBYTES

FEW_TILES = 2   # of rows, for which a right factor is read where it lies, whatever its size,
MANY_TILES = 8  # and where it has no more bytes than these, by those of a register; packing takes a tenth to a fourth
IN_PLACE_NBYTES = {64: 2**21, 32: 2**19, 16: 2**17}

@emits("scan.matmul")
def matmul(e: FunctionEmitter, op: Op) -> None:
    lhs, rhs, out = (e.mem(operand(op, name)) for name in ("lhs", "rhs", "out"))
    kind, fused = llvm_type(rhs.element), op.attrs["fused"]
    (n_terms, columns), (step, across) = _by_terms(rhs.dims, op), _by_terms(rhs.strides, op)
    left = lhs.strides[::-1] if op.attrs["transposed"] else lhs.strides
    if len(lhs.dims) == 1:
        symbol = e.out.needed(_row_product(kind, fused, e.out.registers))
        e.line(f"call void @{symbol}(ptr {out.pointer}, ptr {lhs.pointer}, i64 {left[0]}, ptr {rhs.pointer}, "
               f"i64 {step}, i64 {columns}, i64 {n_terms})")
        return
    (room,) = group(op, "room")
    known = Known(_known(out.dims[0]), _known(columns), _known(n_terms), across == "1", step == "1" and across != "1",
                  left[1] == "1")
    symbol = e.out.needed(_matrix_product(kind, fused, e.out.registers, e.out.interruptible, known))
    stopped = e.emit(f"call i1 @{symbol}(ptr {out.pointer}, i64 {out.strides[0]}, ptr {lhs.pointer}, i64 {left[0]}, "
                     f"i64 {left[1]}, ptr {rhs.pointer}, i64 {step}, i64 {across}, i64 {out.dims[0]}, i64 {columns}, "
                     f"i64 {n_terms}, ptr {e.mem(room).pointer})")
    if e.out.interruptible:
        end_if(e, stopped)


def _by_terms(axes: tuple[Operand, ...], op: Op) -> tuple[Operand, ...]:
    """What is said of the right factor's axes: of that of the terms first."""
    return axes[::-1] if "by_columns" in op.attrs else axes


# ---- vector times matrix ----


@cache
def _row_product(kind: str, fused: bool, registers: Registers) -> MathFunction:
    """Tiles of half or a fourth as many vectors where so few columns are left, of numbers where no vector fits; of a
    large matrix strips of its rows. Where a tile of a small one has columns for all of its vectors, one address tells
    them: eight would not stay in registers (64 x 64 float64: 0.55 of the time)."""
    symbol, lanes = named("vecmat", kind, fused), lanes_of(kind, registers)
    wide, narrow = row_tile(kind, fused, registers), Tile(kind, 1, 4, 1, fused)
    streamed = streamed_row(kind, lanes, fused)
    half, fourth = (replace(wide, vectors=wide.vectors // part) for part in (2, 4))
    near = [replace(tile, is_near=True) for tile in (wide, half, fourth)]
    text = _ROW_PRODUCT.format(symbol=symbol, kind=kind, lanes=lanes, wide=wide.symbol, columns=wide.columns,
                               half=half.symbol, half_columns=half.columns, fourth=fourth.symbol,
                               fourth_columns=fourth.columns, narrow=narrow.symbol, few=narrow.columns,
                               streamed=streamed.symbol, small=NBYTES_IN_CACHE // NBYTES[kind],
                               nearest=NBYTES_NEAR // NBYTES[kind], near_wide=near[0].symbol,
                               near_half=near[1].symbol, near_fourth=near[2].symbol)
    tiles = wide, half, fourth, *near, narrow, streamed
    return MathFunction(symbol, text, (*(tile.function() for tile in tiles), *INTRINSICS),
                        is_shared=True)


_ROW_PRODUCT = """define internal void @{symbol}(ptr noalias nocapture %c, ptr nocapture readonly %a, i64 %a_next,
    ptr nocapture readonly %b, i64 %b_step, i64 %n, i64 %k) noinline nounwind {{
entry:
  %is_wide = icmp sge i64 %n, {lanes}
  %size = mul i64 %k, %n
  %is_large = icmp sgt i64 %size, {small}
  %is_streamed = and i1 %is_large, %is_wide
  br i1 %is_streamed, label %stream, label %tiles
stream:
  call void @{streamed}(ptr %c, ptr %a, i64 %a_next, ptr %b, i64 %b_step, i64 %n, i64 %k)
  ret void
tiles:
  %width = select i1 %is_wide, i64 {columns}, i64 {few}
  %least = select i1 %is_wide, i64 {lanes}, i64 1
  %end = sub i64 %n, %least
  %is_small = icmp sle i64 %size, {nearest}
  %is_near = and i1 %is_small, %is_wide
  br label %next
next:
  %j = phi i64 [ 0, %tiles ], [ %after, %one ]
  %more = icmp slt i64 %j, %n
  br i1 %more, label %one, label %done
one:
  %at = call i64 @llvm.smin.i64(i64 %j, i64 %end)
  %to = getelementptr {kind}, ptr %c, i64 %at
  %columns = getelementptr {kind}, ptr %b, i64 %at
  %left = sub i64 %n, %at
  %is_half = icmp sle i64 %left, {half_columns}
  %half = select i1 %is_half, ptr @{half}, ptr @{wide}
  %is_fourth = icmp sle i64 %left, {fourth_columns}
  %vectors = select i1 %is_fourth, ptr @{fourth}, ptr %half
  %far = select i1 %is_wide, ptr %vectors, ptr @{narrow}
  %has_fourth = icmp eq i64 %left, {fourth_columns}
  %near_fourth = select i1 %has_fourth, ptr @{near_fourth}, ptr %far
  %has_half = icmp eq i64 %left, {half_columns}
  %near_half = select i1 %has_half, ptr @{near_half}, ptr %near_fourth
  %has_all = icmp sge i64 %left, {columns}
  %near = select i1 %has_all, ptr @{near_wide}, ptr %near_half
  %tile = select i1 %is_near, ptr %near, ptr %far
  call void %tile(ptr %to, i64 0, ptr %a, i64 0, i64 %a_next, ptr %columns, i64 %b_step, i64 1, i64 %left, i64 %k)
  %after = add i64 %j, %width
  br label %next
done:
  ret void
}}"""

# ---- matrix times matrix ----


@dataclass(frozen=True)
class Known:
    """What the call says of sizes and of how the factors lie."""

    rows: int | None
    columns: int | None
    terms: int | None
    beside: bool  # columns of the right factor are neighbours in memory
    along: bool  # its terms are
    left_along: bool  # those of the left factor are


def _known(size: Operand) -> int | None:
    return int(size) if size.isdecimal() else None


@dataclass(frozen=True)
class _Way:
    """A function, how it is called, and for which products: `when` is a truth value, made by `asks`."""

    function: MathFunction
    call: str
    when: str = ""
    asks: str = ""
    word: str = ""  # where the function is called in more ways than one


@cache
def _matrix_product(kind: str, fused: bool, registers: Registers, interruptible: bool, known: Known) -> MathFunction:
    """The first way that fits, among those that what is known does not exclude."""
    of = kind, fused, registers
    ways = [*_small_ways(of, known), *_wide_ways(of, known, interruptible)]
    *asked, last = ways
    lines = [_ASK_WAY.format(n=n, when=way.when, asks=way.asks, call=way.call.format(way.function.symbol))
             for n, way in enumerate(asked)]
    kept = [[*filter(None, [way.word]), *way.function.symbol.removeprefix("scancc.").split(".")] for way in ways]
    symbol = named("matmul", kind, fused) + "".join(
        f".{'.'.join(word for word in words if word not in (kind, 'fused'))}" for words in kept)
    text = _MATRIX_PRODUCT.format(symbol=symbol, ways="\n".join([*lines, last.call.format(last.function.symbol)]))
    return MathFunction(symbol, text, tuple(way.function for way in ways), is_shared=True)


def _small_ways(of: tuple[str, bool, Registers], known: Known) -> list[_Way]:
    """Of few rows by columns of any number, and of no more columns than a vector has lanes."""
    kind, _, registers = of
    ways: list[_Way] = []
    lanes, many, columns = lanes_of(kind, registers), turned_lanes(kind, registers), known.columns or 0
    if known.rows in (None, 1) and not known.along:
        ways.append(_Way(_row_product(*of), _ROW, "and i1 %is_row, %beside"))
    if known.rows == 1 and known.beside:
        return ways
    if known.along and (known.rows or 0) <= TURNED_ROWS and (columns or many) >= many:
        asks = f"%low = icmp sle i64 %m, {TURNED_ROWS}\n  %broad = icmp sge i64 %n, {many}\n  "
        ways.append(_Way(turned_columns(*of, known.rows), _TURNED, "and i1 %low, %broad", asks))
    if columns > lanes:
        return ways
    most = min(TURNED_ROWS, lanes)
    if known.left_along and columns <= most and (known.rows or many) >= many:
        asks = f"%slim = icmp sle i64 %n, {most}\n  %tall = icmp sge i64 %m, {many}\n  "
        ways.append(_Way(turned_columns(*of, known.columns), _COLUMN, "and i1 %slim, %tall", asks, "slim"))
    return [*ways, _Way(narrow(*of, known.columns, known.beside, known.rows), _NARROW, f"icmp sle i64 %n, {lanes}")]


def _wide_ways(of: tuple[str, bool, Registers], known: Known, interruptible: bool) -> list[_Way]:
    kind, _, registers = of
    ways: list[_Way] = []
    lanes, rows = lanes_of(kind, registers), known.rows or 0
    if known.columns is not None and known.columns <= lanes or known.rows == 1 and known.beside:
        return ways
    least, most = FEW_TILES * base_tile(*of).rows, MANY_TILES * base_tile(*of).rows
    small = IN_PLACE_NBYTES.get(registers.nbytes, 0) // NBYTES[kind]
    size = None if known.terms is None or known.columns is None else known.terms * known.columns
    if not known.along and (rows <= least or rows <= most and (size or 0) <= small):
        asks = _ASK_FEW.format(least=least, most=most, small=small)
        ways.append(_Way(few_rows(*of, known.rows), _FEW, "and i1 %in_place, %beside", asks))
        if known.rows is not None and known.beside and (rows <= least or size is not None):
            return ways
    return [*ways, _Way(packed_product(*of, interruptible, known.beside, known.along), _PACKED)]


_MATRIX_PRODUCT = """define internal i1 @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_step, i64 %b_next, i64 %m, i64 %n, i64 %k,
    ptr noalias %room) noinline nounwind {{
entry:
  %some_rows = icmp sgt i64 %m, 0
  %some_columns = icmp sgt i64 %n, 0
  %some = and i1 %some_rows, %some_columns
  br i1 %some, label %any, label %none
none:
  ret i1 false
any:
  %beside = icmp eq i64 %b_next, 1
  %is_row = icmp eq i64 %m, 1
{ways}
}}"""

_ASK_WAY = """  {asks}%is{n} = {when}
  br i1 %is{n}, label %way{n}, label %not{n}
way{n}:
{call}
not{n}:"""

_ASK_FEW = """%few = icmp sle i64 %m, {least}
  %not_many = icmp sle i64 %m, {most}
  %size = mul i64 %k, %n
  %small = icmp sle i64 %size, {small}
  %both = and i1 %not_many, %small
  %in_place = or i1 %few, %both
  """

_ROW = """  call void @{}(ptr %c, ptr %a, i64 %a_next, ptr %b, i64 %b_step, i64 %n, i64 %k)
  ret i1 false"""

_COLUMN = """  call void @{}(ptr %c, i64 1, i64 %c_step, ptr %b, i64 %b_next, i64 %b_step, ptr %a, i64 %a_step,
                i64 %n, i64 %m, i64 %k)
  ret i1 false"""

_NARROW = """  call void @{}(ptr %c, i64 %c_step, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_step, i64 %b_next,
                i64 %m, i64 %n, i64 %k, ptr %room)
  ret i1 false"""

_TURNED = """  call void @{}(ptr %c, i64 %c_step, i64 1, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_next,
                i64 %m, i64 %n, i64 %k)
  ret i1 false"""

_FEW = """  call void @{}(ptr %c, i64 %c_step, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_step, i64 %m, i64 %n,
                i64 %k)
  ret i1 false"""

_PACKED = """  %stopped = call i1 @{}(ptr %c, i64 %c_step, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_step,
                          i64 %b_next, i64 %m, i64 %n, i64 %k, ptr %room)
  ret i1 %stopped"""
