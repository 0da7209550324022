"""Jacobians by columns are those by rows, and are taken where they are cheaper."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients.columns import is_cheaper_forwards


def epidemic(rate, n=40):
    """How many are ill, step by step."""
    def step(s, i):
        new = rate * s * i
        return s - new, i + new - 0.1 * i

    (_, ill), _ = sc.scan(step, outputs_info=[T.constant(0.9), T.constant(0.1)], n_steps=n)
    return ill


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_by_numbers(mode):
    a, b = T.scalar("a"), T.scalar("b")
    ill = b * epidemic(a)
    both = [sc.function([a, b], T.jacobian(ill, [a, b], mode=way), mode=mode)(0.3, 2.0)
            for way in ("reverse", "forward")]
    for rows, columns in zip(*both, strict=True):
        np.testing.assert_allclose(columns, rows, rtol=1e-12)


@pytest.mark.parametrize("shape", [(3,), (2, 3), (0,)])
def test_by_elements_of_tensors(shape):
    x = T.tensor("x", dtype="float64", shape=(None,) * len(shape))
    for y in (T.tanh(x) ** 2 / (1 + T.sum(x**2)), T.sum(T.sqr(x), axis=0), T.prod(x)):
        rows, columns = sc.function([x], [T.jacobian(y, x, mode=way) for way in ("reverse", "forward")])(
            np.arange(1.0, 1 + np.prod(shape)).reshape(shape))
        assert columns.shape == rows.shape == (*y.eval({x: np.ones(shape)}).shape, *shape)
        np.testing.assert_allclose(columns, rows, rtol=1e-12, atol=1e-15)


def test_what_goes_forwards():
    a, x = T.scalar("a"), T.vector("x")
    assert is_cheaper_forwards(epidemic(a), a, None) and is_cheaper_forwards(a * x, (a,), None)
    assert not is_cheaper_forwards(x * a, x, None) and not is_cheaper_forwards(a * a, a, None)
    assert not is_cheaper_forwards(a * x, a, [x])


def test_where_gradients_are_not_derivatives_rows_are_taken():
    a, x = T.scalar("a"), T.vector("x")
    clipped = sc.gradient.grad_clip(a, -1, 1) * x
    assert sc.function([a, x], T.jacobian(clipped, a))(1.0, [3.0, 0.5]).tolist() == [1.0, 0.5]
    rows, _ = sc.scan(lambda h: h * a, outputs_info=T.constant(1.0), n_steps=4, truncate_gradient=1)
    inside, _ = sc.map(lambda v: sc.gradient.grad_scale(a, 2) * v, x)
    assert not is_cheaper_forwards(rows, a, None) and not is_cheaper_forwards(inside, a, None)
    assert not is_cheaper_forwards(sc.ifelse(T.gt(a, 0), a * x, x), a, None)


def test_what_a_column_does_not_rest_on():
    a, b, x = T.scalar("a"), T.scalar("b"), T.vector("x")
    with pytest.raises(sc.errors.DisconnectedInputError, match="does not depend on `b`"):
        T.jacobian(a * x, [a, b])
    found = T.jacobian(a * x, [a, b], disconnected_inputs="ignore")
    assert [v.tolist() for v in sc.function([a, b, x], found, on_unused_input="ignore")(1.0, 1.0, [2.0, 3.0])] == [
        [2.0, 3.0], [0.0, 0.0]]
    with pytest.raises(ValueError, match="use mode='reverse'"):
        T.jacobian(a * x, a, [x], mode="forward")
    with pytest.raises(ValueError, match="mode"):
        T.jacobian(a * x, a, mode="backward")
