"""What a step may return, what scan returns, and `until`."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.graph.variables import Variable
from tests.frontend.test_scan_sequences import DIGITS, run, scanned
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

X = T.vector("x")


@pytest.mark.parametrize("returned, n", [
    (lambda a: a, 1), (lambda a: [a], 1), (lambda a: (a,), 1), (lambda a: [a, a + 1], 2),
    (lambda a: (a, a + 1), 2), (lambda a: (a, a, a, a), 4), (lambda a: [a, a, a, a], 4),
    (lambda a: ([a], []), 1), (lambda a: ([a], ()), 1), (lambda a: (a, {}), 1), (lambda a: [], 0),
    (lambda a: {}, 0),
])  # 1.2
def test_outputs(returned, n):
    outputs, updates = sc.scan(returned, sequences=X)
    assert not updates
    if n == 0:
        assert outputs is None  # F18
    elif n == 1:
        assert isinstance(outputs, Variable)
    else:
        assert isinstance(outputs, list) and len(outputs) == n


@pytest.mark.parametrize("returned", [
    lambda a, s: {s: s + a}, lambda a, s: [(s, s + a)], lambda a, s: [[s, s + a]],
    lambda a, s: ({s: s + a}, sc.until(s > 100)), lambda a, s: ([(s, s + a)], sc.until(s > 100)),
])
def test_only_updates(returned):
    s = sc.shared(0.0)
    outputs, updates = sc.scan(lambda a: returned(a, s), sequences=X)
    assert outputs is None
    compile([X], [], updates)(DIGITS)
    assert s.get_value() == 15


@pytest.mark.parametrize("returned", [
    lambda a, s: (a, {s: s + a}), lambda a, s: ([a], [(s, s + a)]),
    lambda a, s: (a, {s: s + a}, sc.until(a > 100)), lambda a, s: [[a], {s: s + a}, sc.until(a > 100)],
])
def test_outputs_and_updates(returned):
    s = sc.shared(0.0)
    outputs, updates = sc.scan(lambda a: returned(a, s), sequences=X)
    assert compile([X], outputs, updates)(DIGITS).tolist() == DIGITS.tolist()
    assert s.get_value() == 15


@pytest.mark.parametrize("returned, text", [
    (lambda a, s: ({s: s + a}, a), "updates before its outputs"),
    (lambda a, s: ([(s, s + a)], [a]), "updates before its outputs"),
    (lambda a, s: (sc.until(a > 1), a), "no meaning"),
    (lambda a, s: (a, sc.until(a > 1), {}), "no meaning"),
    (lambda a, s: sc.until(a > 1), "no meaning"),
    (lambda a, s: ([a], {}, sc.until(a > 1), a), "no meaning"),
    (lambda a, s: [[a], [a + 1]], "no meaning"),
    (lambda a, s: 1.0, "1.0, of type float"),
    (lambda a, s: None, "None, of type NoneType"),
    (lambda a, s: np.ones(2), "of type ndarray"),
    (lambda a, s: (a, 1.0), "of type float"),
    (lambda a, s: {"y": a}, "dict with the key 'y'; a dict is of updates"),
])
def test_returns_without_meaning(returned, text):
    s = sc.shared(0.0)
    with pytest.raises(ValueError, match=text):
        sc.scan(lambda a: returned(a, s), sequences=X)


def test_updates_of_what_is_not_shared():
    with pytest.raises(TypeError, match="not a shared variable"):
        sc.scan(lambda a: {a: a + 1}, sequences=X)


def test_two_lists_of_two_variables():  # D15
    with pytest.raises(TypeError, match="one flat list"):
        sc.scan(lambda a: ([a, a], [a, a]), sequences=X)


# ---- what scan returns ------------------------------------------------------------------------------


def test_return_list():  # F17
    outputs, _ = sc.scan(lambda a: a, sequences=X, return_list=True)
    assert isinstance(outputs, list) and len(outputs) == 1


def test_without_updates():
    result = sc.scan(lambda a: a * 2, sequences=X, return_updates=False)
    assert run(result, {X: [1, 2]}).tolist() == [2, 4]


def test_outputs_have_a_leading_axis_without_initial_rows():  # F19
    s = T.matrix("s")
    result = scanned(lambda a, b: a + b, outputs_info=dict(initial=s, taps=[-2, -1]), n_steps=4)
    assert result.ndim == 2 and result.type.shape[0] is None
    assert run(result, {s: np.ones((2, 3))}).shape == (4, 3)


def test_shapes_are_told_without_the_loop():  # F21
    x, W = T.matrix("x"), T.matrix("W")
    result = scanned(lambda row: T.dot(row, W), sequences=x)
    assert all("scan" not in v.owner.op.name for v in _computed([result.shape[0], result.shape[1]]))
    assert run([result.shape[0], result.shape[1]], {x: np.ones((3, 4)), W: np.ones((4, 2))}) == [3, 2]


def test_the_length_of_an_until_scan_needs_the_loop():  # F21
    x = T.vector("x")
    result = scanned(lambda v: (v, sc.until(v > 2)), sequences=x)
    assert run(result.shape[0], {x: DIGITS}) == 3


def _computed(outputs):
    from scancc.frontend.graph.variables import ancestors

    return [v for v in ancestors(outputs) if v.owner is not None]


@pytest.mark.parametrize("index, expected", [
    (lambda r: r[-1], 15), (lambda r: r[-2:], [10, 15]), (lambda r: r[::2], [1, 6, 15]), (lambda r: r[1], 3),
    (lambda r: r[::-1], [15, 10, 6, 3, 1]),
])
def test_slices_of_a_result(index, expected):
    result = scanned(lambda v, s: s + v, sequences=X, outputs_info=T.constant(0.0))
    assert run(index(result), {X: DIGITS}).tolist() == expected


def test_slices_with_symbolic_bounds():
    k = T.iscalar("k")
    result = scanned(lambda v, s: s + v, sequences=X, outputs_info=T.constant(0.0))
    assert run(result[-k:], {X: DIGITS, k: 2}).tolist() == [10, 15]
    assert run(result[k], {X: DIGITS, k: 2}) == 6


# ---- until ------------------------------------------------------------------------------------------


def test_the_stopping_step_is_kept():
    result = scanned(lambda v: (v * 10, sc.until(v >= 3)), sequences=X)
    assert run(result, {X: DIGITS}).tolist() == [10, 20, 30]


def test_until_that_never_holds_runs_all_steps():
    result = scanned(lambda v: (v, sc.until(v > 99)), sequences=X, n_steps=4)
    assert run(result, {X: DIGITS}).tolist() == [1, 2, 3, 4]


def test_updates_end_with_the_last_step():
    s = sc.shared(0.0)
    result, updates = sc.scan(lambda v: (v, {s: s + v}, sc.until(v >= 3)), sequences=X)
    compile([X], result, updates)(DIGITS)
    assert s.get_value() == 6


@pytest.mark.parametrize("dtype", ["bool", "int8", "float64", "complex128"])
def test_any_nonzero_condition_stops(dtype):
    flags = T.TensorType(dtype, (None,))("flags")
    result = scanned(lambda v, stop: (v, sc.until(stop)), sequences=[X, flags])
    assert run(result, {X: DIGITS, flags: np.array([0, 0, 1, 0, 0], dtype)}).tolist() == [1, 2, 3]


def test_a_condition_is_one_symbolic_truth_value():
    with pytest.raises(AssertionError, match="T.all"):
        sc.until(T.vector() > 1)
    with pytest.raises(TypeError, match="truth value"):
        sc.until(True)


def test_until_needs_a_cap():
    with pytest.raises(ValueError, match="number of steps"):
        sc.scan(lambda s: (s * 2, sc.until(s > 3)), outputs_info=T.constant(1.0))


def test_until_with_two_taps_and_no_steps():
    n, s = T.iscalar("n"), T.vector("s")
    result = scanned(
        lambda a, b: (a + b, sc.until(a + b > 5)), outputs_info=dict(initial=s, taps=[-2, -1]), n_steps=n
    )
    assert run(result, {s: [1, 1], n: 100}).tolist() == [2, 3, 5, 8]
    assert run(result, {s: [1, 1], n: 0}).tolist() == []


# ---- one scan and another ---------------------------------------------------------------------------


def test_scans_that_compute_the_same_are_equal():
    def op_of(step, rows, **options):
        return sc.scan(step, rows, **options)[0].owner.op

    x, y = T.vector("x"), T.vector("y")
    one, other = op_of(lambda v: v + 1, x), op_of(lambda w: w + 1, y, name="other")
    assert one == other and hash(one) == hash(other)
    for different in (op_of(lambda v: v + 2, x), op_of(lambda v: v - 1, x), op_of(lambda v: v + 1, T.matrix()),
                      op_of(lambda v: v + 1, x, truncate_gradient=2), op_of(lambda v: v + y, x),
                      op_of(lambda v: (v + 1, sc.until(v > 1)), x)):
        assert one != different
    assert op_of(lambda v, s: v - s, x, outputs_info=0.0) != op_of(lambda v, s: s - v, x, outputs_info=0.0)
    assert one != "a scan"
