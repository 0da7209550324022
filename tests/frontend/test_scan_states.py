"""States: forms, taps, initial rows, dtypes and shapes."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from scancc.frontend.graph.variables import leaves
from tests.frontend.test_scan_sequences import DIGITS, run, scanned
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

RNG = np.random.default_rng(5)


@pytest.mark.parametrize("form", [
    lambda s: s, lambda s: [s], lambda s: dict(initial=s), lambda s: dict(initial=s, taps=[-1]),
    lambda s: dict(initial=s, taps=(-1,)), lambda s: dict(initial=s, taps=-1),
])  # F10, D11, D12
def test_forms_of_one_state(form):
    s = T.vector("s")
    result = scanned(lambda prev: prev * 2, outputs_info=form(s), n_steps=3)
    assert run(result, {s: [1, 3]}).tolist() == [[2, 6], [4, 12], [8, 24]]


@pytest.mark.parametrize("initial", [
    lambda: np.asarray(1.0), lambda: sc.shared(1.0), lambda: T.constant(1.0),
])
def test_states_from_arrays_and_shared_variables(initial):  # F10
    result = scanned(lambda prev: prev * 2, outputs_info=initial(), n_steps=3)
    assert run(result).tolist() == [2, 4, 8]


@pytest.mark.parametrize("entry", [None, {}, dict(initial=None), dict(initial=None, taps=None)])  # F10
def test_outputs_without_recurrence(entry):
    x = T.vector("x")
    result = scanned(lambda a, s: [s + a, a * 2], sequences=x, outputs_info=[T.constant(0.0), entry])
    sums, doubles = run(result, {x: DIGITS})
    assert sums.tolist() == [1, 3, 6, 10, 15] and doubles.tolist() == [2, 4, 6, 8, 10]


@pytest.mark.parametrize("argument", [None, []])
def test_no_outputs_info_is_no_recurrence(argument):  # F10
    x = T.vector("x")
    result = scanned(lambda a: [a + 1, a + 2], sequences=x, outputs_info=argument)
    assert [r.tolist() for r in run(result, {x: [1]})] == [[2], [3]]


def test_an_explicit_none_for_taps_warns_and_is_the_previous_row():  # F10, D24
    s = T.scalar("s")
    with pytest.warns(UserWarning, match="taps=None"):
        result = scanned(lambda prev: prev + 1, outputs_info=dict(initial=s, taps=None), n_steps=2)
    assert run(result, {s: 5}).tolist() == [6, 7]


def test_arguments_in_the_order_of_the_reference_page():  # S13, D24: Output2[t-1] comes with a warning
    names = []

    def step(*args):
        names.extend(v.name for v in args)
        return args[5], args[7], args[8]

    with pytest.warns(UserWarning, match="taps=None"):
        sc.scan(
            step,
            sequences=[
                dict(input=T.vector("Sequence1"), taps=[-3, 2, -1]), T.vector("Sequence2"),
                dict(input=T.vector("Sequence3"), taps=3),
            ],
            outputs_info=[
                dict(initial=T.vector("Output1"), taps=[-3, -5]),
                dict(initial=T.scalar("Output2"), taps=None), T.scalar("Output3"),
            ],
            non_sequences=[T.scalar("Argument1"), T.scalar("Argument2")],
        )
    assert names == [
        "Sequence1[t-3]", "Sequence1[t+2]", "Sequence1[t-1]", "Sequence2[t]", "Sequence3[t+3]",
        "Output1[t-3]", "Output1[t-5]", "Output2[t-1]", "Output3[t-1]", "Argument1", "Argument2",
    ]


def test_taps_of_states_are_passed_in_the_order_given():  # F2, F11
    s = T.vector("s")
    seen = []

    def step(*args):
        seen.extend(v.name for v in args)
        return args[0] * 10 + args[1]

    result = scanned(step, outputs_info=dict(initial=s, taps=[-1, -3]), n_steps=3)
    assert seen == ["s[t-1]", "s[t-3]"]
    assert run(result, {s: [1, 2, 3]}).tolist() == [31, 312, 3123]


def test_states_and_outputs_are_interleaved_by_position():  # F2
    a, b = T.vector("a"), T.scalar("b")
    result = scanned(
        lambda x, a2, a1, b1: [a1 + a2, b1 * 2, x], sequences=DIGITS[:3],
        outputs_info=[dict(initial=a, taps=[-2, -1]), b, None],
    )
    fib, powers, copy = run(result, {a: [1, 1], b: 1})
    assert fib.tolist() == [2, 3, 5] and powers.tolist() == [2, 4, 8] and copy.tolist() == [1, 2, 3]


def test_of_a_longer_initial_value_the_first_rows_count():  # F11
    s = T.vector("s")
    result = scanned(lambda s2, s1: s2 + s1, outputs_info=dict(initial=s, taps=[-2, -1]), n_steps=2)
    assert run(result, {s: [1, 2, 100, 200]}).tolist() == [3, 5]


def test_one_long_tap_alone():  # F11
    s = T.vector("s")
    result = scanned(lambda old: old + 10, outputs_info=dict(initial=s, taps=[-3]), n_steps=5)
    assert run(result, {s: [1, 2, 3]}).tolist() == [11, 12, 13, 21, 22]


def test_fewer_initial_rows_than_the_taps_reach_back():  # D7
    s = T.vector("s")
    result = scanned(lambda s3, s1: s3 + s1, outputs_info=dict(initial=s, taps=[-3, -1]), n_steps=2)
    with pytest.raises(ValueError, match="starts from 2 rows"):
        run(result, {s: [1, 2]})
    with pytest.raises(ValueError, match="starts from 2 rows"):
        sc.scan(lambda a, b: a, outputs_info=dict(initial=np.ones(2), taps=[-3, -1]), n_steps=2)


@pytest.mark.parametrize("entry, error, text", [
    (lambda: dict(initial=T.vector(), taps=[0]), ValueError, "must be smaller than 0"),
    (lambda: dict(initial=T.vector(), taps=[-1, 2]), ValueError, "must be smaller than 0"),
    (lambda: dict(initial=T.vector(), taps=[-1, -1]), ValueError, "must be different"),
    (lambda: dict(initial=T.vector(), taps=[]), ValueError, "empty list of taps"),
    (lambda: dict(taps=[-1]), ValueError, "need to provide an initial state"),
    (lambda: dict(initial=T.vector(), tap=[-1]), ValueError, "unknown key 'tap'"),  # D13
    (lambda: dict(initial=T.vector(), return_steps=1), ValueError, "deprecated"),
    (lambda: dict(initial=T.scalar(), taps=[-2]), IndexError, "starts from a scalar"),
    (lambda: dict(initial=T.vector(), taps=[-1.5]), TypeError, "tap -1.5"),
])
def test_wrong_states(entry, error, text):
    with pytest.raises(error, match=text):
        sc.scan(lambda *v: v[0], outputs_info=[entry()], n_steps=3)


def test_more_outputs_than_entries():
    with pytest.raises(ValueError, match="Please provide None as outputs_info"):
        sc.scan(lambda s: [s, s], outputs_info=T.constant(0.0), n_steps=3)


# ---- dtype, rank, shape -----------------------------------------------------------------------------


@pytest.mark.parametrize("initial, step", [
    (lambda: T.as_tensor_variable(0), lambda s: T.cast(s, "int64") + 1),  # S3'
    (lambda: T.fscalar("s"), lambda s: T.cast(s, "float64")),
    (lambda: T.dscalar("s"), lambda s: T.cast(s, "float32")),
])
def test_another_dtype_up_or_down(initial, step):
    with pytest.raises(ValueError, match="dtype"):
        sc.scan(step, outputs_info=initial(), n_steps=3)


def test_a_state_of_another_rank():
    with pytest.raises(ValueError, match="dimension"):
        sc.scan(lambda s: s.sum(), outputs_info=T.vector("s"), n_steps=3)
    with pytest.raises(ValueError, match="dimension"):
        sc.scan(lambda s2, s1: s1.sum(), outputs_info=dict(initial=T.matrix("s"), taps=[-2, -1]), n_steps=3)


def test_a_state_of_length_one_where_the_step_is_known_to_have_another():  # D18
    row, m = T.row("row"), T.ones((3, 2))
    with pytest.raises(TypeError, match="length 1 in the initial value and length 3 in the result"):
        sc.scan(lambda s, m: s + m, outputs_info=row, non_sequences=m, n_steps=3)


def test_a_state_that_changes_its_shape():
    s = T.vector("s")
    result = scanned(lambda a: T.concatenate([a, a]), outputs_info=s, n_steps=2)
    with pytest.raises(ValueError, match="shape"):
        run(result, {s: [1, 2]})


def test_rows_whose_shape_depends_on_values():
    x = T.lvector("x")
    result = scanned(lambda n: T.arange(n), sequences=x)
    with pytest.raises(ValueError, match="shape"):
        run(result, {x: [2, 4]})
    assert run(result, {x: [2, 2]}).tolist() == [[0, 1], [0, 1]]
    assert run(result, {x: []}).shape == (0, 0)


def test_rows_whose_shape_depends_on_a_state():
    h0, n = T.lscalar("h0"), T.iscalar("n")
    _, rows = scanned(lambda h: [h + 0, T.arange(h * h) + h], outputs_info=[h0, None], n_steps=n)
    assert run(rows, {h0: 2, n: 3}).tolist() == [[2, 3, 4, 5]] * 3
    assert run(rows, {h0: 2, n: 0}).shape == (0, 0)
    _, rows = scanned(lambda h: [h + 1, T.arange(h)], outputs_info=[h0, None], n_steps=n)
    with pytest.raises(ValueError, match="keeps its shape"):
        run(rows, {h0: 2, n: 2})


@pytest.mark.parametrize("row", [
    lambda r, c: sc.scan(lambda g: (g + 1, sc.until(c > 0.5)), outputs_info=[T.constant(0.0)],
                         n_steps=r.shape[0])[0][:2],
    lambda r, c: T.arange(sc.scan(lambda g: g + 1, outputs_info=[T.constant(np.int64(0))],
                                  n_steps=r.shape[0])[0][-1]),
    lambda r, c: T.arange(sc.ifelse(r.shape[0] > 2, T.constant(np.int64(3)), r.shape[0])),
    lambda r, c: T.arange(r.shape[0])[T.lt(T.arange(r.shape[0]), 2)],
], ids=["stopped", "from a loop", "chosen", "searched"])
def test_rows_whose_size_only_running_a_part_of_the_step_tells(row):
    m, n, c = T.matrix("m"), T.iscalar("n"), T.scalar("c")
    rows = scanned(lambda r: row(r, c), sequences=m, n_steps=n)
    given = {c: 0.1} if c in leaves([rows]) else {}
    for steps, shape in ((3, (3, 2)), (0, (0, 0))):
        assert run(rows, {m: np.ones((3, 2)), n: steps, **given}).shape == shape


def test_a_choice_of_equal_sizes_has_that_size_where_no_step_runs():
    m, n, c = T.matrix("m"), T.iscalar("n"), T.scalar("c")
    rows = scanned(lambda r: sc.ifelse(c > 0.5, r, r * 2), sequences=m, n_steps=n)
    for steps, shape in ((3, (3, 2)), (0, (0, 2))):
        assert run(rows, {m: np.ones((3, 2)), n: steps, c: 0.1}).shape == shape


def test_rows_as_long_as_an_inner_loop_ran():
    y = T.vector("y")

    def row(limit):
        return scanned(lambda b: (b + 1, sc.until(b > limit)), outputs_info=0.0, n_steps=10)
    result = scanned(row, sequences=y)
    assert run(result, {y: [1, 1.5]}).tolist() == [[1, 2, 3]] * 2
    with pytest.raises(ValueError, match="keeps its shape"):
        run(result, {y: [1, 2]})


def test_a_state_that_would_outgrow_its_memory():
    h0 = T.lvector("h0")
    result = scanned(lambda h: T.arange(h.sum()), outputs_info=h0, n_steps=3)
    assert run(result[-1], {h0: [0, 1, 2]}).tolist() == [0, 1, 2]
    for _ in range(20):
        with pytest.raises(ValueError, match="keeps its shape"):
            run(result[-1], {h0: [300, 400, 500]})


def test_sizes_that_only_running_the_program_tells():
    """Their memory is guessed; the second call needs more than the first one's."""
    x = T.lvector("x")
    start = T.constant(1, dtype="int64")
    sums = scanned(lambda n, a: T.sort(T.arange(a + n) % 7).sum(), sequences=x, outputs_info=start)
    last = T.arange(sums[-1])
    call = compile([x], [sums, last, T.sort(-last)])
    for values in ([3, 1], [40, 3, 50], [2], [900, 1]):
        state, expected = 1, []
        for n in values:
            state = int((np.arange(state + n) % 7).sum())
            expected.append(state)
        found, tail, back = call(values)
        assert found.tolist() == expected
        assert tail.tolist() == list(range(state)) and back.tolist() == list(range(1 - state, 1))


