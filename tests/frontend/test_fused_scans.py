"""Several scans of one length, which the compiler makes one: their numbers, their errors, and their loop."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

ZERO = T.constant(0.0)


def scan(step, sequences, outputs_info=None, **options):
    return sc.scan(step, sequences=sequences, outputs_info=outputs_info, return_updates=False, **options)


def leaky(a, h):
    return T.tanh(a + 0.5 * h)


def loop_of(inputs, outputs):
    return sc.function(inputs, outputs).dump("loop")


def test_two_scans_are_the_loop_of_one_with_two_results():
    x = T.dvector("x")
    h = scan(leaky, x, ZERO)
    g = scan(lambda b, g: g * b + b, h, ZERO)
    both = scan(lambda a, h, g: (leaky(a, h), g * leaky(a, h) + leaky(a, h)), x, [ZERO, ZERO])
    assert loop_of([x], [h, g]) == loop_of([x], both)


def test_scans_side_by_side_are_the_loop_of_one_with_two_results():
    x = T.dvector("x")
    h, g = scan(leaky, x, ZERO), scan(lambda a, g: g * 0.5 + a, x, ZERO)
    both = scan(lambda a, h, g: (leaky(a, h), g * 0.5 + a), x, [ZERO, ZERO])
    assert loop_of([x], [h, g]) == loop_of([x], both)


def past(h, x):
    return T.concatenate([[1.5], h[:-1]])


CHAINS = {
    "rows": lambda h, x: h,
    "work between": lambda h, x: T.exp(h) * 2 + x,
    "one step before": past,
    "two steps before": lambda h, x: T.concatenate([[1.5, 2.5], h])[:x.shape[0]],
    "eleven steps before": lambda h, x: T.concatenate([T.arange(11) * 0.1, h])[:x.shape[0]],
    "before that": lambda h, x: past(past(h, x), x),
    "backwards twice": lambda h, x: (h[::-1] * 2)[::-1],
    "backwards": lambda h, x: h[::-1],
    "last row first": lambda h, x: h - h[-1],
    "a mean": lambda h, x: h - h.mean(),
}


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("between", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("n", [1, 2, 13])
def test_chains(between, n):
    x = T.dvector("x")
    h = scan(leaky, x, ZERO)
    rows = between(h, x)
    g = scan(lambda a, b, g: a * 0.5 * g + b, [x, rows], ZERO)
    values = np.linspace(-1, 1, n)
    expected = sc.function([x], [g, rows, h], mode="reference")(values)
    for got, want in zip(compile([x], [g, rows, h])(values), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)
    np.testing.assert_allclose(compile([x], g[-1])(values), expected[0][-1], rtol=1e-14)


@pytest.mark.usefixtures("every_executor")
def test_no_steps():
    x = T.dvector("x")
    h = scan(leaky, x, ZERO)
    g = scan(lambda a, b, g: a * g + b, [x, past(h, x)], ZERO)
    assert [len(rows) for rows in compile([x], [h, g])(np.zeros(0))] == [0, 0]


@pytest.mark.usefixtures("every_executor")
def test_rows_of_a_scan_that_stops():
    x = T.dvector("x")
    h = scan(lambda a, h: (h + a, sc.until(h + a > 5)), x, ZERO)
    g = scan(lambda a, g: g + a * 2, h, ZERO)
    got_h, got_g = compile([x], [h, g])(np.arange(9.0))
    assert got_h.tolist() == [0, 1, 3, 6]
    assert got_g.tolist() == [0, 2, 8, 20]


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("first, second, bad", [([0, 9], [8, 0], 9), ([9, 0], [0, 8], 9), ([0, 1], [0, 8], 8)])
def test_the_first_error_stays_the_first(first, second, bad):
    x, i = T.dvector("x"), T.lmatrix("i")
    h = scan(lambda k, h: h + x[k[0]], i, ZERO)
    g = scan(lambda a, k, g: g + a * x[k[1]], [h, i], ZERO)
    with pytest.raises(IndexError, match=f"index {bad}"):
        compile([x, i], [h, g])(np.ones(3), np.array([first, second]).T)


def test_a_scan_joined_with_one_that_may_fail_says_its_name():
    x, i = T.dvector("x"), T.lvector("i")
    h = scan(lambda k, h: T.tanh(k + h), i, ZERO, name="quiet")
    g = scan(lambda a, k, g: g + a * x[k], [h, i], ZERO, name="loud")
    f = sc.function([x, i], [h, g])
    assert f.dump().count(" scan %") == 1
    with pytest.raises(IndexError, match="in step 2 of scan 'loud'"):
        f(np.ones(3), np.array([0, 1, 7]))
