"""Sorting, and parts of what is sorted: the order of a stable sort, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels
from scancc.ir.interpreter import run_program

RNG = np.random.default_rng(5)
LENGTHS = [0, 1, 3, 4, 5, 8, 9, 16, 31, 33, 64, 65, 67, 129, 1000]  # around runs, and what is sorted at once
K = T.lscalar("k")
PARTS: dict[str, Callable[..., Any]] = {
    "first": lambda s, k: s[:k], "last": lambda s, k: s[s.shape[0] - k:], "from the last": lambda s, k: s[::-1][:k],
    "one": lambda s, k: s[s.shape[0] // 2], "middle": lambda s, k: s[k:-k], "window": lambda s, k: s[k:k + 5],
    "two": lambda s, k: T.stack([s[k], s[-k]]), "both ends": lambda s, k: T.concatenate([s[:k], s[-k:][::-1]]),
}


def lines(dtype: str, n: int) -> Iterator[np.ndarray]:
    """Without and with equal elements, in order and against it, with what floats have besides numbers."""
    x = RNG.standard_normal(n) * 100
    for line in (x, np.round(x / 50), np.sort(x), np.sort(x)[::-1]):
        yield (np.abs(line) if dtype[0] in "ub" else line).astype(dtype)
    if dtype.startswith("float"):
        special = RNG.choice(np.array([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1.0]), n)
        yield special.astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int8", "uint64", "bool"])
def test_order(dtype: str) -> None:
    x = T.vector("x", dtype=dtype)
    f = sc.function([x], [T.sort(x), T.argsort(x)])
    for n in LENGTHS:
        for line in lines(dtype, n):
            found, places = f(line)
            expected = np.argsort(line, kind="stable")
            np.testing.assert_array_equal(places, expected)
            assert found.tobytes() == line[expected].tobytes(), (n, line)


@pytest.mark.parametrize("part", PARTS)
def test_parts(part: str) -> None:
    for dtype in ("float64", "int64"):
        x = T.vector("x", dtype=dtype)
        f = sc.function([x, K], [PARTS[part](T.sort(x), K), PARTS[part](T.argsort(x), K)], on_unused_input="ignore")
        for n in [n for n in LENGTHS if n > 3]:
            for line, k in ((line, k) for line in lines(dtype, n) for k in {1, 3, n // 2}):
                expected = np.argsort(line, kind="stable")
                for found, whole in zip(f(line, k), (line[expected], expected), strict=True):
                    assert found.tobytes() == numpy_part(part, whole, k).tobytes(), (n, k, line)


def numpy_part(part: str, whole: np.ndarray, k: int) -> np.ndarray:
    n = len(whole)
    places = {"first": range(k), "last": range(n - k, n), "from the last": range(n - 1, n - 1 - k, -1),
              "middle": range(k, n - k), "window": range(k, min(k + 5, n)), "two": (k, n - k),
              "both ends": (*range(k), *range(n - 1, n - 1 - k, -1))}.get(part, n // 2)
    return np.asarray(whole[list(places) if not isinstance(places, int) else places])


def test_parts_of_lines() -> None:
    x = T.dmatrix("x")
    f = sc.function([x], [T.sort(x, axis=0)[-3:, ::-1], T.argsort(x, axis=1)[:, 2:4], T.sort(x, axis=1)[1, 5],
                          T.median(x, axis=1)])
    for data in (np.round(RNG.standard_normal((7, 90)) * 9), np.round(RNG.standard_normal((90, 7)) * 9)):
        expected = [np.sort(data, 0)[-3:, ::-1], np.argsort(data, 1, kind="stable")[:, 2:4], np.sort(data, 1)[1, 5],
                    np.median(data, axis=1)]
        for found, value in zip(f(data), expected, strict=True):
            np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("level", levels())
def test_every_level_selects_and_so_do_its_loops(level: str) -> None:
    x, n = T.dvector("x"), 100
    with sc.change_flags(cpu=level):
        f = sc.function([x], [T.argsort(x)[:3], T.sort(x)[-20:], T.sort(x)[n // 2], T.argsort(x)])
    for line in lines("float64", n):
        expected = np.argsort(line, kind="stable")
        wanted = [expected[:3], line[expected[-20:]], line[expected[n // 2]], expected]
        by_loops = run_program(f.compiled.module, "function", [line])
        for found, looped, value in zip(f(line), by_loops, wanted, strict=True):
            assert found.tobytes() == value.tobytes() == looped.tobytes()


def test_the_place_of_an_extreme_in_a_step() -> None:
    """Of few numbers, of equal ones, zeros of both signs and NaN the first: a search that is one loop."""
    x = T.dmatrix("x")
    places, _ = sc.scan(lambda row, s: T.argmin(T.set_subtensor(row[s % 2], row[0])), sequences=x,
                        outputs_info=T.constant(np.int64(0)))
    f = sc.function([x], places)
    for n in (2, 3, 5, 8, 9, 33):
        data = RNG.choice(np.array([0.0, -0.0, 1.0, 3.0, np.nan, -np.inf]), (60, n), p=[.3, .3, .2, .1, .05, .05])
        place = 0
        for row, found in zip(data.copy(), f(data), strict=True):
            row[place % 2] = row[0]
            place = int(np.argmin(row))
            assert place == found, (n, row)


def test_a_beam_sorts_no_candidate_twice() -> None:
    """A step that keeps the best of many has no array of sorted candidates."""
    x, best = T.dmatrix("x"), T.dvector("best")
    states, _ = sc.scan(lambda row, s: T.sort(T.concatenate([s, row]))[:s.shape[0]], sequences=x, outputs_info=best)
    f = sc.function([x, best], states[-1])
    assert "places" in f.ir("scan") and any(r.pass_name == "partial-sort" and r.done for r in f.remarks())
    data = RNG.standard_normal((20, 200))
    np.testing.assert_array_equal(f(data, np.full(5, np.inf)), np.sort(data, axis=None)[:5])
