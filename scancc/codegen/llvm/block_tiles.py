"""Tiles of columns that lie along memory and meet in the cache: few columns, several blocks of their terms in flight.

Lines a power of two apart share the few places of a set: as many columns as hide the latency of a multiply-add would
drive each other out, lines of one column do not. Each block has a sum of its own, which join in pairs as those of all
tiles do. 512 x 512 f32, one row: 23 us; where columns are copied apart first, 31.
"""

from __future__ import annotations

import itertools

from scancc.late_dataclasses import dataclass

from .tiles import BLOCK_TERMS, Tile
from .turning import round_terms, turned

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
        joins = itertools.chain.from_iterable(map(self._joined_blocks, rows))
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

    def _joined_blocks(self, row: int) -> list[str]:
        lines, left = [], [f"%s{row}.{j}" for j in range(self.blocks)]
        while len(left) > 1:
            pairs = list(zip(left[::2], left[1::2], strict=True))
            left = [f"{one}j" for one, _ in pairs] if len(pairs) > 1 else [f"%u{row}"]
            lines += [f"{made} = fadd {self.vector} {one}, {other}"
                      for made, (one, other) in zip(left, pairs, strict=True)]
        return lines


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
