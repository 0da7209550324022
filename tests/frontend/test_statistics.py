"""Quantiles, counts and choices beside NumPy's, on both executors."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(41)
X = RNG.normal(size=(3, 4, 5))
MODES = pytest.mark.parametrize("mode", ["native", "reference"])


@MODES
def test_quantiles(mode):
    x, q = T.tensor3(), T.vector()
    shares = np.array([0.0, 0.1, 0.5, 1.0])
    calls = [({"axis": a, "keepdims": k}) for a in (None, 0, -1, (0, 2)) for k in (False, True)]
    outputs = [T.quantile(x, q, **c) for c in calls] + [T.median(x, **c) for c in calls]
    outputs += [T.percentile(x, 30, axis=1), T.quantile(x, 0.25)]
    expected = [np.quantile(X, shares, **c) for c in calls] + [np.median(X, **c) for c in calls]
    expected += [np.percentile(X, 30, axis=1), np.quantile(X, 0.25)]
    for found, wanted in zip(sc.function([x, q], outputs, mode=mode)(X, shares), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
        assert found.shape == wanted.shape


@MODES
def test_methods_and_special_values(mode):
    v = T.vector()
    methods = ["linear", "lower", "higher", "nearest", "midpoint"]
    run = sc.function([v], [T.quantile(v, 0.4, method=m) for m in methods] + [T.median(v)], mode=mode)
    for data in ([3.0, 1, 2, 7], [1.0], [1, np.nan, 2], [np.inf, 1, np.inf], [-np.inf, 0.0]):
        with np.errstate(invalid="ignore"):
            expected = [np.quantile(data, 0.4, method=m) for m in methods] + [np.median(data)]
        if np.isinf(data).any():
            continue  # NumPy's own versions differ between infinities
        np.testing.assert_allclose(run(data), expected)
    assert run([np.inf, 1, np.inf])[-1] == np.inf
    with pytest.raises(ValueError, match="between 0 and 1"):
        sc.function([v], T.quantile(v, v[0]), mode=mode)([2.0])


def test_gradients_of_quantiles():
    T.verify_grad(lambda x: T.quantile(x, 0.3, axis=1), [X], n_tests=1, rng=RNG)
    T.verify_grad(T.median, [X[0]], n_tests=1, rng=RNG)


@MODES
def test_counts(mode):
    k, w = T.lvector(), T.vector()
    run = sc.function([k, w], [T.bincount(k), T.bincount(k, minlength=6), T.bincount(k, w)], mode=mode)
    for values in ([1, 3, 1, 0], [], [7]):
        counts, weights = np.array(values, "int64"), np.arange(len(values)) + 0.5
        expected = [np.bincount(counts), np.bincount(counts, minlength=6), np.bincount(counts, weights)]
        for found, wanted in zip(run(counts, weights), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    with pytest.raises(ValueError, match="an element is negative"):
        run(np.array([-1]), np.array([1.0]))


@MODES
def test_choices(mode):
    k = T.lmatrix()
    index = np.array([[0, 2], [1, 0]])
    choices = [np.array([1, 2]), 20, np.array([[5], [6]])]
    run = sc.function([k], [T.choose(k, choices), T.choose(k - 2, choices, mode="wrap"),
                            T.choose(k * 3 - 1, choices, mode="clip")], mode=mode)
    expected = [np.choose(index, choices), np.choose(index - 2, choices, mode="wrap"),
                np.choose(index * 3 - 1, choices, mode="clip")]
    for found, wanted in zip(run(index), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(ValueError, match="a number is not between 0 and 2"):
        run(index + 1)


@pytest.mark.parametrize("make, text", [
    (lambda: T.quantile(T.vector(), 0.5, method="weibull"), "method 'weibull' is none of"),
    (lambda: T.choose(0, [1], mode="odd"), "mode 'odd' is none of"),
    (lambda: T.choose(0, []), "nothing to choose from"),
    (lambda: T.choose(0, T.matrix()), "must be known; give a list"),
])
def test_error_when_built(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@MODES
def test_inside_a_step(mode):
    x = T.tensor3()
    rows, _ = sc.map(lambda m: [T.median(m, axis=0), T.bincount(T.argmax(m, axis=0), minlength=4)], x)
    medians, counts = sc.function([x], rows, mode=mode)(X)
    np.testing.assert_allclose(medians, np.median(X, axis=1))
    np.testing.assert_array_equal(counts, [np.bincount(m.argmax(0), minlength=4) for m in X])
