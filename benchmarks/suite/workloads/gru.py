"""A GRU layer as first published, the reset gate before the product, so that a step has two products in a row.

Forwards, and the gradient of a loss of its rows.
"""

from __future__ import annotations

import numpy as np

from benchmarks.suite.c_code import Blas
from benchmarks.suite.workload import Work, Workload
from benchmarks.suite.workloads.rnn import GradientOfSquares


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

    def program(self, sc, T):
        x, W, U, V, b = T.tensor3("x"), T.matrix("W"), T.matrix("U"), T.matrix("V"), T.vector("b")
        n = V.shape[0]

        def step(x_t, h, W, U, V, b):
            a = T.dot(x_t, W) + b
            gates = T.sigmoid(a[:, :2 * n] + T.dot(h, U))
            z, r = gates[:, :n], gates[:, n:]
            return (1 - z) * h + z * T.tanh(a[:, 2 * n:] + T.dot(r * h, V))
        h, _ = sc.scan(step, sequences=x, outputs_info=T.zeros((x.shape[1], n)), non_sequences=[W, U, V, b])
        return [x, W, U, V, b], h

    def scancc(self, sc, T):
        return sc.function(*self.program(sc, T))

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
                    chain={"tanh": len(x), "exp": len(x), "div": len(x), "fma": 3 * len(x)},
                    again=(U.nbytes + V.nbytes, len(x)))


