"""Products of many rows with many columns: the right factor is packed, so many columns at a time as the cache holds.

Packed columns lie term by term in the room that the op has, whichever way they lay before (`turning.py`). So do the
rows of a few tiles of the left factor, where its columns are contiguous. Where a tile does not fit, the last columns
are made again.
Source: Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication (2008); they split the sums, too.
"""

from __future__ import annotations

from functools import cache

from ...ir.rules.matrices import ROOM_NBYTES, ROOM_TERMS
from ..math import MathFunction
from .emitter import ASK, Registers
from .joined_sums import join_row_function
from .thin_products import base_tile, lanes_of, named, turned_lanes
from .tiles import INTRINSICS, Tile
from .turning import NBYTES, pack_turned

GROUP_NBYTES = 256  # of columns that are packed at a time; the rest of a row of the room is for turned rows
TURNED_TILES = 4    # whose rows are turned at a time: whole lines of the cache


@cache
def packed_product(kind: str, fused: bool, registers: Registers, interruptible: bool, beside: bool,
                   along: bool) -> MathFunction:
    """`beside`, `along`: columns of the right factor, or its terms, are known to be neighbours in memory."""
    nbytes, lanes = NBYTES[kind], lanes_of(kind, registers)
    tile, low = base_tile(kind, fused, registers), Tile(kind, 4, 2, lanes, fused)
    join, symbol = join_row_function(kind, nbytes), named("packed_product", kind, fused)
    symbol += ".beside" * beside + ".along" * along
    n_turned = TURNED_TILES * tile.rows
    pack = _packing(kind, tile.columns)
    turned = pack if beside else pack_turned(kind, tile.columns, turned_lanes(kind, registers) if along else 0)
    packs = (pack, turned, _packing(kind, n_turned))
    text = _PACKED_PRODUCT.format(
        symbol=symbol, kind=kind, tile=tile.symbol, low=low.symbol, low_rows=low.rows, rows=tile.rows,
        columns=tile.columns, group=GROUP_NBYTES // nbytes, pack=pack.symbol,
        copies=_COPIES.format(pack=turned.symbol) if not beside else "br label %copy",
        pack_rows=packs[2].symbol, join=join.symbol, group_nbytes=GROUP_NBYTES, n_turned=n_turned, lanes=lanes,
        chunk=ROOM_TERMS, shift=ROOM_TERMS.bit_length() - 1, row_nbytes=ROOM_NBYTES,
        ask=f"call i32 @{ASK.symbol}()" if interruptible else "add i32 0, 0")
    asks = (ASK,) if interruptible else ()
    needed = (tile.function(), low.function(), *packs, join, *asks, *INTRINSICS)
    return MathFunction(symbol, text, needed, is_shared=True)


def _packing(kind: str, columns: int) -> MathFunction:
    """Copies of so many columns, or fewer, one behind the other."""
    symbol = f"scancc.pack.{kind}.{columns}"
    text = _PACK.format(symbol=symbol, kind=kind, columns=columns, whole=f"<{columns} x {kind}>", align=NBYTES[kind])
    return MathFunction(symbol, text, INTRINSICS)


_PACK = """define internal void @{symbol}(ptr noalias nocapture %to, ptr nocapture readonly %b, i64 %b_step,
    i64 %width, i64 %k) noinline nounwind {{
entry:
  %is_whole = icmp eq i64 %width, {columns}
  br label %next
next:
  %t = phi i64 [ 0, %entry ], [ %t_whole, %whole ], [ %t_part, %part_end ]
  %more = icmp slt i64 %t, %k
  br i1 %more, label %row, label %done
row:
  %from_at = mul i64 %t, %b_step
  %from = getelementptr {kind}, ptr %b, i64 %from_at
  %to_at = mul i64 %t, {columns}
  %row_to = getelementptr {kind}, ptr %to, i64 %to_at
  br i1 %is_whole, label %whole, label %part
whole:
  %numbers = load {whole}, ptr %from, align {align}
  store {whole} %numbers, ptr %row_to, align {align}
  %t_whole = add i64 %t, 1
  br label %next
part:
  %j = phi i64 [ 0, %row ], [ %j_next, %part ]
  %number_at = getelementptr {kind}, ptr %from, i64 %j
  %number = load {kind}, ptr %number_at, align {align}
  %number_to = getelementptr {kind}, ptr %row_to, i64 %j
  store {kind} %number, ptr %number_to, align {align}
  %j_next = add i64 %j, 1
  %again = icmp slt i64 %j_next, %width
  br i1 %again, label %part, label %part_end
part_end:
  %t_part = add i64 %t, 1
  br label %next
done:
  ret void
}}"""

