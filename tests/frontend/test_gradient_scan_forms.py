"""Gradients through what else a scan can be: until, nested, shared updates, integers, lengths, truncation."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import DisconnectedInputError
from scancc.frontend.gradients import Rop, grad, hessian, jacobian, verify_grad
from scancc.frontend.graph.variables import applies
from scancc.frontend.loops.scan_op import Scan
from scancc.frontend.ops.products import Dot
from scancc.frontend.ops.reference import evaluate
from tests.programs import gradients


def value(output, givens):
    return evaluate([output], givens)[0]


def scans(outputs):
    return [node.op for node in applies(outputs) if isinstance(node.op, Scan)]


# ---- until --------------------------------------------------------------------------------------------


def test_until_reaches_exactly_the_executed_steps():
    """s_t = s_{t-1} x_t, stopped when it passes the limit: the closed form, zeros for what was not read."""
    x, h, limit = T.vector("x"), T.scalar("h"), T.scalar("limit")
    s, _ = sc.scan(lambda a, s: (s * a, sc.until(s * a > limit)), x, h)
    gx, gh = grad(s.sum(), [x, h])
    xs = np.array([2.0, 3.0, 5.0, 7.0, 11.0])
    found = evaluate([s, gx, gh], {x: xs, h: 1.0, limit: 20.0})
    np.testing.assert_allclose(found[0], [2, 6, 30])
    np.testing.assert_allclose(found[1], [1 + 3 + 15, 2 + 10, 6, 0, 0])
    np.testing.assert_allclose(found[2], 2 + 6 + 30)


def test_until_of_a_map_and_with_lags():
    x, h = T.vector("x"), T.vector("h")
    (s, m), _ = sc.scan(
        lambda a, s2, s1: ([s2 + a * s1, a**2], sc.until(a > 4)), x, [dict(initial=h, taps=[-2, -1]), None]
    )
    gx, gh = grad(s[-1] + m.sum(), [x, h])
    found = evaluate([gx, gh], {x: [2.0, 3.0, 5.0, 7.0], h: [0.5, 0.25]})
    # s0 = h0 + 2 h1; s1 = h1 + 3 s0; s2 = s0 + 5 s1
    h0, h1 = 0.5, 0.25
    s0 = h0 + 2 * h1
    s1 = h1 + 3 * s0
    by_s0 = 1 + 15
    np.testing.assert_allclose(found[0], [by_s0 * h1 + 4, 5 * s0 + 6, s1 + 10, 0])
    np.testing.assert_allclose(found[1], [by_s0, 2 * by_s0 + 5])


def test_second_derivative_through_until():
    x = T.vector("x")

    def f(x):
        return sc.scan(lambda a, s: (T.sin(s * a), sc.until(a > 0.8)), x, T.constant(0.5))[0].sum()

    verify_grad(lambda x: grad(f(x), x), [np.array([0.3, 0.7, 0.9, 0.1])])
    assert value(hessian(f(x), x), {x: [0.3, 0.7, 0.9, 0.1]})[3].tolist() == [0, 0, 0, 0]


def test_the_reverse_of_until_runs_the_executed_steps_only():
    x, h = T.vector("x"), T.scalar("h")
    s, _ = sc.scan(lambda a, s: (T.sin(s * a), sc.until(s > 2)), x, h)
    g = grad(s.sum(), h)
    reverse = next(node for node in applies([g]) if isinstance(node.op, Scan) and node.op.body.stop is None)
    length = reverse.op.inputs_of(reverse.inputs).length
    assert value(length, {x: np.ones(1000), h: 3.0}) == 1


# ---- lengths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_number_of_steps_known_at_run_time(n):
    x, h, k = T.vector("x"), T.vector("h"), T.iscalar("k")
    s, _ = sc.scan(lambda a, s3, s1: s3 * a + s1, x, dict(initial=h, taps=[-3, -1]), n_steps=k)
    gx, gh = grad(s.sum(), [x, h])
    xs, hs = np.array([2.0, 3.0, 5.0, 7.0, 11.0]), np.array([0.5, 0.25, 2.0, 9.0])
    found = evaluate([gx, gh], {x: xs, h: hs, k: n})

    def cost(xs, hs):
        states = list(hs[:3])
        for t in range(n):
            states.append(states[-3] * xs[t] + states[-1])
        return sum(states[3:])

    step = 1e-6
    for v, g, at in [(xs, found[0], 0), (hs, found[1], 1)]:
        for i in range(len(v)):
            moved = [xs.copy(), hs.copy()]
            moved[at][i] += step
            np.testing.assert_allclose(g[i], (cost(*moved) - cost(xs, hs)) / step, rtol=1e-4, atol=1e-6)


def test_last_row_of_no_steps_is_an_error_in_the_gradient_too():
    h, k = T.scalar("h"), T.iscalar("k")
    s, _ = sc.scan(lambda s: s * 2, None, h, n_steps=k)
    g = grad(s[-1], h)
    assert value(g, {h: 1.0, k: 3}) == 8
    with pytest.raises(IndexError, match="index -1 is out of range"):
        value(g, {h: 1.0, k: 0})


def test_one_step_without_loop_variables():
    w = T.scalar("w")
    s, _ = sc.scan(lambda: w**2, n_steps=3)
    assert value(grad(s.sum(), w), {w: 2.0}) == 12


# ---- truncation ---------------------------------------------------------------------------------------


def truncated(n):
    w, x, h = T.scalar("w"), T.vector("x"), T.scalar("h")
    s, _ = sc.scan(lambda a, s: w * s + a, x, h, truncate_gradient=n)
    return [w, x, h], grad(s[-1], [x, h, w])


@pytest.mark.parametrize(("n", "expected"), [
    (2, ([0, 0, 0, 2, 1], 0, 61)), (-1, ([16, 8, 4, 2, 1], 32, 129)), (9, ([16, 8, 4, 2, 1], 32, 129)),
])
def test_truncated_gradient(n, expected):
    """F15: the last n steps only; s = 1, 3, 7, 15, 31 for w = 2."""
    variables, gradients = truncated(n)
    found = evaluate(gradients, dict(zip(variables, [2.0, np.ones(5), 0.0], strict=True)))
    steps = [1.0, 3.0, 7.0, 15.0, 31.0]
    if n == 2:
        assert found[2] == steps[3] + 2 * steps[2]
    if n < 0:
        assert found[2] == sum(2.0 ** (3 - t) * steps[t] for t in range(4))
    np.testing.assert_allclose(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1])


def test_truncated_gradient_of_lags_and_matrices():
    w, h = T.matrix("w"), T.matrix("h")
    s, _ = sc.scan(
        lambda s2, s1: T.dot(s1, w) + s2, None, dict(initial=h, taps=[-2, -1]), n_steps=4, truncate_gradient=1
    )
    gw, gh = grad(s[-1].sum(), [w, h])
    found, before = evaluate([gw, s[2]], {w: np.eye(2), h: [[1.0, 2.0], [3.0, 4.0]]})
    np.testing.assert_allclose(found, np.outer(before, [1, 1]))
    assert not value(gh, {w: np.eye(2), h: np.ones((2, 2))}).any()


# ---- nested -------------------------------------------------------------------------------------------


def powers(x, w):
    """Rows x_i; inside, a state that goes over the elements of the row."""
    def row(a, s):
        inner, _ = sc.scan(lambda e, t: T.sin(t * e + w), a, s)
        return inner[-1] + inner.sum()
    return sc.scan(row, x, T.constant(0.3))[0]


def test_nested_scans():
    points = [np.random.default_rng(3).uniform(-1, 1, (3, 2)), np.array(0.4)]
    verify_grad(powers, points)
    verify_grad(lambda x, w: grad(powers(x, w).sum(), w), points)
    verify_grad(lambda x, w: grad(grad(powers(x, w).sum(), w), x).sum(axis=0), points, n_tests=1)


def test_a_hessian_of_nested_scans_asks_for_no_guesses():
    """A part of a row that the reverse computes again has a length that is known before the call."""
    case = gradients.hessian_of_nested_scan()
    f = sc.function(case.inputs, case.outputs, updates=case.updates)
    assert not [p.name for p in f._for_all_sizes.inputs if p.is_bound]


def test_hessian_of_nested_scans():
    v = T.vector("v")

    def cost(v):
        def outer(a, s):
            return sc.scan(lambda e, t: t * e + T.sin(a), v, s)[0][-1]
        return sc.scan(outer, v, T.constant(0.5))[0][-1]

    point = np.array([0.5, -0.3, 0.8])
    found = value(hessian(cost(v), v), {v: point})
    np.testing.assert_allclose(found, found.T)
    g = grad(cost(v), v)
    step = 1e-6
    for i in range(3):
        ends = [value(g, {v: point + sign * step * np.eye(3)[i]}) for sign in (1, -1)]
        np.testing.assert_allclose(found[i], (ends[0] - ends[1]) / (2 * step), rtol=1e-5, atol=1e-7)


def test_nested_scan_whose_length_changes_from_step_to_step():
    n, h = T.ivector("n"), T.scalar("h")

    def step(k, s):
        return sc.scan(lambda t: T.sin(t) * 2, None, s, n_steps=k)[0][-1]

    s, _ = sc.scan(step, n, h)

    def expected(h):
        total = 0
        for k in [1, 3, 2]:
            for _ in range(k):
                h = np.sin(h) * 2
            total += h
        return total

    found = value(grad(s.sum(), h), {n: [1, 3, 2], h: 0.7})
    np.testing.assert_allclose(found, (expected(0.7 + 1e-6) - expected(0.7 - 1e-6)) / 2e-6, rtol=1e-6)


def test_nested_until():
    x, h = T.vector("x"), T.scalar("h")

    def step(a, s):
        return sc.scan(lambda t: (t * a, sc.until(t * a > 4)), None, s, n_steps=9)[0][-1] / 4

    s, _ = sc.scan(step, x, h)
    # 1 · 2 · 2 · 2 = 8, / 4 = 2; 2 · 3 = 6, / 4
    gx, gh = grad(s[-1], [x, h])
    found = evaluate([s, gx, gh], {x: [2.0, 3.0], h: 1.0})
    np.testing.assert_allclose(found[0], [2, 1.5])
    np.testing.assert_allclose(found[1], [0.75 * 3, 0.5])
    np.testing.assert_allclose(found[2], 1.5)


def test_checkpoints():
    """S12, with its gradient: the inner scan is run again, not kept."""
    a, k = T.vector("a"), T.iscalar("k")
    s, _ = sc.scan_checkpoints(
        lambda p, a: p * a, outputs_info=T.ones_like(a), non_sequences=a, n_steps=k, save_every_N=4
    )
    found = evaluate([s, grad(s[-1].sum(), a)], {a: [1.0, 2.0, 3.0], k: 10})
    np.testing.assert_allclose(found[0], [[1, 2**4, 3**4], [1, 2**8, 3**8], [1, 2**10, 3**10]])
    np.testing.assert_allclose(found[1], [10, 5120, 196830])


@pytest.mark.parametrize("n_steps, every", [(3, 2), (7, 3), (6, 3), (1, 4)])
@pytest.mark.parametrize("mode", ["native", "reference"])
def test_checkpoints_of_a_layer_whose_last_block_is_short(mode, n_steps, every):
    h, W = T.vector("h"), T.matrix("W")
    args = {"outputs_info": [h], "non_sequences": [W], "n_steps": n_steps}

    def step(s, W):
        return T.tanh(T.dot(s, W))

    whole, _ = sc.scan(step, **args)
    kept, _ = sc.scan_checkpoints(step, **args, save_every_N=every)
    values = np.array([1.0, 2.0]), np.array([[0.3, 0.1], [-0.2, 0.5]])
    found, expected = (sc.function([h, W], grad(s[-1].sum(), [h, W]), mode=mode)(*values) for s in (kept, whole))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b)


def test_checkpoints_keep_one_block_only():
    """No output of the outer scan has a row for each inner step."""
    x, h = T.matrix("x"), T.vector("h")
    s, _ = sc.scan_checkpoints(lambda a, s: T.tanh(a * s), x, h, save_every_N=5)
    outer = next(op for op in scans([grad(s[-1].sum(), h)]) if op.body.stop is None and "outer" in op.name)
    assert all(y.ndim == 1 for y in outer.body.outputs)
    verify_grad(
        lambda x, h: sc.scan_checkpoints(lambda a, s: T.tanh(a * s), x, h, save_every_N=3)[0],
        [np.random.default_rng(0).uniform(-1, 1, (7, 2)), np.array([0.4, 0.6])],
    )


# ---- integers, shared variables -----------------------------------------------------------------------


def test_integer_states_beside_float_ones():
    x, h, i0 = T.vector("x"), T.scalar("h"), T.lscalar("i0")
    (i, s), _ = sc.scan(lambda a, i, s: [i + 1, s * a * i], x, [i0, h])
    gx, gh = grad(s[-1], [x, h])
    found = evaluate([gx, gh], {x: [2.0, 3.0], h: 5.0, i0: 1})
    np.testing.assert_allclose(found[0], [5 * 1 * 3 * 2, 5 * 2 * 1 * 2])
    np.testing.assert_allclose(found[1], 12)


def test_state_that_is_a_condition():
    c, x, y = T.iscalar("c"), T.scalar("x"), T.scalar("y")

    def step(c, x, y):
        return T.cast(T.switch(c, x > 0.5, y > 0.5), "int32"), T.switch(c, T.sigmoid(y * x), x), \
            T.switch(c, y, T.sigmoid(x))

    (_, xs, _), _ = sc.scan(step, None, [c, x, y], n_steps=10)
    found = evaluate(grad(xs.sum(), [x, y]), {c: 0, x: 1.0, y: 0.5})
    assert np.isfinite(found).all()
    assert found[0] != 0


def test_integer_sequence_counts_as_a_number():
    n = T.lvector("n")
    s, _ = sc.scan(lambda k, s: s + 2.5 * k, n, T.constant(0.0))
    g = grad(s[-1], n)
    assert g.dtype == "float64"
    np.testing.assert_allclose(value(g, {n: [1, 2]}), [2.5, 2.5])


def test_shared_variable_updated_in_the_loop():
    a, h = sc.shared(0.5, name="a"), T.scalar("h")
    s, updates = sc.scan(lambda s: (s * a, {a: a * s}), None, h, n_steps=3)
    ga, gh = grad(s[-1] + updates[a], [a, h])

    def run(a, h):
        s = h
        for _ in range(3):
            s, a = s * a, a * s
        return s + a

    step = 1e-6
    np.testing.assert_allclose(value(ga, {h: 0.7}), (run(0.5 + step, 0.7) - run(0.5 - step, 0.7)) / (2 * step))
    np.testing.assert_allclose(value(gh, {h: 0.7}), (run(0.5, 0.7 + step) - run(0.5, 0.7 - step)) / (2 * step))


def test_only_a_shared_variable():
    a, n = sc.shared(1.5), T.iscalar("n")
    _, updates = sc.scan(lambda: {a: a * a}, n_steps=n)
    g = grad(updates[a], a)
    np.testing.assert_allclose(value(g, {n: 2}), 4 * 1.5**3)
    assert value(g, {n: 0}) == 1


def test_shared_weights_closed_over():
    w = sc.shared(np.eye(2) * 0.5, name="w")
    x = T.matrix("x")
    s, _ = sc.scan(lambda a, s: T.tanh(T.dot(s, w) + a), x, T.zeros((2,)))
    np.testing.assert_allclose(value(grad(s[0].sum(), w), {x: np.ones((1, 2))}), np.zeros((2, 2)))
    assert value(grad(s[1].sum(), w), {x: np.ones((2, 2))}).all()


# ---- what is connected --------------------------------------------------------------------------------


def test_disconnected_through_a_scan():
    x, u, v = T.vector("x"), T.vector("u"), T.vector("v")
    (a, b), _ = sc.scan(lambda x, a: [a * x, x * v], x, [u, None])
    with pytest.raises(DisconnectedInputError):
        grad(a.sum(), v)
    with pytest.raises(DisconnectedInputError):
        grad(b.sum(), u)
    np.testing.assert_allclose(value(grad(b.sum(), v), {x: [1.0, 2.0], u: [0.0], v: [5.0]}), [3])


def test_number_of_steps_and_condition_are_not_connected():
    n, limit, h = T.lscalar("n"), T.scalar("limit"), T.scalar("h")
    s, _ = sc.scan(lambda s: (s * 2, sc.until(s > limit)), None, h, n_steps=n)
    for var in [n, limit]:
        with pytest.raises(DisconnectedInputError):
            grad(s.sum(), var)


def test_gradient_of_an_output_that_does_not_depend_on_the_state():
    v, m = T.vector("v"), T.matrix("m")
    (u, m2), _ = sc.scan(lambda _, u: [u, v], m, [T.zeros((7,)), None])
    found = value(grad((m * m2).sum(), v), {v: np.ones(2), m: np.arange(6.0).reshape(3, 2)})
    np.testing.assert_allclose(found, [6, 9])


# ---- gradients inside a step --------------------------------------------------------------------------


def test_gradient_in_a_step_of_the_steps_own_variables():
    x, h = T.vector("x"), T.scalar("h")

    def descend(a, s):
        return s - 0.1 * grad((s * a - 1) ** 2, s)

    s, _ = sc.scan(descend, x, h)
    found = value(s, {x: [1.0, 2.0], h: 0.0})
    np.testing.assert_allclose(found, [0.2, 0.2 - 0.1 * 2 * (0.4 - 1) * 2])
    verify_grad(lambda x, h: sc.scan(descend, x, h)[0], [np.array([0.5, 2.0]), np.array(0.3)])


def test_gradient_in_a_step_of_a_scan_in_the_step():
    x = T.vector("x")

    def energy(s):
        return sc.scan(lambda a, t: t * T.cos(a), x, s)[0][-1] ** 2

    s, _ = sc.scan(lambda s: s - grad(energy(s), s), None, T.constant(2.0), n_steps=2)
    c2 = np.prod(np.cos([0.5, 0.25])) ** 2
    np.testing.assert_allclose(value(s, {x: [0.5, 0.25]}), [2 * (1 - 2 * c2), 2 * (1 - 2 * c2) ** 2])


def test_jacobian_of_a_scan():
    x, w = T.vector("x"), T.scalar("w")
    s, _ = sc.scan(lambda a, s: s * w + a, x, T.constant(0.0))
    jx, jw = jacobian(s, [x, w])
    found = evaluate([jx, jw], {x: np.ones(3), w: 2.0})
    np.testing.assert_allclose(found[0], [[1, 0, 0], [2, 1, 0], [4, 2, 1]])
    np.testing.assert_allclose(found[1], [0, 1, 5])


# ---- forwards -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("forms", [{}, {"go_backwards": True}])
def test_rop_of_a_scan_agrees_with_the_jacobian(forms):
    x, w, h = T.vector("x"), T.matrix("w"), T.matrix("h")
    s, _ = sc.scan(
        lambda a, s2, s1: T.tanh(T.dot(s1, w) * a + s2), x, dict(initial=h, taps=[-2, -1]), **forms
    )
    rng = np.random.default_rng(4)
    points = [rng.normal(size=shape) for shape in [(3,), (2, 2), (2, 2)]]
    moves = [rng.normal(size=p.shape) for p in points]
    moved = Rop(s[-1], [x, w, h], [T.constant(m) for m in moves])
    rows = jacobian(s[-1], [x, w, h])
    found = evaluate([moved, *rows], dict(zip([x, w, h], points, strict=True)))
    expected = sum(
        (j * m).reshape(2, -1).sum(axis=1) for j, m in zip(found[1:], moves, strict=True)
    )
    np.testing.assert_allclose(found[0], expected)


def test_rop_through_until_stops_at_the_same_step():
    x, h = T.vector("x"), T.scalar("h")
    s, _ = sc.scan(lambda a, s: (s * a, sc.until(s * a > 5)), x, h)
    moved = Rop(s, h, T.constant(1.0))
    np.testing.assert_allclose(value(moved, {x: [2.0, 3.0, 4.0], h: 1.0}), [2, 6])


def test_rop_of_a_gradient_is_the_hessian_times_a_vector():
    x, w = T.vector("x"), T.vector("w")

    def cost(w):
        return (sc.scan(lambda a, s: T.tanh(s * w + a), x, T.zeros_like(w))[0][-1] ** 2).sum()

    v = np.array([0.3, -0.7])
    moved = Rop(grad(cost(w), w), w, T.constant(v))
    givens = {x: [0.5, -0.4, 0.3], w: [0.2, 0.9]}
    np.testing.assert_allclose(value(moved, givens), value(hessian(cost(w), w), givens) @ v)


def test_rop_of_integer_and_unmoved_states():
    x, h = T.vector("x"), T.scalar("h")
    (i, s, q), _ = sc.scan(lambda a, i, s, q: [i + 1, s * a, q + i], x, [T.constant(0, dtype="int64"), h, h * 0.0])
    moved = Rop([s, q], x, T.constant(np.ones(2)), disconnected_outputs="ignore")
    found = evaluate(moved, {x: [2.0, 3.0], h: 1.0})
    np.testing.assert_allclose(found[0], [1, 5])
    np.testing.assert_allclose(found[1], [0, 0])


# ---- orders -------------------------------------------------------------------------------------------


def test_orders_one_to_four():
    """s_n = w^n: n (n-1) ... w^(n-k)."""
    w = T.scalar("w")
    s, _ = sc.scan(lambda s: s * w, None, T.constant(1.0), n_steps=6)
    derivative, expected = s[-1], 1.5**6
    for k in range(4):
        derivative = grad(derivative, w)
        expected *= (6 - k) / 1.5
        np.testing.assert_allclose(value(derivative, {w: 1.5}), expected)


def test_orders_of_a_nonlinear_vector_state():
    def directional(f):
        return lambda w: grad(f(w), w).sum()

    def cost(w):
        return sc.scan(lambda s: T.tanh(s * w + 0.5), None, T.zeros_like(w), n_steps=3)[0].sum()

    for order in (1, 2, 3):
        f = cost
        for _ in range(order - 1):
            f = directional(f)
        verify_grad(directional(f), [np.array([0.4, -0.8])], n_tests=1)


# ---- what the graph looks like --------------------------------------------------------------------------


def weighted_sum(x, w, u, b, h):
    return sc.scan(lambda a, s: T.tanh(T.dot(a, w) + T.dot(s, u) + b), x, h)[0]


def test_sums_of_outer_products_leave_the_loop():
    x, w, u, b, h = T.tensor3("x"), T.matrix("w"), T.matrix("u"), T.vector("b"), T.matrix("h")
    found = grad((weighted_sum(x, w, u, b, h) ** 2).sum(), [w, u, b, h])
    forward, reverse = scans(found)
    assert [c.next.ndim for c in reverse.body.carry] == [2]  # the state's gradient, no sums
    assert len(reverse.body.ys) == 1  # one stack, which all three sums share
    outside = [node for node in applies(found) if isinstance(node.op, Dot)]
    assert len(outside) == 2


def test_the_reverse_step_reads_the_state_and_computes_nothing_twice():
    x, w, u, b, h = T.tensor3("x"), T.matrix("w"), T.matrix("u"), T.vector("b"), T.matrix("h")
    found = grad((weighted_sum(x, w, u, b, h) ** 2).sum(), [w, u, b, h])
    forward, reverse = scans(found)
    inside = [node.op.name for node in applies(reverse.body.outputs)]
    assert inside.count("dot") == 1
    assert "tanh" not in inside
    assert len(forward.body.ys) == 0  # nothing but the state's rows was kept


def inverted(x, a):
    def step(x_t, h):
        s = x_t * a + h
        return T.nlinalg.matrix_inverse(s) + T.nlinalg.det(s)
    return sc.scan(step, x, a)[0]


def test_the_reverse_step_reads_the_inverse_that_the_step_made():
    """The derivative of a determinant is by the inverse, which the step has made."""
    x, a = T.vector("x"), T.matrix("a")
    reverse = scans(grad(inverted(x, a).sum(), [x, a]))[-1]
    assert "inverse" not in [node.op.name for node in applies(reverse.body.outputs)]
    verify_grad(inverted, [np.array([1.1, 0.9, 1.2]), np.array([[2.0, 0.3], [0.1, 1.5]])])


def test_the_forward_scan_is_not_run_again():
    x, h = T.vector("x"), T.scalar("h")
    s, _ = sc.scan(lambda a, s: T.exp(T.sin(s) * a), x, h)
    found = [s, *grad(s.sum(), [x, h])]
    assert len(scans(found)) == 2
    assert len(scans([*found, *grad(s[-1], [x, h])])) == 3


def test_functions_made_before_a_gradient_still_run():
    x, h = T.vector("x"), T.scalar("h")
    s, _ = sc.scan(lambda a, s: T.exp(T.sin(s) * a), x, h)
    f = sc.function([x, h], s, mode="reference")
    before = f([0.5, 0.25], 1.0)
    grad(s.sum(), [x, h])
    np.testing.assert_array_equal(f([0.5, 0.25], 1.0), before)
    np.testing.assert_array_equal(sc.function([x, h], s, mode="reference")([0.5, 0.25], 1.0), before)


def test_gradient_of_the_last_row_alone_reads_no_stack_of_zeros():
    w, h = T.scalar("w"), T.scalar("h")
    s, _ = sc.scan(lambda s: T.sin(s) * w, None, h, n_steps=100)
    _, reverse = scans([grad(s[-1], h)])
    assert len(reverse.body.xs) == 1  # the state


@pytest.mark.long
@pytest.mark.parametrize("step", [
    lambda h: T.tanh(h).sum(axis=0, keepdims=True), lambda h: T.tanh(h).reshape((1, 2)),
    lambda h: T.stack([h[0] ** 2]), lambda h: T.specify_shape(T.tanh(h), (1, 2)),
])
@pytest.mark.parametrize("taps", [[-1], [-1, -2]])
def test_lengths_that_the_step_knows_and_the_start_does_not(step, taps):
    point = np.array([[[0.5, 0.3]], [[0.2, 0.1]]])[: len(taps)]

    def rows(h):
        start = h[0] if len(taps) == 1 else h
        mixed = step if len(taps) == 1 else lambda a, b: step(a) * 0.5 + b * 0.1
        return sc.scan(mixed, outputs_info={"initial": start, "taps": taps}, n_steps=4)[0]
    for part in (lambda r: r, lambda r: r[::2], lambda r: r[-2], lambda r: r[-1:] ** 2):
        verify_grad(lambda h, part=part: part(rows(T.unbroadcast(h, 1))), [point])
        h = T.tensor3("h")
        gradient = grad(part(rows(h)).sum(), h)
        native, reference = (sc.function([h], gradient, mode=mode)(point) for mode in ("native", "reference"))
        np.testing.assert_allclose(native, reference)
