"""Steps made of rolled, shifted and joined arrays read these where they are: nothing long is copied in a step."""

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

STEPS = 3


def ring(u: Any, m: Any) -> Any:
    return u + 0.125 * (m.roll(u, 1) - 2 * u + m.roll(u, -1))


def far(u: Any, m: Any) -> Any:
    return 0.5 * (m.roll(u, 3) - m.roll(u, -5)) + u


def upwind(u: Any, m: Any) -> Any:
    return u - 0.25 * (u - m.concatenate([u[:1], u[:-1]]))


def padded(u: Any, m: Any) -> Any:
    """The forward pass of a label alignment, in log space."""
    one = m.concatenate([m.zeros_like(u[:1]) - 9, u[:-1]])
    two = m.concatenate([m.zeros_like(u[:2]) - 9, u[:-2]])
    return m.logaddexp(m.logaddexp(u, one), two) - 1


def both_ends(u: Any, m: Any) -> Any:
    left, right = m.concatenate([-u[:1], u[:-1]]), m.concatenate([u[1:], -u[-1:]])
    return 0.5 * (left + right)


def halves(u: Any, m: Any) -> Any:
    n = u.shape[0] // 2
    return u * 0.5 + m.concatenate([u[n:], u[:n]])


def plate(u: Any, m: Any) -> Any:
    return u + 0.125 * (m.roll(u, 1, 0) + m.roll(u, -1, 0) + m.roll(u, 1, 1) + m.roll(u, -1, 1) - 4 * u)


def life(u: Any, m: Any) -> Any:
    near = sum(m.roll(m.roll(u, i, 0), j, 1) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
    return 0.125 * near - 0.5 * u


def columns(u: Any, m: Any) -> Any:
    return 0.5 * (u + m.concatenate([u[:, 1:], u[:, :1]], 1))


def differences(u: Any, m: Any) -> Any:
    flow, none = m.tanh(m.diff(u)), m.zeros_like(u[:1])
    return u + 0.125 * (m.concatenate([flow, none]) - m.concatenate([none, flow]))


def in_a_frame(u: Any, m: Any) -> Any:
    """A plate whose border is cold."""
    if m is np:
        p = np.pad(u, 1)
    else:
        p = T.set_subtensor(T.zeros((u.shape[0] + 2, u.shape[1] + 2))[1:-1, 1:-1], u)
    return u + 0.125 * (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * u)


ROWS, PLATES = [ring, far, upwind, padded, both_ends, halves, differences], [plate, life, columns, in_a_frame]


@pytest.fixture(params=[*ROWS, *PLATES], ids=lambda step: step.__name__)
def step(request: pytest.FixtureRequest) -> Callable[..., Any]:
    return request.param


def looped(step: Callable[..., Any], u: Any) -> Any:
    return sc.scan(lambda h: step(h, T), outputs_info=[u], n_steps=STEPS)[0][-1]


def state_of(step: Callable[..., Any]) -> Any:
    return T.dvector("u") if step in ROWS else T.dmatrix("u")


def shapes(step: Callable[..., Any]) -> list[tuple[int, ...]]:
    sizes = range(1 if step in (both_ends, differences) else 0, 9)
    return [(n,) for n in (*sizes, 21, 40)] if step in ROWS else [
        (0, 0), (1, 1), (1, 6), (6, 1), (2, 2), (2, 3), (3, 2), (7, 18), (20, 9)]


@pytest.mark.usefixtures("every_executor")
def test_numbers_of_any_length(step: Callable[..., Any]) -> None:
    u = state_of(step)
    f, rng = sc.function([u], looped(step, u)), np.random.default_rng(1)
    for shape in shapes(step):
        given = rng.normal(size=shape)
        wanted = given
        for _ in range(STEPS):
            wanted = step(wanted, np)
        np.testing.assert_allclose(f(given), wanted, rtol=1e-12, atol=1e-12, err_msg=str(shape))


@pytest.mark.parametrize("shape", [(64,), (33,)], ids=str)
def test_numbers_of_a_known_length(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    for step in ROWS:
        u = T.tensor("float64", shape, name="u")
        given = wanted = rng.normal(size=shape)
        for _ in range(STEPS):
            wanted = step(wanted, np)
        np.testing.assert_allclose(sc.function([u], looped(step, u))(given), wanted, rtol=1e-12, atol=1e-12)


def copied(step: Callable[..., Any], n: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many elements are copied in all, of arrays of `n` elements or rows."""
    u = state_of(step)
    module = lower(make_program([u], [looped(step, u)]))
    pipeline.run(module, ",".join([*pass_lists.CPU_SCAN, "bufferize", "plan-memory"]))
    found, rule = [0], machine.STEP_RULES["memref.copy"]
    monkeypatch.setitem(machine.STEP_RULES, "memref.copy", counting(rule, found))
    run_program(module, "function", [np.ones((n, 9)[:u.ndim])])
    monkeypatch.undo()
    return found[0]


def counting(rule: machine.StepRule, found: list[int]) -> machine.StepRule:
    def counted(op: Op, on: machine.Machine) -> machine.Step:
        step, source = rule(op, on), operand(op, "source")

        def run(env: machine.Env) -> None:
            found[0] += np.size(env[source])
            step(env)
        return run
    return counted


def test_nothing_long_is_copied_in_a_step(step: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    more = copied(step, 80, monkeypatch) - copied(step, 40, monkeypatch)
    ends = 2 * 40 * (9 if step in PLATES else 1)  # the initial value, and the last one
    assert more <= ends + (STEPS * 40 if step in PLATES else 0)  # and a column that is joined to a border
