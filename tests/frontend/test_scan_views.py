"""map, reduce, foldl, foldr, filter, scan_checkpoints."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import UnsupportedError
from tests.frontend.test_scan_sequences import DIGITS, run
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

X = T.vector("x")


def test_map():
    result, updates = sc.map(lambda v, c: v * c, X, non_sequences=T.constant(2.0))
    assert not updates and run(result, {X: DIGITS}).tolist() == [2, 4, 6, 8, 10]


def test_map_backwards():
    assert run(sc.map(lambda v: v, X, go_backwards=True)[0], {X: DIGITS}).tolist() == [5, 4, 3, 2, 1]


def test_map_passes_updates_on():
    s = sc.shared(0.0)
    result, updates = sc.map(lambda v: (v, {s: s + v}), X)
    compile([X], result, updates)(DIGITS)
    assert s.get_value() == 15


@pytest.mark.parametrize("fold, expected", [(sc.foldl, 123), (sc.foldr, 321), (sc.reduce, 123)])  # 1.8
def test_the_accumulator_is_the_second_argument(fold, expected):
    result, _ = fold(lambda digit, number: number * 10 + digit, X, T.constant(0.0))
    assert run(result, {X: [1, 2, 3]}) == expected


def test_reduce_of_several_outputs():
    (total, product), _ = sc.reduce(
        lambda v, s, p: [s + v, p * v], X, [T.constant(0.0), T.constant(1.0)]
    )
    assert run([total, product], {X: DIGITS}) == [15, 120]


def test_reduce_takes_the_last_of_outputs_without_recurrence_too():
    result, _ = sc.reduce(lambda v: v * 2, X, None)
    assert run(result, {X: DIGITS}) == 10


def test_views_without_updates():
    assert run(sc.map(lambda v: v + 1, X, return_updates=False), {X: [1]}).tolist() == [2]
    assert run(sc.foldl(lambda v, s: s + v, X, T.constant(0.0), return_updates=False), {X: DIGITS}) == 15


# ---- scan_checkpoints (D9, F39) ---------------------------------------------------------------------


def powers(**options):
    A, k = T.vector("A"), T.iscalar("k")
    result, updates = sc.scan_module.scan_checkpoints(
        lambda prior, A: prior * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k, **options
    )
    return compile([A, k], result, updates)


def test_every_fourth_row_and_the_last():  # S12
    result = powers(save_every_N=4)([1, 2, 3], 10)
    assert result.tolist() == [[1, 2**n, 3**n] for n in (4, 8, 10)]


@pytest.mark.parametrize("n, kept", [(0, []), (1, [1]), (4, [4]), (5, [4, 5]), (8, [4, 8])])
def test_any_number_of_steps(n, kept):
    assert powers(save_every_N=4)([2], n).ravel().tolist() == [2**i for i in kept]


@pytest.mark.parametrize("rows", [0, 1, 3, 4, 7, 8])
def test_checkpoints_with_sequences(rows):
    x = T.matrix("x")
    result, _ = sc.scan_module.scan_checkpoints(
        lambda row, s: s + row, sequences=x, outputs_info=T.zeros((2,)), save_every_N=4
    )
    value = np.arange(2.0 * rows).reshape(rows, 2)
    sums = np.cumsum(value, axis=0)
    kept = [i for i in range(rows) if i % 4 == 3 or i == rows - 1]
    np.testing.assert_array_equal(run(result, {x: value}), sums[kept])


def test_checkpoints_of_several_outputs_one_without_recurrence():
    (sums, doubles), _ = sc.scan_module.scan_checkpoints(
        lambda v, s: [s + v, v * 2], sequences=[X], outputs_info=[T.constant(0.0), None], save_every_N=2
    )
    values = run([sums, doubles], {X: DIGITS})
    assert [v.tolist() for v in values] == [[3, 10, 15], [4, 8, 10]]


def test_checkpoints_without_padding_need_whole_blocks():
    result, _ = sc.scan_module.scan_checkpoints(
        lambda v, s: s + v, sequences=[X], outputs_info=T.constant(0.0), save_every_N=2, padding=False
    )
    assert run(result, {X: DIGITS[:4]}).tolist() == [3, 10]
    with pytest.raises(ValueError, match="padding"):
        run(result, {X: DIGITS})


def test_checkpoints_take_no_taps():
    with pytest.raises(RuntimeError, match="taps"):
        sc.scan_module.scan_checkpoints(
            lambda a, b: a + b, outputs_info=dict(initial=X, taps=[-2, -1]), n_steps=3
        )


def test_checkpoints_of_a_step_that_stops():
    s = T.scalar("s")
    with pytest.raises(UnsupportedError, match="does not work with until"):
        sc.scan_checkpoints(lambda i, h: (h + 1, sc.until(h >= 2)), T.arange(10), s, save_every_N=4)


def test_reduce_of_updates_alone():
    total, x = sc.shared(0.0), T.vector("x")
    result, updates = sc.reduce(lambda x: {total: total + x}, x, [])
    assert result is None
    compile([x], [], updates)([1, 2, 3])
    assert total.get_value() == 6


# ---- filter ----


def test_filter_gives_the_rows_for_which_fn_holds():
    assert run(sc.filter(lambda v: v % 2, X), {X: DIGITS}).tolist() == [1, 3, 5]
    assert run(sc.filter(lambda v: v > 2, [X], go_backwards=True), {X: DIGITS}).tolist() == [5, 4, 3]


def test_filter_of_several_sequences():
    y = T.vector("y")
    both = compile([X, y], sc.filter(lambda a, b, c: a > b + c, [X, y], T.constant(1.0)))
    np.testing.assert_array_equal(both([1, 5, 3], [4, 3, 2, 1]), [[5], [3]])  # as many rows as there are steps
    each = compile([X, y], sc.filter(lambda a, b: [a > 2, b > 2], [X, y]))
    assert [v.tolist() for v in each([1, 5, 3], [4, 3, 2])] == [[5, 3], [4, 3]]


@pytest.mark.parametrize("call, error, text", [
    (lambda: sc.filter(lambda a: [a, a], X), ValueError, "2 values for 1 sequences"),
    (lambda: sc.filter(lambda a: a, dict(input=X)), TypeError, "give the tensors themselves"),
    (lambda: sc.filter(lambda a: (a, {sc.shared(0.0): a}), X), ValueError, "the step has updates"),
])
def test_filter_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_checkpoints_without_updates():
    rows = sc.scan_checkpoints(lambda s: 2 * s, outputs_info=T.constant(1.0), n_steps=10, save_every_N=5,
                               return_updates=False)
    assert run(rows).tolist() == [32, 1024]
    count = sc.shared(0)
    with pytest.raises(ValueError, match="updates"):
        sc.scan_checkpoints(lambda s: (2 * s, {count: count + 1}), outputs_info=T.constant(1.0), n_steps=10,
                            return_updates=False)
