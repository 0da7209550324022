"""Indexing beside NumPy's: views, integer arrays, set and increment forms, errors."""

import itertools

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.ops.reference import evaluate
from scancc.frontend.ops.subtensor import IncSubtensor, Subtensor

X = np.arange(60.0).reshape(3, 4, 5)
ROWS = np.array([2, 0, 2])
GRID = np.array([[0, 1], [2, -1]])

BASIC = [
    np.s_[1], np.s_[-1], np.s_[1, 2], np.s_[1, 2, 3], np.s_[:], np.s_[...], np.s_[1:], np.s_[:-1], np.s_[::2],
    np.s_[::-1], np.s_[-2:, 0], np.s_[..., 1], np.s_[1, ..., ::-2], np.s_[None], np.s_[:, None, 1],
    np.s_[..., None], np.s_[5:], np.s_[:100, -100:], np.s_[2:0:-1], np.s_[0:0], np.s_[-1:-10:-1], np.s_[3:1],
]
ARRAYS = [
    np.s_[ROWS], np.s_[:, ROWS], np.s_[ROWS, ROWS], np.s_[ROWS, 1], np.s_[1, :, ROWS], np.s_[ROWS, :, ROWS],
    np.s_[GRID], np.s_[GRID, 1:, ROWS[:2]], np.s_[..., GRID], np.s_[::-1, GRID, 2], np.s_[None, ROWS],
    np.s_[ROWS[:, None], GRID[0]], np.s_[ROWS, None, :, 0], np.s_[[0, 2]], np.s_[ROWS[:0]],
    np.s_[None, :, GRID], np.s_[GRID, None, ROWS[:2]], np.s_[:, None, ROWS, None, 1],
]


def symbolic(index):
    """The index with its arrays and integers as symbolic inputs, and the values of these."""
    given = {}

    def part(item):
        if isinstance(item, np.ndarray):
            var = T.TensorType("int64", tuple(1 if n == 1 else None for n in item.shape))()
        elif isinstance(item, int):
            var = T.lscalar()
        elif isinstance(item, slice):
            return slice(*(None if b is None else part(b) for b in (item.start, item.stop, item.step)))
        else:
            return item
        given[var] = item
        return var

    return (tuple(map(part, index)) if isinstance(index, tuple) else part(index)), given


@pytest.mark.parametrize("known", [True, False], ids=["constant", "symbolic"])
@pytest.mark.parametrize("index", BASIC + ARRAYS, ids=str)
def test_reads_as_numpy(index, known):
    x = T.tensor3("x")
    place, given = (index, {}) if known else symbolic(index)
    out = x[place]
    found, lengths = evaluate([out, out.shape], {x: X, **given})
    np.testing.assert_array_equal(found, X[index])
    assert lengths.tolist() == list(X[index].shape)


@pytest.mark.parametrize("set_", [True, False], ids=["set", "inc"])
@pytest.mark.parametrize("known", [True, False], ids=["constant", "symbolic"])
@pytest.mark.parametrize("index", BASIC + ARRAYS, ids=str)
def test_writes_as_numpy(index, known, set_):
    x, y = T.tensor3("x"), T.tensor("y", shape=(None,) * X[index].ndim)
    place, given = (index, {}) if known else symbolic(index)
    write = T.set_subtensor if set_ else T.inc_subtensor
    new = np.random.default_rng(0).normal(size=X[index].shape)
    (found,) = evaluate([write(x[place], y)], {x: X, y: new, **given})
    expected = X.copy()
    if set_:
        expected[index] = new
    else:
        np.add.at(expected, index, new)
    np.testing.assert_allclose(found, expected)


def test_every_slice_of_short_vectors():
    x = T.vector("x")
    bounds = [None, -4, -1, 0, 1, 2, 5]
    slices = [slice(*b) for b in itertools.product(bounds, bounds, [None, 1, 2, -1, -3])]
    for n in (0, 1, 3):
        data = np.arange(float(n))
        for s, found in zip(slices, evaluate([x[s] for s in slices], {x: data}), strict=True):
            assert found.tolist() == data[s].tolist(), s
        lengths = evaluate([x[s].shape[0] for s in slices], {x: data})
        assert [int(v) for v in lengths] == [len(data[s]) for s in slices]


