"""What the gradient of a scan keeps of the forward steps, and what it computes again."""

import re

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.frontend.gradients import grad


def nest(x, w, n, m):
    """n steps of m steps of a matrix; each step reads the last inner row, and their sum."""
    def outer(s, w):
        rows, _ = sc.scan(lambda r, w: T.tanh(r * w), outputs_info=[s], non_sequences=[w], n_steps=m)
        return rows[-1] + 0.1 * T.cos(rows).sum(axis=0)
    return sc.scan(outer, outputs_info=[x], non_sequences=[w], n_steps=n)[0]


def nest_gradient(**options):
    x, w, n, m = T.matrix("x"), T.matrix("w"), T.lscalar("n"), T.lscalar("m")
    return sc.function([x, w, n, m], grad((nest(x, w, n, m)[-1] ** 2).sum(), [x, w]), **options)


def test_the_reverse_of_a_nest_holds_the_inner_rows_of_one_outer_step():
    """832 MiB with all of them, in 200 steps of 200 of 30 rows of 30."""
    plan = nest_gradient().memory_plan(np.empty((30, 30)), np.empty((30, 30)), 200, 200)
    assert plan.peak_nbytes < 2**20 * 9


def test_the_rows_before_each_step_are_no_second_copy():
    """The initial row and those of the scan lie in one buffer."""
    h, a, n = T.vector("h"), T.vector("a"), T.lscalar("n")
    rows, _ = sc.scan(lambda h, a: T.tanh(a * h), outputs_info=[h], non_sequences=[a], n_steps=n)
    f = sc.function([h, a, n], grad(rows[-1].sum(), [h, a]))
    assert f.memory_plan(np.empty(64), np.empty(64), 1000).workspace_nbytes == 8 * 64 * 1001
    scalar, b = T.scalar("scalar"), T.scalar("b")
    rows, _ = sc.scan(lambda x, b: T.sin(b * x), outputs_info=[scalar], non_sequences=[b], n_steps=n)
    f = sc.function([scalar, b, n], grad(rows[-1], b))
    assert f.memory_plan(0.1, 0.5, 1000).workspace_nbytes < 8 * 2100


def test_gates_that_are_parts_of_a_product_are_kept():
    """Their lengths are told by sizes outside the loop, by way of a slice."""
    x, h, w = T.matrix("x"), T.vector("h"), T.matrix("w")

    def step(x, h, w):
        both, n = x + h @ w, h.shape[0]
        return T.sigmoid(both[:n]) * T.tanh(both[n:])

    rows, _ = sc.scan(step, x, h, w)
    text = str(sc.function([x, h, w], grad(rows.sum(), w)).dump("scan"))
    assert (text.count("sigmoid("), text.count("tanh(")) == (1, 1)


def test_the_length_of_a_slice_by_sizes_outside_is_no_row():
    """A GRU whose shapes are not said kept an integer a step, and guessed the bounds of what it told the sizes of."""
    x, w, u, v = T.tensor3("x"), T.matrix("w"), T.matrix("u"), T.matrix("v")
    n = v.shape[0]

    def step(x, h, w, u, v):
        a = x @ w
        gates = T.sigmoid(a[:, :2 * n] + h @ u)
        return gates[:, :n] * h + T.tanh(a[:, 2 * n:] + (gates[:, n:] * h) @ v)

    rows, _ = sc.scan(step, x, T.zeros((x.shape[1], n)), [w, u, v])
    text = str(sc.function([x, w, u, v], grad(rows.sum(), [w, u, v])).dump("scan"))
    assert "empty i64" not in text and "BoundExceeded" not in text


