"""Arguments that were taken without effect or for another meaning are errors: at once where they are known."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

x, X, n, i = T.dvector("x"), T.dmatrix("X"), T.lscalar("n"), T.ivector("i")

AT_ONCE = {
    "a length is -3": [
        lambda: T.eye(-3), lambda: T.eye(3, -3), lambda: T.tri(-3), lambda: T.linspace(0, 1, -3),
        lambda: T.logspace(0, 1, -3), lambda: T.geomspace(1, 2, -3), lambda: T.to_one_hot(i, -3),
        lambda: T.split(x, [-3, 7], 2), lambda: T.tile(x, (2, -3)), lambda: T.tile(x, -3),
    ],
    "give True or False": [
        lambda: T.sum(x, keepdims="no"), lambda: T.max(x, keepdims=2), lambda: T.argmin(x, keepdims="no"),
        lambda: T.linspace(0, 1, 5, "no"), lambda: T.isclose(x, x, equal_nan="no"),
        lambda: T.set_subtensor(x[0], 1.0, inplace="no"), lambda: T.inc_subtensor(x[0], 1.0, ignore_duplicates="no"),
        lambda: T.slinalg.cholesky(X, lower="no"), lambda: T.slinalg.solve_triangular(X, x, lower="no"),
        lambda: T.slinalg.cho_solve((X, "no"), x), lambda: T.special.logsumexp(X, keepdims="no"),
    ],
    "give a whole number": [
        lambda: T.diff(x, n=1.5), lambda: T.diff(x, n=True), lambda: X.dimshuffle(0.0, 1), lambda: X.flatten(True),
        lambda: T.shape_padleft(x, 1.5), lambda: T.diag(X, k=True), lambda: T.tensordot(X, X, axes=True),
        lambda: T.vectors(True), lambda: T.linalg.matrix_power(X, 0.5),
    ],
    "or more": [
        lambda: T.diff(x, n=-1), lambda: T.shape_padleft(x, -1), lambda: T.shape_padright(x, -1),
        lambda: T.tensordot(X, X, axes=-1), lambda: T.vectors(-2), lambda: T.vectors(0),
        lambda: T.to_one_hot(T.constant([5]), 3), lambda: T.to_one_hot(T.constant([-1]), 3),
        lambda: T.specify_shape(x, (-1,)), lambda: T.diff(x, n=-2),
    ],
    "at least 0": [
        lambda: T.tensor("v", dtype="float64", shape=(-1,)), lambda: T.vector("v", shape=(-1,)),
        lambda: T.dvector("v", shape=(-2,)), lambda: T.TensorType("float64", (None, -1)),
    ],
    "twice": [
        lambda: T.flip(x, (0, 0)), lambda: T.tensordot(X, X, axes=[[0, 0], [0, 1]]), lambda: T.sum(X, axis=(0, 0)),
    ],
    "kind is": [lambda: T.sort(x, kind="quickly"), lambda: T.argsort(x, kind="zz")],
    "order is": [lambda: T.sort(x, order="f")],
    "name of a tensor": [lambda: T.vector(5), lambda: T.dmatrix(["a"])],
    "is of shape": [lambda: T.col("c", shape=(None, 2)), lambda: T.row("r", shape=(2, None))],
    "says another": [lambda: T.TensorType("float64", shape=(2,), broadcastable=(True,))],
    "ndim is": [lambda: T.tile(x, (2, 2), ndim=1), lambda: T.tile(x, 2, ndim=-1)],
    "counts are whole numbers": [lambda: T.repeat(x, x)],
    "2 counts are given for 3 rows": [lambda: T.repeat(T.constant([1.0, 2.0, 3.0]), T.constant([1, 2]))],
    "takes a sorted vector": [lambda: T.searchsorted(X, 2.0)],
    "takes a square matrix": [lambda: T.linalg.matrix_power(x, 2)],
    "takes a vector of whole numbers": [lambda: T.to_one_hot(x, 3), lambda: T.to_one_hot(X, 3)],
    "one end is 0": [lambda: T.geomspace(0, 2, 3)],
    "not a dtype": [lambda: T.cast(x, None)],
    "axes is 3": [lambda: T.tensordot(X, X, axes=3)],
    "unexpected keyword": [lambda: T.slinalg.solve_lower_triangular(X, x, lower=False)],
    "trans True": [lambda: T.slinalg.solve_triangular(X, x, trans=True)],
}


@pytest.mark.parametrize("text", AT_ONCE)
def test_refused_when_the_graph_is_built(text):
    for build in AT_ONCE[text]:
        with pytest.raises((ValueError, TypeError), match=text):
            build()


@pytest.mark.parametrize("mode", ["native", "reference"])
@pytest.mark.parametrize(("build", "text"), [
    (lambda: T.eye(n), "a length is -3"),
    (lambda: T.tri(2, n), "a length is -3"),
    (lambda: T.linspace(0, 1, n), "a length is -3"),
    (lambda: T.tile(x, n), "a length is -3"),
    (lambda: T.reshape(x, (n,)), "a length is -3"),
    (lambda: T.to_one_hot(i, n), "a length is -3"),
    (lambda: T.to_one_hot(i, 3), "a class is below 0, or nb_class or more"),
    (lambda: T.repeat(x, i), "2 counts are given for 3 rows"),
    (lambda: T.geomspace(n, 2, 3), "one end is 0"),
])
def test_refused_when_it_runs(build, text, mode):
    f = sc.function([x, n, i], build(), mode=mode, on_unused_input="ignore")
    with pytest.raises(ValueError, match=text):
        f(np.arange(3.0), -3, np.array([5, 1], "i4"))


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_a_place_named_twice_counts_once_where_that_is_asked_for(mode):  # the flag had no effect
    part = x[np.array([0, 0, 2])]
    once = T.inc_subtensor(part, 1.0, ignore_duplicates=True)
    each = T.inc_subtensor(part, 1.0)
    first, second = sc.function([x], [once, each], mode=mode)(np.zeros(3))
    np.testing.assert_array_equal(first, [1, 0, 1])
    np.testing.assert_array_equal(second, [2, 0, 1])
