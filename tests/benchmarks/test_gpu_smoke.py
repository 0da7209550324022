"""The check that runs where a GPU is: its programs, numbers and lines, on an emulated one with fewer lanes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import scancc as sc
from benchmarks import gpu_smoke
from scancc.codegen.target import parse
from scancc.runtime import cuda
from scancc.stages import compile_program
from tests.programs.emulated_gpu import Driver, emulated, load


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch):
    with emulated() as driver:
        monkeypatch.setattr(gpu_smoke, "load", lambda function, index=0: _loaded(driver, function))
        yield driver


def _loaded(driver: Driver, function: sc.Function) -> cuda.Kernel:
    return load(driver, compile_program(function.program, parse("sm_90")))


@pytest.mark.long
@pytest.mark.parametrize("make", gpu_smoke.PROGRAMS)
def test_it_prints_what_it_found(gpu: Driver, make: Callable[[int], gpu_smoke.Program],
                                 capsys: pytest.CaptureFixture[str]) -> None:
    speed = gpu_smoke.copy_speed(cuda.Gpu.at(0), 2**10)
    gpu_smoke.run(make(300), speed, 0)
    title, error, times = capsys.readouterr().out.splitlines()
    assert "300" in title and "launch(es), relative error" in error and "x bound" in times
    assert gpu.launches


def test_a_wrong_number_ends_it(gpu: Driver) -> None:
    program = gpu_smoke.power(300)
    program.args[0] = program.args[0] + 1e-3
    with pytest.raises(SystemExit, match="the error is over"):
        gpu_smoke.run(program, 1.0, 0)
