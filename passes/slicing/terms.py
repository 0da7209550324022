"""Expressions of values, which forms (`forms.py`) consist of: nothing is built before a form is used."""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir.core import Value


class Term(NamedTuple):
    """An op on values and other terms."""

    op: str
    operands: tuple[Expr, ...]


Expr = Value | Term | int
ONE, ZERO = 1, 0


def plus(add: str, x: Expr, y: Expr) -> Expr:
    if y == ZERO:
        return x
    return y if x == ZERO else Term(add, (x, y))


def times(mul: str, x: Expr, y: Expr) -> Expr:
    if x == ZERO:
        return x
    return y if x == ONE else Term(mul, (x, y))


def negated(add: str, value: Expr) -> Expr:
    return Term("arith.negf", (value,)) if add.endswith("f") else Term("arith.subi", (ZERO, value))


def choice(condition: Value, x: Expr, y: Expr) -> Expr:
    return x if x is y else Term("arith.select", (condition, x, y))
