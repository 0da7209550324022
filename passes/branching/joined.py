"""Branches by one condition that take each other's arrays, as one branch.

    %r = scf.if %c {                             %r, %u = scf.if %c {
      %w = tensor.insert %x, %q[%i]                %w = tensor.insert %x, %q[%i]
      scf.yield %w } else { scf.yield %p }  ->     scf.yield %w, %p
    %u = scf.if %c { scf.yield %p }              } else { scf.yield %p, %q }
    else { scf.yield %q }

Conservative: none needs what another one gives, and no check changes places with one that may fail too.
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.core import Block, Op, Region, Value, made_of
from scancc.ir.ops import CHECKS, has_trait
from scancc.ir.parts import Branch

from .bases import source_before
from .checks_apart import is_long


def join_exchanges(block: Block) -> None:
    """Make one branch of each such group in a step."""
    groups: dict[Value, list[Op]] = {}
    for op in block.ops:
        if op.name == "scf.if" and _crosses(op):
            groups.setdefault(Branch(op).condition, []).append(op)
    for group in groups.values():
        then, otherwise = ([v for op in group for v in _sources(op)[n]] for n in (0, 1))
        if len(group) > 1 and set(then) == set(otherwise) and len(set(then)) == len(then):
            later = _to_move(block, group)
            if later is not None:
                _join(block, group, later)


def _sources(op: Op) -> tuple[list[Value], list[Value]]:
    """The arrays outside with which the long ones begin that each side gives."""
    branch = Branch(op)
    then, otherwise = ([source_before(choice[1 + n], side) for choice in branch.choices if is_long(choice.result)]
                       for n, side in enumerate(branch.sides))
    return then, otherwise


def _crosses(op: Op) -> bool:
    then, otherwise = _sources(op)
    return any(a is not b for a, b in zip(then, otherwise, strict=True))


def _to_move(block: Block, group: Sequence[Op]) -> list[Op] | None:
    """What has to come after the last one, where the first ones may run there; None where they may not."""
    first, last = block.ops.index(group[0]), block.ops.index(group[-1])
    between = block.ops[first:last]
    made = made_of([v for op in group for v in op.results], between)
    later = [op for op in between if op not in group and any(v in made for one in op.walk() for v in one.operands)]
    if any(v in made for op in group for one in op.walk() for v in one.operands):
        return None
    stay = any(_checks(op) for op in between if op not in group and op not in later)
    overtaken = any(map(_checks, later)) and any(map(_checks, group[1:]))
    return None if stay or overtaken else later


def _checks(op: Op) -> bool:
    return any(has_trait(inner, CHECKS) for inner in op.walk())


def _join(block: Block, group: Sequence[Op], later: Sequence[Op]) -> None:
    """One branch in place of the last one; sizes of arrays are its last results. later: what comes after it."""
    last = group[-1]
    for op in reversed(later):
        block.insert_before(block.ops[block.ops.index(last) + 1], op.detach())
    order = sorted((v.type == t.index, n, k) for n, op in enumerate(group) for k, v in enumerate(op.results))
    results = [group[n].results[k] for _, n, k in order]
    regions = []
    for number in (0, 1):
        sides = [Branch(op).sides[number] for op in group]
        yielded = [sides[n].terminator.operands[k] for _, n, k in order]
        side = Block()
        for part in sides:
            for op in part.ops[:-1]:
                side.append(op.detach())
        side.append(Op("scf.yield", yielded, [], location=last.location))
        regions.append(Region([side]))
    made = Op("scf.if", [Branch(last).condition], [v.type for v in results], {}, regions, last.location)
    block.insert_before(last, made)
    for old, new in zip(results, made.results, strict=True):
        new.name = old.name
        old.replace_by(new)
    for op in group:
        op.erase()
