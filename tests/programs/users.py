"""What people write: time series, filters, returns, ensembles, recurrent layers, dynamic programming.

Each model has a plain NumPy twin that computes the same outputs; the first output that is a scalar is the cost.
"""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(20)


def build(make: Callable[[], Model]) -> Model:
    """A model with the same numbers each time."""
    RNG.bit_generator.state = np.random.default_rng(20).bit_generator.state
    return make()


@dataclass
class Model:
    """`twin(*args)` gives what `outputs` are; `wrt`: positions of inputs for which the cost has a gradient."""

    inputs: list[Any]
    outputs: list[Any]
    args: list[Any]
    twin: Callable[..., list[Any]]
    wrt: list[int] = field(default_factory=list)
    updates: Any = None

    @property
    def cost(self) -> Any:
        return next(v for v in self.outputs if v.ndim == 0)

    def gradients(self) -> list[Any]:
        return list(sc.grad(self.cost, [self.inputs[i] for i in self.wrt]))


def normal(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


# ---- time series ----


def exponential_smoothing() -> Model:
    x, a = T.vector("x"), T.scalar("a")
    level, _ = sc.scan(lambda x_t, y: y + a * (x_t - y), x, x[0])

    def twin(x, a):
        y, ys = x[0], []
        for v in x:
            y = y + a * (v - y)
            ys.append(y)
        return [ys, ((np.array(ys) - x) ** 2).sum()]
    return Model([x, a], [level, ((level - x) ** 2).sum()], [normal(20), 0.3], twin, [0, 1])


def garch() -> Model:
    """Log-likelihood of GARCH(1, 1)."""
    r, w, a, b = T.vector("r"), T.scalar("w"), T.scalar("a"), T.scalar("b")
    s, _ = sc.scan(lambda r_t, s: w + a * r_t**2 + b * s, r, T.mean(r**2))
    loss = 0.5 * (T.log(s[:-1]) + r[1:] ** 2 / s[:-1]).sum()

    def twin(r, w, a, b):
        s, loss = (r**2).mean(), 0.0
        for t in range(len(r) - 1):
            s = w + a * r[t] ** 2 + b * s
            loss += 0.5 * (np.log(s) + r[t + 1] ** 2 / s)
        return [loss]
    return Model([r, w, a, b], [loss], [normal(30), 0.1, 0.2, 0.6], twin, [0, 1, 2, 3])


def arma() -> Model:
    """Squared errors of ARMA(2, 1)."""
    x, phi, theta = T.vector("x"), T.vector("phi"), T.scalar("theta")

    def step(x_t, x_1, x_2, e):
        return x_t - phi[0] * x_1 - phi[1] * x_2 - theta * e
    errors, _ = sc.scan(step, dict(input=x, taps=[0, -1, -2]), 0.0)

    def twin(x, phi, theta):
        e, total = 0.0, 0.0
        for t in range(2, len(x)):
            e = x[t] - phi[0] * x[t - 1] - phi[1] * x[t - 2] - theta * e
            total += e * e
        return [total]
    return Model([x, phi, theta], [(errors**2).sum()], [normal(25), np.array([0.5, -0.2]), 0.4], twin, [0, 1, 2])


def holt_winters() -> Model:
    """Level, trend and a season of 4."""
    x, a, b, g, season = T.vector("x"), T.scalar("a"), T.scalar("b"), T.scalar("g"), T.vector("season")

    def step(x_t, level, trend, s4):
        new = a * (x_t - s4) + (1 - a) * (level + trend)
        error = (x_t - level - trend - s4) ** 2
        return new, b * (new - level) + (1 - b) * trend, g * (x_t - new) + (1 - g) * s4, error
    (level, trend, s, error), _ = sc.scan(
        step, x, [x[0], T.constant(0.0), dict(initial=season, taps=[-4]), None])

    def twin(x, a, b, g, season):
        level, trend, s, error = x[0], 0.0, list(season), 0.0
        for t, v in enumerate(x):
            error += (v - level - trend - s[t]) ** 2
            new = a * (v - s[t]) + (1 - a) * (level + trend)
            trend = b * (new - level) + (1 - b) * trend
            level = new
            s.append(g * (v - new) + (1 - g) * s[t])
        return [error, level, trend, s[-4:]]
    return Model([x, a, b, g, season], [error.sum(), level[-1], trend[-1], s[-4:]],
                 [normal(16), 0.5, 0.3, 0.2, normal(4)], twin, [0, 1, 2, 3, 4])


def kalman() -> Model:
    """Negative log-likelihood of a linear Gaussian state-space model, up to a constant."""
    y, A, C, Q, R = T.matrix("y"), T.matrix("A"), T.matrix("C"), T.matrix("Q"), T.matrix("R")

    def step(y_t, m, P):
        m, P = T.dot(A, m), T.dot(T.dot(A, P), A.T) + Q
        v, S = y_t - T.dot(C, m), T.dot(T.dot(C, P), C.T) + R
        K = T.dot(T.dot(P, C.T), T.nlinalg.matrix_inverse(S))
        loss = 0.5 * (T.log(T.nlinalg.det(S)) + T.dot(v, T.dot(T.nlinalg.matrix_inverse(S), v)))
        return m + T.dot(K, v), P - T.dot(T.dot(K, C), P), loss
    n = 3
    (m, P, loss), _ = sc.scan(step, y, [T.zeros(n), T.eye(n), None])

    def twin(y, A, C, Q, R):
        m, P, loss = np.zeros(n), np.eye(n), 0.0
        for v in y:
            m, P = A @ m, A @ P @ A.T + Q
            e, S = v - C @ m, C @ P @ C.T + R
            K = P @ C.T @ np.linalg.inv(S)
            loss += 0.5 * (np.log(np.linalg.det(S)) + e @ np.linalg.inv(S) @ e)
            m, P = m + K @ e, P - K @ C @ P
        return [loss, m, P]
    args = [normal(8, 2), 0.4 * normal(n, n), normal(2, n), 0.3 * np.eye(n), 0.5 * np.eye(2)]
    return Model([y, A, C, Q, R], [loss.sum(), m[-1], P[-1]], args, twin, [0, 1, 2, 3, 4])


def particle_free_sv() -> Model:
    """Stochastic volatility with given noise."""
    z, mu, phi, sigma = T.vector("z"), T.scalar("mu"), T.scalar("phi"), T.scalar("sigma")
    h, _ = sc.scan(lambda z_t, h: mu + phi * (h - mu) + sigma * z_t, z, mu)

    def twin(z, mu, phi, sigma):
        h, hs = mu, []
        for v in z:
            h = mu + phi * (h - mu) + sigma * v
            hs.append(np.exp(h / 2))
        return [hs, np.sum(hs)]
    vol = T.exp(h / 2)
    return Model([z, mu, phi, sigma], [vol, vol.sum()], [normal(12), -0.5, 0.9, 0.2], twin, [0, 1, 2, 3])


# ---- hidden Markov models, dynamic programming ----


def hmm_forward() -> Model:
    """Log-likelihood in log space."""
    logits, A, start = T.matrix("logits"), T.matrix("A"), T.vector("start")
    log_a = T.nnet.logsoftmax(A)

    def step(b, alpha):
        return T.logsumexp(alpha.dimshuffle(0, "x") + log_a, axis=0) + b
    alpha, _ = sc.scan(step, logits[1:], start + logits[0])

    def twin(logits, A, start):
        log_a = A - np.log(np.exp(A).sum(axis=1, keepdims=True))
        alpha = start + logits[0]
        for b in logits[1:]:
            alpha = np.log(np.exp(alpha[:, None] + log_a).sum(axis=0)) + b
        return [np.log(np.exp(alpha).sum())]
    args = [normal(9, 4), normal(4, 4), normal(4)]
    return Model([logits, A, start], [T.logsumexp(alpha[-1])], args, twin, [0, 1, 2])


def viterbi() -> Model:
    """The best path: scores and back pointers forwards, then the path backwards."""
    logits, A = T.matrix("logits"), T.matrix("A")

    def forward(b, score):
        total = score.dimshuffle(0, "x") + A
        return T.max(total, axis=0) + b, T.argmax(total, axis=0)
    (scores, back), _ = sc.scan(forward, logits[1:], [logits[0], None])
    last = T.argmax(scores[-1])
    path, _ = sc.scan(lambda pointers, state: pointers[state], back, last, go_backwards=True)

    def twin(logits, A):
        score, back = logits[0], []
        for b in logits[1:]:
            total = score[:, None] + A
            back.append(total.argmax(axis=0))
            score = total.max(axis=0) + b
        state, path = score.argmax(), []
        for pointers in back[::-1]:
            state = pointers[state]
            path.append(state)
        return [score.max(), path]
    return Model([logits, A], [T.max(scores[-1]), path], [normal(9, 4), normal(4, 4)], twin, [0, 1])


def time_warping() -> Model:
    """Dynamic time warping: a loop over columns inside a loop over rows."""
    x, y = T.vector("x"), T.vector("y")
    far = 1e6

    def row(a, above):
        def cell(b, up, corner, left):
            return (a - b) ** 2 + T.minimum(T.minimum(up, left), corner)
        cells, _ = sc.scan(cell, [y, above[1:], above[:-1]], T.constant(far))
        return T.concatenate([[far], cells])
    start = T.concatenate([[0.0], T.zeros_like(y) + far])
    rows, _ = sc.scan(row, x, start)

    def twin(x, y):
        d = np.full((len(x) + 1, len(y) + 1), far)
        d[0, 0] = 0
        for i, a in enumerate(x):
            for j, b in enumerate(y):
                d[i + 1, j + 1] = (a - b) ** 2 + min(d[i, j + 1], d[i + 1, j], d[i, j])
        return [d[-1, -1]]
    return Model([x, y], [rows[-1][-1]], [normal(6), normal(7)], twin, [0, 1])


def edit_distance() -> Model:
    a, b = T.ivector("a"), T.ivector("b")

    def row(c, i, above):
        def cell(d, up, corner, left):
            return T.minimum(T.minimum(up, left) + 1, corner + T.cast(T.neq(c, d), "int64"))
        cells, _ = sc.scan(cell, [b, above[1:], above[:-1]], i + 1)
        return T.concatenate([(i + 1).dimshuffle("x"), cells])
    rows, _ = sc.scan(row, [a, T.arange(a.shape[0])], T.arange(b.shape[0] + 1))

    def twin(a, b):
        d = np.add.outer(np.arange(len(a) + 1), np.arange(len(b) + 1))
        for i in range(len(a)):
            for j in range(len(b)):
                d[i + 1, j + 1] = min(d[i, j + 1] + 1, d[i + 1, j] + 1, d[i, j] + (a[i] != b[j]))
        return [d[-1, -1]]
    letters = [np.array(w, "int32") for w in ([1, 2, 3, 3, 4], [2, 3, 5, 4, 4, 1])]
    return Model([a, b], [rows[-1][-1]], letters, twin)


def value_iteration() -> Model:
    """Until the values of a small decision process change little."""
    P, R = T.tensor3("P"), T.matrix("R")

    def sweep(v):
        new = T.max(R + 0.9 * T.dot(P, v), axis=0)
        return new, sc.until(abs(new - v).max() < 1e-6)
    v, _ = sc.scan(sweep, outputs_info=T.zeros(R.shape[1]), n_steps=500)

    def twin(P, R):
        v, n, change = np.zeros(R.shape[1]), 0, 1.0
        while n < 500 and change >= 1e-6:
            v, old, n = (R + 0.9 * P @ v).max(axis=0), v, n + 1
            change = abs(v - old).max()
        return [v, n, v.sum()]
    p = RNG.uniform(size=(2, 5, 5))
    return Model([P, R], [v[-1], v.shape[0], v[-1].sum()], [p / p.sum(axis=2, keepdims=True), normal(2, 5)], twin)


# ---- signals ----


def biquad() -> Model:
    x, b, a = T.vector("x"), T.vector("b"), T.vector("a")

    def step(x0, x1, x2, y2, y1):
        return b[0] * x0 + b[1] * x1 + b[2] * x2 - a[0] * y1 - a[1] * y2
    y, _ = sc.scan(step, dict(input=x, taps=[0, -1, -2]), dict(initial=T.zeros(2), taps=[-2, -1]))

    def twin(x, b, a):
        y = [0.0, 0.0]
        for t in range(2, len(x)):
            y.append(b[0] * x[t] + b[1] * x[t - 1] + b[2] * x[t - 2] - a[0] * y[-1] - a[1] * y[-2])
        return [y[2:], np.square(y).sum()]
    return Model([x, b, a], [y, (y**2).sum()], [normal(30), normal(3), np.array([-0.5, 0.2])], twin, [0, 1, 2])


def filter_bank() -> Model:
    """First-order filters side by side, over many channels."""
    x, a = T.matrix("x"), T.vector("a")
    y, _ = sc.scan(lambda x_t, y: a * y + (1 - a) * x_t, x, T.zeros_like(a))

    def twin(x, a):
        y = np.zeros_like(a)
        for row in x:
            y = a * y + (1 - a) * row
        return [y, (y**2).sum()]
    return Model([x, a], [y[-1], (y[-1] ** 2).sum()], [normal(12, 9), RNG.uniform(0, 1, 9)], twin, [0, 1])


def echo() -> Model:
    """A comb filter: a long lag."""
    x, g, past = T.vector("x"), T.scalar("g"), T.vector("past")
    y, _ = sc.scan(lambda x_t, y_52: x_t + g * y_52, x, dict(initial=past, taps=[-20]))

    def twin(x, g, past):
        y = list(past)
        for t, v in enumerate(x):
            y.append(v + g * y[t])
        return [y[20:], np.square(y[20:]).sum()]
    return Model([x, g, past], [y, (y**2).sum()], [normal(50), 0.5, normal(20)], twin, [0, 1, 2])


def lms() -> Model:
    """An adaptive filter of 4 taps."""
    x, d, mu = T.matrix("x"), T.vector("d"), T.scalar("mu")

    def step(x_t, d_t, w):
        e = d_t - T.dot(w, x_t)
        return w + mu * e * x_t, e**2
    (w, e), _ = sc.scan(step, [x, d], [T.zeros(4), None])

    def twin(x, d, mu):
        w, total = np.zeros(4), 0.0
        for row, v in zip(x, d, strict=True):
            e = v - w @ row
            w, total = w + mu * e * row, total + e * e
        return [total, w]
    return Model([x, d, mu], [e.sum(), w[-1]], [normal(15, 4), normal(15), 0.1], twin, [0, 1, 2])


def envelope() -> Model:
    """Attack and decay by comparison."""
    x, up, down = T.vector("x"), T.scalar("up"), T.scalar("down")

    def step(x_t, e):
        return T.switch(x_t > e, up * e + (1 - up) * x_t, down * e + (1 - down) * x_t)
    e, _ = sc.scan(step, abs(x), 0.0)

    def twin(x, up, down):
        e, es = 0.0, []
        for v in np.abs(x):
            k = up if v > e else down
            e = k * e + (1 - k) * v
            es.append(e)
        return [es, np.sum(es)]
    return Model([x, up, down], [e, e.sum()], [normal(20), 0.3, 0.9], twin, [0, 1, 2])


# ---- returns ----


def discounted_returns() -> Model:
    r, gamma = T.vector("r"), T.scalar("gamma")
    g, _ = sc.scan(lambda r_t, g: r_t + gamma * g, r, 0.0, go_backwards=True)

    def twin(r, gamma):
        g, gs = 0.0, []
        for v in r[::-1]:
            g = v + gamma * g
            gs.append(g)
        return [gs[::-1], np.square(gs).sum()]
    return Model([r, gamma], [g[::-1], (g**2).sum()], [normal(15), 0.9], twin, [0, 1])


def advantage_estimation() -> Model:
    """GAE with episodes that end, for several environments."""
    r, v, done = T.matrix("r"), T.matrix("v"), T.matrix("done")
    gamma, lam = 0.99, 0.95

    def step(r_t, v_t, v_next, done_t, a):
        delta = r_t + gamma * v_next * (1 - done_t) - v_t
        return delta + gamma * lam * (1 - done_t) * a
    a, _ = sc.scan(step, [r, v[:-1], v[1:], done], T.zeros_like(r[0]), go_backwards=True)

    def twin(r, v, done):
        a, out = np.zeros(r.shape[1]), []
        for t in reversed(range(len(r))):
            delta = r[t] + gamma * v[t + 1] * (1 - done[t]) - v[t]
            a = delta + gamma * lam * (1 - done[t]) * a
            out.append(a)
        return [out[::-1], np.square(out).sum()]
    args = [normal(10, 3), normal(11, 3), (RNG.random((10, 3)) < 0.2).astype(float)]
    return Model([r, v, done], [a[::-1], (a**2).sum()], args, twin, [0, 1])


# ---- differential equations, iterations ----


def lorenz_ensemble() -> Model:
    """Runge-Kutta of order 4 for many starting points."""
    s, n, dt = T.matrix("s"), T.iscalar("n"), T.scalar("dt")

    def field(s):
        x, y, z = s[0], s[1], s[2]
        return T.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])

    def step(s):
        k1 = field(s)
        k2 = field(s + dt / 2 * k1)
        k3 = field(s + dt / 2 * k2)
        k4 = field(s + dt * k3)
        return s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    states, _ = sc.scan(step, outputs_info=s, n_steps=n)

    def twin(s, n, dt):
        def field(s):
            x, y, z = s
            return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])
        for _ in range(n):
            k1 = field(s)
            k2 = field(s + dt / 2 * k1)
            k3 = field(s + dt / 2 * k2)
            k4 = field(s + dt * k3)
            s = s + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return [s, (s**2).sum()]
    return Model([s, n, dt], [states[-1], (states[-1] ** 2).sum()], [normal(3, 5), 10, 0.01], twin, [0, 2])


