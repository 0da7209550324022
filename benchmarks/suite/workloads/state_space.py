"""State-space layers whose states are complex."""

from __future__ import annotations

import numpy as np

from benchmarks.suite.workload import Work, Workload


class DiagonalStateSpace(Workload):
    """A diagonal state-space layer (S4D): channels of complex states, of which the real part of a sum is read."""

    name = "s4d"
    reorders = True
    sizes = {"tiny": {"steps": 6, "channels": 3, "states": 9},
             "medium": {"steps": 1000, "channels": 16, "states": 64}}
    C = """
    #define ROOM 64

    void plain(const REAL *restrict u, const REAL *restrict decay, const REAL *restrict angle,
               const REAL *restrict re, const REAL *restrict im, REAL *restrict y, long steps, long channels,
               long states) {
        for (long h = 0; h < channels; h++) {
            REAL ar[ROOM], ai[ROOM], xr[ROOM] = {0}, xi[ROOM] = {0};
            for (long n = 0; n < states; n++) {
                ar[n] = decay[h * states + n] * cos(angle[h * states + n]);
                ai[n] = decay[h * states + n] * sin(angle[h * states + n]);
            }
            for (long t = 0; t < steps; t++) {
                REAL v = u[t * channels + h], sum = 0;
                for (long n = 0; n < states; n++) {
                    REAL r = ar[n] * xr[n] - ai[n] * xi[n] + v;
                    xi[n] = ar[n] * xi[n] + ai[n] * xr[n];
                    xr[n] = r;
                }
                for (long n = 0; n < states; n++)
                    sum += re[h * states + n] * xr[n] - im[h * states + n] * xi[n];
                y[t * channels + h] = 2 * sum;
            }
        }
    }

    /* Four vectors of states stay in registers for all steps. */
    enum { SIDE = 4 };

    static void in_registers(const REAL *u, const REAL *re, const REAL *im, const REAL *ar, const REAL *ai, REAL *y,
                             long steps, long channels) {
        vec xr[SIDE] = {{0}}, xi[SIDE] = {{0}};
        for (long t = 0; t < steps; t++) {
            vec sum = {0};
            for (int k = 0; k < SIDE; k++) {
                vec a = *(vec *)(ar + k * LANES), b = *(vec *)(ai + k * LANES);
                vec r = a * xr[k] - b * xi[k] + u[t * channels];
                xi[k] = a * xi[k] + b * xr[k];
                xr[k] = r;
                sum += *(vec *)(re + k * LANES) * xr[k] - *(vec *)(im + k * LANES) * xi[k];
            }
            REAL total = 0;
            for (int l = 0; l < LANES; l++) total += sum[l];
            y[t * channels] += 2 * total;
        }
    }

    void best(const REAL *restrict u, const REAL *restrict decay, const REAL *restrict angle,
              const REAL *restrict re, const REAL *restrict im, REAL *restrict y, long steps, long channels,
              long states) {
        memset(y, 0, sizeof(REAL) * steps * channels);
        for (long h = 0; h < channels; h++) {
            REAL ar[ROOM], ai[ROOM];
            const REAL *cr = re + h * states, *ci = im + h * states;
            for (long n = 0; n < states; n++) {
                ar[n] = decay[h * states + n] * cos(angle[h * states + n]);
                ai[n] = decay[h * states + n] * sin(angle[h * states + n]);
            }
            long n = 0;
            for (; n + SIDE * LANES <= states; n += SIDE * LANES)
                in_registers(u + h, cr + n, ci + n, ar + n, ai + n, y + h, steps, channels);
            for (; n < states; n++) {
                REAL xr = 0, xi = 0;
                for (long t = 0; t < steps; t++) {
                    REAL r = ar[n] * xr - ai[n] * xi + u[t * channels + h];
                    xi = ar[n] * xi + ai[n] * xr;
                    xr = r;
                    y[t * channels + h] += 2 * (cr[n] * xr - ci[n] * xi);
                }
            }
        }
    }
    """

    def data(self, rng, steps, channels, states):
        shape = channels, states
        return (rng.normal(size=(steps, channels)), rng.uniform(0.5, 0.99, shape), rng.uniform(0, np.pi, shape),
                rng.normal(size=shape), rng.normal(size=shape))

    def numpy(self, u, decay, angle, re, im):
        a, c, y = decay * np.exp(1j * angle), re + 1j * im, np.empty_like(u)
        x = np.zeros_like(a)
        for t, row in enumerate(u):
            x = a * x + row[:, None]
            y[t] = 2 * (c * x).sum(axis=1).real
        return y

    def scancc(self, sc, T):
        u, decay, angle, re, im = T.matrices("u", "decay", "angle", "re", "im")
        a, c = T.complex(decay * T.cos(angle), decay * T.sin(angle)), T.complex(re, im)

        def step(u_t, x, a, c):
            x = a * x + u_t[:, None]
            return x, 2 * T.real((c * x).sum(axis=1))
        (_, y), _ = sc.scan(step, sequences=u, outputs_info=[T.zeros_like(a), None], non_sequences=[a, c])
        return sc.function([u, decay, angle, re, im], y)

    def c(self, u, decay, angle, re, im):
        y = np.empty_like(u)
        return [u, decay, angle, re, im, y, *u.shape, angle.shape[1]], y

    def numba(self, njit, real):
        @njit
        def layer(u, decay, angle, re, im):
            channels, states = angle.shape
            c, y = re + 1j * im, np.empty_like(u)
            a = decay * np.cos(angle) + 1j * (decay * np.sin(angle))
            x = np.zeros_like(a)
            for t in range(len(u)):
                for h in range(channels):
                    total = real(0)
                    for n in range(states):
                        x[h, n] = a[h, n] * x[h, n] + u[t, h]
                        total += c[h, n].real * x[h, n].real - c[h, n].imag * x[h, n].imag
                    y[t, h] = 2 * total
            return y
        return layer

    def jax(self, jax, jnp):
        def layer(u, decay, angle, re, im):
            a, c = decay * jnp.exp(1j * angle), re + 1j * im

            def step(x, u_t):
                x = a * x + u_t[:, None]
                return x, 2 * (c * x).sum(axis=1).real
            return jax.lax.scan(step, jnp.zeros_like(a), u)[1]
        return layer

    def torch(self, torch):
        def layer(u, decay, angle, re, im):
            a, c = torch.polar(decay, angle), torch.complex(re, im)
            x, rows = torch.zeros_like(a), []
            for row in u:
                x = a * x + row[:, None]
                rows.append(2 * (c * x).sum(dim=1).real)
            return torch.stack(rows)
        return layer

    def work(self, u, decay, angle, re, im):
        return Work(flops=11 * u.size * angle.shape[1], chain={"fma": 2 * len(u)})
