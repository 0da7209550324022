"""Fit the polynomials of scancc.codegen.math: regenerates its coefficients.py.

    python benchmarks/fit_math.py            # write the file
    python benchmarks/fit_math.py --check    # say whether the file is what would be written
    python benchmarks/fit_math.py exp_f64    # print one fit and its error

Remez exchange in 60-digit arithmetic (mpmath).  A coefficient that is rounded stays fixed while the
rest are fitted again, lowest order first, so that the rounding of the large ones costs nothing.
In float64 that is worth its time for the first few only.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from mpmath import mp, mpf

Real = Any  # mpmath has no types
Function = Callable[[Real], Real]

COEFFICIENTS = Path(__file__).resolve().parents[1] / "scancc/codegen/math/coefficients.py"


@dataclass(frozen=True)
class Fit:
    """target(x) as a polynomial of n_terms on [low, high]; weight(x) * error is levelled."""

    target: Function
    weight: Function
    low: float
    high: float
    n_terms: int
    dtype: str = "f64"
    n_alone: int = 4  # coefficients rounded one at a time: none where x = 0 is inside and has weight


@dataclass(frozen=True)
class RationalFit:
    """target(x) as a quotient of polynomials with these numbers of terms."""

    target: Function
    weight: Function
    low: float
    high: float
    n_numerator: int
    n_denominator: int


def round_to(dtype: str, x: Real) -> float:
    return float(x) if dtype == "f64" else float(np.float32(float(x)))


def chebyshev_points(low: Real, high: Real, n: int) -> list[Real]:
    middle, half = (low + high) / 2, (high - low) / 2
    return [middle - half * mp.cos(mp.pi * (2 * i + 1) / (2 * n)) for i in range(n)]


class Remez:
    """One fit; samples of target and weight are computed once on a fixed grid."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        n_grid = max(40 * fit.n_terms, 200)
        self.grid = chebyshev_points(mpf(fit.low), mpf(fit.high), n_grid)
        self.values = [fit.target(x) for x in self.grid]
        self.weights = [fit.weight(x) for x in self.grid]
        self.fixed: list[Real] = []

    def residuals(self, coefficients: list[Real]) -> list[Real]:
        top_first = coefficients[::-1]
        return [
            w * (v - mp.polyval(top_first, x))
            for x, v, w in zip(self.grid, self.values, self.weights, strict=True)
        ]

    def solve(self, reference: list[int]) -> list[Real]:
        """The coefficients that level the error with alternating sign on the reference points."""
        n_fixed, n_free = len(self.fixed), self.fit.n_terms - len(self.fixed)
        rows, right = [], []
        for sign, i in enumerate(reference):
            x, w = self.grid[i], self.weights[i]
            known = mp.polyval(self.fixed[::-1], x) if self.fixed else mpf(0)
            rows.append([x ** (n_fixed + k) for k in range(n_free)] + [(-1) ** sign / w])
            right.append(self.values[i] - known)
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix(right))
        return self.fixed + [solution[k] for k in range(n_free)]

    def free_fit(self) -> list[Real]:
        n_points = self.fit.n_terms - len(self.fixed) + 1
        n_grid = len(self.grid)
        reference = [(2 * i + 1) * n_grid // (2 * n_points) for i in range(n_points)]
        for _ in range(25):
            coefficients = self.solve(reference)
            better = alternating_peaks(self.residuals(coefficients), n_points)
            if better == reference or len(better) < n_points:
                break
            reference = better
        return coefficients

    def rounded_fit(self) -> list[float]:
        dtype, n_terms = self.fit.dtype, self.fit.n_terms
        while len(self.fixed) < (n_terms if dtype == "f32" else self.fit.n_alone):
            self.fixed.append(mpf(round_to(dtype, self.free_fit()[len(self.fixed)])))
        rest = self.free_fit()[len(self.fixed) :] if len(self.fixed) < n_terms else []
        return [round_to(dtype, c) for c in [*self.fixed, *rest]]

    def error(self, coefficients: list[float]) -> Real:
        return max(abs(e) for e in self.residuals([mpf(c) for c in coefficients]))


def alternating_peaks(errors: list[Real], n_wanted: int) -> list[int]:
    """The positions of n_wanted extrema of alternating sign (fewer, if there are not as many)."""
    peaks: list[int] = []
    for i, e in enumerate(errors):
        if peaks and (e > 0) == (errors[peaks[-1]] > 0):
            if abs(e) > abs(errors[peaks[-1]]):
                peaks[-1] = i
        else:
            peaks.append(i)
    while len(peaks) > n_wanted:
        drop_smallest(peaks, [abs(errors[i]) for i in peaks], pair=len(peaks) > n_wanted + 1)
    return peaks


def drop_smallest(peaks: list[int], heights: list[Real], pair: bool) -> None:
    """Remove the lowest peak so that the signs still alternate: an end, or two neighbours."""
    ends = (0, len(peaks) - 1)
    smallest = min(range(len(peaks)) if pair else ends, key=lambda i: heights[i])
    if smallest in ends:
        del peaks[smallest]
        return
    neighbour = min((smallest - 1, smallest + 1), key=lambda i: heights[i])
    del peaks[min(smallest, neighbour):max(smallest, neighbour) + 1]


def series_tail(function: Function, known: Function, power: int) -> Function:
    """(function - known) / x**power, with the digits that the cancellation eats."""

    def tail(x: Real) -> Real:
        with mp.workdps(120):
            return (function(x) - known(x)) / x**power

    return tail


def of_square(tail: Function) -> Function:
    return lambda z: tail(mp.sqrt(z))


TINY = 1e-9
HALF_LN2 = 0.34658
QUARTER_PI = 0.78541
LOG_LOW, LOG_HIGH = 0.70709, 1.41422

exp_tail = series_tail(mp.exp, lambda x: 1 + x, 2)
log_tail = of_square(series_tail(lambda s: mp.log((1 + s) / (1 - s)), lambda s: 2 * s, 3))
pow_log_tail = of_square(
    series_tail(lambda s: mp.log((1 + s) / (1 - s)), lambda s: 2 * s + 2 * s**3 / 3, 5)
)
log1p_tail = series_tail(mp.log1p, lambda x: x - x * x / 2, 3)
sin_tail = of_square(series_tail(mp.sin, lambda x: x, 3))
cos_tail = of_square(series_tail(mp.cos, lambda x: 1 - x * x / 2, 4))
sinh_tail = of_square(series_tail(mp.sinh, lambda x: x, 3))
atan_tail = of_square(series_tail(mp.atan, lambda x: x, 3))
asin_tail = of_square(series_tail(mp.asin, lambda x: x, 3))
erf_tail = of_square(series_tail(mp.erf, lambda x: 2 * x / mp.sqrt(mp.pi), 3))
sin_pi_tail = of_square(series_tail(lambda x: mp.sin(mp.pi * x), lambda x: mp.pi * x, 3))
ATAN_BREAK = 0.4375
ERFC_CENTRE, ERFC_END = 4, 28.0


def erfc_scaled(t: Real) -> Real:
    """(1 + 2x) * exp(x*x) * erfc(x), nearly constant, where t = (x - 4)/(x + 4)."""
    x = ERFC_CENTRE * (1 + mpf(t)) / (1 - t)
    with mp.workdps(100):
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x)