def oscillator_scalars() -> Model:
    """A symplectic step of scalars."""
    q, p, k = T.scalar("q"), T.scalar("p"), T.scalar("k")

    def step(q, p):
        p = p - 0.1 * k * q
        return q + 0.1 * p, p
    (qs, ps), _ = sc.scan(step, outputs_info=[q, p], n_steps=30)

    def twin(q, p, k):
        for _ in range(30):
            p = p - 0.1 * k * q
            q = q + 0.1 * p
        return [0.5 * (k * q * q + p * p)]
    return Model([q, p, k], [0.5 * (k * qs[-1] ** 2 + ps[-1] ** 2)], [1.0, 0.0, 2.0], twin, [0, 1, 2])


def newton_until() -> Model:
    a = T.vector("a")

    def step(x):
        new = x - (x * x - a) / (2 * x)
        return new, sc.until(abs(new - x).max() < 1e-10)
    x, _ = sc.scan(step, outputs_info=T.ones_like(a), n_steps=100)

    def twin(a):
        x, n, change = np.ones_like(a), 0, 1.0
        while n < 100 and change >= 1e-10:
            x, old, n = x - (x * x - a) / (2 * x), x, n + 1
            change = abs(x - old).max()
        return [x, n, x.sum()]
    return Model([a], [x[-1], x.shape[0], x[-1].sum()], [np.array([2.0, 9.0, 30.0])], twin)


