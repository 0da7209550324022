"""States of two or three numbers that a matrix takes to the next one: as so many numbers, within their bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels


def combined(f: Any) -> int:
    return sum(r.pass_name == "parallel-prefix" and r.done for r in f.remarks)


def build(n: int, dtype: str, backwards: bool = False, **options: Any) -> Any:
    """All rows, the last one, and one number of each."""
    x, a, h0 = (T.TensorType(dtype, shape)(name) for name, shape in (
        ("x", (None, n)), ("a", (n, n)), ("h0", (n,))))
    rows, _ = sc.scan(lambda v, h, a: T.dot(a, h) + v, x, h0, a, go_backwards=backwards)
    return sc.function([x, a, h0], [rows, T.concatenate([h0[None], rows])[-1], rows[:, 1]], **options)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [2, 3])
def test_within_the_bound(n, dtype, level):
    """The second matrix grows too fast: its steps go one by one."""
    with sc.change_flags(cpu=level):
        f = build(n, dtype, backwards=level == levels()[0], fast_math="reassociate")
        assert combined(f)
    u = np.finfo(dtype).eps / 2
    for length in (0, 1, 8, 9, 37):
        rng = np.random.default_rng(length)
        for scale in (0.5, 3.0):
            a, h0 = (rng.normal(size=shape).astype(dtype) * np.asarray(scale, dtype) for shape in ((n, n), n))
            x = rng.normal(size=(length, n)).astype(dtype)
            rows, last, column = f(x, a, h0)
            h, exact = h0.astype("longdouble"), a.astype("longdouble")
            size = abs(h)
            for t, v in enumerate(x[::-1] if level == levels()[0] else x):
                h, size = exact @ h + v, abs(exact) @ size + abs(v)
                assert (abs(rows[t] - h) <= (2 * n * (t + 1) + 8 * n) * u * size).all(), (length, t)
            np.testing.assert_array_equal(last, [h0, *rows][-1])
            np.testing.assert_array_equal(column, rows[:, 1])


def test_by_default_and_with_a_matrix_that_changes_they_stay_vectors():
    x, m = T.TensorType("float64", (None, 2))("x"), T.TensorType("float64", (None, 2, 2))("m")
    rows, _ = sc.scan(lambda v, a, h: T.dot(a, h) + v, [x, m], T.zeros(2))
    tanh, _ = sc.scan(lambda v, h, a: T.tanh(T.dot(a, h)) + v, x, T.zeros(2), m[0])
    f = sc.function([x, m], [rows, tanh], fast_math="reassociate")
    assert not f.remarks("vector-states", done=True) and not build(2, "float64").remarks("vector-states", done=True)
    value, matrices = np.ones((9, 2)), np.full((9, 2, 2), 0.25)
    reference = sc.function([x, m], [rows, tanh], mode="reference")
    for found, expected in zip(f(value, matrices), reference(value, matrices), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_two_vectors_in_each_other_beside_a_number_and_their_gradient():
    x, a = T.TensorType("float64", (None, 2))("x"), T.TensorType("float64", (2, 2))("a")

    def step(v: Any, h: Any, g: Any, s: Any, a: Any) -> list[Any]:
        return [T.dot(a, h) + v - s, h * 0.5 - T.dot(a, g), s * 0.5 + v[0]]
    (h, g, s), _ = sc.scan(step, x, [T.zeros(2), T.ones(2), T.constant(0.0)], a)
    cost = (h * h).sum() + (g[:, 0] * s).sum()
    outputs = [h, g, s, *sc.grad(cost, [x, a])]
    f, plain = sc.function([x, a], outputs, fast_math="reassociate"), sc.function([x, a], outputs)
    for n in (1, 8, 30):
        value = np.random.default_rng(n).normal(size=(n, 2))
        matrix = np.array([[0.5, -0.25], [0.125, 0.75]])
        for found, expected in zip(f(value, matrix), plain(value, matrix), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_a_negated_product():
    """A negation has one operand, no two factors."""
    x, a = T.TensorType("float64", (None, 2))("x"), T.TensorType("float64", (2, 2))("a")
    rows, _ = sc.scan(lambda v, h, a: -T.dot(a, h), x, T.ones(2), a)
    f = sc.function([x, a], rows, fast_math="reassociate")
    data = np.ones((9, 2)), np.array([[0.25, 0.5], [-0.25, 0.125]])
    assert f.remarks("vector-states", done=True)
    np.testing.assert_allclose(f(*data), sc.function([x, a], rows, mode="reference")(*data), rtol=1e-12)
