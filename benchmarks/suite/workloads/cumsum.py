"""The cumulative sum, and how little a call may cost."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class CumulativeSum(Workload):
    """All partial sums of a long vector."""

    name = "cumsum"
    reorders = True
    sizes = {"tiny": {"n": 30}, "large": {"n": 10**7}}
    tolerance = {"float64": 1e-12, "float32": 1e-3}
    C = """
    void plain(const REAL *restrict x, REAL *restrict y, long n) {
        REAL s = 0;
        for (long i = 0; i < n; i++) { s += x[i]; y[i] = s; }
    }
    void best(const REAL *restrict x, REAL *restrict y, long n) {      /* by eight: one addition a chain */
        REAL s = 0;
        long i = 0;
        for (; i + 8 <= n; i += 8) {
            REAL p[8];
            p[0] = x[i];
            for (int j = 1; j < 8; j++) p[j] = p[j - 1] + x[i + j];
            for (int j = 0; j < 8; j++) y[i + j] = s + p[j];
            s = y[i + 7];
        }
        for (; i < n; i++) { s += x[i]; y[i] = s; }
    }
    """

    def data(self, rng, n):
        return (rng.random(n),)

    def numpy(self, x):
        return np.cumsum(x)

    def scancc(self, sc, T):
        x = T.vector("x")
        sums, _ = sc.scan(lambda x_i, total: total + x_i, sequences=x, outputs_info=T.constant(0.0))
        return sc.function([x], sums)

    def c(self, x):
        y = np.empty_like(x)
        return [x, y, x.size], y

    def numba(self, njit, real):
        @njit
        def cumsum(x):
            s, y = real(0), np.empty_like(x)
            for i in range(x.size):
                s += x[i]
                y[i] = s
            return y
        return cumsum

    def jax(self, jax, jnp):
        def step(total, x_i):
            return total + x_i, total + x_i
        return lambda x: jax.lax.scan(step, jnp.zeros((), x.dtype), x)[1]

    def torch(self, torch):
        return lambda x: torch.cumsum(x, 0)

    def work(self, x):
        return Work(flops=x.size, chain={"add": x.size})


class Overhead(CumulativeSum):
    """The last sum of ten numbers: what a call costs."""

    name = "overhead"
    reorders = False
    sizes = {"tiny": {"n": 10}, "small": {"n": 10}}
    C = """
    void plain(const REAL *restrict x, REAL *restrict y, long n) {
        REAL s = 0;
        for (long i = 0; i < n; i++) s += x[i];
        *y = s;
    }
    """

    def numpy(self, x):
        return np.cumsum(x)[-1]

    def scancc(self, sc, T):
        x = T.vector("x")
        sums, _ = sc.scan(lambda x_i, total: total + x_i, sequences=x, outputs_info=T.constant(0.0))
        return sc.function([x], sums[-1])

    def c(self, x):
        y = np.empty((), x.dtype)
        return [x, y, x.size], y

    def numba(self, njit, real):
        @njit
        def last_sum(x):
            s = real(0)
            for i in range(x.size):
                s += x[i]
            return s
        return last_sum

    def jax(self, jax, jnp):
        return lambda x: jax.lax.scan(lambda total, x_i: (total + x_i, None), jnp.zeros((), x.dtype), x)[0]

    def torch(self, torch):
        return lambda x: torch.cumsum(x, 0)[-1]
