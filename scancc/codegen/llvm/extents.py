"""Products of sizes as LLVM IR: in doubles, which are exact up to the limit and cannot wrap beyond it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...artifact import MOST_ELEMENTS

Emit = Callable[[str], str]  # prints `%new = text`, gives the new name


def can_exist(emit: Emit, sizes: Sequence[str]) -> str:
    """An i1: whether an array may have these sizes (`artifact.can_exist`). A negative one reads as a large one."""
    product = "1.0"
    for size in sizes:
        factor = as_double(emit, emit(f"select i1 {emit(f'icmp eq i64 {size}, 0')}, i64 1, i64 {size}"))
        product = factor if product == "1.0" else emit(f"fmul double {product}, {factor}")
    return at_most(emit, product)


def as_double(emit: Emit, size: str) -> str:
    return emit(f"uitofp i64 {size} to double")


def at_most(emit: Emit, extent: str) -> str:
    """An i1: whether a double is within the limit."""
    return emit(f"fcmp ole double {extent}, {float(MOST_ELEMENTS)!r}")
