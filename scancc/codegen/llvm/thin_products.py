"""Products with few rows or few columns, whose right factor is read where it lies.

Rows: as many vectors side by side as there are registers for the sums of so many rows. Columns: fewer than a vector
has lanes are vectors of half as many, a fourth, ..., numbers. Where terms are neighbours in the long factor, as in
`x @ w.T` of few rows and `w @ y` of few columns, they are turned in registers; of `w @ y` the transpose is made.
"""

from __future__ import annotations

from functools import cache

from ..math import MathFunction
from .emitter import Registers
from .tiles import INTRINSICS, Tile
from .turning import NBYTES, PART_NBYTES

TURNED_ROWS = 4  # at most, for which columns are turned each time


def named(word: str, kind: str, fused: bool) -> str:
    return f"scancc.{word}.{kind}" + ".fused" * fused


def lanes_of(kind: str, registers: Registers) -> int:
    return registers.nbytes // NBYTES[kind]


def turned_lanes(kind: str, registers: Registers) -> int:
    """Of vectors that are turned: parts of 16 bytes even where registers are shorter."""
    return max(registers.nbytes, PART_NBYTES) // NBYTES[kind]


def base_tile(kind: str, fused: bool, registers: Registers) -> Tile:
    """That of many rows."""
    return Tile(kind, 8 if registers.count >= 32 else 6, 2, lanes_of(kind, registers), fused, is_shared=True)


def row_tile(kind: str, fused: bool, registers: Registers) -> Tile:
    """That of one row: eight vectors hide the latency of a multiply-add."""
    return Tile(kind, 1, 8, lanes_of(kind, registers), fused, is_shared=True)


def _chosen(tiles: list[Tile], count: str) -> str:
    """Lines that make %tile and %width those of the first tile that has so many rows, else of the last one."""
    lines = [f"%tile{len(tiles) - 1} = getelementptr i8, ptr @{tiles[-1].symbol}, i64 0",
             f"%width{len(tiles) - 1} = add i64 0, {tiles[-1].columns}"]
    for n, tile in reversed([*enumerate(tiles)][:-1]):
        lines += [f"%fits{n} = icmp sle i64 {count}, {tile.rows}",
                  f"%tile{n} = select i1 %fits{n}, ptr @{tile.symbol}, ptr %tile{n + 1}",
                  f"%width{n} = select i1 %fits{n}, i64 {tile.columns}, i64 %width{n + 1}"]
    return "\n  ".join(lines)


def _fitting(tiles: list[Tile], rows: int | None) -> tuple[list[Tile], str]:
    """Those that so many rows need, and what the name of a function says of them."""
    if rows is None:
        return tiles, ""
    whole, rest = divmod(rows, tiles[-1].rows)
    found = [next(tile for tile in tiles if rest <= tile.rows)] * (rest > 0 or not whole) + tiles[-1:] * (whole > 0)
    return found, "".join(f".{tile.rows}" for tile in found)


# ---- few rows ----


@cache
def few_rows(kind: str, fused: bool, registers: Registers, rows: int | None) -> MathFunction:
    """`rows`: so many, where it is known."""
    many = registers.count >= 32
    lanes, base = lanes_of(kind, registers), base_tile(kind, fused, registers)
    tiles = [row_tile(kind, fused, registers), *(Tile(kind, rows, vectors, lanes, fused) for rows, vectors in (
        (2, 8 if many else 4), (4, 4 if many else 2))), base]
    tiles, suffix = _fitting(tiles, rows)
    symbol = named("few_rows", kind, fused) + suffix
    text = _FEW_ROWS.format(symbol=symbol, kind=kind, rows=tiles[-1].rows, lanes=lanes,
                            chosen=_chosen(tiles, "%count"))
    return MathFunction(symbol, text, (*(tile.function() for tile in tiles), *INTRINSICS), is_shared=True)


