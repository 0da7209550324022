"""Tiles of few sums, of which several blocks of terms are in flight.

Where columns lie along memory and meet in the cache, lines a power of two apart share the few places of a set: as
many columns as hide the latency of a multiply-add would drive each other out, lines of one column do not. 512 x 512
f32, one row: 23 us; where columns are copied apart first, 31. Few rows of few columns (`x.T @ g` of a small system)
have too few sums to hide it: 4,000 terms of 4 x 4 f64 take 0.6 of the time, of 2 x 4 0.45. Each block has a sum of
its own, which join in pairs as those of all tiles do.
"""

from __future__ import annotations

import itertools

from scancc.late_dataclasses import dataclass

from .tiles import BLOCK_TERMS, Tile, block_end
from .turning import NBYTES, round_terms, turned

APART_TERMS = 4 * BLOCK_TERMS  # products whose terms are a multiple of so many can be made by any of them


@dataclass(frozen=True)
class BlockTile(Tile):
    """One vector of turned columns, all of whose blocks are whole; `blocks` is a power of two."""

    turns: bool = True
    blocks: int = 4

    @property
    def symbol(self) -> str:
        return f"{super().symbol}.{self.blocks}"

    @property
    def terms_at_once(self) -> int:
        return self.blocks * BLOCK_TERMS

    def _steps(self) -> str:
        """Bytes between columns, and from a row to what its blocks are multiplied with."""
        return "\n  ".join([super()._steps(), *(f"%far{j} = mul i64 %a_next, {j * BLOCK_TERMS}"
                                                for j in range(self.blocks))])

    def _turned_terms(self) -> str:
        """A round for each block in turn, then their sums in pairs."""
        rows, blocks = range(self.rows), range(self.blocks)
        begins = [f"%x{i}.{j}from = getelementptr {self.kind}, ptr %a{i}, i64 %far{j}" for i in rows for j in blocks]
        factors, lines = self._columns_of_blocks()
        sums = {(i, j): f"%s{i}.{j}" for i in rows for j in blocks}
        for k in range(round_terms(self.kind)):
            lines.append(f"%at{k + 1} = add i64 %at{k}, %a_next")
            for i, j in sums:
                x, more = self._in_all_lanes(f"%x{i}.{j}.{k}", f"%x{i}.{j}from", f"%at{k}")
                sums[i, j], added = self._added(f"{i}.{j}.{k}", x, factors[j][k], sums[i, j])
                lines += more + added
        phis = [f"%s{i}.{j} = phi {self.vector} [ zeroinitializer, %block ], [ {total}, %round ]"
                for (i, j), total in sums.items()]
        joins = itertools.chain.from_iterable(
            _in_pairs(self.vector, [f"%s{i}.{j}" for j in blocks], f"%u{i}") for i in rows)
        return _BLOCKS.format(begins="\n  ".join(begins), phis="\n  ".join(phis), many=round_terms(self.kind),
                              block=BLOCK_TERMS, round="\n  ".join(lines), joins="\n  ".join(joins))

    def _columns_of_blocks(self) -> tuple[list[list[str]], list[str]]:
        """The vectors of a round, of each block, and lines that make them."""
        lines, factors = ["%first_term = add i64 %first, %t"], []
        for j in range(self.blocks):
            lines += [f"%z{j}at = add i64 %first_term, {j * BLOCK_TERMS}",
                      f"%z{j} = getelementptr {self.kind}, ptr %b0, i64 %z{j}at"]
            more, vectors = turned(self.kind, self.lanes, f"z{j}", f"%z{j}", round_terms(self.kind))
            lines += more
            factors.append(vectors)
        return factors, lines


