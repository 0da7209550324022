"""Columns that lie along memory as vectors of one term each: blocks of them are turned in registers.

    lines of the cache: a0 a1 a2 a3 | b0 b1 b2 b3 | ...   ->   vectors: a0 b0 ... | a1 b1 ... | a2 b2 ... | a3 b3 ...

Parts of 16 bytes of some columns are loaded as one vector, whose parts are then turned all at once: the shuffles that
would cross parts are loads. A round takes a part from each column, or a whole line of the cache where it packs them.
Source: the transpositions by loads and unpacking in Intel's optimization manual, section 15.11.
"""

from __future__ import annotations

import re
from functools import cache

from ..math import MathFunction

PART_NBYTES = 16
LINE_NBYTES = 64
NBYTES = {"float": 4, "double": 8}

PREFETCH = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"


def round_terms(kind: str) -> int:
    return PART_NBYTES // NBYTES[kind]


def turned(kind: str, lanes: int, name: str, start: str, terms: int) -> tuple[list[str], list[str]]:
    """Lines, and the vectors of so many terms from pointer `start` on; %step1, ... are bytes between columns."""
    part = PART_NBYTES // NBYTES[kind]
    many = lanes // part
    lines, vectors = [f"%{name}q0 = getelementptr i8, ptr {start}, i64 0"], []
    lines += [f"%{name}q{q} = getelementptr i8, ptr %{name}q{q - 1}, i64 %step{part}" for q in range(1, many)]
    lines += [f"%{name}r{i}.{q} = getelementptr i8, ptr %{name}q{q}, i64 " + (f"%step{i}" if i else "0")
              for i in range(part) for q in range(many)]
    for first in range(0, terms, lanes):
        places = range(first, min(first + lanes, terms), part)
        lines += [line for i in range(part) for q in range(many) for at in places
                  for line in _loaded(kind, part, f"%{name}r{i}.{q}", at)]
        for at in places:
            found = [_joined(kind, part, [f"%{name}r{i}.{q}.{at}" for q in range(many)], lines) for i in range(part)]
            vectors += _unpacked(kind, lanes, found, f"%{name}t{at}", lines)
    return lines, vectors


def _loaded(kind: str, part: int, column: str, at: int) -> list[str]:
    return [f"{column}.{at}p = getelementptr {kind}, ptr {column}, i64 {at}",
            f"{column}.{at} = load <{part} x {kind}>, ptr {column}.{at}p, align {NBYTES[kind]}"]


def _joined(kind: str, width: int, vectors: list[str], lines: list[str]) -> str:
    """One vector of short ones."""
    while len(vectors) > 1:
        pairs = list(zip(vectors[::2], vectors[1::2], strict=True))
        vectors = [f"{one}x{width}" for one, _ in pairs]
        mask = ", ".join(f"i32 {k}" for k in range(2 * width))
        v, wide = f"<{width} x {kind}>", f"<{2 * width} x i32>"
        lines += [f"{made} = shufflevector {v} {one}, {v} {other}, {wide} <{mask}>"
                  for made, (one, other) in zip(vectors, pairs, strict=True)]
        width *= 2
    return vectors[0]


def _unpacked(kind: str, lanes: int, vectors: list[str], name: str, lines: list[str]) -> list[str]:
    """Matrices of numbers within parts of 16 bytes, transposed: two or four vectors."""
    part, v = PART_NBYTES // NBYTES[kind], f"<{lanes} x {kind}>"

    def shuffled(made: str, one: str, other: str, within: list[int]) -> str:
        places = [p + k % part + (lanes if k >= part else 0) for p in range(0, lanes, part) for k in within]
        mask = ", ".join(f"i32 {k}" for k in places)
        lines.append(f"{made} = shufflevector {v} {one}, {v} {other}, <{lanes} x i32> <{mask}>")
        return made
    if part == 2:
        one, other = vectors
        return [shuffled(f"{name}.{k}", one, other, [k, 2 + k]) for k in range(2)]
    pairs = [[shuffled(f"{name}{word}{k}", vectors[k], vectors[k + 1], within) for k in (0, 2)]
             for word, within in (("a", [0, 4, 1, 5]), ("b", [2, 6, 3, 7]))]
    return [shuffled(f"{name}.{2 * k + half}", one, other, [0, 1, 4, 5] if half == 0 else [2, 3, 6, 7])
            for k, (one, other) in enumerate(pairs) for half in range(2)]


