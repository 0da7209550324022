"""The programs of the scan tutorial and of scan's reference page, each with its numbers."""
# ruff: noqa: C408 - users write dict(initial=x, taps=[...])

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.programs.case import Case


def tanh_of_products() -> Case:  # A1
    X, W, b_sym = T.matrix("X"), T.matrix("W"), T.vector("b_sym")
    results, updates = sc.scan(lambda v: T.tanh(T.dot(v, W) + b_sym), sequences=X)
    return Case(
        [X, W, b_sym], results, updates, [np.eye(2), np.ones((2, 2)), np.array([1.0, 2.0])],
        [[0.96402758, 0.99505475]] * 2, rtol=1e-7,
    )


def recurrence_with_reversed_sequence() -> Case:  # A2
    X = T.vector("X")
    W, Y, U, P, V = T.matrix("W"), T.matrix("Y"), T.matrix("U"), T.matrix("P"), T.matrix("V")
    results, updates = sc.scan(
        lambda y, p, x_tm1: T.tanh(T.dot(x_tm1, W) + T.dot(y, U) + T.dot(p, V)),
        sequences=[Y, P[::-1]], outputs_info=[X],
    )
    x, w = np.array([0.0, 1.0]), np.ones((2, 2))
    y, p = np.ones((5, 2)), np.ones((5, 2))
    y[0, :], p[0, :] = -3, 3
    column = np.array([-0.99505475, 0.96471973, 0.99998585, 0.99998771, 1.0])
    return Case(
        [X, W, Y, U, P, V], results, updates, [x, w, y, w, p, w], np.stack([column, column], axis=1),
        rtol=1e-7,
    )


def norms_of_rows() -> Case:  # A3
    X = T.matrix("X")
    results, updates = sc.scan(lambda x_i: T.sqrt((x_i**2).sum()), sequences=[X])
    return Case([X], results, updates, [np.diag(np.arange(1.0, 6.0), 1)], [1.0, 2.0, 3.0, 4.0, 5.0, 0.0])


def norms_of_columns() -> Case:  # A4
    X = T.matrix("X")
    results, updates = sc.scan(lambda x_i: T.sqrt((x_i**2).sum()), sequences=[X.T])
    return Case([X], results, updates, [np.diag(np.arange(1.0, 6.0), 1)], [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])


def trace() -> Case:  # A5
    X = T.matrix("X")
    results, updates = sc.scan(
        lambda i, j, t_f: T.cast(X[i, j] + t_f, "float32"),
        sequences=[T.arange(X.shape[0]), T.arange(X.shape[1])],
        outputs_info=np.asarray(0.0, dtype="float32"),
    )
    x = np.eye(5)
    x[0] = np.arange(5)
    return Case([X], results[-1], updates, [x], 4.0)


def two_taps() -> Case:  # A6
    X, W, b_sym, U, V = T.matrix("X"), T.matrix("W"), T.vector("b_sym"), T.matrix("U"), T.matrix("V")
    n_sym = T.iscalar("n_sym")
    results, updates = sc.scan(
        lambda x_tm2, x_tm1: T.dot(x_tm2, U) + T.dot(x_tm1, V) + T.tanh(T.dot(x_tm1, W) + b_sym),
        n_steps=n_sym, outputs_info=[dict(initial=X, taps=[-2, -1])],
    )
    x = np.zeros((2, 2))
    x[1, 1] = 1
    w, u, v = 0.5 * np.ones((2, 2)), 0.5 * (np.ones((2, 2)) - np.eye(2)), 0.5 * np.ones((2, 2))
    expected = [
        [1.40514825, 1.40514825], [2.88898899, 2.38898899], [4.34018291, 4.34018291],
        [6.53463142, 6.78463142],
        [9.82972243, 9.82972243], [14.22203814, 14.09703814], [20.07439936, 20.07439936],
        [28.12291843, 28.18541843], [39.1913681, 39.1913681], [54.28407732, 54.25282732],
    ]
    return Case(
        [X, W, b_sym, U, V, n_sym], results, updates, [x, w, np.ones(2), u, v, 10], expected, rtol=1e-7
    )


def counter() -> Case:  # A8
    k = sc.shared(0)
    n_sym = T.iscalar("n_sym")
    results, updates = sc.scan(lambda: {k: (k + 1)}, n_steps=n_sym)
    assert results is None
    return Case([n_sym], [], updates, [5], [], shared=[(k, 5)])


