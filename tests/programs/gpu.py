"""Programs for a GPU by name, with arguments.

ONE_KERNEL: their scans are elementwise, and the whole program is one kernel. OTHERS run too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import scancc as sc
import scancc.tensor as T

Built = tuple[list[Any], Any, list[Any]]  # inputs, outputs, arguments


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).normal(size=shape)


def power() -> Built:
    A, k = T.vector("A"), T.iscalar("k")
    result, _ = sc.scan(lambda p, a: p * a, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k)
    return [A, k], result[-1], [_random(700), np.int32(5)]


def moving_average_of_a_batch() -> Built:
    x, a = T.matrix("x"), T.scalar("a")
    result, _ = sc.scan(lambda row, h, a: a * h + (1 - a) * row, sequences=x,
                        outputs_info=T.zeros_like(x[0]), non_sequences=a)
    return [x, a], result, [_random(9, 300), np.float64(0.3)]


def lorenz_ensemble() -> Built:
    state = [T.vector(name) for name in "xyz"]

    def step(x: Any, y: Any, z: Any) -> Any:
        return (x + 0.01 * (10 * (y - x)), y + 0.01 * (x * (28 - z) - y), z + 0.01 * (x * y - 8 / 3 * z))
    rows, _ = sc.scan(step, outputs_info=state, n_steps=20)
    return state, [r[-1] for r in rows], list(_random(3, 257))


def garch_batch() -> Built:
    noise, omega, alpha, beta = T.matrix("noise"), T.vector("omega"), T.vector("alpha"), T.scalar("beta")

    def step(e: Any, variance: Any, r: Any, omega: Any, alpha: Any, beta: Any) -> Any:
        new = omega + alpha * r ** 2 + beta * variance
        return new, T.sqrt(new) * e
    (variance, r), _ = sc.scan(step, sequences=noise, outputs_info=[T.ones_like(omega), T.zeros_like(omega)],
                               non_sequences=[omega, alpha, beta])
    return [noise, omega, alpha, beta], [variance, r], [
        _random(12, 40), 0.1 + np.abs(_random(40)), np.full(40, 0.2), np.float64(0.7)]


def mandelbrot() -> Built:
    re, im = T.matrix("re"), T.matrix("im")

    def step(x: Any, y: Any, count: Any, re: Any, im: Any) -> Any:
        inside = x * x + y * y < 4
        return (T.switch(inside, x * x - y * y + re, x), T.switch(inside, 2 * x * y + im, y),
                count + T.cast(inside, "int32"))
    start = T.zeros_like(re)
    rows, _ = sc.scan(step, outputs_info=[start, start, T.zeros_like(re, dtype="int32")],
                      non_sequences=[re, im], n_steps=30)
    grid = np.meshgrid(np.linspace(-2, 0.5, 17), np.linspace(-1, 1, 19))
    return [re, im], rows[2][-1], [np.ascontiguousarray(g) for g in grid]


def exp_and_tanh() -> Built:
    h = T.fmatrix("h")
    result, _ = sc.scan(lambda h: T.tanh(h) * T.exp(-h * h), outputs_info=h, n_steps=6)
    return [h], result[-1], [_random(5, 6).astype(np.float32)]


def complex_rotation() -> Built:
    z, w = T.zvector("z"), T.zscalar("w")
    result, _ = sc.scan(lambda z, w: z * w, outputs_info=z, non_sequences=w, n_steps=4)
    return [z, w], result, [_random(33) + 1j * _random(33), np.complex128(0.6 + 0.8j)]


def logical_state() -> Built:
    b, x = T.vector("b", dtype="bool"), T.matrix("x")
    result, _ = sc.scan(lambda row, b: T.xor(b, row > 0), sequences=x, outputs_info=b)
    return [b, x], result, [_random(50) > 0, _random(6, 50)]


def last_rows() -> Built:
    x = T.matrix("x")
    result, _ = sc.scan(lambda row, h: 0.5 * h + row, sequences=x, outputs_info=T.zeros_like(x[0]))
    return [x], result[-3:], [_random(8, 70)]


def stopped_early_and_scaled() -> Built:
    """The host does not know how many rows there are."""
    x, limit = T.vector("x"), T.scalar("limit")
    rows, _ = sc.scan(lambda h, limit: (2 * h, sc.until(T.sum(h) > limit)), outputs_info=x, non_sequences=limit,
                      n_steps=64)
    return [x, limit], rows * 3, [np.abs(_random(300)), np.float64(1e5)]


def weights_of_stopped_rows() -> Built:
    """Where a temporary is depends on how many rows there are, which a kernel finds."""
    x, w = T.vector("x"), T.vector("w")
    rows, _ = sc.scan(lambda t, h, x: (h * 0.5 + x, sc.until(t > 2)), sequences=T.arange(6), outputs_info=x,
                      non_sequences=x)
    cost = (T.cos(T.arange(rows.size) + 0.5) * rows.flatten()).sum()
    return [x, w], [sc.grad(cost, x), rows.sum(axis=0) * w], [_random(30), _random(30)]


def recurrent_network() -> Built:
    x, W, b = T.matrix("x"), T.matrix("W"), T.vector("b")
    result, _ = sc.scan(lambda row, h, W, b: T.tanh(T.dot(h, W) + row + b), sequences=x, outputs_info=b,
                        non_sequences=[W, b])
    return [x, W, b], result, [_random(4, 5), _random(5, 5), _random(5)]


def two_taps() -> Built:
    start = T.matrix("start")
    result, _ = sc.scan(lambda a, b: a + 0.5 * b, outputs_info=[{"initial": start, "taps": [-1, -2]}], n_steps=5)
    return [start], result, [_random(2, 30)]


def reductions() -> Built:
    M = T.matrix("M")
    return [M], [M.sum(axis=0), M.mean(axis=1), M.max(), T.dot(M, M.T), M.argmin(axis=1)], [_random(7, 5)]


def sum_used_by_all_lanes() -> Built:
    x = T.vector("x")
    total = T.sum(x)
    result, _ = sc.scan(lambda h, total: h + total, outputs_info=x, non_sequences=total, n_steps=3)
    return [x], [result[-1], total], [_random(300)]


def constants_and_elements() -> Built:
    x, i = T.vector("x"), T.iscalar("i")
    return [x, i], [x * np.arange(6.0), x[i] + 1, x.shape[0], i * 2], [_random(6), np.int32(-2)]


ONE_KERNEL: dict[str, Callable[[], Built]] = {
    f.__name__: f for f in (
        power, moving_average_of_a_batch, lorenz_ensemble, garch_batch, mandelbrot, exp_and_tanh,
        complex_rotation, logical_state)}

OTHERS: dict[str, Callable[[], Built]] = {
    f.__name__: f for f in (
        last_rows, stopped_early_and_scaled, weights_of_stopped_rows, recurrent_network, two_taps, reductions,
        sum_used_by_all_lanes, constants_and_elements)}
