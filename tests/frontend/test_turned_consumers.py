"""Rows of a scan that are read, or are results, in another order: turned round, transposed or flattened."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.frontend.kept_rows import (
    KINDS,
    backwards,
    dense,
    heavy,
    m,
    matrices,
    require_nothing_kept,
    scalar,
    values,
    vectors,
    x,
)

TURNED = {
    "sums": lambda h: [h.T.sum(axis=1), h.T.max(axis=1), h.T.argmin(axis=1), h.T.mean(axis=0).max()],
    "weighted": lambda h: [T.dot(m[0], T.exp(h).T).sum()], "flat": lambda h: [h.flatten().sum()],
    "an element of a row": lambda h: [h[3, 2], h[-2, 1]], "soft maxima": lambda h: [T.logsumexp(h, axis=1).sum()],
}


@pytest.mark.parametrize("ask", TURNED.values(), ids=list(TURNED))
@pytest.mark.parametrize("kind", [vectors, dense], ids=lambda kind: kind.__name__)
def test_rows_that_are_transposed_or_flattened(kind, ask):
    require_nothing_kept(kind, ask, (4, 5, 513, 1100))


def test_transposed_rows_with_weights_keep_no_rows():
    outputs = [T.dot(vectors().T, m[:, 0]), T.dot(m[:, 1], vectors())]
    f, reference = (sc.function([m], outputs, mode=mode) for mode in (None, "reference"))
    given = values(1100, vectors)
    for got, want in zip(f(given), reference(given), strict=True):
        np.testing.assert_allclose(got, want, 1e-9)
    assert f.memory_plan(values(20_000, vectors)).workspace_nbytes < 8 * 4 * 1000


def test_sums_of_turned_rows_go_along_the_steps():
    h, g = scalar(), vectors()
    f = sc.function([x, m], [h[::-1].sum(), (h[::-1] * m[:, 0]).sum(), (1 - T.sqr(g[::-1])).sum(axis=0)])
    steps = sc.function([x, m], [h.sum(), (h * m[::-1, 0]).sum(), (1 - T.sqr(g)).sum(axis=0)])
    given = values(1100, scalar), values(1100, vectors)
    for got, same in zip(f(*given), steps(*given), strict=True):
        assert got.tobytes() == same.tobytes()


SOME_TURNED = {
    "each second": (lambda h: h[::-2], lambda h: h[(h.shape[0] + 1) % 2::2]),
    "each third of a map": (lambda h: T.sqr(h[::-3]) + 1, lambda h: T.sqr(h[(h.shape[0] + 2) % 3::3]) + 1),
    "all but the last": (lambda h: h[:-3][::-1], lambda h: h[:-3]),
    "each third of another map": (lambda h: h[::-3] * 2 - 1, lambda h: h[(h.shape[0] + 2) % 3::3] * 2 - 1),
}


@pytest.mark.parametrize(("turned", "along"), SOME_TURNED.values(), ids=list(SOME_TURNED))
@pytest.mark.parametrize("kind", [scalar, heavy, backwards, vectors, dense], ids=lambda kind: kind.__name__)
def test_sums_of_some_turned_rows_go_along_the_steps(kind, turned, along):
    read = KINDS.get(kind, x)
    f, steps, reference = (sc.function([read], [of(kind()).sum(axis=0), of(kind()).max(axis=0)], mode=mode)
                           for of, mode in ((turned, None), (along, None), (turned, "reference")))
    for length in (4, 5, 6, 37, 1100):
        given = values(length, kind)
        for got, same, want in zip(f(given), steps(given), reference(given), strict=True):
            assert got.tobytes() == same.tobytes(), length
            np.testing.assert_allclose(got, want, 1e-9, 1e-12)
    small, large = (f.memory_plan(values(length, kind)).workspace_nbytes for length in (30_000, 200_000))
    assert large < small + 1000


@pytest.mark.parametrize("part", [slice(None, None, -2), slice(7, 2, -2), slice(2, 7, -1), slice(-2, None, -3)])
def test_few_turned_rows_or_none(part):
    outputs = [scalar()[part].sum(), (scalar()[part] > 0).sum(), (scalar()[part] * x[part]).sum()]
    f, reference = (sc.function([x], outputs, mode=mode) for mode in (None, "reference"))
    for length in range(10):
        for got, want in zip(f(np.linspace(1, 2, length)), reference(np.linspace(1, 2, length)), strict=True):
            np.testing.assert_allclose(got, want, 1e-12)


TRANSPOSED = {
    "rows": lambda h: [h.T], "maps": lambda h: [T.exp(h.T), T.sqr(h).T * 2],
    "and a sum": lambda h: [h.T, T.sqr(h).sum()],
    "and a row": lambda h: [h.T, h[-1]], "and its largest": lambda h: [h.T, h.max(axis=0)],
}
OF_THREE_AXES = {"last": lambda h: [h.dimshuffle(1, 2, 0)], "between": lambda h: [h.dimshuffle(2, 0, 1) + 1]}


@pytest.mark.parametrize(("kind", "ask"), [
    *(pytest.param(kind, ask, id=f"{kind.__name__}: {name}") for kind in (vectors, dense)
      for name, ask in TRANSPOSED.items()),
    *(pytest.param(matrices, ask, id=f"matrices: {name}") for name, ask in (TRANSPOSED | OF_THREE_AXES).items())])
def test_transposed_results(kind, ask):
    """Nothing is kept beside them: tiles of rows are written where they belong."""
    read = KINDS[kind]
    f, reference = (sc.function([read], ask(kind()), mode=mode) for mode in (None, "reference"))
    for length in (4, 5, 127, 128, 129, 700):
        given = values(length, kind)
        for got, want in zip(f(given), reference(given), strict=True):
            np.testing.assert_allclose(got, want, 1e-9, 1e-12)
    small, large = (f.memory_plan(values(length, kind)).workspace_nbytes for length in (3000, 20_000))
    assert small == large
