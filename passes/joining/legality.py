"""What must move behind two nests that are joined where the second stands, and whether it may."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from scancc.ir.core import Op, Value
from scancc.ir.ops import VIEW, has_trait, is_pure, memory_of
from scancc.ir.parts import Nest
from scancc.ir.types import TensorType

from ..slicing.steps import used
from .matching import Match

HARMLESS = ("tensor.empty", "tensor.splat", "tensor.dim", "tensor.extract", "scan.check")


def moved_behind(match: Match, between: Sequence[Op]) -> list[Op] | None:
    """The ops between that need the first nest; None where the second needs them, or something had to be copied.

    A later reader of a state that the joint nest could write over, and a writer of what the first nest reads, would
    each find the other's elements.
    """
    needy: dict[Op, None] = {}
    late = set(match.first.op.results)
    first, both = _memory(used(match.first.op)), _memory((*used(match.first.op), *used(match.second.op)))
    for op in between:
        if op.regions and op.name != "linalg.generic":
            return None
        reads = list(used(op))
        if not late.isdisjoint(reads):
            if not is_pure(op) or _states(both) & _memory(reads):
                return None
            needy[op] = None
            late.update(op.results)
        elif _memory(_written_over(op)) & (_states(first) if op.name == "linalg.generic" else first):
            return None
    return None if any(v.op in needy for v in used(match.second.op)) else list(needy)


def _written_over(op: Op) -> Iterable[Value]:
    """What an op reads and may write its result over: of a nest, arrays of which each round reads what it writes."""
    if op.name == "linalg.generic":
        nest = Nest(op)
        return [read.value for read in nest.reads if read.dims == nest.identity]
    return () if op.name in HARMLESS or has_trait(op, VIEW) else used(op)


def _memory(values: Iterable[Value]) -> set[Value]:
    """The arrays that `values` are, or are views of."""
    return {memory_of(v) for v in values if isinstance(v.type, TensorType)}


def _states(arrays: set[Value]) -> set[Value]:
    """Those that a step or branch begins with: only over these does a nest write, and never over what a function
    is given."""
    return {v for v in arrays if v.op is None and not _is_given(v)}


def _is_given(array: Value) -> bool:
    above = array.block.parent_op()
    return above is not None and above.name == "func.func"
