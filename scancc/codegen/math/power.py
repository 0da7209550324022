"""pow, by a logarithm and an exponential with about 68 bits between them; cbrt; hypot."""

from __future__ import annotations

from . import coefficients
from .builder import Value, estrin, fma, where
from .doubled import Doubled, add, divide, fast_two_sum, product, two_product, two_sum
from .exponential import EXP_RANGE, LN2_PARTS, power_of_two, reduce_ln2, scaled
from .logarithm import INFINITY, NAN, split_positive

TWO_THIRDS = (0.6666666666666666, float.fromhex("0x1.5555555555555p-55"))


def log_wide(x: Value) -> Doubled:
    """log(x) for positive x, to about 2**-65 of it."""
    k, m = split_positive(x)
    f = m - 1.0
    s = divide(Doubled(f, f.like(0.0)), fast_two_sum(2.0, f))
    z = product(s, s)
    slope = fast_two_sum(TWO_THIRDS[0], z.hi * estrin(coefficients.POW_LOG, z.hi))
    third = product(s, product(z, Doubled(slope.hi, slope.lo + TWO_THIRDS[1])))
    near = fast_two_sum(s.hi * 2.0, third.hi)
    near_lo = near.lo + fma(s.lo, 2.0, third.lo)
    ln2_hi, ln2_lo = LN2_PARTS["f64"]
    total = two_sum(k * ln2_hi, near.hi)
    return fast_two_sum(total.hi, total.lo + fma(k, ln2_lo, near_lo))


def exp_wide(x: Doubled) -> Value:
    """exp(x.hi + x.lo); x.hi may be infinite, x.lo is then of no account."""
    shifted, n, upper, upper_lo = reduce_ln2(x.hi)
    r, r_lo = fast_two_sum(upper, upper_lo + x.lo)
    start = fast_two_sum(1.0, r)
    tail = fma(r * r, estrin(coefficients.EXPM1_F64, r), fma(r, r_lo, r_lo) + start.lo)
    return scaled(start.hi + tail, shifted, n, x.hi, EXP_RANGE["f64"])


def _integer_parity(y: Value) -> tuple[Value, Value]:
    """Whether y is an integer (infinities are), and an odd one."""
    f = y.format
    unit = 2.0**f.mantissa_bits
    size = y.abs()
    small = size < unit
    counted = where(small, size + unit, size)
    integer = where(small, counted - unit, size).equals(size)
    odd = (counted.bits() & 1).equals(1) & integer & (size < 2.0 * unit)
    return integer, odd


def _special_cases(x: Value, y: Value, magnitude: Value) -> Value:
    """C99's pow from `magnitude` = |x|**y for finite nonzero x other than -1 and 1."""
    size = x.abs()
    integer, odd = _integer_parity(y)
    extreme = size.equals(0.0) | size.equals(INFINITY)
    at_zero_or_infinity = where((size < 1.0) ^ (y < 0.0), x.like(0.0), INFINITY)
    result = where(extreme, at_zero_or_infinity, where(size.equals(1.0), 1.0, magnitude))
    sign = where(odd, x.bits() & x.format.sign_bit, 0)
    result = (result.bits() | sign).as_float()
    no_root = (x < 0.0) & (size < INFINITY) & (integer ^ True)
    result = where(no_root, NAN, result)
    result = where(x.is_nan() | y.is_nan(), x + y, result)
    return where(x.equals(1.0) | y.equals(0.0), 1.0, result)


def _with_special_cases(x: Value, y: Value, magnitude: Value) -> Value:
    """They cost a quarter of the whole, so they stand behind a branch: positive x and finite y need none."""
    body = x.body
    ordinary = (x > 0.0) & (x < INFINITY) & (y.abs() < INFINITY)
    body.branch_if_any(ordinary ^ True)
    return body.join([_special_cases(x, y, magnitude)], [magnitude])[0]


def pow(x: Value, y: Value) -> Value:
    logarithm = log_wide(x.abs())
    hi, lo = two_product(logarithm.hi, y)
    return _with_special_cases(x, y, exp_wide(Doubled(hi, fma(logarithm.lo, y, lo))))


