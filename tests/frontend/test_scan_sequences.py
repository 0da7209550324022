"""Sequences: forms, taps, alignment, direction, and how many steps they give."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

DIGITS = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


def run(outputs, args=()):
    """The value of `outputs`, of which `args` maps inputs to values."""
    args = dict(args)
    return compile(list(args), outputs)(*args.values())


def scanned(*args, **kwargs):
    return sc.scan(*args, **kwargs)[0]


@pytest.mark.parametrize("form", [
    lambda x: x, lambda x: [x], lambda x: (x,), lambda x: dict(input=x), lambda x: [dict(input=x, taps=0)],
    lambda x: dict(input=x, taps=[0]), lambda x: dict(input=x, taps=None), lambda x: dict(input=x, taps=(0,)),
])  # F1, F4
def test_forms_of_one_sequence(form):
    x = T.vector("x")
    assert run(scanned(lambda v: v * 2, sequences=form(x)), {x: DIGITS}).tolist() == [2, 4, 6, 8, 10]


def test_a_numpy_array_is_one_sequence():  # F1
    assert run(scanned(lambda v: v * 2, sequences=DIGITS)).tolist() == [2, 4, 6, 8, 10]
    assert run(scanned(lambda v: v * 2, sequences=[[1, 2, 3]])).tolist() == [2, 4, 6]


def test_a_list_of_numbers_is_a_list_of_sequences():  # F1
    with pytest.raises(TypeError, match="list of sequences"):
        sc.scan(lambda a, b, c: a, sequences=[1, 2, 3])


def test_taps_are_passed_in_the_order_given():  # F2
    x = T.vector("x")
    seen = []

    def step(*args):
        seen.extend(args)
        return args

    results = scanned(step, sequences=dict(input=x, taps=[1, -1, 0]))
    assert [v.name for v in seen] == ["x[t+1]", "x[t-1]", "x[t]"]  # F3
    assert [r.tolist() for r in run(results, {x: DIGITS})] == [[3, 4, 5], [1, 2, 3], [2, 3, 4]]


def test_duplicate_taps():  # F4
    x = T.vector("x")
    assert run(scanned(lambda a, b: a + b, sequences=dict(input=x, taps=[0, 0])), {x: DIGITS}).tolist() == [
        2, 4, 6, 8, 10]


def test_tap_zero_counts_where_it_is_not_asked_for():  # F5
    x = T.vector("x")
    assert run(scanned(lambda a: a, sequences=dict(input=x, taps=[-2])), {x: DIGITS}).tolist() == [1, 2, 3]
    assert run(scanned(lambda a: a, sequences=dict(input=x, taps=[2])), {x: DIGITS}).tolist() == [3, 4, 5]


def test_each_sequence_is_aligned_on_its_own():  # F5
    a, b = T.vector("a"), T.vector("b")
    results = scanned(lambda *v: v, sequences=[dict(input=a, taps=[-2, 0]), b])
    old, new, other = run(results, {a: DIGITS, b: DIGITS * 10})
    assert (old[0], new[0], other[0]) == (1, 3, 10)
    assert len(old) == len(other) == 3


def test_the_shortest_sequence_counts():  # F6
    a, b = T.vector("a"), T.vector("b")
    assert run(scanned(lambda x, y: x + y, sequences=[a, b]), {a: DIGITS, b: DIGITS[:2]}).tolist() == [2, 4]


def test_a_sequence_shorter_than_its_taps_gives_no_steps():  # F6
    x = T.vector("x")
    assert run(scanned(lambda a: a, sequences=dict(input=x, taps=[-3])), {x: DIGITS[:2]}).shape == (0,)


@pytest.mark.parametrize("n_steps", [3, np.int8(3), np.asarray(3)])
def test_n_steps_as_a_number(n_steps):  # F7
    x = T.vector("x")
    assert run(scanned(lambda a: a, sequences=x, n_steps=n_steps), {x: DIGITS}).tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", ["bscalar", "iscalar", "lscalar", "wscalar"])
def test_n_steps_of_any_integer_dtype(kind):  # F7
    n = getattr(T, kind)("n")
    result = scanned(lambda s: s + 1, outputs_info=T.constant(0.0), n_steps=n)
    assert run(result, {n: 3}).tolist() == [1, 2, 3]


@pytest.mark.parametrize("n_steps", [3.0, 2.7, np.inf, np.nan, True, np.True_, "3"])  # F7, D14
def test_n_steps_that_is_no_integer(n_steps):
    with pytest.raises(TypeError, match="n_steps"):
        sc.scan(lambda s: s + 1, outputs_info=T.constant(0.0), n_steps=n_steps)


@pytest.mark.parametrize("n_steps", [np.float64(3), T.dscalar(), T.ivector()])  # F7
def test_n_steps_of_another_type(n_steps):
    with pytest.raises(ValueError, match="n_steps"):
        sc.scan(lambda s: s + 1, outputs_info=T.constant(0.0), n_steps=n_steps)


def test_no_information_about_the_number_of_steps():  # F6
    with pytest.raises(ValueError, match="No information about the number of steps"):
        sc.scan(lambda s: s + 1, outputs_info=T.constant(0.0))


# ---- going backwards --------------------------------------------------------------------------------


def test_backwards_is_reversed_then_cut():  # F9
    x = T.vector("x")
    result = scanned(lambda a: a, sequences=x, n_steps=3, go_backwards=True)
    assert run(result, {x: DIGITS}).tolist() == [5, 4, 3]


def test_backwards_starts_from_the_end_of_each_sequence():  # F9
    a, b = T.vector("a"), T.vector("b")
    result = scanned(lambda x, y: x * 10 + y, sequences=[a, b], go_backwards=True)
    assert run(result, {a: DIGITS, b: DIGITS[:2]}).tolist() == [52, 41]


def test_backwards_taps_keep_their_meaning():  # F9
    x = T.vector("x")
    result = scanned(
        lambda old, new: old * 10 + new, sequences=dict(input=x, taps=[-1, 1]), go_backwards=True
    )
    assert run(result, {x: DIGITS}).tolist() == [35, 24, 13]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_backwards_over_fewer_rows_than_the_taps_need(n):
    x = T.vector("x")
    result = scanned(lambda old, new: old + new, sequences=dict(input=x, taps=[-1, 1]), go_backwards=True)
    assert run(result, {x: DIGITS[:n]}).shape == (0,)


def test_one_step_backwards_reads_the_last_row():  # D1
    x, n = T.vector("x"), T.iscalar("n")
    fixed = scanned(lambda a: a, sequences=x, n_steps=1, go_backwards=True)
    assert run(fixed, {x: DIGITS}).tolist() == [5]
    symbolic = scanned(lambda a: a, sequences=x, n_steps=n, go_backwards=True)
    assert run(symbolic, {x: DIGITS, n: 1}).tolist() == [5]


# ---- lengths that do not fit ------------------------------------------------------------------------


def test_more_steps_than_rows_with_a_state():  # D3
    x, n = T.vector("x"), T.iscalar("n")
    result = scanned(lambda a, s: a + s, sequences=x, outputs_info=T.constant(0.0), n_steps=n)
    with pytest.raises(ValueError, match="rows for 3 steps, but n_steps is 8"):
        run(result, {x: DIGITS[:3], n: 8})


def test_more_steps_than_rows_without_a_state():  # D4
    x = T.vector("x")
    result = scanned(lambda a: a * 2, sequences=x, n_steps=8)
    with pytest.raises(ValueError, match="n_steps is 8"):
        run(result, {x: DIGITS})


def test_more_steps_than_rows_of_a_sequence_that_is_not_read():  # D4
    x = T.vector("x")
    result = scanned(lambda a, s: s + 1, sequences=x, outputs_info=T.constant(0.0), n_steps=8)
    with pytest.raises(ValueError, match="n_steps is 8"):
        run(result[-1], {x: DIGITS})


def test_more_steps_than_known_rows():
    with pytest.raises(ValueError, match="rows for 5 steps, but n_steps is 8"):
        sc.scan(lambda a: a, sequences=DIGITS, n_steps=8)


def test_a_negative_number_of_steps():  # D5
    x, n = T.vector("x"), T.iscalar("n")
    with pytest.raises(ValueError, match="n_steps is -1"):
        sc.scan(lambda a: a, sequences=x, n_steps=-1)
    with pytest.raises(IndexError, match="n_steps is -3"):
        run(scanned(lambda a: a, sequences=x, n_steps=n), {x: DIGITS, n: -3})


# ---- no steps ---------------------------------------------------------------------------------------


def test_no_steps_have_rows_of_the_right_shape():  # D6
    x, s, n = T.matrix("x"), T.vector("s"), T.iscalar("n")
    W = T.matrix("W")
    results = scanned(
        lambda row, state: [state + row.sum(), T.dot(row, W), row[:2]], sequences=x,
        outputs_info=[s, None, None], n_steps=n,
    )
    shapes = [r.shape for r in run(results, {x: np.ones((3, 4)), s: np.ones(2), W: np.ones((4, 5)), n: 0})]
    assert shapes == [(0, 2), (0, 5), (0, 2)]


def test_no_rows_give_no_steps():  # D6
    x = T.matrix("x")
    assert run(scanned(lambda row: row * 2, sequences=x), {x: np.ones((0, 3))}).shape == (0, 3)


def test_the_last_row_of_no_steps():  # D6
    n = T.iscalar("n")
    result = scanned(lambda s: s + 1, outputs_info=T.constant(0.0), n_steps=n)
    with pytest.raises(IndexError):
        run(result[-1], {n: 0})


# ---- wrong forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry, error, text", [
    (dict(taps=[0]), KeyError, "input"),
    (lambda: dict(input=T.vector(), taps=[]), ValueError, "empty list of taps"),
    (lambda: T.scalar("s"), IndexError, "`s`"),
    (lambda: dict(input=T.vector(), tap=[0]), ValueError, "unknown key 'tap'"),  # D13
    (lambda: dict(input=T.vector(), taps=[0.5]), TypeError, "tap 0.5"),
    (lambda: dict(input=T.vector(), taps=[True]), TypeError, "tap True"),
    (lambda: dict(input=T.vector(), taps="0"), TypeError, "tap '0'"),
    (3.5, TypeError, "number 3.5"),
])
def test_wrong_sequences(entry, error, text):
    with pytest.raises(error, match=text):
        sc.scan(lambda *v: v[0], sequences=[entry() if callable(entry) else entry])


def test_the_caller_keeps_its_dicts():  # D20
    sequence, state = dict(input=T.vector("x")), dict(initial=T.constant(0.0))
    sc.scan(lambda x, s: x + s, sequences=[sequence], outputs_info=[state])
    assert set(sequence) == {"input"} and set(state) == {"initial"}
