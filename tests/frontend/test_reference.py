"""The NumPy interpreter: what it gives, lazy choice, checks, where errors come from."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import MissingInputError
from scancc.frontend.graph.variables import Op, rebuild
from scancc.frontend.ops.control import check, detach
from scancc.frontend.ops.reference import Evaluator, compile_graph, evaluate


def test_results_are_arrays_of_the_announced_dtype_even_for_scalars():
    x = T.fscalar("x")
    (found,) = evaluate([x + 1], {x: 2})
    assert isinstance(found, np.ndarray) and found.shape == () and found.dtype == "float32"


def test_a_compiled_graph_runs_again_and_again():
    x, y = T.vectors("x", "y")
    run = compile_graph([x, y], [x + y, x * y])
    for k in range(3):
        total, product = run([np.full(2, k), np.full(2, 3.0)])
        assert total.tolist() == [k + 3] * 2 and product.tolist() == [3 * k] * 2
    with pytest.raises(TypeError, match="1 values are given for 2 inputs"):
        run([np.zeros(2)])


def test_any_variable_can_be_an_input():
    x = T.vector("x")
    y = T.exp(x)
    assert evaluate([y + 1], {y: [1.0]})[0].tolist() == [2]


def test_one_output_of_an_op_can_be_an_input_while_another_is_computed():
    a, b = sc.ifelse(T.iscalar("c"), [T.scalar("p"), T.scalar("q")], [0.0, 0.0])
    c, p, q = a.owner.inputs[0].owner.inputs[0], a.owner.inputs[1], a.owner.inputs[2]
    found = Evaluator([a, b], [c, p, q, a])([np.int32(1), np.array(1.0), np.array(2.0), np.array(7.0)])
    assert [float(v) for v in found] == [7, 2]


def test_an_input_can_be_an_output_and_is_not_shared_with_the_caller():
    x, data = T.vector("x"), np.zeros(2)
    found, view = evaluate([x, x[::-1]], {x: data})
    found[0], view[0] = 1, 1
    assert not data.any()


def test_missing_input_is_named():
    x = T.vector("lonely")
    with pytest.raises(MissingInputError, match=r"lonely: float64\[\?\] \(from .*test_reference.py:\d+\)"):
        evaluate([x + 1])


def test_error_says_op_and_line_once():
    x = T.vector("x")
    row = x[5]
    with pytest.raises(IndexError) as caught:
        evaluate([row + 1], {x: np.zeros(2)})
    (note,) = caught.value.__notes__
    assert note.startswith("in subtensor of x, ") and "test_reference.py" in note


def test_long_chains_do_not_exhaust_the_stack():
    x = T.scalar("x")
    y = x
    for _ in range(5000):
        y = y + 1
    assert evaluate([y], {x: 0})[0] == 5000


# ---- lazy choice ---------------------------------------------------------------------------------------

class Count(Op):
    """Its input; counts how often it runs."""

    runs = 0

    def infer(self, *inputs):
        return [inputs[0].type]

    def perform(self, inputs):
        Count.runs += 1
        return list(inputs)


def test_only_the_chosen_branch_is_computed():
    c, x = T.iscalar("c"), T.vector("x")
    Count.runs = 0
    costly = Count()(x)
    choice = T.ifelse(c, costly.sum(), x[0])
    assert evaluate([choice], {c: 1, x: np.ones(3)})[0] == 3 and Count.runs == 1
    assert evaluate([choice], {c: 0, x: np.ones(3)})[0] == 1 and Count.runs == 1
    assert evaluate([choice], {c: 1, x: np.zeros(0)})[0] == 0  # x[0] would be out of range


def test_choice_of_lists_and_of_choices():
    c, x = T.iscalar("c"), T.scalar("x")
    a, b = T.ifelse(c > 0, [x, x * 2], [0.0, T.ifelse(c < -1, -x, x)])
    for value, expected in [(1, (3, 6)), (0, (0, 3)), (-5, (0, -3))]:
        assert tuple(float(v) for v in evaluate([a, b], {c: value, x: 3.0})) == expected


def test_a_branch_that_is_needed_elsewhere_is_computed():
    c, x = T.iscalar("c"), T.vector("x")
    y = T.exp(x)
    chosen, always = evaluate([T.ifelse(c, y, x), y], {c: 0, x: [0.0]})
    assert chosen.tolist() == [0] and always.tolist() == [1]


def test_branches_meet_in_a_dtype_and_need_the_same_rank():
    assert T.ifelse(T.iscalar(), T.fscalar(), 1).dtype == "float32"
    assert T.ifelse(T.iscalar(), T.row(), T.matrix()).type.shape == (None, None)
    with pytest.raises(TypeError, match="same dtype and number of dimensions"):
        T.ifelse(T.iscalar(), T.vector(), T.matrix())
    with pytest.raises(ValueError, match="1 values in one branch and 2"):
        T.ifelse(T.iscalar(), [1], [1, 2])
    with pytest.raises(TypeError, match="scalar condition"):
        T.ifelse(T.ivector(), 1, 2)


# ---- checks, detached values, rebuilt graphs ------------------------------------------------------------

def test_check_lets_pass_or_raises_with_its_numbers():
    x, n = T.vector("x"), T.iscalar("n")
    checked = check(IndexError, "{} of {}", x, n < 3, n, x.shape[0])
    assert evaluate([checked], {x: [1.0], n: 2})[0].tolist() == [1]
    with pytest.raises(IndexError) as caught:
        evaluate([checked], {x: [1.0], n: 4})
    assert str(caught.value) == "4 of 1"


def test_assert_of_a_vector_of_conditions():
    x = T.vector("x")
    assert evaluate([T.assert_(x, x > 0, x < 9)], {x: [1.0, 2.0]})[0].tolist() == [1, 2]
    with pytest.raises(AssertionError, match="all {positive}"):
        evaluate([T.assert_(x, x > 0, msg="not all {positive}")], {x: [1.0, -2.0]})


def test_detached_value_is_the_value():
    x = T.vector("x")
    assert evaluate([detach(x)], {x: [1.0]})[0].tolist() == [1]


def test_rebuilt_graph_takes_the_types_of_what_stands_in():
    x, y = T.fvector("x"), T.dvector("y")
    (copy,) = rebuild([T.exp(x * 2 + 1)], {x: y})
    assert copy.dtype == "float64"
    np.testing.assert_allclose(evaluate([copy], {y: [0.5]})[0], np.exp(2.0))
