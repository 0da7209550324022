"""Between which numbers an integer surely lies: what masks, remainders, shifts and wider types say of it."""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.constants import everywhere
from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPI
from scancc.ir.parts import Carry, ScanView

_DEPTH = 8  # ops looked through


class Interval(NamedTuple):
    """Both ends belong to it."""

    least: int
    most: int

    def within(self, other: Interval) -> bool:
        return other.least <= self.least and self.most <= other.most


def interval(value: Value, depth: int = _DEPTH) -> Interval:
    """Where all elements of an integer lie, as signed numbers; of what nothing is known, its type's range."""
    all = _of_type(value.type)
    known = everywhere(value)
    if isinstance(known, t.IntAttr):
        number = (known.value - all.least) % (all.most - all.least + 1) + all.least  # wraps 200 : i8 to -56
        return Interval(number, number)
    if not depth:
        return all
    found = _made(value.op, depth - 1) if value.op is not None else _carried(value, depth - 1)
    return found if found is not None and found.within(all) else all


def _of_type(type: t.Type) -> Interval:
    kind = t.element(type)
    half = 1 << (kind.width if isinstance(kind, t.IntType) else 64) - 1
    return Interval(-half, half - 1)


def _made(op: Op, depth: int) -> Interval | None:
    kinds = {"arith.extui": _zero_extended, "arith.andi": _masked, "arith.remsi": _remainder, "arith.select": _chosen,
             "arith.shrui": _shifted, "arith.addi": _sum, "arith.subi": _sum, "arith.maxsi": _extreme,
             "arith.minsi": _extreme}
    if op.name in ("arith.extsi", "arith.index_cast"):
        return interval(op.operands[0], depth)
    return kinds[op.name](op, depth) if op.name in kinds else None


def _zero_extended(op: Op, depth: int) -> Interval:
    inner = interval(op.operands[0], depth)
    return inner if inner.least >= 0 else Interval(0, 2 * _of_type(op.operands[0].type).most + 1)


def _masked(op: Op, depth: int) -> Interval | None:
    most = [found.most for found in (interval(v, depth) for v in op.operands) if found.least >= 0]
    return Interval(0, min(most)) if most else None


def _shifted(op: Op, depth: int) -> Interval | None:
    by, all = interval(op.operands[1], depth), _of_type(op.result.type)
    return Interval(0, (2 * all.most + 1) >> by.least) if by.least > 0 else None


def _remainder(op: Op, depth: int) -> Interval | None:
    x, divisor = (interval(v, depth) for v in op.operands)
    if divisor.least <= 0:
        return None
    return Interval(max(min(x.least, 0), 1 - divisor.most), min(max(x.most, 0), divisor.most - 1))


def _sum(op: Op, depth: int) -> Interval:
    x, y = (interval(v, depth) for v in op.operands)
    return Interval(x.least + y.least, x.most + y.most) if op.name == "arith.addi" else (
        Interval(x.least - y.most, x.most - y.least))


def _extreme(op: Op, depth: int) -> Interval:
    of_two = max if op.name == "arith.maxsi" else min
    return Interval(*map(of_two, *(interval(v, depth) for v in op.operands)))


def _chosen(op: Op, depth: int) -> Interval:
    """`r + c if r < 0 else r` lies where each side does under its condition."""
    condition, yes, no = op.operands
    sides = [interval(v, depth) for v in (yes, no)]
    tested = negative_if(condition)
    if tested is not None:
        sides = [_negative(yes, sides[0], tested, depth), _not_negative(no, sides[1], tested)]
    return Interval(min(side.least for side in sides), max(side.most for side in sides))


def negative_if(condition: Value) -> Value | None:
    """The x of `x < 0`."""
    op = condition.op
    if op is None or op.name != "arith.cmpi" or CMPI[op.attrs["predicate"].value] != "slt":
        return None
    bound = everywhere(op.operands[1])
    return op.operands[0] if bound is not None and bound.value == 0 else None


def _negative(side: Value, found: Interval, tested: Value, depth: int) -> Interval:
    op = side.op
    if op is None or op.name != "arith.addi" or op.operands[0] is not tested:
        return found
    x, y = interval(tested, depth), interval(op.operands[1], depth)
    return Interval(x.least + y.least, max(x.least, min(x.most, -1)) + y.most)


def _not_negative(side: Value, found: Interval, tested: Value) -> Interval:
    return Interval(max(found.least, 0), max(found.most, 0)) if side is tested else found


def _carried(value: Value, depth: int) -> Interval | None:
    """A state of a scan lies where it begins and where each step puts it."""
    carry = carry_of(value)
    if carry is None:
        return None
    init, new = interval(carry.init, depth), interval(carry.next, depth)
    return Interval(min(init.least, new.least), max(init.most, new.most))


def carry_of(value: Value) -> Carry | None:
    """The state of a scan that `value` is, if only its last value counts."""
    scan = value.block.parent_op()
    if scan is None or scan.name != "scan.scan":
        return None
    return next((carry for carry in ScanView(scan).carries if carry.arg is value and carry.depth == 1), None)
