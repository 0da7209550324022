"""Volatility models: a likelihood after the loop, in the loop, and its gradient."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Garch(Workload):
    """Log-likelihood of GARCH(1, 1), the variances by a scan, the logarithms after it."""

    name = "garch"
    sizes = {"tiny": {"n": 30}, "medium": {"n": 10**4}}
    tolerance = {"float64": 1e-11, "float32": 1e-4}
    C = """
    void plain(const REAL *restrict r, REAL w, REAL a, REAL b, REAL *restrict out, long n) {
        REAL s = 1, sum = 0;
        for (long i = 0; i < n; i++) {
            s = w + a * r[i] * r[i] + b * s;
            if (i + 1 < n) sum += log(s) + r[i + 1] * r[i + 1] / s;
        }
        *out = R(0.5) * sum;
    }
    void best(const REAL *restrict r, REAL w, REAL a, REAL b, REAL *restrict out, long n) {
        enum { TILE = 512 };                                          /* the chain apart from logarithms in vectors */
        REAL s = 1, sum = 0, v[TILE], e[TILE];
        for (long i = 0; i < n - 1; i += TILE) {
            long m = n - 1 - i < TILE ? n - 1 - i : TILE;
            for (long j = 0; j < m; j++) e[j] = w + a * r[i + j] * r[i + j];
            for (long j = 0; j < m; j++) v[j] = s = b * s + e[j];
            for (long j = 0; j < m; j++) e[j] = log(v[j]) + r[i + j + 1] * r[i + j + 1] / v[j];
            for (long j = 0; j < m; j++) sum += e[j];
        }
        *out = R(0.5) * sum;
    }
    """

    def data(self, rng, n):
        return rng.normal(size=n), 0.1, 0.15, 0.8

    def numpy(self, r, w, a, b):
        s, variances = 1.0, []
        for v in r.tolist():
            s = w + a * v * v + b * s
            variances.append(s)
        v = np.array(variances[:-1])
        return 0.5 * (np.log(v) + r[1:] ** 2 / v).sum()

    def program(self, sc, T):
        r, w, a, b = T.vector("r"), T.scalar("w"), T.scalar("a"), T.scalar("b")
        s, _ = sc.scan(lambda r_t, s, w, a, b: w + a * r_t**2 + b * s, sequences=r, outputs_info=T.constant(1.0),
                       non_sequences=[w, a, b])
        return [r, w, a, b], 0.5 * (T.log(s[:-1]) + r[1:] ** 2 / s[:-1]).sum()

    def scancc(self, sc, T):
        return sc.function(*self.program(sc, T))

    def c(self, r, w, a, b):
        out = np.empty((), r.dtype)
        return [r, w, a, b, out, r.size], out

    def numba(self, njit, real):
        half = real(0.5)

        @njit
        def garch(r, w, a, b):
            s, total = real(1), real(0)
            for i in range(r.size - 1):
                s = w + a * r[i] * r[i] + b * s
                total += np.log(s) + r[i + 1] * r[i + 1] / s
            return half * total
        return garch

    def jax_loss(self, jax, jnp):
        def garch(r, w, a, b):
            def step(s, r_t):
                s = w + a * r_t**2 + b * s
                return s, s
            v = jax.lax.scan(step, jnp.ones((), r.dtype), r)[1][:-1]
            return 0.5 * (jnp.log(v) + r[1:] ** 2 / v).sum()
        return garch

    def jax(self, jax, jnp):
        return self.jax_loss(jax, jnp)

    def work(self, r, w, a, b):
        n = r.size
        return Work(flops=8 * n, chain={"fma": n}, special={"log": n, "div": n})


class StepLikelihood(Garch):
    """The same with the logarithm and the division written in the step."""

    name = "loglik_step"

    def program(self, sc, T):
        r, w, a, b = T.vector("r"), T.scalar("w"), T.scalar("a"), T.scalar("b")

        def step(r_t, r_next, s, w, a, b):
            s = w + a * r_t**2 + b * s
            return s, T.log(s) + r_next**2 / s
        (_, terms), _ = sc.scan(step, sequences=[r[:-1], r[1:]], outputs_info=[T.constant(1.0), None],
                                non_sequences=[w, a, b])
        return [r, w, a, b], 0.5 * terms.sum()

    def jax_loss(self, jax, jnp):
        def garch(r, w, a, b):
            def step(s, row):
                s = w + a * row[0] ** 2 + b * s
                return s, jnp.log(s) + row[1] ** 2 / s
            return 0.5 * jax.lax.scan(step, jnp.ones((), r.dtype), (r[:-1], r[1:]))[1].sum()
        return garch


class GarchGradient(Garch):
    """The likelihood of GARCH(1, 1) and its gradient by the three parameters."""

    name = "garch_grad"
    tolerance = {"float64": 1e-10, "float32": 1e-3}
    C = """
    void plain(const REAL *restrict r, REAL w, REAL a, REAL b, REAL *restrict out, REAL *restrict v, long n) {
        REAL s = 1, sum = 0, d = 0, dw = 0, da = 0, db = 0;
        for (long i = 0; i < n - 1; i++) {
            v[i] = s = w + a * r[i] * r[i] + b * s;
            sum += log(s) + r[i + 1] * r[i + 1] / s;
        }
        for (long i = n - 2; i >= 0; i--) {
            REAL q = 1 / v[i];
            d = b * d + R(0.5) * (q - r[i + 1] * r[i + 1] * q * q);
            dw += d;
            da += d * r[i] * r[i];
            db += d * (i > 0 ? v[i - 1] : 1);
        }
        out[0] = R(0.5) * sum; out[1] = dw; out[2] = da; out[3] = db;
    }
    void best(const REAL *restrict r, REAL w, REAL a, REAL b, REAL *restrict out, REAL *restrict v, long n) {
        enum { TILE = 512 };
        REAL s = 1, sum = 0, d = 0, dw = 0, da = 0, db = 0, e[TILE], g[TILE];
        for (long i = 0; i < n - 1; i += TILE) {
            long m = n - 1 - i < TILE ? n - 1 - i : TILE;
            for (long j = 0; j < m; j++) e[j] = w + a * r[i + j] * r[i + j];
            for (long j = 0; j < m; j++) v[i + j] = s = b * s + e[j];
            for (long j = 0; j < m; j++) e[j] = log(v[i + j]) + r[i + j + 1] * r[i + j + 1] / v[i + j];
            for (long j = 0; j < m; j++) sum += e[j];
        }
        for (long end = n - 1; end > 0; end -= TILE) {
            long i = end > TILE ? end - TILE : 0, m = end - i;
            for (long j = 0; j < m; j++) {
                REAL q = 1 / v[i + j];
                g[j] = R(0.5) * (q - r[i + j + 1] * r[i + j + 1] * q * q);
            }
            for (long j = m - 1; j >= 0; j--) g[j] = d = b * d + g[j];
            for (long j = 0; j < m; j++) { dw += g[j]; da += g[j] * r[i + j] * r[i + j]; }
            for (long j = i ? 0 : 1; j < m; j++) db += g[j] * v[i + j - 1];
            if (i == 0) db += g[0];
        }
        out[0] = R(0.5) * sum; out[1] = dw; out[2] = da; out[3] = db;
    }
    """

    def numpy(self, r, w, a, b):
        s, variances = 1.0, []
        for x in r.tolist():
            s = w + a * x * x + b * s
            variances.append(s)
        v = np.array(variances[:-1])
        own, d, adjoints = 0.5 * (1 / v - r[1:] ** 2 / v**2), 0.0, []
        for g in own[::-1].tolist():
            d = b * d + g
            adjoints.append(d)
        adjoint = np.array(adjoints[::-1])
        before = np.concatenate([[1.0], v[:-1]])
        return [0.5 * (np.log(v) + r[1:] ** 2 / v).sum(), adjoint.sum(), (adjoint * r[:-1] ** 2).sum(),
                (adjoint * before).sum()]

    def scancc(self, sc, T):
        inputs, loss = self.program(sc, T)
        return sc.function(inputs, [loss, *sc.grad(loss, inputs[1:])])

    def c(self, r, w, a, b):
        out = np.empty(4, r.dtype)
        return [r, w, a, b, out, np.empty_like(r), r.size], [out[i:i + 1].reshape(()) for i in range(4)]

    def numba(self, njit, real):
        half = real(0.5)

        @njit
        def garch_gradient(r, w, a, b):
            n = r.size
            v = np.empty_like(r)
            s, total, d, dw, da, db = real(1), real(0), real(0), real(0), real(0), real(0)
            for i in range(n - 1):
                s = w + a * r[i] * r[i] + b * s
                v[i] = s
                total += np.log(s) + r[i + 1] * r[i + 1] / s
            for i in range(n - 2, -1, -1):
                q = real(1) / v[i]
                d = b * d + half * (q - r[i + 1] * r[i + 1] * q * q)
                dw += d
                da += d * r[i] * r[i]
                db += d * (v[i - 1] if i > 0 else real(1))
            return half * total, dw, da, db
        return garch_gradient

    def jax(self, jax, jnp):
        value_and_grad = jax.value_and_grad(self.jax_loss(jax, jnp), argnums=(1, 2, 3))

        def garch_gradient(r, w, a, b):
            value, gradients = value_and_grad(r, *(jnp.asarray(x, r.dtype) for x in (w, a, b)))
            return [value, *gradients]
        return garch_gradient

    def work(self, r, w, a, b):
        n = r.size
        return Work(flops=22 * n, chain={"fma": 2 * n}, special={"log": n, "div": n})