def power_iteration() -> Model:
    A, v = T.matrix("A"), T.vector("v")

    def step(v):
        w = T.dot(A, v)
        return w / T.sqrt((w**2).sum())
    vs, _ = sc.scan(step, outputs_info=v, n_steps=20)
    value = T.dot(vs[-1], T.dot(A, vs[-1]))

    def twin(A, v):
        for _ in range(20):
            v = A @ v
            v = v / np.sqrt((v**2).sum())
        return [v @ A @ v, v]
    m = normal(4, 4)
    return Model([A, v], [value, vs[-1]], [m @ m.T, normal(4)], twin, [0, 1])


def heat_equation() -> Model:
    u, k = T.vector("u"), T.scalar("k")

    def step(u):
        inner = u[1:-1] + k * (u[2:] - 2 * u[1:-1] + u[:-2])
        return T.set_subtensor(u[1:-1], inner)
    us, _ = sc.scan(step, outputs_info=u, n_steps=15)

    def twin(u, k):
        for _ in range(15):
            u = np.concatenate([u[:1], u[1:-1] + k * (u[2:] - 2 * u[1:-1] + u[:-2]), u[-1:]])
        return [u, (u**2).sum()]
    return Model([u, k], [us[-1], (us[-1] ** 2).sum()], [normal(11), 0.2], twin, [0, 1])


