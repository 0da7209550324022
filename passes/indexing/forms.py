"""Numbers that are places: each as a constant and multiples of other numbers.

    %k = arith.index_cast(%t)        of(%j) = 1 * %a + 1 * %t + 3
    %i = arith.addi(%a, %k)
    %j = arith.addi(%i, 3)           of(%j) - of(%i) = 3

A form is exact modulo 2**64, as the arithmetic of indices is: two places whose forms differ by a constant are
surely different, whatever the numbers are. What they are in truth needs bounds (`ranges.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from scancc.ir import types as t
from scancc.ir.builder import constant_of
from scancc.ir.core import Value

MOST_TERMS = 6
_SIGNS = {"arith.addi": 1, "arith.subi": -1}


class Form(NamedTuple):
    """`constant` and a multiple of each of `terms`, none of them 0."""

    terms: Mapping[Value, int]
    constant: int

    def plus(self, other: Form, times: int = 1) -> Form:
        terms = dict(self.terms)
        for value, factor in other.terms.items():
            terms[value] = terms.get(value, 0) + times * factor
        return Form({v: n for v, n in terms.items() if n}, self.constant + times * other.constant)

    def minus(self, other: Form) -> Form:
        return self.plus(other, -1)

    def times(self, factor: int) -> Form:
        return Form({}, 0).plus(self, factor) if factor else Form({}, 0)

    def with_constant(self, more: int) -> Form:
        return Form(self.terms, self.constant + more)


def surely_differ(one: Form, other: Form) -> bool:
    """Whether two places are a constant apart, and not the same."""
    distance = one.minus(other)
    return not distance.terms and distance.constant % 2**64 != 0


def number(constant: int) -> Form:
    return Form({}, constant)


class Forms:
    """The forms of the values of one function; `assume` gives one another form than its op says."""

    def __init__(self) -> None:
        self.known: dict[Value, Form] = {}

    def of(self, value: Value) -> Form:
        if value not in self.known:
            self.known[value] = self._made(value)
        return self.known[value]

    def assume(self, value: Value, form: Form) -> None:
        self.known[value] = form

    def _made(self, value: Value) -> Form:
        known, op, itself = constant_of(value), value.op, Form({value: 1}, 0)
        if known is not None:
            return number(int(known))
        if op is None or not is_place(value):
            return itself
        made = itself
        if op.name in _SIGNS:
            made = self.of(op.operands[0]).plus(self.of(op.operands[1]), _SIGNS[op.name])
        elif op.name == "arith.muli" and (factor := constant_of(op.operands[1])) is not None:
            made = self.of(op.operands[0]).times(int(factor))
        elif op.name == "arith.index_cast" and is_place(op.operands[0]):
            made = self.of(op.operands[0])
        return made if len(made.terms) <= MOST_TERMS else itself


def is_place(value: Value) -> bool:
    """Whether a number has 64 bits: an index, or what becomes one without a change of its value."""
    return value.type in (t.index, t.i64)
