"""Functions at NaN, infinities, zeros of both signs, subnormals and the ends of ranges: NumPy's values on both
executors. What differs on purpose: docs/numpy_differences.md."""

import math

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
INF, NAN = np.inf, np.nan


def floats(dtype):
    info = np.finfo(dtype)
    tiny, small = info.tiny, info.smallest_subnormal
    values = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 2.5, -2.5, NAN, INF, -INF, info.max, info.min, tiny, -tiny, small,
              -small, info.eps, 1 + info.eps, 1 - info.eps / 2, 10, -10, 88, -100, 700, 710, -746, 1e5, np.pi]
    return np.array(values).astype(dtype)


def integers(dtype):
    limits = np.iinfo(dtype)
    values = [0, 1, 2, 3, 7, 8, 63, 64, limits.max, limits.max - 1, limits.min, limits.min + 1, limits.max // 2]
    return np.array(values + ([-1, -2, -8] if limits.min else []), dtype)


def both(function, expected, *arrays):
    """Native code and the reference give NumPy's values, to the sign of a zero."""
    inputs = [T.TensorType(a.dtype.name, (None,) * a.ndim)() for a in arrays]
    outputs = function(*inputs)
    with np.errstate(all="ignore"):
        wanted = expected(*arrays)
    for mode in ("native", "reference"):
        for found, value in zip(sc.function(inputs, outputs, mode=mode)(*arrays), wanted, strict=True):
            assert_same(found, np.asarray(value), mode)


def assert_same(found, wanted, mode):
    assert found.shape == wanted.shape, mode
    if found.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted, mode)
        return
    rtol = {"float64": 1e-13, "float32": 2e-6, "float16": 2e-3}[found.dtype.name]
    wanted = wanted.astype(found.dtype)
    np.testing.assert_allclose(found, wanted, rtol=rtol, atol=float(np.finfo(found.dtype).tiny), err_msg=mode)
    zero = (found == 0) & (wanted == 0)
    np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(wanted[zero]), mode)


ONE = ("sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh "
       "arccosh arctanh deg2rad rad2deg reciprocal isnan isinf isfinite abs sign square floor ceil trunc round "
       "negative real imag angle nan_to_num").split()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_functions_of_one_number(dtype):
    x = floats(dtype)
    x = x[np.abs(x) < 1e300] if dtype == "float64" else x  # NumPy's own sin(1.8e308) depends on its build
    both(lambda v: [getattr(T, name)(v) for name in ONE], lambda v: [getattr(np, name)(v) for name in ONE], x)


TWO = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "true_div", "floor_divide": "floor_div",
       "remainder": "mod", "power": "power", "arctan2": "arctan2", "hypot": "hypot", "copysign": "copysign",
       "less": "lt", "equal": "eq", "logaddexp": "logaddexp", "logical_xor": "logical_xor"}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_functions_of_two_numbers(dtype):
    x, y = (a.ravel() for a in np.meshgrid(floats(dtype), floats(dtype)))
    both(lambda a, b: [getattr(T, ours)(a, b) for ours in TWO.values()],
         lambda a, b: [getattr(np, name)(a, b) for name in TWO], x, y)
    both(lambda a, b: [abs(T.maximum(a, b)), abs(T.minimum(a, b))],  # of two zeros either may be the larger
         lambda a, b: [abs(np.maximum(a, b)), abs(np.minimum(a, b))], x, y)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("constant", [0.0, -0.0, 2.0, -1.5, 1e-60, INF, -INF, NAN])
def test_the_larger_of_a_number_and_a_constant(dtype, constant):
    """Of two zeros the second, which NumPy leaves open; 1e-60 is one in float32."""
    x, c = floats(dtype), np.array(constant, dtype)
    v = T.TensorType(dtype, (None,))()
    found = sc.function([v], [T.maximum(v, c), T.maximum(c, v), T.minimum(v, c), T.minimum(c, v)])(x)
    wanted = [np.where((x > c) | np.isnan(x), x, c), np.where((c > x) | np.isnan(c), c, x),
              np.where((x < c) | np.isnan(x), x, c), np.where((c < x) | np.isnan(c), c, x)]
    for got, value in zip(found, wanted, strict=True):
        assert_same(got, value, "native")


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "uint64"])
def test_functions_of_integers(dtype):
    x, y = (a.ravel() for a in np.meshgrid(integers(dtype), integers(dtype)))
    names = ["add", "subtract", "multiply", "floor_divide", "maximum", "minimum", "left_shift", "right_shift",
             "bitwise_xor", "less", "greater_equal"]
    ours = {"subtract": "sub", "multiply": "mul", "floor_divide": "floor_div", "less": "lt", "greater_equal": "ge"}
    both(lambda a, b: [*(getattr(T, ours.get(n, n))(a, b) for n in names), T.mod(a, b), abs(a), T.sign(a), ~a],
         lambda a, b: [*(getattr(np, n)(a, b) for n in names), a % b, abs(a), np.sign(a), ~a], x, y)


def test_gamma_and_its_kin_at_their_poles():
    x = np.array([0.0, -0.0, -1.0, -2.0, INF, -INF, NAN, -1.7e308, -5e-324, 5e-324, 1.0, 4.0, -0.5])
    gamma = [INF, -INF, NAN, NAN, INF, NAN, NAN, NAN, -INF, INF, 1, 6, math.gamma(-0.5)]
    logarithm = [INF] * 6 + [NAN, INF, math.lgamma(5e-324), math.lgamma(5e-324), 0, math.log(6), math.lgamma(-0.5)]
    derivative = [-INF, INF, NAN, NAN, INF, NAN, NAN, NAN, INF, -INF, -0.5772156649015329, 1.2561176684318003,
                  0.03648997397857652]
    both(lambda v: [T.gamma(v), T.gammaln(v), T.digamma(v)], lambda v: [gamma, logarithm, derivative], x)


