"""What loops and branches ask of what goes through them."""

from __future__ import annotations

from ..core import Block, Op, Value
from ..parts import Loop
from ..types import IntAttr, Type, index


def _types(values: list[Value]) -> list[Type]:
    return [v.type for v in values]


def check_for(op: Op) -> str | None:
    loop = Loop(op)
    n_carried = len(loop.init)
    if len(op.body.args) != 1 + n_carried or len(op.results) != n_carried:
        return "the body must have a counter and one argument for each carried value"
    if loop.counter.type != index:
        return "the counter must be an index"
    if len(loop.next) != n_carried:
        return "the body must yield each carried value"
    if not all(value.type == arg.type == final.type == new.type for value, arg, new, final in loop.carries):
        return "a carried value must keep its type"
    return _check_step(loop.step)


def _check_step(step: Value) -> str | None:
    made = step.op
    if made is None or made.name != "arith.constant" or not isinstance(made.attrs.get("value"), IntAttr):
        return None
    return None if made.attrs["value"].value > 0 else "a step that is constant must be positive"


def _blocks(op: Op) -> list[Block]:
    return [region.blocks[0] for region in op.regions]


def check_while(op: Op) -> str | None:
    before, after = _blocks(op)
    start, values = _types(op.operands), _types(before.terminator.operands[1:])
    if _types(before.args) != start:
        return "the first region's arguments must have the types of the operands"
    if _types(after.args) != values or _types(op.results) != values:
        return "the second region's arguments and the results must have the types of scf.condition's values"
    return None if _types(after.terminator.operands) == start else "the second region must yield the operands' types"


def check_if(op: Op) -> str | None:
    types = _types(op.results)
    if any(block.args for block in _blocks(op)):
        return "its regions have no arguments"
    if any(_types(block.terminator.operands) != types for block in _blocks(op)):
        return "both regions must yield the types of the results"
    return None
