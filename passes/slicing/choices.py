"""Forms of extremes and bits of a state and a value, and of choices between two values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value
from scancc.ir.dialects.arith import CMPF

from .bounds import clamped_by
from .forms import Affine, Form, Free, Joined, Known
from .terms import ONE, ZERO, Expr, Term, choice


def of_join(op: Op, forms: Sequence[Known]) -> Form | None:
    """An extreme, or bits: of a state and a free value, or the same of that and another."""
    (x, y), (of_x, of_y) = op.operands, forms
    if isinstance(of_x, Free) == isinstance(of_y, Free):
        return None
    first = isinstance(of_y, Free)
    form, other = (of_x, y) if first else (of_y, x)
    if isinstance(form, Affine) and form.is_state:
        return Joined(op.name, next(iter(form.factors)), other, first)
    if isinstance(form, Joined) and form.op == op.name:
        if op.name.endswith("f") and first != form.state_first:
            return None  # of zeros of two signs the last one counts
        both = (form.other, other) if first else (other, form.other)
        return replace(form, other=Term(op.name, both))
    if isinstance(form, Affine) and form.is_chosen:
        return _joined_or_not(op.name, form, other, first)
    return clamped_by(op.name, form, other, first)


def _joined_or_not(name: str, form: Affine, other: Expr, first: bool) -> Joined:
    """A value, and a state that is kept or has another value in its place."""
    (state, kept), = form.factors.items()
    both = Term(name, (form.rest, other) if first else (other, form.rest))
    changes = any(not isinstance(v, Value) or constant_of(v) != _BEYOND.get(name) for v in _places(kept, form.rest))
    return Joined(name, state, _where(kept, other, both) if changes else other, first, kept)


_BEYOND = {"arith.maximumf": -inf, "arith.minimumf": inf}  # extremes leave others as they are with it


def _places(kept: Expr, rest: Expr) -> Iterator[Expr]:
    """What stands in a state's place where choices do not keep it."""
    if kept == ZERO:
        yield rest
    elif isinstance(kept, Term) and isinstance(rest, Term):
        (_, *sides), (_, *others) = kept.operands, rest.operands
        for side, beside in zip(sides, others, strict=True):
            yield from _places(side, beside)


def _where(kept: Expr, x: Expr, y: Expr) -> Expr:
    """x where a state is kept, else y."""
    if not isinstance(kept, Term):
        return x if kept == ONE else y
    condition, *sides = kept.operands
    return Term(kept.op, (condition, *(_where(side, x, y) for side in sides)))


def of_choice(op: Op, forms: Sequence[Known]) -> Form | None:
    """One of two values by a condition that is free, or a product."""
    (condition, x, y), (of_condition, of_x, of_y) = op.operands, forms
    if not isinstance(of_condition, Free):
        if _is_product(condition, x, y):
            return of_y  # type: ignore[return-value]
        return _compared(condition.op, (x, of_x), (y, of_y))
    sides = [Affine({}, v) if isinstance(form, Free) else form for v, form in ((x, of_x), (y, of_y))]
    a, b = sides
    joined = a if isinstance(a, Joined) else b
    if isinstance(joined, Joined):
        return _joined_or_replaced(condition, joined, (x, of_x), (y, of_y))
    if not isinstance(a, Affine) or not isinstance(b, Affine):
        return None
    states = dict.fromkeys((*a.factors, *b.factors))
    return Affine({s: choice(condition, a.factors.get(s, ZERO), b.factors.get(s, ZERO)) for s in states},
                  choice(condition, a.rest, b.rest), a.resets or b.resets or not a.factors or not b.factors,
                  a.mixes or b.mixes)


def _is_product(condition: Value, x: Value, y: Value) -> bool:
    """Whether a choice is 0 where a factor is 0, else a product, as gradients write it: the same as the product where
    all factors are finite, which all who combine steps ask for."""
    asked = condition.op
    if asked is None or asked.name != "arith.cmpf" or y.op is None or CMPF[asked.attrs["predicate"].value] != "oeq":
        return False
    factor, zero = asked.operands
    in_product = y.op.name == "arith.mulf" and factor in y.op.operands
    in_quotient = y.op.name == "arith.divf" and factor is y.op.operands[0]
    return (in_product or in_quotient) and constant_of(zero) == 0 == constant_of(x)


def _joined_or_replaced(condition: Value, joined: Joined, *sides: tuple[Value, Known]) -> Joined | None:
    """What a state and a value are joined to, or a value in its place."""
    kept, others = list[Expr](), list[Expr]()
    for value, form in sides:
        if isinstance(form, Joined) and (form.op, form.state_first) != (joined.op, joined.state_first):
            return None
        if not isinstance(form, Joined | Free):
            return None
        kept.append(form.kept if isinstance(form, Joined) else ZERO)
        others.append(form.other if isinstance(form, Joined) else value)
    return replace(joined, kept=choice(condition, *kept), other=choice(condition, *others))


_LARGER = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}  # what each is of operands that are exchanged


def _compared(condition: Op | None, x: tuple[Value, Known], y: tuple[Value, Known]) -> Form | None:
    """A bound that is written as a choice: the one of a sum and a value that compares so, or what a state adds to a
    value where it is above 0, or below. A NaN is another number than an extreme makes of it: groups that have
    one are not combined."""
    if condition is None or condition.name != "arith.cmpf":
        return None
    (u, v), predicate = condition.operands, CMPF[condition.attrs["predicate"].value]
    (first, of_first), (second, of_second) = (x, y) if isinstance(y[1], Free) else (y, x)
    if predicate[1:] not in _LARGER or not isinstance(of_second, Free) or isinstance(of_first, Free):
        return None
    if v is first or constant_of(u) == 0:
        u, v, predicate = v, u, predicate[0] + _LARGER[predicate[1:]]
    larger = (predicate[1] == "g") == (first is x[0])
    name = "arith.maximumf" if larger else "arith.minimumf"
    if u is first and v is second:
        is_state = isinstance(of_first, Affine) and of_first.is_state
        return None if is_state else clamped_by(name, of_first, second, (predicate[2] == "t") == (second is y[0]))
    adds = isinstance(of_first, Affine) and [*of_first.factors] == [u] and of_first.rest is second
    return clamped_by(name, of_first, second, True) if adds and constant_of(v) == 0 else None
