"""Artefacts for a GPU run by the driver's functions: an emulated GPU here, the machine's own where it has one."""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import sys

import numpy as np
import pytest

import scancc as sc
import scancc.tensor as T
from scancc.errors import DeviceError, UnsupportedError
from scancc.runtime import cuda, device
from tests.programs import masks, seed, tutorial
from tests.programs.emulated_gpu import Driver, compiled, emulated, function, load
from tests.programs.gpu import ONE_KERNEL, OTHERS

PROGRAMS = {**ONE_KERNEL, **OTHERS}


@pytest.fixture
def gpu():
    with emulated() as driver:
        yield driver


def reference(inputs, outputs, args):
    results = sc.function(inputs, outputs, mode="reference", on_unused_input="ignore")(*args)
    return results if isinstance(outputs, list) else [results]


@pytest.mark.parametrize("name", PROGRAMS)
def test_numbers_of_the_reference(gpu: Driver, name: str) -> None:
    inputs, outputs, args = PROGRAMS[name]()
    kernel = load(gpu, compiled(inputs, outputs))
    expected = reference(inputs, outputs, args)
    for _ in range(2):  # the second call works in the memory of the first
        for result, value in zip(kernel(*args), expected, strict=True):
            assert result.dtype == value.dtype and result.shape == value.shape
            rtol = 1e-5 if value.dtype == np.float32 else 1e-11
            np.testing.assert_allclose(result, value, rtol=rtol, atol=1e-15)
    if name in ONE_KERNEL:
        assert len(gpu.launches) == 2


@pytest.mark.long
@pytest.mark.parametrize("program", seed.PROGRAMS + tutorial.PROGRAMS + masks.PROGRAMS, ids=lambda p: p.__qualname__)
def test_example_programs(gpu: Driver, program) -> None:
    program().check(function(gpu))


def test_where_a_gpu_is(monkeypatch: pytest.MonkeyPatch) -> None:
    if not device.devices():
        pytest.skip("this machine has no NVIDIA GPU with a driver")
    pytest.importorskip("cuda.bindings.driver")
    for name, make in PROGRAMS.items():
        inputs, outputs, args = make()
        kernel = cuda.Kernel(compiled(inputs, outputs, sm=device.devices()[0].target).artifact())
        for result, value in zip(kernel(*args), reference(inputs, outputs, args), strict=True):
            np.testing.assert_allclose(result, value, rtol=1e-5 if value.dtype == np.float32 else 1e-11,
                                       atol=1e-15, err_msg=name)


def test_lanes_fill_blocks(gpu: Driver) -> None:
    x = T.vector("x")
    result, _ = sc.scan(lambda h: h * 2, outputs_info=x, n_steps=3)
    kernel = load(gpu, compiled([x], result[-1]))
    for n in (1, 127, 128, 129):
        np.testing.assert_array_equal(kernel(np.ones(n))[0], np.full(n, 8.0))
    assert [(blocks, threads) for _, blocks, threads in gpu.launches] == [(1, 128), (1, 128), (1, 128), (2, 128)]


def test_an_order_of_threads_shows(gpu: Driver) -> None:
    """Each thread of two blocks of three writes its number to one place: the last one's stays."""
    gpu.texts[b"kernel"] = """
declare i32 @llvm.nvvm.read.ptx.sreg.tid.x()
declare i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
define ptx_kernel void @kernel(ptr %to) nounwind {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %b = call i32 @llvm.nvvm.read.ptx.sreg.ctaid.x()
  %n = mul i32 %b, 3
  %number = add i32 %n, %t
  store i32 %number, ptr %to
  ret void
}
"""
    _, run = gpu.cuModuleGetFunction(gpu.cuModuleLoadData(b"kernel")[1], b"kernel")
    _, place = gpu.cuMemAlloc(4)
    given, found = ctypes.c_void_p(place), np.zeros(1, np.int32)
    parameters = (ctypes.c_void_p * 1)(ctypes.addressof(given))
    for backwards, last in ((False, 5), (True, 0)):
        gpu.backwards = backwards
        gpu.cuLaunchKernel(run, 2, 1, 1, 3, 1, 1, 0, 0, ctypes.addressof(parameters))
        gpu.cuMemcpyDtoH(found.ctypes.data, place, 4)
        assert found[0] == last


