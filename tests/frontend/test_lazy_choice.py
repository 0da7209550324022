"""What `ifelse` does not choose is not computed, by no gradient either; nor what a step needs that does not run."""

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.ifelse import ifelse
from tests.programs.executors import compile

pytestmark = pytest.mark.usefixtures("every_executor")

ROWS = np.arange(1.0, 4.0)


@pytest.fixture
def x():
    return T.vector("x")


@pytest.fixture
def n():
    return T.lscalar("n")


@pytest.fixture
def a():
    return T.scalar("a")


def check(inputs, outputs, values, wants):
    found = compile(inputs, outputs)(*values)
    for got, want in zip(found, wants, strict=True):
        np.testing.assert_allclose(got, want)


# ---- gradients ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("place", "by_x", "by_a"), [(1, [0, 4, 0], 0.0), (7, [0, 0, 0], 1.0)])
def test_an_index_out_of_range(x, n, a, place, by_x, by_a):
    y = ifelse(n < x.shape[0], x[n] ** 2, a)
    check([x, n, a], sc.grad(y, [x, a]), [ROWS, place, 2.0], [by_x, by_a])


@pytest.mark.parametrize(("place", "by_x", "by_a"), [(1, [0, 12, 0], 0.0), (7, [0, 0, 0], 8.0)])
def test_a_value_in_branches_of_two_choices(x, n, a, place, by_x, by_a):
    picked, fits = x[n], n < x.shape[0]
    cost = ifelse(fits, picked, a) * ifelse(fits, picked**2, 2 * a)
    check([x, n, a], sc.grad(cost, [x, a]), [ROWS, place, 2.0], [by_x, by_a])


def test_a_value_that_one_choice_takes_and_another_leaves(x, n, a):
    picked = x[n]
    cost = ifelse(n < 0, picked, a) + ifelse(n < x.shape[0], 3 * picked, a)
    check([x, n, a], sc.grad(cost, [x, a]), [ROWS, 2, 2.0], [[0, 0, 3], 1.0])
    check([x, n, a], sc.grad(cost, [x, a]), [ROWS, 5, 2.0], [[0, 0, 0], 2.0])


def test_a_value_of_both_sides_is_computed_anyway(x, a):
    root = T.sqrt(a)
    cost = ifelse(a > 1, root * x.sum(), root)
    check([x, a], sc.grad(cost, [x, a]), [ROWS, 4.0], [[2, 2, 2], 1.5])


@pytest.mark.parametrize(("place", "value", "by_x", "by_a"), [
    (1, 2.0, [0, np.log(2), 0], 1.0), (1, -1.0, [0, 1, 0], 0.0), (7, 2.0, [0, 0, 0], 1.0)])
def test_a_choice_in_a_choice(x, n, a, place, value, by_x, by_a):
    y = ifelse(n < x.shape[0], ifelse(a > 0, x[n] * T.log(a), x[n]), a)
    check([x, n, a], sc.grad(y, [x, a]), [ROWS, place, value], [by_x, by_a])


def test_several_values_of_one_choice(x, n, a):
    first, second = ifelse(n < x.shape[0], [x * x[n], x[n]], [x, a])
    by = sc.grad((first * second).sum(), [x, a])
    check([x, n, a], by, [ROWS, 1, 2.0], [[4, 28, 4], 0.0])
    check([x, n, a], by, [ROWS, 7, 2.0], [[2, 2, 2], 6.0])


def test_by_a_value_inside_a_branch(x, n, a):
    picked = x[n]
    check([x, n, a], sc.grad(ifelse(n < x.shape[0], picked**2, a), [picked, x]), [ROWS, 2, 0.0], [6, [0, 0, 6]])


