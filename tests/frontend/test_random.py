"""Random streams: the generator's published answers, equal bits on both executors, and statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import MissingInputError, TypeMismatchError
from scancc.frontend.random import RandomStream, formulas

pytestmark = pytest.mark.long

NUMPY = formulas.NumpyArithmetic()


@pytest.mark.parametrize("counter, key, words", [  # Random123 (Salmon and others, SC 2011), kat_vectors
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0],
     [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
])
def test_philox_known_answers(counter, key, words):
    def join(low, high):
        return np.uint64(low | high << 32)
    found = formulas.philox(NUMPY, join(*key), join(*counter[2:]), join(*counter[:2]))
    assert [int(x) >> shift & 0xFFFFFFFF for x in found for shift in (0, 32)] == words


def test_exact_logarithm_exponential_and_quantile():
    x = np.exp(np.random.default_rng(0).uniform(-700, 3, 20_000))
    np.testing.assert_allclose(formulas.log(NUMPY, x), np.log(x), rtol=4e-16, atol=4e-16)
    y = -np.random.default_rng(1).uniform(0, 700, 20_000)
    np.testing.assert_allclose(formulas.exp(NUMPY, y), np.exp(y), rtol=2e-15)
    p = np.array([1e-300, 1e-12, 0.01, 0.3, 0.5, 0.9, 1 - 1e-12])
    z = formulas.normal_quantile(NUMPY, p)
    np.testing.assert_allclose([0.5 * math.erfc(-v / math.sqrt(2)) for v in z], p, rtol=1e-12)


# ---- every distribution ----

N = 20_000
PVALS = [0.2, 0.3, 0.5]


def normal_cdf(x):
    return 0.5 * math.erfc(-x / math.sqrt(2))


def gamma_cdf(shape, x):
    """Series of the regularised lower incomplete gamma function (Abramowitz and Stegun 6.5.29)."""
    if x <= 0:
        return 0.0
    term = total = 1 / shape
    for n in range(1, 400):
        term *= x / (shape + n)
        total += term
    return total * math.exp(-x + shape * math.log(x) - math.lgamma(shape))


INSIDE = normal_cdf(2) - normal_cdf(-2)
CONTINUOUS = {
    "uniform": (lambda s: s.uniform((N,), low=-1, high=3), lambda x: (x + 1) / 4),
    "normal": (lambda s: s.normal((N,), avg=1, std=2), lambda x: normal_cdf((x - 1) / 2)),
    "exponential": (lambda s: s.exponential((N,), scale=3), lambda x: 1 - math.exp(-x / 3)),
    "truncated_normal": (lambda s: s.truncated_normal((N,)), lambda x: (normal_cdf(x) - normal_cdf(-2)) / INSIDE),
    "gamma": (lambda s: s.gamma((N,), shape=2.5, scale=2), lambda x: gamma_cdf(2.5, x / 2)),
    "gamma below 1": (lambda s: s.gamma((N,), shape=0.4), lambda x: gamma_cdf(0.4, x)),
    "beta": (lambda s: s.beta((N,), 2.0, 1.0), lambda x: x * x),
}
DISCRETE = {
    "bernoulli": (lambda s: s.bernoulli((N,), p=0.3), [0.7, 0.3]),
    "binomial": (lambda s: s.binomial((N,), n=4, p=0.3),
                 [math.comb(4, k) * 0.3**k * 0.7 ** (4 - k) for k in range(5)]),
    "random_integers": (lambda s: s.random_integers((N,), low=0, high=6), [1 / 7] * 7),
    "integers": (lambda s: s.integers(5, size=(N,)), [1 / 5] * 5),
    "categorical": (lambda s: s.categorical(PVALS, size=(N,)), PVALS),
    "choice": (lambda s: s.choice((N,), a=4), [1 / 4] * 4),
    "the first of a permutation": (lambda s: s.permutation((N,), 4)[:, 0], [1 / 4] * 4),
    "the second without replacement": (
        lambda s: s.multinomial_wo_replacement(n=2, pvals=np.tile(PVALS, (N, 1)))[:, 1],
        [sum(q * p / (1 - q) for j, q in enumerate(PVALS) if i != j) for i, p in enumerate(PVALS)]),
    "choice with p": (lambda s: s.choice((N,), a=3, p=PVALS), PVALS),
    "poisson": (lambda s: s.poisson((N,), lam=2.0), [math.exp(-2) * 2**k / math.factorial(k) for k in range(9)]),
    "multinomial": (lambda s: T.argmax(s.multinomial((N,), pvals=PVALS), axis=1), PVALS),
    "permutation": (lambda s: s.permutation((N,), n=3)[:, 0], [1 / 3] * 3),
}


def kolmogorov_p(values, cdf):
    """The chance of a larger largest gap between sample and distribution (asymptotic)."""
    u = np.array([cdf(x) for x in np.sort(values)])
    n = len(u)
    gap = max(np.max(np.arange(1, n + 1) / n - u), np.max(u - np.arange(n) / n))
    lam = (math.sqrt(n) + 0.12 + 0.11 / math.sqrt(n)) * gap
    return 2 * sum((-1) ** (k - 1) * math.exp(-2 * (k * lam) ** 2) for k in range(1, 100))


def chi_square_p(counts, chances):
    expected = np.array(chances) * N
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return 1 - gamma_cdf((len(chances) - 1) / 2, statistic / 2)


@pytest.mark.long
@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous_distribution(name):
    draw, cdf = CONTINUOUS[name]
    values = sc.function([], draw(RandomStream(7)))()
    assert values.shape == (N,)
    assert kolmogorov_p(values, cdf) > 1e-3


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete_distribution(name):
    draw, chances = DISCRETE[name]
    values = sc.function([], draw(RandomStream(7)))()
    counts = np.bincount(values, minlength=len(chances))[:len(chances)]
    assert chi_square_p(counts, chances) > 1e-3


@pytest.mark.parametrize("name", [*CONTINUOUS, *DISCRETE])
def test_the_same_bits_on_both_executors(name):
    draw = (CONTINUOUS.get(name) or DISCRETE[name])[0]
    native = sc.function([], draw(RandomStream(3)))
    reference = sc.function([], draw(RandomStream(3)), mode="reference")
    for _ in range(2):  # the second call draws on
        assert np.array_equal(native(), reference())


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize("p", [None, [0.1, 0.2, 0.3, 0.4]])
def test_choice_with_and_without_repeats(replace, p):
    x = sc.function([], RandomStream(1).choice([10, 20, 30, 40], size=(4,), replace=replace, p=p))
    rows = [tuple(x()) for _ in range(20)]
    assert set(np.ravel(rows)) == {10, 20, 30, 40}
    assert all(len(set(row)) == 4 for row in rows) != replace


# ---- calls ----


@pytest.mark.parametrize("numpy_order, size_first", [
    (lambda s: s.uniform(-1, 1, (2, 3)), lambda s: s.uniform((2, 3), -1, 1)),
    (lambda s: s.uniform(0.1, 0.9, size=(2, 3)), lambda s: s.uniform((2, 3), 0.1, 0.9, 2)),
    (lambda s: s.normal(0, 1, size=[4]), lambda s: s.normal((4,))),
    (lambda s: s.normal(np.zeros(3), 2), lambda s: s.normal((3,), std=2)),
    (lambda s: s.binomial(3, 0.5, (2,)), lambda s: s.binomial((2,), 3, 0.5)),
    (lambda s: s.multinomial(2, [0.1, 0.2, 0.7]), lambda s: s.multinomial((), 2, [0.1, 0.2, 0.7])),
    (lambda s: s.choice(5, (3,)), lambda s: s.choice((3,), 5)),
    (lambda s: s.permutation(5), lambda s: s.permutation(None, 5)),
    (lambda s: s.integers(2, 7, (4,)), lambda s: s.random_integers((4,), 2, 6)),
    (lambda s: s.gamma(2.0, 3.0, (2,)), lambda s: s.gamma((2,), 2.0, 3.0)),
    (lambda s: s.normal(size=T.as_tensor_variable([2, 2])), lambda s: s.gen("normal", T.as_tensor_variable([2, 2]))),
])
def test_both_orders_of_arguments(numpy_order, size_first):
    first, second = sc.function([], [numpy_order(RandomStream(3)), size_first(RandomStream(3))])()
    np.testing.assert_array_equal(first, second)
    assert first.dtype == second.dtype


@pytest.mark.parametrize("draw, text", [
    (lambda s: s.uniform(0, 1, (2,), 4), "takes low, high, size"),
    (lambda s: s.uniform((2,), low=1, size=(3,)), "low twice"),
    (lambda s: s.normal(sigma=2), "sigma"),
])
def test_arguments_that_do_not_fit(draw, text):
    with pytest.raises(TypeError, match=text):
        draw(RandomStream(3))


def test_a_draw_has_a_name_and_a_dtype():
    draw = RandomStream().normal(0, 1, name="noise", dtype="float32")
    assert (draw.name, draw.dtype, draw.owner.op.name) == ("noise", "float32", "normal")
    assert draw.owner.outputs == [draw.update[1], draw]


# ---- streams ----


def test_calls_continue_and_seed_starts_again():
    stream = RandomStream(5)
    draw = stream.uniform((3,))
    f = sc.function([], draw)
    first, second = f(), f()
    assert not np.any(first == second)
    stream.seed(5)
    assert np.array_equal(f(), first)
    assert np.array_equal(sc.function([], RandomStream(5).uniform((6,)))(), np.concatenate([first, second]))


def test_each_call_has_a_stream_of_its_own():
    stream = RandomStream(5)
    a, b = sc.function([], [stream.uniform((4,)), stream.uniform((4,))])()
    assert not np.any(a == b)


def test_no_default_updates_draws_the_same_again():
    f = sc.function([], RandomStream(1).uniform(()), no_default_updates=True)
    assert f() == f()


def test_shuffle_row_elements_permutes_rows():
    x = T.matrix("x")
    rows = np.arange(12.0).reshape(3, 4)
    shuffled = sc.function([x], RandomStream(2).shuffle_row_elements(x))(rows)
    assert np.array_equal(np.sort(shuffled, axis=1), rows)
    assert not np.array_equal(shuffled, rows)


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_a_draw_closed_over_is_drawn_every_step(mode):
    """The tutorial's binomial mask (A9): d is drawn outside and used in the step without being passed."""
    X, W, b = T.matrix("X"), T.matrix("W"), T.vector("b")
    d = RandomStream(1234).binomial(size=W[1].shape, ndim=1)
    results, updates = sc.scan(lambda v: T.tanh(T.dot(v, W) + b) * d, sequences=X)
    f = sc.function([X, W, b], results, updates=updates, mode=mode)
    out = f(np.eye(40, 2), np.ones((2, 2)), np.ones(2))
    full = np.tanh(np.eye(40, 2) @ np.ones((2, 2)) + 1)
    mask = out != 0
    np.testing.assert_allclose(out[mask], full[mask], rtol=1e-12)
    assert 20 < mask.sum() < 60 and len({tuple(row) for row in mask}) == 4


