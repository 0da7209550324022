"""Cards of scans: what the compiler knows, and what it did and did not do."""

from __future__ import annotations

import re

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.insight.explain import Explanation
from tests.programs import seed, users


def garch() -> sc.Function:
    r, w, a, b = T.vector("r"), *T.scalars("w", "a", "b")

    def step(x, s, ll):
        s_next = w + a * x * x + b * s
        return s_next, ll - 0.5 * (T.log(s_next) + x * x / s_next)

    (_, ll), _ = sc.scan(step, sequences=r, outputs_info=[r.var(), T.constant(0.0)])
    return sc.function([r, w, a, b], ll[-1], name="garch")


def test_a_card_says_what_is_on_the_cycles_and_what_was_made_of_it() -> None:
    (card,) = garch().explain().cards
    assert card.facts["steps"] == ["r_n0"]
    assert card.facts["sequences"] == ["x: f64"] and card.facts["states"] == ["s: f64", "ll: f64"]
    assert card.facts["keeps"] == ["no rows"]
    assert card.facts["cycles"][0] == "s: affine, a chain of 4 cycles"
    assert re.fullmatch(r"work: \d+ cycles a step, beside a chain of 4", card.facts["limit"][0])
    assert any("log, division in vectors" in text for text in card.done)


def test_a_card_says_what_was_not_done() -> None:
    x = T.vector("x")
    y, _ = sc.scan(lambda v, s: 0.5 * s + v, sequences=x, outputs_info=T.constant(0.0))
    (card,) = sc.function([x], y).explain().cards
    assert card.facts["keeps"][0].startswith("x_n0 rows of ")
    assert card.facts["limit"][0].startswith("the chain: 4 cycles a step")
    assert any(text.startswith("tile: ") for text in card.not_done)


def test_inner_scans_stand_under_outer_ones() -> None:
    x = T.matrix("x")

    def last(row):
        return sc.scan(lambda v, s: T.tanh(s) + v, sequences=row, outputs_info=T.constant(0.0))[0][-1]

    sums, _ = sc.scan(last, sequences=x)
    outer, inner = sc.function([x], sums).explain().cards
    assert (outer.depth, inner.depth) == (0, 1)
    assert outer.facts["limit"] == ["in each step: 1 inner scan"]
    assert str(inner).startswith("  scan 's' at ")


def test_steps_of_a_scan_with_until() -> None:
    def step(v):
        return v * 0.5, sc.until(v < 1e-3)

    start = T.scalar("start")
    v, _ = sc.scan(step, outputs_info=start, n_steps=100)
    (card,) = sc.function([start], v[-1]).explain().cards
    assert card.facts["steps"] == ["at most 100, until a condition holds"]


def test_a_ring_says_its_depth() -> None:
    x = T.vector("x")
    y, _ = sc.scan(lambda v, late: v - 0.5 * late, sequences=x, outputs_info={"initial": T.zeros(52), "taps": [-52]})
    (card,) = sc.function([x], y).explain().cards
    assert card.facts["states"][0].endswith(", a ring of the last 52")
    assert card.facts["cycles"][0].endswith("cycles in 52 steps")


def test_where_states_live_and_what_buffers_are() -> None:
    x, h0, w = T.matrix("x"), T.vector("h0"), T.matrix("w")
    h, _ = sc.scan(lambda v, h, w: T.tanh(v + h @ w), sequences=x, outputs_info=h0, non_sequences=w)
    (kept,), (last,) = (sc.function([x, h0, w], out).explain().cards for out in (h, h[-1]))
    assert "bufferize: the state 'h' is the last row of its stack" in kept.done
    assert "bufferize: the state 'h' has one buffer" in last.done
    assert "8*w_n1 bytes for f64 of rank 1" in last.facts["buffers"]


def test_what_a_buffer_of_a_step_cannot_share_is_said() -> None:
    x, h0, w = T.tensor3("x"), T.matrix("h0"), T.matrix("w")
    h, _ = sc.scan(lambda v, h, w: T.tanh(v + h @ w), sequences=x, outputs_info=h0, non_sequences=w)
    (card,) = sc.function([x, h0, w], h).explain().cards
    assert any("plan-memory: 'packed_factor' has memory of its own" in text for text in card.not_done)


