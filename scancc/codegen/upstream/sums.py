"""Sums in blocks and products of matrices: functions that a module has once for each type."""

from __future__ import annotations

from ...ir import types as t
from ...ir.core import Op
from ...ir.ops import int_attr, operand
from ..llvm.tiles import BLOCK_TERMS
from .writer import Ref, Writer, exports, stored

LEVELS = 48  # sums of 1, 2, 4, ... blocks: more terms than there are addresses


@exports("scan.running")
def running(w: Writer, op: Op) -> None:
    w.names[op.result] = w.ref(operand(op, "value"))


@exports("scan.join")
def join(w: Writer, op: Op) -> None:
    value, stack = w.ref(operand(op, "value")), w.ref(operand(op, "stack"))
    rows = w.cast(stack, _open(value.type))
    w.names[op.result] = w.make("func.call", [value, rows, *_blocks(w, op)], value.type,
                                f"callee = @{_join(w, value.type)}")


@exports("scan.join_row")
def join_row(w: Writer, op: Op) -> None:
    row, stack = w.ref(operand(op, "row")), w.ref(operand(op, "stack"))
    kind = t.element(row.type)
    columns = t.MemRefType((None, None), kind, (None, None))
    zero = (f"%part = arith.constant -0.0 : {kind}" if not isinstance(kind, t.ComplexType) else
            f"%half = arith.constant -0.0 : {kind.element}\n    %part = complex.create %half, %half : {kind}")
    symbol = w.out.call(f"scan_join_row_{_word(kind)}", _JOIN_ROW.format(
        name=f"scan_join_row_{_word(kind)}", kind=kind, row=_open(kind), columns=columns, zero=zero,
        join=_join(w, kind)))
    w.emit("func.call", [w.cast(row, _open(kind)), w.cast(stack, columns), *_blocks(w, op)],
           attrs=f"callee = @{symbol}")


def _blocks(w: Writer, op: Op) -> list[Ref]:
    first, end = w.ref(operand(op, "first")), w.ref(operand(op, "end"))
    return [first, end, w.index(int_attr(op, "size"))]


def _open(kind: t.Type) -> t.MemRefType:
    """A stack of values, with any strides."""
    lanes = kind.shape if isinstance(kind, t.VectorType) else ()
    return t.MemRefType((None, *lanes), stored(t.element(kind)), (None, *(1 for _ in lanes)))


def _word(kind: t.Type) -> str:
    """A type in a name."""
    return "".join(c if c.isalnum() else "_" for c in str(kind)).strip("_")


def _join(w: Writer, kind: t.Type) -> str:
    """The symbol of the function that joins sums of a type."""
    at = f"%stack[%level, %zero] : {_open(kind)}, {kind}" if isinstance(kind, t.VectorType) else (
        f"%stack[%level] : {_open(kind)}")
    place = at.replace("%level", "%ends#0")
    dialect = "vector" if isinstance(kind, t.VectorType) else "memref"
    add = "complex.add" if isinstance(kind, t.ComplexType) else (
        "arith.addf" if isinstance(t.element(kind), t.FloatType) else "arith.addi")
    name = f"scan_join_{_word(kind)}"
    return w.out.call(name, _JOIN.format(name=name, kind=kind, stack=_open(kind), load=f"{dialect}.load {at}",
                                         store=f"{dialect}.store %ends#2, {place}", add=add))


# The sums of 1, 2, 4, ... blocks are added while the bits of the block's number are ones, in the last block all.
_JOIN = """func.func private @{name}(
    %value: {kind}, %stack: {stack}, %first: index, %end: index, %size: index) -> {kind} {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %several = arith.cmpi sgt, %end, %size : index
  %result = scf.if %several -> ({kind}) {{
    %number = arith.divui %first, %size : index
    %before = arith.subi %end, %one : index
    %final = arith.divui %before, %size : index
    %last = arith.cmpi eq, %number, %final : index
    %ends:3 = scf.while (%level = %zero, %bits = %number, %sum = %value)
        : (index, index, {kind}) -> (index, index, {kind}) {{
      %low = arith.andi %bits, %one : index
      %odd = arith.cmpi ne, %low, %zero : index
      %higher = arith.cmpi ne, %bits, %zero : index
      %rest = arith.andi %higher, %last : i1
      %on = arith.ori %odd, %rest : i1
      scf.condition(%on) %level, %bits, %sum : index, index, {kind}
    }} do {{
    ^bb0(%level: index, %bits: index, %sum: {kind}):
      %low = arith.andi %bits, %one : index
      %odd = arith.cmpi ne, %low, %zero : index
      %more = scf.if %odd -> ({kind}) {{
        %old = {load}
        %both = {add} %old, %sum : {kind}
        scf.yield %both : {kind}
      }} else {{
        scf.yield %sum : {kind}
      }}
      %above = arith.addi %level, %one : index
      %rest = arith.shrui %bits, %one : index
      scf.yield %above, %rest, %more : index, index, {kind}
    }}
    %goes_on = arith.cmpi ne, %number, %final : index
    scf.if %goes_on {{
      {store}
    }}
    scf.yield %ends#2 : {kind}
  }} else {{
    scf.yield %value : {kind}
  }}
  func.return %result : {kind}
}}"""