def test_repeated_places_keep_the_last_value_and_add_all_increments():
    x, places = T.vector("x"), np.array([1, 1, 0])
    put, added = evaluate([x[places].set([5.0, 6.0, 7.0]), x[places].inc([5.0, 6.0, 7.0])], {x: np.zeros(2)})
    assert put.tolist() == [7, 6] and added.tolist() == [7, 11]


def test_the_tensor_given_is_not_changed():
    x, data = T.vector("x"), np.zeros(3)
    evaluate([T.set_subtensor(x[0], 1), T.inc_subtensor(x[:], 1)], {x: data})
    assert not data.any()


def test_part_of_a_part_is_written_in_that_part():
    x = T.matrix("x")
    (found,) = evaluate([T.set_subtensor(x[1][0], 9)], {x: np.zeros((2, 2))})
    assert found.tolist() == [9, 0]


def test_transposed_part_is_written_through():
    x, data = T.matrix("x"), np.zeros((2, 3))
    (found,) = evaluate([T.set_subtensor(x[:, 1:].T, np.arange(4.0).reshape(2, 2))], {x: data})
    data[:, 1:].T[...] = np.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal(found, data)


def test_value_stretches_along_missing_axes_and_axes_known_to_be_one():
    x, v, row = T.matrix("x"), T.vector("v"), T.row("r")
    found = evaluate([x[1:].set(v), x[1:].inc(row), x[:].set(0)],
                     {x: np.ones((3, 2)), v: [3.0, 4.0], row: np.array([[1.0, 2.0]])})
    assert [f.tolist() for f in found] == [[[1, 1], [3, 4], [3, 4]], [[1, 1], [2, 3], [2, 3]], [[0, 0]] * 3]


def test_dtypes_of_values():
    x = T.fmatrix("x")
    assert T.set_subtensor(x[0], 1.5).dtype == "float32"
    assert T.set_subtensor(x[0], T.bscalar()).dtype == "float32"
    with pytest.raises(TypeError, match="cast the value"):
        T.set_subtensor(x[0], T.dscalar())
    with pytest.raises(TypeError, match=r"cast the tensor \(x.astype\('float64'\)\)"):
        T.set_subtensor(T.lvector("n")[0], 1.5)


def test_bounds_that_change_nothing_are_left_out():
    x = T.matrix("x")
    assert x[0:, ::1].owner.op == Subtensor((("s", False, False, False),) * 2)
    assert x[1, 2:].owner.op == Subtensor(("i", ("s", True, False, False)))
    assert T.inc_subtensor(x[0], 1).owner.op == IncSubtensor(("i", ("s", False, False, False)), False)


@pytest.mark.parametrize("mode", ["raise", "wrap", "clip"])
@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("places", [np.array([0, 2, 1]), np.array([[0, 1], [1, 0]]), np.array(1)], ids=str)
def test_take(places, axis, mode):
    x, i = T.tensor3("x"), T.TensorType("int64", (None,) * places.ndim)("i")
    places = places if mode == "raise" else places * 7 - 4
    (found,) = evaluate([T.take(x, i, axis, mode)], {x: X, i: places})
    np.testing.assert_array_equal(found, np.take(X, places, axis, mode=mode))


# ---- errors -------------------------------------------------------------------------------------------