def lgamma_tail(d: Real) -> Real:
    """(log(gamma(2 + d)) - (1 - euler)*d) / d**2"""
    with mp.workdps(100):
        return (mp.loggamma(2 + mpf(d)) - (1 - mp.euler) * d) / mpf(d) ** 2


def stirling_rest(z: Real) -> Real:
    """x times what log(gamma(x)) adds to Stirling's formula, where z = 1/x**2."""
    x = 1 / mp.sqrt(z)
    return (mp.loggamma(x) - (x - mpf(1) / 2) * (mp.log(x) - 1) - (mp.log(2 * mp.pi) - 1) / 2) * x


def digamma_ratio(d: Real) -> Real:
    """digamma(x) / (x - its root), where x = 1.5 + d"""
    x = mpf(d) + mpf(3) / 2
    return mp.digamma(x) / (x - mp.findroot(mp.digamma, 1.4616))


def digamma_rest(z: Real) -> Real:
    """(log(x) - 1/(2x) - digamma(x)) / z, where z = 1/x**2"""
    x = 1 / mp.sqrt(z)
    return (mp.log(x) - 1 / (2 * x) - mp.digamma(x)) / z


S_HIGH = ((LOG_HIGH - 1) / (LOG_HIGH + 1)) ** 2


def _exp_fit(n_terms: int, dtype: str) -> Fit:
    return Fit(exp_tail, lambda x: x * x / mp.exp(x), -HALF_LN2, HALF_LN2, n_terms, dtype)


