"""Many systems of a few numbers, each with a series of its own."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class Filters(Workload):
    """Kalman filters of four states, each over a series of its own of two observations, of which some are missing."""

    name = "filters"
    sizes = {"tiny": {"series": 11, "steps": 5}, "medium": {"series": 1000, "steps": 100}}
    tolerance = {"float64": 1e-9, "float32": 1e-3}
    reorders = True
    limits = ("The fastest C makes half of each symmetric product, and takes one logarithm of eight steps: the text "
              "of a step says neither, and nothing here finds it out.")
    C = """
    enum { N = 4, M = 2 };

    void plain(const REAL *restrict y, const REAL *restrict seen, const REAL *restrict A, const REAL *restrict C,
               const REAL *restrict Q, const REAL *restrict V, REAL *restrict out, long s, long n) {
        for (long each = 0; each < s; each++) {
            REAL m[N] = {0}, P[N][N] = {{0}}, loss = 0;
            for (int i = 0; i < N; i++) P[i][i] = 1;
            for (long t = each * n; t < each * n + n; t++) {
                REAL p[N] = {0}, q[N][N], u[N][N] = {{0}}, G[M][N] = {{0}}, S[M][M], v[M];
                for (int i = 0; i < N; i++)
                    for (int k = 0; k < N; k++) {
                        p[i] += A[i * N + k] * m[k];
                        for (int j = 0; j < N; j++) u[i][j] += A[i * N + k] * P[k][j];
                    }
                for (int i = 0; i < N; i++)
                    for (int j = 0; j < N; j++) {
                        q[i][j] = Q[i * N + j];
                        for (int k = 0; k < N; k++) q[i][j] += u[i][k] * A[j * N + k];
                    }
                memcpy(m, p, sizeof m);
                memcpy(P, q, sizeof P);
                if (seen[t] == 0) continue;
                for (int i = 0; i < M; i++) {
                    v[i] = y[t * M + i];
                    for (int k = 0; k < N; k++) {
                        v[i] -= C[i * N + k] * p[k];
                        for (int j = 0; j < N; j++) G[i][j] += C[i * N + k] * q[k][j];
                    }
                }
                for (int i = 0; i < M; i++)
                    for (int j = 0; j < M; j++) {
                        S[i][j] = V[i * M + j];
                        for (int k = 0; k < N; k++) S[i][j] += G[i][k] * C[j * N + k];
                    }
                REAL det = S[0][0] * S[1][1] - S[0][1] * S[1][0], r = 1 / det;
                REAL a = S[1][1] * r, b = -S[0][1] * r, d = S[0][0] * r;
                for (int i = 0; i < N; i++) {
                    REAL k0 = G[0][i] * a + G[1][i] * b, k1 = G[0][i] * b + G[1][i] * d;
                    m[i] = p[i] + k0 * v[0] + k1 * v[1];
                    for (int j = 0; j < N; j++) P[i][j] = q[i][j] - k0 * G[0][j] - k1 * G[1][j];
                }
                loss += R(0.5) * (log(det) + v[0] * (a * v[0] + 2 * b * v[1]) + d * v[1] * v[1]);
            }
            out[each] = loss;
        }
    }

    /* A series in each lane, of the symmetric matrices one half, a logarithm for eight steps. */
    void best(const REAL *restrict y, const REAL *restrict seen, const REAL *restrict A, const REAL *restrict C,
              const REAL *restrict Q, const REAL *restrict V, REAL *restrict out, long s, long n) {
        long whole = s - s % LANES;
        for (long first = 0; first < whole; first += LANES) {
            vec m[N] = {{0}}, P[N][N] = {{{0}}}, loss = {0}, dets = {0};
            dets += 1;
            for (int i = 0; i < N; i++) P[i][i] += 1;
            for (long t = 0; t < n; t++) {
                vec p[N], q[N][N], u[N][N], G[M][N], v[M], here = {0};
                for (long l = 0; l < LANES; l++) {
                    long at = (first + l) * n + t;
                    v[0][l] = y[at * M];
                    v[1][l] = y[at * M + 1];
                    here[l] = seen[at];
                }
                for (int i = 0; i < N; i++) {
                    p[i] = A[i * N] * m[0] + A[i * N + 1] * m[1] + A[i * N + 2] * m[2] + A[i * N + 3] * m[3];
                    for (int j = 0; j < N; j++)
                        u[i][j] = A[i * N] * P[0][j] + A[i * N + 1] * P[1][j] + A[i * N + 2] * P[2][j]
                                + A[i * N + 3] * P[3][j];
                }
                for (int i = 0; i < N; i++)
                    for (int j = i; j < N; j++)
                        q[j][i] = q[i][j] = Q[i * N + j] + u[i][0] * A[j * N] + u[i][1] * A[j * N + 1]
                                          + u[i][2] * A[j * N + 2] + u[i][3] * A[j * N + 3];
                for (int i = 0; i < M; i++) {
                    v[i] -= C[i * N] * p[0] + C[i * N + 1] * p[1] + C[i * N + 2] * p[2] + C[i * N + 3] * p[3];
                    for (int j = 0; j < N; j++)
                        G[i][j] = C[i * N] * q[0][j] + C[i * N + 1] * q[1][j] + C[i * N + 2] * q[2][j]
                                + C[i * N + 3] * q[3][j];
                }
                vec s00 = V[0] + G[0][0] * C[0] + G[0][1] * C[1] + G[0][2] * C[2] + G[0][3] * C[3];
                vec s01 = V[1] + G[0][0] * C[4] + G[0][1] * C[5] + G[0][2] * C[6] + G[0][3] * C[7];
                vec s11 = V[3] + G[1][0] * C[4] + G[1][1] * C[5] + G[1][2] * C[6] + G[1][3] * C[7];
                vec det = s00 * s11 - s01 * s01, r = here / det, a = s11 * r, b = -s01 * r, d = s00 * r;
                for (int i = 0; i < N; i++) {
                    vec k0 = G[0][i] * a + G[1][i] * b, k1 = G[0][i] * b + G[1][i] * d;
                    m[i] = p[i] + k0 * v[0] + k1 * v[1];
                    for (int j = i; j < N; j++) P[j][i] = P[i][j] = q[i][j] - k0 * G[0][j] - k1 * G[1][j];
                }
                loss += v[0] * (a * v[0] + 2 * b * v[1]) + d * v[1] * v[1];
                dets *= here * det + (1 - here);
                if (t % 8 == 7 || t == n - 1)
                    for (long l = 0; l < LANES; l++) {
                        loss[l] += log(dets[l]);
                        dets[l] = 1;
                    }
            }
            for (long l = 0; l < LANES; l++) out[first + l] = R(0.5) * loss[l];
        }
        plain(y + whole * n * M, seen + whole * n, A, C, Q, V, out + whole, s - whole, n);
    }
    """

    def data(self, rng, series, steps):
        A = np.array([[1, 0.1, 0, 0], [0, 0.95, 0.02, 0], [0, 0, 1, 0.1], [0, 0.01, 0, 0.9]]) * 0.97
        return (rng.normal(size=(series, steps, 2)), (rng.random((series, steps)) < 0.9).astype(float), A,
                np.array([[1.0, 0, 0, 0.1], [0, 0.2, 1, 0]]), 0.1 * np.eye(4), 0.5 * np.eye(2))

    def numpy(self, y, seen, A, C, Q, V):
        n = len(y)
        m, P, loss = np.zeros((n, 4, 1)), np.broadcast_to(np.eye(4), (n, 4, 4)), np.zeros(n)
        for t in range(y.shape[1]):
            m, P = A @ m, A @ P @ A.T + Q
            v, S, here = y[:, t, :, None] - C @ m, C @ P @ C.T + V, seen[:, t]
            inverse = np.linalg.inv(S)
            K = P @ C.T @ inverse * here[:, None, None]
            loss += 0.5 * here * (np.log(np.linalg.det(S)) + (v.swapaxes(1, 2) @ inverse @ v)[:, 0, 0])
            m, P = m + K @ v, P - K @ (C @ P)
        return loss

    def scancc(self, sc, T):
        y, seen = T.tensor3("y"), T.matrix("seen")
        A, C, Q, V = T.matrix("A"), T.matrix("C"), T.matrix("Q"), T.matrix("V")

        def step(y_t, here, m, P):
            m, P = A @ m, A @ P @ A.T + Q
            v, S = y_t - C @ m, C @ P @ C.T + V
            inverse = T.nlinalg.matrix_inverse(S)
            K = P @ C.T @ inverse * here
            return m + K @ v, P - K @ (C @ P), here * (T.log(T.nlinalg.det(S)) + T.dot(v, inverse @ v))

        def likelihood(y, seen):
            (_, _, fits), _ = sc.scan(step, sequences=[y, seen], outputs_info=[T.zeros(4), T.eye(4), None])
            return 0.5 * fits.sum()
        total, _ = sc.map(likelihood, sequences=[y, seen])
        return sc.function([y, seen, A, C, Q, V], total)

    def c(self, y, seen, A, C, Q, V):
        out = np.empty(len(y), y.dtype)
        return [y, seen, A, C, Q, V, out, *seen.shape], out

    def jax(self, jax, jnp):
        def likelihood(y, seen, A, C, Q, V):
            def step(state, row):
                (m, P), (y_t, here) = state, row
                m, P = A @ m, A @ P @ A.T + Q
                v, S = y_t - C @ m, C @ P @ C.T + V
                det = S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0]
                inverse = jnp.array([[S[1, 1], -S[0, 1]], [-S[1, 0], S[0, 0]]]) / det
                K = P @ C.T @ inverse * here
                return (m + K @ v, P - K @ (C @ P)), here * (jnp.log(det) + v @ inverse @ v)
            start = jnp.zeros(4, y.dtype), jnp.eye(4, dtype=y.dtype)
            return 0.5 * jax.lax.scan(step, start, (y, seen))[1].sum()
        return jax.vmap(likelihood, in_axes=(0, 0, None, None, None, None))

    def work(self, y, seen, *_):
        steps = seen.size
        return Work(flops=620 * steps, special={"log": steps, "div": steps})
