"""`out=`: the arrays that a caller gives for the outputs of a function, compiled and interpreted."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

MODES = [None, "reference"]


def running(x):
    return sc.scan(lambda x_t, s: s + x_t, sequences=x, outputs_info=T.constant(0.0))[0]


@pytest.mark.parametrize("mode", MODES)
def test_one_a_list_and_a_dict(mode):
    x = T.vector("x")
    rows = running(x)
    given, values = np.empty(5), np.arange(5.0)
    assert sc.function([x], rows, mode=mode)(values, out=given) is given
    np.testing.assert_array_equal(given, np.cumsum(values))
    last = np.empty(())
    got = sc.function([x], [rows, rows[-1]], mode=mode)(2 * values, out=[given, last])
    assert got[0] is given and got[1] is last and last == 20
    got = sc.function([x], {"rows": rows, "last": rows[-1]}, mode=mode)(x=values, out={"rows": given})
    assert got["rows"] is given and got["last"] == 10 and given[-1] == 10


@pytest.mark.parametrize("mode", MODES)
def test_memory_that_is_also_an_input(mode):
    x = T.vector("x")
    for build in (lambda x: x[::-1] * 2, running):
        values = np.arange(5.0)
        want = sc.function([x], build(x), mode="reference")(values)
        function = sc.function([x], build(x), mode=mode)
        assert function(values, out=values) is values
        np.testing.assert_array_equal(values, want)
        wide = np.arange(9.0)
        want = function(wide[:5].copy())
        function(wide[:5], out=wide[2:7])
        np.testing.assert_array_equal(wide[2:7], want)


@pytest.mark.parametrize("mode", MODES)
def test_a_scan_that_ends_early_fills_a_part(mode):
    x = T.vector("x")
    rows, _ = sc.scan(lambda x_t, s: (s + x_t, sc.until(s + x_t > 3)), sequences=x, outputs_info=T.constant(0.0))
    given = np.full(6, -1.0)
    got = sc.function([x], rows, mode=mode)(np.arange(6.0), out=given)
    np.testing.assert_array_equal(got, [0, 1, 3, 6])
    assert np.shares_memory(got, given)


@pytest.mark.parametrize("mode", MODES)
def test_sizes_that_only_running_tells(mode):
    x = T.vector("x")
    function = sc.function([x], x[(x > 2).nonzero()], mode=mode)
    given = np.empty(40)
    assert function(np.arange(43.0), out=given) is given
    np.testing.assert_array_equal(given, np.arange(3.0, 43.0))
    with pytest.raises(ValueError, match=r"has shape \(40,\), where the result has \(41,\)"):
        function(np.arange(44.0), out=given)


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_output_updates_nothing(mode):
    x, count = T.vector("x"), sc.shared(0)
    function = sc.function([x], x * 2, updates={count: count + 1}, mode=mode)
    for wrong in (np.empty(4), np.empty(3, "f4"), np.empty((3, 1)), [1.0] * 3, [np.empty(3)], {}):
        with pytest.raises((TypeError, ValueError), match=r"out= for the output 'result\d?'"):
            function(np.ones(3), out=wrong)
    assert count.get_value() == 0
    given = np.empty(3)
    assert function([1, 2, 3], out=given) is given and given[2] == 6 and count.get_value() == 1


@pytest.mark.parametrize("mode", MODES)
def test_weights_in_shared_variables(mode):
    x, w = T.vector("x"), sc.shared(np.arange(3.0))
    given = np.empty(3)
    assert sc.function([x], x * w, mode=mode)(np.ones(3), out=given) is given
    np.testing.assert_array_equal(given, [0, 1, 2])


@pytest.mark.parametrize("mode", MODES)
def test_an_input_called_out_takes_the_keyword(mode):
    x, out = T.vector("x"), T.vector("out")
    function = sc.function([x, out], x - out, mode=mode)
    np.testing.assert_array_equal(function(np.ones(2), out=np.zeros(2)), [1, 1])


@pytest.mark.parametrize("mode", MODES)
def test_a_function_without_outputs(mode):
    count = sc.shared(0)
    function = sc.function([], [], updates={count: count + 1}, mode=mode)
    assert function(out=[]) == []
    with pytest.raises(TypeError, match="list of 0 arrays"):
        function(out=np.empty(1))
    nothing = sc.function([], None, updates={count: count + 1}, mode=mode)
    with pytest.raises(TypeError, match="has no outputs; leave it out"):
        nothing(out=np.empty(1))
    assert count.get_value() == 1