def steps_between(kind: str) -> str:
    """Lines that make %step2, ... of %step1, the bytes between one column and the next."""
    return "\n  ".join(f"%step{k} = mul i64 %step1, {k}" for k in range(2, PART_NBYTES // NBYTES[kind] + 1))


def gathered(kind: str, lanes: int, name: str, start: str) -> tuple[list[str], str]:
    """One term of so many columns, which are %step1 apart, number by number."""
    v, lines, made = f"<{lanes} x {kind}>", [], "poison"
    for k in range(lanes):
        lines += [f"%{name}o{k} = mul i64 %step1, {k}",
                  f"%{name}p{k} = getelementptr i8, ptr {start}, i64 %{name}o{k}",
                  f"%{name}n{k} = load {kind}, ptr %{name}p{k}, align {NBYTES[kind]}",
                  f"%{name}v{k} = insertelement {v} {made}, {kind} %{name}n{k}, i64 {k}"]
        made = f"%{name}v{k}"
    return lines, made


@cache
def pack_turned(kind: str, columns: int, lanes: int) -> MathFunction:
    """Copies of so many columns, or fewer, term by term; those along memory by `lanes`: 0 is number by number."""
    terms, symbol = LINE_NBYTES // NBYTES[kind], f"scancc.pack_turned.{kind}.{columns}" + ".numbers" * (lanes == 0)
    v, align, lines = f"<{lanes} x {kind}>", NBYTES[kind], []
    for j in range(columns // lanes if lanes else 0):
        lines += [f"%c{j}o = mul i64 %b_next, {j * lanes}", f"%c{j}o2 = add i64 %c{j}o, %t",
                  f"%c{j} = getelementptr {kind}, ptr %b, i64 %c{j}o2"]
        more, found = turned(kind, lanes, f"c{j}", f"%c{j}", terms)
        lines += more
        for k, value in enumerate(found):
            lines += [f"%w{j}.{k} = getelementptr {kind}, ptr %there, i64 {k * columns + j * lanes}",
                      f"store {v} {value}, ptr %w{j}.{k}, align {align}"]
    text = _PACK_TURNED.format(symbol=symbol, kind=kind, columns=columns, terms=terms, align=align,
                               turns="%along" if lanes else "false",
                               nbytes=NBYTES[kind], steps=steps_between(kind), round="\n  ".join(lines))
    return MathFunction(symbol, text, ())


_PACK_TURNED = """define internal void @{symbol}(ptr noalias nocapture %to, ptr nocapture readonly %b, i64 %b_step,
    i64 %b_next, i64 %width, i64 %k) noinline nounwind {{
entry:
  %step1 = mul i64 %b_next, {nbytes}
  {steps}
  %is_whole = icmp eq i64 %width, {columns}
  %along = icmp eq i64 %b_step, 1
  %turns = and i1 %is_whole, {turns}
  %rest = urem i64 %k, {terms}
  %rounds = sub i64 %k, %rest
  %end = select i1 %turns, i64 %rounds, i64 0
  br label %next
next:
  %t = phi i64 [ 0, %entry ], [ %t_next, %round ]
  %more = icmp slt i64 %t, %end
  br i1 %more, label %round, label %rows
round:
  %there_at = mul i64 %t, {columns}
  %there = getelementptr {kind}, ptr %to, i64 %there_at
  {round}
  %t_next = add i64 %t, {terms}
  br label %next
rows:
  %u = phi i64 [ %end, %next ], [ %u_next, %row_end ]
  %again = icmp slt i64 %u, %k
  br i1 %again, label %row, label %done
row:
  %from_at = mul i64 %u, %b_step
  %from = getelementptr {kind}, ptr %b, i64 %from_at
  %to_at = mul i64 %u, {columns}
  %row_to = getelementptr {kind}, ptr %to, i64 %to_at
  br label %number
number:
  %j = phi i64 [ 0, %row ], [ %j_next, %number ]
  %number_at = mul i64 %j, %b_next
  %number_from = getelementptr {kind}, ptr %from, i64 %number_at
  %value = load {kind}, ptr %number_from, align {align}
  %number_to = getelementptr {kind}, ptr %row_to, i64 %j
  store {kind} %value, ptr %number_to, align {align}
  %j_next = add i64 %j, 1
  %on = icmp slt i64 %j_next, %width
  br i1 %on, label %number, label %row_end
row_end:
  %u_next = add i64 %u, 1
  br label %rows
done:
  ret void
}}"""


@cache
def transposed_copy(kind: str, align: int) -> MathFunction:
    """A matrix copied with its axes exchanged: of eight rows at a time, side by side, so that a line of the cache is
    read once."""
    eight, one = _side_by_side(kind, align, 8, "0", "entry"), _side_by_side(kind, align, 1, "%end8", "done8")
    symbol = f"scancc.transpose.{re.sub(r'[^a-z0-9]+', '_', kind).strip('_')}"
    return MathFunction(symbol, _TRANSPOSE.format(symbol=symbol, eight=eight, one=one), (), is_shared=True)


def _side_by_side(kind: str, align: int, many: int, first: str, before: str) -> str:
    """A loop over the rows from `first` to %end{many}, so many at a time, behind the block `before`."""
    starts, loads, stores = [], [], []
    for k in range(many):
        at, there = (f"%from.r{many}.{k}", f"%to.r{many}.{k}")
        starts += [f"%i{many}.{k} = add i64 %i{many}, {k}", f"%f{many}.{k} = mul i64 %i{many}.{k}, %from_column",
                   f"{at} = getelementptr {kind}, ptr %from, i64 %f{many}.{k}",
                   f"%t{many}.{k} = mul i64 %i{many}.{k}, %to_row",
                   f"{there} = getelementptr {kind}, ptr %to, i64 %t{many}.{k}"]
        loads += [f"{at}p = getelementptr {kind}, ptr {at}, i64 %from_at{many}",
                  f"{at}v = load {kind}, ptr {at}p, align {align}"]
        stores += [f"{there}p = getelementptr {kind}, ptr {there}, i64 %to_at{many}",
                   f"store {kind} {at}v, ptr {there}p, align {align}"]
    lines = ["\n  ".join(part) for part in (starts, loads, stores)]
    return _ROWS.format(many=many, first=first, before=before, starts=lines[0], loads=lines[1], stores=lines[2])


_ROWS = """rows{many}:
  %i{many} = phi i64 [ {first}, %{before} ], [ %i{many}_next, %row{many}_end ]
  %more{many} = icmp slt i64 %i{many}, %end{many}
  br i1 %more{many}, label %row{many}, label %done{many}
row{many}:
  {starts}
  br label %column{many}
column{many}:
  %j{many} = phi i64 [ 0, %row{many} ], [ %j{many}_next, %column{many} ]
  %from_at{many} = phi i64 [ 0, %row{many} ], [ %from_at{many}_next, %column{many} ]
  %to_at{many} = phi i64 [ 0, %row{many} ], [ %to_at{many}_next, %column{many} ]
  {loads}
  {stores}
  %from_at{many}_next = add i64 %from_at{many}, %from_row
  %to_at{many}_next = add i64 %to_at{many}, %to_column
  %j{many}_next = add i64 %j{many}, 1
  %again{many} = icmp slt i64 %j{many}_next, %columns
  br i1 %again{many}, label %column{many}, label %row{many}_end
row{many}_end:
  %i{many}_next = add i64 %i{many}, {many}
  br label %rows{many}
done{many}:"""

_TRANSPOSE = """define internal void @{symbol}(ptr noalias nocapture %to, i64 %to_row, i64 %to_column,
    ptr nocapture readonly %from, i64 %from_row, i64 %from_column, i64 %rows, i64 %columns) noinline nounwind {{
entry:
  %is_any = icmp sgt i64 %columns, 0
  %end1 = select i1 %is_any, i64 %rows, i64 0
  %end8 = and i64 %end1, -8
  br label %rows8
{eight}
  br label %rows1
{one}
  ret void
}}"""
