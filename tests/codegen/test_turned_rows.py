"""Rows that lie from the last step to the first are what they are in the order of the steps, to the bit."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags


def advantages(x, h):
    """Returned backwards, and summed by columns as tiles of them are made."""
    a, _ = sc.scan(lambda x_t, a: 0.9 * a + T.exp(x_t), x, h, go_backwards=True)
    return [a[::-1], (a ** 2).sum(axis=0)]


def summed(x, h):
    """Returned backwards, and all elements summed, which goes along memory."""
    a, _ = sc.scan(lambda x_t, a: 0.9 * a + T.exp(x_t), x, h, go_backwards=True)
    return [a[::-1], (a ** 2).sum()]


def gradients(x, h):
    """By two readers of a sequence and by a matrix."""
    w = T.constant(np.array([[0.5, 0.2, 0.1], [-0.3, 0.4, 0.0], [0.2, -0.1, 0.3]]))
    a, _ = sc.scan(lambda x_t, a: T.tanh(T.dot(a, w) + x_t), x, h)
    b, _ = sc.scan(lambda x_t, b: 0.5 * b + x_t, x[1:], h, go_backwards=True)
    return list(sc.grad((a[-1] ** 2).sum() + (b[-1] ** 3).sum() + (x[:-1] * x[1:]).sum(), [x, h]))


@pytest.mark.parametrize("program", [advantages, summed, gradients])
def test_rows_in_either_order(program):
    x, h = T.matrix("x"), T.vector("h")
    outputs = program(x, h)
    turned = sc.function([x, h], outputs)
    with change_flags(leave_out="turned-rows"):
        in_order = sc.function([x, h], outputs)
    for n in (2, 7, 600):
        values = np.random.default_rng(n).normal(size=(n, 3)), np.array([0.1, -0.2, 0.3])
        for got, wanted in zip(turned(*values), in_order(*values), strict=True):
            np.testing.assert_array_equal(got, wanted)
