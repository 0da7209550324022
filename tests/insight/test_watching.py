"""Looking at a program that runs natively: prints, values of steps by name, where a value stops being finite."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import scancc as sc
import scancc.tensor as T
from scancc.cli import main
from scancc.errors import NotFinite
from scancc.frontend.ops.reference import Evaluator
from scancc.frontend.program.guards import guarded
from scancc.frontend.program.probes import probed

x, a, k = T.vector("x"), T.scalar("a"), T.iscalar("k")
show = sc.printing.Print("seen")


def decay(around: Any = lambda v: v, name: str | None = "s") -> Any:
    return sc.scan(lambda x_t, h: around(a * h) + x_t, x, T.constant(0.0), name=name)[0]


# ---- Print ----


def test_prints_in_the_order_of_computation_with_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    f = sc.function([x, a], show(decay(show).sum()))
    assert f([1.0, 2.0, 3.0], 0.5) == 7.75
    assert capsys.readouterr().out.splitlines() == [
        "seen __str__ = 0.0 (in step 0 of scan 's')", "seen __str__ = 0.5 (in step 1 of scan 's')",
        "seen __str__ = 1.25 (in step 2 of scan 's')", "seen __str__ = 7.75"]
    f(np.ones(0), 0.5)
    assert capsys.readouterr().out == "seen __str__ = 0.0\n"


def test_what_is_printed_natively_is_what_the_reference_prints(capsys: pytest.CaptureFixture[str]) -> None:
    def inner(v: Any) -> Any:
        rows = sc.scan(lambda u: show(u * 2.0), outputs_info=v, n_steps=2)[0]
        return rows[-1] + show(v)[0], sc.until(rows[-1][0] > 10)

    h = sc.scan(inner, outputs_info=T.ones((3,)), n_steps=9)[0]
    native = sc.function([], h)()
    printed = re.sub(r" \(in .*?\)$", "", capsys.readouterr().out, flags=re.MULTILINE)
    np.testing.assert_array_equal(native, sc.function([], h, mode="reference")())
    assert sorted(printed.splitlines()) == sorted(capsys.readouterr().out.splitlines())
    assert len(printed.splitlines()) == 3 * len(native)


def test_prints_leave_updates_keywords_and_out_alone(capsys: pytest.CaptureFixture[str]) -> None:
    total = sc.shared(1.0, name="total")
    f = sc.function([x, a], {"h": decay(show)}, updates=[(total, total + x.sum())])
    out = {"h": np.empty(2)}
    np.testing.assert_array_equal(f(x=[1.0, 2.0], a=0.5)["h"], [1.0, 2.5])
    assert f([1.0, 2.0], 0.5, out=out)["h"] is out["h"] and total.get_value() == 7.0
    assert len(capsys.readouterr().out.splitlines()) == 4
    slope = sc.function([x, a], sc.grad(decay(show).sum(), a))
    assert slope([1.0, 2.0], 0.5) == 1.0 and "seen" in capsys.readouterr().out


def test_a_print_that_native_code_cannot_show_is_said() -> None:
    with pytest.warns(UserWarning, match="Print of .* has no effect: only a branch of an ifelse computes it"):
        f = sc.function([a], sc.ifelse(a > 0, show(a * 2), a))
    assert f(2.0) == 4.0
    ragged = sc.scan(lambda t: sc.scan(lambda v: show(v + 1.0), outputs_info=a, n_steps=t)[0][-1], T.arange(1, 4))[0]
    with pytest.warns(UserWarning, match="its shape changes from step to step"):
        g = sc.function([a], ragged)
    np.testing.assert_array_equal(g(1.0), [2.0, 3.0, 4.0])


# ---- traces ----


def test_every_value_of_chosen_steps_by_name() -> None:
    f = sc.function([x, a], decay().sum())
    trace = f.trace(np.arange(1.0, 6.0), 0.5, steps=slice(2, 4))
    (scan,) = trace
    assert scan.first == 2 and list(scan)[:2] == ["x_t", "h"] or list(scan)[:2] == ["x[t]", "h"]
    np.testing.assert_array_equal(trace["h"], [2.5, 4.25])
    np.testing.assert_array_equal(scan["h"], trace["h"])
    assert "step 2\n" in str(trace) and "h = 2.5" in str(trace)
    with pytest.raises(KeyError, match="no scans have a value 'q'"):
        trace["q"]
    assert len(f.trace(np.ones(2), 0.5, steps=slice(1, 9))["h"]) == 1
    assert len(f.trace(np.ones(0), 0.5)["h"]) == 0
    with pytest.raises(ValueError, match="slice.a, b. with a and b of at least 0"):
        f.trace(np.ones(2), 0.5, steps=slice(-1, None))


def test_a_trace_has_inner_scans_and_changes_nothing() -> None:
    total = sc.shared(1.0, name="total")
    inner = lambda h: sc.scan(lambda v: v * total, outputs_info=h, n_steps=3, name="in")[0][-1]  # noqa: E731
    h, _ = sc.scan(inner, outputs_info=a, n_steps=4, name="out")
    f = sc.function([a], h, updates=[(total, total + 1.0)])
    (scan,) = f.trace(2.0, steps=slice(0, 2))
    assert scan.inner[0]["v"].shape == (2, 3) and total.get_value() == 1.0
    assert "in each step of scan 'out'" in str(scan)


# ---- not finite ----


def failure(f: Any, *args: Any) -> str:
    with pytest.raises(NotFinite) as caught:
        f(*args)
    return "\n".join([str(caught.value), *caught.value.__notes__])


def test_the_first_value_that_is_not_finite_is_named_with_step_line_and_operands() -> None:
    def step(x_t: Any, h: Any) -> Any:
        z = a / x_t
        z.name = "z"
        return T.tanh(z) * h + T.log(x_t)

    h, _ = sc.scan(step, x, T.constant(1.0), name="bad")
    f = sc.function([x, a], h, mode="NanGuardMode")
    np.testing.assert_allclose(f([1.0, 2.0], 0.5), sc.function([x, a], h)([1.0, 2.0], 0.5), rtol=1e-15)
    assert re.search(r"'z', made by true_div, becomes infinite\n  z is inf\n  a is 0.5\n  x.* is 0.0\n"
                     r"written at .*test_watching.py:\d+\nin step 1 of scan 'bad'$", failure(f, [1.0, 0.0], 0.5))
    assert "log becomes NaN" in failure(f, [1.0, -1.0], 0.5)
    with pytest.raises(NotFinite, match=r"x is given as nan at \[1\]"):
        f([1.0, np.nan], 0.5)


def test_arrays_states_and_nests_say_where() -> None:
    w, v = T.matrix("w"), T.vector("v")
    h, _ = sc.scan(lambda h: T.exp(T.dot(w, h)), outputs_info=v, n_steps=4, name="vec")
    told = failure(sc.function([v, w], h[-1], mode="NanGuardMode"), [1.0, 2.0], [[1.0, 0.0], [0.0, 2.0]])
    assert "exp, the next value of the state 'h', becomes infinite" in told and "is inf at [1]" in told
    assert "e+47 at [1]" in told and "in step 2 of scan 'vec'" in told
    inner = lambda h: sc.scan(lambda u: u * u, outputs_info=h, n_steps=3, name="in")[0][-1]  # noqa: E731
    h, _ = sc.scan(inner, outputs_info=a, n_steps=9, name="out")
    told = failure(sc.function([a], h, mode="NanGuardMode"), 10.0)  # 10**(2**9) is the first above 10**308
    assert told.endswith("in step 2 of scan 'in'\nin step 2 of scan 'out'") and re.search(r"  u is .*e\+25[56]", told)


def test_what_is_given_or_chosen_is_no_fault_of_the_step() -> None:
    low = T.constant(-np.inf)
    best, _ = sc.scan(lambda x_t, h: T.maximum(h, x_t), x, low)
    guard = sc.compile.nanguardmode.NanGuardMode
    assert sc.function([x], best[-1], mode="NanGuardMode")([1.0, 3.0]) == 3.0
    assert sc.function([x], T.exp(x), mode=guard(inf_is_error=False))([800.0]) == np.inf
    assert sc.function([x], x - x, mode=guard(nan_is_error=False))([1.0]) == 0.0
    lazy = sc.function([x, k], sc.ifelse(k > 0, T.log(x).sum(), x.sum()), mode="NanGuardMode")
    assert lazy([-1.0], 0) == -1.0 and "log becomes NaN" in failure(lazy, [-1.0], 1)


def test_run_checks_for_nan(tmp_path: Path) -> None:
    file = tmp_path / "p.py"
    file.write_text("import scancc as sc, scancc.tensor as T\nx = T.vector('x')\n"
                    "h, _ = sc.scan(lambda x_t, h: h / x_t, x, T.constant(1.0))\nf = sc.function([x], h)\n")
    done = CliRunner().invoke(main, ["run", f"{file}:f", "[1, 0]", "--check-nan"])
    assert done.exit_code == 1 and "becomes infinite" in done.output and "in step 1 of scan" in done.output


# ---- a program that is looked at computes what it computed ----


def programs() -> Sequence[tuple[list[Any], list[Any], list[Any]]]:
    w, v = T.matrix("w"), T.vector("v")
    lagged, _ = sc.scan(lambda p, q: 0.5 * p + q, outputs_info={"initial": v, "taps": [-3, -1]}, n_steps=k)
    rows, _ = sc.scan(lambda r, h: (T.dot(w, h) + r, (r * h).sum()), w, [v, None])
    early, _ = sc.scan(lambda h: (h * 1.5, sc.until(h.sum() > 20)), outputs_info=v, n_steps=40)
    return [([v, k], [lagged, sc.grad(lagged.sum(), v)], [np.arange(3.0), 5]),
            ([v, w], [*rows, sc.grad(rows[1].sum(), w)], [np.arange(3.0), np.ones((3, 3)) / 4]),
            ([v], [early], [np.arange(3.0)])]


@pytest.mark.parametrize("number", range(3))
def test_probes_and_checks_change_no_number(number: int) -> None:
    inputs, outputs, args = programs()[number]
    program = sc.function(inputs, outputs).program
    values = [np.asarray(v, i.variable.dtype) for v, i in zip(args, program.inputs, strict=True)]
    variables = [i.variable for i in program.inputs]
    expected = Evaluator(program.results, variables)(values)
    for made in (probed(program, lambda v: v.ndim > 0).program, guarded(program).program):
        found = Evaluator(made.results, variables)(values)
        for one, other in zip(expected, found, strict=False):
            np.testing.assert_array_equal(one, other)
    for one, other in zip(expected, sc.function(inputs, outputs, mode="NanGuardMode")(*args), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-14)


@pytest.mark.parametrize(("steps", "error"), [(3, TypeError), ("1:2", TypeError), (slice(0.5, 2), TypeError),
                                              (slice(-1, 2), ValueError), (slice(0, 4, 2), ValueError)])
def test_steps_of_a_trace_are_a_slice(steps: object, error: type[Exception]) -> None:
    x = T.vector("x")
    f = sc.function([x], sc.scan(lambda x, h: h + x, sequences=x, outputs_info=T.constant(0.0))[0])
    with pytest.raises(error, match=r"trace: steps is .*; give slice\(a, b\)"):
        f.trace([1.0, 2.0], steps=steps)  # type: ignore[arg-type]