class GruGradient(GradientOfSquares, Gru):
    """The sum of the squares of a GRU's rows, and its gradient by the weights."""

    name = "gru_grad"
    tolerance = {"float64": 1e-9, "float32": 1e-3}
    ARGUMENTS = """const REAL *restrict x, const REAL *restrict W, const REAL *restrict U, const REAL *restrict V,
        const REAL *restrict b, REAL *restrict loss, REAL *restrict dW, REAL *restrict dU, REAL *restrict dV,
        REAL *restrict db, REAL *restrict h, REAL *restrict a, REAL *restrict g, REAL *restrict new,
        REAL *restrict rh, REAL *restrict d, REAL *restrict e, gemm_t *gemm, long T, long B, long D, long H"""
    C = f"""
    /* Of all steps a: x @ W + b, then what reaches it; g: both gates; new: the proposed state; rh: the state behind
       the reset gate; d and e: what reaches the state, and rh. */
    static void layer({ARGUMENTS}) {{
        for (long i = 0; i < B * H; i++) h[i] = 0;
        for (long i = 0; i < T * B; i++) memcpy(a + i * 3 * H, b, 3 * H * sizeof(REAL));
        product(gemm, 0, 0, x, W, a, T * B, D, 3 * H, 1);
        for (long t = 0; t < T; t++) {{
            product(gemm, 0, 0, h + t * B * H, U, g + t * B * 2 * H, B, H, 2 * H, 0);
            for (long i = t * B; i < (t + 1) * B; i++) {{
                REAL *q = g + i * 2 * H;
                for (long j = 0; j < 2 * H; j++) q[j] = 1 / (1 + exp(-(q[j] + a[i * 3 * H + j])));
                for (long j = 0; j < H; j++) rh[i * H + j] = q[H + j] * h[i * H + j];
            }}
            product(gemm, 0, 0, rh + t * B * H, V, new + t * B * H, B, H, H, 0);
            for (long i = t * B; i < (t + 1) * B; i++)
                for (long j = 0; j < H; j++) {{
                    REAL z = g[i * 2 * H + j];
                    new[i * H + j] = tanh(new[i * H + j] + a[i * 3 * H + 2 * H + j]);
                    h[(i + B) * H + j] = (1 - z) * h[i * H + j] + z * new[i * H + j];
                }}
        }}
        REAL sum = 0;
        for (long i = 0; i < B * H; i++) d[i] = 0;
        for (long j = 0; j < 3 * H; j++) db[j] = 0;
        for (long t = T - 1; t >= 0; t--) {{
            for (long i = t * B; i < (t + 1) * B; i++)
                for (long j = 0; j < H; j++) {{
                    REAL *q = g + i * 2 * H, *n = new + i * H + j, *eh = d + (i % B) * H + j;
                    REAL row = h[(i + B) * H + j], all = *eh + 2 * row, z = q[j];
                    sum += row * row;
                    q[j] = all * (*n - h[i * H + j]) * z * (1 - z);
                    *n = all * z * (1 - *n * *n);
                    *eh = all * (1 - z);
                }}
            product(gemm, 0, 1, new + t * B * H, V, e, B, H, H, 0);
            for (long i = t * B; i < (t + 1) * B; i++) {{
                REAL *q = g + i * 2 * H + H, *eh = d + (i % B) * H, *er = e + (i % B) * H;
                for (long j = 0; j < H; j++) {{
                    eh[j] += er[j] * q[j];
                    q[j] = er[j] * h[i * H + j] * q[j] * (1 - q[j]);
                }}
                memcpy(a + i * 3 * H, g + i * 2 * H, 2 * H * sizeof(REAL));
                memcpy(a + i * 3 * H + 2 * H, new + i * H, H * sizeof(REAL));
                for (long j = 0; j < 3 * H; j++) db[j] += a[i * 3 * H + j];
            }}
            product(gemm, 0, 1, g + t * B * 2 * H, U, d, B, 2 * H, H, 1);
        }}
        product(gemm, 1, 0, x, a, dW, D, T * B, 3 * H, 0);                   /* the sums over steps at once */
        product(gemm, 1, 0, h, g, dU, H, T * B, 2 * H, 0);
        product(gemm, 1, 0, rh, new, dV, H, T * B, H, 0);
        *loss = sum;
    }}
    void plain({ARGUMENTS}) {{ layer(x, W, U, V, b, loss, dW, dU, dV, db, h, a, g, new, rh, d, e, 0, T, B, D, H); }}
    void best({ARGUMENTS}) {{ layer(x, W, U, V, b, loss, dW, dU, dV, db, h, a, g, new, rh, d, e, gemm, T, B, D, H); }}
    """

    def numpy(self, x, W, U, V, b):
        n = len(V)
        h, saved = [np.zeros((x.shape[1], n), x.dtype)], []
        for x_t in x:
            a = x_t @ W + b
            gates = 1 / (1 + np.exp(-(a[:, :2 * n] + h[-1] @ U)))
            z, r = gates[:, :n], gates[:, n:]
            new = np.tanh(a[:, 2 * n:] + (r * h[-1]) @ V)
            saved.append((z, r, new))
            h.append((1 - z) * h[-1] + z * new)
        dW, dU, dV, db, d = (np.zeros_like(w) for w in (W, U, V, b, h[0]))
        for t in range(len(x) - 1, -1, -1):
            z, r, new = saved[t]
            d = d + 2 * h[t + 1]
            proposed = d * z * (1 - new * new)
            e = proposed @ V.T
            gates = np.concatenate([d * (new - h[t]) * z * (1 - z), e * h[t] * r * (1 - r)], axis=1)
            both = np.concatenate([gates, proposed], axis=1)
            dW += x[t].T @ both
            dU += h[t].T @ gates
            dV += (r * h[t]).T @ proposed
            db += both.sum(axis=0)
            d = d * (1 - z) + e * r + gates @ U.T
        return [(np.array(h[1:]) ** 2).sum(), dW, dU, dV, db]

    def c(self, x, W, U, V, b):
        (steps, batch, n_in), n, loss = x.shape, len(V), np.empty((), x.dtype)
        outputs = [loss, *(np.empty_like(w) for w in (W, U, V, b))]
        room = [np.empty(shape, x.dtype) for shape in (
            (steps + 1, batch, n), (steps, batch, 3 * n), (steps, batch, 2 * n), (steps, batch, n), (steps, batch, n),
            (batch, n), (batch, n))]
        return [x, W, U, V, b, *outputs, *room, Blas("gemm"), steps, batch, n_in, n], outputs

    def work(self, x, W, U, V, b):
        rows, n = x.shape[0] * x.shape[1], len(V)
        return Work(flops=2 * rows * (2 * W.size + 3 * U.size + 3 * V.size),
                    special={"tanh": rows * n, "exp": 2 * rows * n},
                    chain={"tanh": len(x), "exp": len(x), "div": len(x), "fma": 6 * len(x)},
                    again=(U.nbytes + V.nbytes, 2 * len(x)))