def mandelbrot() -> Model:
    """Complex states and counts."""
    c = T.zvector("c")

    def step(z, count):
        small = abs(z) < 2
        return T.switch(small, z * z + c, z), count + T.cast(small, "int64")
    (_, counts), _ = sc.scan(step, outputs_info=[T.zeros_like(c), T.zeros(c.shape, dtype="int64")], n_steps=25)

    def twin(c):
        z, count = np.zeros_like(c), np.zeros(len(c), int)
        for _ in range(25):
            small = abs(z) < 2
            z = np.where(small, z * z + c, z)
            count += small
        return [count]
    return Model([c], [counts[-1]], [RNG.uniform(-2, 1, 12) + 1j * RNG.uniform(-1, 1, 12)], twin)


def gradient_descent_with_momentum() -> Model:
    """A gradient inside the step, of a loss with a parameter that is differentiated from outside."""
    A, b, rate = T.matrix("A"), T.vector("b"), T.scalar("rate")

    def step(x, v):
        loss = 0.5 * T.dot(x, T.dot(A, x)) - T.dot(b, x)
        v = 0.8 * v - rate * T.grad(loss, x)
        return x + v, v
    (xs, _), _ = sc.scan(step, outputs_info=[T.zeros_like(b), T.zeros_like(b)], n_steps=12)

    def twin(A, b, rate):
        x, v = np.zeros_like(b), np.zeros_like(b)
        for _ in range(12):
            v = 0.8 * v - rate * (0.5 * (A + A.T) @ x - b)
            x = x + v
        return [x, (x**2).sum()]
    m = normal(3, 3)
    return Model([A, b, rate], [xs[-1], (xs[-1] ** 2).sum()], [m @ m.T, normal(3), 0.1], twin, [0, 1, 2])


