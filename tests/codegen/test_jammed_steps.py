"""Steps over rows that `unroll-and-jam` takes four at a time: the same bits as one by one, at every level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels
from scancc.config import change_flags


def taps(*lags: int) -> Callable[..., Any]:
    """A state with these lags."""
    return lambda start: {"initial": start[:-min(lags)], "taps": list(lags)}


def scan(step: Callable[..., Any], sequences: Any, states: Any, *others: Any) -> Any:
    return sc.scan(step, sequences=sequences, outputs_info=states, non_sequences=list(others))[0]


PROGRAMS: dict[str, Callable[..., Any]] = {
    "one lag": lambda x, a, start: scan(lambda x, h, a: a * h + x, x, start[0], a),
    "last row": lambda x, a, start: scan(lambda x, h, a: a * h + x, x, start[0], a)[-1],
    "two lags": lambda x, a, start: scan(lambda x, h, g, a: a * h + g / 4 + x, x, taps(-1, -2)(start), a),
    "long lags": lambda x, a, start: scan(lambda x, h, g, a: a * h + g / 4 + x, x, taps(-1, -3)(start), a),
    "only an old lag": lambda x, a, start: scan(lambda x, h, a: a * h + x, x, taps(-2)(start), a),
    "two states": lambda x, a, start: scan(lambda x, h, g, a: (a * h + g, x - h), x, [start[0], start[1]], a),
    "exchanged": lambda x, a, start: scan(lambda x, h, g, a: (g + x, a * h), x, [start[0], start[1]], a)[1][-1],
    "neighbours": lambda x, a, start: scan(lambda x, h, a: a * T.roll(h, 1) + x, x, start[0], a),
    "backwards": lambda x, a, start: scan(lambda x, h, a: a * h[::-1] + x, x, start[0], a),
    "a sequence reversed": lambda x, a, start: scan(lambda x, h, a: a * h + x, x[::-1], start[0], a)[::-1],
    "with a number": lambda x, a, start: scan(lambda x, u, h, a: a * h + u * x, [x, x[:, 0]], start[0], a),
    "first rows before": lambda x, a, start: T.concatenate([start[:1], scan(
        lambda x, h, a: a * h + x, x, start[0], a)]),
    "rows of what it reads": lambda x, a, start: scan(lambda x, y, h: h + x * y, [x, x[1:]], start[0]),
    "a choice": lambda x, a, start: scan(lambda x, h, a: T.switch(h > x, a * h, x), x, start[0], a),
    "columns": lambda x, a, start: scan(lambda x, h: h / 2 + x, x.T, x[:, 0]),
    "gradient": lambda x, a, start: T.grad((scan(lambda x, h, a: a * h + x, x, start[0], a) ** 2).sum(), [x, a]),
}


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("name", PROGRAMS)
def test_steps_side_by_side(name: str, level: str) -> None:
    for dtype in ("float64", "float32"):
        x, a, start = T.matrix("x", dtype=dtype), T.vector("a", dtype=dtype), T.matrix("start", dtype=dtype)
        with change_flags(cpu=level):
            results = PROGRAMS[name](x, a, start)
            several = sc.function([x, a, start], results, on_unused_input="ignore")
            with change_flags(leave_out="unroll-and-jam"):
                one = sc.function([x, a, start], results, on_unused_input="ignore")
        rng = np.random.default_rng(len(name))
        for steps in (1, 2, 4, 7, 8, 13):
            for length in (1, 3, 8, 33):
                values = [rng.normal(size=shape).astype(dtype) for shape in ((steps, length), length, (3, length))]
                for found, wanted in zip(_listed(several(*values)), _listed(one(*values)), strict=True):
                    assert found.tobytes() == wanted.tobytes()


def _listed(result: Any) -> list[Any]:
    return result if isinstance(result, list) else [result]


@pytest.mark.parametrize("steps", [0, 1, 5, 8])
def test_against_the_reference(steps: int) -> None:
    x, a, start = T.matrix("x"), T.vector("a"), T.matrix("start")
    rows = PROGRAMS["two lags"](x, a, start)
    rng = np.random.default_rng(steps)
    values = [rng.normal(size=shape) for shape in ((steps, 19), 19, (3, 19))]
    np.testing.assert_allclose(sc.function([x, a, start], rows)(*values),
                               sc.function([x, a, start], rows, mode="reference")(*values), rtol=1e-12)


def test_more_than_the_caches_hold() -> None:
    """The loop that is left over does all steps."""
    x, a, start = T.matrix("x"), T.vector("a"), T.matrix("start")
    rows = PROGRAMS["one lag"](x, a, start)
    f = sc.function([x, a, start], rows)
    values = np.ones((300, 2000)), np.full(2000, 0.5), np.ones((3, 2000))
    np.testing.assert_array_equal(f(*values)[-1], np.full(2000, 2.0))
    assert f(*values)[0, 0] == 1.5
    assert "4 steps at a time" in str(f.remarks())


def test_rows_of_one_array_are_taken_side_by_side_at_any_size() -> None:
    a, start, n = T.vector("a"), T.vector("start"), T.iscalar("n")
    rows, _ = sc.scan(lambda h, g, a: [a * h + g, h - g / 2], outputs_info=[start, a], non_sequences=a, n_steps=n)
    f = sc.function([start, a, n], rows[0])
    with change_flags(leave_out="unroll-and-jam"):
        one = sc.function([start, a, n], rows[0])
    rng = np.random.default_rng(7)
    for length, steps in ((2000, 301), (7, 6), (9, 1)):
        values = rng.normal(size=length), rng.uniform(0.1, 0.5, length), steps
        assert f(*values).tobytes() == one(*values).tobytes()
    assert "4 steps at a time" in str(f.remarks())
