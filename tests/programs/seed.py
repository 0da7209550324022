"""The programs of the document this project grew from, each with its numbers."""

import numpy as np

import scancc as sc
import scancc.tensor as T
from tests.programs.case import Case


def power_of_a_matrix() -> Case:
    k = T.iscalar("k")
    a = T.dmatrix("a")
    result, updates = sc.scan(
        fn=lambda prior_result, a: prior_result * a, outputs_info=T.ones_like(a), non_sequences=a, n_steps=k
    )
    final_result = result[-1]
    expected = [[1.0, 4.0, 9.0], [16.0, 25.0, 36.0]]
    return Case([a, k], final_result, updates, [[[1, 2, 3], [4, 5, 6]], 2], expected)


def power_of_a_vector() -> Case:
    k = T.iscalar("k")
    a = T.vector("a")
    result, updates = sc.scan(
        fn=lambda prior_result, a: prior_result * a, outputs_info=T.ones_like(a), non_sequences=a, n_steps=k
    )
    return Case([a, k], result[-1], updates, [range(10), 2], np.arange(10.0) ** 2)


def power_of_a_scalar() -> Case:
    k = T.iscalar("k")
    a = T.scalar("a")
    result, updates = sc.scan(
        fn=lambda prior_result, a: prior_result * a, outputs_info=T.ones_like(a), non_sequences=a, n_steps=k
    )
    return Case([a, k], result[-1], updates, [1.5, 7], 1.5**7)


def polynomial() -> Case:
    coefs = T.vector("coefs")
    x = T.scalar("x")
    max_support_coef_num = 100
    components, updates = sc.scan(
        fn=lambda coef, power, base: coef * (base**power),
        outputs_info=None,
        sequences=[coefs, T.arange(max_support_coef_num)],
        non_sequences=x,
    )
    return Case([coefs, x], components.sum(), updates, [[1, 0, 2], 3], 19.0)


def sum_by_scan() -> Case:
    x = T.vector("x")
    partial, updates = sc.scan(lambda x_i, z: z + x_i, sequences=x, outputs_info=T.constant(0.0))
    return Case([x], partial[-1], updates, [[1, 2, 3, 4]], 10.0)


def add_to_each_element() -> Case:
    x = T.vector("x")
    y = T.scalar("y")
    add_each, updates = sc.scan(lambda xi: y + xi, sequences=x)
    return Case([x, y], [add_each], updates, [[1, 2, 3, 4], 100], [[101.0, 102.0, 103.0, 104.0]])


def add_to_each_row() -> Case:
    x = T.dmatrix("x")
    y = T.dscalar("y")
    add_each, updates = sc.scan(lambda xi: y + xi, sequences=x)
    return Case([x, y], [add_each], updates, [[[1, 2], [3, 4]], 100], [[[101.0, 102.0], [103.0, 104.0]]])


def tanh_of_each_row() -> Case:
    x = T.matrix("x")
    w = T.vector("w")
    b = T.vector("b")
    results, updates = sc.scan(lambda xi: T.tanh(T.dot(xi, w) + b), sequences=x)
    expected = np.tanh(np.array([[24.0, 25.0], [46.0, 47.0]]))
    return Case([x, w, b], [results], updates, [[[1, 2], [3, 4]], [5, 6], [7, 8]], [expected])


def affine_of_each_row() -> Case:
    x = T.matrix("x")
    w = T.vector("w")
    b = T.vector("b")
    results, updates = sc.scan(lambda xi: T.dot(xi, w) + b, sequences=x)
    expected = [[24.0, 25.0], [46.0, 47.0]]
    return Case([x, w, b], [results], updates, [[[1, 2], [3, 4]], [5, 6], [7, 8]], [expected])


def shared_counter() -> Case:
    k = sc.shared(0)
    n_step = T.iscalar("step")
    _, updates = sc.scan(lambda: {k: (k + 1)}, n_steps=n_step)
    return Case([n_step], [], updates, [3], [], more=[([5], [])], shared=[(k, 8)])


PROGRAMS = [
    power_of_a_matrix, power_of_a_vector, power_of_a_scalar, polynomial, sum_by_scan, add_to_each_element,
    add_to_each_row, tanh_of_each_row, affine_of_each_row, shared_counter,
]
