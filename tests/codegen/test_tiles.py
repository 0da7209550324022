"""Scans that run tile by tile give the bits that they give in one loop."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
from scancc import pass_lists
from scancc import tensor as T
from scancc.config import change_flags
from tests.differential.campaign import use_steps

SIZES = (0, 1, 3, 4, 5, 8, 13)  # steps, in tiles of 4
ROUND = (0, 1, 7, 8, 9, 511, 512, 513, 520, 1029, 2561)  # around whole tiles of 512


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(pass_lists, "CPU_SCAN", pass_lists.CPU_SCAN)
    monkeypatch.setattr(pass_lists, "CPU_LOOP", pass_lists.CPU_LOOP)
    use_steps("tile{always=true size=4}")


def likelihood(x, a):
    def step(x_t, s):
        s = 1 + a * x_t**2 + 0.5 * s
        return s, T.log(s) + x_t**2 / s
    (s, terms), _ = sc.scan(step, sequences=x, outputs_info=[T.constant(1.0), None])
    return [s, terms]


def work_before(x, a):
    return sc.scan(lambda x_t, s: T.exp(-x_t**2) + a * s, sequences=x, outputs_info=T.constant(0.0))[0]


def cycle_after_cycle(x, a):
    def step(x_t, h, s):
        h = a * h + x_t
        return h, 0.5 * s + T.exp(h)
    return sc.scan(step, sequences=x, outputs_info=[T.constant(0.0), T.constant(1.0)])[0]


def old_states(x, a):
    """Rows of a state as it was, also two steps ago, and of one that only remembers."""
    def step(x_t, before, h2, h1):
        return x_t, a * h2 + T.sin(x_t), T.exp(h1) + before, h1
    last, h, *rest = sc.scan(step, sequences=x, outputs_info=[
        T.constant(1.0), {"initial": T.constant(np.array([0.5, 0.25])), "taps": [-2, -1]}, None, None])[0]
    return [last, h, *rest]


def far_state(x, a):
    return sc.scan(lambda x_t, h: T.tanh(x_t) + a * h, sequences=x,
                   outputs_info={"initial": T.arange(9.0), "taps": [-9]})[0]


def seasons(x, a):
    """Two lags of a state, one that reads the past of another, and heavy work: no step waits for the last 8."""
    past = T.arange(12.0) / 12

    def step(t, x_t, h12, h9, k9):
        h = x_t + a * h12 - 0.25 * T.tanh(h9)
        return h, 0.5 * k9 + h9 + t, T.exp(-k9) * h
    return sc.scan(step, sequences=[T.arange(x.shape[0]), x], outputs_info=[
        {"initial": past, "taps": [-12, -9]}, {"initial": past[:9] - 1, "taps": [-9]}, None])[0]


def last_of_seasons(x, a):
    h = sc.scan(lambda x_t, h9: T.tanh(x_t) + a * h9, sequences=x,
                outputs_info={"initial": T.arange(9.0), "taps": [-9]})[0]
    return [T.concatenate([T.arange(9.0), h])[-9:], (h > 0).sum()]


def one_season(x, a):
    return sc.scan(lambda x_t, h9: x_t + a * h9, sequences=x,
                   outputs_info={"initial": T.arange(9.0), "taps": [-9]})[0]


def season_and_level(x, a):
    """A state that comes back after 32 steps, one that comes back at once, and a maximum."""
    h, s = sc.scan(lambda x_t, h32, s: (x_t + a * T.tanh(h32), a * s + h32 * x_t), sequences=x,
                   outputs_info=[{"initial": T.arange(32.0), "taps": [-32]}, T.constant(0.5)])[0]
    return [h, s, (T.concatenate([h, [0.0]]) > 1).any()]


def some_of_a_season(x, a):
    h, k = sc.scan(lambda x_t, h9: (x_t + a * h9, h9 - x_t), sequences=x,
                   outputs_info=[{"initial": T.arange(9.0), "taps": [-9]}, None])[0]
    return [h[::4], k[-2:]]


def numbers_of_steps(x, a):
    def step(t, x_t, k, s):
        return k + t % 3, s * 0.5 + T.cos(x_t * t), T.exp(a * k), T.switch(x_t > 0, t, k), T.log(a) + t
    return sc.scan(step, sequences=[T.arange(x.shape[0]), x], outputs_info=[
        0, T.constant(0.0), None, None, None])[0]


def last_values(x, a):
    (s, q), _ = sc.scan(lambda x_t, s, q: (T.exp(x_t) + a * s, T.maximum(q, T.log(1 + s**2))), sequences=x,
                        outputs_info=[T.constant(1.0), T.constant(0.0)])
    return [T.concatenate([[1.0], s])[-1], T.concatenate([[1.0], q])[-1]]


def rows_of_arrays(x, a):
    m = T.outer(x, T.arange(3.0))
    return sc.scan(lambda m_t, s: (a * s + m_t.sum(), T.exp(s)), sequences=m, outputs_info=[T.constant(0.0), None])[0]


def loops_inside(x, a):
    def step(x_t, s):
        inner = sc.scan(lambda i, q: T.exp(i * 0.1) * 0.1 + a * q, sequences=T.arange(7), outputs_info=x_t)[0]
        return 0.5 * s + inner[-1], T.log(1 + s**2)
    return sc.scan(step, sequences=x, outputs_info=[T.constant(0.0), None])[0]


def states_of_arrays(x, a):
    """A vector that is written whole, one that is written in part, and rings of both; rows of numbers."""
    def step(t, x_t, h, table, past):
        h = T.tanh(T.outer(h, h).sum(axis=0) * a + x_t)
        table = T.set_subtensor(table[0], x_t * t + table[2])[::-1]
        return h, table, past * a + h, T.exp(h.max()) + table.sum(), T.log(1 + past[0]**2)
    found, _ = sc.scan(step, sequences=[T.arange(x.shape[0]), x], outputs_info=[
        T.arange(2.0), T.arange(3.0), {"initial": T.ones((10, 2)), "taps": [-10]}, None, None])
    return found[3:]


def backwards(x, a):
    return sc.scan(lambda x_t, s: (a * s + x_t, T.exp(s)), sequences=x, outputs_info=[T.constant(0.0), None],
                   go_backwards=True)[0]


def terms(x, a):
    def step(x_t, s):
        s = 1 + a * x_t**2 + 0.5 * s
        return s, T.log(s) + x_t**2 / s
    return sc.scan(step, sequences=x, outputs_info=[T.constant(1.0, x.dtype), None])[0]


def sum_of_terms(x, a):
    return terms(x, a)[1].sum()


def several_sums(x, a):
    """Two of one array, one with an array that is there before, one with work of its own, and a mean."""
    s, found = terms(x, a)
    return [found.sum(), (found * x).sum(), T.exp(-found).sum(), s.mean(), (s**2).sum()]


def sum_of_what_is_kept(x, a):
    s, found = terms(x, a)
    return [found, found.sum(), T.concatenate([[1.0], s])[-1]]


def first_rows(x, a):
    """The variance that is there before each value."""
    s, _ = terms(x, a)
    return 0.5 * (T.log(s[:-1]) + x[1:]**2 / s[:-1]).sum()


def around_the_last_state(x, a):
    """A sum that needs a state after all steps, beside one that does not."""
    s, found = terms(x, a)
    return [((s - T.concatenate([[1.0], s])[-1])**2).sum(), found.sum()]


def exact_reductions(x, a):
    s, found = terms(x, a)
    return [T.switch(x.shape[0] > 0, T.concatenate([found, [0.0]]).max(), 0.0), (s > 2).sum(), T.all(s > 0),
            T.any(found > 3), found.sum()]


def sum_of_a_season(x, a):
    """A tile takes the sum along, and in it what no step waits for runs side by side."""
    h = sc.scan(lambda x_t, h9: T.tanh(x_t) + a * h9, sequences=x,
                outputs_info={"initial": T.cast(T.arange(9.0), x.dtype), "taps": [-9]})[0]
    return [T.log(1 + h**2).sum(), (h * x).sum()]


def sum_of_a_long_season(x, a, known=None):
    """Of as many steps as a block of a sum has terms."""
    h = sc.scan(lambda x_t, h512: T.tanh(x_t) + a * h512, sequences=x, n_steps=known,
                outputs_info={"initial": T.arange(512.0), "taps": [-512]})[0]
    return [T.log(1 + h**2).sum(), (h**2).mean()]


def filtered(x, a):
    """The log-likelihood of a filter, whose state is a vector and a matrix."""
    def step(x_t, m, c):
        m, c = T.stack([m[0] * a + m[1], m[1] * a]), c * a + T.eye(2)
        s = c[0, 0] + 1
        k, e = c[:, 0] / s, x_t - m[0]
        return m + k * e, c - T.outer(k, c[0]), T.log(s) + e**2 / s
    (_, _, terms), _ = sc.scan(step, sequences=x, outputs_info=[
        T.zeros(2, x.dtype), T.eye(2, dtype=x.dtype), None])
    return terms.sum()


def product(x, a):
    s, found = terms(x, a)
    return [(s / 2).prod(), found.sum(), T.exp(-s / 9).prod(), (1 + found / 99).prod()]


def products_of_arrays(x, a):
    """Of all elements of rows, which a program knows or not, and of rows alone."""
    m, h = arrays(x, a)
    return [(1 + h / 999).prod(), (1 + arrays(x, a, known=True)[1] / 999).prod(), (x[:, None] + h).prod()]


def products_of_first_rows(x, a):
    s, _ = terms(x, a)
    return [(1 + s[:-1] * x[1:] / 99).prod()]


def product_until(x, a):
    h = sc.scan(lambda x_t, h: (a * h + x_t, sc.until(T.abs(h - 2.5) < 0.001)), sequences=x,
                outputs_info=T.constant(0.0))[0]
    return [(1 + h / 99).prod(), T.exp(h).prod()]


def sum_of_integers(x, a):
    k, h = sc.scan(lambda x_t, k: (k + 3 * (x_t > 0), T.exp(a * k)), sequences=x, outputs_info=[0, None])[0]
    return [k.sum(), h.sum()]


def sum_of_complex(x, a):
    z = sc.scan(lambda x_t, z: z * T.exp(1j * x_t) + a, sequences=x, outputs_info=T.constant(1j))[0]
    return [T.real(z.sum()), T.imag(z.sum())]


def arrays(x, a, known=None):
    """Rows that are arrays, of 5 elements, as the program knows or not."""
    start = T.arange(5.0)
    m = T.outer(x, start if known else T.concatenate([start, x[:0]]))
    def step(m_t, h):
        return T.tanh(m_t) + a * T.concatenate([h[1:], h[:1]])
    return m, sc.scan(step, sequences=m, outputs_info=start)[0]


def sums_of_all_elements(x, a):
    m, h = arrays(x, a)
    return [h.sum(), ((h - m)**2).mean()]


def sums_of_all_elements_of_known_rows(x, a):
    m, h = arrays(x, a, known=True)
    return [(h**2).sum() / (h > 0).sum(), ((h - m)**2).mean()]


def sums_of_sums(x, a):
    """A row's factor, and rows that no memory holds in a row."""
    m, h = arrays(x, a)
    return [(x[:, None] * h).sum(), (h * T.arange(5.0)).sum(), (h - m[::-1]).sum()]


