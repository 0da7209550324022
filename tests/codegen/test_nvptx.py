"""Programs for a GPU: one kernel a scan, PTX that assembles, and the same numbers as the reference.

Without a GPU the numbers come from the IR's interpreter and from the kernels compiled for the CPU
(tests/runtime/test_cuda.py); with one, from the GPU too (benchmarks/gpu_smoke.py).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.codegen import nvptx
from scancc.codegen.math import FUNCTIONS
from scancc.codegen.target import host, parse
from scancc.errors import UnsupportedError
from scancc.ir.interpreter import run_program
from tests.programs.emulated_gpu import compiled
from tests.programs.gpu import ONE_KERNEL, OTHERS

PTXAS = shutil.which("ptxas")
CAPABILITIES = ["sm_75", "sm_90"]


def assemble(ptx: str, sm: str, folder: Path) -> str:
    """What ptxas says of a PTX text."""
    if PTXAS is None:
        pytest.skip("ptxas, NVIDIA's assembler, is not installed")
    source = folder / "kernel.ptx"
    source.write_text(ptx)
    command = [PTXAS, "-v", f"-arch={sm}", str(source), "-o", str(folder / "kernel.cubin")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("name", ONE_KERNEL)
def test_an_elementwise_scan_is_one_kernel(name: str) -> None:
    inputs, outputs, _ = ONE_KERNEL[name]()
    program = compiled(inputs, outputs)
    ptx = program.artifact().code.decode()
    assert ptx.count(".entry") == 1
    assert ".func" not in ptx and "call" not in ptx and ".local" not in ptx  # state is in registers
    assert ".version 7.8" in ptx and ".target sm_90" in ptx
    assert any(r.pass_name == "map-to-gpu" and r.done for r in program.remarks)


@pytest.mark.long
@pytest.mark.parametrize("sm", CAPABILITIES)
@pytest.mark.parametrize("name", [*ONE_KERNEL, *OTHERS])
def test_ptxas_accepts_it(name: str, sm: str, tmp_path: Path) -> None:
    inputs, outputs, _ = {**ONE_KERNEL, **OTHERS}[name]()
    said = assemble(compiled(inputs, outputs, sm=sm).artifact().code.decode(), sm, tmp_path)
    assert "0 bytes spill stores" in said


@pytest.mark.long
@pytest.mark.parametrize("name", [*ONE_KERNEL, *OTHERS])
def test_the_interpreter_runs_the_mapped_ir(name: str) -> None:
    inputs, outputs, args = {**ONE_KERNEL, **OTHERS}[name]()
    results = run_program(compiled(inputs, outputs).module, "function", args)
    expected = sc.function(inputs, outputs, mode="reference")(*args)
    for result, value in zip(results, expected if isinstance(outputs, list) else [expected], strict=True):
        np.testing.assert_allclose(result, value, rtol=1e-5 if value.dtype == np.float32 else 1e-11, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_elementary_function_is_ptx(dtype: str, tmp_path: Path) -> None:
    """One kernel a function; none calls a library."""
    kind = {"float32": "f32", "float64": "f64"}[dtype]
    kernels = []
    for name, row in FUNCTIONS.items():
        operands = ", ".join(["%x"] * row.n_arguments)
        types = ", ".join([kind] * row.n_arguments)
        kernels.append(_kernel(name, kind, f'"{row.op}"({operands}) : ({types}) -> {kind}'))
    ptx = nvptx.ptx(nvptx.emit_module(_parsed("\n".join(kernels))).kernels, parse("sm_90"))
    assert ptx.count(".entry") == len(kernels)
    assert ".extern" not in ptx
    assemble(ptx, "sm_90", tmp_path)


def _kernel(name: str, kind: str, op: str) -> str:
    return f""""func.func"() ({{
^bb0(%p: memref<{kind}>):
  %x = "memref.load"(%p) : (memref<{kind}>) -> {kind}
  %y = {op}
  "memref.store"(%y, %p) : ({kind}, memref<{kind}>) -> ()
  "func.return"() : () -> ()
}}) {{sym_name = "k_{name}", function_type = (memref<{kind}>) -> (), "gpu.kernel" = 1 : i64}} : () -> ()"""


def _parsed(text: str):
    from scancc.ir.parser import parse as parse_ir

    return parse_ir(text)


def test_a_scan_over_scalars_is_one_thread_and_says_so() -> None:
    x = T.vector("x")
    result, _ = sc.scan(lambda e, s: s + e, sequences=x, outputs_info=T.constant(0.0))
    program = compiled([x], result)
    assert [(launch.threads, launch.kernel) for launch in program.gpu.launches] == [(1, "function__kernel")]
    remarks = [r for r in program.remarks if r.pass_name == "map-to-gpu"]
    assert [r.done for r in remarks] == [False] and "one thread" in remarks[0].reason
    assert "batch axis" in remarks[0].hint


def test_what_is_only_read_is_loaded_through_the_read_only_path() -> None:
    """So that a load may come before the store of the step before it."""
    inputs, outputs, _ = ONE_KERNEL["moving_average_of_a_batch"]()
    ptx = compiled(inputs, outputs).artifact().code.decode()
    assert "ld.global.nc" in ptx and "ld.global.b64" not in ptx


def test_the_number_of_kernels_does_not_grow_with_steps() -> None:
    x = T.vector("x")
    counts = []
    for n_steps in (1, 100, 100_000):
        result, _ = sc.scan(lambda h: T.cos(h), outputs_info=x, n_steps=n_steps)
        counts.append(len(compiled([x], result[-1]).gpu.launches))
    assert counts == [1, 1, 1]


def test_names_of_kernels_follow_the_function() -> None:
    x = T.vector("x")
    result, _ = sc.scan(lambda h: h * 2, outputs_info=x, n_steps=3)
    program = compiled([x], [result[-1], T.exp(x)])
    assert [launch.kernel for launch in program.gpu.launches] == ["function__kernel0", "function__kernel1"]


def test_export_writes_ptx(tmp_path: Path) -> None:
    x = T.vector("x")
    result, _ = sc.scan(lambda h: h * 2, outputs_info=x, n_steps=3)
    f = sc.function([x], [result[-1], T.exp(x)], name="twice")
    sc.export(f, tmp_path, emit="ptx", prefix="my_", target=parse("sm_90"))
    (path,) = tmp_path.rglob("*.ptx")
    assert path.name == "my_twice.ptx"
    text = path.read_text()
    assert ".entry my_twice__kernel0(" in text and ".entry my_twice__kernel1(" in text


def test_ptx_is_for_gpus() -> None:
    with pytest.raises(UnsupportedError, match="PTX is for NVIDIA GPUs"):
        nvptx.ptx("", host())


def test_the_host_part_calls_nothing() -> None:
    inputs, outputs, _ = ONE_KERNEL["moving_average_of_a_batch"]()
    text = compiled(inputs, outputs).gpu.host
    assert "declare" not in text
    assert "ptx_kernel" not in text and "llvm.nvvm" not in text
