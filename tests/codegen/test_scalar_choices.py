"""Extremes of numbers and choices by them, as states: NaN and zeros of both signs, whatever form a processor has."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

CPUS = ("native", *levels())
SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, np.inf, -np.inf, 1e-310, np.nan]
STEPS = {
    "maximum": (lambda x, h: T.maximum(h, x), lambda x, h: h if h > x or h != h else x),
    "minimum": (lambda x, h: T.minimum(x, h), lambda x, h: x if x < h or x != x else h),
    "a sum or its term": (lambda x, h: T.maximum(x, h + x), lambda x, h: x if x > h + x or x != x else h + x),
    "a term or its difference": (lambda x, h: T.minimum(h, abs(x * h - x)), lambda x, h: h if (
        h < abs(x * h - x) or h != h) else abs(x * h - x)),
    "at least 0": (lambda x, h: T.maximum(x - h, 0.0), lambda x, h: x - h if x - h > 0 or x != x or h != h or (
        x - h != x - h) else 0.0),
    "at most 0": (lambda x, h: T.minimum(x - h, 0.0), lambda x, h: 0.0 if x - h >= 0 else x - h),
    "at least -0": (lambda x, h: T.maximum(x * h, -0.0), lambda x, h: -0.0 if x * h <= 0 else x * h),
    "0 or more": (lambda x, h: T.maximum(0.0, x * h), lambda x, h: 0.0 if x * h < 0 else x * h),
    "at most 2": (lambda x, h: T.minimum(x + h, 2.0), lambda x, h: 2.0 if x + h > 2 else x + h),
    "less": (lambda x, h: T.switch(h < x, x + h, h - 1), lambda x, h: x + h if h < x else h - 1),
    "at least": (lambda x, h: T.switch(T.ge(h, x), x, -h), lambda x, h: x if h >= x else -h),
    "unequal": (lambda x, h: T.switch(T.neq(h, x), x * 2, h + 1), lambda x, h: x * 2 if h != x else h + 1),
    "not less": (lambda x, h: T.switch(T.invert(h < x), x * 2, h), lambda x, h: h if h < x else x * 2),
    "reset": (lambda x, h: T.switch(abs(h + x) > 3, 0.0, h + x), lambda x, h: 0.0 if abs(h + x) > 3 else h + x),
    "read elsewhere": (lambda x, h: T.switch(h < x, x + h, h - 1) + T.cast(h < x, h.dtype),
                       lambda x, h: x + h + 1 if h < x else h - 1),
    "two": (lambda x, h: T.switch((h > x) & (x > 0), h, x), lambda x, h: h if h > x and x > 0 else x),
}


@pytest.fixture(params=CPUS)
def cpu(request: pytest.FixtureRequest) -> Iterator[str]:
    with sc.change_flags(cpu=request.param):
        yield request.param


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", STEPS)
def test_step(name: str, dtype: str, cpu: str) -> None:
    """From each special value to each other one: two steps of one state."""
    step, meaning = STEPS[name]
    x, start = T.vector("x", dtype=dtype), T.scalar("start", dtype=dtype)
    rows, _ = sc.scan(lambda x, h: T.cast(step(x, h), dtype), sequences=x, outputs_info=start)
    f, real = sc.function([x, start], rows), np.dtype(dtype).type
    with np.errstate(all="ignore"):
        for first in map(real, SPECIAL):
            for second in map(real, SPECIAL):
                got, state = f(np.array([second, first], dtype), first), first
                for value, x_t in zip(got, (second, first), strict=True):
                    state = real(meaning(x_t, state))
                    same = value == state and math.copysign(1, value) == math.copysign(1, state)
                    assert same or (np.isnan(value) and np.isnan(state)), (first, second, got)
