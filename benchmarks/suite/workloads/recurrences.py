"""Linear recurrences of one step: gated, seasonal, discounted."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Gated(Workload):
    """A gated linear recurrence, `h = f_t * h + x_t`, over many channels."""

    name = "gated"
    limits = ("512 channels are rows of 4 KB, so that reads and writes whose addresses end in the same 12 bits "
              "wait for each other: in float64 the same code takes 152 to 181 microseconds, one C loop with "
              "vectors of 64 bytes 166 to 216, by where arrays begin in a page.")
    sizes = {"tiny": {"n": 10, "channels": 5}, "one": {"n": 10**5, "channels": 1},
             "many": {"n": 1000, "channels": 512}}
    C = """
    void plain(const REAL *restrict f, const REAL *restrict x, REAL *restrict h, long n, long m) {
        for (long j = 0; j < m; j++) h[j] = x[j];
        for (long i = m; i < n * m; i++) h[i] = f[i] * h[i - m] + x[i];
    }
    void best(const REAL *restrict f, const REAL *restrict x, REAL *restrict h, long n, long m) {
        if (m == 1) {
            REAL s = 0;
            for (long t = 0; t < n; t++) h[t] = s = f[t] * s + x[t];
            return;
        }
        for (long j = 0; j < m; j++) h[j] = x[j];
        for (long t = 1; t < n; t++)
            for (long j = 0; j < m; j++) h[t * m + j] = f[t * m + j] * h[(t - 1) * m + j] + x[t * m + j];
    }
    """

    def data(self, rng, n, channels):
        return rng.uniform(0.5, 1, (n, channels)), rng.normal(size=(n, channels))

    def numpy(self, f, x):
        h, rows = np.zeros_like(x[0]), np.empty_like(x)
        for t in range(len(x)):
            rows[t] = h = f[t] * h + x[t]
        return rows

    def scancc(self, sc, T):
        f, x = T.matrix("f"), T.matrix("x")
        h, _ = sc.scan(lambda f_t, x_t, h: f_t * h + x_t, sequences=[f, x], outputs_info=T.zeros_like(x[0]))
        return sc.function([f, x], h)

    def c(self, f, x):
        h = np.empty_like(x)
        return [f, x, h, *x.shape], h

    def numba(self, njit, real):
        @njit
        def gated(f, x):
            h = np.empty_like(x)
            for j in range(x.shape[1]):
                h[0, j] = x[0, j]
            for t in range(1, x.shape[0]):
                for j in range(x.shape[1]):
                    h[t, j] = f[t, j] * h[t - 1, j] + x[t, j]
            return h
        return gated

    def jax(self, jax, jnp):
        def step(h, row):
            h = row[0] * h + row[1]
            return h, h
        return lambda f, x: jax.lax.scan(step, jnp.zeros_like(x[0]), (f, x))[1]

    def torch(self, torch):
        def gated(f, x):
            h, rows = torch.zeros_like(x[0]), []
            for f_t, x_t in zip(f, x, strict=True):
                h = f_t * h + x_t
                rows.append(h)
            return torch.stack(rows)
        return gated

    def work(self, f, x):
        return Work(flops=2 * x.size, chain={"fma": len(x)})


class Seasonal(Workload):
    """A number that waits for that of 52 steps ago."""

    name = "seasonal"
    sizes = {"tiny": {"n": 120}, "medium": {"n": 10**5}}
    C = """
    void plain(const REAL *restrict x, const REAL *restrict past, REAL g, REAL *restrict y, long n) {
        for (long i = 0; i < n; i++) y[i] = x[i] + g * (i < 52 ? past[i] : y[i - 52]);
    }
    void best(const REAL *restrict x, const REAL *restrict past, REAL g, REAL *restrict y, long n) {
        long t = 0;
        for (; t < 52 && t < n; t++) y[t] = x[t] + g * past[t];
        for (; t + 52 <= n; t += 52) {                                       /* 52 lanes */
            REAL s[52];
            for (int j = 0; j < 52; j++) s[j] = x[t + j] + g * y[t + j - 52];
            for (int j = 0; j < 52; j++) y[t + j] = s[j];
        }
        for (; t < n; t++) y[t] = x[t] + g * y[t - 52];
    }
    """

    def data(self, rng, n):
        return rng.normal(size=n), rng.normal(size=52), 0.7

    def numpy(self, x, past, g):
        y = past.tolist()
        for t, v in enumerate(x.tolist()):
            y.append(v + g * y[t])
        return np.array(y[52:])

    def scancc(self, sc, T):
        x, past, g = T.vector("x"), T.vector("past"), T.scalar("g")
        y, _ = sc.scan(lambda x_t, y_52, g: x_t + g * y_52, sequences=x, outputs_info=dict(initial=past, taps=[-52]),
                       non_sequences=g)
        return sc.function([x, past, g], y)

    def c(self, x, past, g):
        y = np.empty_like(x)
        return [x, past, g, y, x.size], y

    def numba(self, njit, real):
        @njit
        def seasonal(x, past, g):
            y = np.empty_like(x)
            for i in range(52):
                y[i] = x[i] + g * past[i]
            for i in range(52, x.size):
                y[i] = x[i] + g * y[i - 52]
            return y
        return seasonal

    def jax(self, jax, jnp):
        def seasonal(x, past, g):
            def step(ring, row):
                t, x_t = row
                y = x_t + g * ring[t % 52]
                return ring.at[t % 52].set(y), y
            return jax.lax.scan(step, past, (jnp.arange(x.size), x))[1]
        return seasonal

    def work(self, x, past, g):
        return Work(flops=2 * x.size, chain={"fma": x.size / 52})


class Returns(Workload):
    """Discounted returns, from the last reward backwards."""

    name = "returns"
    sizes = {"tiny": {"n": 30}, "medium": {"n": 10**5}}
    C = """
    void plain(const REAL *restrict r, REAL gamma, REAL *restrict g, long n) {
        REAL s = 0;
        for (long i = n - 1; i >= 0; i--) { s = r[i] + gamma * s; g[i] = s; }
    }
    """

    def data(self, rng, n):
        return rng.normal(size=n), 0.97

    def numpy(self, r, gamma):
        g, out = 0.0, []
        for v in r[::-1].tolist():
            g = v + gamma * g
            out.append(g)
        return np.array(out[::-1])

    def library(self, scipy, r, gamma):
        return scipy.signal.lfilter(np.ones(1, r.dtype), np.array([1, -gamma], r.dtype), r[::-1])[::-1]

    def scancc(self, sc, T):
        r, gamma = T.vector("r"), T.scalar("gamma")
        g, _ = sc.scan(lambda r_t, g, gamma: r_t + gamma * g, sequences=r, outputs_info=T.constant(0.0),
                       non_sequences=gamma, go_backwards=True)
        return sc.function([r, gamma], g[::-1])

    def c(self, r, gamma):
        g = np.empty_like(r)
        return [r, gamma, g, r.size], g

    def numba(self, njit, real):
        @njit
        def returns(r, gamma):
            s, g = real(0), np.empty_like(r)
            for i in range(r.size - 1, -1, -1):
                s = r[i] + gamma * s
                g[i] = s
            return g
        return returns

    def jax(self, jax, jnp):
        def returns(r, gamma):
            def step(g, r_t):
                g = r_t + gamma * g
                return g, g
            return jax.lax.scan(step, jnp.zeros((), r.dtype), r, reverse=True)[1]
        return returns

    def work(self, r, gamma):
        return Work(flops=2 * r.size, chain={"fma": r.size})
