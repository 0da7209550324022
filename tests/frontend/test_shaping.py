"""Shapes: each function beside NumPy's, lengths told without running, errors."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.graph.dims import ShapeI
from scancc.frontend.graph.variables import Constant, applies
from scancc.frontend.ops.lengths import MakeVector
from scancc.frontend.ops.reference import evaluate

X = np.arange(24.0).reshape(2, 3, 4)
M = np.arange(6.0).reshape(2, 3)
V = np.array([3.0, 1.0, 2.0])


def value(function, *arrays):
    """`function` of symbolic inputs of unknown lengths that stand for `arrays`; its lengths as announced."""
    inputs = [T.TensorType(a.dtype, (None,) * a.ndim)() for a in arrays]
    out = T.as_tensor_variable(function(*inputs))
    result, announced = evaluate([out, out.shape], dict(zip(inputs, arrays, strict=True)))
    assert result.dtype == out.dtype and result.ndim == out.ndim
    assert announced.tolist() == list(result.shape)
    assert all(n in (None, m) for n, m in zip(out.type.shape, result.shape, strict=True))
    return result


CASES = {
    "dimshuffle": (lambda x: x.dimshuffle(2, "x", 0, 1), lambda x: x.transpose(2, 0, 1)[:, None], [X]),
    "dimshuffle-negative": (lambda x: x.dimshuffle(-1, 0, 1), lambda x: x.transpose(2, 0, 1), [X]),
    "transpose": (lambda x: x.transpose(1, 0, 2), lambda x: x.transpose(1, 0, 2), [X]),
    "T": (lambda x: x.T, lambda x: x.T, [X]),
    "swapaxes": (lambda x: x.swapaxes(0, -1), lambda x: x.swapaxes(0, -1), [X]),
    "moveaxis": (lambda x: T.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1), [X]),
    "moveaxis-two": (lambda x: T.moveaxis(x, (0, 1), (2, 0)), lambda x: np.moveaxis(x, (0, 1), (2, 0)), [X]),
    "reshape": (lambda x: x.reshape((4, 6)), lambda x: x.reshape(4, 6), [X]),
    "reshape-follows": (lambda x: x.reshape((x.shape[0], -1)), lambda x: x.reshape(2, -1), [X]),
    "reshape-arguments": (lambda x: x.reshape(6, 4), lambda x: x.reshape(6, 4), [X]),
    "reshape-of-shape": (lambda x: T.reshape(x, x.shape[::-1]), lambda x: x.reshape(4, 3, 2), [X]),
    "flatten": (lambda x: x.flatten(), lambda x: x.ravel(), [X]),
    "flatten-2": (lambda x: x.flatten(2), lambda x: x.reshape(2, 12), [X]),
    "expand_dims": (lambda x: T.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1)), [M]),
    "squeeze": (lambda x: T.squeeze(x.dimshuffle("x", 0, "x", 1)), lambda x: x, [M]),
    "squeeze-axis": (lambda x: T.squeeze(x, axis=0), lambda x: x[0], [M[:1]]),
    "shape_padleft": (lambda x: T.shape_padleft(x, 2), lambda x: x[None, None], [M]),
    "shape_padright": (lambda x: T.shape_padright(x), lambda x: x[..., None], [M]),
    "shape_padaxis": (lambda x: T.shape_padaxis(x, 1), lambda x: x[:, None], [M]),
    "size": (lambda x: x.size, lambda x: np.int64(x.size), [X]),
    "alloc": (lambda x: T.alloc(x, 4, x.shape[0], 3), lambda x: np.broadcast_to(x, (4, 2, 3)), [M]),
    "broadcast_to": (lambda x: T.broadcast_to(x, (4, 2, 3)), lambda x: np.broadcast_to(x, (4, 2, 3)), [M]),
    "fill": (lambda x: T.fill(x, 7), lambda x: np.full(x.shape, 7, "int8"), [M]),
    "zeros_like": (T.zeros_like, np.zeros_like, [M.astype("float32")]),
    "ones_like": (lambda x: T.ones_like(x, dtype="int32"), lambda x: np.ones_like(x, "int32"), [M]),
    "full_like": (lambda x: T.full_like(x, 2), lambda x: np.full_like(x, 2), [M]),
    "full": (lambda x: T.full((x.shape[0], 2), 1.5), lambda x: np.full((2, 2), 1.5), [M]),
    "concatenate": (lambda x, y: T.concatenate([x, y], axis=1), lambda x, y: np.hstack([x, y]), [M, M * 2]),
    "concatenate-dtypes": (lambda x, y: T.concatenate([x, y]), lambda x, y: np.concatenate([x, y]),
                           [np.arange(3), V.astype("float32")]),
    "join": (lambda x, y: T.join(0, x, y), lambda x, y: np.vstack([x, y]), [M, M[:1]]),
    "stack": (lambda x, y: T.stack([x, y], axis=1), lambda x, y: np.stack([x, y], axis=1), [M, M]),
    "stack-scalars": (lambda x: T.stack([x[0], 1, x[2]]), lambda x: np.array([3.0, 1, 2]), [V]),
    "stacklists": (lambda x: T.stacklists([[x, x], [x, x]]), lambda x: np.stack([[x, x], [x, x]]), [V]),
    "list": (lambda x: T.as_tensor_variable([x[0], [1.0]][0:1]), lambda x: x[:1], [V]),
    "hstack": (lambda x: T.hstack([x, x]), lambda x: np.hstack([x, x]), [V]),
    "vstack": (lambda x: T.vstack([x, x]), lambda x: np.vstack([x, x]), [V]),
    "atleast_3d": (T.atleast_3d, np.atleast_3d, [V]),
    "arange": (lambda x: T.arange(x.shape[0]), lambda x: np.arange(2), [M]),
    "arange-bounds": (lambda x: T.arange(1, x[0], 0.5), lambda x: np.arange(1, 3.0, 0.5), [V]),
    "arange-down": (lambda x: T.arange(5, 0, -2), lambda x: np.arange(5, 0, -2), [V]),
    "linspace": (lambda x: T.linspace(0, x[0], 4), lambda x: np.linspace(0, 3, 4), [V]),
    "logspace": (lambda x: T.logspace(0, x[0], 4), lambda x: np.logspace(0, 3, 4), [V]),
    "geomspace": (lambda x: T.geomspace(1, x[0], 4), lambda x: np.geomspace(1, 3, 4), [V]),
    "repeat": (lambda x: x.repeat(3, axis=1), lambda x: x.repeat(3, axis=1), [M]),
    "repeat-flat": (lambda x: T.repeat(x, 2), lambda x: x.repeat(2), [M]),
    "repeat-counts": (lambda x, n: T.repeat(x, n, axis=0), lambda x, n: x.repeat(n, axis=0),
                      [V, np.array([2, 0, 3])]),
    "tile": (lambda x: T.tile(x, (2, 3)), lambda x: np.tile(x, (2, 3)), [M]),
    "tile-more": (lambda x: T.tile(x, (2, 1, 2)), lambda x: np.tile(x, (2, 1, 2)), [V]),
    "tile-less": (lambda x: T.tile(x, 2), lambda x: np.tile(x, 2), [M]),
    "flip": (lambda x: T.flip(x), np.flip, [X]),
    "flip-axis": (lambda x: T.flip(x, 1), lambda x: np.flip(x, 1), [X]),
    "roll": (lambda x: T.roll(x, 1), lambda x: np.roll(x, 1), [M]),
    "roll-axis": (lambda x: T.roll(x, -7, axis=2), lambda x: np.roll(x, -7, axis=2), [X]),
    "roll-empty": (lambda x: T.roll(x, 1, axis=0), lambda x: x, [np.zeros((0, 2))]),
    "eye": (lambda x: T.eye(3, 4, 1), lambda x: np.eye(3, 4, 1), [V]),
    "eye-symbolic": (lambda x: T.eye(x.shape[0], dtype="int32"), lambda x: np.eye(3, dtype="int32"), [V]),
    "identity_like": (T.identity_like, lambda x: np.eye(2, 3), [M]),
    "tri": (lambda x: T.tri(3, 4, -1), lambda x: np.tri(3, 4, -1), [V]),
    "tril": (lambda x: T.tril(x, 1), lambda x: np.tril(x, 1), [X]),
    "triu": (T.triu, np.triu, [M]),
    "diag-make": (lambda x: T.diag(x, 1), lambda x: np.diag(x, 1), [V]),
    "diag-take": (lambda x: T.diag(x, -1), lambda x: np.diag(x, -1), [M]),
    "diagonal": (lambda x: T.diagonal(x, 1, 2, 0), lambda x: np.diagonal(x, 1, 2, 0), [X]),
    "diagonal-outside": (lambda x: x.diagonal(9), lambda x: x.diagonal(9), [M]),
    "trace": (lambda x: T.trace(x), np.trace, [M]),
}


@pytest.mark.parametrize("case", CASES)
def test_as_numpy(case):
    function, expected, arrays = CASES[case]
    found, wanted = value(function, *arrays), np.asarray(expected(*arrays))
    np.testing.assert_allclose(found, wanted)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype


def test_zeros_and_ones_are_of_floatx():
    assert evaluate([T.zeros((2, 3)), T.ones(2, dtype="int8")])[0].dtype == "float64"
    assert evaluate([T.ones(2, dtype="int8")])[0].tolist() == [1, 1]


@pytest.mark.parametrize("start, stop, step", [
    (0, 5, 1), (5, 0, 1), (0, 5, 2), (5, 0, -2), (-3, 4, 3), (0, 0, 1), (2, -7, -4),
])
def test_arange_of_integers(start, stop, step):
    symbols = T.iscalars("a", "b", "c")
    (found,) = evaluate([T.arange(*symbols)], dict(zip(symbols, (start, stop, step), strict=True)))
    np.testing.assert_array_equal(found, np.arange(start, stop, step))
    assert found.dtype == "int64"


def test_arange_dtypes():
    assert T.arange(T.iscalar()).dtype == "int64" and T.arange(3.0).dtype == "float64"
    assert T.arange(T.fscalar()).dtype == "float32" and T.arange(4, dtype="int8").dtype == "int8"
    assert T.arange(2, 8, 3).type.shape == (2,)


def test_split():
    x = T.vector("x")
    parts = T.split(x, [1, 2, 0], axis=0)
    found = evaluate(parts, {x: V})
    assert [p.tolist() for p in found] == [[3], [1, 2], []]
    with pytest.raises(ValueError, match="the parts have 3 rows together and the tensor has 4"):
        evaluate(parts, {x: np.zeros(4)})


def test_shape_of_shape_and_entries_of_shapes_are_the_lengths_themselves():
    x = T.matrix("x")
    assert isinstance(x.shape[0].owner.op, ShapeI) and x.shape[-1].owner.op == ShapeI(1)
    assert isinstance(x.shape[1:].owner.op, MakeVector)
    rows, columns = x.shape
    assert rows.owner.op == ShapeI(0) and columns.owner.op == ShapeI(1)
    with pytest.raises(IndexError, match="a shape of 2 lengths has no entry 2"):
        x.shape[2]


def test_known_length_is_a_constant():
    x = T.tensor("x", shape=(3, None))
    assert isinstance(x.shape[0], Constant) and x.shape[0].data == 3
    assert isinstance((x * 2).T.shape[1], Constant)


@pytest.mark.parametrize("make", [
    lambda x: T.exp(x + 1), lambda x: x.T, lambda x: x.astype("int8"), lambda x: T.zeros_like(x),
    lambda x: T.set_subtensor(x[0], 1), lambda x: x.cumsum(axis=0), lambda x: T.concatenate([x, x], axis=1),
    lambda x: x[1:], lambda x: x.sum(axis=0, keepdims=True), lambda x: T.dot(x, x.T),
])
def test_length_is_told_from_the_inputs_lengths_alone(make):
    x = T.matrix("x")
    lengths = [node for node in applies([make(x).shape]) if isinstance(node.op, ShapeI)]
    assert all(node.inputs[0] is x for node in lengths)


def test_dimshuffles_merge_and_vanish():
    x = T.matrix("x")
    assert x.T.T is x and x.dimshuffle(0, "x", 1).dimshuffle(0, 2) is x
    assert x.T.dimshuffle(1, "x", 0).owner.op.order == (0, "x", 1)


# ---- what is said about lengths ----------------------------------------------------------------------

def test_specify_shape_checks_when_it_runs():
    x, n = T.matrix("x"), T.iscalar("n")
    known, symbolic = T.specify_shape(x, (None, 3)), T.specify_shape(x, (n, None))
    assert known.type.shape == (None, 3)
    np.testing.assert_array_equal(evaluate([known], {x: M})[0], M)
    with pytest.raises(ValueError, match=r"axis 1 has length 2, not 3"):
        evaluate([known], {x: M.T})
    with pytest.raises(ValueError, match="axis 0 has length 2, not 5"):
        evaluate([symbolic], {x: M, n: np.int32(5)})


def test_addbroadcast_and_unbroadcast():
    x, row = T.matrix("x"), T.row("r")
    assert T.addbroadcast(x, 0).broadcastable == (True, False)
    assert T.unbroadcast(row, 0).broadcastable == (False, False) and T.unbroadcast(x, 0) is x
    assert T.patternbroadcast(row, (False, True)).broadcastable == (False, True)
    np.testing.assert_array_equal(evaluate([T.addbroadcast(x, 0) + M], {x: M[:1]})[0], M[:1] + M)
    with pytest.raises(ValueError):
        evaluate([T.unbroadcast(row, 0) + x], {row: M[:1], x: M})


# ---- errors -------------------------------------------------------------------------------------------

BUILD_ERRORS = {
    "dimshuffle drops": (lambda x: x.dimshuffle(0), ValueError, "drops axis 1 .* not known to have length 1"),
    "dimshuffle twice": (lambda x: x.dimshuffle(0, 0, 1), ValueError, "names an axis twice"),
    "dimshuffle outside": (lambda x: x.dimshuffle(0, 1, 2), ValueError, "entries are axes from 0 to 1"),
    "transpose": (lambda x: x.transpose(0, 0), ValueError, "are not the 2 axes"),
    "reshape two follow": (lambda x: x.reshape((-1, -1)), ValueError, "only one length can be -1"),
    "reshape float": (lambda x: x.reshape((2.5, 2)), TypeError, "is no length"),
    "reshape vector": (lambda x: x.reshape(T.lvector()), TypeError, "or ndim="),
    "reshape static": (lambda x: T.constant(M).reshape((4, 2)), ValueError, "6 elements does not fill"),
    "concatenate ranks": (lambda x: T.concatenate([x, x[0]]), ValueError, "differ in dtype or number of dim"),
    "concatenate scalar": (lambda x: T.concatenate([1, 2]), ValueError, "use T.stack for scalars"),
    "concatenate tensor": (lambda x: T.concatenate(x), TypeError, "takes a list of tensors"),
    "stack ranks": (lambda x: T.stack([x, x[0]]), ValueError, "different numbers of dimensions"),
    "axis outside": (lambda x: T.expand_dims(x, 5), ValueError, "axis 5 is out of range"),
    "axis no int": (lambda x: x.sum(axis=1.5), TypeError, "axis 1.5 is not an int"),
    "alloc rank": (lambda x: T.alloc(x, 3), ValueError, "2 dimensions, not the 1 of the result"),
    "negative": (lambda x: T.zeros((-2,)), ValueError, "an axis of length -2"),
    "arange vector": (lambda x: T.arange(x[0]), TypeError, "use x.shape\\[0\\]"),
    "diag": (lambda x: T.diag(T.tensor3()), ValueError, "takes a vector or a matrix"),
    "flatten": (lambda x: x.flatten(3), ValueError, "ndim=3 for a tensor of 2 dimensions"),
    "specify": (lambda x: T.specify_shape(x, (2,)), ValueError, "has 2 dimensions, unlike"),
}


@pytest.mark.parametrize("case", BUILD_ERRORS)
def test_error_when_built(case):
    function, error, text = BUILD_ERRORS[case]
    with pytest.raises(error, match=text):
        function(T.matrix("x"))


RUN_ERRORS = {
    "reshape": (lambda x: x.reshape((4, -1)), "6 elements of shape"),
    "concatenate": (lambda x: T.concatenate([x, T.zeros((2, 2))]), "may differ on axis 0 only"),
    "alloc": (lambda x: T.alloc(x, 4, 3), "axis 0 of length 2 cannot fill length 4"),
    "zeros": (lambda x: T.zeros((x.shape[0] - 5,)), "an axis of length -3"),
    "arange": (lambda x: T.arange(0, 3, x.shape[0] - 2), "the step is 0"),
    "squeeze": (lambda x: T.squeeze(x, 0), r"squeeze: axis 0 has length 2, not 1"),
}


@pytest.mark.parametrize("case", RUN_ERRORS)
def test_error_when_run(case):
    function, text = RUN_ERRORS[case]
    x = T.matrix("x")
    with pytest.raises(ValueError, match=text):
        evaluate([function(x)], {x: M})


@pytest.mark.parametrize("mode", ["native", "reference"])
@pytest.mark.parametrize("make, given, text", [
    (lambda v, n: T.repeat(v, T.stack([n, 1, 1])), -1, "repeat: a count is negative"),
    (lambda v, n: v[:0].reshape((n, -1)), 0, "reshape"),
    (lambda v, n: T.arange(0.0, v[0] * T.constant(np.inf)) + n, 0, "arange: no range"),
])
def test_numbers_that_no_array_has(make, given, text, mode):
    v, n = T.vector("v"), T.lscalar("n")
    f = sc.function([v, n], make(v, n), mode=mode)
    with pytest.raises(ValueError, match=text):
        f(V, given)


@pytest.mark.parametrize("mode", ["native", "reference"])
@pytest.mark.parametrize("step", [2**63 - 1, -(2**63), 2**62, 3, 2, -2])
def test_steps_of_any_length(step, mode):
    v, n = T.vector("v"), T.lscalar("n")
    for part, given in [(v[::n], step), (v[::step], 0)]:
        found = sc.function([v, n], part, mode=mode, on_unused_input="ignore")(V, given)
        np.testing.assert_array_equal(found, V[::step])


def test_linspace_ends_where_it_says():
    x = T.scalar("x")
    for stop in np.random.default_rng(0).uniform(-3, 3, 40):
        assert evaluate([T.linspace(0, x, 50)], {x: stop})[0][-1] == stop
    assert evaluate([T.linspace(3.0, 4.0, 1), T.linspace(3.0, 4.0, 2, endpoint=False)])[1].tolist() == [3, 3.5]


@pytest.mark.parametrize("mode", [None, "reference"])
def test_a_part_whose_length_is_computed_to_be_one_stretches(mode):
    x = T.tensor("x", dtype="float64", shape=(None, 3))
    values = np.arange(6.0).reshape(2, 3)
    parts = [(x[:, ::2][:, :1], values[:, :1]), (x[:, 3:1:-1], values[:, 3:1:-1]), (x[:, 1::5], values[:, 1::5])]
    for part, expected in parts:
        assert sc.function([x], part + x, mode=mode)(values).tolist() == (expected + values).tolist()
