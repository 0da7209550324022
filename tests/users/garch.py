"""The parameters of a GARCH(1, 1) by steps along its likelihood's gradient."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program

Array = npt.NDArray[np.float64]


def loss(returns: sc.Variable, w: sc.Variable, a: sc.Variable, b: sc.Variable) -> sc.Variable:
    def step(r: sc.Variable, variance: sc.Variable) -> sc.Variable:
        return w + a * r**2 + b * variance

    variances, _ = sc.scan(step, sequences=returns, outputs_info=T.var(returns))
    return T.mean(T.log(variances[:-1]) + returns[1:] ** 2 / variances[:-1]) / 2


def program() -> Program:
    returns = T.vector("returns")
    parameters = [sc.shared(value, name) for name, value in (("w", 0.1), ("a", 0.2), ("b", 0.5))]
    cost = loss(returns, *parameters)
    slopes = sc.grad(cost, parameters)
    updates = {p: T.clip(p - 0.05 * slope, 1e-3, 0.999) for p, slope in zip(parameters, slopes, strict=True)}
    train = sc.function([returns], cost, updates=updates, name="train")
    values: Array = np.sin(np.arange(40.0)) * 0.3
    variance, total = float(values.var()), 0.0
    for t in range(39):
        variance = 0.1 + 0.2 * values[t] ** 2 + 0.5 * variance
        total += np.log(variance) + values[t + 1] ** 2 / variance
    return Program(train, [values], total / 39 / 2)
