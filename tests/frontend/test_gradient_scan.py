"""Gradients of scans against the same steps written out, and against finite differences."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

from zlib import crc32

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import verify_grad
from scancc.frontend.graph.variables import TensorType
from scancc.frontend.ops.reference import evaluate
from tests.frontend.unrolled import gradients, unrolled


def rows(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-1, 1, size=shape) for shape in shapes]


def vector_state(loop, x, w, u, h):
    return loop(lambda a, b: T.tanh(T.dot(a, w) + T.dot(b, u)), x, h, n_steps=4)[0]


def batch_state(loop, x, w, u, b, h):
    return loop(lambda a, s, w, u, b: T.tanh(T.dot(a, w) + T.dot(s, u) + b), x, h, [w, u, b], n_steps=3)[0]


def last_row(loop, x, w, h):
    return loop(lambda a, s: T.tanh(T.dot(s, w) * a), x, h, n_steps=4)[0][-1]


def last_row_and_all(loop, x, w, h):
    s = loop(lambda a, s: T.tanh(T.dot(s, w) * a), x, h, n_steps=4)[0]
    return s.sum(axis=0) * s[-1] + s[-1, 0] + s[1]


def transposed_weights(loop, x, w, h):
    return loop(lambda a, s: T.tanh(a - T.dot(w.T, s) + T.dot(s, w)), x, h, n_steps=3)[0]


def scalar_state(loop, x, w, h):
    return loop(lambda a, s: T.sin(s * a) + w * s * s, x, h, n_steps=4)[0]


def state_taps(loop, w, h):
    return loop(lambda s3, s1: T.tanh(T.dot(s3, w) + s1 * 0.5), None, dict(initial=h, taps=[-3, -1]), n_steps=5)[0]


def one_far_tap(loop, w, h):
    return loop(lambda s2: T.sin(s2 * w), None, dict(initial=h, taps=[-2]), n_steps=5)[0]


def fewer_steps_than_taps(loop, w, h):
    return loop(lambda s4, s1: T.sin(s4 * w) + s1, None, dict(initial=h, taps=[-4, -1]), n_steps=2)[0]


def sequence_taps(loop, x, h):
    return loop(
        lambda a, b, c, s: T.sin(a * b) + c * s, dict(input=x, taps=[-1, 2, 0]), h, n_steps=3
    )[0]


def backwards_with_taps(loop, x, y, h):
    return loop(
        lambda a, b, c, s2, s1: T.sin(a * b) + c * s2 - s1, [dict(input=x, taps=[-1, 1]), y],
        dict(initial=h, taps=[-2, -1]), n_steps=3, go_backwards=True,
    )[0]


def longer_sequence(loop, x, h):
    return loop(lambda a, s: a * s + T.sin(s), x, h, n_steps=2)[0]


def two_states(loop, x, h, c):
    (hs, cs), _ = loop(
        lambda a, h, c: [T.tanh(c) * T.sigmoid(h + a), c * T.sigmoid(h * a) + T.sin(a)], x, [h, c], n_steps=4
    )
    return hs + cs[0]


def unused_output(loop, x, h):
    (hs, _, _), _ = loop(lambda a, h, g: [h * a, T.exp(h), g + a], x, [h, None, h * 2], n_steps=3)
    return hs


def only_the_map(loop, x, h):
    (_, ys), _ = loop(lambda a, h: [h * a, T.sin(h) * a], x, [h, None], n_steps=3)
    return ys


def state_through_another(loop, x, h):
    """The cost sees `a` only through `b`, of which it sees the last row."""
    (_, b), _ = loop(lambda x, a, b: [T.sin(a) * x, b + a * x], x, [h, h], n_steps=4)
    return b[-1]


def outer_products(loop, x, w, m):
    """`w` is read through products of every rank, transposed, negative and elementwise."""
    def step(x, s):
        column = T.dot(w, x) - T.dot(x, w.T)
        square = T.dot(T.dot(m, w.T), w)
        return T.tanh(column * s + T.dot(square, s)[0] + (w * s).sum())
    return loop(step, x, T.zeros_like(x[0]), n_steps=3)[0]


def elementwise_matrix(loop, x, m):
    return loop(lambda a: T.sin(a * m), x, n_steps=3)[0]


def matrix_by_state(loop, m, h):
    return loop(lambda s: T.sin(s * m) - T.dot(s, m), None, h, n_steps=3)[0]


def same_output_twice(loop, x, h):
    def step(a, h, g):
        new = T.sin(h * a) + g
        return [new, new]
    (p, q), _ = loop(step, x, [h, h * 2], n_steps=3)
    return p * q


def state_is_input(loop, x, h):
    """Outputs that are rows of inputs, unchanged."""
    (p, q, r), _ = loop(lambda a, g, h, k: [a, h, a + k], x, [h, h * 2, h * 3], n_steps=3)
    return p * q + r


def indexed_weights(loop, x, w, h):
    return loop(lambda a, s: T.tanh(w[0] * a + s * w[1, 1] + w[:, 1].sum()), x, h, n_steps=3)[0]


def gather_by_step(loop, w, h):
    places = T.constant(np.array([0, 2, 2, 1]))
    return loop(lambda i, s: T.sin(s * w[i]), places, h, n_steps=4)[0]


def broadcast_row(loop, x, b, h):
    return loop(lambda a, s, b: T.tanh(s + b.dimshuffle("x", 0) * a), x, h, b, n_steps=3)[0]


def reductions_inside(loop, x, h):
    return loop(lambda a, s: T.exp(s - T.max(s * a)) / T.sum(T.exp(s)) + T.prod(a) * s, x, h, n_steps=3)[0]


def sequence_is_state(loop, x, h):
    """The scan of a scan's output."""
    first = loop(lambda a, s: T.sin(s + a), x, h, n_steps=3)[0]
    return loop(lambda a, b, s: s * a + b, [first, x], h, n_steps=3)[0]


