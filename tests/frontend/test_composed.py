"""Functions that are a few lines of others, beside NumPy's."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

A = np.array([[4.0, 1.0], [1.0, 3.0]])
B = np.arange(6.0).reshape(2, 3) / 4
x = T.matrix("x")

CASES = {
    "largest": (lambda x: T.largest(x, 1, 2 * x), np.maximum(1, 2 * B)),
    "smallest": (lambda x: T.smallest(x, 1), np.minimum(B, 1)),
    "logit": (lambda x: T.logit((x + 1) / 4), np.log((B + 1) / (3 - B))),
    "inner": (lambda x: T.inner(x, 2 * x), np.inner(B, 2 * B)), "inner-scalar": (lambda x: T.inner(2, x), 2 * B),
    "fill_diagonal": (lambda x: T.fill_diagonal(x, 9), np.where(np.eye(2, 3), 9, B)),
    "searchsorted": (lambda x: T.searchsorted([0.0, 0.5, 1.0], x), np.searchsorted([0.0, 0.5, 1.0], B)),
    "searchsorted-right": (lambda x: T.searchsorted([0.0, 0.5, 1.0], x, "right"),
                           np.searchsorted([0.0, 0.5, 1.0], B, "right")),
    "to_one_hot": (lambda x: T.to_one_hot(T.cast(x[0], "int64"), 3), np.eye(3)[B[0].astype(int)]),
    "slogdet": (lambda x: T.stack(T.slogdet(T.constant(-A[:1] * [[1], [0]] + A[::-1]))),
                np.stack(np.linalg.slogdet(-A[:1] * [[1], [0]] + A[::-1]))),
    "block_diag": (lambda x: T.slinalg.block_diag(x, x[:1] + 1), np.block(
        [[B, np.zeros((2, 3))], [np.zeros((1, 3)), B[:1] + 1]])),
    "cho_solve": (lambda x: T.slinalg.cho_solve((T.cholesky(T.constant(A)), True), x), np.linalg.solve(A, B)),
    "cho_solve-upper": (lambda x: T.slinalg.cho_solve((T.cholesky(T.constant(A), lower=False), False), x),
                        np.linalg.solve(A, B)),
}


@pytest.mark.parametrize("name", CASES)
def test_beside_numpy(name):
    make, expected = CASES[name]
    np.testing.assert_allclose(compile([x], make(x), on_unused_input="ignore")(B), expected, atol=1e-15)


def test_a_value_is_shown(capsys):
    shown = sc.printing.Print("here", attrs=("shape", "__str__"))(x)
    f = sc.function([x], T.grad((shown**2).sum(), x), mode="reference")
    np.testing.assert_array_equal(f(B), 2 * B)
    assert capsys.readouterr().out.startswith("here shape = (2, 3)\nhere __str__ = [[0. ")
    np.testing.assert_array_equal(sc.function([x], shown * 2)(B), 2 * B)
    assert capsys.readouterr().out.startswith("here shape = (2, 3)\nhere __str__ = [[0. ")


def test_variables_are_not_written():
    with pytest.raises(TypeError, match="T.set_subtensor\\(x\\[i\\], y\\)"):
        x[0] = 1


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("mode", ["native", "reference"])
def test_a_search_among_any_number_of_bins(side, mode):
    x, v = T.vector("x"), T.matrix("v")
    f = sc.function([x, v], T.searchsorted(x, v, side), mode=mode)
    rng = np.random.default_rng(3)
    for n in (0, 1, 2, 3, 7, 8, 64, 100, 1000):
        bins = np.sort(rng.integers(0, max(n // 2, 1), n).astype(float))
        values = np.concatenate([rng.uniform(-1, n, 21), rng.choice(bins, 20) if n else np.zeros(20),
                                 [np.nan, np.inf, -np.inf]]).reshape(4, 11)
        np.testing.assert_array_equal(f(bins, values), np.searchsorted(bins, values, side))
        assert f(bins, values[:, :0]).shape == (4, 0)
