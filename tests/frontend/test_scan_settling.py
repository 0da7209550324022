"""Elementwise scans with `until` that end when all lanes are done: those that are may or may not change no more."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

C, STEPS = T.vector("c"), T.iscalar("steps")


def grows(alive, x, c):
    return T.switch(alive, x + c, x)


def counted(x, n, c):
    alive = x * x <= 4
    return [grows(alive, x, c), n + T.cast(alive, "int64")], sc.until(T.eq(T.sum(alive), 0))


def any_left(x, n, c):
    alive = x < 3
    return [grows(alive, x, c), T.switch(alive, n + 1, n)], sc.until(~T.any(alive))


def all_done(x, n, c):
    done = (x > 3) | (x < -3)
    return [T.switch(done, x, x + c), T.switch(done, n, n + 2)], sc.until(T.all(done))


def starts_again(x, n, c):
    alive = x < 3
    return [T.switch(alive, x + abs(c), x - 3), n + T.cast(alive, "int64")], sc.until(~T.any(alive))


def counts_on(x, n, c):
    alive = x < 3
    return [grows(alive, x, c), n + 1], sc.until(~T.any(alive))


def any_done(x, n, c):
    alive = x < 1
    return [grows(alive, x, c), n + T.cast(alive, "int64")], sc.until(T.any(~alive))


SETTLING, OTHERS = [counted, any_left, all_done], [starts_again, counts_on, any_done]


def functions(step):
    """The same program natively and in NumPy: last states, and how many steps ran."""
    (x, n), _ = sc.scan(step, outputs_info=[T.zeros_like(C), T.zeros_like(C, dtype="int64")], non_sequences=C,
                        n_steps=STEPS)
    return [sc.function([C, STEPS], [x[-1], n[-1], x.shape[0]], **how) for how in ({}, {"mode": "reference"})]


def marks(step):
    native, _ = functions(step)
    return "settled" in native.dump("loop")


@pytest.mark.parametrize("step", SETTLING, ids=lambda step: step.__name__)
def test_lanes_end_one_by_one(step):
    assert marks(step)


@pytest.mark.parametrize("step", OTHERS, ids=lambda step: step.__name__)
def test_lanes_that_change_wait_for_all(step):
    assert not marks(step)


@pytest.mark.parametrize("step", [*SETTLING, *OTHERS], ids=lambda step: step.__name__)
def test_states_and_steps_are_those_of_the_whole_row(step):
    native, reference = functions(step)
    for length in (0, 1, 8, 21):
        c = np.round(8 * np.random.default_rng(length).normal(size=length)) / 8
        for steps in (1, 3, 40):
            for got, expected in zip(native(c, steps), reference(c, steps), strict=True):
                np.testing.assert_array_equal(got, expected)


def passes_by(x, n, seen, c):
    alive = abs(x - 4) > 1  # holds again behind 5, where a lane that went on would come
    return [grows(alive, x, c), n + T.cast(alive, "int64"), T.switch(alive, x, seen)], sc.until(~T.any(alive))


def meets(x, n, seen, c):
    done = (x > 3) & (x < 5)
    return [T.switch(done, x, x / 2 + c), T.switch(done, n, n + 1), T.switch(done, seen, seen - x)], sc.until(
        T.all(done))


def vanishes(x, n, seen, c):
    alive = (x < 3) | (x > 6)
    return [T.switch(~alive, x, 1 / (x - c) + x), n + T.cast(alive, "int64"), T.switch(alive, x, seen)], sc.until(
        T.eq(T.sum(alive), 0))


@pytest.mark.parametrize("step", [passes_by, meets, vanishes], ids=lambda step: step.__name__)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_state_that_nobody_reads_may_go_on_but_its_lane_stays_done(step, dtype):
    c = T.vector("c", dtype=dtype)
    zeros = T.zeros_like(c)
    (x, n, seen), _ = sc.scan(step, outputs_info=[zeros, T.zeros_like(c, dtype="int64"), zeros], non_sequences=c,
                              n_steps=STEPS)
    native, reference = (sc.function([c, STEPS], [n[-1], seen[-1]], mode=mode) for mode in (None, "reference"))
    for length in (1, 21, 70):
        values = (np.round(8 * np.random.default_rng(length).normal(size=length)) / 8).astype(dtype)
        for steps in (1, 7, 40):
            for got, expected in zip(native(values, steps), reference(values, steps), strict=True):
                np.testing.assert_array_equal(got, expected)


def test_a_state_that_is_read_at_the_end_stays_as_it_was():
    zeros = T.zeros_like(C)
    (x, _, seen), _ = sc.scan(passes_by, outputs_info=[zeros, T.zeros_like(C, dtype="int64"), zeros],
                              non_sequences=C, n_steps=STEPS)
    native, reference = (sc.function([C, STEPS], [x[-1], seen[-1]], mode=mode) for mode in (None, "reference"))
    values = np.arange(33) / 8
    for got, expected in zip(native(values, 40), reference(values, 40), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_lane_that_ends_for_good_by_a_state():
    def step(alive, x, c):
        alive = alive & (x < 3)
        return [alive, T.switch(alive, x + c, x)], sc.until(~T.any(alive))
    (_, x), _ = sc.scan(step, outputs_info=[T.ones_like(C, dtype="bool"), T.zeros_like(C)], non_sequences=C,
                        n_steps=STEPS)
    native, reference = (sc.function([C, STEPS], x[-1], mode=mode) for mode in (None, "reference"))
    c = np.linspace(-1, 2, 19)
    assert "settled" in native.dump("loop")
    np.testing.assert_array_equal(native(c, 9), reference(c, 9))


def test_a_test_that_reads_the_number_of_the_step_waits_for_all():
    def step(t, x, c):
        alive = (x < 3) & (t < 2) | (t > 4)
        return grows(alive, x, c), sc.until(~T.any(alive))
    x, _ = sc.scan(step, sequences=T.arange(STEPS), outputs_info=T.zeros_like(C), non_sequences=C)
    native, reference = (sc.function([C, STEPS], x[-1], mode=mode) for mode in (None, "reference"))
    c = np.linspace(-1, 2, 19)
    assert "settled" not in native.dump("loop")
    np.testing.assert_array_equal(native(c, 9), reference(c, 9))


def test_states_of_other_lengths_where_no_step_runs():
    other = T.vector("other")

    def step(x, y, c, other):
        alive = x + y < 3
        return [T.switch(alive, x + c, x), T.switch(alive, y + other, y)], sc.until(~T.any(alive))
    (x, y), _ = sc.scan(step, outputs_info=[C, other], non_sequences=[C, other], n_steps=STEPS, return_list=True)
    native, reference = (sc.function([C, other, STEPS], [x.sum(), y.sum(), x.shape[0]], mode=mode)
                         for mode in (None, "reference"))
    for got, expected in zip(native(np.ones(3), np.ones(5), 0), reference(np.ones(3), np.ones(5), 0), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_rows_of_a_matrix_are_lanes():
    m = T.matrix("m")

    def step(x, m):
        alive = x < 3
        return grows(alive, x, m), sc.until(~T.any(alive))
    x, _ = sc.scan(step, outputs_info=T.zeros_like(m), non_sequences=m, n_steps=STEPS)
    native, reference = (sc.function([m, STEPS], [x[-1], x.shape[0]], mode=mode) for mode in (None, "reference"))
    values = np.round(8 * np.random.default_rng(1).normal(size=(3, 11))) / 8
    assert "settled" in native.dump("loop")
    for got, expected in zip(native(values, 30), reference(values, 30), strict=True):
        np.testing.assert_array_equal(got, expected)
