"""Writes out loops of a few iterations.

    scf.for %k = 0 to 3 step 1 iter(%s = %z) {       %x0 = memref.load %a[0]
      %x = memref.load %a[%k]                        %s0 = arith.addf %z, %x0
      %s' = arith.addf %s, %x                  ->    %x1 = memref.load %a[1]
      scf.yield %s'                                  %s1 = arith.addf %s0, %x1
    }                                                ...

Why: three rounds of a counter, a test and a branch cost more than three additions, in time and in what is
to be compiled; a loop that runs once is only in the way. An array on the stack becomes registers where no loop
touches it: loops that do may be longer, `stack-trips` and `stack-ops`, and `most-ops` in a function. So may loops
that read an array which they write: `scalar-replacement` then knows what a round reads of an earlier one.
What stands where a likely condition does not hold stays as it is.
Conservative: loops with constant bounds and nothing but straight code inside, up to `max-trips` iterations and
`max-ops` ops in all, unless there is one iteration.
Cost: one walk, inner loops first. Runs after `vectorize`, which makes some loops short.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, clone_op, functions
from scancc.ir.ops import memory_of, whole
from scancc.ir.parts import Loop, usual_blocks
from scancc.ir.remarks import remark
from scancc.late_dataclasses import dataclass


@dataclass
class _Limits:
    max_trips: int
    max_ops: int
    stack_trips: int
    stack_ops: int
    left: int  # of what loops over arrays on the stack may take in the function
    numbers: Builder  # makes the constants of the function


def unroll(module: Op, max_trips: int = 4, max_ops: int = 28, stack_trips: int = 8, stack_ops: int = 300,
           most_ops: int = 3000) -> None:
    for func in functions(module):
        limits = _Limits(max_trips, max_ops, stack_trips, stack_ops, most_ops, Builder(func.body, pool=func.body))
        for region in func.regions:
            for block in region.blocks:
                _visit(block, limits)


def _visit(block: Block, limits: _Limits) -> None:
    for op in list(block.ops):
        for inner in usual_blocks(op):
            _visit(inner, limits)
        places = places_of(op, limits.stack_ops) if op.name == "scf.for" else None
        if places is not None and _is_small(op, len(places), limits):
            write_out(op, places, limits.numbers)
            remark("unroll", op, True, f"it runs {len(places)} times")


def places_of(loop: Op, most: int) -> range | None:
    """What the counter is in each iteration, or in the first `most`, where that is known."""
    lower, upper, step = map(constant_of, Loop(loop).bounds)
    return None if lower is None or upper is None or step is None else range(lower, upper, step)[:most]


def _is_small(loop: Op, trips: int, limits: _Limits) -> bool:
    if trips <= 1:
        return True
    body = loop.body.ops[:-1]
    n_ops = trips * len(body)
    if any(op.regions for op in body):
        return False
    if trips <= limits.max_trips and n_ops <= limits.max_ops:
        return True
    kept = _touches_stack(body) or _reads_what_it_writes(body)
    few = trips <= limits.stack_trips or any(op.name == "vector.store" for op in body)
    return few and n_ops <= limits.stack_ops and kept and _fits(loop, n_ops, limits)


def _touches_stack(body: Sequence[Op]) -> bool:
    made = (memory_of(v).op for op in body for v in op.operands)
    return any(op is not None and op.name == "memref.alloca" for op in made)


def _reads_what_it_writes(body: Sequence[Op]) -> bool:
    written = {whole(op) for op in body if op.name == "memref.store"}
    return any(op.name == "memref.load" and whole(op) in written for op in body)


def _fits(loop: Op, n_ops: int, limits: _Limits) -> bool:
    """Whether there is room in the function for so many ops, which then are counted."""
    if n_ops > limits.left:
        remark("unroll", loop, False, f"with its {n_ops} ops it would be more than a function may have for small "
               "arrays, which then are memory", "smaller matrices, or fewer ops on them in one function")
        return False
    limits.left -= n_ops
    return True


def write_out(loop: Op, places: range, numbers: Builder) -> None:
    """Put a loop's rounds one behind another in its place; `numbers` makes what its counter is in each.

    The last round has the ops of the loop, the others copies of them.
    """
    block, body = loop.parent, loop.body
    assert block is not None
    carried, rounds = Loop(loop).init, list[Op]()
    for place in places[:-1]:
        mapping = dict(zip(body.args, [numbers.index(place), *carried], strict=True))
        for op in body.ops[:-1]:
            clone_op(op, mapping, rounds.append)
        carried = [mapping.get(v, v) for v in Loop(loop).next]
    if places:
        for arg, value in zip(body.args, [numbers.index(places[-1]), *carried], strict=True):
            for user in list(arg.uses):
                user.replace_operand(arg, value)
        carried = Loop(loop).next
        rounds += body.ops[:-1]
        del body.ops[:-1]
    block.insert_all_before(loop, rounds)
    loop.replace_by(carried)
