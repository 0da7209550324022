"""Places of extremes over columns: the version without NaN, and the loop as it was where one is there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.passes.loop_versioning as loop_versioning
import scancc.tensor as T
from scancc.config import change_flags

KINDS = {"max": (T.max, T.argmax), "min": (T.min, T.argmin)}


def searches(dtype: str, kind: str, **options: Any) -> Any:
    """Extremes and their places over the first axis of a matrix, and those of a scan that adds its own."""
    x, h = T.matrix("x", dtype=dtype), T.vector("h", dtype=dtype)
    best, place = KINDS[kind]

    def step(h: Any) -> tuple[Any, Any]:
        total = h[:, None] + x
        return best(total, axis=0), place(total, axis=0)
    (rows, places), _ = sc.scan(step, outputs_info=[h, None], n_steps=3)
    return sc.function([x, h], [best(x, axis=0), place(x, axis=0), rows, places], **options)


def numbers(name: str, n: int, dtype: str) -> np.ndarray:
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, n))
    if name == "ties and zeros":
        x = rng.choice([0.0, -0.0, 1.0, -1.0], (n, n))
    elif name != "plain":
        values = {"some nan": [np.nan], "-inf": [-np.inf], "both infinities": [-np.inf, np.inf],
                  "all": [np.nan, -np.inf, np.inf, 0.0, -0.0], "large": [1e38, -1e38]}[name]
        x = np.where(rng.random((n, n)) < 0.1, rng.choice(values, (n, n)), x)
    return x.astype(dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_are_those_of_the_plain_loop(kind, dtype):
    f, reference = searches(dtype, kind), searches(dtype, kind, mode="reference")
    assert any(r.pass_name == "loop-versioning" and r.done for r in f.remarks)
    with change_flags(leave_out="loop-versioning"):
        plain = searches(dtype, kind)
    for name in ("plain", "ties and zeros", "some nan", "-inf", "both infinities", "all", "large"):
        for n in (1, 9, 40):
            x = numbers(name, n, dtype)
            with np.errstate(all="ignore"):
                wanted = reference(x, x[0])
            for found, one, other in zip(f(x, x[0]), plain(x, x[0]), wanted, strict=True):
                np.testing.assert_array_equal(found, other, err_msg=f"{name} {n}")
                assert (found.tobytes() == one.tobytes()) or np.isnan(found).any(), (name, n)


def test_more_rounds_than_places_count(monkeypatch):
    monkeypatch.setattr(loop_versioning, "MOST_ROUNDS", 7)
    with change_flags(cache=False):
        f = searches("float32", "max")
    reference = searches("float32", "max", mode="reference")
    for n in (7, 8, 33):
        x = numbers("plain", n, "float32")
        for found, wanted in zip(f(x, x[0]), reference(x, x[0]), strict=True):
            np.testing.assert_array_equal(found, wanted)
