"""Addresses of elements in loops."""

from __future__ import annotations

import re

import numpy as np

import scancc as sc
import scancc.tensor as T


def backwards() -> sc.Function:
    """A recurrence from the end on, its rows in order again, and one over every third row."""
    x, y = T.vector("x"), T.vector("y")
    rows, _ = sc.scan(lambda x_t, y_t, h: 0.5 * h + x_t * y_t, sequences=[x, y], outputs_info=T.constant(0.0),
                      go_backwards=True)
    thirds, _ = sc.scan(lambda x_t, h: 0.5 * h + x_t, sequences=x[::-3], outputs_info=T.constant(0.0))
    return sc.function([x, y], [rows[::-1], thirds])


def test_a_loop_backwards_counts_down() -> None:
    loops = re.findall(r"\nloop\d+:\n(.*?)\n  br ", backwards().dump("llvm"), re.S)
    assert len(loops) == 2
    for loop in loops:
        assert loop.count("phi i64") == 2
        assert not re.search(r"mul .*-|sub i64 %\w+, %", loop)


def test_numbers_backwards() -> None:
    def averages(terms: np.ndarray) -> list[float]:
        made = [0.0]
        for term in terms.tolist():
            made.append(0.5 * made[-1] + term)
        return made[1:]
    f, rng = backwards(), np.random.default_rng(3)
    for n in (0, 1, 7, 70_000):  # a loop of more than 65536 rounds runs in pieces
        x, y = rng.normal(size=(2, n))
        rows, thirds = f(x, y)
        np.testing.assert_allclose(rows[::-1], averages((x * y)[::-1]))
        np.testing.assert_allclose(thirds, averages(x[::-3]))
