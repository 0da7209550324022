"""Products with few rows or few columns, whose long factor is read where it lies.

Rows: as many vectors side by side as there are registers for the sums of so many rows. Columns: fewer than a vector
has lanes are vectors of half as many, a fourth, ..., numbers, packed first where they are not side by side. Where
terms are neighbours in the long factor, as in `x @ w.T` of few rows and `w @ y` of few columns, they are turned in
registers; of `w @ y` the transpose is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ...ir.rules.matrices import ROOM_NBYTES, ROOM_TERMS
from ..math import MathFunction
from .block_tiles import APART_TERMS, BlockTile, FewSumsTile
from .emitter import Registers
from .tiles import INTRINSICS, Tile
from .turning import NBYTES, PART_NBYTES, pack_turned

MEETING_NBYTES = 2048  # columns so far apart share a few sets of the first cache,
MEETING_COLUMNS = 8    # which have room for so many
TURNED_ROWS = 4  # at most, for which columns are turned each time
NARROW_ROWS = 8  # of few columns: as many multiply-adds in flight


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
    lines = [f"%width{len(tiles) - 1} = add i64 0, {tiles[-1].columns}", _first_fitting(tiles, count)]
    lines += [f"%width{n} = select i1 %tile{n}fits, i64 {tile.columns}, i64 %width{n + 1}"
              for n, tile in reversed([*enumerate(tiles)][:-1])]
    return "\n  ".join(lines)


def _first_fitting(tiles: Sequence[Tile], count: str, name: str = "tile") -> str:
    """Lines that make %tile0, or of another name, the first tile that has so many rows, else the last one."""
    lines = [f"%{name}{len(tiles) - 1} = getelementptr i8, ptr @{tiles[-1].symbol}, i64 0"]
    for n, tile in reversed([*enumerate(tiles)][:-1]):
        lines += [f"%{name}{n}fits = icmp sle i64 {count}, {tile.rows}",
                  f"%{name}{n} = select i1 %{name}{n}fits, ptr @{tile.symbol}, ptr %{name}{n + 1}"]
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
    few = min(lanes, MEETING_COLUMNS)
    apart = [BlockTile(kind, tile.rows, 1, few, fused, blocks=4 if tile.rows <= 2 else 2) for tile in tiles]
    text = _TURNED_COLUMNS.format(
        symbol=symbol, kind=kind, lanes=lanes, chosen=_chosen(tiles, "%m"),
        apart=_first_fitting(apart, "%m", "apart"), few=few, nbytes=NBYTES[kind], meeting=MEETING_NBYTES - 1,
        rest=APART_TERMS - 1, most=TURNED_ROWS * columns, columns=columns, align=NBYTES[kind])
    return MathFunction(symbol, text, (*(tile.function() for tile in (*tiles, *apart)), *INTRINSICS), is_shared=True)


_TURNED_COLUMNS = """define internal void @{symbol}(ptr noalias nocapture %c, i64 %c_step, i64 %c_next,
    ptr nocapture readonly %a, i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_next, i64 %m, i64 %n,
    i64 %k) noinline nounwind {{
entry:
  %made = alloca [{most} x {kind}], align 64
  {chosen}
  {apart}
  %column_nbytes = mul i64 %b_next, {nbytes}
  %low_bits = and i64 %column_nbytes, {meeting}
  %meet = icmp eq i64 %low_bits, 0
  %rest = and i64 %k, {rest}
  %are_whole = icmp eq i64 %rest, 0
  %has_terms = icmp ne i64 %k, 0
  %are_some = and i1 %are_whole, %has_terms
  %in_blocks = and i1 %meet, %are_some
  %tile = select i1 %in_blocks, ptr %apart0, ptr %tile0
  %width = select i1 %in_blocks, i64 {few}, i64 %width0
  %least = select i1 %in_blocks, i64 {few}, i64 {lanes}
  %end = sub i64 %n, %least
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
  call void %tile(ptr %to, i64 %to_step, ptr %a, i64 %a_step, i64 %a_next, ptr %y, i64 %b_next, i64 %m,
                   i64 %columns, i64 %k)
  %j_next = add i64 %j, %width
  %count = call i64 @llvm.smin.i64(i64 %columns, i64 %width)
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
def narrow(kind: str, fused: bool, registers: Registers, columns: int | None, beside: bool,
           rows: int | None) -> MathFunction:
    """No more columns than a vector has lanes. `columns`, `rows`: so many, where it is known; `beside`: columns are
    known to be neighbours in memory. Others are packed first, or, of more terms than the room has place for, taken
    one by one."""
    widths = [2**n for n in range(lanes_of(kind, registers).bit_length())]
    if columns is not None:
        most = max(width for width in widths if width <= max(columns, 1))
        widths = [most] if beside or most == 1 else [1, most]
    tiles, last = [_narrow_tile(kind, width, fused, rows) for width in widths], len(widths) - 1
    few = f".{tiles[0].rows}rows" * (tiles[0].rows < NARROW_ROWS)
    symbol = named("narrow", kind, fused) + f".{widths[-1]}" * (columns is not None) + ".beside" * beside + few
    packs = [] if beside else [_packing(kind, width) for width in widths]
    asked, pack = (_BESIDE, _AS_THEY_LIE) if beside else (_ASK_PACKS, _PACK_COLUMNS)
    text = _NARROW_PRODUCT.format(
        symbol=symbol, kind=kind, first=tiles[0].symbol, rows=tiles[0].rows, width=widths[0], last=last,
        chosen=_chosen_width(tiles, packs), pack=pack.format(kind=kind, last=last),
        asked=asked.format(first=packs[0].symbol if packs else "", most=ROOM_TERMS * ROOM_NBYTES // registers.nbytes))
    return MathFunction(symbol, text, (*(tile.function() for tile in tiles), *packs, *INTRINSICS), is_shared=True)


def _narrow_tile(kind: str, width: int, fused: bool, rows: int | None) -> Tile:
    """Eight rows hide the latency of a multiply-add, or as many blocks of fewer."""
    few = 2 if rows is not None and rows <= 2 else 4
    if rows is None or rows > few:
        return Tile(kind, NARROW_ROWS, 1, width, fused)
    return FewSumsTile(kind, few, 1, width, fused, blocks=NARROW_ROWS // few)


def _chosen_width(tiles: Sequence[Tile], packs: Sequence[MathFunction]) -> str:
    """Lines that choose the widest tile that so many columns fill, and what packs them."""
    lines = []
    for n, tile in enumerate(tiles[1:], 1):
        lines += [f"%is{n} = icmp sge i64 %together, {tile.lanes}",
                  f"%tile{n} = select i1 %is{n}, ptr @{tile.symbol}, ptr %tile{n - 1}",
                  f"%width{n} = select i1 %is{n}, i64 {tile.lanes}, i64 %width{n - 1}"]
        lines += [f"%pack{n} = select i1 %is{n}, ptr @{packs[n].symbol}, ptr %pack{n - 1}"] if packs else []
    return "\n  ".join(lines)


def _packing(kind: str, width: int) -> MathFunction:
    return pack_turned(kind, width, 0 if width * NBYTES[kind] < PART_NBYTES else width)


_BESIDE = "%together = add i64 %n, 0"

_ASK_PACKS = """%are_apart = icmp ne i64 %b_next, 1
  %has_room = icmp sle i64 %k, {most}
  %packs = and i1 %are_apart, %has_room
  %one_by_one = xor i1 %are_apart, %packs
  %together = select i1 %one_by_one, i64 1, i64 %n
  %pack0 = getelementptr i8, ptr @{first}, i64 0"""

_AS_THEY_LIE = """%y_lies = getelementptr {kind}, ptr %b, i64 %at
  br label %rows
rows:
  %y = phi ptr [ %y_lies, %column ]
  %y_step = phi i64 [ %b_step, %column ]"""

_PACK_COLUMNS = """%y_at = mul i64 %at, %b_next
  %y_lies = getelementptr {kind}, ptr %b, i64 %y_at
  br i1 %packs, label %pack, label %rows
pack:
  call void %pack{last}(ptr %room, ptr %y_lies, i64 %b_step, i64 %b_next, i64 %width{last}, i64 %k)
  br label %rows
rows:
  %y = phi ptr [ %y_lies, %column ], [ %room, %pack ]
  %y_step = phi i64 [ %b_step, %column ], [ %width{last}, %pack ]"""

_NARROW_PRODUCT = """define internal void @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_step, i64 %b_next, i64 %m, i64 %n, i64 %k,
    ptr noalias %room) noinline nounwind {{
entry:
  {asked}
  %tile0 = getelementptr i8, ptr @{first}, i64 0
  %width0 = add i64 0, {width}
  {chosen}
  %end = sub i64 %n, %width{last}
  br label %next_columns
next_columns:
  %j = phi i64 [ 0, %entry ], [ %j_next, %next ]
  %j_next = add i64 %j, %width{last}
  %more = icmp slt i64 %j, %n
  br i1 %more, label %column, label %done
column:
  %at = call i64 @llvm.smin.i64(i64 %j, i64 %end)
  {pack}
  br label %next
next:
  %i = phi i64 [ 0, %rows ], [ %i_next, %one ]
  %left = sub i64 %m, %i
  %has_rows = icmp sgt i64 %left, 0
  br i1 %has_rows, label %one, label %next_columns
one:
  %count = call i64 @llvm.smin.i64(i64 %left, i64 {rows})
  %x_at = mul i64 %i, %a_step
  %x = getelementptr {kind}, ptr %a, i64 %x_at
  %z_at = mul i64 %i, %c_step
  %z = getelementptr {kind}, ptr %c, i64 %z_at
  %zq = getelementptr {kind}, ptr %z, i64 %at
  call void %tile{last}(ptr %zq, i64 %c_step, ptr %x, i64 %a_step, i64 %a_next, ptr %y, i64 %y_step, i64 %count,
                        i64 %width{last}, i64 %k)
  %i_next = add i64 %i, {rows}
  br label %next
done:
  ret void
}}"""
