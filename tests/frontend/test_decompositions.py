"""Eigenvalues, singular values and QR beside NumPy's, on both executors, with their gradients."""

from functools import lru_cache

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import NullTypeGradError

RNG = np.random.default_rng(5)
MODES = pytest.mark.parametrize("mode", ["native", "reference"])
MATRICES = {
    "square": RNG.normal(size=(4, 4)), "tall": RNG.normal(size=(9, 3)), "wide": RNG.normal(size=(3, 9)),
    "one": np.array([[-2.0]]), "column": RNG.normal(size=(4, 1)), "no rows": np.zeros((0, 3)),
    "no columns": np.zeros((3, 0)), "zeros": np.zeros((3, 5)), "ones": np.ones((4, 3)), "identity": np.eye(3),
    "rank two": RNG.normal(size=(6, 2)) @ RNG.normal(size=(2, 5)), "huge": 1e300 * RNG.normal(size=(3, 2)),
    "tiny": 1e-300 * RNG.normal(size=(3, 3)), "graded": np.diag([1.0, 1e-20, 1e-300, 0.0]),
    "many": RNG.normal(size=(30, 30)),
}


@lru_cache
def compiled(mode, dtype="float64"):
    x = T.matrix("x", dtype=dtype)
    outputs = [*T.linalg.svd(x), *T.linalg.svd(x, full_matrices=False), T.linalg.svdvals(x), *T.linalg.qr(x),
               *T.linalg.qr(x, "complete"), T.linalg.qr(x, "r")]
    return sc.function([x], outputs, mode=mode)


@MODES
def test_factors_give_the_matrix_and_are_orthonormal(mode):
    run = compiled(mode)
    for name, a in MATRICES.items():
        scale, k = np.abs(a).max(initial=1e-320), min(a.shape)
        close = {"rtol": 0, "atol": 1e-13 * (1 if a.size < 100 else 10), "err_msg": name}
        u, s, vt, u1, s1, vt1, s2, q, r, q_all, r_all, r_only = run(a)
        assert u.shape == (len(a), len(a)) and vt.shape == (a.shape[1],) * 2 and u1.shape[1] == len(vt1) == k
        for made in (u[:, :k] * s @ vt[:k], u1 * s1 @ vt1, q @ r, q_all @ r_all):
            np.testing.assert_allclose(made / scale, a / scale, **close)
        for columns in (u, vt.T, u1, vt1.T, q, q_all):
            np.testing.assert_allclose(columns.T @ columns, np.eye(columns.shape[1]), **close)
        np.testing.assert_allclose(s / scale, np.linalg.svd(a, compute_uv=False) / scale, **close)
        np.testing.assert_array_equal([s1, s2], [s, s])
        np.testing.assert_array_equal([np.tril(r, -1), r_only - r], np.zeros((2, *r.shape)))


@pytest.mark.parametrize("name", ["square", "tall", "wide", "one", "huge", "many"])
def test_signs_are_those_of_the_reference(name):
    native, reference = (compiled(mode)(MATRICES[name]) for mode in ("native", "reference"))
    scale = np.abs(MATRICES[name]).max()
    for i in (1, 3, 4, 5, 7, 8):
        np.testing.assert_allclose(native[i] / scale, reference[i] / scale, rtol=1e-9, atol=1e-11)


@MODES
def test_eigenvalues_and_vectors_of_either_triangle(mode):
    x = T.matrix("x")
    run = sc.function([x], [*T.nlinalg.eigh(x), *T.nlinalg.eigh(x, "U"), T.linalg.eigvalsh(x)], mode=mode)
    for name in ("square", "one", "identity", "tiny", "graded", "many"):
        a = MATRICES[name]
        lower, upper = np.tril(a) + np.tril(a, -1).T, np.triu(a) + np.triu(a, 1).T
        w, v, w_u, v_u, w_only = run(a)
        for whole, values, vectors in ((lower, w, v), (upper, w_u, v_u)):
            scale = np.abs(whole).max()
            np.testing.assert_allclose(values / scale, np.linalg.eigvalsh(whole) / scale, rtol=0, atol=1e-13)
            np.testing.assert_allclose((vectors * values) @ vectors.T / scale, whole / scale, rtol=0, atol=1e-13)
        np.testing.assert_array_equal(w_only, w)
    assert [part.shape for part in run(np.zeros((0, 0)))[:2]] == [(0,), (0, 0)]


def test_eigenvectors_have_the_signs_of_the_reference():
    x = T.matrix("x")
    laplace = 2 * np.eye(6) - np.eye(6, k=1) - np.eye(6, k=-1)
    for a in (MATRICES["square"] + MATRICES["square"].T, laplace):
        native, reference = (sc.function([x], T.linalg.eigh(x), mode=m)(a)[1] for m in ("native", "reference"))
        np.testing.assert_allclose(native, reference, atol=1e-12)


