"""Runs PTX artefacts on an NVIDIA GPU through cuda-python, which is imported when the first one is loaded.

The host's part of the artefact, CPU code, says what to launch; this copies arrays there and back. No
compiler is needed: the driver makes machine code of the PTX.
"""

from __future__ import annotations

import ctypes
import math
import re
import threading
from functools import cache
from typing import Any

import numpy as np

from scancc.artifact import N_INFO_SLOTS, Artifact, Launch, Param, n_slots
from scancc.errors import DeviceError, UnsupportedError
from scancc.runtime import cpu, elf
from scancc.runtime.arguments import Array
from scancc.runtime.device import Device, require_gpu

ALIGN_NBYTES = 256  # of each array in device memory, as the driver's own allocations
_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)


class Kernel:
    """A function on a GPU: `kernel(*arrays)` returns the list of its outputs, new arrays each time.

    Many threads may call it; the calls run one after the other. DeviceError where there is no such GPU.
    """

    def __init__(self, artifact: Artifact, index: int = 0) -> None:
        if artifact.target != "ptx" or artifact.device is None:
            raise UnsupportedError(f"{artifact.name!r} is code for {artifact.target!r}; this runs code for GPUs")
        cpu.check_abi(artifact.abi_version, artifact.name)
        gpu = require_gpu(index)
        _require_capability(artifact, gpu)
        self.name, self.device_code = artifact.name, artifact.device
        library = elf.load(artifact.device.host)
        addresses = library.address(artifact.run_symbol), library.address(artifact.query_symbol)
        signature = artifact.inputs, artifact.outputs, artifact.checks
        self.host = cpu.Kernel.at(artifact.name, signature, addresses, library)
        self.plan, self.query = (_ENTRY(address) for address in addresses)
        self.gpu = Gpu.at(index)
        self.functions = self.gpu.load(artifact.code, [launch.kernel for launch in artifact.device.launches])
        self._memory = Memory(self.gpu)
        self._lock = threading.Lock()

    def __call__(self, *values: object) -> list[Array]:
        with self._lock:
            call = Call(self, values, self._memory)
            call.launch()
            return call.results()

    def prepare(self, *values: object) -> Call:
        """The arrays on the GPU, in memory of their own, ready to be launched any number of times."""
        return Call(self, values, Memory(self.gpu))


