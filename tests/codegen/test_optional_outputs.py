"""Outputs that a short call leaves out by NULL: code without them runs, and nothing is spent on them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.c_names import ExportError
from scancc.codegen.target import host_arch
from tests.codegen.test_export import STRICT

CC = shutil.which("gcc") or shutil.which("clang")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")

MAIN = r"""
#include "model.h"
#include <stdio.h>
#include <string.h>

static double x[200], h[200], slow[200], cost;
static char room[1 << 16];

static int64_t call(double *to_h, double *to_slow, double *to_cost)
{
    model_arguments a;
    memset(&a, 0, sizeof a);
    a.x = x; a.x_n0 = 200; a.workspace_ = room;
    a.h = to_h; a.workspace = to_slow; a.cost = to_cost;
    a.h_n0 = -1;
    if (model_call_query(&a) != 0 || a.h_n0 != 200 || a.workspace_n0 != 200)
        return -1;
    int64_t need = a.workspace_nbytes;
    if (need > (int64_t)sizeof room || model_call(&a) != 0)
        return -2;
    return need;
}

int main(void)
{
    for (int i = 0; i < 200; i++)
        x[i] = i / 200.0;
    for (int n = 0; n < 8; n++) {
        memset(h, 0, sizeof h); memset(slow, 0, sizeof slow); cost = 0;
        int64_t need = call(n & 1 ? h : NULL, n & 2 ? slow : NULL, n & 4 ? &cost : NULL);
        printf("%d %.13g %.13g %.13g\n", (int)need, h[199], slow[199], cost);
    }
    return 0;
}
"""


def model() -> Any:
    """An output is called as an argument of the entry is."""
    x = T.vector("x")
    h, _ = sc.scan(lambda x_t, h: 0.5 * h + x_t, sequences=x, outputs_info=T.constant(0.0))
    slow, _ = sc.scan(lambda x_t, s: T.sin(s) + T.exp(-x_t), sequences=x, outputs_info=T.constant(0.0))
    return sc.function([x], {"h": h, "workspace": slow, "cost": (h * h).sum()}, name="model")


def run(*command: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_cc
@pytest.mark.parametrize("optional", [["h", "workspace"], ["h", "workspace", "cost"], "cost"])
@pytest.mark.parametrize(("targets", "kind"), [(None, "a"), (["x86-64", "x86-64-v3"], "a"), (None, "c")])
def test_every_choice_of_outputs_in_c(optional: Any, targets: Any, kind: str, tmp_path: Path) -> None:
    if targets and host_arch() != "x86_64":
        pytest.skip("not an x86-64 machine")
    f = model()
    sc.export(f, tmp_path / "model", emit=f"{kind},h,json", optional=optional, target=targets)
    (tmp_path / "main.c").write_text(MAIN)
    run(CC, "-std=c99", *STRICT, "-fsanitize=address,undefined", f"-I{tmp_path}", tmp_path / "main.c",
        tmp_path / f"model.{kind}", "-lm", "-o", tmp_path / "main")
    lines = run(tmp_path / "main").splitlines()
    full = f(np.arange(200) / 200)
    values = [full["h"][-1], full["workspace"][-1], full["cost"]]
    for n, line in enumerate(lines):
        found = [float(v) for v in line.split()[1:]]
        np.testing.assert_allclose(found, [v if n & 1 << k else 0 for k, v in enumerate(values)], rtol=1e-12)
    row = json.loads((tmp_path / "model.json").read_text())["functions"][0]
    assert [o["name"] for o in row["outputs"] if o.get("optional")] == sorted(
        [optional] if isinstance(optional, str) else optional, key=["h", "workspace", "cost"].index)


def test_names_that_are_others_joined(tmp_path: Path) -> None:
    """The code without `a` and `b` is not that without `a_b`."""
    x = T.vector("x")
    f = sc.function([x], {"a": x * 2, "b": x * 3, "a_b": x * 4}, name="joined")
    assert sc.export(f, tmp_path, emit="o,c", optional=["a", "b", "a_b"]).files


@needs_cc
@pytest.mark.parametrize("kind", ["a", "c"])
def test_nothing_is_spent_on_what_is_not_wanted(kind: str, tmp_path: Path) -> None:
    """The gradient of a long chain is asked for by a pointer: without it a call is as that of the value alone."""
    x = T.vector("x")
    h, _ = sc.scan(lambda x_t, h: T.tanh(h + x_t), sequences=x, outputs_info=T.constant(0.0))
    sc.export(sc.function([x], h[-1], name="last"), tmp_path / "last", gradient="value_and_grad",
              optional="grad_x", emit=f"{kind},h")
    (tmp_path / "main.c").write_text(r"""
#include "last.h"
#include <stdio.h>
static double x[1000], grad[1000], value;
int main(void) {
    last_value_and_grad_arguments a = {.x = x, .x_n0 = 1000, .result = &value};
    last_value_and_grad_call_query(&a);
    printf("%d ", (int)a.workspace_nbytes);
    a.grad_x = grad;
    last_value_and_grad_call_query(&a);
    printf("%d\n", (int)a.workspace_nbytes);
    a.grad_x = NULL;
    return last_value_and_grad_call(&a);
}
""")
    code = tmp_path.glob("last.a" if kind == "a" else "last*.c")
    run(CC, "-std=c99", *STRICT, f"-I{tmp_path}", tmp_path / "main.c", *code, "-lm", "-o", tmp_path / "main")
    without, whole = map(int, run(tmp_path / "main").split())
    assert without == 0 < whole


@pytest.mark.parametrize(
    ("optional", "more", "says"),
    [
        ("y", {}, "optional names 'y', and outputs are h, workspace, cost"),
        (["h", "x"], {}, "optional names 'x'"),
        ("h", {"target": "sm_90"}, "there is no NAME_call"),
        ((), {"target": "sm_90", "dlpack": True}, "dlpack=True is for code that a CPU runs"),
        ((), {"target": "sm_90", "debug": True}, "debug=True is for code that a CPU runs"),
        ((), {"target": "sm_90", "install": "1.0"}, "install='1.0' is for code that a CPU runs"),
    ],
)
def test_refused(optional: Any, more: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=says):
        sc.export(model(), tmp_path, emit=None if more else "o", optional=optional, **more)
    assert not list(tmp_path.iterdir())
