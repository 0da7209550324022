"""A step, and what stands beside one, may be longer than Python's stack is deep."""

from __future__ import annotations

import pytest

import scancc as sc
import scancc.tensor as T
from scancc import pipeline
from scancc.frontend.graph.variables import Variable
from scancc.frontend.program.program import make_program
from scancc.process import deep_recursion
from scancc.stages import lower


@pytest.mark.parametrize("dtype", ["float64", "int64"])
def test_long_sums_are_put_in_order(dtype: str) -> None:
    x = T.vector("x", dtype=dtype)

    def step(x_t: Variable, h: Variable) -> Variable:
        for _ in range(2000):
            h = h + x_t
        return h

    h, _ = sc.scan(step, x, x[0])
    module = lower(make_program([x], [h[-1]]))
    report = pipeline.run(module, "reassociate")
    assert [remark.done for remark in report.remarks] == [dtype == "int64"]


def _chain(x: Variable, n: int) -> Variable:
    for _ in range(n):
        x = T.minimum(x * 0.5, x + 1)
    return x


@pytest.mark.parametrize("place", ["before", "after", "rows of four"])
def test_chains_of_thousands_beside_a_scan(place: str) -> None:
    """Lengths, readers of rows and their rows are found without a call for each op of a chain."""
    x = T.matrix("x", shape=(None, 4)) if place == "rows of four" else T.vector("x")
    before = place == "before"
    h, _ = sc.scan(lambda x_t, h: 0.5 * h + x_t, _chain(x, 1500) if before else x, x[0])
    module = lower(make_program([x], [h if before else _chain(h, 1500)]))
    with deep_recursion():
        pipeline.run(module, "cpu-scan")


def test_a_chain_of_short_rows_is_asked_for_its_work_once() -> None:
    x = T.matrix("x", shape=(None, 4))
    h, _ = sc.scan(lambda x_t, h: 0.5 * h + x_t, x, x[0])
    for _ in range(60):
        h = h * h - h  # twice as many ways back for each line
    pipeline.run(lower(make_program([x], [h])), "cpu-scan")
