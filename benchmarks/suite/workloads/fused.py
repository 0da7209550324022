"""Scans that could be one loop: side by side, one after the other, with what is asked of them."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class TwoScans(Workload):
    """A fast and a slow average of one series, and the sum of their squared difference."""

    name = "two_scans"
    sizes = {"tiny": {"n": 30}, "medium": {"n": 10**5}}
    tolerance = {"float64": 1e-11, "float32": 1e-3}
    C = """
    void plain(const REAL *restrict x, REAL a, REAL b, REAL *restrict out, long n) {
        REAL p = 0, q = 0, sum = 0;
        for (long i = 0; i < n; i++) {
            p = (1 - a) * p + a * x[i];
            q = (1 - b) * q + b * x[i];
            sum += (p - q) * (p - q);
        }
        *out = sum;
    }
    """

    def data(self, rng, n):
        return rng.normal(size=n), 0.2, 0.05

    def numpy(self, x, a, b):
        p = q = total = 0.0
        for v in x.tolist():
            p = (1 - a) * p + a * v
            q = (1 - b) * q + b * v
            total += (p - q) ** 2
        return np.array(total)

    def library(self, scipy, x, a, b):
        fast, slow = (scipy.signal.lfilter(np.array([k], x.dtype), np.array([1, k - 1], x.dtype), x) for k in (a, b))
        return ((fast - slow) ** 2).sum()

    def scancc(self, sc, T):
        x, a, b = T.vector("x"), T.scalar("a"), T.scalar("b")

        def average(k):
            return sc.scan(lambda x_t, m, k: (1 - k) * m + k * x_t, sequences=x, outputs_info=T.constant(0.0),
                           non_sequences=k)[0]
        return sc.function([x, a, b], ((average(a) - average(b)) ** 2).sum())

    def c(self, x, a, b):
        out = np.empty((), x.dtype)
        return [x, a, b, out, x.size], out

    def numba(self, njit, real):
        @njit
        def two_scans(x, a, b):
            p = q = total = real(0)
            for i in range(x.size):
                p = (real(1) - a) * p + a * x[i]
                q = (real(1) - b) * q + b * x[i]
                total += (p - q) * (p - q)
            return total
        return two_scans

    def jax(self, jax, jnp):
        def two_scans(x, a, b):
            def average(k):
                def step(m, x_t):
                    m = (1 - k) * m + k * x_t
                    return m, m
                return jax.lax.scan(step, jnp.zeros((), x.dtype), x)[1]
            return ((average(jnp.asarray(a, x.dtype)) - average(jnp.asarray(b, x.dtype))) ** 2).sum()
        return two_scans

    def work(self, x, a, b):
        return Work(flops=9 * x.size, chain={"fma": x.size})


class ChainExp(Workload):
    """A scan over the exponentials of another scan's rows."""

    name = "chain_exp"
    sizes = {"tiny": {"n": 30}, "medium": {"n": 10**5}}
    tolerance = {"float64": 1e-11, "float32": 1e-3}
    C = """
    void plain(const REAL *restrict x, REAL a, REAL b, REAL *restrict y, long n) {
        REAL h = 0, s = 0;
        for (long i = 0; i < n; i++) {
            h = a * h + x[i];
            s = b * s + exp(h);
            y[i] = s;
        }
    }
    void best(const REAL *restrict x, REAL a, REAL b, REAL *restrict y, long n) {
        enum { TILE = 512 };                                       /* the chains apart from exponentials in vectors */
        REAL h = 0, s = 0, e[TILE];
        for (long i = 0; i < n; i += TILE) {
            long m = n - i < TILE ? n - i : TILE;
            for (long j = 0; j < m; j++) e[j] = h = a * h + x[i + j];
            for (long j = 0; j < m; j++) e[j] = exp(e[j]);
            for (long j = 0; j < m; j++) y[i + j] = s = b * s + e[j];
        }
    }
    """

    def data(self, rng, n):
        return 0.3 * rng.normal(size=n), 0.9, 0.8

    def numpy(self, x, a, b):
        h, hs = 0.0, []
        for v in x.tolist():
            h = a * h + v
            hs.append(h)
        s, out = 0.0, []
        for v in np.exp(hs).tolist():
            s = b * s + v
            out.append(s)
        return np.array(out)

    def scancc(self, sc, T):
        x, a, b = T.vector("x"), T.scalar("a"), T.scalar("b")
        h, _ = sc.scan(lambda x_t, h, a: a * h + x_t, sequences=x, outputs_info=T.constant(0.0), non_sequences=a)
        s, _ = sc.scan(lambda e, s, b: b * s + e, sequences=T.exp(h), outputs_info=T.constant(0.0), non_sequences=b)
        return sc.function([x, a, b], s)

    def c(self, x, a, b):
        y = np.empty_like(x)
        return [x, a, b, y, x.size], y

    def numba(self, njit, real):
        @njit
        def chain_exp(x, a, b):
            h = s = real(0)
            y = np.empty_like(x)
            for i in range(x.size):
                h = a * h + x[i]
                s = b * s + np.exp(h)
                y[i] = s
            return y
        return chain_exp

    def jax(self, jax, jnp):
        def chain_exp(x, a, b):
            def step(k):
                def one(m, v):
                    m = k * m + v
                    return m, m
                return one
            h = jax.lax.scan(step(jnp.asarray(a, x.dtype)), jnp.zeros((), x.dtype), x)[1]
            return jax.lax.scan(step(jnp.asarray(b, x.dtype)), jnp.zeros((), x.dtype), jnp.exp(h))[1]
        return chain_exp

    def work(self, x, a, b):
        return Work(flops=4 * x.size, chain={"fma": x.size}, special={"exp": x.size})


