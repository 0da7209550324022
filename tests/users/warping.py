"""Dynamic time warping of two series: a scan over rows in a scan over columns."""

from __future__ import annotations

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.users.program import Program


def program() -> Program:
    a, b = T.vector("a"), T.vector("b")

    def row(a_i: sc.Variable, above: sc.Variable) -> sc.Variable:
        def cell(b_j: sc.Variable, up: sc.Variable, corner: sc.Variable, left: sc.Variable) -> sc.Variable:
            return abs(a_i - b_j) + T.minimum(T.minimum(up, corner), left)

        cells, _ = sc.scan(cell, [b, above[1:], above[:-1]], outputs_info=np.inf)
        return T.concatenate([[np.inf], cells])

    first = T.set_subtensor(T.fill(T.zeros(b.shape[0] + 1), np.inf)[0], 0.0)
    rows, _ = sc.scan(row, a, first)
    f = sc.function([a, b], rows[-1, -1], name="dtw")
    x, y = np.array([0.0, 1.0, 2.0, 1.0]), np.array([0.0, 2.0, 1.5])
    table = np.full((5, 4), np.inf)
    table[0, 0] = 0.0
    for i in range(4):
        for j in range(3):
            table[i + 1, j + 1] = abs(x[i] - y[j]) + min(table[i, j + 1], table[i, j], table[i + 1, j])
    return Program(f, [x, y], table[-1, -1])