def test_second_derivatives(x, n, a):
    cost = ifelse(n < x.shape[0], x[n] ** 3, a) ** 2
    hessian = sc.gradient.hessian(cost, x)
    check([x, n, a], [hessian], [ROWS, 1, 2.0], [np.diag([0, 480, 0])])
    check([x, n, a], [hessian], [ROWS, 7, 2.0], [np.zeros((3, 3))])


def test_forwards(x, n, a):
    d = T.vector("d")
    moved = sc.Rop(ifelse(n < x.shape[0], x[n] ** 2, a), x, d)
    check([x, n, a, d], [moved], [ROWS, 1, 2.0, ROWS], [8.0])
    check([x, n, a, d], [moved], [ROWS, 7, 2.0, ROWS], [0.0])


def test_an_empty_maximum_in_each_step(x, n):
    rows, _ = sc.scan(lambda k: ifelse(k > 0, x[:k].max(), T.constant(-1.0)), sequences=T.arange(n))
    check([x, n], [rows, sc.grad(rows.sum(), x)], [ROWS, 4], [[-1, 1, 2, 3], [1, 1, 1]])


def test_a_singular_matrix_in_one_step(a):
    def step(k, h):
        return ifelse(k > 0, T.slinalg.solve(k * T.eye(2), h), h)

    h, _ = sc.scan(step, sequences=T.arange(3.0), outputs_info=T.ones((2,)) * a)
    check([a], [h[-1], sc.grad(h[-1].sum(), a)], [2.0], [[1, 1], 1.0])


def test_an_inner_scan_in_a_branch(x, n, a):
    def step(i, h):
        inner, _ = sc.scan(lambda j, u: u * x[j], sequences=T.arange(i), outputs_info=h)
        return ifelse(T.and_(i > 0, i <= x.shape[0]), inner[-1], h * 1.5)

    h, _ = sc.scan(step, sequences=T.arange(n), outputs_info=a)
    check([x, n, a], [h, *sc.grad(h.sum(), [x, a])], [ROWS, 6, 2.0],
          [[3, 3, 6, 36, 54, 81], [528, 174, 57], 91.5])


# ---- lengths that only the gradient knows ----------------------------------------------------------


def two_rows(a):
    """A vector whose type has no length, and whose length is known when the graph is built."""
    rows, _ = sc.scan(lambda u, v: u * v, {"input": T.stack([a, a, a]), "taps": [0, 1]})
    assert rows.type.shape == (None,)
    return rows


@pytest.mark.parametrize("fails", [
    lambda r: r[5],
    lambda r: r[np.array([0, 7])].sum(),
    lambda r: T.set_subtensor(r[5], 1.0).sum(),
    lambda r: T.prod(r) * r[5],
    lambda r: r.reshape((5, 7)).sum(),
    lambda r: T.nlinalg.matrix_inverse(T.stack([r, r, r])).sum(),
    lambda r: T.nlinalg.det(T.stack([r, r, r])),
    lambda r: T.slinalg.cholesky(T.stack([r])).sum(),
    lambda r: T.slinalg.solve(T.stack([r, r + 1]), T.concatenate([r, r])[:, None]).sum(),
    lambda r: T.slinalg.solve(T.eye(3), r[:, None]).sum(),
    lambda r: T.nnet.softmax(r[9:])[3],
], ids=["index", "indices", "set", "prod", "reshape", "inverse", "det", "cholesky", "solve-many", "solve-few",
        "softmax"])
def test_what_a_gradient_knows_to_fail_fails_where_it_is_taken(fails, a):
    cost = ifelse(a > 5, fails(two_rows(a)), a * a)
    by_a = sc.grad(cost, a)
    check([a], [cost, by_a, sc.grad(by_a, a), sc.Rop(cost, a, 2 * a)], [3.0], [9.0, 6.0, 2.0, 36.0])
    with pytest.raises((IndexError, ValueError)):
        compile([a], by_a)(6.0)