def test_no_silent_broadcasting_of_a_vector_of_one():
    s, w = T.vector("s"), T.vector("w")
    result = scanned(lambda a, w: a + w, outputs_info=s, non_sequences=w, n_steps=2)
    with pytest.raises(ValueError):
        run(result, {s: [1], w: [1, 2, 3]})


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int64", "float32", "complex64", "complex128"])
def test_states_of_every_dtype_keep_it(dtype):
    initial = np.zeros((2, 1), dtype)
    result = run(scanned(lambda s: s, outputs_info=initial, n_steps=2))
    assert result.dtype == dtype and result.shape == (2, 2, 1)


@pytest.mark.parametrize("shape", [(0,), (1,), (0, 3), (1, 0), (2, 1, 3)])
def test_states_of_every_shape(shape):
    result = run(scanned(lambda s: s + 1.0, outputs_info=np.zeros(shape), n_steps=2))
    assert result.shape == (2, *shape) and (result[-1:] == 2).all()


# ---- Python numbers as initial values (D17) ---------------------------------------------------------


@pytest.mark.parametrize("number, dtype, out", [
    (0, "int8", "int8"), (0, "int64", "int64"), (0, "float32", "float32"), (0.0, "float32", "float32"),
    (0.0, "float64", "float64"), (0.0, "int32", "float64"), (0, "bool", "int64"),
    (0j, "float32", "complex128"),
])
def test_a_python_number_takes_the_dtype_of_the_step(number, dtype, out):
    x = T.TensorType(dtype, (None,))("x")
    result = scanned(lambda a, s: s + a if dtype != "bool" else s + a * 1, sequences=x, outputs_info=number)
    assert result.dtype == out
    assert run(result[-1], {x: np.ones(3, dtype)}) == 3


