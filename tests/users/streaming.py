"""A biquad filter over blocks: its state stays from call to call."""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program


def program() -> Program:
    block = T.vector("block")
    state = sc.shared(np.zeros(2), "state")

    def step(x: sc.Variable, s: sc.Variable) -> list[sc.Variable]:
        y = 0.2 * x + s[0]
        return [T.stack([0.4 * x + 0.5 * y + s[1], 0.2 * x - 0.3 * y]), y]

    (states, filtered), updates = sc.scan(step, block, [state, None])
    f = sc.function([block], filtered, updates=[*updates.items(), (state, states[-1])])
    first, second = np.arange(4.0), np.array([1.0, -1.0, 0.5])
    f(first)
    s, expected = np.zeros(2), []
    for x in [*first, *second]:
        y = 0.2 * x + s[0]
        s = np.array([0.4 * x + 0.5 * y + s[1], 0.2 * x - 0.3 * y])
        expected.append(y)
    return Program(f, [second], expected[4:])