BUILD_ERRORS = {
    "bool": (lambda x: x[True], TypeError, "boolean mask"),
    "float": (lambda x: x[1.5], TypeError, "of float64; an index is an integer"),
    "string": (lambda x: x["a"], TypeError, "is no index"),
    "too many": (lambda x: x[0, 0, 0], IndexError, "has 2 dimensions but 3 indices; drop 1"),
    "dots": (lambda x: x[..., ...], IndexError, "one '...' only"),
    "float bound": (lambda x: x[1.5:], TypeError, "not an integer scalar or None"),
    "step 0": (lambda x: x[::0], ValueError, "step of a slice is 0"),
    "known length": (lambda x: T.constant(X)[3], IndexError, "index 3 is out of range for axis 0"),
    "no part": (lambda x: T.set_subtensor(x, 0), TypeError, "which is not an indexed part"),
    "rank of value": (lambda x: T.set_subtensor(x[0], x), ValueError, "has more dimensions than its place"),
    "length of value": (lambda x: T.set_subtensor(T.constant(X)[0], np.ones(3)), ValueError, "does not fit"),
    "loop": (lambda x: list(x), TypeError, "use scan"),
    "len": (lambda x: len(x), TypeError, "use x.shape"),
}


@pytest.mark.parametrize("case", BUILD_ERRORS)
def test_error_when_built(case):
    function, error, text = BUILD_ERRORS[case]
    with pytest.raises(error, match=text):
        function(T.matrix("x"))


RUN_ERRORS = {
    "integer": (lambda x: x[7], IndexError, "out of bounds"),
    "array": (lambda x: x[[0, 7]], IndexError, "out of bounds"),
    "set": (lambda x: T.set_subtensor(x[7], 0), IndexError, "out of bounds"),
    "step": (lambda x: x[:: x.shape[0] - 2], ValueError, "step of a slice is 0"),
    "value": (lambda x: T.set_subtensor(x[0], T.arange(x.shape[0])), ValueError, r"\(2,\) does not fill"),
    "one is no stretch": (lambda x: T.inc_subtensor(x[:], x[:1]), ValueError, "does not fill"),
    "arrays": (lambda x: x[T.arange(x.shape[0]), T.arange(x.shape[1])], ValueError, "index arrays: shapes"),
}


@pytest.mark.parametrize("case", RUN_ERRORS)
def test_error_when_run(case):
    function, error, text = RUN_ERRORS[case]
    x = T.matrix("x")
    with pytest.raises(error, match=text):
        evaluate([function(x)], {x: np.zeros((2, 3))})


@pytest.mark.parametrize("places", [[0, 0, 2], [2, 0, 1], [-1, 2, 2]])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("mode", ["native", "reference"])
def test_only_the_last_value_at_a_place_has_a_gradient(mode, known, places):
    x, i = T.matrix("x"), T.lvector("i")
    cost = (T.set_subtensor(T.zeros((3, 2))[places if known else i], x) ** 2).sum()
    values = np.arange(6.0).reshape(3, 2) + 1
    found = sc.function([x, i], T.grad(cost, x), mode=mode, on_unused_input="ignore")(values, places)
    lasting = [p % 3 not in [q % 3 for q in places[k + 1:]] for k, p in enumerate(places)]
    np.testing.assert_array_equal(found, 2 * values * np.array(lasting)[:, None])


@pytest.mark.parametrize("index", [
    lambda a: (a,), lambda a: (slice(None), a), lambda a: (a, slice(None), a), lambda a: (slice(None), a, a),
    lambda a: (slice(1, None), a), lambda a: (a, slice(None, -1)), lambda a: (a, slice(5, None), slice(None)),
    lambda a: (slice(None, None, -1), a, slice(1, None)), lambda a: (slice(0, 2), a, slice(-2, None))])
@pytest.mark.parametrize("places", [[1, 0], [[1, 0, 1], [0, 0, 1]]])
def test_lengths_beside_index_arrays(index, places):
    x, places = T.dtensor3("x"), np.array(places)
    a = T.tensor("int64", (None,) * places.ndim)
    part, values = x[index(a)], np.zeros((3, 4, 2))
    expected = values[index(places)].shape
    for mode in ("reference", "FAST_RUN"):
        f = sc.function([x, a], [part.shape[axis] for axis in range(part.ndim)], mode=mode)
        assert tuple(map(int, f(values, places))) == expected