_COPIES = """br i1 %beside, label %copy, label %copy_turned
copy_turned:
  call void @{pack}(ptr %to, ptr %there, i64 %b_step, i64 %b_next, i64 %width, i64 %n_terms)
  br label %column_end"""

# Columns in groups, terms in chunks: what is packed of the right factor stays in the cache while all rows read it.
_PACKED_PRODUCT = """define internal i1 @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_step, i64 %b_next, i64 %m, i64 %n, i64 %k,
    ptr noalias %room) noinline nounwind {{
entry:
  %beside = icmp eq i64 %b_next, 1
  %n_packed = call i64 @llvm.smin.i64(i64 %k, i64 {chunk})
  %tile_size = mul i64 %n_packed, {columns}
  %rows_at = mul i64 %n_packed, {group_nbytes}
  %turned = getelementptr i8, ptr %room, i64 %rows_at
  %in_rows = icmp ne i64 %a_step, 1
  %stack_at = mul i64 %n_packed, {row_nbytes}
  %stack = getelementptr i8, ptr %room, i64 %stack_at
  %level_step = mul i64 %m, {row_nbytes}
  br label %group
group:
  %j0 = phi i64 [ 0, %entry ], [ %j_end, %asking ]
  %j_far = add i64 %j0, {group}
  %rest = sub i64 %n, %j_far
  %has_rest = icmp sgt i64 %rest, 0
  %no_vector = icmp slt i64 %rest, {lanes}
  %is_short = and i1 %has_rest, %no_vector
  %j_less = sub i64 %j_far, {columns}
  %j_end_far = select i1 %is_short, i64 %j_less, i64 %j_far
  %j_end = call i64 @llvm.smin.i64(i64 %j_end_far, i64 %n)
  %j_room = sub i64 %n, {lanes}
  br label %chunk
chunk:
  %first = phi i64 [ 0, %group ], [ %following, %chunk_end ]
  %left = sub i64 %k, %first
  %n_terms = call i64 @llvm.smin.i64(i64 %left, i64 {chunk})
  %a_first_at = mul i64 %first, %a_next
  %a_first = getelementptr {kind}, ptr %a, i64 %a_first_at
  %b_first_at = mul i64 %first, %b_step
  %b_first = getelementptr {kind}, ptr %b, i64 %b_first_at
  br label %column
column:
  %j = phi i64 [ %j0, %chunk ], [ %j_next, %column_end ]
  %to = phi ptr [ %room, %chunk ], [ %to_next, %column_end ]
  %at = call i64 @llvm.smin.i64(i64 %j, i64 %j_room)
  %column_left = sub i64 %n, %at
  %width = call i64 @llvm.smin.i64(i64 %column_left, i64 {columns})
  %there_at = mul i64 %at, %b_next
  %there = getelementptr {kind}, ptr %b_first, i64 %there_at
  {copies}
copy:
  call void @{pack}(ptr %to, ptr %there, i64 %b_step, i64 %width, i64 %n_terms)
  br label %column_end
column_end:
  %j_next = add i64 %j, {columns}
  %to_next = getelementptr {kind}, ptr %to, i64 %tile_size
  %more_columns = icmp slt i64 %j_next, %j_end
  br i1 %more_columns, label %column, label %rows
rows:
  %i = phi i64 [ 0, %column_end ], [ %i_next, %rows_end ]
  %i_left = sub i64 %m, %i
  %has_rows = icmp sgt i64 %i_left, 0
  br i1 %has_rows, label %row, label %joining
row:
  %count = call i64 @llvm.smin.i64(i64 %i_left, i64 {rows})
  %x_at = mul i64 %i, %a_step
  %x_there = getelementptr {kind}, ptr %a_first, i64 %x_at
  %z_at = mul i64 %i, %c_step
  %z = getelementptr {kind}, ptr %c, i64 %z_at
  %is_low = icmp sle i64 %count, {low_rows}
  %tile_function = select i1 %is_low, ptr @{low}, ptr @{tile}
  br i1 %in_rows, label %tiles, label %turn
turn:
  %i_turned = urem i64 %i, {n_turned}
  %x_turned = getelementptr {kind}, ptr %turned, i64 %i_turned
  %is_turned = icmp ne i64 %i_turned, 0
  br i1 %is_turned, label %tiles, label %turn_more
turn_more:
  %n_turned = call i64 @llvm.smin.i64(i64 %i_left, i64 {n_turned})
  call void @{pack_rows}(ptr %turned, ptr %x_there, i64 %a_next, i64 %n_turned, i64 %n_terms)
  br label %tiles
tiles:
  %x = phi ptr [ %x_there, %row ], [ %x_turned, %turn ], [ %turned, %turn_more ]
  %x_step = phi i64 [ %a_step, %row ], [ 1, %turn ], [ 1, %turn_more ]
  %x_next = phi i64 [ %a_next, %row ], [ {n_turned}, %turn ], [ {n_turned}, %turn_more ]
  br label %tile
tile:
  %q = phi i64 [ %j0, %tiles ], [ %q_next, %tile ]
  %packed = phi ptr [ %room, %tiles ], [ %packed_next, %tile ]
  %q_at = call i64 @llvm.smin.i64(i64 %q, i64 %j_room)
  %q_left = sub i64 %n, %q_at
  %q_width = call i64 @llvm.smin.i64(i64 %q_left, i64 {columns})
  %zq = getelementptr {kind}, ptr %z, i64 %q_at
  call void %tile_function(ptr %zq, i64 %c_step, ptr %x, i64 %x_step, i64 %x_next, ptr %packed, i64 {columns},
                           i64 %count, i64 %q_width, i64 %n_terms)
  %q_next = add i64 %q, {columns}
  %packed_next = getelementptr {kind}, ptr %packed, i64 %tile_size
  %more_tiles = icmp slt i64 %q_next, %j_end
  br i1 %more_tiles, label %tile, label %rows_end
rows_end:
  %i_next = add i64 %i, {rows}
  br label %rows
joining:
  %is_whole = icmp sle i64 %k, {chunk}
  br i1 %is_whole, label %group_end, label %join
join:
  %p = phi i64 [ 0, %joining ], [ %p_next, %join_row ]
  %more_joins = icmp slt i64 %p, %m
  br i1 %more_joins, label %join_row, label %chunk_end
join_row:
  %p_at = mul i64 %p, %c_step
  %p_row = getelementptr {kind}, ptr %c, i64 %p_at
  %p_from = getelementptr {kind}, ptr %p_row, i64 %j0
  %p_width = sub i64 %j_end, %j0
  %p_stack_at = mul i64 %p, {row_nbytes}
  %p_stack = getelementptr i8, ptr %stack, i64 %p_stack_at
  call void @{join}(ptr %p_from, i64 %p_width, ptr %p_stack, i64 %level_step, i64 %first, i64 %k, i64 {shift})
  %p_next = add i64 %p, 1
  br label %join
chunk_end:
  %following = add i64 %first, {chunk}
  %more_chunks = icmp slt i64 %following, %k
  br i1 %more_chunks, label %chunk, label %group_end
group_end:
  %finished = icmp sge i64 %j_end, %n
  br i1 %finished, label %done, label %asking
asking:
  %answer = {ask}
  %calm = icmp eq i32 %answer, 0
  br i1 %calm, label %group, label %done
done:
  %stopped = phi i1 [ false, %group_end ], [ true, %asking ]
  ret i1 %stopped
}}"""