# ---- recurrent layers ----


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def elman() -> Model:
    x, h, W, U, b = T.tensor3("x"), T.matrix("h"), T.matrix("W"), T.matrix("U"), T.vector("b")
    hs, _ = sc.scan(lambda x_t, h: T.tanh(T.dot(x_t, W) + T.dot(h, U) + b), x, h)

    def twin(x, h, W, U, b):
        for row in x:
            h = np.tanh(row @ W + h @ U + b)
        return [h, (h**2).sum()]
    args = [normal(5, 3, 4), normal(3, 6), normal(4, 6), 0.4 * normal(6, 6), normal(6)]
    return Model([x, h, W, U, b], [hs[-1], (hs[-1] ** 2).sum()], args, twin, [0, 1, 2, 3, 4])


def gru() -> Model:
    x, h = T.tensor3("x"), T.matrix("h")
    W, U, b = T.tensor3("W"), T.tensor3("U"), T.matrix("b")

    def step(x_t, h):
        z = T.nnet.sigmoid(T.dot(x_t, W[0]) + T.dot(h, U[0]) + b[0])
        r = T.nnet.sigmoid(T.dot(x_t, W[1]) + T.dot(h, U[1]) + b[1])
        new = T.tanh(T.dot(x_t, W[2]) + T.dot(r * h, U[2]) + b[2])
        return (1 - z) * h + z * new
    hs, _ = sc.scan(step, x, h)

    def twin(x, h, W, U, b):
        for row in x:
            z = sigmoid(row @ W[0] + h @ U[0] + b[0])
            r = sigmoid(row @ W[1] + h @ U[1] + b[1])
            h = (1 - z) * h + z * np.tanh(row @ W[2] + (r * h) @ U[2] + b[2])
        return [h, (h**2).sum()]
    args = [normal(4, 2, 3), normal(2, 5), normal(3, 3, 5), 0.4 * normal(3, 5, 5), normal(3, 5)]
    return Model([x, h, W, U, b], [hs[-1], (hs[-1] ** 2).sum()], args, twin, [0, 1, 2, 3, 4])


