"""Derivatives beside an exported function: names, numbers against finite differences, from Python and from C."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.runtime import load
from tests.codegen.test_export import STRICT

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def garch() -> Any:
    """A log-likelihood first, then the variances; the number of a day is no real number."""
    r, omega, alpha, day = T.vector("r"), T.scalar("omega"), T.scalar("alpha"), T.iscalar("day")
    beta = sc.shared(0.5, name="beta")
    h, _ = sc.scan(lambda r, h: omega + alpha * r**2 + beta * h, sequences=r, outputs_info=T.constant(1.0))
    cost = (T.log(h) + r**2 / h).sum()
    cost.name = "cost"
    return sc.function([r, sc.In(omega, value=0.1), alpha, day], [cost, h, day + 1], name="garch")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("derivatives")
    sc.export(garch(), folder, emit="o,a,so,h,json" if CC else "o,a,h",
              gradient=["value_and_grad", "vjp", "jvp"], wrt=["alpha", "beta", "r"])
    return folder


R = np.random.default_rng(5).normal(size=20)


def moved(f: Any, alpha: float, r: np.ndarray, step: float = 1e-6) -> float:
    more, less = (f(r + s * np.arange(20.0), 0.1, alpha + s, 1)[0] for s in (step, -step))
    return float((more - less) / (2 * step))


@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
def test_numbers(built: Path) -> None:
    f, loaded = garch(), load(built / "garch.so")
    assert isinstance(loaded, dict)
    assert list(loaded) == ["garch", "garch_value_and_grad", "garch_vjp", "garch_jvp"]
    found = loaded["garch_value_and_grad"](R, alpha=0.2, day=1)
    assert list(found) == ["cost", "result1", "result2", "grad_alpha", "grad_beta", "grad_r"]
    cost, h, day = f(R, alpha=0.2, day=1)
    assert found["cost"] == cost and found["result2"] == day == 2
    np.testing.assert_array_equal(found["result1"], h)
    slope = moved(f, 0.2, R)
    np.testing.assert_allclose(found["grad_alpha"] + found["grad_r"] @ np.arange(20.0), slope, rtol=1e-6)
    pulled = loaded["garch_vjp"](R, alpha=0.2, day=1, ct_cost=1.0, ct_result1=np.zeros(20))
    assert list(pulled) == ["grad_alpha", "grad_beta", "grad_r"]
    for name, value in pulled.items():
        np.testing.assert_allclose(value, found[name], rtol=1e-12)
    pushed = loaded["garch_jvp"](R, alpha=0.2, day=1, tangent_alpha=1.0, tangent_beta=0.0, tangent_r=np.arange(20.0))
    assert list(pushed) == ["cost", "result1", "result2", "tangent_cost", "tangent_result1"]
    np.testing.assert_allclose(pushed["tangent_cost"], slope, rtol=1e-6)


MAIN = """
#include <stdio.h>
#include "garch.h"
int main(void)
{
    double r[3] = {1, -2, 3}, cost, h[3], alpha, beta, gr[3];
    int32_t day;
    char room[4096];
    int32_t status = garch_value_and_grad(r, 3, 1, 0.1, 0.2, 1, 0.5, &cost, h, 1, &day, &alpha, &beta, gr, 1,
                                          room, sizeof room);
    double more, less;
    if (status != 0 || garch(r, 3, 1, 0.1, 0.2 + 1e-6, 1, 0.5, &more, h, 1, &day, room, sizeof room) != 0
        || garch(r, 3, 1, 0.1, 0.2 - 1e-6, 1, 0.5, &less, h, 1, &day, room, sizeof room) != 0)
        return 1;
    const double apart = alpha - (more - less) / 2e-6;
    printf("%d\\n", apart < 1e-6 && apart > -1e-6);
    return 0;
}
"""


@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
def test_in_c(built: Path, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(MAIN)
    program = tmp_path / "main"
    compiling = [str(CC), "-std=c99", *STRICT, f"-I{built}", str(tmp_path / "main.c"), str(built / "garch.a"), "-lm"]
    for command in ([*compiling, "-o", str(program)], [str(program)]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
    assert done.stdout == "1\n"


def test_from_python() -> None:
    """Compiled at its first call; inputs that it does not depend on have zeros where nothing was named."""
    x, y = T.vector("x"), T.vector("y")
    f = sc.function([x, y], (x**2).sum(), name="f", on_unused_input="ignore")
    found = f.derivative("value_and_grad")(np.array([1.0, 3.0]), np.ones(2))
    assert found["result"] == 10 and found["grad_x"].tolist() == [2, 6] and found["grad_y"].tolist() == [0, 0]
    g = sc.function([x], x[:2] * 2)
    assert g.derivative("vjp", "x")(np.ones(3), [1.0, 5.0])["grad_x"].tolist() == [2, 10, 0]


@pytest.mark.parametrize(
    ("kind", "wrt", "say"),
    [("grad", None, "kinds are value_and_grad, vjp, jvp"), ("vjp", "alpa", "did you mean 'alpha'"),
     ("vjp", [], "no input is of them"), ("vjp", ["day"], "'day' .*is of them"),
     ("jvp", [3], "wrt names 3, which is no input"), ("value_and_grad", T.vector("r"), "there are beta, r, omega")],
)
def test_refused(kind: str, wrt: Any, say: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=say):
        sc.export(garch(), tmp_path, emit="o", gradient=[kind], wrt=wrt)


def test_a_cost_is_one_number(tmp_path: Path) -> None:
    x = T.vector("x")
    with pytest.raises(ValueError, match="one real number, and it is float64.*ask for the vjp"):
        sc.export(sc.function([x], x * 2, name="f"), tmp_path, gradient="value_and_grad")
    with pytest.raises(ValueError, match="gradient= asks for none"):
        sc.export(sc.function([x], x * 2, name="f"), tmp_path, wrt="x")
