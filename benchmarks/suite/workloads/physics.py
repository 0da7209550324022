"""An ensemble of differential equations, and Gibbs sampling of a Boltzmann machine."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.c_code import Blas
from benchmarks.suite.workload import Work, Workload


class Lorenz(Workload):
    """Lorenz's equations by Runge-Kutta of order 4, for many starting points: the last states."""

    name = "lorenz"
    sizes = {"tiny": {"n": 5, "steps": 4}, "medium": {"n": 2000, "steps": 100}}
    tolerance = {"float64": 1e-10, "float32": 1e-3}
    limits = ("The text multiplies 31 times a step and vector of 64 bytes, one a cycle, which takes 213 microseconds "
              "in float64; with `fast_math` 27 times, -ffast-math 29, as factors are taken out of sums.")
    C = """
    #define FIELD(x, y, z, dx, dy, dz)                                    \\
        dx = 10 * (y - x); dy = x * (28 - z) - y; dz = x * y - R(8.0 / 3) * z
    void plain(const REAL *restrict x0, const REAL *restrict y0, const REAL *restrict z0, REAL dt, REAL *restrict out,
               long steps, long n) {
        for (long i = 0; i < n; i++) {
            REAL x = x0[i], y = y0[i], z = z0[i];
            for (long t = 0; t < steps; t++) {
                REAL a1, b1, c1, a2, b2, c2, a3, b3, c3, a4, b4, c4;
                FIELD(x, y, z, a1, b1, c1);
                FIELD((x + dt / 2 * a1), (y + dt / 2 * b1), (z + dt / 2 * c1), a2, b2, c2);
                FIELD((x + dt / 2 * a2), (y + dt / 2 * b2), (z + dt / 2 * c2), a3, b3, c3);
                FIELD((x + dt * a3), (y + dt * b3), (z + dt * c3), a4, b4, c4);
                x += dt / 6 * (a1 + 2 * a2 + 2 * a3 + a4);
                y += dt / 6 * (b1 + 2 * b2 + 2 * b3 + b4);
                z += dt / 6 * (c1 + 2 * c2 + 2 * c3 + c4);
            }
            out[i] = x; out[n + i] = y; out[2 * n + i] = z;
        }
    }
    typedef struct { vec x, y, z; } point;
    static inline point field(point p) {
        return (point){10 * (p.y - p.x), p.x * (28 - p.z) - p.y, p.x * p.y - R(8.0 / 3) * p.z};
    }
    static inline point add(point p, REAL k, point d) {
        return (point){p.x + k * d.x, p.y + k * d.y, p.z + k * d.z};
    }
    void best(const REAL *restrict x0, const REAL *restrict y0, const REAL *restrict z0, REAL dt, REAL *restrict out,
              long steps, long n) {
        enum { V = 3 };                                                    /* three vectors of points in flight */
        long i = 0;
        for (; i + V * LANES <= n; i += V * LANES) {
            point p[V];
            for (int v = 0; v < V; v++) {
                long j = i + v * LANES;
                p[v] = (point){*(vec *)(x0 + j), *(vec *)(y0 + j), *(vec *)(z0 + j)};
            }
            for (long t = 0; t < steps; t++)
                for (int v = 0; v < V; v++) {
                    point a = field(p[v]), b = field(add(p[v], dt / 2, a)), c = field(add(p[v], dt / 2, b));
                    point d = field(add(p[v], dt, c)), s = add(add(add(a, 2, b), 2, c), 1, d);
                    p[v] = add(p[v], dt / 6, s);
                }
            for (int v = 0; v < V; v++) {
                long j = i + v * LANES;
                *(vec *)(out + j) = p[v].x; *(vec *)(out + n + j) = p[v].y; *(vec *)(out + 2 * n + j) = p[v].z;
            }
        }
        for (; i < n; i++) {
            REAL end[3];
            plain(x0 + i, y0 + i, z0 + i, dt, end, steps, 1);
            for (int k = 0; k < 3; k++) out[k * n + i] = end[k];
        }
    }
    """

    def data(self, rng, n, steps):
        x, y, z = rng.normal(size=(3, n))
        return x, y, z + 25, steps, 0.01

    def numpy(self, x, y, z, steps, dt):
        def field(x, y, z):
            return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z
        for _ in range(steps):
            a = field(x, y, z)
            b = field(*(s + dt / 2 * d for s, d in zip((x, y, z), a, strict=True)))
            c = field(*(s + dt / 2 * d for s, d in zip((x, y, z), b, strict=True)))
            e = field(*(s + dt * d for s, d in zip((x, y, z), c, strict=True)))
            x, y, z = (s + dt / 6 * (k + 2 * m + 2 * n + o)
                       for s, k, m, n, o in zip((x, y, z), a, b, c, e, strict=True))
        return [x, y, z]

    def scancc(self, sc, T):
        x, y, z = T.vector("x"), T.vector("y"), T.vector("z")
        steps, dt = T.iscalar("steps"), T.scalar("dt")

        def field(x, y, z):
            return 10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z

        def moved(state, by, k):
            return [s + by * d for s, d in zip(state, k, strict=True)]

        def step(x, y, z, dt):
            state = [x, y, z]
            k1 = field(*state)
            k2 = field(*moved(state, dt / 2, k1))
            k3 = field(*moved(state, dt / 2, k2))
            k4 = field(*moved(state, dt, k3))
            return [s + dt / 6 * (a + 2 * b + 2 * c + d) for s, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True)]
        states, _ = sc.scan(step, outputs_info=[x, y, z], non_sequences=dt, n_steps=steps)
        return sc.function([x, y, z, steps, dt], [s[-1] for s in states])

    def c(self, x, y, z, steps, dt):
        out = np.empty((3, x.size), x.dtype)
        return [x, y, z, dt, out, steps, x.size], list(out)

    def numba(self, njit, real):
        ten, two, rho, beta, six = real(10), real(2), real(28), real(8 / 3), real(6)

        @njit
        def lorenz(x0, y0, z0, steps, dt):
            n = x0.size
            xs, ys, zs = np.empty_like(x0), np.empty_like(x0), np.empty_like(x0)
            h = dt / two
            for i in range(n):
                x, y, z = x0[i], y0[i], z0[i]
                for _ in range(steps):
                    a1, b1, c1 = ten * (y - x), x * (rho - z) - y, x * y - beta * z
                    p, q, r = x + h * a1, y + h * b1, z + h * c1
                    a2, b2, c2 = ten * (q - p), p * (rho - r) - q, p * q - beta * r
                    p, q, r = x + h * a2, y + h * b2, z + h * c2
                    a3, b3, c3 = ten * (q - p), p * (rho - r) - q, p * q - beta * r
                    p, q, r = x + dt * a3, y + dt * b3, z + dt * c3
                    a4, b4, c4 = ten * (q - p), p * (rho - r) - q, p * q - beta * r
                    x += dt / six * (a1 + two * a2 + two * a3 + a4)
                    y += dt / six * (b1 + two * b2 + two * b3 + b4)
                    z += dt / six * (c1 + two * c2 + two * c3 + c4)
                xs[i], ys[i], zs[i] = x, y, z
            return xs, ys, zs
        return lorenz

    def jax(self, jax, jnp):
        def lorenz(x, y, z, steps, dt):
            def field(s):
                x, y, z = s
                return jnp.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

            def step(_, s):
                a = field(s)
                b = field(s + dt / 2 * a)
                c = field(s + dt / 2 * b)
                return s + dt / 6 * (a + 2 * b + 2 * c + field(s + dt * c))
            return list(jax.lax.fori_loop(0, steps, step, jnp.stack([x, y, z])))
        return lorenz

    def torch(self, torch):
        return self.numpy

    def work(self, x, y, z, steps, dt):
        return Work(flops=75 * x.size * steps, chain={"fma": 18 * steps})


