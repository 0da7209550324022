"""Sizes near the ends of what a number holds: an array that cannot be is a MemoryError in both modes, and nothing is
read or written before."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.artifact import can_exist

MODES = pytest.mark.parametrize("mode", ["native", "reference"])
N, M, X, COUNTS = T.lscalar("n"), T.lscalar("m"), T.vector("x"), T.lvector("counts")
V = np.array([1.0, 2.0, 3.0, 4.0])


def call(result, values, mode):
    inputs = [N, M, X, COUNTS][:len(values)]
    return sc.function(inputs, result, mode=mode, on_unused_input="ignore")(*values)


def rolled(n):
    return sc.scan(lambda h: T.roll(h, 1), outputs_info=[T.alloc(1.0, n, n)], n_steps=2)[0][-1].sum()


IMPOSSIBLE = {
    "sort": (lambda: T.sort(T.alloc(1.0, N)).sum(), [2**61 + 1]),
    "state": (lambda: rolled(N), [2**32]),
    "alloc that nobody reads": (lambda: T.alloc(1.0, N, N).flatten().shape, [2**32]),
    "size": (lambda: T.alloc(1.0, N, N).size, [2**32]),
    "mean": (lambda: T.alloc(1.0, N, N).mean(), [2**32]),
    "many factors": (lambda: T.zeros((N,) * 12, "int8").sum(), [2**32]),
    "of no elements": (lambda: T.zeros((0, N, N)), [2**40]),
    "tile": (lambda: T.tile(X, N), [2**62, 0, V]),
    "tile, its shape": (lambda: T.tile(X, N).shape, [2**62, 0, V]),
    "repeat": (lambda: T.repeat(X, N).shape, [2**62, 0, V]),
    "repeat by counts": (lambda: T.repeat(X, COUNTS), [0, 0, V, [2**62] * 3 + [2**62 + 1]]),
    "concatenate": (lambda: T.concatenate([T.alloc(1.0, N)] * 4 + [X]).shape, [2**62, 0, V]),
    "outer": (lambda: (T.zeros(N, "int8")[:, None] * T.zeros(M, "int8")[None, :]).sum(), [2**24, 2**24, V]),
    "dot": (lambda: T.dot(T.alloc(1.0, N, 0), T.alloc(1.0, 0, M)).sum(), [2**31, 2**31, V]),
    "eye": (lambda: T.eye(N).sum(), [2**62]),
    "diag": (lambda: T.diag(T.zeros(N, "int8")).sum(), [2**24]),
    "range": (lambda: T.arange(N, M).sum(), [-2**63, 2**63 - 1]),
    "range by 2": (lambda: T.arange(N, M, 2).sum(), [-2**63, 2**63 - 1]),
    "range of floats": (lambda: T.arange(0.0, X[0] * 1e17).sum(), [0, 0, V]),
    "range, its shape": (lambda: T.arange(N, M).shape, [-2**63, 2**63 - 1]),
    "rows": (lambda: sc.scan(lambda h: h * 0.5, outputs_info=[T.constant(1.0)], n_steps=N)[0], [2**62]),
    "rows that are empty": (lambda: sc.scan(lambda: T.zeros((0, M)), n_steps=N)[0], [2**31, 2**31]),
    "sizes made in a step": (lambda: sc.scan(lambda i: T.sort(T.alloc(1.0, i * N)).sum(),
                                             sequences=[T.arange(9)])[0], [2**60]),
}


@MODES
@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_array_that_cannot_be(name, mode):
    make, values = IMPOSSIBLE[name]
    with pytest.raises(MemoryError, match=r"more .*than|too large"):
        call(make(), values, mode)


@MODES
def test_rows_that_are_too_many_name_the_scan(mode):
    rows, _ = sc.scan(lambda h: h * 2, outputs_info=[T.alloc(1.0, M)], n_steps=N, name="decay")
    with pytest.raises(MemoryError, match=r"scan 'decay': an array of shape \(4611686018427387904, 2\)"):
        call(rows, [2**62, 2], mode)


def test_steps_whose_rows_nobody_keeps_may_be_many():
    value, _ = sc.scan(lambda h: (h + 1, sc.until(h >= 9)), outputs_info=[T.constant(1.0)], n_steps=N)
    assert call(value[-1], [2**62], "native") == 10


@MODES
@pytest.mark.parametrize("n, m", [(3, (2**64 + 6) // 2 - 2**63 + 2**62), (7, pow(7, -1, 2**64) * 7 % 2**64 * 2**61)])
def test_a_shape_whose_product_wraps_is_no_shape_of_six(n, m, mode):
    with pytest.raises(ValueError, match="reshape"):
        call(X.reshape((N, M)), [n, m, V], mode)


def test_a_product_that_wraps_to_the_number_of_elements():
    n, m = 5, pow(5, -1, 2**64) * 4 % 2**64
    assert n * m % 2**64 == 4 and m < 2**63
    for mode in ("native", "reference"):
        with pytest.raises(ValueError, match="reshape"):
            call(X.reshape((N, M)), [n, m, V], mode)


@MODES
@pytest.mark.parametrize("start, stop, step", [
    (2**63 - 10, 2**63 - 1, 1), (-2**63, -2**63 + 3, 1), (2**62, -2**63, -2**62), (0, 2**63 - 1, 2**63 - 1),
    (-2**63, 2**63 - 1, 2**62), (2**63 - 1, -2**63, 1), (5, 5, 2**62), (-5, 2**62, 2**61),
])
def test_ranges_at_the_ends_of_the_integers(start, stop, step, mode):
    wanted = list(range(start, stop, step))
    s = T.lscalar("s")
    assert sc.function([N, M, s], T.arange(N, M, s), mode=mode)(start, stop, step).tolist() == wanted
    assert call(T.arange(N, M, step), [start, stop], mode).tolist() == wanted


@MODES
def test_empty_arrays_with_long_axes(mode):
    assert call(T.zeros((0, N)), [2**40], mode).shape == (0, 2**40)
    x = T.matrix("x", dtype="int8")
    f = sc.function([x], T.concatenate([x, x], axis=1).shape, mode=mode)
    assert f(np.zeros((0, 2**40), "int8")).tolist() == [0, 2**41]
    with pytest.raises(MemoryError, match=r"`x`: an array of shape \(0, 4611686018427387904\)"):
        f(np.zeros((0, 2**62), "int8"))


@MODES
def test_negative_lengths_stay_errors_of_their_own(mode):
    for make in (T.zeros, lambda n: T.eye(n), lambda n: T.tile(X, n).shape, lambda n: T.repeat(X, n)):
        with pytest.raises(ValueError, match="length"):
            call(make(N), [-3, 0, V], mode)


@MODES
def test_the_side_of_a_choice_that_is_not_taken(mode):
    chosen = sc.ifelse(N < 100, T.sort(T.alloc(1.0, N, N).flatten()).sum(), T.constant(3.0))
    f = sc.function([N], chosen, mode=mode)
    assert (f(3), f(2**32)) == (9, 3)


@pytest.mark.parametrize("make", [lambda: T.zeros((2**40, 2**40)), lambda: T.arange(2**50), lambda: T.tile(
    T.zeros(2**30), 2**30), lambda: T.matrix(shape=(2**30, 2**30)), lambda: T.eye(2**62)])
def test_known_lengths_are_refused_at_once(make):
    with pytest.raises(MemoryError, match=r"more than 2\*\*47 elements"):
        make()


def test_what_can_exist():
    assert can_exist([]) and can_exist([2**47]) and can_exist([0, 2**47]) and can_exist([2**23, 2**24, 0, 1])
    assert not any(map(can_exist, ([2**47 + 1], [0, 2**47 + 1], [-1], [0, -1], [2**32, 2**32], [2**63 - 1] * 32)))


def test_sizes_of_arguments_need_no_check():
    x, w = T.matrix("x"), T.matrix("w")
    rows, _ = sc.scan(lambda v, h: T.tanh(v + h), sequences=[x], outputs_info=[T.zeros_like(x[0])])
    text = sc.function([x, w], [rows.flatten(), (w * 2 + w.T.T).flatten().sum(), x.mean()]).dump("scan")
    assert "can_exist" not in text


def test_the_blocks_of_a_sum_are_fewer_than_its_terms():
    m = T.matrix("m")
    f = sc.function([m], m.sum(0))
    assert "join_row" in f.dump("loop") and "can_exist" not in f.dump("loop")
    assert f(np.ones((200, 3))).tolist() == [200] * 3 and f(np.ones((0, 3))).tolist() == [0] * 3


@pytest.mark.parametrize("limit", [0, 3, 200_000])
def test_rows_of_a_scan_that_stops_grow(limit):
    """The next call has room for as many rows, and a given array is filled where it is."""
    rows, _ = sc.scan(lambda h: (h + 1, sc.until(h >= M)), outputs_info=[T.constant(0)], n_steps=N)
    f = sc.function([N, M], [rows, rows * 2, rows.shape[0]])
    for steps in (10**12, limit // 2):
        values, doubled, n = f(steps, limit)
        assert n == min(limit + 1, steps) and np.array_equal(values, np.arange(1, n + 1))
        assert np.array_equal(doubled, 2 * values)
    room = np.empty(3 * limit + 1, np.int64)
    given, _, _ = sc.function([N, M], [rows, rows * 2, rows.shape[0]])(len(room), limit, out=[room, None, None])
    assert np.shares_memory(given, room) and np.array_equal(given, np.arange(1, len(given) + 1))
