"""Expressions of values, of which the forms of `algebra.py` are made before anything is built."""

from __future__ import annotations

from typing import NamedTuple

from scancc.ir.core import Value


class Term(NamedTuple):
    """An op on values and other terms."""

    op: str
    operands: tuple[Expr, ...]


Expr = Value | Term | int
ONE, ZERO = 1, 0
