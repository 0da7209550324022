"""Products of matrices and small dense linear algebra beside NumPy's."""

import itertools

import numpy as np
import pytest

import scancc.tensor as T
from scancc.frontend.graph.variables import TensorType
from scancc.frontend.ops.reference import evaluate

RNG = np.random.default_rng(11)
A, B, C = RNG.normal(size=(3, 4)), RNG.normal(size=(4, 5)), RNG.normal(size=(2, 3, 4))
D, V, W = RNG.normal(size=(2, 4, 3)), RNG.normal(size=4), RNG.normal(size=3)
S = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
P = S @ S.T
Z = S + 1j * RNG.normal(size=(3, 3))


def value(function, *arrays):
    inputs = [TensorType(a.dtype.name, (None,) * a.ndim)() for a in arrays]
    out = T.as_tensor_variable(function(*inputs))
    result, lengths = evaluate([out, out.shape], dict(zip(inputs, arrays, strict=True)))
    assert result.dtype == out.dtype and lengths.tolist() == list(result.shape)
    return result


CASES = {
    "vector vector": (T.dot, np.dot, [V, V]), "matrix vector": (T.dot, np.dot, [A, V]),
    "vector matrix": (T.dot, np.dot, [W, A]), "matrix matrix": (T.dot, np.dot, [A, B]),
    "scalar": (lambda x: T.dot(2.0, x), lambda x: 2 * x, [A]), "tensor": (T.dot, np.dot, [C, B]),
    "vector tensor": (T.dot, np.dot, [V, D]), "tensor tensor": (T.dot, np.dot, [C, D]),
    "operator": (lambda x, y: x @ y, np.matmul, [A, B]), "method": (lambda x, y: x.dot(y), np.dot, [A, B]),
    "array on the left": (lambda y: A @ y, lambda y: A @ y, [B]),
    "matmul batch": (T.matmul, np.matmul, [C, D]), "matmul stretch": (T.matmul, np.matmul, [C, B]),
    "matmul left": (T.matmul, np.matmul, [A, D]), "matmul vector": (T.matmul, np.matmul, [V, D]),
    "matmul deep": (lambda x, y: T.matmul(x.dimshuffle(0, "x", 1, 2), y),
                    lambda x, y: np.matmul(x[:, None], y), [C, D]),
    "batched": (T.batched_dot, np.matmul, [C, D]),
    "batched rows": (T.batched_dot, lambda x, y: np.einsum("bi,bij->bj", x, y), [A[:2], D]),
    "batched columns": (T.batched_dot, lambda x, y: np.einsum("bij,bj->bi", x, y), [C, A[:2]]),
    "batched vectors": (T.batched_dot, lambda x, y: (x * y).sum(1), [A, A]),
    "batched scale": (T.batched_dot, lambda x, y: x[:, None, None] * y, [W[:2], D]),
    "tensordot 2": (lambda x, y: T.tensordot(x, y, 2), lambda x, y: np.tensordot(x, y, 2), [C, S @ A]),
    "tensordot 0": (lambda x, y: T.tensordot(x, y, 0), lambda x, y: np.tensordot(x, y, 0), [A, V]),
    "tensordot pairs": (lambda x, y: T.tensordot(x, y, [[0, 2], [0, 1]]),
                        lambda x, y: np.tensordot(x, y, [[0, 2], [0, 1]]), [C, D]),
    "tensordot axes": (lambda x, y: T.tensordot(x, y, (1, 0)), lambda x, y: np.tensordot(x, y, (1, 0)), [A, B]),
    "batched tensordot": (lambda x, y: T.batched_tensordot(x, y, [[2], [1]]), np.matmul, [C, D]),
    "outer": (T.outer, np.outer, [V, W]), "kron": (T.kron, np.kron, [A, S]),
    "matrix_dot": (lambda x, y: T.matrix_dot(x, y, 2 * x), lambda x, y: x @ y @ (2 * x), [S, P]),
    "matrix_power": (lambda x: T.nlinalg.matrix_power(x, 5), lambda x: np.linalg.matrix_power(x, 5), [S]),
    "matrix_power 0": (lambda x: T.nlinalg.matrix_power(x, 0), lambda x: np.eye(3), [S]),
    "matrix_power -2": (lambda x: T.nlinalg.matrix_power(x, -2), lambda x: np.linalg.matrix_power(x, -2), [S]),
    "matrix_power 11": (lambda x: T.nlinalg.matrix_power(x, 11), lambda x: np.linalg.matrix_power(x, 11), [S]),
    "inverse": (T.matrix_inverse, np.linalg.inv, [S]), "inverse complex": (T.nlinalg.inv, np.linalg.inv, [Z]),
    "det": (T.det, np.linalg.det, [S]), "det of integers": (T.det, np.linalg.det, [np.array([[1, 2], [3, 4]])]),
    "det singular": (T.det, np.linalg.det, [np.ones((2, 2))]),
    "cholesky": (T.slinalg.cholesky, np.linalg.cholesky, [P]),
    "cholesky upper": (lambda x: T.slinalg.cholesky(x, lower=False), lambda x: np.linalg.cholesky(x).T, [P]),
    "solve": (T.slinalg.solve, np.linalg.solve, [S, W]),
    "solve matrix": (T.slinalg.solve, np.linalg.solve, [S, A]),
    "solve positive": (lambda a, b: T.slinalg.solve(a, b, assume_a="pos"), np.linalg.solve, [P, W]),
    "solve lower": (T.slinalg.solve_lower_triangular, lambda a, b: np.linalg.solve(np.tril(a), b), [S, W]),
    "solve upper": (T.slinalg.solve_triangular, lambda a, b: np.linalg.solve(np.triu(a), b), [S, A]),
    "solve transposed": (lambda a, b: T.slinalg.solve_triangular(a, b, trans=1, lower=True),
                         lambda a, b: np.linalg.solve(np.tril(a).T, b), [S, W]),
}


