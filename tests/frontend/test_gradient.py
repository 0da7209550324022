"""`grad` and what is made of it: options, second derivatives, stops, errors, `verify_grad`."""

import re
import warnings

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import DisconnectedInputError, NullTypeGradError
from scancc.frontend.gradients import (
    GradientError,
    Lop,
    Rop,
    disconnected_grad,
    grad,
    grad_clip,
    grad_scale,
    hessian,
    hessian_vector_product,
    jacobian,
    pullback,
    pushforward,
    verify_grad,
    zero_grad,
)
from scancc.frontend.ops.reference import evaluate
from scancc.frontend.ops.scalars import trigamma


def value(output, givens=None):
    return evaluate([output], givens)[0]


# ---- what grad takes and gives ----------------------------------------------------------------------------


def test_one_variable_a_list_or_a_tuple():
    x, y = T.dscalars("x", "y")
    cost = x**2 * y
    assert value(grad(cost, x), {x: 4.0, y: 1.0}) == 8
    for wrt in ([x, y], (x, y)):
        found = grad(cost, wrt)
        assert type(found) is type(wrt)
        assert [float(v) for v in evaluate(found, {x: 4.0, y: 1.0})] == [8, 16]
    assert isinstance(grad(cost, [x]), list)


def test_gradient_has_the_type_of_the_variable():
    for make in (T.fvector, T.dmatrix, T.frow, T.dscalar):
        x = make()
        g = grad((x**2).sum(), x)
        assert (g.dtype, g.ndim, g.broadcastable) == (x.dtype, x.ndim, x.broadcastable)


def test_of_a_variable_by_itself_and_by_something_on_the_way():
    x = T.dscalar("x")
    y = x**2
    cost = y**3
    assert value(grad(x, x), {x: 5.0}) == 1
    assert value(grad(cost, y), {x: 2.0}) == 3 * 16
    found = evaluate(grad(cost, [x, y, cost]), {x: 2.0})
    assert [float(v) for v in found] == [6 * 32, 48, 1]


def test_consider_constant():
    x = T.dscalar("x")
    y = x**2
    assert value(grad(x * y, x, consider_constant=[y]), {x: 3.0}) == 9
    assert value(grad(x * y, y, consider_constant=[y]), {x: 3.0}) == 3


def test_known_gradients():
    x, given = T.dvector("x"), T.dvector("given")
    y = x**2
    assert value(grad(None, x, known_grads={y: given}), {x: [1.0, 2.0], given: [3.0, 5.0]}).tolist() == [6, 20]
    fixed = grad((3 * y).sum(), [x, y], known_grads={y: given})
    found = evaluate(fixed, {x: [1.0, 2.0], given: [1.0, 1.0]})
    assert found[0].tolist() == [2, 4]
    assert found[1].tolist() == [1, 1]


def test_known_gradient_of_an_integer():
    x, g = T.iscalar("x"), T.dscalar("g")
    assert value(grad(None, x, known_grads={x: g}), {x: 3, g: 0.5}) == 0.5


