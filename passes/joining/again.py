"""What a reduction over arrays computes again, rather than have it stored for it.

    %q = linalg.generic ins(%r, %s) { r*r / s }        %q = linalg.generic ins(%r, %s) { r*r / s }
    %m = linalg.generic ins(%q, %s) { q / s }      ->  %m = linalg.generic ins(%q, %s) { q / s }
    %t = linalg.generic ins(%q, %s) { acc + q }        %t = linalg.generic ins(%r, %s) { acc + r*r / s }

A sum of floats may not join the loop that makes its terms, which would then be added in another order. Where they are
light, and are read elsewhere too, as by a gradient, the sum makes them anew: that loop then stores them for nobody.
Outside scans alone, where arrays are long: what a step makes stays in cache. The sum keeps its tree.

    %q = linalg.generic ins(%r, %c) { r + c }
    %m = linalg.generic ins(%q) { max(acc, q) }         ->  %m = linalg.generic ins(%r, %c) { max(acc, r + c) }
    %t = linalg.generic ins(%q, %m) { acc + exp(q - m) }    %t = linalg.generic ins(%r, ...) { acc + exp(r + c - m) }

Where one reduction waits for another, as a log-sum-exp for its maximum, no loop serves both. An operation on the
elements of one array costs no more than the array that would hold what it makes, in a step too.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.core import Block, Op, clone_op
from scancc.ir.parts import Nest
from scancc.ir.remarks import remark
from scancc.ir.wording import what_makes

from ..slicing.latencies import busy, is_function
from ..slicing.steps import used
from ..vectorizing.lanes import HEAVY_OPS, is_heavy
from .legality import moved_behind
from .matching import Match, match_of
from .merge import merge

MOST_BUSY = 8  # cycles an element, as a division and what goes with it: an array written and read costs as much
HELD = 64      # elements that registers hold


def compute_again(block: Block) -> None:
    """Let reductions make what is light and would be stored."""
    above = block.parent_op()
    is_function_body = above is not None and above.name == "func.func"
    for op in list(block.ops):
        if op.name != "linalg.generic" or not _is_light(op):
            continue
        readers = [user for user in op.result.uses if user.name == "linalg.generic" and user.parent is block]
        if len(op.result.uses) < 2 or len(readers) != len(op.result.uses):
            continue
        costs_nothing = _is_one_operation(op) and _wait(block, readers)
        if costs_nothing or is_function_body:
            for reader in readers:
                _take(block, op, reader, costs_nothing)
        if not op.result.uses:
            op.erase()


def _is_light(op: Op) -> bool:
    body = op.body.ops[:-1]
    return Nest(op).is_parallel and len(op.results) == 1 and not any(map(is_function, body)) and (
        sum(map(busy, body)) <= MOST_BUSY)


def _is_one_operation(op: Op) -> bool:
    """Whether each element is one operation on one element of an array, and what has at most one axis."""
    nest, done = Nest(op), [inner for inner in op.body.ops[:-1] if inner.name != "arith.constant"]
    whole = [read.dims for read in nest.reads if len(read.dims) > 1 or len(nest.kinds) == 1]
    return t.n_elements(op.result.type) > HELD and sum(map(busy, done)) == 1 and whole == [
        nest.writes[0].dims]


def _wait(block: Block, readers: Sequence[Op]) -> bool:
    """Whether one of the readers needs another one."""
    late = {result for reader in readers for result in reader.results}
    for op in block.ops[block.ops.index(readers[0]) + 1:block.ops.index(readers[-1]) + 1]:
        if not late.isdisjoint(used(op)):
            if op in readers:
                return True
            late.update(op.results)
    return False


def _take(block: Block, op: Op, reader: Op, costs_nothing: bool) -> None:
    """Let one reduction make what it reads of `op`, if that costs nothing, or the sum could not join `op`."""
    if not Nest(reader).reduced or not _keeps_its_tree(op, reader):
        return
    copy = block.insert_before(reader, clone_op(op, {}))
    reader.replace_operand(op.result, copy.result)
    match = match_of(copy, reader)
    if match is not None and (costs_nothing or not match.keeps_numbers) and _may_move(block, op, match):
        made = what_makes(op.result)
        remark("multi-output-fusion", merge(match, []), True, f"{made} is computed again, not stored")
    else:
        reader.replace_operand(copy.result, op.result)
        copy.erase()


def _may_move(block: Block, op: Op, match: Match) -> bool:
    """Whether what `op` reads is the same where its copy stands."""
    return moved_behind(match, block.ops[block.ops.index(op) + 1:block.ops.index(match.first.op)]) is not None


def _keeps_its_tree(op: Op, reader: Op) -> bool:
    """Whether lanes are chosen as without: by the bytes of what is read, and by how much is done with it."""
    ops = [*reader.body.ops, *op.body.ops]
    kinds = {t.element(access.value.type) for nest in (op, reader) for access in Nest(nest).reads}
    return len(kinds) == 1 and len(ops) <= HEAVY_OPS and is_heavy(reader.body.ops) == is_heavy(ops)
