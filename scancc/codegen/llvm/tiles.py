"""Tiles of a product of matrices: rows times vectors of the result, made together with their sums in registers.

Each sum takes its terms 64 at a time, in order from 0.0, and joins those of the blocks before it in pairs, as
`scan.join` says, so that a number depends neither on the tile nor on the width of registers.
"""

from __future__ import annotations

from scancc.late_dataclasses import dataclass

from ..math import MathFunction
from .turning import NBYTES, PREFETCH, gathered, round_terms, steps_between, turned

BLOCK_TERMS = 64
TERMS_AHEAD = 2  # more lines than these of rows a power of two apart drive each other out
LEVELS = 40  # sums of 1, 2, 4, ... blocks


@dataclass(frozen=True)
class Tile:
    """A function of a tile: `rows` times `vectors` of so many `lanes`; a vector of one lane is a number."""

    kind: str  # of numbers, LLVM's word
    rows: int
    vectors: int
    lanes: int
    fused: bool  # products are not rounded
    turns: bool = False  # the right factor lies by its columns
    is_shared: bool = False  # several functions call it
    is_near: bool = False  # the right factor is in the first cache, and has columns for all vectors

    @property
    def asks_ahead(self) -> bool:
        return self.rows == 1 and self.lanes > 1 and not self.turns and not self.is_near

    @property
    def symbol(self) -> str:
        size = f"{self.rows}x{self.vectors}x{self.lanes}"
        how = ".turned" * self.turns + ".near" * self.is_near + ".fused" * self.fused
        return f"scancc.tile.{self.kind}.{size}{how}"

    @property
    def terms_at_once(self) -> int:
        return BLOCK_TERMS

    @property
    def columns(self) -> int:
        return self.vectors * self.lanes

    @property
    def vector(self) -> str:
        return self.kind if self.lanes == 1 else f"<{self.lanes} x {self.kind}>"

    def function(self) -> MathFunction:
        """`c[0:m] = a[0:m] @ b` for `n` columns; rows from `m` on and vectors beyond `n` are the last one again.

        `b_next` is from one term to the next; where columns are turned, from one column to the next."""
        v, terms = self.vector, self.terms_at_once
        declares = [f"declare {v} @{self._fma}({v}, {v}, {v})"] if self.fused else []
        text = _TILE.format(
            symbol=self.symbol, kind=self.kind, vector=v, block=terms, block_end=self._end_of_block(),
            lowest=self._lowest_level(),
            lanes=self.lanes, n_stack=LEVELS * self.rows * self.vectors, sums=self.rows * self.vectors,
            rows=self._lines(_ROW, self.rows),
            columns=self._lines(_NEAR_COLUMN if self.is_near else _COLUMN, self.vectors),
            steps=self._steps() if self.turns else "",
            column_step="%b_next" if self.turns else "1",
            block_terms=self._terms(),
            joining=self._sums("%j{s} = phi {v} [ %{part}{s}, %terms ], [ %m{s}, %add ]"),
            adds=self._sums("%q{s} = getelementptr {v}, ptr %level, i64 {s}\n  "
                            "%o{s} = load {v}, ptr %q{s}, align {whole}\n  %m{s} = fadd {v} %o{s}, %j{s}"),
            keeps=self._sums("%k{s} = getelementptr {v}, ptr %free, i64 {s}\n  "
                             "store {v} %j{s}, ptr %k{s}, align {whole}"),
            stores=self._sums("%w{s} = getelementptr {kind}, ptr %c{i}, i64 %column{j}\n"
                              "  store {v} %j{s}, ptr %w{s}, align {align}"))
        return MathFunction(self.symbol, text, (*declares, *[PREFETCH] * self.asks_ahead, *INTRINSICS),
                            self.is_shared)

    def _terms(self) -> str:
        """The sums of a block."""
        return self._turned_terms() if self.turns else self._terms_by_rows()

    def _end_of_block(self) -> str:
        return block_end(self.terms_at_once)

    def _lowest_level(self) -> str:
        """The level of the sum of a block, above those that are taken together."""
        return "0"

    def _steps(self) -> str:
        """Bytes between turned columns."""
        return f"%step1 = mul i64 %b_next, {NBYTES[self.kind]}\n  {steps_between(self.kind)}"

    def _lines(self, text: str, count: int) -> str:
        """`text` for each row or vector {i}, of which some are nothing but a name."""
        return "\n  ".join(text.format(i=i, v=self.vector, kind=self.kind, align=NBYTES[self.kind],
                                       first=i * self.lanes) for i in range(count))

    def _sums(self, line: str) -> str:
        """`line` for each sum: number {s}, row {i}, vector {j}."""
        zero = "zeroinitializer" if self.lanes > 1 else "0.0"
        nbytes = NBYTES[self.kind]
        return "\n  ".join(line.format(s=i * self.vectors + j, i=i, j=j, v=self.vector, zero=zero, align=nbytes,
                                       whole=nbytes * self.lanes, kind=self.kind, part=self._total)
                           for i in range(self.rows) for j in range(self.vectors))

    @property
    def _total(self) -> str:
        """The letter of the sums of a block."""
        return "u" if self.turns else "s"

    @property
    def _fma(self) -> str:
        return f"llvm.fma.{'' if self.lanes == 1 else f'v{self.lanes}'}f{8 * NBYTES[self.kind]}"

    def _terms_by_rows(self) -> str:
        """One term a round."""
        sums, lines = self._term("%at", "", [f"%y{j}" for j in range(self.vectors)], self._names("%s"))
        starts = self._phis("%s{s} = phi {v} [ {zero}, %block ], [ {x}, %term ]", sums)
        factors = self._lines(_NEAR_FACTOR if self.is_near else _FACTOR, self.vectors)
        row = f"%y_row = getelementptr {self.kind}, ptr %b, i64 %y\n  " * self.is_near
        return _BY_ROWS.format(ahead=self._ahead(), factors=row + factors,
                               terms="\n  ".join(lines), starts=starts)

    def _ahead(self) -> str:
        """What a row product asks of the cache: it has no other work to do while numbers come (1000x1000: 3/4 of the
        time)."""
        if not self.asks_ahead:
            return ""
        lines = [f"%ahead = mul i64 %b_next, {TERMS_AHEAD}", "%y_ahead = add i64 %y, %ahead"]
        for j in range(self.vectors):
            lines += [f"%h{j} = getelementptr {self.kind}, ptr %b{j}, i64 %y_ahead",
                      f"call void @llvm.prefetch.p0(ptr %h{j}, i32 0, i32 3, i32 1)"]
        return "\n  ".join(lines)

    def _turned_terms(self) -> str:
        """Some terms a round; the last ones are gathered one by one."""
        n_terms = round_terms(self.kind)
        lines, factors = [], []
        for j in range(self.vectors):
            lines.append(f"%z{j} = getelementptr {self.kind}, ptr %block{j}, i64 %t")
            more, vectors = turned(self.kind, self.lanes, f"z{j}", f"%z{j}", n_terms)
            lines += more
            factors.append(vectors)
        sums = self._names("%s")
        for k in range(n_terms):
            lines.append(f"%at{k + 1} = add i64 %at{k}, %a_next")
            sums, more = self._term(f"%at{k}", f".{k}", [vectors[k] for vectors in factors], sums)
            lines += more
        last, rest = [], []
        for j in range(self.vectors):
            rest.append(f"%g{j} = getelementptr {self.kind}, ptr %block{j}, i64 %u")
            more, vector = gathered(self.kind, self.lanes, f"g{j}", f"%g{j}")
            rest += more
            last.append(vector)
        ends, more = self._term("%u_at", ".u", last, self._names("%u"))
        return _TURNED.format(
            starts=self._phis("%s{s} = phi {v} [ {zero}, %block ], [ {x}, %round ]", sums),
            goes_on=self._phis("%u{s} = phi {v} [ %s{s}, %next ], [ {x}, %one ]", ends), many=n_terms,
            round="\n  ".join(lines), rest="\n  ".join([*rest, *more]), blocks=self._lines(_FROM, self.vectors))

    def _names(self, letter: str) -> list[str]:
        return [f"{letter}{s}" for s in range(self.rows * self.vectors)]

    def _phis(self, line: str, found: list[str]) -> str:
        zero = "zeroinitializer" if self.lanes > 1 else "0.0"
        return "\n  ".join(line.format(s=s, v=self.vector, zero=zero, x=x) for s, x in enumerate(found))

    def _term(self, at: str, name: str, factors: list[str], sums: list[str]) -> tuple[list[str], list[str]]:
        """Elements of the left factor, in all lanes, times each vector of the right one, added to the sums."""
        made, lines = [], []
        for i in range(self.rows):
            x, more = self._in_all_lanes(f"%x{i}{name}", f"%a{i}", at)
            lines += more
            for j, y in enumerate(factors):
                s = i * self.vectors + j
                total, more = self._added(f"{s}{name}", x, y, sums[s])
                lines += more
                made.append(total)
        return made, lines

    def _in_all_lanes(self, x: str, start: str, at: str) -> tuple[str, list[str]]:
        """An element of the left factor."""
        v = self.vector
        lines = [f"{x}p = getelementptr {self.kind}, ptr {start}, i64 {at}",
                 f"{x} = load {self.kind}, ptr {x}p, align {NBYTES[self.kind]}"]
        if self.lanes == 1:
            return x, lines
        return f"{x}w", [*lines, f"{x}o = insertelement {v} poison, {self.kind} {x}, i64 0",
                         f"{x}w = shufflevector {v} {x}o, {v} poison, <{self.lanes} x i32> zeroinitializer"]

    def _added(self, name: str, x: str, y: str, total: str) -> tuple[str, list[str]]:
        """A sum and one more term."""
        v = self.vector
        if self.fused:
            return f"%n{name}", [f"%n{name} = call {v} @{self._fma}({v} {x}, {v} {y}, {v} {total})"]
        return f"%n{name}", [f"%p{name} = fmul {v} {x}, {y}", f"%n{name} = fadd {v} {total}, %p{name}"]


