"""x = n*pi/2 + r with |r| <= pi/4, exact enough for every finite x: the reduction of sin, cos and tan.

Up to FAST_LIMIT it is three constants and no branch.  Beyond it (and only then, one branch for all
lanes together) a function that is not inlined multiplies by the right bits of 2/pi, after Payne and
Hanek (1983), lane by lane.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from .builder import Body, Kind, Value, fma, where
from .doubled import Doubled, fast_two_sum, multiply, two_product, two_sum
from .function import MathFunction

TWO_OVER_PI = 0.6366197723675814
HALF_PI = (
    float.fromhex("0x1.921fb54442d18p+0"),
    float.fromhex("0x1.1a62633145c07p-54"),
    float.fromhex("-0x1.f1976b7ed8fbcp-110"),
)
# For float32 without a fused multiply-add: products with an n of 28 bits are exact.
HALF_PI_SHORT = (
    float.fromhex("0x1.921fb5p+0"),
    float.fromhex("0x1.110b46p-26"),
    float.fromhex("0x1.1a62633145c07p-54"),
)
FAST_LIMIT = 2.0**28

REDUCER = "scancc.trig.reduce"
TABLE = "scancc.two_over_pi"

# Bits of 2/pi after the binary point, behind 64 zeros: enough for the largest double.
TWO_OVER_PI_WORDS = (
    0x0000000000000000, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041,
    0xFE5163ABDEBBC561, 0xB7246E3A424DD2E0, 0x06492EEA09D1921C, 0xFE1DEB1CB129A73E,
    0xE88235F52EBB4484, 0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B,
    0x1FF897FFDE05980F, 0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D,
    0x7527BAC7EBE5F17B, 0x3D0739F78A5292EA, 0x6BFB5FB11F8D5D08, 0x56033046FC7B6BAB,
    0xF0CFBC209AF4361D,
)  # fmt: skip


class Reduced(NamedTuple):
    """x = n*pi/2 + r + r_lo; the low two bits of n count."""

    r: Value
    r_lo: Value
    n: Value


def _minus_product(x: Value, n: Value, factor: float) -> Value:
    """x - n*factor, rounded once at most."""
    if x.body.has_fma:
        return fma(-n, factor, x)
    product = two_product(n, factor)
    return (x - product.hi) - product.lo


def _reduce_fast(x: Value) -> Reduced:
    magic = x.format.round_magic
    shifted = fma(x, TWO_OVER_PI, magic)
    n = shifted - magic
    upper = _minus_product(x, n, HALF_PI[0])  # exact: a multiple of x's last bit, below 1
    middle = two_product(n, HALF_PI[1])
    total = two_sum(upper, -middle.hi)
    return Reduced(total.hi, fma(-n, HALF_PI[2], total.lo - middle.lo), shifted.bits())


def _reduce_fast_f32(x: Value) -> Reduced:
    """For an f64 that holds an f32: r alone is enough."""
    magic = x.format.round_magic
    shifted = fma(x, TWO_OVER_PI, magic)
    n = shifted - magic
    parts = HALF_PI[:2] if x.body.has_fma else HALF_PI_SHORT
    r = x
    for part in parts:
        r = fma(-n, part, r)
    return Reduced(r, x.like(0.0), shifted.bits())


def _with_slow_path(x: Value, fast: Reduced) -> Reduced:
    """`fast`, but where |x| is beyond its limit (or infinite) the slow function's result."""
    body = x.body
    large = x.abs() >= FAST_LIMIT
    kinds: tuple[Kind, ...] = ("f64", "f64", "f64", "i64")
    room = body.room(kinds)
    body.branch_if_any(large)
    slow = body.call_through(_reducer(body.has_fma), x, room, kinds)
    chosen = [where(large, by_table, quick) for by_table, quick in zip(slow, fast, strict=True)]
    return Reduced(*body.join(chosen, list(fast)))


def reduce_any(x: Value) -> Reduced:
    """Of an f64."""
    return _with_slow_path(x, _reduce_fast(x))


def reduce_f32(x: Value) -> Reduced:
    """Of an f64 that holds an f32; r_lo is 0 where the fast way serves."""
    return _with_slow_path(x, _reduce_fast_f32(x))


_REDUCER_TEXT = """\
@{table} = internal constant [{n_words} x i64] [{words}], align 8
define internal void @{symbol}(ptr %px, ptr %pr, ptr %pl, ptr %pn, i64 %lanes) noinline cold nounwind {{
entry:
  br label %lane
lane:
  %i = phi i64 [ 0, %entry ], [ %next, %lane ]
  %at_x = getelementptr double, ptr %px, i64 %i
  %x = load double, ptr %at_x, align 8
{lines}
  %at_r = getelementptr double, ptr %pr, i64 %i
  store double {r}, ptr %at_r, align 8
  %at_l = getelementptr double, ptr %pl, i64 %i
  store double {r_lo}, ptr %at_l, align 8
  %at_n = getelementptr i64, ptr %pn, i64 %i
  store i64 {n}, ptr %at_n, align 8
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %lanes
  br i1 %more, label %lane, label %done
done:
  ret void
}}"""


