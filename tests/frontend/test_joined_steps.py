"""The elementwise work of a step is one loop that stores nothing between its ops, unless these are too many."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags


def stages(force):
    """The gradient of an ensemble's two equations, whose step has four stages, and which mix by a mean."""
    s, v, dt = T.vector("s"), T.vector("v"), T.scalar("dt")

    def step(s, v):
        start, q, p = T.mean(s), s, v
        for _ in range(4):
            q, p = q + dt * p, p - dt * force(q) * q * (2.0 - q) * start
        return q * p - s, p + q * v
    (s_rows, v_rows), _ = sc.scan(step, outputs_info=[s, v], n_steps=3)
    return [s, v, dt], list(sc.grad((s_rows[-1] * v_rows[-1]).sum(), [s, v, dt]))


def is_too_large(function):
    return any(r.pass_name == "multi-output-fusion" and "would have more than" in r.reason for r in function.remarks)


@pytest.mark.parametrize(("force", "split"), [(lambda q: q, False), (T.sin, True)])
def test_stages_of_a_step(force, split):
    inputs, outputs = stages(force)
    joined = sc.function(inputs, outputs)
    assert is_too_large(joined) == split
    with change_flags(leave_out="multi-output-fusion"):
        apart = sc.function(inputs, outputs)
    for n in (1, 7, 70):
        values = [*np.random.default_rng(n).normal(size=(2, n)), 0.1]
        for got, wanted in zip(joined(*values), apart(*values), strict=True):
            np.testing.assert_array_equal(got, wanted)
