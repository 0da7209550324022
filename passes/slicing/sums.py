"""Forms of sums and products of states and values: affine ones, or such between bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scancc.ir.core import Op, Value

from .bounds import as_clamped, moved, stretched
from .forms import FREE, Affine, Form, Free, Known, mixed
from .terms import ONE, ZERO, Expr, Term, negated, plus, times


def of_sum(op: Op, forms: Sequence[Known]) -> Form | None:
    """x + y"""
    return _sum(op.name, *zip(op.operands, forms, strict=True))


def of_difference(op: Op, forms: Sequence[Known]) -> Form | None:
    """x - y"""
    (x, of_x), (y, of_y) = zip(op.operands, forms, strict=True)
    add = op.name.replace("sub", "add")
    if isinstance(of_y, Free):
        return _sum(add, (x, of_x), (negated(add, y), of_y))
    return _sum(add, (x, of_x), (y, _negative(add, of_y)))


def _negative(add: str, form: Form | None) -> Form | None:
    if not isinstance(form, Affine):
        return None
    rest = form.rest if form.rest == ZERO else negated(add, form.rest)
    return replace(form, factors={state: negated(add, f) for state, f in form.factors.items()}, rest=rest)


def of_negation(op: Op, forms: Sequence[Known]) -> Form | None:
    (form,) = forms
    return None if isinstance(form, Free) else _negative("arith.addf", form)


def _sum(add: str, *parts: tuple[Expr, Known]) -> Form | None:
    clamped = [clamp for _, form in parts if (clamp := as_clamped(form)) is not None]
    if clamped:
        added = [value for value, form in parts if isinstance(form, Free)]
        return moved(add, clamped[0], added) if len(clamped) + len(added) == len(parts) else None
    factors: dict[Value, Expr] = {}
    rest: Expr = ZERO
    resets = mixes = False
    for value, form in parts:
        if isinstance(form, Free):
            rest = plus(add, rest, value)
        elif isinstance(form, Affine):
            for state, factor in form.factors.items():
                factors[state] = plus(add, factors[state], factor) if state in factors else factor
            rest, resets, mixes = plus(add, rest, form.rest), resets or form.resets, mixes or form.mixes
        else:
            return None
    return Affine(factors, rest, resets, mixes)


def of_product(op: Op, forms: Sequence[Known]) -> Form | None:
    """x * y, of which one is free"""
    return _scaled(op.name, *zip(op.operands, forms, strict=True))


def of_quotient(op: Op, forms: Sequence[Known]) -> Form | None:
    """x / y, of which y is free: one division for all that x is the sum of"""
    (x, y), (of_x, of_y) = op.operands, forms
    return _scaled("arith.mulf", (x, of_x), (Term("arith.divf", (ONE, y)), of_y)) if isinstance(of_y, Free) else None


def _scaled(mul: str, *parts: tuple[Expr, Known]) -> Form | None:
    (x, of_x), (y, of_y) = parts
    if isinstance(of_x, Free):
        (x, of_x), (y, of_y) = (y, of_y), (x, of_x)
    clamp = as_clamped(of_x)
    if clamp is not None and isinstance(of_y, Free):
        return stretched(mul, clamp, y) if mul.endswith("f") else None
    if not isinstance(of_x, Affine) or not isinstance(of_y, Free):
        return None
    return replace(of_x, factors={state: times(mul, factor, y) for state, factor in of_x.factors.items()},
                   rest=times(mul, of_x.rest, y))


def of_fma(op: Op, forms: Sequence[Known]) -> Form | None:
    """x*y + z"""
    (x, y, z), (of_x, of_y, of_z) = op.operands, forms
    if isinstance(of_x, Free) and isinstance(of_y, Free):
        return _sum("arith.addf", (Term("arith.mulf", (x, y)), FREE), (z, of_z))
    return _sum("arith.addf", (ZERO, _scaled("arith.mulf", (x, of_x), (y, of_y))), (z, of_z))


def of_dot(op: Op, forms: Sequence[Known]) -> Form | None:
    """A product of a matrix and a state."""
    (of_x, of_y) = forms
    if isinstance(of_x, Free) == isinstance(of_y, Free):
        return None
    return mixed(of_y if isinstance(of_x, Free) else of_x)  # type: ignore[arg-type]
