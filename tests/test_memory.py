"""What memory a function takes: the plan's formulas, and that they say what is taken."""

from __future__ import annotations

import inspect
import json
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import scancc as sc
from scancc import tensor as T
from scancc.cli import main
from scancc.compile import Function
from scancc.ir.formulas import Formula, call, name, number
from scancc.runtime.cpu import Kernel
from tests.programs import users

n, m = name("n"), name("m")


def rnn() -> tuple[Function, list[np.ndarray]]:
    x, W, h0 = T.matrix("x"), T.matrix("W"), T.vector("h0")
    h, _ = sc.scan(lambda x_t, h, W: T.tanh(T.dot(h, W) + x_t), x, h0, W)
    cost = (h ** 2).sum()
    return sc.function([x, W, h0], [cost, *sc.grad(cost, [W, h0])]), [
        np.full((5000, 20), 0.1), np.full((20, 20), 0.01), np.zeros(20)]


def counted() -> tuple[Function, list[np.ndarray]]:
    k, x = T.lscalar("k"), T.vector("x")
    h, _ = sc.scan(lambda h: T.sin(h) + 1, outputs_info=x, n_steps=k)
    return sc.function([x, k], T.sort(h, axis=0)[::-1].cumsum(axis=0)), [np.ones(30), np.array(4000)]


def stopped() -> tuple[Function, list[np.ndarray]]:
    x = T.vector("x")
    h, _ = sc.scan(lambda x_t, h: (h + x_t, sc.until(h > 100.0)), x, 0.0)
    return sc.function([x], T.sort(h * h)), [np.full(50000, 0.5)]


def masked() -> tuple[Function, list[np.ndarray]]:
    x = T.vector("x")
    return sc.function([x], T.sort(x[x > 0])), [np.linspace(-1.0, 1.0, 100000)]


PROGRAMS = [rnn, counted, stopped, masked]


@pytest.mark.parametrize(("formula", "text"), [
    (number(8) * n * (m + number(1)), "8*n*(m + 1)"),
    (n - number(1) + n, "2*n - 1"),
    (n - n, "0"),
    (number(-2) * n, "-2*n"),
    (n * n + n * m, "n*(m + n)"),
    (call("min", n, n + number(1)), "n"),
    (call("max", n, number(0)), "n"),
    (call("max", n - number(1), number(0)), "max(n - 1, 0)"),
    (call("//", n + m, number(2)) * number(8), "8*((m + n) // 2)"),
    (call("lines", number(8) * n).unrounded(), "8*n"),
    (number(0), "0"),
])
def test_formulas_read_as_people_write_them(formula: Formula, text: str) -> None:
    assert str(formula) == text