def sums_beside_rows(x, a):
    """Of arrays, as a filter keeps its means, with sums of numbers."""
    def step(x_t, h):
        h = a * T.concatenate([h[1:], h[:1]]) + x_t
        return h, T.log(1 + h[0]**2), (h**2).sum()
    (h, cost, size), _ = sc.scan(step, sequences=x, outputs_info=[T.arange(3.0), None, None])
    return [h, cost.sum(), size.mean(), size]


def sums_beside_rows_until(x, a):
    def step(x_t, h):
        h = a * h + x_t
        return [h, T.exp(-h[0]**2)], sc.until(T.abs(h[1] - 2.5) < 0.001)
    (h, cost), _ = sc.scan(step, sequences=x, outputs_info=[T.arange(3.0), None])
    return [h, cost.sum()]


def linear(x, a):
    return sc.scan(lambda x_t, h: a * h + x_t, sequences=x, outputs_info=T.constant(0.0, x.dtype))[0]


def variance(x, a):
    h = linear(x, a)
    return [h.mean(), h.var()]


def soft_maximum(x, a):
    return T.logsumexp(linear(T.concatenate([x, [1.0]]), a))


SUMS = [variance, soft_maximum, sum_of_terms, several_sums, sum_of_what_is_kept, first_rows,
        around_the_last_state, exact_reductions, sum_of_a_season, sum_of_a_long_season, filtered, product,
        products_of_arrays, products_of_first_rows, product_until, sum_of_integers, sum_of_complex,
        sums_of_all_elements, sums_of_all_elements_of_known_rows, sums_of_sums, sums_beside_rows,
        sums_beside_rows_until]
