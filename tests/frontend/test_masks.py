"""Boolean masks beside NumPy's: picks, writes at them, where they hold; in steps, and with gradients."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import verify_grad
from scancc.frontend.graph.variables import ancestors
from scancc.frontend.ops.masks import Nonzero
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

RNG = np.random.default_rng(3)
X = RNG.normal(size=(3, 4, 5))
MASKS = {"a": RNG.random(3) > 0.5, "b": RNG.random(4) > 0.5, "c": RNG.random(5) > 0.5,
         "ab": RNG.random((3, 4)) > 0.5, "bc": RNG.random((4, 5)) > 0.5, "abc": RNG.random((3, 4, 5)) > 0.5}
PLACES = {
    "rows": lambda m: m["a"], "leading": lambda m: m["ab"], "all": lambda m: m["abc"],
    "middle": lambda m: np.s_[:, m["b"]], "last two": lambda m: np.s_[:, m["bc"]],
    "last": lambda m: np.s_[..., m["c"]], "with an integer": lambda m: (m["a"], 0),
    "apart from an integer": lambda m: np.s_[m["a"], :, 0], "with a slice": lambda m: np.s_[m["a"], 1:],
    "after an integer": lambda m: (0, m["b"]), "new axes": lambda m: np.s_[None, m["a"], None],
    "two axes and a slice": lambda m: np.s_[m["ab"], -2:], "with an array": lambda m: (m["ab"], np.array([1])),
    "reversed": lambda m: np.s_[::-1, m["b"]], "list": lambda m: m["a"].tolist(),
}


def symbolic(masks):
    return {name: T.TensorType("bool", (None,) * mask.ndim)(name) for name, mask in masks.items()}


def written(place, value, add=False):
    result = X.copy()
    if add:
        np.add.at(result, place, value)
    else:
        result[place] = value
    return result


@pytest.mark.long
@pytest.mark.parametrize("known", [True, False], ids=["constant", "symbolic"])
@pytest.mark.parametrize("name", PLACES)
def test_reads_writes_and_slopes_as_numpy(name, known):
    x, masks = T.tensor3("x"), MASKS if known or name == "list" else symbolic(MASKS)
    at = PLACES[name](MASKS)
    part, expected = x[PLACES[name](masks)], X[at]
    number = np.arange(1.0, expected.size + 1).reshape(expected.shape)
    slope = T.grad(T.sin(part).sum(), x)
    outputs = [part, part.shape, T.set_subtensor(part, 2.0), T.inc_subtensor(part, 2.0),
               T.set_subtensor(part, number), T.inc_subtensor(part, number), T.inc_subtensor(part, part * 2),
               slope, T.grad((slope ** 2).sum(), x)]
    wanted = [expected, expected.shape, written(at, 2.0), written(at, 2.0, True), written(at, number),
              written(at, number, True), written(at, 2 * expected, True),
              written(at, np.cos(expected)) * (written(at, 9) == 9),
              written(at, -np.sin(2 * expected)) * (written(at, 9) == 9)]
    inputs = {} if known or name == "list" else {masks[k]: v for k, v in MASKS.items()}
    results = compile([x, *inputs], outputs, on_unused_input="ignore")(X, *inputs.values())
    for result, value in zip(results, wanted, strict=True):
        np.testing.assert_allclose(result, value, atol=1e-14)
        assert np.shape(result) == np.shape(value)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "uint64", "float16", "float32", "complex64",
                                   "complex128"])
def test_any_dtype(dtype):
    x, m = T.vector("x", dtype=dtype), T.vector("m", dtype="bool")
    values, mask = np.array([0, 1, 0, 1, 1, 0, 1]).astype(dtype), np.array([1, 1, 0, 1, 0, 1, 0], bool)
    f = compile([x, m], [x[m], x.nonzero()[0], T.nonzero_values(x), T.set_subtensor(x[m], x[m][::-1]),
                         T.inc_subtensor(x[m], T.ones((), dtype))])
    backwards, more = values.copy(), values.copy()
    backwards[mask] = backwards[mask][::-1]
    more[mask] += np.ones((), dtype)
    expected = [values[mask], np.flatnonzero(values), values[values != 0], backwards, more]
    for result, value in zip(f(values, mask), expected, strict=True):
        np.testing.assert_array_equal(result, value)
        assert result.dtype == value.dtype


@pytest.mark.parametrize("mask", [[], [False], [True], [False] * 5, [True] * 5], ids=str)
def test_none_and_all(mask):
    x, m = T.vector("x"), T.vector("m", dtype="bool")
    mask, values = np.array(mask, bool), np.arange(1.0, len(mask) + 1)
    f = compile([x, m], [x[m], x[m].sum(), x[m].prod(), T.set_subtensor(x[m], 0.0), T.set_subtensor(x[m], -x[m]),
                         T.grad((x[m] ** 2).sum(), x)])
    expected = [values[mask], values[mask].sum(), values[mask].prod(), np.where(mask, 0, values),
                np.where(mask, -values, values), np.where(mask, 2 * values, 0)]
    for result, value in zip(f(values, mask), expected, strict=True):
        np.testing.assert_array_equal(result, value)
    largest = compile([x, m], x[m].max())
    if mask.any():
        assert largest(values, mask) == values.max()
    else:
        with pytest.raises(ValueError, match="max of"):
            largest(values, mask)


def test_nan_is_picked_out_and_has_no_slope():
    x = T.vector("x")
    values = np.array([np.nan, 2.0, np.nan, -1.0, np.inf])
    filled = T.set_subtensor(x[T.isnan(x)], 0.0)
    f = compile([x], [x[~T.isnan(x)], filled, x.nonzero()[0], T.grad((filled ** 2).sum(), x)])
    for result, value in zip(f(values), [[2, -1, np.inf], [0, 2, 0, -1, np.inf], range(5), [0, 4, 0, -2, np.inf]],
                             strict=True):
        np.testing.assert_array_equal(result, value)


# ---- where a mask holds ----


def test_functions_of_places():
    x, m = T.matrix("x"), T.vector("m", dtype="bool")
    values, mask = X[0] * (X[0] > 0), np.array([True, False, True])
    f = compile([x, m], [T.nonzero(x, return_matrix=True), T.flatnonzero(x), *T.where(x), T.compress(m, x, axis=1),
                         T.compress(m, x), T.extract(x > 1, x), T.where(x > 0, x, -1.0),
                         T.where(x > 0, ift=1.0, iff=x)])
    expected = [np.stack(values.nonzero()), np.flatnonzero(values), *np.where(values),
                np.compress(mask, values, axis=1), np.compress(mask, values),
                np.extract(values > 1, values), np.where(values > 0, values, -1),
                np.where(values > 0, 1, values)]
    for result, value in zip(f(values, mask), expected, strict=True):
        np.testing.assert_array_equal(result, value)


def test_places_of_a_constant_are_constants():
    assert T.nonzero(np.array([0.0, 3.0, np.nan]))[0].type.shape == (2,)
    assert T.vector("x")[np.array([True, False, True])].type.shape == (2,)


def test_two_masks_pick_pairs():
    x, m = T.matrix("x"), T.vector("m", dtype="bool")
    f = compile([x, m], [x[m, m], T.set_subtensor(T.eye(3)[m, m], 0.0)])
    picked, eye = f(X[:, :3, 0], [True, False, True])
    np.testing.assert_array_equal(picked, X[[0, 2], [0, 2], 0])
    np.testing.assert_array_equal(eye, np.diag([0.0, 1.0, 0.0]))


# ---- writes that need no places ----


def test_a_value_for_all_places_is_a_choice_at_each_element():
    x, y = T.vectors("x", "y")
    for result in (T.set_subtensor(x[x > 0], 0.0), T.inc_subtensor(x[(x > 0).nonzero()], 1.0),
                   T.set_subtensor(x[x > 0], y[x > 0])):
        assert not any(v.owner is not None and isinstance(v.owner.op, Nonzero) for v in ancestors([result]))


def test_the_same_places_of_another_of_another_length():
    x, y = T.vectors("x", "y")
    f = compile([x, y], T.set_subtensor(x[x > 0], y[x > 0]))
    with pytest.raises(IndexError, match="boolean mask has length 2 along axis 0, and what it indexes length 3"):
        f([1.0, 2.0], [1.0, 2.0, 3.0])


def test_a_row_for_each_true():
    x, m, row = T.matrix("x"), T.vector("m", dtype="bool"), T.vector("row")
    f = compile([x, m, row], T.set_subtensor(x[m], row))
    np.testing.assert_array_equal(f(X[0], [True, False, False, True], np.ones(5))[[0, 3]], 1.0)
    with pytest.raises(ValueError, match="set_subtensor"):
        f(X[0], [True, False, False, True], np.ones(4))


# ---- in a step ----


def test_a_mask_from_outside():
    x, m = T.matrix("x"), T.vector("m", dtype="bool")
    rows, _ = sc.scan(lambda r: r[m] * 2, x)
    mask = MASKS["c"]
    np.testing.assert_array_equal(compile([x, m], rows)(X[0], mask), 2 * X[0][:, mask])


def test_a_row_of_another_length_is_an_error():
    x = T.matrix("x")
    f = compile([x], sc.scan(lambda r: r[r > 0], x)[0])
    np.testing.assert_array_equal(f([[1.0, -1.0, 3.0], [-2.0, 4.0, 1.0]]), [[1, 3], [4, 1]])
    with pytest.raises(ValueError):
        f([[1.0, -1.0], [1.0, 1.0]])


def test_a_state_keeps_its_length():
    x = T.vector("x")
    f = compile([x], sc.scan(lambda s: s[s > 0], outputs_info=x, n_steps=3)[0])
    np.testing.assert_array_equal(f([1.0, 2.0]), [[1, 2]] * 3)
    with pytest.raises(ValueError, match="keeps its shape|shape"):
        f([1.0, -2.0])


def test_slopes_of_steps():
    """Of states, sequences and values set; the places that a mask picks differ from step to step."""
    def cost(x, s):
        def step(r, s):
            held = T.set_subtensor(s[r > 0], T.cumsum(r[r > 0] ** 2))
            return T.inc_subtensor(held[s < 0], (s * r)[s < 0])
        rows, _ = sc.scan(step, x, s)
        return (rows ** 2).sum()
    verify_grad(cost, [X[0], X[1, 0]], n_tests=1)
    verify_grad(lambda x, s: sum((g ** 2).sum() for g in T.grad(cost(x, s), [x, s])), [X[0], X[1, 0]], n_tests=1)


def test_derivatives_forwards_and_whole():
    x = T.vector("x")
    cubes = T.set_subtensor(x[x > 0], x[x > 0] ** 3)
    f = compile([x], [T.jacobian(cubes, x), T.hessian(cubes.sum(), x), T.Rop(cubes, x, x),
                      T.jacobian(x[x > 0] ** 2, x)])
    expected = [np.diag([3.0, 1.0, 12.0]), np.diag([6.0, 0.0, 12.0]), [3, -1, 24], [[2.0, 0, 0], [0, 0, 4.0]]]
    for result, value in zip(f([1.0, -1.0, 2.0]), expected, strict=True):
        np.testing.assert_allclose(result, value)


# ---- errors ----


@pytest.mark.parametrize("part", [lambda x, m: x[m], lambda x, m: x[:, m], lambda x, m: T.set_subtensor(x[m], 0.0)])
def test_a_mask_of_another_length(part):
    x, m = T.matrix("x"), T.vector("m", dtype="bool")
    f = compile([x, m], part(x, m))
    with pytest.raises(IndexError, match="mask has length 3 along axis 0, and what it indexes length 2 along axis"):
        f(np.zeros((2, 2)), np.ones(3, bool))


def test_a_mask_known_to_have_another_length():
    with pytest.raises(IndexError, match="mask has length 2 along axis 0, and what it indexes length 3 along axis 1"):
        T.constant(np.zeros((2, 3)))[:, np.array([True, False])]


@pytest.mark.parametrize("pick", [lambda x: x[True], lambda x: x[x.sum() > 0], lambda x: x[0][x[0] > 0],
                                  lambda x: x[:, np.bool_(False)]])
def test_a_mask_of_no_dimensions(pick):
    with pytest.raises(TypeError, match="boolean mask of no dimensions.*T.switch"):
        pick(T.vector("x"))


def test_a_value_that_does_not_fill_the_places():
    x, y = T.vectors("x", "y")
    f = compile([x, y], T.set_subtensor(x[x > 0], y))
    with pytest.raises(ValueError, match="set_subtensor"):
        f([1.0, -1.0, 1.0], [1.0, 2.0, 3.0])


def test_too_many_axes_of_masks():
    x, m = T.matrix("x"), T.matrix("m", dtype="bool")
    with pytest.raises(IndexError, match="2 dimensions but 3 indices"):
        x[m, 0]


@pytest.mark.parametrize("call, error, text", [
    (lambda x: T.nonzero(x.sum()), ValueError, "nonzero of .* a scalar"),
    (lambda x: T.compress(x, x), ValueError, "condition has 2 dimensions"),
    (lambda x: T.where(x > 0, x), TypeError, "condition alone, or with two values"),
    (lambda x: T.take(x, x[0] > 0, axis=1), TypeError, "take: .* is a boolean mask, not positions"),
])
def test_calls_that_make_no_sense(call, error, text):
    with pytest.raises(error, match=text):
        call(T.matrix("x"))