def _expm1_fit(n_terms: int, dtype: str) -> Fit:
    return Fit(exp_tail, lambda x: x * x / abs(mp.expm1(x)), -HALF_LN2, HALF_LN2, n_terms, dtype)


def _sin_fit(n_terms: int, dtype: str) -> Fit:
    return Fit(sin_tail, lambda z: z, TINY, QUARTER_PI**2, n_terms, dtype)


def _cos_fit(n_terms: int, dtype: str) -> Fit:
    return Fit(cos_tail, lambda z: z * z, TINY, QUARTER_PI**2, n_terms, dtype)


FITS: dict[str, Fit] = {
    "exp_f64": _exp_fit(10, "f64"),
    "exp_f32": _exp_fit(5, "f32"),
    "expm1_f64": _expm1_fit(11, "f64"),
    "expm1_f32": _expm1_fit(6, "f32"),
    "log_f64": Fit(log_tail, lambda z: z / 2, TINY, S_HIGH, 7),
    "log_f32": Fit(log1p_tail, lambda x: x**3 / mp.log1p(x), LOG_LOW - 1, LOG_HIGH - 1, 9, "f32"),
    "pow_log": Fit(pow_log_tail, lambda z: z * z / 2, TINY, S_HIGH, 7),
    "pow_log_f32": Fit(log_tail, lambda z: z / 2, TINY, S_HIGH, 4),
    "pow_exp_f32": _exp_fit(5, "f64"),
    "sin_f64": _sin_fit(6, "f64"),
    "cos_f64": _cos_fit(6, "f64"),
    "sinh_f64": Fit(sinh_tail, lambda z: z, TINY, 1.0, 7),
    "sinh_f32": Fit(sinh_tail, lambda z: z, TINY, 1.0, 4, "f32"),
    "atan_f64": Fit(atan_tail, lambda z: z, TINY, ATAN_BREAK**2, 13),
    "atan_f32": Fit(atan_tail, lambda z: z, TINY, ATAN_BREAK**2, 6),
    "asin_f64": Fit(asin_tail, lambda z: z, TINY, 0.25, 13),
    "asin_f32": Fit(asin_tail, lambda z: z, TINY, 0.25, 6),
    "cbrt_start": Fit(mp.cbrt, lambda x: 1 / mp.cbrt(x), LOG_LOW, LOG_HIGH, 6),
    "cbrt_start_f32": Fit(mp.cbrt, lambda x: 1 / mp.cbrt(x), LOG_LOW, LOG_HIGH, 4),
    "erf_f64": Fit(erf_tail, lambda z: z, TINY, 1.0, 12),
    "erf_f32": Fit(erf_tail, lambda z: z, TINY, 1.0, 6),
    "erfc_f64": Fit(erfc_scaled, lambda t: 1 / erfc_scaled(t), -1.0, 0.75, 24, n_alone=0),
    "erfc_f32": Fit(erfc_scaled, lambda t: 1 / erfc_scaled(t), -1.0, 0.75, 13, n_alone=0),
    "lgamma": Fit(lgamma_tail, lambda d: d * d, -0.5, 0.5000001, 18, n_alone=0),
    "stirling": Fit(stirling_rest, lambda z: mp.sqrt(z) / 4, 1e-7, 1 / 64, 6),
    "digamma": Fit(digamma_ratio, lambda d: 1 / digamma_ratio(d), -0.5, 0.5000001, 23, n_alone=0),
    "digamma_rest": Fit(digamma_rest, lambda z: z / 2, 1e-7, 1 / 64, 6),
    "sin_pi": Fit(sin_pi_tail, lambda z: z / 2, TINY, 0.25, 8),
    "sin_f32": _sin_fit(3, "f32"),
    "cos_f32": _cos_fit(3, "f32"),
}


