"""Tiles of a product of matrices: rows times vectors of the result, made together with their sums in registers.

Each sum takes its terms 64 at a time, in order from 0.0, and joins those of the blocks before it in pairs, as
`scan.join` says, so that a number depends neither on the tile nor on the width of registers.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..math import MathFunction

BLOCK_TERMS = 64
LEVELS = 40  # sums of 1, 2, 4, ... blocks
NBYTES = {"float": 4, "double": 8}


@dataclass(frozen=True)
class Tile:
    """A function of a tile: `rows` times `vectors` of so many `lanes`; a vector of one lane is a number."""

    kind: str  # of numbers, LLVM's word
    rows: int
    vectors: int
    lanes: int
    fused: bool  # products are not rounded

    @property
    def symbol(self) -> str:
        return f"scancc.tile.{self.kind}.{self.rows}x{self.vectors}x{self.lanes}" + ".fused" * self.fused

    @property
    def columns(self) -> int:
        return self.vectors * self.lanes

    @property
    def vector(self) -> str:
        return self.kind if self.lanes == 1 else f"<{self.lanes} x {self.kind}>"

    def function(self) -> MathFunction:
        """`c[0:m] = a[0:m] @ b` for `n` columns; rows from `m` on and vectors beyond `n` are the last one again."""
        name, v = f"llvm.fma.{'' if self.lanes == 1 else f'v{self.lanes}'}f{8 * NBYTES[self.kind]}", self.vector
        declares = [f"declare {v} @{name}({v}, {v}, {v})"] if self.fused else []
        text = _TILE.format(
            symbol=self.symbol, kind=self.kind, vector=v, block=BLOCK_TERMS, shift=BLOCK_TERMS.bit_length() - 1,
            lanes=self.lanes, n_stack=LEVELS * self.rows * self.vectors, sums=self.rows * self.vectors,
            rows=self._lines(_ROW, self.rows), columns=self._lines(_COLUMN, self.vectors),
            starts=self._sums("%s{s} = phi {v} [ {zero}, %block ], [ %n{s}, %term ]"),
            factors=self._lines(_FACTOR, self.vectors), terms=self._terms(name),
            joining=self._sums("%j{s} = phi {v} [ %s{s}, %terms ], [ %m{s}, %add ]"),
            adds=self._sums("%q{s} = getelementptr {v}, ptr %level, i64 {s}\n  "
                            "%o{s} = load {v}, ptr %q{s}, align {whole}\n  %m{s} = fadd {v} %o{s}, %j{s}"),
            keeps=self._sums("%k{s} = getelementptr {v}, ptr %free, i64 {s}\n  "
                             "store {v} %j{s}, ptr %k{s}, align {whole}"),
            stores=self._sums("%w{s} = getelementptr {kind}, ptr %c{i}, i64 %column{j}\n"
                              "  store {v} %j{s}, ptr %w{s}, align {align}"))
        return MathFunction(self.symbol, text, (*declares, *INTRINSICS))

    def _lines(self, text: str, count: int) -> str:
        """`text` for each row or vector {i}, of which some are nothing but a name."""
        return "\n  ".join(text.format(i=i, v=self.vector, kind=self.kind, align=NBYTES[self.kind],
                                       first=i * self.lanes) for i in range(count))

    def _sums(self, line: str) -> str:
        """`line` for each sum: number {s}, row {i}, vector {j}."""
        zero = "zeroinitializer" if self.lanes > 1 else "0.0"
        nbytes = NBYTES[self.kind]
        return "\n  ".join(line.format(s=i * self.vectors + j, i=i, j=j, v=self.vector, zero=zero, align=nbytes,
                                       whole=nbytes * self.lanes, kind=self.kind)
                           for i in range(self.rows) for j in range(self.vectors))

    def _terms(self, fma: str) -> str:
        return "\n  ".join(line for i in range(self.rows) for line in self._row_of_terms(i, fma))

    def _row_of_terms(self, i: int, fma: str) -> list[str]:
        """An element of the left factor, in all lanes, times each vector of the right one."""
        v, x = self.vector, f"%x{i}"
        lines = [f"%x{i}p = getelementptr {self.kind}, ptr %a{i}, i64 %at",
                 f"%x{i} = load {self.kind}, ptr %x{i}p, align {NBYTES[self.kind]}"]
        if self.lanes > 1:
            x = f"%x{i}w"
            lines += [f"%x{i}o = insertelement {v} poison, {self.kind} %x{i}, i64 0",
                      f"{x} = shufflevector {v} %x{i}o, {v} poison, <{self.lanes} x i32> zeroinitializer"]
        for j in range(self.vectors):
            s = i * self.vectors + j
            if self.fused:
                lines.append(f"%n{s} = call {v} @{fma}({v} {x}, {v} %y{j}, {v} %s{s})")
            else:
                lines += [f"%p{s} = fmul {v} {x}, %y{j}", f"%n{s} = fadd {v} %s{s}, %p{s}"]
        return lines


INTRINSICS = ("declare i64 @llvm.smin.i64(i64, i64)", "declare i64 @llvm.cttz.i64(i64, i1)")

_ROW = """%i{i} = call i64 @llvm.smin.i64(i64 {i}, i64 %last_row)
  %ao{i} = mul i64 %i{i}, %a_step
  %a{i} = getelementptr {kind}, ptr %a, i64 %ao{i}
  %co{i} = mul i64 %i{i}, %c_step
  %c{i} = getelementptr {kind}, ptr %c, i64 %co{i}"""

_COLUMN = """%column{i} = call i64 @llvm.smin.i64(i64 {first}, i64 %last_column)
  %b{i} = getelementptr {kind}, ptr %b, i64 %column{i}"""

_FACTOR = """%y{i}p = getelementptr {kind}, ptr %b{i}, i64 %y
  %y{i} = load {v}, ptr %y{i}p, align {align}"""

_TILE = """define internal void @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_next, i64 %m, i64 %n, i64 %k) noinline nounwind {{
entry:
  %stack = alloca [{n_stack} x {vector}], align 64
  %last_row = sub i64 %m, 1
  %last_column = sub i64 %n, {lanes}
  {rows}
  {columns}
  br label %block
block:
  %first = phi i64 [ 0, %entry ], [ %after, %keep ]
  %block_at = phi i64 [ 0, %entry ], [ %at, %keep ]
  %block_y = phi i64 [ 0, %entry ], [ %y, %keep ]
  %left = sub i64 %k, %first
  %count = call i64 @llvm.smin.i64(i64 %left, i64 {block})
  br label %next
next:
  %number = phi i64 [ %count, %block ], [ %more, %term ]
  %at = phi i64 [ %block_at, %block ], [ %at_next, %term ]
  %y = phi i64 [ %block_y, %block ], [ %y_next, %term ]
  {starts}
  %again = icmp sgt i64 %number, 0
  br i1 %again, label %term, label %terms
term:
  {factors}
  {terms}
  %at_next = add i64 %at, %a_next
  %y_next = add i64 %y, %b_next
  %more = sub i64 %number, 1
  br label %next
terms:
  %after = add i64 %first, {block}
  %before = lshr i64 %first, {shift}
  %next_number = add i64 %before, 1
  %last = icmp sge i64 %after, %k
  %not_next = xor i64 %next_number, -1
  %trailing = and i64 %before, %not_next
  %levels = select i1 %last, i64 %before, i64 %trailing
  br label %join
join:
  %bits = phi i64 [ %levels, %terms ], [ %rest, %add ]
  {joining}
  %none = icmp eq i64 %bits, 0
  br i1 %none, label %joined, label %add
add:
  %bit = call i64 @llvm.cttz.i64(i64 %bits, i1 true)
  %level_at = mul i64 %bit, {sums}
  %level = getelementptr {vector}, ptr %stack, i64 %level_at
  {adds}
  %below = sub i64 %bits, 1
  %rest = and i64 %bits, %below
  br label %join
joined:
  br i1 %last, label %done, label %keep
keep:
  %free_bit = call i64 @llvm.cttz.i64(i64 %next_number, i1 true)
  %free_at = mul i64 %free_bit, {sums}
  %free = getelementptr {vector}, ptr %stack, i64 %free_at
  {keeps}
  br label %block
done:
  {stores}
  ret void
}}"""
