"""Sums and choices of whole arrays that change one place of a state, against NumPy's, to the signs of zeros."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import verify_grad
from scancc.frontend.graph.variables import TensorType
from scancc.ir.parser import parse

PLACES = np.array([0, 3, 1, 3, -1, 2])
ADDED = np.array([1.5, -0.0, -0.0, 0.0, -2.0, -0.0])
ZEROS = np.array([-0.0, 0.0, -0.0, -0.0, 2.0])


def part(x, i, value, write):
    zeros = np.zeros_like(x)
    zeros[i] = value if write is T.set_subtensor else zeros[i] + value
    return zeros


def rows_of(step, table, *others):
    rows = []
    for row in zip(*others, strict=True):
        table = step(table, *row)
        rows.append(table)
    return np.array(rows)


def scans_of(function):
    return [op for op in parse(function.dump("scan", form="generic")).walk() if op.name == "scan.scan"]


def compiled(step, table, *others):
    begun, *variables = [TensorType(v.dtype, (None,) * v.ndim)() for v in (table, *others)]
    rows, _ = sc.scan(lambda *a: step(a[-1], *a[:-1]), variables, begun)
    last = sc.function([begun, *variables], rows[-1])
    whole = any(op.name == "linalg.generic" for scan in scans_of(last) for op in scan.walk())
    assert whole or any("is written in place" in str(remark) for remark in last.remarks)
    made = sc.function([begun, *variables], rows)
    return made, made(table, *others), whole


def check(found, expected):
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("write", [T.inc_subtensor, T.set_subtensor])
def test_sums(write):
    """What is set may be -0.0, and stay so in the first step."""
    _, found, whole = compiled(lambda p, i, x: p + write(T.zeros_like(p)[i], x), ZEROS, PLACES, ADDED)
    check(found, rows_of(lambda p, i, x: p + part(p, i, x, write), ZEROS, PLACES, ADDED))
    assert whole == (write is T.set_subtensor)


@pytest.mark.parametrize("begun", [0.0, -0.0])
def test_sums_that_begin_with_zeros(begun):
    i, x, n = T.lvector("i"), T.dvector("x"), T.lscalar("n")
    rows, _ = sc.scan(lambda i, x, p: T.set_subtensor(T.zeros_like(p)[i], x) + p, [i, x], T.alloc(begun, n))
    found = sc.function([i, x, n], rows)(PLACES, ADDED, 5)
    check(found, rows_of(lambda p, i, x: part(p, i, x, T.set_subtensor) + p, np.full(5, begun), PLACES, ADDED))


def test_sums_by_what_the_step_reads():
    """Of a zero that the sum before has made positive."""
    def step(p, i, x):
        return T.inc_subtensor(T.zeros_like(p)[i], x + 1 / p[i - 1]) + p
    with np.errstate(divide="ignore"):
        expected = rows_of(lambda p, i, x: part(p, i, x + 1 / p[i - 1], T.inc_subtensor) + p, ZEROS, PLACES, ADDED)
    made, found, whole = compiled(step, ZEROS, PLACES, ADDED)
    check(found, expected)
    assert not whole
    assert made(ZEROS, [], []).shape == (0, 5)


def test_sums_of_integers_and_parts():
    counts = np.arange(12).reshape(6, 2)
    _, found, _ = compiled(lambda p, i: p + T.set_subtensor(T.zeros_like(p)[i:i + 2], p[i]), counts, PLACES)

    def step(p, i):
        zeros = np.zeros_like(p)
        zeros[i:i + 2] = p[i]
        return p + zeros
    np.testing.assert_array_equal(found, rows_of(step, counts, PLACES))


@pytest.mark.parametrize("begun", [ZEROS, np.ones((5, 3))], ids=["vector", "matrix"])
def test_choices_by_place(begun):
    """A place below 0, or behind the last one, is none."""
    def step(p, i, x):
        here = T.eq(T.arange(p.shape[0]), i)
        return T.switch(here[:, None] if begun.ndim == 2 else here, x, p)

    def numpy_step(p, i, x):
        here = np.arange(len(p)) == i
        return np.where(here[:, None] if begun.ndim == 2 else here, x, p)
    places = np.array([0, 3, 9, -1, 4, 5])
    _, found, whole = compiled(step, begun, places, ADDED)
    check(found, rows_of(numpy_step, begun, places, ADDED))
    assert not whole or begun.ndim == 2


def test_gradients():
    def last(p, x):
        def step(i, x, p, q):
            return [p + T.inc_subtensor(T.zeros_like(p)[i], x * p[0] * q[1]),
                    T.switch(T.eq(i + 1, T.arange(q.shape[0])), x * p[i], q)]
        p, q = sc.scan(step, [T.constant(PLACES), x], [p, T.sin(p)])[0]
        return p[-1] * q[-1]
    rng = np.random.default_rng(5)
    verify_grad(last, [rng.uniform(-1, 1, 5), rng.uniform(-1, 1, 6)], n_tests=1)
