"""Steps that read and write tables at a few places, and the tables that they begin with."""

from zlib import crc32

import numpy as np

import scancc as sc
import scancc.tensor as T
from scancc.frontend.graph.variables import TensorType

I = np.array([0, 3, 1, 3, 2])
J = np.array([3, 3, 0, 1, 2])
N = len(I)
put, inc = T.set_subtensor, T.inc_subtensor


def over(loop, step, table, *more):
    """The last row of a table that a step changes at places `I` and `J`."""
    return loop(step, [T.constant(I), T.constant(J)], table, list(more), n_steps=N)[0][-1]


def one_write(loop, b):
    return over(loop, lambda i, j, b: put(b[i], T.tanh(b[j])), b)


def linear_write(loop, b):
    return over(loop, lambda i, j, b: put(b[i], b[j] * 0.5), b)


def added(loop, b):
    return over(loop, lambda i, j, b: inc(b[i], b[j] * b[i]), b)


def two_writes(loop, b):
    return over(loop, lambda i, j, b: put(put(b[i], b[j] ** 2)[j], b[i] * 3), b)


def read_of_what_was_written(loop, b):
    def step(i, j, b):
        c = put(b[i], T.sin(b[j]))
        return inc(c[j], c[i] * c[2])
    return over(loop, step, b)


def swapped(loop, b):
    return over(loop, lambda i, j, b: put(put(b[i], T.sin(b[j]))[j], b[i]), b)


def rows_written(loop, m):
    return over(loop, lambda i, j, m: put(m[i], T.tanh(m[j]) * m[i]), m)


def element_of_a_matrix(loop, m):
    return over(loop, lambda i, j, m: put(m[i, 1], m[j, 0] * m[j, 1]), m)


def rows_of_a_list(loop, m):
    return over(loop, lambda i, j, m: inc(m[T.stack([i, j])], T.sin(m[T.stack([j, i])])), m)


def rows_set_by_a_list(loop, m):
    return over(loop, lambda i, j, m: put(m[T.stack([i, j, i - 4])], T.sin(m[T.stack([j, i, j])])), m)


def slice_moved(loop, b):
    return over(loop, lambda i, j, b: put(b[i:i + 2], b[i + 1:i + 3] * 0.5), b)


def moved_and_changed(loop, b):
    """Of a part whose length differs from step to step, near the end of the table and for places below 0."""
    def step(i, j, b):
        part = b[i - 1:i + 2]
        return put(b[i - 1:i + 2], T.sin(part) * part[::-1])
    return over(loop, step, b)


def ends_read(loop, b):
    return over(loop, lambda i, j, b: put(b[i], T.tanh(b[:2].sum() * b[-3:].prod())), b)


def written_inside(loop, b):
    """A scan in the step writes the table, another one reads it."""
    def step(i, j, b):
        c = loop(lambda k, b: put(b[k], T.sin(b[k + 1]) * b[0]), T.stack([i, j]), b, n_steps=2)[0][-1]
        return inc(c[j], inner(loop, c[0], c))
    return over(loop, step, b)


def conditional(loop, b):
    return over(loop, lambda i, j, b: T.switch(b[j] > 0, put(b[i], T.tanh(b[j])), b), b)


def conditional_else(loop, b):
    return over(loop, lambda i, j, b: T.switch(b[j] > 0, b, inc(b[i], b[j] ** 2)), b)


def lazy(loop, b):
    return over(loop, lambda i, j, b: sc.ifelse(b[j] > 0, put(b[i], T.tanh(b[j])), b), b)


def lazy_else(loop, b):
    return over(loop, lambda i, j, b: sc.ifelse(b[j] > 0, b, put(b[i], b[j] * b[i + 1])), b)


def lazy_both(loop, b):
    return over(loop, lambda i, j, b: sc.ifelse(b[j] > 0, put(b[i], b[j] ** 2), inc(b[j], T.sin(b[i]))), b)


def looked_up(loop, b, h):
    return loop(lambda i, j, h, b: T.tanh(b[i] + h * b[j]), [T.constant(I), T.constant(J)], h, b, n_steps=N)[0]


def rows_looked_up(loop, m, h):
    def step(i, h, m):
        return T.tanh(m[i] + h) + m[T.stack([i, i + 1])].sum(axis=0)
    return loop(step, T.constant(I), h, m, n_steps=N)[0]