def test_disconnected_inputs():
    x, y = T.dscalar("x"), T.dvector("y")
    cost = x * y.shape[0]
    with pytest.raises(DisconnectedInputError):
        grad(cost, y)
    with pytest.warns(UserWarning, match="does not depend on `y`"):
        assert value(grad(cost, y, disconnected_inputs="warn"), {y: [1.0, 2.0]}).tolist() == [0, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert grad(cost, [x, y], disconnected_inputs="ignore", return_disconnected="None")[1] is None
        assert grad(cost, y, disconnected_inputs="ignore", return_disconnected="disconnected") is None


@pytest.mark.parametrize("cost", [
    lambda x: T.cast(x.shape[0], "float64"), lambda x: T.switch(x > 0, 1.0, 2.0).sum(),
    lambda x: T.arange(3.0)[T.cast(x[0], "int64")], lambda x: disconnected_grad(x).sum(),
    lambda x: T.zeros_like(x).sum(), lambda x: T.ones((3,))[: x.shape[0]].sum(),
], ids=["shape", "condition", "index", "disconnected", "zeros like", "bound"])
def test_not_connected(cost):
    x = T.dvector("x")
    with pytest.raises(DisconnectedInputError):
        grad(cost(x), x)


@pytest.mark.parametrize("cost", [
    lambda x: T.floor(x).sum(), lambda x: T.sgn(x).sum(), lambda x: zero_grad(x).sum(),
    lambda x: T.cast(T.cast(x, "int64"), "float64").sum(), lambda x: T.cast(T.argmax(x), "float64"),
], ids=["floor", "sign", "zero_grad", "integers", "argmax"])
def test_connected_with_derivative_zero(cost):
    x = T.dvector("x")
    assert value(grad(cost(x), x), {x: [1.5, 2.5]}).tolist() == [0, 0]


def test_names():
    x, cost = T.dscalar("x"), T.dscalar("y") ** 2
    cost = cost * x**2
    cost.name = "cost"
    assert grad(cost, x).name == "(dcost/dx)"
    assert grad(cost, x, add_names=False).name is None


def test_of_a_shared_variable():
    w = sc.shared(np.array([1.0, 2.0]), name="w")
    assert value(grad((w**3).sum(), w)).tolist() == [3, 12]


def test_of_complex_numbers():
    z = T.zvector("z")
    g = grad((T.real(z * T.conj(z))).sum(), z)
    np.testing.assert_allclose(value(g, {z: [1 + 2j]}), [2 + 4j])


def test_a_gradient_that_does_not_exist():
    x, y = T.dscalar("x"), T.dscalar("y")
    slope = trigamma(x) * y
    with pytest.raises(NullTypeGradError):
        grad(slope, x)
    found = grad(slope, [x, y], null_gradients="return")
    assert found[0] is None
    assert found[1] is not None


# ---- vectors, second derivatives ------------------------------------------------------------------------


def test_jacobian_of_any_rank():
    x, y = T.dmatrix("x"), T.dvector("y")
    by_x, by_y = evaluate(jacobian(x * y, [x, y]), {x: [[1.0, 2], [3, 4], [5, 6]], y: [7.0, 8]})
    assert by_x.shape == (3, 2, 3, 2) and by_y.shape == (3, 2, 2)
    np.testing.assert_array_equal(by_x.reshape(6, 6), np.diag([7, 8] * 3))
    np.testing.assert_array_equal(by_y, [np.diag(row) for row in ([1, 2], [3, 4], [5, 6])])


def test_pushforward_and_pullback():
    x, v = T.dvector("x"), T.dvector("v")
    values = {x: [1.0, 2], v: [3.0, 4]}
    assert value(pushforward(x**2, wrt=x, tangents=v), values).tolist() == [6, 16]
    assert value(pullback(x**2, wrt=x, cotangents=v), values).tolist() == [6, 16]


def test_jacobian():
    x, y = T.dvector("x"), T.dvector("y")
    found = evaluate(jacobian(x**2 * y[0], [x, y]), {x: [4.0, 5.0], y: [2.0, 9.0]})
    np.testing.assert_allclose(found[0], [[16, 0], [0, 20]])
    np.testing.assert_allclose(found[1], [[16, 0], [25, 0]])
    assert value(jacobian((x**2).sum(), x), {x: [4.0, 5.0]}).tolist() == [8, 10]
    matrix = T.dmatrix("m")
    assert value(jacobian(matrix.sum(axis=0), matrix), {matrix: np.ones((2, 3))}).shape == (3, 2, 3)


def test_hessian():
    x, y = T.dvector("x"), T.dvector("y")
    np.testing.assert_allclose(value(hessian((x**2).sum(), x), {x: [4.0, 4.0]}), [[2, 0], [0, 2]])
    found = evaluate(hessian((x**3).sum() * y[0] + y.sum(), [x, y]), {x: [1.0, 2.0], y: [2.0, 1.0]})
    np.testing.assert_allclose(found[0], [[12, 0], [0, 24]])
    np.testing.assert_allclose(found[1], np.zeros((2, 2)))


def test_hessian_vector_product():
    x, v = T.dvector("x"), T.dvector("v")
    cost = (x**2).sum() * x[0]
    givens = {x: [4.0, 4.0], v: [2.0, 2.0]}
    expected = value(hessian(cost, x), givens) @ [2, 2]
    np.testing.assert_allclose(value(hessian_vector_product(cost, x, v), givens), expected)
    np.testing.assert_allclose(value(Rop(grad(cost, x), x, v), givens), expected)


def test_rop_and_lop():
    w, v, x = T.dmatrix("W"), T.dmatrix("V"), T.dvector("x")
    y = T.dot(x, w)
    givens = {w: np.ones((2, 2)), v: np.ones((2, 2)), x: [0.0, 1.0]}
    np.testing.assert_allclose(value(Rop(y, w, v), {**givens, v: [[1.0, 1.0], [2.0, 2.0]]}), [2, 2])
    u = T.dvector("u")
    np.testing.assert_allclose(value(Lop(y, w, u), {**givens, u: [2.0, 2.0]}), [[0, 0], [2, 2]])
    both = Rop([y, (y**2).sum()], [w, x], [v, x])
    found = evaluate(both, givens)
    np.testing.assert_allclose(found[0], [2, 2])
    np.testing.assert_allclose(found[1], 2 * 2 + 2 * 2)
    np.testing.assert_allclose(value(Lop([y, y], x, [u, u]), {**givens, u: [1.0, 2.0]}), [6, 6])


def test_rop_of_a_variable_that_does_not_move():
    x, y = T.dvector("x"), T.dvector("y")
    with pytest.raises(DisconnectedInputError):
        Rop(y * 2, x, x)
    assert value(Rop(y * 2, x, x, disconnected_outputs="ignore"), {y: [1.0]}).tolist() == [0]


# ---- functions that change a gradient -------------------------------------------------------------------


def test_stops():
    x = T.dvector("x")
    givens = {x: [3.0, -0.5]}
    assert value(grad((x * disconnected_grad(x)).sum(), x), givens).tolist() == [3, -0.5]
    assert value(grad((x * zero_grad(x)).sum(), x), givens).tolist() == [3, -0.5]
    assert value(grad((grad_clip(x, -2, 2) ** 2).sum(), x), givens).tolist() == [2, -1]
    assert value(grad((grad_scale(x, 0.5) ** 2).sum(), x), givens).tolist() == [3, -0.5]
    for stop in (disconnected_grad, zero_grad, lambda v: grad_clip(v, -2, 2), lambda v: grad_scale(v, 0.5)):
        assert value(stop(x), givens).tolist() == [3, -0.5]


def test_stops_inside_a_scan_and_in_native_code():
    x = T.dvector("x")
    s, _ = sc.scan(lambda a, s: grad_clip(s, -1, 1) * a + disconnected_grad(s), x, T.constant(1.0))
    f = sc.function([x], [s[-1], grad(s[-1], x)])
    found = f([2.0, 3.0])
    assert found[0] == 12
    np.testing.assert_allclose(found[1], [1, 3])


# ---- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda x: grad(x * 2, x), TypeError, "cost must be a scalar"),
    (lambda x: grad(T.iscalar("i") * 2, x), TypeError, "an integer does not change"),
    (lambda x: grad((x > 0).sum(), x), TypeError, "compute it in a float dtype"),
    (lambda x: grad(T.zscalar() * x[0], x), TypeError, "take its real part"),
    (lambda x: grad(3.0, x), TypeError, "not a symbolic variable"),
    (lambda x: grad(x.sum(), "x"), TypeError, "`wrt` holds 'x'"),
    (lambda x: grad(x.sum(), [x, 1.0]), TypeError, "`wrt` holds 1.0"),
    (lambda x: grad(None, x), ValueError, "neither a cost nor known_grads"),
    (lambda x: grad(None, x, known_grads={x: T.ivector()}), TypeError, "Gradients may never be integers"),
    (lambda x: grad(None, x, known_grads={x: T.dscalar()}), ValueError, "has the shape of its variable"),
    (lambda x: grad(x.sum(), T.dvector("stranger")), DisconnectedInputError, "does not depend on `stranger`"),
    (lambda x: grad(x.sum(), x, disconnected_inputs="no"), ValueError, "'raise', 'warn', 'ignore'"),
    (lambda x: jacobian([x], x), TypeError, "not a symbolic variable"),
    (lambda x: hessian(x.sum(), T.dmatrix("m")), ValueError, "hessian takes vectors"),
    (lambda x: Rop(x, x, T.dscalar()), ValueError, "an eval_point has the shape of its variable"),
    (lambda x: Rop(x, [x], []), ValueError, "1 variables and 0 eval_points"),
    (lambda x: Lop([x, x], x, [x]), ValueError, "2 outputs and 1 eval_points"),
])
def test_errors_say_what_and_what_to_do(call, error, words):
    x = T.dvector("x")
    with pytest.raises(error, match=re.escape(words)) as caught:
        call(x)
    assert "test_gradient.py" in str(caught.value)


