"""Which ops of a block may be read inside the op that uses them, and which need a line of their own."""

from __future__ import annotations

from ..core import Block, Op, Value
from ..ops import CHECKS, LITERAL, TERMINATOR, has_trait, is_pure, is_removable, lookup
from ..types import index


class Inlining:
    """For the ops of one block: an op may be read where its value is used if that is one place in the block, nobody
    gave the value a name of its own, and, if it reads memory, nothing writes any between the two."""

    def __init__(self, block: Block) -> None:
        self._place = {op: at for at, op in enumerate(block.ops)}
        self._changes = [0]  # how many ops before each place may change memory
        for op in block.ops:
            self._changes.append(self._changes[-1] + (not _keeps_memory(op)))
        self._line: dict[Op, Op] = {}  # on which op's line each is read
        for op in reversed(block.ops):
            user = _only_user(op)
            may = user is not None and user in self._place and not op.regions and self._may_wait(op, user)
            self._line[op] = self._line[user] if user is not None and may else op

    def _may_wait(self, op: Op, user: Op) -> bool:
        if is_pure(op):
            return True
        line = self._line[user]
        return is_removable(op) and self._changes[self._place[op]] == self._changes[self._place[line]]

    def user(self, op: Op) -> Op | None:
        """The op in which `op` may be read."""
        return next(iter(op.result.uses)) if self._line[op] is not op else None


def is_literal(op: Op | None) -> bool:
    """Whether an op is read in every place where it is used: a constant, or made of constants and sizes."""
    return op is not None and LITERAL in lookup(op).traits and all(
        v.type == index or is_literal(v.op) for v in op.operands)


def _keeps_memory(op: Op) -> bool:
    return is_removable(op) or has_trait(op, CHECKS)


def _only_user(op: Op) -> Op | None:
    """The op that uses the one result of `op`, which has no name of its own, once."""
    if len(op.results) != 1 or list(op.result.uses.values()) != [1]:
        return None
    user = next(iter(op.result.uses))
    lost = op.result.name is not None and op.result.name not in _names_around(op, user)
    return user if not lost and (not user.regions or _times_read(op.result, user) <= 1) else None


def _names_around(op: Op, user: Op) -> set[str | None]:
    """The names of what `op` reads, and of what its value is written to or yielded as."""
    loop = user.parent_op() if has_trait(user, TERMINATOR) else None
    given = loop.results if loop is not None else [v for v in user.operands if v is not op.result]
    return {value.name for value in (*op.operands, *given)}


def _times_read(value: Value, user: Op) -> int:
    """How often an op with a body reads its operand, which in a nest stands in place of the argument."""
    return sum(user.body.args[user.operands.index(value)].uses.values()) if is_nest(user) else 1


def is_nest(op: Op) -> bool:
    return "indexing_maps" in op.attrs


def is_all_that_is_yielded(op: Op) -> bool:
    """Whether an op is a nest whose one, unnamed result is the one operand of the end of its block."""
    if not is_nest(op) or len(op.results) != 1 or op.result.name is not None or op.parent is None:
        return False
    last = op.parent.terminator
    return op.result.uses == {last: 1} and last.operands == [op.result]