@pytest.mark.parametrize("number, dtype", [(0, "int64"), (1.0, "float64"), (1j, "complex128")])
def test_a_python_number_alone_has_the_default_dtype(number, dtype):
    assert scanned(lambda s: s * 2, outputs_info=number, n_steps=3).dtype == dtype


def test_a_python_float_follows_float_x():
    with change_flags(floatX="float32"):
        assert scanned(lambda s: s * 0.5, outputs_info=1.0, n_steps=3).dtype == "float32"


def test_a_python_number_that_does_not_fit_the_dtype_of_the_step():
    with pytest.raises(ValueError, match="dtype"):
        sc.scan(lambda s: T.cast(s, "int8"), outputs_info=300, n_steps=2)
    with pytest.raises(ValueError, match="dtype"):
        sc.scan(lambda s: T.cast(s, "int32"), outputs_info=0.5, n_steps=2)
    assert scanned(lambda s: T.cast(s + 1, "int32"), outputs_info=2.0, n_steps=2).dtype == "int32"


def test_a_python_integer_that_indexes():
    v = T.vector("v")
    values, _ = scanned(lambda i: [v[i], i + 1], outputs_info=[None, 0], n_steps=3)
    assert run(values, {v: [5, 6, 7]}).tolist() == [5, 6, 7]


