"""Many series, each a row of a matrix."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Series(Workload):
    """Exponential moving averages of the rows of a matrix, `m + a*(x - m)`, each with its own `a`."""

    name = "series"
    sizes = {"tiny": {"series": 21, "n": 37}, "medium": {"series": 64, "n": 1000},
             "large": {"series": 1024, "n": 10**4}}
    C = """
    typedef REAL eight __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

    void plain(const REAL *restrict x, const REAL *restrict a, REAL *restrict y, long s, long n) {
        for (long i = 0; i < s; i++) {
            REAL m = 0;
            for (long t = 0; t < n; t++) y[i * n + t] = m = m + a[i] * (x[i * n + t] - m);
        }
    }

    #define PICK __builtin_shufflevector
    static inline void transpose(eight *r) {                          /* eight by eight, in registers */
        eight u[8], v[8];
        for (int k = 0; k < 8; k += 2) {
            u[k] = PICK(r[k], r[k + 1], 0, 8, 2, 10, 4, 12, 6, 14);
            u[k + 1] = PICK(r[k], r[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
        }
        for (int k = 0; k < 8; k += k % 4 ? 3 : 1) {
            v[k] = PICK(u[k], u[k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            v[k + 2] = PICK(u[k], u[k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
        for (int k = 0; k < 4; k++) {
            r[k] = PICK(v[k], v[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
            r[k + 4] = PICK(v[k], v[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        }
    }

    void best(const REAL *restrict x, const REAL *restrict a, REAL *restrict y, long s, long n) {
        long whole = s - s % 8, end = n - n % 8;
        for (long i = 0; i < whole; i += 8) {                         /* eight series, eight steps at a time */
            eight m = {0}, factor = *(const eight *)(a + i), r[8];
            for (long t = 0; t < end; t += 8) {
                for (int k = 0; k < 8; k++) r[k] = *(const eight *)(x + (i + k) * n + t);
                transpose(r);
                for (int k = 0; k < 8; k++) r[k] = m = m + factor * (r[k] - m);
                transpose(r);
                for (int k = 0; k < 8; k++) *(eight *)(y + (i + k) * n + t) = r[k];
            }
            for (int k = 0; k < 8; k++) {
                const REAL *from = x + (i + k) * n;
                REAL last = m[k], *to = y + (i + k) * n;
                for (long t = end; t < n; t++) to[t] = last = last + a[i + k] * (from[t] - last);
            }
        }
        plain(x + whole * n, a + whole, y + whole * n, s - whole, n);
    }
    """

    def data(self, rng, series, n):
        return rng.normal(size=(series, n)), rng.uniform(0.05, 0.5, series)

    def numpy(self, x, a):
        m, y = np.zeros_like(a), np.empty_like(x)
        for t in range(x.shape[1]):
            y[:, t] = m = m + a * (x[:, t] - m)
        return y

    def scancc(self, sc, T):
        x, a = T.matrix("x"), T.vector("a")
        means, _ = sc.scan(lambda x_t, mean, a: mean + a * (x_t - mean), sequences=x.T, outputs_info=T.zeros_like(a),
                           non_sequences=a)
        return sc.function([x, a], means.T)

    def c(self, x, a):
        y = np.empty_like(x)
        return [x, a, y, *x.shape], y

    def numba(self, njit, real):
        @njit
        def series(x, a):
            y = np.empty_like(x)
            for i in range(x.shape[0]):
                m = real(0)
                for t in range(x.shape[1]):
                    m = m + a[i] * (x[i, t] - m)
                    y[i, t] = m
            return y
        return series

    def jax(self, jax, jnp):
        def step(carry, x_t):
            mean, a = carry
            mean = mean + a * (x_t - mean)
            return (mean, a), mean
        return lambda x, a: jax.lax.scan(step, (jnp.zeros_like(a), a), x.T)[1].T

    def work(self, x, a):
        return Work(flops=3 * x.size, chain={"add": x.shape[1] * len(a) / 8, "fma": x.shape[1] * len(a) / 8})
