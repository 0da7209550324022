"""The likelihood of a local level, where some values were not observed."""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program


def program() -> Program:
    y, q, r = T.vector("y"), T.scalar("q"), T.scalar("r")

    def step(y_t: sc.Variable, mean: sc.Variable, var: sc.Variable) -> tuple[sc.Variable, sc.Variable, sc.Variable]:
        var = var + q
        seen, s = T.invert(T.isnan(y_t)), var + r
        gain = T.switch(seen, var / s, 0.0)
        error = T.switch(seen, y_t - mean, 0.0)
        loss = T.switch(seen, 0.5 * (T.log(s) + error**2 / s), 0.0)
        return mean + gain * error, (1 - gain) * var, loss

    (means, _, losses), _ = sc.scan(step, y, outputs_info=[T.constant(0.0), T.constant(1.0), None])
    f = sc.function([y, q, r], [means, losses.sum()])
    values = np.array([0.3, np.nan, 0.1, -0.4, np.nan, 0.9])
    mean, var, total, expected = 0.0, 1.0, 0.0, []
    for v in values:
        var += 0.2
        if not np.isnan(v):
            s = var + 0.5
            total += 0.5 * (np.log(s) + (v - mean) ** 2 / s)
            mean, var = mean + var / s * (v - mean), (1 - var / s) * var
        expected.append(mean)
    return Program(f, [values, 0.2, 0.5], [expected, total])
