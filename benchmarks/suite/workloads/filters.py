"""Linear filters: a biquad, autoregressions of numbers and of vectors."""

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
