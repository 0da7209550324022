"""Elementwise functions: NumPy's values and dtypes, derivatives against differences, native code."""

import math

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from scancc.frontend import random  # noqa: F401 - its entries are in the table, and tested with the streams
from scancc.frontend.graph.variables import Constant, TensorType
from scancc.frontend.ops.elementwise import apply_scalar
from scancc.frontend.ops.reference import evaluate
from scancc.frontend.ops.signatures import SCALARS, signature
from scancc.ir.ops import OPS

DTYPES = {
    "f": ["float64", "float32"], "i": ["int8", "int32", "int64"], "u": ["uint8", "uint64"], "b": ["bool"],
    "c": ["complex128", "complex64"],
}

# What each function is; those that NumPy has under the same name are left out.
EXPECTED = {
    "sub": np.subtract, "mul": np.multiply, "floor_div": np.floor_divide, "neg": np.negative, "sgn": np.sign,
    "sqr": lambda x: x * x, "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.logaddexp(x, 0).astype(x.dtype), "lt": np.less, "le": np.less_equal,
    "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "neq": np.not_equal, "switch": np.where,
    "true_div": np.true_divide, "round_half_to_even": np.round,
    "round_half_away_from_zero": lambda x: np.array([_half_away(v) for v in x], x.dtype),
    "erf": np.vectorize(math.erf), "erfc": np.vectorize(math.erfc),
    "make_complex": lambda x, y: _pair(x, y),
    "gammaln": np.vectorize(lambda v: math.lgamma(v) if v > 0 or v % 1 else math.inf),
    "quotient": lambda x, y: np.where((x == 0) | (y == 0), 0, x / y),
    "bitwise_count": np.vectorize(lambda v: bin(abs(int(v))).count("1")),
    "masked_mul": lambda x, y: np.where(x == 0, 0, x * y),
    "masked_div": lambda x, y: np.where(x == 0, 0, x / y),
    "power": lambda x, y: _whole_power(x, y, 8 * x.dtype.itemsize) if x.dtype.kind == "i" else x**y,
}


@np.vectorize
def _whole_power(x, y, width):
    """By Python's integers, modulo 2**width; of a negative exponent only 1 and -1 have a power but 0."""
    x, y, half = int(x), int(y), 2 ** (int(width) - 1)
    if y < 0:
        return 0 if abs(x) != 1 else x ** (y & 1)
    return (pow(x, y, 2 * half) + half) % (2 * half) - half


def _half_away(v):
    return math.copysign(math.floor(abs(v) + 0.5), v) if math.isfinite(v) else v


def _pair(x, y):
    z = np.empty(x.shape, np.result_type(x.dtype, "complex64"))
    z.real, z.imag = x, y
    return z


def samples(dtype):
    kind = np.dtype(dtype).kind
    if kind == "f":
        values = [0., -0., 1, -1, .5, -.5, 1.5, 2.5, -2.5, 3.7, -3.7, 10.3, 1e-5, 30., .9, -.9,
                  np.inf, -np.inf, np.nan]
    elif kind in "iu":
        limits = np.iinfo(dtype)
        values = [0, 1, 2, 3, 7, 12, 5, limits.max, limits.max - 1, limits.min]
        values += [-1, -2, -3, -7] if kind == "i" else []
    else:
        values = [False, True] if kind == "b" else [0, 1, 1j, -1, -1j, 1 + 2j, .5 - .3j, -2 + .1j]
    return np.array(values, dtype)


def operands(entry, dtype):
    x = samples(dtype)
    if entry.n_in == 1:
        return [x]
    first, second = (a.ravel() for a in np.meshgrid(x, x))
    return [first, second] if entry.n_in == 2 else [np.arange(first.size) % 3 == 0, first, second]


DRAWS = {
    "philox_low", "philox_high", "random_unit", "random_exponential", "random_normal", "normal_quantile",
    "exact_log", "exact_affine", "gamma_attempt", "gamma_boost", "log_gamma_boost", "share",
}
FUNCTIONS = {n: entry for n, entry in SCALARS.items() if n not in DRAWS}  # draws: see test_random.py
CASES = [(n, dtype) for n, entry in FUNCTIONS.items() for kind in entry.lower for dtype in DTYPES[kind]]
SPECIAL = ("digamma", "trigamma")  # checked against known values below


def inputs_of(arrays):
    return [TensorType(a.dtype.name, (None,))(f"x{i}") for i, a in enumerate(arrays)]


