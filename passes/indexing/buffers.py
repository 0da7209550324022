"""Which memories (`memory_of`) may have something in common, and which buffers an op writes."""

from __future__ import annotations

from scancc.ir.core import Op, Value
from scancc.ir.ops import WRITES, has_trait, written_by


def may_share(one: Value, other: Value) -> bool:
    """False for two of these: arguments of a function, constants, what is on the stack."""
    return one is other or not (is_apart(one) and is_apart(other))


def all_written_by(op: Op) -> list[Value] | None:
    """The buffers that an op and those inside write; None where one does not say which."""
    found = [written_by(inner) for inner in op.walk() if has_trait(inner, WRITES)]
    return None if None in found else found  # type: ignore[return-value]


def is_apart(memory: Value) -> bool:
    """Whether a buffer has nothing in common with others of this kind."""
    if memory.op is not None:
        return memory.op.name in ("memref.alloca", "scan.buffer_constant")
    around = memory.block.parent_op()
    return around is not None and around.name == "func.func"
