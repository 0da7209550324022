"""States of few numbers are registers, whatever they become: each other, their own parts, what was kept of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

P, Q, X = np.array([1.0, -2.0, 0.5]), np.array([0.25, 3.0, -1.0]), np.random.default_rng(4).normal(size=(9, 3))

# of a row and two states: what these become
STEPS: dict[str, Callable[..., Any]] = {
    "each the other": lambda x, p, q: (q, p),
    "one what the other was": lambda x, p, q: (p * 0.5 + x, p),
    "the other what one was": lambda x, p, q: (q, q * p + x),
    "turned": lambda x, p, q: (p[::-1], q[::-1] + x),
    "turned into each other": lambda x, p, q: (q[::-1], p[::-1]),
    "moved by one": lambda x, p, q: (T.concatenate([p[1:], x[:1]]), T.concatenate([q[2:], p[:2]])),
    "unchanged": lambda x, p, q: (p, q + p * x),
    "an element set": lambda x, p, q: (T.set_subtensor(p[1], x[0]), T.inc_subtensor(q[:2], p[1:])),
    "a window made anew": lambda x, p, q: (T.set_subtensor(p[1:-1], p[2:] + p[:-2]),
                                           T.set_subtensor(q[1:], q[:-1] + x[1:])),
    "a choice": lambda x, p, q: (T.switch(x[0] > 0, p, q), T.ifelse(x[1] > 0, q, p)),
    "the row": lambda x, p, q: (x, p),
    "what never changes": lambda x, p, q: (T.ones_like(p) * 2, p + q),
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize(("kept", "n"), [("rows", 0), *((kept, n) for kept in ("rows", "last", "one of them", "some")
                                                        for n in (1, 9))])
def test_states_of_few_numbers(name, kept, n):
    p, q, x = T.vector("p", shape=(3,)), T.vector("q", shape=(3,)), T.matrix("x", shape=(None, 3))
    (ps, qs), _ = sc.scan(STEPS[name], x, [p, q])
    outputs = {"rows": [ps, qs], "last": [ps[-1], qs[-1]], "one of them": [ps, qs[-1]], "some": [ps[-3:], qs[::2]]}
    compare([p, q, x], outputs[kept], P, Q, X[:n])


def compare(inputs: list[Any], outputs: list[Any], *values: Any) -> None:
    found = sc.function(inputs, outputs)(*values)
    expected = sc.function(inputs, outputs, mode="reference")(*values)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-14)


def test_taps_of_rows_and_a_state_that_is_what_was_a_tap():
    p, q, x = T.matrix("p", shape=(2, 3)), T.vector("q", shape=(3,)), T.matrix("x", shape=(None, 3))
    (ps, qs), _ = sc.scan(lambda x, p2, p1, q: (q, p1 + p2 * x), x, [{"initial": p, "taps": [-2, -1]}, q])
    compare([p, q, x], [ps, qs], np.stack([P, Q]), Q, X)
    compare([p, q, x], [ps[-1], qs[-1]], np.stack([P, Q]), Q, X)


def test_a_nest_whose_inner_scan_goes_on_from_the_outer_state_and_one_that_stops():
    A, p, x = T.matrix("A", shape=(3, 3)), T.vector("p", shape=(3,)), T.matrix("x", shape=(None, 3))

    def outer(x: Any, p: Any, before: Any) -> Any:
        inner, _ = sc.scan(lambda s, r: (T.dot(A, s), s), outputs_info=[p + x, before], n_steps=3)
        return inner[0][-1], p + inner[1][-1]
    (ps, qs), _ = sc.scan(outer, x, [p, T.zeros(3)])
    stopped, _ = sc.scan(lambda x, s, r: ([T.dot(A, s) + x, s], sc.until(s.sum() > 2)), x, [p, T.zeros(3)])
    matrix = np.random.default_rng(7).normal(size=(3, 3)) / 3
    compare([A, p, x], [ps, qs, *stopped, stopped[0][-1], sc.grad((ps * qs).sum(), A)], matrix, P, X)


def test_a_state_of_few_numbers_is_no_memory():
    A, p, x = T.matrix("A", shape=(2, 2)), T.vector("p", shape=(2,)), T.matrix("x", shape=(None, 2))
    rows, _ = sc.scan(lambda x, s: T.dot(A, s) + x, x, p)
    for kept in (rows, rows[-1]):
        loop = sc.function([A, p, x], kept).dump("loop")
        assert "alloca f64[2]" in loop and "carry(" not in loop.partition("for %t")[2]


@pytest.mark.parametrize("sign", [1, -1])
def test_what_a_branch_chose_is_not_written_over(sign: int) -> None:
    """A branch that exchanges a state with an array from outside gives the chain of the state its own memory."""
    p, fixed = T.vector("p", shape=(3,)), T.vector("fixed", shape=(3,))

    def exchanged(s: Any, r: Any, fixed: Any, kept: Any) -> Any:
        one, other = sc.ifelse(kept.sum() > 0, [r, kept], [kept, r])
        return s + one, other + fixed

    (ps, qs), _ = sc.scan(exchanged, outputs_info=[p, 2 * p], non_sequences=[fixed, T.exp(p) * sign], n_steps=4)
    compare([p, fixed], [ps[-1], qs[-1], ps], P, Q)
