"""Reductions, running sums, sorting and statistics beside NumPy's."""

import numpy as np
import pytest

import scancc.tensor as T
from scancc.frontend.graph.variables import TensorType
from scancc.frontend.ops.reference import evaluate

RNG = np.random.default_rng(5)
X = RNG.normal(size=(3, 4, 5))
AXES = [None, 0, 1, -1, (0, 2), (1, 0, 2), ()]
HOLES = np.array([[1.0, np.nan, 3.0], [2.0, -1.0, 2.0]])


def value(function, *arrays):
    inputs = [TensorType(a.dtype.name, (None,) * a.ndim)() for a in arrays]
    out = T.as_tensor_variable(function(*inputs))
    result, lengths = evaluate([out, out.shape], dict(zip(inputs, arrays, strict=True)))
    assert result.dtype == out.dtype and lengths.tolist() == list(result.shape)
    return result


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "std"])
def test_reductions_of_floats(name, axis, keepdims):
    found = value(lambda x: getattr(T, name)(x, axis=axis, keepdims=keepdims), X)
    expected = getattr(np, name)(X, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    assert found.shape == np.shape(expected)
    np.testing.assert_array_equal(value(lambda x: getattr(x, name)(axis=axis, keepdims=keepdims), X), found)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", AXES, ids=str)
@pytest.mark.parametrize("name", ["all", "any"])
def test_all_and_any_count_what_is_not_zero(name, axis, keepdims):
    data = (X > 0.3) * 2.0
    found = value(lambda x: getattr(T, name)(x, axis=axis, keepdims=keepdims), data)
    np.testing.assert_array_equal(found, getattr(np, name)(data, axis=axis, keepdims=keepdims))


@pytest.mark.parametrize("dtype, total", [
    ("int8", "int64"), ("int32", "int64"), ("uint8", "uint64"), ("bool", "int64"), ("float32", "float32"),
    ("complex64", "complex64"),
])
def test_sums_and_products_of_integers_are_wide(dtype, total):
    data = np.array([100, 100, 27, 1]).astype(dtype)
    for name in ("sum", "prod", "cumsum", "cumprod"):
        found = value(lambda x, name=name: getattr(T, name)(x), data)
        assert found.dtype == total
        np.testing.assert_allclose(found, getattr(np, name)(data.astype(total)))


def test_sum_in_a_dtype_asked_for():
    assert value(lambda x: T.sum(x, dtype="float32"), np.arange(3)).dtype == "float32"


def test_mean_of_integers_is_a_double_and_of_singles_a_single():
    assert value(T.mean, np.arange(4)) == 1.5 and value(T.mean, np.arange(4)).dtype == "float64"
    assert value(T.mean, np.arange(4, dtype="float32")).dtype == "float32"
    assert value(lambda x: T.var(x, ddof=1), np.arange(4)) == np.var(np.arange(4), ddof=1)


def test_variance_of_complex_numbers_is_real():
    z = np.array([1 + 2j, -1j, 3.0])
    found = value(T.var, z)
    assert found.dtype == "float64"
    np.testing.assert_allclose(found, np.var(z))


def test_nan_is_the_largest_and_the_smallest():
    for name in ("max", "min"):
        np.testing.assert_array_equal(
            value(lambda x, name=name: getattr(T, name)(x, axis=1), HOLES), getattr(np, name)(HOLES, axis=1)
        )


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_first_place_of_the_extreme_or_of_a_nan(name, axis, keepdims):
    for data in (HOLES, np.array([[1, 1, 0], [0, 1, 1]], "int8")):
        found = value(lambda x: getattr(T, name)(x, axis=axis, keepdims=keepdims), data)
        np.testing.assert_array_equal(found, getattr(np, name)(data, axis=axis, keepdims=keepdims))
        assert found.dtype == "int64"


def test_max_and_argmax():
    largest, place = T.max_and_argmax(T.constant(HOLES[1:]), axis=1)
    assert [v.tolist() for v in evaluate([largest, place])] == [[2.0], [0]]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_reductions_of_nothing(shape):
    data = np.zeros(shape)
    for name in ("sum", "prod"):
        np.testing.assert_array_equal(
            value(lambda x, name=name: getattr(T, name)(x, axis=0), data), getattr(np, name)(data, axis=0)
        )
    assert value(T.all, data) and not value(T.any, data)
    assert np.isnan(value(T.mean, data))
    for name in ("max", "argmin"):
        with pytest.raises(ValueError, match="of an axis of length 0"):
            value(lambda x, name=name: getattr(T, name)(x), data)


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_running_and_sorted(axis):
    data = HOLES
    for name in ("cumsum", "cumprod"):
        np.testing.assert_allclose(
            value(lambda x, name=name: getattr(T, name)(x, axis=axis), data), getattr(np, name)(data, axis=axis)
        )
    np.testing.assert_array_equal(value(lambda x: T.sort(x, axis), data), np.sort(data, axis))
    np.testing.assert_array_equal(
        value(lambda x: T.argsort(x, axis), data), np.argsort(data, axis, kind="stable")
    )


def test_equal_elements_keep_their_order():
    data = np.array([2, 1, 2, 1, 2], "int8")
    found = value(T.argsort, data)
    assert found.tolist() == [1, 3, 0, 2, 4] and found.dtype == "int64"


def test_differences_and_range():
    np.testing.assert_allclose(value(lambda x: T.diff(x, 2, axis=1), X), np.diff(X, 2, axis=1))
    data = np.arange(12.0) ** 7
    for n in (9, 11, 12, 30):  # in a loop
        np.testing.assert_allclose(value(lambda x, n=n: T.diff(x, n), data), np.diff(data, n), atol=1e-6)
    np.testing.assert_allclose(value(lambda x: T.ptp(x, axis=1), X), np.ptp(X, axis=1))


# ---- exponentials ----------------------------------------------------------------------------------

def _logsumexp(x, axis):
    with np.errstate(divide="ignore"):
        return np.logaddexp.reduce(x, axis=axis)


@pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0])
def test_softmax_and_logsumexp_do_not_overflow(shift):
    data = X + shift
    weights = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(value(lambda x: T.softmax(x, axis=1), data), weights, rtol=1e-11)
    np.testing.assert_allclose(value(lambda x: T.log_softmax(x, axis=1), data), np.log(weights), rtol=1e-11)
    for axis in (0, 1, -1):
        np.testing.assert_allclose(value(lambda x, a=axis: T.logsumexp(x, a), data), _logsumexp(data, axis))
    np.testing.assert_allclose(value(lambda x: T.logsumexp(x), data), np.log(np.exp(X).sum()) + shift)