_FEW_ROWS = """define internal void @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_step, i64 %m, i64 %n, i64 %k) noinline nounwind {{
entry:
  %end = sub i64 %n, {lanes}
  br label %next_rows
next_rows:
  %i = phi i64 [ 0, %entry ], [ %i_next, %next ]
  %left = sub i64 %m, %i
  %count = call i64 @llvm.smin.i64(i64 %left, i64 {rows})
  {chosen}
  %x_at = mul i64 %i, %a_step
  %x = getelementptr {kind}, ptr %a, i64 %x_at
  %z_at = mul i64 %i, %c_step
  %z = getelementptr {kind}, ptr %c, i64 %z_at
  %i_next = add i64 %i, {rows}
  %has_rows = icmp sgt i64 %left, 0
  br i1 %has_rows, label %next, label %done
next:
  %j = phi i64 [ 0, %next_rows ], [ %j_next, %one ]
  %more = icmp slt i64 %j, %n
  br i1 %more, label %one, label %next_rows
one:
  %at = call i64 @llvm.smin.i64(i64 %j, i64 %end)
  %columns = sub i64 %n, %at
  %zq = getelementptr {kind}, ptr %z, i64 %at
  %y = getelementptr {kind}, ptr %b, i64 %at
  call void %tile0(ptr %zq, i64 %c_step, ptr %x, i64 %a_step, i64 %a_next, ptr %y, i64 %b_step, i64 %count,
                   i64 %columns, i64 %k)
  %j_next = add i64 %j, %width0
  br label %next
done:
  ret void
}}"""

# ---- few rows, columns along memory ----