def test_a_state_that_is_read_after_it_is_made_has_two_buffers() -> None:
    h0 = T.vector("h0")
    h, _ = sc.scan(lambda h: T.tanh(h[::-1]) + h, outputs_info=h0, n_steps=9)
    (card,) = sc.function([h0], h[-1]).explain().cards
    (text,) = (text for text in card.done if text.startswith("bufferize"))
    assert text.startswith("bufferize: the state 'h' has two buffers that change places: a loop over arrays (line ")
    assert text.endswith(") reads other elements of the old one while it makes the new one")


def test_rows_that_a_tile_sums_are_not_said_to_be_kept() -> None:
    r, w, b = T.vector("r"), *T.scalars("w", "b")
    s, _ = sc.scan(lambda x, s: w + b * s + x * x, sequences=r, outputs_info=T.constant(1.0))
    (card,) = sc.function([r, w, b], (T.log(s) + r ** 2 / s).sum()).explain().cards
    assert card.facts["keeps"] in (["no rows"], ["no rows whole: those of a tile at a time"])
    assert not any("is kept whole" in text for text in card.not_done)


def test_what_passes_say_of_a_line_of_the_step_is_on_the_card() -> None:
    x, w = T.matrix("x"), T.matrix("w")
    h, _ = sc.scan(_layer, sequences=x, outputs_info=T.zeros(w.shape[0]), non_sequences=w)
    found = sc.function([x, w], h[-1]).explain()
    (card,) = found.cards
    assert any(re.match(r"lines? [\d, ]+: vectorize: ", text) for text in card.done) and not found.others


def _layer(v, h, w):
    return T.tanh(v + h @ w)


def test_nothing_is_without_a_name() -> None:
    x = T.vector("x")
    y, _ = sc.scan(lambda v, late: v - 0.5 * late, sequences=x, outputs_info={"initial": T.zeros(52), "taps": [-52]})
    (card,) = sc.function([x], y * 2).explain().cards
    assert "unnamed" not in str(card) and "without a name" not in str(card)


def test_states_of_one_name_have_numbers() -> None:
    x, a = T.vector("x"), T.scalar("a")
    states = [lambda h: T.tanh(x[0] * h), lambda h: T.sin(a * h)]
    rows, _ = sc.scan(lambda h, g: [step(s) for step, s in zip(states, (h, g), strict=True)],
                      outputs_info=[T.constant(0.1), T.constant(0.2)], n_steps=7)
    (*_, card) = sc.function([x, a], sc.grad(rows[0][-1] + rows[1][-1], [x, a])).explain().cards
    assert "grad_state (1)" in card.facts["states"][0], card.facts["states"]


def test_a_copied_state_says_how_much_and_what_reads_after_what() -> None:
    def step(i, p):
        q = T.set_subtensor(p[i], i)
        return T.set_subtensor(q[0], p[q[1]])

    i, p = T.lvector("i"), T.lvector("p")
    (card,) = sc.function([i, p], sc.scan(step, sequences=i, outputs_info=p)[0][-1]).explain().cards
    (text,) = (text for text in card.not_done if text.startswith("bufferize"))
    assert re.fullmatch(r"bufferize: the state 'p' is copied in each step, 8\*p_n0 B: a read of an element \(line "
                        r"\d+\) reads it after a write, a write of an element \(line \d+\) \(hint: .*\)", text)


def test_rows_that_a_gradient_reads_have_a_hint() -> None:
    x, a = T.vector("x"), T.scalar("a")
    h, _ = sc.scan(lambda v, h: T.tanh(v + a * h), sequences=x, outputs_info=T.constant(0.0))
    forward, reverse = sc.function([x, a], sc.grad(h[-1], a)).explain().cards
    (text,) = (text for text in forward.not_done if text.startswith("fuse-consumers"))
    assert "kept whole, 8 B a step: a scan reads it backwards" in text and "max_bytes=" in text
    assert reverse.title.endswith("(of a gradient)")


