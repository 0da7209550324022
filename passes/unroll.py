"""Writes out loops of a few iterations.

    scf.for %k = 0 to 3 step 1 iter(%s = %z) {       %x0 = memref.load %a[0]
      %x = memref.load %a[%k]                        %s0 = arith.addf %z, %x0
      %s' = arith.addf %s, %x                  ->    %x1 = memref.load %a[1]
      scf.yield %s'                                  %s1 = arith.addf %s0, %x1
    }                                                ...

Why: three rounds of a counter, a test and a branch cost more than three additions, in time and in what is
to be compiled; a loop that runs once is only in the way. Conservative: loops with constant bounds and
nothing but straight code inside, up to `max-trips` iterations and `max-ops` ops in all, unless there is
one iteration.
Cost: one walk, inner loops first. Runs after `vectorize`, which makes some loops short.
"""

from __future__ import annotations

from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, clone_op
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark


def unroll(module: Op, max_trips: int = 4, max_ops: int = 32) -> None:
    for region in module.regions:
        for block in region.blocks:
            _visit(block, max_trips, max_ops)


def _visit(block: Block, max_trips: int, max_ops: int) -> None:
    for op in list(block.ops):
        for region in op.regions:
            for inner in region.blocks:
                _visit(inner, max_trips, max_ops)
        places = _places(op, max_trips + 1) if op.name == "scf.for" else None
        if places is not None and _is_small(op, len(places), max_trips, max_ops):
            _write_out(op, places)


def _places(loop: Op, most: int) -> range | None:
    """What the counter is in each iteration, or in the first `most`, where that is known."""
    lower, upper, step = map(constant_of, Loop(loop).bounds)
    return None if lower is None or upper is None or step is None else range(lower, upper, step)[:most]


def _is_small(loop: Op, trips: int, max_trips: int, max_ops: int) -> bool:
    if trips <= 1:
        return True
    body = loop.body.ops[:-1]
    return trips <= max_trips and trips * len(body) <= max_ops and not any(op.regions for op in body)


def _write_out(loop: Op, places: range) -> None:
    assert loop.parent is not None
    b = Builder(loop.parent, loop, loop.location)
    carried = Loop(loop).init
    for place in places:
        mapping = dict(zip(loop.body.args, [b.index(place), *carried], strict=True))
        for op in loop.body.ops[:-1]:
            clone_op(op, mapping, b.insert)
        carried = [mapping.get(v, v) for v in Loop(loop).next]
    remark("unroll", loop, True, f"it runs {len(places)} times")
    loop.replace_by(carried)
