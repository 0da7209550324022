"""What a cycle makes of one number as a quotient of two sums, (a*s + b) / (c*s + d): a Möbius map.

    s = x + 1 / s                 a = x, b = 1, c = 1, d = 0                                a continued fraction
    k = p / (p + r)
    p = a*a * (1 - k)*p + q       a = a*a*r + q, b = q*r, c = 1, d = r                      the variance of a filter

Two such maps are again one, with the product of their matrices [[a, b], [c, d]]. Abstract interpretation of the ops
of a cycle, as in `algebra.py`: what is known of a value is a quotient of two polynomials of the state, of degree two
at most, whose coefficients are expressions of values that wait for no state. Coefficients that are known to be 0 and
1 vanish, and equal factors: `p - p*p/(p + r)` is `r*p / (p + r)`.
Source: Wall, Analytic theory of continued fractions (1948); Anderson, Second-order convergent algorithms for the
steady-state Riccati equation (1978).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from scancc.ir.builder import constant_of
from scancc.ir.core import Op, Value

from .terms import ONE, ZERO, Expr, Term

MOST_DEGREE = 2
MOST_OPS = 64  # of a cycle: coefficients are compared
_Polynomial = tuple[Expr, ...]  # the coefficient of 1, of the state, of its square; without zeros at the end


class Moebius(NamedTuple):
    """(a*s + b) / (c*s + d) of a state s."""

    a: Expr
    b: Expr
    c: Expr
    d: Expr


class _Quotient(NamedTuple):
    above: _Polynomial
    below: _Polynomial = (ONE,)


def moebius_of(state: Value, following: Value, ops: Sequence[Op]) -> Moebius | None:
    """What `ops`, in order, make of a state, where it is such a map and divides; else None. Linear."""
    if len(ops) > MOST_OPS or all(op.name != "arith.divf" for op in ops):
        return None
    known: dict[Value, _Quotient | None] = {state: _Quotient((ZERO, ONE))}
    for op in ops:
        if op.regions or len(op.results) != 1:
            return None
        if any(v in known for v in op.operands):
            rule = _RULES.get(op.name)
            known[op.result] = rule and rule(*(known[v] if v in known else _free(v) for v in op.operands))
    found = known.get(following)
    if found is None or max(map(len, found)) > 2:
        return None
    (b, a), (d, c) = (_padded(part) for part in found)
    return Moebius(a, b, c, d)


def _padded(polynomial: _Polynomial) -> _Polynomial:
    return (*polynomial, ZERO, ZERO)[:2]


def _free(value: Value) -> _Quotient:
    return _Quotient(_trimmed([_coefficient(value)]))


def _coefficient(value: Value) -> Expr:
    number = constant_of(value)
    return int(number) if number in (-1, 0, 1) else value


# ---- quotients ----

_Known = _Quotient | None


def _quotient(above: _Polynomial | None, below: _Polynomial | None) -> _Known:
    if above is None or not below:
        return None
    return _Quotient(above) if above == below else _Quotient(above, below)


def _sum(x: _Known, y: _Known) -> _Known:
    if x is None or y is None:
        return None
    if x.below == y.below:
        return _quotient(_added(x.above, y.above), x.below)
    left, right = _times(x.above, y.below), _times(y.above, x.below)
    return None if left is None or right is None else _quotient(_added(left, right), _times(x.below, y.below))


def _negative(x: _Known) -> _Known:
    return x and x._replace(above=tuple(map(_negated, x.above)))


def _difference(x: _Known, y: _Known) -> _Known:
    return _sum(x, _negative(y))


def _product(x: _Known, y: _Known) -> _Known:
    if x is None or y is None:
        return None
    if x.above == y.below or x.below == y.above:
        return _quotient(*((y.above, x.below) if x.above == y.below else (x.above, y.below)))
    return _quotient(_times(x.above, y.above), _times(x.below, y.below))


def _ratio(x: _Known, y: _Known) -> _Known:
    return x and y and _product(x, _Quotient(y.below, y.above))


_RULES: Mapping[str, Callable[..., _Known]] = {
    "arith.addf": _sum, "arith.subf": _difference, "arith.mulf": _product, "arith.divf": _ratio,
    "arith.negf": _negative, "math.fma": lambda x, y, z: _sum(_product(x, y), z)}


# ---- polynomials ----


def _trimmed(polynomial: Sequence[Expr]) -> _Polynomial:
    known = [n for n, coefficient in enumerate(polynomial) if coefficient != ZERO]
    return tuple(polynomial[:known[-1] + 1]) if known else ()


def _added(x: _Polynomial, y: _Polynomial) -> _Polynomial:
    n = max(len(x), len(y))
    padded = zip(*((*part, *[ZERO] * (n - len(part))) for part in (x, y)), strict=True)
    return _trimmed([_plus(a, b) for a, b in padded])


def _times(x: _Polynomial, y: _Polynomial) -> _Polynomial | None:
    """The product, or None where its degree is too high."""
    if len(x) + len(y) - 2 > MOST_DEGREE:
        return None
    found: list[Expr] = [ZERO] * max(len(x) + len(y) - 1, 0)
    for n, a in enumerate(x):
        for m, b in enumerate(y):
            found[n + m] = _plus(found[n + m], _scaled(a, b))
    return _trimmed(found)


def _plus(x: Expr, y: Expr) -> Expr:
    if isinstance(x, int) and isinstance(y, int):
        return x + y
    if x == ZERO or y == ZERO:
        return y if x == ZERO else x
    if x == _negated(y) or y == _negated(x):
        return ZERO
    return Term("arith.addf", (x, y))


def _scaled(x: Expr, y: Expr) -> Expr:
    if isinstance(x, int) and isinstance(y, int):
        return x * y
    for factor, other in ((x, y), (y, x)):
        if isinstance(factor, int) and factor in (-1, 0, 1):
            return ZERO if factor == ZERO else other if factor == ONE else _negated(other)
    return Term("arith.mulf", (x, y))


def _negated(x: Expr) -> Expr:
    if isinstance(x, int):
        return -x
    return x.operands[0] if isinstance(x, Term) and x.op == "arith.negf" else Term("arith.negf", (x,))