def test_two_python_numbers_that_depend_on_each_other():
    x = T.fvector("x")
    a, b = scanned(lambda x_t, a, b: [a + b, b + x_t], sequences=x, outputs_info=[0, 0])
    assert (a.dtype, b.dtype) == ("float32", "float32")
    assert run(a, {x: [1, 1, 1]}).tolist() == [0, 1, 3]


def test_the_step_is_called_once_without_python_numbers():
    calls = []
    sc.scan(lambda x, s: calls.append(1) or s + x, sequences=T.vector("x"), outputs_info=T.constant(0.0))
    assert len(calls) == 1


# ---- states of length 1 -------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [lambda: T.zeros((1, 2)), lambda: np.zeros((1, 2)), lambda: T.row("h0") * 0])
def test_a_state_of_one_row_where_the_step_has_any_number(start):  # D18
    x, U, first = T.tensor3("x"), T.matrix("U"), start()
    h = scanned(lambda r, h: T.tanh(r + T.dot(h, U)), sequences=x, outputs_info=first)
    given = [v for v in leaves([h]) if v.name == "h0"]
    f = compile([x, U, *given], [h, *sc.grad((h**2).sum(), [x, U])])
    rows, weights = RNG.standard_normal((4, 1, 2)), RNG.standard_normal((2, 2))
    got, by_x, by_weights = f(rows, weights, *(np.zeros((1, 2)) for _ in given))
    state, wants = np.zeros((1, 2)), []
    for row in rows:
        state = np.tanh(row + state @ weights)
        wants.append(state)
    np.testing.assert_allclose(got, wants)
    assert by_x.shape == rows.shape and by_weights.shape == (2, 2)
    with pytest.raises(ValueError, match="state 0 .*`h`.* starts with length 1 along axis 0 .*gives length 3"):
        f(np.zeros((4, 3, 2)), weights, *(np.zeros((1, 2)) for _ in given))