@pytest.mark.parametrize("start, stop", [(0, 3), (1, None), (-2, None), (None, -1), (-9, 9), (3, 1), (5, 9), (2, -2)])
@pytest.mark.parametrize("steps", [0, 3])
def test_the_length_of_a_slice_with_bounds_that_are_told_when_it_runs(start, stop, steps):
    x, w, bounds = T.matrix("x"), T.vector("w"), [None if k is None else T.lscalar() for k in (start, stop)]
    given = [bound for bound in bounds if bound is not None]
    rows, _ = sc.scan(lambda x, w, *given: T.exp((x * w)[slice(*bounds)]), x, non_sequences=[w, *given])
    results = [rows, *grad((T.sin(rows) ** 2).sum(), [x, w])]
    numbers = [np.linspace(-1, 1, 5 * steps).reshape(steps, 5), np.linspace(1, 2, 5),
               *(k for k in (start, stop) if k is not None)]
    got, want = (sc.function([x, w, *given], results, mode=mode)(*numbers) for mode in (None, "reference"))
    assert got[0].shape == (steps, len(range(5)[start:stop]))
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_rows_of_a_known_number_are_kept_once():
    """Those that the reverse reads from the last one on were kept turned, by a copy of each tile."""
    x, h, w = T.matrix("x", shape=(20, 32)), T.vector("h", shape=(32,)), T.matrix("w", shape=(32, 32))
    rows, _ = sc.scan(lambda x, h, w: T.tanh(x @ w) * T.sigmoid(h @ w), x, h, w)
    text = sc.function([x, h, w], grad((rows**2).sum(), w)).ir("loop")
    assert "by -1" in text and not re.search(r"copy .*by -1", text)


def test_of_a_window_whose_length_is_not_told_the_length_is_kept():
    """Not the window of each step, which is as long as the state: 1,150 numbers a step and element, now 4."""
    i, j, p = T.lvector("i"), T.lvector("j"), T.vector("p")

    def moved(c, x, p):
        return sc.ifelse(c > 0, T.concatenate([p[1:], T.stack([x])]), p)

    def gradient(mode=None):
        rows, _ = sc.scan(lambda i, j, p: moved(j, p[j], moved(i, p[i], p)), sequences=[i, j], outputs_info=[p])
        return sc.function([i, j, p], grad((rows[-1] ** 2).sum(), p), mode=mode)

    f, reference = gradient(), gradient("reference")
    places = np.arange(60) * 7 % 30
    small, large = (f.memory_plan(places, places, np.empty(n)).workspace_nbytes for n in (1000, 2000))
    assert large - small < 8 * 1000 * 8
    table = np.linspace(-1, 1, 40)
    np.testing.assert_allclose(f(places, places[::-1], table), reference(places, places[::-1], table), rtol=1e-12)


def test_one_value_is_kept_where_what_the_reverse_reads_follows_from_it():
    """Not the three arguments of the sines."""
    x, h = T.matrix("x"), T.vector("h")

    def step(x, h):
        u = T.exp(x)
        return T.sin(u + h) + T.sin(u - h) + T.sin(2 * u + h)

    rows, _ = sc.scan(step, x, h)
    f = sc.function([x, h], grad(rows[-1].sum(), h))
    assert f.memory_plan(np.empty((1000, 64)), np.empty(64)).workspace_nbytes < 8 * 64 * 2010  # those of h beside it


