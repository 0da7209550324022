"""Searches in lanes that end where they find something: places, `any` and `all` of every length."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

LENGTHS = (1, 7, 8, 9, 16, 31, 33, 64, 65, 100, 128, 129, 257, 1000)


def truths(n: int) -> list[np.ndarray]:
    """None, all, and one or few at chosen places."""
    rng = np.random.default_rng(n)
    ones = [np.arange(n) == place for place in {0, n // 2, n - 1, max(n - 9, 0), *rng.integers(0, n, 3)}]
    return [np.zeros(n, bool), np.ones(n, bool), rng.random(n) < 0.1, *ones]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "int32", "int64", "float32", "float64"])
def test_what_is_found_is_numpy_s(dtype: str) -> None:
    x = T.vector("x", dtype=dtype)
    hits, none = T.eq(x, 1), 1 << 62
    f = sc.function([x], [hits.argmax(), hits.argmin(), hits.any(), hits.all(), T.all(T.neq(x, 1)),
                          T.min(T.switch(hits, T.arange(x.shape[0]), none))])
    for n in LENGTHS:
        for given in truths(n):
            found = f(given.astype(dtype))
            least = given.argmax() if given.any() else none
            assert [int(v) for v in found] == [given.argmax(), given.argmin(), given.any(), given.all(),
                                               not given.any(), least]


@pytest.mark.parametrize("n", [3, 8, 10, 16, 40, 64, 70, 200])
def test_known_lengths(n: int) -> None:
    rows = T.matrix("rows")

    def step(row):  # type: ignore[no-untyped-def]
        row = T.specify_shape(row, (n,))
        return T.argmax(row), T.argmin(row), T.argmax(row > 0.5), T.any(row > 0.9), T.all(row > 0.1)

    found, _ = sc.scan(step, rows)
    f = sc.function([rows], found)
    given = np.random.default_rng(n).random((200, n))
    given[0, n // 2] = np.nan
    highest, lowest, first, some, every = f(given)
    np.testing.assert_array_equal(highest, given.argmax(1))
    np.testing.assert_array_equal(lowest, given.argmin(1))
    np.testing.assert_array_equal(first, (given > 0.5).argmax(1))
    np.testing.assert_array_equal(some, (given > 0.9).any(1))
    np.testing.assert_array_equal(every, (given > 0.1).all(1))


def test_a_place_before_which_a_number_may_come_is_searched_to_the_end() -> None:
    """Numbers that stand for no place, and come before one, count."""
    x = T.vector("x")
    f = sc.function([x], T.min(T.switch(x > 0, T.arange(x.shape[0]), 5)))
    for n in LENGTHS:
        for given in truths(n):
            assert f(given.astype("float64")) == np.where(given, np.arange(n), 5).min()


def test_a_search_ends_early() -> None:
    text, table = T.ivector("text"), T.ivector("table")

    def step(letter, table):  # type: ignore[no-untyped-def]
        place = T.argmax(T.eq(table, letter))
        return place, T.set_subtensor(T.set_subtensor(table[1:place + 1], table[:place])[0], letter)

    (places, _), _ = sc.scan(step, text, [None, table])
    f = sc.function([text, table], places)
    given = np.random.default_rng(0).integers(0, 256, 500).astype("int32")
    letters, expected = list(range(256)), []
    for letter in given:
        expected.append(letters.index(letter))
        letters.insert(0, letters.pop(expected[-1]))
    np.testing.assert_array_equal(f(given, np.arange(256, dtype="int32")), expected)
    assert f.remarks("stop-early", done=True)