# ---- verify_grad -------------------------------------------------------------------------------------------


def wrong(x):
    """x**2 by its value, 3 x by its gradient."""
    return disconnected_grad(x**2 - 3 * x) + 3 * x


def test_verify_grad():
    verify_grad(lambda x: x**2, [np.array([1.0, 2.0])])
    with pytest.raises(verify_grad.E_grad, match="argument 0 at") as caught:
        verify_grad(wrong, [np.array([1.5, 2.0])])
    assert isinstance(caught.value, GradientError)
    assert caught.value.worst.position == (1,)
    with pytest.raises(GradientError):
        verify_grad(lambda x: T.switch(x > 0, x * np.nan, x), [np.array([1.0])])


def test_verify_grad_in_single_precision():
    verify_grad(lambda x: T.sin(x), [np.array([0.5, 1.0], "float32")])


def test_verify_grad_takes_floats():
    with pytest.raises(TypeError, match="finite differences need floats"):
        verify_grad(lambda x: x * 2.0, [np.array([1, 2])])


@pytest.mark.parametrize("formula, point", [
    (lambda x, y: T.switch(x > 0, x**1.5, 0.0), (-1, 1)), (lambda x, y: T.switch(x > 0, T.log(x) ** 3, 0.0), (-1, 1)),
    (lambda x, y: T.switch(T.neq(y, 0), x % y, 0.0), (1, 0)), (lambda x, y: T.switch(x > 0, x**y, 0.0), (-1, 2)),
    (lambda x, y: T.switch(y > 0, x * (x // y), 0.0), (1, 0)),
])
@pytest.mark.parametrize("mode", ["native", "reference"])
def test_what_switch_leaves_out_has_no_gradient(formula, point, mode):
    x, y = T.scalars("x", "y")
    gradients = grad(formula(x, y), [x, y], disconnected_inputs="ignore")
    assert sc.function([x, y], gradients, mode=mode, on_unused_input="ignore")(*point) == [0, 0]


@pytest.mark.parametrize("size", [1e-200, 1e200, 1.0])
def test_gradient_of_arctan2_of_any_size(size):
    y, x = T.scalars("y", "x")
    found = evaluate(grad(T.arctan2(y, x), [y, x]), {y: 3 * size, x: 4 * size})
    np.testing.assert_allclose(np.array(found) * size, [0.16, -0.12])


def test_options_of_lop_and_hessian_vector_product():
    x, y = T.vectors("x", "y")
    assert Lop(x * 2, y, T.ones_like(x), disconnected_inputs="ignore", return_disconnected="none") is None
    with pytest.raises(TypeError, match="disconected"):
        jacobian(x * 2, x, disconected_inputs="ignore")
    with pytest.raises(ValueError, match="1 variables and 2 vectors"):
        hessian_vector_product((x**2).sum(), [x], [x, y])
