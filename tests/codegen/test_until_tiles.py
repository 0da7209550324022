"""Scans that may stop, tile by tile: the bits of one loop, and nothing of the steps behind the stop."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
from scancc import tensor as T
from scancc.config import change_flags

from .test_tiles import compiled, is_tiled, small_tiles  # noqa: F401  (a fixture)

STOP = 50.0  # in the sequence: the step that reads it is the last
SIZES = (0, 1, 4, 5, 13)
PLACES = (None, 0, 3, 4, 5, 7, 8, 12)


def rows_and_sums(x, a):
    """Work after the state that decides; all rows, their number, the last one, sums and a maximum."""
    def step(x_t, s):
        s = 1 + a * x_t**2 + 0.5 * s
        return (s, T.log(s) + x_t**2 / s), sc.until(s > 1000)
    (s, terms), _ = sc.scan(step, sequences=x, outputs_info=[T.constant(1.0, x.dtype), None])
    return [s, terms, terms.sum(), (s * terms).sum(), T.concatenate([[0.0], s]).max(), s.shape[0]]


def sums_alone(x, a):
    """No row is in an array that is longer than a tile."""
    terms = rows_and_sums(x, a)[1]
    return [terms.sum(), (terms**2).mean()]


def work_before(x, a):
    """What the state reads is made for all steps of a tile, also for those behind the stop."""
    def step(x_t, s):
        s = T.exp(T.minimum(x_t, 9)) * 0.01 + a * s
        return s, sc.until(s > 50)
    return sc.scan(step, sequences=x, outputs_info=T.constant(0.0))[0]


def known_before(x, a):
    """The sequence alone decides; another state reads what is made after it."""
    def step(x_t, s, q):
        s = a * s + x_t
        return (s, 0.5 * q + T.exp(-s**2)), sc.until(x_t > 40)
    s, q = sc.scan(step, sequences=x[::-1], outputs_info=[T.constant(0.0), T.constant(1.0)])[0]
    return [s, q]


def without_states(x, a):
    return sc.scan(lambda x_t: (T.exp(-x_t) * T.log(2 + T.tanh(x_t)) + a, sc.until(x_t > 40)), sequences=x)[0]


def windows_and_arrays(x, a):
    def step(t, x_t, past, h):
        h = T.tanh(h[::-1] * a + x_t)
        return (0.5 * past + x_t, h, T.exp(h.sum()) * t), sc.until(x_t > 40)
    s, h, terms = sc.scan(step, sequences=[T.arange(x.shape[0]), x], outputs_info=[
        {"initial": T.arange(3.0), "taps": [-3]}, T.arange(2.0), None])[0]
    return [terms, s[-1:], h[-2:]]


def divisions(x, a):
    """Neither a quotient of integers nor a place outside a table fails behind the stop."""
    k = T.cast(x, "int64")

    def step(x_t, k_t, s):
        s = a * s + x_t
        return (s, T.log(1 + s**2) + T.arange(9.0)[T.minimum(k_t, 49)] + 7 // k_t), sc.until(T.eq(k_t, 8))
    return sc.scan(step, sequences=[x, k], outputs_info=[T.constant(0.0), None])[0]


PROGRAMS = [rows_and_sums, sums_alone, work_before, known_before, without_states, windows_and_arrays]


def inputs(sizes, places, dtype="float64"):
    rng = np.random.default_rng(0)
    for n in sizes:
        x = rng.normal(size=n).astype(dtype)
        for place in places:
            if place is None or place < n:
                given = x.copy()
                given[[] if place is None else [place]] = STOP
                yield given


def require_same_bits(program, xs, gradient=False, dtype="float64"):
    tiled, whole = compiled(program, "", gradient, dtype), compiled(program, "tile", gradient, dtype)
    assert is_tiled(tiled) and not is_tiled(whole)
    for x in xs:
        for got, expected in zip(tiled(x, 0.5), whole(x, 0.5), strict=True):
            assert got.shape == expected.shape and got.tobytes() == expected.tobytes(), x


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_values(program):
    require_same_bits(program, inputs(SIZES, PLACES))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("program", [rows_and_sums, known_before], ids=lambda p: p.__name__)
def test_gradients(program):
    require_same_bits(program, inputs(SIZES[1:], PLACES), gradient=True)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_that_may_end_in_any_block(dtype):
    places = (None, 0, 3, 7, 8, 100, 511, 512, 514, 519, 520, 1023, 1024, 1030, 2000, 2047, 2048, 2050)
    require_same_bits(sums_alone, inputs((520, 1029, 5003), places, dtype), dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("width", [1, 3, 16])
def test_sums_of_all_elements_of_arrays_that_may_end_in_any_block(dtype, width):
    """The sum of a second tile once began anew, where rows were arrays without gaps."""
    x = T.matrix("x", dtype=dtype)
    h, _ = sc.scan(lambda r, h: (T.cast(0.5, dtype) * h + r, sc.until(r[0] > 40)), x, outputs_info=T.zeros_like(x[0]))
    outputs = [h.sum(), T.sqr(h).mean(), (1 + h / 9999).prod()]
    tiled, reference = (sc.function([x], outputs, mode=mode) for mode in (None, "reference"))
    with change_flags(leave_out="tile"):
        whole = sc.function([x], outputs)
    for n, place in ((1, 0), (511, 600), (513, 600), (1029, 511), (1029, 512), (1029, 2000), (2050, 1500)):
        given = np.random.default_rng(n).normal(size=(n, width)).astype(dtype)
        given[place:, 0] = STOP
        for got, same, expected in zip(tiled(given), whole(given), reference(given), strict=True):
            assert got.tobytes() == same.tobytes(), (n, place)
            np.testing.assert_allclose(got, expected, 1e-3 if dtype == "float32" else 1e-9, 1e-3)


def test_a_sum_keeps_no_row():
    """However many steps there may be: two tiles of 4 KB."""
    plan = compiled(sums_alone, "").memory_plan(np.zeros(10**5), 0.5)
    assert plan.workspace_nbytes <= 3 * 4096


def test_a_sum_without_a_sequence():
    """As many steps as it takes, of billions that it might."""
    def terms(a):
        s, found = sc.scan(lambda s: ((s * a, T.log(s) + s), sc.until(s * a < 1e-3)),
                           outputs_info=[T.constant(1.0), None], n_steps=10**12)[0]
        return found.sum(), s.shape[0]
    a = T.scalar("a")
    f, reference = (sc.function([a], terms(a), mode=mode) for mode in (None, "reference"))
    assert is_tiled(f) and f.memory_plan(0.5).workspace_nbytes <= 2 * 4096
    for value in (1e-4, 0.5, 0.9, 0.99):
        for got, expected in zip(f(value), reference(value), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12)


@pytest.mark.usefixtures("small_tiles")
def test_what_would_fail_behind_the_stop():
    tiled, whole = compiled(divisions, ""), compiled(divisions, "tile")
    assert is_tiled(tiled)
    good, outside = np.array([1.0, 3, 5, 8, 0, 99, 0, 2]), np.array([1.0, 3, 49, 8, 0])
    for got, expected in zip(tiled(good, 0.5), whole(good, 0.5), strict=True):
        assert got.tobytes() == expected.tobytes() and len(got) == 4
    told = []
    for f in (tiled, whole):
        with pytest.raises(IndexError) as raised:
            f(outside, 0.5)
        told.append((str(raised.value), raised.value.__notes__))
    assert told[0] == told[1] and "in step 2 of " in "".join(told[0][1])


def test_rows_that_grow_stay_in_one_loop():
    """Nobody knows before how much memory they need."""
    with change_flags(floatX="float64"):
        a = T.scalar("a")
        found = sc.scan(lambda s: ((s * a, T.log(s)), sc.until(s * a < 1e-3)),
                        outputs_info=[T.constant(1.0), None], n_steps=10**12)[0][1]
        f = sc.function([a], found)
    assert not is_tiled(f)
    assert any("grows as it runs" in remark.reason for remark in f.remarks if remark.pass_name == "tile")


def test_rows_without_a_sequence_where_there_is_room_for_all():
    """As there is for 3,000 steps: the bits of one loop, wherever it stops."""
    a = T.scalar("a")

    def step(s, q):
        return (s * a, 0.5 * q + s, T.log(s) + T.exp(-s) * q), sc.until(s * a < 1e-3)

    def build():
        rows = sc.scan(step, outputs_info=[T.constant(1.0), T.constant(0.0), None], n_steps=3000)[0]
        return sc.function([a], [*rows, rows[0].shape[0], rows[2].sum(), sc.grad(rows[2].sum(), a)])

    tiled = build()
    with change_flags(leave_out="tile"):
        whole = build()
    assert is_tiled(tiled) and not is_tiled(whole)
    for value in (1e-4, 0.5, 0.9, 0.9866, 0.99, 0.9966, 0.998, 1.0):
        for got, expected in zip(tiled(value), whole(value), strict=True):
            assert got.shape == expected.shape and got.tobytes() == expected.tobytes(), value
