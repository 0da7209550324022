"""Gradients of random scans against the same steps written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import grad
from scancc.frontend.graph.variables import TensorType
from scancc.frontend.ops.reference import evaluate
from tests.frontend.unrolled import unrolled

SIZE = 2  # of every axis of a row

UNARY = [T.sin, T.tanh, T.sigmoid, lambda v: v * 0.5, lambda v: -v, lambda v: v * v, lambda v: T.exp(v * 0.3)]
BINARY = [
    lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: a / (b * b + 1), T.maximum,
    lambda a, b: T.switch(a > 0, a, b),
]


def product(a, b):
    """A product of matrices where the ranks allow one."""
    return T.dot(a, b) if a.ndim and b.ndim else a * b


@st.composite
def programs(draw):
    """What a scan is made of: ranks and taps of its groups, and the numbers that choose its step."""
    taps = st.lists(st.sampled_from([-3, -2, -1]), min_size=1, max_size=2, unique=True)
    rank = st.integers(0, 2)
    return {
        "steps": draw(st.integers(1, 4)),
        "backwards": draw(st.booleans()),
        "sequences": draw(st.lists(st.tuples(rank, st.lists(st.integers(-1, 1), min_size=1, max_size=2, unique=True)),
                                   max_size=2)),
        "states": draw(st.lists(st.tuples(rank, taps), min_size=1, max_size=3)),
        "maps": draw(st.integers(0, 1)),
        "invariants": draw(st.lists(rank, max_size=2)),
        "choices": draw(st.lists(st.integers(0, 10**6), min_size=6, max_size=24)),
        "cost": draw(st.integers(1, 15)),
        "order": draw(st.integers(1, 2)),
    }


def fitted(value, rank):
    """`value` with `rank` axes."""
    while value.ndim > rank:
        value = value.sum(axis=0)
    while value.ndim < rank:
        value = T.stack([value, value * 0.5])
    return value


def step_of(program):
    ranks = [rank for rank, _ in program["states"]] + [1] * program["maps"]

    def step(*args):
        pool = list(args)
        for choice in program["choices"]:
            a, b = pool[choice % len(pool)], pool[choice // 7 % len(pool)]
            kind = choice // 61 % 4
            if kind == 0:
                pool.append(UNARY[choice // 300 % len(UNARY)](a))
            elif kind == 1 and a.ndim == b.ndim:
                pool.append(BINARY[choice // 300 % len(BINARY)](a, b))
            elif kind == 2:
                pool.append(T.tanh(product(a, b)) if a.ndim <= 2 >= b.ndim else a.sum())
            else:
                pool.append(fitted(a, choice // 300 % 3) * 0.7)
        results = [pool[-1 - 2 * i % len(pool)] for i in range(len(ranks))]
        return [T.tanh(fitted(r, rank)) for r, rank in zip(results, ranks, strict=True)]

    return step


def variables_of(program):
    n = program["steps"]
    sequences = [(n + max(0, *taps) - min(0, *taps), *[SIZE] * rank) for rank, taps in program["sequences"]]
    states = [
        (*([-min(taps)] if min(taps) < -1 else []), *[SIZE] * rank) for rank, taps in program["states"]
    ]
    invariants = [(SIZE,) * rank for rank in program["invariants"]]
    groups = [sequences, states, invariants]
    return [[TensorType("float64", (None,) * len(shape))() for shape in group] for group in groups], groups


def result(program, loop, groups):
    sequences, states, invariants = groups
    outputs, _ = loop(
        step_of(program), [{"input": v, "taps": list(taps)} for v, (_, taps) in
                           zip(sequences, program["sequences"], strict=True)],
        [{"initial": v, "taps": list(taps)} for v, (_, taps) in zip(states, program["states"], strict=True)]
        + [{"initial": None}] * program["maps"],
        invariants, n_steps=program["steps"], go_backwards=program["backwards"],
    )
    outputs = outputs if isinstance(outputs, list) else [outputs]
    chosen = [out for i, out in enumerate(outputs) if program["cost"] >> i & 1] or outputs
    cost = sum((out * out).sum() + out[-1].sum() for out in chosen)
    variables = [v for group in groups for v in group]
    for _ in range(program["order"] - 1):
        slopes = grad(cost, variables, disconnected_inputs="ignore")
        cost = sum((g * g).sum() for g in slopes)
    return grad(cost, variables, disconnected_inputs="ignore")


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(0, 2**31))
def test_random_scan(program, seed):
    groups, shapes = variables_of(program)
    rng = np.random.default_rng(seed)
    givens = {
        v: rng.uniform(-1, 1, size=shape)
        for group, sizes in zip(groups, shapes, strict=True) for v, shape in zip(group, sizes, strict=True)
    }
    outputs = [g for loop in (sc.scan, unrolled) for g in result(program, loop, groups)]
    values = evaluate(outputs, givens)
    half = len(values) // 2
    for found, expected in zip(values[:half], values[half:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)
