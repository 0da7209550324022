"""Loops that decide when they end."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Newton(Workload):
    """A damped Newton iteration for a root, until it moves little: thousands of steps of one number."""

    name = "newton"
    sizes = {"tiny": {"damping": 0.3}, "medium": {"damping": 0.002}}
    dtypes = ("float64",)
    C = """
    void plain(REAL a, REAL damping, REAL *restrict out) {
        REAL x = 1;
        for (long i = 0; i < 100000; i++) {
            REAL new = x - damping * (x * x - a) / (2 * x);
            REAL moved = fabs(new - x);
            x = new;
            if (moved < R(1e-12)) break;
        }
        *out = x;
    }
    """

    def data(self, rng, damping):
        return 7.0, damping

    def numpy(self, a, damping):
        x, moved = 1.0, 1.0
        while moved >= 1e-12:
            x, old = x - damping * (x * x - a) / (2 * x), x
            moved = abs(x - old)
        return np.array(x)

    def scancc(self, sc, T):
        a, damping = T.scalar("a"), T.scalar("damping")

        def step(x, a, damping):
            new = x - damping * (x * x - a) / (2 * x)
            return new, sc.until(abs(new - x) < 1e-12)
        x, _ = sc.scan(step, outputs_info=T.constant(1.0), non_sequences=[a, damping], n_steps=100000)
        return sc.function([a, damping], x[-1])

    def c(self, a, damping):
        out = np.empty(())
        return [a, damping, out], out

    def numba(self, njit, real):
        @njit
        def newton(a, damping):
            x, moved = 1.0, 1.0
            while moved >= 1e-12:
                new = x - damping * (x * x - a) / (2 * x)
                moved = abs(new - x)
                x = new
            return x
        return newton

    def jax(self, jax, jnp):
        def newton(a, damping):
            def step(state):
                x = state[0]
                new = x - damping * (x * x - a) / (2 * x)
                return new, abs(new - x)
            return jax.lax.while_loop(lambda s: s[1] >= 1e-12, step, (jnp.ones(()), jnp.ones(())))[0]
        return newton

    def work(self, a, damping):
        x, moved, steps = 1.0, 1.0, 0
        while moved >= 1e-12:
            x, old, steps = x - damping * (x * x - a) / (2 * x), x, steps + 1
            moved = abs(x - old)
        return Work(flops=7 * steps, chain={"fma": steps, "mul": steps, "div": steps, "add": steps})


class PowersOfTwo(Workload):
    """Powers of two until a limit, all of them: the tutorial's loop."""

    name = "pow2"
    sizes = {"tiny": {"limit": 100.0}, "medium": {"limit": 1e37}}
    C = """
    long plain(const REAL *restrict start, REAL limit, REAL *restrict out) {
        REAL p = *start;
        long i = 0;
        while (i < 1024) {
            p = p * 2;
            out[i++] = p;
            if (p > limit) break;
        }
        return i;
    }
    """

    def data(self, rng, limit):
        return np.array(1.0), limit

    def numpy(self, start, limit):
        p, out = start, []
        for _ in range(1024):
            p = p * 2
            out.append(p)
            if p > limit:
                break
        return np.array(out)

    def scancc(self, sc, T):
        start, limit = T.scalar("start"), T.scalar("limit")
        values, _ = sc.scan(lambda previous, limit: (previous * 2, sc.until(previous * 2 > limit)),
                            outputs_info=start, non_sequences=limit, n_steps=1024)
        return sc.function([start, limit], values)

    def c(self, start, limit):
        out = np.empty(1024, start.dtype)
        return [start, limit, out], out[:len(self.numpy(start, limit))]

    def numba(self, njit, real):
        @njit
        def powers(start, limit):
            p, i, out = start[()], 0, np.empty(1024, start.dtype)
            while i < 1024:
                p = p * real(2)
                out[i] = p
                i += 1
                if p > limit:
                    break
            return out[:i]
        return powers

    absent = {"jax": "a result of unknown length"}

    def work(self, start, limit):
        steps = len(self.numpy(start, limit))
        return Work(flops=steps, chain={"mul": steps})


