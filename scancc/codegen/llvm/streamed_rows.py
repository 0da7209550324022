"""A row times a matrix that the second cache does not hold: the matrix goes by in the order in which it lies.

A tile of columns reads half a kilobyte of each row, and most rows are another page, where the prefetcher begins anew.
Here a strip of columns has its sums in the first cache, and takes the terms of some rows at once (1024 x 1024
float64: 115 us, by tiles 145). Sums are those of tiles (`tiles.py`), to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator

from scancc.late_dataclasses import dataclass

from ..math import MathFunction
from .tiles import BLOCK_TERMS, INTRINSICS, Tile, block_end
from .turning import NBYTES

NBYTES_IN_CACHE = 2**20  # of a matrix that tiles read as fast
NBYTES_NEAR = 2**15  # of one that is in the first cache, for which nobody asks ahead
STRIP_NBYTES = 2**13  # of each row: the longer, the fewer beginnings the prefetcher has to find
ROWS = 8  # side by side


@dataclass(frozen=True)
class StreamedRow(Tile):
    """The function; `rows` is how many of the matrix a round takes, `vectors` those of a strip."""

    @property
    def symbol(self) -> str:
        return f"scancc.streamed_row.{self.kind}.{self.lanes}" + ".fused" * self.fused

    def function(self) -> MathFunction:
        declares = [f"declare {self.vector} @{self._fma}({self.vector}, {self.vector}, {self.vector})"] * self.fused
        rounds = [self._rounds("r", self.rows, "%first", "zero", "s_ask"),
                  self._rounds("s", 1, "%r_term", "r_ask", "terms")]
        text = _STREAMED.format(
            symbol=self.symbol, kind=self.kind, vector=self.vector, lanes=self.lanes, vectors=self.vectors,
            strip=self.columns, block=BLOCK_TERMS, shift=BLOCK_TERMS.bit_length() - 1,
            block_end=block_end(BLOCK_TERMS), align=NBYTES[self.kind], whole=NBYTES[self.kind] * self.lanes,
            levels=_bits_of("%last_block"), rounds="\n".join(rounds))
        return MathFunction(self.symbol, text, (*declares, *INTRINSICS), is_shared=True)

    def _rounds(self, name: str, rows: int, first: str, before: str, then: str) -> str:
        """Rounds of so many rows from `first` on, times their elements of the left factor, added to the sums of the
        strip, from the label `before` to that of what there is to do `then`."""
        return _ROUNDS.format(name=name, rows=rows, first=first, before=before, then=then, vector=self.vector,
                              lanes=self.lanes, whole=NBYTES[self.kind] * self.lanes,
                              heads="\n  ".join(self._heads(name, rows)), adds="\n  ".join(self._adds(name, rows)))

    def _heads(self, name: str, rows: int) -> Iterator[str]:
        """Where rows begin, and their elements of the left factor in all lanes."""
        for i in range(rows):
            yield f"%{name}_row{i} = add i64 %{name}_term, {i}"
            yield f"%{name}_at{i} = mul i64 %{name}_row{i}, %a_next"
            _, lines = self._in_all_lanes(f"%{name}_x{i}", "%a", f"%{name}_at{i}")
            yield from lines
            yield f"%{name}_far{i} = mul i64 %{name}_row{i}, %b_step"
            yield f"%{name}_b{i} = getelementptr {self.kind}, ptr %b, i64 %{name}_far{i}"

    def _adds(self, name: str, rows: int) -> Iterator[str]:
        """The terms of one vector of the strip, in order."""
        total, v = f"%{name}_sum", self.vector
        for i in range(rows):
            yield f"%{name}_y{i}p = getelementptr {self.kind}, ptr %{name}_b{i}, i64 %{name}_column"
            yield f"%{name}_y{i} = load {v}, ptr %{name}_y{i}p, align {NBYTES[self.kind]}"
            x, _ = self._in_all_lanes(f"%{name}_x{i}", "%a", f"%{name}_at{i}")
            total, lines = self._added(f"{name}_{i}", x, f"%{name}_y{i}", total)
            yield from lines
        yield f"store {v} {total}, ptr %{name}_place, align {NBYTES[self.kind] * self.lanes}"


def streamed_row(kind: str, lanes: int, fused: bool) -> StreamedRow:
    return StreamedRow(kind, ROWS, STRIP_NBYTES // (lanes * NBYTES[kind]), lanes, fused)


def _bits_of(number: str) -> str:
    """How many bits a number has, %n_levels; without the count of zeros in front, which a Cortex-M0 has not."""
    lines, below = list[str](), number
    for n, shift in enumerate((1, 2, 4, 8, 16, 32)):
        lines += [f"%shifted{n} = lshr i64 {below}, {shift}", f"%filled{n} = or i64 {below}, %shifted{n}"]
        below = f"%filled{n}"
    return "\n  ".join([*lines, f"%power = add i64 {below}, 1",
                        "%n_levels = call i64 @llvm.cttz.i64(i64 %power, i1 true)"])


_ROUNDS = """{name}_ask:
  %{name}_term = phi i64 [ {first}, %{before} ], [ %{name}_end, %{name}_done ]
  %{name}_end = add i64 %{name}_term, {rows}
  %{name}_fits = icmp sle i64 %{name}_end, %end
  br i1 %{name}_fits, label %{name}_rows, label %{then}
{name}_rows:
  {heads}
  br label %{name}_next
{name}_next:
  %{name}_v = phi i64 [ 0, %{name}_rows ], [ %{name}_v1, %{name}_one ]
  %{name}_more = icmp slt i64 %{name}_v, %n_vectors
  br i1 %{name}_more, label %{name}_one, label %{name}_done
{name}_one:
  %{name}_off = mul i64 %{name}_v, {lanes}
  %{name}_left = add i64 %from, %{name}_off
  %{name}_column = call i64 @llvm.smin.i64(i64 %{name}_left, i64 %last_column)
  %{name}_place = getelementptr {vector}, ptr %sums, i64 %{name}_v
  %{name}_sum = load {vector}, ptr %{name}_place, align {whole}
  {adds}
  %{name}_v1 = add i64 %{name}_v, 1
  br label %{name}_next
{name}_done:
  br label %{name}_ask"""

_STREAMED = """define internal void @{symbol}(ptr noalias nocapture %c, ptr nocapture readonly %a, i64 %a_next,
    ptr nocapture readonly %b, i64 %b_step, i64 %n, i64 %k) noinline nounwind {{
entry:
  %sums = alloca [{vectors} x {vector}], align 64
  %k1 = sub i64 %k, 1
  %last_block = lshr i64 %k1, {shift}
  {levels}
  %n_kept = mul i64 %n_levels, {vectors}
  %stack = alloca {vector}, i64 %n_kept, align 64
  %last_column = sub i64 %n, {lanes}
  br label %strip
strip:
  %from = phi i64 [ 0, %entry ], [ %to, %stored ]
  %to = add i64 %from, {strip}
  %width0 = sub i64 %n, %from
  %width = call i64 @llvm.smin.i64(i64 %width0, i64 {strip})
  %width1 = add i64 %width, {lanes}
  %width2 = sub i64 %width1, 1
  %n_vectors = sdiv i64 %width2, {lanes}
  br label %block
block:
  %first = phi i64 [ 0, %strip ], [ %after, %kept ]
  %left = sub i64 %k, %first
  %count = call i64 @llvm.smin.i64(i64 %left, i64 {block})
  %end = add i64 %first, %count
  br label %zero
zero:
  %z = phi i64 [ 0, %block ], [ %z1, %zero ]
  %zp = getelementptr {vector}, ptr %sums, i64 %z
  store {vector} zeroinitializer, ptr %zp, align {whole}
  %z1 = add i64 %z, 1
  %zmore = icmp slt i64 %z1, %n_vectors
  br i1 %zmore, label %zero, label %r_ask
{rounds}
terms:
  {block_end}
  %free_bit = call i64 @llvm.cttz.i64(i64 %next_number, i1 true)
  %free_at = mul i64 %free_bit, {vectors}
  %free = getelementptr {vector}, ptr %stack, i64 %free_at
  br label %each
each:
  %v = phi i64 [ 0, %terms ], [ %v1, %put ]
  %vp = getelementptr {vector}, ptr %sums, i64 %v
  %own = load {vector}, ptr %vp, align {whole}
  br label %join
join:
  %bits = phi i64 [ %levels, %each ], [ %rest, %add ]
  %sum = phi {vector} [ %own, %each ], [ %joined, %add ]
  %none = icmp eq i64 %bits, 0
  br i1 %none, label %put, label %add
add:
  %bit = call i64 @llvm.cttz.i64(i64 %bits, i1 true)
  %level_at = mul i64 %bit, {vectors}
  %at = add i64 %level_at, %v
  %level = getelementptr {vector}, ptr %stack, i64 %at
  %other = load {vector}, ptr %level, align {whole}
  %joined = fadd {vector} %other, %sum
  %below = sub i64 %bits, 1
  %rest = and i64 %bits, %below
  br label %join
put:
  %offset = mul i64 %v, {lanes}
  %right = add i64 %from, %offset
  %column = call i64 @llvm.smin.i64(i64 %right, i64 %last_column)
  %result = getelementptr {kind}, ptr %c, i64 %column
  %kept_at = getelementptr {vector}, ptr %free, i64 %v
  %put_to = select i1 %last, ptr %result, ptr %kept_at
  store {vector} %sum, ptr %put_to, align {align}
  %v1 = add i64 %v, 1
  %vmore = icmp slt i64 %v1, %n_vectors
  br i1 %vmore, label %each, label %kept
kept:
  br i1 %last, label %stored, label %block
stored:
  %more = icmp slt i64 %to, %n
  br i1 %more, label %strip, label %done
done:
  ret void
}}"""
