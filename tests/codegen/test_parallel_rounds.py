"""Inner scans over windows of a state, whose rounds may depend on others: with vectors and without, the same bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags

put, add = T.set_subtensor, T.inc_subtensor

ROUNDS: dict[str, Callable[..., Any]] = {
    "read at the first": lambda q, i, k, c: put(q[i + k], q[i] + 1),
    "read before": lambda q, i, k, c: put(q[i + k], q[i - 1] + c),
    "read in the middle": lambda q, i, k, c: put(q[i + k], q[i + 3] + c),
    "read at the last": lambda q, i, k, c: put(q[i + k], q[i + 6] * 2),
    "read at another place": lambda q, i, k, c: put(q[i + k], q[40 - i] + c),
    "added": lambda q, i, k, c: add(q[i + k], c),
    "multiplied by the counter": lambda q, i, k, c: put(q[i + k], q[i + k] * T.cast(k, q.dtype) + c),
    "from the one after": lambda q, i, k, c: put(q[i + k], q[i + k + 1] + c),
    "from the one before": lambda q, i, k, c: put(q[i + k], q[i + k - 1] + c),
    "from seven behind": lambda q, i, k, c: put(q[i + k], q[i + k + 7] + c),
    "from seven before": lambda q, i, k, c: put(q[i + k + 7], q[i + k] + c),
    "to two": lambda q, i, k, c: put(put(q[i + k], c)[i + k + 9], q[i + k]),
    "to neighbours": lambda q, i, k, c: put(put(q[i + k], c)[i + k + 1], 2 * c),
    "backwards": lambda q, i, k, c: put(q[i + 9 - k], q[i + 9] + c),
    "only one": lambda q, i, k, c: put(q[i], q[i + k] + c),
    "by choice": lambda q, i, k, c: put(q[i + k], T.switch(q[i] > c, q[i + k], c)),
    "a function": lambda q, i, k, c: put(q[i + k], T.cast(T.exp(-q[i + k]) + k / 3, q.dtype)),
}
OTHERS = "parallel-rounds,scalar-replacement,guard-indices"


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@pytest.mark.parametrize("name", ROUNDS)
def test_windows(name: str, dtype: str) -> None:
    i, p, c = T.lvector("i"), T.vector("p", dtype=dtype), T.vector("c", dtype=dtype)
    step = ROUNDS[name]
    rng = np.random.default_rng(len(name))
    start, added = (10 * rng.random(60)).astype(dtype), (3 * rng.random(24)).astype(dtype)
    for length in (1, 2, 5, 7, 8, 12, 23, None):
        def outer(a: Any, p: Any, length: int | None = length) -> Any:
            part = c if length is None else c[:length]
            counts = T.arange(24 if length is None else length)
            return sc.scan(lambda k, x, q, a: T.cast(step(q, a, k, x), dtype), sequences=[counts, part],
                           outputs_info=p, non_sequences=a)[0][-1]
        rows = sc.scan(outer, sequences=i, outputs_info=p)[0][-1]
        native, reference = sc.function([i, p, c], rows), sc.function([i, p, c], rows, mode="reference")
        with change_flags(leave_out=OTHERS):
            plain = sc.function([i, p, c], rows)
        places = np.array([2, 20, 5, 3])
        found = native(places, start, added)
        assert found.tobytes() == plain(places, start, added).tobytes()
        np.testing.assert_allclose(found, reference(places, start, added), rtol=1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("name", ["read at the first", "added", "from the one before", "read before"])
def test_numbers_of_rounds_known_when_it_runs(name: str) -> None:
    i, p, n = T.lscalar("i"), T.dvector("p"), T.lscalar("n")
    step = ROUNDS[name]

    def outer(t: Any, q: Any) -> Any:
        return sc.scan(lambda k, q: step(q, i + t, k, 0.5), sequences=T.arange(n), outputs_info=q)[0][-1]
    rows = sc.scan(outer, sequences=T.arange(3), outputs_info=p)[0][-1]
    native, reference = sc.function([i, p, n], rows), sc.function([i, p, n], rows, mode="reference")
    for rounds in (1, 2, 3, 8, 9, 20, 31, 32, 33, 35, 40):
        for place in (1, 3):
            outcomes = []
            for f in (native, reference):
                try:
                    outcomes.append(f(place, np.arange(36.0), rounds).tolist())
                except IndexError:
                    outcomes.append("outside")
            assert outcomes[0] == outcomes[1], (rounds, place)