def test_functions_made_of_others():
    x = np.array([0.0, -0.0, 1.0, 0.5, 1e-300, NAN, INF, -INF, 2.0, -1.0])
    logit = [-INF, -INF, INF, 0, math.log(1e-300), NAN, NAN, NAN, NAN, NAN]
    both(lambda v: [T.logit(v), T.isclose(v, v[::-1]), T.clip(v, NAN, 1.0)],
         lambda v: [logit, np.isclose(v, v[::-1]), np.full(10, NAN)], x)
    both(lambda v: [T.logit(v), T.logit(v > 1), T.conj(v > 1)],
         lambda v: [[-INF, INF, NAN], [-INF, -INF, INF], v > 1], np.array([0, 1, 2], "uint8"))


VECTORS = [[1.0], [NAN], [1, NAN, 2], [NAN, 1, 2], [2, 1, NAN], [INF, -INF, 0], [INF, INF], [-INF, -INF], [0.0, -0.0],
           [-0.0, 0.0], [1e308, 1e308], [5e-324, -5e-324], [3, -1, 2, NAN, INF, -INF, -0.0, 0.0]]
REDUCTIONS = "sum prod argmax argmin mean var std sort argsort cumsum cumprod diff all any".split()


def softmax(v):
    weights = np.exp(v - v.max())
    return weights / weights.sum()


def logsumexp(v):
    peak = v.max() if np.isfinite(v.max()) else 0
    return np.log(np.exp(v - peak).sum()) + peak


def test_reductions():
    def ours(v):
        return [*(getattr(T, n)(v) for n in REDUCTIONS), abs(T.max(v)), abs(T.min(v)), T.softmax(v), T.logsumexp(v)]

    x = T.vector()
    outputs = ours(x)
    for mode in ("native", "reference"):
        run = sc.function([x], outputs, mode=mode)
        for values in map(np.array, VECTORS):
            with np.errstate(all="ignore"):
                wanted = [*(getattr(np, n)(values) for n in REDUCTIONS), abs(values.max()), abs(values.min()),
                          softmax(values), logsumexp(values)]
            for found, value in zip(run(values), wanted, strict=True):
                assert_same(found, np.asarray(value), mode)


@pytest.mark.parametrize("function", ["sum", "prod", "mean", "var", "cumsum", "sort", "argsort", "all", "any"])
def test_reductions_of_nothing(function):
    both(lambda v: [getattr(T, function)(v)], lambda v: [getattr(np, function)(v)], np.zeros(0))
    both(lambda v: [getattr(T, function)(v, axis=0)], lambda v: [getattr(np, function)(v, axis=0)], np.zeros((0, 3)))


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_puts_nan_last(side):
    bins = [np.array(b) for b in ([1.0, 2, 3], [1, 2, NAN], [NAN, NAN], [], [-INF, 0, INF], [-0.0, 0.0])]
    values = np.array([0.0, -0.0, 1, 2, 5, NAN, INF, -INF])
    both(lambda v: [T.searchsorted(T.constant(b), v, side) for b in bins],
         lambda v: [np.searchsorted(b, v, side) for b in bins], values)


def test_ranges_of_floats():
    runs = [(0.0, 1.0, 0.1), (0.0, 1.0, -0.1), (1.0, 0.0, -0.3), (0.0, 0.0, 1.0), (0.0, 1.0, INF), (5.0, 5.5, 1.0)]
    for run in runs:
        both(lambda a, b, s: [T.arange(a, b, s), T.arange(*run)],  # noqa: B023
             lambda a, b, s: [np.arange(*run)] * 2, *map(np.array, run))  # noqa: B023
    a, b, s = T.scalars("a", "b", "s")
    for mode in ("native", "reference"):
        run = sc.function([a, b, s], T.arange(a, b, s), mode=mode)
        for ends in ((NAN, 1.0, 1.0), (0.0, INF, 1.0), (0.0, -INF, 1.0), (0.0, 1.0, 0.0), (0.0, 1e300, 1.0),
                     (0.0, -1e300, 1.0)):
            with pytest.raises(ValueError, match="arange"):
                run(*ends)


def test_spaces_of_floats():
    ends = [(1.0, 1000.0, 4), (-8.0, -1.0, 4), (2.0, 2.0, 3), (1.0, 10.0, 1), (1e-300, 1e300, 5)]
    both(lambda x: [T.geomspace(*e) + x for e in ends] + [T.geomspace(*e, endpoint=False) + x for e in ends],
         lambda x: [np.geomspace(*e) for e in ends] + [np.geomspace(*e, endpoint=False) for e in ends], np.array(0.0))


def test_the_determinant_of_a_large_matrix_has_a_logarithm():
    a = np.diag([1e200, -1e200, 1e100])
    both(lambda m: [*T.slogdet(m), *T.linalg.slogdet(m * 0)], lambda m: [-1, math.log(1e100) * 5, 0, -INF], a)
    T.verify_grad(lambda m: T.slogdet(m)[1], [np.array([[2.0, 1], [0.5, -3]])], n_tests=1)


def test_linear_algebra_in_half_precision():
    a = np.array([[4, 1], [1, 3]], "float16")
    wide = a.astype("float64")
    both(lambda m: [T.det(m), T.matrix_inverse(m), T.cholesky(m), T.solve(m, m[0])],
         lambda m: [np.linalg.det(wide), np.linalg.inv(wide), np.linalg.cholesky(wide), [1, 0]], a)