def test_a_draw_passed_is_one_value_for_all_steps():
    X = T.vector("X")
    d = RandomStream(1).uniform(())
    results, updates = sc.scan(lambda v, d: v * d, sequences=X, non_sequences=d)
    out = sc.function([X], results, updates=updates)(np.ones(5))
    assert len(set(out)) == 1


def gibbs(strict, passed):
    """The scan documentation's Gibbs chain of a restricted Boltzmann machine (S5, S7-S9)."""
    rng = np.random.default_rng(0)
    W = sc.shared(rng.normal(size=(4, 3)), name="W")
    bvis, bhid = sc.shared(np.zeros(4), name="bvis"), sc.shared(np.zeros(3), name="bhid")
    stream = RandomStream(1234)

    def one_step(vsample, *given):
        weights, bv, bh = given or (W, bvis, bhid)
        hmean = T.nnet.sigmoid(T.dot(vsample, weights) + bh)
        hsample = stream.binomial(size=hmean.shape, n=1, p=hmean, ndim=2, dtype="float64")
        vmean = T.nnet.sigmoid(T.dot(hsample, weights.T) + bv)
        return stream.binomial(size=vsample.shape, n=1, p=vmean, ndim=2, dtype="float64")

    sample = T.matrix("sample")
    values, updates = sc.scan(one_step, outputs_info=sample, n_steps=10, strict=strict,
                              non_sequences=[W, bvis, bhid] if passed else None)
    return [sample], values[-1], updates


