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

    group = "states in place"
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
    limits = ("In float32 clang writes the eight elements of a step at once; here they are three stores, the "
              "first element and two vectors of four that overlap.")
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
    group = "states in place"
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
