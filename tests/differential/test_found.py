"""Programs that the compiler once got wrong, as small as they became."""

from __future__ import annotations

from textwrap import dedent

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.config import change_flags
from tests.differential.compare import check
from tests.differential.program import Argument, Program

pytestmark = pytest.mark.long


def agree(text: str, *calls: dict[str, int], shared: str = "", **inputs: tuple[object, ...]) -> None:
    """All roads of a program agree. `inputs`: a dtype, then sizes; those named in `shared` are shared."""
    arguments = [Argument(name, str(dtype), tuple(shape)) for name, (dtype, *shape) in inputs.items()]  # type: ignore[arg-type]
    held = [a for a in arguments if a.name in shared.split()]
    free = [a for a in arguments if a not in held]
    lines = "\n".join("    " + line for line in dedent(text).strip().splitlines())
    params = ", ".join(a.name for a in [*free, *held])
    assert check(Program(f"def program({params}):\n{lines}\n", free, held, list(calls) or [{}]))


def test_an_array_of_no_rows_is_read_by_a_loop_nest() -> None:
    agree("return [x[:-1] - y], {}", {"n": 3}, x=("int8", 1, "n"), y=("int64", 3))


def test_an_element_of_an_array_of_no_rows_is_asked_for() -> None:
    agree("""
        r, u = sc.scan(lambda h: h, outputs_info=[dict(initial=x, taps=[-2])], n_steps=1)
        return [r[-2::-1][i % 2]], {}
        """, x=("float64", 2, 1), i=("int8", 3))


def test_an_early_stop_shortens_an_axis_that_is_not_the_first() -> None:
    agree("""
        r, u = sc.scan(lambda h: (h + 1, sc.until(h.sum() > 6)), outputs_info=x, n_steps=5)
        return [r[1:].transpose(1, 0, 2), T.stack([r]), r.T + 1], {}
        """, {}, x=("float64", 2, 3))


def test_a_lane_hands_on_an_array_from_outside_the_loop() -> None:
    agree("""
        def outer(a, h):
            def inner(b):
                return [x]
            r, u = sc.scan(inner, sequences=[y], outputs_info=[None], n_steps=2, return_list=True)
            return [r[0][-1]]
        r, u = sc.scan(outer, sequences=[x], outputs_info=[y], return_list=True)
        return [r[0][-1]], {}
        """, {"n": 4}, {"n": 2}, x=("uint8", "n"), y=("uint8", "n"))
    agree("""
        z = T.zeros_like(x)
        r, u = sc.scan(lambda a, h: z, sequences=[x], outputs_info=[x])
        return [r[-1]], {}
        """, {"n": 4}, x=("int32", "n"))


def test_the_last_value_of_a_scalar_state_beside_lanes() -> None:
    agree("""
        r, u = sc.scan(lambda a, h: ([h, h], {s: T.switch(s, h > 0, s)}), sequences=[x],
                       outputs_info=[dict(initial=y, taps=[-2]), None])
        return [r[1][0]], u
        """, shared="s", x=("float64", 1), y=("int64", 2), s=("bool", 3))


def test_an_inner_loop_that_never_runs_is_folded_away() -> None:
    agree("""
        def outer(h, g):
            r, u = sc.scan(lambda a, b: b, sequences=[g], outputs_info=[dict(initial=y, taps=[-12])])
            return [1.0 - h, g]
        r, u = sc.scan(outer, outputs_info=[s, dict(initial=x, taps=[-12])], n_steps=0)
        return [r[0], r[1].sum()], {}
        """, {"n": 3, "m": 2}, x=("float64", 12, "m", "n"), y=("int32", 12, "m"), s=("complex128", 3))


def test_a_chain_whose_broadcast_is_read_inside_the_loop() -> None:
    agree("""
        def step(a):
            return a.dimshuffle("x", 0) // (1 + abs(x) % 5)
        r, u = sc.scan(step, sequences=[y])
        return [r[0]], {}
        """, {"n": 4}, x=("int8", "n"), y=("int32", "n", "n"))


def test_a_part_of_the_last_rows_of_an_early_stop_has_a_bound() -> None:
    agree("""
        r, u = sc.scan(lambda a, h: (h + 1, sc.until(a > 0.5)), sequences=x, outputs_info=y)
        return [r[-2:][1:], r[::2][-1:], r[1:][::2]], {}
        """, {"n": 4}, {"n": 1}, x=("float64", "n"), y=("int32", 3))


