"""einsum beside NumPy's, on both executors."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

RNG = np.random.default_rng(31)
A, B, S, C, D = (RNG.normal(size=s) for s in ((3, 4), (4, 5), (3, 3), (2, 3, 4), (2, 4, 5)))
V = RNG.normal(size=4)
CASES = {
    "ij,jk->ik": [A, B], "ij,jk": [A, B], "ij,kj->ik": [S, S], "ij->ji": [A], "ij": [A], "ji": [A], "ij->": [A],
    "ii->i": [S], "ii": [S], "ij,ij->": [A, A], "i,j->ij": [V, V], "i,i": [V, V], "bij,bjk->bik": [C, D],
    "bij,bij->b": [C, C], "...ij,...jk->...ik": [C, D], "...ij,jk->...ik": [C, B], "bij,j->bi": [C, V],
    "ij,jk,kl->il": [S, A, B], "ij,jk,k->i": [S, A, V], "bij,kj->": [C, A], "bij,j,i->b": [C, V, A[:, 0]],
    "...->...": [C], "i...->...": [C], "aab->b": [np.stack([S] * 3)], "b i j, b i k -> b j k": [C, C],
    "aij,bij->ab": [C, C],
    "ij,j->ij": [A, V], ",ij->ij": [np.array(2.0), A],
}


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_as_numpy(mode):
    inputs = [[T.TensorType("float64", (None,) * a.ndim)() for a in arrays] for arrays in CASES.values()]
    outputs = [T.einsum(text, *given) for text, given in zip(CASES, inputs, strict=True)]
    run = sc.function(sum(inputs, []), outputs, mode=mode)
    for found, (text, arrays) in zip(run(*sum(CASES.values(), [])), CASES.items(), strict=True):
        expected = np.einsum(text, *arrays)
        assert found.shape == expected.shape, text
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13, err_msg=text)


@pytest.mark.parametrize("text", ["ij,jk->ik", "bij,bjk->bik", "ii->i", "ij,jk,kl->il"])
def test_gradients(text):
    T.verify_grad(lambda *x: T.einsum(text, *x), CASES[text], n_tests=1, rng=RNG)


@pytest.mark.parametrize("text, n, message", [
    ("ij,jk->ik", 1, "has 2 terms, and 1 operands"), ("ijk->i", 1, "is not of 2 axes"),
    ("i->i", 1, "is not of 2 axes"),
    ("ij->ii", 1, "must stand once"), ("ij->ik", 1, "and in a term"), ("1j->j", 1, "is not made of letters"),
])
def test_errors(text, n, message):
    with pytest.raises(ValueError, match=message):
        T.einsum(text, *[T.matrix() for _ in range(n)])
