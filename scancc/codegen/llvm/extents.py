"""Products of sizes as LLVM IR: in doubles, which are exact up to the limit and cannot wrap beyond it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ...artifact import MOST_ELEMENTS

Emit = Callable[[str], str]  # prints `%new = text`, gives the new name


def can_exist(emit: Emit, sizes: Sequence[str], factors: dict[str, str] | None = None) -> str:
    """An i1: whether an array may have these sizes (`artifact.can_exist`): none is negative, all are not too many.

    The conversion is the signed one, since AVX2 has no instruction for the other. `factors`: sizes that are converted
    already, to which this adds.
    """
    factors = {} if factors is None else factors
    known = math.prod(int(size) or 1 for size in sizes if size.isdigit())
    varying = [size for size in sizes if not size.isdigit()]
    if not varying or known > MOST_ELEMENTS:
        return "true" if known <= MOST_ELEMENTS else "false"
    product, signs = f"{float(known)!r}", varying[0]
    for number, size in enumerate(varying):
        if size not in factors:
            factors[size] = emit(f"sitofp i64 {_one_for_none(emit, size)} to double")
        factor = factors[size]
        product = factor if product == "1.0" else emit(f"fmul double {product}, {factor}")
        signs = emit(f"or i64 {signs}, {size}") if number else signs
    return emit(f"and i1 {emit(f'icmp sge i64 {signs}, 0')}, {at_most(emit, product)}")


def _one_for_none(emit: Emit, size: str) -> str:
    return emit(f"select i1 {emit(f'icmp eq i64 {size}, 0')}, i64 1, i64 {size}")


def as_double(emit: Emit, size: str) -> str:
    """Of a size, or of a negative number a large one."""
    return emit(f"uitofp i64 {size} to double")


def at_most(emit: Emit, extent: str) -> str:
    """An i1: whether a double is within the limit."""
    return emit(f"fcmp ole double {extent}, {float(MOST_ELEMENTS)!r}")
