"""Say of a scan that its steps may be combined before the state that they begin with is known.

    scan.scan(%n, %x, %zero) {                     scan.scan(%n, %x, %zero) {
      %n = math.fma(%a, %s, %x_t)            ->      %n = math.fma(%a, %s, %x_t)
      scan.yield(%n, %n) }                           scan.yield(%n, %n) } {prefix}

where all states are numbers, and each cycle is of a class that is closed (`slicing/algebra.py`): sums, products,
extremes, bits, affine functions of up to four lags. `parallel-prefix`, which acts on the mark, finds the loop.
Integers wrap around and extremes keep the last of equal numbers in any grouping: always. Sums and products of floats
are rounded otherwise: only where `reassociate` is allowed.
Conservative: integers of 64 bits are not multiplied (AVX2 has no instruction for it); nothing else may happen in the
step than arithmetic; `until` needs one step after the other.
Cost: linear. Runs after `tile` and `lanes`, which make scans, and know which have lanes beside time.
Source: Kogge and Stone, A parallel algorithm for the efficient solution of a general class of recurrence equations
(1973).
"""

from __future__ import annotations

from scancc.ir import types as t
from scancc.ir.core import Op
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark

from .slicing.algebra import ONE, Affine, algebra_of
from .slicing.steps import Cycle, slice_of

CLOSED = ("sum", "product", "max", "min", "and", "or", "xor", "affine", "affine with resets",
          "affine of order 2", "affine of order 3", "affine of order 4")


def time_parallel(module: Op) -> None:
    """Mark the scans of `module` whose cycles are all of closed classes, in whatever grouping their numbers allow."""
    for op in module.walk():
        if op.name == "scan.scan" and "lanes" not in op.attrs and not ScanView(op).until and _holds_numbers(op):
            _visit(op)


def _visit(op: Op) -> None:
    cycles = slice_of(op).cycles
    names = [_class_of(cycle) for cycle in cycles]
    if not cycles or not all(names):
        return
    said = ", ".join(dict.fromkeys(names))
    if any(_multiplies_words(cycle) for cycle in cycles):
        remark("time-parallel", op, False, f"{said}: one step after the other, as integers of 64 bits are multiplied,"
                                           " which vectors do no faster")
        return
    rounded = [cycle for cycle in cycles if _is_rounded(cycle)]
    may = allowed(op).allows("reassociate") and not any(is_exact(inner) for c in cycles for inner in c.ops)
    if rounded and not may:
        remark("time-parallel", op, False, f"{said}: one step after the other, as floats would be rounded otherwise",
               "fast_math='reassociate' allows it")
        return
    op.attrs["prefix"] = t.IntAttr(1, t.i64)
    remark("time-parallel", op, True, f"{said}: steps may be combined before the state is known",
           part="reassociate" if rounded else "")


def _holds_numbers(op: Op) -> bool:
    """Whether the states are numbers, or rows that may be one."""
    numbers = all(not isinstance(v.type, t.TensorType) for v in ScanView(op).init)
    return numbers or "one_lane" in op.attrs


def _class_of(cycle: Cycle) -> str:
    found = algebra_of(cycle.carries, cycle.ops)
    return found.name if found is not None and found.name in CLOSED else ""


def _multiplies_words(cycle: Cycle) -> bool:
    """Whether a step multiplies integers of 64 bits: 1.2 times the time of one step after the other, with AVX2."""
    found, number = algebra_of(cycle.carries, cycle.ops), cycle.carries[0].arg.type
    if not isinstance(number, t.IntType) or number.width < 64 or found is None:
        return False
    return isinstance(found.form, Affine) and list(found.form.factors.values()) != [ONE]


def _is_rounded(cycle: Cycle) -> bool:
    """Whether another grouping gives other numbers."""
    found = algebra_of(cycle.carries, cycle.ops)
    number = t.element(cycle.carries[0].arg.type)
    return isinstance(number, t.FloatType) and found is not None and isinstance(found.form, Affine)