PROGRAMS = [likelihood, work_before, cycle_after_cycle, old_states, far_state, numbers_of_steps, last_values,
            rows_of_arrays, states_of_arrays, loops_inside, backwards]
LAGS = [seasons, last_of_seasons, one_season, season_and_level, some_of_a_season]


def compiled(program, left_out, gradient=False, dtype="float64"):
    with change_flags(floatX=dtype, leave_out=left_out):
        x, a = T.vector("x"), T.scalar("a")
        found = program(x, a)
        found = found if isinstance(found, list) else [found]
        if gradient:
            cost = sum(T.sum(T.cast(v, dtype) * T.cast(T.arange(v.size).reshape(v.shape) + 1, dtype)) for v in found)
            found = sc.grad(cost, [x, a])
        return sc.function([x, a], found)


def require_same_bits(program, sizes=SIZES, gradient=False, dtype="float64"):
    tiled, whole = compiled(program, "", gradient, dtype), compiled(program, "tile", gradient, dtype)
    assert is_tiled(tiled) and not is_tiled(whole)
    rng = np.random.default_rng(0)
    for n in sizes[1:] if gradient else sizes:
        x = rng.normal(size=n).astype(dtype)
        for got, expected in zip(tiled(x, 0.5), whole(x, 0.5), strict=True):
            assert got.shape == expected.shape and got.tobytes() == expected.tobytes(), n