def test_a_row_outside_is_not_taken_before_a_loop_of_no_steps() -> None:
    agree("""
        def outer(h):
            r, u = sc.scan(lambda g: g * 2, outputs_info=[h], n_steps=0)
            return r[-3]
        r, u = sc.scan(outer, outputs_info=[x], n_steps=k)
        return [r], {}
        """, {"n": 3, "k": 0}, x=("int32", "n"), k=("int64",))


def test_rows_of_a_window_whose_length_only_the_window_knows() -> None:
    agree("""
        r, u = sc.scan(lambda a, h: [T.cast(h, "int64"), h], n_steps=2,
                       outputs_info=[dict(initial=y, taps=[-12]), dict(initial=x, taps=[-1])])
        return [r[0], r[0][-1]], {}
        """, {"n": 3}, x=("int8", "n"), y=("int64", 12, 3))


def test_the_rows_of_a_loop_that_does_not_run_have_known_lengths() -> None:
    agree("""
        def outer(a):
            r, u = sc.scan(lambda b, h: h + 1, sequences=[a], outputs_info=y)
            return r[-1:]
        r, u = sc.scan(outer, sequences=[x])
        return [r], {}
        """, {"n": 0, "m": 3}, {"n": 2, "m": 3}, x=("float64", "n", "m"), y=("int64", 2))


def test_states_that_change_places() -> None:
    agree("""
        r, u = sc.scan(lambda a, b, c, d: [d, b], n_steps=k,
                       outputs_info=[dict(initial=x, taps=[-1, -2]), dict(initial=y, taps=[-1, -2])])
        z, u = sc.scan(lambda a, b: [b, a], n_steps=k, outputs_info=[x[0], y[0]])
        infos = [x[0], dict(initial=x, taps=[-2]), y[0]]
        q, u = sc.scan(lambda a, b, c: [c, a, b * 2], n_steps=k, outputs_info=infos)
        return [*r, *z, *q, r[1][-1], z[0][-1], q[1][-1], q[2][-1]], {}
        """, {"n": 3, "k": 5}, {"n": 1, "k": 2}, x=("int64", 2, "n"), y=("int64", 2, "n"), k=("int64",))


def test_a_state_of_no_elements() -> None:
    agree("""
        first, u = sc.scan(lambda a: ~a, sequences=x, n_steps=1)
        none = first[-2::-1]
        r, u = sc.scan(lambda h: (~h, sc.until(T.any(h))), outputs_info=[none], n_steps=k)
        return [r, r[-1:]], {}
        """, {"n": 3, "k": 2}, {"n": 1, "k": 0}, x=("bool", "n"), k=("int64",))


def test_the_only_line_of_the_last_row() -> None:
    agree("""
        z = x.dimshuffle("x", 0)
        r, u = sc.scan(lambda a, h: T.maximum(h, z), sequences=y, outputs_info=z)
        return [r[-1][0], r[-1:, 0]], {}
        """, {"n": 3}, x=("int8", "n"), y=("float64", 3))


def test_a_failing_loop_inside_one_of_no_steps() -> None:
    agree("""
        def outer(h):
            r, u = sc.scan(lambda b, g: g + b, sequences=[h], outputs_info=[dict(initial=y, taps=[-4])], n_steps=4)
            return h + r.sum(), r[::2]
        r, u = sc.scan(outer, outputs_info=[x, None], n_steps=k)
        return [r[1]], {}
        """, {"n": 1, "k": 0}, x=("float64", "n"), y=("float64", 4), k=("int64",))


def test_the_oldest_row_in_another_order_takes_its_own_place() -> None:
    agree("""
        def step(h, g):
            return [g[::-1], h[::-1]]
        taps = dict(initial=x, taps=[-2])
        r, u = sc.scan(step, outputs_info=[taps, taps], n_steps=5)
        alone, u = sc.scan(lambda h: h[:, ::-1], outputs_info=[dict(initial=y, taps=[-3])], n_steps=5)
        return [r[0], r[1][-1], alone], {}
        """, {"n": 3}, {"n": 4}, x=("float64", 2, "n"), y=("int64", 3, "n", "n"))


def test_parts_of_a_state_written_over_it_in_another_order() -> None:
    agree("""
        def step(h):
            a = T.set_subtensor(h[1:], h[:-1])
            b = T.inc_subtensor(a[::2], a[::2][::-1])
            return T.set_subtensor(b[:], b[::-1])
        r, u = sc.scan(step, outputs_info=[x], n_steps=3)
        whole = T.set_subtensor(x[:], x[::-1])
        return [r[-1], r, whole, x], {}
        """, {"n": 5}, {"n": 6}, x=("float64", "n"))