class Call:
    """One call of a kernel: its inputs are on the GPU, its launches are known."""

    def __init__(self, kernel: Kernel, values: tuple[object, ...], memory: Memory) -> None:
        self.kernel = kernel
        self.memory = memory
        self.outputs: list[tuple[Param, int, int]] = []  # parameter, first slot, address
        host, code = kernel.host, kernel.device_code
        self.inputs = host.pack(values)
        self.workspace = n_slots(host.inputs, host.outputs) - N_INFO_SLOTS - 2  # its slot
        self.slots: Any = (ctypes.c_int64 * (self.workspace + 2 + N_INFO_SLOTS + code.n_slots))()
        self._place_inputs([_address(array) for array in self.inputs])
        self._require(kernel.query(ctypes.addressof(self.slots)))
        self._to_device()
        self._require(kernel.plan(ctypes.addressof(self.slots)))
        self.launches = [self._parameters(launch) for launch in code.launches]

    def launch(self, stream: int = 0) -> None:
        """Start the kernels, in order; returns before they end."""
        gpu, code = self.kernel.gpu, self.kernel.device_code
        gpu.make_current()
        if code.control_nbytes:
            gpu.clear(self.slots[self.workspace], code.control_nbytes, stream)
        for launch, function, (blocks, parameters) in zip(
            code.launches, self.kernel.functions, self.launches, strict=True
        ):
            if blocks > 0:
                gpu.launch(function, blocks, launch.threads, parameters, stream)

    def results(self) -> list[Array]:
        """Wait for the kernels, and copy the outputs to this machine's memory."""
        self.kernel.gpu.make_current()
        self._read_control()
        arrays = []
        for param, slot, address in self.outputs:
            array = np.empty(self.slots[slot + 1 : slot + param.n_slots], param.dtype)
            self.kernel.gpu.download(address, array)
            arrays.append(array)
        return arrays

    @property
    def nbytes(self) -> int:
        """Bytes of inputs and outputs: what a call must at least move through the GPU's memory."""
        sizes = [math.prod(self._shape(p, slot)) * np.dtype(p.dtype).itemsize for p, slot, _ in self.outputs]
        return sum(array.nbytes for array in self.inputs) + sum(sizes)

    def _shape(self, param: Param, slot: int) -> list[int]:
        return list(self.slots[slot + 1 : slot + param.n_slots])

    def _place_inputs(self, pointers: list[int]) -> None:
        at = 0
        for array, pointer in zip(self.inputs, pointers, strict=True):
            self.slots[at : at + 1 + array.ndim] = [pointer, *array.shape]
            at += 1 + array.ndim

    def _to_device(self) -> None:
        """Device memory for everything, and the inputs copied there; scalars stay with the host's part."""
        at = sum(1 + array.ndim for array in self.inputs)
        places = []
        for param in self.kernel.host.outputs:
            places.append((param, at))
            at += param.n_slots
        nbytes = [array.nbytes if array.ndim else 0 for array in self.inputs]
        nbytes += [math.prod(self._shape(p, slot)) * np.dtype(p.dtype).itemsize for p, slot in places]
        addresses = self.memory.reserve([*nbytes, self.slots[self.workspace + 1]])
        pointers = [a if array.ndim else _address(array)
                    for array, a in zip(self.inputs, addresses, strict=False)]
        self._place_inputs(pointers)
        for (param, slot), address in zip(places, addresses[len(self.inputs):], strict=False):
            self.slots[slot] = address
            self.outputs.append((param, slot, address))
        self.slots[self.workspace] = addresses[-1]
        for array, pointer in zip(self.inputs, pointers, strict=True):
            if array.ndim:
                self.kernel.gpu.upload(array, pointer)

    def _parameters(self, launch: Launch) -> tuple[int, Any]:
        """Number of blocks, and the array of pointers to the parameters that the driver takes."""
        first = ctypes.addressof(self.slots) + 8 * (launch.slot + 1)
        pointers = (ctypes.c_void_p * launch.n_params)(*(first + 8 * i for i in range(launch.n_params)))
        return self.slots[launch.slot], pointers

    def _read_control(self) -> None:
        """The status that the kernels left, and sizes that only they know."""
        code = self.kernel.device_code
        if not code.control_nbytes:
            return
        control = np.empty(code.control_nbytes // 8, np.int64)
        self.kernel.gpu.download(self.slots[self.workspace], control)
        if control[0]:
            self.kernel.host.fail(*map(int, control[: 1 + N_INFO_SLOTS]))
        for slot, offset in code.reports:
            self.slots[slot] = int(control[offset // 8])

    def _require(self, status: int) -> None:
        if status != 0:
            at = self.workspace + 2
            self.kernel.host.fail(status, *self.slots[at : at + N_INFO_SLOTS])


class Memory:
    """Device memory of a call: one allocation, which the next call uses again."""

    def __init__(self, gpu: Gpu) -> None:
        self.gpu = gpu
        self.address = 0
        self.nbytes = 0

    def reserve(self, sizes: list[int]) -> list[int]:
        """Addresses for parts of these sizes in bytes; what an earlier call put there is lost."""
        starts, total = [], 0
        for size in sizes:
            starts.append(total)
            total += -(-size // ALIGN_NBYTES) * ALIGN_NBYTES
        if total > self.nbytes:
            self.free()
            self.address, self.nbytes = self.gpu.allocate(total), total
        return [self.address + start for start in starts]

    def free(self) -> None:
        if self.address:
            self.gpu.free(self.address)
        self.address = self.nbytes = 0

    def __del__(self) -> None:
        try:
            self.free()
        except Exception:  # the driver may be gone when Python ends
            self.address = 0


class Gpu:
    """The driver's functions for one GPU, in its primary context; failures raise DeviceError."""

    def __init__(self, index: int) -> None:
        self.driver = bindings()
        self._call("cuInit", 0)
        device = self._call("cuDeviceGet", index)
        self.context = self._call("cuDevicePrimaryCtxRetain", device)

    @staticmethod
    @cache
    def at(index: int) -> Gpu:
        return Gpu(index)

    def _call(self, name: str, *args: Any) -> Any:
        status, *values = getattr(self.driver, name)(*args)
        if int(status) != 0:
            text = getattr(status, "name", str(int(status)))
            raise DeviceError(f"the GPU's driver answered {text} to {name}{_advice(text)}")
        return values[0] if values else None

    def make_current(self) -> None:
        self._call("cuCtxSetCurrent", self.context)

    def load(self, ptx: bytes, names: list[str]) -> list[Any]:
        """The kernels of these names."""
        self.make_current()
        module = self._call("cuModuleLoadData", ptx + b"\0")
        return [self._call("cuModuleGetFunction", module, name.encode()) for name in names]

    def allocate(self, nbytes: int) -> int:
        self.make_current()
        return int(self._call("cuMemAlloc", nbytes))

    def free(self, address: int) -> None:
        self.make_current()
        self._call("cuMemFree", address)

    def upload(self, array: Array, address: int) -> None:
        if array.nbytes:
            self._call("cuMemcpyHtoD", address, _address(array), array.nbytes)

    def download(self, address: int, array: Array) -> None:
        """Fill `array` from device memory, after all launches before this."""
        if array.nbytes:
            self._call("cuMemcpyDtoH", _address(array), address, array.nbytes)

    def clear(self, address: int, nbytes: int, stream: int) -> None:
        self._call("cuMemsetD8Async", address, 0, nbytes, stream)

    def launch(self, function: Any, blocks: int, threads: int, parameters: Any, stream: int) -> None:
        self._call("cuLaunchKernel", function, blocks, 1, 1, threads, 1, 1, 0, stream,
                   ctypes.addressof(parameters), 0)

    def timed(self, call: Call, repeats: int = 1) -> float:
        """Seconds of one launch of `call`, by the GPU's own clock."""
        self.make_current()
        start, end = (self._call("cuEventCreate", 0) for _ in range(2))
        self._call("cuEventRecord", start, 0)
        for _ in range(repeats):
            call.launch()
        self._call("cuEventRecord", end, 0)
        self._call("cuEventSynchronize", end)
        elapsed_ms = float(self._call("cuEventElapsedTime", start, end))
        for event in (start, end):
            self._call("cuEventDestroy", event)
        return elapsed_ms / 1e3 / repeats


def bindings() -> Any:
    """cuda-python's driver module."""
    try:
        from cuda.bindings import driver
    except ImportError:
        raise DeviceError(
            "running on a GPU needs the package cuda-python, which is not installed; install scancc[cuda]"
        ) from None
    return driver


def _require_capability(artifact: Artifact, gpu: Device) -> None:
    wanted, has = (int(re.sub(r"\D", "", name) or 0) for name in (artifact.cpu, gpu.target))
    exact = artifact.cpu.endswith("a")  # such PTX runs on this capability alone
    if wanted > has or (exact and wanted != has):
        raise DeviceError(f"{artifact.name!r} is compiled for {artifact.cpu}, and {gpu.name} is {gpu.target}; "
                          f"compile it for {gpu.target}")


def _advice(error: str) -> str:
    if "OUT_OF_MEMORY" in error:
        return "; pass smaller arrays, or release what other kernels and programs hold"
    if "UNSUPPORTED_PTX_VERSION" in error:
        return "; the driver is older than the PTX: update it, or compile for an older GPU such as sm_75"
    return ""


def _address(array: Array) -> int:
    return int(array.__array_interface__["data"][0])
