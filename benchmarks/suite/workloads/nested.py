"""Scans in scans, and a Jacobian by scan."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Nested(Workload):
    """A filter over the columns of each row, which starts where the row before ended."""

    name = "nested"
    sizes = {"tiny": {"n": 4, "m": 6}, "medium": {"n": 200, "m": 500}}
    C = """
    void plain(const REAL *restrict x, REAL a, REAL *restrict y, long n, long m) {
        REAL s = 0;
        for (long i = 0; i < n; i++) {
            s = R(0.5) * s;
            for (long j = 0; j < m; j++) s = a * s + x[i * m + j];
            y[i] = s;
        }
    }
    """

    def data(self, rng, n, m):
        return rng.normal(size=(n, m)), 0.9

    def numpy(self, x, a):
        s, out = 0.0, []
        for row in x.tolist():
            s = 0.5 * s
            for v in row:
                s = a * s + v
            out.append(s)
        return np.array(out)

    def scancc(self, sc, T):
        x, a = T.matrix("x"), T.scalar("a")

        def row(x_i, s, a):
            inner, _ = sc.scan(lambda v, s, a: a * s + v, sequences=x_i, outputs_info=0.5 * s, non_sequences=a)
            return inner[-1]
        rows, _ = sc.scan(row, sequences=x, outputs_info=T.constant(0.0), non_sequences=a)
        return sc.function([x, a], rows)

    def c(self, x, a):
        y = np.empty(len(x), x.dtype)
        return [x, a, y, *x.shape], y

    def numba(self, njit, real):
        half = real(0.5)

        @njit
        def nested(x, a):
            s, y = real(0), np.empty(x.shape[0], x.dtype)
            for i in range(x.shape[0]):
                s = half * s
                for j in range(x.shape[1]):
                    s = a * s + x[i, j]
                y[i] = s
            return y
        return nested

    def jax(self, jax, jnp):
        def nested(x, a):
            def row(s, x_i):
                s = jax.lax.scan(lambda s, v: (a * s + v, None), 0.5 * s, x_i)[0]
                return s, s
            return jax.lax.scan(row, jnp.zeros((), x.dtype), x)[1]
        return nested

    def work(self, x, a):
        return Work(flops=2 * x.size, chain={"fma": x.size})


class Gibbs(Workload):
    """A Gibbs sampler of two numbers, thinned by an inner scan; the draws are given."""

    name = "gibbs"
    sizes = {"tiny": {"n": 5, "thin": 4}, "medium": {"n": 2000, "thin": 10}}
    tolerance = {"float64": 1e-10, "float32": 1e-4}
    C = """
    void plain(const REAL *restrict g, const REAL *restrict z, REAL *restrict out, long n, long thin) {
        REAL x = 0, y = 0;
        for (long i = 0; i < n; i++) {
            for (long j = 0; j < thin; j++) {
                x = g[i * thin + j] / (y * y + 4);
                y = 1 / (1 + x) + z[i * thin + j] / sqrt(2 * x + 2);
            }
            out[i] = x;
            out[n + i] = y;
        }
    }
    """

    def data(self, rng, n, thin):
        return rng.gamma(3, size=(n, thin)), rng.normal(size=(n, thin))

    def numpy(self, g, z):
        x = y = 0.0
        xs, ys = [], []
        for row_g, row_z in zip(g.tolist(), z.tolist(), strict=True):
            for a, b in zip(row_g, row_z, strict=True):
                x = a / (y * y + 4)
                y = 1 / (1 + x) + b / (2 * x + 2) ** 0.5
            xs.append(x)
            ys.append(y)
        return [np.array(xs), np.array(ys)]

    def scancc(self, sc, T):
        g, z = T.matrix("g"), T.matrix("z")

        def draw(g_j, z_j, x, y):
            x = g_j / (y * y + 4)
            return x, 1 / (1 + x) + z_j / T.sqrt(2 * x + 2)

        def thinned(g_i, z_i, x, y):
            (xs, ys), _ = sc.scan(draw, sequences=[g_i, z_i], outputs_info=[x, y])
            return xs[-1], ys[-1]
        (xs, ys), _ = sc.scan(thinned, sequences=[g, z], outputs_info=[T.constant(0.0), T.constant(0.0)])
        return sc.function([g, z], [xs, ys])

    def c(self, g, z):
        out = np.empty((2, len(g)), g.dtype)
        return [g, z, out, *g.shape], [out[0], out[1]]

    def numba(self, njit, real):
        one, two, four = real(1), real(2), real(4)

        @njit
        def gibbs(g, z):
            x = y = real(0)
            xs, ys = np.empty(g.shape[0], g.dtype), np.empty(g.shape[0], g.dtype)
            for i in range(g.shape[0]):
                for j in range(g.shape[1]):
                    x = g[i, j] / (y * y + four)
                    y = one / (one + x) + z[i, j] / np.sqrt(two * x + two)
                xs[i], ys[i] = x, y
            return xs, ys
        return gibbs

    def jax(self, jax, jnp):
        def draw(state, row):
            x = row[0] / (state[1] * state[1] + 4)
            return (x, 1 / (1 + x) + row[1] / jnp.sqrt(2 * x + 2)), None

        def thinned(state, rows):
            state = jax.lax.scan(draw, state, rows)[0]
            return state, state
        return lambda g, z: jax.lax.scan(thinned, (jnp.zeros((), g.dtype),) * 2, (g, z))[1]

    def work(self, g, z):
        n = g.size
        return Work(flops=11 * n, chain={"fma": 2 * n, "div": 2 * n, "add": 2 * n, "sqrt": n})


class Jacobian(Workload):
    """The Jacobian of a layer by a scan over its outputs, one gradient a step."""

    name = "jacobian"
    sizes = {"tiny": {"n": 5}, "medium": {"n": 64}}
    C = """
    void plain(const REAL *restrict W, const REAL *restrict x, REAL *restrict J, long n) {
        for (long i = 0; i < n; i++) {
            REAL s = 0;
            for (long j = 0; j < n; j++) s += W[i * n + j] * x[j];
            s = tanh(s);
            for (long j = 0; j < n; j++) J[i * n + j] = (1 - s * s) * W[i * n + j];
        }
    }
    void best(const REAL *restrict W, const REAL *restrict x, REAL *restrict J, long n) {
        REAL y[n];
        for (long i = 0; i < n; i++) {
            vec v[2] = {{0}};
            long j = 0;
            for (; j + 2 * LANES <= n; j += 2 * LANES)
                for (int k = 0; k < 2; k++) v[k] += *(vec *)(W + i * n + j + k * LANES) * *(vec *)(x + j + k * LANES);
            REAL s = 0;
            for (int k = 0; k < LANES; k++) s += v[0][k] + v[1][k];
            for (; j < n; j++) s += W[i * n + j] * x[j];
            y[i] = s;
        }
        for (long i = 0; i < n; i++) { REAL s = tanh(y[i]); y[i] = 1 - s * s; }
        for (long i = 0; i < n; i++)
            for (long j = 0; j < n; j++) J[i * n + j] = y[i] * W[i * n + j];
    }
    """

    def data(self, rng, n):
        return rng.normal(size=(n, n)) / n**0.5, rng.normal(size=n)

    def numpy(self, W, x):
        y = np.tanh(W @ x)
        return (1 - y * y)[:, None] * W

    def scancc(self, sc, T):
        W, x = T.matrix("W"), T.vector("x")
        y = T.tanh(T.dot(W, x))
        J, _ = sc.scan(lambda i, y, x: sc.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x])
        return sc.function([W, x], J)

    def c(self, W, x):
        J = np.empty_like(W)
        return [W, x, J, x.size], J

    def numba(self, njit, real):
        @njit
        def jacobian(W, x):
            J = np.empty_like(W)
            for i in range(x.size):
                s = real(0)
                for j in range(x.size):
                    s += W[i, j] * x[j]
                s = np.tanh(s)
                for j in range(x.size):
                    J[i, j] = (real(1) - s * s) * W[i, j]
            return J
        return jacobian

    def jax(self, jax, jnp):
        return lambda W, x: jax.jacrev(lambda x: jnp.tanh(W @ x))(x)

    def torch(self, torch):
        return lambda W, x: torch.func.jacrev(lambda x: torch.tanh(W @ x))(x)

    def work(self, W, x):
        return Work(flops=3 * W.size, special={"tanh": x.size})
