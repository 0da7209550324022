"""Programs with gradients, each with its numbers: the tutorial's, and what people train."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.programs.case import Case


def rows_of_jacobian_by_scan() -> Case:  # A7
    v, A = T.vector(), T.matrix()
    y = T.tanh(T.dot(v, A))
    results, updates = sc.scan(lambda i: T.grad(y[i], v), sequences=[T.arange(y.shape[0])])
    x, w = np.eye(5)[0], np.eye(5, 3)
    w[2] = 1
    expected = [[0.41997434, 0, 0.41997434, 0, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0]]
    return Case([A, v], results, updates, [w, x], expected, rtol=1e-7)


def square() -> Case:  # G1
    x = T.dscalar("x")
    return Case([x], sc.grad(x**2, x), None, [4], 8.0, more=[([94.2], 188.4)])


def logistic() -> Case:  # G2
    x = T.dmatrix("x")
    s = T.sum(1 / (1 + T.exp(-x)))
    expected = [[0.25, 0.19661193], [0.19661193, 0.10499359]]
    return Case([x], T.grad(s, x), None, [[[0, 1], [-1, -2]]], expected, rtol=1e-7)


def jacobian_of_squares() -> Case:  # G3
    x = T.dvector("x")
    y = x**2
    J, updates = sc.scan(lambda i, y, x: T.grad(y[i], x), sequences=T.arange(y.shape[0]), non_sequences=[y, x])
    return Case([x], J, updates, [[4, 4]], [[8.0, 0.0], [0.0, 8.0]])


def hessian_of_squares() -> Case:  # G4
    x = T.dvector("x")
    gy = T.grad((x**2).sum(), x)
    H, updates = sc.scan(lambda i, gy, x: T.grad(gy[i], x), sequences=T.arange(gy.shape[0]), non_sequences=[gy, x])
    return Case([x], H, updates, [[4, 4]], [[2.0, 0.0], [0.0, 2.0]])


def rop() -> Case:  # G5
    W, V, x = T.dmatrix("W"), T.dmatrix("V"), T.dvector("x")
    JV = sc.Rop(T.dot(x, W), W, V)
    return Case([W, V, x], JV, None, [[[1, 1], [1, 1]], [[2, 2], [2, 2]], [0, 1]], [2.0, 2.0])


def lop() -> Case:  # G6
    W, v, x = T.dmatrix("W"), T.dvector("v"), T.dvector("x")
    VJ = sc.Lop(T.dot(x, W), W, v)
    return Case([v, x], VJ, None, [[2, 2], [0, 1]], [[0.0, 0.0], [2.0, 2.0]])


def hessian_times_vector() -> Case:  # G7
    x, v = T.dvector("x"), T.dvector("v")
    gy = T.grad(T.sum(x**2), x)
    by_grad = T.grad(T.sum(gy * v), x)
    by_rop = sc.Rop(gy, x, v)
    return Case([x, v], [by_grad, by_rop], None, [[4, 4], [2, 2]], [[4.0, 4.0], [4.0, 4.0]])


def checkpoints() -> Case:  # S12
    k, A = T.iscalar("k"), T.vector("A")
    result, updates = sc.scan_checkpoints(
        fn=lambda prior, A: prior * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k, save_every_N=4
    )
    expected = [[[1, 2**4, 3**4], [1, 2**8, 3**8], [1, 2**10, 3**10]], [10, 5120, 196830]]
    return Case([A, k], [result, T.grad(result[-1].sum(), A)], updates, [[1, 2, 3], 10], expected)


def truncated(n: int, expected: list[object]) -> Case:
    w, x, h = T.scalar("w"), T.vector("x"), T.scalar("h")
    s, updates = sc.scan(lambda a, s: w * s + a, x, h, truncate_gradient=n)
    return Case([w, x, h], T.grad(s[-1], [x, h, w]), updates, [2.0, np.ones(5), 0.0], expected)


def truncated_to_two_steps() -> Case:  # F15
    return truncated(2, [[0, 0, 0, 2, 1], 0, 15 + 2 * 7])


def not_truncated() -> Case:  # F15
    return truncated(-1, [[16, 8, 4, 2, 1], 32, 15 + 2 * 7 + 4 * 3 + 8 * 1])


def through_until() -> Case:  # D2, F34
    x, h, limit = T.vector("x"), T.scalar("h"), T.scalar("limit")
    s, updates = sc.scan(lambda a, s: (s * a, sc.until(s * a > limit)), x, h)
    expected = [[2, 6, 30], [1 + 3 + 15, 2 + 10, 6, 0, 0], 2 + 6 + 30]
    return Case([x, h, limit], [s, *T.grad(s.sum(), [x, h])], updates, [[2, 3, 5, 7, 11], 1.0, 20.0], expected)


def four_orders() -> Case:  # D10
    w, n = T.scalar("w"), T.iscalar("n")
    s, updates = sc.scan(lambda s: s * w, None, T.constant(1.0), n_steps=n)
    orders = [s[-1]]
    for _ in range(4):
        orders.append(T.grad(orders[-1], w))
    expected = [1.5**6, 6 * 1.5**5, 30 * 1.5**4, 120 * 1.5**3, 360 * 1.5**2]
    return Case([w, n], orders, updates, [1.5, 6], expected)


def hessian_of_nested_scan() -> Case:  # D22
    """v0² v1 v2 · (v0 + v1 + v2): rows scaled inside, powers outside."""
    v = T.vector("v")

    def outer(a: object, total: object) -> object:
        inner, _ = sc.scan(lambda b, p: p * b, v, v[0] * a)
        return total + inner[-1]

    s, updates = sc.scan(outer, v, T.constant(0.0))
    x = np.array([0.5, 2.0, 3.0])
    return Case([v], sc.gradient.hessian(s[-1], v), updates, [x], _second_derivatives(x))


def _second_derivatives(x: np.ndarray) -> np.ndarray:
    """Of f g with f = x0² x1 x2 and g = x0 + x1 + x2."""
    a, b, c = x
    f, g = a * a * b * c, a + b + c
    df = np.array([2 * a * b * c, a * a * c, a * a * b])
    hf = np.array([[2 * b * c, 2 * a * c, 2 * a * b], [2 * a * c, 0, a * a], [2 * a * b, a * a, 0]])
    assert f > 0
    return hf * g + df[:, None] + df[None, :]


def gradient_of_a_shared_state() -> Case:  # F23
    a, h = sc.shared(0.5, name="a"), T.scalar("h")
    s, updates = sc.scan(lambda s: (s * a, {a: a * 2}), None, h, n_steps=3)
    # s = h a (2 a) (4 a)
    return Case([h], T.grad(s[-1], [a, h]), updates, [3.0], [3 * 8 * 3 * 0.25, 1.0], shared=[(a, 4.0)])


def integer_state_beside_a_float() -> Case:  # F33
    x, h, i0 = T.vector("x"), T.scalar("h"), T.lscalar("i0")
    (i, s), updates = sc.scan(lambda a, i, s: [i + 1, s * a * i], x, [i0, h])
    return Case([x, h, i0], [i, *T.grad(s[-1], [x, h])], updates, [[2, 3], 5.0, 1], [[2, 3], [30, 20], 12])


def _network_in_numpy(x, h, w, u, b, target):
    """The loss of a recurrent network and its gradients by w, u and b, by hand."""
    hs = [h]
    for row in x:
        hs.append(np.tanh(row @ w + hs[-1] @ u + b))
    error = hs[-1] - target
    by_h = 2 * error / error.size
    gw, gu, gb = np.zeros_like(w), np.zeros_like(u), np.zeros_like(b)
    for t in reversed(range(len(x))):
        delta = by_h * (1 - hs[t + 1] ** 2)
        gw, gu, gb = gw + x[t].T @ delta, gu + hs[t].T @ delta, gb + delta.sum(axis=0)
        by_h = delta @ u.T
    return [(error**2).mean(), gw, gu, gb]


def recurrent_network_through_time() -> Case:
    x, h, target = T.tensor3("x"), T.matrix("h"), T.matrix("target")
    w, u, b = T.matrix("w"), T.matrix("u"), T.vector("b")
    hs, updates = sc.scan(lambda x_t, h: T.tanh(T.dot(x_t, w) + T.dot(h, u) + b), x, h)
    loss = T.mean((hs[-1] - target) ** 2)
    rng = np.random.default_rng(5)
    shapes = [(6, 3, 2), (3, 4), (2, 4), (4, 4), (4,), (3, 4)]
    args = [rng.normal(size=shape) for shape in shapes]
    return Case(
        [x, h, w, u, b, target], [loss, *T.grad(loss, [w, u, b])], updates, args, _network_in_numpy(*args),
        rtol=1e-10,
    )


def descent_steps() -> Case:
    """Weights in a shared variable, three calls of a training step."""
    x, y = T.vector("x"), T.vector("y")
    w = sc.shared(0.0, name="w")
    predictions, _ = sc.scan(lambda a: w * a, x)
    loss = ((predictions - y) ** 2).sum()
    g = T.grad(loss, w)
    xs, ys = np.array([1.0, 2.0]), np.array([2.0, 4.0])
    losses, value = [], 0.0
    for _ in range(3):
        losses.append(((value * xs - ys) ** 2).sum())
        value -= 0.05 * (2 * (value * xs - ys) * xs).sum()
    return Case(
        [x, y], loss, [(w, w - 0.05 * g)], [xs, ys], losses[0],
        more=[([xs, ys], losses[1]), ([xs, ys], losses[2])], shared=[(w, value)],
    )


def lags_backwards() -> Case:
    """s[t] = x[-1 - t] s[t-2] + s[t-1], by hand for three steps."""
    x, h = T.vector("x"), T.vector("h")
    s, updates = sc.scan(
        lambda a, s2, s1: a * s2 + s1, x, dict(initial=h, taps=[-2, -1]), go_backwards=True
    )
    a, b, c = 2.0, 3.0, 5.0
    p, q = 0.5, 0.25
    s0 = c * p + q
    s1 = b * q + s0
    # s2 = a s0 + s1
    by_x = [s0, q, (a + 1) * p]
    by_h = [(a + 1) * c, (a + 1) + b]
    return Case([x, h], [s[-1], *T.grad(s[-1], [x, h])], updates, [[a, b, c], [p, q]], [a * s0 + s1, by_x, by_h])


def finite_where_the_function_is() -> Case:
    x = T.vector("x")
    s, updates = sc.scan(
        lambda a, s: s + T.switch(a > 0, T.log(a) * T.sqrt(a), 0.0) + T.sqrt(a * a) + abs(a) ** 3,
        x, T.constant(0.0),
    )
    xs = np.array([0.0, 1.0, -1.0])
    return Case([x], T.grad(s[-1], x), updates, [xs], [0, 1 + 1 + 3, -1 - 3])


PROGRAMS = [
    rows_of_jacobian_by_scan, square, logistic, jacobian_of_squares, hessian_of_squares, rop, lop,
    hessian_times_vector, checkpoints, truncated_to_two_steps, not_truncated, through_until, four_orders,
    hessian_of_nested_scan, gradient_of_a_shared_state, integer_state_beside_a_float,
    recurrent_network_through_time, descent_steps, lags_backwards, finite_where_the_function_is,
]
