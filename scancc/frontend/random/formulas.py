"""Formulas of random draws, written once over an `Arithmetic` and run by NumPy and by emitted code.

Only operations that every machine rounds alike are used (+ - * / sqrt, integers, bits, comparisons), and
emitted code keeps them separate (`exact`), so that a seed gives the same bits everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from scancc.ir import types as t
from scancc.ir.builder import Builder
from scancc.ir.core import Value

N = TypeVar("N")  # a number in some representation
Numbers: TypeAlias = np.ndarray | np.generic


class Arithmetic(Protocol[N]):
    """What a formula computes with: u64 and f64 values of some representation."""

    def u64(self, value: int) -> N: ...
    def f64(self, value: float) -> N: ...
    def binary(self, name: str, x: N, y: N) -> N: ...
    def less(self, x: N, y: N) -> N: ...
    def select(self, condition: N, x: N, y: N) -> N: ...
    def sqrt(self, x: N) -> N: ...
    def to_float(self, x: N) -> N: ...
    def bits(self, x: N) -> N: ...
    def from_bits(self, x: N) -> N: ...


class NumpyArithmetic:
    """Formulas on arrays."""

    _NAMES = {"addf": np.add, "subf": np.subtract, "mulf": np.multiply, "divf": np.divide, "addi": np.add,
              "muli": np.multiply, "xori": np.bitwise_xor, "andi": np.bitwise_and, "ori": np.bitwise_or,
              "shli": np.left_shift, "shrui": np.right_shift}

    def u64(self, value: int) -> Numbers:
        return np.uint64(value % 2**64)

    def f64(self, value: float) -> Numbers:
        return np.float64(value)

    def binary(self, name: str, x: Numbers, y: Numbers) -> Numbers:
        with np.errstate(all="ignore"):
            return self._NAMES[name](x, y)

    def less(self, x: Numbers, y: Numbers) -> Numbers:
        return np.less(x, y)

    def select(self, condition: Numbers, x: Numbers, y: Numbers) -> Numbers:
        return np.where(condition, x, y)

    def sqrt(self, x: Numbers) -> Numbers:
        with np.errstate(all="ignore"):
            return np.sqrt(x)

    def to_float(self, x: Numbers) -> Numbers:
        return np.asarray(x).astype(np.int64).astype(np.float64)

    def bits(self, x: Numbers) -> Numbers:
        return np.asarray(x, np.float64).view(np.uint64)

    def from_bits(self, x: Numbers) -> Numbers:
        return np.asarray(x, np.uint64).view(np.float64)


class EmittedArithmetic:
    """Formulas as IR ops; sums carry `exact`, which keeps products out of them."""

    def __init__(self, b: Builder) -> None:
        self.b = b

    def u64(self, value: int) -> Value:
        return self.b.const((value + 2**63) % 2**64 - 2**63, t.i64)

    def f64(self, value: float) -> Value:
        return self.b.const(value, t.f64)

    def binary(self, name: str, x: Value, y: Value) -> Value:
        attrs = {"exact": True} if name in ("addf", "subf") else {}
        return self.b.op(f"arith.{name}", [x, y], [x.type], attrs)

    def less(self, x: Value, y: Value) -> Value:
        return self.b.cmpf("olt", x, y) if x.type == t.f64 else self.b.cmpi("ult", x, y)

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        return self.b.select(condition, x, y)

    def sqrt(self, x: Value) -> Value:
        return self.b.math("sqrt", x)

    def to_float(self, x: Value) -> Value:
        return self.b.op("arith.sitofp", [x], [t.f64])

    def bits(self, x: Value) -> Value:
        return self.b.op("arith.bitcast", [x], [t.i64])

    def from_bits(self, x: Value) -> Value:
        return self.b.op("arith.bitcast", [x], [t.f64])


# ---- Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011) ----

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_LOW = 0xFFFFFFFF


def philox(a: Arithmetic[N], key: N, high: N, low: N) -> tuple[N, N]:
    """The four words of counter (low, high) under a 64-bit key, as two 64-bit numbers, first word lowest."""
    mask, shift = a.u64(_LOW), a.u64(32)

    def split(x: N) -> tuple[N, N]:
        return a.binary("andi", x, mask), a.binary("shrui", x, shift)

    (c0, c1), (c2, c3), (k0, k1) = split(low), split(high), split(key)
    for _ in range(10):
        low0, high0 = split(a.binary("muli", c0, a.u64(_M0)))
        low1, high1 = split(a.binary("muli", c2, a.u64(_M1)))
        c0 = a.binary("xori", a.binary("xori", high1, c1), k0)
        c2 = a.binary("xori", a.binary("xori", high0, c3), k1)
        c1, c3 = low1, low0
        k0 = a.binary("andi", a.binary("addi", k0, a.u64(_W0)), mask)
        k1 = a.binary("andi", a.binary("addi", k1, a.u64(_W1)), mask)

    def join(x: N, y: N) -> N:
        return a.binary("ori", x, a.binary("shli", y, shift))
    return join(c0, c1), join(c2, c3)


def philox_low(a: Arithmetic[N], key: N, high: N, low: N) -> N:
    return philox(a, key, high, low)[0]


def philox_high(a: Arithmetic[N], key: N, high: N, low: N) -> N:
    return philox(a, key, high, low)[1]


# ---- uniform numbers ----


def unit(a: Arithmetic[N], bits: N) -> N:
    """k / 2**53 for the upper 53 bits k: 0 <= u < 1."""
    return a.binary("mulf", a.to_float(a.binary("shrui", bits, a.u64(11))), a.f64(2.0**-53))


def inner_unit(a: Arithmetic[N], bits: N) -> N:
    """(k + 1/2) / 2**52 for the upper 52 bits k: 0 < u < 1."""
    k = a.to_float(a.binary("shrui", bits, a.u64(12)))
    return a.binary("mulf", a.binary("addf", k, a.f64(0.5)), a.f64(2.0**-52))


def affine(a: Arithmetic[N], x: N, scale: N, shift: N) -> N:
    """x * scale + shift, rounded twice."""
    return a.binary("addf", a.binary("mulf", x, scale), shift)


# ---- logarithm and normal quantile ----

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # ln 2 in two parts
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD


def log(a: Arithmetic[N], x: N) -> N:
    """Natural logarithm of a normal number: x = m 2**e with m near 1, log m = 2 artanh((m - 1) / (m + 1))."""
    bits = a.bits(x)
    bias = 1024 << 52
    # e + 1024, where e is such that m is in [sqrt(1/2), sqrt(2))
    e = a.binary("shrui", a.binary("addi", bits, a.u64(bias - _SQRT_HALF_BITS)), a.u64(52))
    m = a.from_bits(a.binary("addi", a.binary("addi", bits, a.u64(bias)), a.binary("muli", e, a.u64(-(1 << 52)))))
    exponent = a.binary("subf", a.to_float(e), a.f64(1024.0))
    f = a.binary("subf", m, a.f64(1.0))
    s = a.binary("divf", f, a.binary("addf", m, a.f64(1.0)))
    z = a.binary("mulf", s, s)
    series = a.f64(2 / 27)
    for k in range(25, 1, -2):
        series = a.binary("addf", a.binary("mulf", series, z), a.f64(2 / k))
    tail = a.binary("mulf", a.binary("mulf", z, s), series)
    low = a.binary("addf", tail, a.binary("mulf", exponent, a.f64(_LN2_LOW)))
    middle = a.binary("addf", a.binary("addf", s, s), low)
    return a.binary("addf", a.binary("mulf", exponent, a.f64(_LN2_HIGH)), middle)


def exponential(a: Arithmetic[N], bits: N) -> N:
    """-log u for u in (0, 1)."""
    return a.binary("subf", a.f64(0.0), log(a, inner_unit(a, bits)))


def _ratio(a: Arithmetic[N], x: N, above: Sequence[float], below: Sequence[float]) -> N:
    def horner(coefficients: Sequence[float]) -> N:
        value = a.f64(coefficients[-1])
        for c in coefficients[-2::-1]:
            value = a.binary("addf", a.binary("mulf", value, x), a.f64(c))
        return value
    return a.binary("divf", horner(above), horner(below))


# Wichura, Algorithm AS 241 (PPND16), Applied Statistics 37 (1988): centre, shoulders, tails.
_CENTRE = (
    (3.3871328727963666080, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
     3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3))
_SHOULDER = (
    (1.42343711074968357734, 4.63033784615654529590, 5.76949722146069140550, 3.64784832476320460504,
     1.27045825245236838258, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187, 1.67638483018380384940, 6.89767334985100004550e-1, 1.48103976427480074590e-1,
     1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9))
_TAIL = (
    (6.65790464350110377720, 5.46378491116411436990, 1.78482653991729133580, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15))


def normal_quantile(a: Arithmetic[N], p: N) -> N:
    """The z below which a standard normal number lies with probability p, 0 < p < 1 (about 1e-16 relative)."""
    q = a.binary("subf", p, a.f64(0.5))
    centre_r = a.binary("subf", a.f64(0.180625), a.binary("mulf", q, q))
    centre = a.binary("mulf", q, _ratio(a, centre_r, *_CENTRE))
    negative = a.less(q, a.f64(0.0))
    rest = a.select(negative, p, a.binary("subf", a.f64(1.0), p))
    r = a.sqrt(a.binary("subf", a.f64(0.0), log(a, rest)))
    shoulder = _ratio(a, a.binary("subf", r, a.f64(1.6)), *_SHOULDER)
    tail = _ratio(a, a.binary("subf", r, a.f64(5.0)), *_TAIL)
    outer = a.select(a.less(a.f64(5.0), r), tail, shoulder)
    outer = a.select(negative, a.binary("subf", a.f64(0.0), outer), outer)
    size = a.select(negative, a.binary("subf", a.f64(0.0), q), q)
    return a.select(a.less(a.f64(0.425), size), outer, centre)


def normal(a: Arithmetic[N], bits: N) -> N:
    return normal_quantile(a, inner_unit(a, bits))


# ---- gamma numbers (Marsaglia and Tsang, ACM TOMS 26, 2000) ----

_ROUND = 1.5 * 2.0**52  # added and taken away, it rounds to an integer
_EXP_TERMS = 14


def exp(a: Arithmetic[N], x: N) -> N:
    """e**x for x <= 0, as of -708 below it: x = n ln 2 + r, Taylor's series of r, and n into the exponent."""
    x = a.select(a.less(x, a.f64(-708.0)), a.f64(-708.0), x)
    n = a.binary("subf", a.binary("addf", a.binary("mulf", x, a.f64(1 / np.log(2))), a.f64(_ROUND)), a.f64(_ROUND))
    r = a.binary("subf", x, a.binary("mulf", n, a.f64(_LN2_HIGH)))
    r = a.binary("subf", r, a.binary("mulf", n, a.f64(_LN2_LOW)))
    series = a.f64(1.0)
    for k in range(_EXP_TERMS, 0, -1):
        series = a.binary("addf", a.binary("divf", a.binary("mulf", series, r), a.f64(float(k))), a.f64(1.0))
    # the low bits of n + 1.5 * 2**52 + 1023 are n + 1023
    biased = a.bits(a.binary("addf", n, a.f64(_ROUND + 1023.0)))
    return a.binary("mulf", series, a.from_bits(a.binary("shli", biased, a.u64(52))))