def looked_up_in_a_branch(loop, b, h):
    def step(i, h, b):
        return sc.ifelse(h > 0, T.sin(h * b[i]), h - b[i + 1] ** 2)
    return loop(step, T.constant(I), h, b, n_steps=N)[0]


def looked_up_in_a_map(loop, m):
    return loop(lambda i, m: T.tanh(m[i]).sum() * m[0, 1], T.constant(I), None, m, n_steps=N)[0]


def inner(loop, h, b):
    """The last value of a scan inside a step."""
    return loop(lambda j, g, b: T.tanh(b[j] + g), T.constant(J), h, b, n_steps=N)[0][-1]


def looked_up_by_inner_scans(loop, b, h):
    def step(i, h, b):
        return b[i] * inner(loop, T.sin(inner(loop, h, b)), b) + b[i + 1]
    return loop(step, T.constant(I), h, b, n_steps=N)[0]


def looked_up_by_an_inner_scan_in_a_branch(loop, b, h):
    def step(i, h, b):
        return sc.ifelse(h > 0, inner(loop, h * b[i], b), h - b[i])
    return loop(step, T.constant(I), h, b, n_steps=N)[0]


def looked_up_three_scans_inside(loop, b):
    def middle(j, g, b):
        return inner(loop, g, b) * b[j]
    def outer(i, b):
        return loop(middle, T.constant(J[:2]), b[i], b, n_steps=2)[0][-1]
    return loop(outer, T.constant(I), None, b, n_steps=N)[0]


def product_and_row(loop, m, h):
    """A matrix of which a step uses all, and one row."""
    return loop(lambda i, h, m: T.tanh(T.dot(h, m) + m[i] * h), T.constant(I[I < 3]), h, m, n_steps=3)[0]


def time_indexed(loop, b):
    return loop(lambda t, h, b: T.sin(h) + b[t - 1] * b[t], T.constant(np.arange(1, N)), b[0], b, n_steps=N - 1)[0]


def two_tables(loop, a, b):
    def step(i, j, a, b):
        return [inc(a[i], T.sin(b[j]) * a[i]), put(b[j], a[i] * b[i])]
    p, q = loop(step, [T.constant(I), T.constant(J)], [a, b], n_steps=N)[0]
    return p[-1] * q[-1]


def column_asked(loop, b):
    return loop(lambda i, j, b: put(b[i], T.tanh(b[j]) + b[i]), [T.constant(I), T.constant(J)], b, n_steps=N)[0][:, 3]


def read_beside(loop, b):
    """What was overwritten is an output."""
    def step(i, j, b):
        return [put(b[i], b[j] ** 2), b[i] * b[j]]
    rows, y = loop(step, [T.constant(I), T.constant(J)], [b, None], n_steps=N)[0]
    return T.concatenate([rows[-1], y])


def window(loop, b):
    return over(loop, lambda i, j, b: T.concatenate([b[1:], T.stack([T.sin(b[i]) * b[j]])]), b)


def window_down_by_two(loop, b):
    return over(loop, lambda i, j, b: T.concatenate([T.stack([b[j], b[i] ** 2]), b[:-2]]), b)


def window_that_turns(loop, b):
    return over(loop, lambda i, j, b: inc(T.roll(b, 1)[i], T.tanh(b[j])), b)


def window_of_rows(loop, m):
    return over(loop, lambda i, j, m: T.concatenate([m[1:], (m[i] * m[j]).dimshuffle("x", 0)]), m)


def window_at_times(loop, b):
    return over(loop, lambda i, j, b: put(sc.ifelse(b[j] > 0, T.concatenate([b[1:], b[i:i + 1] * 2]), b)[j], b[i]), b)


def window_chosen(loop, b):
    return over(loop, lambda i, j, b: T.switch(b[j] > 0, T.concatenate([b[1:], T.stack([T.sin(b[i])])]), b), b)


def windows_chosen(loop, b):
    def step(i, j, b):
        up, down = T.concatenate([b[1:], T.stack([b[j] ** 2])]), T.concatenate([T.stack([b[i]]), b[:-1]])
        return T.switch(T.gt(i, j), up, T.switch(b[j] > 0, down, put(b[i], b[j])))
    return over(loop, step, b)


