"""Which buffers share a place: linear scan over their lives (Poletto and Sarkar, 1999), on symbolic sizes."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value


@dataclass
class Buffer:
    """A temporary: the op that makes it, its life as positions in the function's block, its bytes."""

    op: Op
    start: int
    end: int
    nbytes: Value


@dataclass
class Place:
    """A part of the workspace."""

    nbytes: Value
    free_from: int = 0
    buffers: list[Buffer] = field(default_factory=list)

    def take(self, buffer: Buffer) -> None:
        self.buffers.append(buffer)
        self.free_from = buffer.end


def life_of(op: Op, func: Op, position: dict[Op, int]) -> tuple[int, int]:
    """First and last position in the function's block at which a buffer or an alias of it is used."""
    places = {position[_top(op, func)]}
    seen: set[Value] = set()
    stack = [op.result]
    while stack:
        value = stack.pop()
        if value in seen:
            continue
        seen.add(value)
        for user in value.uses:
            places.add(position[_top(user, func)])
            stack.extend(_aliases(user, value))
    return min(places), max(places)


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


def _top(op: Op, func: Op) -> Op:
    """The op of the function's own block that holds `op`."""
    while op.parent is not func.body:
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op


def share(buffers: list[Buffer]) -> list[Place]:
    """Places for all buffers: each takes the one freed last among those of its size, else a new one."""
    places: dict[Hashable, list[Place]] = {}  # by size
    order: list[Place] = []
    known: dict[Value, Hashable] = {}
    for buffer in sorted(buffers, key=lambda x: x.start):
        alike = places.setdefault(_size_key(buffer.nbytes, known), [])
        free = [s for s in alike if s.free_from < buffer.start]
        if not free:
            free = [Place(buffer.nbytes)]
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
