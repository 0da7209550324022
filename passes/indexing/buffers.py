"""Which memories (`memory_of`) may have something in common."""

from __future__ import annotations

from scancc.ir.core import Value


def may_share(one: Value, other: Value) -> bool:
    """False for two of these: arguments of a function, constants, what is on the stack."""
    return one is other or not (_is_apart(one) and _is_apart(other))


def _is_apart(memory: Value) -> bool:
    """Whether a buffer has nothing in common with others of this kind."""
    if memory.op is not None:
        return memory.op.name in ("memref.alloca", "scan.buffer_constant")
    around = memory.block.parent_op()
    return around is not None and around.name == "func.func"
