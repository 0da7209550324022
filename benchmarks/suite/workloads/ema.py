"""Exponential moving averages, written with one multiply-add on the way from step to step, and with more."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Ema(Workload):
    """Exponential moving average, `(1 - a)*m + a*x`."""

    name = "ema"
    reorders = True
    sizes = {"tiny": {"n": 30}, "medium": {"n": 10**5}, "large": {"n": 4 * 10**6}}
    C = """
    void plain(const REAL *restrict x, REAL a, REAL *restrict y, long n) {
        REAL m = 0;
        for (long i = 0; i < n; i++) { m = (1 - a) * m + a * x[i]; y[i] = m; }
    }
    void best(const REAL *restrict x, REAL a, REAL *restrict y, long n) {   /* four steps at a time */
        REAL m = 0, b = 1 - a, b2 = b * b, b3 = b2 * b, b4 = b2 * b2;
        long i = 0;
        for (; i + 4 <= n; i += 4) {
            REAL u = a * x[i], v = b * u + a * x[i + 1], w = b * v + a * x[i + 2], z = b * w + a * x[i + 3];
            y[i] = b * m + u;
            y[i + 1] = b2 * m + v;
            y[i + 2] = b3 * m + w;
            y[i + 3] = m = b4 * m + z;
        }
        for (; i < n; i++) y[i] = m = b * m + a * x[i];
    }
    """

    def data(self, rng, n):
        return rng.normal(size=n), 0.1

    def numpy(self, x, a):
        m, out = 0.0, []
        for value in x.tolist():
            m = (1 - a) * m + a * value
            out.append(m)
        return np.array(out)

    def library(self, scipy, x, a):
        return scipy.signal.lfilter(np.array([a], x.dtype), np.array([1, a - 1], x.dtype), x)

    def scancc(self, sc, T):
        x, a = T.vector("x"), T.scalar("a")
        means, _ = sc.scan(lambda x_t, mean, a: (1 - a) * mean + a * x_t, sequences=x, outputs_info=T.constant(0.0),
                           non_sequences=a)
        return sc.function([x, a], means)

    def c(self, x, a):
        y = np.empty_like(x)
        return [x, a, y, x.size], y

    def numba(self, njit, real):
        @njit
        def ema(x, a):
            m, y = real(0), np.empty_like(x)
            for i in range(x.size):
                m = (real(1) - a) * m + a * x[i]
                y[i] = m
            return y
        return ema

    def jax(self, jax, jnp):
        def step(carry, x_t):
            mean, a = carry
            mean = (1 - a) * mean + a * x_t
            return (mean, a), mean
        return lambda x, a: jax.lax.scan(step, (jnp.zeros((), x.dtype), jnp.asarray(a, x.dtype)), x)[1]

    def work(self, x, a):
        return Work(flops=3 * x.size, chain={"fma": x.size})


class Approach(Ema):
    """Exponential moving average, `m + a*(x - m)`, as most people write it."""

    name = "approach"
    sizes = {"tiny": {"n": 30}, "medium": {"n": 10**5}}
    C = Ema.C.replace("m = (1 - a) * m + a * x[i]; y[i] = m;", "m = m + a * (x[i] - m); y[i] = m;")

    def scancc(self, sc, T):
        x, a = T.vector("x"), T.scalar("a")
        means, _ = sc.scan(lambda x_t, mean, a: mean + a * (x_t - mean), sequences=x, outputs_info=T.constant(0.0),
                           non_sequences=a)
        return sc.function([x, a], means)

    def numba(self, njit, real):
        @njit
        def approach(x, a):
            m, y = real(0), np.empty_like(x)
            for i in range(x.size):
                m = m + a * (x[i] - m)
                y[i] = m
            return y
        return approach

    def jax(self, jax, jnp):
        def step(carry, x_t):
            mean, a = carry
            mean = mean + a * (x_t - mean)
            return (mean, a), mean
        return lambda x, a: jax.lax.scan(step, (jnp.zeros((), x.dtype), jnp.asarray(a, x.dtype)), x)[1]