def exchanged_at_times(loop, a, b):
    def step(i, j, a, b):
        c = a[i] > b[j]
        return [put(T.switch(c, b, a)[i], T.tanh(b[j])), T.switch(c, a, b)]
    p, q = loop(step, [T.constant(I), T.constant(J)], [a, b], n_steps=N)[0]
    return p[-1] * q[-1]


def windows_in_a_nest(loop, b):
    """Both steps move the window, before and after the inner scan."""
    def inside(k, b):
        return T.concatenate([b[1:], T.stack([T.sin(b[k]) * b[0]])])

    def step(i, j, b):
        b = T.concatenate([b[1:], T.stack([b[j] ** 2])])
        c = loop(inside, T.stack([i, j]), b, n_steps=2)[0][-1]
        return T.concatenate([T.stack([c[i]]), c[:-1]])
    return over(loop, step, b)


def window_of_a_scan_of_a_table(loop, b):
    def step(i, j, b):
        c = loop(lambda k, b: put(b[k], T.sin(b[k + 1]) * b[0]), T.stack([i, j]), b, n_steps=2)[0][-1]
        return T.concatenate([c[1:], T.stack([c[j]])])
    return over(loop, step, b)


def choices_in_a_choice(loop, b):
    """`switch` in `switch`, `ifelse` in `switch` and after it."""
    def step(i, j, b):
        up, down = T.concatenate([b[1:], T.stack([b[j] ** 2])]), T.concatenate([T.stack([b[i]]), b[:-1]])
        c = T.switch(T.gt(i, j), T.switch(b[j] > 0, up, b), T.switch(b[i] > 0, put(b[i], b[j]), down))
        return sc.ifelse(b[0] > 0, T.concatenate([c[1:], T.stack([c[i]])]), c)
    return over(loop, step, b)


def exchanged_by_a_branch(loop, a, b):
    def step(i, j, a, b):
        a, b = sc.ifelse(a[i] > b[j], [b, a], [a, b])
        return [put(a[i], T.tanh(b[j])), inc(b[j], a[0])]
    p, q = loop(step, [T.constant(I), T.constant(J)], [a, b], n_steps=N)[0]
    return p[-1] * q[-1]


def one_or_the_other(loop, a, b):
    def step(i, j, a, b):
        c = a[i] > b[j]
        first, second = sc.ifelse(c, put(a[i], b[j] ** 2), a), sc.ifelse(c, b, put(b[j], T.sin(a[i])))
        return [first, second]
    p, q = loop(step, [T.constant(I), T.constant(J)], [a, b], n_steps=N)[0]
    return p[-1] * q[-1]


def proposed(loop, b):
    """A write that is taken or not, read before and after."""
    def step(i, j, b):
        new = put(b[i], b[i] + T.sin(b[j]))
        c = T.switch(new[i] * new[j] > b[2], new, b)
        d = put(c[j], c[0] * new[2])
        return sc.ifelse(d[i] > new[j], [inc(d[i], new[0] ** 2)], [c])[0]
    return over(loop, step, b)


def set_and_read_by_lists(loop, b):
    """With places that are given twice, and from the end."""
    def step(i, j, b):
        c = put(b[T.stack([i, j, i - 6])], T.sin(b[T.stack([j, i, j])]))
        return inc(c[T.stack([i, i])], c[T.stack([j, i - 6])] * b[0])
    return over(loop, step, b)


def set_by_lists_of_any_length(loop, b):
    """Places that are given up to three times, which the last of a list wins."""
    def step(i, j, b):
        places = (T.arange(b.shape[0] + 1) * i + j) % b.shape[0]
        return put(b[places], T.sin(b[places[::-1]]) * b[i])
    return over(loop, step, b)


def rows_asked(loop, b):
    """Single rows of the trace, from both ends, and a part of one."""
    rows = loop(lambda i, j, b: put(b[i], T.tanh(b[j]) + b[i]), [T.constant(I), T.constant(J)], b, n_steps=N)[0]
    return rows[0] * rows[-1] + rows[-2] * rows[1][2]


def bounded_slices(loop, b):
    """Of a length that differs from step to step, and is told by a remainder or a minimum."""
    def step(i, j, b):
        part = b[i % 3:4]
        return put(b[:T.minimum(j, 2) + 1], T.sin(b[1:T.minimum(j, 2) + 2]) * part.sum())
    return over(loop, step, b)