@cache
def turned_columns(kind: str, fused: bool, registers: Registers, rows: int | None) -> MathFunction:
    """Few rows times a matrix by its columns, into rows or into columns."""
    lanes = turned_lanes(kind, registers)
    half = min(lanes, 2 * PART_NBYTES // NBYTES[kind])  # for one row, whose time is that of the shuffles: two a cycle
    tiles = [Tile(kind, 1, 4, half, fused, turns=True),
             *(Tile(kind, rows, 2, lanes, fused, turns=True) for rows in (2, TURNED_ROWS))]
    tiles, suffix = _fitting(tiles, rows)
    columns = max(tile.columns for tile in tiles)
    symbol = named("turned_columns", kind, fused) + suffix
    text = _TURNED_COLUMNS.format(symbol=symbol, kind=kind, lanes=lanes, chosen=_chosen(tiles, "%m"),
                                  most=TURNED_ROWS * columns, columns=columns, align=NBYTES[kind])
    return MathFunction(symbol, text, (*(tile.function() for tile in tiles), *INTRINSICS), is_shared=True)


_TURNED_COLUMNS = """define internal void @{symbol}(ptr noalias nocapture %c, i64 %c_step, i64 %c_next,
    ptr nocapture readonly %a, i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_next, i64 %m, i64 %n,
    i64 %k) noinline nounwind {{
entry:
  %made = alloca [{most} x {kind}], align 64
  {chosen}
  %end = sub i64 %n, {lanes}
  %in_rows = icmp eq i64 %c_next, 1
  %to_step = select i1 %in_rows, i64 %c_step, i64 {columns}
  br label %next
next:
  %j = phi i64 [ 0, %entry ], [ %j_next, %one ], [ %j_next, %line_end ]
  %more = icmp slt i64 %j, %n
  br i1 %more, label %one, label %done
one:
  %at = call i64 @llvm.smin.i64(i64 %j, i64 %end)
  %columns = sub i64 %n, %at
  %y_at = mul i64 %at, %b_next
  %y = getelementptr {kind}, ptr %b, i64 %y_at
  %z_at = mul i64 %at, %c_next
  %z = getelementptr {kind}, ptr %c, i64 %z_at
  %to = select i1 %in_rows, ptr %z, ptr %made
  call void %tile0(ptr %to, i64 %to_step, ptr %a, i64 %a_step, i64 %a_next, ptr %y, i64 %b_next, i64 %m,
                   i64 %columns, i64 %k)
  %j_next = add i64 %j, %width0
  %count = call i64 @llvm.smin.i64(i64 %columns, i64 %width0)
  br i1 %in_rows, label %next, label %line
line:
  %p = phi i64 [ 0, %one ], [ %p_next, %line_more ]
  %p_from = getelementptr {kind}, ptr %made, i64 %p
  %p_to_at = mul i64 %p, %c_next
  %p_to = getelementptr {kind}, ptr %z, i64 %p_to_at
  br label %number
number:
  %i = phi i64 [ 0, %line ], [ %i_next, %number ]
  %from_at = mul i64 %i, {columns}
  %from = getelementptr {kind}, ptr %p_from, i64 %from_at
  %value = load {kind}, ptr %from, align {align}
  %number_at = mul i64 %i, %c_step
  %number_to = getelementptr {kind}, ptr %p_to, i64 %number_at
  store {kind} %value, ptr %number_to, align {align}
  %i_next = add i64 %i, 1
  %again = icmp slt i64 %i_next, %m
  br i1 %again, label %number, label %line_more
line_more:
  %p_next = add i64 %p, 1
  %on = icmp slt i64 %p_next, %count
  br i1 %on, label %line, label %line_end
line_end:
  br label %next
done:
  ret void
}}"""

# ---- few columns ----


@cache
def narrow(kind: str, fused: bool, registers: Registers, beside: int | None) -> MathFunction:
    """No more columns than a vector has lanes; where the right factor's are not side by side, one by one, as where a
    vector has one lane. `beside`: so many are, where it is known."""
    widths = [2**n for n in range(lanes_of(kind, registers).bit_length())]
    if beside is not None:
        widths = [max(width for width in widths if width <= max(beside, 1))]
    symbol = named("narrow", kind, fused) + f".{widths[0]}" * (beside is not None)
    tiles = [Tile(kind, 8, 1, width, fused) for width in widths]
    chosen = "\n  ".join(_CHOOSE.format(n=n, before=n - 1, symbol=tile.symbol, width=tile.lanes)
                         for n, tile in enumerate(tiles) if n)
    text = _NARROW_PRODUCT.format(symbol=symbol, kind=kind, chosen=chosen, first=tiles[0].symbol, rows=tiles[0].rows,
                                  width=widths[0], last=len(tiles) - 1)
    return MathFunction(symbol, text, (*(tile.function() for tile in tiles), *INTRINSICS), is_shared=True)


_CHOOSE = """%is{n} = icmp sge i64 %beside, {width}
  %tile{n} = select i1 %is{n}, ptr @{symbol}, ptr %tile{before}
  %width{n} = select i1 %is{n}, i64 {width}, i64 %width{before}"""

_NARROW_PRODUCT = """define internal void @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_step, i64 %b_next, i64 %m, i64 %n, i64 %k)
    noinline nounwind {{
entry:
  %are_beside = icmp eq i64 %b_next, 1
  %beside = select i1 %are_beside, i64 %n, i64 1
  %tile0 = select i1 true, ptr @{first}, ptr null
  %width0 = add i64 0, {width}
  {chosen}
  %end = sub i64 %n, %width{last}
  br label %next_rows
next_rows:
  %i = phi i64 [ 0, %entry ], [ %i_next, %next ]
  %left = sub i64 %m, %i
  %count = call i64 @llvm.smin.i64(i64 %left, i64 {rows})
  %x_at = mul i64 %i, %a_step
  %x = getelementptr {kind}, ptr %a, i64 %x_at
  %z_at = mul i64 %i, %c_step
  %z = getelementptr {kind}, ptr %c, i64 %z_at
  %i_next = add i64 %i, {rows}
  %has_rows = icmp sgt i64 %left, 0
  br i1 %has_rows, label %next, label %done
next:
  %j = phi i64 [ 0, %next_rows ], [ %j_next, %one ]
  %more = icmp slt i64 %j, %n
  br i1 %more, label %one, label %next_rows
one:
  %at = call i64 @llvm.smin.i64(i64 %j, i64 %end)
  %zq = getelementptr {kind}, ptr %z, i64 %at
  %y_at = mul i64 %at, %b_next
  %y = getelementptr {kind}, ptr %b, i64 %y_at
  call void %tile{last}(ptr %zq, i64 %c_step, ptr %x, i64 %a_step, i64 %a_next, ptr %y, i64 %b_step, i64 %count,
                        i64 %width{last}, i64 %k)
  %j_next = add i64 %j, %width{last}
  br label %next
done:
  ret void
}}"""
