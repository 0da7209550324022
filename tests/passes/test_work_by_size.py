"""How much work compiling is grows as the program does: counted in calls of Python, not timed."""

from __future__ import annotations

import cProfile
from collections.abc import Callable
from functools import cache

import pytest

import scancc as sc
import scancc.tensor as T
from scancc import pipeline, stages
from scancc.codegen import target as targets
from scancc.frontend.graph.variables import Variable
from scancc.frontend.program.program import make_program
from scancc.process import deep_recursion, without_collection

Graph = tuple[list[Variable], list[Variable]]
SHAPES: dict[str, Callable[[int], Graph]] = {}
FIRST = {"many_sums_of_one_scan": 16}  # lines; few sums share a loop, of which the pass compares all with all


def shape(make: Callable[[int], Graph]) -> Callable[[int], Graph]:
    SHAPES[make.__name__] = make
    return make


def _sums(x: Variable) -> Variable:
    return sc.scan(lambda x_t, h: 0.5 * h + x_t, x, T.constant(0.0))[0]


def _chain(x: Variable, n: int) -> Variable:
    for _ in range(n):
        x = T.minimum(x * 0.5, x + 1)
    return x


@shape
def a_chain_before_a_scan(n: int) -> Graph:
    x = T.vector("x")
    return [x], [_sums(_chain(x, n))[-1]]


@shape
def a_chain_behind_a_scan(n: int) -> Graph:
    x = T.vector("x")
    return [x], [_chain(_sums(x), n)]


@shape
def a_chain_that_is_summed(n: int) -> Graph:
    x = T.vector("x")
    return [x], [_chain(_sums(x), n).sum()]


@shape
def a_long_step(n: int) -> Graph:
    x = T.vector("x")
    h, _ = sc.scan(lambda x_t, h: _chain(h + x_t, n), x, T.constant(0.0))
    return [x], [h]


@shape
def differences_of_differences(n: int) -> Graph:
    x = y = T.vector("x")
    for _ in range(n):
        y = y[1:] + y[:-1]
    return [x], [y]


@shape
def differences_of_rows(n: int) -> Graph:
    x = T.vector("x")
    y = _sums(x)
    for _ in range(n):
        y = y[1:] + y[:-1]
    return [x], [y]


@shape
def a_gradient_of_a_chain(n: int) -> Graph:
    x, w = T.vector("x"), T.scalar("w")
    y = x
    for _ in range(n):
        y = T.tanh(y * w + x)
    return [x, w], sc.grad(y.sum(), [w, x])


@shape
def a_gradient_of_a_long_step(n: int) -> Graph:
    x, w = T.vector("x"), T.scalar("w")

    def step(x_t: Variable, h: Variable) -> Variable:
        for _ in range(n):
            h = T.tanh(h * w + x_t)
        return h

    h, _ = sc.scan(step, x, T.constant(0.0))
    return [x, w], sc.grad(h.sum(), [w, x])


@shape
def a_gradient_of_a_long_step_of_arrays(n: int) -> Graph:
    h0, w = T.vector("h0"), T.scalar("w")

    def step(h: Variable) -> Variable:
        for _ in range(n):
            h = T.tanh(h * w)
        return h

    h, _ = sc.scan(step, None, h0, n_steps=9)
    return [h0, w], sc.grad(h[-1].sum(), [w, h0])


@shape
def many_sequences(n: int) -> Graph:
    xs = [T.vector(f"x{i}") for i in range(n)]
    h, _ = sc.scan(lambda *rows: 0.5 * rows[-1] + sum(rows[1:-1], rows[0]), xs, T.constant(0.0))
    return xs, [h]


@shape
def many_inputs_with_gradients(n: int) -> Graph:
    x, ws = T.vector("x"), [T.scalar(f"w{i}") for i in range(n)]
    h, _ = sc.scan(lambda x_t, h, *ws: T.tanh(sum(ws[1:], ws[0]) * h + x_t), x, T.constant(0.0), ws)
    return [x, *ws], sc.grad(h.sum(), ws)


@shape
def many_states(n: int) -> Graph:
    x = T.vector("x")

    def step(x_t: Variable, *states: Variable) -> list[Variable]:
        return [0.5 * h + x_t * g for h, g in zip(states, [*states[1:], states[0]], strict=True)]

    h, _ = sc.scan(step, x, [T.constant(float(i)) for i in range(n)])
    return [x], [rows[-1] for rows in h]


@shape
def scans_in_a_row(n: int) -> Graph:
    x = y = T.vector("x")
    for _ in range(n):
        y = _sums(y)
    return [x], [y]


@shape
def many_choices(n: int) -> Graph:
    x = T.vector("x")

    def step(x_t: Variable, h: Variable) -> Variable:
        for i in range(n):
            h = T.switch(x_t > i, h * 0.5 + x_t, h + 1.0 * i)
        return h

    return [x], [sc.scan(step, x, T.constant(0.0))[0]]


@shape
def a_long_step_that_may_fail(n: int) -> Graph:
    x, v = T.vector("x"), T.vector("v")
    return [x, v], [sc.scan(lambda x_t, v: v[T.cast(_chain(x_t, n), "int64")], x, non_sequences=v)[0]]


@shape
def many_elements(n: int) -> Graph:
    x = T.vector("x")
    return [x], [sum((x[i] * float(i) for i in range(1, n)), x[0])]


@shape
def many_layers_with_gradients(n: int) -> Graph:
    ws, x = [T.matrix(f"w{i}") for i in range(n)], T.matrix("x")
    h = x
    for w in ws:
        h = T.tanh(T.dot(h, w))
    return [*ws, x], sc.grad(h.sum(), ws)


@shape
def many_sums_of_one_scan(n: int) -> Graph:
    x = T.vector("x")
    h = _sums(x)
    return [x], [T.sqrt(abs(h + float(i))).sum() for i in range(1, n + 1)]


@cache
def _calls(make: Callable[[int], Graph], n: int) -> int:
    """Calls of a graph's tracing, lowering and passes."""
    counted = cProfile.Profile()
    with deep_recursion(), without_collection():
        counted.enable()
        program = make_program(*make(n))
        module = stages.lower(program)
        pipeline.run(module, stages.passes_of(program, targets.local()))
        counted.disable()
    counted.create_stats()
    return sum(entry[1] for entry in counted.stats.values())  # type: ignore[attr-defined]


def growth(make: Callable[[int], Graph], n: int) -> float:
    """What 2 n more lines cost beside n more: 2 where all is linear, 4 where it goes by the square."""
    _calls(make, 2)  # what a process does once
    first, second, third = (_calls(make, k) for k in (n, 2 * n, 4 * n))
    return (third - second) / (second - first)


@pytest.mark.parametrize("name", SHAPES)
def test_work_grows_with_the_program(name: str) -> None:
    assert growth(SHAPES[name], FIRST.get(name, 8)) < 2.2
