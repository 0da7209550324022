"""Arrays that a step reads at a function of its number: the elements, and the error of one that is outside."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

x, M = T.vector("x"), T.matrix("M")
n = x.shape[0]


def scanned(step, steps, init=0.0):
    return sc.scan(step, sequences=[steps], outputs_info=[T.constant(init)])[0]


READS = {  # a position, the range of steps, and whether all of it is known to be inside
    "before": (lambda t, n: t - 1, lambda arange, n: arange(1, n), True),
    "backwards": (lambda t, n: n - 1 - t, lambda arange, n: arange(n), True),
    "from the end": (lambda t, n: -1 - t, lambda arange, n: arange(n), True),
    "negative": (lambda t, n: t - n, lambda arange, n: arange(n), True),
    "every second": (lambda t, n: 2 * t, lambda arange, n: arange((n + 1) // 2), True),
    "odd": (lambda t, n: 2 * t + 1, lambda arange, n: arange(n // 2), True),
    "odd, backwards": (lambda t, n: n - 1 - 2 * t, lambda arange, n: arange(n // 2), True),
    "by three": (lambda t, n: t, lambda arange, n: arange(0, n, 3), True),
    "downwards": (lambda t, n: t, lambda arange, n: arange(n - 1, -1, -1), True),
    "around": (lambda t, n: t - 1, lambda arange, n: arange(n), False),
    "past the end": (lambda t, n: t + 1, lambda arange, n: arange(n), False),
    "before the start": (lambda t, n: -2 - t, lambda arange, n: arange(n), False),
    "every second, past the end": (lambda t, n: 2 * t + 2, lambda arange, n: arange(n // 2), False),
}


def expected(values, at, steps):
    """Rows of the scan by NumPy, or the step whose position is outside."""
    rows, h = [], 0.0
    for number, t in enumerate(steps):
        place = at(t, len(values))
        if not -len(values) <= place < len(values):
            return number
        h = 0.5 * h + values[place]
        rows.append(h)
    return rows


@pytest.mark.parametrize("name", READS)
def test_positions(name):
    at, steps, is_inside = READS[name]
    run = compile([x], scanned(lambda t, h: 0.5 * h + x[at(t, n)], steps(T.arange, n)))
    if is_inside and not run.mode.reference:
        assert "check %" not in run.dump("scan").split(" = scan ")[1]
    for length in range(6):
        values = np.arange(1.0, length + 1)
        wanted = expected(values, at, steps(np.arange, length))
        if isinstance(wanted, list):
            assert run(values).tolist() == wanted
            continue
        with pytest.raises(IndexError) as error:
            run(values)
        assert f"in step {wanted} of scan" in error.value.__notes__ or run.mode.reference


def test_rows_and_elements_of_a_table():
    out = scanned(lambda t, h: 0.5 * h + M[t].sum() + M[t, 1:].sum() * M[t, 0], T.arange(M.shape[0]))
    run = compile([M], out)
    for length in range(4):
        values, h, rows = np.arange(3.0 * length).reshape(length, 3), 0.0, []
        for row in values:
            h = 0.5 * h + row.sum() + row[1:].sum() * row[0]
            rows.append(h)
        assert run(values).tolist() == rows


def test_only_the_branch_that_runs_may_read_outside():
    out = scanned(lambda t, h: sc.ifelse(T.lt(t, 2), h + x[t + 1], h - x[n - 1 - t]), T.arange(n))
    run = compile([x], out)
    assert run(np.array([1.0, 2.0, 3.0, 4.0])).tolist() == [2, 5, 3, 2]
    with pytest.raises(IndexError):
        run(np.array([1.0, 2.0]))


def test_an_inner_scan_reads_elements_of_the_outer_ones_row():
    def row(t, h):
        return sc.scan(lambda u, g: 0.5 * g + M[t, u], sequences=[T.arange(M.shape[1])], outputs_info=[h])[0][-1]
    assert compile([M], scanned(row, T.arange(M.shape[0])))(np.arange(6.0).reshape(2, 3)).tolist() == [2.5, 8.0625]


def test_a_range_of_a_known_length_in_the_step_counts_the_inner_steps():
    def step(v, h):
        return sc.scan(lambda u, g: 0.5 * g + v * u, sequences=[T.arange(3)], outputs_info=[h])[0][-1]
    run = compile([x], sc.scan(step, sequences=[x], outputs_info=[T.constant(0.0)])[0])
    assert run(np.array([1.0, 2.0])).tolist() == [2.5, 5.3125]
    assert run(np.zeros(0)).tolist() == []
    if not run.mode.reference:
        assert " if " not in run.dump("scan") and "i64(i)" not in run.dump("scan")


def test_until_ends_before_a_position_outside():
    run = compile([x], scanned(lambda t, h: (h + x[t], sc.until(h > 2.5)), T.arange(10**6)))
    assert run(np.array([1.0, 2.0, 4.0, 8.0])).tolist() == [1, 3, 7]
    with pytest.raises(IndexError):
        run(np.array([1.0, 0.5]))


def test_rows_of_another_scan_at_the_same_step():
    first = scanned(lambda t, h: 0.5 * h + x[t], T.arange(n))
    run = compile([x], scanned(lambda t, h: h + first[t] * x[t], T.arange(n))[-1])
    assert run(np.array([1.0, 2.0, 4.0])) == 1 + 5 + 21
    if not run.mode.reference:
        assert run.dump("scan").count(" = scan ") == 1
