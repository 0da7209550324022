"""`Print` in exported functions: a callback of the caller's in C, this process's output where Python loads them."""

from __future__ import annotations

import json
import platform
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
from scancc.codegen.c_names import ExportError
from scancc.errors import UnsupportedError
from tests.codegen.test_export import STRICT

CC = shutil.which("gcc") or shutil.which("clang")
ARM = shutil.which("arm-linux-gnueabihf-gcc")
needs_cc = pytest.mark.skipif(CC is None, reason="no C compiler on this machine")
needs_arm = pytest.mark.skipif(ARM is None or shutil.which("qemu-arm") is None, reason="nothing runs 32-bit ARM here")

MAIN = r"""
#include "model.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print(void *user, const model_printed *v)
{
    const double *numbers = v->data;
    int64_t n = 1;
    ++*(int *)user;
    printf("%s|%s|%s|%s|%d", v->text, v->name, v->attributes, v->dtype, (int)v->rank);
    for (int64_t i = 0; i < v->rank; i++) n *= v->dims[i];
    for (int64_t i = 0; i < n; i++)
        printf(" %g", strcmp(v->dtype, "float64") == 0 ? numbers[i] : ((const unsigned char *)v->data)[i]);
    for (int64_t i = 0; i < v->depth; i++) printf(" [%s %d]", v->scans[i], (int)v->steps[i]);
    putchar('\n');
}

static double x[4] = { 1, 2, 3, 4 }, h[8], total;

static int call(double *to_h, double *to_total)
{
    model_arguments a;
    memset(&a, 0, sizeof a);
    a.x = x; a.x_n0 = 4; a.k = 9; a.h = to_h; a.total = to_total;
    int status = model_call_query(&a);
    if (status != 0) return status;
    a.workspace = malloc((size_t)a.workspace_nbytes + 1);
    status = model_call(&a);
    free(a.workspace);
    return status;
}

int main(void)
{
    int n = 0;
    double quiet[8];
    const model_print how = { print, &n };
    if (call(h, &total) != 0 || n != 0) return 1;
    memcpy(quiet, h, sizeof h);
    memset(h, 0, sizeof h);
    model_set_print(&how);
    if (call(h, &total) != 0 || n == 0) return 2;
    if (memcmp(quiet, h, sizeof h) != 0) return 3;
    printf("without h\n");
    if (call(NULL, &total) != 0) return 4;
    printf("nothing\n");
    model_set_print(NULL);
    n = 0;
    if (call(h, NULL) != 0 || n != 0) return 5;
    printf("%g %g\n", h[4], total);
    return 0;
}
"""


def model() -> Any:
    """Prints of a scan in a scan, of rows, of a truth value, and of a number; `until` ends it after three steps."""
    x, k = T.vector("x"), T.iscalar("k")
    show, truth = sc.printing.Print("row"), sc.printing.Print("large", attrs=("__str__", "shape"))

    def step(h: Any, x: Any) -> Any:
        loud = sc.printing.Print("inner")
        inner = sc.scan(lambda u: loud(u * 2.0), outputs_info=h[0], n_steps=2, name="doubles")[0]
        h = show(h + inner[-1])
        h.name = "next_h"
        return h, sc.until(truth(h.sum() + 0.0 * x[0] > 90))

    h = sc.scan(step, outputs_info=T.ones((2,)), non_sequences=x, n_steps=k, name="outer")[0]
    total = sc.printing.Print("sum")(x.sum())
    return sc.function([x, k], {"h": h, "total": total}, name="model")


def printed_by(f: Any, capsys: pytest.CaptureFixture[str]) -> list[str]:
    capsys.readouterr()
    f([1.0, 2.0, 3.0, 4.0], 9)
    return capsys.readouterr().out.splitlines()