def test_many_truth_values_in_nested_loops() -> None:
    """LLVM's NewGVN ended the process."""
    agree("""
        def step(a, b, c):
            d = T.lt(a, x)
            e = d + x
            f = T.eq(e, b) ^ a ^ T.eq(e, b)
            return [e ^ d, f, ~(c & (e ^ d)) & f]
        r, u = sc.scan(step, n_steps=k, outputs_info=[x, x, x])
        return [v[-1] for v in r], {}
        """, {"n": 5, "k": 3}, x=("bool", "n", 1, 1), k=("int64",))


def test_a_state_read_at_other_places_than_written() -> None:
    agree("""
        r, u = sc.scan(lambda s: s * 0.5 + s[i], outputs_info=x, n_steps=3)
        q, u = sc.scan(lambda s: T.take(s, i, axis=1) + s[T.argsort(s[:, 0])], outputs_info=y, n_steps=3)
        p, u = sc.scan(lambda s: T.set_subtensor(s[s % 3], s[::-1] + 1), outputs_info=i, n_steps=3)
        return [r[-1], q[-1], p[-1]], {}
        """, {"n": 3}, {"n": 4}, x=("float64", "n"), y=("float64", 3, 3), i=("int64", "n"))


def test_an_unnamed_array_is_written_where_it_is_read() -> None:
    agree("""
        y = x * 2
        a = [T.set_subtensor(y[::-1], y), T.set_subtensor(y[1:], y[:-1][::-1]), T.inc_subtensor(y[i], y[::-1])]
        r, u = sc.scan(lambda s: s + T.set_subtensor((s + x)[::-1], s + x), outputs_info=x, n_steps=2)
        return [v.sum() for v in a] + [v * 3 for v in a] + [r[-1]], {}
        """, {"n": 4}, {"n": 5}, x=("float64", "n"), i=("int64", "n"))


def test_systems_solved_for_the_rows_of_an_output() -> None:
    agree("""
        A = 3.0 * T.eye(x.shape[0]) + 0.2 * T.tri(x.shape[0])
        rows, u = sc.scan(lambda r: T.slinalg.solve(A, r), sequences=y)
        lower, u = sc.scan(lambda r: T.slinalg.solve_triangular(A, r, lower=True), outputs_info=x, n_steps=2)
        return [rows, lower, T.grad(rows.sum(), y)], {}
        """, {"n": 3}, {"n": 0}, x=("float64", "n"), y=("float64", 4, "n"))


def test_the_last_of_several_axes_of_length_1_goes() -> None:
    agree("""
        z = x.dimshuffle(0, 1, 2)
        r, u = sc.scan(lambda row: row.dimshuffle(0, 1)[:, ::-1], sequences=z)
        return [z, T.concatenate([z, z]), r, T.set_subtensor(y[[1, 0]], z[:, 0]), z[::-1]], {}
        """, {"n": 3}, x=("float64", 2, 1, "n", 1), y=("float64", 2, "n"))


def test_a_choice_of_arrays_of_high_rank() -> None:
    agree("""
        r, u = sc.scan(lambda m, c: sc.ifelse(T.gt(m.sum(), 0), m, c.T), sequences=x, outputs_info=x[0].T * 0)
        return [sc.ifelse(T.gt(x.sum(), 0), x, x * 2), r, T.grad(r.sum(), x)], {}
        """, {"n": 3}, x=("float64", 2, "n", "n"))


def test_rows_of_states_where_no_step_runs() -> None:
    agree("""
        r, u = sc.scan(lambda i, s: T.concatenate([s[i:], s[:i]]), sequences=k, outputs_info=x)
        q, u = sc.scan(lambda i, s: sc.ifelse(T.gt(i, 0), s + 1, s), sequences=k, outputs_info=x)
        return [r, q], {}
        """, {"n": 3, "m": 0}, {"n": 2, "m": 2}, k=("int64", "m"), x=("float64", "n"))


def test_a_size_that_is_read_from_a_computed_array() -> None:
    agree("""
        m = T.cast(T.cumsum(x)[-1], "int64")
        r, u = sc.scan(lambda h: (h + 1, sc.until(h > 20)), outputs_info=x[0], n_steps=m)
        return [T.outer(T.arange(3.), T.arange(m)), T.zeros((3, m)), r], {}
        """, {"n": 4}, {"n": 2}, x=("int64", "n"))


