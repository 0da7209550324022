"""Reductions over the same elements, one behind the other, become one loop that carries on several values.

    %s = scf.for %i = 0 to %n iter(%a) { a + x[i] }              %s, %q = scf.for %i = 0 to %n iter(%a, %b) {
    %q = scf.for %i = 0 to %n iter(%b) { b + x[i] * y[i] }   ->    %x_i = memref.load %x[%i]
                                                                   scf.yield %a + %x_i, %b + %x_i * %y[%i] }

Each has had its form chosen by itself, and only those of one form are joined: so each keeps its bits.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.equalities import equal_sizes
from scancc.ir.ops import is_pure, whole
from scancc.ir.parts import Loop
from scancc.ir.remarks import remark

from .kinds import ROUNDED, SUMS

MOST_SUMS, MOST = 3, 2  # four registers hold the lanes of each; what compares needs more

Widths = tuple[int, ...]


def side_by_side(loops: Sequence[tuple[Op, Widths]], most_sums: int) -> list[tuple[list[Op], Widths]]:
    """Loops, each with its lanes, in groups that may run as one, of `most_sums` at most."""
    groups: list[tuple[list[Op], Widths]] = []
    for loop, widths in loops:
        if groups and groups[-1][1] == widths and _fits(groups[-1][0], loop, most_sums):
            groups[-1][0].append(loop)
        else:
            groups.append(([loop], widths))
    return groups


def _fits(group: Sequence[Op], loop: Op, most_sums: int) -> bool:
    """Whether a loop that reads what the group does may run with it."""
    if loop.parent is not group[0].parent:
        return False
    both, arrays = [*group, loop], {array for op in group for array in _arrays(op)}
    if arrays.isdisjoint(_arrays(loop)) or not all(map(_is_simple, both)) or not _combine_alike(both, most_sums):
        return False
    return equal_sizes(Loop(group[0]).upper, Loop(loop).upper, loop) and _is_free(group, loop)


def _is_simple(loop: Op) -> bool:
    """Whether a loop is all of a reduction, no part of one, and does nothing else."""
    whole = all(v.op is None or v.op.name != "scan.running" for v in Loop(loop).init)
    return whole and not any(op.name == "memref.store" or op.regions for op in loop.body.ops)


def _combine_alike(loops: Sequence[Op], most_sums: int) -> bool:
    """Blocks of sums take other terms together than a product of all does; and there must be registers for all."""
    names = {v.op.name for loop in loops for v in Loop(loop).next if v.op is not None}
    if len(loops) > (most_sums if names.issubset(SUMS) else MOST):
        return False
    return names.isdisjoint(SUMS) or names.isdisjoint(set(ROUNDED).difference(SUMS))


def _arrays(loop: Op) -> set[Value]:
    return {whole(op) for op in loop.body.ops if op.name == "memref.load"}


def _is_free(group: Sequence[Op], loop: Op) -> bool:
    """Whether nothing between needs what the group gives, or writes."""
    assert loop.parent is not None
    ops = loop.parent.ops
    between = [op for op in ops[ops.index(group[0]) + 1:ops.index(loop)] if op not in group]
    given = {v for op in group for v in op.results}
    used = {v for op in [*between, *loop.walk()] for v in op.operands}
    return all(is_pure(op) or op.name == "memref.load" for op in between) and given.isdisjoint(used)


def joined(group: Sequence[Op]) -> Op:
    """One loop in the place of the last."""
    if len(group) == 1:
        return group[0]
    last, parts = group[-1], [Loop(op) for op in group]
    assert last.parent is not None
    carries = [carry for part in parts for carry in part.carries]
    body = Block([t.index, *(carry.arg.type for carry in carries)])
    counter, *args = body.args
    counter.name = parts[0].counter.name
    for arg, (_, old, _, _) in zip(args, carries, strict=True):
        arg.name = old.name
        old.replace_by(arg)
    known: dict[Hashable, Op] = {}
    for part in parts:
        part.counter.replace_by(counter)
        _take(body, part.op.body, known)
    Builder(body, location=last.location).make("scf.yield", [v for part in parts for v in part.next])
    bounds, init = parts[0].bounds, [carry.init for carry in carries]
    made = Builder(last.parent, last, last.location).make(
        "scf.for", [*bounds, *init], [v.type for v in init], dict(last.attrs), [Region([body])])
    for (_, _, _, old), new in zip(carries, made.results, strict=True):
        new.name = old.name
        old.replace_by(new)
    for op in group:
        op.erase()
    remark("reductions", made, True, f"{len(group)} reductions of the same elements are one pass")
    return made


def _take(body: Block, source: Block, known: dict[Hashable, Op]) -> None:
    """Take over the ops of a body; those that are there already stay behind."""
    kept = []
    for op in source.ops[:-1]:
        key = op.name, tuple(op.operands), tuple(v.type for v in op.results), str(sorted(op.attrs.items(), key=str))
        if key in known:
            op.replace_by(known[key].results)
            kept.append(op)
        else:
            known[key] = op
            body.append(op)
    source.ops = [*kept, source.ops[-1]]
