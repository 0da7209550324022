"""Sums: their error, the tree that is the same everywhere, lengths around its blocks, special values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels, local
from scancc.ir.interpreter import run_program

RNG = np.random.default_rng(7)
LENGTHS = [0, 1, 2, 7, 8, 9, 31, 32, 33, 63, 64, 65, 72, 127, 128, 129, 511, 512, 513, 1023, 1024, 1025, 1033, 2047,
           2049, 3 * 1024 + 70, 100_003]  # around lanes and blocks of either dtype


def bound(terms: np.ndarray) -> float:
    """The documented error of a sum."""
    n = max(1, len(terms))
    return (64 + math.log2(n)) * float(np.finfo(terms.dtype).eps) / 2 * float(np.abs(terms.astype(float)).sum())


def matrix(dtype: str) -> Any:
    return T.matrix("m", dtype=dtype)


def close(found: Any, terms: np.ndarray) -> None:
    """Each entry against the exact sum of a column of terms."""
    for total, column in zip(np.ravel(found), terms.reshape(len(terms), math.prod(terms.shape[1:])).T, strict=True):
        exact = math.fsum(column.astype(float).tolist())
        assert abs(float(total) - exact) <= bound(column) + 1e-300, (len(column), total, exact)


# ---- the error ----


def test_ten_million_tenths() -> None:
    x = T.fvector("x")
    total, mean = sc.function([x], [x.sum(), x.mean()])(np.full(10**7, 0.1, "float32"))
    exact = float(np.float32(0.1))
    assert abs(total / (exact * 10**7) - 1) < 1e-6 and abs(mean / exact - 1) < 1e-6


def test_products_of_a_million_rows() -> None:
    m = T.fmatrix("m")
    found = sc.function([m], T.dot(m.T, m))(np.full((10**6, 2), 0.1, "float32"))
    np.testing.assert_allclose(found, float(np.float32(0.1)) ** 2 * 10**6, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_of_every_length(dtype: str) -> None:
    x = T.vector("x", dtype=dtype)
    f = sc.function([x], [x.sum(), x[::-1].sum(), x[::2].sum(), (x * x).sum(), T.dot(x, x), T.sqrt(abs(x)).sum()])
    for n in LENGTHS:
        v = (RNG.random(n) - 0.5 * (n % 2)).astype(dtype)
        for found, terms in zip(f(v), [v, v, v[::2], v * v, v * v, np.sqrt(np.abs(v))], strict=True):
            close(found, terms)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (1, 1), (2, 5000), (5000, 2), (63, 9), (64, 8), (65, 7), (130, 33),
                                   (129, 130)], ids=str)
def test_sums_along_each_axis(shape: tuple[int, int], dtype: str) -> None:
    m = matrix(dtype)
    f = sc.function([m], [m.sum(0), m.sum(1), m.sum(), m.T.sum(0), m[::-1, ::2].sum(0), m[:, ::-1].sum(1), m.T.sum()])
    v = RNG.random(shape).astype(dtype)
    terms = [v, v.T, v.reshape(-1, 1), v.T, v[::-1, ::2], v[:, ::-1].T, v.T.reshape(-1, 1)]
    for found, expected in zip(f(v), terms, strict=True):
        close(found, expected)


@pytest.mark.parametrize("axis", [None, 0, 1, 2, (0, 1), (1, 2), (0, 2)], ids=str)
def test_sums_over_several_axes(axis: Any) -> None:
    x = T.ftensor3("x")
    v = RNG.random((70, 5, 90)).astype("float32")
    for given in (v, np.ascontiguousarray(v.transpose(2, 0, 1))):
        for var, data in ((x, given), (x.dimshuffle(2, 1, 0), given.transpose(2, 1, 0))):
            found = sc.function([x], var.sum(axis))(given)
            np.testing.assert_allclose(found, data.astype(float).sum(axis), rtol=2e-6)


@pytest.mark.parametrize("shapes", [((200,), (200,)), ((3, 300), (300,)), ((300,), (300, 5)), ((3, 300), (300, 4)),
                                    ((90, 200), (200, 70)), ((2, 4, 200), (2, 200, 3))], ids=str)
def test_products(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    a, b = (RNG.random(s).astype("float32") for s in shapes)
    for x, y in ((a, b), (np.asfortranarray(a), np.asfortranarray(b))):
        u, w = (T.TensorType("float32", (None,) * v.ndim)() for v in (x, y))
        found = sc.function([u, w], T.matmul(u, w))(x, y)
        np.testing.assert_allclose(found, np.matmul(a.astype(float), b.astype(float)), rtol=2e-6)


def test_means_variances_norms_and_log_sums() -> None:
    x = T.fvector("x")
    v = (RNG.random(10**6) + 10).astype("float32")
    w = v.astype(float)
    f = sc.function([x], [x.mean(), x.var(), x.std(), T.sqrt((x**2).sum()), T.logsumexp(x)])
    expected = [w.mean(), w.var(), w.std(), np.sqrt((w**2).sum()), np.log(np.exp(w).sum())]
    np.testing.assert_allclose(f(v), expected, rtol=3e-6)


def test_gradients_of_weights_over_many_steps() -> None:
    """One product over all steps."""
    xs, w = T.fmatrix("xs"), T.fvector("w")
    ys, _ = sc.scan(lambda row, w: T.dot(row, w), xs, non_sequences=w)
    grad = sc.function([xs, w], T.grad(ys.sum(), w))
    found = grad(np.full((200_000, 3), 0.1, "float32"), np.ones(3, "float32"))
    np.testing.assert_allclose(found, 200_000 * float(np.float32(0.1)), rtol=1e-6)


def test_complex_sums() -> None:
    x = T.vector("x", dtype="complex64")
    v = np.full(10**6, 0.1 + 0.2j, "complex64")
    np.testing.assert_allclose(sc.function([x], x.sum())(v), complex(v[0]) * 10**6, rtol=1e-6)
    m = T.matrix("m", dtype="complex64")
    np.testing.assert_allclose(sc.function([m], m.sum(0))(v.reshape(-1, 4)), complex(v[0]) * 10**6 / 4, rtol=1e-6)


# ---- one tree ----


def _everything(dtype: str) -> tuple[list[Any], list[Any]]:
    m = matrix(dtype)
    v = m[0]
    return [m], [T.dot(m, m.T), T.dot(m.T, m), T.outer(v, v).sum(1), (v[:, None] * v).sum(0),
               m.sum(0), m.sum(1), m.sum(), m.prod(1), m.T.sum(0), v.sum(), v[::-1].sum(), T.dot(v, v),
               m.mean(0), m.max(1), m.T.sum()]


N_CONTRACTED = 4  # of those: products that are rounded once, where the target can


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits_at_every_level(dtype: str) -> None:
    shapes = [(1, 1), (3, 5), (9, 40), (70, 71), (200, 1300), (3000, 3)]
    data = [RNG.normal(size=shape).astype(dtype) for shape in shapes]
    found: dict[bool, list[list[bytes]]] = {}  # with a fused multiply-add, and without
    for level in levels():
        with sc.change_flags(cpu=level):
            f, has_fma = sc.function(*_everything(dtype)), local().has_fma
        values = [[np.asarray(value).tobytes() for value in f(m)] for m in data]
        assert found.setdefault(has_fma, values) == values
    rounded = [[each[N_CONTRACTED:] for each in values] for values in found.values()]
    assert all(values == rounded[0] for values in rounded)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_that_are_taken_together_have_the_bits_of_each_alone(dtype: str) -> None:
    m, v = matrix(dtype), T.vector("v", dtype=dtype)
    for level in levels():
        with sc.change_flags(cpu=level):
            f = sc.function([m, v], [T.dot(m, v), m.sum(1)])
        for n_rows, n in [(0, 9), (1, 40), (3, 64), (4, 7), (5, 33), (9, 1100), (11, 2100)]:
            rows, x = RNG.normal(size=(n_rows, n)).astype(dtype), RNG.normal(size=n).astype(dtype)
            alone = [f(row[None], x) for row in rows]
            for number, found in enumerate(f(rows, x)):
                assert found.tolist() == [totals[number].item() for totals in alone], (level, n_rows, n)


@pytest.mark.parametrize("columns", [6, 8])
@pytest.mark.parametrize("n", [3, 8, 33, 64, 100, 1024, 5000])
def test_the_same_bits_for_known_sizes(n: int, columns: int) -> None:
    data = RNG.normal(size=(n, columns)).astype("float32")
    found = []
    for m in (T.fmatrix("m"), T.TensorType("float32", (n, columns))("m")):
        outputs = [m[:, 0].sum(), m.T.sum(1), m.sum(1), m[::2].sum(0), T.dot(m.T, m), (m * 2).sum()]
        found.append([np.asarray(v).tobytes() for v in sc.function([m], outputs)(data)])
    assert found[0] == found[1]


@pytest.mark.parametrize("columns", [1, 2, 7, 8, 9, 31, 33, 64, 65])
def test_a_column_has_the_same_bits_wherever_it_stands(columns: int) -> None:
    """In whole vectors and in what is left."""
    m = T.fmatrix("m")
    column = RNG.normal(size=(1000, 1)).astype("float32")
    found = sc.function([m], m.sum(0))(np.repeat(column, columns, 1))
    assert len(set(found.tolist())) == 1


@pytest.mark.long
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("shape", [(63, 9), (64, 1), (65, 8), (70, 33), (200, 9), (641, 2), (2, 1100),
                                   (0, 3)], ids=str)
def test_the_interpreter_adds_in_the_same_order(shape: tuple[int, int], dtype: str) -> None:
    m = matrix(dtype)
    f = sc.function([m], [m.sum(0), m.sum(1), m.T.sum(), m[::2].sum(0), (m[:, ::-1] * 2).sum(1)])
    data = (RNG.normal(size=shape) + (1j * RNG.normal(size=shape) if dtype == "complex64" else 0)).astype(dtype)
    for found, expected in zip(run_program(f.compiled.module, "function", [data]), f(data), strict=True):
        assert np.asarray(found).tobytes() == expected.tobytes()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_sum_of_negatives_has_the_tree_of_the_sum(axis: int) -> None:
    """It subtracts, and went in order, with the digits that that loses."""
    x = T.matrix("x")
    f = sc.function([x], [(-x).sum(axis), x.sum(axis)])
    for shape in ((3, 1000), (1000, 3), (70, 70)):
        negative, positive = f(np.random.default_rng(0).uniform(0, 1, shape))
        np.testing.assert_array_equal(negative, -positive)


def test_strict_sums_go_in_the_order_written() -> None:
    x, m = T.fvector("x"), T.fmatrix("m")
    v, w = RNG.normal(size=5000).astype("float32"), RNG.normal(size=(500, 33)).astype("float32")
    total, rows = sc.function([x, m], [x.sum(), m.sum(0)], fast_math=False)(v, w)
    assert total == np.add.accumulate(v)[-1]
    np.testing.assert_array_equal(rows, np.add.accumulate(w, axis=0)[-1])


# ---- special values ----


@pytest.mark.parametrize("n", [1, 5, 8, 70, 1024, 3000])
def test_nan_infinities_and_zeros(n: int) -> None:
    x, m = T.vector("x"), T.matrix("m")
    f = sc.function([x, m], [x.sum(), m.sum(0), m.sum(1), T.dot(x, T.ones_like(x))])
    for value, total in ((np.nan, np.nan), (np.inf, np.inf), (-np.inf, -np.inf)):
        v = np.ones(n)
        v[n // 2] = value
        for found in f(v, np.repeat(v[:, None], 3, 1)):
            assert np.isnan(found).any() == np.isnan(total) and (np.isnan(total) or np.max(np.abs(found)) == np.inf)
        if n > 1 and not np.isnan(value):
            v[0] = -value
            assert np.isnan(f(v, v[:, None])[0]) and np.isnan(f(v, v[:, None])[1])
    zeros = f(np.full(n, -0.0), np.full((n, 9), -0.0))
    assert not any(np.signbit(z).any() for z in zeros)  # a sum starts at 0.0
    assert all(np.isfinite(z).all() for z in f(np.full(n, 1e307 / n), np.full((n, 2), 1e307 / n)))


def test_sums_of_nothing() -> None:
    x, m = T.vector("x"), T.matrix("m")
    total, product, rows, columns = sc.function([x, m], [x.sum(), x.prod(), m.sum(0), m.sum(1)])(
        np.zeros(0), np.zeros((0, 3)))
    assert (total, product) == (0, 1) and rows.tolist() == [0, 0, 0] and columns.shape == (0,)


# ---- dtypes ----


@pytest.mark.parametrize("mode", [None, "reference"])
def test_what_is_accumulated_in_what(mode: str | None) -> None:
    x, h, i = T.fvector("x"), T.vector("h", dtype="float16"), T.vector("i", dtype="int8")
    outputs = [x.sum(acc_dtype="float64"), x.sum(dtype="float64"), x.mean(acc_dtype="float64"),
               x.mean(dtype="float64"), h.sum(), h.mean(), h.var(), T.dot(h, h), i.sum(), i.sum(dtype="float32"),
               i.mean(), i.prod(dtype="float64"), i.sum(acc_dtype="float64"), i.sum(dtype="int8"),
               T.prod(x, acc_dtype="float64")]
    v, halves, small = np.full(10**5, 0.1, "float32"), np.full(3000, 0.3, "float16"), np.full(300, 100, "int8")
    tenth, third = float(v[0]), float(halves[0])
    exact = [tenth * 10**5, tenth * 10**5, tenth, tenth, third * 3000, third, 0.0, third**2 * 3000, 30000, 30000, 100,
             np.inf, 30000, 30000 - 117 * 256, 0.0]
    found = sc.function([x, h, i], outputs, mode=mode)(v, halves, small)
    for value, expected, out in zip(found, exact, outputs, strict=True):
        assert value.dtype == out.dtype
        rounding = np.finfo(out.dtype).eps if out.dtype.startswith("float") else 0
        np.testing.assert_allclose(float(value), expected, rtol=1.1 * rounding + 1e-12, atol=1e-300)
    assert [v.dtype for v in outputs[:6]] == ["float32", "float64", "float32", "float64", "float16", "float16"]


@pytest.mark.parametrize(("build", "says"), [
    (lambda x: x.sum(acc_dtype="float32"), "acc_dtype float32 does not hold the elements of x, which are float64"),
    (lambda x: x.prod(acc_dtype="int64"), "accumulate in float64"),
    (lambda x: x.mean(acc_dtype="float16"), "mean: acc_dtype float16"),
    (lambda x: x.mean(dtype="int32"), "a mean is a float, no int32"),
    (lambda x: x.sum(acc_dtype="double precision"), "is not a dtype of tensors"),
    (lambda x: x.sum(acc_dtype="complex128"), "a sum of complex numbers is no float64"),
    (lambda x: (x * 1j).sum(dtype="float64"), "a sum of complex numbers is no float64"),
], ids=range(7))
def test_accumulators_that_lose_the_elements_are_refused(build: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        build(T.dvector("x"))


def test_the_reference_adds_in_pairs_along_every_axis() -> None:
    m, b = T.fmatrix("m"), T.ftensor3("b")
    v = np.full((10**5, 3), 0.1, "float32")
    f = sc.function([m, b], [m.sum(0), m.T.sum(1), T.dot(m.T, m)[0], T.batched_dot(b.dimshuffle(0, 2, 1), b)[0, 0]],
                    mode="reference")
    for found, expected in zip(f(v, v[None]), [1e4, 1e4, 1e3, 1e3], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)  # one by one loses 7e-4; each BLAS has an order
    x = T.vector("x")
    negative = sc.function([x], [x.sum(), T.dot(x, T.ones_like(x))], mode="reference")(np.full(3, -0.0))
    assert not np.signbit(negative).any()


def test_where_a_slice_is_inside_its_length_is_asked_no_more() -> None:
    """Behind the test of its place a slice of 8 is one vector: its sum has no loop, and no blocks."""
    x, h, at = T.dvector("x"), T.dmatrix("h"), T.lvector("at")
    y, _ = sc.scan(lambda k, x, h: T.dot(h[k % 3], x[k:k + 8]), sequences=at, non_sequences=[x, h])
    f = sc.function([x, h, at], y)
    inside, _, cut = f.ir("loop").partition("if likely")[2].partition("} else {")
    assert "reduce_add(" in inside and "join(" not in inside and "for " not in inside and "join(" in cut
    data, factors, places = RNG.standard_normal(30), RNG.standard_normal((3, 8)), np.array([0, 22, 7, -20])
    expected = [factors[k % 3] @ data[k:k + 8] for k in places]
    np.testing.assert_allclose(f(data, factors, places), expected, rtol=1e-13, atol=1e-14)
