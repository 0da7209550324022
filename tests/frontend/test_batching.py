"""Graphs over a batch, against the same graph called row by row."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

X0, W, N = T.vector("x0"), T.scalar("w"), T.lscalar("n")
ROWS, WEIGHTS = np.arange(6.0).reshape(2, 3) / 6, np.array([0.3, -0.2])


def states():
    """A scan whose initial state and weight get a batch."""
    return sc.scan(lambda x, w: T.tanh(w * x + x.sum()), outputs_info=X0, non_sequences=W, n_steps=N)[0]


def one_by_one(rows, weights):
    call = compile([X0, W, N], states())
    return np.array([call(row, weight, 4) for row, weight in zip(rows, weights, strict=True)])


def test_a_batched_initial_state():
    rows = T.matrix("rows")
    result = compile([rows, W, N], sc.vectorize_graph(states(), {X0: rows}))(ROWS, 0.3, 4)
    np.testing.assert_allclose(result, one_by_one(ROWS, [0.3, 0.3]))


def test_several_batches_go_together():
    rows, weights = T.matrix("rows"), T.vector("weights")
    call = compile([rows, weights, N], sc.vectorize_graph(states(), {X0: rows, W: weights}))
    np.testing.assert_allclose(call(ROWS, WEIGHTS, 4), one_by_one(ROWS, WEIGHTS))
    assert call(ROWS[:0], WEIGHTS[:0], 4).shape == (0, 4, 3)
    with pytest.raises(ValueError, match="batches have . and . rows"):
        call(ROWS, WEIGHTS[:1], 4)


def test_a_batch_with_fewer_axes_serves_all_rows():
    rows, weights = T.tensor3("rows"), T.vector("weights")
    result = sc.vectorize_graph(states(), {X0: rows, W: weights})
    stacked = np.stack([ROWS, ROWS + 1])
    np.testing.assert_allclose(compile([rows, weights, N], result)(stacked, WEIGHTS, 4),
                               [one_by_one(rows, WEIGHTS) for rows in stacked])


def test_gradients_through_a_batch():
    rows = T.matrix("rows")
    batched = compile([rows, W, N], sc.grad(sc.vectorize_graph(states(), {X0: rows}).sum(), [rows, W]))
    single = compile([X0, W, N], sc.grad(states().sum(), [X0, W]))
    by_row, by_weight = batched(ROWS, 0.3, 4)
    singles = [single(row, 0.3, 4) for row in ROWS]
    np.testing.assert_allclose(by_row, [s[0] for s in singles])
    np.testing.assert_allclose(by_weight, sum(s[1] for s in singles))


def test_what_rests_on_no_batch_stays():
    rows = T.matrix("rows")
    moved, kept = sc.vectorize_graph([X0 * 2, N + 1], {X0: rows})
    assert moved.ndim == 2 and kept.ndim == 0
    same = sc.vectorize_graph(X0 * 2, {X0: T.vector("y") + 1})
    assert same.ndim == 1


def test_draws_of_all_rows():
    stream, rows = sc.RandomStream(3), T.matrix("rows")
    result = compile([rows], sc.vectorize_graph(X0 * stream.normal((3,)), {X0: rows}))(np.ones((2, 3)))
    assert result[0].tolist() == result[1].tolist()
    with pytest.raises(NotImplementedError, match="has a default update"):
        sc.vectorize_graph(stream.normal((3,), X0), {X0: rows})


@pytest.mark.parametrize("value", [T.scalar("s"), T.fmatrix("m")], ids=str)
def test_a_batch_of_another_type(value):
    with pytest.raises(TypeError, match="cannot be replaced"):
        sc.vectorize_graph(X0 * 2, {X0: value})


def test_lengths_that_the_graph_knows_are_checked():
    triple, row, many = T.TensorType("float64", (3,))("triple"), T.row("row"), T.matrix("many")
    f = compile([many], sc.vectorize_graph(T.mean(triple), {triple: many}))
    np.testing.assert_array_equal(f(np.ones((2, 3))), [1, 1])
    with pytest.raises(ValueError, match="shape|length"):
        f(np.ones((2, 4)))
    rows = T.tensor3("rows")
    g = compile([rows, many], sc.vectorize_graph(row + many, {row: rows}))
    assert g(np.ones((2, 1, 3)), np.ones((4, 3))).shape == (2, 4, 3)


# ---- vmap -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["native", "reference"])
def test_vmap_over_several_axes_of_a_recurrence(mode):
    x, h, w = T.matrix("x"), T.matrix("h"), T.scalar("w")
    last = sc.vmap(lambda xs, h0, w: sc.scan(lambda v, h: w * h + v, xs, h0[0])[0][-1], in_axes=(1, 0, None))
    f = sc.function([x, h, w], last(x, h, w), mode=mode)
    xs, hs = np.arange(6.0).reshape(3, 2), np.array([[1.0], [2.0]])
    want = []
    for row, first in zip(xs.T, hs[:, 0], strict=True):
        for v in row:
            first = 0.5 * first + v
        want.append(first)
    np.testing.assert_allclose(f(xs, hs, 0.5), want, rtol=1e-14)


def test_vmap_gives_what_rests_on_no_row_for_all_of_them():
    x = T.matrix("x")
    total, two = sc.vmap(lambda row: (row.sum(), T.constant(2.0)))(x)
    found = sc.function([x], [total, two])(np.ones((3, 4)))
    assert found[0].tolist() == [4, 4, 4] and found[1].tolist() == [2, 2, 2]
    assert [v.size for v in sc.function([x], [total, two])(np.ones((0, 4)))] == [0, 0]


def test_vmap_of_vmap_and_its_gradient():
    x, y = T.matrix("x"), T.matrix("y")
    pairs = sc.vmap(lambda a: sc.vmap(lambda b: T.dot(a, b))(y))(x)
    f = sc.function([x, y], [pairs, sc.grad(pairs.sum(), x)])
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(4, 3)
    found, slope = f(a, b)
    np.testing.assert_allclose(found, a @ b.T)
    np.testing.assert_allclose(slope, np.tile(b.sum(axis=0), (2, 1)))


@pytest.mark.parametrize("wrong, say", [
    (lambda x: sc.vmap(T.sum, in_axes=None)(x), "no operand has a batch"),
    (lambda x: sc.vmap(T.sum, in_axes=2)(x), "which has 2 dimensions"),
    (lambda x: sc.vmap(T.dot, in_axes=(0,))(x, x), "1 entries for 2 operands"),
])
def test_wrong_calls_of_vmap(wrong, say):
    with pytest.raises(ValueError, match=say):
        wrong(T.matrix("x"))


def test_batches_of_different_lengths_are_refused_when_they_run():
    x, y = T.vector("x"), T.vector("y")
    f = sc.function([x, y], sc.vmap(lambda a, b: a + b)(x, y))
    with pytest.raises(ValueError, match="batches have 3 and 2 rows"):
        f([1.0, 2.0], [1.0, 2.0, 3.0])
