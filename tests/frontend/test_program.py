"""The arguments of `function`: inputs, outputs, updates, givens, default updates."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from scancc.errors import MissingInputError, UnusedInputError
from scancc.frontend.program.clone import clone, clone_replace
from scancc.frontend.program.program import In, Out, make_program
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

X, Y = T.vector("x"), T.scalar("y")


def test_ones_without_axes_may_be_an_input():
    one = T.ones(())
    assert compile([one], one * 2)(3.0) == 6
    count = T.ones((), dtype="int64")
    rows, _ = sc.scan(lambda h: h + count, outputs_info=T.constant(np.int64(0)), n_steps=3)
    assert compile([count], rows)(2).tolist() == [2, 4, 6]


# ---- outputs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("outputs, expected", [
    (X * 2, [2.0, 4.0]), ([X * 2], [[2.0, 4.0]]), ((X * 2,), [[2.0, 4.0]]),
    (Out(X * 2, borrow=True), [2.0, 4.0]),
    ({"double": X * 2}, {"double": [2.0, 4.0]}),
])
def test_forms_of_outputs(outputs, expected):
    result = compile([X], outputs)([1, 2])
    if isinstance(expected, dict):
        assert {key: value.tolist() for key, value in result.items()} == expected
    else:
        assert np.asarray(result).tolist() == expected


def test_no_outputs():
    assert compile([], [])() == []
    assert compile([], None)() is None


def test_outputs_that_are_inputs_constants_or_twice_the_same():
    x, two, doubled, again = compile([X], [X, 2, X * 2, X * 2])([1])
    assert (x.tolist(), two, doubled.tolist(), again.tolist()) == ([1], 2, [2], [2])


def test_results_are_the_callers_own():
    s = sc.shared(np.ones(2))
    result = compile([], s)()
    result[:] = 5
    assert s.get_value().tolist() == [1, 1]


# ---- inputs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs, error, text", [
    (X, TypeError, "must be a list"),
    ([3], TypeError, "not a symbolic variable"),
    ([T.constant(1.0)], TypeError, "not a symbolic variable"),
    ([sc.shared(1.0, "s")], TypeError, "shared variable s"),
    ([X, X], ValueError, "used twice"),
])
def test_wrong_inputs(inputs, error, text):
    with pytest.raises(error, match=text):
        make_program(inputs, X * 1)


def test_a_stop_condition_is_no_output():
    with pytest.raises(TypeError, match=r"output 1 is until\(...\), which ends a scan(?s:.*)the scan's step"):
        make_program([X], [X, sc.until(X[0] > 1)])


def test_a_missing_input():
    with pytest.raises(MissingInputError, match="`y`"):
        make_program([X], X * Y)


def test_a_row_of_a_step_outside_its_scan():
    leaked = []
    sc.scan(lambda x_t: leaked.append(x_t) or x_t, sequences=X)
    with pytest.raises(MissingInputError, match="(?s)x_t.*inside that step"):
        make_program([X], leaked[0] * 2)


@pytest.mark.parametrize("written", [
    lambda: T.zeros_like(Y), lambda: T.zeros((X * Y).shape), lambda: T.arange((X * Y).shape[0]),
    lambda: X.size * 0 + Y.size, lambda: sc.grad(X.sum(), Y, disconnected_inputs="ignore"),
    lambda: sc.grad((3 * X + Y).sum(), X), lambda: sc.scan(lambda x, y: x, X, non_sequences=Y)[0],
    lambda: sc.scan(lambda x, h: x, X, Y)[0],
    lambda: sc.scan(lambda i: sc.grad((X * Y)[i], Y), T.arange(X.shape[0]))[0],
    lambda: sc.clone(T.zeros_like(Y) + X, {X: X * 2}), lambda: sc.Rop(3 * X + Y, X, X),
])
def test_what_was_written_counts_as_used(written):
    """Also where the graph does not hold it, since a length or a derivative is known without it."""
    make_program([X, Y], [written(), X.sum()], on_unused_input="raise")
    make_program([X, Y], [], [(sc.shared(np.zeros(1)), written().flatten() + X.sum())], on_unused_input="raise")


def test_an_unused_input():
    with pytest.raises(UnusedInputError, match="input 1 \\(y\\)"):
        make_program([X, Y], X * 2)
    with pytest.warns(UserWarning, match="input 1"):
        make_program([X, Y], X * 2, on_unused_input="warn")
    make_program([X, Y], X * 2, on_unused_input="ignore")
    with change_flags(on_unused_input="ignore"):
        make_program([X, Y], X * 2)
    with pytest.raises(ValueError, match="on_unused_input"):
        make_program([X, Y], X * 2, on_unused_input="no")


def test_an_intermediate_value_as_input():
    doubled = X * 2
    assert compile([doubled], doubled + 1)([1]).tolist() == [2]


# ---- updates ----------------------------------------------------------------------------------------


def test_updates_happen_after_all_is_computed():
    s = sc.shared(1.0)
    assert compile([Y], s * 10, {s: s + Y})(2) == 10 and s.get_value() == 3


def test_updates_happen_at_once():
    a, b = sc.shared(1), sc.shared(2)
    compile([], [], [(a, b), (b, a)])()
    assert (a.get_value(), b.get_value()) == (2, 1)


def test_an_update_to_a_number():
    s = sc.shared(5)
    compile([], [], {s: 0})()
    assert s.get_value() == 0 and s.get_value().dtype == "int64"


@pytest.mark.parametrize("updates, error, text", [
    ({X: X * 2}, TypeError, "not a shared variable"),
    ({sc.shared(1): T.constant(1.5)}, TypeError, "same type"),
    ({sc.shared(1.0): X}, TypeError, "same type"),
    ([1], ValueError, "pair"),
])
def test_wrong_updates(updates, error, text):
    with pytest.raises(error, match=text):
        make_program([X], X * 1, updates)


def test_two_updates_of_one_variable():
    s = sc.shared(1)
    with pytest.raises(ValueError, match="two updates"):
        make_program([], [], [(s, s + 1), (s, s + 2)])


def test_default_updates():
    s = sc.shared(1)
    s.default_update = s + 1
    assert [compile([], s * 10)() for _ in range(2)] == [10, 20]
    assert s.get_value() == 3
    compile([], s * 10, no_default_updates=True)()
    compile([], s * 10, no_default_updates=[s])()
    assert s.get_value() == 3
    compile([], s * 10, {s: s * 2})()
    assert s.get_value() == 6


def test_default_updates_of_what_default_updates_read():
    a, b = sc.shared(0), sc.shared(0)
    a.default_update, b.default_update = a + b, b + 1
    call = compile([], a * 1)
    assert [call() for _ in range(4)] == [0, 0, 1, 3]


# ---- givens -----------------------------------------------------------------------------------------


def test_givens_replace_in_outputs_and_updates():
    s = sc.shared(0.0)
    call = compile([Y], X * Y, {s: s + X[0]}, givens={X: np.array([1.0, 2.0])})
    assert call(3).tolist() == [3, 6] and s.get_value() == 1


def test_givens_by_pairs_and_for_shared_variables():
    s = sc.shared(1.0)
    assert compile([Y], s * 2, givens=[(s, Y)])(4) == 8 and s.get_value() == 1


def test_givens_in_a_scan():
    result, _ = sc.scan(lambda x_t, s: s + x_t * Y, sequences=X, outputs_info=T.constant(0.0))
    assert compile([Y], result, givens={X: np.array([1.0, 2.0])})(10).tolist() == [10, 30]
    held = sc.shared(np.array([1.0, 2.0]))
    assert compile([Y], result, givens={X: held})(10).tolist() == [10, 30]


def test_givens_for_a_row_know_its_length():
    row = T.row("row")
    held = sc.shared(np.ones((1, 3)))
    assert compile([], row + T.ones((2, 3)), givens={row: held})().shape == (2, 3)


@pytest.mark.parametrize("givens, error, text", [
    ({X: T.fvector("z")}, TypeError, "cannot be replaced"),
    ({X: T.matrix("z")}, TypeError, "cannot be replaced"),
    ([(X, T.vector("a")), (X, T.vector("b"))], ValueError, "replaced twice"),
    ({"x": X}, TypeError, "not a symbolic variable"),
    ([X], ValueError, "pairs"),
])
def test_wrong_givens(givens, error, text):
    with pytest.raises(error, match=text):
        make_program([], X * 2, givens=givens)


def test_an_input_that_is_also_given():
    with pytest.raises(ValueError, match="also replaced by givens"):
        make_program([X], X * 2, givens={X: np.ones(2)})


# ---- clone ------------------------------------------------------------------------------------------


def test_clone_with_replacements():
    z = T.vector("z")
    assert compile([z], clone(X * 2, {X: z + 1}))([1]).tolist() == [4]
    first, second = clone([X * 2, X * 3], [(X, z)])
    assert compile([z], [first, second])([1])[1].tolist() == [3]


def test_clone_into_a_scan():
    result, _ = sc.scan(lambda x_t: x_t * Y, sequences=X)
    assert compile([X], clone_replace(result, {Y: T.constant(3.0)}))([1, 2]).tolist() == [3, 6]


def test_clone_with_inputs_of_its_own():
    from scancc.frontend.graph.variables import leaves

    copy = clone(X * 2, share_inputs=False)
    assert X not in leaves([copy])


def test_replacing_what_is_there():
    z = T.vector("z")
    first, second = sc.graph_replace([X * 2 + 1, X * 3], {X: z})
    assert [v.tolist() for v in compile([z], [first, second])([1])] == [[3], [3]]
    middle = X * 2
    assert compile([z], sc.graph_replace(middle + 1, {middle: z}))([1]).tolist() == [2]
    with pytest.raises(ValueError, match="do not rest on it"):
        sc.graph_replace(X * 2, {Y: T.constant(1.0)})
    assert sc.graph_replace(X, {Y: T.constant(1.0)}, strict=False) is X


def test_clone_keeps_a_known_length():
    three, four, open_ = T.tensor("three", shape=(3,)), T.tensor("four", shape=(4,)), T.vector("open")
    rows, _ = sc.scan(lambda v, h: h + v, three, T.constant(0.0))
    with pytest.raises(TypeError, match=r"axis 0 is known to have length 3 and 4\.\n  say rebuild_strict=False"):
        clone_replace(rows, {three: four})
    with pytest.raises(TypeError, match="a length of 1 broadcasts"):
        clone_replace(rows, {three: T.tensor("one", shape=(1,))}, rebuild_strict=False)
    total = compile([open_], clone_replace(rows, {three: open_}))
    assert total([1, 2, 3]).tolist() == [1, 3, 6]
    with pytest.raises(ValueError, match="specify_shape"):
        total([1, 2, 3, 4])


def test_clone_keeps_types():
    with pytest.raises(TypeError, match="cannot be replaced"):
        clone(X * 2, {X: T.fvector("z")})
    assert clone(X * 2, {X: T.fvector("z")}, strict=False).dtype in ("float32", "float64")


# ---- In ---------------------------------------------------------------------------------------------


def test_defaults_and_keywords():
    w = T.scalar("w")
    call = compile([X, In(Y, value=2.0), In(w, name="weight", value=1)], X * Y + w)
    assert call([1]).tolist() == [3]
    assert call([1], 3).tolist() == [4] and call([1], weight=10).tolist() == [12]
    assert call(x=[1], y=5).tolist() == [6]


@pytest.mark.parametrize("args, kwargs, text", [
    ((), {}, "missing argument 0 `x`"), (([1], 1, 1), {}, "takes 2 argument"),
    (([1],), {"z": 1}, "named 'z'"),
    (([1],), {"x": [1]}, "two values"),
])
def test_wrong_calls(args, kwargs, text):
    with pytest.raises(TypeError, match=text):
        compile([X, Y], X * Y)(*args, **kwargs)


def test_an_input_with_an_update():
    with pytest.raises(NotImplementedError, match="shared variable"):
        In(Y, value=0, update=Y + 1)


# ---- errors of a call -------------------------------------------------------------------------------


def _in_a_scan(x):
    rows, _ = sc.scan(
        lambda i:
            x[i], sequences=T.arange(3) + 5)
    return rows


@pytest.mark.parametrize("error, lines_on, build", [
    (ValueError, 0, lambda x: x + T.zeros(3)),
    (ValueError, 0, lambda x: T.concatenate([T.stack([x]), T.zeros((1, 3))])),
    (IndexError, 0, lambda x: x[5]),
    (IndexError, 0, lambda x: x[[5, 1]]),
    (IndexError, 3, _in_a_scan),
])
def test_an_error_at_run_notes_the_line(error, lines_on, build):
    f = compile([X], build(X))
    with pytest.raises(error) as caught:
        f([1.0, 2.0])
    note, *_ = caught.value.__notes__
    assert note.endswith(f"written at {__file__}:{build.__code__.co_firstlineno + lines_on}")


# ---- large graphs -----------------------------------------------------------------------------------


def _chain(x, n):
    for _ in range(n):
        x = T.tanh(x * 1.01 + 0.001)
    return x


@pytest.mark.long
def test_chains_deeper_than_pythons_stack():
    y = _chain(X, 400)
    value, slope = compile([X], [y, T.grad(y.sum(), X)])([0.5, 0.1])
    expected, by_hand = np.array([0.5, 0.1]), np.ones(2)
    for _ in range(400):
        expected = np.tanh(expected * 1.01 + 0.001)
        by_hand *= 1.01 * (1 - expected**2)
    np.testing.assert_allclose(value, expected)
    np.testing.assert_allclose(slope, by_hand, rtol=1e-9)
    assert "tanh" in sc.printing.debugprint(y, file="str") and "tanh" in sc.printing.pprint(y)


@pytest.mark.parametrize("count", [60, 5000])
def test_formulas_show_once_what_is_long(count: int) -> None:
    """Written out, the first has 2**60 reads of x, and the second is deeper than Python's stack."""
    squares, chain = X, X
    for _ in range(count):
        squares, chain = squares * squares + squares, T.tanh(chain) + 1.0
    first, *parts = sc.pprint(squares).split("\n  where ")
    assert f"%{len(parts)} * %{len(parts)} + %{len(parts)}" in first and parts[0].startswith("%1 = (")
    assert sum(map(len, parts)) < 100 * count and len(sc.pprint(chain)) < 30 * count