def test_gibbs_chain_is_the_same_passed_strict_and_on_both_executors():
    start = np.ones((5, 4))
    results = []
    for strict, passed, mode in [(False, False, "native"), (False, True, "native"), (True, True, "native"),
                                 (False, True, "reference")]:
        inputs, output, updates = gibbs(strict, passed)
        f = sc.function(inputs, output, updates=updates, mode=mode)
        results.append([f(start), f(start)])
    assert set(np.unique(results)) <= {0.0, 1.0}
    for other in results[1:]:
        assert np.array_equal(results[0], other)
    assert not np.array_equal(*results[0])


def test_gibbs_chain_strict_without_its_shared_variables():
    with pytest.raises(MissingInputError):
        gibbs(strict=True, passed=False)


def test_the_gradient_by_a_discrete_draw_does_not_exist():  # the older systems' stochastic pooling
    x, stream = T.matrix("x"), RandomStream()

    def pooled(i):
        return x + stream.multinomial(n=1, pvals=(x / x.sum(axis=0)).T).T
    rows, _ = sc.scan(pooled, sequences=T.arange(3))
    with pytest.raises(sc.gradient.NullTypeGradError, match="the multinomial draw at .*test_random.py"):
        T.grad(rows.sum(), x)
    held, _ = sc.scan(lambda i: x + sc.gradient.disconnected_grad(stream.binomial(p=x)), sequences=T.arange(3))
    np.testing.assert_array_equal(sc.function([x], T.grad(held.sum(), x))(np.full((2, 2), 0.5)), np.full((2, 2), 3))


