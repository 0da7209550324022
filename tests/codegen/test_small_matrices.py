"""Matrices of a few numbers have code without loops, with the bits of the loops."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels
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


@pytest.mark.parametrize(("n", "dtype"), [(0, "float64"), (1, "float64"), (2, "float32"), (3, "float64"),
                                          (8, "float64"), (9, "float32"), (21, "float64"), (70, "float64")])
def test_the_gradient_of_a_factor(n, dtype):
    """That by the lower triangle, which is half of what the symmetric matrices say: beside two solves."""
    S, G = variables((None, None), (None, None), dtype)
    few = variables((n, n), (n, n), dtype)
    m = MANY.normal(size=(n, n))
    m, g = (m @ m.T + n * np.eye(n)).astype(dtype), MANY.normal(size=(n, n)).astype(dtype)
    with np.errstate(all="ignore"):
        for by_factor in (g, np.full_like(g, np.nan), np.full_like(g, np.inf)):
            loops, written_out = (found(sc.function([A, B], T.grad(None, A, known_grads={T.linalg.cholesky(A): B})),
                                        m, by_factor) for A, B in ((S, G), few))
            assert loops == written_out
    lower = np.linalg.cholesky(m.astype(float))
    inner = np.tril(lower.T @ np.tril(g)) * (1 - 0.5 * np.eye(n))
    whole = np.linalg.solve(lower.T, np.linalg.solve(lower.T, inner).T)
    expected = np.tril(whole + whole.T) * (1 - 0.5 * np.eye(n))
    got = sc.function([S, G], T.grad(None, S, known_grads={T.linalg.cholesky(S): G}))(m, g)
    np.testing.assert_allclose(got, expected, rtol=0, atol=(1e-12 if dtype == "float64" else 1e-4))


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


@pytest.mark.parametrize(("n", "known"), [(2, True), (2, False), (4, False), (20, False), (40, False), (20, True)])
def test_a_determinant_behind_an_inverse_is_of_the_same_elimination(n, known):
    (S, _), (other, _) = (variables((n, n) if known else (None, None), (None, None), "float64") for _ in range(2))
    both = sc.function([S], [T.nlinalg.matrix_inverse(S), T.nlinalg.det(S)])
    det, inverse = (sc.function([S], [f(S)]) for f in (T.nlinalg.det, T.nlinalg.matrix_inverse))
    two = sc.function([S, other], [T.nlinalg.matrix_inverse(S), T.nlinalg.det(other)])
    assert both.dump("loop").count(" > ") < two.dump("loop").count(" > ")
    for m in [*matrices(n, "float64")[:8], np.diag([2.0**-600] * n)]:
        assert found(both, m) == [*found(inverse, m), *found(det, m)] == found(two, m, m)


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


def determinants_to_scale(scale):
    return [np.array(m) * scale for m in (
        [[2.0, 1.0], [1.0, 3.0]], [[0.0, 1.0], [-1.0, 0.0]], [[1.0, 1.0 + 2.0**-20], [1.0, 1.0]],
        [[3.0, -5.0], [7.0, 0.125]])]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("dtype", "powers"), [("float64", (0, -300, 400, -520, 515, -537)),
                                               ("float32", (0, 30, -45, 62, -64, -74))])
def test_two_rows_at_the_ends_of_the_range(dtype, powers, known):
    """By formula where its products are inside the range, by elimination elsewhere: each as near."""
    S = TensorType(dtype, (2, 2) if known else (None, None))("S")
    f = sc.function([S], [T.nlinalg.det(S), T.nlinalg.matrix_inverse(S)])
    for power in powers:
        for m in determinants_to_scale(1.0):
            det, inverse = f((m * 2.0**power).astype(dtype))
            exact = m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0]
            u = np.finfo(dtype).eps / 2
            spread = (abs(m[0, 0] * m[1, 1]) + abs(m[0, 1] * m[1, 0])) / abs(exact)
            tiny = float(np.finfo(dtype).smallest_subnormal)
            by_hand = np.array([[m[1, 1], -m[0, 1]], [-m[1, 0], m[0, 0]]]) / exact
            with np.errstate(over="ignore", under="ignore"):
                wanted = np.ldexp(exact, 2 * power).astype(dtype)
                np.testing.assert_allclose(det, wanted, rtol=2 * u * spread, atol=2 * tiny)
            np.testing.assert_allclose(inverse * 2.0**power, by_hand, rtol=(4 * spread + 8) * u)


def test_an_inverse_of_two_rows_of_very_different_size():
    S = T.matrix("S", shape=(2, 2))
    f = sc.function([S], [T.nlinalg.det(S), T.nlinalg.matrix_inverse(S)])
    for values in ([1e300, 1e-300], [1e300, 1e300], [1e-300, 1e-290], [5e-324, 1.0]):
        with np.errstate(all="ignore"):
            det, inverse = f(np.diag(values))
            assert det == np.prod(values)
            np.testing.assert_allclose(inverse, np.diag(1 / np.array(values)), rtol=4e-16)


@pytest.mark.parametrize("m", [np.ones((2, 2)), np.full((2, 2), 1e200), np.full((2, 2), 1e-200), np.zeros((2, 2)),
                               np.array([[0.1, 0.3], [0.2, 0.6]])])
def test_a_singular_matrix_of_two_rows_has_no_inverse(m):
    for shape in ((2, 2), (None, None)):
        S = T.matrix("S", shape=shape)
        assert sc.function([S], T.nlinalg.det(S))(m) == 0
        with pytest.raises(LinAlgError, match="inverse: the matrix is singular"):
            sc.function([S], T.nlinalg.matrix_inverse(S))(m)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_columns_of_a_system_have_the_bits_that_one_has(dtype: str, level: str) -> None:
    """Several are side by side in lanes, one is a sum in a register."""
    a, b, v = T.matrix(dtype=dtype), T.matrix(dtype=dtype), T.vector(dtype=dtype)
    solves = (T.linalg.solve, T.linalg.solve_triangular, lambda a, b: T.linalg.solve_triangular(a, b, lower=True))
    with sc.change_flags(cpu=level):
        one = sc.function([a, v], [solve(a, v) for solve in solves])
        several = sc.function([a, b], [solve(a, b) for solve in solves])
    for n in (1, 5, 8, 17, 33):
        rng = np.random.default_rng(n)
        matrix, columns = (rng.normal(size=(n, k)).astype(dtype) for k in (n, n + 3))
        for j in range(n + 3):
            for x, y in zip(one(matrix, columns[:, j].copy()), several(matrix, columns), strict=True):
                np.testing.assert_array_equal(x, y[:, j])


def eliminated(a, b):
    """Upper rows, right-hand sides and the sign, one pivot after the other."""
    a, b, sign = a.copy(), b.copy(), a.dtype.type(1)
    for k in range(len(a)):
        pivot = k + np.abs(a[k:, k]).argmax()
        if pivot != k:
            a[[k, pivot]], b[[k, pivot]], sign = a[[pivot, k]], b[[pivot, k]], -sign
        factors = a[k + 1:, k] / a[k, k]
        a[k + 1:] -= factors[:, None] * a[k]
        b[k + 1:] -= factors.reshape(-1, *[1] * (b.ndim - 1)) * b[k]
    return a, b, sign


def substituted(a, x):
    """For upper triangles: of each row what is known last goes off last."""
    for j in reversed(range(len(a))):
        x[j] /= a[j, j]
        x[:j] -= a[:j, j].reshape(-1, *[1] * (x.ndim - 1)) * x[j]
    return x


def solved(a, b):
    a, x, _ = eliminated(a, b)
    return substituted(a, x)


def determinant(a):
    upper, _, product = eliminated(a, a[:, :0])
    with np.errstate(over="ignore"):
        for pivot in upper.diagonal():
            product *= pivot
    return product


def factor(a):
    lower = np.tril(a)
    for j in range(len(a)):
        lower[j, j] = np.sqrt(lower[j, j])
        lower[j + 1:, j] /= lower[j, j]
        lower[j + 1:, j + 1:] -= np.tril(np.outer(lower[j + 1:, j], lower[j + 1:, j]))
    return lower


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("known", [6, 13, None])
def test_every_element_goes_through_the_same_operations(known, dtype, level):
    """In registers, in vectors over blocks of columns, and where the size is not known."""
    S, v, B = (TensorType(dtype, (known, *wide))("S") for wide in ([known], [], [3 if known else None]))
    with sc.change_flags(cpu=level):
        f = sc.function([S, v, B], [T.linalg.solve(S, v), T.linalg.solve(S, B), T.nlinalg.matrix_inverse(S),
                                    T.nlinalg.det(S), T.linalg.cholesky(S)])
    for n in [known] if known else [1, 4, 7, 16, 41]:
        s = MANY.normal(size=(n, n))
        symmetric = (s @ s.T + n * np.eye(n)).astype(dtype)
        columns = MANY.normal(size=(n, 3)).astype(dtype)
        got = f(symmetric, columns[:, 0].copy(), columns)
        wanted = [solved(symmetric, columns[:, 0]), solved(symmetric, columns),
                  solved(symmetric, np.eye(n, dtype=dtype)), determinant(symmetric), factor(symmetric)]
        for x, y in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("known", [True, False])
def test_large_matrices_by_panels_and_strips(known, dtype):
    """Rows go off several at once, in strips of columns, with swaps across panels; each element as it would alone."""
    n, columns = (75, 300) if known else (None, None)
    S, R, v, B = (TensorType(dtype, shape)("S") for shape in ((n, n), (n, n), (n,), (n, columns)))
    f = sc.function([S, R, v, B], [T.linalg.solve(S, v), T.linalg.solve(S, B), T.linalg.solve_triangular(R, B),
                                   T.linalg.solve_triangular(R, B, lower=True), T.nlinalg.det(R),
                                   T.linalg.cholesky(R)])
    for rows in [75] if known else [33, 64, 130]:
        s, b = MANY.normal(size=(rows, rows)).astype(dtype), MANY.normal(size=(rows, 4 * rows)).astype(dtype)
        regular = (s @ s.T / rows + 2 * np.eye(rows)).astype(dtype)
        lower = substituted(regular[::-1, ::-1], b[::-1].copy())[::-1]
        wanted = [solved(s, b[:, 0]), solved(s, b), substituted(regular, b.copy()), lower, determinant(regular),
                  factor(regular)]
        for x, y in zip(f(s, regular, b[:, 0].copy(), b), wanted, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(("ask", "message"), [
    (T.nlinalg.matrix_inverse, "inverse: the matrix is singular"),
    (lambda S: T.linalg.solve_triangular(S, S, lower=True), "solve: the matrix is singular"),
    (T.linalg.cholesky, "cholesky: the matrix is not positive definite")])
def test_a_large_matrix_that_fails_in_a_late_panel(ask, message):
    S = T.matrix("S")
    with pytest.raises(LinAlgError, match=message):
        sc.function([S], ask(S))(np.diag(np.arange(80) != 77).astype(float))
