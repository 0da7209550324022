"""Dynamic programming over two series: a loop over columns inside a loop over rows."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class TimeWarping(Workload):
    """Dynamic time warping of two series."""

    name = "dtw"
    sizes = {"tiny": {"n": 6, "m": 7}, "medium": {"n": 300, "m": 300}}
    tolerance = {"float64": 1e-11, "float32": 1e-4}
    C = """
    void plain(const REAL *restrict x, const REAL *restrict y, REAL *restrict out, REAL *restrict d, long n, long m) {
        d[0] = 0;
        for (long j = 1; j <= m; j++) d[j] = R(1e6);
        for (long i = 0; i < n; i++) {
            REAL corner = d[0], left = R(1e6);
            d[0] = left;
            for (long j = 0; j < m; j++) {
                REAL up = d[j + 1], low = up < left ? up : left;
                low = corner < low ? corner : low;
                corner = up;
                d[j + 1] = left = (x[i] - y[j]) * (x[i] - y[j]) + low;
            }
        }
        *out = d[m];
    }
    void best(const REAL *restrict x, const REAL *restrict y, REAL *restrict out, REAL *restrict d, long n, long m) {
        d[0] = 0;
        for (long j = 1; j <= m; j++) d[j] = R(1e6);
        for (long i = 0; i < n; i++) {                           /* what does not wait for the left neighbour first */
            REAL low[m], cost[m], left = R(1e6);
            for (long j = 0; j < m; j++) {
                low[j] = d[j] < d[j + 1] ? d[j] : d[j + 1];
                cost[j] = (x[i] - y[j]) * (x[i] - y[j]);
            }
            d[0] = left;
            for (long j = 0; j < m; j++) d[j + 1] = left = cost[j] + (low[j] < left ? low[j] : left);
        }
        *out = d[m];
    }
    """

    def data(self, rng, n, m):
        return rng.normal(size=n).cumsum(), rng.normal(size=m).cumsum()

    def numpy(self, x, y):
        above = [0.0] + [1e6] * y.size
        for a in x.tolist():
            row, left = [1e6], 1e6
            for j, b in enumerate(y.tolist()):
                left = (a - b) ** 2 + min(above[j + 1], left, above[j])
                row.append(left)
            above = row
        return np.array(above[-1])

    def scancc(self, sc, T):
        x, y = T.vector("x"), T.vector("y")
        far = T.constant(1e6)

        def row(a, above, y):
            def cell(b, up, corner, left, a):
                return (a - b) ** 2 + T.minimum(T.minimum(up, left), corner)
            cells, _ = sc.scan(cell, sequences=[y, above[1:], above[:-1]], outputs_info=far, non_sequences=a)
            return T.concatenate([[far], cells])
        rows, _ = sc.scan(row, sequences=x, outputs_info=T.concatenate([T.zeros(1), T.zeros_like(y) + far]),
                          non_sequences=y)
        return sc.function([x, y], rows[-1][-1])

    def c(self, x, y):
        out = np.empty((), x.dtype)
        return [x, y, out, np.empty(y.size + 1, x.dtype), x.size, y.size], out

    def numba(self, njit, real):
        far = real(1e6)

        @njit
        def warping(x, y):
            d = np.full(y.size + 1, far)
            d[0] = real(0)
            for i in range(x.size):
                corner, left = d[0], far
                d[0] = far
                for j in range(y.size):
                    up = d[j + 1]
                    left = (x[i] - y[j]) * (x[i] - y[j]) + min(min(up, left), corner)
                    corner, d[j + 1] = up, left
            return d[-1]
        return warping

    def jax(self, jax, jnp):
        def warping(x, y):
            far = jnp.asarray(1e6, x.dtype)

            def row(above, a):
                def cell(left, column):
                    b, up, corner = column
                    left = (a - b) ** 2 + jnp.minimum(jnp.minimum(up, left), corner)
                    return left, left
                cells = jax.lax.scan(cell, far, (y, above[1:], above[:-1]))[1]
                return jnp.concatenate([far[None], cells]), None
            start = jnp.concatenate([jnp.zeros(1, x.dtype), jnp.full(y.size, far)])
            return jax.lax.scan(row, start, x)[0][-1]
        return warping

    def work(self, x, y):
        cells = x.size * y.size
        return Work(flops=5 * cells, chain={"min": y.size + x.size, "add": y.size + x.size})


class EditDistance(Workload):
    """Edit distance of two words, in whole numbers."""

    name = "edit"
    sizes = {"tiny": {"n": 5, "m": 6}, "medium": {"n": 300, "m": 300}}
    dtypes = ("float64",)
    C = """
    void plain(const int32_t *restrict a, const int32_t *restrict b, int64_t *restrict out, int64_t *restrict d,
               long n, long m) {
        for (long j = 0; j <= m; j++) d[j] = j;
        for (long i = 0; i < n; i++) {
            int64_t corner = d[0], left = i + 1;
            d[0] = left;
            for (long j = 0; j < m; j++) {
                int64_t up = d[j + 1], low = (up < left ? up : left) + 1, same = corner + (a[i] != b[j]);
                corner = up;
                d[j + 1] = left = low < same ? low : same;
            }
        }
        *out = d[m];
    }
    void best(const int32_t *restrict a, const int32_t *restrict b, int64_t *restrict out, int64_t *restrict d,
              long n, long m) {
        int64_t low[m];
        for (long j = 0; j <= m; j++) d[j] = j;
        for (long i = 0; i < n; i++) {                           /* what does not wait for the left neighbour first */
            for (long j = 0; j < m; j++) {
                int64_t up = d[j + 1] + 1, same = d[j] + (a[i] != b[j]);
                low[j] = up < same ? up : same;
            }
            int64_t left = d[0] = i + 1;
            for (long j = 0; j < m; j++) d[j + 1] = left = left + 1 < low[j] ? left + 1 : low[j];
        }
        *out = d[m];
    }
    """

    def data(self, rng, n, m):
        return rng.integers(0, 4, n).astype("int32"), rng.integers(0, 4, m).astype("int32")

    def numpy(self, a, b):
        above = list(range(b.size + 1))
        for i, x in enumerate(a.tolist()):
            row = [i + 1]
            for j, y in enumerate(b.tolist()):
                row.append(min(above[j + 1] + 1, row[-1] + 1, above[j] + (x != y)))
            above = row
        return np.array(above[-1])

    def scancc(self, sc, T):
        a, b = T.ivector("a"), T.ivector("b")

        def row(x, i, above, b):
            def cell(y, up, corner, left, x):
                return T.minimum(T.minimum(up, left) + 1, corner + T.cast(T.neq(x, y), "int64"))
            cells, _ = sc.scan(cell, sequences=[b, above[1:], above[:-1]], outputs_info=i + 1, non_sequences=x)
            return T.concatenate([(i + 1).dimshuffle("x"), cells])
        rows, _ = sc.scan(row, sequences=[a, T.arange(a.shape[0])], outputs_info=T.arange(b.shape[0] + 1),
                          non_sequences=b)
        return sc.function([a, b], rows[-1][-1])

    def c(self, a, b):
        out = np.empty((), "int64")
        return [a, b, out, np.empty(b.size + 1, "int64"), a.size, b.size], out

    def numba(self, njit, real):
        @njit
        def distance(a, b):
            d = np.arange(b.size + 1)
            for i in range(a.size):
                corner, left = d[0], i + 1
                d[0] = left
                for j in range(b.size):
                    up = d[j + 1]
                    left = min(min(up, left) + 1, corner + (1 if a[i] != b[j] else 0))
                    corner, d[j + 1] = up, left
            return d[-1]
        return distance

    def jax(self, jax, jnp):
        def distance(a, b):
            def row(above, x_i):
                x, i = x_i

                def cell(left, column):
                    y, up, corner = column
                    left = jnp.minimum(jnp.minimum(up, left) + 1, corner + (x != y))
                    return left, left
                cells = jax.lax.scan(cell, i + 1, (b, above[1:], above[:-1]))[1]
                return jnp.concatenate([(i + 1)[None], cells]), None
            return jax.lax.scan(row, jnp.arange(b.size + 1), (a, jnp.arange(a.size)))[0][-1]
        return distance

    def work(self, a, b):
        cells = a.size * b.size
        return Work(flops=4 * cells, chain={"add": (a.size + b.size) / 2})
