"""A plain recurrent layer, forwards, and the gradient of a loss of its rows."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.c_code import Blas
from benchmarks.suite.workload import Work, Workload


class Rnn(Workload):
    """A recurrent layer, `tanh(x_t @ W + h @ U + b)`: all rows."""

    name = "rnn"
    sizes = {"tiny": {"steps": 4, "batch": 2, "n_in": 3, "n": 5},
             "medium": {"steps": 100, "batch": 16, "n_in": 64, "n": 128},
             "small": {"steps": 200, "batch": 1, "n_in": 16, "n": 32},
             "large": {"steps": 20, "batch": 32, "n_in": 128, "n": 256}}
    tolerance = {"float64": 1e-10, "float32": 1e-4}
    C = """
    void plain(const REAL *restrict x, const REAL *restrict W, const REAL *restrict U, const REAL *restrict b,
               REAL *restrict h, gemm_t *gemm, long T, long B, long D, long H) {
        for (long i = 0; i < B * H; i++) h[i] = 0;
        for (long i = 0; i < T * B; i++) {
            const REAL *row = x + i * D, *before = h + i * H;
            REAL *after = h + (i + B) * H;
            for (long j = 0; j < H; j++) after[j] = b[j];
            for (long k = 0; k < D; k++)
                for (long j = 0; j < H; j++) after[j] += row[k] * W[k * H + j];
            for (long k = 0; k < H; k++)
                for (long j = 0; j < H; j++) after[j] += before[k] * U[k * H + j];
            for (long j = 0; j < H; j++) after[j] = tanh(after[j]);
        }
    }
    void best(const REAL *restrict x, const REAL *restrict W, const REAL *restrict U, const REAL *restrict b,
              REAL *restrict h, gemm_t *gemm, long T, long B, long D, long H) {
        for (long i = 0; i < B * H; i++) h[i] = 0;
        for (long i = 0; i < T * B; i++) memcpy(h + (i + B) * H, b, H * sizeof(REAL));
        product(gemm, 0, 0, x, W, h + B * H, T * B, D, H, 1);                /* the inputs of all steps at once */
        for (long t = 0; t < T; t++) {
            REAL *after = h + (t + 1) * B * H;
            product(gemm, 0, 0, h + t * B * H, U, after, B, H, H, 1);
            for (long j = 0; j < B * H; j++) after[j] = tanh(after[j]);
        }
    }
    """

    def data(self, rng, steps, batch, n_in, n):
        return (rng.normal(size=(steps, batch, n_in)), rng.normal(size=(n_in, n)) / n_in**0.5,
                0.8 * rng.normal(size=(n, n)) / n**0.5, 0.1 * rng.normal(size=n))

    def numpy(self, x, W, U, b):
        h, rows = np.zeros((x.shape[1], len(U)), x.dtype), []
        for x_t in x:
            h = np.tanh(x_t @ W + h @ U + b)
            rows.append(h)
        return np.array(rows)

    def program(self, sc, T):
        x, W, U, b = T.tensor3("x"), T.matrix("W"), T.matrix("U"), T.vector("b")
        h, _ = sc.scan(lambda x_t, h, W, U, b: T.tanh(T.dot(x_t, W) + T.dot(h, U) + b), sequences=x,
                       outputs_info=T.zeros((x.shape[1], U.shape[0])), non_sequences=[W, U, b])
        return [x, W, U, b], h

    def scancc(self, sc, T):
        return sc.function(*self.program(sc, T))

    def c(self, x, W, U, b):
        steps, batch, n_in = x.shape
        h = np.empty((steps + 1, batch, len(U)), x.dtype)
        return [x, W, U, b, h, Blas("gemm"), steps, batch, n_in, len(U)], h[1:]

    def numba(self, njit, real):
        @njit
        def layer(x, W, U, b):
            h = np.zeros((x.shape[1], U.shape[0]), x.dtype)
            rows = np.empty((x.shape[0], x.shape[1], U.shape[0]), x.dtype)
            for t in range(x.shape[0]):
                z, u = np.dot(x[t], W), np.dot(h, U)
                for i in range(h.shape[0]):
                    for j in range(h.shape[1]):
                        h[i, j] = rows[t, i, j] = np.tanh(z[i, j] + u[i, j] + b[j])
            return rows
        return layer

    def jax(self, jax, jnp):
        def layer(x, W, U, b):
            def step(h, x_t):
                h = jnp.tanh(x_t @ W + h @ U + b)
                return h, h
            return jax.lax.scan(step, jnp.zeros((x.shape[1], U.shape[0]), x.dtype), x)[1]
        return layer

    def torch(self, torch):
        def layer(x, W, U, b):
            h, rows = torch.zeros((x.shape[1], len(U))), []
            for x_t in x:
                h = torch.tanh(x_t @ W + h @ U + b)
                rows.append(h)
            return torch.stack(rows)
        return layer

    def work(self, x, W, U, b):
        rows = x.shape[0] * x.shape[1]
        return Work(flops=2 * rows * (W.size + U.size), special={"tanh": rows * len(U)},
                    chain={"tanh": len(x), "fma": len(x)}, again=(U.nbytes, len(x)))


class GradientOfSquares:
    """Of a layer, before its class: the sum of the squares of its rows, and the gradient by the weights."""

    def scancc(self, sc, T):
        inputs, h = self.program(sc, T)
        loss = (h**2).sum()
        return sc.function(inputs, [loss, *sc.grad(loss, inputs[1:])])

    def jax(self, jax, jnp):
        rows = super().jax(jax, jnp)

        def gradient(*inputs):
            made = jax.value_and_grad(lambda *inputs: (rows(*inputs) ** 2).sum(), argnums=range(1, len(inputs)))
            loss, gradients = made(*inputs)
            return [loss, *gradients]
        return gradient

    def torch(self, torch):
        rows = super().torch(torch)

        def gradient(x, *weights):
            weights = [w.detach().requires_grad_() for w in weights]
            loss = (rows(x, *weights) ** 2).sum()
            return [loss.detach(), *torch.autograd.grad(loss, weights)]
        return gradient


class RnnGradient(GradientOfSquares, Rnn):
    """The sum of the squares of a recurrent layer's rows, and its gradient by the weights."""

    name = "rnn_grad"
    sizes = {key: Rnn.sizes[key] for key in ("tiny", "medium")}
    tolerance = {"float64": 1e-9, "float32": 1e-3}
    C = """
    static REAL backwards(const REAL *restrict h, const REAL *restrict U, REAL *restrict z, REAL *restrict d,
                          REAL *restrict db, gemm_t *gemm, long T, long B, long H) {
        REAL loss = 0;
        for (long j = 0; j < H; j++) db[j] = 0;
        for (long t = T - 1; t >= 0; t--) {
            const REAL *row = h + (t + 1) * B * H;
            REAL *own = z + t * B * H;
            if (t + 1 < T) product(gemm, 0, 1, own + B * H, U, d, B, H, H, 0);
            for (long i = 0; i < B * H; i++) {
                loss += row[i] * row[i];
                own[i] = (2 * row[i] + (t + 1 < T ? d[i] : 0)) * (1 - row[i] * row[i]);
            }
            for (long i = 0; i < B * H; i++) db[i % H] += own[i];
        }
        return loss;
    }
    void plain(const REAL *restrict x, const REAL *restrict W, const REAL *restrict U, const REAL *restrict b,
               REAL *restrict loss, REAL *restrict dW, REAL *restrict dU, REAL *restrict db, REAL *restrict h,
               REAL *restrict z, REAL *restrict d, gemm_t *gemm, long T, long B, long D, long H) {
        for (long i = 0; i < B * H; i++) h[i] = 0;
        for (long i = 0; i < T * B; i++) {
            REAL *after = h + (i + B) * H;
            for (long j = 0; j < H; j++) after[j] = b[j];
            for (long k = 0; k < D; k++)
                for (long j = 0; j < H; j++) after[j] += x[i * D + k] * W[k * H + j];
            for (long k = 0; k < H; k++)
                for (long j = 0; j < H; j++) after[j] += h[i * H + k] * U[k * H + j];
            for (long j = 0; j < H; j++) after[j] = tanh(after[j]);
        }
        *loss = backwards(h, U, z, d, db, 0, T, B, H);
        product(0, 1, 0, x, z, dW, D, T * B, H, 0);
        product(0, 1, 0, h, z, dU, H, T * B, H, 0);
    }
    void best(const REAL *restrict x, const REAL *restrict W, const REAL *restrict U, const REAL *restrict b,
              REAL *restrict loss, REAL *restrict dW, REAL *restrict dU, REAL *restrict db, REAL *restrict h,
              REAL *restrict z, REAL *restrict d, gemm_t *gemm, long T, long B, long D, long H) {
        for (long i = 0; i < B * H; i++) h[i] = 0;
        for (long i = 0; i < T * B; i++) memcpy(h + (i + B) * H, b, H * sizeof(REAL));
        product(gemm, 0, 0, x, W, h + B * H, T * B, D, H, 1);
        for (long t = 0; t < T; t++) {
            REAL *after = h + (t + 1) * B * H;
            product(gemm, 0, 0, h + t * B * H, U, after, B, H, H, 1);
            for (long j = 0; j < B * H; j++) after[j] = tanh(after[j]);
        }
        *loss = backwards(h, U, z, d, db, gemm, T, B, H);
        product(gemm, 1, 0, x, z, dW, D, T * B, H, 0);                       /* the sums over steps at once */
        product(gemm, 1, 0, h, z, dU, H, T * B, H, 0);
    }
    """

    def numpy(self, x, W, U, b):
        h = [np.zeros((x.shape[1], len(U)), x.dtype)]
        for x_t in x:
            h.append(np.tanh(x_t @ W + h[-1] @ U + b))
        dW, dU, db, d = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b), np.zeros_like(h[0])
        for t in range(len(x) - 1, -1, -1):
            z = (d + 2 * h[t + 1]) * (1 - h[t + 1] ** 2)
            dW += x[t].T @ z
            dU += h[t].T @ z
            db += z.sum(axis=0)
            d = z @ U.T
        return [(np.array(h[1:]) ** 2).sum(), dW, dU, db]

    def c(self, x, W, U, b):
        steps, batch, n_in = x.shape
        n, loss = len(U), np.empty((), x.dtype)
        outputs = [loss, np.empty_like(W), np.empty_like(U), np.empty_like(b)]
        rows, z, d = (np.empty((k, batch, n), x.dtype) for k in (steps + 1, steps, 1))
        return [x, W, U, b, *outputs, rows, z, d, Blas("gemm"), steps, batch, n_in, n], outputs

    def numba(self, njit, real):
        @njit
        def gradient(x, W, U, b):
            n = x.shape[0]
            h = np.zeros((n + 1, x.shape[1], U.shape[0]), x.dtype)
            z, d, loss = np.zeros_like(h), np.zeros_like(h[0]), real(0)
            for t in range(n):
                a, u = np.dot(x[t], W), np.dot(h[t], U)
                for i in range(a.shape[0]):
                    for j in range(a.shape[1]):
                        h[t + 1, i, j] = np.tanh(a[i, j] + u[i, j] + b[j])
            dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
            for t in range(n, 0, -1):
                for i in range(d.shape[0]):
                    for j in range(d.shape[1]):
                        s = h[t, i, j]
                        loss += s * s
                        z[t, i, j] = (d[i, j] + real(2) * s) * (real(1) - s * s)
                        db[j] += z[t, i, j]
                dW += np.dot(x[t - 1].T, z[t])
                dU += np.dot(h[t - 1].T, z[t])
                d = np.dot(z[t], U.T)
            return loss, dW, dU, db
        return gradient

    def work(self, x, W, U, b):
        rows = x.shape[0] * x.shape[1]
        return Work(flops=2 * rows * (2 * W.size + 3 * U.size), special={"tanh": rows * len(U)},
                    chain={"tanh": len(x), "fma": 3 * len(x)}, again=(U.nbytes, 2 * len(x)))
