"""Several scans of one length, which the compiler makes one: their numbers, their errors, and their loop."""

import re

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

ZERO = T.constant(0.0)


def scan(step, sequences, outputs_info=None, **options):
    return sc.scan(step, sequences=sequences, outputs_info=outputs_info, return_updates=False, **options)


def leaky(a, h):
    return T.tanh(a + 0.5 * h)


def loop_of(inputs, outputs):
    """The first loop and what follows, whatever its values are called."""
    text = sc.function(inputs, outputs).dump("loop")
    numbers, loop = {}, text[text.index("for %"):]
    return re.sub(r"%\w+", lambda name: f"%{numbers.setdefault(name[0], len(numbers))}", loop)


def other(b, g):
    return g * b + b


# What a user writes in several scans, and the step that an expert writes.
ONE_SCAN = {
    "one reads the other": (
        lambda x: scan(other, scan(leaky, x, ZERO), ZERO),
        lambda a, h, g: (leaky(a, h), other(leaky(a, h), g))),
    "work between": (
        lambda x: scan(other, T.exp(scan(leaky, x, ZERO)) * 2 + x, ZERO),
        lambda a, h, g: (leaky(a, h), other(T.exp(leaky(a, h)) * 2 + a, g))),
    "a map between": (
        lambda x: scan(other, scan(lambda v: T.exp(v) * 2, scan(leaky, x, ZERO)), ZERO),
        lambda a, h, g: (leaky(a, h), other(T.exp(leaky(a, h)) * 2, g))),
    "the row before": (
        lambda x: scan(other, T.concatenate([[0.0], scan(leaky, x, ZERO)])[:x.shape[0]], ZERO),
        lambda a, h, g: (leaky(a, h), other(h, g))),
    "a nest in each": (
        lambda x: scan(lambda a, g: a - scan(lambda v: v * g, x)[-1], scan(leaky, x, ZERO), ZERO),
        lambda a, h, g, x: (leaky(a, h), leaky(a, h) - scan(lambda v: v * g, x)[-1])),
}


@pytest.mark.parametrize("name", ONE_SCAN)
def test_several_scans_are_the_loop_of_one(name):
    x = T.dvector("x")
    written, step = ONE_SCAN[name]
    options = {"non_sequences": x} if step.__code__.co_argcount == 4 else {}
    one = scan(step, x, [ZERO, ZERO], **options)[1]
    assert loop_of([x], written(x)) == loop_of([x], one)
    assert loop_of([x], written(x)[-1]) == loop_of([x], one[-1])


def test_two_scans_are_the_loop_of_one_with_two_results():
    x = T.dvector("x")
    h = scan(leaky, x, ZERO)
    both = scan(lambda a, h, g: (leaky(a, h), other(leaky(a, h), g)), x, [ZERO, ZERO])
    assert loop_of([x], [h, scan(other, h, ZERO)]) == loop_of([x], both)


def test_three_scans_of_rows_are_the_loop_of_one():
    x = T.dmatrix("x")
    start = T.zeros_like(x[0])
    h = scan(leaky, x, start)
    k = scan(lambda c, k: 0.9 * k + c, scan(other, h, start), start)

    def step(a, h, g, k):
        return leaky(a, h), other(leaky(a, h), g), 0.9 * k + other(leaky(a, h), g)
    assert loop_of([x], k) == loop_of([x], scan(step, x, [start] * 3)[2])


def test_scans_side_by_side_are_the_loop_of_one_with_two_results():
    x = T.dvector("x")
    h, g = scan(leaky, x, ZERO), scan(lambda a, g: g * 0.5 + a, x, ZERO)
    both = scan(lambda a, h, g: (leaky(a, h), g * 0.5 + a), x, [ZERO, ZERO])
    assert loop_of([x], [h, g]) == loop_of([x], both)