def test_a_formula_has_a_number_where_its_names_have() -> None:
    formula = call("lines", number(8) * n) + call("max", m - number(3), number(0)) * call("//", n, number(2))
    assert formula.at({"n": 9, "m": 5}) == 128 + 2 * 4
    assert call("//", n - m, number(2)).at({"n": 0, "m": 3}) == -1


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_query_asks_for_what_the_plan_says(program: Callable[[], tuple[Function, list[np.ndarray]]],
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    f, args = program()
    kernel, asked = Kernel(f.compiled.artifact()), []
    lend = kernel._pool.lend
    monkeypatch.setattr(kernel._pool, "lend", lambda nbytes: asked.append(nbytes) or lend(nbytes))
    kernel(*args)
    plan = f.memory_plan(*args)
    assert plan.workspace_nbytes == asked[-1]


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_peak_is_what_a_call_takes(program: Callable[[], tuple[Function, list[np.ndarray]]]) -> None:
    f, args = program()
    kernel = Kernel(f.compiled.artifact())
    tracemalloc.start()
    kernel(*args)
    _, taken = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    peak = f.memory_plan(*args).peak_nbytes
    assert peak is not None and abs(taken - peak) <= 0.02 * peak + 20_000  # ctypes' and Python's own objects


@pytest.mark.parametrize("given", [
    lambda x: x.astype("float32"), lambda x: np.asfortranarray(x), lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    lambda x: np.repeat(x.astype("int16"), 2, axis=1)[:, ::2], lambda x: x.tolist(), lambda x: x, lambda x: x[:]])
def test_the_peak_has_the_copies_of_arguments(given: Callable[[np.ndarray], Any]) -> None:
    """Those that no code reads as they are."""
    f, (x, *args) = rnn()
    value = given(x)
    peak = f.memory_plan(value, *args).peak_nbytes
    kernel = Kernel(f.compiled.artifact())
    tracemalloc.start()
    kernel(*f._arrays((value, *args), {}))
    _, taken = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak is not None and abs(taken - peak) <= 0.02 * peak + 20_000


@pytest.mark.parametrize("program", PROGRAMS)
def test_buffers_of_one_place_have_no_moment_in_common(
        program: Callable[[], tuple[Function, list[np.ndarray]]]) -> None:
    plan = program()[0].memory_plan()
    for place in range(len(plan.places)):
        lives = sorted((b.first, b.last) for b in plan.buffers if b.place == place)
        assert lives and all(a[1] < b[0] for a, b in zip(lives, lives[1:], strict=False))


@pytest.mark.parametrize("make", [users.garch, users.advantage_estimation])
def test_places_lie_in_the_order_of_their_offsets(make: Callable[[], users.Model]) -> None:
    """Also where no two offsets can be compared by their formulas alone."""
    model = users.build(make)
    plan = sc.function(model.inputs, [model.cost, *model.gradients()]).memory_plan()
    assert len(plan.places) > 1
    for n in (1, 30, 1000):
        assert all(p.nbytes.at(dict.fromkeys(p.nbytes.names, n)) >= 0 for p in plan.places)


def test_a_place_that_takes_nothing_for_equal_sizes_lies_before_the_next() -> None:
    x, y, i = T.vector("x"), T.vector("y"), T.lvector("i")
    rest, all_of_y = T.sort(x[y.shape[0]:]), T.sort(y)
    products, _ = sc.scan(lambda k: rest[k] * all_of_y[k], i)
    plan = sc.function([x, y, i], products).memory_plan(x_n0=10, y_n0=4, i_n0=3)
    assert plan.values and {place.room.at(plan.values) for place in plan.places} == {64}


def test_a_tile_has_no_more_rows_than_there_are_steps() -> None:
    x = T.matrix("x")
    h, _ = sc.scan(lambda x_t, h: x_t + 0.9 * h, x, T.zeros_like(x[0]))
    plan = sc.function([x], [(h ** 2).sum(), h[-1]]).memory_plan()
    assert str(plan.workspace.unrounded()) == "8*x_n1*(min(x_n0, 512) + 2)"


def test_a_likelihoods_gradient_keeps_the_rows_and_one_array() -> None:
    r, a, b = T.vector("r"), *T.scalars("a", "b")
    s, _ = sc.scan(lambda r, s: 0.1 + a * r**2 + b * s, r[:-1], T.constant(1.0))
    f = sc.function([r, a, b], sc.grad((T.log(s) + r[1:]**2 / s).sum(), [a, b]))
    assert f.memory_plan(r_n0=8_001).workspace_nbytes <= 2 * 8 * 8_000 + 128


def test_sizes_may_be_given_by_name() -> None:
    f, args = counted()
    plan = f.memory_plan(x_n0=30, k=4000)
    assert plan.workspace_nbytes == f.memory_plan(*args).workspace_nbytes
    assert plan.output_nbytes == 8 * 30 * 4000 and str(plan.outputs[0].nbytes) == "8*max(k, 0)*x_n0"
    assert f.memory_plan().workspace_nbytes is None
    with pytest.raises(ValueError, match="no value is given for x_n0"):
        f.memory_plan(k=3)


def test_a_size_that_the_inputs_values_tell_is_computed() -> None:
    k = T.lscalar("k")
    h, _ = sc.scan(lambda s: (s * 2, sc.until(s > k)), outputs_info=np.int64(1), n_steps=k * k)
    f = sc.function([k], T.sort(T.arange(h[-1])))
    assert f.memory_plan().names == ["computed_0"]
    assert f.memory_plan(np.int64(1000)).output_nbytes == 8 * 2048


def test_a_guess_stands_by_its_name() -> None:
    x = T.vector("x")
    f = sc.function([x], T.sort(T.arange(T.cast(T.sort(T.exp(x))[-1], "int64"))))
    assert "bound_0" in f.memory_plan().names
    f([np.log(1000.5)])
    known = f.memory_plan([0.0])
    assert known.values is not None and known.values["bound_0"] >= 1000


def rows(text: str) -> dict[str, str]:
    return {line.split("  ")[0]: line for line in text.splitlines()}


def test_the_table_says_what_is_where() -> None:
    x = T.vector("x")
    f = sc.function([x], T.sort(T.exp(x)).cumsum(), name="f")
    text = str(f.memory_plan(np.zeros(1000)))
    assert text.startswith("memory of f\n")
    assert "8*x_n0" in rows(text)["x"] and "8,000" in rows(text)["result"]
    assert f.memory_plan().line() in f.dump("loop")


def test_a_long_formula_widens_no_line_but_its_own() -> None:
    """Of the gradient of a Kalman filter all lines were 3,000 letters wide."""
    model = users.build(users.kalman)
    text = str(sc.function(model.inputs, [model.cost, *model.gradients()]).memory_plan())
    lines = sorted(map(len, text.splitlines()))
    assert lines[len(lines) // 2] < 160 < lines[-1]



def test_a_manifest_carries_the_formulas(tmp_path: Path) -> None:
    f, _ = rnn()
    sc.export(f, tmp_path / "rnn", emit="json")
    memory: dict[str, Any] = json.loads((tmp_path / "rnn.json").read_text())["functions"][0]["memory"]
    assert memory["outputs"]["result0"] == "8" and memory["buffers"]
    assert set(memory["sizes"]) >= {"x_n0", "h0_n0"}


def test_the_command_prints_the_plan() -> None:
    result = CliRunner().invoke(main, ["plan", "examples/power.py:power", "A_n0=1000", "k=64"])
    assert result.exit_code == 0 and "8,000" in rows(result.output)["result"]
    result = CliRunner().invoke(main, ["plan", "examples/power.py:power", "--json"])
    assert json.loads(result.output)["outputs"] == {"result": "8*A_n0"}


def test_a_plan_of_many_buffers_is_read_in_a_small_stack():
    """The last place lies behind all others: a dump of a long step's gradient was a RecursionError."""
    h0, a = T.vector("h0"), T.scalar("a")

    def step(h, a):
        for _ in range(16):
            h = T.sin(h * a) + 0.1 * h
        return h

    rows, _ = sc.scan(step, outputs_info=h0, non_sequences=a, n_steps=5)
    f = sc.function([h0, a], sc.grad((rows[-1] ** 2).sum(), a))
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 90)
    try:
        plan = f.memory_plan()
    finally:
        sys.setrecursionlimit(before)
    assert len(plan.places) > 30
