"""Three scans beside hand-written C, and what fast_math buys one: `python -m benchmarks.scans`.

Bounds: A**k reads and writes each element once (16 bytes of memory traffic, 64 products in
registers); the cumulative sum waits for one addition a step, and moves 16 bytes; the exponential
moving average waits for one multiply-add a step, and, written as `m + a*(x - m)`, for a difference more, which
fast_math='reassociate' takes out of its way. The C loops write into memory that is already
touched, as a caller's own buffer would be; scancc returns arrays, whose memory it uses again when the
caller has dropped them.
"""

from __future__ import annotations

import ctypes

import numpy as np

import scancc as sc
import scancc.tensor as T
from benchmarks.harness import c_library, interleaved, report

C_SOURCE = """
void power(const double *a, double *r, long n, long k) {
    long i = 0;
    for (; i + 32 <= n; i += 32) {              /* the state stays in registers for all steps */
        double s[32];
        for (int j = 0; j < 32; j++) s[j] = 1.0;
        for (long t = 0; t < k; t++)
            for (int j = 0; j < 32; j++) s[j] *= a[i + j];
        for (int j = 0; j < 32; j++) r[i + j] = s[j];
    }
    for (; i < n; i++) {
        double s = 1.0;
        for (long t = 0; t < k; t++) s *= a[i];
        r[i] = s;
    }
}
void cumsum(const double *x, double *r, long n) {
    double s = 0.0;
    for (long i = 0; i < n; i++) { s += x[i]; r[i] = s; }
}
void ema(const double *x, double *r, long n, double a) {
    double s = 0.0, b = 1.0 - a;
    for (long i = 0; i < n; i++) { s = b * s + a * x[i]; r[i] = s; }
}
"""


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def power() -> sc.Function:
    a, k = T.vector("A"), T.iscalar("k")
    powers, updates = sc.scan(lambda prior, a: prior * a, outputs_info=T.ones_like(a), non_sequences=a, n_steps=k)
    return sc.function([a, k], powers[-1], updates=updates, name="power")


def cumsum() -> sc.Function:
    x = T.vector("x")
    sums, _ = sc.scan(lambda x_i, total: total + x_i, sequences=x, outputs_info=T.constant(0.0))
    return sc.function([x], sums, name="cumsum")


def ema() -> sc.Function:
    x, a = T.vector("x"), T.scalar("a")
    means, _ = sc.scan(lambda x_i, mean, a: (1 - a) * mean + a * x_i, sequences=x, outputs_info=T.constant(0.0),
                       non_sequences=a)
    return sc.function([x, a], means, name="ema")


def approach(fast_math: str) -> sc.Function:
    x, a = T.vector("x"), T.scalar("a")
    means, _ = sc.scan(lambda x_i, mean, a: mean + a * (x_i - mean), sequences=x, outputs_info=T.constant(0.0),
                       non_sequences=a)
    return sc.function([x, a], means, name="approach", fast_math=fast_math)


def main() -> None:
    rng = np.random.default_rng(0)
    c = c_library(C_SOURCE)
    base = "C" if c is not None else "scancc"

    a, out, f = rng.random(10**6) + 0.5, np.zeros(10**6), power()
    ways = {"scancc": lambda: f(a, 64)}
    if c is not None:
        ways["C"] = lambda: c.power(pointer(a), pointer(out), ctypes.c_long(a.size), ctypes.c_long(64))
    report("A**k, 10^6 float64, k = 64, last step", interleaved(ways), base)
    np.testing.assert_allclose(f(a, 64), a**64, rtol=1e-12)

    x, out7, g = rng.random(10**7), np.zeros(10**7), cumsum()
    ways = {"scancc": lambda: g(x), "np.cumsum": lambda: np.cumsum(x, out=out7)}
    if c is not None:
        ways["C"] = lambda: c.cumsum(pointer(x), pointer(out7), ctypes.c_long(x.size))
    report("cumulative sum, 10^7 float64", interleaved(ways), base)
    np.testing.assert_allclose(g(x), np.cumsum(x), rtol=1e-12)

    y, h = x[:10**6].copy(), ema()
    ways = {"scancc": lambda: h(y, 0.1)}
    if c is not None:
        ways["C"] = lambda: c.ema(pointer(y), pointer(out), ctypes.c_long(y.size), ctypes.c_double(0.1))
    report("exponential moving average, 10^6 float64", interleaved(ways), base)
    plain, factored = approach("default"), approach("reassociate")
    report("the same as m + a*(x - m)", interleaved({"default": lambda: plain(y, 0.1),
                                                     "reassociate": lambda: factored(y, 0.1)}), "default")
    check = 0.0
    for value in y[:1000]:
        check = 0.9 * check + 0.1 * value
    np.testing.assert_allclose(h(y, 0.1)[999], check, rtol=1e-12)


if __name__ == "__main__":
    main()
