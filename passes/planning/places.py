"""Which buffers share a place: linear scan over their lives (Poletto and Sarkar, 1999), on symbolic sizes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import field

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Block, Op, Value, encloses, within
from scancc.ir.ops import TERMINATOR, has_trait
from scancc.late_dataclasses import dataclass


@dataclass
class Buffer:
    """A temporary: the op that makes it, its life as positions in the function, its bytes."""

    op: Op
    start: int
    end: int
    nbytes: Value


@dataclass
class Place:
    """A part of the workspace, as large as each of `sizes`."""

    sizes: list[Value]
    start: int
    free_from: int = 0
    buffers: list[Buffer] = field(default_factory=list)

    def take(self, buffer: Buffer) -> None:
        self.buffers.append(buffer)
        self.free_from = buffer.end

    def join(self, later: Place) -> None:
        """Have what `later` holds as well, which begins when all here have ended."""
        self.sizes += later.sizes
        self.buffers += later.buffers
        self.free_from = later.free_from


class Lives:
    """When the memory of each value of a function is used: positions in the order in which its ops are written.

    A value that is made in a block, and used there and in blocks inside alone, lives from the first op of that block
    that uses it to the last: in a loop's body, so long in each step. One that is handed on, to what follows the
    block or to the next step, lives in the block around: as long as the whole loop.
    """

    def __init__(self, func: Op) -> None:
        self.func = func
        self.first = {op: i for i, op in enumerate(func.walk())}
        self.last: dict[Op, int] = {}  # the position of the last op inside

    def of(self, made: Value) -> tuple[int, int]:
        """First and last position at which the memory of `made` or an alias of it is used."""
        users = _users(made)
        home = made.block
        while home is not self.func.body and any(_leaves(user, home) for user in users):
            home = _block_around(home)
        tops = {op for user in users if (op := within(user, home)) is not None}
        return min(self.first[op] for op in tops), max(map(self._end, tops))

    def _end(self, op: Op) -> int:
        if op not in self.last:
            self.last[op] = self.first[op] + sum(1 for _ in op.walk()) - 1
        return self.last[op]


def _users(made: Value) -> set[Op]:
    """The op that makes a buffer, and all that use it or an alias of it."""
    assert made.op is not None
    users = {made.op}
    seen: set[Value] = set()
    stack = [made]
    while stack:
        value = stack.pop()
        if value not in seen:
            seen.add(value)
            for user in value.uses:
                users.add(user)
                stack.extend(_aliases(user, value))
    return users


def _aliases(user: Op, value: Value) -> list[Value]:
    """Values through which the memory of `value` is reached after `user`."""
    buffers = [r for r in user.results if isinstance(r.type, t.MemRefType)]
    inner = [a for region in user.regions for block in region.blocks for a in block.args
             if isinstance(a.type, t.MemRefType)]
    if user.name in ("scf.yield", "scf.condition"):
        parent = user.parent_op()
        assert parent is not None
        return _aliases(parent, value)
    return buffers + inner


def _leaves(user: Op, home: Block) -> bool:
    """Whether a use lies outside `home`, or hands on what it uses at the end of it."""
    block = user.parent
    assert block is not None
    return has_trait(user, TERMINATOR) if block is home else not encloses(home, block)


def _block_around(block: Block) -> Block:
    op = block.parent_op()
    assert op is not None and op.parent is not None
    return op.parent


def share(buffers: list[Buffer]) -> list[Place]:
    """Places for all buffers: equal sizes share first, then what is left of different sizes."""
    joined: list[Place] = []
    for place in _of_equal_sizes(buffers):
        free = [other for other in joined if other.free_from < place.start]
        if free:
            max(free, key=lambda other: other.free_from).join(place)
        else:
            joined.append(place)
    return joined


def _of_equal_sizes(buffers: list[Buffer]) -> list[Place]:
    """Each buffer takes the place freed last among those of its size, else a new one."""
    places: dict[Hashable, list[Place]] = {}  # by size
    order: list[Place] = []
    known: dict[Value, Hashable] = {}
    for buffer in sorted(buffers, key=lambda x: x.start):
        alike = places.setdefault(_size_key(buffer.nbytes, known), [])
        free = [s for s in alike if s.free_from < buffer.start]
        if not free:
            free = [Place([buffer.nbytes], buffer.start)]
            alike += free
            order += free
        max(free, key=lambda s: s.free_from).take(buffer)
    return order


def _size_key(size: Value, known: dict[Value, Hashable]) -> Hashable:
    """What equal sizes have in common: the same number, or the same arithmetic on the same values."""
    if size not in known:
        number, op = constant_of(size), size.op
        if number is not None:
            known[size] = number
        elif op is None or not op.operands or not op.name.startswith(("arith.", "scan.can_exist")) or op.attrs:
            known[size] = size
        else:
            known[size] = (op.name, *(_size_key(v, known) for v in op.operands))
    return known[size]