@pytest.mark.parametrize("case", CASES)
def test_as_numpy(case):
    function, expected, arrays = CASES[case]
    found, wanted = value(function, *arrays), np.asarray(expected(*arrays))
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-12)
    assert found.shape == wanted.shape


NUMBERS = ["float32", "int8", "int64", "complex64", "bool"]


@pytest.mark.parametrize("left, right", list(itertools.product(NUMBERS, repeat=2)))
def test_dtype_of_a_product(left, right):
    x, y = np.ones((2, 3), left), np.ones((3, 2), right)
    found = value(T.dot, x, y)
    promoted = np.result_type(left, right).name
    assert found.dtype == ("int64" if promoted == "bool" else promoted) and (found == 3).all()


def test_empty_products():
    assert value(T.dot, np.zeros((2, 0)), np.zeros((0, 3))).tolist() == [[0] * 3] * 2
    assert value(T.dot, np.zeros((0,)), np.zeros((0,))) == 0


@pytest.mark.parametrize("make, error, text", [
    (lambda: T.dot(T.constant(A), T.constant(V[:3])), ValueError, "length 4 .* 3; they must be equal"),
    (lambda: T.tensordot(T.constant(A), T.constant(A), 1), ValueError, "they must be equal"),
    (lambda: T.tensordot(T.matrix(), T.matrix(), [[0, 1], [0]]), ValueError, "are not pairs of axes"),
    (lambda: T.matmul(T.matrix(), 2.0), ValueError, "takes no scalars"),
    (lambda: T.det(T.constant(A)), ValueError, "it must be square"),
    (lambda: T.slinalg.cholesky(T.vector()), TypeError, "takes a square matrix of floats"),
    (lambda: T.slinalg.solve(T.matrix(), T.tensor3()), TypeError, "takes a vector or matrix of float64"),
    (lambda: T.slinalg.solve(T.matrix(), T.vector(), assume_a="odd"), ValueError, "assume_a 'odd' is none of"),
])
def test_error_when_built(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("function, arrays, text", [
    (T.dot, [A, W], r"shapes \(3, 4\) and \(3,\) do not fit"),
    (T.batched_dot, [C, C], "do not fit"),
    (T.det, [A], "it must be square"),
    (T.matrix_inverse, [np.ones((2, 2))], "singular"),
    (T.slinalg.cholesky, [-P], "positive definite"),
    (T.slinalg.solve, [S, V], "right-hand side"),
])
def test_error_when_run(function, arrays, text):
    with pytest.raises(ValueError, match=text):
        value(function, *arrays)


@pytest.mark.parametrize("trans", [0, "N", 1, "T", 2, "C"])
def test_triangular_systems_of_the_transpose(trans):
    a = np.array([[2.0, 1.0], [0.0, 3.0]])
    found = evaluate([T.slinalg.solve_triangular(a, np.ones(2), trans=trans)])[0]
    np.testing.assert_allclose(found, np.linalg.solve(a if trans in (0, "N") else a.T, np.ones(2)))


def test_an_unknown_transpose():
    with pytest.raises(ValueError, match="trans 3 is none of"):
        T.slinalg.solve_triangular(np.eye(2), np.ones(2), trans=3)