class BoltzmannMachine(Workload):
    """Gibbs sampling of a restricted Boltzmann machine; the uniform numbers are given."""

    name = "rbm"
    sizes = {"tiny": {"steps": 3, "batch": 2, "n": 5, "hidden": 4},
             "medium": {"steps": 10, "batch": 16, "n": 256, "hidden": 128}}
    tolerance = {"float64": 1e-3, "float32": 0.02}
    ARGUMENTS = """const REAL *restrict v0, const REAL *restrict W, const REAL *restrict b, const REAL *restrict c,
        const REAL *restrict uh, const REAL *restrict uv, REAL *restrict v, REAL *restrict h, gemm_t *gemm, long T,
        long B, long V, long H"""
    C = f"""
    static void sample({ARGUMENTS}) {{
        memcpy(v, v0, B * V * sizeof(REAL));
        for (long t = 0; t < T; t++, uh += B * H, uv += B * V) {{
            for (long i = 0; i < B; i++) memcpy(h + i * H, c, H * sizeof(REAL));
            product(gemm, 0, 0, v, W, h, B, V, H, 1);
            for (long i = 0; i < B * H; i++) h[i] = uh[i] < 1 / (1 + exp(-h[i])) ? 1 : 0;
            for (long i = 0; i < B; i++) memcpy(v + i * V, b, V * sizeof(REAL));
            product(gemm, 0, 1, h, W, v, B, H, V, 1);
            for (long i = 0; i < B * V; i++) v[i] = uv[i] < 1 / (1 + exp(-v[i])) ? 1 : 0;
        }}
    }}
    void plain({ARGUMENTS}) {{ sample(v0, W, b, c, uh, uv, v, h, 0, T, B, V, H); }}
    void best({ARGUMENTS}) {{ sample(v0, W, b, c, uh, uv, v, h, gemm, T, B, V, H); }}
    """

    def data(self, rng, steps, batch, n, hidden):
        v = (rng.random((batch, n)) < 0.5).astype(float)
        return (v, rng.normal(size=(n, hidden)) / n**0.5, 0.1 * rng.normal(size=n), 0.1 * rng.normal(size=hidden),
                rng.random((steps, batch, hidden)), rng.random((steps, batch, n)))

    def numpy(self, v, W, b, c, u_h, u_v):
        for for_h, for_v in zip(u_h, u_v, strict=True):
            h = (for_h < 1 / (1 + np.exp(-(v @ W + c)))).astype(W.dtype)
            v = (for_v < 1 / (1 + np.exp(-(h @ W.T + b)))).astype(W.dtype)
        return v.astype("int64")

    def scancc(self, sc, T):
        v, W, b, c = T.matrix("v"), T.matrix("W"), T.vector("b"), T.vector("c")
        u_h, u_v = T.tensor3("u_h"), T.tensor3("u_v")

        def step(for_h, for_v, v, W, b, c):
            h = T.cast(for_h < T.sigmoid(T.dot(v, W) + c), v.dtype)
            return T.cast(for_v < T.sigmoid(T.dot(h, W.T) + b), v.dtype)
        vs, _ = sc.scan(step, sequences=[u_h, u_v], outputs_info=v, non_sequences=[W, b, c])
        return sc.function([v, W, b, c, u_h, u_v], T.cast(vs[-1], "int64"))

    def c(self, v, W, b, c, u_h, u_v):
        out, h = np.empty_like(v), np.empty(u_h.shape[1:], v.dtype)
        steps, batch, hidden = u_h.shape
        return [v, W, b, c, u_h, u_v, out, h, Blas("gemm"), steps, batch, v.shape[1], hidden], out

    def numba(self, njit, real):
        one = real(1)

        @njit
        def sample(v, W, b, c, u_h, u_v):
            v = v.copy()
            h = np.empty(u_h.shape[1:], v.dtype)
            for t in range(u_h.shape[0]):
                z = np.dot(v, W)
                for i in range(h.shape[0]):
                    for j in range(h.shape[1]):
                        h[i, j] = one if u_h[t, i, j] < one / (one + np.exp(-(z[i, j] + c[j]))) else real(0)
                z = np.dot(h, W.T)
                for i in range(v.shape[0]):
                    for j in range(v.shape[1]):
                        v[i, j] = one if u_v[t, i, j] < one / (one + np.exp(-(z[i, j] + b[j]))) else real(0)
            return v
        return sample

    def jax(self, jax, jnp):
        def sample(v, W, b, c, u_h, u_v):
            def step(v, u):
                h = (u[0] < jax.nn.sigmoid(v @ W + c)).astype(W.dtype)
                return (u[1] < jax.nn.sigmoid(h @ W.T + b)).astype(W.dtype), None
            return jax.lax.scan(step, v, (u_h, u_v))[0]
        return sample

    def torch(self, torch):
        def sample(v, W, b, c, u_h, u_v):
            for for_h, for_v in zip(u_h, u_v, strict=True):
                h = (for_h < torch.sigmoid(v @ W + c)).to(W.dtype)
                v = (for_v < torch.sigmoid(h @ W.T + b)).to(W.dtype)
            return v
        return sample

    def work(self, v, W, b, c, u_h, u_v):
        rows = u_h.shape[0] * u_h.shape[1]
        return Work(flops=4 * rows * W.size, special={"exp": rows * sum(W.shape), "div": rows * sum(W.shape)})
