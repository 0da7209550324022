"""Logarithms of sums of exponentials that a step makes: what of the exponent changes from step to step, and what may
be computed before the scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Op, Value, defined_in
from scancc.ir.fast_math import is_exact
from scancc.ir.ops import operand
from scancc.ir.parts import scan_around

from .terms import Axes, Frame, Term, axes_of, terms

LEAST: dict[t.Type, float] = {t.f64: 2.0 ** -900, t.f32: 2.0 ** -80}  # of a sum with all its digits
MANY = 32  # terms; a sum of more stays


class LogSum(NamedTuple):
    """The logarithm of a sum of exponentials."""

    log: Op
    reduce: Op
    exp: Op
    axes: Axes  # of the logarithm: which axes of the exponent they are
    scan: Op

    @property
    def along(self) -> list[int]:
        """The axes of the exponent that are summed."""
        return list(self.reduce.attrs["axes"].values)


class Parts(NamedTuple):
    """The terms of an exponent: those along the sum that change from step to step, those that do not, and those that
    are the same for all that is summed."""

    changing: list[Term]
    fixed: list[Term]
    beside: list[Term]


def log_sum(log: Op) -> LogSum | None:
    """What a logarithm in a scan is, if that is one of a sum of exponentials."""
    scan, sources = scan_around(log), terms_of(log.operands[0], all_axes(log.result))
    reduce = sources[0].value.op if len(sources) == 1 and not sources[0].negative else None
    if scan is None or reduce is None or reduce.name != "scan.reduce" or reduce.attrs["kind"] != "sum":
        return None
    exp = operand(reduce, "source").op
    if exp is None or exp.name != "math.exp" or exp.parent is not log.parent or is_exact(reduce):
        return None
    left = [axis for axis in all_axes(exp.result) if axis not in reduce.attrs["axes"].values]
    places = dict(zip(sources[0].axes, left, strict=True))
    return LogSum(log, reduce, exp, tuple(places.get(axis) for axis in all_axes(log.result)), scan)


def terms_of(value: Value, axes: Axes) -> list[Term]:
    """The terms of a sum, none where they are many."""
    found = list(islice(terms(value, axes), MANY))
    return found if len(found) < MANY else []


def all_axes(value: Value) -> tuple[int, ...]:
    return tuple(range(len(value.type.shape))) if isinstance(value.type, t.TensorType) else ()


def parts_of(found: LogSum) -> Parts | None:
    """The terms of the exponent, where fewer exponentials do than there are."""
    parts = Parts([], [], [])
    for term in terms_of(found.exp.operands[0], all_axes(found.exp.result)):
        if not term.own & set(found.along):
            parts.beside.append(term)
        elif defined_in(term.value, found.scan.body):
            parts.changing.append(term)
        else:
            parts.fixed.append(term)
    own, fixed = axes_of(parts.changing), axes_of(parts.fixed)
    fewer = t.element(found.exp.result.type) in LEAST and own and set(fixed) - set(own)
    return parts if fewer else None


class Fixed(NamedTuple):
    """What is computed before the scan: exponentials of what does not change, their largest exponents, and 1 where
    that is -inf, else 0."""

    powers: Value
    axes: tuple[int, ...]
    most: Term
    slack: Value


def fixed_of(found: LogSum, parts: Sequence[Term]) -> Fixed:
    """Before the outermost scan in which the terms do not change."""
    scan, outer = found.scan, scan_around(found.scan)
    while outer is not None and not any(defined_in(term.value, outer.body) for term in parts):
        scan, outer = outer, scan_around(outer)
    assert scan.parent is not None
    frame = Frame(Builder(scan.parent, scan, found.log.location), found.exp.result, parts)
    axes = axes_of(parts)
    total = frame.total(parts, axes)
    most, left = frame.reduced("max", total, axes, found.along)
    b, zero = frame.b, frame.number(0.0, left)
    none = b.cmpf("oeq", most, frame.number(-math.inf, left))
    shift = frame.spread(b.select(none, zero, most), left, axes)
    slack = b.select(none, frame.number(1.0, left), zero)
    return Fixed(b.math("exp", b.subf(total, shift)), axes, Term(most, left, False), slack)
