"""Lanes over elements that lie in memory from the last to the first: vectors turned as they are read or written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

RNG = np.random.default_rng(31)
LENGTHS = (0, 1, 7, 8, 16, 33, 600)
DTYPES = ["float64", "float32", "float16", "int64", "int16", "uint8"]


@pytest.fixture(params=levels())
def level(request: pytest.FixtureRequest) -> Iterator[None]:
    with sc.change_flags(cpu=request.param):
        yield


def vector(n: int, dtype: str) -> np.ndarray:
    return RNG.integers(1, 9, n).astype(dtype)


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("dtype", DTYPES)
def test_read_and_written_backwards(dtype: str) -> None:
    x, y, a = T.vector("x", dtype=dtype), T.vector("y", dtype=dtype), T.matrix("a", dtype=dtype)
    f = sc.function([x, y, a], [x + y[::-1], x[::-1] * y[::-1], T.set_subtensor(x[::-1], x + y), a[:, ::-1] + y,
                                T.inc_subtensor(a[:, ::-1], y), x[:x.shape[0] // 2:-1] + 1])
    assert not any("stride" in remark.reason for remark in f.remarks("vectorize", done=False))
    for n in LENGTHS:
        u, v, m = vector(n, dtype), vector(n, dtype), vector(3 * n, dtype).reshape(3, n)
        turned, added = m[:, ::-1] + v, (u + v)[::-1]
        want = [u + v[::-1], u[::-1] * v[::-1], added, turned, turned[:, ::-1], u[:n // 2:-1] + 1]
        for number, (found, expected) in enumerate(zip(f(u, v, m), want, strict=True)):
            np.testing.assert_array_equal(found, expected, err_msg=f"{number}, {n}")


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_reduced_backwards_as_forwards(dtype: str) -> None:
    """A reduction has the tree that it has over the turned copy: not a bit is another."""
    x, y = T.vector("x", dtype=dtype), T.vector("y", dtype=dtype)
    back = sc.function([x, y], [(x * y[::-1]).sum(), x[::-1].sum(), (x + y[::-1]).max(), (x - y[::-1]).prod()])
    forth = sc.function([x, y], [(x * y).sum(), x.sum(), (x + y).max(), (x - y).prod()])
    assert not back.remarks("reductions", done=False)
    for n in (1, 7, 8, 33, 600, 5000):
        u, v = ((RNG.normal(size=n) * 3).astype(dtype) for _ in range(2))
        copies = [forth(u, v[::-1].copy())[0], forth(u[::-1].copy(), v)[1], *forth(u, v[::-1].copy())[2:]]
        np.testing.assert_array_equal(back(u, v), copies)


def test_levinson_in_lanes() -> None:
    """The recursion of Levinson and Durbin reads its coefficients, and the autocorrelation, from the end."""
    r = T.vector("r")

    def step(k, a, e, r):
        reflection = -(a[:k] * r[1:k + 1][::-1]).sum() / e
        return T.inc_subtensor(a[1:k + 1], reflection * a[:k][::-1]), e * (1 - reflection**2)
    one = T.set_subtensor(T.zeros_like(r)[0], 1.0)
    (a, e), _ = sc.scan(step, sequences=T.arange(1, r.shape[0]), outputs_info=[one, r[0]], non_sequences=r)
    f = sc.function([r], [a[-1], e[-1]])
    assert not [*f.remarks("vectorize", done=False), *f.remarks("reductions", done=False)]
    given = 0.7 ** np.arange(40)
    given[0] += 0.5
    at = np.abs(np.subtract.outer(np.arange(40), np.arange(40)))
    first = np.linalg.solve(given[at], np.eye(40)[0])
    found, error = f(given)
    np.testing.assert_allclose(found / error, first, rtol=1e-11, atol=1e-14)