def scan_in_a_branch(loop, b):
    """What the inner scan reads is saved by the branch that runs it."""
    def step(i, j, b):
        def inside():
            return loop(lambda k, b: put(b[k], T.sin(b[k + 1]) * b[0]), T.stack([i, j]), b, n_steps=2)[0][-1]
        return sc.ifelse(b[j] > 0, inside(), put(b[j], T.cos(b[i])))
    return over(loop, step, b)


def part_between(b, i, j):
    """A part of the table of which nothing is known before."""
    return (b[T.minimum(i, j):T.maximum(i, j) + 1] ** 2).sum()


def part_read(loop, b):
    return over(loop, lambda i, j, b: put(b[i], T.sin(part_between(b, i, j))), b)


def parts_read_between_writes(loop, b):
    def step(i, j, b):
        c = put(b[j], T.tanh(part_between(b, i, j)))
        return inc(c[i:i + 2], part_between(c, j, i + 1) * T.stack([b[0], c[1]]))
    return over(loop, step, b)


def part_read_by_choice(loop, b):
    """What is written is chosen twice, the second time in what was chosen before."""
    def step(i, j, b):
        read = part_between(b, i, j)
        c = T.switch(b[j] > 0, put(b[i], T.tanh(read)), b)
        d = sc.ifelse(c[0] > read - 1, put(inc(c[j], c[i] * read)[0], b[1]), c)
        return inc(d[i], T.sin(part_between(d, j, 5)))
    return over(loop, step, b)


def part_read_beside_lists(loop, b):
    """Places that are given twice and from the end."""
    def step(i, j, b):
        return put(b[T.stack([i, j, i - 6])], part_between(b, i, j) * T.sin(b[T.stack([j, i, j])]))
    return over(loop, step, b)


def rows_read(loop, m):
    return over(loop, lambda i, j, m: put(m[i], m[j] * part_between(m, i, j)), m)


def place_told_by_the_table(loop, b):
    def step(i, j, b):
        at = T.argmax(b[T.minimum(i, j):])
        return put(b[at], T.sin(part_between(b, at, i)) * b[j])
    return over(loop, step, b)


def tables_that_tell_places(loop, a, b):
    """Each says where the other one is written."""
    def step(i, j, a, b):
        p, q = T.argmax(b[j:]), T.argmin(a[i:])
        return [put(a[p], T.sin(part_between(a, p, i))), inc(b[q], part_between(a, j, q) * part_between(b, p, q))]
    p, q = loop(step, [T.constant(I), T.constant(J)], [a, b], n_steps=N)[0]
    return p[-1] * q[-1]


def parts_written(loop, b):
    """Of lengths that the places tell, 0 among them."""
    def step(i, j, b):
        part = b[T.minimum(i, j):T.maximum(i, j)]
        return put(part, T.sin(part) * b[j])
    return over(loop, step, b)


