"""A step costs what it touches: what loop IR reads, writes and copies is counted at two sizes of the state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc import pass_lists, pipeline
from scancc.frontend.program.program import make_program
from scancc.ir.core import Op
from scancc.ir.interpreter import machine, run_program
from scancc.ir.ops import operand
from scancc.stages import lower

STEPS, SMALL, LARGE = 60, 40, 80
put, add = T.set_subtensor, T.inc_subtensor
odd = lambda i: T.gt(i % 2, 0)  # noqa: E731


def inner_rows(i: Any, p: Any) -> Any:
    return sc.scan(lambda k, q: put(q[k], q[k + 1]), sequences=[T.arange(3) + i], outputs_info=[p])[0]


def inner(i: Any, p: Any) -> Any:
    return inner_rows(i, p)[-1]


def listed(i: Any, j: Any, p: Any) -> Any:
    return sc.scan(lambda k, q: put(q[k], q[k + 1]), sequences=[T.stack([i, j])], outputs_info=[p])[0][-1]


def stopped(i: Any, p: Any) -> Any:
    """An inner scan that may stop, and its last row but one."""
    rows = sc.scan(lambda k, q: (put(q[k], 0.5 * q[k + 1]), sc.until(k > 20)), sequences=[T.arange(3) + i],
                   outputs_info=[p])[0]
    return put(rows[-1][i], rows[-T.minimum(2, rows.shape[0])][i + 1])


def pushed(i: Any, p: Any) -> Any:
    """An inner scan moves a window."""
    return sc.scan(lambda k, q: T.concatenate([q[1:], T.stack([q[k]])]), sequences=[T.arange(3) + i],
                   outputs_info=[p])[0][-1]


def pulled(j: Any, q: Any) -> Any:
    return sc.ifelse(odd(j), T.concatenate([T.stack([q[j]]), q[:-1]]), q)


def sifted(i: Any, j: Any, p: Any) -> Any:
    """A step of a heap: two elements are put in order."""
    c = T.gt(p[i], p[j])
    return put(put(p[i], T.switch(c, p[j], p[i]))[j], T.switch(c, p[i], p[j]))


ONE_TABLE: dict[str, Callable[..., Any]] = {
    "two writes": lambda i, j, p: put(put(p[i], 1.0)[j], 2.0),
    "a write and an increment": lambda i, j, p: add(put(p[i], 1.0)[j], p[i]),
    "increments of chosen places": lambda i, j, p: add(add(p[T.stack([i, j])], 1.0)[T.stack([j, j])], p[i]),
    "elements change places": lambda i, j, p: put(put(p[i], p[j])[j], p[i]),
    "a step of a heap": sifted,
    "a slice moved within": lambda i, j, p: put(p[i:i + 4], p[i + 1:i + 5]),
    "a slice moved and scaled": lambda i, j, p: put(p[i + 1:i + 5], 0.5 * p[i:i + 4]),
    "written in one branch": lambda i, j, p: sc.ifelse(odd(i), put(p[i], 1.0), p),
    "written in both branches": lambda i, j, p: sc.ifelse(odd(i), put(p[i], p[j]), put(p[j], p[i])),
    "written in branches and after them": lambda i, j, p: put(sc.ifelse(odd(i), put(p[i], 1.0), p)[j], p[i]),
    "written by an inner scan": lambda i, j, p: inner(i, p),
    "written before and by an inner scan": lambda i, j, p: inner(i, put(p[j], p[i])),
    "moved by an inner scan": lambda i, j, p: put(pushed(i, p)[j], p[i]),
    "moved by an inner scan in a branch": lambda i, j, p: sc.ifelse(odd(i), pushed(i, p), put(p[j], p[i])),
    "a window": lambda i, j, p: T.concatenate([p[1:], T.stack([p[i]])]),
    "a window that moves down": lambda i, j, p: T.concatenate([T.stack([p[i]]), p[:-1]]),
    "a window that moves by two": lambda i, j, p: T.concatenate([p[2:], T.stack([p[i], p[j]])]),
    "a window that turns": lambda i, j, p: put(T.roll(p, -1)[-1], p[i]),
    "a window that moves at times, and is written":
        lambda i, j, p: put(sc.ifelse(odd(i), T.concatenate([p[1:], T.stack([p[i]])]), p)[j], 0.5),
    "a window that moves by choice": lambda i, j, p: T.switch(odd(i), T.concatenate([p[1:], T.stack([p[i]])]), p),
    "up, down or turned": lambda i, j, p: T.switch(
        odd(i), T.concatenate([T.stack([p[i]]), p[:-1]]), T.switch(odd(j), put(T.roll(p, -1)[j], p[i]), p)),
    "a window moved in both steps of a nest": lambda i, j, p: T.concatenate([pushed(i, p)[1:], T.stack([p[j]])]),
    "a window moved before an inner scan moves it":
        lambda i, j, p: pushed(i, T.concatenate([p[1:], T.stack([p[j]])])),
    "a window that an inner scan moves up and the step down":
        lambda i, j, p: T.concatenate([T.stack([p[j]]), pushed(i, p)[:-1]]),
    "a window of what an inner scan writes": lambda i, j, p: T.concatenate([inner(i, p)[1:], T.stack([p[j]])]),
    "moved by one branch after another": lambda i, j, p: pulled(j, sc.ifelse(
        odd(i), T.concatenate([p[1:], T.stack([p[i]])]), p)),
    "written by an inner scan in a chosen branch": lambda i, j, p: sc.ifelse(odd(i), inner(i, p), put(p[j], p[i])),
    "a window moved by a choice in a choice": lambda i, j, p: T.switch(
        odd(i), T.switch(odd(j), T.concatenate([p[1:], T.stack([p[i]])]), p),
        T.concatenate([T.stack([p[j]]), p[:-1]])),
    "a chosen write": lambda i, j, p: T.switch(odd(i), put(p[i], 1.0), p),
    "a write or another": lambda i, j, p: T.where(odd(i), add(p[i], p[j]), put(p[j], p[i])),
    "elements that change places by choice": lambda i, j, p: T.switch(p[i] > p[j], put(put(p[i], p[j])[j], p[i]), p),
    "writes of an inner scan by choice": lambda i, j, p: T.switch(odd(i), inner(i, p), p),
    "writes of an inner scan at listed places by choice": lambda i, j, p: T.switch(odd(i), listed(i, j, p), p),
    "writes of an inner scan at places that another finds by choice": lambda i, j, p: T.switch(
        odd(i), inner(sc.scan(lambda k, at: (2 * at + k) % 20, [T.stack([i, j])], [j])[0][-1], p), p),
    "writes of a nest of scans or another by choice": lambda i, j, p: T.switch(odd(i), sc.scan(
        lambda k, q: inner(k, q), sequences=[T.arange(2) + i], outputs_info=[p])[0][-1], put(p[j], p[i])),
    "a lazy choice by choice": lambda i, j, p: T.switch(odd(i), sc.ifelse(odd(j), put(p[i], 2 * p[j]), p), p),
    "one of four choices": lambda i, j, p: T.switch(odd(i), put(p[i], 0.5 * p[j]), T.switch(
        odd(j), add(p[j], 1.0), T.switch(i > j, put(p[i + 1], p[j]), p))),
    "an element of an inner row but one": lambda i, j, p: (
        lambda rows: put(rows[-1][i], rows[-2][j]))(inner_rows(i, p)),
    "elements of the first inner row": lambda i, j, p: (
        lambda rows: put(rows[-1][i], rows[0][i] * rows[0][j]))(inner_rows(i, p)),
    "an element of an inner row but one, where it may stop": lambda i, j, p: stopped(i, p),
    "choices in choices":
        lambda i, j, p: T.switch(odd(i), T.switch(odd(j), put(p[i:i + 3], p[j]), p), put(p[j], 2.0)),
}
MORE: dict[str, Callable[..., Any]] = {
    "an element is read and another written": lambda i, j, p: (put(p[i], 1.0), p[j]),
    "an element is read after it was written": lambda i, j, p: (put(p[i], p[j]), p[i] + put(p[i], p[j])[i]),
    "a pop": lambda i, j, p: (put(p[i:i + 8], p[i + 1:i + 9]), p[i]),
}


def elements_touched(inputs: list[Any], outputs: list[Any], args: list[Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many elements loop IR reads, writes and copies; its numbers are those of the reference."""
    program = make_program(inputs, outputs)
    module = lower(program)
    pipeline.run(module, ",".join([*pass_lists.CPU_SCAN, "bufferize", "plan-memory"]))
    touched = [0]
    for name in ("memref.load", "memref.store", "memref.copy", "scan.buffer_move"):
        monkeypatch.setitem(machine.STEP_RULES, name, counting(machine.STEP_RULES[name], touched))
    found = run_program(module, "function", args)
    monkeypatch.undo()
    for mine, expected in zip(found, sc.function(inputs, outputs, mode="reference")(*args), strict=True):
        np.testing.assert_allclose(mine, expected)
    return touched[0]