def test_taps_of_one_row_where_the_step_has_any_number():  # D18
    x = T.tensor3("x")
    h = scanned(lambda r, a, b: r + a + 2 * b, sequences=x,
                outputs_info=dict(initial=T.zeros((2, 1, 2)), taps=[-1, -2]))
    assert run(h, {x: np.ones((3, 1, 2))})[:, 0, 0].tolist() == [1, 2, 5]
    with pytest.raises(ValueError, match="starts with length 1"):
        run(h, {x: np.ones((3, 4, 2))})


# ---- the final state ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "final", "by_rows", "by_start"), [
    (0, 2.0, [], 1.0), (1, 2.0, [1], 0.5), (3, 2.0, [0.25, 0.5, 1], 0.125)])
def test_the_final_state_is_the_initial_one_after_no_steps(count, final, by_rows, by_start):
    x, start = T.vector("x"), T.scalar("start")
    rows = scanned(lambda v, h: h / 2 + v, sequences=x, outputs_info=start)
    last = sc.final_state(rows)
    got = run([rows.shape[0], last, *sc.grad(last, [x, start])], {x: np.ones(count), start: 2.0})
    for value, want in zip(got, [count, final, by_rows, by_start], strict=True):
        np.testing.assert_array_equal(value, want)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_the_final_state_of_several_taps_beside_other_outputs(count):
    X, H = T.matrix("X"), T.matrix("H")
    rows, doubled = scanned(lambda v, a, b: [a - b + v, 2 * v], sequences=X,
                            outputs_info=[dict(initial=H, taps=[-1, -2]), None])
    last = sc.final_state(rows)
    given = np.arange(2.0 * count).reshape(count, 2)
    start = np.array([[1.0, 2], [4, 8]])
    got_rows, got_doubled, got = run([rows, doubled, last], {X: given, H: start})
    np.testing.assert_array_equal(got, np.concatenate([start, got_rows])[-1])
    np.testing.assert_array_equal(got_doubled, 2 * given)


def test_the_final_state_of_an_until_scan_with_a_huge_bound():
    x = T.scalar("x")
    rows = scanned(lambda h: (2 * h, sc.until(h > 40)), outputs_info=x, n_steps=10**12)
    assert run(sc.final_state(rows), {x: 1.0}) == 128


def test_chunks_go_on_from_the_final_state():
    x, start = T.vector("x"), T.scalar("start")
    step = compile([x, start], sc.final_state(scanned(lambda v, h: 0.9 * h + v, sequences=x, outputs_info=start)))
    whole, state = RNG.standard_normal(10), 0.0
    for chunk in (whole[:3], whole[3:3], whole[3:]):
        state = step(chunk, state)
    assert state == step(whole, 0.0)


@pytest.mark.parametrize("wrong", [
    lambda x: x, lambda x: scanned(lambda v: v, sequences=x), lambda x: 3,
    lambda x: scanned(lambda v, h: h + v, sequences=x, outputs_info=0.0) * 2])
def test_what_has_no_final_state(wrong):
    with pytest.raises(TypeError, match="not the rows of a state"):
        sc.final_state(wrong(T.vector("x")))


def test_a_counter_from_a_constant_does_not_wrap_at_127():
    def counted(start, step=lambda n: n + 1):
        return sc.scan(step, outputs_info=start, n_steps=200)[0][-1]

    starts = [T.constant(0), T.as_tensor_variable(0), dict(initial=T.constant(0)), 0, np.int64(0)]
    counts = compile([], [counted(start) for start in starts])()
    assert [(int(n), n.dtype) for n in counts] == [(200, "int64")] * 5
    chosen = [counted(T.constant(0, dtype="int8")), counted(np.int8(0)),
              counted(T.constant(0), lambda n: T.cast(n + 1, "int8"))]
    assert [v.dtype for v in chosen] == ["int8"] * 3


def test_a_constant_that_no_step_computes_keeps_its_dtype():
    held, _ = sc.scan(lambda n: n, outputs_info=T.constant(3), n_steps=2)
    assert held.dtype == "int8"


