"""Hidden Markov models: the likelihood of all paths, and the best path."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class HmmForward(Workload):
    """Log-likelihood of a hidden Markov model, in log space by logsumexp."""

    name = "hmm"
    reorders = True
    limits = ("With `fast_math` 8 or 32 steps run without exponentials and logarithms of the state: with four states "
              "the chain of a step is a product of 4 multiply-adds. With 32 and 128 that product takes most of "
              "the time, as in the fastest C. 32 states: multiply-adds and one exponential a state take 0.25 "
              "(float32: 0.13) of the fastest C's time at their peak, and sums of 32 terms in order a chain of 128 "
              "cycles. 128 states: each step reads 128 KB (64 KB) from the second cache, 1.16 µs (0.58) at its "
              "bandwidth, which is 0.69 (0.65) of the fastest C, which reads them too: a fifth of its time cannot be "
              "reached while steps come one by one, and products of steps' matrices cost 128 times as much.")
    sizes = {"tiny": {"steps": 5, "n": 4}, "medium": {"steps": 500, "n": 32},
             "small": {"steps": 2000, "n": 4}, "large": {"steps": 100, "n": 128}}
    tolerance = {"float64": 1e-11, "float32": 1e-4}
    C = """
    void plain(const REAL *restrict b, const REAL *restrict A, REAL *restrict out, REAL *restrict w, long T, long S) {
        REAL *alpha = w, *next = w + S, *top = w + 2 * S;
        memcpy(alpha, b, S * sizeof(REAL));
        for (long t = 1; t < T; t++) {
            for (long j = 0; j < S; j++) { top[j] = -INFINITY; next[j] = 0; }
            for (long i = 0; i < S; i++)
                for (long j = 0; j < S; j++) {
                    REAL v = alpha[i] + A[i * S + j];
                    top[j] = v > top[j] ? v : top[j];
                }
            for (long i = 0; i < S; i++)
                for (long j = 0; j < S; j++) next[j] += exp(alpha[i] + A[i * S + j] - top[j]);
            for (long j = 0; j < S; j++) alpha[j] = log(next[j]) + top[j] + b[t * S + j];
        }
        REAL m = -INFINITY, s = 0;
        for (long j = 0; j < S; j++) m = alpha[j] > m ? alpha[j] : m;
        for (long j = 0; j < S; j++) s += exp(alpha[j] - m);
        *out = log(s) + m;
    }
    void best(const REAL *restrict b, const REAL *restrict A, REAL *restrict out, REAL *restrict w, long T, long S) {
        REAL *alpha = w, *next = w + S, *e = w + 2 * S, m = 0, s = 0;    /* exp(A) once, S exponentials a step */
        for (long i = 0; i < S * S; i++) e[i] = exp(A[i]);
        memcpy(alpha, b, S * sizeof(REAL));
        for (long t = 1; t < T; t++) {
            m = alpha[0];
            for (long j = 1; j < S; j++) m = alpha[j] > m ? alpha[j] : m;
            for (long j = 0; j < S; j++) { alpha[j] = exp(alpha[j] - m); next[j] = 0; }
            for (long i = 0; i < S; i++)
                for (long j = 0; j < S; j++) next[j] += alpha[i] * e[i * S + j];
            for (long j = 0; j < S; j++) alpha[j] = log(next[j]) + m + b[t * S + j];
        }
        m = alpha[0];
        for (long j = 1; j < S; j++) m = alpha[j] > m ? alpha[j] : m;
        for (long j = 0; j < S; j++) s += exp(alpha[j] - m);
        *out = log(s) + m;
    }
    """

    def data(self, rng, steps, n):
        weights = rng.random((n, n)) + 0.05
        return rng.normal(size=(steps, n)), np.log(weights / weights.sum(axis=1, keepdims=True))

    def numpy(self, b, A):
        alpha = b[0]
        for row in b[1:]:
            total = alpha[:, None] + A
            top = total.max(axis=0)
            alpha = np.log(np.exp(total - top).sum(axis=0)) + top + row
        return np.log(np.exp(alpha - alpha.max()).sum()) + alpha.max()

    def scancc(self, sc, T):
        b, A = T.matrix("b"), T.matrix("A")
        alpha, _ = sc.scan(lambda b_t, alpha, A: T.logsumexp(alpha.dimshuffle(0, "x") + A, axis=0) + b_t,
                           sequences=b[1:], outputs_info=b[0], non_sequences=A)
        return sc.function([b, A], T.logsumexp(alpha[-1]))

    def c(self, b, A):
        out, n = np.empty((), b.dtype), b.shape[1]
        return [b, A, out, np.empty(n * (n + 2) + n, b.dtype), *b.shape], out

    def numba(self, njit, real):
        @njit
        def forward(b, A):
            n = b.shape[1]
            alpha, new = b[0].copy(), np.empty(n, b.dtype)
            for t in range(1, b.shape[0]):
                for j in range(n):
                    top, s = real(-np.inf), real(0)
                    for i in range(n):
                        top = max(top, alpha[i] + A[i, j])
                    for i in range(n):
                        s += np.exp(alpha[i] + A[i, j] - top)
                    new[j] = np.log(s) + top + b[t, j]
                alpha, new = new, alpha
            top, s = alpha[0], real(0)
            for i in range(n):
                top = max(top, alpha[i])
            for i in range(n):
                s += np.exp(alpha[i] - top)
            return np.log(s) + top
        return forward

    def jax(self, jax, jnp):
        def forward(b, A):
            def step(alpha, b_t):
                return jax.nn.logsumexp(alpha[:, None] + A, axis=0) + b_t, None
            return jax.nn.logsumexp(jax.lax.scan(step, b[0], b[1:])[0])
        return forward

    def torch(self, torch):
        def forward(b, A):
            alpha = b[0]
            for row in b[1:]:
                alpha = torch.logsumexp(alpha[:, None] + A, dim=0) + row
            return torch.logsumexp(alpha, dim=0)
        return forward

    def work(self, b, A):
        steps, n = b.shape
        return Work(flops=5 * steps * n * n, special={"exp": steps * n * n, "log": steps * n},
                    chain={"exp": steps, "log": steps, "add": 3 * steps})


class Viterbi(Workload):
    """The best path through a hidden Markov model: scores and pointers forwards, then the path backwards."""

    name = "viterbi"
    sizes = {"tiny": {"steps": 5, "n": 4}, "medium": {"steps": 500, "n": 32},
             "small": {"steps": 2000, "n": 4}, "large": {"steps": 200, "n": 128}}
    tolerance = {"float64": 1e-11, "float32": 0.01}
    C = """
    static void backwards(const REAL *restrict score, const int64_t *restrict back, REAL *restrict out,
                          int64_t *restrict path, long T, long S) {
        int64_t s = 0;
        for (long j = 1; j < S; j++) if (score[j] > score[s]) s = j;
        *out = score[s];
        for (long t = T - 2; t >= 0; t--) path[T - 2 - t] = s = back[t * S + s];
    }
    void plain(const REAL *restrict b, const REAL *restrict A, REAL *restrict out, int64_t *restrict path,
               REAL *restrict w, int64_t *restrict back, long T, long S) {
        REAL *score = w, *next = w + S;
        memcpy(score, b, S * sizeof(REAL));
        for (long t = 1; t < T; t++) {
            int64_t *p = back + (t - 1) * S;
            for (long j = 0; j < S; j++) { next[j] = -INFINITY; p[j] = 0; }
            for (long i = 0; i < S; i++)
                for (long j = 0; j < S; j++) {
                    REAL v = score[i] + A[i * S + j];
                    if (v > next[j]) { next[j] = v; p[j] = i; }
                }
            for (long j = 0; j < S; j++) score[j] = next[j] + b[t * S + j];
        }
        backwards(score, back, out, path, T, S);
    }
    void best(const REAL *restrict b, const REAL *restrict A, REAL *restrict out, int64_t *restrict path,
              REAL *restrict w, int64_t *restrict back, long T, long S) {
        REAL *score = w, *next = w + S;
        memcpy(score, b, S * sizeof(REAL));
        for (long t = 1; t < T; t++) {
            int64_t *p = back + (t - 1) * S;
            long j = 0;
            for (; j + 2 * LANES <= S; j += 2 * LANES) {                     /* maximum and its place in registers */
                vec m[2];
                mask k[2] = {{0}};
                for (int v = 0; v < 2; v++) m[v] = score[0] + *(vec *)(A + j + v * LANES);
                for (long i = 1; i < S; i++)
                    for (int v = 0; v < 2; v++) {
                        vec x = score[i] + *(vec *)(A + i * S + j + v * LANES);
                        mask more = (mask)(x > m[v]);
                        m[v] = (vec)(((mask)x & more) | ((mask)m[v] & ~more));
                        k[v] = ((mask){0} + (INTEGER)i & more) | (k[v] & ~more);
                    }
                for (int v = 0; v < 2; v++) {
                    *(vec *)(next + j + v * LANES) = m[v];
                    for (int l = 0; l < LANES; l++) p[j + v * LANES + l] = k[v][l];
                }
            }
            for (; j < S; j++) {
                next[j] = -INFINITY;
                for (long i = 0; i < S; i++) {
                    REAL v = score[i] + A[i * S + j];
                    if (v > next[j]) { next[j] = v; p[j] = i; }
                }
            }
            for (j = 0; j < S; j++) score[j] = next[j] + b[t * S + j];
        }
        backwards(score, back, out, path, T, S);
    }
    """

    def data(self, rng, steps, n):
        return rng.normal(size=(steps, n)), rng.normal(size=(n, n))

    def numpy(self, b, A):
        score, back = b[0], []
        for row in b[1:]:
            total = score[:, None] + A
            back.append(total.argmax(axis=0))
            score = total.max(axis=0) + row
        state, path = score.argmax(), []
        for pointers in back[::-1]:
            state = pointers[state]
            path.append(state)
        return [score.max(), np.array(path)]

    def scancc(self, sc, T):
        b, A = T.matrix("b"), T.matrix("A")

        def forward(b_t, score, A):
            total = score.dimshuffle(0, "x") + A
            return T.max(total, axis=0) + b_t, T.argmax(total, axis=0)
        (scores, back), _ = sc.scan(forward, sequences=b[1:], outputs_info=[b[0], None], non_sequences=A)
        path, _ = sc.scan(lambda pointers, state: pointers[state], sequences=back, outputs_info=T.argmax(scores[-1]),
                          go_backwards=True)
        return sc.function([b, A], [T.max(scores[-1]), path])

    def c(self, b, A):
        steps, n = b.shape
        out, path = np.empty((), b.dtype), np.empty(steps - 1, "int64")
        return [b, A, out, path, np.empty(2 * n, b.dtype), np.empty((steps, n), "int64"), steps, n], [out, path]

    def numba(self, njit, real):
        @njit
        def viterbi(b, A):
            steps, n = b.shape
            score, new = b[0].copy(), np.empty(n, b.dtype)
            back = np.empty((steps - 1, n), np.int64)
            for t in range(1, steps):
                for j in range(n):
                    top, k = score[0] + A[0, j], 0
                    for i in range(1, n):
                        v = score[i] + A[i, j]
                        if v > top:
                            top, k = v, i
                    new[j] = top + b[t, j]
                    back[t - 1, j] = k
                score[:] = new
            state = score.argmax()
            path = np.empty(steps - 1, np.int64)
            for t in range(steps - 1):
                state = back[steps - 2 - t, state]
                path[t] = state
            return score.max(), path
        return viterbi

    def jax(self, jax, jnp):
        def viterbi(b, A):
            def forward(score, b_t):
                total = score[:, None] + A
                return total.max(axis=0) + b_t, total.argmax(axis=0)
            score, back = jax.lax.scan(forward, b[0], b[1:])

            def follow(state, pointers):
                return pointers[state], pointers[state]
            return [score.max(), jax.lax.scan(follow, score.argmax(), back[::-1])[1]]
        return viterbi

    def torch(self, torch):
        def viterbi(b, A):
            score, back = b[0], []
            for row in b[1:]:
                score, pointers = (score[:, None] + A).max(dim=0)
                score = score + row
                back.append(pointers)
            state, path = score.argmax(), []
            for pointers in back[::-1]:
                state = pointers[state]
                path.append(state)
            return [score.max(), torch.stack(path)]
        return viterbi

    def work(self, b, A):
        steps, n = b.shape
        return Work(flops=2 * steps * n * n, chain={"add": 2 * steps, "min": steps * 6})
