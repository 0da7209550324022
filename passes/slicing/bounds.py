"""Forms of states between bounds: with one more bound, and times or plus a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .forms import NAMES, Affine, Clamped, Form, Joined, Known
from .terms import ONE, ZERO, Expr, Term, plus, times


def clamped_by(name: str, form: Known, other: Expr, first: bool) -> Form | None:
    """A bound on a state and a value, or on one that has one."""
    which, kind = name.removeprefix("arith.")[:3], name.removeprefix("arith.")[3:]
    if which not in ("max", "min"):
        return None
    if isinstance(form, Affine) and len(form.factors) == 1 and not form.mixes:
        form = _without_bounds(form, kind, first)
    clamp = as_clamped(form)
    if clamp is None or clamp.kind != kind or kind == "imumf" and clamp.state_first != first:
        return None  # of zeros of two signs the last one counts

    def bounded(bound: Expr | None) -> Expr | None:
        return None if bound is None else Term(name, (bound, other) if first else (other, bound))
    low, high = bounded(clamp.low), bounded(clamp.high)
    if which == "max":
        low = other if low is None else low
    else:
        high = other if high is None else high
    return replace(clamp, low=low, high=high, bounds=(*clamp.bounds, other))


def _without_bounds(form: Affine, kind: str, first: bool) -> Clamped | None:
    """A state times a factor and a value, before it has a bound; of integers a factor may wrap around."""
    (state, factor), = form.factors.items()
    if factor != ONE and kind != "imumf":
        return None
    scales = () if factor == ONE else (factor,)
    return Clamped(state, kind, first, form.rest, addends=_addends(form.rest), factor=factor, scales=scales)


def as_clamped(form: Known) -> Clamped | None:
    """A form that has a bound, as one that may have another."""
    is_extreme = isinstance(form, Joined) and NAMES[form.op.removeprefix("arith.")] in ("max", "min")
    if not isinstance(form, Joined) or not is_extreme or form.kept != ONE:
        return form if isinstance(form, Clamped) else None
    which, kind = form.op.removeprefix("arith.")[:3], form.op.removeprefix("arith.")[3:]
    clamp = Clamped(form.state, kind, form.state_first, bounds=(form.other,))
    return replace(clamp, low=form.other) if which == "max" else replace(clamp, high=form.other)


def moved(add: str, clamp: Clamped, values: Sequence[Expr]) -> Clamped:
    """The sum of a state between bounds and values."""
    for value in values:
        low, high = (None if bound is None else plus(add, bound, value) for bound in (clamp.low, clamp.high))
        clamp = replace(clamp, added=plus(add, clamp.added, value), low=low, high=high,
                        addends=(*clamp.addends, *_addends(value)))
    return clamp


def stretched(mul: str, clamp: Clamped, y: Expr) -> Clamped:
    """A state between bounds times a value that is not below 0."""
    low, high = (None if bound is None else times(mul, bound, y) for bound in (clamp.low, clamp.high))
    return replace(clamp, factor=times(mul, clamp.factor, y), scales=(*clamp.scales, y),
                   added=times(mul, clamp.added, y), low=low, high=high)


def _addends(value: Expr) -> tuple[Expr, ...]:
    """The terms of a sum."""
    if isinstance(value, Term) and value.op in ("arith.addi", "arith.subi", "arith.addf"):
        return tuple(part for operand in value.operands for part in _addends(operand))
    return () if value == ZERO else (value,)