class Advantages(Workload):
    """Generalised advantages of many environments, backwards in time, returned in order by `[::-1]`."""

    name = "gae"
    limits = ("1024 x 64 are in the L3 cache, whose bandwidth is the bound: 2 MB in float64. There the loop "
              "over all elements, the last one first, that gcc makes of the plain form with vectors of 32 bytes "
              "takes 21 microseconds; rows from first to last element take 24 in C with vectors of 64 bytes, 26 "
              "with 32.")
    sizes = {"tiny": {"n": 10, "m": 5}, "medium": {"n": 1024, "m": 64}, "one": {"n": 10**5, "m": 1}}
    tolerance = {"float64": 1e-11, "float32": 1e-4}
    C = """
    void plain(const REAL *restrict r, const REAL *restrict v, const REAL *restrict live, REAL gamma, REAL lam,
               REAL *restrict a, long n, long m) {
        for (long j = 0; j < m; j++) a[n * m + j] = 0;
        for (long i = n * m - 1; i >= 0; i--)
            a[i] = r[i] + gamma * v[i + m] * live[i] - v[i] + gamma * lam * live[i] * a[i + m];
    }
    void best(const REAL *restrict r, const REAL *restrict v, const REAL *restrict live, REAL gamma, REAL lam,
              REAL *restrict a, long n, long m) {
        REAL k = gamma * lam;
        if (m == 1) {
            REAL s = 0;
            for (long i = n - 1; i >= 0; i--)
                a[i] = s = (k * live[i]) * s + (r[i] + gamma * v[i + 1] * live[i] - v[i]);
            return;
        }
        for (long j = 0; j < m; j++) a[n * m + j] = 0;
        for (long t = n - 1; t >= 0; t--) {
            const REAL *x = r + t * m, *y = v + t * m, *z = live + t * m;
            REAL *out = a + t * m;
            for (long j = 0; j < m; j++) out[j] = (k * z[j]) * out[j + m] + (x[j] + gamma * y[j + m] * z[j] - y[j]);
        }
    }
    """

    def data(self, rng, n, m):
        return (rng.normal(size=(n, m)), rng.normal(size=(n + 1, m)), (rng.random((n, m)) < 0.98).astype(float), 0.99,
                0.95)

    def numpy(self, r, v, live, gamma, lam):
        delta = r + gamma * v[1:] * live - v[:-1]
        a, out = np.zeros_like(r[0]), np.empty_like(r)
        for t in reversed(range(len(r))):
            out[t] = a = delta[t] + gamma * lam * live[t] * a
        return out

    def scancc(self, sc, T):
        r, v, live, gamma, lam = T.matrix("r"), T.matrix("v"), T.matrix("live"), T.scalar("gamma"), T.scalar("lam")

        def step(r_t, v_t, v_next, live_t, a, gamma, lam):
            delta = r_t + gamma * v_next * live_t - v_t
            return delta + gamma * lam * live_t * a
        a, _ = sc.scan(step, sequences=[r, v[:-1], v[1:], live], outputs_info=T.zeros_like(r[0]),
                       non_sequences=[gamma, lam], go_backwards=True)
        return sc.function([r, v, live, gamma, lam], a[::-1])

    def c(self, r, v, live, gamma, lam):
        a = np.empty_like(v)
        return [r, v, live, gamma, lam, a, *r.shape], a[:-1]

    def numba(self, njit, real):
        @njit
        def advantages(r, v, live, gamma, lam):
            n, m = r.shape
            out = np.empty_like(r)
            for j in range(m):
                out[n - 1, j] = r[n - 1, j] + gamma * v[n, j] * live[n - 1, j] - v[n - 1, j]
            for t in range(n - 2, -1, -1):
                for j in range(m):
                    delta = r[t, j] + gamma * v[t + 1, j] * live[t, j] - v[t, j]
                    out[t, j] = delta + gamma * lam * live[t, j] * out[t + 1, j]
            return out
        return advantages

    def jax(self, jax, jnp):
        def advantages(r, v, live, gamma, lam):
            def step(a, row):
                r_t, v_t, v_next, live_t = row
                a = r_t + gamma * v_next * live_t - v_t + gamma * lam * live_t * a
                return a, a
            return jax.lax.scan(step, jnp.zeros_like(r[0]), (r, v[:-1], v[1:], live), reverse=True)[1]
        return advantages

    def torch(self, torch):
        def advantages(r, v, live, gamma, lam):
            delta = r + gamma * v[1:] * live - v[:-1]
            a, out = torch.zeros_like(r[0]), torch.empty_like(r)
            for t in range(len(r) - 1, -1, -1):
                a = delta[t] + gamma * lam * live[t] * a
                out[t] = a
            return out
        return advantages

    def work(self, r, v, live, gamma, lam):
        return Work(flops=7 * r.size, chain={"fma": len(r)})