def close(dtype):
    double = dtype in ("float64", "complex128")
    return {"rtol": 1e-12, "atol": 1e-14} if double else {"rtol": 3e-6, "atol": 1e-6}


@pytest.mark.parametrize("name, dtype", [c for c in CASES if c[0] not in SPECIAL])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_reference_is_numpys_value(name, dtype):
    arrays = operands(SCALARS[name], dtype)
    inputs = inputs_of(arrays)
    (found,) = evaluate([apply_scalar(name, *inputs)], dict(zip(inputs, arrays, strict=True)))
    expected = EXPECTED.get(name) or getattr(np, name)
    np.testing.assert_allclose(found, expected(*arrays), **close(dtype))
    assert found.dtype == signature(name, tuple(a.dtype.name for a in arrays)).out


OF_ONE_OP = [n for n, entry in FUNCTIONS.items() if isinstance(entry.lower.get("f"), str)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OF_ONE_OP)
def test_ops_of_the_ir_mean_what_the_reference_means(name, dtype):
    """Once digamma(0) was NaN there, lgamma of a huge number ended it, and 0.49999999999999994 rounded to 1."""
    entry = SCALARS[name]
    edges = np.array([1e300, -1e10 - 0.5, -3, 0.5 - 2.0**-54, 5e-324], "float64").astype(dtype)
    arrays = [np.append(x, edges) for x in operands(entry, dtype)]
    expected = entry.numpy(*arrays)
    found = OPS[entry.lower["f"]].numpy(*arrays)
    np.testing.assert_allclose(found, expected, rtol=8 * np.finfo(dtype).eps, atol=0)
    np.testing.assert_array_equal(np.signbit(found)[found == 0], np.signbit(expected)[expected == 0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_native_code_agrees_with_the_reference(name):
    entry = SCALARS[name]
    groups = [operands(entry, DTYPES[kind][0]) for kind in entry.lower]
    inputs = [inputs_of(arrays) for arrays in groups]
    outputs = [apply_scalar(name, *group) for group in inputs]
    flat = [v for group in inputs for v in group]
    values = [a for arrays in groups for a in arrays]
    native = sc.function(flat, outputs)(*values)
    for found, expected in zip(native, evaluate(outputs, dict(zip(flat, values, strict=True))), strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "int8", "int32", "uint64", "complex64"])
@pytest.mark.parametrize("name", ["add", "floor_div", "mod", "power", "sqr", "abs", "sgn", "right_shift"])
def test_native_code_agrees_in_narrow_dtypes(name, dtype):
    if np.dtype(dtype).kind not in SCALARS[name].lower:
        pytest.skip(f"{name} is not defined for {dtype}")
    arrays = operands(SCALARS[name], dtype)
    inputs = inputs_of(arrays)
    out = apply_scalar(name, *inputs)
    (expected,) = evaluate([out], dict(zip(inputs, arrays, strict=True)))
    np.testing.assert_allclose(sc.function(inputs, out)(*arrays), expected, rtol=2e-6)


def test_digamma_and_trigamma_at_known_points():
    x = T.vector("x")
    points = np.array([1.0, 0.5, 10.0, -0.5, -2.0, np.inf])
    first, second = evaluate([T.digamma(x), T.tri_gamma(x)], {x: points})
    euler = 0.5772156649015329
    np.testing.assert_allclose(
        first, [-euler, -euler - 2 * math.log(2), 2.251752589066721, 0.03648997397857652, np.nan, np.inf],
        rtol=1e-13,
    )
    np.testing.assert_allclose(
        second, [math.pi**2 / 6, math.pi**2 / 2, 0.10516633568168575, 8.934802200544679, np.inf, 0],
        rtol=1e-13,
    )


# ---- derivatives --------------------------------------------------------------------------------------

DOMAIN = {
    "log": (.2, 3), "log2": (.2, 3), "log10": (.2, 3), "log1p": (-.5, 3), "sqrt": (.2, 3), "power": (.2, 2),
    "arcsin": (-.8, .8), "arccos": (-.8, .8), "arctanh": (-.8, .8), "arccosh": (1.2, 3), "gammaln": (.3, 4),
    "digamma": (.3, 4), "mod": (1, 2), "reciprocal": (.3, 2), "cbrt": (.2, 2), "true_div": (.3, 2),
    "quotient": (.3, 2), "masked_div": (.3, 2),
}
SMOOTH = [
    n for n, e in FUNCTIONS.items()
    if e.derivative is not None and "f" in e.lower and n not in ("switch", "real", "conj", "make_complex", "trigamma")
]


@pytest.mark.parametrize("name", SMOOTH)
def test_derivative_is_the_limit_of_differences(name):
    entry, rng = SCALARS[name], np.random.default_rng(3)
    low, high = DOMAIN.get(name, (-2, 2))
    arrays = [rng.uniform(low, high, 7) for _ in range(entry.n_in)]
    inputs = inputs_of(arrays)
    out, seed = apply_scalar(name, *inputs), T.vector("g")
    given = dict(zip(inputs, arrays, strict=True))
    weights = rng.normal(size=7)
    for i, gradient in enumerate(entry.derivative(inputs, out, seed)):
        if gradient is None:
            continue
        (found,) = evaluate([gradient], {**given, seed: weights})
        step = 1e-6
        ends = [evaluate([out], {**given, inputs[i]: arrays[i] + s})[0] for s in (step, -step)]
        np.testing.assert_allclose(found, weights * (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-8)


def derivative_at(expression, x, at, gradient=1.0):
    node = expression.owner
    g = T.vector("g")
    parts = node.op.scalar.derivative(node.inputs, expression, g)
    part = next(p for v, p in zip(node.inputs, parts, strict=True) if v is x)
    return evaluate([part], {x: np.array(at, float), g: np.full(len(at), gradient)})[0]


def test_derivative_counts_as_zero_where_it_is_infinite_and_the_function_is_not():
    x = T.vector("x")
    assert derivative_at(T.sqrt(x), x, [0.0, 4.0]).tolist() == [0, 0.25]
    assert derivative_at(T.power(x, 0.5), x, [0.0, 4.0]).tolist() == [0, 0.25]
    assert derivative_at(T.arcsin(x), x, [1.0, 0.0]).tolist() == [0, 1]
    assert derivative_at(T.power(x, 3.0), x, [0.0, 2.0]).tolist() == [0, 12]


@pytest.mark.parametrize("exponent", [-2.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 7.0])
def test_derivatives_of_fixed_powers(exponent):
    x = T.vector("x")
    found = derivative_at(T.power(x, T.constant(exponent)), x, [0.5, 2.0])
    np.testing.assert_allclose(found, exponent * np.array([0.5, 2.0]) ** (exponent - 1), rtol=1e-14)
    if exponent >= 0:
        at_zero = derivative_at(T.power(x, T.constant(exponent)), x, [0.0, -0.0])
        assert at_zero.tolist() == ([1, 1] if exponent == 1 else [0, 0])


def test_gradient_of_zero_stays_zero_at_a_pole():
    x = T.vector("x")
    for function in (T.log, T.reciprocal, T.exp):
        assert derivative_at(function(x), x, [0.0, -0.0, 1000.0], gradient=0.0).tolist() == [0, 0, 0]
    assert np.isinf(derivative_at(T.log(x), x, [0.0])).all()


def test_first_operand_has_the_gradient_at_a_tie():
    x, y, g = T.vector("x"), T.vector("y"), T.vector("g")
    for function in (T.maximum, T.minimum):
        parts = SCALARS[function(x, y).owner.op.fn].derivative([x, y], function(x, y), g)
        first, second = evaluate(parts, {x: [2.0], y: [2.0], g: [3.0]})
        assert (first.item(), second.item()) == (3, 0)


def test_half_precision_goes_through_single():
    x, values = TensorType("float16", (None,))("x"), np.array([0.5, 2.0, -3.0], "float16")
    out = T.exp(x) + T.sqrt(abs(x))
    assert out.dtype == "float16"
    for found in (evaluate([out], {x: values})[0], sc.function([x], out)(values)):
        np.testing.assert_array_equal(found, np.exp(values) + np.sqrt(abs(values)))


# ---- dtypes -------------------------------------------------------------------------------------------

@pytest.mark.parametrize("left, right, dtype", [
    ("float32", "int32", "float64"), ("float32", "int8", "float32"), ("int8", "uint8", "int16"),
    ("bool", "int16", "int16"), ("float32", "float64", "float64"), ("complex64", "float64", "complex128"),
    ("int64", "uint64", "float64"),
])
def test_operands_meet_in_numpys_dtype(left, right, dtype):
    x, y = TensorType(left, ())(), TensorType(right, ())()
    assert (x + y).dtype == dtype == np.result_type(left, right).name


@pytest.mark.parametrize("dtype, number, expected", [
    ("float32", 0.5, "float32"), ("float32", 2, "float32"), ("int8", 3, "int8"), ("int8", 1.0, "float64"),
    ("bool", 1, "int64"), ("uint8", 255, "uint8"), ("int8", 300, "int16"), ("uint8", -1, "int16"),
    ("float32", 1j, "complex64"), ("int32", 1j, "complex128"), ("float32", 1e300, "float32"),
])
def test_python_number_takes_the_dtype_of_what_it_meets(dtype, number, expected):
    x = TensorType(dtype, (None,))("x")
    assert (x + number).dtype == (number + x).dtype == expected


def test_numpy_number_keeps_its_dtype():
    assert (T.fvector() + np.float64(1)).dtype == "float64"
    assert (T.fvector() * np.float32(1)).dtype == "float32"
    assert (T.bvector() * np.int32(1)).dtype == "int32"


def test_python_float_among_integers_is_floatx():
    with change_flags(floatX="float32"):
        assert (T.wvector() + 0.5).dtype == "float32"
        assert (T.lvector() + 0.5).dtype == "float64"
        assert T.exp(T.bvector()).dtype == "float32"
    assert T.exp(T.bvector()).dtype == "float64"


def test_division_of_integers_gives_floats_and_of_floats_keeps_them():
    assert (T.lvector() / T.lvector()).dtype == "float64"
    assert (T.fvector() / 2).dtype == "float32"
    assert (T.ivector() // 2).dtype == "int32"


def test_comparison_gives_bool_and_a_number_out_of_range_is_compared_exactly():
    x = T.bvector("x")
    (found,) = evaluate([x < 300], {x: np.array([1, 127], "int8")})
    assert found.dtype == bool and found.all()


@pytest.mark.parametrize("make", [
    lambda: T.TensorType("bool", ())() - T.TensorType("bool", ())(), lambda: -T.TensorType("bool", ())(),
    lambda: T.zscalar() < T.zscalar(), lambda: T.dscalar() & T.dscalar(), lambda: T.dscalar() << 2,
    lambda: T.zscalar() % 2,
])
def test_undefined_for_a_dtype_is_a_type_error_that_names_the_kinds(make):
    with pytest.raises(TypeError, match="is not defined for .* it takes .*; cast first"):
        make()


def test_whole_numbers_are_rounded_by_doing_nothing():
    x = T.ivector("x")
    assert T.floor(x) is x and T.round(x) is x


# ---- casts, folding, broadcasting ------------------------------------------------------------------------

@pytest.mark.parametrize("source", ["float64", "float32", "int8", "int64", "uint8", "bool"])
@pytest.mark.parametrize("target", ["float32", "float64", "int8", "int64", "uint8", "bool", "complex64"])
def test_cast_is_numpys_astype(source, target):
    values = samples(source)
    values = values[np.isfinite(values)] if source.startswith("float") else values
    if source.startswith("float") and target in ("uint8", "int8"):
        values = values.clip(0, 100)
    x = TensorType(source, (None,))("x")
    (found,) = evaluate([x.astype(target)], {x: values})
    np.testing.assert_array_equal(found, values.astype(target))
    assert found.dtype == target


def test_cast_to_the_same_dtype_is_the_variable_itself():
    x = T.fvector("x")
    assert T.cast(x, "float32") is x and T.cast(x, np.float32) is x
    with change_flags(floatX="float32"):
        assert T.cast(x, "floatX") is x


def test_cast_of_complex_to_real_is_refused():
    with pytest.raises(TypeError, match="imaginary part; use T.real"):
        T.cast(T.zvector(), "float64")


def test_integer_constants_are_folded_at_once():
    result = (T.constant(7) - 3) // 2
    assert isinstance(result, Constant) and result.data == 2


def test_axis_known_to_be_one_stretches_and_missing_axes_are_added():
    row, col, vec, mat = T.row("r"), T.col("c"), T.vector("v"), T.matrix("m")
    values = {row: np.arange(3.)[None], col: np.arange(2.)[:, None], vec: np.arange(3.), mat: np.ones((2, 3))}
    found = evaluate([row + col, mat * vec, vec - col], values)
    r, c, v, m = values.values()
    for one, other in zip(found, [r + c, m * v, v - c], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (row + col).type.shape == (None, None) and (row + T.row()).broadcastable == (True, False)


def test_unknown_axis_never_stretches():
    x, y = T.vector("x"), T.vector("y")
    with pytest.raises(ValueError, match=r"add: shapes \(1,\) and \(3,\) do not agree on axis 0"):
        evaluate([x + y], {x: np.ones(1), y: np.ones(3)})


def test_known_lengths_that_differ_are_an_error_when_built():
    x, y = T.tensor("x", shape=(2, None)), T.tensor("y", shape=(3, None))
    with pytest.raises(ValueError, match=r"mul: the lengths of axis 0 do not agree: x: .* y: "):
        x * y


def test_power_with_the_number_two_is_a_square():
    x = T.fvector("x")
    assert (x**2).owner.op.fn == "sqr" and (x**2).dtype == "float32"
    assert (T.ivector() ** 2.0).dtype == "float64"


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_powers_do_not_depend_on_the_shape(mode):
    x, y, p, q = T.vector("x"), T.vector("y"), T.scalar("p"), T.scalar("q")
    base, exponent = np.array([-np.inf, -np.inf, -0.0, 4.0]), np.array([0.5, 2.0, 0.5, -0.5])
    run = sc.function([x, y], x**y, mode=mode)
    one = sc.function([p, q], p**q, mode=mode)
    np.testing.assert_array_equal(run(base, exponent), [np.inf, np.inf, 0.0, 0.5])
    np.testing.assert_array_equal([one(*pair) for pair in zip(base, exponent, strict=True)], run(base, exponent))
    np.testing.assert_array_equal(sc.function([x], x**0.5, mode=mode)(base), [np.inf, np.inf, 0.0, 2.0])


def test_clip_and_composed_functions():
    x, values = T.vector("x"), np.array([-2.0, -0.5, 0.5, 2.0])
    found = evaluate(
        [T.clip(x, -1, 1), T.deg2rad(x), T.isclose(x, 0.5), T.allclose(x, x), T.gamma(x),
         T.log1mexp(-abs(x))],
        {x: values},
    )
    expected = [
        values.clip(-1, 1), np.deg2rad(values), np.isclose(values, 0.5), np.True_,
        [np.nan, math.gamma(-0.5), math.gamma(0.5), 1.0], np.log(1 - np.exp(-abs(values))),
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_complex_parts_and_angle():
    z, values = T.zvector("z"), np.array([1 + 2j, -3j, 2.5])
    found = evaluate([z.real, z.imag, z.conj(), abs(z), T.angle(z),
                      T.complex_from_polar(abs(z), T.angle(z))], {z: values})
    expected = [values.real, values.imag, values.conj(), abs(values), np.angle(values), values]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("shape", [(), (7,)])
def test_a_double_is_rounded_once_to_half(shape):
    x = TensorType("float64", (None,) * len(shape))("x")
    ties = [1 + 2**-11, 1 + 2**-11 + 2**-40, 65519.99, 65520, 1e300, -np.inf, np.nan, 2**-25, 2**-24 * 1.5, -0.1]
    cast = sc.function([x], T.cast(x, "float16"))
    for number in ties:
        value = np.full(shape, number)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(cast(value), value.astype("float16"))


def test_functions_of_half_precision():
    h = T.TensorType("float16", (None,))("h")
    rows, _ = sc.scan(lambda a, s: s * a + a, sequences=h, outputs_info=np.float16(0))
    outputs = [T.tri_gamma(h), T.hypot(h, h), T.var(h), h * h + h, T.mean(T.ones(70_000, "float16")) + h[0], rows]
    value = np.array([1, 2, 3], "float16")
    native, reference = (sc.function([h], outputs, mode=mode)(value) for mode in ("native", "reference"))
    for found, expected in zip(native, reference, strict=True):
        assert found.dtype == "float16"
        np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert native[4] == 2


@pytest.mark.parametrize("mode", ["native", "reference"])
def test_poles_of_the_derivatives_of_gammaln(mode):
    x = T.vector("x")
    small = -np.array([1e-10, 1e-14, 1e-17, 1e-30])
    first, second = sc.function([x], [T.digamma(x), T.tri_gamma(x)], mode=mode)(small)
    np.testing.assert_allclose(first * small, -1, rtol=1e-9)
    np.testing.assert_allclose(second * small**2, 1, rtol=1e-9)
    assert sc.function([x], T.tri_gamma(x), mode=mode)([5e-324]) == np.inf
    assert sc.function([x], T.gammaln(x), mode=mode)([1.797e308]) == np.inf


def test_numbers_of_foreign_byte_order():
    x = T.vector("x")
    f = sc.function([x], [x + np.array([1.0, 2.0], ">f8"), x[np.array([1, 0], ">i8")]])
    np.testing.assert_array_equal(f([0, 1]), [[1, 3], [1, 0]])


def test_a_condition_that_python_has_compared_is_told():
    x, y = T.vectors("x", "y")
    with pytest.warns(UserWarning, match=r"T.eq\(x, y\) compares elements"):
        T.switch(x == y, 1, 2)
