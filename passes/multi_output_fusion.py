"""Join loop nests over the same elements into one of several results, so that what they share stays in registers.

    %q = linalg.generic ins(%x) { x*x }             %y, %s = linalg.generic ins(%x, %c) {
    %y = linalg.generic ins(%q, %c) { q+c }    ->     %q = x*x
    %s = linalg.generic ins(%q) { acc+q }             linalg.yield %q+c, acc+%q }

Why: `fuse` stores a value that two nests read; each pass over memory then costs what the arithmetic does not. A nest
joins a later one of its block that reads its result element by element, or reads an array that both read; that tells
which loop is which, and that their lengths are equal; loops of one round, as each row of a stack has, fit each
other. What then nobody else reads is not stored. `max` with `argmax` becomes one search first
(`joining/extremes.py`), which goes along columns in lanes; a sum makes again what is light (`joining/again.py`).
Conservative: no number changes (sums of floats join only what reads the same rows and stores nothing: a tree goes
by what they read; products are contracted before). What runs in SIMD lanes still does. Nothing moves past a write
into an array that it reads, which would have to be copied. A body has at most MOST_OPS ops, or, where all nests of a
block together have, MOST_OF_ALL, and no function: then nothing is stored between them, and what registers do not hold
stays on the stack.
Cost: linear; each nest looks at most WINDOW ops back. Runs last on scan IR: `slice` and `lanes` read single nests,
and nests of a scan over lanes need no joining. Not for a GPU, whose lanes keep all of it in registers.
Source: multi-output fusion as in XLA; loop fusion (Kennedy and McKinley, 1993).
"""

from __future__ import annotations

from scancc.ir.core import Block, Op
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark
from scancc.ir.wording import listed, what_makes

from .joining.again import compute_again
from .joining.blocks import blocks_of_loops
from .joining.extremes import places_as_nests
from .joining.legality import moved_behind
from .joining.matching import match_of
from .joining.merge import merge
from .slicing.latencies import is_function

MOST_OPS = 48  # of a body: registers hold no more at a time
MOST_OF_ALL = 256  # of a block's nests: a gradient of a Runge-Kutta step in one loop takes half the time of six
WINDOW = 64    # ops between two nests


def multi_output_fusion(module: Op) -> None:
    """Join nests in every block that runs as loops."""
    joined: dict[Op, int] = {}
    for block in list(blocks_of_loops(module)):
        places_as_nests(block)
        compute_again(block)
        most = _most_ops(block)
        for op in list(block.ops):
            if op.name == "linalg.generic" and op.parent is block:
                _join_earlier(block, op, joined, most)
        for op in block.ops:
            if op.name == "linalg.generic" and Nest(op).reduced:
                _say_stored(op)
    for nest, n in joined.items():
        made = listed([what_makes(result) for result in nest.results])
        remark("multi-output-fusion", nest, True, f"{n} loops over the same elements became one, which makes {made}")


def _most_ops(block: Block) -> int:
    """How many ops a body may have."""
    ops = [inner for op in block.ops if op.name == "linalg.generic" for inner in op.body.ops]
    return MOST_OF_ALL if len(ops) <= MOST_OF_ALL and not any(map(is_function, ops)) else MOST_OPS


def _join_earlier(block: Block, nest: Op, joined: dict[Op, int], most: int) -> None:
    """Join to `nest` the nests before it, the nearest first, as long as one fits. Once one is too large, the others
    that are need no comparing. `joined`: of how many each nest is made; `most`: ops of a body."""
    refused = False
    place = block.ops.index(nest)
    back = place
    while back > max(0, place - WINDOW):
        back -= 1
        other = block.ops[back]
        if other.name != "linalg.generic":
            continue
        is_large = len(other.body.ops) + len(nest.body.ops) > most
        match = None if is_large and refused else match_of(other, nest)
        if match is not None and not match.keeps_numbers:
            continue
        if match is not None and is_large:
            remark("multi-output-fusion", other, False, f"joined to its reader it would have more than {most} "
                   "operations an element")
            refused = True
            continue
        moved = None if match is None else moved_behind(match, block.ops[back + 1:place])
        if match is not None and moved is not None:
            n = joined.pop(nest, 1) + joined.pop(other, 1)
            nest = merge(match, moved)
            joined[nest] = n
            place = back = block.ops.index(nest)


def _say_stored(nest: Op) -> None:
    """Of a sum that has a loop of its own: what another loop stores for nobody else."""
    makers = dict.fromkeys(v.op for v in nest.operands if v.op is not None and v.op.name == "linalg.generic")
    for match in filter(None, (match_of(maker, nest) for maker in makers)):
        stored = [what_makes(v) for n, v in enumerate(match.first.op.results) if n not in match.kept and v.uses]
        if stored and not match.keeps_numbers:
            remark("multi-output-fusion", nest, False, f"{what_makes(nest.results[0])} stays a loop of its own, and "
                   f"{listed(stored)} {'are' if stored[1:] else 'is'} stored for it: in one loop numbers would be "
                   "added in another order")