def test_a_loop_that_stops_early_of_a_size_that_is_guessed() -> None:
    n_rows = 20_000
    h, x = T.scalar("h"), T.vector("x")
    n_steps = T.cast(T.cumsum(x)[-1], "int64")
    rows, _ = sc.scan(lambda h: (h + 1, sc.until(h > 1e6)), outputs_info=h, n_steps=n_steps)
    found = sc.function([h, x], rows)(0.0, [n_rows, 1.0])
    np.testing.assert_array_equal(found, np.arange(1.0, n_rows + 2))


def test_what_a_choice_hands_on_is_written_by_nobody_else() -> None:
    agree("""
        def step(h):
            r = sc.ifelse(T.gt(k, 0), h, 2 * h)
            return T.dot(y, r), T.set_subtensor(h[0], r[1])
        o, u = sc.scan(lambda h: T.dot(y, sc.ifelse(T.gt(k, 0), h, 2 * h)), outputs_info=x, n_steps=3)
        p, u = sc.scan(step, outputs_info=[x, None], n_steps=3)
        e = T.tanh(x)
        r = sc.ifelse(T.gt(k, 0), e, e * 2)
        a, b = sc.ifelse(T.gt(k, 0), [e, x], [x, e])
        return [o[-1], p[0][-1], p[1], e.sum(), T.concatenate([r, T.set_subtensor(e[0], 3.0)]), a - b], {}
        """, {"n": 3, "k": 1}, {"n": 2, "k": 0}, x=("float64", "n"), y=("float64", "n", "n"), k=("int64",))


def test_a_state_that_an_inner_loop_makes() -> None:
    agree("""
        def outer(h):
            p, u = sc.scan(lambda g: T.dot(y, g), outputs_info=h, n_steps=2)
            return 0.1 * p[-1]
        def inner_alone(h):
            p, u = sc.scan(lambda g: T.dot(y, g), outputs_info=h, n_steps=2)
            return p[-1]
        def backwards(h):
            p, u = sc.scan(lambda g: (g[::-1] + 1, sc.until(g.sum() > 9)), outputs_info=h, n_steps=3)
            return p[-1]
        return [sc.scan(f, outputs_info=x, n_steps=2)[0] for f in (outer, inner_alone, backwards)], {}
        """, {"n": 3}, x=("float64", "n"), y=("float64", "n", "n"))


def test_the_last_row_of_a_stack_is_no_place_to_work() -> None:
    agree("""
        def step(h):
            new = h * 2
            return [new, new]
        o, u = sc.scan(step, outputs_info=[x, None], n_steps=2)
        return [T.set_subtensor(o[0][-1], 0.0).sum(), T.sort(o[1][-1]), T.set_subtensor(o[0][-1], o[1][-1][::-1])], {}
        """, {"n": 3}, x=("float64", "n"))


def test_rows_whose_length_is_known_after_all() -> None:
    agree("""
        o, u = sc.scan(lambda a: [T.dot(y, a), a[::2]], outputs_info=[x, None], n_steps=4)
        starts = [T.zeros_like(o[1][0]), o[1][-1] * 2, o[1][0]]
        return [sc.scan(lambda v, s: s * 0.5 + v, o[1], start)[0] for start in starts], {}
        """, {"n": 3}, x=("float64", "n"), y=("float64", 3, 3))


def test_a_last_scalar_row_of_which_every_second_is_read() -> None:
    """`x[-1:]` of a state kept as its last row alone was a vector without a size."""
    x = T.vector("x")
    states, _ = sc.scan(lambda h: h / 2, outputs_info=[{"initial": x, "taps": [-4]}], n_steps=9)
    last = states[-1:]
    f = sc.function([x], T.inc_subtensor(last[::2], last[::2] * 2))
    np.testing.assert_array_equal(f([8, 4, 2, 16]), [3])


def test_a_window_that_moves_in_some_steps_is_written_after_it() -> None:
    agree("""
        def step(i, b):
            moved = sc.ifelse(T.eq(i % 2, 0), T.concatenate([b[1:], T.stack([2 * b[i % 3]])]), b)
            return T.set_subtensor(moved[i % 5], i)
        r, u = sc.scan(step, sequences=[x], outputs_info=[y])
        return [r[-1]], {}
        """, {"n": 40}, {"n": 3}, x=("int64", "n"), y=("int64", 6))


