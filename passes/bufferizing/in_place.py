"""Whether an op may write its result over an operand.

Nothing that reads the operand's memory as it was may come after the op, and the op itself may read no element of it
after having written there. A reader by a slice that was taken before is no obstacle to a write of a part: the slice
is saved, a copy of what is read alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scancc.ir.core import Op, Value
from scancc.ir.ops import operand
from scancc.ir.parts import Nest, ScanView
from scancc.ir.slices import entries, kept_axes

from .aliases import shares_memory
from .chains import kept_part
from .order import Order, Use, is_inside

Saved = dict[Op, None]  # slices to be copied where they are taken


def obstacle(order: Order, op: Op, value: Value, saved: Saved) -> Use | None:
    """The use that keeps `op` from writing where `value` is; else None, and `saved` gains the slices to copy."""
    rule = WRITES_OVER.get(op.name)
    if rule is None:
        return Use(op, value, None)
    late = order.late(value, op)
    during = [use for use in order.uses(value, op) if is_inside(use.op, op)]
    uses = [*late, *rule(op, value, during)]
    if op.name == "linalg.generic" and uses:
        return uses[0]  # all is read and written: another buffer costs no more than a slice
    for use in uses:
        if use.slice is None:
            return use
        saved[use.slice] = None
    return None


def may_overwrite(order: Order, op: Op, value: Value) -> bool:
    """Whether `op` may write its result where `value` is, with nothing saved."""
    saved: Saved = {}
    return value.block is op.parent and obstacle(order, op, value, saved) is None and not saved


def makes_anew(order: Order, op: Op, value: Value) -> bool:
    """Whether `op` makes all of its result without reading `value`, which nobody reads later."""
    reads = [v for inner in op.walk() for v in inner.operands]
    return op.name in ANEW and not _share(value, reads) and not order.late(value, op)


ANEW = ("linalg.generic", "scan.concat", "tensor.from_elements")


def _nest(op: Op, value: Value, during: list[Use]) -> Iterable[Use]:
    """A loop nest reads `value` at the position it writes only, which only a result of every round has."""
    nest = Nest(op)
    inside = [v for inner in op.walk() if inner is not op for v in inner.operands]
    others = [v for v in op.operands if v is not value]
    elsewhere = any(read.value is value and read.dims != nest.identity for read in nest.reads)
    return [Use(op, value, None)] if elsewhere or _share(value, [*inside, *others]) else ()


def _update(op: Op, value: Value, during: list[Use]) -> Iterable[Use]:
    """A write into `value` that reads nothing else of it."""
    if operand(op, "dest") is not value or op.operands.count(value) > 1:
        return [Use(op, value, None)]
    return [use for use in during if use.value is not value and not (use.op is op and is_move(op))]


def is_move(op: Op) -> bool:
    """Whether a step writes neighbouring elements of an array over others of it, which a move does as it stands."""
    if op.name != "tensor.insert_slice" or (above := op.parent_op()) is None or above.name == "func.func":
        return False
    part, dest = operand(op, "source").op, operand(op, "dest")
    if part is None or part.name != "tensor.extract_slice" or operand(part, "source") is not dest:
        return False
    return all(entries(one, "strides") == [1] and kept_axes(one) == [0] for one in (op, part))


def _branch(op: Op, value: Value, during: list[Use]) -> Iterable[Use]:
    """What its sides read is ordered in the sides."""
    return ()


def _scan(op: Op, value: Value, during: list[Use]) -> Iterable[Use]:
    """The scan begins with `value`, and reads it nowhere else."""
    begins = op.operands.count(value) == ScanView(op).init.count(value) == 1
    return [use for use in during if not (begins and use.op is op and use.value is value)]


def _shift(op: Op, value: Value, during: list[Use]) -> Iterable[Use]:
    """The slice that stays is not read; others are."""
    kept = kept_part(op)
    return [use for use in during if kept is None or use.value is not kept.result]


def _share(value: Value, others: list[Value]) -> bool:
    return any(shares_memory(v, value) for v in others)


UPDATES = ("tensor.insert_slice", "tensor.insert", "scan.scatter", "scan.add_block")
WRITES_OVER: dict[str, Callable[[Op, Value, list[Use]], Iterable[Use]]] = {
    **dict.fromkeys(UPDATES, _update), "linalg.generic": _nest, "scf.if": _branch, "scan.scan": _scan,
    "scan.concat": _shift,
}
