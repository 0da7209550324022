"""One library with code for several processors: which runs, who may say so, and that all give the numbers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import cpu as codegen_cpu
from scancc.codegen.c_names import ExportError
from scancc.codegen.exports import symbols
from scancc.codegen.target import host_arch, levels, parse
from scancc.runtime import load
from tests.codegen.test_export import STRICT

ROOT = Path(__file__).parents[2]
CC = shutil.which("gcc") or shutil.which("clang")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
on_x86 = pytest.mark.skipif(host_arch() != "x86_64", reason="not an x86-64 machine")
LEVELS = ["x86-64", "x86-64-v4", "x86-64-v2", "x86-64-v3"]


def recurrent() -> Any:
    """A state, products, elementary functions, sums; a check that fails."""
    x, W, n = T.matrix("x"), T.matrix("W"), T.iscalar("n")
    h, _ = sc.scan(lambda x_t, h, W: T.tanh(x_t + T.dot(h, W)), sequences=x, outputs_info=T.zeros(4),
                   non_sequences=W, n_steps=n)
    return sc.function([x, W, n], {"h": h, "total": T.exp(h).sum()}, name="recurrent")


MAIN = r"""
#include "recurrent.h"
#include <stdio.h>
#include <string.h>

static double x[20], W[16], h[20], total;
static char room[1 << 16];

static int call(void)
{
    recurrent_arguments a;
    memset(&a, 0, sizeof a);
    a.x = x; a.x_n0 = 5; a.x_n1 = 4; a.W = W; a.W_n0 = 4; a.W_n1 = 4; a.n = 5; a.h = h; a.total = &total;
    if (recurrent_call_query(&a) != 0 || a.workspace_nbytes > (int64_t)sizeof room)
        return 1;
    a.workspace = room;
    return recurrent_call(&a) != 0;
}

