"""LLVM IR with the user's lines: the same instructions, which LLVM takes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import cpu, llvm
from scancc.codegen import target as targets
from scancc.codegen.llvm.line_tables import print_with_lines
from scancc.codegen.target import host_arch
from scancc.runtime import load
from scancc.user_files import load_function
from tests.programs.tutorial import PROGRAMS

CC = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.mark.parametrize("number", range(0, len(PROGRAMS), 9))
def test_only_places_are_added(number: int) -> None:
    case = PROGRAMS[number]()
    f = sc.function(case.inputs, case.outputs, updates=case.updates, on_unused_input="ignore")
    target = targets.local()
    registers = llvm.Registers.of(target)
    text = print_with_lines(f.compiled.module, target.has_fma, True, registers)
    plain = llvm.print_module(f.compiled.module, target.has_fma, True, registers).text()
    code = text[:text.index("!llvm.module.flags")]
    without = re.sub(r",? ?!dbg !\d+( {)?", lambda found: " {" if found[1] else "", code)
    assert re.sub(r" +{", " {", without) == re.sub(r" +{", " {", plain)
    cpu.assembly(text, target)


def test_assembly_knows_lines() -> None:
    x = T.vector("x")
    y = T.exp(x)
    line = y.owner.location.line
    f = sc.function([x], y)
    target = targets.local()
    text = print_with_lines(f.compiled.module, target.has_fma, True, llvm.Registers())
    assert re.search(rf"\.loc\s+\d+ {line} 1", cpu.assembly(text, target))


PROGRAM = """import scancc as sc
import scancc.tensor as T

x = T.vector("x")
h, _ = sc.scan(
    lambda x_t, h:
        T.tanh(h * 0.5 + x_t),
    sequences=x, outputs_info=T.constant(0.0))
f = sc.function([x], {"h": h, "s": T.exp(h).sum()}, name="model")
"""

MAIN = """#include "model.h"
#include <stdio.h>
int main(void)
{
    double x[3] = {1, 2, 3}, h[3], s;
    static char room[1 << 16];
    int32_t status = model(x, 3, 1, h, 1, &s, room, sizeof room);
    printf("%d %.17g\\n", (int)status, s);
    return 0;
}
"""


def run(*command: object) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A C program of a function that was exported with the user's lines; and `plain`, without."""
    folder = tmp_path_factory.mktemp("lines")
    (folder / "model.py").write_text(PROGRAM)
    (folder / "main.c").write_text(MAIN)
    f = load_function(f"{folder}/model.py:f")
    for name, debug in (("debug", True), ("plain", False)):
        sc.export(f, folder / name / "model", emit="a,o,h", debug=debug)
        if CC:
            run(CC, f"-I{folder / name}", folder / "main.c", folder / name / "model.a", "-lm", "-o",
                folder / name / "main")
    return folder


@pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
def test_the_same_numbers_with_lines(exported: Path) -> None:
    assert run(exported / "debug" / "main") == run(exported / "plain" / "main")
    loaded, x = load(exported / "debug" / "model.o"), np.linspace(-1, 2, 50)
    np.testing.assert_array_equal(loaded(x)["h"], load(exported / "plain" / "model.o")(x)["h"])  # type: ignore[operator]
    assert str(exported).encode() not in (exported / "debug" / "model.o").read_bytes()


@pytest.mark.skipif(CC is None or shutil.which("gdb") is None, reason="no C compiler or gdb on this machine")
def test_a_debugger_stops_at_the_users_line(exported: Path) -> None:
    """And knows who called."""
    commands = ["set confirm off", "set debuginfod enabled off", f"directory {exported}", "break model.py:7", "run",
                "backtrace", "continue"]
    said = [word for c in commands for word in ("-ex", c)]
    done = subprocess.run(["gdb", "-batch", "-nx", *said, str(exported / "debug" / "main")], capture_output=True,
                          text=True, timeout=120, check=False)
    if "ptrace" in done.stderr:
        pytest.skip("programs may not be traced here")
    assert re.search(r"Breakpoint 1, model\W+run.* at (.*/)?model\.py:7", done.stdout), done.stdout + done.stderr
    assert "T.tanh(h * 0.5 + x_t)" in done.stdout
    assert re.search(r"#\d .* in main \(", done.stdout)


def test_several_codes_have_one_table(exported: Path, tmp_path: Path) -> None:
    f = load_function(f"{exported}/model.py:f")
    targets = ["x86-64", "x86-64-v3"] if host_arch() == "x86_64" else None
    for folder in ("a", "b"):
        sc.export([f, f.derivative("vjp")], tmp_path / folder / "m", emit="o,s", debug=True, target=targets,
                  optional="h", path_map={str(exported): "/src"})
    assert (tmp_path / "a" / "model.o").read_bytes() == (tmp_path / "b" / "model.o").read_bytes()
    assert re.search(r'\.file\s+\d+ "/src" "model.py"', (tmp_path / "a" / "model.s").read_text())
    np.testing.assert_array_equal(load(tmp_path / "a" / "model.o")([1.0, 2.0])["h"], f([1.0, 2.0])["h"])  # type: ignore[operator]