def lstm() -> Model:
    x, h, c = T.tensor3("x"), T.matrix("h"), T.matrix("c")
    W, U, b = T.matrix("W"), T.matrix("U"), T.vector("b")
    n = 5

    def step(x_t, h, c):
        gates = T.dot(x_t, W) + T.dot(h, U) + b
        i, f, o = (T.nnet.sigmoid(gates[:, k * n:(k + 1) * n]) for k in range(3))
        c = f * c + i * T.tanh(gates[:, 3 * n:])
        return o * T.tanh(c), c
    (hs, _), _ = sc.scan(step, x, [h, c])

    def twin(x, h, c, W, U, b):
        for row in x:
            gates = row @ W + h @ U + b
            i, f, o = (sigmoid(gates[:, k * n:(k + 1) * n]) for k in range(3))
            c = f * c + i * np.tanh(gates[:, 3 * n:])
            h = o * np.tanh(c)
        return [h, (h**2).sum()]
    args = [normal(4, 2, 3), normal(2, n), normal(2, n), normal(3, 4 * n), 0.4 * normal(n, 4 * n), normal(4 * n)]
    return Model([x, h, c, W, U, b], [hs[-1], (hs[-1] ** 2).sum()], args, twin, [0, 1, 2, 3, 4, 5])


def stacked_layers() -> Model:
    """A layer over the rows of another."""
    x, W, V = T.matrix("x"), T.matrix("W"), T.matrix("V")
    first, _ = sc.scan(lambda x_t, h: T.tanh(x_t + T.dot(h, W)), x, T.zeros_like(x[0]))
    second, _ = sc.scan(lambda x_t, h: T.tanh(x_t + T.dot(h, V)), first, T.zeros_like(x[0]))

    def twin(x, W, V):
        h = g = np.zeros(x.shape[1])
        for row in x:
            h = np.tanh(row + h @ W)
            g = np.tanh(h + g @ V)
        return [g, g.sum()]
    args = [normal(6, 4), normal(4, 4), normal(4, 4)]
    return Model([x, W, V], [second[-1], second[-1].sum()], args, twin, [0, 1, 2])


