"""Products of matrices: calls of functions that a module has once for each type of numbers.

    scan.matmul &%x @ &%w into &%y   ->   call @scancc.matmul.float(y, x, w, their strides, sizes and room)

A function goes over tiles (`tiles.py`). Many rows and columns are packed (`packed_products.py`), few are read where
they are (`thin_products.py`): products of long stacks of small matrices, as a gradient takes them, are chains of one
multiply-add a term. A vector on the left has tiles of one row.
"""

from __future__ import annotations

from functools import cache

from ...ir.core import Op
from ...ir.ops import group, operand
from ..math import MathFunction
from .emitter import FunctionEmitter, Operand, Registers, emits, llvm_type
from .interrupts import end_if
from .packed_products import packed_product
from .thin_products import TURNED_ROWS, base_tile, few_rows, lanes_of, named, narrow, turned_columns, turned_lanes
from .tiles import INTRINSICS, Tile


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
    symbol = e.out.needed(_matrix_product(kind, fused, e.out.registers, e.out.interruptible))
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
    """Tiles of eight vectors, which hide the latency of a multiply-add; of numbers where no vector fits."""
    symbol, lanes = named("vecmat", kind, fused), lanes_of(kind, registers)
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

# ---- matrix times matrix ----


@cache
def _matrix_product(kind: str, fused: bool, registers: Registers, interruptible: bool) -> MathFunction:
    """The way that fits the number of rows and columns, and what lies side by side in the right factor."""
    of = kind, fused, registers
    row, few, turned, thin = _row_product(*of), few_rows(*of), turned_columns(*of), narrow(*of)
    packed, symbol = packed_product(*of, interruptible), named("matmul", kind, fused)
    text = _MATRIX_PRODUCT.format(
        symbol=symbol, row=row.symbol, few=few.symbol, turned=turned.symbol, thin=thin.symbol, packed=packed.symbol,
        few_rows=2 * base_tile(*of).rows, lanes=lanes_of(kind, registers), most=TURNED_ROWS,
        turned_lanes=turned_lanes(kind, registers))
    return MathFunction(symbol, text, (row, few, turned, thin, packed), is_shared=True)


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
  %apart = xor i1 %beside, true
  %single = icmp eq i64 %m, 1
  %is_row = and i1 %single, %beside
  br i1 %is_row, label %row, label %several
row:
  call void @{row}(ptr %c, ptr %a, i64 %a_next, ptr %b, i64 %b_step, i64 %n, i64 %k)
  ret i1 false
several:
  %is_thin = icmp sle i64 %n, {lanes}
  br i1 %is_thin, label %thin, label %wide
thin:
  %few_columns = icmp sle i64 %n, {most}
  %tall = icmp sge i64 %m, {turned_lanes}
  %a_along = icmp eq i64 %a_next, 1
  %fits = and i1 %few_columns, %tall
  %is_column = and i1 %fits, %a_along
  br i1 %is_column, label %column, label %narrow
column:
  call void @{turned}(ptr %c, i64 1, i64 %c_step, ptr %b, i64 %b_next, i64 %b_step, ptr %a, i64 %a_step, i64 %n,
                      i64 %m, i64 %k)
  ret i1 false
narrow:
  call void @{thin}(ptr %c, i64 %c_step, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_step, i64 %b_next, i64 %m,
                    i64 %n, i64 %k)
  ret i1 false
wide:
  %b_along = icmp eq i64 %b_step, 1
  %low_rows = icmp sle i64 %m, {most}
  %broad = icmp sge i64 %n, {turned_lanes}
  %low = and i1 %low_rows, %broad
  %along = and i1 %b_along, %apart
  %is_turned = and i1 %low, %along
  br i1 %is_turned, label %turned, label %by_rows
turned:
  call void @{turned}(ptr %c, i64 %c_step, i64 1, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_next, i64 %m,
                      i64 %n, i64 %k)
  ret i1 false
by_rows:
  %short = icmp sle i64 %m, {few_rows}
  %is_few = and i1 %short, %beside
  br i1 %is_few, label %few, label %packed
few:
  call void @{few}(ptr %c, i64 %c_step, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_step, i64 %m, i64 %n,
                   i64 %k)
  ret i1 false
packed:
  %stopped = call i1 @{packed}(ptr %c, i64 %c_step, ptr %a, i64 %a_step, i64 %a_next, ptr %b, i64 %b_step,
                               i64 %b_next, i64 %m, i64 %n, i64 %k, ptr %room)
  ret i1 %stopped
}}"""
