"""Every program at every level of features that this machine has, so that its run covers the machines below it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import target
from scancc.codegen.target import TargetError, levels, local
from tests.programs import gradients, seed, tutorial, users
from tests.programs.case import Case
from tests.programs.executors import compile, executor

PROGRAMS = [*seed.PROGRAMS, *tutorial.PROGRAMS, *gradients.PROGRAMS]


@pytest.fixture(params=levels())
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    with sc.change_flags(cpu=request.param), executor("native"):
        yield request.param


@pytest.mark.long
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: f"{p.__module__.split('.')[-1]}-{p.__name__}")
def test_program(program: Callable[[], Case], level: str) -> None:
    program().check(compile)


@pytest.mark.long
@pytest.mark.parametrize("make", users.MODELS, ids=lambda m: m.__name__)
def test_model(make: Callable[..., object], level: str) -> None:
    model = users.build(make)
    tolerance = 1e-4 if any(v.dtype == "float32" for v in model.inputs) else 1e-9
    found = compile(model.inputs, model.outputs, model.updates)(*model.args)
    for value, expected in zip(found, model.twin(*model.args), strict=True):
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance)


def test_code_is_for_the_level(level: str) -> None:
    x = T.vector("x")
    f = sc.function([x], x * x + 1)
    assert f.compiled.target.cpu == level
    assert ("vfmadd" in f.dump("asm")) == (local().has_fma and local().arch == "x86_64")


def test_float16_at_every_level(level: str) -> None:
    """Converted in hardware from x86-64-v3 on, before by functions of our own: every half, and what rounds to it."""
    h, f = T.vector("h", dtype="float16"), T.fvector("f")
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    singles = sc.function([h], h.astype("float32"))(halves)
    np.testing.assert_array_equal(singles, halves.astype(np.float32))
    near = (singles.view(np.uint32)[:, None] + np.array([0, 1, 0xFFF, 0x1000, 0x1001, 0x1FFF], np.uint32)).ravel()
    with np.errstate(all="ignore"):
        want = near.view(np.float32).astype(np.float16)
    np.testing.assert_array_equal(sc.function([f], f.astype("float16"))(near.view(np.float32)), want)


def test_a_level_that_is_not_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "levels", lambda: ("x86-64", "x86-64-v2"))
    with (sc.change_flags(cpu="x86-64-v3"),
          pytest.raises(TargetError, match="'x86-64-v3', which this machine does not run; it runs native, x86")):
        sc.function([], T.constant(1.0) + 1)


def test_only_levels_are_values_of_the_switch() -> None:
    for wrong in ("znver4", "x86-64-v9", "avx2", 3):
        with pytest.raises((ValueError, TypeError), match="config.cpu is .*it takes"):
            sc.config.cpu = wrong


@pytest.mark.skipif(target.host_arch() != "x86_64", reason="levels of x86-64")
def test_levels_start_at_the_least_and_follow_each_other() -> None:
    assert levels()[0] == "x86-64"
    assert list(levels()) == ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"][:len(levels())]
