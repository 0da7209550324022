"""The benchmark suite's workloads compute what they say, at a size that takes no time."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from benchmarks.suite import c_code, compare, page, results, run
from benchmarks.suite.bounds import bound
from benchmarks.suite.workload import LINE_BYTES, Work, error, load_all

WORKLOADS = load_all()
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


@pytest.fixture(scope="module")
def c_forms(tmp_path_factory):
    """The C text of all workloads in one library, not optimised: one run of the compiler."""
    if COMPILER is None:
        pytest.skip("no C compiler found")
    folder = tmp_path_factory.mktemp("c")
    texts: dict[str, str] = {}
    for name, workload in WORKLOADS.items():
        file = name if "static" in workload.C else "together"  # helpers' names may clash
        texts[file] = texts.get(file, "") + (
            f"#define plain {name}_plain\n#define best {name}_best\n{workload.C}\n#undef plain\n#undef best\n")
    for name, text in texts.items():
        (folder / f"{name}.c").write_text(c_code.with_prelude(text, "float64"))
    flags = ["-O0", "-march=native", "-shared", "-fPIC"]
    subprocess.run([COMPILER, *flags, "-o", folder / "all.so", *folder.glob("*.c"), "-lm"], check=True)
    return ctypes.CDLL(str(folder / "all.so"))


@pytest.mark.long
@pytest.mark.parametrize("name", WORKLOADS)
def test_scancc(name):
    workload = WORKLOADS[name]
    inputs = workload.inputs("tiny", "float64")
    want = workload.reference(inputs)
    assert error(workload.scancc(sc, T)(*inputs), want) <= workload.tolerance["float64"]
    assert isinstance(workload.work(*inputs), Work) and workload.title.endswith(".")


@pytest.mark.parametrize("name", WORKLOADS)
def test_c(name, c_forms):
    workload = WORKLOADS[name]
    inputs = workload.inputs("tiny", "float64")
    want = workload.reference(inputs)
    for entry in ("plain", "best"):
        if f" {entry}(" in workload.C:
            arguments, outputs = c_code.in_aligned_memory(*workload.c(*inputs))
            assert all(a.ctypes.data % LINE_BYTES == 0 for a in arguments if isinstance(a, np.ndarray))
            c_code.bound_call(getattr(c_forms, f"{name}_{entry}"), arguments, "float64")()
            assert error(outputs, want) <= workload.tolerance["float64"], entry


def test_single_precision_is_measured_in_single_precision():
    with sc.change_flags(floatX="float32"):
        for name in ("ema", "rnn"):
            workload = WORKLOADS[name]
            inputs = workload.inputs("tiny", "float32")
            got = workload.scancc(sc, T)(*inputs)
            assert got.dtype == np.float32
            assert error(got, workload.reference(inputs)) <= workload.tolerance["float32"]


def test_error_sees_shapes_nan_and_whole_numbers():
    ones = [np.ones(4)]
    assert error([np.ones(3)], ones) == np.inf
    assert error([np.array([1, 1, 1, np.nan])], ones) == np.inf
    assert error([np.array([1, 1, 1, 1.5])], ones) == 0.5
    assert error([np.array([1, 2, 3, 5])], [np.array([1, 2, 3, 4])]) == 0.25


def test_the_longest_term_is_the_bound():
    machine = {"peak_flops": 1e9, "latency_s": {"fma": 1e-9}, "throughput_s": {"exp": 1e-9}}
    calibration = {"float64": machine, "bandwidth": [{"kbytes": 1, "read": 1e9, "copy": 1e9, "fill": 1e9}]}
    found = bound(Work(flops=100, chain={"fma": 300}, special={"exp": 200}), 50, "float64", calibration)
    assert (found["limit"], found["time_s"]) == ("chain", pytest.approx(300e-9))
    assert bound(Work(), 0, "float64", {"missing": "no C compiler found"}) is None


def form(time_s, system="scancc", strict=True):
    return {"times": [time_s * (1 + 0.001 * i) for i in range(15)], "system": system, "strict": strict, "right": True,
            "error": 0.0, "compile_s": 0.01, "call_s": time_s}


def cell(**forms):
    return {"workload": "ema", "size": "large", "dtype": "float64", "title": "An average.", "limits": "",
            "group": "programs", "sizes": {}, "tolerance": 1e-9, "nbytes": 8, "absent": {"torch": "not written"},
            "forms": {name.replace("_", " "): f for name, f in forms.items()},
            "bound": {"time_s": 1e-6, "limit": "chain", "terms": {}}}


def test_a_change_is_what_lies_beyond_noise():
    ratios = [1.10 + 0.002 * (i % 3) for i in range(15)]
    low, high = compare.interval(ratios)
    assert compare.Change("slow", low, 1.1, high).verdict(0.05) == "slower"
    assert compare.Change("slow", low, 1.1, high).verdict(0.15) == ""
    assert compare.Change("mixed", *compare.interval([0.8, 1.2] * 8)[:1], 1.0, 1.2).verdict(0.02) == ""
    assert compare.noise_of([1.0] * 19 + [1.3]) == compare.LEAST_NOISE
    assert compare.noise_of([1.0] * 18 + [1.1, 1.3]) == pytest.approx(0.1)


def test_the_interval_of_a_median_is_the_sign_tests():
    values = [float(i) for i in range(1, 16)]
    assert compare.interval(values) == (3.0, 13.0)  # 1 - 2 * (1 + 15 + 105) / 2**15 = 0.993
    assert compare.interval(values[:3]) == (1.0, 3.0)


def test_the_best_c_form_is_as_strict_as_asked():
    c = cell(scancc=form(2e-6), gcc_plain=form(4e-6, "c"), gcc_best=form(2e-6, "c"),
             gcc_best_fast_math=form(1e-6, "c", False))
    assert results.to_c(c, "scancc") == pytest.approx(2)
    assert results.to_c(c, "scancc", strict_only=True) == pytest.approx(1)
    assert results.to_c(c, "scancc", plain_only=True) == pytest.approx(0.5)


def test_the_page_names_what_is_absent(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # takes a second to load
    made = {"when": "now", "commit": "abc", "page": "benchmarks", "own_time": False, "machine": run.machine(),
            "versions": {}, "calibration": {"missing": "no C compiler found"},
            "absent": {"jax": "jax is not installed"}, "rounds": 1, "took_s": 1.0,
            "cells": [cell(scancc=form(2e-6), JAX=form(4e-6, "jax"))]}
    page.write(made, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "jax is not installed" in text and "not written: ema large float64" in text and "No calibration" in text
    assert "No plots" in text
    assert "| ema | large | 64 | 2.01 µs |" in text
