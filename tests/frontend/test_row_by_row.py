"""Gradients of costs that are made row by row from rows of a scan in blocks: no array of all steps is kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import grad

X, Y, W, H0, V, U, C = (kind(name) for kind, name in [
    (T.matrix, "x"), (T.matrix, "y"), (T.vector, "w"), (T.vector, "h0"), (T.matrix, "v"), (T.vector, "u"),
    (T.ivector, "c")])
INPUTS = [X, Y, W, H0, V, U, C]
RNG = np.random.default_rng(0)
WIDTH, CLASSES = 4, 3
COSTS = {
    "maps_of_other_arrays": lambda h: (h * T.exp(X)).sum() + T.switch(Y > 0, h, 0).sum(),
    "weights_of_rows": lambda h: (U * ((h - Y) ** 2).sum(axis=1)).sum() / U.sum(),
    "norms_of_rows": lambda h: T.sqrt((h * h).sum(axis=1)).sum(),
    "extremes_of_rows": lambda h: T.logsumexp(h, axis=1).sum() + h.max(axis=1).sum(),
    "products_with_a_vector": lambda h: ((h @ W - U) ** 2).sum(),
    "classes": lambda h: T.nnet.categorical_crossentropy(T.nnet.softmax(h @ V), C).mean(),
    "columns": lambda h: (h[:, 0] ** 2).sum() + (h[:, [1, 1, 0]] * U[:, None]).sum(),
    "columns_of_others": lambda h: ((T.concatenate([h, X], axis=1) * 0.5) ** 2).sum(),
    "differences": lambda h: ((h[1:] - h[:-1]) ** 2).sum() + (T.tanh(h)[4:] * h[:-4] * X[2:-2]).sum(),
    "every_third_row": lambda h: ((h[2::3] - Y[2::3]) ** 2).sum() + (h[::2] ** 2).sum(),
    "later_rows": lambda h: ((h[3:] - Y[3:]) ** 2).sum() + (h[-5:] ** 3).sum() + (h[C[0]:] ** 2).sum(),
    "rows_ahead_of_others": lambda h: (((h[:-1] @ V) - (X[1:] @ V)) ** 2).sum(),
    "turned": lambda h: (h[::-1] * Y).sum() + ((h[1:][::-1] - Y[:-1]) ** 2).sum(),
    "flat": lambda h: ((h.flatten() - Y.flatten()) ** 2).sum(),
    "in_another_shape": lambda h: (h.reshape((h.shape[0], 2, 2)).sum(axis=1) ** 2).sum(),
    "in_another_order": lambda h: ((h.T - Y.T) ** 2).sum() + (T.dot(V.T, h.T) ** 2).sum(),
    "behind_others": lambda h: ((T.concatenate([Y[:1], h], axis=0)[:-1] - Y) ** 2).sum(),
    "numbered": lambda h: (h * h * T.exp(-T.arange(h.shape[0]))[:, None]).sum(),
    "outer_products": lambda h: (T.batched_dot(h.dimshuffle(0, 1, "x"), X.dimshuffle(0, "x", 1)) ** 2).sum(),
}


def function(cost, mode=None, wrt=(W, H0), **options):
    rows, _ = sc.scan(lambda x, h, w: T.tanh(w * h + x), X, H0, W, **options)
    return sc.function(INPUTS, grad(cost(rows), wrt), mode=mode, on_unused_input="ignore")


def values(n):
    return [RNG.random((n, WIDTH)), RNG.random((n, WIDTH)), RNG.random(WIDTH), RNG.random(WIDTH),
            RNG.random((WIDTH, CLASSES)), RNG.random(n), RNG.integers(0, CLASSES, n).astype("int32")]


@pytest.mark.parametrize("name", COSTS)
def test_numbers_do_not_change(name):
    whole, *blocks = (function(COSTS[name], "reference", [W, H0, X], **options)
                      for options in ({}, {"checkpoints": 3}, {"truncate_gradient": 5},
                                      {"truncate_gradient": 5, "checkpoints": 2}))
    last = blocks.pop(1)
    for n in (1, 7):
        given = values(n)
        for found, expected in ((blocks[0], whole), (blocks[1], last)):
            for x, y in zip(found(*given), expected(*given), strict=True):
                np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", COSTS)
def test_the_memory_grows_as_the_root_of_the_steps(name):
    f = function(COSTS[name], checkpoints="sqrt")
    few, many = (f.memory_plan(*values(n)).workspace_nbytes for n in (1_000, 16_000))
    assert many < 5 * few
    given = values(50)
    for x, y in zip(f(*given), function(COSTS[name], "reference")(*given), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-11)


def test_rows_of_others_must_be_as_many_where_steps_apart_are_read():
    f = function(COSTS["rows_ahead_of_others"], checkpoints=3)
    given = values(7)
    assert all(np.isfinite(g).all() for g in f(*given))
    rows, _ = sc.scan(lambda h, w: T.tanh(w * h), outputs_info=H0, non_sequences=W, n_steps=7, checkpoints=3)
    f = sc.function([Y, W, H0], grad(((rows[:-1] - Y[1:]) ** 2).sum(), W))
    for n in (6, 8):
        with pytest.raises(ValueError, match=f"lengths 6 and {n - 1} along axis 0"):
            f(np.ones((n, WIDTH)), *given[2:4])


def test_outputs_that_are_no_states_are_read_steps_apart():
    def rows_of(**options):
        (h, e), _ = sc.scan(lambda x, h, w: (T.tanh(w * h + x), T.exp(h) * w), X, [H0, None], W, **options)
        return sc.function([X, W, H0], grad(((e[2:] - e[:-2] * h[1:-1]) ** 2).sum(), [W, H0]))

    whole, blocks, root = (rows_of(**o) for o in ({}, {"checkpoints": 2}, {"checkpoints": "sqrt"}))
    for n in (2, 3, 8):
        given = [RNG.random((n, WIDTH)), RNG.random(WIDTH), RNG.random(WIDTH)]
        for x, y in zip(blocks(*given), whole(*given), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12)
    few, many = (root.memory_plan(np.ones((n, WIDTH)), *given[1:]).workspace_nbytes for n in (1_000, 16_000))
    assert many < 5 * few


def test_steps_apart_are_read_where_few_starts_are_kept():
    def rows_of(**options):
        h, _ = sc.scan(lambda x, h, w: T.tanh(w * h + x), X, H0, W)
        return sc.function([X, W, H0], grad(((h[3:] - h[:-3]) ** 2).sum(), [W, H0], **options))

    whole, blocks = rows_of(), rows_of(max_bytes=4_000)
    given = [RNG.random((500, WIDTH)), RNG.random(WIDTH), RNG.random(WIDTH)]
    for x, y in zip(blocks(*given), whole(*given), strict=True):
        np.testing.assert_array_equal(x, y)
    assert blocks.memory_plan(*given).workspace_nbytes < 6_000 < whole.memory_plan(*given).workspace_nbytes


def test_rows_of_others_must_be_as_many():
    f = function(COSTS["weights_of_rows"], checkpoints=3)
    given = values(7)
    given[1] = given[1][:6]
    with pytest.raises(ValueError, match="operands have lengths 7 and 6 along axis 0"):
        f(*given)