def test_a_scan_of_scans_that_carry_nothing_is_the_loop_of_an_expression():
    x = T.dmatrix("x")
    rows = scan(lambda r: scan(lambda a: T.exp(a) * 2, r), x)
    assert loop_of([x], rows) == loop_of([x], T.exp(x) * 2)


def past(h, x):
    return T.concatenate([[1.5], h[:-1]])


CHAINS = {
    "rows": lambda h, x: h,
    "work between": lambda h, x: T.exp(h) * 2 + x,
    "one step before": past,
    "two steps before": lambda h, x: T.concatenate([[1.5, 2.5], h])[:x.shape[0]],
    "eleven steps before": lambda h, x: T.concatenate([T.arange(11) * 0.1, h])[:x.shape[0]],
    "before that": lambda h, x: past(past(h, x), x),
    "backwards twice": lambda h, x: (h[::-1] * 2)[::-1],
    "backwards": lambda h, x: h[::-1],
    "last row first": lambda h, x: h - h[-1],
    "a mean": lambda h, x: h - h.mean(),
}


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("between", CHAINS.values(), ids=CHAINS)
@pytest.mark.parametrize("n", [1, 2, 13])
def test_chains(between, n):
    x = T.dvector("x")
    h = scan(leaky, x, ZERO)
    rows = between(h, x)
    g = scan(lambda a, b, g: a * 0.5 * g + b, [x, rows], ZERO)
    values = np.linspace(-1, 1, n)
    expected = sc.function([x], [g, rows, h], mode="reference")(values)
    for got, want in zip(compile([x], [g, rows, h])(values), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-14)
    np.testing.assert_allclose(compile([x], g[-1])(values), expected[0][-1], rtol=1e-14)


@pytest.mark.usefixtures("every_executor")
def test_no_steps():
    x = T.dvector("x")
    h = scan(leaky, x, ZERO)
    g = scan(lambda a, b, g: a * g + b, [x, past(h, x)], ZERO)
    assert [len(rows) for rows in compile([x], [h, g])(np.zeros(0))] == [0, 0]


@pytest.mark.usefixtures("every_executor")
def test_rows_of_a_scan_that_stops():
    x = T.dvector("x")
    h = scan(lambda a, h: (h + a, sc.until(h + a > 5)), x, ZERO)
    g = scan(lambda a, g: g + a * 2, h, ZERO)
    got_h, got_g = compile([x], [h, g])(np.arange(9.0))
    assert got_h.tolist() == [0, 1, 3, 6]
    assert got_g.tolist() == [0, 2, 8, 20]


@pytest.mark.usefixtures("every_executor")
def test_rows_times_a_matrix_are_read_in_the_loop():
    """A layer on a layer: what lies between has a tile of rows."""
    x, w = T.dmatrix("x"), T.dmatrix("w")
    h = scan(leaky, x, T.zeros_like(x[0]))
    g = scan(leaky, T.tanh(T.dot(h, w)) + x, T.zeros_like(x[0]))
    f = sc.function([x, w], g[-1])
    assert "one loop with the scan of 'h'" in str(f.remarks)
    small, large = (f.memory_plan(np.zeros((n, 4)), np.zeros((4, 4))).workspace_nbytes for n in (3000, 20_000))
    assert small == large
    values = np.linspace(-1, 1, 600 * 4).reshape(600, 4), np.linspace(-1, 1, 16).reshape(4, 4)
    expected = sc.function([x, w], g[-1], mode="reference")(*values)
    np.testing.assert_allclose(compile([x, w], g[-1])(*values), expected, 1e-12)


def test_rows_times_a_matrix_are_rounded_as_written_in_the_loop_too():
    x, w = T.matrix("x"), T.matrix("w")
    rows = scan(lambda v, h: 0.5 * h + v, x, T.zeros_like(x[0]))
    f = sc.function([x, w], scan(lambda v, g: v + 0 * g, T.dot(rows, w), T.zeros((3,))), fast_math="strict")
    given = np.random.default_rng(1).standard_normal((9, 6)), np.random.default_rng(2).standard_normal((6, 3))
    h, wanted = np.zeros(6), np.zeros((9, 3))
    for t, v in enumerate(given[0]):
        h = 0.5 * h + v
        for k in range(6):
            wanted[t] = wanted[t] + h[k] * given[1][k]
    np.testing.assert_array_equal(f(*given), wanted)


