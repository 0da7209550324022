"""Gradients by sequences of which a scan reads parts, or turned: each row is written where it belongs."""

import re

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

X, Y, A = T.matrix("x"), T.matrix("y"), T.scalar("a")
RNG = np.random.default_rng(7)


def decayed(*sequences, turned=False):
    def step(*rows):
        *read, h, a = rows
        return a * h + sum(T.sin(row * (n + 1)) for n, row in enumerate(read))
    return sc.scan(step, list(sequences), T.zeros_like(X[0]), A, go_backwards=turned)[0]


COSTS = {
    "of taps": lambda: (decayed(dict(input=X, taps=[0, -1, -2])) ** 2).sum(),  # noqa: C408 - users write dict(...)
    "of taps ahead": lambda: (decayed(dict(input=X, taps=[-1, 0, 2])) ** 2).sum(),  # noqa: C408
    "of two lengths": lambda: (decayed(X, Y) ** 2).sum(),
    "turned, of two lengths": lambda: (decayed(X, Y, turned=True) ** 2).sum(),
    "of parts": lambda: (decayed(X[1:], X[:-1], Y) ** 2).sum(),
    "of turned parts": lambda: (decayed(X[::-1][1:], X[:-1][::-1], Y, turned=True)[::-1] ** 2 * 0.5).sum(),
    "of rows read again": lambda: (T.log(decayed(X, Y)[:-1] ** 2 + 1) * X[1:1 + Y.shape[0]][:-1]).sum(),
}
SIZES = [(6, 6), (6, 4), (4, 9), (2, 1), (1, 2), (40, 33)]


@pytest.mark.parametrize("cost", COSTS.values(), ids=list(COSTS))
def test_gradients_are_those_of_the_reference(cost):
    wrt = [v for v in (X, Y, A) if v in sc.frontend.graph.variables.leaves([cost()])]
    slopes = sc.grad(cost(), wrt)
    f, reference = (sc.function([X, Y, A], slopes, on_unused_input="ignore", mode=mode)
                    for mode in (None, "reference"))
    for n, m in SIZES:
        values = RNG.normal(size=(n, 3)), RNG.normal(size=(m, 3)), 0.6
        try:
            want = reference(*values)
        except ValueError:
            continue  # the program itself has no such sizes
        for got, right in zip(f(*values), want, strict=True):
            np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-13)


def test_the_sign_of_a_zero_stays():
    """What is added to zeros is 0.0 where it was -0.0, and so is what a gradient does not reach."""
    x, y = T.vector("x"), T.vector("y")
    rows, _ = sc.scan(lambda x, y, h: h + x * y, [x, y], T.as_tensor(0.0))
    slopes = sc.grad((rows * -0.0).sum(), [x, y])
    f, reference = (sc.function([x, y], slopes, mode=mode) for mode in (None, "reference"))
    for got, want in zip(f([1.0, -2, 3], [-1.0, 0.5]), reference([1.0, -2, 3], [-1.0, 0.5]), strict=True):
        np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("name", ["of taps", "of two lengths", "turned, of two lengths"])
def test_rows_are_copied_nowhere(name):
    x = COSTS[name]()
    wrt = [v for v in (X, Y) if v in sc.frontend.graph.variables.leaves([x])]
    text = str(sc.function([X, Y, A], sc.grad(x, wrt), on_unused_input="ignore").ir("loop"))
    assert len(re.findall(r"^ *copy ", text, re.MULTILINE)) == 0, text