@pytest.mark.parametrize("n_steps", [None, 30], ids=["no gradient", "few rows"])
def test_rows_that_no_budget_makes_fewer_have_no_hint(n_steps) -> None:
    x, a, n = T.vector("x"), T.scalar("a"), T.lscalar("n")
    h, _ = sc.scan(lambda h: T.tanh(a * h), outputs_info=x[0], n_steps=n_steps or n)
    back, _ = sc.scan(lambda v, g: T.exp(-g) * v, sequences=h[::-1], outputs_info=a)
    cost = sc.grad(h[-1], a) if n_steps else back[-1]
    forward, _ = sc.function([x, a, n], cost, on_unused_input="ignore").explain().cards
    (text,) = (text for text in forward.not_done if text.startswith("fuse-consumers"))
    assert "a scan reads it backwards" in text and "max_bytes=" not in text


def test_a_part_that_a_branch_copies_is_said_with_what_to_change() -> None:
    """An invariant that may fail is taken where a step runs, in a branch; before the scan, it is a view."""
    x, w, h0 = T.matrix("x"), T.tensor3("w"), T.vector("h0")
    inside, _ = sc.scan(lambda v, h: T.tanh(v + h @ w[1]), sequences=x, outputs_info=h0)
    before, _ = sc.scan(lambda v, h, w1: T.tanh(v + h @ w1), sequences=x, outputs_info=h0, non_sequences=w[1])
    inside, before = (sc.function([x, w, h0], h[-1]) for h in (inside, before))
    assert "is copied: a branch hands on memory of its own (hint: " in str(inside.explain())
    assert "is copied" not in str(before.explain())


def test_a_limit_is_that_of_lanes_and_groups_of_steps() -> None:
    x, a, v = T.vector("x"), T.scalar("a"), T.vector("v")
    lanes, _ = sc.scan(lambda h: h * v, outputs_info=T.ones_like(v), n_steps=9)
    groups, _ = sc.scan(lambda x, h: a * h + x, sequences=x, outputs_info=T.constant(0.0))
    (card,) = sc.function([v], lanes[-1]).explain().cards
    assert card.facts["limit"] == [
        "in each lane, or vector of lanes, the chain: 3 cycles a step, with 1 of work beside it"]
    (card,) = sc.function([x, a], groups, fast_math="reassociate").explain().cards
    assert card.facts["limit"][0].endswith("; less where groups of steps run together")


def test_what_a_tile_keeps_no_more_leaves_the_list_of_rows() -> None:
    """Beside rows that stay; a gradient's scan says why it is no part of the loop, whatever else is in the way."""
    x, a = T.vector("x"), T.scalar("a")

    def step(v, s, a):
        s_next = a * s + v * v
        return s_next, T.log(s_next) + v / s_next

    (_, terms), _ = sc.scan(step, x, [T.constant(1.0), None], a)
    forward, back = sc.function([x, a], [terms.sum(), sc.grad(terms.sum(), a)]).explain().cards
    assert forward.facts["keeps"] == ["x_n0 rows of 's': f64"]
    assert any(text.endswith("it reads the rows from the last one on") for text in back.not_done)


def test_a_scan_that_became_another_loop_says_so() -> None:
    w, x = T.matrix("w"), T.vector("x")
    y = T.tanh(T.dot(w, x))
    rows, _ = sc.scan(lambda i: sc.grad(y[i], x), T.arange(y.shape[0]))
    said = str(sc.function([w, x], rows).explain())
    assert ": 0 scans; " in said and "parallelize: no step needs another one" in said


@pytest.mark.parametrize("target", ["x86-64-v3", "sm_90"])
def test_any_target(target: str) -> None:
    assert garch().explain(target).cards


@pytest.mark.parametrize("make", [*seed.PROGRAMS, *users.MODELS], ids=lambda make: make.__name__)
def test_every_program_is_explained(make) -> None:
    if make in users.MODELS:
        model = users.build(make)
        f = sc.function(model.inputs, model.outputs, updates=model.updates)
    else:
        case = make()
        f = sc.function(case.inputs, case.outputs, updates=case.updates)
    found = f.explain()
    assert isinstance(found, Explanation) and "workspace" in str(found).splitlines()[0]
    assert all(card.location is not None and "steps" in card.facts for card in found.cards)


