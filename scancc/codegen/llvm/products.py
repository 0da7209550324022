"""Products of matrices: calls of functions that a module has once for each type of numbers.

    scan.matmul &%x @ &%w into &%y   ->   call @scancc.matmul.float(y, x, w, their strides, sizes and room)

A function goes over tiles (`tiles.py`). A matrix on the right is packed into the room that the op has, as many
columns at a time as stay in the cache; for few rows it is read where it is. So is the left factor, unless its columns
are contiguous: then the rows of a few tiles are packed, too. Where a tile does not fit, the last columns are made
again. A vector on the left has tiles of one row. A result that is narrower than a vector has tiles of shorter ones:
products of long stacks of small matrices, as a gradient takes them, are chains of one multiply-add a term.
Source: Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication (2008); they split the sums, too.
"""

from __future__ import annotations

from functools import cache

from ...ir.core import Op
from ...ir.ops import group, operand
from ...ir.rules.matrices import ROOM_NBYTES, ROOM_TERMS
from ..math import MathFunction
from .emitter import ASK, FunctionEmitter, Registers, emits, llvm_type
from .interrupts import end_if
from .joined_sums import join_row_function
from .tiles import INTRINSICS, NBYTES, Tile

GROUP_NBYTES = 256  # of columns that are packed at a time; the rest of a row of the room is for turned rows
TURNED_TILES = 4    # whose rows are turned at a time: whole lines of the cache


@emits("scan.matmul")
def matmul(e: FunctionEmitter, op: Op) -> None:
    lhs, rhs, out = (e.mem(operand(op, name)) for name in ("lhs", "rhs", "out"))
    kind, fused = llvm_type(rhs.element), op.attrs["fused"]
    n_terms, columns = rhs.dims
    left = lhs.strides[::-1] if op.attrs["transposed"] else lhs.strides
    if len(lhs.dims) == 1:
        symbol = e.out.needed(_row_product(kind, fused, e.out.registers))
        e.line(f"call void @{symbol}(ptr {out.pointer}, ptr {lhs.pointer}, i64 {left[0]}, ptr {rhs.pointer}, "
               f"i64 {rhs.strides[0]}, i64 {columns}, i64 {n_terms})")
        return
    (room,) = group(op, "room")
    symbol = e.out.needed(_matrix_product(kind, fused, e.out.registers, e.out.interruptible))
    stopped = e.emit(f"call i1 @{symbol}(ptr {out.pointer}, i64 {out.strides[0]}, ptr {lhs.pointer}, i64 {left[0]}, "
                     f"i64 {left[1]}, ptr {rhs.pointer}, i64 {rhs.strides[0]}, i64 {out.dims[0]}, i64 {columns}, "
                     f"i64 {n_terms}, ptr {e.mem(room).pointer})")
    if e.out.interruptible:
        end_if(e, stopped)


def _name(word: str, kind: str, fused: bool) -> str:
    return f"scancc.{word}.{kind}" + ".fused" * fused


# ---- vector times matrix ----


@cache
def _row_product(kind: str, fused: bool, registers: Registers) -> MathFunction:
    """Tiles of eight vectors, which hide the latency of a multiply-add; of numbers where no vector fits."""
    symbol, lanes = _name("vecmat", kind, fused), registers.nbytes // NBYTES[kind]
    wide, narrow = Tile(kind, 1, 8, lanes, fused), Tile(kind, 1, 4, 1, fused)
    text = _ROW_PRODUCT.format(symbol=symbol, kind=kind, lanes=lanes, wide=wide.symbol, columns=wide.columns,
                               narrow=narrow.symbol, few=narrow.columns)
    return MathFunction(symbol, text, (wide.function(), narrow.function(), *INTRINSICS), is_shared=True)


_ROW_PRODUCT = """define internal void @{symbol}(ptr noalias nocapture %c, ptr nocapture readonly %a, i64 %a_next,
    ptr nocapture readonly %b, i64 %b_step, i64 %n, i64 %k) noinline nounwind {{
entry:
  %is_wide = icmp sge i64 %n, {lanes}
  %tile = select i1 %is_wide, ptr @{wide}, ptr @{narrow}
  %width = select i1 %is_wide, i64 {columns}, i64 {few}
  %least = select i1 %is_wide, i64 {lanes}, i64 1
  %end = sub i64 %n, %least
  br label %next
next:
  %j = phi i64 [ 0, %entry ], [ %after, %one ]
  %more = icmp slt i64 %j, %n
  br i1 %more, label %one, label %done
one:
  %at = call i64 @llvm.smin.i64(i64 %j, i64 %end)
  %to = getelementptr {kind}, ptr %c, i64 %at
  %columns = getelementptr {kind}, ptr %b, i64 %at
  %left = sub i64 %n, %at
  call void %tile(ptr %to, i64 0, ptr %a, i64 0, i64 %a_next, ptr %columns, i64 %b_step, i64 1, i64 %left, i64 %k)
  %after = add i64 %j, %width
  br label %next
done:
  ret void
}}"""

# ---- matrix times few columns ----