def bidirectional() -> Model:
    x, w = T.matrix("x"), T.vector("w")
    zero = T.zeros_like(w)
    ahead, _ = sc.scan(lambda x_t, h: T.tanh(x_t + w * h), x, zero)
    behind, _ = sc.scan(lambda x_t, h: T.tanh(x_t - w * h), x, zero, go_backwards=True)
    both = T.concatenate([ahead, behind[::-1]], axis=1)

    def twin(x, w):
        h = g = np.zeros_like(w)
        ahead, behind = [], []
        for row in x:
            h = np.tanh(row + w * h)
            ahead.append(h)
        for row in x[::-1]:
            g = np.tanh(row - w * g)
            behind.append(g)
        both = np.concatenate([ahead, behind[::-1]], axis=1)
        return [both, (both**2).sum()]
    return Model([x, w], [both, (both**2).sum()], [normal(7, 3), normal(3)], twin, [0, 1])


def diagonal_state_space() -> Model:
    """A state-space layer: complex diagonal state, real output."""
    u, log_a, angle, B, C = T.vector("u"), T.vector("log_a"), T.vector("angle"), T.vector("B"), T.vector("C")
    decay = T.exp(-T.exp(log_a))
    re, im = decay * T.cos(angle), decay * T.sin(angle)

    def step(u_t, x, y):
        x, y = re * x - im * y + B * u_t, re * y + im * x
        return x, y, T.dot(C, x)
    (_, _, out), _ = sc.scan(step, u, [T.zeros_like(B), T.zeros_like(B), None])

    def twin(u, log_a, angle, B, C):
        a = np.exp(-np.exp(log_a)) * np.exp(1j * angle)
        x, out = np.zeros_like(a), []
        for v in u:
            x = a * x + B * v
            out.append((C @ x).real)
        return [out, np.square(out).sum()]
    args = [normal(12), normal(6), normal(6), normal(6), normal(6)]
    return Model([u, log_a, angle, B, C], [out, (out**2).sum()], args, twin, [0, 1, 2, 3, 4])


