"""Random streams: the generator's published answers, equal bits on both executors, and statistics."""

from __future__ import annotations

import math

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import MissingInputError
from scancc.frontend.random import RandomStream, formulas

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


def test_old_names():
    stream = T.shared_randomstreams.RandomStreams(seed=3)
    assert isinstance(stream, sc.RandomStream)
    draw = stream.uniform((2,))
    assert [draw.update] == stream.state_updates
    assert draw.rng.default_update is draw.update[1]