def is_tiled(function):
    return any(remark.done for remark in function.remarks if remark.pass_name == "tile")


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_values(program):
    require_same_bits(program)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_gradients(program):
    require_same_bits(program, gradient=True)


@pytest.mark.parametrize("gradient", [False, True], ids=["values", "gradients"])
@pytest.mark.parametrize("program", LAGS, ids=lambda p: p.__name__)
def test_what_no_step_waits_for(program, gradient):
    require_same_bits(program, (0, 1, 8, 9, 10, 17, 18, 27, 100), gradient)


@pytest.mark.parametrize("program", SUMS, ids=lambda p: p.__name__)
def test_sums(program):
    require_same_bits(program, ROUND)


def test_sums_of_whole_seasons():
    require_same_bits(lambda x, a: sum_of_a_long_season(x, a, known=1024), (1024,))


@pytest.mark.parametrize("program", [sum_of_terms, several_sums, sum_of_a_season], ids=lambda p: p.__name__)
def test_gradients_of_sums(program):
    require_same_bits(program, ROUND, gradient=True)


def test_sums_of_single_precision():
    require_same_bits(several_sums, (*ROUND, 1024, 5003), dtype="float32")


def test_a_sum_keeps_no_row():
    """Two tiles of 4 KB, whatever the number of steps, and a row for each step where nothing is tiled."""
    tiled, whole = (compiled(sum_of_terms, left_out).memory_plan(np.zeros(10**5), 0.5) for left_out in ("", "tile"))
    assert tiled.workspace_nbytes == 8192
    assert whole.workspace_nbytes >= 8 * 10**5


