"""Benchmarks that an export writes: each is compiled and run as its users would, with sizes of their own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen.exports import glue
from scancc.codegen.exports.signature import entry_of

ROOT = Path(__file__).parents[2]
COMPILER = shutil.which("gcc") or shutil.which("clang")
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1")
needs_c = pytest.mark.skipif(COMPILER is None, reason="there is no C compiler")


def ema() -> sc.Function:
    x, a = T.vector("x"), T.scalar("alpha")
    rows, _ = sc.scan(lambda x_t, y: y + a * (x_t - y), sequences=x, outputs_info=T.constant(0.0))
    return sc.function([x, a], rows, name="ema")


def power() -> sc.Function:
    a, k = T.fvector("A"), T.iscalar("k")
    last = sc.scan(lambda p: p * a, outputs_info=T.ones_like(a), n_steps=k)[0][-1]
    return sc.function([a, k], T.exp(last), name="power")


def layer() -> sc.Function:
    """A state, a matrix that shares a length with another, a number of choices, complex numbers."""
    w, x, z = sc.shared(np.ones((3, 4)), name="w", shape=(3, 4)), T.matrix("x"), T.zvector("z")
    keep, total = T.bscalar("keep"), sc.shared(0.0, name="total")
    out = x @ w
    return sc.function([x, z, keep], [out, (z * z).sum(), T.switch(keep, out.sum(), 0.0)],
                       updates=[(total, total + out.sum())], name="layer")


def until() -> sc.Function:
    """The rows are fewer than the query says, and nobody knows what a call computes."""
    x = T.vector("x")
    rows, _ = sc.scan(lambda v, s: (s + v, sc.until(s > 3)), sequences=x, outputs_info=T.constant(0.0))
    return sc.function([x], rows, name="sums")


def counts() -> sc.Function:
    """Whole numbers are places in a table; its sums go on from call to call."""
    keys, n, total = T.lvector("keys"), T.iscalar("n"), sc.shared(np.zeros(9), name="total")
    table, _ = sc.scan(lambda k, t: T.inc_subtensor(t[k], 1.0), sequences=keys, outputs_info=T.zeros((n,)))
    return sc.function([keys, n], sc.final_state(table), updates=[(total, total + 1.0)], name="counts")


@needs_c
@pytest.mark.parametrize(("make", "sizes", "share"), [
    (ema, "x_n0=5000", True), (power, "A_n0=300 k=7", True), (until, "x_n0=50", False),
    (layer, "x_n0=9 x_n1=3 z_n0=5 keep=1", True), (counts, "keys_n0=30 n=4 integers=4", True)])
def test_program_in_c(make: Callable[[], sc.Function], sizes: str, share: bool, tmp_path: Path) -> None:
    function = make()
    sc.export(function, tmp_path, emit="a,h,bench-main")
    name = function.name
    program = tmp_path / "bench"
    files = [str(tmp_path / f"{name}_bench.c"), str(tmp_path / f"{name}.a")]
    done = subprocess.run([str(COMPILER), *STRICT, f"-I{tmp_path}", *files, "-lm", "-o", str(program)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    command = [str(program), *sizes.split(), "peak_gflops=10"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    roofline = r", \S+ % of the roofline \(\S+ Gflop/s of 10,.*" if share else ""
    assert re.fullmatch(rf"{name} {sizes}: \S+ us a call{roofline}\n", done.stdout)
    done = subprocess.run([str(program), "m=3"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "m=3 is no size; give" in done.stderr


@needs_c
def test_the_least_time_is_that_of_the_cost(tmp_path: Path) -> None:
    """Operations, of which an elementary function is 20, and bytes, as the formulas of `cost` have them."""
    function = power()
    cost = function.cost()
    text = glue.main_text("power", entry_of(function.export_form()), cost)
    flops = re.search(r"double flops_of.*?return (.*?);", text, re.DOTALL)
    nbytes = re.search(r"double nbytes_of.*?return (.*?);", text, re.DOTALL)
    assert flops is not None and nbytes is not None
    values = {"A_n0": 300, "k": 7}
    names = re.findall(r'"(\w+)", ', text.split("size_names[N_SIZES + 1] = ")[1].split("}")[0])
    known = {"size": [values[name] for name in names], "fmax": max, "fmin": min}
    found = [eval(form[1].replace("(double)", ""), known) for form in (flops, nbytes)]
    assert found == [cost.flops.at(values) + 20 * cost.calls.at(values), cost.moved.at(values)]


@needs_c
def test_google_benchmark(tmp_path: Path) -> None:
    cmake = shutil.which("cmake")
    if cmake is None or not any(Path(folder, "benchmark/benchmark.h").exists() for folder in (
            "/usr/include", "/usr/local/include")):
        pytest.skip("Google Benchmark or CMake is not installed")
    sc.export(power(), tmp_path, emit="a,h,bench-google")
    (tmp_path / "CMakeLists.txt").write_text("cmake_minimum_required(VERSION 3.16)\nproject(bench CXX)\n"
                                             "include(power_bench.cmake)\n")
    build, flags = tmp_path / "build", "-Wall -Wextra -Werror"
    for command in ([cmake, "-S", str(tmp_path), "-B", str(build), f"-DCMAKE_CXX_FLAGS={flags}"],
                    [cmake, "--build", str(build)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run([str(build / "power_bench"), "A_n0=300", "k=7", "--benchmark_min_time=0.01"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"power/A_n0:300/k:7 .* roofline=\S+", done.stdout)


def python(folder: Path, *command: str, **variables: str) -> str:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True, check=False,
                          env={**own, "PYTHONPATH": paths, **variables})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_c
def test_pytest_benchmark(tmp_path: Path) -> None:
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed")
    sc.export(layer(), tmp_path, emit="so,json,bench-pytest")
    found = python(tmp_path, "-m", "pytest", "-q", "-p", "no:xdist", "--benchmark-max-time=0.05",
                   "layer_bench_pytest.py", LAYER_SIZES="x_n0=9,x_n1=3,z_n0=5,keep=1")
    assert re.search(r"layer x_n0=9 x_n1=3 z_n0=5 keep=1: \S+ us a call, \S+ % of the roofline", found)
    assert "1 passed" in found


@needs_c
def test_pyperf(tmp_path: Path) -> None:
    pytest.importorskip("pyperf", reason="pyperf is not installed")
    sc.export(counts(), tmp_path, emit="so,json,bench-pyperf")
    found = python(tmp_path, "counts_bench_pyperf.py", "--sizes", "keys_n0=500,n=3,integers=3",
                   "--debug-single-value", "--quiet",
                   "--inherit-environ", "PYTHONPATH")
    assert re.search(r"counts keys_n0=500 n=3 integers=3: \S+ us a call, \S+ % of the roofline", found)


def test_without_a_cost_no_share_is_said(tmp_path: Path) -> None:
    """Of IR that is compiled from a file there are no formulas."""
    for form in (glue.main_text, glue.google_text):
        assert "return 0.0;" in form("ema", entry_of(ema().export_form()), None)