def block_end(terms: int | str, shift: int | str | None = None) -> str:
    """Behind a block of so many terms, 2**shift: with which sums of earlier ones its own is joined, a bit a level."""
    return _BLOCK_END.format(block=terms, shift=terms.bit_length() - 1 if isinstance(terms, int) else shift)


INTRINSICS = ("declare i64 @llvm.smin.i64(i64, i64)", "declare i64 @llvm.cttz.i64(i64, i1)")

_ROW = """%i{i} = call i64 @llvm.smin.i64(i64 {i}, i64 %last_row)
  %ao{i} = mul i64 %i{i}, %a_step
  %a{i} = getelementptr {kind}, ptr %a, i64 %ao{i}
  %co{i} = mul i64 %i{i}, %c_step
  %c{i} = getelementptr {kind}, ptr %c, i64 %co{i}"""

_COLUMN = """%column{i} = call i64 @llvm.smin.i64(i64 {first}, i64 %last_column)
  %bo{i} = mul i64 %column{i}, %column_step
  %b{i} = getelementptr {kind}, ptr %b, i64 %bo{i}"""

_NEAR_COLUMN = "%column{i} = add i64 0, {first}"

_NEAR_FACTOR = """%y{i}p = getelementptr {kind}, ptr %y_row, i64 {first}
  %y{i} = load {v}, ptr %y{i}p, align {align}"""

