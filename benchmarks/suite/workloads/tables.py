"""Tables of which a step touches some rows: as states, and in a gradient."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class TwoTables(Workload):
    """Word vectors by gradient steps: some rows of two tables a step, each update reads the other table."""

    name = "two_tables"
    group = "states in place"
    sizes = {"tiny": {"rows": 20, "steps": 30}, "small": {"rows": 500, "steps": 1000},
             "large": {"rows": 20_000, "steps": 1000}}
    tolerance = {"float64": 1e-11, "float32": 1e-4}
    C = """
    void plain(const int64_t *restrict c, const int64_t *restrict o, const REAL *restrict W0, const REAL *restrict V0,
               REAL *restrict W, REAL *restrict V, long n, long steps) {
        memcpy(W, W0, n * 8 * sizeof(REAL));
        memcpy(V, V0, n * 8 * sizeof(REAL));
        for (long t = 0; t < steps; t++) {
            REAL *w = W + c[t] * 8, g[8] = {0}, e[3], old[8];
            for (int k = 0; k < 3; k++) {
                const REAL *v = V + o[3 * t + k] * 8;
                REAL s = 0;
                for (int d = 0; d < 8; d++) s += v[d] * w[d];
                e[k] = 1 / (1 + exp(-s)) - (k == 0);
                for (int d = 0; d < 8; d++) g[d] += e[k] * v[d];
            }
            memcpy(old, w, sizeof old);
            for (int d = 0; d < 8; d++) w[d] -= R(0.05) * g[d];
            for (int k = 0; k < 3; k++)
                for (int d = 0; d < 8; d++) V[o[3 * t + k] * 8 + d] -= R(0.05) * e[k] * old[d];
        }
    }
    """

    def data(self, rng, rows, steps):
        return (rng.integers(0, rows, steps), rng.integers(0, rows, (steps, 3)), 0.1 * rng.normal(size=(rows, 8)),
                0.1 * rng.normal(size=(rows, 8)))

    def numpy(self, c, o, W, V):
        W, V, label = W.copy(), V.copy(), np.array([1, 0, 0], W.dtype)
        for a, b in zip(c, o, strict=True):
            e = 1 / (1 + np.exp(-(V[b] @ W[a]))) - label
            gradient, others = e @ V[b], e[:, None] * W[a]
            W[a] -= 0.05 * gradient
            np.subtract.at(V, b, 0.05 * others)
        return [W, V]

    def scancc(self, sc, T):
        c, o, W, V = T.lvector("c"), T.lmatrix("o"), T.matrix("W"), T.matrix("V")
        first = T.constant(np.array([1, 0, 0], "int8"))

        def step(c_t, o_t, W, V):
            e = T.sigmoid(T.dot(V[o_t], W[c_t])) - first
            return (T.inc_subtensor(W[c_t], -0.05 * T.dot(e, V[o_t])),
                    T.inc_subtensor(V[o_t], -0.05 * e.dimshuffle(0, "x") * W[c_t]))
        (W_rows, V_rows), _ = sc.scan(step, sequences=[c, o], outputs_info=[W, V])
        return sc.function([c, o, W, V], [W_rows[-1], V_rows[-1]])

    def c(self, c, o, W, V):
        outputs = [np.empty_like(W), np.empty_like(V)]
        return [c, o, W, V, *outputs, len(W), c.size], outputs

    def numba(self, njit, real):
        one, rate = real(1), real(0.05)

        @njit
        def vectors(c, o, W0, V0):
            W, V = W0.copy(), V0.copy()
            e, g, old = np.empty(3, W.dtype), np.empty(8, W.dtype), np.empty(8, W.dtype)
            for t in range(c.size):
                a = c[t]
                g[:] = real(0)
                for k in range(3):
                    s = real(0)
                    for d in range(8):
                        s += V[o[t, k], d] * W[a, d]
                    e[k] = one / (one + np.exp(-s)) - (one if k == 0 else real(0))
                    for d in range(8):
                        g[d] += e[k] * V[o[t, k], d]
                for d in range(8):
                    old[d] = W[a, d]
                    W[a, d] -= rate * g[d]
                for k in range(3):
                    for d in range(8):
                        V[o[t, k], d] -= rate * e[k] * old[d]
            return W, V
        return vectors

    def jax(self, jax, jnp):
        def vectors(c, o, W, V):
            label = jnp.asarray([1, 0, 0], W.dtype)

            def step(state, row):
                (W, V), (a, b) = state, row
                e = jax.nn.sigmoid(V[b] @ W[a]) - label
                return (W.at[a].add(-0.05 * (e @ V[b])), V.at[b].add(-0.05 * e[:, None] * W[a])), None
            return jax.lax.scan(step, (W, V), (c, o))[0]
        return vectors

    def work(self, c, o, W, V):
        return Work(flops=100 * c.size, special={"exp": 3 * c.size, "div": 3 * c.size})


class LookupGradient(Workload):
    """The gradient by a table of which each step reads one row."""

    name = "lookup_grad"
    group = "states in place"
    sizes = {"tiny": {"rows": 20, "steps": 30}, "small": {"rows": 500, "steps": 1000},
             "large": {"rows": 20_000, "steps": 1000}}
    tolerance = {"float64": 1e-10, "float32": 1e-3}
    C = """
    void plain(const int64_t *restrict i, const REAL *restrict M, REAL *restrict G, REAL *restrict h, long n,
               long steps) {
        REAL d[4] = {0};
        memset(G, 0, n * 4 * sizeof(REAL));
        for (int k = 0; k < 4; k++) h[k] = 0;
        for (long t = 0; t < steps; t++)
            for (int k = 0; k < 4; k++) h[4 * t + 4 + k] = tanh(M[4 * i[t] + k] + h[4 * t + k]);
        for (long t = steps - 1; t >= 0; t--)
            for (int k = 0; k < 4; k++) {
                REAL s = h[4 * t + 4 + k];
                d[k] = (d[k] + 2 * s) * (1 - s * s);
                G[4 * i[t] + k] += d[k];
            }
    }
    """

    def data(self, rng, rows, steps):
        return rng.integers(0, rows, steps), rng.normal(size=(rows, 4))

    def numpy(self, i, M):
        h = [np.zeros(4, M.dtype)]
        for a in i:
            h.append(np.tanh(M[a] + h[-1]))
        G, d = np.zeros_like(M), np.zeros(4, M.dtype)
        for t in range(i.size - 1, -1, -1):
            d = (d + 2 * h[t + 1]) * (1 - h[t + 1] ** 2)
            G[i[t]] += d
        return G

    def scancc(self, sc, T):
        i, M = T.lvector("i"), T.matrix("M")
        h, _ = sc.scan(lambda a, h, M: T.tanh(M[a] + h), sequences=i, outputs_info=T.zeros(4), non_sequences=M)
        return sc.function([i, M], sc.grad((h**2).sum(), M))

    def c(self, i, M):
        G = np.empty_like(M)
        return [i, M, G, np.empty((i.size + 1, 4), M.dtype), len(M), i.size], G

    def numba(self, njit, real):
        @njit
        def gradient(i, M):
            h, G, d = np.zeros((i.size + 1, 4), M.dtype), np.zeros_like(M), np.zeros(4, M.dtype)
            for t in range(i.size):
                for k in range(4):
                    h[t + 1, k] = np.tanh(M[i[t], k] + h[t, k])
            for t in range(i.size - 1, -1, -1):
                for k in range(4):
                    s = h[t + 1, k]
                    d[k] = (d[k] + real(2) * s) * (real(1) - s * s)
                    G[i[t], k] += d[k]
            return G
        return gradient

    def jax(self, jax, jnp):
        def loss(M, i):
            def step(h, a):
                h = jnp.tanh(M[a] + h)
                return h, h
            return (jax.lax.scan(step, jnp.zeros(4, M.dtype), i)[1] ** 2).sum()
        return lambda i, M: jax.grad(loss)(M, i)

    def work(self, i, M):
        return Work(flops=10 * 4 * i.size, special={"tanh": 4 * i.size},
                    chain={"tanh": i.size, "add": 2 * i.size, "fma": i.size})
