"""The blocks whose ops become loops over arrays."""

from __future__ import annotations

from collections.abc import Iterator

from scancc.ir.core import Block, Op


def blocks_of_loops(top: Op) -> Iterator[Block]:
    """All blocks but those of nests, and of scans over lanes, whose arrays are registers."""
    if top.name == "linalg.generic" or "lanes" in top.attrs:
        return
    for region in top.regions:
        for block in region.blocks:
            yield block
            for op in block.ops:
                yield from blocks_of_loops(op)
