"""A GRU layer as first published: the reset gate before the product, so that a step has two products in a row."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.c_code import Blas
from benchmarks.suite.workload import Work, Workload


class Gru(Workload):
    """A GRU layer, update and reset gate in one matrix: all rows."""

    name = "gru"
    sizes = {"tiny": {"steps": 4, "batch": 2, "n_in": 3, "n": 5},
             "medium": {"steps": 100, "batch": 16, "n_in": 32, "n": 64}}
    tolerance = {"float64": 1e-10, "float32": 1e-4}
    ARGUMENTS = """const REAL *restrict x, const REAL *restrict W, const REAL *restrict U, const REAL *restrict V,
        const REAL *restrict b, REAL *restrict h, REAL *restrict a, REAL *restrict g, REAL *restrict rh, gemm_t *gemm,
        long T, long B, long D, long H"""
    C = f"""
    /* a: x @ W + b of all steps; g: both gates of a step; rh: the state behind the reset gate. */
    static void layer({ARGUMENTS}) {{
        for (long i = 0; i < B * H; i++) h[i] = 0;
        for (long i = 0; i < T * B; i++) memcpy(a + i * 3 * H, b, 3 * H * sizeof(REAL));
        product(gemm, 0, 0, x, W, a, T * B, D, 3 * H, 1);
        for (long t = 0; t < T; t++) {{
            const REAL *before = h + t * B * H, *in = a + t * B * 3 * H;
            REAL *after = h + (t + 1) * B * H;
            product(gemm, 0, 0, before, U, g, B, H, 2 * H, 0);
            for (long i = 0; i < B; i++)
                for (long j = 0; j < 2 * H; j++)
                    g[i * 2 * H + j] = 1 / (1 + exp(-(g[i * 2 * H + j] + in[i * 3 * H + j])));
            for (long i = 0; i < B; i++)
                for (long j = 0; j < H; j++) rh[i * H + j] = g[i * 2 * H + H + j] * before[i * H + j];
            product(gemm, 0, 0, rh, V, after, B, H, H, 0);
            for (long i = 0; i < B; i++)
                for (long j = 0; j < H; j++) {{
                    REAL z = g[i * 2 * H + j], new = tanh(after[i * H + j] + in[i * 3 * H + 2 * H + j]);
                    after[i * H + j] = (1 - z) * before[i * H + j] + z * new;
                }}
        }}
    }}
    void plain({ARGUMENTS}) {{ layer(x, W, U, V, b, h, a, g, rh, 0, T, B, D, H); }}
    void best({ARGUMENTS}) {{ layer(x, W, U, V, b, h, a, g, rh, gemm, T, B, D, H); }}
    """

    def data(self, rng, steps, batch, n_in, n):
        return (rng.normal(size=(steps, batch, n_in)), rng.normal(size=(n_in, 3 * n)) / n_in**0.5,
                0.8 * rng.normal(size=(n, 2 * n)) / n**0.5, 0.8 * rng.normal(size=(n, n)) / n**0.5,
                0.1 * rng.normal(size=3 * n))

    def numpy(self, x, W, U, V, b):
        n = len(V)
        h, rows = np.zeros((x.shape[1], n), x.dtype), []
        for x_t in x:
            a = x_t @ W + b
            gates = 1 / (1 + np.exp(-(a[:, :2 * n] + h @ U)))
            z, r = gates[:, :n], gates[:, n:]
            h = (1 - z) * h + z * np.tanh(a[:, 2 * n:] + (r * h) @ V)
            rows.append(h)
        return np.array(rows)

    def scancc(self, sc, T):
        x, W, U, V, b = T.tensor3("x"), T.matrix("W"), T.matrix("U"), T.matrix("V"), T.vector("b")
        n = V.shape[0]

        def step(x_t, h, W, U, V, b):
            a = T.dot(x_t, W) + b
            gates = T.sigmoid(a[:, :2 * n] + T.dot(h, U))
            z, r = gates[:, :n], gates[:, n:]
            return (1 - z) * h + z * T.tanh(a[:, 2 * n:] + T.dot(r * h, V))
        h, _ = sc.scan(step, sequences=x, outputs_info=T.zeros((x.shape[1], n)), non_sequences=[W, U, V, b])
        return sc.function([x, W, U, V, b], h)

    def c(self, x, W, U, V, b):
        (steps, batch, n_in), n = x.shape, len(V)
        h, a = np.empty((steps + 1, batch, n), x.dtype), np.empty((steps, batch, 3 * n), x.dtype)
        g, rh = np.empty((batch, 2 * n), x.dtype), np.empty((batch, n), x.dtype)
        return [x, W, U, V, b, h, a, g, rh, Blas("gemm"), steps, batch, n_in, n], h[1:]

    def jax(self, jax, jnp):
        def layer(x, W, U, V, b):
            n = V.shape[0]

            def step(h, x_t):
                a = x_t @ W + b
                gates = jax.nn.sigmoid(a[:, :2 * n] + h @ U)
                z, r = gates[:, :n], gates[:, n:]
                h = (1 - z) * h + z * jnp.tanh(a[:, 2 * n:] + (r * h) @ V)
                return h, h
            return jax.lax.scan(step, jnp.zeros((x.shape[1], n), x.dtype), x)[1]
        return layer

    def torch(self, torch):
        def layer(x, W, U, V, b):
            n = len(V)
            h, rows = torch.zeros((x.shape[1], n)), []
            for x_t in x:
                a = x_t @ W + b
                z, r = torch.sigmoid(a[:, :2 * n] + h @ U).chunk(2, dim=1)
                h = (1 - z) * h + z * torch.tanh(a[:, 2 * n:] + (r * h) @ V)
                rows.append(h)
            return torch.stack(rows)
        return layer

    def work(self, x, W, U, V, b):
        rows, n = x.shape[0] * x.shape[1], len(V)
        return Work(flops=2 * rows * (W.size + U.size + V.size), special={"tanh": rows * n, "exp": 2 * rows * n},
                    chain={"tanh": len(x), "exp": len(x), "div": len(x), "fma": 3 * len(x)})
