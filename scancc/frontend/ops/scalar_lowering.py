"""Lowerings of the elementwise functions that are more than one IR op.

Each is `lower(b, *operands, dtype)`: `b` makes ops at its insertion point (`scancc.ir.builder.Builder`),
operands are of the compute dtype, `dtype` is the NumPy name of the result's. Branch-free throughout.
"""

from __future__ import annotations

from collections.abc import Callable

from scancc.ir.builder import Builder
from scancc.ir.core import Value
from scancc.ir.types import element, i8, shaped

Lower = Callable[..., Value]


def compare(float_predicate: str, int_predicate: str) -> dict[str, str | Lower]:
    """A comparison of every real kind; `int_predicate` without its sign letter ('lt', 'eq')."""
    signed = int_predicate if int_predicate in ("eq", "ne") else "s" + int_predicate
    unsigned = int_predicate if int_predicate in ("eq", "ne") else "u" + int_predicate
    return {
        "f": lambda b, x, y, dtype: b.cmpf(float_predicate, x, y),
        "i": lambda b, x, y, dtype: b.cmpi(signed, x, y),
        "u": lambda b, x, y, dtype: b.cmpi(unsigned, x, y),
        "b": lambda b, x, y, dtype: b.cmpi(unsigned, x, y),
    }


def not_(b: Builder, x: Value, dtype: str) -> Value:
    return b.op("arith.xori", [x, b.const(1, x.type)], [x.type])


def invert(b: Builder, x: Value, dtype: str) -> Value:
    return b.op("arith.xori", [x, b.const(-1, x.type)], [x.type])


def neg_int(b: Builder, x: Value, dtype: str) -> Value:
    return b.subi(b.const(0, x.type), x)


def absolute_int(b: Builder, x: Value, dtype: str) -> Value:
    return b.select(b.cmpi("slt", x, b.const(0, x.type)), neg_int(b, x, dtype), x)


def count_bits(b: Builder, x: Value, dtype: str) -> Value:
    bits, byte = b.math("ctpop", x), shaped(i8, x.type)
    return bits if bits.type == byte else b.op("arith.trunci", [bits], [byte])


def count_bits_signed(b: Builder, x: Value, dtype: str) -> Value:
    return count_bits(b, absolute_int(b, x, dtype), dtype)


def count_truth(b: Builder, x: Value, dtype: str) -> Value:
    return b.op("arith.extui", [x], [shaped(i8, x.type)])


def itself(b: Builder, x: Value, dtype: str) -> Value:
    return x


def nothing(b: Builder, x: Value, dtype: str) -> Value:
    return b.const(0, x.type)


def square_float(b: Builder, x: Value, dtype: str) -> Value:
    return b.mulf(x, x)


def square_int(b: Builder, x: Value, dtype: str) -> Value:
    return b.muli(x, x)


def reciprocal(b: Builder, x: Value, dtype: str) -> Value:
    return b.divf(b.const(1.0, x.type), x)


def sign_float(b: Builder, x: Value, dtype: str) -> Value:
    zero, one, minus = (b.const(v, x.type) for v in (0.0, 1.0, -1.0))
    sign = b.select(b.cmpf("ogt", x, zero), one, b.select(b.cmpf("olt", x, zero), minus, zero))
    return b.select(b.cmpf("uno", x, x), x, sign)


def sign_int(b: Builder, x: Value, dtype: str) -> Value:
    zero, one, minus = (b.const(v, x.type) for v in (0, 1, -1))
    return b.select(b.cmpi("sgt", x, zero), one, b.select(b.cmpi("slt", x, zero), minus, zero))


def sign_unsigned(b: Builder, x: Value, dtype: str) -> Value:
    zero, one = b.const(0, x.type), b.const(1, x.type)
    return b.select(b.cmpi("eq", x, zero), zero, one)


# ---- integer division: no division by 0 and no overflow reaches the hardware --------------------------


