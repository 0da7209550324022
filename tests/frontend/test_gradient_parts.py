"""The gradient of one element or row goes on through functions and products for that alone."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

W, X, x, i = T.matrix("W"), T.matrix("X"), T.vector("x"), T.lscalar("i")
RNG = np.random.default_rng(5)
VALUES = RNG.normal(size=(4, 3)), RNG.normal(size=3)

COSTS = {
    "an element": lambda: T.tanh(W @ x)[i],
    "of a sum with a vector": lambda: T.exp(W @ x + 0.5)[i],
    "of two vectors": lambda: ((W @ x) * T.sin(W[:, 0]))[i],
    "the square of an element": lambda: T.sqr(T.tanh(W @ x)[i]),
    "a row of a product": lambda: T.tanh(W @ W.T)[i].sum(),
    "an element of a product": lambda: T.tanh(W @ W.T)[i, 1],
    "a column": lambda: T.tanh(W @ W.T)[:, i].sum(),
    "a part of a row": lambda: T.tanh(W @ W.T)[i, 1:].sum(),
    "two elements": lambda: T.tanh(W @ x)[i] * T.tanh(W @ x)[1],
    "of a sequence": lambda: (T.tanh(x) * W[1])[i % 3],
}


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("place", [2, -3])
@pytest.mark.parametrize("name", COSTS)
def test_a_gradient_against_differences(name, place):
    cost = COSTS[name]()
    wrt = [v for v in (W, x) if v in sc.frontend.graph.variables.leaves([cost])]
    value, slopes = compile([W, x, i], cost, on_unused_input="ignore"), compile(
        [W, x, i], sc.grad(cost, wrt), on_unused_input="ignore")(*VALUES, place)
    for v, slope in zip(wrt, slopes, strict=True):
        number = [W, x].index(v)
        for at in np.ndindex(slope.shape):
            moved = [[a.copy() for a in VALUES] for _ in range(2)]
            moved[0][number][at] += 1e-6
            moved[1][number][at] -= 1e-6
            up, down = (value(*m, place) for m in moved)
            np.testing.assert_allclose(slope[at], (up - down) / 2e-6, rtol=1e-6, atol=1e-8)


@pytest.mark.usefixtures("every_executor")
def test_what_it_does_not_touch_may_be_infinite():
    rows = np.array([[1.0, 2.0], [np.inf, np.nan]])
    slope = compile([W, x, i], sc.grad(T.exp(W @ x)[i], x))(rows, np.array([0.0, 0.0]), 0)
    np.testing.assert_array_equal(slope, [1.0, 2.0])


@pytest.mark.usefixtures("every_executor")
def test_second_derivatives():
    y = T.tanh(W @ x)
    slopes = sc.grad(sc.grad(y[i], x).sum(), x)
    found = compile([W, x, i], slopes)(*VALUES, 1)
    row = VALUES[0][1]
    t = np.tanh(row @ VALUES[1])
    np.testing.assert_allclose(found, -2 * t * (1 - t * t) * row * row.sum(), rtol=1e-12)


@pytest.mark.usefixtures("every_executor")
def test_an_index_that_is_not_there_is_an_error():
    with pytest.raises(IndexError, match="index 4 is out of"):
        compile([W, x, i], sc.grad(T.tanh(W @ x)[i], x))(*VALUES, 4)


def test_a_jacobian_by_scan_multiplies_rows_by_numbers():
    y = T.tanh(T.dot(W, x))
    rows = sc.scan(lambda k, y, x: sc.grad(y[k], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x])[0]
    f = sc.function([W, x], rows)
    assert "matmul" not in f.dump("loop")
    t = np.tanh(VALUES[0] @ VALUES[1])
    np.testing.assert_allclose(f(*VALUES), (1 - t * t)[:, None] * VALUES[0], rtol=1e-12)