# In blocks before the last one the row starts anew.
_JOIN_ROW = """func.func private @{name}(%row: {row}, %stack: {columns}, %first: index, %end: index, %size: index) {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %several = arith.cmpi sgt, %end, %size : index
  scf.if %several {{
    {zero}
    %number = arith.divui %first, %size : index
    %before = arith.subi %end, %one : index
    %final = arith.divui %before, %size : index
    %last = arith.cmpi eq, %number, %final : index
    %levels = memref.dim %stack, %zero : {columns}
    %width = memref.dim %row, %zero : {row}
    scf.for %j = %zero to %width step %one {{
      %column = memref.subview %stack[0, %j] [%levels, 1] [1, 1] : {columns} to {row}
      %value = memref.load %row[%j] : {row}
      %sum = func.call @{join}(%value, %column, %first, %end, %size) : ({kind}, {row}, index, index, index) -> {kind}
      %next = arith.select %last, %sum, %part : {kind}
      memref.store %next, %row[%j] : {row}
    }}
  }}
  func.return
}}"""


@exports("scan.matmul")
def matmul(w: Writer, op: Op) -> None:
    """Sums from 0.0 in blocks, which are joined: the tree of the product, though not its tiles."""
    lhs, rhs, out = (w.ref(operand(op, name)) for name in ("lhs", "rhs", "out"))
    kind, is_row = t.element(out.type), len(getattr(lhs.type, "shape", ())) == 1
    by_columns = "by_columns" in op.attrs
    words = ["vecmat" if is_row else "matmul", *["transposed"] * (op.attrs["transposed"] and not is_row),
             *["by_columns"] * by_columns,
             *["fused"] * op.attrs["fused"], str(kind)]
    name = "scan_" + "_".join(words)
    left, right = (t.MemRefType((None,) * n, kind, (None,) * n) for n in (1 if is_row else 2, 2))
    step = "%next = math.fma %a, %b, %sum : {kind}" if op.attrs["fused"] else (
        "%product = arith.mulf %a, %b : {kind}\n          %next = arith.addf %sum, %product : {kind}")
    text = _MATMUL.format(
        name=name, kind=kind, left=left, right=right, out=left, join=_join(w, kind), levels=LEVELS, size=BLOCK_TERMS,
        stack=_open(kind), step=step.format(kind=kind), rows="%one" if is_row else "%m",
        a="%t" if is_row else "%t, %i" if op.attrs["transposed"] else "%i, %t", c="%j" if is_row else "%i, %j",
        b="%j, %t" if by_columns else "%t, %j", terms="%one" if by_columns else "%zero",
        last="%zero" if is_row else "%one", m="" if is_row else f"%m = memref.dim %out, %zero : {left}")
    symbol = w.out.call(name, text)
    operands = [w.cast(lhs, left), w.cast(rhs, right), w.cast(out, left)]
    w.emit("func.call", operands, attrs=f"callee = @{symbol}")


_MATMUL = """func.func private @{name}(%lhs: {left}, %rhs: {right}, %out: {out}) {{
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %size = arith.constant {size} : index
  %nothing = arith.constant 0.0 : {kind}
  {m}
  %n = memref.dim %out, {last} : {out}
  %k = memref.dim %rhs, {terms} : {right}
  %room = memref.alloca() : memref<{levels}x{kind}>
  %stack = "memref.cast"(%room) : (memref<{levels}x{kind}>) -> {stack}
  scf.for %i = %zero to {rows} step %one {{
    scf.for %j = %zero to %n step %one {{
      %total = scf.for %first = %zero to %k step %size iter_args(%before = %nothing) -> ({kind}) {{
        %end = arith.addi %first, %size : index
        %stop = arith.minsi %end, %k : index
        %block = scf.for %t = %first to %stop step %one iter_args(%sum = %nothing) -> ({kind}) {{
          %a = memref.load %lhs[{a}] : {left}
          %b = memref.load %rhs[{b}] : {right}
          {step}
          scf.yield %next : {kind}
        }}
        %joined = func.call @{join}(%block, %stack, %first, %k, %size)
            : ({kind}, {stack}, index, index, index) -> {kind}
        scf.yield %joined : {kind}
      }}
      memref.store %total, %out[{c}] : {out}
    }}
  }}
  func.return
}}"""
