"""Which op may write its result over an operand.

It must be the last to read the operand's memory, and read no element of it after having written there. The second
half is a rule for each op that can do it, in the table `WRITES_OVER`.
"""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Nest

from .aliases import last_reader, shares_memory


def may_overwrite(op: Op, value: Value) -> bool:
    """Whether `op` may write its result where `value` is."""
    rule = WRITES_OVER.get(op.name)
    return rule is not None and last_reader(op, value) and rule(op, value)


def _nest(op: Op, value: Value) -> bool:
    """A loop nest that reads `value` at the position it writes only, which only a result of every loop has."""
    nest = Nest(op)
    inside = [v for inner in op.walk() if inner is not op for v in inner.operands]
    elsewhere = any(read.value is value and read.dims != nest.identity for read in nest.reads)
    return not elsewhere and not _share(value, [*inside, *(v for v in op.operands if v is not value)])


def _update(op: Op, value: Value) -> bool:
    """A write into `value` that reads nothing else of it."""
    dest = operand(op, "dest")
    others = list(op.operands)
    others.remove(dest)
    return dest is value and not _share(value, others)


def _share(value: Value, others: list[Value]) -> bool:
    return any(shares_memory(v, value) for v in others)


WRITES_OVER: dict[str, Callable[[Op, Value], bool]] = {
    "linalg.generic": _nest, "tensor.insert_slice": _update, "tensor.insert": _update, "scan.scatter": _update,
}