int main(int argc, char **argv)
{
    for (int i = 0; i < 20; i++)
        x[i] = i / 20.0 - 0.3;
    for (int i = 0; i < 16; i++)
        W[i] = i / 16.0 - 0.5;
    if (argc > 1 && !recurrent_set_variant(argv[1])) {
        printf("refused, still %s\n", recurrent_variant());
        return 0;
    }
    if (call() != 0)
        return 1;
    printf("%s %.13g %.13g\n", recurrent_variant(), total, h[19]);
    recurrent_set_variant(NULL);
    if (call() != 0)
        return 2;
    printf("%s\n", recurrent_variant());
    return 0;
}
"""


def run(*command: object, **environment: str) -> str:
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def expected() -> str:
    x, W = np.arange(20.0).reshape(5, 4) / 20 - 0.3, np.arange(16.0).reshape(4, 4) / 16 - 0.5
    found = recurrent().in_mode("reference")(x, W, 5)
    return f"{found['total']:.13g} {found['h'][-1, -1]:.13g}"


@on_x86
@needs_cc
def test_the_best_is_taken_and_another_one_by_name(tmp_path: Path) -> None:
    sc.export(recurrent(), tmp_path / "recurrent", target=LEVELS, emit="a,h,json")
    (tmp_path / "main.c").write_text(MAIN)
    run(CC, "-std=c99", *STRICT, "-Wconversion", f"-I{tmp_path}", tmp_path / "main.c", tmp_path / "recurrent.a",
        "-lm", "-o", tmp_path / "main")
    best, numbers = levels()[-1], expected()
    assert run(tmp_path / "main") == f"{best} {numbers}\n{best}\n"
    for name in levels():
        assert run(tmp_path / "main", name) == f"{name} {numbers}\n{best}\n"
        assert run(tmp_path / "main", SCANCC_VARIANT=name) == f"{name} {numbers}\n{name}\n"
    assert run(tmp_path / "main", SCANCC_VARIANT="z80") == f"{best} {numbers}\n{best}\n"
    for name in ("z80", "", *sorted({*LEVELS} - {*levels()})):
        assert run(tmp_path / "main", name) == f"refused, still {best}\n"
    manifest = json.loads((tmp_path / "recurrent.json").read_text())
    row = manifest["functions"][0]
    assert [v["name"] for v in row["variants"]] == ["x86-64-v4", "x86-64-v3", "x86-64-v2", "x86-64"]
    assert manifest["target"]["requires"] == [] and row["flat"]["set_variant"] == "recurrent_set_variant"


@on_x86
@needs_cc
@pytest.mark.skipif(shutil.which("qemu-x86_64") is None, reason="no emulator on this machine")
def test_on_lesser_processors(tmp_path: Path) -> None:
    """Code that the processor lacks instructions for is not run, and not taken by name."""
    sc.export(recurrent(), tmp_path / "recurrent", target=LEVELS, emit="a,h")
    (tmp_path / "main.c").write_text(MAIN)
    run(CC, "-static", f"-I{tmp_path}", tmp_path / "main.c", tmp_path / "recurrent.a", "-lm", "-o", tmp_path / "main")
    for cpu, best in (("qemu64", "x86-64"), ("Nehalem", "x86-64-v2")):
        assert run("qemu-x86_64", "-cpu", cpu, tmp_path / "main") == f"{best} {expected()}\n{best}\n"
        emulated = run("qemu-x86_64", "-cpu", cpu, tmp_path / "main", "x86-64-v4")
        assert emulated == f"refused, still {best}\n"


@pytest.mark.skipif(not (shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64")),
                    reason="no compiler and emulator for aarch64 on this machine")
def test_on_aarch64(tmp_path: Path) -> None:
    targets = ["aarch64-linux-gnu", "aarch64-linux-gnu:neoverse-n1", "aarch64-linux-gnu:neoverse-v1"]
    sc.export(recurrent(), tmp_path / "recurrent", target=targets, emit="a,h")
    (tmp_path / "main.c").write_text(MAIN)
    run("aarch64-linux-gnu-gcc", "-static", *STRICT, f"-I{tmp_path}", tmp_path / "main.c", tmp_path / "recurrent.a",
        "-lm", "-o", tmp_path / "main")
    for cpu, best in (("cortex-a53", "generic"), ("neoverse-n1", "neoverse-n1")):
        assert run("qemu-aarch64", "-cpu", cpu, tmp_path / "main") == f"{best} {expected()}\n{best}\n"


@on_x86
@pytest.mark.parametrize("kind", [pytest.param("so", marks=needs_cc), "o", "a"])
def test_loaded_in_python(kind: str, tmp_path: Path) -> None:
    f = recurrent()
    sc.export([f, f.derivative("vjp", wrt="W")], tmp_path / "both", target=LEVELS[:2], emit=f"{kind},json")
    name = "recurrent.o" if kind == "o" else f"both.{kind}"
    script = ("import sys, json, numpy as np, scancc.runtime\n"
              f"f = scancc.runtime.load({str(tmp_path / name)!r})\nf = f if callable(f) else f['recurrent']\n"
              "x, W = np.arange(20.0).reshape(5, 4) / 20 - 0.3, np.arange(16.0).reshape(4, 4) / 16 - 0.5\n"
              "found = f(x, W, 5)\nprint('%.13g %.13g' % (found['total'], found['h'][-1, -1]))\n")
    for variant in ("", "x86-64"):
        assert run(sys.executable, "-W", "error", "-c", script, SCANCC_VARIANT=variant) == expected() + "\n"


@on_x86
def test_errors_have_one_number(tmp_path: Path) -> None:
    """The passes of each target find the checks in an order of their own."""
    f = recurrent()
    sc.export(f, tmp_path / "recurrent", target=["x86-64", "native"], emit="o")
    loaded = load(tmp_path / "recurrent.o")
    with pytest.raises(IndexError, match="n_steps"):
        loaded(np.ones((5, 4)), np.ones((4, 4)), -2)  # type: ignore[operator]
    with pytest.raises(ValueError, match="the second 3"):
        loaded(np.ones((5, 4)), np.ones((3, 4)), 2)  # type: ignore[operator]


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        sc.export(recurrent(), tmp_path / folder / "recurrent", target=["x86-64", "x86-64-v3"], emit="o,h,json",
                  optional="h")
    for name in ("recurrent.o", "recurrent.h", "recurrent.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


SYSCTL = r"""
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* macOS's: names that FEATURES in the environment has are 1, "FEAT_MOPS" is none of this system's. */
int sysctlbyname(const char *name, void *value, size_t *nbytes, void *new_value, size_t new_nbytes)
{
    const char *const features = getenv("FEATURES"), *const word = name + strlen("hw.optional.arm.");
    const int32_t found = features != NULL && strstr(features, word) != NULL;
    if (strncmp(name, "hw.optional.arm.", 16) != 0 || strcmp(word, "FEAT_MOPS") == 0 || *nbytes < sizeof found) {
        errno = ENOENT;
        return -1;
    }
    *nbytes = sizeof found;
    memcpy(value, &found, sizeof found);
    return new_value != NULL || new_nbytes != 0;
}
"""


@pytest.mark.skipif(not (shutil.which("aarch64-linux-gnu-gcc") and shutil.which("qemu-aarch64")),
                    reason="no compiler and emulator for aarch64 on this machine")
def test_what_a_mac_is_asked(tmp_path: Path) -> None:
    """The code for Macs, as objects of Linux, with a sysctl of our own."""
    macs = ["apple-m1", "apple-m2", "apple-m1:+mops"]
    macs = [f"aarch64-apple-darwin:{mac}" for mac in macs]
    sc.export(recurrent(), tmp_path / "recurrent", target=macs, emit="ll,h,o,a,json")
    assert all(symbols.is_allowed(s, parse(macs[0]).triple)
               for s in symbols.undefined((tmp_path / "recurrent.o").read_bytes()))
    linux = parse("aarch64-linux-gnu:apple-m1")
    (tmp_path / "linux.o").write_bytes(codegen_cpu.compile_object((tmp_path / "recurrent.ll").read_text(), linux))
    (tmp_path / "main.c").write_text(MAIN + SYSCTL)
    run("aarch64-linux-gnu-gcc", "-static", "-D_GNU_SOURCE", f"-I{tmp_path}", tmp_path / "main.c",
        tmp_path / "linux.o", "-lm", "-o", tmp_path / "main")
    variants = json.loads((tmp_path / "recurrent.json").read_text())["functions"][0]["variants"]
    assert [(v["name"], v["requires"]) for v in variants] == [
        ("apple-m2", ["i8mm", "bf16"]), ("apple-m1:+mops", ["mops"]), ("apple-m1", [])]
    numbers = expected()
    for features, best in (("", "apple-m1"), ("FEAT_I8MM", "apple-m1"), ("FEAT_MOPS", "apple-m1"),
                           ("FEAT_I8MM FEAT_BF16", "apple-m2")):
        command = "qemu-aarch64", "-cpu", "max", tmp_path / "main"
        assert run(*command, FEATURES=features) == f"{best} {numbers}\n{best}\n"
        assert run(*command, FEATURES=features, SCANCC_VARIANT="apple-m1") == f"apple-m1 {numbers}\napple-m1\n"
        if best != "apple-m2":
            assert run(*command, "apple-m2", FEATURES=features) == f"refused, still {best}\n"


def disassembled(path: Path) -> dict[str, str]:
    """The instructions of each function of an object, as LLVM's tool reads them."""
    tool = shutil.which("llvm-objdump") or shutil.which("llvm-objdump-14")
    done = subprocess.run([str(tool), "-dr", "--no-show-raw-insn", path], capture_output=True, text=True, check=True)
    parts = re.split(r"^[0-9a-f]+ <_?([\w.]+?)(?:\.[0-9a-f]{8})?>:$", done.stdout, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.skipif(shutil.which("llvm-objdump") is None and shutil.which("llvm-objdump-14") is None,
                    reason="no tool of LLVM here reads objects")
@pytest.mark.parametrize("least", ["x86_64-windows", "x86_64-w64-mingw32", "x86_64-apple-darwin", "x86_64-none-elf"])
def test_objects_of_other_systems_have_each_code_and_the_choice(least: str, tmp_path: Path) -> None:
    """They link with nothing more than those of one target do; only the better code has wide registers."""
    sc.export(recurrent(), tmp_path, target=[least, f"{least}:x86-64-v3"], optional="h", emit="o,a,h,json")
    code = (tmp_path / "recurrent.o").read_bytes()
    public = {"recurrent", "recurrent_query", "recurrent_call", "recurrent_call_query", "recurrent__run",
              "recurrent__query", "recurrent_variant", "recurrent_set_variant"}
    assert public <= {name.removeprefix("_") if "apple" in least else name for name in symbols.defined(code)}
    assert all(symbols.is_allowed(s, parse(least).triple) for s in symbols.undefined(code))
    found = disassembled(tmp_path / "recurrent.o")
    bodies = {name: text for name, text in found.items() if name.startswith("recurrent__run__body")}
    assert len(bodies) == 4  # two processors, with h and without
    for name, text in bodies.items():
        assert ("%ymm" in text) == ("x86_64_v3" in name) and "%xmm" in text
    for name in ("recurrent", "recurrent_call", "recurrent__run"):
        assert all(f"{name}.{code}" in found[name] for code in ("x86_64_v3.0", "generic.1")), found[name]
    assert "cpuid" in "".join(found.values())
    row = json.loads((tmp_path / "recurrent.json").read_text())["functions"][0]
    assert [v["name"] for v in row["variants"]] == ["x86-64-v3", "generic"]


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        (["x86-64", "aarch64-linux-gnu"], "are different machines"),
        (["x86-64", "x86_64-windows"], "are different machines"),
        (["x86-64", "x86-64"], "are not all different"),
        (["riscv64-linux-gnu", "riscv64-linux-gnu:sifive-u74"], "no code asks at run time"),
        (["x86-64", "sm_90"], "no code asks at run time"),
        (["x86-64", 3], "target is 3; give a text"),
    ],
)
def test_refused(targets: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises((ExportError, TypeError), match=re.escape(says)):
        sc.export(recurrent(), tmp_path, target=targets, emit="o")
    assert not list(tmp_path.iterdir())
