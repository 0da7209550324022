"""What a step closes over: variables, expressions, shared variables; `strict` and updates."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import MissingInputError
from scancc.frontend.graph.variables import Constant, leaves
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.loops.updates import OrderedUpdates
from tests.frontend.test_scan_sequences import DIGITS, run, scanned
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")


def scan_node(output):
    assert isinstance(output.owner.op, Scan)
    return output.owner


def invariants(output):
    return scan_node(output).op.inputs_of(output.owner.inputs).consts


# ---- closed-over variables --------------------------------------------------------------------------


def test_the_body_is_closed():
    x, y, W = T.matrix("x"), T.scalar("y"), sc.shared(np.eye(2), "W")
    result = scanned(lambda r, s: T.tanh(T.dot(r, W) * y + s), sequences=x, outputs_info=T.vector("s"))
    body = scan_node(result).op.body
    known = set(body.inputs)
    assert all(v in known or isinstance(v, Constant) for v in leaves(body.outputs))


def test_an_expression_of_outer_variables_is_one_invariant():  # F13
    x, a, b = T.vector("x"), T.vector("a"), T.vector("b")
    outer = T.exp(a) * b
    result = scanned(lambda x_t: x_t * (outer + 1), sequences=x)
    assert [v.owner.op.name for v in invariants(result)] == ["add"]
    assert run(result, {x: [1, 2], a: [0], b: [3]}).tolist() == [[4], [8]]


def test_a_scalar_enters_the_loop_as_a_scalar():
    x, y = T.matrix("x"), T.scalar("y")
    assert invariants(scanned(lambda row: row + y, sequences=x)) == [y]


def test_constants_are_part_of_the_step():
    x = T.matrix("x")
    assert invariants(scanned(lambda row: row * 2.0 + np.ones(3), sequences=x)) == []


def test_a_variable_passed_and_closed_over_is_one_invariant():
    x, w = T.vector("x"), T.scalar("w")
    assert invariants(scanned(lambda x_t, v: x_t * v + w, sequences=x, non_sequences=w)) == [w]


def test_an_output_that_depends_on_nothing_of_the_loop():
    a = T.vector("a")
    result = scanned(lambda: a * 2, n_steps=3)
    assert run(result, {a: [1, 2]}).tolist() == [[2, 4]] * 3


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.array([2.0]), [2.0]])
def test_non_sequences_that_are_no_variables(value):  # F12
    x = T.fmatrix("x")
    entry = [value] if isinstance(value, list) else value
    result = scanned(lambda row, c: row * c, sequences=x, non_sequences=entry)
    assert run(result, {x: np.ones((2, 1), "float32")}).tolist() == [[2], [2]]
    assert result.dtype == ("float32" if np.isscalar(value) else "float64")


def test_a_broadcast_number_as_a_non_sequence():
    x = T.vector("x")
    result = scanned(lambda x_t, c: x_t * c[0], sequences=x, non_sequences=T.constant(2.0).dimshuffle("x"))
    assert compile([x], result)([1, 2]).tolist() == [2, 4]


def test_shared_variables_are_passed_as_themselves():  # F2, F12
    s, x = sc.shared(2.0, "s"), T.vector("x")
    seen = []
    sc.scan(lambda x_t, v: seen.append(v) or x_t * v, sequences=x, non_sequences=s)
    assert seen == [s]


def test_inner_variables_take_the_names_of_the_parameters():  # F3
    x = T.matrix("x")
    result = scanned(lambda row, h_tm1, weight: row * weight + h_tm1, sequences=x,
                     outputs_info=T.vector("h"), non_sequences=T.vector("w"))
    assert [v.name for v in scan_node(result).op.body.inputs] == ["row", "h_tm1", "weight"]


def test_a_callable_that_is_no_function():
    class Step:
        def __call__(self, x_t):
            return x_t * 2

    assert run(scanned(Step(), sequences=DIGITS)).tolist() == [2, 4, 6, 8, 10]


def test_a_step_that_cannot_be_called():
    with pytest.raises(TypeError, match="cannot be called"):
        sc.scan(T.vector("x"), sequences=T.vector("y"))


def test_the_wrong_number_of_parameters():
    with pytest.raises(TypeError, match=r"gets 2 argument\(s\).*x\[t\], output 0\[t-1\]"):
        sc.scan(lambda x: x, sequences=T.vector("x"), outputs_info=T.constant(0.0))


# ---- strict -----------------------------------------------------------------------------------------


def test_strict_wants_shared_variables_passed():  # F14
    s, x = sc.shared(2.0, "s"), T.vector("x")
    with pytest.raises(MissingInputError, match="missing an input"):
        sc.scan(lambda x_t: x_t * s, sequences=x, strict=True)
    result = scanned(lambda x_t, v: x_t * s, sequences=x, non_sequences=s, strict=True)  # D8
    assert run(result, {x: [1, 2]}).tolist() == [2, 4]


def test_strict_accepts_plain_variables_and_updated_shared_ones():  # F14
    s, x, y = sc.shared(2.0, "s"), T.vector("x"), T.scalar("y")
    _, updates = sc.scan(lambda x_t: (x_t * y, {s: s + x_t * y}), sequences=x, strict=True)
    assert list(updates) == [s]


def test_an_input_that_only_an_update_uses_is_passed():
    s, x, y = sc.shared(2.0, "s"), T.vector("x"), T.scalar("y")
    with pytest.raises(MissingInputError, match="(?s)uses `y`.*pass y in non_sequences"):
        sc.scan(lambda x_t: {s: s + x_t * y}, sequences=x)
    _, updates = sc.scan(lambda x_t, v: {s: s + x_t * v}, sequences=x, non_sequences=y)
    compile([x, y], [], updates)([1, 2], 10)
    assert s.get_value() == 32


# ---- updates ----------------------------------------------------------------------------------------


def test_all_updates_see_the_values_before_the_step():  # F22
    x, y = sc.shared(1), sc.shared(10)
    _, updates = sc.scan(lambda: {x: x + 1, y: x}, n_steps=3)
    compile([], [], updates)()
    assert (x.get_value(), y.get_value()) == (4, 3)


def test_outputs_see_the_progression_of_a_shared_variable():  # F20, F23
    s = sc.shared(1.0)
    result, updates = sc.scan(lambda: ([s * 10], [(s, s * 2)]), n_steps=3)
    call = compile([], result, updates)
    assert call().tolist() == [10, 20, 40] and call().tolist() == [80, 160, 320]
    assert compile([], result)().tolist() == [640, 1280, 2560] and s.get_value() == 64


def test_updates_are_ordered_and_checked():  # F20
    a, b = sc.shared(1), sc.shared(2)
    _, first = sc.scan(lambda: {a: a + 1}, n_steps=2)
    _, second = sc.scan(lambda: {b: b + a}, n_steps=2)
    assert isinstance(first, OrderedUpdates) and list(first + second) == [a, b]
    with pytest.raises(KeyError, match="Collision"):
        first + OrderedUpdates({a: a * 2})
    with pytest.raises(TypeError, match="shared"):
        OrderedUpdates({T.scalar("x"): a})


def test_two_rules_for_one_shared_variable():  # D16
    s = sc.shared(1)
    with pytest.raises(ValueError, match="two updates"):
        sc.scan(lambda: [(s, s + 1), (s, s + 2)], n_steps=2)


@pytest.mark.parametrize("update", [lambda s: s + 1.5, lambda s: T.stack([s, s])])
def test_an_update_of_another_type(update):
    s = sc.shared(1)
    with pytest.raises(TypeError, match="An update must have the same type"):
        sc.scan(lambda: {s: update(s)}, n_steps=2)


def test_no_updates_with_no_steps():
    s, n = sc.shared(7), T.iscalar("n")
    _, updates = sc.scan(lambda: {s: s + 1}, n_steps=n)
    call = compile([n], [], updates)
    call(0)
    assert s.get_value() == 7


def test_one_step_is_no_special_case():  # F8
    s, x = sc.shared(1.0), T.matrix("x")
    result, updates = sc.scan(lambda row: (row * s, {s: s + 1}, sc.until(s > 100)), sequences=x, n_steps=1)
    assert compile([x], result, updates)(np.ones((1, 2))).shape == (1, 2)
    assert s.get_value() == 2


# ---- default updates (D19) --------------------------------------------------------------------------


def ticking(start=0):
    """A shared counter that moves by itself."""
    clock = sc.shared(start, "clock")
    clock.default_update = clock + 1
    return clock


def test_a_shared_variable_with_a_default_update_moves_every_step():
    clock, x = ticking(), T.lvector("x")
    reading = clock * 10
    result, updates = sc.scan(lambda x_t: x_t + reading, sequences=x)
    assert list(updates) == [clock]
    call = compile([x], result, updates)
    assert call([1, 2, 3]).tolist() == [1, 12, 23] and call([1]).tolist() == [31]
    assert clock.get_value() == 4


def test_passing_the_expression_holds_it_fixed():
    clock, x = ticking(5), T.lvector("x")
    result, updates = sc.scan(lambda x_t, reading: x_t + reading, sequences=x, non_sequences=clock * 10)
    assert not updates
    call = compile([x], result, updates)
    assert call([1, 2]).tolist() == [51, 52] and call([1]).tolist() == [61]


def test_only_what_depends_on_the_clock_moves_into_the_step():
    clock, x, w = ticking(), T.lvector("x"), T.lscalar("w")
    mixed = clock * (w * w)
    result, updates = sc.scan(lambda x_t: x_t + mixed, sequences=x)
    assert [v.owner.op.name for v in invariants(result)] == ["mul"]
    assert compile([x, w], result, updates)([0, 0, 0], 2).tolist() == [0, 4, 8]


def test_a_returned_update_goes_before_the_default_one():
    clock = ticking()
    result, updates = sc.scan(lambda: ([clock * 1], {clock: clock + 5}), n_steps=3)
    assert compile([], result, updates)().tolist() == [0, 5, 10]


# ---- nesting ----------------------------------------------------------------------------------------


def test_a_scan_in_a_step():
    x = T.matrix("x")
    result = scanned(
        lambda row: scanned(lambda v, s: s + v, sequences=row, outputs_info=T.constant(0.0)), sequences=x
    )
    assert run(result, {x: [[1, 2, 3], [4, 5, 6]]}).tolist() == [[1, 3, 6], [4, 9, 15]]


def test_an_inner_scan_whose_length_is_the_outer_row():
    x = T.lvector("x")
    result = scanned(
        lambda n: scanned(lambda s: s + 1, outputs_info=np.int64(0), n_steps=n)[-1], sequences=x
    )
    assert run(result, {x: [1, 2, 3]}).tolist() == [1, 2, 3]


def test_an_inner_scan_that_uses_the_outer_state():
    x = T.vector("x")
    result = scanned(
        lambda v, s: scanned(lambda u: u * s + v, sequences=x)[-1], sequences=x, outputs_info=T.constant(1.0)
    )
    state, expected = 1.0, []
    for v in DIGITS:
        state = DIGITS[-1] * state + v
        expected.append(state)
    assert run(result, {x: DIGITS}).tolist() == expected


def test_updates_of_an_inner_scan_pass_through():
    s = sc.shared(0)

    def step():
        _, updates = sc.scan(lambda: {s: s + 1}, n_steps=3)
        return updates

    _, updates = sc.scan(step, n_steps=4)
    compile([], [], updates)()
    assert s.get_value() == 12


def test_the_output_of_a_scan_is_a_sequence():
    x = T.vector("x")
    sums = scanned(lambda v, s: s + v, sequences=x, outputs_info=T.constant(0.0))
    again = scanned(lambda v, s: s + v, sequences=sums, outputs_info=T.constant(0.0))
    assert run(again, {x: DIGITS}).tolist() == [1, 4, 10, 20, 35]
