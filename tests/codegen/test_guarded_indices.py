"""Indices that one test before a step covers: at both ends of an array, from its end, and outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags

put, add = T.set_subtensor, T.inc_subtensor
N = 12
FAR = [2**63 - 1, 2**63 - 4, -(2**63), -(2**63) + 3, 2**32, -(2**32)]
EDGES = [*range(-N - 4, N + 5), *FAR]


def inner(i: Any, p: Any, steps: int = 5) -> Any:
    return sc.scan(lambda k, q, i: put(q[i + k], q[i] + 0.25), sequences=T.arange(steps), outputs_info=p,
                   non_sequences=i)[0][-1]


def down(i: Any, p: Any) -> Any:
    """Each of four elements becomes the one before it, from the last on."""
    return sc.scan(lambda k, q, i: put(q[i - k], 0.5 * q[i - k - 1]), sequences=T.arange(4), outputs_info=p,
                   non_sequences=i)[0][-1]


def nested(i: Any, p: Any) -> Any:
    """Two loops inside a step: their counters are both in the index."""
    def row(r: Any, q: Any, i: Any) -> Any:
        return sc.scan(lambda k, q, r, i: put(q[i + 3 * r + k], q[i + k] + 1), sequences=T.arange(3), outputs_info=q,
                       non_sequences=[r, i])[0][-1]
    return sc.scan(row, sequences=T.arange(2), outputs_info=p, non_sequences=i)[0][-1]


STEPS: dict[str, Callable[[Any, Any], Any]] = {
    "an inner scan writes": inner,
    "an inner scan writes once": lambda i, p: inner(i, p, 1),
    "an inner scan goes down": down,
    "two inner scans": nested,
    "neighbours": lambda i, p: put(p[i], p[i + 1] + p[i - 1]),
    "neighbours change places": lambda i, p: put(put(p[i], p[i + 2])[i + 2], p[i]),
    "children of a heap": lambda i, p: put(p[i], T.maximum(p[2 * i + 1], p[2 * i + 2])),
    "a window moves": lambda i, p: put(p[i:i + 4], p[i + 1:i + 5]),
    "a window moves up": lambda i, p: put(p[i + 1:i + 5], 2 * p[i:i + 4]),
    "a window and what is behind it": lambda i, p: put(p[i:i + 3], p[i + 1:i + 4] + p[i + 3]),
    "a place that is read": lambda i, p: put(p[i], p[T.cast(abs(p[i + 1]), "int64") + 1] + p[i + 2]),
    "a stride": lambda i, p: put(p[i:i + 6:2], p[i + 1:i + 7:2]),
    "from the other end": lambda i, p: put(p[N - i], p[N - 1 - i] + p[i - N]),
    "a choice": lambda i, p: sc.ifelse(T.gt(p[i], p[i + 1]), put(p[i], p[i + 1] + p[i + 2]), p),
}


class Compared:
    """A function natively, with and without the tests, and by the reference, which words its errors otherwise."""

    def __init__(self, inputs: list[Any], output: Any) -> None:
        self.native = sc.function(inputs, output)
        with change_flags(leave_out="guard-indices,scalar-replacement"):
            self.plain = sc.function(inputs, output)
        self.reference = sc.function(inputs, output, mode="reference")

    def check(self, *args: Any, rtol: float = 0) -> None:
        native, plain, reference = (outcome(f, *args) for f in (self.native, self.plain, self.reference))
        if isinstance(reference, tuple):
            assert native == plain, args
            assert native[0] == reference[0], args
        else:
            assert native.tobytes() == plain.tobytes(), args
            np.testing.assert_allclose(native, reference, rtol=rtol)


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    """What a call gives: an array, or an error and what it says."""
    try:
        return f(*args)
    except (IndexError, ValueError) as error:
        return type(error).__name__, str(error), getattr(error, "__notes__", [])


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8"])
@pytest.mark.parametrize("name", STEPS)
def test_ends_of_an_array(name: str, dtype: str) -> None:
    i, p = T.vector("i", dtype=dtype), T.dvector("p")
    rows, _ = sc.scan(lambda i, p: STEPS[name](i, p), sequences=i, outputs_info=p)
    f = Compared([i, p], rows[-1])
    limits, start = np.iinfo(dtype), np.arange(N) % 5 + 0.5
    for place in EDGES:
        if limits.min <= place <= limits.max:
            places = np.array([2, place, 3], dtype)
            f.check(places, start)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("name", STEPS)
def test_short_arrays(name: str, n: int) -> None:
    i, p = T.lvector("i"), T.dvector("p")
    rows, _ = sc.scan(lambda i, p: STEPS[name](i, p), sequences=i, outputs_info=p)
    f = Compared([i, p], rows[-1])
    start = np.arange(n) % 5 + 0.5
    for place in range(-n - 2, n + 3):
        f.check(np.array([place]), start)


@pytest.mark.parametrize("lag", [-2, 0, 1, 3])
@pytest.mark.parametrize(("n", "steps"), [(9, 0), (9, 1), (9, 6), (9, 8), (9, 9), (9, 10), (0, 1), (2, 5)])
def test_places_by_the_step_number(lag: int, n: int, steps: int) -> None:
    """The test stands before the loop over time."""
    p, k = T.dvector("p"), T.lscalar("k")
    rows, _ = sc.scan(lambda t, p: put(p[t + lag], 0.5 * p[t] + 1), sequences=T.arange(k), outputs_info=p)
    Compared([p, k], rows[-1]).check(np.arange(n) + 0.5, steps)


def test_a_step_that_fails_later_says_its_number() -> None:
    i, p = T.lvector("i"), T.dvector("p")
    rows, _ = sc.scan(inner, sequences=i, outputs_info=p)
    f = sc.function([i, p], rows[-1])
    with pytest.raises(IndexError, match="index 12 is out of range for axis 0 with length 12") as caught:
        f(np.array([0, 3, 8]), np.zeros(N))
    assert any("step 4 of scan, in step 2 of scan" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("name", STEPS)
def test_gradients(name: str) -> None:
    i, p = T.lvector("i"), T.dvector("p")
    rows, _ = sc.scan(lambda i, p: STEPS[name](i, p), sequences=i, outputs_info=p)
    gradient = sc.grad((rows[-1] ** 2).sum(), p)
    f = Compared([i, p], gradient)
    start = np.arange(N) % 5 + 0.5
    for places in ([2, 5, 3], [-3, 4, -5], [0, 0, 1], [5, N, 3]):
        f.check(np.array(places), start, rtol=1e-13)
