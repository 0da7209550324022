"""Make a branch of a choice by one condition between arrays that a step moves, writes or exchanges.

    %s = tensor.splat %c                             %r = scf.if %c {
    %q = scan.concat %p[1:], %x                        %q = scan.concat %p[1:], %x
    %r = arith.select %s, %q, %p            ->         scf.yield %q
    scan.yield %r                                    } else { scf.yield %p }
                                                     scan.yield %r

    %r = arith.select %s, %q, %p            ->       %r, %u = scf.if %c { scf.yield %q, %p }
    %u = arith.select %s, %p, %q                     else { scf.yield %p, %q }

    %w = tensor.insert %x, %p[%i]           ->       %r = scf.if %c {
    %r = scf.if %c { scf.yield %w }                    %w = tensor.insert %x, %p[%i]
    else { scf.yield %p }                              scf.yield %w } else { scf.yield %p }

    %r = scf.if %c {                        ->       %r, %u = scf.if %c { .. scf.yield %w, %p }
      .. scf.yield %w } else { scf.yield %p }        else { scf.yield %p, %q }
    %u = scf.if %c { scf.yield %p }
    else { scf.yield %q }

    %r, %u = scf.if %c {                    ->       %a, %b = scf.if %c { scf.yield %q, %p }
      %w = tensor.insert %x, %q[%i]                  else { scf.yield %p, %q }
      scf.yield %w, %p                               %r, %u = scf.if %c {
    } else { scf.yield %p, %q }                        %w = tensor.insert %x, %a[%i]
                                                       scf.yield %w, %b } else { scf.yield %a, %b }

Why: the choice reads and writes all elements in each step, where the side that is taken touches a few, and the other
one none: `bufferize` leaves the state where it is.
Conservative: both sides lead back to states of the scan, or to one array made of a state before, by writes and moves
that nobody else reads, and the result is on the way to a state, or to a further such choice. What may fail has checks
of its own, which stay where they are; those inside a scan or a branch are made by a copy that stays and does nothing
else (`branching/checks_apart.py`), and what they need stays with it, unless that is what is written. An array of at
most 16 elements stays in a loop without branches.
Cost: linear in the step's ops, and for each such choice linear in the ops before it. Runs before `fuse`, which would
make loops of the choices.
Source: Mahlke et al., Reverse if-conversion (PLDI 1993), of a choice alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value, encloses
from scancc.ir.ops import is_removable, operand
from scancc.ir.parts import Branch, ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import unknown_dims

from .branching.bases import INSERTS, base_of, chooses_an_array, leads_back, source_before
from .branching.checks_apart import checks_apart, is_long
from .branching.joined import join_exchanges
from .bufferizing.places import arrays

WRITES = (*INSERTS, "scan.concat")
ONWARD = (*WRITES, "scan.yield", "tensor.extract_slice", "arith.select", "scan.scan")


def reverse_if_conversion(module: Op) -> None:
    """Make branches in all steps, those of inner scans first."""
    for op in reversed(list(module.walk())):
        if op.name == "scan.scan":
            states = {carry.arg for carry in arrays(ScanView(op))}
            if states:
                _convert_all(op.body, states)


def _convert_all(block: Block, states: set[Value]) -> None:
    for circle in _circles([found for op in block.ops if (found := _OneOfTwo.of(op)) is not None]):
        _exchange(circle, states)
    for choice in [op for op in block.ops if op.name == "arith.select"]:
        _convert(choice, states)
    join_exchanges(block)
    for branch in [op for op in block.ops if op.name == "scf.if" and any(map(is_long, op.results))]:
        _sink(branch)
        _exchange_first(branch, states)


# ---- exchanges ----


class _OneOfTwo(NamedTuple):
    """An op that does no more than choose one of two arrays, and in a branch its sizes."""

    op: Op
    condition: Value
    then: Value
    otherwise: Value

    @staticmethod
    def of(op: Op) -> _OneOfTwo | None:
        if op.name == "arith.select":
            condition = _one_condition(op)
            sides = operand(op, "true_value"), operand(op, "false_value")
            return None if condition is None else _OneOfTwo(op, condition, *sides)
        if op.name != "scf.if" or any(len(side.ops) > 1 for side in Branch(op).sides) or not chooses_an_array(op):
            return None
        first, *_ = Branch(op).choices
        return _OneOfTwo(op, Branch(op).condition, first.then, first.otherwise)


def _circles(choices: Sequence[_OneOfTwo]) -> Iterator[list[_OneOfTwo]]:
    """Choices by one condition between the same arrays, in one order or in another."""
    beginning = {(choice.condition, choice.then): choice for choice in choices}
    while beginning:
        first = beginning.pop(next(iter(beginning)))
        circle = [first]
        while (following := beginning.pop((first.condition, circle[-1].otherwise), None)) is not None:
            circle.append(following)
        if len(circle) > 1 and circle[-1].otherwise is first.then:
            yield circle


def _exchange(circle: list[_OneOfTwo], states: set[Value]) -> None:
    """One branch in place of choices that exchange states, or what the step writes into them."""
    block = circle[0].op.parent
    assert block is not None
    first = min((choice.op for choice in circle), key=block.ops.index)
    before, type = block.ops[:block.ops.index(first)], circle[0].then.type
    if not is_long(circle[0].then):
        return
    if any(choice.then.type != type for choice in circle):
        return
    if not all(leads_back(states, choice.then, before) for choice in circle):
        return
    b = Builder(block, first, first.location)
    sides = [[choice.then for choice in circle], [choice.otherwise for choice in circle]]
    yielded = [[*values, *(size for value in values for size in unknown_dims(b, value))] for values in sides]
    made = b.make("scf.if", [circle[0].condition], [v.type for v in yielded[0]], None,
                  [_yielding(values, first) for values in yielded])
    remark("reverse-if-conversion", first, True, "one condition exchanges arrays that the step writes or hands on")
    sizes = (v for v in made.results if v.type == t.index)
    for choice, result in zip(circle, made.results, strict=False):
        own = [next(sizes) for n in type.shape if n is None]  # type: ignore[attr-defined]
        result.name = choice.op.results[0].name
        choice.op.replace_by([result, *own][:len(choice.op.results)])


def _yielding(values: Sequence[Value], like: Op) -> Region:
    block = Block()
    Builder(block, None, like.location).make("scf.yield", values)
    return Region([block])


def _exchange_first(op: Op, states: set[Value]) -> None:
    """Take an exchange of arrays out of a branch whose sides write into them besides."""
    branch = Branch(op)
    choices = [choice for choice in branch.choices if is_long(choice.result)]
    then, otherwise = ([source_before(choice[1 + n], side) for choice in choices]
                       for n, side in enumerate(branch.sides))
    if then == otherwise or set(then) != set(otherwise) or len(set(then)) < max(len(choices), 2):
        return
    if len({v.type for v in (*then, *(choice.result for choice in choices))}) > 1 or all(
            v in (choice.then, choice.otherwise) for v, choice in zip(then, choices, strict=True)):
        return
    block = op.parent
    assert block is not None
    if not all(leads_back(states, v, block.ops[:block.ops.index(op)]) for v in then):
        return
    b = Builder(block, op, op.location)
    yielded = [[*values, *(size for v in values for size in unknown_dims(b, v))] for values in (then, otherwise)]
    made = b.make("scf.if", [branch.condition], [v.type for v in yielded[0]], None,
                  [_yielding(values, op) for values in yielded])
    for side, values in zip(branch.sides, (then, otherwise), strict=True):
        places = dict(zip(values, made.results, strict=False))
        for user in {user for v in values for user in v.uses if user.parent is not None
                     and encloses(side, user.parent)}:
            user.operands = [places.get(v, v) for v in user.operands]
    remark("reverse-if-conversion", op, True, "one condition exchanges arrays, which its branches write into")


# ---- writes before a branch ----


def _sink(op: Op) -> None:
    """Move the writes and moves that one side of a branch alone needs into it."""
    for side in Branch(op).sides:
        for found in _needed_by(side, op):
            side.insert_before(side.ops[0], found.detach())


def _needed_by(side: Block, branch: Op) -> list[Op]:
    """The ops before a branch that write or move long arrays, for one side of it alone; the last one first."""
    block = branch.parent
    assert block is not None
    found: list[Op] = []
    for op in reversed(block.ops[:block.ops.index(branch)]):
        if op.name in WRITES and is_long(op.result) and op.result.uses and is_removable(op) and all(
                user in found or user.parent is not None and encloses(side, user.parent) for user in op.result.uses):
            found.append(op)
    return found


# ---- choices ----


def _convert(choice: Op, states: set[Value]) -> None:
    condition, type = _one_condition(choice), choice.result.type
    assert choice.parent is not None
    if condition is None or not is_long(choice.result):
        return
    if not any(user.name in ONWARD for user in choice.result.uses):
        return
    sides = operand(choice, "true_value"), operand(choice, "false_value")
    alone = [_of_it_alone(choice, side) for side in sides]
    if sides[0] is sides[1] or not _lead_back(choice, states, sides, alone):
        if all(leads_back(states, side, choice.parent.ops) for side in sides):
            remark("reverse-if-conversion", choice, False, "a choice reads all of two arrays: something else reads "
                   "what one of them is on the way to it", "read the array before it is written or moved")
        return
    moved = _leave_checks(choice, states, sides, alone)
    if moved is None:
        remark("reverse-if-conversion", choice, False, "a choice reads all of two arrays: a check in what makes one "
               "of them needs what is written there", "choose by ifelse, which runs one side alone")
        return
    b = Builder(choice.parent, choice, choice.location)
    sizes = unknown_dims(b, next((v for v in sides if v in states), choice.result))
    regions = [_region(choice, *side, sizes) for side in zip(sides, moved, strict=True)]
    made = b.make("scf.if", [condition], [type, *(n.type for n in sizes)], None, regions)
    chosen, *_ = made.results
    chosen.name = choice.result.name
    remark("reverse-if-conversion", choice, True, "one condition chooses between arrays that the step moves or "
           "writes: only the side taken is touched")
    choice.replace_by([chosen])


def _one_condition(choice: Op) -> Value | None:
    """The truth by which all elements are chosen."""
    made = operand(choice, "condition").op
    if not isinstance(choice.result.type, t.TensorType) or made is None or made.name != "tensor.splat":
        return None
    return operand(made, "value")


def _of_it_alone(choice: Op, value: Value) -> list[Op]:
    """The ops before a choice that one side of it alone needs, in order: what makes arrays, and what reads these."""
    assert choice.parent is not None
    ops = choice.parent.ops
    found: set[Op] = set()
    for op in reversed(ops[:ops.index(choice)]):
        users = [(user, v) for v in op.results for user in v.uses]
        once = choice.operands.count(value) == 1
        if users and (op.regions or is_removable(op)) and all(
                user in found or (user is choice and v is value and once) for user, v in users):
            found.add(op)
    kept: dict[Op, None] = {}
    for op in ops:
        if op in found and (any(isinstance(v.type, t.TensorType) for v in op.results)
                            or any(v.op in kept for v in op.operands)):
            kept[op] = None
    return list(kept)


def _leave_checks(choice: Op, states: set[Value], sides: Sequence[Value],
                  alone: Sequence[Sequence[Op]]) -> list[list[Op]] | None:
    """Make the checks of ops that will run in some steps only in all steps, where what they need stays; the ops of
    both sides that do not stay. Or None, and all is as it was."""
    copies: list[Op | None] = []
    staying: set[Op | None] = set()
    for op in reversed([op for ops in alone for op in ops]):
        if op in staying:
            staying.update(v.op for v in op.operands)
        elif not is_removable(op):
            copies.append(copy := checks_apart(op))
            staying.update(() if copy is None else (v.op for v in copy.operands))
    moved = [[op for op in ops if op not in staying] for ops in alone]
    if None not in copies and _lead_back(choice, states, sides, moved):
        return moved
    for copy in copies:
        if copy is not None:
            copy.erase()
    return None


def _lead_back(choice: Op, states: set[Value], sides: Sequence[Value], ops: Sequence[Sequence[Op]]) -> bool:
    """Whether `ops` make both sides of a choice of states, or of one array that was made of a state before."""
    block = choice.parent
    assert block is not None
    first, *others = bases = [base_of(states, *side) for side in zip(sides, ops, strict=True)]
    if first is None or any(base is not first for base in others):
        return all(base in states for base in bases)
    return leads_back(states, first, block.ops[:block.ops.index(choice)])


def _region(choice: Op, value: Value, alone: Sequence[Op], sizes: Sequence[Value]) -> Region:
    """A side of the branch, with what it alone needs."""
    block = Block()
    for op in alone:
        block.append(op.detach())
    Builder(block, None, choice.location).make("scf.yield", [value, *sizes])
    return Region([block])
