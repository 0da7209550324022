"""Products of rows with matrices that run tile by tile give the bits that they give step by step."""

from __future__ import annotations

import numpy as np
import pytest

import scancc as sc
from scancc import pass_lists
from scancc import tensor as T
from scancc.codegen.target import levels
from scancc.config import change_flags
from tests.differential.campaign import use_steps
from tests.programs import users

STEPS = (0, 1, 3, 4, 5, 8, 13)  # in tiles of 4
WIDTHS = ((3, 5), (16, 8), (70, 33), (1, 1), (5, 0))  # of rows and of what is made of them: blocks of 64 and the rest


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(pass_lists, "CPU_SCAN", pass_lists.CPU_SCAN)
    monkeypatch.setattr(pass_lists, "CPU_LOOP", pass_lists.CPU_LOOP)
    use_steps("tile{always=true size=4}")


def elman(x, W, U, b):
    return sc.scan(lambda x_t, h: T.tanh(T.dot(x_t, W) + T.dot(h, U) + b), sequences=x,
                   outputs_info=T.zeros_like(b))[0]


def last_of_elman(x, W, U, b):
    return T.concatenate([b[None], elman(x, W, U, b)])[-1]


def matrix_first(x, W, U, b):
    V = W.T.copy()
    return sc.scan(lambda x_t, h: T.tanh(T.dot(V, x_t) + T.dot(U, h)), sequences=x, outputs_info=b)[0]


def output_layer(x, W, U, b):
    def step(x_t, h):
        h = T.tanh(T.dot(x_t, W) + T.dot(h, U))
        return h, T.exp(T.dot(h, U) + b), T.dot(h, W.T)
    return list(sc.scan(step, sequences=x, outputs_info=[b, None, None])[0])


def two_layers_of_input(x, W, U, b):
    """Elementwise work before a product, between two, and a number of the step in it."""
    def step(t, x_t, s_t, h):
        z = T.tanh(T.dot(T.exp(x_t) * s_t, W) + t)
        return 0.5 * h + T.dot(z, U) * s_t
    return sc.scan(step, sequences=[T.arange(x.shape[0]), x, x.sum(1)], outputs_info=b)[0]


def batch(x, W, U, b):
    rows = T.stack([x, 2 * x, -x], axis=1)
    def step(x_t, h):
        h = T.tanh(T.dot(x_t, W) + T.dot(h, U) + b)
        return h, T.dot(h, U)
    return list(sc.scan(step, sequences=rows, outputs_info=[T.zeros((3, b.shape[0])), None])[0])


def gates(x, W, U, b):
    n = U.shape[0] // 2
    def step(x_t, h, c):
        z = T.dot(x_t, W) + b
        c = T.sigmoid(z[:n]) * c + T.tanh(z[n:2 * n] + T.dot(h, U[:n, :n]))
        return T.tanh(c) * z[:n], c
    zeros = T.zeros(n)
    return list(sc.scan(step, sequences=x, outputs_info=[zeros, zeros])[0])


def old_rows(x, W, U, b):
    """Products of the state as it was, now and two steps ago; a ring of past rows."""
    def step(x_t, h2, h1):
        return T.tanh(h1 + 0.5 * h2 + T.dot(x_t, W)), T.dot(h1, U), T.dot(h2, U)
    past = T.stack([b, -b])
    return list(sc.scan(step, sequences=x, outputs_info=[{"initial": past, "taps": [-2, -1]}, None, None])[0])


def backwards(x, W, U, b):
    h = sc.scan(lambda x_t, h: 0.5 * h + T.dot(x_t, W), sequences=x, outputs_info=b, go_backwards=True)[0]
    return [h[::-1], h[::2]]


def losses(x, W, U, b):
    """The rows of a product become a number a step, and one number."""
    def step(x_t, h):
        h = T.tanh(T.dot(x_t, W) + h)
        return h, ((T.dot(h, U) - b)**2).sum()
    h, terms = sc.scan(step, sequences=x, outputs_info=[b, None])[0]
    return [terms.sum()]


def best_row(x, W, U, b):
    """Not a sum: the largest of sums of a row and a matrix."""
    return sc.scan(lambda x_t, h: 0.5 * h + T.max(W + x_t[:, None], axis=0), sequences=x, outputs_info=b)[0]


