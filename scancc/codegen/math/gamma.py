"""lgamma = log|gamma| and digamma, its derivative.

Up to 8, |x| is moved by the recurrence to an interval of length 1 with one polynomial; from 8 on,
Stirling's series.  Negative x adds the reflection, behind one branch for all lanes.
"""

from __future__ import annotations

from . import coefficients
from .builder import Value, estrin, fma, where
from .doubled import Doubled, fast_two_sum, multiply_one, two_product, two_sum
from .logarithm import INFINITY, NAN, log, log_doubled

PI = (3.141592653589793, float.fromhex("0x1.1a62633145c07p-53"))
STIRLING_CONSTANT = 0.4189385332046727  # log(2*pi)/2 - 1/2
DIGAMMA_ROOT = (float.fromhex("0x1.762d86356be3fp+0"), float.fromhex("0x1.b86a722197829p-54"))
ONE_MINUS_EULER = (0.42278433509846713, float.fromhex("0x1.6cb90701fbfabp-58"))
STIRLING_FROM = 8.0
LGAMMA_OVERFLOW = 2.556e305


def _to_near_two(a: Value) -> tuple[Value, Value]:
    """d and p with gamma(a) = gamma(2 + d) * p for a >= 1.5 (gamma(2 + d) / p below), |d| <= 1/2."""
    low, middle = a < 0.5, a < 1.5
    d = where(low, a, where(middle, a - 1.0, a - 2.0))
    product = where(low, a * (a + 1.0), where(middle, a, 1.0))
    for step in range(1, 7):
        beyond = a >= step + 1.5
        d = where(beyond, a - float(step + 2), d)
        product = where(beyond, product * (a - float(step)), product)
    return d, product


def _lgamma_positive(a: Value) -> Value:
    d, product = _to_near_two(a)
    large = a >= STIRLING_FROM
    logarithm = log_doubled(where(large, a, product))
    sign = where(a < 1.5, a.like(-1.0), 1.0)
    # Near 1 the two leading terms cancel: their sum is kept exactly.
    linear = two_product(d, ONE_MINUS_EULER[0])
    lead = two_sum(linear.hi, sign * logarithm.hi)
    low = fma(d, ONE_MINUS_EULER[1], linear.lo) + fma(sign, logarithm.lo, lead.lo)
    moved = lead.hi + fma(d * d, estrin(coefficients.LGAMMA, d), low)
    result = where(large, _stirling(a, logarithm), moved)
    finite = (a < LGAMMA_OVERFLOW) & (a > 0.0)
    return where(finite, result, where(a.is_nan(), a, INFINITY))


def _stirling(a: Value, logarithm: Doubled) -> Value:
    """(a - 1/2)*(log(a) - 1) + log(2*pi)/2 - 1/2 + S(1/a**2)/a"""
    slope = two_sum(logarithm.hi, -1.0)
    lead = multiply_one(fast_two_sum(slope.hi, slope.lo + logarithm.lo), a - 0.5)
    inverse = 1.0 / a
    rest = inverse * estrin(coefficients.STIRLING, inverse * inverse)
    return lead.hi + (lead.lo + (rest + STIRLING_CONSTANT))


def _distance_to_integer(a: Value) -> Value:
    """a minus the nearest integer, for a >= 0."""
    unit = 2.0**a.format.mantissa_bits
    return where(a < unit, a - ((a + unit) - unit), a - a)


def _sin_pi(r: Value) -> Value:
    """sin(pi*r) for |r| <= 1/2."""
    z = r * r
    return fma(r, PI[0], r * fma(z, estrin(coefficients.SIN_PI, z), PI[1]))


def lgamma(x: Value) -> Value:
    a, body = x.abs(), x.body
    positive = _lgamma_positive(a)
    body.branch_if_any(x < 0.0)
    sine = _sin_pi(_distance_to_integer(a)).abs()
    mirrored = -log(a * sine * (1.0 / PI[0])) - positive
    usual = (a > 2.0**-60) & (a < LGAMMA_OVERFLOW)  # below, gamma(x) is 1/x, and above there are only poles
    negative = where((x < 0.0) & usual, mirrored, positive)
    return body.join([negative], [positive])[0]


def _to_one_two(a: Value) -> tuple[Value, Value, Value]:
    """y in [1, 2], n and d with digamma(a) = digamma(y) + n/d."""
    low = a < 1.0
    y, n, d = where(low, a + 1.0, a), where(low, a.like(-1.0), 0.0), where(low, a, 1.0)
    for step in range(1, 7):
        beyond = a >= step + 1.0
        lower = a - float(step)
        y = where(beyond, lower, y)
        n, d = where(beyond, fma(n, lower, d), n), where(beyond, d * lower, d)
    return y, n, d


def _digamma_positive(a: Value) -> Value:
    y, n, d = _to_one_two(a)
    large = a >= STIRLING_FROM
    inverse = 1.0 / where(large, a, d)
    from_root = (y - DIGAMMA_ROOT[0]) - DIGAMMA_ROOT[1]
    moved = fma(from_root, estrin(coefficients.DIGAMMA, y - 1.5), n * inverse)
    z = inverse * inverse
    rest = fma(inverse, 0.5, z * estrin(coefficients.DIGAMMA_REST, z))
    return where(large, log(a) - rest, moved)


def digamma(x: Value) -> Value:
    a, body = x.abs(), x.body
    positive = _digamma_positive(a)
    body.branch_if_any(x <= 0.0)
    r = _distance_to_integer(a)
    cosine = _sin_pi(0.5 - r.abs())
    mirrored = (positive + 1.0 / a) + PI[0] * cosine / _sin_pi(r)
    mirrored = where(a < 2.0**-60, 1.0 / a, mirrored)  # where the terms overflow
    at_pole = where(x.equals(0.0), (-x.like(INFINITY)).copysign(-x), NAN)
    negative = where(r.equals(0.0), at_pole, mirrored)
    return body.join([where(x <= 0.0, negative, positive)], [positive])[0]