def test_a_step_whose_gradient_is_known_to_fail_and_that_does_not_run(a, n):
    h, _ = sc.scan(lambda h: h * two_rows(a)[5], outputs_info=a, n_steps=n)
    by_a = sc.grad(sc.final_state(h), a)
    check([a, n], [by_a], [3.0, 0], [1.0])
    with pytest.raises(IndexError):
        compile([a, n], by_a)(3.0, 1)


# ---- invariants of a step ---------------------------------------------------------------------------


def test_an_invariant_that_a_branch_needs_in_some_steps(x, n, a):
    picked = x[n]
    rows, _ = sc.scan(lambda i: ifelse(i < 0, picked, a * i), sequences=T.arange(3.0))
    check([x, n, a], [rows], [ROWS, 7, 2.0], [[0, 2, 4]])


FAILING = {
    "index": lambda x, A: x[5],
    "rows": lambda x, A: A[T.constant([0, 9])].sum(),
    "lengths": lambda x, A: (x + A[0]).sum(),
    "dot": lambda x, A: T.dot(A, x).sum(),
    "maximum": lambda x, A: x[x.shape[0]:].max(),
    "argmax": lambda x, A: x[x.shape[0]:].argmax() * 1.0,
    "solve": lambda x, A: T.slinalg.solve(A * 0, A).sum(),
    "cholesky": lambda x, A: T.slinalg.cholesky(-A).sum(),
    "reshape": lambda x, A: A.reshape((5, 1)).sum(),
    "join": lambda x, A: T.concatenate([A, x.dimshuffle("x", 0)]).sum(),
    "alloc": lambda x, A: T.alloc(1.0, x.shape[0] - 9).sum(),
    "scan": lambda x, A: sc.scan(lambda v: v, sequences=x, n_steps=x.shape[0] + 1)[0].sum(),
}


@pytest.mark.parametrize("name", FAILING)
def test_no_step_computes_no_invariant(x, n, name):
    A = T.matrix("A")
    rows, _ = sc.scan(lambda h: h + FAILING[name](x, A), outputs_info=T.constant(0.0), n_steps=n)
    f = compile([x, A, n], [rows, sc.grad(rows.sum(), x, disconnected_inputs="ignore")], on_unused_input="ignore")
    rows, by_x = f(ROWS, np.eye(2), 0)
    assert rows.shape == (0,)
    np.testing.assert_array_equal(by_x, np.zeros(3))
    with pytest.raises((ValueError, IndexError)):
        f(ROWS, np.eye(2), 1)


def test_what_is_written_outside_the_step_is_computed_anyway(x, n):
    picked = x[5]
    rows, _ = sc.scan(lambda h: h + picked, outputs_info=T.constant(0.0), n_steps=n)
    with pytest.raises(IndexError):
        compile([x, n], rows)(ROWS, 0)


def test_rows_of_no_step_have_the_length_of_an_invariant(x, n):
    A = T.matrix("A")
    rows, _ = sc.scan(lambda i: i + T.dot(A, x), sequences=T.arange(n))
    assert compile([x, A, n], rows)(ROWS, np.ones((4, 3)), 0).shape == (0, 4)
    assert compile([x, A, n], rows)(ROWS, np.ones((4, 9)), 0).shape == (0, 4)


def test_choices_that_rest_on_one_another_are_lowered_once(x, n):
    """Both sides of each need the one before, which is computed in any case."""
    def size(count):
        y = x
        for k in range(count):
            y = ifelse(n > k, T.set_subtensor(y[k], y[0] * 0.5), y)
        return len(sc.function([x, n], y).dump("scan"))
    assert size(12) < 3 * size(6)


def test_what_both_sides_need_is_no_part_of_either(x, n):
    """Natively too, where it fails."""
    y = x[n] * 2
    f = compile([x, n], ifelse(n > 1, y + 1, -y))
    assert f(ROWS, 0) == -2 and f(ROWS, 2) == 7
    with pytest.raises(IndexError):
        f(ROWS, 9)
