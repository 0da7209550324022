"""An epidemic (SIR) until nobody new falls ill, and how its size moves with the rate of infection."""

from __future__ import annotations

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program


def program() -> Program:
    beta, gamma = T.scalar("beta"), T.scalar("gamma")

    def step(s: sc.Variable, i: sc.Variable) -> tuple[list[sc.Variable], sc.until]:
        new = beta * s * i
        s, i = s - new, i + new - gamma * i
        return [s, i], sc.until(i < 1e-3)

    (susceptible, ill), _ = sc.scan(step, outputs_info=[T.constant(0.99), T.constant(0.01)], n_steps=500)
    size = 1 - susceptible[-1]
    f = sc.function([beta, gamma], [size, ill.max(), sc.grad(size, beta)])

    def plain(beta: float) -> tuple[float, float]:
        s, i, most = 0.99, 0.01, 0.0
        for _ in range(500):
            new = beta * s * i
            s, i = s - new, i + new - 0.1 * i
            most = max(most, i)
            if i < 1e-3:
                break
        return 1 - s, most

    size_now, most = plain(0.3)
    slope = (plain(0.3 + 1e-6)[0] - plain(0.3 - 1e-6)[0]) / 2e-6
    return Program(f, [0.3, 0.1], [size_now, most, slope])
