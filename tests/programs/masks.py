"""Programs with boolean masks, whose picks have lengths that only running tells."""

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.programs.case import Case

X = np.array([0.5, -1.0, 2.0, 0.0, -3.0, 1.5])
ROWS = np.array([[0.5, -1.0, 2.0], [-0.5, -1.5, -2.5], [1.0, 2.0, 3.0], [-4.0, np.nan, 5.0]])
POSITIVE = np.where(ROWS > 0, ROWS, 0.0)


def picks_of_a_vector() -> Case:
    x = T.vector("x")
    return Case([x], [x[x > 0], (x > 0).nonzero()[0], x[x > 0].shape[0]], None, [X],
                [X[X > 0], np.flatnonzero(X > 0), 3], more=[([-X[:1]], [[], [], 0]), ([[]], [[], [], 0])])


def picks_of_a_matrix() -> Case:
    x = T.matrix("x")
    outputs = [x[x > 0], x[x[:, 0] > 0], x[:, x[0] > 0], *(x > 0).nonzero()]
    expected = [ROWS[ROWS > 0], ROWS[ROWS[:, 0] > 0], ROWS[:, ROWS[0] > 0], *(ROWS > 0).nonzero()]
    return Case([x], outputs, None, [ROWS], expected)


def writes_at_a_mask() -> Case:
    x, y = T.vectors("x", "y")
    longer = T.concatenate([y, T.ones(4)])
    outputs = [T.set_subtensor(x[x > 0], 9.0), T.inc_subtensor(x[x > 0], longer[x > 0]), T.set_subtensor(x[x < 0], y),
               T.inc_subtensor(x[x < 0], x[x < 0] * 2)]
    changed = X.copy()
    changed[[1, 4]] = [7.0, 8.0]
    return Case([x, y], outputs, None, [X, [7.0, 8.0]],
                [np.where(X > 0, 9.0, X), [7.5, -1.0, 3.0, 0.0, -3.0, 2.5], changed, np.where(X < 0, 3 * X, X)])


def sums_of_picks_in_a_step() -> Case:
    x = T.matrix("x")
    rows, _ = sc.scan(lambda r: [r[r > 0].sum(), (r > 0).nonzero()[0].sum(), r[r > 0].shape[0]], x)
    return Case([x], rows, None, [ROWS], [POSITIVE.sum(1), [2, 0, 3, 2], [2, 0, 3, 1]])


def state_written_at_a_mask() -> Case:
    x = T.matrix("x")
    total, _ = sc.scan(lambda r, s: T.inc_subtensor(s[r > 0], T.cumsum(r[r > 0])), x, T.zeros_like(x[0]))
    return Case([x], total, None, [ROWS], [[0.5, 0, 2.5], [0.5, 0, 2.5], [1.5, 3, 8.5], [1.5, 3, 13.5]])


def picks_in_a_nested_scan_that_stops() -> Case:
    x = T.tensor3("x")

    def step(matrix, total):
        sums, _ = sc.scan(lambda r: r[r > 0].sum(), matrix)
        return total + sums.sum(), sc.until(total > 15.0)
    totals, _ = sc.scan(step, x, T.constant(0.0))
    return Case([x], totals, None, [np.stack([ROWS] * 5)], POSITIVE.sum() * np.arange(1.0, 4.0))


def scan_over_picks() -> Case:
    x = T.vector("x")
    total, _ = sc.scan(lambda a, s: a + 2 * s, x[x > 0], T.constant(0.0))
    return Case([x], total, None, [X], [0.5, 3.0, 7.5])


def gradient_of_picks_in_a_step() -> Case:
    x = T.matrix("x")
    cost, _ = sc.scan(lambda r: (r[r > 0] ** 3).sum(), x)
    slope = T.grad(cost.sum(), x)
    return Case([x], [slope, T.grad((slope ** 2).sum(), x)], None, [ROWS], [3 * POSITIVE ** 2, 36 * POSITIVE ** 3])


def rows_that_pass_a_filter() -> Case:
    x, y = T.vectors("x", "y")
    rows = sc.filter(lambda a, b: a > b, [x, y])
    return Case([x, y], rows, None, [X, np.zeros(6)], [X[X > 0], np.zeros(3)])


PROGRAMS = [
    picks_of_a_vector, picks_of_a_matrix, writes_at_a_mask, sums_of_picks_in_a_step, state_written_at_a_mask,
    picks_in_a_nested_scan_that_stops, scan_over_picks, gradient_of_picks_in_a_step, rows_that_pass_a_filter,
]
