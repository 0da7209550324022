"""Rounds in which a mask has a loop do nothing: left out, with the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags

MASKS: dict[str, Callable[..., Any]] = {
    "before": lambda k, t, b: k < t, "up to": lambda k, t, b: k <= t, "behind": lambda k, t, b: k > t,
    "not before": lambda k, t, b: ~(k < t), "here": lambda k, t, b: T.eq(k, t),
    "window": lambda k, t, b: (k < t) & (k >= t - 5), "two windows": lambda k, t, b: (k < t - 4) | (k > t),
    "any number": lambda k, t, b: k <= b, "before any number": lambda k, t, b: k + 1 < b,
    "behind any number": lambda k, t, b: k - 3 > b, "from any number": lambda k, t, b: b - k > 2,
}
FARTHEST = [2**63 - 1, -2**63, 2**62, -2**63 + 1, 2**63 - 4]


def _reduced(dtype: str, mask: Callable[..., Any], other: float, leave_out: str = "") -> sc.Function:
    x, b = T.vector("x", dtype=dtype), T.lvector("b")
    k = T.arange(x.shape[0])

    def step(t: Any, bound: Any) -> list[Any]:
        chosen = mask(k, t, bound)
        value = T.switch(chosen, x, np.asarray(other, dtype))
        return [T.sum(value), T.max(value), T.min(value), T.any(value > 0), T.sum(T.cast(chosen, "int64")), value[0]]
    ys, _ = sc.scan(step, sequences=[k, b])
    with change_flags(leave_out=leave_out):
        return sc.function([x, b], ys)


def _bits(arrays: list[np.ndarray]) -> list[bytes]:
    return [np.asarray(a).tobytes() for a in arrays]


@pytest.mark.parametrize("dtype, other", [("float64", -0.0), ("int64", -1)])
@pytest.mark.parametrize("name", MASKS)
def test_no_bit_changes(name: str, dtype: str, other: float) -> None:
    narrowed, whole = (_reduced(dtype, MASKS[name], other, out) for out in ("", "masked-rounds"))
    rng = np.random.default_rng(3)
    for n in (5, 17, 150, 600):
        x = (4 * rng.normal(size=n)).astype(dtype)
        x[rng.random(n) < 0.3] = -0.0 if dtype == "float64" else 0
        bound = rng.integers(-3, n + 4, n)
        bound[:len(FARTHEST)] = FARTHEST
        assert _bits(narrowed(x, bound)) == _bits(whole(x, bound))


def test_nan_and_negative_zeros_are_as_they_were() -> None:
    narrowed, whole = (_reduced("float64", MASKS["before"], 0.0, out) for out in ("", "masked-rounds"))
    for x in (np.full(40, -0.0), np.where(np.arange(40) == 17, np.nan, -0.0), np.full(40, -np.inf)):
        made = narrowed(x, np.zeros(40, np.int64)), whole(x, np.zeros(40, np.int64))
        np.testing.assert_array_equal(*(np.signbit(ys[0]) for ys in made))
        for one, other in zip(*made, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_longest_increasing_subsequence_reads_what_has_been() -> None:
    x = T.vector("x")
    n = x.shape[0]

    def step(t: Any, best: Any) -> Any:
        before = T.switch((T.arange(n) < t) & (x < x[t]), best, 0)
        return T.set_subtensor(best[t], T.max(before) + 1)
    best, _ = sc.scan(step, sequences=T.arange(n), outputs_info=T.zeros((n,), dtype="int64"))
    f = sc.function([x], best[-1].max())
    assert f.remarks("masked-rounds", done=True)
    numbers = np.random.default_rng(0).normal(size=150)
    tails: list[float] = []
    for v in numbers:
        place = int(np.searchsorted(tails, v))
        tails[place:place + 1] = [v]
    assert f(numbers) == len(tails)


def test_what_a_mask_puts_back_is_not_written() -> None:
    x, p = T.vector("x"), T.lscalar("p")

    def step(t: Any, h: Any) -> Any:
        k = T.arange(h.shape[0])
        return T.switch((k >= t) & (k < t + p), 0.5 * h + T.max(h), h)
    h, _ = sc.scan(step, sequences=T.arange(5), outputs_info=x)
    f = sc.function([x, p], h[-1])
    assert f.remarks("masked-rounds", done=True)
    for width in (-1, 0, 3, 200, 2**63 - 3):
        expected = np.arange(90.0)
        for t in range(5):
            inside = [t <= k < t + width if t + width < 2**63 else False for k in range(90)]
            expected = np.where(inside, 0.5 * expected + expected.max(), expected)
        np.testing.assert_array_equal(f(np.arange(90.0), width), expected)