BARRIERS = {
    "a lookup": lambda v, places: v[places],
    "a running sum": lambda v, places: T.cumsum(v) / 8,
    "a sorted copy": lambda v, places: T.sort(v),
    "its neighbours": lambda v, places: T.roll(v, 1),
    "a product": lambda v, places: T.dot(v, T.outer(v, v)) / 64,
}


@pytest.mark.parametrize("until", [False, True])
@pytest.mark.parametrize("n_states", [2, 3])
@pytest.mark.parametrize("barrier", BARRIERS)
def test_states_made_of_one_value_in_one_loop(barrier: str, n_states: int, until: bool) -> None:
    """Each may be written over the value of which all are made, but not all of them."""
    start, places = T.matrix("start"), T.lvector("places")

    def step(*states: sc.Variable) -> object:
        middle = sum(states) / 2
        taken = T.gt(BARRIERS[barrier](middle, places), 0.1)
        after = [T.switch(taken, middle * (0.5 + k), state - 0.1 * k) for k, state in enumerate(states)]
        return (after, sc.until(T.gt(T.abs(sum(after)).max(), 1e6))) if until else after

    rows, _ = sc.scan(step, outputs_info=[start[k] for k in range(n_states)], n_steps=5)
    outputs = [rows[k][-1] for k in range(n_states)]
    args = np.random.default_rng(4).normal(size=(3, 19)), np.arange(19)[::-1].copy()
    found, expected = (sc.function([start, places], outputs, mode=mode, on_unused_input="ignore")(*args)
                       for mode in ("native", "reference"))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shared", [True, False])
def test_a_window_made_of_what_is_around_it(shared: bool) -> None:
    """The rest of a state is its own, also where another state gets the same next value."""
    a, b, x = T.matrices("a", "b", "x")

    def step(a: sc.Variable, b: sc.Variable, x: sc.Variable) -> list[sc.Variable]:
        new = T.set_subtensor(b[1:, :-1], 0.5 * (b[1:, 1:] + x[1:, 1:]))
        return [new if shared else T.set_subtensor(a[:1], 0.5 * a[1:2]), new, a]

    rows, _ = sc.scan(step, outputs_info=[a, b, None], non_sequences=x, n_steps=3)
    outputs = [row[-1] for row in rows]
    args = np.random.default_rng(5).normal(size=(3, 4, 3))
    found, expected = (sc.function([a, b, x], outputs, mode=mode)(*args) for mode in ("native", "reference"))
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_inside_of_a_state_of_unknown_length_moves_by_one() -> None:
    x = T.vector("x")
    h, _ = sc.scan(lambda h: T.set_subtensor(h[1:-1], h[2:]), outputs_info=x, n_steps=3)
    f = sc.function([x], h[-1])
    for n in (2, 3, 7):
        expected = np.arange(float(n))
        for _ in range(3):
            expected[1:-1] = expected[2:].copy()
        np.testing.assert_array_equal(f(np.arange(float(n))), expected)


@pytest.mark.parametrize("taps", [[-1, -12], [-2, -1, -9, -3], [-12]], ids=str)
def test_long_lags_of_numbers_with_and_without_the_newest(taps):
    x, start = T.vector("x"), T.vector("start")
    y, _ = sc.scan(lambda x_t, *ys: x_t + sum(T.sin(y) / (k + 2) for k, y in enumerate(ys)), sequences=x,
                   outputs_info={"initial": start, "taps": taps})
    outputs = [y, y[-1], *sc.grad((y ** 2).sum(), [x, start])]
    values = np.random.default_rng(3).normal(size=45), np.random.default_rng(4).normal(size=-min(taps))
    f, reference = (sc.function([x, start], outputs, fast_math="reassociate", mode=mode)
                    for mode in (None, "reference"))
    for found, want in zip(f(*values), reference(*values), strict=True):
        np.testing.assert_allclose(found, want, rtol=1e-11)


def test_rows_of_another_shape_than_the_states_are_whole():
    """What no step changes is kept beside a state of another size, of which the lanes are."""
    x, s = T.matrix("x"), T.matrix("s")
    found, _ = sc.scan(lambda a, h, r: [h, r * 0.5], sequences=[x], outputs_info=[x, s], return_list=True)
    f = sc.function([x, s], [found[0][-2:], found[1][-1]])
    for n, rows in ((5, 2), (40, 3), (3, 7)):
        value, start = np.arange(n * n * 1.0).reshape(n, n), np.ones((rows, 2))
        kept, last = f(value, start)
        np.testing.assert_array_equal(kept, np.stack([value] * 2))
        np.testing.assert_array_equal(last, start * 0.5**n)