def test_a_branch_is_asked_for_sizes_of_what_it_makes() -> None:
    agree("""
        def step(i, b):
            return sc.ifelse(T.eq(i % 2, 0), sc.ifelse(i > 0, 2 * y, y[::-1]), T.set_subtensor(b[i % 2], 3))
        r, u = sc.scan(step, sequences=[x], outputs_info=[y])
        return [r[-1]], {}
        """, {"n": 4}, {"n": 2}, x=("int64", "n"), y=("int64", "n"))


def test_a_scan_in_a_branch_that_nobody_reads_is_gone() -> None:
    agree("""
        def step(i, b, k):
            r, _ = sc.scan(lambda j, q: T.inc_subtensor(q[0], 0.5), sequences=[T.arange(3) + i], outputs_info=[b])
            return sc.ifelse(T.eq(i % 2, 0), T.concatenate([b[1:], r[-1][:1]]), b), k + 1
        r, u = sc.scan(step, sequences=[x], outputs_info=[y, T.constant(0)])
        return [r[1]], {}
        """, {"n": 3}, x=("int64", "n"), y=("float64", 5, 2))


def test_a_write_into_the_rows_of_a_stopped_scan_goes_to_a_larger_output() -> None:
    agree("""
        r, u = sc.scan(lambda i, h: (h + i, sc.until(i > 5)), sequences=[x], outputs_info=[T.constant(np.int64(0))])
        a = T.set_subtensor(r[-1], 3)
        return [T.inc_subtensor(a[T.arange(a.shape[0])], a)], {}
        """, {"n": 9}, {"n": 2}, x=("int64", "n"))


def test_an_array_is_longer_for_a_moment_than_the_state_it_is_made_of() -> None:
    agree("""
        def step(i, p):
            q = T.concatenate([p[1:], y])
            q = T.set_subtensor(q[0], 7 * q[-1])
            return T.concatenate([q[y.shape[0]:], T.stack([q[0] + i])])
        r, u = sc.scan(step, sequences=[z], outputs_info=[x])
        return [r[-1]], {}
        """, {"n": 4, "m": 9000}, {"n": 1, "m": 1}, x=("int64", "n"), y=("int64", "m"), z=("int64", 5))


def test_a_window_does_not_move_along_two_axes() -> None:
    agree("""
        r, u = sc.scan(lambda i, p: T.set_subtensor(T.roll(T.roll(p, 1, axis=0), 1, axis=1)[0, 0], i), sequences=[z],
                       outputs_info=[x])
        return [r[-1]], {}
        """, {"n": 4, "m": 3}, x=("int64", "n", "m"), z=("int64", 5))


def test_a_window_of_fewer_elements_than_come_in_a_step() -> None:
    x, i, new = T.vector("x"), T.lvector("i"), T.vector("new")
    moves = (lambda k, p: T.concatenate([p[2:], T.stack([p[0], p[0]])]),
             lambda k, p: T.concatenate([T.stack([p[0], p[0]]), p[:-2]]),
             lambda k, p: sc.ifelse(k > 1, T.concatenate([p[1:], new]), p))
    for move in moves:
        f = sc.function([x, i, new], sc.scan(move, sequences=[i], outputs_info=[x])[0][-1], on_unused_input="ignore")
        np.testing.assert_array_equal(f([1, 2, 3], [0, 1, 2], [4])[:1], [[3], [1], [2]][moves.index(move)])
        with pytest.raises(ValueError, match="before a step and"):
            f([1], [0, 1, 2], np.ones(9000))


def test_a_window_of_a_length_that_only_a_branch_knows() -> None:
    agree("""
        start = sc.ifelse(T.gt(z[0], 1), x, x[1:])
        r, u = sc.scan(lambda i, q: T.set_subtensor(T.concatenate([q[-1:], q[:-1]])[i % 2], 5), sequences=[z],
                       outputs_info=[start])
        s, u = sc.scan(lambda i, q: T.concatenate([q[1:], y[i % 2:][:1]]), sequences=[z], outputs_info=[start])
        return [r[-1], s[-1]], {}
        """, {"n": 4}, {"n": 3}, x=("int64", "n"), y=("int64", 3), z=("int64", 5))


def test_a_sum_of_no_rows_has_no_blocks() -> None:
    agree("""
        r = sc.scan(lambda v, h: T.tanh(v + h), x, outputs_info=T.zeros_like(x.sum(axis=0)))[0]
        return [r.sum(axis=0)], {}
        """, {"n": 3}, {"n": 0}, x=("float32", "n", "n"))


