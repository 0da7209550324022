"""Say of a scan that its steps may be combined before the state that they begin with is known.

    scan.scan(%n, %x, %zero) {                     scan.scan(%n, %x, %zero) {
      %n = math.fma(%a, %s, %x_t)            ->      %n = math.fma(%a, %s, %x_t)
      scan.yield(%n, %n) }                           scan.yield(%n, %n) } {prefix}

where all states are numbers, and each cycle is of a class that is closed (`slicing/algebra.py`): sums, products,
extremes, bits, affine functions of up to four lags or of up to three states in each other, sums and multiples between
bounds, quotients of two sums (continued fractions, the variance of a filter), extremes that a step chooses, with what
it keeps of where they were.
`parallel-prefix`, which acts on the mark, finds the loop. Integers wrap around, extremes keep the last of equal
numbers, and choices that keep a state or put a value in its place move bits, in any grouping: always. Sums and
products of floats are rounded otherwise: where `reassociate` is allowed.
Conservative: states in each other, and lags, have factors that no step changes, or are two of 32 bits (four states
would gain a sixth, for four times the compile time); nothing else may happen in the step than arithmetic; `until`
needs one step after the other.
Cost: linear. Runs after `tile` and `lanes`, which make scans, and know which have lanes beside time.
Source: Kogge and Stone, A parallel algorithm for the efficient solution of a general class of recurrence equations
(1973).
"""

from __future__ import annotations

from collections.abc import Sequence

from scancc.ir import types as t
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.fast_math import allowed, is_exact
from scancc.ir.ops import is_pure
from scancc.ir.parts import ScanView
from scancc.ir.remarks import remark

from .slicing.algebra import algebra_of
from .slicing.extremes import Extreme, exchanged
from .slicing.forms import Affine, Clamped
from .slicing.quotients import Moebius
from .slicing.series import is_of_series
from .slicing.steps import Cycle, slice_of
from .slicing.terms import ONE, ZERO, Expr, Term

MOST_MIXED = 2  # states whose factors change, of 32 bits: of 64 steps would take as long (2.5 ns)
CLOSED = ("sum", "product", "max", "min", "and", "or", "xor", "replacement", "affine", "affine with resets",
          "affine of order 2", "affine of order 3", "affine of order 4", "clamp", "max-plus", "min-plus", "moebius",
          "extreme", "affine in 2 states", "affine in 3 states", "affine with bounds", "max with resets",
          "min with resets", "and with resets", "or with resets", "xor with resets")
MANY = "affine steps are combined of at most 3 states, or of order 4 at most"


def time_parallel(module: Op) -> None:
    """Mark the scans of `module` whose cycles are all of closed classes, in whatever grouping their numbers allow."""
    for op in module.walk():
        if op.name == "scan.scan" and "lanes" not in op.attrs and not ScanView(op).until and _holds_numbers(op):
            _visit(op)


def _visit(op: Op) -> None:
    cycles = _without_payloads(slice_of(op).cycles)
    found = [algebra_of(cycle.carries, cycle.ops) for cycle in cycles]
    names = [algebra.name for algebra in found if algebra is not None]
    if not cycles or len(names) < len(cycles):
        return
    rows = "where rows have one element, " if "one_lane" in op.attrs else ""
    said = rows + ", ".join(dict.fromkeys(names))
    others = set(names).difference(CLOSED)
    if others:
        if all(name.startswith(("affine in ", "affine of order ")) for name in others):
            remark("time-parallel", op, False, f"{said}: one step after the other, as {MANY}")
        return
    reasons = [reason for cycle in cycles if (reason := _obstacle(cycle)) is not None]
    if is_of_series(op):
        reasons = ["several series at a time are lanes"]
    if reasons:
        remark("time-parallel", op, False, f"{said}: one step after the other, as {reasons[0]}")
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


def _without_payloads(cycles: Sequence[Cycle]) -> list[Cycle]:
    """Without those that are exchanged where an extreme is."""
    found = [algebra_of(cycle.carries, cycle.ops) for cycle in cycles]
    extremes = [algebra.form for algebra in found if algebra is not None and isinstance(algebra.form, Extreme)]
    return [cycle for cycle in cycles if len(cycle.carries) > 1 or all(
        exchanged(cycle.carries[0].arg, cycle.carries[0].next, extreme) is None for extreme in extremes)]


def _obstacle(cycle: Cycle) -> str | None:
    """Why a cycle of a closed class is not combined, or None."""
    found = algebra_of(cycle.carries, cycle.ops)
    assert found is not None
    forms = found.coupled or ([found.form] if isinstance(found.form, Affine) else [])
    if len(found.states) > 1 and any(form.resets or form.mixes for form in forms):
        return "several states are reset or mixed"
    changing = any(_changes(part, cycle) for row in found.factors for part in row)
    if changing and len(found.states) > 1 and (len(found.states) > MOST_MIXED or cycle.carries[0].arg.type != t.f32):
        return "factors of several states change from step to step"
    return None


def _changes(expr: Expr, cycle: Cycle) -> bool:
    """Whether it may be another number in each step."""
    if isinstance(expr, Term):
        return any(_changes(part, cycle) for part in expr.operands)
    if not isinstance(expr, Value) or not defined_in(expr, cycle.carries[0].arg.block):
        return False
    return expr.op is None or not is_pure(expr.op) or any(_changes(v, cycle) for v in expr.op.operands)


def _is_rounded(cycle: Cycle) -> bool:
    """Whether another grouping gives other numbers."""
    found = algebra_of(cycle.carries, cycle.ops)
    number = t.element(cycle.carries[0].arg.type)
    if not isinstance(number, t.FloatType) or found is None:
        return False
    if isinstance(found.form, Affine) and found.form.is_chosen:
        return False
    return isinstance(found.form, Affine | Moebius) or (
        isinstance(found.form, Clamped) and (found.form.added, found.form.factor) != (ZERO, ONE))