@dataclass(frozen=True)
class FewSumsTile(Tile):
    """One vector of columns side by side: several blocks at once while there are as many, then one at a time."""

    blocks: int = 4  # a power of two

    @property
    def symbol(self) -> str:
        return f"{super().symbol}.{self.blocks}"

    def _terms(self) -> str:
        """A term of each block in turn, then the sums of the blocks in pairs; else those of one block."""
        rows, blocks, v = range(self.rows), range(self.blocks), self.vector
        zero = "zeroinitializer" if self.lanes > 1 else "0.0"
        begins, lines = [], []
        sums = {(i, j): f"%b{i}.{j}" for i in rows for j in blocks}
        for j in blocks:
            begins += [f"%y.{j}far = mul i64 %b_next, {j * BLOCK_TERMS}",
                       f"%y.{j}from = getelementptr {self.kind}, ptr %b0, i64 %y.{j}far",
                       f"%x.{j}far = mul i64 %a_next, {j * BLOCK_TERMS}",
                       *(f"%x{i}.{j}from = getelementptr {self.kind}, ptr %a{i}, i64 %x.{j}far" for i in rows)]
            lines += [f"%y.{j}p = getelementptr {self.kind}, ptr %y.{j}from, i64 %y_many",
                      f"%y.{j} = load {v}, ptr %y.{j}p, align {NBYTES[self.kind]}"]
        for i, j in sums:
            x, more = self._in_all_lanes(f"%x{i}.{j}", f"%x{i}.{j}from", "%at_many")
            sums[i, j], added = self._added(f"{i}.{j}", x, f"%y.{j}", sums[i, j])
            lines += more + added
        phis = [f"%b{i}.{j} = phi {v} [ {zero}, %blocks ], [ {total}, %terms_of_blocks ]"
                for (i, j), total in sums.items()]
        joins = itertools.chain.from_iterable(_in_pairs(v, [f"%b{i}.{j}" for j in blocks], f"%g{i}") for i in rows)
        return _SEVERAL_BLOCKS.format(
            begins="\n  ".join(begins), phis="\n  ".join(phis), lines="\n  ".join(lines), joins="\n  ".join(joins),
            terms=BLOCK_TERMS, many=self.blocks * BLOCK_TERMS,
            one=self._terms_by_rows().replace("%block ]", "%single ]"))

    def _end_of_block(self) -> str:
        """Whatever way its sums were made."""
        shift = BLOCK_TERMS.bit_length() - 1
        found = [f"%e{i} = phi {self.vector} [ %s{i}, %next ], [ %g{i}, %joining ]" for i in range(self.rows)]
        sizes = [f"%{name} = phi i64 [ {one}, %next ], [ {many}, %joining ]" for name, one, many in (
            ("size", BLOCK_TERMS, self.blocks * BLOCK_TERMS), ("lowest", 0, self.blocks.bit_length() - 1))]
        return "\n  ".join([*found, *sizes, f"%shift = add i64 %lowest, {shift}", block_end("%size", "%shift")])

    def _lowest_level(self) -> str:
        return "%lowest"

    @property
    def _total(self) -> str:
        return "e"


def _in_pairs(vector: str, sums: list[str], total: str) -> list[str]:
    """Lines that add neighbours until one is left, `total`."""
    lines = []
    while len(sums) > 1:
        pairs = list(zip(sums[::2], sums[1::2], strict=True))
        made = [f"{one}j" for one, _ in pairs] if len(pairs) > 1 else [total]
        lines += [f"{name} = fadd {vector} {one}, {other}" for name, (one, other) in zip(made, pairs, strict=True)]
        sums = made
    return lines


_SEVERAL_BLOCKS = """%are_many = icmp sge i64 %left, {many}
  br i1 %are_many, label %blocks, label %single
blocks:
  %many_y = mul i64 %first, %b_next
  {begins}
  br label %terms_of_blocks_next
terms_of_blocks_next:
  %left_of_blocks = phi i64 [ {terms}, %blocks ], [ %fewer_of_blocks, %terms_of_blocks ]
  %at_many = phi i64 [ %block_at, %blocks ], [ %at_many_next, %terms_of_blocks ]
  %y_many = phi i64 [ %many_y, %blocks ], [ %y_many_next, %terms_of_blocks ]
  {phis}
  %again_of_blocks = icmp sgt i64 %left_of_blocks, 0
  br i1 %again_of_blocks, label %terms_of_blocks, label %joining
terms_of_blocks:
  {lines}
  %at_many_next = add i64 %at_many, %a_next
  %y_many_next = add i64 %y_many, %b_next
  %fewer_of_blocks = sub i64 %left_of_blocks, 1
  br label %terms_of_blocks_next
joining:
  {joins}
  br label %terms
single:
  {one}"""

_BLOCKS = """{begins}
  br label %next
next:
  %number = phi i64 [ {block}, %block ], [ %more, %round ]
  %t = phi i64 [ 0, %block ], [ %t_next, %round ]
  %at0 = phi i64 [ %block_at, %block ], [ %at{many}, %round ]
  {phis}
  %again = icmp sgt i64 %number, 0
  br i1 %again, label %round, label %joining
round:
  {round}
  %t_next = add i64 %t, {many}
  %more = sub i64 %number, {many}
  br label %next
joining:
  {joins}
  br label %terms"""
