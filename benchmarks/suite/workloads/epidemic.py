"""The likelihood of an epidemic, of PyTensor's public scan benchmarks, and its gradient."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Seir(Workload):
    """Log-likelihood of an epidemic's counts, gammaln and log written in the step."""

    name = "seir"
    group = "PyTensor\'s benchmarks"
    sizes = {"tiny": {"repeats": 1}, "small": {"repeats": 150}}
    tolerance = {"float64": 1e-10, "float32": 2e-3}
    HELPERS = """
    static REAL binomial(REAL n, REAL p, REAL k) {
        return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log(1 - p);
    }
    """
    C = HELPERS + """
    void plain(const int32_t *restrict c, const int32_t *restrict d, REAL s, REAL e, REAL i, REAL beta, REAL gamma,
               REAL delta, REAL *restrict out, long n) {
        REAL sum = 0;
        for (long t = 0; t < n; t++) {
            REAL b = s * beta, x = (REAL)c[t], y = (REAL)d[t];
            sum += binomial(e, gamma, x) + binomial(i, delta, y);
            s -= b; e += b - x; i += x - y;
        }
        *out = sum;
    }
    """

    def data(self, rng, repeats):
        c = np.array([3, 5, 8, 13, 21, 26, 10, 3] * repeats, "int32")
        d = np.array([1, 2, 3, 7, 9, 11, 5, 1] * repeats, "int32")
        # As many people that the counts of all weeks come from them (there 100, 50 and 25, and NaN after the first).
        return c, d, 1e5, 20000.0 * repeats, 100.0, 0.277792, 0.135330, 0.108753

    def numpy(self, c, d, s, e, i, beta, gamma, delta):
        def binomial(n, p, k):
            choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
            return choose + k * math.log(p) + (n - k) * math.log(1 - p)
        total = 0.0
        for x, y in zip(c.tolist(), d.tolist(), strict=True):
            total += binomial(e, gamma, x) + binomial(i, delta, y)
            b = s * beta
            s, e, i = s - b, e + b - x, i + x - y
        return np.array(total)

    def program(self, sc, T):
        c, d = T.ivector("c"), T.ivector("d")
        scalars = [T.scalar(name) for name in ("s", "e", "i", "beta", "gamma", "delta")]

        def log_probability(n, p, k):
            choose = T.gammaln(n + 1) - T.gammaln(k + 1) - T.gammaln(n - k + 1)
            return choose + k * T.log(p) + (n - k) * T.log(1 - p)

        def step(c_t, d_t, s, e, i, beta, gamma, delta):
            c_t, d_t = T.cast(c_t, s.dtype), T.cast(d_t, s.dtype)
            b = s * beta
            return [s - b, e + b - c_t, i + c_t - d_t, log_probability(e, gamma, c_t), log_probability(i, delta, d_t)]
        (_, _, _, p, q), _ = sc.scan(step, sequences=[c, d], outputs_info=[*scalars[:3], None, None],
                                     non_sequences=scalars[3:])
        return [c, d, *scalars], p.sum() + q.sum()

    def scancc(self, sc, T):
        return sc.function(*self.program(sc, T))

    def c(self, c, d, *scalars):
        out = np.empty(())
        return [c, d, *scalars, out, c.size], out

    def jax(self, jax, jnp):
        def log_probability(n, p, k):
            lgamma = jax.scipy.special.gammaln
            return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * jnp.log(p) + (n - k) * jnp.log(1 - p)

        def seir(c, d, *scalars):
            s, e, i, beta, gamma, delta = (jnp.asarray(v) for v in scalars)

            def step(state, row):
                s, e, i = state
                b = s * beta
                p = log_probability(e, gamma, row[0]) + log_probability(i, delta, row[1])
                return (s - b, e + b - row[0], i + row[0] - row[1]), p
            return jax.lax.scan(step, (s, e, i), (c.astype(s.dtype), d.astype(s.dtype)))[1].sum()
        return seir

    dtypes = ("float64",)

    def work(self, c, *_):
        return Work(flops=40 * c.size, special={"log": 6 * c.size}, chain={"add": c.size, "fma": c.size})


class SeirGradient(Seir):
    """The log-likelihood of an epidemic's counts and its gradient by the three rates."""

    name = "seir_grad"
    group = "PyTensor\'s benchmarks"
    tolerance = {"float64": 1e-9, "float32": 2e-3}
    C = """
    static REAL digamma(REAL x) {
        REAL r = 0;
        for (; x < 8; x++) r -= 1 / x;
        REAL f = 1 / (x * x);
        return r + log(x) - R(0.5) / x - f * (R(1.0 / 12) - f * (R(1.0 / 120) - f * (R(1.0 / 252) - f * (R(1.0 / 240)
               - f * R(1.0 / 132)))));
    }
    """ + Seir.HELPERS + """
    void plain(const int32_t *restrict c, const int32_t *restrict d, REAL s, REAL e, REAL i, REAL beta, REAL gamma,
               REAL delta, REAL *restrict out, long n) {
        REAL sum = 0, ds = 0, de = 0, db = 0, dg = 0, dd = 0;         /* forward mode: s and e move with beta alone */
        for (long t = 0; t < n; t++) {
            REAL b = s * beta, x = (REAL)c[t], y = (REAL)d[t], dbt = ds * beta + s;
            sum += binomial(e, gamma, x) + binomial(i, delta, y);
            db += de * (digamma(e + 1) - digamma(e - x + 1) + log(1 - gamma));
            dg += x / gamma - (e - x) / (1 - gamma);
            dd += y / delta - (i - y) / (1 - delta);
            s -= b; e += b - x; i += x - y;
            ds -= dbt; de += dbt;
        }
        out[0] = sum; out[1] = db; out[2] = dg; out[3] = dd;
    }
    """

    def numpy(self, c, d, s, e, i, beta, gamma, delta):
        loss = Seir.numpy(self, c, d, s, e, i, beta, gamma, delta)
        ds = de = db = dg = dd = 0.0
        for x, y in zip(c.tolist(), d.tolist(), strict=True):
            db += de * (_digamma(e + 1) - _digamma(e - x + 1) + math.log(1 - gamma))
            dg += x / gamma - (e - x) / (1 - gamma)
            dd += y / delta - (i - y) / (1 - delta)
            b, moved = s * beta, ds * beta + s
            s, e, i = s - b, e + b - x, i + x - y
            ds, de = ds - moved, de + moved
        return [loss, np.array(db), np.array(dg), np.array(dd)]

    def scancc(self, sc, T):
        inputs, loss = self.program(sc, T)
        return sc.function(inputs, [loss, *sc.grad(loss, inputs[5:])])

    def c(self, c, d, *scalars):
        out = np.empty(4)
        return [c, d, *scalars, out, c.size], [out[k:k + 1].reshape(()) for k in range(4)]

    def jax(self, jax, jnp):
        made = jax.value_and_grad(Seir.jax(self, jax, jnp), argnums=(5, 6, 7))

        def gradient(c, d, *scalars):
            loss, gradients = made(c, d, *(jnp.asarray(v) for v in scalars))
            return [loss, *gradients]
        return gradient


def _digamma(x: float) -> float:
    r = 0.0
    while x < 8:
        r, x = r - 1 / x, x + 1
    f = 1 / (x * x)
    series = f * (1 / 12 - f * (1 / 120 - f * (1 / 252 - f * (1 / 240 - f / 132))))
    return r + math.log(x) - 0.5 / x - series
