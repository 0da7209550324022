"""Loops over time that keep the rows of some rounds, as as many loops, in each of which all rounds do the same.

    scf.for %t = 0 to %n iter(%s = %z) {        %p = scf.for %t = 0 to %c iter(%s = %z) { ... }
      ...                                  ->   %q = scf.for %t = %c to %n iter(%s = %p) {
      scf.if %t >= %c { store %s, %y[%t - %c] }    ... store %s, %y[%t - %c] }
      scf.yield ... }

The rows from a first one on (`h[100:]`), the last ones (`h[-2:]`), or all but the last.
Source: index set splitting (Griebl, Feautrier and Lengauer, 2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.core import Block, Op, Value, clone_region, defined_in
from scancc.ir.dialects.arith import CMPI
from scancc.ir.parts import Branch, Loop


class _Range(NamedTuple):
    """The rounds from `first` on, as many as `n`, or all that are left."""

    first: Value | None
    n: Value | None


def split_ranges(loop: Op) -> list[Op]:
    """The loops that stand in place of a loop whose one branch asks for a range of rounds; else the loop."""
    branch = branch_of(loop)
    wanted = None if branch is None else _wanted(loop, branch)
    if wanted is None:
        return [loop]
    assert loop.parent is not None
    b, n = Builder(loop.parent, loop, loop.location), Loop(loop).upper
    first = b.index(0) if wanted.first is None else within(b, b.index(0), wanted.first, n)
    end = n if wanted.n is None else within(b, first, b.addi(wanted.first or first, wanted.n), n)
    bounds = [(b.index(0), first, False), (first, end, True), (end, n, False)]
    return _in_turn(loop, [part for part in bounds if part[0] is not part[1] and constant_of(part[1]) != 0])


def branch_of(loop: Op) -> Op | None:
    """The one branch of a loop that counts from 0, which has one side and no results."""
    branches = [op for op in loop.body.ops if op.name == "scf.if"]
    if len(branches) != 1 or constant_of(Loop(loop).lower) != 0 or constant_of(Loop(loop).step) != 1:
        return None
    return None if branches[0].results or Branch(branches[0]).sides[-1].ops[:-1] else branches[0]


def _wanted(loop: Op, branch: Op) -> _Range | None:
    """The range of rounds in which a branch is taken."""
    asked = Branch(branch).condition.op
    if asked is None or asked.name != "arith.cmpi":
        return None
    predicate, (place, bound) = CMPI[asked.attrs["predicate"].value], asked.operands
    if place.type != t.index or defined_in(bound, loop.body):
        return None
    if predicate == "sge" and place is Loop(loop).counter:
        return _Range(bound, None)
    first = start_of(loop, place)
    return _Range(first[0], bound) if predicate == "ult" and first else None


def start_of(loop: Op, place: Value) -> tuple[Value | None] | None:
    """Of the counter less a number that number, or none of the counter itself."""
    counter = Loop(loop).counter
    if place is counter:
        return (None,)
    op = place.op
    less = op is not None and op.name == "arith.subi" and op.operands[0] is counter
    return (op.operands[1],) if op is not None and less and not defined_in(op.operands[1], loop.body) else None


def within(b: Builder, least: Value, x: Value, most: Value) -> Value:
    return b.minsi(b.maxsi(least, x), most)


def _in_turn(loop: Op, bounds: list[tuple[Value, Value, bool]]) -> list[Op]:
    """A loop from each bound to the next one, which does what the branch does or not."""
    assert loop.parent is not None
    made, carried = list[Op](), Loop(loop).init
    for first, end, taken in bounds:
        part = part_of(loop, Builder(loop.parent, loop, loop.location), first, end, carried)
        settle(part.body, taken)
        made.append(part)
        carried = part.results
    for old, new in zip(loop.results, carried, strict=True):
        new.name = old.name
    loop.replace_by(carried)
    return made


def part_of(loop: Op, b: Builder, first: Value, end: Value, carried: Sequence[Value]) -> Op:
    """A copy of a loop that begins and ends elsewhere."""
    return b.make(loop.name, [first, end, Loop(loop).step, *carried], [v.type for v in loop.results],
                  dict(loop.attrs), [clone_region(loop.regions[0], {})])


def settle(body: Block, taken: bool) -> None:
    """Put what the branch does in its place, or nothing."""
    branch = next(op for op in body.ops if op.name == "scf.if")
    if taken:
        for op in Branch(branch).sides[0].ops[:-1]:
            body.insert_before(branch, op.detach())
    branch.erase()