ALIKE = {  # the steps of two scans, and whether they surely stop alike
    "by what both read": (lambda a, h: (h + a, sc.until(a > 3)), lambda a, h: (h * a, sc.until(a > 3)), True),
    "by equal states": (lambda a, h: (h + a, sc.until(h + a > 3)), lambda a, h: (h + a, sc.until(h + a > 3)), True),
    "at another number": (lambda a, h: (h + a, sc.until(a > 3)), lambda a, h: (h * a, sc.until(a > 4)), False),
    "by other states": (lambda a, h: (h + a, sc.until(h > 3)), lambda a, h: (h * a + 1, sc.until(h > 3)), False),
}


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("name", ALIKE)
def test_scans_that_stop_alike_are_one(name):
    x = T.dvector("x")
    *steps, alike = ALIKE[name]
    h, g = (scan(step, x, ZERO) for step in steps)
    outputs = [h, g[-1], T.sqr(g).sum()]
    assert sc.function([x], outputs).ir("scan", after="fuse-scans").count("= scan %") == 2 - alike
    for values in ([1.0, 0.5, 2.0, 7.0, 8.0], [0.0, 1.0], [9.0, 9.0], [3.5, 2.0, 1.0]):
        first, second = compile([x], h)(values), compile([x], g)(values)
        for got, want in zip(compile([x], outputs)(values), (first, second[-1], (second**2).sum()), strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("first, second, bad", [([0, 9], [8, 0], 9), ([9, 0], [0, 8], 9), ([0, 1], [0, 8], 8)])
def test_the_first_error_stays_the_first(first, second, bad):
    x, i = T.dvector("x"), T.lmatrix("i")
    h = scan(lambda k, h: h + x[k[0]], i, ZERO)
    g = scan(lambda a, k, g: g + a * x[k[1]], [h, i], ZERO)
    with pytest.raises(IndexError, match=f"index {bad}"):
        compile([x, i], [h, g])(np.ones(3), np.array([first, second]).T)


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("places", [[0, 1, 2], [0, 9, 8], [-3, -4, 0]])
def test_scans_that_look_up_the_same_places_are_one(places):
    """Where the second would fail, the first does."""
    i, x = T.lvector("i"), T.dvector("x")
    h = scan(lambda k, h, x: T.tanh(h + x[k]), i, ZERO, non_sequences=x)
    g = scan(lambda k, g, x: g * x[k] - 1, i, ZERO, non_sequences=x)
    text = sc.function([i, x], [h, g]).ir("scan", after="fuse")
    assert text.count("= scan %") == 1 and text.count("is out of range") == 1
    f, args = compile([i, x], [h, g]), (np.array(places), np.ones(3))
    if max(places) < 3 and min(places) > -4:
        f(*args)
        return
    with pytest.raises(IndexError, match=f"index {places[1]} .*(\n.*)*in step 1"):
        f(*args)


def test_a_scan_joined_with_one_that_may_fail_says_its_name():
    x, i = T.dvector("x"), T.lvector("i")
    h = scan(lambda k, h: T.tanh(k + h), i, ZERO, name="quiet")
    g = scan(lambda a, k, g: g + a * x[k], [h, i], ZERO, name="loud")
    f = sc.function([x, i], [h, g])
    assert f.dump().count(" scan %") == 1
    with pytest.raises(IndexError, match="in step 2 of scan 'loud'"):
        f(np.ones(3), np.array([0, 1, 7]))


@pytest.mark.usefixtures("every_executor")
def test_lengths_that_must_agree_are_one():
    """What is made of all of them says so; an error before is the first."""
    x, y, z = T.dvectors("x", "y", "z")
    h, g, k = scan(leaky, x, ZERO), scan(other, y, ZERO), scan(lambda a, k: k - a, z, ZERO)
    outputs = [(h * g).sum(), (g + k)[1:].max(), y.shape[0]]
    assert sc.function([x, y, z], outputs).ir("scan", after="fuse").count("= scan %") == 1
    f = compile([x, y, z], outputs)
    total, largest, steps = f(np.arange(3.0), np.ones(3), np.zeros(3))
    np.testing.assert_allclose([total, largest, steps], [(np.array([0, np.tanh(1), np.tanh(2 + 0.5 * np.tanh(1))])
                                                          * [1, 2, 3]).sum(), 3, 3])
    with pytest.raises(ValueError, match="lengths 3 and 2|not agree"):
        f(np.arange(3.0), np.ones(2), np.zeros(5))
    with pytest.raises(ValueError, match="lengths 3 and 5|not agree"):
        f(np.arange(3.0), np.ones(3), np.zeros(5))


def pairs(a, b, g):
    return 0.5 * g + a * b


LATER = {
    "the row before": lambda x: scan(pairs, {"input": scan(leaky, x, ZERO), "taps": [-1, 0]}, ZERO),
    "three steps before": lambda x: scan(pairs, {"input": T.exp(scan(leaky, x, ZERO)), "taps": [-3, 0]}, ZERO)[::2],
    "two apart": lambda x: scan(pairs, {"input": scan(leaky, x, ZERO), "taps": [1, 3]}, ZERO)[-1:],
    "differences": lambda x: scan(leaky, scan(leaky, x, ZERO)[1:] - scan(leaky, x, ZERO)[:-1], ZERO),
    "rows of no state": lambda x: scan(
        pairs, {"input": scan(lambda a, h: (leaky(a, h), T.exp(h)), x, [ZERO, None])[1], "taps": [-2, 0]}, ZERO),
    "and the last row": lambda x: [scan(leaky, x, ZERO)[-1],
                                   scan(pairs, {"input": scan(leaky, x, ZERO), "taps": [-1, 0]}, ZERO)],
    "with the step's number": lambda x: scan(
        pairs, [{"input": scan(lambda i, h: 0.5 * h + i, T.arange(x.shape[0]), ZERO), "taps": [-1]}, x], ZERO),
    "one behind another": lambda x: scan(pairs, {"input": scan(
        pairs, {"input": scan(leaky, x, ZERO), "taps": [-1, 0]}, ZERO), "taps": [-2, 0]}, ZERO),
    "of arrays": lambda x: scan(pairs, {"input": scan(lambda a, h: leaky(a, h)[::-1], x, x[0] * T.ones(3)),
                                        "taps": [-2, 0]}, T.zeros(3)),
}


@pytest.mark.usefixtures("every_executor")
@pytest.mark.parametrize("name", LATER)
def test_rows_of_several_steps_ago_are_read_in_the_loop(name):
    x = T.dvector("x")
    f, reference = compile([x], LATER[name](x)), sc.function([x], LATER[name](x), mode="reference")
    for n in (1, 2, 3, 4, 5, 9) if name == "of arrays" else (0, 1, 2, 3, 4, 5, 9):
        given = np.linspace(-1, 2, n)
        try:
            wanted = reference(given)
        except IndexError:
            with pytest.raises(IndexError):
                f(given)
            continue
        for got, want in zip(*([found] if isinstance(found, np.ndarray) else found for found in (f(given), wanted)),
                             strict=True):
            np.testing.assert_allclose(got, want, 1e-12)


@pytest.mark.parametrize("name", LATER)
def test_rows_of_several_steps_ago_are_not_kept(name):
    x = T.dvector("x")
    f = sc.function([x], LATER[name](x))
    assert any(remark.pass_name == "fuse-scans" and "stand before it" in str(remark) for remark in f.remarks)
    small, large = (f.memory_plan(np.zeros(n)).workspace_nbytes for n in (3000, 20_000))
    assert small == large
