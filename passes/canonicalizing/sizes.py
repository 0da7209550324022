"""Rules for sizes: those known to be in order (`min(n, n + 1)` is n, `n + 2 >= n` holds), sums that are numbers, and
one form of what is left behind the first few."""

from __future__ import annotations

from itertools import permutations

from scancc.ir import types as t
from scancc.ir.builder import Builder, constant_of
from scancc.ir.constants import made_by
from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPI
from scancc.ir.linear import Linear, least, linear

from .rules import Outcome, rule


def _never_below(difference: Linear, number: int) -> bool:
    """Whether a difference is known to be `number` at least."""
    found = least(difference)
    return found is not None and found >= number


@rule("arith.minsi", "arith.maxsi")
def known_order(op: Op, b: Builder) -> Outcome:
    x, y = op.operands
    if x.type != t.index:
        return None
    difference = linear(x) - linear(y)
    if _never_below(difference, 0):
        return y if op.name == "arith.minsi" else x
    if _never_below(difference * -1, 0):
        return x if op.name == "arith.minsi" else y
    return None


@rule("arith.cmpi")
def known_comparison(op: Op, b: Builder) -> Outcome:
    x, y = op.operands
    name = CMPI[op.attrs["predicate"].value]
    if x.type != t.index or name not in ("sge", "sgt", "sle", "slt"):
        return None
    more, less = (x, y) if name[1] == "g" else (y, x)
    distance = int(name[2] == "t")  # more - less has to be so much
    difference = linear(more) - linear(less)
    if _never_below(difference, distance):
        return b.const(True, t.i1)
    if _never_below(difference * -1, 1 - distance):
        return b.const(False, t.i1)
    return None


@rule("arith.addi", "arith.subi")
def known_sum(op: Op, b: Builder) -> Outcome:
    """n - 1 - (n - 1) is 0."""
    known = linear(op.result).known if op.result.type == t.index else None
    return None if known is None else b.index(known)


@rule("arith.subi")
def what_is_left(op: Op, b: Builder) -> Outcome:
    """n - min(n, k) is max(n - k, 0), as a scan of taps counts its steps: one form, which `cse` makes one value."""
    n, taken = op.operands
    first = made_by(taken, "arith.minsi")
    if n.type != t.index or first is None or n not in first.operands:
        return None
    k = first.operands[1 - first.operands.index(n)]
    return b.maxsi(b.subi(n, k), b.index(0)) if all(_never_below(linear(v), 0) for v in (n, k)) else None


@rule("arith.addi")
def first_and_left(op: Op, b: Builder) -> Outcome:
    return parted(op) if op.result.type == t.index else None


def parted(sum: Op) -> Value | None:
    """The n of min(n, k) + max(n - k, 0), as `concatenate([zeros_like(h[:k]), h[:-k]])` counts its rows."""
    for first, rest in permutations(sum.operands):
        few, left = made_by(first, "arith.minsi"), made_by(rest, "arith.maxsi")
        less = None if left is None or constant_of(left.operands[1]) != 0 else made_by(left.operands[0], "arith.subi")
        if few is None or less is None:
            continue
        n, k = (linear(v) for v in less.operands)
        if {linear(v) for v in few.operands} == {n, k} and _never_below(n, 0) and _never_below(k, 0):
            return less.operands[0]
    return None


@rule("arith.maxsi")
def what_is_left_between(op: Op, b: Builder) -> Outcome:
    """max(max(n - j, 0) - min(n, k), 0) is max(n - (j + k), 0), as `h[k:-j]` counts its rows."""
    left, nothing = op.operands
    less = made_by(left, "arith.subi")
    if op.result.type != t.index or less is None or constant_of(nothing) != 0:
        return None
    rest, first = (made_by(v, name) for v, name in zip(less.operands, ("arith.maxsi", "arith.minsi"), strict=True))
    fewer = None if rest is None or constant_of(rest.operands[1]) != 0 else made_by(rest.operands[0], "arith.subi")
    if fewer is None or first is None or fewer.operands[0] not in first.operands:
        return None
    n, j = fewer.operands
    k = first.operands[1 - first.operands.index(n)]
    known = all(_never_below(linear(v), 0) for v in (n, j, k))
    return b.maxsi(b.subi(n, b.addi(j, k)), nothing) if known else None