def test_logsumexp_of_infinities():
    data = np.array([[-np.inf, -np.inf], [np.inf, 0.0], [0.0, -np.inf]])
    assert value(lambda x: T.logsumexp(x, axis=1), data).tolist() == [-np.inf, np.inf, 0]
    assert value(lambda x: T.logaddexp(x[:, 0], x[:, 1]), data).tolist() == [-np.inf, np.inf, 0]


def test_softmax_over_everything_sums_to_one():
    assert value(lambda x: T.softmax(x, axis=None).sum(), X) == pytest.approx(1)
    assert value(T.softmax, np.arange(3)).dtype == "float64"



# ---- T.nnet -----------------------------------------------------------------------------------------

def test_activations():
    data = np.array([-2.0, 0.0, 3.0])
    found = {
        name: value(getattr(T.nnet, name), data)
        for name in ("relu", "elu", "softsign", "hard_sigmoid", "sigmoid", "softplus")
    }
    np.testing.assert_allclose(found["relu"], [0, 0, 3])
    np.testing.assert_allclose(found["elu"], [np.expm1(-2), 0, 3])
    np.testing.assert_allclose(found["softsign"], [-2 / 3, 0, 0.75])
    np.testing.assert_allclose(found["hard_sigmoid"], [0.1, 0.5, 1])
    np.testing.assert_allclose(found["sigmoid"], 1 / (1 + np.exp(-data)))
    np.testing.assert_allclose(found["softplus"], np.log1p(np.exp(data)))
    np.testing.assert_allclose(value(lambda x: T.nnet.relu(x, 0.1), data), [-0.2, 0, 3])


def test_crossentropies():
    p = np.array([[0.2, 0.8], [0.6, 0.4]])
    classes, one_hot = np.array([1, 0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    expected = -np.log([0.8, 0.6])
    np.testing.assert_allclose(value(T.nnet.categorical_crossentropy, p, classes), expected)
    np.testing.assert_allclose(value(T.nnet.categorical_crossentropy, p, one_hot), expected)
    binary = -(one_hot * np.log(p) + (1 - one_hot) * np.log(1 - p))
    np.testing.assert_allclose(value(T.nnet.binary_crossentropy, p, one_hot), binary)
    logits = np.log(p / (1 - p))
    np.testing.assert_allclose(value(T.nnet.sigmoid_binary_crossentropy, logits, one_hot), binary)
    with pytest.raises(TypeError, match="give an integer class for each row"):
        T.nnet.categorical_crossentropy(T.matrix(), T.vector())


# ---- errors -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("make, error, text", [
    (lambda x: x.sum(axis=2), ValueError, "sum: axis 2 is out of range for a tensor of 2 dimensions"),
    (lambda x: x.sum(axis=(0, 0)), ValueError, "names an axis twice"),
    (lambda x: x.argmax(axis=(0, 1, 1)), ValueError, "names an axis twice"),
    (lambda x: T.argmax(T.tensor3(), axis=(0, 1)), ValueError, "along one axis or over all"),
    (lambda x: T.max(T.zvector()), TypeError, "complex numbers have no order"),
    (lambda x: T.sort(T.zvector()), TypeError, "sort takes numbers that have an order"),
    (lambda x: T.argsort(T.zvector()), TypeError, "argsort takes numbers that have an order"),
    (lambda x: T.max(T.constant(np.zeros((0,)))), ValueError, "max of an axis of length 0"),
])
def test_error_when_built(make, error, text):
    with pytest.raises(error, match=text):
        make(T.matrix("x"))
