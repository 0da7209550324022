"""Which checks say that a read of one element is within its array: others before it guard something else."""

from __future__ import annotations

from collections.abc import Iterator

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.equalities import check_of, compares
from scancc.ir.linear import linear
from scancc.ir.ops import group, operand
from scancc.ir.parts import ScanView
from scancc.ir.shapes import dims_of, scratch


def guards(read: Op) -> list[Op] | None:
    """The checks of the indices of a `tensor.extract`; None if an index has none."""
    source, found = operand(read, "source"), []
    with scratch() as b:
        sizes = dims_of(b, source)
        for index, size in zip(group(read, "indices"), sizes, strict=True):
            known, length = constant_of(index), constant_of(size)
            if known is not None and length is not None and 0 <= known < length:
                continue
            check = _guard(read, index, size)
            if check is None:
                return None
            found.append(check)
    return found


def _guard(read: Op, index: Value, size: Value) -> Op | None:
    """The check that an index is below a size."""
    steps = _lengths(read)
    checks = (check_of(compare, read, steps) for compare in _comparisons(index, size))
    return next((check for check in checks if check is not None), None)


def _comparisons(index: Value, size: Value) -> Iterator[Op]:
    """Those that hold only if an index is below a size: `index < size` as natural numbers, or `size > 3` for 3."""
    known = constant_of(index)
    if known is None:
        yield from (op for op in index.uses if compares(op, "ult") and op.operands[0] is index
                    and (linear(op.operands[1]) - linear(size)).known == 0)
    elif known >= 0:
        for op in size.uses:
            bound = constant_of(op.operands[1]) if compares(op, "sgt") and op.operands[0] is size else None
            if bound is not None and bound >= known:
                yield op


def _lengths(op: Op) -> list[Value]:
    """The lengths of the scans around an op."""
    above, found = op.parent_op(), []
    while above is not None:
        if above.name == "scan.scan":
            found.append(ScanView(above).length)
        above = above.parent_op()
    return found