def pow_f32(x: Value, y: Value) -> Value:
    k, m = split_positive(x.abs())
    f = (m - 1.0).to_f64()
    s = f / (f + 2.0)
    z = s * s
    natural = fma(s * z, estrin(coefficients.POW_LOG_F32, z), s + s)
    product = y.to_f64() * fma(k.to_f64(), 0.6931471805599453, natural)
    shifted, _, r, _ = reduce_ln2(product.at_most(100.0).at_least(-110.0))
    near = fma(r * r, estrin(coefficients.POW_EXP_F32, r), r + 1.0)
    return _with_special_cases(x, y, (near * power_of_two(shifted)).to_f32())


CBRT_2 = 1.2599210498948732
CBRT_HALF = 0.7937005259840998


def _cbrt_parts(x: Value, start: tuple[float, ...]) -> tuple[Value, Value, Value]:
    """y, t and q with cbrt(x) = 2**q * cbrt(y) and t nearly cbrt(y)."""
    f = x.format
    k, m = split_positive(x)
    q = fma(k, 1.0 / 3.0, f.round_magic) - f.round_magic
    left = fma(q, -3.0, k)
    larger, smaller = left > 0.5, left < -0.5
    y = m * where(larger, m.like(2.0), where(smaller, m.like(0.5), 1.0))
    t = estrin(start, m) * where(larger, m.like(CBRT_2), where(smaller, m.like(CBRT_HALF), 1.0))
    return y, t, q


def _finite_root(x: Value, root: Value, q: Value) -> Value:
    scaled = (root * power_of_two(q + x.format.round_magic)).copysign(x)
    ordinary = (x.abs() > 0.0) & (x.abs() < INFINITY)
    return where(ordinary, scaled, x)


def cbrt(x: Value) -> Value:
    """One step of Halley's rule, which triples the digits, with an exact residual."""
    y, t, q = _cbrt_parts(x.abs(), coefficients.CBRT_START)
    square = two_product(t, t)
    cube = two_product(square.hi, t)
    residual = (y - cube.hi) - fma(square.lo, t, cube.lo)
    return _finite_root(x, t + t * residual / fma(cube.hi, 2.0, y), q)


def cbrt_f64_short(x: Value) -> Value:
    """For an f64 that holds an f32."""
    y, t, q = _cbrt_parts(x.abs(), coefficients.CBRT_START_F32)
    cube = t * t * t
    return _finite_root(x, t + t * (y - cube) / fma(cube, 2.0, y), q)


def hypot(x: Value, y: Value) -> Value:
    """sqrt(x*x + y*y), scaled out of reach of overflow, corrected by the residual of the root."""
    a, b = x.abs(), y.abs()
    larger, smaller = where(a > b, a, b), where(a > b, b, a)
    high, low = larger > 2.0**500, larger < 2.0**-400
    down = where(high, a.like(2.0**-600), where(low, a.like(2.0**600), 1.0))
    up = where(high, a.like(2.0**600), where(low, a.like(2.0**-600), 1.0))
    p, q = larger * down, smaller * down
    total = add(two_product(p, p), two_product(q, q))
    root = total.hi.sqrt()
    square = two_product(root, root)
    residual = ((total.hi - square.hi) - square.lo) + total.lo
    fine = root + residual / (root + root)
    result = where(total.hi > 0.0, fine, root) * up
    return _hypot_special(a, b, result)


def _hypot_special(a: Value, b: Value, result: Value) -> Value:
    """Infinity wins over NaN."""
    result = where(a.is_nan() | b.is_nan(), NAN, result)
    return where(a.equals(INFINITY) | b.equals(INFINITY), INFINITY, result)


def hypot_f32(x: Value, y: Value) -> Value:
    p, q = x.to_f64(), y.to_f64()
    return _hypot_special(x.abs(), y.abs(), fma(p, p, q * q).sqrt().to_f32())