def in_a_loop(x, W, U, b):
    def outer(k, h):
        return sc.scan(lambda x_t, g: T.tanh(T.dot(x_t, W) * k + g), sequences=x, outputs_info=h)[0].sum(0) + h
    return sc.scan(outer, sequences=T.arange(3), outputs_info=b)[0]


def in_a_branch(x, W, U, b):
    return sc.ifelse(x.shape[0] > 3, elman(x, W, U, b), T.zeros((1, b.shape[0])))


def map_of_rows(x, W, U, b):
    def step(t, x_t, h):
        return h + T.dot(x_t, W), T.dot(T.dot(x_t, W), U), t * b
    return list(sc.scan(step, sequences=[T.arange(x.shape[0]), x], outputs_info=[b, None, None])[0])


PROGRAMS = [elman, last_of_elman, matrix_first, output_layer, two_layers_of_input, batch, gates, old_rows, backwards,
            losses, best_row, in_a_loop, in_a_branch, map_of_rows]


def compiled(program, left_out, gradient, dtype, shapes=(None, None)):
    n, m = shapes
    with change_flags(floatX="float32" if dtype == "float32" else "float64", leave_out=left_out):
        x, W, U, b = (T.tensor(name, dtype=dtype, shape=shape) for name, shape in (
            ("x", (None, n)), ("W", (n, m)), ("U", (m, m)), ("b", (m,))))
        found = program(x, W, U, b)
        found = found if isinstance(found, list) else [found]
        if gradient:
            cost = sum(T.sum(T.cast(v, dtype) * T.cast(T.arange(v.size).reshape(v.shape) + 1, dtype)) for v in found)
            found = sc.grad(cost, [x, W, U, b], disconnected_inputs="ignore")
        return sc.function([x, W, U, b], found, on_unused_input="ignore")


def tiles(f) -> list[str]:
    return [said.reason for said in f.remarks if said.pass_name == "tile" and said.done and "product" in said.reason]


def require_same_bits(program, gradient=False, dtype="float64", widths=WIDTHS, shapes=(None, None), lengths=STEPS):
    f, g = (compiled(program, left_out, gradient, dtype, shapes) for left_out in ("", "tile"))
    assert tiles(f) and not tiles(g)
    for n, m in widths:
        for steps in lengths:
            r = np.random.default_rng(steps)
            data = [(r.normal(size=size) / scale).astype(dtype) for size, scale in (
                ((steps, n), 1), ((n, m), n + 1), ((m, m), m + 1), ((m,), 1))]
            for one, other in zip(f(*data), g(*data), strict=True):
                np.testing.assert_array_equal(one, other, err_msg=f"{program.__name__} {steps} {n} {m}")


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_values(program):
    require_same_bits(program)


@pytest.mark.parametrize("level", levels())
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_matrix_times_a_row_is_a_row_times_its_transpose(dtype, level):
    """One product of a tile, in the order of products of matrices, with bias and activation."""
    x, W, b = T.matrix("x", dtype=dtype), T.matrix("W", dtype=dtype), T.vector("b", dtype=dtype)
    def made(of):
        def step(x_t, h):
            return 0.5 * h + T.tanh(of(x_t) + b)
        return sc.function([x, W, b], sc.scan(step, sequences=x, outputs_info=T.zeros_like(b))[0])
    with change_flags(cpu=level):
        f, g = made(lambda x_t: T.dot(W, x_t)), made(lambda x_t: T.dot(x_t, W.T))
    assert "products with 'W'" in tiles(f)[0]
    r = np.random.default_rng(2)
    for steps, terms, rows in ((0, 3, 4), (5, 1, 1), (9, 7, 3), (70, 130, 20), (13, 64, 33)):
        data = [r.normal(size=size).astype(dtype) for size in ((steps, terms), (rows, terms), (rows,))]
        np.testing.assert_array_equal(f(*data), g(*data))
        np.testing.assert_allclose(f(*data), made_in_numpy(*data), 1e-3 if dtype == "float32" else 1e-9, 1e-5)