@lru_cache(maxsize=2)
def _reducer(fma_available: bool) -> MathFunction:
    body = Body(1, fma_available)
    r, r_lo, n = reduce_large(Value(body, "f64", "%x"))
    text = _REDUCER_TEXT.format(
        symbol=REDUCER, table=TABLE, lines="\n".join(body.lines), r=r.name, r_lo=r_lo.name, n=n.name,
        n_words=len(TWO_OVER_PI_WORDS), words=", ".join(f"i64 {w}" for w in TWO_OVER_PI_WORDS),
    )  # fmt: skip
    return MathFunction(REDUCER, text, tuple(body.declares), is_shared=True)


def reduce_large(x: Value) -> Reduced:
    """Exact reduction of one finite |x| >= 2**20 or so; NaN for infinities, anything for small x."""
    bits = x.bits() & 0x7FFFFFFFFFFFFFFF
    exponent = (bits >> 52) - 1075
    mantissa = (bits & 0xFFFFFFFFFFFFF) | (1 << 52)
    # The window starts at the bit of 2/pi that weighs 2**(1 - exponent): all before it is whole turns.
    start = (exponent + 62).at_least(0)
    hi, lo = _times_window(mantissa, *_window(start))
    # hi.lo is the fraction of a turn; two bits are quadrants, the rest is rounded to the nearest one.
    n = (hi + (1 << 61)) >> 62
    rest_hi, rest_lo = hi - (n << 62), lo
    flip = rest_hi.ashr(63)
    r = _fraction_to_angle(rest_hi ^ flip, rest_lo ^ flip)
    sign = x.bits() & -(1 << 63)
    outward = flip & -(1 << 63)
    r_hi = (r.hi.bits() ^ sign ^ outward).as_float()
    r_lo = (r.lo.bits() ^ sign ^ outward).as_float()
    n_signed = where(x < 0.0, -n, n)
    return Reduced(where(x.abs() < float("inf"), r_hi, x - x), r_lo, n_signed)


def _window(start: Value) -> tuple[Value, Value, Value]:
    """192 bits of 2/pi from bit `start` of the table on."""
    index, shift = (start >> 6).at_most(len(TWO_OVER_PI_WORDS) - 4), start & 63
    words = [start.body.word(TABLE, index + k) for k in range(4)]
    # Two shifts, because one by 64 is undefined.
    w0, w1, w2 = ((a << shift) | ((b >> 1) >> (63 - shift)) for a, b in pairwise(words))
    return w0, w1, w2


def _wide_product(a: Value, b: Value) -> tuple[Value, Value]:
    """The 128 bits of a*b as (hi, lo), by 32-bit halves: some targets call a function for i128."""
    mask = 0xFFFFFFFF
    a_hi, a_lo, b_hi, b_lo = a >> 32, a & mask, b >> 32, b & mask
    low, middle, other = a_lo * b_lo, a_hi * b_lo, a_lo * b_hi
    carry = (low >> 32) + (middle & mask) + (other & mask)
    hi = a_hi * b_hi + (middle >> 32) + (other >> 32) + (carry >> 32)
    return hi, (carry << 32) | (low & mask)


def _times_window(m: Value, w0: Value, w1: Value, w2: Value) -> tuple[Value, Value]:
    """The upper 128 of the lower 192 bits of m * (w0, w1, w2)."""
    middle_hi, middle_lo = _wide_product(m, w1)
    last_hi, _ = _wide_product(m, w2)
    lo = middle_lo + last_hi
    carry = where(lo.below_unsigned(last_hi), lo.like(1), 0)
    return m * w0 + middle_hi + carry, lo


def _fraction_to_angle(hi: Value, lo: Value) -> Doubled:
    """(hi, lo) * 2**-126 quarter turns, hi below 2**61, in radians."""
    mask = (1 << 11) - 1
    top = (hi & ~mask).to_f64() * 2.0**64
    middle = (((hi & mask) << 42) | (lo >> 22)).to_f64() * 2.0**22
    bottom = (lo & ((1 << 22) - 1)).to_f64()
    total = fast_two_sum(top, middle)
    fraction = fast_two_sum(total.hi, total.lo + bottom)
    scaled = Doubled(fraction.hi * 2.0**-126, fraction.lo * 2.0**-126)
    return multiply(scaled, Doubled(top.like(HALF_PI[0]), top.like(HALF_PI[1])))
