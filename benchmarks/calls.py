"""What a call costs from Python: `python -m benchmarks.calls`.

A scan over ten scalars, called with an array; an empty Python function stands beside it.
"""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from benchmarks.harness import interleaved, report


def main() -> None:
    x = T.vector("x")
    sums, _ = sc.scan(lambda x_i, total: total + x_i, sequences=x, outputs_info=T.constant(0.0))
    last = sc.function([x], sums[-1])
    all_ = sc.function([x], sums)
    counter = sc.shared(0.0)
    total = sc.function([x], sums[-1], updates={counter: counter + 1})
    values, listed, out = np.arange(10.0), list(range(10)), np.empty(10)
    column, narrow = np.ones((10, 3))[:, 1], values.astype("float32")
    report("a scan over ten scalars", interleaved({
        "last sum, array": lambda: last(values), "all sums, array": lambda: all_(values),
        "all sums, out=": lambda: all_(values, out=out), "last sum, keyword": lambda: last(x=values),
        "from a list": lambda: last(listed), "from a column": lambda: last(column),
        "from float32": lambda: last(narrow), "with a shared update": lambda: total(values),
        "np.cumsum": lambda: np.cumsum(values), "an empty function": lambda: None}), "np.cumsum", "us")


if __name__ == "__main__":
    main()