def test_the_gradient_by_a_continuous_draw_moves_it():
    mean, spread, stream = T.dscalar("mean"), T.dscalar("spread"), RandomStream(3)
    z = stream.normal(mean, spread, size=(4,))
    value, by_mean, by_spread = sc.function(
        [mean, spread], [z.sum(), *T.grad(z.sum(), [mean, spread])])(2.0, 3.0)
    assert by_mean == 4
    np.testing.assert_allclose(by_spread, (value - 8) / 3)


# ---- states that the caller looks after ----


@pytest.mark.parametrize("n_steps", [0, 1, 5])
@pytest.mark.parametrize("mode", ["native", "reference"])
def test_a_stream_as_a_state_of_scan(mode, n_steps):  # F29
    def walk(rng, x):
        moved = T.random.normal(x, 1.0, rng=rng)
        return moved.update[1], moved
    rng, n = sc.shared(np.random.default_rng(7)), T.iscalar("n")
    (last, xs), updates = sc.scan(walk, outputs_info=[rng, 0.0], n_steps=n)
    assert last.ndim == 1 and not updates  # no trace of states
    f = sc.function([n], xs, updates={rng: last}, mode=mode)
    start = rng.get_value()
    whole = f(2 * n_steps)
    rng.set_value(start)
    first = f(n_steps)
    assert first.shape == (n_steps,) and len(set(first)) == n_steps
    np.testing.assert_array_equal(first, whole[:n_steps])
    if n_steps:  # the walk goes on where it was, from 0
        np.testing.assert_allclose(f(n_steps) + first[-1], whole[n_steps:])


def test_a_stream_from_a_generator_of_numpy():
    first, again = (sc.shared(np.random.default_rng(3)) for _ in range(2))
    old = sc.shared(np.random.RandomState(3))
    draws = sc.function([], [T.random.uniform(size=(3,), rng=rng) for rng in (first, again, old)])
    a, b, c = draws()
    assert np.array_equal(a, b) and not np.array_equal(a, c) and np.array_equal(draws()[0], a)


