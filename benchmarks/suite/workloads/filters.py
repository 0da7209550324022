"""Linear filters: a biquad, autoregressions of numbers and of vectors, a gated recurrence, long lags."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Biquad(Workload):
    """A biquad filter in direct form I."""

    name = "biquad"
    reorders = True
    sizes = {"tiny": {"n": 30}, "medium": {"n": 10**5}, "large": {"n": 2 * 10**6}}
    tolerance = {"float64": 1e-11, "float32": 1e-4}
    C = """
    void plain(const REAL *restrict x, const REAL *restrict b, const REAL *restrict a, REAL *restrict y, long n) {
        REAL x1 = 0, x2 = 0, y1 = 0, y2 = 0;
        for (long i = 0; i < n; i++) {
            REAL v = b[0] * x[i] + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2;
            x2 = x1; x1 = x[i]; y2 = y1; y1 = v;
            y[i] = v;
        }
    }
    void best(const REAL *restrict x, const REAL *restrict b, const REAL *restrict a, REAL *restrict y, long n) {
        REAL b0 = b[0], b1 = b[1], b2 = b[2], a0 = -a[0], a1 = -a[1], x1 = 0, x2 = 0, y1 = 0, y2 = 0;
        for (long i = 0; i < n; i++) {                                       /* the newest tap is taken last */
            REAL v = a0 * y1 + (b0 * x[i] + b1 * x1 + b2 * x2 + a1 * y2);
            x2 = x1; x1 = x[i]; y2 = y1; y1 = v;
            y[i] = v;
        }
    }
    """

    def data(self, rng, n):
        return rng.normal(size=n), np.array([0.2, 0.3, 0.2]), np.array([-0.5, 0.2])

    def numpy(self, x, b, a):
        (b0, b1, b2), (a0, a1) = b.tolist(), a.tolist()
        x1 = x2 = y1 = y2 = 0.0
        out = []
        for v in x.tolist():
            y1, y2 = b0 * v + b1 * x1 + b2 * x2 - a0 * y1 - a1 * y2, y1
            x1, x2 = v, x1
            out.append(y1)
        return np.array(out)

    def library(self, scipy, x, b, a):
        return scipy.signal.lfilter(b, np.concatenate([np.ones(1, a.dtype), a]), x)

    def scancc(self, sc, T):
        x, b, a = T.vector("x"), T.vector("b"), T.vector("a")

        def step(x_t, x_tm1, x_tm2, y_tm1, y_tm2, b, a):
            return b[0] * x_t + b[1] * x_tm1 + b[2] * x_tm2 - a[0] * y_tm1 - a[1] * y_tm2
        y, _ = sc.scan(step, sequences=dict(input=T.concatenate([T.zeros(2), x]), taps=[0, -1, -2]),
                       outputs_info=dict(initial=T.zeros(2), taps=[-1, -2]), non_sequences=[b, a])
        return sc.function([x, b, a], y)

    def c(self, x, b, a):
        y = np.empty_like(x)
        return [x, b, a, y, x.size], y

    def numba(self, njit, real):
        @njit
        def biquad(x, b, a):
            x1 = x2 = y1 = y2 = real(0)
            y = np.empty_like(x)
            for i in range(x.size):
                v = b[0] * x[i] + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
                x2, x1, y2, y1 = x1, x[i], y1, v
                y[i] = v
            return y
        return biquad

    def jax(self, jax, jnp):
        def biquad(x, b, a):
            def step(past, x_t):
                x1, x2, y1, y2 = past
                y = b[0] * x_t + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
                return (x_t, x1, y, y1), y
            return jax.lax.scan(step, (jnp.zeros((), x.dtype),) * 4, x)[1]
        return biquad

    def work(self, x, b, a):
        return Work(flops=9 * x.size, chain={"fma": 2 * x.size})


class Autoregression(Workload):
    """An autoregression of order 4, its taps written newest first."""

    name = "ar"
    reorders = True
    sizes = {"tiny": {"n": 30}, "medium": {"n": 10**5}}
    C = """
    void plain(const REAL *restrict e, const REAL *restrict p, REAL *restrict y, long n) {
        REAL y1 = 0, y2 = 0, y3 = 0, y4 = 0;
        for (long i = 0; i < n; i++) {
            REAL v = p[0] * y1 + p[1] * y2 + p[2] * y3 + p[3] * y4 + e[i];
            y4 = y3; y3 = y2; y2 = y1; y1 = v;
            y[i] = v;
        }
    }
    void best(const REAL *restrict e, const REAL *restrict p, REAL *restrict y, long n) {
        REAL p0 = p[0], p1 = p[1], p2 = p[2], p3 = p[3], y1 = 0, y2 = 0, y3 = 0, y4 = 0;
        for (long i = 0; i < n; i++) {                                       /* the newest tap is taken last */
            REAL v = p0 * y1 + (p1 * y2 + (p2 * y3 + (p3 * y4 + e[i])));
            y4 = y3; y3 = y2; y2 = y1; y1 = v;
            y[i] = v;
        }
    }
    """

    def data(self, rng, n):
        return rng.normal(size=n), np.array([0.5, -0.2, 0.1, 0.05])

    def numpy(self, e, p):
        p1, p2, p3, p4 = p.tolist()
        y1 = y2 = y3 = y4 = 0.0
        out = []
        for v in e.tolist():
            y1, y2, y3, y4 = p1 * y1 + p2 * y2 + p3 * y3 + p4 * y4 + v, y1, y2, y3
            out.append(y1)
        return np.array(out)

    def library(self, scipy, e, p):
        return scipy.signal.lfilter(np.ones(1, e.dtype), np.concatenate([np.ones(1, p.dtype), -p]), e)

    def scancc(self, sc, T):
        e, p = T.vector("e"), T.vector("p")

        def step(e_t, y1, y2, y3, y4, p):
            return p[0] * y1 + p[1] * y2 + p[2] * y3 + p[3] * y4 + e_t
        y, _ = sc.scan(step, sequences=e, outputs_info=dict(initial=T.zeros(4), taps=[-1, -2, -3, -4]),
                       non_sequences=p)
        return sc.function([e, p], y)

    def c(self, e, p):
        y = np.empty_like(e)
        return [e, p, y, e.size], y

    def numba(self, njit, real):
        @njit
        def autoregression(e, p):
            y1 = y2 = y3 = y4 = real(0)
            y = np.empty_like(e)
            for i in range(e.size):
                v = p[0] * y1 + p[1] * y2 + p[2] * y3 + p[3] * y4 + e[i]
                y4, y3, y2, y1 = y3, y2, y1, v
                y[i] = v
            return y
        return autoregression

    def jax(self, jax, jnp):
        def autoregression(e, p):
            def step(past, e_t):
                y1, y2, y3, y4 = past
                y = p[0] * y1 + p[1] * y2 + p[2] * y3 + p[3] * y4 + e_t
                return (y, y1, y2, y3), y
            return jax.lax.scan(step, (jnp.zeros((), e.dtype),) * 4, e)[1]
        return autoregression

    def work(self, e, p):
        return Work(flops=8 * e.size, chain={"fma": 4 * e.size})


class VectorTaps(Workload):
    """Two lags of a vector of channels, each with its own coefficients."""

    name = "taps"
    sizes = {"tiny": {"n": 10, "channels": 5}, "medium": {"n": 2000, "channels": 64}}
    C = """
    void plain(const REAL *restrict x, const REAL *restrict a, const REAL *restrict b, REAL *restrict y, long n,
               long m) {
        for (long j = 0; j < m; j++) y[j] = y[m + j] = 0;
        for (long t = 0; t < n; t++)
            for (long j = 0; j < m; j++)
                y[(t + 2) * m + j] = a[j] * y[(t + 1) * m + j] + b[j] * y[t * m + j] + x[t * m + j];
    }
    void best(const REAL *restrict x, const REAL *restrict a, const REAL *restrict b, REAL *restrict y, long n,
              long m) {
        long j = 0;
        for (; j + 4 * LANES <= m; j += 4 * LANES) {                         /* the lags stay in registers */
            vec y1[4] = {{0}}, y2[4] = {{0}};
            for (long t = 0; t < n; t++)
                for (int k = 0; k < 4; k++) {
                    long i = j + k * LANES;
                    vec v = *(vec *)(a + i) * y1[k] + *(vec *)(b + i) * y2[k];
                    v += *(vec *)(x + t * m + i);
                    y2[k] = y1[k];
                    y1[k] = *(vec *)(y + (t + 2) * m + i) = v;
                }
        }
        for (; j < m; j++) {
            REAL y1 = 0, y2 = 0;
            for (long t = 0; t < n; t++) {
                REAL v = a[j] * y1 + b[j] * y2 + x[t * m + j];
                y2 = y1;
                y1 = y[(t + 2) * m + j] = v;
            }
        }
    }
    """

    def data(self, rng, n, channels):
        return rng.normal(size=(n, channels)), rng.uniform(0, 0.5, channels), rng.uniform(-0.4, 0.4, channels)

    def numpy(self, x, a, b):
        y1 = y2 = np.zeros_like(a)
        y = np.empty_like(x)
        for t, row in enumerate(x):
            y1, y2 = a * y1 + b * y2 + row, y1
            y[t] = y1
        return y

    def scancc(self, sc, T):
        x, a, b = T.matrix("x"), T.vector("a"), T.vector("b")
        y, _ = sc.scan(lambda x_t, y1, y2, a, b: a * y1 + b * y2 + x_t, sequences=x,
                       outputs_info=dict(initial=T.zeros((2, x.shape[1])), taps=[-1, -2]), non_sequences=[a, b])
        return sc.function([x, a, b], y)

    def c(self, x, a, b):
        y = np.empty((len(x) + 2, x.shape[1]), x.dtype)
        return [x, a, b, y, *x.shape], y[2:]

    def numba(self, njit, real):
        @njit
        def taps(x, a, b):
            n, m = x.shape
            y = np.empty_like(x)
            for t in range(n):
                for j in range(m):
                    v = x[t, j]
                    if t > 0:
                        v += a[j] * y[t - 1, j]
                    if t > 1:
                        v += b[j] * y[t - 2, j]
                    y[t, j] = v
            return y
        return taps

    def jax(self, jax, jnp):
        def taps(x, a, b):
            def step(past, x_t):
                y = a * past[0] + b * past[1] + x_t
                return (y, past[0]), y
            return jax.lax.scan(step, (jnp.zeros_like(a),) * 2, x)[1]
        return taps

    def torch(self, torch):
        def taps(x, a, b):
            y1 = y2 = torch.zeros_like(a)
            rows = []
            for row in x:
                y1, y2 = a * y1 + b * y2 + row, y1
                rows.append(y1)
            return torch.stack(rows)
        return taps

    def work(self, x, a, b):
        return Work(flops=4 * x.size, chain={"fma": len(x)})


class Gated(Workload):
    """A gated linear recurrence, `h = f_t * h + x_t`, over many channels."""

    name = "gated"
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
