"""Discounted returns, from the last reward back; an episode's end cuts them."""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program


def program() -> Program:
    rewards, done = T.vector("rewards"), T.vector("done", dtype="bool")
    discount = sc.In(T.scalar("discount"), value=0.9)
    gamma = discount.variable
    returns, updates = sc.foldr(lambda r, d, after: r + gamma * T.switch(d, 0.0, after), [rewards, done], 0.0)
    all_returns, _ = sc.scan(
        lambda r, d, after: r + gamma * T.switch(d, 0.0, after),
        sequences=[rewards, done], outputs_info=0.0, go_backwards=True,
    )
    f = sc.function([rewards, done, discount], [returns, all_returns[::-1]], updates=updates)
    r, d = np.array([1.0, 0.0, 2.0, 1.0]), np.array([False, True, False, True])
    after, expected = 0.0, np.zeros(4)
    for t in reversed(range(4)):
        after = expected[t] = r[t] + 0.9 * (0.0 if d[t] else after)
    return Program(f, [r, d], [expected[0], expected])
