"""Series that are rows of matrices, several at a time in lanes, by tiles that are transposed in registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

RNG = np.random.default_rng(37)
SHAPES = ((0, 9), (3, 0), (1, 1), (3, 20), (8, 16), (9, 8), (16, 7), (21, 100), (40, 33))
PLAIN = "interchange,row-lanes"


@pytest.fixture(params=levels())
def level(request: pytest.FixtureRequest) -> Iterator[None]:
    with sc.change_flags(cpu=request.param):
        yield


def average(v: T.TensorVariable, y: T.TensorVariable) -> T.TensorVariable:
    return y + (v - y) / 8


def averages(x: T.TensorVariable, **options: bool) -> T.TensorVariable:
    """Of a series, or of series that are columns."""
    rows, _ = sc.scan(average, sequences=x, outputs_info=T.zeros_like(x[0]), **options)
    return rows


def both(build: Callable[[], sc.Function]) -> tuple[sc.Function, sc.Function]:
    """A function with lanes over rows, and the same one without."""
    with sc.change_flags(leave_out=PLAIN):
        plain = build()
    made = build()
    assert made.remarks("row-lanes", done=True) and not made.remarks("row-lanes", done=False)
    return made, plain


def check(build: Callable[[], sc.Function], *dtypes: str, fewest: int = 0) -> None:
    """Not a bit is another one, for any number of series and steps. 'v' before a dtype: a number for each series."""
    made, plain = both(build)
    for n, m in ((n, m) for n, m in SHAPES if m >= fewest):
        args = [(RNG.normal(size=n if dtype[0] == "v" else (n, m)) * 4).astype(dtype.lstrip("v")) for dtype in dtypes]
        for found, want in zip(made(*args), plain(*args), strict=True):
            np.testing.assert_array_equal(found, want, err_msg=f"{n} series of {m} steps")


@pytest.mark.usefixtures("level")
def test_columns_of_two_matrices() -> None:
    """Two states, a number for each series, forwards and from the end."""
    def build() -> sc.Function:
        x, w, a = T.matrix("x"), T.matrix("w"), T.vector("a")
        zero = T.zeros_like(x[:, 0])

        def step(v, u, y, z, a):
            return a * y - z / 4 + v * u, y
        forth, back = (sc.scan(step, sequences=[x.T, w.dimshuffle(1, 0)], outputs_info=[zero, zero], non_sequences=a,
                               go_backwards=turned, return_updates=False)[0] for turned in (False, True))
        return sc.function([x, w, a], [forth.T, back.T, back[::-1].T])
    check(build, "float64", "float64", "vfloat64")


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("dtype", ["float32", "int32", "int64"])
def test_map_over_rows(dtype: str) -> None:
    def build() -> sc.Function:
        x = T.matrix("x", dtype=dtype)
        made, _ = sc.map(lambda row: sc.scan(lambda v, y: T.clip(y + v, -9, 9).astype(dtype), sequences=row,
                                             outputs_info=T.zeros_like(row[0]), return_updates=False), x)
        return sc.function([x], [made])
    check(build, dtype)


@pytest.mark.usefixtures("level")
def test_gradient_of_rows() -> None:
    """What `vmap` of a scan has for gradient goes along rows too, the last first."""
    def build() -> sc.Function:
        x, w = T.matrix("x"), T.matrix("w")
        y = sc.vmap(averages)(x)
        return sc.function([x, w], [sc.grad((w * y * y).sum(), x)])
    check(build, "float64", "float64")


def test_gradient_of_columns() -> None:
    """The rows that the gradient needs are rows of series: nothing is turned in memory."""
    def build() -> sc.Function:
        x, w = T.matrix("x"), T.matrix("w")
        return sc.function([x, w], [sc.grad((w * T.exp(averages(x.T)).T).sum(), x)])
    check(build, "float64", "float64")
    assert "transpose &%x" not in build().dump("loop").replace(" ", "")


def test_taps_and_two_types() -> None:
    """Rows of 4 and 8 bytes beside each other; states of two steps ago; rows of matrices of matrices."""
    def build() -> sc.Function:
        x, k, start = T.matrix("x"), T.matrix("k", dtype="int32"), T.matrix("start")

        def row(v, n, first):
            return sc.scan(lambda a, b, n, p, q: a + b * n - p / 2 + q / 4,
                           sequences=[{"input": v, "taps": [-1, 0]}, n], return_updates=False,
                           outputs_info={"initial": first[:2], "taps": [-2, -1]})
        return sc.function([x, k, start], [sc.map(row, [x, k, start], return_updates=False)])
    made, plain = both(build)
    for n, m in ((1, 4), (8, 17), (19, 50)):
        args = RNG.normal(size=(n, m)), RNG.integers(-5, 5, (n, m)).astype("int32"), RNG.normal(size=(n, 2))
        np.testing.assert_array_equal(made(*args), plain(*args))


def test_long_steps() -> None:
    """A step with functions is a loop over a tile in memory, and has several vectors side by side."""
    def build() -> sc.Function:
        x = T.matrix("x", dtype="float32")
        y, _ = sc.scan(lambda v, y: T.tanh(v + y) * T.exp(-v * v), sequences=x.T, outputs_info=T.zeros_like(x[:, 0]))
        return sc.function([x], [y.T])
    check(build, "float32")
    reference = sc.function([x := T.matrix("x", dtype="float32")], sc.scan(
        lambda v, y: T.tanh(v + y) * T.exp(-v * v), sequences=x.T, outputs_info=T.zeros_like(x[:, 0]))[0].T,
        mode="reference")
    value = RNG.normal(size=(37, 50)).astype("float32")
    np.testing.assert_allclose(build()(value)[0], reference(value), rtol=2e-5, atol=1e-6)


def test_what_is_left_of_columns_keeps_no_rows() -> None:
    def build() -> sc.Function:
        x, a, start = T.matrix("x"), T.vector("a"), T.vector("start")
        y, _ = sc.scan(lambda v, y, a: a * y + v, sequences=x.T, outputs_info=start, non_sequences=a)
        return sc.function([x, a, start], [y.max(0), y[-1]])
    check(build, "float64", "vfloat64", "vfloat64", fewest=1)
    assert "n1" not in str(build().explain()).splitlines()[0]


def test_what_must_not_be_side_by_side() -> None:
    """Where rows go into the matrix they come from, or each round reads the row that the last one wrote."""
    x = T.matrix("x")
    previous, _ = sc.scan(lambda row, last: sc.scan(lambda v, u, y: y / 2 + v * u, sequences=[row, last],
                                                    outputs_info=T.zeros_like(row[0]), return_updates=False),
                          sequences=x, outputs_info=T.ones_like(x[0]))
    f = sc.function([x], previous)
    assert not f.remarks("row-lanes", done=True)
    value = RNG.normal(size=(20, 20))
    np.testing.assert_allclose(f(value), sc.function([x], previous, mode="reference")(value))


def test_columns_then_rows_then_columns() -> None:
    """A transposed matrix of what is turned itself is none: series along time, then across, then along time again."""
    def build() -> sc.Function:
        x = T.matrix("x")
        y = averages(x.T).T
        across = averages(y)
        return sc.function([x], [across, averages((across * T.exp(y)).T).T, averages(averages(y.T)[::-1]).T])
    check(build, "float64")


def test_time_stays_outside_where_rows_are_read_as_they_lie() -> None:
    x = T.matrix("x")
    f = sc.function([x], averages(x.T))
    (remark,) = f.remarks("interchange")
    assert not remark.done and "read as it lies" in remark.reason


@pytest.mark.usefixtures("level")
@pytest.mark.parametrize("shape", [(4, 3), (4, 4), (4, 8), (5, 7), (8, 3), (9, 11), (6, 16)])
def test_known_numbers_of_steps(shape: tuple[int, int]) -> None:
    """As many as there are: those of a tile were written out for fewer, too, and places behind an end were found."""
    A, h = T.TensorType("float64", shape)("A"), T.TensorType("float64", shape[:1])("h")

    def step(h: T.TensorVariable, A: T.TensorVariable) -> list[T.TensorVariable]:
        moved = h.dimshuffle(0, "x") + A
        return [T.argmin(moved, axis=1).astype("float64"), T.cumsum(moved, axis=1)]
    (places, sums), _ = sc.scan(step, outputs_info=[h, None], non_sequences=A, n_steps=1)
    values = RNG.normal(size=shape)
    found = sc.function([A, h], [places, sums])(values, np.zeros(shape[0]))
    np.testing.assert_array_equal(found[0], values.argmin(axis=1)[None])
    np.testing.assert_array_equal(found[1], values.cumsum(axis=1)[None])
