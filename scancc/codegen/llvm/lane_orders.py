"""Which vectors of complex numbers have their lanes in an order of their own, in which taking parts apart is cheap.

Parts take turns in memory. Even and odd lanes of two registers are one instruction each where it goes along 16 bytes
(`vunpcklpd`), two where lanes should stand as in memory (Zen 4, AVX2: a bank of filters 150 -> 94 us; AVX-512: 83 ->
71). What one vector of a block has in lane 1 any other may have there, too, if all are read and written so.
"""

from __future__ import annotations

from ...ir import types as t
from ...ir.core import Block, Op, Value
from ...ir.ops import ELEMENTWISE, has_trait

ACCESSES = ("vector.load", "vector.store")
ACROSS = 16  # bytes within which an instruction takes lanes of two registers in turn


def in_any_order(block: Block) -> frozenset[Value]:
    """The vectors of a block that come of complex numbers in memory, or of one number, and go there alone."""
    groups: dict[Value, set[Value]] = {}
    fixed: set[Value] = set()
    for op in block.ops:
        vectors = [v for v in (*op.operands, *op.results) if _has_order(v)]
        if has_trait(op, ELEMENTWISE) or op.name in ACCESSES and all(t.is_complex(v.type) for v in vectors):
            _join(groups, vectors)
        else:
            fixed.update(vectors)
        fixed.update(v for v in vectors if not _is_inside(v, block))
    return frozenset(v for v, group in groups.items() if group.isdisjoint(fixed) and _are_alike(group))


def _has_order(value: Value) -> bool:
    return isinstance(value.type, t.VectorType) and (value.op is None or value.op.name != "vector.broadcast")


def _join(groups: dict[Value, set[Value]], vectors: list[Value]) -> None:
    whole = set(vectors).union(*(groups.get(v, ()) for v in vectors))
    groups.update(dict.fromkeys(whole, whole))


def _is_inside(value: Value, block: Block) -> bool:
    return value.op is not None and value.op.parent is block and all(user.parent is block for user in value.uses)


def _are_alike(group: set[Value]) -> bool:
    """Whether all have as many lanes, and all complex numbers parts of one type."""
    lanes = {v.type.shape for v in group}  # type: ignore[attr-defined]
    return len(lanes) == 1 and len({t.part(v.type) for v in group if t.is_complex(v.type)}) == 1


def order_of(op: Op, value: Value, known: dict[Block, frozenset[Value]], register_nbytes: int) -> list[int]:
    """Which of the numbers that an op reads or writes stands in each lane of `value`."""
    assert op.parent is not None and isinstance(value.type, t.VectorType)
    (n,), nbytes = value.type.shape, t.nbytes(t.part(value.type))
    few, half = ACROSS // nbytes // 2, min(register_nbytes // nbytes, n) // 2
    if op.parent not in known:
        known[op.parent] = in_any_order(op.parent)
    if value not in known[op.parent] or half < few or n % (2 * half):
        return list(range(n))
    return [first + side + lane + number for first in range(0, n, 2 * half) for lane in range(0, half, few)
            for side in (0, half) for number in range(few)]
