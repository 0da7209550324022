"""Counts of comparisons, 32 bits wide for so many rounds and 64 behind: the same numbers, wherever the first loop
ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.passes.narrow_counts as narrow_counts
import scancc.tensor as T
from scancc.config import change_flags


def escapes(n_steps: Any, x: Any, count: Any) -> Any:
    """Rounds until each element is above 4, at most `n_steps`."""
    def step(y: Any, count: Any) -> Any:
        alive = (y * y <= 4) & (y < 1.5)
        return [T.switch(alive, y * y + x, y), count + T.cast(alive, "int64")], sc.until(T.eq(T.sum(alive), 0))
    return sc.scan(step, outputs_info=[T.zeros_like(x), count], n_steps=n_steps)[0]


def crossings(n_steps: Any, x: Any, count: Any) -> Any:
    """How often a filter of each element is above its input."""
    return sc.scan(lambda y, count: [T.cos(y + x), T.cast(y > x, "int64") + count],
                   outputs_info=[T.zeros_like(x), count], n_steps=n_steps)[0]


@pytest.mark.parametrize("program", [escapes, crossings])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_counts(program, dtype, monkeypatch):
    monkeypatch.setattr(narrow_counts, "MOST_ROUNDS", 5)
    n_steps, x, count = T.lscalar("n_steps"), T.vector("x", dtype=dtype), T.lvector("count")
    states = [rows[-1] for rows in program(n_steps, x, count)]
    with change_flags(cache=False):
        f = sc.function([n_steps, x, count], states)
    assert any(r.pass_name == "narrow-counts" and r.done for r in f.remarks) == (dtype == "float32")
    reference = sc.function([n_steps, x, count], states, mode="reference")
    rng = np.random.default_rng(4)
    for n in (1, 8, 43):
        x, count = rng.uniform(-2, 1, n).astype(dtype), rng.choice([0, -3, 2 ** 62, 2 ** 32 - 1, -2 ** 63], n)
        for rounds in (1, 4, 5, 6, 40):
            found, wanted = f(rounds, x, count), reference(rounds, x, count)
            np.testing.assert_allclose(found[0], wanted[0], rtol=1e-4)
            np.testing.assert_array_equal(found[1], wanted[1], err_msg=f"{n} {rounds}")