def parts_moved_and_written_to(loop, b):
    def step(i, j, b):
        c = put(b[1 + i // 2:1 + i // 2 + j], b[i // 2:i // 2 + j] * b[j])
        return inc(c[j], part_between(c, i, j))
    return over(loop, step, b)


def parts_written_in_a_branch(loop, m):
    """Twice, where the table says so."""
    def step(i, j, m):
        part = m[T.minimum(i, j):T.maximum(i, j) + 1]
        c = sc.ifelse(m[j, 0] > 0, put(part, T.sin(part) * m[i]), m)
        return put(c[j:], T.tanh(c[j:]) * c[j, 1])
    return over(loop, step, m)


def with_taps(loop, step, table, taps=(-2, -1)):
    """The last row of a table that begins as several, of a step that gets earlier rows."""
    begun = [T.sin(table), T.cos(2 * table), T.cos(table), table]
    rows = {"initial": T.stack(begun[min(taps):]), "taps": list(taps)}
    return loop(step, [T.constant(I), T.constant(J)], rows, n_steps=N)[0][-1]


def two_steps_ago(loop, b):
    return with_taps(loop, lambda i, j, old, b: put(b[i], T.sin(old[j]) * b[j]), b)


def written_twice_and_read_two_steps_ago(loop, m):
    """At places from the end, and told by the table."""
    def step(i, j, old, m):
        new = inc(put(m[i], old[j] * m[i])[-1 - j], T.tanh(old[i]))
        return put(new[T.argmax(old[:3, 0])], old[i] * new[j])
    return with_taps(loop, step, m)


def chosen_from_two_steps_ago(loop, b):
    return with_taps(loop, lambda i, j, old, b: T.switch(j > 0, put(b[i], T.sin(old[j])), b), b)


def parts_and_lists_from_two_steps_ago(loop, b):
    def step(i, j, old, b):
        new = put(b[i:i + 2], T.sin(old[i:i + 2]) * b[j])
        return inc(new[T.stack([i, j, i])], old[T.stack([j, j, i])])
    return with_taps(loop, step, b)


def two_tables_and_both_two_steps_ago(loop, a, b):
    """Each is read where the other one is written."""
    def step(i, j, older_a, a, older_b, b):
        return [put(a[i], T.sin(older_b[j]) + older_a[i]), inc(b[j], older_a[j] * older_b[i] * a[i])]
    rows = [{"initial": T.stack([T.cos(x), x]), "taps": [-2, -1]} for x in (a, b)]
    p, q = loop(step, [T.constant(I), T.constant(J)], rows, n_steps=N)[0]
    return p[-1] * q[-1]


def written_over_the_older_row(loop, b):
    return with_taps(loop, lambda i, j, old, b: put(old[i], T.sin(b[j]) * old[j]), b)


def the_older_row_alone(loop, m):
    return with_taps(loop, lambda i, j, old: inc(old[i], T.sin(old[j])), m, [-2])


def three_and_two_steps_ago(loop, b):
    """Written twice at one place, and where it was read."""
    def step(i, j, oldest, old, b):
        return inc(put(b[i], T.sin(oldest[j]) * old[i])[j], oldest[i] * b[j])
    return with_taps(loop, step, b, [-3, -2, -1])


def four_steps_ago(loop, m):
    return with_taps(loop, lambda i, j, oldest, m: inc(m[i], T.sin(oldest[j]) * m[i]), m, [-4, -1])


def written_over_the_oldest_row(loop, b):
    return with_taps(loop, lambda i, j, oldest, b: put(oldest[i], T.sin(b[j]) * oldest[j]), b, [-3, -1])


def lazily_from_two_steps_ago(loop, b):
    return with_taps(loop, lambda i, j, old, b: sc.ifelse(j > 0, put(b[i], T.sin(old[j])), b), b)


def on_both_sides_from_two_steps_ago(loop, b):
    def step(i, j, old, b):
        return sc.ifelse(b[j] > 0, put(b[i], T.sin(old[j]) * b[j]), inc(b[j], old[i] * b[i + 1]))
    return with_taps(loop, step, b)


def in_a_choice_in_a_choice_from_two_steps_ago(loop, b):
    """A place that only the inner choice finds, and a write after both."""
    def step(i, j, old, b):
        inner = sc.ifelse(j > 1, put(b[T.constant(J)[i % N] + j - 2], old[i]), inc(b[i], old[j] * b[j]))
        return put(sc.ifelse(b[j] > -0.5, inner, b)[j], T.tanh(old[i]) * b[i])
    return with_taps(loop, step, b)


def lazily_from_three_steps_ago(loop, b):
    def step(i, j, oldest, old, b):
        return sc.ifelse(b[i] > -0.2, put(b[i], T.sin(oldest[j]) * old[i]), b)
    return with_taps(loop, step, b, [-3, -2, -1])


def lists_of_any_length_from_two_steps_ago(loop, b):
    lists = T.as_tensor_variable(np.stack([I, J, I - 6], 1))[:, : b.shape[0] // 2]

    def step(places, old, b):
        return put(b[places], T.sin(old[places[::-1]]) * b[places])
    rows = {"initial": T.stack([T.cos(b), b]), "taps": [-2, -1]}
    return loop(step, [lists], rows, n_steps=N)[0][-1]


def exchanged_by_two_branches(loop, a, b):
    def step(i, j, p, q):
        goes = p[j] > 0
        return [sc.ifelse(goes, put(q[i], T.sin(p[j])), p), sc.ifelse(goes, p, q)]
    p, q = over_two(loop, step, a, b)
    return p * q


def handed_on(loop, a, b):
    """One state gets what the other one was."""
    p, q = over_two(loop, lambda i, j, p, q: [q, put(q[i], T.sin(p[j]) + p[i] * q[j])], a, b)
    return p * q


def handed_on_lazily(loop, a, b):
    p, q = over_two(loop, lambda i, j, q, p: [sc.ifelse(p[i] > 0, inc(q[i], p[j] * p[i]), put(q[j], p[i])), q], a, b)
    return p * q


def handed_on_twice(loop, b):
    rows = loop(lambda i, j, p, q, r: [q, r, inc(r[i], T.sin(p[j]) * q[i])], [T.constant(I), T.constant(J)],
                [b, b, b], n_steps=N)[0]
    return rows[0][-1] * rows[2][-1] + rows[1][-1]


def over_two(loop, step, a, b):
    p, q = loop(step, [T.constant(I), T.constant(J)], [a, b], n_steps=N)[0]
    return p[-1], q[-1]


V, M = (6,), (6, 2)
HANDED_ON = {exchanged_by_two_branches: [V, V], handed_on: [V, V], handed_on_lazily: [V, V], handed_on_twice: [V]}
LAZILY_BACK = {lazily_from_two_steps_ago: [V], on_both_sides_from_two_steps_ago: [V],
               lazily_from_three_steps_ago: [V], in_a_choice_in_a_choice_from_two_steps_ago: [V]}
ELEMENTS_BACK = {two_steps_ago: [V], chosen_from_two_steps_ago: [V], written_over_the_older_row: [V],
                 the_older_row_alone: [M], three_and_two_steps_ago: [V], four_steps_ago: [M],
                 written_over_the_oldest_row: [V], **LAZILY_BACK}
TWO_STEPS_BACK = {**ELEMENTS_BACK, written_twice_and_read_two_steps_ago: [M], parts_and_lists_from_two_steps_ago: [V],
                  lists_of_any_length_from_two_steps_ago: [V]}
UNDONE = {part_read: [V], parts_read_between_writes: [V], part_read_by_choice: [V], part_read_beside_lists: [V],
          parts_written: [V], parts_moved_and_written_to: [V], parts_written_in_a_branch: [M],
          rows_read: [M], place_told_by_the_table: [V], tables_that_tell_places: [V, V]}
TOUCHED = {
    one_write: [V], linear_write: [V], added: [V], two_writes: [V], read_of_what_was_written: [V], swapped: [V],
    rows_written: [M], element_of_a_matrix: [M], rows_of_a_list: [M],
    lazy: [V], lazy_else: [V], lazy_both: [V], looked_up: [V, ()], rows_looked_up: [M, (2,)],
    looked_up_in_a_branch: [V, ()], looked_up_in_a_map: [M], looked_up_by_inner_scans: [V, ()],
    looked_up_by_an_inner_scan_in_a_branch: [V, ()], looked_up_three_scans_inside: [V],
    time_indexed: [V], two_tables: [V, V], column_asked: [V],
    read_beside: [V], written_inside: [V], **ELEMENTS_BACK, **HANDED_ON,
}
CASES = {**TOUCHED, **TWO_STEPS_BACK, **UNDONE, two_tables_and_both_two_steps_ago: [V, V],
         rows_set_by_a_list: [M], product_and_row: [(3, 3), (3,)], conditional: [V],
         conditional_else: [V], slice_moved: [V], moved_and_changed: [V], ends_read: [V],
         window: [V], window_down_by_two: [V], window_that_turns: [V],
         window_of_rows: [M], window_at_times: [V], window_chosen: [V], windows_chosen: [V],
         exchanged_at_times: [V, V], windows_in_a_nest: [V], window_of_a_scan_of_a_table: [V],
         rows_asked: [V], bounded_slices: [V], proposed: [V], set_and_read_by_lists: [V],
         set_by_lists_of_any_length: [V],
         choices_in_a_choice: [V], exchanged_by_a_branch: [V, V], one_or_the_other: [V, V], scan_in_a_branch: [V]}


def points_of(case):
    rng = np.random.default_rng(crc32(case.__name__.encode()))
    return [rng.uniform(-1, 1, size=shape) for shape in CASES[case]]


def variables_of(case):
    """Tables of unknown length, with rows of a known one."""
    types = [TensorType("float64", (None, *shape[1:])[:len(shape)]) for shape in CASES[case]]
    return [type(f"input_{k}") for k, type in enumerate(types)]
