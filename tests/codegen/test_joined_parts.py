"""Arrays of which steps make and read parts: gates, their gradients, rows that are read in another shape."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

RNG = np.random.default_rng(27)
STEPS, ROWS, N = 7, 3, 5


def gates(x_t, h, U, b):
    """A step whose gates are parts of one matrix, of lengths that nobody knows."""
    n = h.shape[1]
    a = T.dot(h, U) + x_t + b
    return T.tanh(a[:, :n]) * h + T.sigmoid(a[:, n:2 * n]) * T.tanh(a[:, 2 * n:])


def layer():
    inputs = x, h0, U, b = T.tensor3("x"), T.matrix("h0"), T.matrix("U"), T.vector("b")
    h, _ = sc.scan(gates, x, outputs_info=h0, non_sequences=[U, b])
    return inputs, h


def values():
    return (RNG.normal(size=(STEPS, ROWS, 3 * N)), RNG.normal(size=(ROWS, N)), RNG.normal(size=(N, 3 * N)) / N,
            RNG.normal(size=3 * N))


def test_gradients_of_gates_are_those_of_the_reference() -> None:
    inputs, h = layer()
    outputs, given = [h, *sc.grad((h**2).sum(), inputs)], values()
    with sc.change_flags(mode="reference"):
        wanted = sc.function(inputs, outputs)(*given)
    for found, expected in zip(sc.function(inputs, outputs)(*given), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_gradients_of_gates_are_made_where_they_are_joined() -> None:
    """Rows of gradients lie in the order of time, as one matrix of all rows, each part where its nest makes it."""
    inputs, h = layer()
    f = sc.function(inputs, sc.grad((h**2).sum(), inputs[2:]))
    assert f.remarks("turned-rows", done=True)
    assert "copy" not in f.ir("loop")


PARTS = {
    "first rows": lambda x: x[:2],
    "rows between": lambda x: x[1:-1],
    "a row": lambda x: x[2:3],
    "of a row": lambda x: x[1:2, 1:],
    "first of each": lambda x: x[:, :1],
    "a column": lambda x: x[:, :, 1:2],
    "each second": lambda x: x[::2],
    "the last first": lambda x: x[::-1],
    "short rows": lambda x: x[:, :, :2],
}


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("name", PARTS)
def test_parts_in_another_shape(name: str) -> None:
    x = T.tensor3("x")
    known = T.tensor3("y", shape=(4, 3, 5))
    part = PARTS[name]
    f = compile([x, known], [part(v + 1).reshape((-1,)) * 2 for v in (x, known)])
    value = RNG.normal(size=(4, 3, 5))
    for found in f(value, value):
        np.testing.assert_array_equal(found, part(value + 1).reshape(-1) * 2)


def test_rows_that_lie_in_one_piece_are_not_copied() -> None:
    x = T.tensor3("x")
    y = T.exp(x)
    f = sc.function([x], [y.sum(), (y[1:].reshape((-1, x.shape[2])) @ y[0].T)])
    assert "copy" not in f.ir("loop")


def test_gradients_by_sequences_are_made_in_the_order_of_time() -> None:
    """One product of all rows of all steps, turned by no copy; with the numbers of the reference."""
    inputs = x, h0, W, U = T.tensor3("x"), T.matrix("h0"), T.matrix("W"), T.matrix("U")
    h, _ = sc.scan(lambda x_t, h, W, U: T.tanh(T.dot(x_t, W) + T.dot(h, U)), x, h0, [W, U])
    outputs = sc.grad((h**2).sum(), [x, W, U])
    f = sc.function(inputs, outputs)
    assert "by -1, :, :] to" not in f.ir("loop")
    given = [RNG.normal(size=shape) for shape in ((STEPS, ROWS, 4), (ROWS, N), (4, N), (N, N))]
    with sc.change_flags(mode="reference"):
        wanted = sc.function(inputs, outputs)(*given)
    for found, expected in zip(f(*given), wanted, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)
