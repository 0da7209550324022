"""Gradients by tables that a step reads or writes at a few places, against other ways to their values."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import grad, verify_grad
from scancc.frontend.graph.variables import applies
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.ops.reference import evaluate
from tests.frontend.table_steps import (
    CASES,
    HANDED_ON,
    LAZILY_BACK,
    TWO_STEPS_BACK,
    I,
    N,
    four_steps_ago,
    lists_of_any_length_from_two_steps_ago,
    looked_up,
    points_of,
    put,
    variables_of,
)
from tests.frontend.unrolled import gradients, unrolled

ONCE = {*LAZILY_BACK, *HANDED_ON, lists_of_any_length_from_two_steps_ago, four_steps_ago}  # to the first order


def order_of(case):
    return 1 if case in ONCE else 2


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("case", [case for case in CASES if case not in ONCE], ids=lambda case: case.__name__)
def test_as_the_steps_written_out(case, order):
    points, variables = points_of(case), variables_of(case)
    outputs = [g for loop in (sc.scan, unrolled) for g in gradients(case, loop, variables, order)]
    values = evaluate(outputs, dict(zip(variables, points, strict=True)))
    for found, expected in zip(values[: len(points)], values[len(points):], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_against_finite_differences(case):
    verify_grad(lambda *variables: case(sc.scan, *variables), points_of(case), n_tests=1)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_native_as_the_reference(case):
    variables, points = variables_of(case), points_of(case)
    outputs = gradients(case, sc.scan, variables, order_of(case))
    native, reference = (sc.function(variables, outputs, mode=mode)(*points) for mode in (None, "reference"))
    for found, expected in zip(native, reference, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_rows_that_a_branch_saves_go_along_with_tiles():
    """How long they are is told before the scan, and by the branch in each step."""
    i, b = T.lvector("i"), T.vector("b")

    def step(i, b):
        def inside(k, b):
            return put(b[k], T.sin(b[k + 1]))
        return sc.ifelse(i % 2 > 0, sc.scan(inside, T.arange(3) + i, [b])[0][-1], put(b[i], b[i + 1]))

    rows, _ = sc.scan(step, i, [b])
    outputs = grad((rows[-1] ** 2).sum(), b)
    places, start = np.arange(1200) % 5, np.linspace(-1, 1, 9)
    native, reference = (sc.function([i, b], outputs, mode=mode)(places, start) for mode in (None, "reference"))
    np.testing.assert_allclose(native, reference, rtol=1e-9)


@pytest.mark.parametrize("lookups", [4, 64])
def test_a_chain_of_conditional_lookups_is_differentiated_once(lookups):
    """Each reads what the one before made, so that what is written twice doubles with every one."""
    b, h = variables_of(looked_up)

    def step(i, h, b):
        for k in range(lookups):
            h = sc.ifelse(h > k, b[i + k] * h, h)
        return h

    rows = sc.scan(step, T.constant(I), h, b, n_steps=N)[0]
    gradient = grad(rows[-1], b)
    reverse = next(node for node in reversed(applies([gradient])) if isinstance(node.op, Scan))
    assert len(applies(reverse.op.body.outputs)) < 100 * lookups


def test_tables_of_other_lengths_that_are_handed_on():
    """An error, as of any state; where no step runs, the rows have the lengths of the initial ones."""
    a, b, i = T.dvector("a"), T.dvector("b"), T.lvector("i")
    rows, _ = sc.scan(lambda i, p, q: [q, put(q[i], p[i])], i, [a, b])
    for mode in (None, "reference"):
        run = sc.function([a, b, i], rows, mode=mode)
        with pytest.raises(ValueError, match="has length 5 along axis 0 before a step and 6 after it"):
            run(np.arange(5.0), np.arange(6.0), [1])
        assert [v.shape for v in run(np.arange(5.0), np.arange(6.0), [])] == [(0, 5), (0, 6)]


def test_what_no_step_writes_fails_in_no_step():
    """A table of no elements, and a place that is none where the side is not taken."""
    b, x, i = T.dmatrix("b"), T.dvector("x"), T.lvector("i")
    rows, _ = sc.scan(lambda x, i, old, b: sc.ifelse(x > 0, put(b[i], old[i]), b), [x, i],
                      {"initial": b, "taps": [-2, -1]})
    outputs = [rows, grad((rows[-1] ** 2).sum(), b)]
    for mode in (None, "reference"):
        run = sc.function([b, x, i], outputs, mode=mode)
        assert [v.shape for v in run(np.zeros((2, 0)), -np.ones(3), np.arange(3))] == [(3, 0), (2, 0)]
        found, _ = run([[1.0, 2], [3, 4]], [-1, 1, -1], [7, 1, 9])
        np.testing.assert_array_equal(found, [[3, 4], [3, 4], [3, 4]])
        with pytest.raises(IndexError, match="index 7 is out of"):
            run([[1.0, 2], [3, 4]], [1, 1, -1], [7, 1, 9])


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("case", TWO_STEPS_BACK, ids=lambda case: case.__name__)
def test_few_steps_back(case, steps):
    """All rows, of no step on, where the initial rows alone are read."""
    (b,), n = variables_of(case), T.lscalar("n")
    made = case(lambda step, places, rows, n_steps: [T.stack([sc.scan(step, places, rows, n_steps=n)[0]])], b)
    point = points_of(case)[0]
    native, reference = (sc.function([b, n], made, mode=mode)(point, steps) for mode in (None, "reference"))
    np.testing.assert_allclose(native, reference, rtol=1e-12)
    if steps:
        written_out = case(lambda *args, n_steps: [unrolled(*args, n_steps=steps)[0]], b)
        np.testing.assert_allclose(native[-1], sc.function([b], written_out, mode="reference")(point), rtol=1e-12)


def test_a_table_of_no_elements_two_steps_back():
    """The first step's own write fails, as it did with one state."""
    b, i = T.dmatrix("b"), T.lvector("i")
    rows, _ = sc.scan(lambda i, old, b: put(b[i], old[i]), i, {"initial": b, "taps": [-2, -1]})
    with pytest.raises(IndexError, match="index 3 is out of range for axis 0 with length 0"):
        sc.function([b, i], rows)(np.zeros((2, 0)), [3])
    assert sc.function([b, i], rows)(np.zeros((2, 0)), np.zeros(0, int)).shape == (0, 0)
