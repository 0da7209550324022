"""What a reduction over arrays computes again, rather than have it stored for it.

    %q = linalg.generic ins(%r, %s) { r*r / s }        %q = linalg.generic ins(%r, %s) { r*r / s }
    %m = linalg.generic ins(%q, %s) { q / s }      ->  %m = linalg.generic ins(%q, %s) { q / s }
    %t = linalg.generic ins(%q, %s) { acc + q }        %t = linalg.generic ins(%r, %s) { acc + r*r / s }

A sum of floats may not join the loop that makes its terms, which would then be added in another order. Where they are
light, and are read elsewhere too, as by a gradient, the sum makes them anew: that loop then stores them for nobody.
Outside scans alone, where arrays are long: what a step makes stays in cache. The sum keeps its tree.
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Block, Op, clone_op
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark
from scancc.ir.wording import what_makes

from ..slicing.latencies import busy, is_function
from ..vectorizing.lanes import HEAVY_OPS, is_heavy
from .legality import moved_behind
from .matching import match_of
from .merge import merge

MOST_BUSY = 8  # cycles an element, as a division and what goes with it: an array written and read costs as much


def compute_again(block: Block) -> None:
    """Let the reductions of a function's own block make what is light and would be stored."""
    above = block.parent_op()
    if above is None or above.name != "func.func":
        return
    for op in list(block.ops):
        if op.name != "linalg.generic" or not _is_light(op):
            continue
        readers = [user for user in op.result.uses if user.name == "linalg.generic" and user.parent is block]
        if len(op.result.uses) > 1 and len(readers) == len(op.result.uses):
            for reader in readers:
                _take(block, op, reader)
            if not op.result.uses:
                op.erase()


def _is_light(op: Op) -> bool:
    body = op.body.ops[:-1]
    return Nest(op).is_parallel and len(op.results) == 1 and not any(map(is_function, body)) and (
        sum(map(busy, body)) <= MOST_BUSY)


def _take(block: Block, op: Op, reader: Op) -> None:
    """Let one reduction make what it reads of `op`."""
    if not Nest(reader).reduced or not _keeps_its_tree(op, reader):
        return
    match, between = match_of(op, reader), block.ops[block.ops.index(op) + 1:block.ops.index(reader)]
    if match is None or match.keeps_numbers or moved_behind(match, between) is None:
        return
    made = what_makes(op.result)
    copy = block.insert_before(reader, clone_op(op, {}))
    reader.replace_operand(op.result, copy.result)
    own = match_of(copy, reader)
    assert own is not None
    remark("multi-output-fusion", merge(own, []), True, f"{made} is computed again, not stored")


def _keeps_its_tree(op: Op, reader: Op) -> bool:
    """Whether lanes are chosen as without: by the bytes of what is read, and by how much is done with it."""
    ops = [*reader.body.ops, *op.body.ops]
    kinds = {t.element(access.value.type) for nest in (op, reader) for access in Nest(nest).reads}
    return len(kinds) == 1 and len(ops) <= HEAVY_OPS and is_heavy(reader.body.ops) == is_heavy(ops)
