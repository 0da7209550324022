"""Matrices of a few numbers have code without loops, with the bits of the loops."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import LinAlgError
from scancc.frontend.graph.variables import TensorType

MANY = np.random.default_rng(3)


def variables(shape, rhs, dtype):
    return TensorType(dtype, shape)("S"), TensorType(dtype, rhs)("B")


def everything(n, dtype, known):
    """All that is asked of a matrix, in one function."""
    S, B = variables((n, n), (n, 2), dtype) if known else variables((None, None), (None, None), dtype)
    v = B[:, 0]
    outputs = [T.nlinalg.det(S), T.nlinalg.matrix_inverse(S), T.linalg.solve(S, B), T.linalg.solve(S, v),
               T.linalg.solve_triangular(S, B, lower=True), T.linalg.solve_triangular(S, v, lower=False)]
    if "complex" not in dtype:
        outputs += [*T.linalg.slogdet(S), T.linalg.cholesky(S @ S.T + T.eye(S.shape[0], dtype=dtype))]
    return sc.function([S, B], outputs)


def matrices(n, dtype):
    """Random ones, and those whose pivots are equal, wander, or are no numbers."""
    made = [MANY.normal(size=(n, n)) for _ in range(5)]
    made += [np.ones((n, n)) + np.eye(n), np.eye(n)[::-1] + np.triu(np.full((n, n), 0.5)) * 0.5, -np.eye(n)]
    made += [MANY.choice([-1.0, 1.0, 2.0], size=(n, n)) + 3 * np.eye(n) for _ in range(5)]
    for special in (np.nan, np.inf, -np.inf, -0.0, 1e300 if dtype == "float64" else 1e30):
        hurt = MANY.normal(size=(n, n)) + 4 * np.eye(n)
        hurt[MANY.integers(n), MANY.integers(n)] = special
        made.append(hurt)
    if "complex" in dtype:
        made = [m + 1j * MANY.normal(size=(n, n)) for m in made]
    return [m.astype(dtype) for m in made]


def found(function, *args):
    """The bits or, of several that find a matrix singular, what any says: either code may come to another first."""
    try:
        return [a.tobytes() if not np.isnan(a).any() else str(a) for a in map(np.asarray, function(*args))]
    except LinAlgError as error:
        return str(error).partition(": ")[2]


@pytest.mark.parametrize(("n", "dtype"), [(1, "float64"), (2, "float64"), (3, "float32"), (3, "complex128"),
                                          (4, "float64")])
def test_the_bits_of_the_loops(n, dtype):
    few, loops = everything(n, dtype, known=True), everything(n, dtype, known=False)
    B = MANY.normal(size=(n, 2)).astype(dtype)
    with np.errstate(all="ignore"):
        for S in matrices(n, dtype):
            assert found(few, S, B) == found(loops, S, B)


@pytest.mark.parametrize("ask", [T.nlinalg.matrix_inverse, lambda S: T.linalg.solve(S, S),
                                 lambda S: T.linalg.cholesky(S - 3)])
def test_singular_and_indefinite_ones_are_the_same_error(ask):
    told = []
    for shape in ((3, 3), (None, None)):
        S = T.matrix("S", shape=shape)
        with pytest.raises(LinAlgError) as caught:
            sc.function([S], ask(S))(np.ones((3, 3)))
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_a_matrix_is_eliminated_once():
    S, v = T.matrix("S", shape=(3, 3)), T.vector("v", shape=(3,))
    alone = sc.function([S], T.nlinalg.det(S)).dump("loop")
    both = sc.function([S, v], [T.linalg.solve(S, v), T.nlinalg.det(S)]).dump("loop")
    assert (alone.count(" / "), both.count(" / ")) == (3, 3 + 3)


def test_a_determinant_in_a_branch_and_one_after_it():
    S, p = T.matrix("S", shape=(2, 2)), T.scalar("p")
    either = T.ifelse(p > 0, T.nlinalg.det(S), 2 * T.nlinalg.det(S)) + T.nlinalg.matrix_inverse(S)[0, 0]
    f = sc.function([S, p], either)
    value = np.array([[2.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose([f(value, 1.0), f(value, -1.0)], [5.6, 10.6], rtol=1e-14)


@pytest.mark.parametrize("n_steps", [0, 1, 5, 600])
def test_states_in_registers(n_steps):
    """Tiles of steps, none of them, and one that is not full."""
    A, h, n = T.matrix("A", shape=(3, 3)), T.matrix("h", shape=(3, 3)), T.lscalar("n")
    rows = sc.scan(lambda P: T.dot(T.dot(A, P), A.T) + T.eye(3), outputs_info=h, n_steps=n)[0]
    last = T.concatenate([T.shape_padleft(h), rows])[-1]
    values = [MANY.normal(size=(3, 3)) / 4, MANY.normal(size=(3, 3)), n_steps]
    got, wanted = (sc.function([A, h, n], last, mode=mode)(*values) for mode in (None, "reference"))
    np.testing.assert_allclose(got, wanted, rtol=1e-12)