@MODES
def test_a_matrix_that_is_not_finite_gives_nan(mode):
    x = T.matrix("x")
    run = sc.function([x], [*T.linalg.svd(x), *T.linalg.qr(x), *T.linalg.eigh(x)], mode=mode)
    for bad in (np.nan, np.inf):
        assert all(np.isnan(part).all() for part in run([[1.0, bad], [bad, 0.0]]))


@MODES
def test_narrow_dtypes_and_integers(mode):
    a = np.array([[2, 1], [1, 3]])
    for dtype, tolerance in (("float32", 1e-6), ("float16", 2e-3), ("int8", 1e-13)):
        x = T.matrix("x", dtype=dtype)
        values, vectors = sc.function([x], T.linalg.eigh(x), mode=mode)(a.astype(dtype))
        assert values.dtype == vectors.dtype == ("float64" if dtype == "int8" else dtype)
        np.testing.assert_allclose(values, np.linalg.eigvalsh(a), rtol=tolerance)


def weighted(*parts):
    """A cost that sees every element of every part."""
    return sum((v * T.arange(1, v.size + 1).reshape(v.shape, ndim=v.ndim)).sum() for v in parts)


@pytest.mark.parametrize("name", ["square", "tall", "wide"])
def test_gradients(name):
    thin = lambda x: T.linalg.svd(x, full_matrices=False)  # noqa: E731
    costs = [lambda x: weighted(*thin(x)), lambda x: weighted(thin(x)[0]), lambda x: weighted(T.linalg.svdvals(x)),
             lambda x: weighted(*T.linalg.qr(x)), lambda x: weighted(T.linalg.qr(x, "r")),
             lambda x: weighted(T.linalg.svd(x)[1])]
    if name == "square":
        costs += [lambda x: weighted(*T.linalg.eigh(x)), lambda x: weighted(*T.linalg.eigh(x, "U")),
                  lambda x: weighted(T.linalg.eigvalsh(x))]
    for cost in costs:
        T.verify_grad(cost, [MATRICES[name][:6, :6]], n_tests=1, rng=RNG)


def test_gradients_where_values_are_equal_are_finite():
    x = T.matrix("x")
    values, vectors = T.linalg.eigh(x)
    left = T.linalg.svd(x, full_matrices=False)[0]
    costs = [(values**2).sum(), vectors.sum(), T.linalg.svdvals(x).sum(), left.sum()]
    by_values, *others = sc.function([x], [T.grad(cost, x) for cost in costs])(2 * np.eye(3))
    np.testing.assert_allclose(by_values, 4 * np.eye(3))
    assert all(np.isfinite(gradient).all() for gradient in others)


def test_vectors_that_are_chosen_have_no_derivative():
    x = T.matrix("x")
    for part in (T.linalg.svd(x)[0], T.linalg.qr(x, "complete")[0]):
        with pytest.raises(NullTypeGradError, match="are chosen, not computed"):
            T.grad(part.sum(), x)


def test_inside_a_step():
    """A whitening filter: each step decomposes the covariance it has."""
    x = T.tensor3("x")

    def step(rows, covariance):
        covariance = covariance * 0.9 + T.dot(rows.T, rows)
        values, vectors = T.linalg.eigh(covariance)
        return covariance, T.linalg.svdvals(T.dot(rows, vectors / T.sqrt(values)))

    (_, out), _ = sc.scan(step, x, [T.eye(3), None])
    data = RNG.normal(size=(4, 5, 3))
    found = [sc.function([x], [out, T.grad(out.sum(), x)], mode=mode)(data) for mode in ("native", "reference")]
    for native, reference in zip(*found, strict=True):
        np.testing.assert_allclose(native, reference, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("make, error, text", [
    (lambda: T.linalg.eigh(T.matrix(), "X"), ValueError, "UPLO 'X' is none of"),
    (lambda: T.linalg.qr(T.matrix(), "raw"), ValueError, "mode 'raw' is none of"),
    (lambda: T.linalg.svd(T.vector()), TypeError, "svd takes a matrix of floats"),
    (lambda: T.linalg.eigh(T.constant(np.ones((2, 3)))), ValueError, "it must be square"),
])
def test_error_when_built(make, error, text):
    with pytest.raises(error, match=text):
        make()


@MODES
def test_error_when_run(mode):
    x = T.matrix("x")
    with pytest.raises(ValueError, match="it must be square"):
        sc.function([x], T.linalg.eigvalsh(x), mode=mode)(np.ones((2, 3)))