def test_what_a_number_adds_up_of_elements_is_one_sum_after_the_loop():
    """A sum in each step kept elements from running side by side: the reverse of 64 took 74 ns a step, takes 32."""
    h, rate, decay, n = T.vector("h"), T.scalar("rate"), T.scalar("decay"), T.lscalar("n")

    def step(h, v, rate, decay):
        v = decay * v - rate * h * h
        return h + v, v

    (rows, _), _ = sc.scan(step, outputs_info=[h, T.zeros_like(h)], non_sequences=[rate, decay], n_steps=n)
    outputs = grad((rows[-1] ** 2).sum(), [h, rate, decay])
    f, at = sc.function([h, rate, decay, n], outputs), (np.linspace(-1, 1, 20), 0.1, 0.9, 30)
    assert not [line for line in str(f.dump("scan")).splitlines() if re.match(" {4,}.* over \\[", line)]
    for found, expected in zip(f(*at), sc.function([h, rate, decay, n], outputs, mode="reference")(*at), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    sc.gradient.verify_grad(lambda h, a: sc.scan(lambda h, a: h - a * h * h, None, h, a, n_steps=4)[0][-1],
                            [np.linspace(-1, 1, 3), np.array(0.3)])


def test_the_reverse_of_gates_is_one_loop():
    """The gradients of disjoint parts of a product are written side by side."""
    x, h, w = T.matrix("x"), T.vector("h"), T.matrix("w")

    def step(x, h, w):
        both = x + h @ w
        return T.sigmoid(both[:3]) * T.tanh(both[3:6]) * T.exp(both[6:])

    rows, _ = sc.scan(step, x, h, w)
    text = str(sc.function([x, h, w], grad(rows.sum(), w)).dump("scan"))
    assert len(re.findall(r"each \[i\] (cycle|before|after)", text[text.index("grad_state_last"):])) == 1


def test_a_block_keeps_one_stack_of_a_state():
    """Each row is the new state of one step and the old one of the next."""
    h, a, n = T.vector("h"), T.vector("a"), T.lscalar("n")
    rows, _ = sc.scan(lambda h, a: T.tanh(a * h), outputs_info=[h], non_sequences=[a], n_steps=n)
    f = sc.function([h, a, n], grad(rows[-1].sum(), [h, a], max_bytes=10**6))
    assert f.memory_plan(np.empty(64), np.empty(64), 10_000).workspace_nbytes < 8 * 64 * (2 * 100 + 10)


def test_the_rows_before_each_step_are_no_second_copy_where_a_loop_may_stop():
    h, a, n = T.vector("h"), T.vector("a"), T.lscalar("n")

    def gradient(mode=None):
        rows, _ = sc.scan(lambda h, a: (T.tanh(a * h), sc.until(h.sum() < 0.1)), outputs_info=[h], non_sequences=[a],
                          n_steps=n)
        return sc.function([h, a, n], grad(rows[-1].sum() + (rows**2).sum(), [h, a]), mode=mode)

    f, reference = gradient(), gradient("reference")
    assert f.memory_plan(np.empty(64), np.empty(64), 1000).workspace_nbytes < 8 * 64 * 1010
    for scale in (0.1, 0.5, 0.9, 1.5):
        values = np.ones(64), scale * np.ones(64), 30
        for found, expected in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("cost", "kept"), [
    (lambda rows: rows[-1].sum(), 30), (lambda rows: T.exp(rows).sum(), 10_040)])
