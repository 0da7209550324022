"""Make a branch of a choice by one condition between arrays that a step moves, writes or exchanges.

    %s = tensor.splat %c                             %r = scf.if %c {
    %q = scan.concat %p[1:], %x                        %q = scan.concat %p[1:], %x
    %r = arith.select %s, %q, %p            ->         scf.yield %q
    scan.yield %r                                    } else { scf.yield %p }
                                                     scan.yield %r

Why: the choice reads and writes all elements in each step, where the side that is taken touches a few, and the other
one none: `bufferize` leaves the state where it is.
Conservative: both sides lead back to states of the scan by writes and moves that nobody else reads, and the result is
on the way to a state, or to a further such choice. What may fail has checks of its own, which stay where they are. An
array of at most 16 elements stays in a loop without branches.
Cost: linear in the step's ops, and for each such choice linear in the ops before it. Runs before `fuse`, which would
make loops of the choices.
Source: Mahlke et al., Reverse if-conversion (PLDI 1993), of a choice alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Block, Op, Region, Value
from scancc.ir.ops import is_removable, operand
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark
from scancc.ir.shapes import dims_of, dynamic_dims

from .bufferizing.chains import kept_part
from .bufferizing.places import arrays

SMALL = 16
ONWARD = ("scan.yield", "tensor.insert", "tensor.insert_slice", "tensor.extract_slice", "scan.scatter", "scan.concat",
          "arith.select", "scan.scan")


def reverse_if_conversion(module: Op) -> None:
    """Make branches in all steps, those of inner scans first."""
    for op in reversed(list(module.walk())):
        if op.name == "scan.scan":
            states = {carry.arg for carry in arrays(ScanView(op))}
            for choice in [inner for inner in op.body.ops if inner.name == "arith.select"] if states else ():
                _convert(choice, states)


def _convert(choice: Op, states: set[Value]) -> None:
    condition, type = _one_condition(choice), choice.result.type
    assert choice.parent is not None
    if condition is None or not isinstance(type, t.TensorType) or _is_small(type):
        return
    if not any(user.name in ONWARD for user in choice.result.uses):
        return
    sides = operand(choice, "true_value"), operand(choice, "false_value")
    alone = [_of_it_alone(choice, side) for side in sides]
    if sides[0] is sides[1] or not all(map(partial(_leads_back, states), sides, alone)):
        if all(_leads_back(states, side, choice.parent.ops) for side in sides):
            remark("reverse-if-conversion", choice, False, "a choice reads all of two arrays: something else reads "
                   "what one of them is on the way to it", "read the array before it is written or moved")
        return
    b = Builder(choice.parent, choice, choice.location)
    sizes = _sizes(b, next((v for v in sides if v in states), choice.result))
    regions = [_region(choice, *side, sizes) for side in zip(sides, alone, strict=True)]
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


def _is_small(type: t.TensorType) -> bool:
    known = [n for n in type.shape if n is not None]
    return len(known) == len(type.shape) and prod(known) <= SMALL


def _sizes(b: Builder, value: Value) -> list[Value]:
    """The sizes that the type of `value` does not have."""
    assert isinstance(value.type, t.TensorType)
    return dynamic_dims(value.type, dims_of(b, value)) if None in value.type.shape else []


def _of_it_alone(choice: Op, value: Value) -> list[Op]:
    """The ops before a choice that one side of it alone needs, in order: what makes arrays, and what reads these."""
    assert choice.parent is not None
    ops = choice.parent.ops
    found: set[Op] = set()
    for op in reversed(ops[:ops.index(choice)]):
        users = [(user, v) for v in op.results for user in v.uses]
        once = choice.operands.count(value) == 1
        if users and is_removable(op) and all(
                user in found or (user is choice and v is value and once) for user, v in users):
            found.add(op)
    kept: dict[Op, None] = {}
    for op in ops:
        if op in found and (any(isinstance(v.type, t.TensorType) for v in op.results)
                            or any(v.op in kept for v in op.operands)):
            kept[op] = None
    return list(kept)


def _leads_back(states: set[Value], value: Value, alone: Sequence[Op]) -> bool:
    """Whether a side is a state, or comes from one by writes and moves that nobody else reads."""
    while value not in states:
        op = value.op
        if op is None or op not in alone:
            return False
        if op.name == "scf.if":
            return _chooses_an_array(op)
        source = _source(op)
        if source is None:
            return False
        value = source
    return True


def _source(op: Op) -> Value | None:
    """The array that a write or a move changes; what it keeps of it is its own."""
    if op.name in ("tensor.insert", "tensor.insert_slice", "scan.scatter"):
        return operand(op, "dest")
    kept = kept_part(op) if op.name == "scan.concat" else None
    return None if kept is None else operand(kept, "source")


def _chooses_an_array(op: Op) -> bool:
    """Whether a branch chooses one array, as those made here."""
    return sum(isinstance(v.type, t.TensorType) for v in op.results) == 1


def _region(choice: Op, value: Value, alone: Sequence[Op], sizes: Sequence[Value]) -> Region:
    """A side of the branch, with what it alone needs."""
    block = Block()
    for op in alone:
        block.append(op.detach())
    Builder(block, None, choice.location).make("scf.yield", [value, *sizes])
    return Region([block])
