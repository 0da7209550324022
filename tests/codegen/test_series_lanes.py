"""Series that are systems of small arrays, as many at a time as a vector has lanes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.target import levels

RNG = np.random.default_rng(43)
SIZES = ((0, 4), (1, 3), (7, 0), (16, 1), (21, 9), (37, 5))  # series, steps
A = 0.4 * RNG.normal(size=(2, 2))
Build = Callable[[], sc.Function]


@pytest.fixture(params=levels())
def level(request: pytest.FixtureRequest) -> Iterator[None]:
    with sc.change_flags(cpu=request.param):
        yield


def both(build: Build) -> tuple[sc.Function, sc.Function]:
    """A function with lanes over series, and the same one without."""
    with sc.change_flags(leave_out="series-lanes"):
        plain = build()
    made = build()
    assert made.remarks("series-lanes", done=True) and not made.remarks("series-lanes", done=False)
    return made, plain


def outcome(f: sc.Function, args: tuple[np.ndarray, ...]) -> list[np.ndarray] | str:
    """What a call gives, or what it says."""
    try:
        return list(f(*args))
    except (np.linalg.LinAlgError, IndexError) as error:
        return f"{error} {getattr(error, '__notes__', ())}"


def check(build: Build, *calls: Callable[[int, int], tuple[np.ndarray, ...]]) -> None:
    """Not a bit is another one, nor a word of an error, for any number of series and steps."""
    made, plain = both(build)
    for call in calls:
        for n, m in SIZES:
            args = call(n, m)
            found, want = outcome(made, args), outcome(plain, args)
            assert isinstance(found, str) == isinstance(want, str), (n, m, found, want)
            if isinstance(want, str):
                assert found == want
            else:
                for one, other in zip(found, want, strict=True):
                    np.testing.assert_array_equal(one, other, err_msg=f"{n} series of {m} steps")


def observed(n: int, m: int) -> np.ndarray:
    y = RNG.normal(size=(n, m, 2))
    y[RNG.random((n, m)) < 0.2] = np.nan
    return y


def kalman(y: T.TensorVariable, a: T.TensorVariable, noise: T.TensorVariable) -> T.TensorVariable:
    """The log-likelihood of a series of two numbers, where some observations are missing."""
    def step(y_t, mean, cov):
        mean, cov = a @ mean, a @ cov @ a.T + T.eye(2)
        error, spread = y_t - mean, cov + noise
        inverse = T.nlinalg.matrix_inverse(spread)
        seen = T.eq(y_t[0], y_t[0])
        gain = T.switch(seen, cov @ inverse, 0.0)
        fit = T.switch(seen, T.dot(error, inverse @ error) + T.log(T.nlinalg.det(spread)), 0.0)
        return mean + T.switch(seen, gain @ error, 0.0), cov - gain @ cov, fit
    (_, _, fits), _ = sc.scan(step, y, [T.zeros(2), T.eye(2), None])
    return fits.sum()


def filters(outputs: Callable[[T.TensorVariable, T.TensorVariable], list[T.TensorVariable]]) -> sc.Function:
    y, a, noise = T.tensor3("y", shape=(None, None, 2)), T.matrix("a", shape=(2, 2)), T.matrix("noise", shape=(2, 2))
    return sc.function([y, a, noise], outputs(sc.vmap(lambda one: kalman(one, a, noise))(y), a))


@pytest.mark.usefixtures("level")
def test_kalman_filters() -> None:
    """Sums over time follow lane by lane; matrices near a singular one are inverted by the rare side of a branch; of
    errors the first one is told."""
    singular = np.array([[-1.0, 0], [0, -1]])
    check(lambda: filters(lambda total, a: [total]),
          lambda n, m: (observed(n, m), A, np.eye(2)),
          lambda n, m: (observed(n, m), A * [[1], [1e-9]], np.diag([1, 1e-17 - 1])),
          lambda n, m: (observed(n, m), 0 * A, singular))


def test_gradients_by_what_all_share() -> None:
    """What rounds add to shared sums is added in their order."""
    check(lambda: filters(lambda total, a: [sc.grad(total.sum(), a), total]),
          lambda n, m: (observed(n, m), A, np.eye(2)))


def test_gradients_of_branches() -> None:
    """Rows that are a part of an array, which get another shape, lane by lane; an array that a branch chooses."""
    def build() -> sc.Function:
        x, w, a = T.tensor3("x", shape=(None, None, 2)), T.vector("w"), T.matrix("a", shape=(2, 2))

        def of_one(rows, weight):
            def step(x_t, v, m):
                last = sc.ifelse(weight > 0.1, T.tanh(v), T.tanh(m @ a) @ x_t * 0.1)
                return T.tanh(last + x_t * 0.1), T.tanh(T.outer(v, x_t) * 0.1)
            v, m = sc.scan(step, rows, [T.zeros(2), T.eye(2)], return_updates=False)
            return v.sum() + m[-1].sum()
        return sc.function([x, w, a], [sc.grad(sc.vmap(of_one)(x, w).sum(), a)])
    check(build, lambda n, m: (RNG.normal(size=(n, m + 1, 2)), RNG.normal(size=n), A))


def test_gradients_of_states_that_begin_anew() -> None:
    """What is alike in all series until each goes on with it, and elements that its own numbers choose."""
    def build() -> sc.Function:
        x, i, a = T.tensor3("x", shape=(None, None, 2)), T.imatrix("i"), T.matrix("a", shape=(2, 2))

        def of_one(rows, places):
            def step(x_t, i_t, m):
                return T.tanh(T.set_subtensor(a[0], T.tanh(a @ x_t))), a[i_t].sum()
            m, sums = sc.scan(step, [rows, places], [T.eye(2), None], return_updates=False)
            return m[-1].sum() + sums.sum()
        return sc.function([x, i, a], [sc.grad(sc.vmap(of_one)(x, i).sum(), a)])
    check(build, lambda n, m: (RNG.normal(size=(n, m + 1, 2)), RNG.integers(0, 2, (n, m + 1)).astype("int32"), A))


def test_arrays_that_a_branch_chooses() -> None:
    """One made together, which each lane goes on with, or another one."""
    def build() -> sc.Function:
        x, w, k = T.tensor3("x", shape=(None, None, 5)), T.vector("w"), T.tensor3("k", shape=(None, 5, 5))

        def of_one(rows, weight, own):
            base = T.tanh(own.sum(axis=0))

            def step(x_t, v):
                chosen = sc.ifelse(weight > 0.1, base, own @ T.switch(v > 0, v, weight) * 0.1)
                return T.tanh(chosen + x_t * 0.1), chosen.sum()
            v, totals = sc.scan(step, rows, [T.zeros(5), None], return_updates=False)
            return totals.sum() + v[-1]
        return sc.function([x, w, k], [sc.vmap(of_one)(x, w, k)])
    check(build, lambda n, m: (RNG.normal(size=(n, m + 1, 5)), RNG.normal(size=n), RNG.normal(size=(n, 5, 5))))


def test_states_that_some_lanes_write_and_each_goes_on_with() -> None:
    def build() -> sc.Function:
        x, w = T.tensor3("x", shape=(None, None, 3)), T.vector("w")

        def of_one(rows, weight):
            def step(x_t, v):
                v = sc.ifelse(weight > 0, T.tanh(v), v[::-1] * 0.1) + x_t
                return v, v.sum()
            v, totals = sc.scan(step, rows, [T.zeros(3), None], return_updates=False)
            return totals.sum() + v[-1]
        return sc.function([x, w], [sc.vmap(of_one)(x, w)])
    check(build, lambda n, m: (RNG.normal(size=(n, m + 1, 3)), RNG.normal(size=n)))


@pytest.mark.usefixtures("level")
def test_elements_where_the_numbers_of_a_series_say() -> None:
    """Hidden states, in float32; where an index is outside, the series run one by one."""
    def build() -> sc.Function:
        seen, moves, emits = T.imatrix("seen"), T.fmatrix("moves"), T.matrix("emits", shape=(3, 4), dtype="float32")

        def of_one(one):
            def step(o, p):
                p = (p @ T.specify_shape(moves, (3, 3))) * emits[:, o]
                return p / p.sum(), T.log(p.sum())
            return sc.scan(step, one, [T.ones(3, dtype="float32") / 3, None])[0][1].sum()
        return sc.function([seen, moves, emits], [sc.vmap(of_one)(seen)])
    tables = RNG.random((3, 3)).astype("float32"), RNG.random((3, 4)).astype("float32")
    check(build, lambda n, m: (RNG.integers(-4, 4, size=(n, m)).astype("int32"), *tables),
          lambda n, m: (RNG.integers(-5, 5, size=(n, m)).astype("int32"), *tables))


@pytest.mark.usefixtures("level")
def test_branches_and_rows() -> None:
    """Sides of a lazy branch, truths, rows from the end, a number for each series, and two outputs of rows."""
    def build() -> sc.Function:
        x, w = T.tensor3("x", shape=(None, None, 3)), T.vector("w")

        def of_one(rows, weight):
            def step(x_t, y, up):
                y = sc.ifelse(x_t[0] > 0, y * weight + x_t, y[::-1] - T.exp(x_t))
                return y, T.and_(up, y > 0)
            return sc.scan(step, rows[::-1], [T.zeros(3), T.ones(3, dtype=bool)])[0]
        y, up = sc.vmap(of_one)(x, w)
        return sc.function([x, w], [y, up])
    check(build, lambda n, m: (RNG.normal(size=(n, m, 3)), RNG.normal(size=n)))


def test_sums_over_time_of_numbers() -> None:
    def build() -> sc.Function:
        x = T.matrix("x")
        made = sc.vmap(lambda row: T.sum(sc.scan(lambda v, y: y + (v - y) / 8, row, T.constant(0.0))[0] ** 2))(x)
        return sc.function([x], [made])
    check(build, lambda n, m: (RNG.normal(size=(n, m)),))


def test_what_stays() -> None:
    """Rows of which each series has as many as it says."""
    lengths, x = T.ivector("lengths"), T.matrix("x")
    f = sc.function([lengths, x], sc.map(
        lambda n, row: sc.scan(lambda v, y: y[::-1] * v, row[:n], T.ones(3))[0][-1], [lengths, x])[0])
    assert "differ in size between series" in str(f.remarks("series-lanes", done=False))
    np.testing.assert_array_equal(f(np.array([1, 2], "int32"), np.array([[2.0, 5], [3, 3]])), [[2.0] * 3, [9.0] * 3])


@pytest.mark.parametrize("n", [2, 3, 5])
def test_fewer_series_than_lanes(n: int) -> None:
    """Where their number is known, fewer lanes, with the same bits."""
    def build() -> sc.Function:
        x, a = T.tensor3("x", shape=(n, None, 3)), T.matrix("a", shape=(3, 3))

        def step(x_t, y, a):
            by = T.slinalg.solve(a, x_t - y)
            return y + by / (1 + T.dot(by, by))
        return sc.function([x, a], sc.vmap(lambda one: sc.scan(step, one, T.zeros(3), non_sequences=a)[0][-1])(x))
    made, plain = both(build)
    args = RNG.normal(size=(n, 30, 3)), np.eye(3) + 0.4 * RNG.normal(size=(3, 3))
    np.testing.assert_array_equal(made(*args), plain(*args))


@pytest.mark.usefixtures("level")
def test_lengths_of_each_lane() -> None:
    """Each series runs as many steps as it says, in each step of others too; a wrong number is told for the first."""
    def build() -> sc.Function:
        lengths, x, w = T.imatrix("lengths"), T.matrix("x", shape=(None, 3)), T.matrix("w", shape=(3, 3))

        def of_one(counts, row):
            def inner(y, up, w):
                return T.tanh(w @ y + row), up + T.cast(y[0] > y[1], "int64")

            def outer(n, y, up, w):
                (y, up), _ = sc.scan(inner, None, [y, up], non_sequences=w, n_steps=n)
                return y[-1] + row[::-1], up[-1]
            (y, up), _ = sc.scan(outer, counts, [T.ones(3), np.int64(0)], non_sequences=w)
            return y[-1], up[-1]
        return sc.function([lengths, x, w], list(sc.vmap(of_one)(lengths, x)))
    w = 0.4 * RNG.normal(size=(3, 3))
    check(build, lambda n, m: (RNG.integers(1, 6, (n, m + 1)).astype("int32"), RNG.normal(size=(n, 3)), w),
          lambda n, m: (RNG.integers(-1, 40, (n, m + 1)).astype("int32"), RNG.normal(size=(n, 3)), w))


@pytest.mark.usefixtures("level")
def test_until_of_each_lane() -> None:
    """Newton's steps for three unknowns; where a series meets a singular matrix before it is done, that is told, and
    not where it would meet one after that."""
    def build() -> sc.Function:
        p, w, most = T.matrix("p", shape=(None, 3)), T.matrix("w", shape=(3, 3)), T.iscalar("most")

        def of_one(own):
            def step(x, root, n, w):
                by = T.slinalg.solve(T.diag(2 * x) + w, x * x + w @ x - own)
                done = T.dot(by, by) < 1e-16
                return (T.switch(done, 0.0, x - by), x - by, n + 1), sc.until(done)
            (_, root, n), _ = sc.scan(step, None, [own + 1, own, T.constant(0)], non_sequences=w, n_steps=most)
            return root[-1], n[-1]
        return sc.function([p, w, most], list(sc.vmap(of_one)(p)))
    w = 0.1 * RNG.normal(size=(3, 3))
    check(build, lambda n, m: (RNG.uniform(1, 9, (n, 3)), w, m + 1),
          lambda n, m: (np.where(RNG.random((n, 1)) < 0.1, -1.0, RNG.uniform(1, 9, (n, 3))), 0 * w, 7 * m + 1))


def test_until_by_rows_of_each_series() -> None:
    """Sequences, elements where a series' own numbers say, a branch in a step, and what was there at the end."""
    def build() -> sc.Function:
        x, a = T.tensor3("x", shape=(None, None, 3)), T.matrix("a", shape=(3, 3))

        def of_one(rows):
            def step(x_t, h, total, place):
                h = sc.ifelse(h[0] > 0, T.tanh(a @ h + x_t), h[::-1] * 0.5 + x_t)
                return (h, total + h.sum(), T.cast(h[0] > h[1], "int64")), sc.until(total + a[place, 0] > 2)
            h, total, place = sc.scan(step, rows, [T.ones(3), T.constant(0.0), np.int64(1)], return_updates=False)
            return h[-1], total[-1], place[-1]
        return sc.function([x, a], list(sc.vmap(of_one)(x)))
    check(build, lambda n, m: (RNG.normal(size=(n, m + 1, 3)), 0.4 * RNG.normal(size=(3, 3))))