def test_no_lanes_no_launch(gpu: Driver) -> None:
    x = T.vector("x")
    kernel = load(gpu, compiled([x], T.exp(x)))
    assert kernel(np.ones(0))[0].shape == (0,)
    assert gpu.launches == []


def test_checks_of_shapes_run_before_the_launch(gpu: Driver) -> None:
    x, y = T.vector("x"), T.vector("y")
    kernel = load(gpu, compiled([x, y], x + y))
    with pytest.raises(ValueError, match="lengths 3 and 4"):
        kernel(np.ones(3), np.ones(4))
    with pytest.raises(TypeError, match="takes float64 of rank 1"):
        kernel(np.ones((2, 2)), np.ones(4))
    assert gpu.launches == []
    np.testing.assert_array_equal(kernel(np.ones(2), np.ones(2))[0], [2, 2])


def test_checks_in_kernels_end_the_call(gpu: Driver) -> None:
    """An index that only the GPU reads."""
    x, i = T.vector("x"), T.lvector("i")
    rows, _ = sc.scan(lambda at, s, x: s + x[at], sequences=i, outputs_info=T.constant(0.0), non_sequences=x)
    kernel = load(gpu, compiled([x, i], T.exp(rows)))
    with pytest.raises(IndexError, match="7"):
        kernel(np.ones(3), np.array([0, 2, 7, 1]))
    np.testing.assert_allclose(kernel(np.ones(3), np.array([0, 2]))[0], np.exp([1, 2]))


def test_prepared_calls_have_their_own_memory(gpu: Driver) -> None:
    x = T.vector("x")
    kernel = load(gpu, compiled([x], x * 2))
    first, second = kernel.prepare(np.ones(3)), kernel.prepare(np.full(3, 5.0))
    for call in (first, second, first):
        call.launch()
    assert first.results()[0].tolist() == [2, 2, 2]
    assert second.results()[0].tolist() == [10, 10, 10]
    assert first.nbytes == 48


def test_memory_is_given_back(gpu: Driver) -> None:
    x = T.vector("x")
    kernel = load(gpu, compiled([x], x * 2))
    for n in (1000, 10, 5000):
        kernel(np.ones(n))
        assert len(gpu.memory) == 1
    del kernel
    gc.collect()
    assert gpu.memory == {}


def test_artefacts_are_for_their_runtime(gpu: Driver) -> None:
    x = T.vector("x")
    native = sc.function([x], x * 2).compiled.artifact()
    with pytest.raises(UnsupportedError, match="is code for 'cpu'; this runs code for GPUs"):
        cuda.Kernel(native)


def test_code_for_a_newer_gpu() -> None:
    x = T.vector("x")
    artifact = compiled([x], x * 2).artifact()
    with emulated("sm_75"), pytest.raises(DeviceError, match="compiled for sm_90, and an emulated GPU is sm_75"):
        cuda.Kernel(artifact)
    exact = dataclasses.replace(artifact, cpu="sm_90a")
    with emulated("sm_100"), pytest.raises(DeviceError, match="compile it for sm_100"):
        cuda.Kernel(exact)


def test_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "devices", lambda: ())
    x = T.vector("x")
    with pytest.raises(DeviceError, match="this machine has no NVIDIA GPU with a driver; compile for a CPU"):
        cuda.Kernel(compiled([x], x * 2).artifact())


def test_without_cuda_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(DeviceError, match="needs the package cuda-python"):
        cuda.bindings()


def test_what_the_driver_says_reaches_the_user(gpu: Driver) -> None:
    class Status(int):
        name = "CUDA_ERROR_OUT_OF_MEMORY"

    x = T.vector("x")
    kernel = load(gpu, compiled([x], x * 2))
    gpu.cuMemAlloc = lambda nbytes: (Status(2), 0)  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="CUDA_ERROR_OUT_OF_MEMORY to cuMemAlloc; pass smaller arrays"):
        kernel(np.ones(3))
