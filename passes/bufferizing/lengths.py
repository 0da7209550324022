"""Whether `concat` of a part of an array and others is as long as the array.

    concat(b[1:], [x])    has  n - min(n, 1) + 1  elements: n, where n is 1 or more

A window has room for a known number of elements beyond its own. So the length has to be known before the elements
are written: by what the parts are, or by a check that comes first. A check that comes later (of what a branch made)
would find the elements behind the window overwritten.
"""

from __future__ import annotations

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.equalities import sizes_equal_to
from scancc.ir.linear import Linear, balanced, least, linear
from scancc.ir.ops import operand
from scancc.ir.parts import ScanView, scan_around
from scancc.ir.shapes import dims_of, scratch
from scancc.ir.slices import Entry


def excess(op: Op, source: Value) -> int | None:
    """How many elements more than `source` a `concat` has at most, if it has none more wherever `source` has so many;
    None if that is not known. It has never less: where it has more, a state ends longer than it began, an error."""
    axis = op.attrs["axis"].value
    with scratch() as b:
        length = dims_of(b, source)[axis]
        more = balanced(linear(dims_of(b, op.result)[axis]) - linear(length))
        if more.known == 0 or _is_checked(op, length, more):
            return 0
        bound = least(more * -1)
        if bound is None or least(more) != 0 or _of_long(more, linear(length), -bound).known != 0:
            return None
        return -bound


def _of_long(sum: Linear, length: Linear, most: int) -> Linear:
    """A sum where `length` is at least `most`, which decides minima and maxima."""
    for value, factor in sum.terms.items():
        if value.op is not None and value.op.name in ("arith.minsi", "arith.maxsi"):
            first, second = map(linear, value.op.operands)
            if (second - first - length).known is not None:
                first, second = second, first  # the one with the length
            above = (first - second - length).known
            if above is not None and above >= -most:
                taken = second if value.op.name == "arith.minsi" else first
                sum = sum + (taken - Linear(0, {value: 1})) * factor
    return sum


def _is_checked(op: Op, length: Value, more: Linear) -> bool:
    """Whether a check before `op` says that there are no more."""
    scan = scan_around(op)
    steps = ScanView(scan).length if scan is not None else None
    return any((linear(other) - linear(length) - more).known == 0 for other in sizes_equal_to(length, op, steps))


def usual_length(size: Entry) -> int | None:
    """The length of a slice between indices that are not cut at the ends of its array, where it is one number."""
    return _uncut(size).known


def _uncut(entry: Entry, depth: int = 8) -> Linear:
    """A size as a sum in which no minimum or maximum takes the end of an array, and no index counts from there."""
    sum = linear(entry)
    for value, factor in sum.terms.items():
        other = _inner(value) if depth else None
        if other is not None:
            sum = sum + (_uncut(other, depth - 1) - Linear(0, {value: 1})) * factor
    return sum


def _inner(value: Value) -> Value | None:
    """What a bound is put on."""
    op = value.op
    if op is None or op.name not in ("arith.minsi", "arith.maxsi", "arith.select", "arith.index_cast"):
        return None
    if op.name == "arith.index_cast":
        return op.operands[0]
    if op.name == "arith.select":
        return operand(op, "false_value")
    return next((v for v in op.operands if v.op is not None and v.op.name in ("arith.maxsi", "arith.select")),
                op.operands[0] if constant_of(op.operands[1]) is not None else None)