@cache
def _narrow_product(kind: str, fused: bool, registers: Registers) -> MathFunction:
    """Fewer columns than a vector has lanes: vectors of half as many, a fourth, ..., numbers; these alone where a
    vector has one lane."""
    lanes, symbol = registers.nbytes // NBYTES[kind], _name("narrow", kind, fused)
    tiles = [Tile(kind, 8, 1, 2**n, fused) for n in range(max(1, lanes.bit_length() - 1))]
    chosen = "\n  ".join(_CHOOSE.format(n=n, before=n - 1, symbol=tile.symbol, width=tile.lanes)
                         for n, tile in enumerate(tiles) if n)
    text = _NARROW_PRODUCT.format(symbol=symbol, kind=kind, chosen=chosen, first=tiles[0].symbol, rows=tiles[0].rows,
                                  last=len(tiles) - 1)
    return MathFunction(symbol, text, (*(tile.function() for tile in tiles), *INTRINSICS))


_CHOOSE = """%is{n} = icmp sge i64 %n, {width}
  %tile{n} = select i1 %is{n}, ptr @{symbol}, ptr %tile{before}
  %width{n} = select i1 %is{n}, i64 {width}, i64 %width{before}"""

_NARROW_PRODUCT = """define internal void @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_step, i64 %m, i64 %n, i64 %k) noinline nounwind {{
entry:
  %tile0 = select i1 true, ptr @{first}, ptr null
  %width0 = add i64 0, 1
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
  %y = getelementptr {kind}, ptr %b, i64 %at
  call void %tile{last}(ptr %zq, i64 %c_step, ptr %x, i64 %a_step, i64 %a_next, ptr %y, i64 %b_step, i64 %count,
                        i64 %width{last}, i64 %k)
  %j_next = add i64 %j, %width{last}
  br label %next
done:
  ret void
}}"""

# ---- matrix times matrix ----


@cache
def _matrix_product(kind: str, fused: bool, registers: Registers, interruptible: bool) -> MathFunction:
    nbytes = NBYTES[kind]
    lanes = registers.nbytes // nbytes
    tile = Tile(kind, 8 if registers.count >= 32 else 6, 2, lanes, fused)
    row, narrow = _row_product(kind, fused, registers), _narrow_product(kind, fused, registers)
    join = join_row_function(kind, nbytes)
    pack, pack_rows = _packing(kind, tile.columns), _packing(kind, TURNED_TILES * tile.rows)
    text = _MATRIX_PRODUCT.format(
        symbol=_name("matmul", kind, fused), kind=kind, tile=tile.symbol, rows=tile.rows, columns=tile.columns,
        group=GROUP_NBYTES // nbytes, few=2 * tile.rows, row=row.symbol, narrow=narrow.symbol, pack=pack.symbol,
        join=join.symbol, pack_rows=pack_rows.symbol, group_nbytes=GROUP_NBYTES, n_turned=TURNED_TILES * tile.rows,
        lanes=lanes, chunk=ROOM_TERMS, shift=ROOM_TERMS.bit_length() - 1, row_nbytes=ROOM_NBYTES,
        ask=f"call i32 @{ASK.symbol}()" if interruptible else "add i32 0, 0")
    asks = (ASK,) if interruptible else ()
    needs = tile.function(), row, narrow, pack, pack_rows, join, *asks, *INTRINSICS
    return MathFunction(_name("matmul", kind, fused), text, needs, is_shared=True)


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

# Columns in groups, terms in chunks: what is packed of the right factor stays in the cache while all rows read it.
_MATRIX_PRODUCT = """define internal i1 @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_step, i64 %m, i64 %n, i64 %k, ptr noalias %room)
    noinline nounwind {{
entry:
  %is_one = icmp eq i64 %m, 1
  %is_narrow = icmp slt i64 %n, {lanes}
  %is_few = icmp sle i64 %m, {few}
  %n_packed = call i64 @llvm.smin.i64(i64 %k, i64 {chunk})
  %tile_size = mul i64 %n_packed, {columns}
  %rows_at = mul i64 %n_packed, {group_nbytes}
  %turned = getelementptr i8, ptr %room, i64 %rows_at
  %in_rows = icmp ne i64 %a_step, 1
  %few_rows = or i1 %is_few, %in_rows
  %stack_at = mul i64 %n_packed, {row_nbytes}
  %stack = getelementptr i8, ptr %room, i64 %stack_at
  %level_step = mul i64 %m, {row_nbytes}
  br i1 %is_one, label %single, label %several
single:
  call void @{row}(ptr %c, ptr %a, i64 %a_next, ptr %b, i64 %b_step, i64 %n, i64 %k)
  br label %done
several:
  br i1 %is_narrow, label %narrow, label %group
narrow:
  call void @{narrow}(ptr %c, i64 %c_step, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_step, i64 %m,
                      i64 %n, i64 %k)
  br label %done
group:
  %j0 = phi i64 [ 0, %several ], [ %j_end, %asking ]
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
  %there = getelementptr {kind}, ptr %b_first, i64 %at
  br i1 %is_few, label %column_end, label %copy
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
  br i1 %few_rows, label %tiles, label %turn
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
  %q_there = getelementptr {kind}, ptr %b_first, i64 %q_at
  %y = select i1 %is_few, ptr %q_there, ptr %packed
  %y_step = select i1 %is_few, i64 %b_step, i64 {columns}
  %zq = getelementptr {kind}, ptr %z, i64 %q_at
  call void @{tile}(ptr %zq, i64 %c_step, ptr %x, i64 %x_step, i64 %x_next, ptr %y, i64 %y_step, i64 %count,
                    i64 %q_width, i64 %n_terms)
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
  %stopped = phi i1 [ false, %single ], [ false, %narrow ], [ false, %group_end ], [ true, %asking ]
  ret i1 %stopped
}}"""