def attention_read() -> Model:
    """A state that reads a memory by softmax."""
    x, M, W = T.matrix("x"), T.matrix("M"), T.matrix("W")

    def step(x_t, h):
        weights = T.nnet.softmax(T.dot(M, h) + 0.1)
        return T.tanh(T.dot(weights, M) + T.dot(x_t, W))
    hs, _ = sc.scan(step, x, T.ones(4))

    def twin(x, M, W):
        h = np.ones(4)
        for row in x:
            e = np.exp(M @ h + 0.1)
            h = np.tanh(e / e.sum() @ M + row @ W)
        return [h, (h**2).sum()]
    args = [normal(5, 3), normal(6, 4), normal(3, 4)]
    return Model([x, M, W], [hs[-1], (hs[-1] ** 2).sum()], args, twin, [0, 1, 2])


def sequence_classifier() -> Model:
    """A recurrent network with masks, softmax and cross entropy."""
    x, mask, target = T.tensor3("x"), T.matrix("mask"), T.ivector("target")
    W, U, V = T.matrix("W"), T.matrix("U"), T.matrix("V")

    def step(x_t, m_t, h):
        new = T.tanh(T.dot(x_t, W) + T.dot(h, U))
        m = m_t.dimshuffle(0, "x")
        return m * new + (1 - m) * h
    hs, _ = sc.scan(step, [x, mask], T.zeros((x.shape[1], U.shape[0])))
    p = T.nnet.softmax(T.dot(hs[-1], V))
    loss = T.mean(T.nnet.categorical_crossentropy(p, target))

    def twin(x, mask, target, W, U, V):
        h = np.zeros((x.shape[1], len(U)))
        for row, m in zip(x, mask, strict=True):
            h = m[:, None] * np.tanh(row @ W + h @ U) + (1 - m[:, None]) * h
        e = np.exp(h @ V)
        p = e / e.sum(axis=1, keepdims=True)
        return [-np.log(p[np.arange(len(target)), target]).mean(), p]
    args = [normal(5, 3, 2), (RNG.random((5, 3)) < 0.7).astype(float), np.array([0, 2, 1], "int32"), normal(2, 4),
            0.5 * normal(4, 4), normal(4, 3)]
    return Model([x, mask, target, W, U, V], [loss, p], args, twin, [0, 3, 4, 5])


def single_precision_layer() -> Model:
    x, h, U = T.fmatrix("x"), T.fvector("h"), T.fmatrix("U")
    hs, _ = sc.scan(lambda x_t, h: T.tanh(x_t + T.dot(h, U)), x, h)

    def twin(x, h, U):
        for row in x:
            h = np.tanh(row + h @ U)
        return [h, h.sum()]
    args = [a.astype("float32") for a in (normal(6, 4), normal(4), normal(4, 4))]
    return Model([x, h, U], [hs[-1], hs[-1].sum()], args, twin)


# ---- random, shared ----


def online_statistics() -> Model:
    """Running mean and variance kept from call to call."""
    x = T.vector("x")
    n, mean, m2 = sc.shared(0), sc.shared(0.0), sc.shared(0.0)

    def step(x_t):
        count = n + 1
        delta = x_t - mean
        new = mean + delta / count
        return new, {n: count, mean: new, m2: m2 + delta * (x_t - new)}
    means, updates = sc.scan(step, x)

    def twin(x):
        return [np.cumsum(x) / np.arange(1, len(x) + 1), ((x - x.mean()) ** 2).sum()]
    return Model([x], [means, updates[m2]], [normal(9)], twin)


def polynomial() -> Model:
    c, x = T.vector("c"), T.vector("x")
    value, _ = sc.reduce(lambda c_k, p: p * x + c_k, c[::-1], T.zeros_like(x))

    def twin(c, x):
        p = np.polyval(c[::-1], x)
        return [p, p.sum()]
    return Model([c, x], [value, value.sum()], [normal(5), normal(7)], twin, [0, 1])


MODELS = [
    exponential_smoothing, garch, arma, holt_winters, kalman, particle_free_sv, hmm_forward, viterbi, time_warping,
    edit_distance, value_iteration, biquad, filter_bank, echo, lms, envelope, discounted_returns,
    advantage_estimation, lorenz_ensemble, oscillator_scalars, newton_until, power_iteration, heat_equation,
    mandelbrot, gradient_descent_with_momentum, elman, gru, lstm, stacked_layers, bidirectional,
    diagonal_state_space, attention_read, sequence_classifier, single_precision_layer, online_statistics,
    polynomial,
]
