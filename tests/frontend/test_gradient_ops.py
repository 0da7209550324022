"""The derivative of every op against finite differences, and its finiteness where functions are finite."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import NullTypeGradError
from scancc.frontend.gradients import Rop, grad, verify_grad
from scancc.frontend.graph.constants import kind
from scancc.frontend.ops import control, linalg
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.reference import evaluate
from scancc.frontend.ops.signatures import SCALARS

RNG = np.random.default_rng(7)


def value(output, givens):
    return evaluate([output], givens)[0]


# ---- elementwise functions ------------------------------------------------------------------------------

NOT_ON_FLOATS = {
    "logical_and", "logical_or", "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor",
    "bitwise_count",
    "invert", "left_shift", "right_shift", "imag", "real", "conj", "make_complex", "switch",
    "gamma_attempt", "gamma_boost", "log_gamma_boost", "share",  # draws, which have no derivative
}
ABOVE_ONE = {"arccosh", "gammaln", "digamma", "trigamma", "log", "log2", "log10", "power", "sqrt"}
REAL = sorted(
    name for name, entry in SCALARS.items()
    if name not in NOT_ON_FLOATS and kind(entry.dtype_rule(("float64",) * entry.n_in).out) == "f"
)
NO_SECOND = {"digamma", "trigamma"}  # the derivative of trigamma is not there


def points(name):
    low, high = (1.2, 2.5) if name in ABOVE_ONE else (0.15, 0.85)
    return [RNG.uniform(low, high, size=3) for _ in range(SCALARS[name].n_in)]


@pytest.mark.parametrize("name", REAL)
def test_scalar_function(name):
    if name == "trigamma":
        with pytest.raises(NullTypeGradError):
            grad(apply_scalar(name, x := T.dscalar()), x)
        return
    verify_grad(lambda *x: apply_scalar(name, *x), points(name), n_tests=1)
    if name not in NO_SECOND:
        verify_grad(
            lambda *x: sum(g.sum() for g in grad(
                T.sin(apply_scalar(name, *x)).sum(), list(x), disconnected_inputs="ignore"
            )), points(name), n_tests=1
        )


@pytest.mark.parametrize("name", [n for n in REAL if n not in NO_SECOND])
def test_scalar_function_forwards(name):
    """The movement in a direction is the gradient times it."""
    at = points(name)
    variables = [T.dvector() for _ in at]
    moves = [RNG.normal(size=3) for _ in at]
    out = apply_scalar(name, *variables)
    moved = Rop(out, variables, [T.constant(m) for m in moves])
    rows = grad(out.sum(), variables)
    found = evaluate([moved, *rows], dict(zip(variables, at, strict=True)))
    expected = sum(g * m for g, m in zip(found[1:], moves, strict=True))
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)


# ---- other ops ------------------------------------------------------------------------------------------


def positive_definite(a):
    return T.dot(a, a.T) + T.eye(3) * 2


INDEX = np.array([[0, 2, 2], [1, 1, 0]])
OPS = {
    "dimshuffle": (lambda x: T.sin(x).dimshuffle(1, "x", 0), [(2, 3)]),
    "dropped axis": (lambda x: T.sin(T.addbroadcast(x, 0)).dimshuffle(1), [(1, 3)]),
    "broadcast": (lambda x, y: T.sin(x * y.dimshuffle("x", 0)), [(2, 3), (3,)]),
    "broadcast column": (lambda x, y: T.addbroadcast(x, 1) / T.exp(y), [(2, 1), (2, 3)]),
    "scalar by matrix": (lambda x, y: T.exp(x) * y - x, [(), (2, 3)]),
    "reshape": (lambda x: T.sin(x).reshape((3, 2)), [(2, 3)]),
    "flatten": (lambda x: T.sin(x).flatten(), [(2, 3)]),
    "alloc": (lambda x: T.alloc(T.sin(x), 2, 3), [(3,)]),
    "alloc of a scalar": (lambda x: T.alloc(T.sin(x), 2, 3), [()]),
    "zeros and ones": (lambda x: T.ones_like(x) * x.sum() + T.zeros_like(x), [(3,)]),
    "join": (lambda x, y: T.concatenate([T.sin(x), y, x], axis=1), [(2, 3), (2, 2)]),
    "stack": (lambda x, y: T.stack([x, T.sin(y), x * y]), [(3,), (3,)]),
    "stack of scalars": (lambda x, y: T.stack([x, T.sin(y), x * y]), [(), ()]),
    "split": (lambda x: T.exp(T.split(x, [1, 2], 2)[1]), [(3, 2)]),
    "repeat and tile": (lambda x: T.repeat(T.sin(x), 2, axis=0) * T.tile(x, (2, 1)), [(2, 3)]),
    "flip and roll": (lambda x: T.flip(T.sin(x), 0) * T.roll(x, 1, axis=0), [(4,)]),
    "specify shape": (lambda x: T.sin(T.specify_shape(x, (3,))), [(3,)]),
    "arange": (lambda x, y: T.sin(T.arange(x, x + y * 3.5, y)), [(), ()]),
    "row": (lambda x: T.sin(x)[1] * x[0], [(2, 3)]),
    "element": (lambda x: T.sin(x[1, 2] * x[0, 0]), [(2, 3)]),
    "slices": (lambda x: T.sin(x)[::2, 1:] * x[1:, -2:][::1], [(3, 3)]),
    "backwards slice": (lambda x: T.sin(x)[::-1] * x[-2::-1].sum(), [(4,)]),
    "symbolic bounds": (lambda x: T.sin(x)[x.shape[0] - 2:], [(4,)]),
    "set": (lambda x, y: T.sin(T.set_subtensor(x[1:], y * y)), [(4,), (3,)]),
    "inc": (lambda x, y: T.sin(T.inc_subtensor(x[1], y * y)), [(3, 2), (2,)]),
    "set a scalar everywhere": (lambda x, y: T.set_subtensor(x[1:], y) * x, [(3,), ()]),
    "gather": (lambda x: T.sin(x[INDEX[0]]), [(3, 2)]),
    "gather pairs": (lambda x: T.sin(x[INDEX[0], INDEX[1]]), [(3, 2)]),
    "gather matrix": (lambda x: T.sin(x[:, INDEX]), [(2, 3)]),
    "scatter": (lambda x, y: T.sin(T.inc_subtensor(x[INDEX[0]], y)), [(3, 2), (3, 2)]),
    "scatter set": (lambda x, y: T.sin(T.set_subtensor(x[np.array([2, 0])], y)), [(3,), (2,)]),
    "take": (lambda x: T.take(T.sin(x), INDEX, axis=0), [(3,)]),
    "diagonals": (lambda x: T.diag(T.sin(x)) * x + T.diag(T.diag(x, 0)), [(3, 3)]),
    "trace and tril": (lambda x: T.tril(T.sin(x)) * T.trace(x), [(3, 3)]),
    "sum": (lambda x: T.sin(x).sum(axis=1) * x.sum(), [(2, 3)]),
    "sum kept": (lambda x: x / x.sum(axis=0, keepdims=True), [(2, 3)]),
    "mean and var": (lambda x: x.mean() * x.var(axis=0) + x.std(), [(3, 2)]),
    "prod": (lambda x: x.prod(axis=0) * x.prod(), [(3, 2)]),
    "max": (lambda x: T.sin(x.max(axis=0)) * x.min(), [(3, 2)]),
    "cumsum": (lambda x: T.sin(x.cumsum(axis=1)) * x, [(2, 3)]),
    "cumprod": (lambda x: T.sin(x.cumprod(axis=1)) * x, [(2, 3)]),
    "sort": (lambda x: T.sin(T.sort(x, axis=0)) * x, [(3, 2)]),
    "logsumexp": (lambda x: T.logsumexp(x * x, axis=1), [(2, 3)]),
    "softmax": (lambda x: T.nnet.softmax(x * 2), [(2, 3)]),
    "log softmax": (lambda x: T.nnet.logsoftmax(x * x), [(2, 3)]),
    "norm": (lambda x: x.norm(2) * x, [(3,)]),
    "dot": (lambda x, y: T.dot(T.sin(x), y), [(2, 3), (3, 4)]),
    "dot of vectors": (lambda x, y: T.dot(T.sin(x), y), [(3,), (3,)]),
    "vector by matrix": (lambda x, y: T.dot(T.sin(x), y), [(2,), (2, 3)]),
    "matrix by vector": (lambda x, y: T.dot(T.sin(x), y), [(2, 3), (3,)]),
    "tensordot": (lambda x, y: T.tensordot(T.sin(x), y, [[1], [0]]), [(2, 3, 2), (3, 2)]),
    "batched dot": (lambda x, y: T.batched_dot(T.sin(x), y), [(2, 3, 2), (2, 2, 2)]),
    "outer": (lambda x, y: T.outer(T.sin(x), y), [(2,), (3,)]),
    "solve": (lambda a, b: linalg.solve(a + T.eye(3) * 4, b), [(3, 3), (3, 2)]),
    "solve a vector": (lambda a, b: linalg.solve(a + T.eye(3) * 4, b), [(3, 3), (3,)]),
    "solve lower": (lambda a, b: linalg.solve_triangular(a + T.eye(3) * 3, b, lower=True), [(3, 3), (3,)]),
    "solve upper transposed": (lambda a, b: linalg.solve_triangular(a + T.eye(3) * 3, b, trans=1), [(3, 3), (3,)]),
    "inverse": (lambda a: linalg.matrix_inverse(a + T.eye(3) * 4), [(3, 3)]),
    "det": (lambda a: linalg.det(a + T.eye(3)) * a, [(3, 3)]),
    "cholesky": (lambda a: linalg.cholesky(positive_definite(a)), [(3, 3)]),
    "cholesky upper": (lambda a: linalg.cholesky(positive_definite(a), lower=False), [(3, 3)]),
    "gradient of a cholesky": (lambda a, g: linalg.CholeskyGradient()(linalg.cholesky(positive_definite(a)), g),
                               [(3, 3), (3, 3)]),
    "gradient by a factor": (linalg.CholeskyGradient(), [(3, 3), (3, 3)]),
    "lower triangle of a matrix": (lambda a: linalg.cholesky(a + T.eye(3) * 6), [(3, 3)]),
    "lazy choice": (lambda x, y: control.ifelse(x.sum() > -99.0, T.sin(x) * y, x), [(3,), (3,)]),
    "switch": (lambda x, y: T.switch(x > 0.5, T.sin(x), y * y), [(4,), (4,)]),
    "cast": (lambda x: T.cast(T.sin(x), "float32").astype("float64") * x, [(3,)]),
    "complex": (lambda x, y: abs(T.exp(T.complex(x, y)) * T.complex(y, x)), [(3,), (3,)]),
    "parts of a complex number": (
        lambda x, y: T.real(T.complex(x, y) ** 2) + T.imag(T.conj(T.sin(T.complex(x, y)))), [(3,), (3,)]
    ),
}
COARSE = {"cast": 1e-2}


@pytest.mark.parametrize("name", OPS)
def test_op(name):
    function, shapes = OPS[name]
    at = [RNG.uniform(0.2, 1, size=shape) for shape in shapes]
    if name == "cast":
        verify_grad(function, at, n_tests=1, eps=1e-3, abs_tol=1e-2, rel_tol=1e-2)
        return
    verify_grad(function, at, n_tests=1)


@pytest.mark.parametrize("name", [n for n in OPS if n != "cast"])
def test_op_twice(name):
    function, shapes = OPS[name]
    at = [RNG.uniform(0.2, 1, size=shape) for shape in shapes]

    def slope(*x):
        found = grad(T.sin(function(*x)).sum(), list(x), disconnected_inputs="ignore")
        return sum((g * g).sum() for g in found)

    verify_grad(slope, at, n_tests=1)


@pytest.mark.parametrize("name", [n for n in OPS if n != "cast"])
def test_op_forwards(name):
    function, shapes = OPS[name]
    at = [RNG.uniform(0.2, 1, size=shape) for shape in shapes]
    moves = [RNG.normal(size=shape) for shape in shapes]
    variables = [T.TensorType("float64", tuple(1 if n == 1 else None for n in shape))() for shape in shapes]
    out = function(*variables)
    moved = Rop(out, variables, [T.constant(m) for m in moves])
    step = 1e-6
    ends = [
        value(out, {v: p + sign * step * m for v, p, m in zip(variables, at, moves, strict=True)})
        for sign in (1, -1)
    ]
    found = value(moved, dict(zip(variables, at, strict=True)))
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-6)


# ---- where functions are finite, so are their derivatives -------------------------------------------------


def gradient_at(function, x):
    v = T.dvector("v")
    return value(grad(function(v).sum(), v), {v: np.asarray(x, float)})


def test_square_root_at_zero():
    assert gradient_at(T.sqrt, [0, 4]).tolist() == [0, 0.25]
    assert gradient_at(lambda x: T.sqrt((x**2).sum()), [0, 0]).tolist() == [0, 0]
    assert gradient_at(lambda x: x.norm(2), [0, 0, 0]).tolist() == [0, 0, 0]


@pytest.mark.parametrize("function", [
    lambda x: T.tanh(x**8), lambda x: T.tanh(x**3), lambda x: T.sigmoid(T.sqr(x)), lambda x: T.arctan(x**5.5),
    lambda x: T.sigmoid(T.exp(x)), lambda x: T.erf(T.cosh(x)), lambda x: 1 / (1 + x**8),
    lambda x: T.tanh((x**2) ** 4),
])
def test_what_overflows_on_the_way_to_a_finite_value_has_derivative_0(function):
    """It was NaN, of 0 times infinity."""
    x = T.vector("x")
    gradient = grad(function(x).sum(), x)
    for mode in ("native", "reference"):
        np.testing.assert_array_equal(sc.function([x], gradient, mode=mode)([1e100, 1e200]), np.zeros(2))


@pytest.mark.parametrize(("k", "expected"), [(0.0, 0), (0.5, 0), (1.0, 1), (1.5, 0), (2.0, 0), (3.0, 0)])
def test_power_at_zero(k, expected):
    assert gradient_at(lambda x: x**k, [0.0]) == expected
    exponent = T.dscalar()
    v = T.dvector()
    gv, gk = grad((v**exponent).sum(), [v, exponent])
    found = evaluate([gv, gk], {v: [0.0], exponent: k})
    assert found[0] == expected
    assert found[1] == 0


def test_high_derivatives_of_powers_at_zero():
    x = T.dscalar()
    derivative, expected = x**3, [0, 0, 6, 0]
    for want in expected:
        derivative = grad(derivative, x, disconnected_inputs="ignore")
        assert value(derivative, {x: 0.0}) == want


@pytest.mark.parametrize("function", [
    lambda x: T.switch(x > 0, T.log(x), 0), lambda x: T.switch(x > 0, 1 / x, x),
    lambda x: T.switch(x > 0, T.sqrt(x), -x), lambda x: T.switch(x > 0, x ** -1.5, x),
    lambda x: T.switch(x < 800, T.exp(x), 0), lambda x: T.switch(x > 0, T.log(T.sqrt(x)), x),
    lambda x: T.switch(x > 0, T.exp(1 / x) / x, 0), lambda x: T.switch(T.eq(x, 0), 1, T.sin(x) / x),
    lambda x: T.switch(x > 0, T.log(x) * T.exp(-1 / x), x), lambda x: T.switch(abs(x) < 1, T.arctanh(x), 0),
    lambda x: T.switch(T.eq(x, 0), 0, x * T.sin(1 / x)), lambda x: T.switch(x > 0, (1 / x + 1) * x, 0),
    lambda x: T.switch(x > 0, T.sigmoid(T.log(x)) * T.arctan(T.log(x)), 0),
])
def test_switch_of_what_was_not_chosen(function):
    found = gradient_at(function, [0.0, 0.5, 900.0, -1.0])
    assert np.isfinite(found).all()


def test_log_sum_exp():
    assert gradient_at(T.logsumexp, [1000.0, 1000.0]).tolist() == [0.5, 0.5]
    assert gradient_at(T.logsumexp, [-np.inf, 0.0]).tolist() == [0, 1]
    assert gradient_at(lambda x: T.log(T.exp(x[0]) + T.exp(x[1])), [1.0, 1.0]).tolist() == [0.5, 0.5]
    np.testing.assert_allclose(gradient_at(T.softplus, [-1000.0, 0.0, 1000.0]), [0, 0.5, 1])


def test_products_with_zeros():
    np.testing.assert_allclose(gradient_at(lambda x: x.prod(), [2, 0, 3]), [0, 6, 0])
    np.testing.assert_allclose(gradient_at(lambda x: x.prod(), [0, 0, 3]), [0, 0, 0])
    np.testing.assert_allclose(gradient_at(lambda x: x.cumprod(), [2, 0, 3]), [1, 2 + 6, 0])


def test_ties():
    np.testing.assert_allclose(gradient_at(lambda x: T.maximum(x, 1.0), [1.0]), [1])
    np.testing.assert_allclose(gradient_at(lambda x: T.minimum(1.0, x), [1.0]), [0])
    np.testing.assert_allclose(gradient_at(lambda x: T.max(x), [1.0, 1.0, 0.0]), [1, 1, 0])
    np.testing.assert_allclose(gradient_at(abs, [0.0]), [0])