def _told(function: sc.Function, start: str) -> list[str]:
    """What the cards of a function say was not done, by how that begins."""
    return [text for card in function.explain().cards for text in card.not_done if start in text]


def test_a_chain_that_nothing_waits_for_gets_no_hint() -> None:
    """An order of a sum is told of where the step waits for it: not beside a longer chain, and not off the cycles."""
    def build(divided: bool) -> sc.Function:
        x, first = T.vector("x"), T.vector("first")
        y, _ = sc.scan(lambda v, y2, y1, z: [y2 + v + y1 - 1, (z + v) / 3 if divided else z, (y1 + v) + x[0]],
                       x, [{"initial": first, "taps": [-2, -1]}, T.constant(1.0), None])
        return sc.function([x, first], y)

    (beside,), (alone,) = build(True).explain().cards, build(False).explain().cards
    assert not any("reassociate: what waits" in text for text in beside.not_done)
    assert sum("reassociate: what waits" in text for text in alone.not_done) == 1


def test_a_log_sum_exp_that_a_gradient_reads_gets_no_hint() -> None:
    """Allowing another order would not make it a product."""
    def build(fast: str) -> tuple[sc.Function, sc.Function]:
        logs, first = T.matrix("logs"), T.vector("first")
        h, _ = sc.scan(lambda h, A: T.logsumexp(h[:, None] + A, axis=0), outputs_info=first, non_sequences=logs,
                       n_steps=9)
        total = T.logsumexp(h[-1])
        return (sc.function([logs, first], total, fast_math=fast),
                sc.function([logs, first], sc.grad(total, logs), fast_math=fast))

    (hinted,), (read,) = (_told(function, "log-sum-exp") for function in build("default"))
    assert "fast_math='reassociate'" in hinted and not _told(build("reassociate")[0], "log-sum-exp")
    assert "something else reads them" in read and "hint" not in read


def test_what_has_no_name_is_called_by_what_makes_it() -> None:
    """States in remarks on products, and ops that keep a step from being one operation on all rows."""
    x, w, first = T.matrix("x"), T.matrix("w"), T.matrix("first")
    rows, _ = sc.scan(lambda v, *h: T.tanh(h[0] @ w + h[1] + v), x, {"initial": first, "taps": [-2, -1]})
    text = str(sc.function([x, w, first], rows).explain())
    assert "it waits for what a hyperbolic tangent (line" in text and "'a state'" not in text
    norms, _ = sc.scan(lambda v: T.sqrt((v ** 2).sum()), x)
    assert "none needs another one: its step has a reduction" in str(sc.function([x], norms).explain())


def test_a_hint_for_rows_of_one_element_says_so() -> None:
    x, first = T.matrix("x"), T.vector("first")
    a, _ = sc.scan(lambda v, a: 0.9 * a + v, x, first, go_backwards=True)
    (card,) = sc.function([x, first], a[::-1]).explain().cards
    assert any(text.startswith("time-parallel: where rows have one element, affine") for text in card.not_done)


def test_a_budget_is_hinted_at_with_what_it_needs() -> None:
    """Terms of a likelihood outside the step have a gradient outside, for which all rows are there."""
    r, w = T.vector("r"), T.vector("w")

    def gradient(inside: bool, **options: int) -> sc.Function:
        def step(v, s):
            s_next = w[0] + w[1] * v**2 + w[2] * s
            return s_next, T.log(s_next) + v**2 / s_next if inside else s_next

        (s, terms), _ = sc.scan(step, r, [T.constant(1.0), None])
        cost = (terms if inside else T.log(s) + r**2 / s).sum()
        return sc.function([r, w], sc.grad(cost, w, **options))

    (outside,), (within,) = (_told(gradient(inside), "is kept whole") for inside in (False, True))
    assert "with what reads it outside, a quotient (line" in outside and "max_bytes=" in outside
    assert "outside" not in within and "max_bytes=" in within
    plan = gradient(True, max_bytes=2**14).memory_plan(np.empty(10**5), np.empty(3))
    assert plan.peak_nbytes < 2**16