class Mandelbrot(Workload):
    """Escape times of a grid of points, until all have escaped or 200 steps are done."""

    name = "mandel"
    limits = ("A step waits for its chain (a product, two sums), and lanes for the last of their vectors: the "
              "fastest C has 0.3 to 0.4 of the peak, too.")
    sizes = {"tiny": {"n": 8, "last": 20}, "medium": {"n": 64, "last": 200}}
    tolerance = {"float64": 1e-3, "float32": 0.02}
    C = """
    void plain(const REAL *restrict cr, const REAL *restrict ci, int64_t *restrict count, long n, long last) {
        for (long i = 0; i < n; i++) {
            REAL x = 0, y = 0;
            int64_t k = 0;
            for (; k < last; k++) {
                REAL xx = x * x, yy = y * y;
                if (xx + yy > 4) break;
                y = 2 * x * y + ci[i];
                x = xx - yy + cr[i];
            }
            count[i] = k;
        }
    }
    void best(const REAL *restrict cr, const REAL *restrict ci, int64_t *restrict count, long n, long last) {
        enum { V = 2 };                                  /* lanes wait for the last of their two vectors */
        long i = 0;
        for (; i + V * LANES <= n; i += V * LANES) {
            vec x[V] = {{0}}, y[V] = {{0}}, a[V], b[V];
            mask k[V] = {{0}};
            for (int v = 0; v < V; v++) { a[v] = *(vec *)(cr + i + v * LANES); b[v] = *(vec *)(ci + i + v * LANES); }
            for (long t = 0; t < last; t++) {
                mask any = {0};
                for (int v = 0; v < V; v++) {
                    vec xx = x[v] * x[v], yy = y[v] * y[v];
                    mask in = (mask)(xx + yy <= (vec){0} + 4);
                    k[v] -= in;
                    any |= in;
                    y[v] = 2 * x[v] * y[v] + b[v];
                    x[v] = xx - yy + a[v];
                }
                if (t % 4 == 3) {
                    long alive = 0;
                    for (int j = 0; j < LANES; j++) alive |= (long)any[j];
                    if (!alive) break;
                }
            }
            for (int v = 0; v < V; v++)
                for (int j = 0; j < LANES; j++) count[i + v * LANES + j] = k[v][j];
        }
        if (i < n) plain(cr + i, ci + i, count + i, n - i, last);
    }
    """

    def data(self, rng, n, last):
        re, im = np.meshgrid(np.linspace(-2, 0.6, n), np.linspace(-1.2, 1.2, n))
        return re.ravel(), im.ravel(), last

    def numpy(self, cr, ci, last):
        x, y, count = np.zeros_like(cr), np.zeros_like(cr), np.zeros(cr.shape, "int64")
        alive = np.ones(cr.shape, bool)
        for _ in range(last):
            alive = alive & (x * x + y * y <= 4)
            if not alive.any():
                break
            count += alive
            x, y = np.where(alive, x * x - y * y + cr, x), np.where(alive, 2 * x * y + ci, y)
        return count

    def scancc(self, sc, T):
        cr, ci, last = T.vector("cr"), T.vector("ci"), T.iscalar("last")

        def step(x, y, count, cr, ci):
            alive = x * x + y * y <= 4
            return [T.switch(alive, x * x - y * y + cr, x), T.switch(alive, 2 * x * y + ci, y),
                    count + T.cast(alive, "int64")], sc.until(T.eq(T.sum(alive), 0))
        (_, _, count), _ = sc.scan(step, non_sequences=[cr, ci], n_steps=last, outputs_info=[
            T.zeros_like(cr), T.zeros_like(ci), T.zeros(cr.shape, dtype="int64")])
        return sc.function([cr, ci, last], count[-1])

    def c(self, cr, ci, last):
        count = np.empty(cr.shape, "int64")
        return [cr, ci, count, cr.size, last], count

    def numba(self, njit, real):
        two, four = real(2), real(4)

        @njit
        def mandelbrot(cr, ci, last):
            count = np.empty(cr.size, np.int64)
            for i in range(cr.size):
                x = y = real(0)
                k = 0
                while k < last and x * x + y * y <= four:
                    x, y = x * x - y * y + cr[i], two * x * y + ci[i]
                    k += 1
                count[i] = k
            return count
        return mandelbrot

    def jax(self, jax, jnp):
        def mandelbrot(cr, ci, last):
            def step(state):
                t, x, y, alive, count = state
                alive = alive & (x * x + y * y <= 4)
                x, y = jnp.where(alive, x * x - y * y + cr, x), jnp.where(alive, 2 * x * y + ci, y)
                return t + 1, x, y, alive, count + alive
            zeros = jnp.zeros_like(cr)
            start = 0, zeros, zeros, jnp.ones(cr.shape, bool), jnp.zeros(cr.shape, "int64")
            return jax.lax.while_loop(lambda s: (s[0] < last) & s[3].any(), step, start)[4]
        return mandelbrot

    def torch(self, torch):
        def mandelbrot(cr, ci, last):
            x, y = torch.zeros_like(cr), torch.zeros_like(cr)
            count, alive = torch.zeros(cr.shape, dtype=torch.int64), torch.ones(cr.shape, dtype=torch.bool)
            for _ in range(last):
                alive = alive & (x * x + y * y <= 4)
                if not alive.any():
                    break
                count += alive
                x, y = torch.where(alive, x * x - y * y + cr, x), torch.where(alive, 2 * x * y + ci, y)
            return count
        return mandelbrot

    def work(self, cr, ci, last):
        return Work(flops=8 * float(self.numpy(cr, ci, last).sum()), chain={"fma": 2 * last})
