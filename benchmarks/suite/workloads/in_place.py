"""States of which a step touches little: its cost must not grow with the state."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


def c_text(body: str) -> str:
    """The C form of a table in whose steps `body` happens."""
    return f"""
    void plain(const int64_t *restrict i, const int64_t *restrict j, const REAL *restrict start, REAL *restrict p,
               long n, long steps) {{
        memcpy(p, start, n * sizeof(REAL));
        for (long t = 0; t < steps; t++) {{
            const long a = i[t], b = j[t];
            {body}
        }}
    }}
    """


class Table(Workload):
    """A table as a state, two places of it in each step; subclasses say what happens there."""

    sizes = {"tiny": {"n": 60, "steps": 40}, "small": {"n": 1000, "steps": 2000},
             "large": {"n": 100_000, "steps": 2000}}
    tolerance = {"float64": 1e-12, "float32": 1e-4}
    def data(self, rng, n, steps):
        return rng.integers(0, n - 40, steps), rng.integers(0, n - 40, steps), rng.normal(size=n)

    def act(self, a, b, p):
        """What a step does, in NumPy, in place; Numba compiles the same."""
        raise NotImplementedError

    def step(self, sc, T, a, b, p):
        """The next state in scancc."""
        raise NotImplementedError

    def numpy(self, i, j, p):
        p, act = p.copy(), type(self).act
        for a, b in zip(i.tolist(), j.tolist(), strict=True):
            act(a, b, p)
        return p

    def scancc(self, sc, T):
        i, j, p = T.lvector("i"), T.lvector("j"), T.vector("p")
        rows, _ = sc.scan(lambda a, b, p: self.step(sc, T, a, b, p), sequences=[i, j], outputs_info=p)
        return sc.function([i, j, p], rows[-1])

    def c(self, i, j, p):
        out = np.empty_like(p)
        return [i, j, p, out, p.size, i.size], out

    def numba(self, njit, real):
        act = njit(type(self).act)

        @njit
        def run(i, j, start):
            p = start.copy()
            for t in range(i.size):
                act(i[t], j[t], p)
            return p
        return run

    def jax(self, jax, jnp):
        step = self.jax_step

        def run(i, j, p):
            return jax.lax.scan(lambda p, ab: (step(jax, jnp, *ab, p), None), p, (i, j))[0]
        return run

    def work(self, i, j, p):
        return Work()


class TwoSets(Table):
    """Two writes a step: a set and an addition."""

    name = "two_sets"
    C = c_text("p[a] = 1; p[b] += 2;")

    @staticmethod
    def act(a, b, p):
        p[a] = 1
        p[b] += 2

    def step(self, sc, T, a, b, p):
        return T.inc_subtensor(T.set_subtensor(p[a], 1.0)[b], 2.0)

    def jax_step(self, jax, jnp, a, b, p):
        return p.at[a].set(1.0).at[b].add(2.0)


class Swap(Table):
    """Two elements change places."""

    name = "swap"
    C = c_text("REAL t = p[a]; p[a] = p[b]; p[b] = t;")

    @staticmethod
    def act(a, b, p):
        p[a], p[b] = p[b], p[a]

    def step(self, sc, T, a, b, p):
        return T.set_subtensor(T.set_subtensor(p[a], p[b])[b], p[a])

    def jax_step(self, jax, jnp, a, b, p):
        return p.at[a].set(p[b]).at[b].set(p[a])


class ConditionalStore(Table):
    """A store where a condition holds, `switch(c, set(p), p)`."""

    name = "conditional"
    C = c_text("if (p[b] > p[a]) p[a] = p[b];")

    @staticmethod
    def act(a, b, p):
        if p[b] > p[a]:
            p[a] = p[b]

    def step(self, sc, T, a, b, p):
        return T.switch(p[b] > p[a], T.set_subtensor(p[a], p[b]), p)

    def jax_step(self, jax, jnp, a, b, p):
        return jnp.where(p[b] > p[a], p.at[a].set(p[b]), p)


class Pop(Table):
    """Sixteen elements move down by one."""

    name = "shift"
    C = c_text("memmove(p + a, p + a + 1, 16 * sizeof(REAL));")

    @staticmethod
    def act(a, b, p):
        for k in range(16):
            p[a + k] = p[a + k + 1]

    def step(self, sc, T, a, b, p):
        return T.set_subtensor(p[a:a + 16], p[a + 1:a + 17])

    def jax_step(self, jax, jnp, a, b, p):
        return jax.lax.dynamic_update_slice(p, jax.lax.dynamic_slice(p, (a + 1,), (16,)), (a,))


class InnerWrites(Table):
    """An inner scan writes eight elements of the outer state."""

    name = "inner_writes"
    C = c_text("for (long k = 0; k < 8; k++) p[a + k] = p[a] + R(0.25);")

    @staticmethod
    def act(a, b, p):
        for k in range(8):
            p[a + k] = p[a] + 0.25

    def step(self, sc, T, a, b, p):
        inner, _ = sc.scan(lambda k, q, a: T.set_subtensor(q[a + k], q[a] + 0.25), sequences=T.arange(8),
                           outputs_info=p, non_sequences=a)
        return inner[-1]

    def jax_step(self, jax, jnp, a, b, p):
        return jax.lax.fori_loop(0, 8, lambda k, q: q.at[a + k].set(q[a] + 0.25), p)


class Ring(Workload):
    """A delay line by `concatenate([line[1:], [x]])`, read at its front."""

    name = "ring"
    sizes = {"tiny": {"n": 60, "steps": 100}, "small": {"n": 1000, "steps": 5000},
             "large": {"n": 100_000, "steps": 5000}}
    tolerance = {"float64": 1e-12, "float32": 1e-4}

    C = """
    void plain(const REAL *restrict x, const REAL *restrict start, REAL *restrict y, REAL *restrict line, long n,
               long steps) {
        memcpy(line, start, n * sizeof(REAL));
        for (long t = 0, k = 0; t < steps; t++) {
            y[t] = x[t] + R(0.5) * line[k];
            line[k] = y[t];
            k = k + 1 == n ? 0 : k + 1;
        }
    }
    """

    def data(self, rng, n, steps):
        return rng.normal(size=steps), rng.normal(size=n)

    def numpy(self, x, line):
        y = line.tolist()
        for t, v in enumerate(x.tolist()):
            y.append(v + 0.5 * y[t])
        return np.array(y[line.size:])

    def scancc(self, sc, T):
        x, line = T.vector("x"), T.vector("line")

        def step(x_t, line):
            y = x_t + 0.5 * line[0]
            return T.concatenate([line[1:], [y]]), y
        (_, y), _ = sc.scan(step, sequences=x, outputs_info=[line, None])
        return sc.function([x, line], y)

    def c(self, x, line):
        y = np.empty_like(x)
        return [x, line, y, np.empty_like(line), line.size, x.size], y

    def numba(self, njit, real):
        half = real(0.5)

        @njit
        def ring(x, start):
            line, y, k = start.copy(), np.empty_like(x), 0
            for t in range(x.size):
                y[t] = x[t] + half * line[k]
                line[k] = y[t]
                k = 0 if k + 1 == line.size else k + 1
            return y
        return ring

    def jax(self, jax, jnp):
        def step(line, x_t):
            y = x_t + 0.5 * line[0]
            return jnp.concatenate([line[1:], y[None]]), y
        return lambda x, line: jax.lax.scan(step, line, x)[1]

    def work(self, x, line):
        return Work(flops=2 * x.size)


class TwoTables(Workload):
    """Word vectors by gradient steps: some rows of two tables a step, each update reads the other table."""

    name = "two_tables"
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