@pytest.mark.long
def test_lengths_of_a_chain_of_joins():
    y = X
    for _ in range(120):
        y = T.concatenate([y[1:], y[:1]])
    rolled, length = compile([X], [y, y.shape[0]])([1.0, 2.0, 3.0])
    assert rolled.tolist() == [1, 2, 3] and length == 3


def test_a_copy_without_outputs():
    total = sc.shared(0.0)
    f = compile([Y], None, {total: total + Y})
    assert f(1.0) is None and f.copy()(1.0) is None and total.get_value() == 2


def test_inputs_of_one_name():
    a, b = T.scalars("z", "z")
    f = compile([a, b], a - b)
    assert f(3.0, 1.0) == 2
    with pytest.raises(TypeError, match="several inputs named 'z'; pass them by position"):
        f(3.0, z=1.0)


# ---- errors in a step -------------------------------------------------------------------------------


def picked(name=None):
    x, places = T.vector("x"), T.lvector("places")
    return [x, places], sc.map(lambda k: x[k], places, name=name)[0], (np.ones(3), [0, 2, 9, 7])


def factored():
    m = T.tensor3("m")
    return [m], sc.map(T.slinalg.cholesky, m)[0], (np.stack([np.eye(2)] * 2 + [-np.eye(2)]),)


