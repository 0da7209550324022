"""An LSTM layer, forwards, and the gradient of a loss of its rows."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.c_code import Blas
from benchmarks.suite.workload import Work, Workload
from benchmarks.suite.workloads.rnn import GradientOfSquares


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Lstm(Workload):
    """An LSTM layer, its four gates in one matrix: all rows."""

    name = "lstm"
    sizes = {"tiny": {"steps": 4, "batch": 2, "n_in": 3, "n": 5},
             "medium": {"steps": 100, "batch": 16, "n_in": 32, "n": 64},
             "small": {"steps": 100, "batch": 1, "n_in": 32, "n": 64},
             "large": {"steps": 20, "batch": 32, "n_in": 64, "n": 128}}
    tolerance = {"float64": 1e-10, "float32": 1e-4}
    FORWARDS = """
    static REAL sigmoid(REAL z) { return 1 / (1 + exp(-z)); }
    /* Gates of all steps in g, cells in c, rows in h; the first block of c and h is the start. */
    static void forwards(const REAL *restrict x, const REAL *restrict W, const REAL *restrict U,
                         const REAL *restrict b,
                         REAL *restrict h, REAL *restrict c, REAL *restrict g, gemm_t *gemm, long T, long B,
                         long D, long H) {
        for (long i = 0; i < B * H; i++) h[i] = c[i] = 0;
        for (long i = 0; i < T * B; i++) memcpy(g + i * 4 * H, b, 4 * H * sizeof(REAL));
        product(gemm, 0, 0, x, W, g, T * B, D, 4 * H, 1);
        for (long t = 0; t < T; t++) {
            product(gemm, 0, 0, h + t * B * H, U, g + t * B * 4 * H, B, H, 4 * H, 1);
            for (long i = t * B; i < (t + 1) * B; i++) {
                REAL *q = g + i * 4 * H, *cell = c + (i + B) * H, *row = h + (i + B) * H;
                const REAL *before = c + i * H;
                for (long j = 0; j < 3 * H; j++) q[j] = sigmoid(q[j]);
                for (long j = 3 * H; j < 4 * H; j++) q[j] = tanh(q[j]);
                for (long j = 0; j < H; j++) cell[j] = q[H + j] * before[j] + q[j] * q[3 * H + j];
                for (long j = 0; j < H; j++) row[j] = q[2 * H + j] * tanh(cell[j]);
            }
        }
    }
    """
    ARGUMENTS = """const REAL *restrict x, const REAL *restrict W, const REAL *restrict U, const REAL *restrict b,
        REAL *restrict h, REAL *restrict c, REAL *restrict g, gemm_t *gemm, long T, long B, long D, long H"""
    C = FORWARDS + f"""
    void plain({ARGUMENTS}) {{ forwards(x, W, U, b, h, c, g, 0, T, B, D, H); }}
    void best({ARGUMENTS}) {{ forwards(x, W, U, b, h, c, g, gemm, T, B, D, H); }}
    """

    def data(self, rng, steps, batch, n_in, n):
        return (rng.normal(size=(steps, batch, n_in)), rng.normal(size=(n_in, 4 * n)) / n_in**0.5,
                0.8 * rng.normal(size=(n, 4 * n)) / n**0.5, 0.1 * rng.normal(size=4 * n))

    def numpy(self, x, W, U, b):
        n = len(U)
        h = c = np.zeros((x.shape[1], n), x.dtype)
        rows = []
        for x_t in x:
            gates = x_t @ W + h @ U + b
            i, f, o = (sigmoid(gates[:, k * n:(k + 1) * n]) for k in range(3))
            c = f * c + i * np.tanh(gates[:, 3 * n:])
            h = o * np.tanh(c)
            rows.append(h)
        return np.array(rows)

    def program(self, sc, T):
        x, W, U, b = T.tensor3("x"), T.matrix("W"), T.matrix("U"), T.vector("b")
        n = U.shape[0]

        def step(x_t, h, c, W, U, b):
            gates = T.dot(x_t, W) + T.dot(h, U) + b
            i, f, o = (T.sigmoid(gates[:, k * n:(k + 1) * n]) for k in range(3))
            c = f * c + i * T.tanh(gates[:, 3 * n:])
            return o * T.tanh(c), c
        zeros = T.zeros((x.shape[1], n))
        (h, _), _ = sc.scan(step, sequences=x, outputs_info=[zeros, zeros], non_sequences=[W, U, b])
        return [x, W, U, b], h

    def scancc(self, sc, T):
        return sc.function(*self.program(sc, T))

    def c(self, x, W, U, b):
        steps, batch, n_in = x.shape
        h, c = (np.empty((steps + 1, batch, len(U)), x.dtype) for _ in range(2))
        gates = np.empty((steps, batch, 4 * len(U)), x.dtype)
        return [x, W, U, b, h, c, gates, Blas("gemm"), steps, batch, n_in, len(U)], h[1:]

    def numba(self, njit, real):
        one = real(1)

        @njit
        def layer(x, W, U, b):
            n = U.shape[0]
            h, c = np.zeros((x.shape[1], n), x.dtype), np.zeros((x.shape[1], n), x.dtype)
            rows = np.empty((x.shape[0], x.shape[1], n), x.dtype)
            for t in range(x.shape[0]):
                z, u = np.dot(x[t], W), np.dot(h, U)
                for k in range(x.shape[1]):
                    for j in range(4 * n):
                        z[k, j] += u[k, j] + b[j]
                    for j in range(n):
                        i = one / (one + np.exp(-z[k, j]))
                        f = one / (one + np.exp(-z[k, n + j]))
                        o = one / (one + np.exp(-z[k, 2 * n + j]))
                        c[k, j] = f * c[k, j] + i * np.tanh(z[k, 3 * n + j])
                        h[k, j] = o * np.tanh(c[k, j])
                        rows[t, k, j] = h[k, j]
            return rows
        return layer

    def jax(self, jax, jnp):
        def layer(x, W, U, b):
            n = U.shape[0]

            def step(state, x_t):
                h, c = state
                gates = x_t @ W + h @ U + b
                i, f, o = (jax.nn.sigmoid(gates[:, k * n:(k + 1) * n]) for k in range(3))
                c = f * c + i * jnp.tanh(gates[:, 3 * n:])
                h = o * jnp.tanh(c)
                return (h, c), h
            zeros = jnp.zeros((x.shape[1], n), x.dtype)
            return jax.lax.scan(step, (zeros, zeros), x)[1]
        return layer

    def torch(self, torch):
        def layer(x, W, U, b):
            h = c = torch.zeros((x.shape[1], len(U)))
            rows = []
            for x_t in x:
                i, f, o, g = (x_t @ W + h @ U + b).chunk(4, dim=1)
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
                rows.append(h)
            return torch.stack(rows)
        return layer

    def work(self, x, W, U, b):
        rows, n = x.shape[0] * x.shape[1], len(U)
        return Work(flops=2 * rows * (W.size + U.size), special={"tanh": 2 * rows * n, "exp": 3 * rows * n},
                    chain={"tanh": 2 * len(x), "fma": 2 * len(x)}, again=(U.nbytes, len(x)))


class LstmGradient(GradientOfSquares, Lstm):
    """The sum of the squares of an LSTM's rows, and its gradient by the weights."""

    name = "lstm_grad"
    sizes = {key: Lstm.sizes[key] for key in ("tiny", "medium")}
    tolerance = {"float64": 1e-9, "float32": 1e-3}
    absent = {"numba": "no gradient by hand in Numba"}
    numba = None
    ARGUMENTS = """const REAL *restrict x, const REAL *restrict W, const REAL *restrict U, const REAL *restrict b,
        REAL *restrict loss, REAL *restrict dW, REAL *restrict dU, REAL *restrict db, REAL *restrict h,
        REAL *restrict c, REAL *restrict g, REAL *restrict dh, REAL *restrict dc, gemm_t *gemm, long T, long B,
        long D, long H"""
    C = Lstm.FORWARDS + f"""
    static void gradient({ARGUMENTS}) {{
        forwards(x, W, U, b, h, c, g, gemm, T, B, D, H);
        REAL sum = 0;
        for (long i = 0; i < B * H; i++) dh[i] = dc[i] = 0;
        for (long j = 0; j < 4 * H; j++) db[j] = 0;
        for (long t = T - 1; t >= 0; t--) {{
            for (long i = t * B; i < (t + 1) * B; i++) {{
                REAL *q = g + i * 4 * H, *eh = dh + (i % B) * H, *ec = dc + (i % B) * H;
                const REAL *cell = c + (i + B) * H, *before = c + i * H, *row = h + (i + B) * H;
                for (long j = 0; j < H; j++) {{
                    REAL in = q[j], keep = q[H + j], out = q[2 * H + j], new = q[3 * H + j], s = tanh(cell[j]);
                    REAL d = eh[j] + 2 * row[j], e = ec[j] + d * out * (1 - s * s);
                    sum += row[j] * row[j];
                    q[j] = e * new * in * (1 - in);
                    q[H + j] = e * before[j] * keep * (1 - keep);
                    q[2 * H + j] = d * s * out * (1 - out);
                    q[3 * H + j] = e * in * (1 - new * new);
                    ec[j] = e * keep;
                }}
                for (long j = 0; j < 4 * H; j++) db[j] += q[j];
            }}
            product(gemm, 0, 1, g + t * B * 4 * H, U, dh, B, 4 * H, H, 0);
        }}
        product(gemm, 1, 0, x, g, dW, D, T * B, 4 * H, 0);                   /* the sums over steps at once */
        product(gemm, 1, 0, h, g, dU, H, T * B, 4 * H, 0);
        *loss = sum;
    }}
    void plain({ARGUMENTS}) {{ gradient(x, W, U, b, loss, dW, dU, db, h, c, g, dh, dc, 0, T, B, D, H); }}
    void best({ARGUMENTS}) {{ gradient(x, W, U, b, loss, dW, dU, db, h, c, g, dh, dc, gemm, T, B, D, H); }}
    """

    def numpy(self, x, W, U, b):
        n = len(U)
        h, c, saved = [np.zeros((x.shape[1], n), x.dtype)], [np.zeros((x.shape[1], n), x.dtype)], []
        for x_t in x:
            gates = x_t @ W + h[-1] @ U + b
            i, f, o = (sigmoid(gates[:, k * n:(k + 1) * n]) for k in range(3))
            g = np.tanh(gates[:, 3 * n:])
            c.append(f * c[-1] + i * g)
            h.append(o * np.tanh(c[-1]))
            saved.append((i, f, o, g))
        dW, dU, db = np.zeros_like(W), np.zeros_like(U), np.zeros_like(b)
        dh, dc = np.zeros_like(h[0]), np.zeros_like(h[0])
        for t in range(len(x) - 1, -1, -1):
            i, f, o, g = saved[t]
            s = np.tanh(c[t + 1])
            d = dh + 2 * h[t + 1]
            e = dc + d * o * (1 - s * s)
            z = np.concatenate([e * g * i * (1 - i), e * c[t] * f * (1 - f), d * s * o * (1 - o),
                                e * i * (1 - g * g)], axis=1)
            dW += x[t].T @ z
            dU += h[t].T @ z
            db += z.sum(axis=0)
            dh, dc = z @ U.T, e * f
        return [(np.array(h[1:]) ** 2).sum(), dW, dU, db]

    def c(self, x, W, U, b):
        steps, batch, n_in = x.shape
        n, loss = len(U), np.empty((), x.dtype)
        outputs = [loss, np.empty_like(W), np.empty_like(U), np.empty_like(b)]
        h, c, dh, dc = (np.empty((k, batch, n), x.dtype) for k in (steps + 1, steps + 1, 1, 1))
        gates = np.empty((steps, batch, 4 * n), x.dtype)
        return [x, W, U, b, *outputs, h, c, gates, dh, dc, Blas("gemm"), steps, batch, n_in, n], outputs

    def work(self, x, W, U, b):
        rows, n = x.shape[0] * x.shape[1], len(U)
        return Work(flops=2 * rows * (2 * W.size + 3 * U.size), special={"tanh": 2 * rows * n, "exp": 3 * rows * n},
                    chain={"tanh": 2 * len(x), "fma": 6 * len(x)}, again=(U.nbytes, 2 * len(x)))
