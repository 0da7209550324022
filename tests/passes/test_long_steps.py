"""A step may be longer than Python's stack is deep."""

from __future__ import annotations

import pytest

import scancc as sc
import scancc.tensor as T
from scancc import pipeline
from scancc.frontend.graph.variables import Variable
from scancc.frontend.program.program import make_program
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