def test_a_condition_of_a_scan_of_no_steps_is_read_from_the_end() -> None:
    """The last two of the conditions are copied out of a ring before the check that there are two."""
    agree("""
        r = sc.scan(lambda h: (T.cos(h), sc.until(h < 0.6)), outputs_info=y, n_steps=x.shape[0], return_updates=False)
        return [r[1], T.switch(r > 0.2, r, T.cos(y))[-2]], {}
        """, {"n": 0}, {"n": 1}, {"n": 3}, x=("float64", "n"), y=("float64",))


def test_places_are_made_and_checked_in_one_loop_of_no_rounds() -> None:
    agree("""
        r, u = sc.scan(lambda t, h: h[T.arange(y.shape[0])[::-1]], sequences=[T.arange(5)], outputs_info=[x])
        return [r[-1]], {}
        """, {"n": 7}, {"n": 0}, x=("int32", "n"), y=("int64", "n"))


def test_what_only_inner_regions_read_is_gone_without_dce() -> None:
    with change_flags(leave_out="canonicalize,dce"):
        agree("""
            def step(t, h, g):
                m = (h + g) / 2
                c = T.concatenate([m, m])[::2]
                return [T.tanh(0.5 * m - 0.25 * h), T.tanh(0.5 * m + 0.1 * c - 0.25 * g)]
            r, u = sc.scan(step, sequences=[T.arange(3)], outputs_info=[x, y], return_list=True)
            return [r[0][-1], r[1][-1]], {}
            """, {"n": 8}, {"n": 0}, x=("float64", "n"), y=("float64", "n"))


def test_a_result_of_a_loop_of_several_is_made_over_one_operand() -> None:
    """The gradient of a state goes through a result that has the buffer of another state's gradient."""
    program = Program("""
def program(x):
    def step(t, g, h, i, j):
        m = (g + h + i + j) / 2
        back = m[::-1]
        return [T.tanh(T.switch(T.gt(back, 0.1317), m, g)), T.tanh(back + h), T.tanh(back + i),
                T.set_subtensor(m[3:], (back - j)[3:])]
    r, _ = sc.scan(step, sequences=[T.arange(1)], outputs_info=[x, x, x, x], return_list=True)
    return [r[0][-1][-1], r[1][-1], r[2][-1], r[3][-1]], {}
""", [Argument("x", "float64", ("n",))], [], [{"n": 3}, {"n": 8}], gradients=1)
    for passes in ("", "reads-first"):
        with change_flags(leave_out=passes):
            assert check(program)


def test_a_step_of_rows_has_an_op_of_several_results() -> None:
    agree("""
        def step(h):
            two, _ = sc.scan(lambda a, b: [b, T.cos(a)], outputs_info=[h[0], h[1]], n_steps=2,
                             return_list=True)
            return T.stack([0.5 * h[1], two[0][-1] + two[1][-1], h[2]])
        r, _ = sc.scan(step, outputs_info=[x], n_steps=3)
        return [r[-1]], {}
        """, {"n": 20}, x=("float64", 3, "n"))


def test_some_rows_are_read_by_an_op_of_several_results() -> None:
    program = Program("""
def program(x):
    step = lambda a, h: T.tanh(a + 0.5 * h)
    first = sc.scan(step, T.sin(x), outputs_info=T.zeros_like(x.sum()), return_updates=False)
    second = sc.scan(step, T.sin(x), outputs_info=T.zeros_like(x.sum()), return_updates=False)
    return [first.sum(), T.exp(second[1::2]).sum()], {}
""", [Argument("x", "float64", ("n",))], [], [{"n": 3}, {"n": 8}], gradients=1)
    assert check(program)


def test_a_sum_waits_for_values_of_some_steps_ago_alone() -> None:
    """`reassociate` puts the NaN of an extreme round only where a sum waits for a state."""
    agree("""
        first, _ = sc.scan(lambda h: T.tanh(h), outputs_info=[dict(initial=x, taps=[-2])], n_steps=3)
        second, _ = sc.scan(lambda a, h: (a - 1) ** 2 + T.minimum(T.minimum(a, h), 0.25), sequences=first,
                            outputs_info=T.zeros_like(x[0]))
        return [second], {}
        """, {"n": 2}, {"n": 4}, x=("float64", "n"))
