"""Elementwise recurrences without a sequence: a power, a polynomial."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Power(Workload):
    """A**k by k products, the first program of scan's tutorial."""

    name = "power"
    sizes = {"tiny": {"n": 9, "k": 5}, "small": {"n": 1000, "k": 100}, "large": {"n": 10**6, "k": 64}}
    tolerance = {"float64": 1e-13, "float32": 2e-5}
    limits = ("The k products, each rounded, take the time of k multiply-adds; SciPy's `a**k` is one power, "
              "whatever k is: with one product of 64 bytes a cycle, 1000 elements take 3.4 microseconds at least "
              "in float64. With `fast_math` it is by repeated squaring.")
    C = """
    void plain(const REAL *restrict a, REAL *restrict r, long n, long k) {
        for (long i = 0; i < n; i++) r[i] = 1;
        for (long t = 0; t < k; t++)
            for (long i = 0; i < n; i++) r[i] *= a[i];
    }
    void best(const REAL *restrict a, REAL *restrict r, long n, long k) {   /* eight vectors stay in registers */
        enum { W = 8 * VECTOR_BYTES / sizeof(REAL) };
        long i = 0;
        for (; i + W <= n; i += W) {
            vec s[8], x[8];
            for (int j = 0; j < 8; j++) { x[j] = *(const vec *)(a + i + j * LANES); s[j] = x[j] * 0 + 1; }
            for (long t = 0; t < k; t++)
                for (int j = 0; j < 8; j++) s[j] *= x[j];
            for (int j = 0; j < 8; j++) *(vec *)(r + i + j * LANES) = s[j];
        }
        for (; i < n; i++) {
            REAL s = 1;
            for (long t = 0; t < k; t++) s *= a[i];
            r[i] = s;
        }
    }
    """

    def data(self, rng, n, k):
        return rng.uniform(0.9, 1.1, n), k

    def numpy(self, a, k):
        r = np.ones_like(a)
        for _ in range(k):
            r = r * a
        return r

    def library(self, scipy, a, k):
        return a**k

    def scancc(self, sc, T):
        k, A = T.iscalar("k"), T.vector("A")
        result, updates = sc.scan(fn=lambda prior_result, A: prior_result * A, outputs_info=T.ones_like(A),
                                  non_sequences=A, n_steps=k)
        return sc.function([A, k], result[-1], updates=updates)

    def c(self, a, k):
        r = np.empty_like(a)
        return [a, r, a.size, k], r

    def numba(self, njit, real):
        @njit
        def power(a, k):
            r = np.empty_like(a)
            for i in range(a.size):
                s = real(1)
                for _ in range(k):
                    s *= a[i]
                r[i] = s
            return r
        return power

    def jax(self, jax, jnp):
        return lambda a, k: jax.lax.fori_loop(0, k, lambda _, r: r * a, jnp.ones_like(a))

    def torch(self, torch):
        def power(a, k):
            r = torch.ones_like(a)
            for _ in range(k):
                r = r * a
            return r
        return power

    def work(self, a, k):
        return Work(flops=2 * a.size * k, chain={"mul": k})


class Polynomial(Workload):
    """Horner's rule over the elements of a vector."""

    name = "poly"
    sizes = {"tiny": {"n": 9, "degree": 5}, "medium": {"n": 10**4, "degree": 64}}
    C = """
    void plain(const REAL *restrict c, const REAL *restrict x, REAL *restrict p, long n, long k) {
        for (long i = 0; i < n; i++) p[i] = 0;
        for (long t = k - 1; t >= 0; t--)
            for (long i = 0; i < n; i++) p[i] = p[i] * x[i] + c[t];
    }
    void best(const REAL *restrict c, const REAL *restrict x, REAL *restrict p, long n, long k) {
        enum { W = 6 * VECTOR_BYTES / sizeof(REAL) };                       /* six vectors stay in registers */
        long i = 0;
        for (; i + W <= n; i += W) {
            vec s[6] = {{0}}, v[6];
            for (int j = 0; j < 6; j++) v[j] = *(const vec *)(x + i + j * LANES);
            for (long t = k - 1; t >= 0; t--)
                for (int j = 0; j < 6; j++) s[j] = s[j] * v[j] + c[t];
            for (int j = 0; j < 6; j++) *(vec *)(p + i + j * LANES) = s[j];
        }
        for (; i < n; i++) {
            REAL s = 0;
            for (long t = k - 1; t >= 0; t--) s = s * x[i] + c[t];
            p[i] = s;
        }
    }
    """

    def data(self, rng, n, degree):
        return rng.normal(size=degree + 1), rng.uniform(-1, 1, n)

    def numpy(self, c, x):
        p = np.zeros_like(x)
        for value in c[::-1]:
            p = p * x + value
        return p

    def library(self, scipy, c, x):
        return np.polynomial.polynomial.polyval(x, c)

    def scancc(self, sc, T):
        c, x = T.vector("c"), T.vector("x")
        p, _ = sc.scan(lambda c_i, p, x: p * x + c_i, sequences=c, outputs_info=T.zeros_like(x), non_sequences=x,
                       go_backwards=True)
        return sc.function([c, x], p[-1])

    def c(self, c, x):
        p = np.empty_like(x)
        return [c, x, p, x.size, c.size], p

    def numba(self, njit, real):
        @njit
        def polynomial(c, x):
            p = np.empty_like(x)
            for i in range(x.size):
                s = real(0)
                for t in range(c.size - 1, -1, -1):
                    s = s * x[i] + c[t]
                p[i] = s
            return p
        return polynomial

    def jax(self, jax, jnp):
        return lambda c, x: jax.lax.scan(lambda p, c_i: (p * x + c_i, None), jnp.zeros_like(x), c, reverse=True)[0]

    def torch(self, torch):
        def polynomial(c, x):
            p = torch.zeros_like(x)
            for i in range(len(c) - 1, -1, -1):
                p = p * x + c[i]
            return p
        return polynomial

    def work(self, c, x):
        return Work(flops=2 * x.size * c.size, chain={"fma": c.size})