def test_a_state_draws():
    rng = T.random.shared_rng(seed=3, name="state")
    then, x = rng.normal(5, 2, size=(3,))
    last, y = then.uniform(size=(2,))
    f = sc.function([], [x, y], updates={rng: last})
    start = rng.get_value()
    first = f()
    rng.set_value(start)
    same = sc.function([], [T.random.normal(5, 2, size=(3,), rng=rng), rng.normal(5, 2, size=(3,))[1]])
    for drawn in same():
        np.testing.assert_array_equal(drawn, first[0])
    second = f()
    np.testing.assert_array_equal(second[1], first[1])
    assert not np.array_equal(f()[1], first[1])
    for again in [{"seed": 3}, {"new_value": np.random.default_rng(3)}]:
        rng.set_value(**again)
        np.testing.assert_array_equal(f()[0], first[0])


def test_a_state_is_an_input():
    rng = T.random.rng("rng")
    then, x = rng.multinomial(n=4, p=[0.2, 0.8])
    after, _ = T.random.bernoulli(0.5, rng=then, return_next_rng=True)
    f = sc.function([rng], [x, then, after])
    x, then, after = f(np.array([7, 0], np.uint64))
    assert x.sum() == 4 and then[1] > 0 and after[1] == then[1] + 1 and then[0] == 7


def test_what_a_state_cannot_do():
    rng = T.random.shared_rng(4)
    with pytest.raises(AttributeError, match="'StreamVariable' object has no attribute 'cauchyy'"):
        rng.cauchyy(0, 1)
    assert not hasattr(rng.normal(0, 1)[0], "get_value")
    for wrong in [{}, {"value": np.random.default_rng(), "seed": 3}]:
        with pytest.raises(TypeError, match="one of them"):
            T.random.shared_rng(**wrong)
    with pytest.raises(TypeError, match="not 'seven'"):
        T.random.shared_rng("seven")
    with pytest.raises(TypeError, match="give one of them"):
        rng.set_value()
    with pytest.raises(TypeMismatchError, match="float64"):
        rng.set_value([0.5, 1.0])


def test_states_are_seeded_kept_and_put_back():  # E4
    stream = RandomStream(5)
    draw, other = stream.uniform((3,)), stream.normal((2,))
    f = sc.function([], draw)
    state = draw.rng.get_value(borrow=True)
    state.seed(89234)
    draw.rng.set_value(state, borrow=True)
    kept = draw.rng.get_value().get_state()
    first = f()
    assert not np.array_equal(f(), first)
    stream[draw.rng].set_state(kept)
    assert np.array_equal(f(), first)
    stream[draw.rng] = kept
    assert np.array_equal(f(), first)
    assert [rng for rng, _ in stream.updates()] == [draw.rng, other.rng]


def test_later_draws_from_another_seed():
    stream = RandomStream(5)
    stream.uniform((2,))
    stream.set_rstate(8)
    stream.inc_rstate()
    assert stream.rstate.tolist() == [9, 0]
    ours, fresh = sc.function([], [stream.uniform((2,)), RandomStream(9).uniform((2,))])()
    assert np.array_equal(ours, fresh)


def test_old_names():
    stream = T.shared_randomstreams.RandomStreams(seed=3)
    assert isinstance(stream, sc.RandomStream)
    draw = stream.uniform((2,))
    assert [draw.update] == stream.state_updates
    assert draw.rng.default_update is draw.update[1]


# ---- parameters of several shapes -----------------------------------------------------------------------


def test_parameters_broadcast_and_every_element_is_drawn():
    stream = RandomStream(3)
    draws = [stream.normal(np.zeros(1), np.ones(5)), stream.integers(np.zeros((1, 3), int), np.full((4, 1), 10**6)),
             stream.gamma(shape=np.ones((1, 3)), scale=np.ones((4, 1))), stream.uniform(np.zeros(3), 1.0)]
    for drawn, shape in zip(sc.function([], draws)(), [(5,), (4, 3), (4, 3), (3,)], strict=True):
        assert drawn.shape == shape and len(np.unique(drawn)) == drawn.size


@pytest.mark.parametrize("shape, size", [((2, 3), (3,)), ((3,), (1,)), ((3,), (3, 1))])
def test_a_size_that_does_not_hold_the_parameters(shape, size):
    with pytest.raises(ValueError, match="the size holds their axes"):
        RandomStream(3).normal(np.zeros(shape), size=size)