@pytest.mark.parametrize("program", [sums_beside_rows, sums_beside_rows_until, product, product_until],
                         ids=lambda p: p.__name__)
def test_what_goes_along_keeps_nothing_more(program):
    f = compiled(program, "")
    assert len({f.memory_plan(np.zeros(n), 0.5).workspace_nbytes for n in (10**4, 10**5)}) == 1


@pytest.mark.parametrize("of", [T.var, T.logsumexp])
def test_what_waits_for_another_sum_keeps_no_row(of):
    f = compiled(lambda x, a: of(linear(x, a)), "")
    assert [f.memory_plan(np.zeros(n), 0.5).workspace_nbytes for n in (10**4, 10**5)] == [4096, 4096]


def heavy_variance(x, a):
    return sc.scan(lambda x_t, h: T.tanh(a * h + x_t), sequences=x, outputs_info=T.constant(0.0))[0].var()


def waits_twice(x, a):
    h = linear(x, a)
    return ((h - h.var())**2).sum()


@pytest.mark.parametrize("program, why", [
    (heavy_variance, "the scan does not run again: a step costs about"), (waits_twice, "more than twice")])
def test_rows_that_cost_less_than_to_run_again(program, why):
    f, x = compiled(program, ""), np.linspace(-1, 2, 1500)
    assert any(why in remark.reason for remark in f.remarks if remark.pass_name == "tile")
    with change_flags(leave_out="tile"):
        assert f(x, 0.5)[0].tobytes() == compiled(program, "tile")(x, 0.5)[0].tobytes()


def singular(x, a):
    """A matrix that may be singular, and heavy work behind it."""
    def step(x_t, m):
        m = 0.5 * m + T.linalg.inv(T.stack([T.stack([x_t, a]), T.stack([a, x_t])]))
        return m, T.log(m[0, 0]**2)
    return sc.scan(step, sequences=x, outputs_info=[T.eye(2), None], name="filter")[0][1]


def singular_or_outside(x, a):
    """It may also look outside a table, before the matrix or after it."""
    def step(x_t, m):
        k = T.cast(T.floor(T.log(x_t**2 + 1)), "int64")
        m = 0.5 * m + T.linalg.inv(T.stack([T.stack([x_t, a]), T.stack([a, x_t])]))
        return m, T.log(m[0, 0]**2) + T.arange(3.0)[k]
    return sc.scan(step, sequences=x, outputs_info=[T.eye(2), None])[0][1]


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("program", [singular, singular_or_outside], ids=lambda p: p.__name__)
@pytest.mark.parametrize("steps", [(0,), (9,), (5, 7), (7, 5), (3, 4), (13,)])
def test_the_first_error_and_its_step_are_told(program, steps):
    """At the first of `steps` the matrix is singular, at the second the table too short."""
    x = np.linspace(1, 2, 14)
    for step, value in zip(steps, (0.5, 99.0), strict=False):
        x[step] = value
    told = []
    for left_out in ("", "tile"):
        f = compiled(program, left_out)
        with pytest.raises(Exception, match=r"singular|out of") as raised:
            f(x, 0.5)
        told.append((raised.type, str(raised.value), raised.value.__notes__))
    assert is_tiled(compiled(program, "")) and told[0] == told[1]
    first = min(steps) if program is singular_or_outside else steps[0]
    assert f"in step {first} of " in "".join(told[0][2])