def initial_from_sequence(loop, x):
    return loop(lambda a, s: T.sin(s * a), x, x[0] * 2, n_steps=3)[0]


CASES = {
    vector_state: [(4, 2), (2, 3), (3, 3), (3,)],
    batch_state: [(3, 4, 2), (2, 3), (3, 3), (3,), (4, 3)],
    last_row: [(4, 3), (3, 3), (3,)],
    last_row_and_all: [(4, 3), (3, 3), (3,)],
    transposed_weights: [(3, 3), (3, 3), (3,)],
    scalar_state: [(4,), (), ()],
    state_taps: [(3, 3), (3, 3)],
    one_far_tap: [(), (2,)],
    fewer_steps_than_taps: [(), (4,)],
    sequence_taps: [(6,), ()],
    backwards_with_taps: [(5,), (3,), (2,)],
    longer_sequence: [(5, 2), (2,)],
    two_states: [(4,), (), ()],
    unused_output: [(3, 2), (2,)],
    only_the_map: [(3, 2), (2,)],
    state_through_another: [(4,), ()],
    outer_products: [(3, 2), (2, 2), (2, 2)],
    elementwise_matrix: [(3,), (2, 3)],
    matrix_by_state: [(2, 2), (2, 2)],
    same_output_twice: [(3,), ()],
    state_is_input: [(3,), ()],
    indexed_weights: [(3, 2), (2, 2), (2,)],
    gather_by_step: [(3, 2), (2,)],
    broadcast_row: [(3, 2), (2,), (4, 2)],
    reductions_inside: [(3, 3), (3,)],
    sequence_is_state: [(3,), ()],
    initial_from_sequence: [(3, 2)],
}


@pytest.mark.long
@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_as_the_steps_written_out(case, order):
    points = rows(crc32(case.__name__.encode()), *CASES[case])
    variables = [TensorType("float64", (None,) * p.ndim)(f"input_{i}") for i, p in enumerate(points)]
    outputs = [
        g for loop in (sc.scan, unrolled) for g in gradients(case, loop, variables, order)
    ]
    values = evaluate(outputs, dict(zip(variables, points, strict=True)))
    for found, expected in zip(values[: len(points)], values[len(points):], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_against_finite_differences(case):
    points = rows(crc32(case.__name__.encode()), *CASES[case])
    verify_grad(lambda *variables: case(sc.scan, *variables), points, n_tests=1)


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_known_shapes_and_single_precision(case, dtype):
    """Gradients have their variables' dtypes and broadcasting axes; known lengths change no value."""
    points = [p.astype(dtype) for p in rows(crc32(case.__name__.encode()), *CASES[case])]
    known = [TensorType(dtype, p.shape)() for p in points]
    unknown = [TensorType(dtype, (None,) * p.ndim)() for p in points]
    found, expected = (gradients(case, sc.scan, variables, 2) for variables in (known, unknown))
    assert [(g.dtype, g.broadcastable) for g in found] == [(v.dtype, v.broadcastable) for v in known]
    assert [(g.dtype, g.ndim) for g in expected] == [(v.dtype, v.ndim) for v in unknown]
    values = [
        evaluate(outputs, dict(zip(variables, points, strict=True)))
        for outputs, variables in ((found, known), (expected, unknown))
    ]
    for a, b in zip(*values, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5 if dtype == "float32" else 1e-10, atol=1e-5)


def ones_along(loop, x, h):
    """States and sequences with axes of length 1 that stretch."""
    def step(a, s):
        wide = a * s
        return T.tanh(wide.sum(axis=0, keepdims=True) + T.addbroadcast(a, 0))
    return loop(step, x, h, n_steps=3)[0]


def test_axes_of_length_one():
    x = TensorType("float64", (None, 1, 3))("x")
    h = TensorType("float64", (1, 3))("h")
    outputs = [g for loop in (sc.scan, unrolled) for g in gradients(ones_along, loop, [x, h], 2)]
    values = evaluate(outputs, dict(zip([x, h], rows(3, (3, 1, 3), (1, 3)), strict=True)))
    np.testing.assert_allclose(values[0], values[2])
    np.testing.assert_allclose(values[1], values[3])
