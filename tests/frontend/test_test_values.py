"""Test values: an op runs when it is applied, and a wrong shape shows in the line that makes it."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T


@pytest.fixture(autouse=True)
def on():
    with sc.change_flags(compute_test_value="raise"):
        yield


def given(var, value):
    var.tag.test_value = np.asarray(value, var.dtype)
    return var


def test_values_of_results():
    x, s = given(T.vector("x"), [1, 2]), sc.shared(np.array([10.0, 20.0]))
    assert (x * 3 + s).tag.test_value.tolist() == [13, 26]


def test_a_wrong_shape_shows_where_it_is_made():
    x, y = given(T.vector("x"), [1, 2]), given(T.vector("y"), [1, 2, 3])
    with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
        x + y


def test_a_step_sees_the_first_rows():
    seen = []

    def step(now, before, state, older, weight):
        seen.append([v.tag.test_value.tolist() for v in (now, before, state, older, weight)])
        return state + older * weight

    x, w = given(T.matrix("x"), [[1, 2], [3, 4]]), given(T.vector("w"), [5, 6])
    initial = given(T.matrix("initial"), [[7, 7], [8, 8]])
    result, _ = sc.scan(step, {"input": x, "taps": [0, -1]}, {"initial": initial, "taps": [-1, -2]}, w)
    assert seen == [[[3, 4], [1, 2], [8, 8], [7, 7], [5, 6]]]
    assert result.tag.test_value.tolist() == [[43, 50]]


def test_what_rests_on_an_input_without_one_has_none():
    assert not hasattr((T.vector("x") * 2).tag, "test_value")


def test_off():
    x = given(T.vector("x"), [1, 2])
    with sc.change_flags(compute_test_value="off"):
        assert not hasattr((x * 3).tag, "test_value")