def stopping():
    x = T.vector("x")
    rows, _ = sc.scan(lambda k, h: (h + x[k], sc.until(h > 99)), T.arange(9), outputs_info=T.constant(0.0))
    return [x], rows, (np.ones(2),)


@pytest.mark.parametrize("build", [picked, factored, stopping])
def test_an_error_in_a_step_says_at_which(build):
    inputs, output, values = build()
    with pytest.raises((IndexError, ValueError)) as caught:
        compile(inputs, output)(*values)
    assert caught.value.__notes__[-1] == "in step 2 of scan"


def test_an_error_in_a_nested_step_names_both():
    x, counts = T.vector("x"), T.lvector("counts")

    def inner(count):
        return sc.map(lambda j: x[j], T.arange(count), name="inner")[0].sum()

    rows, _ = sc.map(inner, counts, name="outer")
    with pytest.raises(IndexError) as caught:
        compile([x, counts], rows)(np.ones(3), [1, 3, 9])
    assert ", ".join(caught.value.__notes__[1:]) == "in step 3 of scan 'inner', in step 2 of scan 'outer'"


def test_operands_that_disagree_are_named_before_the_state_they_change():  # not 'a state keeps its shape'
    rows, start, rates = T.matrix("rows"), T.matrix("start"), T.matrix("rates")
    h, _ = sc.scan(lambda e, a, b, r: r[0] * a + r[1] * b + e, rows, {"initial": start, "taps": [-1, -2]}, rates)
    f = compile([rows, start, rates], [h, sc.grad((h**2).sum(), rates)])
    with pytest.raises(ValueError, match=r"mul: "):
        f(np.ones((4, 3)), np.ones((2, 3)), np.ones((2, 1)))