def counting(rule: machine.StepRule, touched: list[int]) -> machine.StepRule:
    def counted(op: Op, on: machine.Machine) -> machine.Step:
        step = rule(op, on)
        source = operand(op, "source") if op.name in ("memref.copy", "scan.buffer_move") else None

        def run(env: machine.Env) -> None:
            touched[0] += 1 if source is None else np.size(env[source])
            step(env)
        return run
    return counted


def grows_by(inputs: list[Any], outputs: list[Any], table: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How much more is touched where tables, the inputs from `table` on, are longer."""
    rng = np.random.default_rng(3)
    places = [rng.integers(0, SMALL - 10, STEPS) for _ in range(table)]
    counts = [elements_touched(inputs, outputs, [*places, *(rng.normal(size=n) for _ in inputs[table:])], monkeypatch)
              for n in (SMALL, LARGE)]
    return counts[1] - counts[0]


I, J, P, Q = T.lvector("i"), T.lvector("j"), T.vector("p"), T.vector("q")
ALLOWED = 8 * (LARGE - SMALL)  # the initial value comes in, the last one goes out; each step would be 60 times


@pytest.mark.parametrize("name", ONE_TABLE)
def test_a_step_costs_what_it_touches(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = sc.scan(ONE_TABLE[name], sequences=[I, J], outputs_info=[P])
    assert grows_by([I, J, P], [rows[-1]], 2, monkeypatch) <= ALLOWED


@pytest.mark.parametrize("name", [name for name in ONE_TABLE if "cho" in name or "window" in name or "row" in name])
def test_their_gradients_cost_what_they_touch(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, _ = sc.scan(ONE_TABLE[name], sequences=[I, J], outputs_info=[P])
    assert grows_by([I, J, P], [sc.grad((rows[-1] ** 2).sum(), P)], 2, monkeypatch) <= ALLOWED


@pytest.mark.parametrize("name", MORE)
def test_what_a_step_gives_beside_costs_what_it_reads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (rows, beside), _ = sc.scan(MORE[name], sequences=[I, J], outputs_info=[P, None])
    assert grows_by([I, J, P], [rows[-1], beside], 2, monkeypatch) <= ALLOWED


def test_two_tables_that_read_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    (p, q), _ = sc.scan(lambda i, j, p, q: (put(p[i], q[j]), add(q[j], p[i])), sequences=[I, J], outputs_info=[P, Q])
    assert grows_by([I, J, P, Q], [p[-1], q[-1]], 2, monkeypatch) <= 2 * ALLOWED


def test_states_that_exchange_their_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    (p, q), _ = sc.scan(lambda i, j, p, q: (put(q[i], p[j]), add(p[j], q[i])), sequences=[I, J], outputs_info=[P, Q])
    assert grows_by([I, J, P, Q], [p[-1], q[-1]], 2, monkeypatch) <= 2 * ALLOWED


def by_branch(i, j, p, q, r):
    a, b = sc.ifelse(odd(i), [q, p], [p, q])
    return put(a[i], b[j]), add(b[j], 1.0), r


def written_before(i, j, p, q, r):
    p = put(p[i], 0.5 * q[j])
    return T.switch(odd(i), q, p), T.switch(odd(i), p, q), r


def apart(i, j, p, q, r):
    """Two branches by one condition."""
    a, b = sc.ifelse(odd(i), q, p), sc.ifelse(odd(i), p, q)
    return put(a[i], 0.5 * b[j]), b, r


def one_or_the_other(i, j, p, q, r):
    """A branch that writes one of two tables after the other."""
    p, q = sc.ifelse(odd(i), [put(p[i], q[j]), q], [p, put(q[j], p[i])])
    return p, q, r


def exchanged_and_written(i, j, p, q, r):
    """A branch whose sides write into what it exchanges."""
    p, q = sc.ifelse(odd(i), [put(q[i], p[j]), p], [p, put(q[j], p[i])])
    return p, q, r


def by_an_inner_scan(i, j, p, q, r):
    (p, q), _ = sc.scan(lambda k, p, q: (put(q[k], 0.5 * p[k]), p), sequences=[T.arange(2) + i], outputs_info=[p, q])
    return p[-1], put(q[-1][j], 1.0), r


EXCHANGES: dict[str, Callable[..., Any]] = {
    "by a choice": lambda i, j, p, q, r: (put(T.switch(odd(i), q, p)[j], p[i]), T.switch(odd(i), p, q), r),
    "by a choice, and written before": written_before,
    "by a branch": by_branch,
    "by two branches": apart,
    "by an inner scan": by_an_inner_scan,
    "written in one branch each": one_or_the_other,
    "and written in one branch": exchanged_and_written,
    "three in a round": lambda i, j, p, q, r: (
        T.switch(odd(i), q, p), add(T.switch(odd(i), r, q)[j], p[i]), T.switch(odd(i), p, r)),
    "two in one step, one in another": lambda i, j, p, q, r: (
        T.switch(odd(i), q, p), T.switch(odd(i), p, q), put(r[i], p[j])),
}


@pytest.mark.parametrize("name", EXCHANGES)
def test_states_that_one_condition_exchanges(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By loop IR and natively, with the gradient."""
    tables = [P, Q, T.vector("r")]
    last = [rows[-1] for rows in sc.scan(EXCHANGES[name], sequences=[I, J], outputs_info=tables)[0]]
    gradient = sc.grad(sum((v ** 2).sum() for v in last), tables)
    for outputs in (last, gradient):
        assert grows_by([I, J, *tables], outputs, 2, monkeypatch) <= 4 * ALLOWED
    places, values = np.arange(12) * 5 % 7, [np.arange(8.0) + k for k in range(3)]
    native, reference = (sc.function([I, J, *tables], [*last, *gradient], mode=mode)(places, places[::-1], *values)
                         for mode in (None, "reference"))
    for found, expected in zip(native, reference, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_chosen_inner_scan_at_places_that_were_written_before() -> None:
    """Whether they fit is checked in steps that do not choose it, too."""
    p = T.lvector("p")

    def step(i, j, p):
        q = put(p[i], j)
        return T.switch(odd(i), listed(q[i], q[j] % 7, q), p)
    last = sc.scan(step, [I, J], [p])[0][-1]
    f, reference = (sc.function([I, J, p], last, mode=mode) for mode in (None, "reference"))
    places, table = np.arange(12) * 5 % 7, np.arange(30)
    np.testing.assert_array_equal(f(places, places[::-1], table), reference(places, places[::-1], table))
    for g in (f, reference):
        with pytest.raises(IndexError, match="index 40 is out of"):
            g([2], [40], table)


def test_exchanged_states_keep_their_buffers_from_tile_to_tile() -> None:
    """1,300 steps are three tiles, which end with the buffers in another order than they began with."""
    (p, q), _ = sc.scan(lambda i, j, p, q: by_branch(i, j, p, q, p)[:2], sequences=[I, J], outputs_info=[P, Q])
    f, reference = (sc.function([I, J, P, Q], [p[-1], q[-1]], mode=mode) for mode in (None, "reference"))
    assert not any("two buffers" in str(r) for r in f.remarks)
    rng = np.random.default_rng(0)
    args = [*rng.integers(0, 40, (2, 1300)), *rng.normal(size=(2, 40))]
    for found, expected in zip(f(*args), reference(*args), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least element is replaced; the new one goes down to its place."""
    def down(q, at):
        left = T.minimum(2 * at + 1, q.shape[0] - 1)
        right = T.minimum(left + 1, q.shape[0] - 1)
        least = T.switch(q[left] < q[right], left, right)
        moves = q[least] < q[at]
        q = T.switch(moves, put(put(q[at], q[least])[least], q[at]), q)
        return [q, T.switch(moves, least, at)], sc.until(~moves)

    def step(i, p):
        (q, _), _ = sc.scan(down, n_steps=4, outputs_info=[put(p[0], T.cast(i, "float64")), T.constant(np.int64(0))])
        return q[-1], p[0]
    (p, taken), _ = sc.scan(step, sequences=[I], outputs_info=[P, None])
    assert grows_by([I, P], [p[-1], taken], 1, monkeypatch) <= 2 * ALLOWED  # other numbers stop elsewhere


def test_a_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(i, j, p, first, last):
        q = T.switch(odd(i), put(p[last], p[j]), p)
        return q, (first + 1) % p.shape[0], T.switch(odd(i), (last + 1) % p.shape[0], last), q[first]
    zero = T.constant(np.int64(0))
    (p, _, _, taken), _ = sc.scan(step, sequences=[I, J], outputs_info=[P, zero, zero, None])
    assert grows_by([I, J, P], [p[-1], taken], 2, monkeypatch) <= ALLOWED


def test_a_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    def step(i, j, p, top):
        return sc.ifelse(odd(i), put(p[top], p[j]), p), T.switch(odd(i), top + 1, T.maximum(top - 1, 0)), p[top]
    (p, _, popped), _ = sc.scan(step, sequences=[I, J], outputs_info=[P, T.constant(0), None])
    assert grows_by([I, J, P], [p[-1], popped], 2, monkeypatch) <= ALLOWED


# ---- programs as users write them ----

ZERO = T.constant(np.int64(0))


def cache(i, j, p, at):
    """A cache that is filled in turn."""
    miss = T.neq(p[at], p[i])
    q = T.switch(miss, put(p[at], p[j]), p)
    return q, q[at], T.switch(miss, (at + 1) % p.shape[0], at)


def delay_line(i, j, p, at):
    """What goes in is what comes out and another tap, in some steps only."""
    y = p[0] + 0.5 * p[j]
    return sc.ifelse(odd(i), T.concatenate([p[1:], T.shape_padleft(y)]), p), y, at


def histogram(i, j, p, at):
    return T.switch(T.gt(i, j), add(p[i], 1.0), add(p[j], 0.5)), p[at], i


def bubbles(i, j, p, at):
    def sorted_pair(k, q):
        return T.switch(q[k] > q[k + 1], put(put(q[k], q[k + 1])[k + 1], q[k]), q)
    return sc.scan(sorted_pair, sequences=[T.arange(4) + i], outputs_info=[p])[0][-1], p[0], at


def spins(i, j, p, at):
    """A step of a Gibbs chain over a vector of spins."""
    return put(p[i], T.switch(T.tanh(p[i - 1] + p[j]) > 0.1, 1.0, -1.0) * p[i]), p[at], j


def sums_by_hops(i, j, p, at):
    """The increments of a binary indexed tree."""
    first = p[0]

    def hop(q, k):
        return add(q[k], first), (k + 2 * (k % 3) + 1) % 30
    return sc.scan(hop, outputs_info=[p, i], n_steps=4)[0][0][-1], p[at], at


def proposal(i, j, p, at):
    """A step of a Metropolis chain: one coordinate moves, or none."""
    new = put(p[i], p[i] + 0.1 * T.sin(p[j]))
    better = new[i] ** 2 - p[i] ** 2 < 0.01
    return T.switch(better, new, p), p[j], at


def proposal_by_branch(i, j, p, at):
    new = put(p[i], p[i] + 0.1 * T.sin(p[j]))
    change = new[i] ** 2 - p[i] ** 2
    q, seen = sc.ifelse(change < 0.01, [new, change], [p, 0.0 * change])
    return q, seen, at


def pairs(i, j, p, at):
    """Two elements change places by lists."""
    return put(p[T.stack([i, j])], p[T.stack([j, i])]), p[at], at


def sunk(i, j, p, at):
    """The first element of a heap goes down; the gradient of what is written reads no row of the inner scan."""
    def down(k, q, at):
        child = T.minimum(2 * at + 1, q.shape[0] - 1)
        moves, above, below = q[child] < q[at], q[at], q[child]
        q = put(put(q[at], T.switch(moves, below, above))[child], T.switch(moves, above, below))
        return q, T.switch(moves, child, at)
    (q, last), _ = sc.scan(down, sequences=[T.arange(4)], outputs_info=[p, ZERO])
    return q[-1], p[i], last[-1]


MODELS = (sunk, proposal, proposal_by_branch, pairs, cache, delay_line, histogram, bubbles, spins, sums_by_hops)


def rows_of(step: Callable[..., Any]) -> list[Any]:
    (rows, beside, _), _ = sc.scan(step, sequences=[I, J], outputs_info=[P, None, ZERO])
    return [rows[-1], beside]


@pytest.mark.parametrize("step", MODELS, ids=lambda step: step.__name__)
def test_a_step_of_a_model_costs_what_it_touches(step, monkeypatch: pytest.MonkeyPatch) -> None:
    assert grows_by([I, J, P], rows_of(step), 2, monkeypatch) <= ALLOWED


@pytest.mark.parametrize("step", MODELS, ids=lambda step: step.__name__)
def test_the_gradient_of_a_model_costs_what_it_touches(step, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = sum((v ** 2).sum() for v in rows_of(step))
    assert grows_by([I, J, P], [sc.grad(cost, P)], 2, monkeypatch) <= ALLOWED


def test_a_gradient_by_what_both_steps_of_a_nest_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outer place is read only where there is an inner step: a choice between two ends of one sum."""
    def outer(i):
        return sc.scan(lambda j, g: T.tanh(P[i] * P[j] + g), J, ZERO + 0.5)[0][-1]
    cost = (sc.map(outer, I)[0] ** 2).sum()
    assert grows_by([I, J, P], [sc.grad(cost, P)], 2, monkeypatch) <= ALLOWED


def test_a_delay_line_that_turns_in_some_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The part that is kept is the longer one, though both lengths are computed."""
    rows, _ = sc.scan(lambda i, j, p: T.switch(odd(i), put(T.roll(p, 1)[0], p[j]), p), sequences=[I, J],
                      outputs_info=[P])
    assert grows_by([I, J, P], [rows[-1]], 2, monkeypatch) <= ALLOWED


@pytest.mark.parametrize(("dtype", "by"), [("float64", 1), ("float64", -7), ("int8", -1), ("complex128", 3)])
def test_a_slice_moved_over_itself(dtype: str, by: int) -> None:
    """Natively, without room for it: at both ends, before them, and where it is cut there by as much as its place."""
    p = T.vector("p", dtype=dtype)
    f, reference = (sc.function([I, p], sc.scan(lambda i, p: put(p[i:i + 4], p[i + by:i + by + 4]), [I], [p])[0][-1],
                                mode=mode) for mode in (None, "reference"))
    assert "move &" in f.dump("loop") and "workspace 0 bytes" in f.dump("loop")
    start = np.arange(30).astype(dtype)
    for places in ([7, 9, 8, 15, 7], [-15, -20, 10], [40, 50], [10] * 3):
        np.testing.assert_array_equal(f(places, start), reference(places, start))
    with pytest.raises(ValueError, match="does not fit"):
        f([28 if by > 0 else -by - 3 - 30], start)


@pytest.mark.parametrize("write", [
    lambda i, p: sc.scan(lambda k, q: put(q[k], 2 * q[k]), sequences=[T.arange(3) + i], outputs_info=[p])[0][-1],
    lambda i, p: sc.ifelse(i > 5, put(p[i], 1.0), p)])
def test_what_is_not_chosen_is_checked(write: Callable[..., Any]) -> None:
    """A `switch` computes both sides: an index that is out of range in the one that is left out is an error."""
    rows, _ = sc.scan(lambda i, p: T.switch(i < 4, write(i, p), p), sequences=[I], outputs_info=[P])
    f = sc.function([I, P], rows[-1])
    np.testing.assert_array_equal(f([1, 6, 2], np.ones(9)), f([1, 2, 6], np.ones(9)))
    with pytest.raises(IndexError, match="(?s)out of range for axis 0 with length 9.*in step 2"):
        f([1, 2, 9], np.ones(9))


def test_a_choice_whose_checks_need_what_is_written_says_so() -> None:
    def hop(q, at):
        return put(q[at], at), q[at] + 1
    numbers = T.lvector("numbers")
    f = sc.function([I, numbers], sc.scan(lambda i, p: T.switch(odd(i), sc.scan(
        hop, outputs_info=[p, i], n_steps=3)[0][0][-1], p), sequences=[I], outputs_info=[numbers])[0][-1])
    assert any("a check in what makes one" in str(r) for r in f.remarks)
    np.testing.assert_array_equal(f([1, 2, 3], np.arange(9)), [0, 1, 2, 3, 4, 5, 6, 7, 8])


def test_a_step_that_needs_the_old_state_says_so() -> None:
    def step(i, p):
        q = put(p[i], i)
        return put(q[0], p[q[1]])
    numbers = T.lvector("numbers")
    f = sc.function([I, numbers], sc.scan(step, sequences=[I], outputs_info=[numbers])[0][-1])
    assert any("'p' is copied in each step" in str(r) and "reads it after a write" in str(r) for r in f.remarks)


@pytest.mark.parametrize("stop", [lambda n: n - 1, lambda n: n // 2, lambda n: T.minimum(n, 5) - 1],
                         ids=["n - 1", "n // 2", "min(n, 5) - 1"])
def test_the_numbers_of_an_inner_scan_are_its_counter(stop):
    """No more of them than an array has elements: nothing can fail, so that no array waits before the outer scan."""
    x = T.vector("x")

    def exchange(i, x):
        low, high = T.minimum(x[i], x[i + 1]), T.maximum(x[i], x[i + 1])
        return T.set_subtensor(T.set_subtensor(x[i], low)[i + 1], high)

    def pass_over(x):
        return sc.scan(exchange, T.arange(stop(x.shape[0])), x)[0][-1]

    result = sc.scan(pass_over, outputs_info=x, n_steps=3)[0][-1]
    f = sc.function([x], result)
    assert not f.memory_plan().buffers
    given = np.random.default_rng(2).standard_normal(9)
    np.testing.assert_array_equal(f(given), sc.function([x], result, mode="reference")(given))


@pytest.mark.parametrize("taps", [range(-22, 0), [-30, -12, -7, -1], [-20, -19, -18]], ids=["all", "some", "old"])
def test_a_ring_that_is_read_often_computes_one_place(taps):
    """It is there twice, so that its numbers stand in one piece at every step."""
    noise, initial = T.vector("noise"), T.vector("initial")

    def step(noise, *past):
        return noise + 0.1 * sum(past) - 0.01 * past[0] * past[-1]

    rows, _ = sc.scan(step, noise, {"initial": initial, "taps": list(taps)})
    f = sc.function([noise, initial], rows)
    assert f.dump("loop").count("rem(") <= 1  # none where steps that old wait for no other run side by side
    grad = sc.function([noise, initial], sc.grad(rows.sum(), [noise, initial]))
    reference = sc.function([noise, initial], [rows, *sc.grad(rows.sum(), [noise, initial])], mode="reference")
    rng = np.random.default_rng(3)
    start = rng.standard_normal(-min(taps))
    for n in (0, 1, 21, 22, 23, 70):
        given = rng.standard_normal(n)
        expected = reference(given, start)
        np.testing.assert_allclose(f(given, start), expected[0], rtol=1e-12)
        for got, true in zip(grad(given, start), expected[1:], strict=True):
            np.testing.assert_allclose(got, true, rtol=1e-11, atol=1e-13)