class RationalRemez:
    """P/Q with Q(0) = 1; the points are dense near the lower end, where the squares are."""

    def __init__(self, fit: RationalFit) -> None:
        self.fit = fit
        self.n_points = fit.n_numerator + fit.n_denominator
        roots = chebyshev_points(mp.sqrt(fit.low), mp.sqrt(fit.high), 60 * self.n_points)
        self.grid = [r * r for r in roots]
        self.values = [fit.target(x) for x in self.grid]
        self.weights = [fit.weight(x) for x in self.grid]

    def solve(self, reference: list[int], level: Real) -> tuple[list[Real], list[Real], Real]:
        """One linear step: the level of the error in the products with Q is the last one's."""
        n_top, n_bottom = self.fit.n_numerator, self.fit.n_denominator
        rows, right = [], []
        for position, i in enumerate(reference):
            x, value, step = self.grid[i], self.values[i], (-1) ** position / self.weights[i]
            bottom = [-(value - step * level) * x**j for j in range(1, n_bottom)]
            rows.append([x**j for j in range(n_top)] + bottom + [step])
            right.append(value)
        solution = list(mp.lu_solve(mp.matrix(rows), mp.matrix(right)))
        return solution[:n_top], [mpf(1), *solution[n_top:-1]], solution[-1]

    def residuals(self, top: list[Real], bottom: list[Real]) -> list[Real]:
        ratios = (mp.polyval(top[::-1], x) / mp.polyval(bottom[::-1], x) for x in self.grid)
        return [w * (v - r) for w, v, r in zip(self.weights, self.values, ratios, strict=True)]

    def run(self) -> tuple[list[float], list[float], Real]:
        """The best of the steps: unlike the polynomial's, they may leave the solution again."""
        n = len(self.grid)
        reference = [(2 * i + 1) * n // (2 * self.n_points) for i in range(self.n_points)]
        level = mpf(0)
        best: tuple[Real, list[Real], list[Real]] = (mp.inf, [], [])
        for step in range(40):
            top, bottom, level = self.solve(reference, level)
            errors = self.residuals(top, bottom)
            best = min(best, (max(map(abs, errors)), top, bottom), key=lambda b: b[0])
            if step % 3 == 2:
                better = alternating_peaks(errors, self.n_points)
                reference = better if len(better) == self.n_points else reference
        sides = [[mpf(float(c)) for c in side] for side in best[1:]]
        worst = max(abs(e) for e in self.residuals(*sides))
        return [float(c) for c in sides[0]], [float(c) for c in sides[1]], worst


def tanh_ratio(z: Real) -> Real:
    return mp.tanh(mp.sqrt(z)) / mp.sqrt(z)


def tanh_rest(z: Real) -> Real:
    """(tanh(x)/x - 1) / z, where z = x*x"""
    with mp.workdps(100):
        return (tanh_ratio(mpf(z)) - 1) / z


RATIONAL_FITS: dict[str, RationalFit] = {
    "tanh_f64": RationalFit(tanh_rest, lambda z: z / tanh_ratio(z), 1e-10, 0.77**2, 4, 4),
    "tanh_f32": RationalFit(tanh_ratio, lambda z: 1 / tanh_ratio(z), 1e-12, 9.2**2, 5, 6),
}


HEADER = '''"""Polynomial coefficients, lowest order first.  Written by benchmarks/fit_math.py."""

from __future__ import annotations

# fmt: off
'''


def constant_text(name: str, coefficients: list[float], error: Real) -> str:
    lines = [f"{name.upper()} = (  # error 2**{float(mpmath.log(error, 2)):.1f}"]
    return "\n".join([*lines, *(f"    {c!r}," for c in coefficients), ")"])


def fitted(name: str) -> str:
    """The constants of one fit, with their error as a comment."""
    if name in RATIONAL_FITS:
        top, bottom, error = RationalRemez(RATIONAL_FITS[name]).run()
        parts = (constant_text(f"{name}_numerator", top, error),
                 constant_text(f"{name}_denominator", bottom, error))
        return "\n".join(parts)
    remez = Remez(FITS[name])
    coefficients = remez.rounded_fit()
    return constant_text(name, coefficients, remez.error(coefficients))


def main(names: list[str]) -> int:
    mp.dps = 60
    if names and names != ["--check"]:
        print("\n".join(fitted(name) for name in names))
        return 0
    text = HEADER + "\n".join(map(fitted, [*FITS, *RATIONAL_FITS])) + "\n"
    if names:
        same = COEFFICIENTS.read_text() == text
        print("the file is up to date" if same else "the file differs: run without --check to write it")
        return int(not same)
    COEFFICIENTS.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
