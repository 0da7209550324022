"""A Kalman filter of four states and two observations, and the gradient of its likelihood."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Kalman(Workload):
    """Negative log-likelihood of a linear Gaussian state-space model with four states."""

    name = "kalman"
    sizes = {"tiny": {"steps": 4}, "medium": {"steps": 1000}}
    tolerance = {"float64": 1e-9, "float32": 1e-3}
    reorders = True
    HELPERS = """
    enum { N = 4, M = 2 };
    /* c (m, n) = beta * c + a @ b, as `product`, sizes known to the compiler. */
    static inline __attribute__((always_inline)) void mm(int ta, int tb, const REAL *a, const REAL *b, REAL *c, int m,
                                                         int k, int n, REAL alpha, REAL beta) {
        REAL r[N * N];
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                REAL s = 0;
                for (int p = 0; p < k; p++)
                    s += (ta ? a[p * m + i] : a[i * k + p]) * (tb ? b[j * k + p] : b[p * n + j]);
                r[i * n + j] = alpha * s + (beta == 0 ? 0 : beta * c[i * n + j]);
            }
        for (int i = 0; i < m * n; i++) c[i] = r[i];
    }
    typedef struct { REAL m[N], P[N * N], v[M], G[M * N], H[N * M], Si[M * M], K[N * M], loss; } filtered;
    /* One step from (m, P): prediction, gain, and what they made of m and P. */
    static inline __attribute__((always_inline)) filtered step(const REAL *y, const REAL *A, const REAL *C,
                                                               const REAL *Q, const REAL *W, REAL *m, REAL *P) {
        filtered f;
        REAL S[M * M], t[N * N];
        mm(0, 0, A, m, f.m, N, N, 1, 1, 0);
        mm(0, 0, A, P, t, N, N, N, 1, 0);
        memcpy(f.P, Q, sizeof f.P);
        mm(0, 1, t, A, f.P, N, N, N, 1, 1);
        memcpy(f.v, y, sizeof f.v);
        mm(0, 0, C, f.m, f.v, M, N, 1, -1, 1);
        mm(0, 0, C, f.P, f.G, M, N, N, 1, 0);
        mm(0, 1, f.P, C, f.H, N, N, M, 1, 0);
        memcpy(S, W, sizeof S);
        mm(0, 1, f.G, C, S, M, N, M, 1, 1);
        REAL det = S[0] * S[3] - S[1] * S[2];
        f.Si[0] = S[3] / det; f.Si[1] = -S[1] / det; f.Si[2] = -S[2] / det; f.Si[3] = S[0] / det;
        mm(0, 0, f.H, f.Si, f.K, N, M, M, 1, 0);
        mm(0, 0, f.Si, f.v, t, M, M, 1, 1, 0);
        f.loss = R(0.5) * (log(det) + f.v[0] * t[0] + f.v[1] * t[1]);
        memcpy(m, f.m, sizeof f.m);
        memcpy(P, f.P, sizeof f.P);
        mm(0, 0, f.K, f.v, m, N, M, 1, 1, 1);
        mm(0, 0, f.K, f.G, P, N, M, N, -1, 1);
        return f;
    }
    """
    C = HELPERS + """
    void plain(const REAL *restrict y, const REAL *restrict A, const REAL *restrict C, const REAL *restrict Q,
               const REAL *restrict W, REAL *restrict out, long T) {
        REAL m[N] = {0}, P[N * N] = {0}, loss = 0;
        for (int i = 0; i < N; i++) P[i * N + i] = 1;
        for (long t = 0; t < T; t++) loss += step(y + t * M, A, C, Q, W, m, P).loss;
        out[0] = loss;
        memcpy(out + 1, m, sizeof m);
    }
    typedef REAL row __attribute__((vector_size(N * sizeof(REAL)), aligned(sizeof(REAL))));
    #define DOT(a, b) (a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3])
    void ordered(const REAL *restrict y, const REAL *restrict A, const REAL *restrict C, const REAL *restrict Q,
                 const REAL *restrict W, REAL *restrict out, long T) {  /* a row in a vector, sums as written */
        row At[N], q[N], P[N] = {{0}}, m = {0}, c0 = *(const row *)C, c1 = *(const row *)(C + N);
        REAL loss = 0;
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) At[i][j] = A[j * N + i];
            q[i] = *(const row *)(Q + i * N);
            P[i][i] = 1;
        }
        for (long t = 0; t < T; t++) {
            row n = At[0] * m[0] + At[1] * m[1] + At[2] * m[2] + At[3] * m[3], p[N], g0 = {0}, g1 = {0}, h0, h1;
            for (int i = 0; i < N; i++) {
                row u = A[i * N] * P[0] + A[i * N + 1] * P[1] + A[i * N + 2] * P[2] + A[i * N + 3] * P[3];
                p[i] = u[0] * At[0] + u[1] * At[1] + u[2] * At[2] + u[3] * At[3] + q[i];
            }
            for (int i = 0; i < N; i++) {
                g0 += c0[i] * p[i];
                g1 += c1[i] * p[i];
                h0[i] = DOT(p[i], c0);
                h1[i] = DOT(p[i], c1);
            }
            REAL s00 = DOT(g0, c0) + W[0], s01 = DOT(g0, c1) + W[1], s10 = DOT(g1, c0) + W[2];
            REAL s11 = DOT(g1, c1) + W[3], det = s00 * s11 - s01 * s10, v0 = y[t * M] - DOT(c0, n);
            REAL v1 = y[t * M + 1] - DOT(c1, n), i00 = s11 / det, i01 = -s01 / det, i10 = -s10 / det, i11 = s00 / det;
            row k0 = h0 * i00 + h1 * i10, k1 = h0 * i01 + h1 * i11;
            loss += R(0.5) * (log(det) + v0 * (i00 * v0 + i01 * v1) + v1 * (i10 * v0 + i11 * v1));
            m = n + (k0 * v0 + k1 * v1);
            for (int i = 0; i < N; i++) P[i] = p[i] - (k0[i] * g0 + k1[i] * g1);
        }
        out[0] = loss;
        for (int i = 0; i < N; i++) out[1 + i] = m[i];
    }
    void best(const REAL *restrict y, const REAL *restrict A, const REAL *restrict C, const REAL *restrict Q,
              const REAL *restrict W, REAL *restrict out, long T) {     /* a row of four in a vector, symmetric S */
        row At[N], Ct[N] = {{0}}, q[N], P[N] = {{0}}, m = {0}, c0 = *(const row *)C, c1 = *(const row *)(C + N);
        REAL loss = 0;
        for (int i = 0; i < N; i++) {
            for (int j = 0; j < N; j++) At[i][j] = A[j * N + i];
            q[i] = *(const row *)(Q + i * N);
            P[i][i] = 1;
        }
        for (long t = 0; t < T; t++) {
            row n = At[0] * m[0] + At[1] * m[1] + At[2] * m[2] + At[3] * m[3], p[N], g0 = {0}, g1 = {0};
            for (int i = 0; i < N; i++) {
                row u = A[i * N] * P[0] + A[i * N + 1] * P[1] + A[i * N + 2] * P[2] + A[i * N + 3] * P[3];
                p[i] = q[i] + u[0] * At[0] + u[1] * At[1] + u[2] * At[2] + u[3] * At[3];
            }
            for (int i = 0; i < N; i++) { g0 += c0[i] * p[i]; g1 += c1[i] * p[i]; }
            row a = g0 * c0, b = g0 * c1, d = g1 * c1, e = c0 * n, f = c1 * n;
            REAL s00 = W[0] + (a[0] + a[1]) + (a[2] + a[3]), s01 = W[1] + (b[0] + b[1]) + (b[2] + b[3]);
            REAL s11 = W[3] + (d[0] + d[1]) + (d[2] + d[3]), det = s00 * s11 - s01 * s01, r = 1 / det;
            REAL v0 = y[t * M] - ((e[0] + e[1]) + (e[2] + e[3])), v1 = y[t * M + 1] - ((f[0] + f[1]) + (f[2] + f[3]));
            row k0 = (s11 * g0 - s01 * g1) * r, k1 = (s00 * g1 - s01 * g0) * r;
            loss += R(0.5) * (log(det) + (s11 * v0 * v0 - 2 * s01 * v0 * v1 + s00 * v1 * v1) * r);
            m = n + k0 * v0 + k1 * v1;
            for (int i = 0; i < N; i++) P[i] = p[i] - k0[i] * g0 - k1[i] * g1;
        }
        out[0] = loss;
        for (int i = 0; i < N; i++) out[1 + i] = m[i];
    }
    """

    def data(self, rng, steps):
        A = np.array([[1, 0.1, 0, 0], [0, 0.95, 0.02, 0], [0, 0, 1, 0.1], [0, 0.01, 0, 0.9]]) * 0.97
        return (rng.normal(size=(steps, 2)), A, np.array([[1.0, 0, 0, 0.1], [0, 0.2, 1, 0]]), 0.1 * np.eye(4),
                0.5 * np.eye(2))

    def numpy(self, y, A, C, Q, R):
        m, P, loss = np.zeros(4), np.eye(4), 0.0
        for v in y:
            m, P = A @ m, A @ P @ A.T + Q
            e, S = v - C @ m, C @ P @ C.T + R
            inverse = np.linalg.inv(S)
            K = P @ C.T @ inverse
            loss += 0.5 * (np.log(np.linalg.det(S)) + e @ inverse @ e)
            m, P = m + K @ e, P - K @ (C @ P)
        return [np.asarray(loss), m]

    def program(self, sc, T):
        y, A, C, Q, R = T.matrix("y"), T.matrix("A"), T.matrix("C"), T.matrix("Q"), T.matrix("R")

        def step(y_t, m, P, A, C, Q, R):
            m, P = T.dot(A, m), T.dot(T.dot(A, P), A.T) + Q
            v, S = y_t - T.dot(C, m), T.dot(T.dot(C, P), C.T) + R
            inverse = T.nlinalg.matrix_inverse(S)
            K = T.dot(T.dot(P, C.T), inverse)
            loss = 0.5 * (T.log(T.nlinalg.det(S)) + T.dot(v, T.dot(inverse, v)))
            return m + T.dot(K, v), P - T.dot(K, T.dot(C, P)), loss
        (m, _, loss), _ = sc.scan(step, sequences=y, outputs_info=[T.zeros(4), T.eye(4), None],
                                  non_sequences=[A, C, Q, R])
        return [y, A, C, Q, R], loss.sum(), m[-1]

    def scancc(self, sc, T):
        inputs, loss, m = self.program(sc, T)
        return sc.function(inputs, [loss, m])

    def c(self, y, A, C, Q, R):
        out = np.empty(5, y.dtype)
        return [y, A, C, Q, R, out, len(y)], [out[:1].reshape(()), out[1:]]

    def numba(self, njit, real):
        half, one = real(0.5), real(1)

        @njit
        def mul(a, b, out):
            for i in range(a.shape[0]):
                for j in range(b.shape[1]):
                    s = real(0)
                    for k in range(a.shape[1]):
                        s += a[i, k] * b[k, j]
                    out[i, j] = s

        @njit
        def kalman(y, A, C, Q, R):
            m, n, e = np.zeros((4, 1), y.dtype), np.zeros((4, 1), y.dtype), np.zeros((2, 1), y.dtype)
            P, p, t = np.zeros((4, 4), y.dtype), np.zeros((4, 4), y.dtype), np.zeros((4, 4), y.dtype)
            G, S, z = np.zeros((2, 4), y.dtype), np.zeros((2, 2), y.dtype), np.zeros((2, 1), y.dtype)
            H, K = np.zeros((4, 2), y.dtype), np.zeros((4, 2), y.dtype)
            for i in range(4):
                P[i, i] = one
            loss = real(0)
            for k in range(y.shape[0]):
                mul(A, m, n)
                mul(A, P, t)
                mul(t, A.T, p)
                p += Q
                mul(C, n, z)
                mul(C, p, G)
                mul(p, C.T, H)  # not G.T: what is not symmetric by rounding would grow
                mul(G, C.T, S)
                S += R
                e[0, 0], e[1, 0] = y[k, 0] - z[0, 0], y[k, 1] - z[1, 0]
                det = S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0]
                i00, i01, i10, i11 = S[1, 1] / det, -S[0, 1] / det, -S[1, 0] / det, S[0, 0] / det
                for i in range(4):
                    K[i, 0] = H[i, 0] * i00 + H[i, 1] * i10
                    K[i, 1] = H[i, 0] * i01 + H[i, 1] * i11
                loss += half * (np.log(det) + e[0, 0] * (i00 * e[0, 0] + i01 * e[1, 0])
                                + e[1, 0] * (i10 * e[0, 0] + i11 * e[1, 0]))
                for i in range(4):
                    m[i, 0] = n[i, 0] + K[i, 0] * e[0, 0] + K[i, 1] * e[1, 0]
                    for j in range(4):
                        P[i, j] = p[i, j] - K[i, 0] * G[0, j] - K[i, 1] * G[1, j]
            return loss, m[:, 0]
        return kalman

    def jax_loss(self, jax, jnp):
        def kalman(y, A, C, Q, R):
            def step(state, y_t):
                m, P = A @ state[0], A @ state[1] @ A.T + Q
                v, S = y_t - C @ m, C @ P @ C.T + R
                inverse = jnp.linalg.inv(S)
                K = P @ C.T @ inverse
                loss = 0.5 * (jnp.log(jnp.linalg.det(S)) + v @ inverse @ v)
                return (m + K @ v, P - K @ (C @ P)), loss
            (m, _), loss = jax.lax.scan(step, (jnp.zeros(4, y.dtype), jnp.eye(4, dtype=y.dtype)), y)
            return loss.sum(), m
        return kalman

    def jax(self, jax, jnp):
        return self.jax_loss(jax, jnp)

    def work(self, y, *_):
        steps = len(y)
        return Work(flops=600 * steps, special={"log": steps, "div": steps},
                    chain={"fma": 20 * steps, "div": steps, "mul": 3 * steps})


class KalmanGradient(Kalman):
    """The likelihood of a state-space model and its gradient by all four matrices."""

    name = "kalman_grad"
    tolerance = {"float64": 1e-8, "float32": 2e-3}
    absent = {"numba": "no gradient by hand in Numba"}
    numba = None
    C = Kalman.HELPERS + """
    void plain(const REAL *restrict y, const REAL *restrict A, const REAL *restrict C, const REAL *restrict Q,
               const REAL *restrict W, REAL *restrict loss, REAL *restrict dA, REAL *restrict dC, REAL *restrict dQ,
               REAL *restrict dW, REAL *restrict saved, long T) {
        REAL *m = saved, *P = saved + N, sum = 0, dm[N] = {0}, dP[N * N] = {0};
        for (int i = 0; i < N + N * N; i++) saved[i] = 0;
        for (int i = 0; i < N; i++) P[i * N + i] = 1;
        for (int i = 0; i < N * N; i++) dA[i] = dQ[i] = 0;
        for (int i = 0; i < M * N; i++) dC[i] = 0;
        for (int i = 0; i < M * M; i++) dW[i] = 0;
        for (long t = 0; t < T; t++) {                                /* m and P before each step are kept */
            memcpy(m + N + N * N, m, (N + N * N) * sizeof(REAL));
            m += N + N * N;
            P += N + N * N;
            sum += step(y + t * M, A, C, Q, W, m, P).loss;
        }
        *loss = sum;
        for (long t = T - 1; t >= 0; t--) {
            const REAL *m0 = saved + t * (N + N * N), *P0 = m0 + N;
            REAL a[N], b[N * N], dK[N * M], dG[M * N], dv[M], dS[M * M], dH[N * M], z[M], dp[N * N];
            REAL u[N * N], x[N * N];
            memcpy(a, m0, sizeof a);
            memcpy(b, P0, sizeof b);
            filtered f = step(y + t * M, A, C, Q, W, a, b);
            memcpy(dp, dP, sizeof dp);
            mm(0, 1, dP, f.G, dK, N, N, M, -1, 0);
            mm(1, 0, f.K, dP, dG, M, N, N, -1, 0);
            mm(0, 1, dm, f.v, dK, N, 1, M, 1, 1);
            mm(1, 0, f.K, dm, dv, M, N, 1, 1, 0);
            mm(0, 0, f.Si, f.v, z, M, M, 1, 1, 0);
            for (int i = 0; i < M; i++) {
                dv[i] += z[i];
                for (int j = 0; j < M; j++) dS[i * M + j] = R(0.5) * (f.Si[j * M + i] - z[i] * z[j]);
            }
            mm(0, 1, dK, f.Si, dH, N, M, M, 1, 0);
            mm(1, 0, f.H, dK, u, M, N, M, 1, 0);
            mm(1, 0, f.Si, u, x, M, M, M, 1, 0);
            mm(0, 1, x, f.Si, dS, M, M, M, -1, 1);
            mm(0, 1, dS, f.H, dC, M, M, N, 1, 1);
            mm(1, 0, C, dS, dH, N, M, M, 1, 1);
            for (int i = 0; i < M * M; i++) dW[i] += dS[i];
            mm(0, 1, dG, f.P, dC, M, N, N, 1, 1);
            mm(1, 0, C, dG, dp, N, M, N, 1, 1);
            mm(0, 0, dH, C, dp, N, M, N, 1, 1);
            mm(1, 0, dH, f.P, dC, M, N, N, 1, 1);
            mm(0, 1, dv, f.m, dC, M, 1, N, -1, 1);
            mm(1, 0, C, dv, dm, N, M, 1, -1, 1);
            for (int i = 0; i < N * N; i++) dQ[i] += dp[i];
            mm(0, 1, A, P0, u, N, N, N, 1, 0);
            mm(0, 0, dp, u, dA, N, N, N, 1, 1);
            mm(0, 0, A, P0, u, N, N, N, 1, 0);
            mm(1, 0, dp, u, dA, N, N, N, 1, 1);
            mm(1, 0, A, dp, u, N, N, N, 1, 0);
            mm(0, 0, u, A, dP, N, N, N, 1, 0);
            mm(0, 1, dm, m0, dA, N, 1, N, 1, 1);
            mm(1, 0, A, dm, dm, N, N, 1, 1, 0);
        }
    }
    """

    def numpy(self, y, A, C, Q, R):
        m, P, loss, saved = np.zeros(4), np.eye(4), 0.0, []
        for v in y:
            m0, P0 = m, P
            m1, P1 = A @ m0, A @ P0 @ A.T + Q
            e, H = v - C @ m1, P1 @ C.T
            S = C @ H + R
            inverse = np.linalg.inv(S)
            K, G = H @ inverse, C @ P1
            loss += 0.5 * (np.log(np.linalg.det(S)) + e @ inverse @ e)
            m, P = m1 + K @ e, P1 - K @ G
            saved.append((m0, P0, m1, P1, e, H, G, inverse, K))
        dA, dC, dQ, dR, dm, dP = (np.zeros_like(a) for a in (A, C, Q, R, m, P))
        for m0, P0, m1, P1, e, H, G, inverse, K in reversed(saved):
            dK = np.outer(dm, e) - dP @ G.T
            dG, z = -K.T @ dP, inverse @ e
            de = K.T @ dm + z
            dS = 0.5 * (inverse.T - np.outer(z, z)) - inverse.T @ H.T @ dK @ inverse.T
            dH = dK @ inverse.T + C.T @ dS
            dC += dS @ H.T + dG @ P1.T + dH.T @ P1 - np.outer(de, m1)
            dR += dS
            dP1 = dP + C.T @ dG + dH @ C
            dm1 = dm - C.T @ de
            dQ += dP1
            dA += dP1 @ A @ P0.T + dP1.T @ A @ P0 + np.outer(dm1, m0)
            dm, dP = A.T @ dm1, A.T @ dP1 @ A
        return [np.asarray(loss), dA, dC, dQ, dR]

    def scancc(self, sc, T):
        inputs, loss, _ = self.program(sc, T)
        return sc.function(inputs, [loss, *sc.grad(loss, inputs[1:])])

    def c(self, y, A, C, Q, R):
        outputs = [np.empty((), y.dtype), *(np.empty_like(a) for a in (A, C, Q, R))]
        return [y, A, C, Q, R, *outputs, np.empty((len(y) + 1, 20), y.dtype), len(y)], outputs

    def jax(self, jax, jnp):
        loss = self.jax_loss(jax, jnp)
        made = jax.value_and_grad(lambda *inputs: loss(*inputs)[0], argnums=(1, 2, 3, 4))

        def gradient(*inputs):
            value, gradients = made(*inputs)
            return [value, *gradients]
        return gradient

    def work(self, y, *_):
        steps = len(y)
        return Work(flops=2200 * steps, special={"log": steps, "div": 2 * steps},
                    chain={"fma": 45 * steps, "div": steps, "mul": 3 * steps})