def _signed_parts(b: Builder, x: Value, y: Value) -> tuple[Value, Value, Value, Value]:
    """Quotient and remainder towards minus infinity for a divisor that is neither 0 nor -1; the tests."""
    zero, one = b.const(0, x.type), b.const(1, x.type)
    by_zero, by_minus = b.cmpi("eq", y, zero), b.cmpi("eq", y, b.const(-1, x.type))
    divisor = b.select(by_zero, one, b.select(by_minus, one, y))
    quotient = b.op("arith.divsi", [x, divisor], [x.type])
    remainder = b.op("arith.remsi", [x, divisor], [x.type])
    opposite = b.cmpi("slt", b.op("arith.xori", [remainder, divisor], [x.type]), zero)
    uneven = b.op("arith.andi", [b.cmpi("ne", remainder, zero), opposite], [opposite.type])
    quotient = b.select(uneven, b.subi(quotient, one), quotient)
    remainder = b.select(uneven, b.addi(remainder, divisor), remainder)
    return quotient, remainder, by_zero, by_minus


def floor_div_signed(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    quotient, _, by_zero, by_minus = _signed_parts(b, x, y)
    quotient = b.select(by_minus, neg_int(b, x, dtype), quotient)
    return b.select(by_zero, b.const(0, x.type), quotient)


def mod_signed(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    _, remainder, by_zero, by_minus = _signed_parts(b, x, y)
    zero = b.const(0, x.type)
    return b.select(by_zero, zero, b.select(by_minus, zero, remainder))


def _unsigned(op: str) -> Lower:
    def lower(b: Builder, x: Value, y: Value, dtype: str) -> Value:
        zero, one = b.const(0, x.type), b.const(1, x.type)
        by_zero = b.cmpi("eq", y, zero)
        return b.select(by_zero, zero, b.op(op, [x, b.select(by_zero, one, y)], [x.type]))

    return lower


floor_div_unsigned = _unsigned("arith.divui")
mod_unsigned = _unsigned("arith.remui")


def mod_float(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    """The remainder with the sign of the divisor; a remainder of 0 takes the divisor's sign too."""
    zero = b.const(0.0, x.type)
    remainder = b.op("arith.remf", [x, y], [x.type])
    opposite = b.op("arith.xori", [b.cmpf("olt", remainder, zero), b.cmpf("olt", y, zero)],
                    [b.cmpf("olt", y, zero).type])
    shifted = b.select(opposite, b.addf(remainder, y), remainder)
    return b.select(b.cmpf("oeq", remainder, zero), b.math("copysign", zero, y), shifted)


def floor_div_float(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    """From the exact remainder, as NumPy has it: rounding of x / y cannot lift the result by 1."""
    zero, one, half = (b.const(v, x.type) for v in (0.0, 1.0, 0.5))
    remainder = b.op("arith.remf", [x, y], [x.type])
    quotient = b.divf(b.subf(x, remainder), y)
    opposite = b.op("arith.xori", [b.cmpf("olt", remainder, zero), b.cmpf("olt", y, zero)],
                    [b.cmpf("olt", y, zero).type])
    uneven = b.op("arith.andi", [b.cmpf("une", remainder, zero), opposite], [opposite.type])
    quotient = b.select(uneven, b.subf(quotient, one), quotient)
    floored = b.math("floor", quotient)
    floored = b.select(b.cmpf("ogt", b.subf(quotient, floored), half), b.addf(floored, one), floored)
    signed_zero = b.math("copysign", zero, b.divf(x, y))
    floored = b.select(b.cmpf("oeq", quotient, zero), signed_zero, floored)
    return b.select(b.cmpf("oeq", y, zero), b.divf(x, y), floored)


def power_signed(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    """Of a negative exponent its last bit counts: a base of 1 or -1 has a whole result, any other is 0 then."""
    zero, one = b.const(0, x.type), b.const(1, x.type)
    negative = b.cmpi("slt", y, zero)
    unit = b.condition("ori", b.cmpi("eq", x, one), b.cmpi("eq", x, b.const(-1, x.type)))
    last = b.select(unit, b.op("arith.andi", [y, one], [x.type]), one)
    base = b.select(b.condition("ori", unit, b.cmpi("sge", y, zero)), x, zero)
    return power_unsigned(b, base, b.select(negative, last, y), dtype)


def power_unsigned(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    return b.op("math.ipowi", [x, y], [x.type])


# ---- shifts ---------------------------------------------------------------------------------------


def _bits(x: Value) -> int:
    width: int = element(x.type).width  # type: ignore[attr-defined]
    return width


def shift_left(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    return _shift(b, "arith.shli", x, y)


def shift_right_unsigned(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    return _shift(b, "arith.shrui", x, y)


def _shift(b: Builder, op: str, x: Value, y: Value) -> Value:
    zero = b.const(0, x.type)
    inside = b.cmpi("ult", y, b.const(_bits(x), x.type))
    return b.select(inside, b.op(op, [x, b.select(inside, y, zero)], [x.type]), zero)


def shift_right_signed(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    """A shift by the width or more leaves the sign."""
    last = b.const(_bits(x) - 1, x.type)
    inside = b.cmpi("ult", y, last)
    return b.op("arith.shrsi", [x, b.select(inside, y, last)], [x.type])


# ---- tests of floats, and products that keep a zero -------------------------------------------------


def is_nan(b: Builder, x: Value, dtype: str) -> Value:
    return b.cmpf("uno", x, x)


def is_inf(b: Builder, x: Value, dtype: str) -> Value:
    return b.cmpf("oeq", b.math("absf", x), b.const(float("inf"), x.type))


def is_finite(b: Builder, x: Value, dtype: str) -> Value:
    return b.cmpf("olt", b.math("absf", x), b.const(float("inf"), x.type))


def quotient(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    zero, one = b.const(0.0, x.type), b.const(1.0, x.type)
    by_zero = b.cmpf("oeq", y, zero)
    nothing = b.condition("ori", by_zero, b.cmpf("oeq", x, zero))
    return b.select(nothing, zero, b.divf(x, b.select(by_zero, one, y)))


def masked_mul(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    zero = b.const(0.0, x.type)
    return b.select(b.cmpf("oeq", x, zero), zero, b.mulf(x, y))


def masked_div(b: Builder, x: Value, y: Value, dtype: str) -> Value:
    zero = b.const(0.0, x.type)
    return b.select(b.cmpf("oeq", x, zero), zero, b.divf(x, y))


def select(b: Builder, condition: Value, x: Value, y: Value, dtype: str) -> Value:
    return b.select(condition, x, y)


def trigamma(b: Builder, x: Value, dtype: str) -> Value:
    """Reflection below 1/2, recurrence up to 8 or more, then the asymptotic series."""
    def c(number: float) -> Value:
        return b.const(number, x.type)

    one, pi = c(1.0), c(3.141592653589793)
    reflect = b.cmpf("olt", x, c(0.5))
    t = b.select(reflect, b.subf(one, x), x)
    shifted, total = t, c(0.0)
    for _ in range(12):
        total = b.addf(total, b.divf(one, b.mulf(shifted, shifted)))
        shifted = b.addf(shifted, one)
    inverse = b.divf(one, shifted)
    square = b.mulf(inverse, inverse)
    tail = c(5 / 66)
    for coefficient in (-1 / 30, 1 / 42, -1 / 30, 1 / 6):
        tail = b.addf(c(coefficient), b.mulf(square, tail))
    series = b.mulf(inverse, b.addf(one, b.addf(b.mulf(c(0.5), inverse), b.mulf(square, tail))))
    total = b.addf(total, series)
    sine = b.math("sin", b.mulf(pi, b.subf(x, b.math("roundeven", x))))
    ratio = b.divf(pi, sine)
    reflected = b.subf(b.mulf(ratio, ratio), total)
    pole = b.op("arith.andi", [b.cmpf("ogt", x, c(float("-inf"))), b.cmpf("oeq", x, b.math("floor", x))],
                [reflect.type])
    pole = b.op("arith.andi", [reflect, pole], [reflect.type])
    return b.select(pole, c(float("inf")), b.select(reflect, reflected, total))
