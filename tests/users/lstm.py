"""An LSTM layer, and one step of training by momentum."""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program

N_IN, N = 3, 4


def layer(x: sc.Variable, W: sc.Variable, U: sc.Variable, b: sc.Variable) -> sc.Variable:
    """The rows of states [time, N]."""
    def step(x_t: sc.Variable, h: sc.Variable, c: sc.Variable) -> tuple[sc.Variable, sc.Variable]:
        gates = T.dot(x_t, W) + T.dot(h, U) + b
        i, f, o, g = (gates[k * N:(k + 1) * N] for k in range(4))
        c = T.sigmoid(f) * c + T.sigmoid(i) * T.tanh(g)
        return T.sigmoid(o) * T.tanh(c), c

    (rows, _), _ = sc.scan(step, x, [T.zeros(N), T.zeros(N)], name="lstm")
    return rows


def program() -> Program:
    rng = np.random.default_rng(3)
    W, U, b = rng.normal(size=(N_IN, 4 * N)), rng.normal(size=(N, 4 * N)), rng.normal(size=4 * N)
    weights = [sc.shared(W, "W"), sc.shared(U, "U"), sc.shared(b, "b")]
    x, target = T.matrix("x"), T.vector("target")
    cost = T.sqr(layer(x, *weights)[-1] - target).mean()
    updates: list[tuple[sc.SharedVariable, sc.Variable]] = []
    for weight, slope in zip(weights, sc.grad(cost, weights), strict=True):
        velocity = sc.shared(np.zeros_like(weight.get_value()))
        updates += [(velocity, 0.9 * velocity - 0.1 * slope), (weight, weight + 0.9 * velocity - 0.1 * slope)]
    train = sc.function([x, target], cost, updates=updates)
    inputs, wanted = rng.normal(size=(6, N_IN)), rng.normal(size=N)
    h = c = np.zeros(N)
    for row in inputs:
        i, f, o, g = np.split(row @ W + h @ U + b, 4)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = np.tanh(c) / (1 + np.exp(-o))
    return Program(train, [inputs, wanted], np.mean((h - wanted) ** 2))
