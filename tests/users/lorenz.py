"""The Lorenz system by steps of Runge and Kutta, for an ensemble of starts."""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program


def slope(s: sc.Variable) -> sc.Variable:
    x, y, z = s[0], s[1], s[2]
    return T.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])


def program() -> Program:
    start, n, h = T.matrix("start"), T.iscalar("n"), T.scalar("h")

    def step(s: sc.Variable) -> sc.Variable:
        k1 = slope(s)
        k2 = slope(s + h / 2 * k1)
        k3 = slope(s + h / 2 * k2)
        k4 = slope(s + h * k3)
        return s + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    path, _ = sc.scan(step, outputs_info=start, n_steps=n)
    f = sc.function([start, n, sc.In(h, value=0.01)], path[-1])

    def plain(s: np.ndarray) -> np.ndarray:
        return np.stack([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])

    first = np.random.default_rng(8).normal(size=(3, 5))
    s = first
    for _ in range(20):
        k1 = plain(s)
        k2 = plain(s + 0.005 * k1)
        k3 = plain(s + 0.005 * k2)
        s = s + 0.01 / 6 * (k1 + 2 * k2 + 2 * k3 + plain(s + 0.01 * k3))
    return Program(f, [first, 20], s)
