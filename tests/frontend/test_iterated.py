"""The matrix exponential and the incomplete gamma functions, on both executors."""

import math

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(61)
MODES = pytest.mark.parametrize("mode", ["native", "reference"])


def exponential(a):
    """By eigenvalues of a symmetric matrix."""
    values, vectors = np.linalg.eigh(a)
    return (vectors * np.exp(values)) @ vectors.T


@MODES
def test_exponentials_of_matrices(mode):
    x = T.matrix()
    run = sc.function([x], T.slinalg.expm(x), mode=mode)
    base = RNG.normal(size=(5, 5))
    for scale in (0.0, 1e-8, 0.1, 1.0, 3.0):
        a = scale * (base + base.T)
        np.testing.assert_allclose(run(a), exponential(a), rtol=1e-9, atol=1e-9)
    turn = np.array([[0.0, -100], [100, 0]])  # a rotation
    cosine, sine = math.cos(100), math.sin(100)
    np.testing.assert_allclose(run(turn), [[cosine, -sine], [sine, cosine]], atol=1e-12)
    np.testing.assert_allclose(run([[1.0, 1], [0, 1]]), np.e * np.array([[1, 1], [0, 1]]))
    assert np.isnan(run([[np.nan, 0], [0, 1]])).any() and run(np.zeros((0, 0))).shape == (0, 0)


def test_the_gradient_of_an_exponential():
    T.verify_grad(T.linalg.expm, [RNG.normal(size=(3, 3))], n_tests=1, rng=RNG)
    T.verify_grad(T.linalg.expm, [6 * RNG.normal(size=(2, 2))], n_tests=1, rng=RNG, rel_tol=1e-3)


@MODES
def test_incomplete_gamma_functions(mode):
    a, x = T.vectors("a", "x")
    run = sc.function([a, x], [T.gammainc(a, x), T.gammaincc(a, x)], mode=mode)
    orders = np.array([1.0, 1.0, 1.0, 2.0, 2.0, 0.5, 0.5, 3.0, 50.0, 1.0, 2.0, 2.0, 0.0, 2.0])
    points = np.array([0.0, 1.0, 40.0, 0.5, 10.0, 0.3, 9.0, 3.0, 50.0, np.inf, np.nan, -1.0, 1.0, 1e-300])

    def upper(n, z):  # of whole orders
        return math.exp(-z) * sum(z**k / math.factorial(k) for k in range(n))

    expected = [1, upper(1, 1), upper(1, 40), upper(2, 0.5), upper(2, 10), math.erfc(math.sqrt(0.3)), math.erfc(3),
                upper(3, 3), upper(50, 50), 0, np.nan, np.nan, np.nan, 1]
    lower, rest = run(orders, points)
    np.testing.assert_allclose(rest, expected, rtol=1e-12)
    np.testing.assert_allclose(lower, 1 - np.array(expected), rtol=1e-11, atol=1e-15)
    assert run(np.zeros(0), np.zeros(0))[0].shape == (0,)


def test_gradients_of_incomplete_gamma_functions():
    at = [np.array([0.7, 2.0, 3.5]), np.array([0.4, 6.0, 3.0])]
    for function in (T.gammainc, T.gammaincc):
        T.verify_grad(function, at, n_tests=1, rng=RNG)
    x = T.scalar()
    slope = sc.function([x], T.grad(T.gammainc(2.0, x), x))(3.0)
    np.testing.assert_allclose(slope, 3 * math.exp(-3), rtol=1e-10)