def power_with_named_step() -> Case:  # A10
    k, A = T.iscalar("k"), T.vector("A")

    def inner_fct(prior_result, B):
        return prior_result * B

    result, updates = sc.scan(fn=inner_fct, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k)
    return Case([A, k], result[-1], updates, [range(10), 2], np.arange(10.0) ** 2)


def polynomial() -> Case:  # A11, S2
    coefficients, x = T.vector("coefficients"), T.scalar("x")
    full_range = T.arange(10000)
    components, updates = sc.scan(
        fn=lambda coeff, power, free_var: coeff * (free_var**power),
        sequences=[coefficients, full_range], outputs_info=None, non_sequences=x,
    )
    return Case(
        [coefficients, x], components.sum(), updates, [np.asarray([1, 0, 2], dtype=np.float32), 3], 19.0
    )


def polynomial_reduced_inside() -> Case:  # A12
    coefficients, x = T.vector("coefficients"), T.scalar("x")
    outputs_info = T.as_tensor_variable(np.asarray(0, "float64"))
    components, updates = sc.scan(
        fn=lambda coeff, power, prior_value, free_var: prior_value + (coeff * (free_var**power)),
        sequences=[coefficients, T.arange(10000)], outputs_info=outputs_info, non_sequences=x,
    )
    return Case(
        [coefficients, x], components[-1], updates, [np.asarray([1, 0, 2], dtype=np.float32), 3], 19.0
    )


def power() -> Case:  # S1
    k, A = T.iscalar("k"), T.vector("A")
    result, updates = sc.scan(
        fn=lambda prior_result, A: prior_result * A, outputs_info=T.ones_like(A), non_sequences=A, n_steps=k
    )
    fourth = [0.0, 1.0, 16.0, 81.0, 256.0, 625.0, 1296.0, 2401.0, 4096.0, 6561.0]
    return Case(
        [A, k], result[-1], updates, [range(10), 2], np.arange(10.0) ** 2, more=[([range(10), 4], fourth)]
    )


def partial_sums_of_a_range() -> Case:  # S3
    up_to = T.iscalar("up_to")

    def accumulate_by_adding(arange_val, sum_to_date):
        return sum_to_date + arange_val

    seq = T.arange(up_to)
    outputs_info = T.as_tensor_variable(np.asarray(0, seq.dtype))
    result, updates = sc.scan(fn=accumulate_by_adding, outputs_info=outputs_info, sequences=seq)
    return Case(
        [up_to], result, updates, [15], [0, 1, 3, 6, 10, 15, 21, 28, 36, 45, 55, 66, 78, 91, 105]
    )


def value_at_position() -> Case:  # S4
    location, values, output_model = T.imatrix("location"), T.vector("values"), T.matrix("output_model")

    def set_value_at_position(a_location, a_value, output_model):
        zeros = T.zeros_like(output_model)
        zeros_subtensor = zeros[a_location[0], a_location[1]]
        return T.set_subtensor(zeros_subtensor, a_value)

    result, updates = sc.scan(
        fn=set_value_at_position, outputs_info=None, sequences=[location, values], non_sequences=output_model
    )
    expected = np.zeros((2, 5, 5))
    expected[0, 1, 1], expected[1, 2, 3] = 42, 50
    return Case(
        [location, values, output_model], result, updates,
        [
            np.asarray([[1, 1], [2, 3]], np.int32), np.asarray([42, 50], np.float32),
            np.zeros((5, 5), np.float32),
        ],
        expected,
    )


def shared_updates_in_outputs() -> Case:  # S6
    a = sc.shared(1)
    _, updates = sc.scan(lambda: {a: a + 1}, n_steps=10)
    b = a + 1
    c = updates[a] + 1
    return Case([], [b, c], updates, [], [2, 12], more=[([], [12, 22])], shared=[(a, 21)])


def shared_updates_not_applied() -> Case:  # S6
    a = sc.shared(1)
    _, updates = sc.scan(lambda: {a: a + 1}, n_steps=10)
    return Case([], [a + 1, updates[a] + 1], None, [], [2, 12], more=[([], [2, 12])], shared=[(a, 1)])