_FACTOR = """%y{i}p = getelementptr {kind}, ptr %b{i}, i64 %y
  %y{i} = load {v}, ptr %y{i}p, align {align}"""

_BY_ROWS = """%block_y = mul i64 %first, %b_next
  br label %next
next:
  %number = phi i64 [ %count, %block ], [ %more, %term ]
  %at = phi i64 [ %block_at, %block ], [ %at_next, %term ]
  %y = phi i64 [ %block_y, %block ], [ %y_next, %term ]
  {starts}
  %again = icmp sgt i64 %number, 0
  br i1 %again, label %term, label %terms
term:
  {ahead}
  {factors}
  {terms}
  %at_next = add i64 %at, %a_next
  %y_next = add i64 %y, %b_next
  %more = sub i64 %number, 1
  br label %next"""

_FROM = "%block{i} = getelementptr {kind}, ptr %b{i}, i64 %first"

_TURNED = """{blocks}
  br label %next
next:
  %number = phi i64 [ %count, %block ], [ %more, %round ]
  %t = phi i64 [ 0, %block ], [ %t_next, %round ]
  %at0 = phi i64 [ %block_at, %block ], [ %at{many}, %round ]
  {starts}
  %again = icmp sge i64 %number, {many}
  br i1 %again, label %round, label %last_terms
round:
  {round}
  %t_next = add i64 %t, {many}
  %more = sub i64 %number, {many}
  br label %next
last_terms:
  %u_number = phi i64 [ %number, %next ], [ %fewer, %one ]
  %u = phi i64 [ %t, %next ], [ %u_next, %one ]
  %u_at = phi i64 [ %at0, %next ], [ %u_at_next, %one ]
  {goes_on}
  %some = icmp sgt i64 %u_number, 0
  br i1 %some, label %one, label %terms
one:
  {rest}
  %u_next = add i64 %u, 1
  %u_at_next = add i64 %u_at, %a_next
  %fewer = sub i64 %u_number, 1
  br label %last_terms"""

