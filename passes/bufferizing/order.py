"""What runs after what in a function, and which reads of an array come after a write over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scancc.ir.core import Op, Region, Value

from .aliases import exchanged, handed_on, is_view, origins


class Use(NamedTuple):
    """An op that reads an array, under the name `value`; the slice by which that name came to be, if one did."""

    op: Op
    value: Value
    slice: Op | None


class Order:
    """The ops of a function in the order in which they stand."""

    def __init__(self, func: Op) -> None:
        self.number = {op: number for number, op in enumerate(func.walk())}

    def is_after(self, op: Op, write: Op) -> bool:
        """Whether `op` runs after `write`, in one round of the loops around both; sides of a branch exclude each
        other."""
        return self.number[op] > self.number[write] and not _exclude(op, write)

    def uses(self, value: Value, write: Op) -> list[Use]:
        """All uses of the memory of `value` that know it as it is before `write`.

        What a branch around `write` hands on is another matter: that is read after it, and made on the way.
        """
        slices: dict[Value, Op | None] = dict.fromkeys(origins(value))
        own = set(slices)
        pending, found = list(slices), []
        while pending:
            name = pending.pop()
            found += [Use(user, name, slices[name]) for user in name.uses if _reads(user)]
            for op, made in handed_on(name):
                if made not in slices and not is_inside(write, op) and not _is_another(op, own):
                    taken = op.name == "tensor.extract_slice" and not self.is_after(op, write)
                    slices[made] = op if taken else slices[name]
                    pending.append(made)
        return [use._replace(slice=slices[use.value]) for use in found]

    def late(self, value: Value, write: Op) -> list[Use]:
        """Uses of `value` as it is before `write` that come after it."""
        return [use for use in self.uses(value, write)
                if self.is_after(use.op, write) and not is_inside(use.op, write)]


def _is_another(op: Op, own: set[Value]) -> bool:
    """Whether a branch that exchanges arrays has made one of `own`, and so no other result where that is."""
    return op.name == "scf.if" and not own.isdisjoint(op.results) and bool(exchanged(op))


def _reads(user: Op) -> bool:
    """Views read nothing themselves, and a size is not in memory."""
    return user.name != "tensor.dim" and not is_view(user)


def is_inside(op: Op, outer: Op) -> bool:
    """Whether `op` is `outer` or in one of its regions."""
    current: Op | None = op
    while current is not None and current is not outer:
        current = current.parent_op()
    return current is outer


def _exclude(op: Op, other: Op) -> bool:
    """Whether both are in different sides of one branch."""
    sides = dict(_regions(other))
    return any(parent in sides and sides[parent] is not region and parent.name == "scf.if"
               for parent, region in _regions(op))


def _regions(op: Op) -> Iterator[tuple[Op, Region]]:
    """The regions around an op, and whose they are."""
    block = op.parent
    while block is not None and block.parent is not None and block.parent.parent is not None:
        yield block.parent.parent, block.parent
        block = block.parent.parent.parent
