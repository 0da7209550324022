"""The programs of PyTensor's public scan benchmarks (tests/benchmarks/test_scan.py), at their sizes, in our words."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.suite.workload import Work, Workload


class PeerChain(Workload):
    """Rows of biases by a map, then two steps of products with constant weights of zero."""

    name = "peer_chain"
    group = "PyTensor\'s benchmarks"
    sizes = {"tiny": {}, "small": {}}
    C = """
    void plain(const REAL *restrict v, REAL *restrict out, long n) {
        REAL W[20] = {0}, b[5] = {0}, c[4] = {0};
        __asm__ volatile("" : : "r"(W), "r"(b), "r"(c) : "memory");
        for (long t = 0; t < 2; t++, v = out, out += n * 5)
            for (long i = 0; i < n; i++) {
                REAL h[4];
                for (int k = 0; k < 4; k++) {
                    h[k] = c[k];
                    for (int j = 0; j < 5; j++) h[k] += v[i * 5 + j] * W[j * 4 + k];
                }
                for (int j = 0; j < 5; j++) {
                    REAL s = b[j];
                    for (int k = 0; k < 4; k++) s += h[k] * W[j * 4 + k];
                    out[i * 5 + j] = s;
                }
            }
    }
    """

    def data(self, rng):
        return (rng.normal(size=(3, 5)),)

    def numpy(self, v):
        W = np.zeros((5, 4), v.dtype)
        rows = []
        for _ in range(2):
            v = (v @ W) @ W.T
            rows.append(v)
        return np.array(rows)

    def scancc(self, sc, T):
        W, bv, bh, v = T.zeros((5, 4)), T.zeros((5,)), T.zeros((4,)), T.matrix("v")
        (bv_t, bh_t), _ = sc.scan(lambda _: [bv, bh], sequences=v, outputs_info=[None, None])
        chain, _ = sc.scan(lambda x: T.dot(T.dot(x, W) + bh_t, W.T) + bv_t, outputs_info=v, n_steps=2)
        return sc.function([v], chain)

    def c(self, v):
        out = np.empty((2, *v.shape), v.dtype)
        return [v, out, len(v)], out

    def work(self, v):
        return Work(flops=2 * 2 * 2 * 3 * 20)


class PeerTaps(Workload):
    """Two states of numbers, one with two lags, over two series."""

    name = "peer_taps"
    group = "PyTensor\'s benchmarks"
    sizes = {"tiny": {"n": 20}, "small": {"n": 1000}}
    C = """
    void plain(const REAL *restrict p, const REAL *restrict q, const REAL *restrict start, REAL y, REAL *restrict out,
               long n) {
        REAL x2 = start[0], x1 = start[1], root = sqrt(R(2));
        for (long i = 0; i < n; i++) {
            REAL x = (x2 + q[i] + x1 + p[i]) / 2;
            y = (y + x) / root;
            out[i] = x; out[n + i] = y;
            x2 = x1; x1 = x;
        }
    }
    """

    def data(self, rng, n):
        return rng.normal(size=n), rng.normal(size=n), rng.normal(size=2), 0.7

    def numpy(self, p, q, start, y):
        x2, x1 = start.tolist()
        xs, ys = [], []
        for a, b in zip(p.tolist(), q.tolist(), strict=True):
            x2, x1 = x1, (x2 + b + x1 + a) / 2
            y = (y + x1) / 2**0.5
            xs.append(x1)
            ys.append(y)
        return [np.array(xs), np.array(ys)]

    def scancc(self, sc, T):
        p, q, start, y = T.vector("p"), T.vector("q"), T.vector("start"), T.scalar("y")

        def step(p_t, q_t, x2, x1, y):
            x = (x2 + q_t + x1 + p_t) / 2
            return x, (y + x) / math.sqrt(2)
        outputs, _ = sc.scan(step, sequences=[p, q], outputs_info=[dict(initial=start, taps=[-2, -1]),
                                                                   dict(initial=y, taps=[-1])])
        return sc.function([p, q, start, y], list(outputs))

    def c(self, p, q, start, y):
        out = np.empty((2, p.size), p.dtype)
        return [p, q, start, y, out, p.size], list(out)

    def numba(self, njit, real):
        root = real(2**0.5)

        @njit
        def taps(p, q, start, y):
            x2, x1 = start[0], start[1]
            xs, ys = np.empty_like(p), np.empty_like(p)
            for i in range(p.size):
                x2, x1 = x1, (x2 + q[i] + x1 + p[i]) / real(2)
                y = (y + x1) / root
                xs[i], ys[i] = x1, y
            return xs, ys
        return taps

    def jax(self, jax, jnp):
        def taps(p, q, start, y):
            def step(state, row):
                x2, x1, y = state
                x = (x2 + row[1] + x1 + row[0]) / 2
                y = (y + x) / 2**0.5
                return (x1, x, y), (x, y)
            return jax.lax.scan(step, (start[0], start[1], jnp.asarray(y, p.dtype)), (p, q))[1]
        return taps

    def work(self, p, q, start, y):
        return Work(flops=6 * p.size, chain={"add": 3 * p.size, "div": p.size})


class PeerBuffer(Workload):
    """A vector that grows by one in each of 511 steps: the last row."""

    name = "peer_last"
    group = "PyTensor\'s benchmarks"
    sizes = {"tiny": {"n": 3}, "small": {"n": 2}, "medium": {"n": 256}}
    kept = 1
    C = """
    void plain(const REAL *restrict x, REAL *restrict out, long n, long kept) {
        for (long t = 1; t <= 511; t++) {
            REAL *row = out + (t > 511 - kept ? t - 1 - (511 - kept) : 0) * n;
            const REAL *before = t == 1 ? x : t - 1 > 511 - kept ? row - n : out;
            for (long i = 0; i < n; i++) row[i] = before[i] + 1;
        }
    }
    """

    def data(self, rng, n):
        return (np.zeros(n),)

    def numpy(self, x):
        rows = []
        for _ in range(511):
            x = x + 1
            rows.append(x)
        return self.rows(np.array(rows))

    def rows(self, xs):
        return xs[-1]

    def scancc(self, sc, T):
        x = T.vector("x")
        xs, _ = sc.scan(lambda x: x + 1, outputs_info=x, n_steps=511)
        return sc.function([x], self.rows(xs))

    def c(self, x):
        out = np.empty((self.kept, x.size), x.dtype)
        return [x, out, x.size, self.kept], self.rows(out)

    def work(self, x):
        return Work(flops=511 * x.size, chain={"add": 511})


class PeerThreeRows(PeerBuffer):
    """A vector that grows by one in each of 511 steps: the last three rows."""

    name = "peer_three"
    group = "PyTensor\'s benchmarks"
    kept = 3

    def rows(self, xs):
        return xs[-3:]


class PeerAllRows(PeerBuffer):
    """A vector that grows by one in each of 511 steps: all rows."""

    name = "peer_rows"
    group = "PyTensor\'s benchmarks"
    kept = 511

    def rows(self, xs):
        return xs


class PeerPell(Workload):
    """A recurrence of two lags, the last number of 700 (1000 there, which overflow)."""

    name = "peer_pell"
    group = "PyTensor\'s benchmarks"
    dtypes = ("float64",)
    sizes = {"tiny": {"n": 10}, "small": {"n": 700}}
    C = """
    void plain(const REAL *restrict start, REAL *restrict out, long n) {
        REAL x2 = start[0], x1 = start[1];
        for (long i = 0; i < n; i++) { REAL x = 2 * x1 + x2; x2 = x1; x1 = x; }
        *out = x1;
    }
    """

    def data(self, rng, n):
        return np.array([1.0, 2.0]), n

    def numpy(self, start, n):
        x2, x1 = start
        for _ in range(n):
            x2, x1 = x1, 2 * x1 + x2
        return x1

    def scancc(self, sc, T):
        start, n = T.vector("start"), T.iscalar("n")
        x, _ = sc.scan(lambda x2, x1: 2 * x1 + x2, outputs_info=dict(initial=start, taps=[-2, -1]), n_steps=n)
        return sc.function([start, n], x[-1])

    def c(self, start, n):
        out = np.empty((), start.dtype)
        return [start, out, n], out

    def jax(self, jax, jnp):
        def pell(start, n):
            return jax.lax.fori_loop(0, n, lambda _, x: (x[1], 2 * x[1] + x[0]), (start[0], start[1]))[1]
        return pell

    def work(self, start, n):
        return Work(flops=2 * n, chain={"fma": n})


class PeerOutputs(Workload):
    """Three outputs of five steps: taps into past and future, products with small matrices."""

    name = "peer_outputs"
    group = "PyTensor\'s benchmarks"
    sizes = {"tiny": {}, "small": {}}
    C = """
    void plain(const REAL *restrict u, const REAL *restrict v, const REAL *restrict x0, const REAL *restrict y0,
               const REAL *restrict In, const REAL *restrict in2, const REAL *restrict W, const REAL *restrict w,
               REAL *restrict xs, REAL *restrict ys, REAL *restrict zs, long n) {
        REAL y[3] = {y0[0], y0[1], y0[2]}, x[2] = {x0[0], x0[1]};
        for (long t = 0; t < n; t++) {
            REAL z[2], new[2], last;
            for (int j = 0; j < 2; j++) {
                z[j] = u[2 * t] * In[j] + u[2 * t + 1] * In[2 + j];
                new[j] = z[j] + (v[2 * t + 2 + j] + v[2 * t + j] * v[2 * t + 4 + j]) * in2[j]
                         + (x[0] * W[j] + x[1] * W[2 + j]);
            }
            last = (y[2] + y[0]) * (x[0] * w[0] + x[1] * w[1]);
            y[0] = y[1]; y[1] = y[2]; y[2] = ys[t] = last;
            for (int j = 0; j < 2; j++) { x[j] = xs[2 * t + j] = new[j]; zs[2 * t + j] = z[j]; }
        }
    }
    """

    def data(self, rng):
        shapes = [(5, 2), (7, 2), (2,), (3,), (2, 2), (2,), (2, 2), (2,)]
        return tuple(rng.uniform(-2, 2, shape) for shape in shapes)

    def numpy(self, u, v, x, y0, W_in, w_in, W, w):
        xs, ys, zs = [], list(y0), []
        for t in range(len(u)):
            z = u[t] @ W_in
            x, y = z + (v[t + 1] + v[t] * v[t + 2]) * w_in + x @ W, (ys[-1] + ys[-3]) * (x @ w)
            xs.append(x)
            ys.append(y)
            zs.append(z)
        return [np.array(xs), np.array(ys[3:]), np.array(zs)]

    def scancc(self, sc, T):
        u, v, x0, y0, W_in = T.matrix("u"), T.matrix("v"), T.vector("x0"), T.vector("y0"), T.matrix("W_in")
        w_in, W, w = T.vector("w_in"), T.matrix("W"), T.vector("w")

        def step(u_t, v_before, v_t, v_after, x, y1, y3, W_in, w_in, W, w):
            return [T.dot(u_t, W_in) + (v_t + v_before * v_after) * w_in + T.dot(x, W), (y1 + y3) * T.dot(x, w),
                    T.dot(u_t, W_in)]
        outputs, _ = sc.scan(step, sequences=[u, dict(input=v, taps=[-1, 0, 1])], non_sequences=[W_in, w_in, W, w],
                             outputs_info=[x0, dict(initial=y0, taps=[-1, -3]), None])
        return sc.function([u, v, x0, y0, W_in, w_in, W, w], list(outputs))

    def c(self, u, *others):
        outputs = [np.empty_like(u), np.empty(len(u), u.dtype), np.empty_like(u)]
        return [u, *others, *outputs, len(u)], outputs

    def work(self, u, *_):
        return Work(flops=30 * len(u), chain={"fma": 4 * len(u)})


class PeerReordering(Workload):
    """Four outputs of three steps, those without a state first."""

    name = "peer_reorder"
    group = "PyTensor\'s benchmarks"
    sizes = {"tiny": {}, "small": {}}
    C = """
    void plain(const REAL *restrict u, const REAL *restrict v, const REAL *restrict x0, const REAL *restrict y0,
               const REAL *restrict In, const REAL *restrict in2, const REAL *restrict W, const REAL *restrict w,
               REAL *restrict a, REAL *restrict b, REAL *restrict xs, REAL *restrict ys, long n) {
        REAL y[3] = {y0[0], y0[1], y0[2]}, x[2] = {x0[0], x0[1]};
        for (long t = 0; t < n; t++) {
            REAL new[2], last = y[2] + (x[0] * w[0] + x[1] * w[1]);
            a[t] = y[0] + 1; b[t] = y[0] + 2;
            for (int j = 0; j < 2; j++)
                new[j] = (u[2 * t] * In[j] + u[2 * t + 1] * In[2 + j]) + v[t] * in2[j]
                         + (x[0] * W[j] + x[1] * W[2 + j]);
            for (int j = 0; j < 2; j++) x[j] = xs[2 * t + j] = new[j];
            y[0] = y[1]; y[1] = y[2]; y[2] = ys[t] = last;
        }
    }
    """

    def data(self, rng):
        shapes = [(3, 2), (3,), (2,), (3,), (2, 2), (2,), (2, 2), (2,)]
        return tuple(rng.uniform(-0.5, 0.5, shape) for shape in shapes)

    def numpy(self, u, v, x, y0, W_in, w_in, W, w):
        a, b, xs, ys = [], [], [], list(y0)
        for t in range(len(u)):
            a.append(ys[-3] + 1)
            b.append(ys[-3] + 2)
            x, y = u[t] @ W_in + v[t] * w_in + x @ W, ys[-1] + x @ w
            xs.append(x)
            ys.append(y)
        return [np.array(a), np.array(b), np.array(xs), np.array(ys[3:])]

    def scancc(self, sc, T):
        u, v, x0, y0, W_in = T.matrix("u"), T.vector("v"), T.vector("x0"), T.vector("y0"), T.matrix("W_in")
        w_in, W, w = T.vector("w_in"), T.matrix("W"), T.vector("w")

        def step(u_t, v_t, x, y1, y3, W_in, w_in, W, w):
            return [y3 + 1, y3 + 2, T.dot(u_t, W_in) + v_t * w_in + T.dot(x, W), y1 + T.dot(x, w)]
        outputs, _ = sc.scan(step, sequences=[u, v], non_sequences=[W_in, w_in, W, w],
                             outputs_info=[None, None, x0, dict(initial=y0, taps=[-1, -3])])
        return sc.function([u, v, x0, y0, W_in, w_in, W, w], list(outputs))

    def c(self, u, *others):
        outputs = [np.empty(len(u), u.dtype), np.empty(len(u), u.dtype), np.empty_like(u), np.empty(len(u), u.dtype)]
        return [u, *others, *outputs, len(u)], outputs

    def work(self, u, *_):
        return Work(flops=24 * len(u), chain={"fma": 2 * len(u)})


class PeerVector(Workload):
    """Ten channels with a factor each, over 199 rows."""

    name = "peer_vector"
    group = "PyTensor\'s benchmarks"
    sizes = {"tiny": {"n": 9}, "small": {"n": 200}}
    C = """
    void plain(const REAL *restrict r, const REAL *restrict M, REAL *restrict y, long n) {
        for (int j = 0; j < 10; j++) y[j] = r[j];
        for (long t = 1; t < n; t++)
            for (int j = 0; j < 10; j++) y[t * 10 + j] = r[t * 10 + j] + M[j] * y[(t - 1) * 10 + j];
    }
    """

    def data(self, rng, n):
        return np.arange(n * 10.0).reshape(n, 10), -1 / np.arange(1, 11)

    def numpy(self, r, M):
        y, rows = r[0], []
        for row in r[1:]:
            y = row + M * y
            rows.append(y)
        return np.array(rows)

    def scancc(self, sc, T):
        r, M = T.matrix("r"), T.vector("M")
        y, _ = sc.scan(lambda r_t, y, M: r_t + M * y, sequences=r[1:], non_sequences=M, outputs_info=r[0])
        return sc.function([r, M], y)

    def c(self, r, M):
        y = np.empty_like(r)
        return [r, M, y, len(r)], y[1:]

    def jax(self, jax, jnp):
        def vector(r, M):
            def step(y, r_t):
                y = r_t + M * y
                return y, y
            return jax.lax.scan(step, r[0], r[1:])[1]
        return vector

    def work(self, r, M):
        return Work(flops=2 * r.size, chain={"fma": len(r)})


class Hessian(Workload):
    """The Hessian of a sum of squares that two nested scans add up."""

    name = "peer_hessian"
    group = "PyTensor\'s benchmarks"
    sizes = {"tiny": {"n": 3}, "small": {"n": 8}}
    C = """
    void plain(const REAL *restrict W, REAL *restrict H, long n, long steps) {
        for (long i = 0; i < n * n; i++) H[i] = 0;
        for (long t = 0; t < steps; t++)
            for (long i = 0; i < n; i++) H[i * n + i] += 2;
    }
    """

    def data(self, rng, n):
        return np.ones(n), 1

    def numpy(self, W, steps):
        return 2 * steps * np.eye(len(W), dtype=W.dtype)

    def scancc(self, sc, T):
        W, steps = T.vector("W"), T.iscalar("steps")

        def outer(total, W):
            inner, _ = sc.scan(lambda s, W: s + (W**2).sum(), outputs_info=T.constant(0.0), non_sequences=W,
                               n_steps=1)
            return total + inner[-1]
        totals, _ = sc.scan(outer, outputs_info=T.constant(0.0), non_sequences=W, n_steps=steps)
        return sc.function([W, steps], sc.gradient.hessian(totals[-1], W))

    def c(self, W, steps):
        H = np.empty((W.size, W.size), W.dtype)
        return [W, H, W.size, steps], H

    def work(self, W, steps):
        return Work()