def _recurrent_network_in_numpy(u, x0, y0, W, W_in_1, W_in_2, W_feedback, W_out):
    x, y_prev, xs, ys = list(x0), y0, [], []
    for t in range(len(u) - 4):
        u_tm4, u_t, x_tm3, x_tm1 = u[t], u[t + 4], x[-3], x[-1]
        x_t = np.tanh(x_tm1 @ W + u_t @ W_in_1 + u_tm4 @ W_in_2 + y_prev @ W_feedback)
        y_prev = x_tm3 @ W_out
        x.append(x_t)
        xs.append(x_t)
        ys.append(y_prev)
    return [np.array(xs), np.array(ys)]


def recurrent_network() -> Case:  # S10
    names = ("W", "W_in_1", "W_in_2", "W_feedback", "W_out")
    W, W_in_1, W_in_2, W_feedback, W_out = (T.matrix(name) for name in names)
    u, x0, y0 = T.matrix("u"), T.matrix("x0"), T.vector("y0")

    def one_step(u_tm4, u_t, x_tm3, x_tm1, y_tm1, W, W_in_1, W_in_2, W_feedback, W_out):
        x_t = T.tanh(
            T.dot(x_tm1, W) + T.dot(u_t, W_in_1) + T.dot(u_tm4, W_in_2) + T.dot(y_tm1, W_feedback)
        )
        y_t = T.dot(x_tm3, W_out)
        return [x_t, y_t]

    ([x_vals, y_vals], updates) = sc.scan(
        fn=one_step, sequences=dict(input=u, taps=[-4, -0]),
        outputs_info=[dict(initial=x0, taps=[-3, -1]), y0],
        non_sequences=[W, W_in_1, W_in_2, W_feedback, W_out], strict=True,
    )
    rng = np.random.default_rng(10)
    shapes = [(9, 2), (3, 3), (2,), (3, 3), (2, 3), (2, 3), (2, 3), (3, 2)]
    args = [rng.normal(size=shape) for shape in shapes]
    return Case(
        [u, x0, y0, W, W_in_1, W_in_2, W_feedback, W_out], [x_vals, y_vals], updates, args,
        _recurrent_network_in_numpy(*args),
    )


def powers_of_two() -> Case:  # S11
    max_value = T.scalar()

    def power_of_2(previous_power, max_value):
        return previous_power * 2, sc.scan_module.until(previous_power * 2 > max_value)

    values, updates = sc.scan(
        power_of_2, outputs_info=T.constant(1.0), non_sequences=max_value, n_steps=1024
    )
    return Case([max_value], values, updates, [45], [2.0, 4.0, 8.0, 16.0, 32.0, 64.0])


def taps_in_the_order_given() -> Case:  # S13
    """Every argument of the step has a decimal digit of its own in what it returns."""
    seq1, seq2, seq3 = T.vector("seq1"), T.vector("seq2"), T.vector("seq3")
    out1, out3, arg1, arg2 = T.vector("out1"), T.scalar("out3"), T.scalar("arg1"), T.scalar("arg2")

    def step(*args):
        assert len(args) == 10
        total = sum(arg * 10.0**i for i, arg in enumerate(args))
        return [args[5] * 0 + 1, total, args[7] * 0 + 2]

    results, updates = sc.scan(
        step, sequences=[dict(input=seq1, taps=[-3, 2, -1]), seq2, dict(input=seq3, taps=3)],
        outputs_info=[dict(initial=out1, taps=[-3, -5]), None, out3], non_sequences=[arg1, arg2],
    )
    args = [[1, 2, 3, 4, 5, 6], [7], [0, 1, 2, 8], [4, 5, 6, 3, 2], 9, 6, 5]
    # seq1[t-3], seq1[t+2], seq1[t-1], seq2[t], seq3[t+3], out1[t-3], out1[t-5], out3[t-1], arg1, arg2
    digits = [1, 6, 3, 7, 8, 6, 4, 9, 6, 5]
    total = float(sum(d * 10**i for i, d in enumerate(digits)))
    return Case([seq1, seq2, seq3, out1, out3, arg1, arg2], results, updates, args, [[1.0], [total], [2.0]])


PROGRAMS = [
    tanh_of_products, recurrence_with_reversed_sequence, norms_of_rows, norms_of_columns, trace, two_taps,
    counter, power_with_named_step, polynomial, polynomial_reduced_inside, power, partial_sums_of_a_range,
    value_at_position, shared_updates_in_outputs, shared_updates_not_applied, recurrent_network,
    powers_of_two, taps_in_the_order_given,
]