def ran(folder: Path, *command: str, kind: str = "a", runs: tuple[str, ...] = ()) -> list[str]:
    (folder / "main.c").write_text(MAIN)
    files = [f"-I{folder}", str(folder / "main.c"), str(folder / f"model.{kind}"), "-lm", "-o", str(folder / "main")]
    made = subprocess.run([*command, *STRICT, *files], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    done = subprocess.run([*runs, str(folder / "main")], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout.splitlines()


def as_python_prints(lines: list[str]) -> list[str]:
    """What a C program wrote of values, in the words of `Print`."""
    said = []
    for line in lines:
        text, _, attributes, dtype, rest = line.split("|")
        numbers, *scans = re.split(r" \[", rest)
        rank, *values = numbers.split()
        if dtype == "bool":
            values = [str(value == "1") for value in values]
        elif rank == "0":
            values = [str(float(value)) for value in values]
        around = [scan[:-1].rpartition(" ") for scan in reversed(scans)]
        where = ", ".join(f"in step {step} of {name}" for name, _, step in around)
        for attribute in attributes.split():
            value = "()" if attribute == "shape" else str(np.array(values, float)) if rank == "1" else values[0]
            said.append(f"{text} {attribute} = {value}" + (f" ({where})" if where else ""))
    return said


@needs_cc
@pytest.mark.parametrize("kind", ["a", "c"])
def test_a_c_program_gets_what_python_prints(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    f = model()
    sc.export(f, tmp_path, emit=f"{kind},h", optional="h")
    lines = ran(tmp_path, CC or "", "-std=c99", kind=kind)
    whole, without = lines[:lines.index("without h")], lines[lines.index("without h") + 1:lines.index("nothing")]
    assert as_python_prints(whole) == printed_by(f, capsys)
    assert without == [line for line in whole if line.startswith("sum")]  # nobody needs the others
    assert lines[lines.index("nothing") + 1:] == ["125 10"]
    assert [s for s in lines if s.startswith("row")][0] == "row|next_h|__str__|float64|1 5 5 [scan 'outer' 0]"


@needs_cc
@pytest.mark.parametrize("kind", ["a", "c"])
def test_what_is_printed_stays_within_the_workspace(kind: str, tmp_path: Path) -> None:
    sc.export(model(), tmp_path, emit=f"{kind},h")
    ran(tmp_path, CC or "", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover", kind=kind)


@needs_arm
def test_a_32_bit_processor_prints_the_same(tmp_path: Path) -> None:
    for folder, target in ((tmp_path / "host", None), (tmp_path / "arm", "arm-linux-gnueabihf")):
        folder.mkdir()
        sc.export(model(), f"{folder}/", emit="a,h", target=target)
    here = ran(tmp_path / "host", CC or "")
    assert ran(tmp_path / "arm", ARM or "", "-static", runs=("qemu-arm",)) == here


def test_loaded_functions_print_as_compiled_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    f = model()
    sc.export(f, tmp_path)
    want = printed_by(f, capsys)
    assert len(want) > 10
    for kind in ("o", "a", "json", *(["so"] if CC else [])):
        g = sc.runtime.load(tmp_path / f"model.{kind}")
        assert printed_by(g, capsys) == want
    assert printed_by(f.shipped(), capsys) == want


@needs_cc
def test_a_module_of_python_prints_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    f = model()
    sc.export(f, tmp_path, python=True)
    want = printed_by(f, capsys)
    done = subprocess.run([sys.executable, "-c", "import model; model.model([1., 2., 3., 4.], 9)"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == want, done.stderr


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "int8", "uint64", "bool"])
def test_values_of_any_dtype_and_of_no_elements(tmp_path: Path, dtype: str,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    v = T.matrix("v", dtype=dtype)
    f = sc.function([v], sc.printing.Print("v", attrs=("__repr__", "dtype", "shape"))(v), name="f")
    sc.export(f, tmp_path, emit="o,json")
    g = sc.runtime.load(tmp_path / "f.o")
    for value in (np.arange(6).reshape(2, 3).astype(dtype), np.ones((0, 3), dtype)):
        f(value)
        want = capsys.readouterr().out
        np.testing.assert_array_equal(g(value), value)
        assert capsys.readouterr().out == want != ""


def test_state_variants_and_streams(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, level = T.vector("x"), sc.shared(1.0, name="level")
    h = sc.scan(lambda x, h: sc.printing.Print("h")(h * 0.5 + x), x, level)[0]
    f = sc.function([x], h, updates={level: sc.final_state(h)}, name="f")
    several = ["x86-64", "x86-64-v3"] if platform.machine() == "x86_64" else None
    sc.export(f, tmp_path, emit="o,h,json", target=several)
    g = sc.runtime.load(tmp_path / "f.o")
    assert "f_run" in (tmp_path / "f.h").read_text()
    for _ in range(2):
        np.testing.assert_array_equal(g([1.0, 2.0]), f([1.0, 2.0]))
        ours = capsys.readouterr().out.splitlines()
        assert len(ours) == 4 and ours[:2] == ours[2:]


def test_a_call_that_fails_prints_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, i = T.vector("x"), T.iscalar("i")
    f = sc.function([x, i], sc.printing.Print("first")(x * 2).sum() + x[i], name="f")
    sc.export(f, tmp_path, emit="o,json")
    g = sc.runtime.load(tmp_path / "f.o")
    with pytest.raises(IndexError) as theirs:
        g([1.0, 2.0], 7)
    with pytest.raises(IndexError) as ours:
        f([1.0, 2.0], 7)
    assert str(theirs.value) == str(ours.value) and capsys.readouterr().out == ""


def test_what_an_export_says_of_its_prints(tmp_path: Path) -> None:
    sc.export(model(), tmp_path, emit="h,json")
    row = json.loads((tmp_path / "model.json").read_text())["functions"][0]
    assert row["flat"]["set_print"] == "model_set_print"
    assert {"text": "inner", "name": "", "attributes": ["__str__"], "dtype": "float64", "rank": 0,
            "scans": ["scan 'outer'", "scan 'doubles'"]} in row["prints"]
    with pytest.raises(ExportError, match="upstream IR of model has no callback for Print"):
        sc.export(model(), tmp_path, emit="mlir-upstream")
    with pytest.raises(UnsupportedError, match="model: code for sm_90 has nobody who prints"):
        sc.export(model(), tmp_path, target="sm_90")
    x = T.vector("x")
    sc.export(sc.function([x], x + 1, name="plain"), tmp_path, emit="h,ll")
    assert not re.search("_print|printed", (tmp_path / "plain.h").read_text() + (tmp_path / "plain.ll").read_text())


@needs_cc
def test_python_loads_what_c_became_and_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows of halves and of complex numbers, a state, and no elements."""
    x, level = T.matrix("x", dtype="complex64"), sc.shared(np.float16(1.0), name="level")
    show = sc.printing.Print
    h = sc.scan(lambda r, s: (show("half")(s * 0.5), show("row")(r * 2).sum() * 0.0 + 1.0)[0].astype("float16") +
                show("row")(r * 2).real.sum().astype("float16"), x, level)[0]
    f = sc.function([x], h, updates={level: h[-1]}, name="f")
    (source,) = sc.export(f, tmp_path, emit="c").files
    library = source.with_suffix(".so")
    subprocess.run([CC or "", "-std=c99", *STRICT, "-shared", "-fPIC", source, "-lm", "-o", library], check=True)
    g: Any = sc.runtime.load(library)
    for value in (np.arange(6).reshape(3, 2) * (1 + 2j), np.ones((1, 0))):
        capsys.readouterr()
        want, wanted = f(np.complex64(value)), capsys.readouterr().out
        np.testing.assert_array_equal(g(np.complex64(value)), want)
        assert capsys.readouterr().out == wanted != ""


def test_freestanding_code_calls_nothing_to_print(tmp_path: Path) -> None:
    sc.export(model(), tmp_path, emit="o,h,json", target="cortex-m0")
    tool = shutil.which("llvm-nm-14") or shutil.which("nm")
    if tool is not None:
        listed = subprocess.run([tool, "-u", tmp_path / "model.o"], capture_output=True, text=True, check=True).stdout
        assert not re.search(r"printf|puts|write|atomic", listed), listed
