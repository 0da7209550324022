"""The place of an extreme of many numbers, searched in lanes: the first one, a NaN first of all."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T


def samples(dtype: str, n: int) -> list[np.ndarray]:
    """With equal numbers, zeros of both signs, NaN, and the least number everywhere."""
    rng = np.random.default_rng(n)
    some = rng.integers(0, 2 if dtype == "bool" else 5, n).astype(dtype)
    if dtype == "bool" or dtype.startswith("u"):
        return [some, np.zeros(n, dtype), np.ones(n, dtype)]
    if dtype.startswith("int"):
        return [some, -some, np.full(n, np.iinfo(dtype).min, dtype), np.full(n, np.iinfo(dtype).max, dtype)]
    zeros = np.where(rng.random(n) < 0.5, 0.0, -0.0).astype(dtype)
    with_nan = some - 2
    with_nan[rng.integers(0, n, 2)] = np.nan
    return [some - 2, zeros, with_nan, np.full(n, -np.inf, dtype), np.full(n, np.nan, dtype)]


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "int64", "uint64", "float32", "float64"])
def test_places_are_numpy_s(dtype: str) -> None:
    x = T.vector("x", dtype=dtype)
    f = sc.function([x], [x.argmax(), x.argmin(), *T.max_and_argmax(x)])
    for n in (1, 8, 31, 32, 33, 40, 200):
        for given in samples(dtype, n):
            highest, lowest, extreme, place = f(given)
            assert (highest, lowest, place) == (given.argmax(), given.argmin(), given.argmax())
            np.testing.assert_array_equal(extreme, given.max())


def test_a_search_in_a_step_runs_in_lanes() -> None:
    """What was used least recently goes: a cache's step has two searches, one of truths (the other is combined)."""
    requests, ways = T.lvector("requests"), 64

    def step(now, tag, tags, used):  # type: ignore[no-untyped-def]
        hits = T.eq(tags, tag)
        way = T.switch(hits.any(), hits.argmax(), used.argmin())
        return T.set_subtensor(tags[way], tag), T.set_subtensor(used[way], now), hits.any()

    empty = T.zeros((ways,), dtype="int64") - 1
    (_, _, hits), _ = sc.scan(step, [T.arange(requests.shape[0]), requests], [empty, empty, None])
    f = sc.function([requests], hits.sum())
    assert any("in lanes, after the extreme" in str(remark) for remark in f.remarks())
    given = np.random.default_rng(1).integers(0, 100, 500)
    known: list[int] = []
    n_hits = 0
    for request in given.tolist():
        n_hits += request in known
        known = [request, *(other for other in known if other != request)][:ways]
    assert f(given) == n_hits