def gamma_attempt(a: Arithmetic[N], z: N, waiting: N, shape: N) -> N:
    """A gamma number of a shape of at least 1 from a normal and an exponential number, or -1: try again."""
    d = a.binary("subf", shape, a.f64(1.0 / 3.0))
    c = a.binary("divf", a.f64(1.0), a.sqrt(a.binary("mulf", d, a.f64(9.0))))
    w = affine(a, c, z, a.f64(1.0))
    v = a.binary("mulf", a.binary("mulf", w, w), w)
    positive = a.less(a.f64(0.0), w)
    log_v = log(a, a.select(positive, v, a.f64(1.0)))
    bound = affine(a, a.binary("mulf", z, a.f64(0.5)), z, waiting)
    bound = a.binary("addf", bound, a.binary("mulf", d, a.binary("addf", a.binary("subf", a.f64(1.0), v), log_v)))
    good = a.less(a.f64(0.0), a.select(positive, bound, a.f64(-1.0)))
    return a.select(good, a.binary("mulf", d, v), a.f64(-1.0))


def gamma_boost(a: Arithmetic[N], value: N, waiting: N, shape: N) -> N:
    """From shape + 1 down to a shape below 1: value * u**(1 / shape), where waiting is -log u."""
    boosted = a.binary("mulf", value, exp(a, a.binary("divf", a.binary("subf", a.f64(0.0), waiting), shape)))
    return a.select(a.less(shape, a.f64(1.0)), boosted, value)


def log_gamma_boost(a: Arithmetic[N], value: N, waiting: N, shape: N) -> N:
    """The logarithm of `gamma_boost`."""
    whole = log(a, value)
    return a.select(a.less(shape, a.f64(1.0)), a.binary("subf", whole, a.binary("divf", waiting, shape)), whole)


def share(a: Arithmetic[N], log_x: N, log_y: N) -> N:
    """x / (x + y) = 1 / (1 + y / x)."""
    more = a.binary("subf", log_y, log_x)
    small = exp(a, a.select(a.less(a.f64(0.0), more), a.binary("subf", a.f64(0.0), more), more))
    top = a.select(a.less(a.f64(0.0), more), small, a.f64(1.0))
    return a.binary("divf", top, a.binary("addf", a.f64(1.0), small))
