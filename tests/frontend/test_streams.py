"""Where the draws of a call leave a stream: successive calls share no number, whatever became of scan's updates."""

import warnings

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T

pytestmark = pytest.mark.long

BOTH = pytest.mark.parametrize("mode", ["native", "reference"])


@pytest.fixture
def rs():
    return sc.RandomStream(7)


def numbers(f, *args):
    found = f(*args)
    return np.concatenate([np.ravel(v) for v in (found if isinstance(found, list) else [found])])


def distinct(outputs, mode, inputs=(), args=(), **options):
    """Whether three calls, each of which draws without a repeat, share no number."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = sc.function(list(inputs), outputs, mode=mode, **options)
    drawn = np.concatenate([numbers(f, *args) for _ in range(3)])
    return len(np.unique(drawn)) == len(drawn) > 0


def drawn_in_steps(draw):
    return sc.scan(lambda: draw, n_steps=4)[0]


n = T.lscalar("n")
COUNTER = sc.shared(0, "counter")
DROPPED = {
    "scan": lambda rs: sc.scan(lambda: rs.normal(), n_steps=4)[0],
    "draw closed over": lambda rs: drawn_in_steps(rs.normal()),
    "map": lambda rs: sc.map(lambda a: a + rs.uniform(size=(2,)), T.arange(4))[0],
    "reduce": lambda rs: sc.reduce(lambda a, acc: acc + rs.normal(), T.arange(4), 0.0)[0],
    "foldr": lambda rs: sc.foldr(lambda a, acc: acc + rs.normal(), T.arange(4), 0.0)[0],
    "nested": lambda rs: sc.scan(lambda: sc.scan(lambda: rs.normal(), n_steps=3)[0], n_steps=2)[0],
    "checkpoints": lambda rs: sc.scan_checkpoints(
        lambda x: x * 0.5 + rs.normal(), outputs_info=[1.0], n_steps=7, save_every_N=3)[0],
    "one step": lambda rs: sc.scan(lambda: rs.normal(), n_steps=1)[0],
    "read by another scan": lambda rs: sc.scan(
        lambda a: a * 2, sequences=sc.scan(lambda: rs.normal(), n_steps=4)[0])[0],
    "two draws a step": lambda rs: sc.scan(lambda: rs.normal() + rs.gamma(shape=2.0, size=(3,)), n_steps=2)[0],
    "continued by hand": lambda rs: [(d := rs.normal()), T.random.normal(0, 1, rng=d.update[1])],
    "lazy": lambda rs: sc.ifelse(T.constant(1), sc.scan(lambda: rs.normal(), n_steps=4)[0], T.zeros(4)),
}


@BOTH
@pytest.mark.parametrize("name", DROPPED)
def test_calls_are_independent_where_updates_are_thrown_away(name, mode, rs):
    assert distinct(DROPPED[name](rs), mode)


@BOTH
def test_calls_are_independent_where_steps_are_few_or_end_early(mode, rs):
    rows, _ = sc.scan(lambda: rs.normal(), n_steps=n)
    f = sc.function([n], rows, mode=mode)
    drawn = np.concatenate([f(k) for k in (1, 0, 2, 0, 1)])
    assert len(np.unique(drawn)) == 4

    def until_positive():
        value = rs.normal()
        return value, sc.until(value > 0)

    assert distinct(sc.scan(until_positive, n_steps=50)[0].sum(), mode)


@BOTH
def test_updates_given_in_part_or_as_the_streams_own(mode, rs):
    first, updates = sc.scan(lambda: rs.normal(), n_steps=4)
    second, _ = sc.scan(lambda: rs.normal(), n_steps=3)
    assert distinct([first, second], mode, updates=updates)
    assert distinct([first, second], mode, updates=rs.updates())
    assert distinct(first, mode, updates=rs.updates()[:1], no_default_updates=True)
    same = sc.function([], first, mode=mode, no_default_updates=True)
    np.testing.assert_array_equal(same(), same())


@BOTH
def test_functions_that_share_a_stream_go_on_where_the_other_ended(mode, rs):
    draw = rs.normal()
    rows, _ = sc.scan(lambda: draw, n_steps=4)
    once, many = (sc.function([], v, mode=mode) for v in (draw, rows))
    drawn = np.concatenate([np.ravel(v) for v in (once(), many(), once(), many(), many.copy()())])
    assert len(np.unique(drawn)) == len(drawn)


@BOTH
def test_a_state_with_a_default_update_of_the_users(mode):
    state = T.random.shared_rng(seed=3)
    state.default_update, value = state.normal(0, 1)
    assert distinct(sc.scan(lambda: value, n_steps=4)[0], mode)


def chain(rs, p):
    rows, _ = sc.scan(lambda x: T.tanh(x * p + rs.normal()), outputs_info=[T.constant(1.0)], n_steps=5)
    return rows[-1]


@BOTH
def test_derivatives_and_copies_share_the_draws_of_a_scan(mode, rs):
    p, q = T.dscalars("p", "q")
    cost = chain(rs, p)
    outputs = [cost, sc.grad(cost, p), sc.Rop(cost, p, T.constant(1.0)), sc.clone(cost, {p: q})]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = sc.function([p, q], outputs, mode=mode)
    value, slope, movement, other = f(0.5, 0.5)
    assert value == other and slope == pytest.approx(movement)
    assert f(0.5, 0.5)[0] != value


@BOTH
def test_rows_of_a_jacobian_share_the_draws(mode, rs):  # each row drew anew
    x = T.dvector("x")
    noise = rs.normal(size=(3,))
    drawn, rows = sc.function([x], [noise, sc.gradient.jacobian(x * noise, x)], mode=mode)(np.ones(3))
    np.testing.assert_allclose(rows, np.diag(drawn))
    weight = rs.normal(size=(2,))
    drawn, second = sc.function([x], [weight, sc.gradient.hessian((x[:2] ** 2 * weight).sum(), x)], mode=mode)(
        np.ones(3))
    np.testing.assert_allclose(np.diag(second), [*2 * drawn, 0.0])


@BOTH
def test_a_drawn_parameter_is_one_value_for_all_tries_of_a_draw(mode, rs):  # it was drawn anew in each arrival
    mean = rs.uniform(low=1.0, high=900.0)
    f = sc.function([], [mean, rs.poisson(lam=mean, size=(40,)), rs.gamma(shape=mean, size=(40,))], mode=mode)
    for _ in range(3):
        want, counts, waits = f()
        assert abs(counts.mean() - want) < 1 + want**0.5 and abs(waits.mean() - want) < 1 + want**0.5


FORKS = {
    "two scans": lambda d: [sc.scan(lambda: d, n_steps=4)[0], sc.scan(lambda: d * 2, n_steps=3)[0]],
    "a step and outside": lambda d: [d, sc.scan(lambda: d, n_steps=4)[0]],
    "a step and its inner step": lambda d: sc.scan(
        lambda: sc.scan(lambda: d, n_steps=3)[0][-1] + d, n_steps=2)[0],
}


@pytest.mark.parametrize("name", FORKS)
def test_two_that_draw_from_one_state_are_said(name, rs):
    with pytest.warns(UserWarning, match="draw from one stream from the same state on"):
        f = sc.function([], FORKS[name](rs.normal()))
    assert not np.intersect1d(numbers(f), numbers(f)).size


def test_a_draw_held_fixed_is_no_second_draw(rs):
    d = rs.normal()
    held, _ = sc.scan(lambda d: d, non_sequences=d, n_steps=3)
    f = sc.function([], [d, held])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, rows = f()
    np.testing.assert_array_equal(rows, np.full(3, value))


@pytest.mark.parametrize("build", [
    lambda rs: sc.scan(lambda: rs.normal(), n_steps=4, return_updates=False),
    lambda rs: sc.map(lambda a: a + rs.normal(), T.arange(3), return_updates=False),
    lambda rs: sc.reduce(lambda a, acc: acc + rs.normal(), T.arange(3), 0.0, return_updates=False),
    lambda rs: sc.foldl(lambda a, acc: acc + rs.normal(), T.arange(3), 0.0, return_updates=False),
    lambda rs: sc.scan(lambda: {COUNTER: COUNTER + 1}, n_steps=3, return_updates=False),
])
def test_updates_are_not_dropped_on_request(build, rs):  # D26
    with pytest.raises(ValueError, match="return_updates=False would drop"):
        build(rs)


def test_outputs_alone_where_there_are_no_updates():
    last = sc.reduce(lambda a, acc: acc + a, T.arange(4), 0, return_updates=False)
    assert last.eval() == 6
