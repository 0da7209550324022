"""Sums, products and extremes of the same elements run as one loop, and are to the bit what each is alone."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags

LENGTHS = [0, 1, 7, 8, 9, 33, 130, 513, 1500]


def to_the_bit(inputs, outputs, cases):
    together = sc.function(inputs, outputs)
    alone = [sc.function(inputs, out, on_unused_input="ignore") for out in outputs]
    for values in cases:
        for number, (got, single) in enumerate(zip(together(*values), alone, strict=True)):
            assert np.asarray(got).tobytes() == np.asarray(single(*values)).tobytes(), (number, np.shape(values[0]))
    return together


def n_passes(function):
    """Loops in the widest lanes."""
    return sum(" vector 16" in line or " vector 32" in line for line in function.dump("loop").splitlines())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_of_one_vector(dtype):
    x, y = T.vector("x", dtype=dtype), T.vector("y", dtype=dtype)
    outputs = [x.sum(), (x * y).sum(), (x * x).sum()]
    together = to_the_bit([x, y], outputs, [
        np.random.default_rng(n).normal(size=(2, n)).astype(dtype) for n in LENGTHS])
    assert n_passes(together) == 1


def test_a_product_and_extremes_beside_sums():
    x = T.vector("x")
    outputs = [x.sum(), T.max(x), x.prod(), T.min(x), T.any(x > 1), (x * 2).prod(), T.sum(x > 0)]
    to_the_bit([x], outputs, [[np.random.default_rng(n).normal(size=n)] for n in LENGTHS[1:]])


@pytest.mark.parametrize("axis", [0, 2, (1, 2), None])
def test_sums_along_axes(axis):
    x, y, w = T.tensor3("x"), T.tensor3("y"), T.vector("w")
    outputs = [f(axis=axis) for f in (x.sum, (x * x).sum, x.prod, x.max, (x * y).sum, (x * w).sum)]
    outputs += [x[:, ::2].sum(axis=axis), (x[:, ::2] * 2).sum(axis=axis), (x.transpose(2, 1, 0) * 3).sum(axis=axis)]
    rng, shapes = np.random.default_rng(3), [(2, 3, 40), (3, 1, 19), (1, 70, 5), (9, 2, 600)]
    to_the_bit([x, y, w], outputs, [
        [rng.normal(size=shape), rng.normal(size=shape), rng.normal(size=shape[-1])] for shape in shapes])


def test_rows_are_read_once():
    m = T.matrix("m")
    outputs = [m.sum(axis=1), (m * m).sum(axis=1), m.max(axis=1)]
    together = to_the_bit([m], outputs, [[np.random.default_rng(1).normal(size=(30, 50))]])
    assert together.dump("loop").count(" parallel {") == 1


def test_sums_of_a_state_are_those_of_each_alone():
    x = T.vector("x")

    def step(h, x):
        return h / T.sqrt((h * h).sum()) + x * h.sum()
    rows, _ = sc.scan(step, outputs_info=x, non_sequences=x, n_steps=4)
    native = sc.function([x], rows)
    with change_flags(leave_out="multi-output-fusion"):
        left_out = sc.function([x], rows)
    for n in LENGTHS[1:]:
        value = np.random.default_rng(n).normal(size=n)
        assert native(value).tobytes() == left_out(value).tobytes()
