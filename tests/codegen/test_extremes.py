"""Extremes that a step chooses, and what it keeps of where they were: the bits of one step after the other, which of
equal numbers counts, and what a NaN does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels, local

LENGTHS = (0, 1, 2, 7, 8, 9, 63, 64, 65, 200)
# the comparison, and whether the state is kept where it holds
CHOICES: dict[str, Callable[..., tuple[Any, bool]]] = {
    "the first maximum": lambda v, m: (v > m, False), "the last maximum": lambda v, m: (v >= m, False),
    "the first minimum": lambda v, m: (v < m, False), "the last minimum": lambda v, m: (m >= v, False),
    "the first that is not less": lambda v, m: (m >= v, True),
    "the last that is not more": lambda v, m: (v > m, True),
}


def combined(f: Any) -> int:
    return sum(r.pass_name == "parallel-prefix" and r.done for r in f.remarks)


def build(name: str, dtype: str, *, rows: bool = True, backwards: bool = False, **options: Any) -> Any:
    """An extreme, the number of its step, and what another vector had there."""
    x, y, first = T.vector("x", dtype=dtype), T.dvector("y"), T.scalar("first", dtype=dtype)

    def step(v: Any, i: Any, w: Any, m: Any, at: Any, brought: Any) -> Any:
        condition, keeps = CHOICES[name](v, m)

        def choice(new: Any, old: Any) -> Any:
            return T.switch(condition, old, new) if keeps else T.switch(condition, new, old)
        return choice(v, m), choice(i, at), choice(w, brought)
    start = [first, T.constant(np.int64(-1)), T.constant(0.5)]
    found, _ = sc.scan(step, [x, T.arange(x.shape[0]), y], start, go_backwards=backwards)
    if not rows:
        found = [T.concatenate([s[None], row])[-1] for s, row in zip(start, found, strict=True)]
    return sc.function([x, y, first], found, **options)


def numbers(rng: Any, dtype: str, n: int) -> Any:
    """Few of them, so that there are equal ones."""
    if dtype == "float32":
        return rng.choice(np.array([0.0, -0.0, 1.5, -2, np.inf, -np.inf, np.nan], dtype), n,
                          p=[.2, .2, .2, .2, .09, .09, .02])
    return rng.integers(0, 6, n).astype(dtype)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "int32", "int8", "uint16"])
@pytest.mark.parametrize("name", CHOICES)
def test_bits_of_one_step_after_the_other(name, dtype, backwards):
    for rows in (True, False):
        f = build(name, dtype, rows=rows, backwards=backwards)
        reference = build(name, dtype, rows=rows, backwards=backwards, mode="reference")
        assert combined(f)
        rng = np.random.default_rng(3)
        for n in LENGTHS:
            x, y, first = numbers(rng, dtype, n), rng.normal(size=n), numbers(rng, dtype, 1)[0]
            for found, expected in zip(f(x, y, first), reference(x, y, first), strict=True):
                np.testing.assert_array_equal(found, expected)
                np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("level", levels())
def test_at_every_level_of_features(level):
    for name in CHOICES:
        with sc.change_flags(cpu=level):
            f, reference = build(name, "float32"), build(name, "float32", mode="reference")
        rng = np.random.default_rng(4)
        x, y = numbers(rng, "float32", 200), rng.normal(size=200)
        for found, expected in zip(f(x, y, 1), reference(x, y, 1), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_what_waits_for_the_extreme_does_not_come_with_it():
    """The record before, and a sum that the extreme adds to."""
    x = T.fvector("x")

    def step(v: Any, m: Any, before: Any, total: Any, held: Any) -> Any:
        condition = v > m
        return (T.switch(condition, v, m), T.switch(condition, m, before), total + T.cast(condition, "int32"),
                T.switch(condition, total, held))
    start = [T.constant(np.float32(0)), T.constant(np.float32(0)), T.constant(np.int32(0)), T.constant(np.int32(0))]
    f, reference = (sc.function([x], sc.scan(step, x, start)[0], mode=mode) for mode in (None, "reference"))
    for n in LENGTHS:
        value = np.random.default_rng(n).normal(size=n).astype("float32")
        for found, expected in zip(f(value), reference(value), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("level", levels())
def test_numbers_of_64_bits(level):
    """In groups where vectors have 256 bits at least."""
    for name, dtype in (("the first maximum", "float64"), ("the last minimum", "int64")):
        with sc.change_flags(cpu=level):
            f, reference = build(name, dtype), build(name, dtype, mode="reference")
            assert combined(f) == (local().vector_bytes >= 32)
        rng = np.random.default_rng(5)
        for n in LENGTHS:
            x, y = numbers(rng, "float32" if dtype == "float64" else dtype, n).astype(dtype), rng.normal(size=n)
            for found, expected in zip(f(x, y, 1), reference(x, y, 1), strict=True):
                np.testing.assert_array_equal(found, expected)
                np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int32", "uint8"])
def test_the_place_of_an_extreme_is_searched_in_lanes(dtype, level):
    """Of equal numbers the first, of which zeros of both signs are two; a NaN before all, and the first of these."""
    x = T.vector("x", dtype=dtype)
    found = [T.argmax(x), T.argmin(x), T.argmax(x[::-1]), T.argmin(abs(x))]
    with sc.change_flags(cpu=level):
        f, reference = sc.function([x], found), sc.function([x], found, mode="reference")
    assert combined(f) >= 3 or dtype.endswith("64")
    rng = np.random.default_rng(6)
    for n in (1, 2, 7, 8, 9, 64, 65, 200):
        for _ in range(5):
            value = numbers(rng, "float32" if dtype == "float64" else dtype, n).astype(dtype)
            assert [int(p) for p in f(value)] == [int(p) for p in reference(value)]
            value[~(abs(value) < 9)] = 0
            assert [int(p) for p in f(value)] == [int(p) for p in reference(value)]


WINDOWS: dict[str, Callable[[Any], Any]] = {
    "the last": lambda h: h[-1:], "the last ones": lambda h: h[-3:], "from one on": lambda h: h[100:],
    "without the last": lambda h: h[:-2], "the first": lambda h: h[:50], "in the middle": lambda h: h[20:-20],
}


@pytest.mark.parametrize("name", WINDOWS)
def test_rows_of_some_steps_are_kept_of_steps_that_are_combined(name):
    x, y = T.vector("x", dtype="int32"), T.vector("y", dtype="float32")

    def build(**options: Any) -> Any:
        (most, total), _ = sc.scan(lambda v, w, m, s: (T.maximum(m, v), s + v), [x, y],
                                   [T.constant(np.int32(-9)), T.constant(np.int32(0))])
        last, _ = sc.scan(lambda v, w, s: T.switch(w > 0, v, s), [x, y], T.constant(np.int32(5)))
        return sc.function([x, y], [WINDOWS[name](most), total[-1:], WINDOWS[name](last), last[-1:]], **options)
    f, reference = build(), build(mode="reference")
    rng = np.random.default_rng(8)
    for n in (0, 1, 2, 3, 7, 8, 9, 41, 99, 100, 101, 200):
        values = rng.integers(-99, 99, n).astype("int32"), rng.normal(size=n).astype("float32")
        for found, expected in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_array_equal(found, expected)