_BLOCK_END = """%after = add i64 %first, {block}
  %before = lshr i64 %first, {shift}
  %next_number = add i64 %before, 1
  %last = icmp sge i64 %after, %k
  %not_next = xor i64 %next_number, -1
  %trailing = and i64 %before, %not_next
  %levels = select i1 %last, i64 %before, i64 %trailing"""

_TILE = """define internal void @{symbol}(ptr noalias nocapture %c, i64 %c_step, ptr nocapture readonly %a,
    i64 %a_step, i64 %a_next, ptr nocapture readonly %b, i64 %b_next, i64 %m, i64 %n, i64 %k) noinline nounwind {{
entry:
  %stack = alloca [{n_stack} x {vector}], align 64
  %last_row = sub i64 %m, 1
  %last_column = sub i64 %n, {lanes}
  %column_step = add i64 0, {column_step}
  {steps}
  {rows}
  {columns}
  br label %block
block:
  %first = phi i64 [ 0, %entry ], [ %after, %keep ]
  %left = sub i64 %k, %first
  %count = call i64 @llvm.smin.i64(i64 %left, i64 {block})
  %block_at = mul i64 %first, %a_next
  {block_terms}
terms:
  {block_end}
  br label %join
join:
  %bits = phi i64 [ %levels, %terms ], [ %rest, %add ]
  {joining}
  %none = icmp eq i64 %bits, 0
  br i1 %none, label %joined, label %add
add:
  %bit = call i64 @llvm.cttz.i64(i64 %bits, i1 true)
  %level_number = add i64 %bit, {lowest}
  %level_at = mul i64 %level_number, {sums}
  %level = getelementptr {vector}, ptr %stack, i64 %level_at
  {adds}
  %below = sub i64 %bits, 1
  %rest = and i64 %bits, %below
  br label %join
joined:
  br i1 %last, label %done, label %keep
keep:
  %free_bit = call i64 @llvm.cttz.i64(i64 %next_number, i1 true)
  %free_number = add i64 %free_bit, {lowest}
  %free_at = mul i64 %free_number, {sums}
  %free = getelementptr {vector}, ptr %stack, i64 %free_at
  {keeps}
  br label %block
done:
  {stores}
  ret void
}}"""