def test_one_chance_is_no_category():
    for draw in (RandomStream(3).categorical, RandomStream(3).multinomial):
        with pytest.raises(ValueError, match="give a vector, one for each category"):
            draw(p=0.5, size=(3,))


WRONG = {
    "size below 0": (lambda s: s.normal(size=(-3,)), "a length is -3"),
    "size of floats": (lambda s: s.normal(size=(2.0,)), "2.0 is no length"),
    "size and ndim": (lambda s: s.normal(size=(2,), ndim=3), "ndim is 3 where"),
    "ndim and parameters": (lambda s: s.normal(np.zeros(3), ndim=2), "ndim is 2 where"),
    "std": (lambda s: s.normal(std=-1.0), "standard deviation must be 0 or more; it is -1.0"),
    "low above high": (lambda s: s.uniform(2.0, 1.0), "high is less than low"),
    "p": (lambda s: s.binomial(n=1, p=2.0, size=(3,)), "a probability is below 0, above 1 or NaN; it is 2.0"),
    "p of NaN": (lambda s: s.bernoulli(np.array([0.5, np.nan])), "a probability is"),
    "n": (lambda s: s.binomial(n=-1), "n must be 0 or more"),
    "n of floats": (lambda s: s.binomial(n=2.5), "give whole numbers"),
    "bounds": (lambda s: s.integers(0.5, 3), "bounds are whole numbers"),
    "no number between": (lambda s: s.random_integers(low=5, high=2), "high must be greater than low"),
    "lam": (lambda s: s.poisson(np.inf), "lam must be 0 or more, and finite"),
    "shape": (lambda s: s.gamma(shape=0.0), "shape must be greater than 0"),
    "scale": (lambda s: s.exponential(-1.0), "scale must be 0 or more"),
    "sum of chances": (lambda s: s.categorical([0.5, 0.6]), "do not sum to 1"),
    "chance below 0": (lambda s: s.multinomial(pvals=[-0.5, 1.5]), "a chance is negative or NaN"),
    "more than there are": (lambda s: s.choice(3, size=(5,), replace=False), "no more than a"),
    "more categories": (lambda s: s.multinomial_wo_replacement(n=3, pvals=[0.5, 0.5]), "number of categories"),
    "chances of others": (lambda s: s.choice(3, p=[0.5, 0.5]), "another length than a"),
    "none to choose": (lambda s: s.choice(0), "a must be greater than 0"),
    "replace": (lambda s: s.choice(3, replace="no"), "give True or False"),
    "permutation": (lambda s: s.permutation(-3), "n must be 0 or more"),
    "dtype": (lambda s: s.normal(dtype="int32"), "would cut the draws off"),
    "rng": (lambda s: s.normal(rng=5), "rng is 5; give a state"),
    "seed": (lambda s: s.seed(2.5), "the seed is 2.5"),
    "size or mean": (lambda s: s.normal([0, 1]), "may be the size or avg"),
    "size of nothing or mean": (lambda s: s.normal((0, 1), 1), "may be the size or avg"),
    "name": (lambda s: s.normal(name=5), "the name of a draw is 5"),
    "distribution": (lambda s: s.gen("cauchyy"), "the distribution is 'cauchyy'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_parameters_are_refused_where_they_are_given(name):
    draw, text = WRONG[name]
    with pytest.raises((ValueError, TypeError), match=text):
        draw(RandomStream(3))


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_wrong_parameters_are_refused_when_they_are_computed(mode):
    k, p, v, stream = T.lscalar("k"), T.dscalar("p"), T.dvector("v"), RandomStream(3)
    draws = {
        "a length is -1": stream.normal(size=(k,)), "standard deviation must be": stream.normal(0.0, p),
        "high is less": stream.uniform(0.0, p), "a probability": stream.binomial(p=p),
        "n must": stream.binomial(n=k),
        "shape must": stream.gamma(p), "lam must": stream.poisson(v), "sum to 1": stream.categorical(abs(v)),
        "beyond the range": stream.integers(k, 1, dtype="uint8", size=(99,)), "no more than a": stream.choice(
            2, size=(4 + k,), replace=False), "high must be greater than low": stream.integers(0, k),
    }
    for text, draw in draws.items():
        f = sc.function([k, p, v], draw, mode=mode, on_unused_input="ignore")
        with pytest.raises(ValueError, match=text):
            f(-1, -1.0, np.array([-1.0, 1.0]))
    assert sc.function([], stream.poisson(np.zeros(0)), mode=mode)().shape == (0,)


def test_whole_numbers_that_come_first_are_no_size_where_numpys_order_counts():
    means, older = T.random.normal([0, 100], 1), T.shared_randomstreams.RandomStreams(3).normal([2, 3], 50)
    by_state = T.random.shared_rng(seed=3).normal((0, 100), 1)[1]
    by_stream = RandomStream(3).normal([0, 100], 1)
    first, second, third, fourth = sc.function([], [means, by_state, by_stream, older])()
    for drawn in (first, second, third):
        assert drawn.shape == (2,) and abs(drawn - [0, 100]).max() < 20
    assert fourth.shape == (2, 3) and fourth.mean() > 20
    shuffled, picked = sc.function([], [RandomStream(3).permutation([3, 1, 2]), RandomStream(3).choice([7, 8])])()
    assert sorted(shuffled) == [1, 2, 3] and picked in (7, 8)


def test_beta_of_small_shapes():
    drawn = sc.function([], RandomStream(3).beta(0.001, 0.001, size=(100_000,)))()
    inside = ((drawn > 0.01) & (drawn < 0.99)).mean()
    assert abs(inside - 0.001 * np.log(99)) < 0.001  # 4.6 standard deviations


def test_uniform_of_single_precision_stays_below_its_end():
    drawn = sc.function([], RandomStream(3).uniform(size=(10**7,), dtype="float32"))()
    assert drawn.dtype == "float32" and drawn.min() >= 0 and drawn.max() < 1


# ---- several numbers of trials ------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reference", "native"])
def test_binomial_and_multinomial_of_several_numbers_of_trials(mode):
    n, p = T.lvector("n"), T.vector("p")
    rs = sc.RandomStream(3)
    draws = [rs.binomial(n=n, p=p), rs.binomial(n=n, p=p, size=(400, 3)), rs.multinomial(n=n, pvals=[0.2, 0.3, 0.5]),
             rs.multinomial(n=n, pvals=np.full((3, 2), 0.5)), rs.binomial(n=np.array([[1], [50]]), p=[0.0, 1.0])]
    f = sc.function([n, p], draws, mode=mode)
    one, many, thrown, fair, fixed = f([1, 10, 100], [0.5, 0.2, 1.0])
    assert one.shape == (3,) and one[2] == 100
    np.testing.assert_allclose(many.mean(axis=0), [0.5, 2, 100], atol=0.3)
    assert thrown.shape == (3, 3) and thrown.sum(axis=1).tolist() == [1, 10, 100]
    assert fair.shape == (3, 2) and fair.sum(axis=1).tolist() == [1, 10, 100]
    assert fixed.tolist() == [[0, 1], [0, 50]]
    assert not any(np.any(draw) for draw in f([0, 0, 0], [0.5, 0.2, 1.0])[:-1])
    with pytest.raises(ValueError, match="n must be 0 or more"):
        f([1, -1, 2], [0.5, 0.2, 1.0])


def test_several_trials_draw_what_one_number_of_them_draws():
    draw = [sc.RandomStream(5).binomial(n=n, p=0.3, size=(4,)).eval() for n in (7, np.full(4, 7))]
    np.testing.assert_array_equal(*draw)


def test_no_numbers_of_trials():
    assert sc.RandomStream(5).binomial(n=np.zeros(0, "int64"), p=0.5).eval().shape == (0,)


def test_a_state_without_a_seed_differs_from_the_next():
    first, second = (T.random.shared_rng(seed=None).get_value(borrow=True) for _ in range(2))
    assert first[0] != second[0]
    with pytest.raises(TypeError, match="one of them"):
        T.random.shared_rng()
