"""Gradients in blocks of scans over the same steps, with maps between, before and behind them: they run as one, and
no array of all steps is kept."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import grad

X, Y, W, W2, V, H0, B, C = (kind(name) for kind, name in [
    (T.matrix, "x"), (T.matrix, "y"), (T.matrix, "w"), (T.matrix, "w2"), (T.matrix, "v"), (T.vector, "h0"),
    (T.vector, "b"), (T.ivector, "c")])
INPUTS = [X, Y, W, W2, V, H0, B, C]
RNG = np.random.default_rng(0)
WIDTH = 3


def layer(x, w, **options):
    return sc.scan(lambda x, h, w: T.tanh(h @ w + x), x, H0, w, **options)[0]


def normed(h):
    return (h - h.mean(axis=1, keepdims=True)) / T.sqrt(h.var(axis=1, keepdims=True) + 0.1)


def residual(**options):
    h = layer(X, W, **options)
    return ((h + layer(h @ V, W2, **options) - Y) ** 2).sum()


def one_step_twice(**options):
    """Two scans that are applications of one op."""
    return (layer(layer(X, W, **options), W, **options) ** 2).sum()


def taps(**options):
    h = layer(X, W, **options)
    g, _ = sc.scan(lambda x, a, b: T.tanh(x + 0.5 * a - 0.3 * b), h @ V,
                   {"initial": T.stack([H0, B]), "taps": [-1, -2]}, **options)
    return (g * h).sum()


def stopped(**options):
    h, _ = sc.scan(lambda x, h, w: (T.tanh(h @ w + x), sc.until((h**2).sum() > 1e9)), X, H0, W, **options)
    return ((h @ V + B) ** 2).sum()


COSTS = {
    "two_layers": lambda **o: (layer(T.tanh(layer(X, W, **o) @ V), W2, **o) ** 2).sum(),
    "three_layers": lambda **o: (layer(layer(layer(X, W, **o) @ V + B, W2, **o), W, **o) ** 2).sum(),
    "normed_between": lambda **o: (layer(normed(layer(X, W, **o)), W2, **o) ** 2).sum(),
    "residual": residual,
    "one_step_twice": one_step_twice,
    "beside": lambda **o: (layer(X, W, **o) * layer(X, W2, **o)).sum(),
    "taps": taps,
    "running_sums": lambda **o: (T.cumsum(layer(X, W, **o), axis=0) ** 2).mean(),
    "running_products": lambda **o: T.cumprod(1 + 0.1 * layer(X, W, **o), axis=0).mean(),
    "behind": lambda **o: ((layer(X, W, **o) @ V + B - Y) ** 2).sum(),
    "before": lambda **o: (layer(T.tanh(X @ V + B), W, **o) ** 2).sum(),
    "met_by_others": lambda **o: (layer(X, W, **o) * (Y @ V)).sum(),
    "classes": lambda **o: T.nnet.categorical_crossentropy(T.nnet.softmax(layer(X, W, **o) @ V + B), C).mean(),
    "steps_apart": lambda **o: (lambda h: ((h[1:] - h[:-1]) ** 2).sum())(layer(layer(X, W, **o) @ V, W2, **o)),
    "stopped": stopped,
    "variances": lambda **o: layer(X, W, **o).var(axis=0).sum(),
    "deviations": lambda **o: layer(X, W, **o).std(axis=0).sum(),
    "softmax_of_steps": lambda **o: (T.softmax(layer(X, W, **o), axis=0) * Y).sum(),
    "logsumexp_of_steps": lambda **o: T.logsumexp(layer(X, W, **o), axis=0).sum(),
}


def values(n):
    return [0.5 * RNG.standard_normal((n, WIDTH)), RNG.random((n, WIDTH)),
            *(0.4 * RNG.standard_normal((WIDTH, WIDTH)) for _ in range(3)), RNG.random(WIDTH), RNG.random(WIDTH),
            RNG.integers(0, WIDTH, n).astype("int32")]


def function(name, mode=None, wrt=(W, W2, V, H0, B), with_value=False, budget=None, **options):
    cost = COSTS[name](**options)
    found = grad(cost, list(wrt), disconnected_inputs="ignore", max_bytes=budget)
    return sc.function(INPUTS, [cost, *found] if with_value else found, mode=mode, on_unused_input="ignore")


def assert_alike(found, expected):
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("name", COSTS)
def test_numbers_do_not_change(name):
    whole = function(name, "reference", [W, W2, V, H0, B, X], with_value=True)
    blocks = function(name, "reference", [W, W2, V, H0, B, X], with_value=True, checkpoints=3)
    for n in (1, 7):
        given = values(n)
        assert_alike(blocks(*given), whole(*given))


@pytest.mark.parametrize("name", COSTS)
def test_the_memory_grows_as_the_root_of_the_steps(name):
    f = function(name, checkpoints="sqrt")
    few, many = (f.memory_plan(*values(n)).workspace_nbytes for n in (1_000, 16_000))
    assert many < 4.5 * few
    given = values(50)
    assert_alike(f(*given), function(name)(*given))


@pytest.mark.parametrize("name", ["two_layers", "running_sums", "classes"])
def test_a_budget_holds_for_all_of_them(name):
    f = function(name, budget=20_000)
    assert f.memory_plan(*values(100_000)).workspace_nbytes < 100_000  # with what products of a block need
    given = values(500)
    assert_alike(f(*given), function(name)(*given))


def test_the_value_reads_the_rows_of_the_joined_scan():
    f = function("two_layers", with_value=True, checkpoints="sqrt")
    few, many = (f.memory_plan(*values(n)).workspace_nbytes for n in (1_000, 16_000))
    assert many < 4.5 * few
    assert f.dump("scan").count("tanh") == function("two_layers", checkpoints="sqrt").dump("scan").count("tanh")


def test_what_was_written_is_as_it_was():
    cost = COSTS["two_layers"](checkpoints="sqrt")
    before = sc.function(INPUTS, cost, on_unused_input="ignore").dump("scan")
    grad(cost, W)
    assert sc.function(INPUTS, cost, on_unused_input="ignore").dump("scan") == before


def test_copies_of_the_value_for_other_inputs_stand_for_themselves():
    cost = COSTS["two_layers"](checkpoints=3)
    given, other = values(7), values(7)[0]
    copy = sc.clone_replace(cost, {X: Y})
    found = sc.function(INPUTS, [grad(cost, W), copy], on_unused_input="ignore")
    given[1] = other
    plain = sc.function(INPUTS, COSTS["two_layers"](), on_unused_input="ignore")
    np.testing.assert_allclose(found(*given)[1], plain(other, *given[1:]), rtol=1e-12)


def test_no_number_of_a_running_sum_changes_its_sign():
    h, _ = sc.scan(lambda x, h: h * 0.0 - x, X, H0, checkpoints=2)
    sums = T.cumsum(h, axis=0)
    f = sc.function([X, H0], [sums, grad((sums**2).sum(), H0)])
    zeros = f(np.zeros((3, 2)), np.full(2, -1.0))[0]
    assert np.signbit(zeros).all() == np.signbit(np.cumsum(np.full((3, 2), -0.0), axis=0)).all()


def test_what_waits_for_all_rows_is_not_in_the_step():
    """Scans that read the last row, or the mean of all rows, of another one."""
    def cost(**options):
        h = layer(X, W, **options)
        g, _ = sc.scan(lambda x, g, m: T.tanh(g * m + x), h, h[-1], h.mean(axis=0), **options)
        return (g**2).sum() + ((h - h.mean(axis=0)) @ V).sum() ** 2

    fs = [sc.function(INPUTS, grad(cost(**o), [W, V]), on_unused_input="ignore") for o in ({}, {"checkpoints": 3})]
    given = values(8)
    assert_alike(fs[1](*given), fs[0](*given))


def test_scans_that_go_opposite_ways_have_blocks_of_their_own():
    def gradients(**options):
        back = layer(X, W2, go_backwards=True, **options)[::-1]
        return grad(((layer(X, W, **options) * back - Y) ** 2).sum(), [W, W2])

    fs = [sc.function(INPUTS, gradients(**o), on_unused_input="ignore") for o in ({}, {"checkpoints": "sqrt"})]
    given = values(9)
    assert_alike(fs[1](*given), fs[0](*given))
    plain, blocks = (f.memory_plan(*values(16_000)).workspace_nbytes for f in fs)
    assert blocks < 0.55 * plain


def test_fewer_rows_than_steps_are_not_in_the_step():
    def gradients(**options):
        return grad(((layer(X, W, **options)[:-1] @ V + B - Y[1:] @ V) ** 2).sum(), [W, V, B])

    fs = [sc.function(INPUTS, gradients(**o), on_unused_input="ignore") for o in ({}, {"checkpoints": 3})]
    for n in (1, 2, 8):
        given = values(n)
        assert_alike(fs[1](*given), fs[0](*given))


def test_gradients_of_what_is_between_can_be_asked_for():
    def gradients(**options):
        h = layer(X, W, **options)
        p = h @ V
        return grad((layer(p, W2, **options) ** 2).sum(), [p, W2, V, h])

    fs = [sc.function(INPUTS, gradients(**o), on_unused_input="ignore") for o in ({}, {"checkpoints": 3})]
    given = values(8)
    assert_alike(fs[1](*given), fs[0](*given))


def test_what_a_branch_alone_needs_stays_there():
    def cost(**options):
        h = layer(X, W, **options)
        chosen = sc.ifelse(C[0] > 0, T.log(h @ V - 100), h)
        return (layer(chosen, W2, **options) ** 2).sum()

    fs = [sc.function(INPUTS, grad(cost(**o), [W, V, W2]), on_unused_input="ignore")
          for o in ({}, {"checkpoints": 3})]
    given = values(8)
    for c in (0, 1):
        given[-1][0] = c
        assert_alike(fs[1](*given), fs[0](*given))


def test_rows_of_others_must_be_as_many():
    f = function("behind", checkpoints=3)
    given = values(7)
    given[1] = given[1][:6]
    with pytest.raises(ValueError, match="operands have lengths"):
        f(*given)


def test_scans_of_several_lengths_are_several_groups():
    def cost(**options):
        one = layer(layer(X, W, **options) @ V, W2, **options)
        other = layer(layer(Y[1:] * one[-1], W2, **options) @ V, W, **options)
        return (other**2).sum() + (one**2).sum()

    fs = [sc.function(INPUTS, [c, *grad(c, [W, W2, V])], on_unused_input="ignore")
          for c in (cost(), cost(checkpoints=3))]
    given = values(8)
    assert_alike(fs[1](*given), fs[0](*given))
