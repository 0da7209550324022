"""Numbers held as an unevaluated sum of two floats, for the steps that one float cannot carry.

After Dekker (1971) and Knuth; the same code serves float32 and float64.
"""

from __future__ import annotations

from typing import NamedTuple

from .builder import Operand, Value, fma


class Doubled(NamedTuple):
    hi: Value
    lo: Value


def constant(like: Value, hi: float, lo: float) -> Doubled:
    return Doubled(like.like(hi), like.like(lo))


def two_sum(a: Value, b: Operand) -> Doubled:
    """a + b exactly, in any order of magnitude."""
    b = a.like(b)
    total = a + b
    b_part = total - a
    return Doubled(total, (a - (total - b_part)) + (b - b_part))


def fast_two_sum(a: Operand, b: Value) -> Doubled:
    """a + b exactly, where |a| >= |b| or a is 0."""
    total = a + b
    return Doubled(total, (a - total) + b)


def split(x: Value) -> Doubled:
    """The upper half of the significand's bits, and the rest."""
    hi = (x.bits() & x.format.split_mask).as_float()
    return Doubled(hi, x - hi)


def two_product(a: Value, b: Operand) -> Doubled:
    """a * b exactly (without a fused multiply-add: to 2**-105 of the product)."""
    b = a.like(b)
    product = a * b
    if a.body.has_fma:
        return Doubled(product, fma(a, b, -product))
    (a_hi, a_lo), (b_hi, b_lo) = split(a), split(b)
    return Doubled(product, ((a_hi * b_hi - product) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo)


def add(a: Doubled, b: Doubled) -> Doubled:
    """a + b where |a.hi| >= |b.hi|, to about 2**-104 of a."""
    hi, lo = two_sum(a.hi, b.hi)
    return fast_two_sum(hi, lo + (a.lo + b.lo))


def multiply(a: Doubled, b: Doubled) -> Doubled:
    return fast_two_sum(*product(a, b))


def product(a: Doubled, b: Doubled) -> Doubled:
    """a * b, left with a low part of a few ulps of the high one."""
    hi, lo = two_product(a.hi, b.hi)
    return Doubled(hi, fma(a.hi, b.lo, fma(a.lo, b.hi, lo)))


def multiply_one(a: Doubled, b: Operand) -> Doubled:
    hi, lo = two_product(a.hi, b)
    return fast_two_sum(hi, fma(a.lo, b, lo))


def remainder(a: Doubled, quotient: Value, b: Doubled) -> Value:
    """a - quotient*b to first order, where quotient is nearly a/b."""
    low = fma(-quotient, b.lo, a.lo)
    if a.hi.body.has_fma:
        return fma(-quotient, b.hi, a.hi) + low
    hi, lo = two_product(quotient, b.hi)
    return ((a.hi - hi) - lo) + low


def divide(a: Doubled, b: Doubled) -> Doubled:
    """a / b with one division; the error is a few units of 2**-104."""
    reciprocal = 1.0 / b.hi
    quotient = a.hi * reciprocal
    return fast_two_sum(quotient, remainder(a, quotient, b) * reciprocal)


def quotient(a: Doubled, b: Doubled) -> Value:
    """a / b rounded to one float, within about half an ulp and a little."""
    reciprocal = 1.0 / b.hi
    first = a.hi * reciprocal
    return fma(remainder(a, first, b), reciprocal, first)


def square_root(x: Doubled) -> Doubled:
    """The square root of a positive number, with the residual's correction."""
    hi = x.hi.sqrt()
    square = two_product(hi, hi)
    residual = ((x.hi - square.hi) - square.lo) + x.lo
    return Doubled(hi, residual / (hi + hi))