def test_a_truncated_gradient_keeps_the_last_rows(cost, kept):
    """Beside what the cost itself asks for."""
    h, a, n = T.vector("h"), T.vector("a"), T.lscalar("n")

    def gradient(mode=None):
        rows, _ = sc.scan(lambda h, a: T.tanh(a * h), outputs_info=[h], non_sequences=[a], n_steps=n,
                          truncate_gradient=5)
        return sc.function([h, a, n], grad(cost(rows), [h, a]), mode=mode)

    f, reference = gradient(), gradient("reference")
    assert f.memory_plan(np.empty(64), np.empty(64), 10_000).workspace_nbytes < 8 * 64 * kept
    for n_steps in (1, 4, 5, 6, 20):
        values = np.linspace(-1, 1, 64), np.linspace(2, -0.5, 64), n_steps
        for found, expected in zip(f(*values), reference(*values), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gradient_of_a_nest_by_differences():
    points = [np.random.default_rng(0).uniform(-1, 1, (2, 2)) for _ in range(2)]
    native, reference = nest_gradient(), nest_gradient(mode="reference")
    for n, m in [(1, 1), (1, 3), (3, 1), (4, 5)]:
        for found, expected in zip(native(*points, n, m), reference(*points, n, m), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-13)
    with pytest.raises(IndexError, match="index -1 is out of range"):
        native(*points, 5, 0)
    sc.gradient.verify_grad(lambda x, w: nest(x, w, 3, 2)[-1], points)


def test_draws_of_inner_steps_are_drawn_again_as_they_were():
    """The rows of the inner scan, as they were in the forward step, are those that the reverse step reads."""
    x, w = T.vector("x"), T.scalar("w")
    stream = T.random.RandomStream(7)

    def outer(a, s):
        rows, _ = sc.scan(lambda t: t * w + stream.normal(size=(3,)), outputs_info=[s], n_steps=4)
        return T.sum(rows**2, axis=0) * a

    rows, updates = sc.scan(outer, x, outputs_info=[T.zeros(3)])
    cost = rows[-1].sum()
    f = sc.function([x, w], [cost, grad(cost, w)], updates=updates)
    g = sc.function([x, w], cost, no_default_updates=True)
    at = np.array([0.5, 0.3, 0.2])
    ends = [float(g(at, 0.7 + move)) for move in (1e-6, -1e-6)]
    value, slope = f(at, 0.7)
    assert ends[1] != value != ends[0]
    np.testing.assert_allclose(slope, (ends[0] - ends[1]) / 2e-6, rtol=1e-6)


@pytest.mark.parametrize("shape", [(30,), (30, 30)])
def test_a_nest_keeps_no_rows_of_all_inner_steps(shape):
    """The sum of products over inner steps is taken in each outer step."""
    h, w = T.tensor("h", dtype="float64", shape=(None,) * len(shape)), T.matrix("w")

    def outer(h, w):
        return sc.scan(lambda h, w: T.tanh(h @ w), outputs_info=[h], non_sequences=[w], n_steps=50)[0][-1]

    rows, _ = sc.scan(outer, outputs_info=[h], non_sequences=[w], n_steps=40)
    outputs = grad((rows[-1] ** 2).sum(), [h, w])
    f = sc.function([h, w], outputs)
    a, b = np.random.default_rng(0).normal(size=shape) * 0.3, np.eye(30) + 0.01
    assert f.memory_plan(a, b).peak_nbytes < 8 * np.prod(shape) * 5 * (40 + 50) + 30 * 30 * 8 * 8
    for found, expected in zip(f(a, b), sc.function([h, w], outputs, mode="reference")(a, b), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_rows_that_the_derivative_of_an_inner_scan_adds_are_those_of_one_outer_step():
    """Newton's quotient was kept for all inner steps of all outer ones: 20 numbers an outer step, where one is."""
    x, a = T.vector("x"), T.scalar("a")

    def solve(x, z, a):
        return sc.scan(lambda z, x, a: z - (z**3 + a*z - x) / (3*z*z + a), outputs_info=z, non_sequences=[x, a],
                       n_steps=20)[0][-1] * 0.5

    rows, _ = sc.scan(solve, x, T.constant(0.5), a)
    outputs = grad((rows**2).sum(), [x, a])
    f, at = sc.function([x, a], outputs), (np.linspace(1, 2, 1000), 1.5)
    assert f.memory_plan(*at).workspace_nbytes < 8 * 2100
    for found, expected in zip(f(*at), sc.function([x, a], outputs, mode="reference")(*at), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_likelihood_behind_the_loop_keeps_the_variances_and_their_gradients():
    """Four arrays were kept: terms of the sum, which it makes again, and a copy of the gradients between zeros."""
    r, w, a, b = T.vector("r"), T.scalar("w"), T.scalar("a"), T.scalar("b")
    s, _ = sc.scan(lambda r, s, w, a, b: w + a*r**2 + b*s, r, T.constant(1.0), [w, a, b])
    cost = 0.5 * (T.log(s[:-1]) + r[1:]**2 / s[:-1]).sum()
    outputs = [cost, *grad(cost, [w, a, b])]
    f, at = sc.function([r, w, a, b], outputs), (np.linspace(-1, 1, 1000), 0.1, 0.2, 0.7)
    assert f.memory_plan(*at).workspace_nbytes < 8 * 2020
    for found, expected in zip(f(*at), sc.function([r, w, a, b], outputs, mode="reference")(*at), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("inner", "max_bytes"), [("sqrt", None), (None, 60_000)])
def test_starts_of_blocks_of_inner_steps_are_those_of_one_outer_step(inner, max_bytes):
    """Of 40 outer steps with 2,000 inner ones all starts would be 600 kB, and rows of one outer step are 320 kB. How
    long blocks are is known before the loop, so that nothing is guessed."""
    v, w, x, n = T.vector("v"), T.vector("w"), T.vector("x"), T.lscalar("n")

    def gradient(inner=None, max_bytes=None, mode=None):
        def outer(h, w, x):
            return sc.scan(lambda x, h, w: T.tanh(h * w + x), x, h, w, checkpoints=inner)[0][-1]

        rows, _ = sc.scan(outer, None, v, [w, x], n_steps=n)
        return sc.function([v, w, x, n], grad((rows[-1] ** 2).sum(), [v, w], max_bytes=max_bytes), mode=mode)

    f = gradient(inner, max_bytes)
    at = np.linspace(0.1, 1, 20), np.linspace(1.1, 2, 20)
    plan = f.memory_plan(*at, np.empty(2000), 40)
    assert plan.workspace_nbytes < 80_000
    assert "bound_0" not in plan.names
    at += np.linspace(-1, 1, 7), 5
    for found, expected in zip(f(*at), gradient(mode="reference")(*at), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(("options", "stops"), [({}, False), ({"truncate_gradient": 4}, False), ({}, True)])
def test_the_gradient_of_single_rows_is_no_stack(options, stops):
    """It is added in the steps of these rows; one that is not there is an error."""
    h, a, n, k = T.vector("h"), T.vector("a"), T.lscalar("n"), T.lscalar("k")

    def gradient(mode=None):
        def step(h, a):
            new = T.tanh(a * h)
            return (new, sc.until(new.sum() < 1e-3)) if stops else new
        rows, _ = sc.scan(step, outputs_info=[h], non_sequences=[a], n_steps=n, **options)
        return sc.function([h, a, n, k], grad((rows[k] * rows[-1]).sum() + rows[-2][3] ** 2, [h, a]), mode=mode)

    f, reference = gradient(), gradient("reference")
    args = np.linspace(0.1, 1, 64), np.linspace(0.5, 2, 64)
    for steps, row in ((20, 3), (20, -4), (5, 4), (2, 0)):
        for found, expected in zip(f(*args, steps, row), reference(*args, steps, row), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(IndexError, match="index 9 is out of range for axis 0 with length 5"):
        f(*args, 5, 9)
    assert f.memory_plan(*args, 1000, 3).workspace_nbytes < 8 * 64 * 1100


def test_what_the_forward_steps_save_is_read_by_products_where_it_lies():
    """Rows that the reverse reads, and a product that is a gradient by a matrix: no copy in the reverse's order."""
    P, A, n = T.matrix("P"), T.matrix("A"), T.lscalar("n")

    def step(P, A):
        half = T.dot(A, P)
        return T.dot(half, A.T) / (1 + (half ** 2).sum())

    rows, _ = sc.scan(step, outputs_info=P, non_sequences=A, n_steps=n)
    gradients = grad(rows[-1].sum(), A)
    args = [np.eye(5) + 0.1, np.full((5, 5), 0.2), 4]
    f, reference = (sc.function([P, A, n], gradients, mode=mode) for mode in ("native", "reference"))
    np.testing.assert_allclose(f(*args), reference(*args), rtol=1e-12)
    assert "copy" not in str(f.ir("loop", after="join-rows"))


def test_rows_of_a_gradient_in_another_shape_are_made_in_the_output():
    x, W = T.tensor3("x"), T.matrix("W")
    h, _ = sc.scan(lambda v, h, W: T.tanh(T.dot(v, W) + h), x, T.zeros_like(T.dot(x[0], W)), W)
    f = sc.function([x, W], grad((h[-1] ** 2).sum(), x))
    assert "copy &reshape" not in str(f.ir("loop", after="join-rows"))
    x_, W_ = np.random.default_rng(4).normal(size=(6, 3, 2)), np.full((2, 4), 0.3)
    np.testing.assert_allclose(f(x_, W_), sc.function([x, W], grad((h[-1] ** 2).sum(), x), mode="reference")(x_, W_))


def test_rows_of_fewer_steps_than_a_sequence_has_are_all_of_them():
    """The gradients of both rows that a step reads go where they belong."""
    x, a = T.vector("x"), T.scalar("a")
    e, _ = sc.scan(lambda x_t, x_1, e, a: x_t - a * x_1 - 0.3 * e, {"input": x, "taps": [0, -1]}, T.constant(0.0), a)
    f = sc.function([x, a], grad((e ** 2).sum(), [x, a]))
    assert f.memory_plan(np.zeros(1001), 0.3).workspace_nbytes == 16 * 1000
