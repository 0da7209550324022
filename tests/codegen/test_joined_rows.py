"""Loops over the rows of the same arrays run as one, and arrays between them are rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags

P, Q = T.matrix("p"), T.matrix("q")


def gravity(p, q):
    r = q[None, :, :] - p[:, None, :]
    near = (r**2).sum(axis=2) + 1e-3
    return p + 0.01 * (r / (near * T.sqrt(near))[:, :, None]).sum(axis=1)


def shifted_means(p, q):
    weights = T.exp(-((p[:, None, :] - q[None, :, :])**2).sum(axis=2))
    return T.dot(weights / weights.sum(axis=1, keepdims=True), q)


def nearest(p, q):
    places = ((p[:, None, :] - q[None, :, :])**2).sum(axis=2).argmin(axis=1)
    return 0.5 * p + 0.5 * q[places]


def softmax(p, q):
    z = 3 * p + q
    e = T.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def layer_norm(p, q):
    z = p + T.tanh(q)
    centred = z - z.mean(axis=1, keepdims=True)
    return centred / T.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)


def among_columns(p, q):
    """The second loop needs all rows of the first."""
    e = T.exp(p - p.max(axis=1, keepdims=True))
    return e / e.sum(axis=0) + 0.1 * q * e[::-1]


def of_other_rows(p, q):
    distances = ((p[:, None, :] - q[None, :, :])**2).sum(axis=2)
    return p + T.dot(distances + distances.T, q) / (1 + distances.sum())


STEPS = [gravity, shifted_means, nearest, softmax, layer_norm, among_columns, of_other_rows]


def moved(step: Callable[..., sc.Variable], **options: object) -> sc.Function:
    return sc.function([P, Q], sc.scan(step, outputs_info=P, non_sequences=Q, n_steps=3)[0][-1], **options)


@pytest.mark.parametrize("width", [3, 17])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_not_a_bit_is_another(step, width):
    f, reference = moved(step), moved(step, mode="reference")
    with change_flags(leave_out="join-rows"):
        apart = moved(step)
    for n in (1, 40):
        points = [np.random.default_rng(n + seed).normal(size=(n, width)) for seed in range(2)]
        np.testing.assert_array_equal(f(*points), apart(*points))
        np.testing.assert_allclose(f(*points), reference(*points), rtol=1e-11)


@pytest.mark.parametrize("step", [gravity, nearest, softmax, layer_norm], ids=lambda step: step.__name__)
def test_what_rounds_alone_know_of_is_a_row(step):
    f = moved(step)
    sizes = [f.memory_plan(*[np.zeros((n, 3))] * 2).workspace_nbytes for n in (50, 500)]
    assert sizes[1] <= 12 * sizes[0], sizes
    assert any(remark.done for remark in f.remarks("join-rows"))


def test_arrays_of_which_other_rows_are_read_stay():
    f = moved(of_other_rows)
    assert f.memory_plan(*[np.zeros((500, 3))] * 2).workspace_nbytes > 8 * 500**2


def test_each_step_has_arrays_of_its_own_and_gradients_run():
    cost = sc.scan(gravity, outputs_info=P, non_sequences=Q, n_steps=3)[0][-1].sum()
    points = [np.random.default_rng(seed).normal(size=(40, 3)) for seed in range(2)]
    f, reference = (sc.function([P, Q], sc.grad(cost, [P, Q]), mode=mode) for mode in (None, "reference"))
    for found, expected in zip(f(*points), reference(*points), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10)
