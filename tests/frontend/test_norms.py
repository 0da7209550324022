"""Norms of vectors and matrices beside NumPy's, on both executors, with their gradients."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(21)
M, C = RNG.normal(size=(3, 4)), RNG.normal(size=(2, 3, 4))
VECTOR = [None, 0, 1, 2, 3, -1, 0.5, np.inf, -np.inf]
MATRIX = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]
COMPILED = {}
MODES = pytest.mark.parametrize("mode", ["native", "reference"])


def check(mode, array, *calls):
    """`calls`: arguments of norm, all in one program."""
    key = mode, array.dtype.name, array.ndim, str(calls)
    if key not in COMPILED:
        x = T.tensor("x", dtype=array.dtype.name, shape=(None,) * array.ndim)
        COMPILED[key] = sc.function([x], [T.linalg.norm(x, **call) for call in calls], mode=mode)
    for got, call in zip(COMPILED[key](array), calls, strict=True):
        expected = np.linalg.norm(array, **call)
        # The least singular value of a singular matrix is 0, or rounding of the largest: LAPACKs differ.
        rtol, eps = (1e-12, 1e-15) if got.dtype == "float64" else (1e-5, 1e-6)
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=eps * np.abs(array).max(), err_msg=str(call))
        assert got.shape == expected.shape and got.dtype == expected.dtype


@MODES
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_norms_of_vectors(mode):
    for array in (M[0] * [1, 0, -1, 1], M[0].astype("float32"), np.array([3, -4])):
        check(mode, array, *[{"ord": o} for o in VECTOR], {"ord": 3, "keepdims": True})
    check(mode, M, *[{"ord": o, "axis": a} for o in VECTOR for a in (0, 1, -1)])


@MODES
def test_norms_of_matrices(mode):
    simple = [np.arange(6.0).reshape(2, 3) - 2, np.ones((3, 3)), np.arange(4).reshape(2, 2)]
    for array in (M, M.T, M.astype("float32"), *simple):
        calls = [{"ord": o, "keepdims": k} for o in MATRIX for k in (False, True)]
        check(mode, array, *calls, *[{"ord": o, "axis": (1, 0)} for o in MATRIX])
    check(mode, C, {}, *[{"ord": o, "axis": a} for o in (None, "fro", 1, -1, np.inf, -np.inf)
                         for a in ((0, 1), (2, 0), (-1, 1))], {"ord": 1, "axis": (2, 0), "keepdims": True})


@MODES
def test_norms_of_complex_numbers(mode):
    z = np.array([[3 + 4j, 1], [0, 2j]])
    check(mode, z, {}, *[{"ord": o} for o in (None, "fro", 1, np.inf)], {"ord": 3, "axis": 0})
    if mode == "reference":
        check(mode, z, {"ord": 2}, {"ord": "nuc"})


def test_every_name_is_the_same_function():
    x = T.matrix("x")
    norms = [T.norm, T.linalg.norm, T.nlinalg.norm, lambda v, o: v.norm(o)]
    for value in sc.function([x], [norm(x, 1) for norm in norms])(M):
        assert value == pytest.approx(np.linalg.norm(M, 1))


@pytest.mark.parametrize("ord", MATRIX)
def test_gradients_of_matrix_norms(ord):
    T.verify_grad(lambda x: T.linalg.norm(x, ord), [M], n_tests=1)


def test_a_matrix_norm_inside_a_step():
    c = T.tensor3("c")
    rows, _ = sc.map(lambda m: T.stack([T.linalg.norm(m, o) for o in MATRIX]), c)
    cost = sc.function([c], [rows, T.grad(rows.sum(), c)])
    value, gradient = cost(C)
    np.testing.assert_allclose(value, [[np.linalg.norm(m, o) for o in MATRIX] for m in C])
    np.testing.assert_allclose(gradient, sc.function([c], T.grad(rows.sum(), c), mode="reference")(C), rtol=1e-9)


@pytest.mark.parametrize("make, text", [
    (lambda x: T.norm(x, 0), "ord 0 of a matrix is none of"),
    (lambda x: T.norm(x, 3), "ord 3 of a matrix is none of"),
    (lambda x: T.norm(x[0], "fro"), "ord 'fro' of a vector is none of"),
    (lambda x: T.norm(x[0], "nuc"), "ord 'nuc' of a vector is none of"),
    (lambda x: T.norm(T.tensor3(), 1), "not over a tensor of 3 dimensions; name one axis or two"),
    (lambda x: T.norm(x, axis=(0, 0)), r"not over axis=\(0, 0\); name one axis or two"),
    (lambda x: T.norm(x[0, 0], 2), "not over a tensor of 0 dimensions"),
    (lambda x: T.norm(T.tensor3(), 2, axis=(1, 2)), "of one matrix and not of a stack, .*; go over the matrices"),
])
def test_error_when_built(make, text):
    with pytest.raises(ValueError, match=text):
        make(T.matrix("x"))