def made_in_numpy(x, W, b):
    h, rows = np.zeros_like(b), np.zeros((len(x), len(b)), b.dtype)
    for t, x_t in enumerate(x):
        rows[t] = h = 0.5 * h + np.tanh(W @ x_t + b)
    return rows


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("program", [output_layer, batch, old_rows], ids=lambda p: p.__name__)
def test_gradients(program):
    require_same_bits(program, gradient=True, widths=((3, 6),))


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("dtype", ["float32", "complex128", "int64"])
def test_other_types(dtype):
    require_same_bits(map_of_rows, dtype=dtype)


def test_rows_of_an_early_stop_are_not_made_in_a_state():
    """The inner scan has room for five rows, the state only for those that it takes."""
    x = T.vector("x")

    def step(b):
        rows = sc.scan(lambda k, s: (s + x[k], sc.until(s + x[k] > 1.5)), sequences=T.arange(5),
                       outputs_info=T.constant(0.0))[0]
        return T.set_subtensor(b[:rows.shape[0]], rows)
    last = sc.scan(step, outputs_info=T.zeros(3), n_steps=4)[0][-1]
    np.testing.assert_array_equal(sc.function([x], last)(np.ones(5)), [1, 2, 0])


@pytest.mark.parametrize("steps", [100, 1000])
def test_rows_are_made_where_they_are_wanted(steps):
    """In a tile there are the rows of the product alone, 64 of 800 bytes; a state, and room for the product."""
    x, W, U, b = T.matrix("x"), T.matrix("W"), T.matrix("U"), T.vector("b")
    f = sc.function([x, W, U, b], elman(x, W, U, b))
    data = [np.ones(shape) for shape in ((steps, 40), (40, 100), (100, 100), (100,))]
    assert f.memory_plan(*data).workspace_nbytes < 1.5 * 64 * 800


def outer_sums(x, W, U, b):
    """Sums of outer products of rows before and on a cycle, one with an element of a row; a sum of rows is none."""
    def step(x_t, h, S, Q, s):
        h = T.tanh(h + T.dot(x_t, W))
        return h, S + T.outer(h, x_t), Q + 0.5 * x_t[0] * T.outer(x_t, b), s + x_t
    first = [b, T.zeros((b.shape[0], x.shape[1])), T.ones((x.shape[1], b.shape[0])), T.zeros(x.shape[1])]
    states = sc.scan(step, sequences=x, outputs_info=first)[0]
    return [state[-1] for state in states]


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outer_products_that_a_state_adds(dtype):
    with change_flags(fast_math="reassociate"):
        f = compiled(outer_sums, "", False, dtype)
    g = compiled(outer_sums, "tile", False, dtype)
    assert "outer products that 'S', 'Q' adds" in tiles(f)[0]
    for n, m in WIDTHS:
        for steps in STEPS[1:]:
            r = np.random.default_rng(steps)
            data = [r.normal(size=size).astype(dtype) for size in ((steps, n), (n, m), (m, m), (m,))]
            for one, other in zip(f(*data), g(*data), strict=True):
                np.testing.assert_allclose(one, other, *(2 * [1e-5 if dtype == "float32" else 1e-12]))


@pytest.mark.usefixtures("small_tiles")
def test_a_sum_keeps_its_order_where_nothing_is_allowed():
    require_same_bits(outer_sums, lengths=STEPS[1:])
    remarks = compiled(outer_sums, "", False, "float64").remarks
    said = [(remark.done, "reassociate" in remark.hint) for remark in remarks if "outer products" in remark.reason]
    assert said == [(False, True)] * 2


def test_rows_of_a_batch_need_no_guess():
    """Their number in a tile is bounded, so that a call need not ask for more room than it was given."""
    x, W, U, b = T.tensor3("x"), T.matrix("W"), T.matrix("U"), T.vector("b")
    rows = sc.scan(lambda x_t, h: T.tanh(T.dot(x_t, W) + T.dot(h, U) + b), sequences=x,
                   outputs_info=T.zeros((x.shape[1], U.shape[0])))[0]
    f = sc.function([x, W, U, b], rows)
    assert "to [" in f.dump("loop") and not any(p.is_bound for p in f.compiled.inputs)


def test_sizes_that_come_out_of_a_branch_are_no_guesses_of_the_caller() -> None:
    """A GRU takes its weights where a step runs, and zeros of their sizes where none does."""
    model = users.build(users.gru)
    f = sc.function(model.inputs, model.outputs, updates=model.updates)
    assert " = if " in f.ir("scan") and not any(p.is_bound for p in f._for_all_sizes.inputs)
