"""A GPU for tests without one: the driver's functions, with kernels compiled for the CPU.

`scancc.runtime.cuda` runs unchanged on it: the host's part of an artefact, launch records, parameters,
copies, status. Kernels are the same LLVM IR as for PTX, run thread by thread, the last one first if one likes:
what then has other numbers rests on an order of threads, which a GPU does not keep. Addresses in "device memory"
are no addresses of this process, so that whoever mixes them up ends in an error and not in right numbers.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np

from scancc import stages
from scancc.artifact import Artifact
from scancc.codegen import cpu
from scancc.codegen.target import host, parse
from scancc.frontend.program.arguments import bind
from scancc.frontend.program.program import make_program
from scancc.runtime import cuda, elf
from scancc.runtime.device import Device

SHIFT = 1 << 62  # from an address of this process to one on the GPU
_REGISTER = re.compile(r"@llvm\.nvvm\.read\.ptx\.sreg\.(\w+)\.x\b")
_KERNEL = re.compile(r"define ptx_kernel void @(\w+)\((.*?)\) nounwind")
_GRID = """
@sreg.{0} = internal global i32 0
define internal i32 @read.{0}() alwaysinline {{
  %v = load i32, ptr @sreg.{0}
  ret i32 %v
}}"""
_RUN = """
define void @{name}__grid(ptr %p, i32 %blocks, i32 %threads, i1 %backwards) {{
entry:
  store i32 %blocks, ptr @sreg.nctaid
  store i32 %threads, ptr @sreg.ntid
  %lastb = sub i32 %blocks, 1
  %lastt = sub i32 %threads, 1
{loads}
  br label %block
block:
  %b = phi i32 [ 0, %entry ], [ %b1, %next ]
  %bturned = sub i32 %lastb, %b
  %bx = select i1 %backwards, i32 %bturned, i32 %b
  store i32 %bx, ptr @sreg.ctaid
  br label %thread
thread:
  %t = phi i32 [ 0, %block ], [ %t1, %thread ]
  %tturned = sub i32 %lastt, %t
  %tx = select i1 %backwards, i32 %tturned, i32 %t
  store i32 %tx, ptr @sreg.tid
  call void @{name}({args})
  %t1 = add i32 %t, 1
  %tmore = icmp ult i32 %t1, %threads
  br i1 %tmore, label %thread, label %next
next:
  %b1 = add i32 %b, 1
  %bmore = icmp ult i32 %b1, %blocks
  br i1 %bmore, label %block, label %done
done:
  ret void
}}"""


def cpu_text(kernels: str) -> str:
    """The kernels' LLVM IR for a CPU, with a function `NAME__grid` that runs all threads of a grid, the first or
    the last one first."""
    runs = [_run_text(name, params) for name, params in _KERNEL.findall(kernels)]
    lines = [line for line in kernels.splitlines() if not line.startswith("declare i32 @llvm.nvvm.")]
    text = _REGISTER.sub(lambda m: f"@read.{m[1]}", "\n".join(lines)).replace("define ptx_kernel", "define internal")
    registers = [_GRID.format(name) for name in ("tid", "ctaid", "ntid", "nctaid")]
    return "\n".join([text, *registers, *runs])


def _run_text(name: str, params: str) -> str:
    loads, args = [], []
    for number, param in enumerate(filter(None, params.split(", "))):
        kind = param.split(" ")[0]
        loads += [f"  %s{number} = getelementptr ptr, ptr %p, i64 {number}",
                  f"  %q{number} = load ptr, ptr %s{number}",
                  f"  %x{number} = load {kind}, ptr %q{number}"]
        operand = f"%x{number}"
        if kind == "ptr":
            loads.append(f"  %y{number} = getelementptr i8, ptr %x{number}, i64 {-SHIFT}")
            operand = f"%y{number}"
        args.append(f"{kind} {operand}")
    return _RUN.format(name=name, loads="\n".join(loads), args=", ".join(args))


class Driver:
    """Stands in for `cuda.bindings.driver`. `launches`: kernel, blocks and threads of each launch.

    `backwards`: kernels launched from then on run the last thread of a grid first.
    """

    def __init__(self) -> None:
        self.backwards = False
        self.texts: dict[bytes, str] = {}   # PTX -> LLVM IR of the kernels
        self.memory: dict[int, Any] = {}
        self.launches: list[tuple[str, int, int]] = []
        self.libraries: list[elf.Library] = []

    def __getattr__(self, name: str) -> Callable[..., tuple[int, ...]]:
        """Contexts and events: nothing to do."""
        return lambda *args: (0, 0)

    def cuModuleLoadData(self, ptx: bytes) -> tuple[int, Any]:
        library = elf.load(cpu.compile_object(cpu_text(self.texts[ptx]), host()))
        self.libraries.append(library)
        return 0, library

    def cuModuleGetFunction(self, library: Any, name: bytes) -> tuple[int, Any]:
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_bool)
        return 0, (name.decode(), call(library.address(f"{name.decode()}__grid")))

    def cuMemAlloc(self, nbytes: int) -> tuple[int, int]:
        assert nbytes > 0
        array = np.full(nbytes + 256, 0xFF, np.uint8)  # NaN in every float type
        address = -(-array.ctypes.data // 256) * 256
        self.memory[address] = array
        return 0, address + SHIFT

    def cuMemFree(self, address: int) -> tuple[int]:
        del self.memory[address - SHIFT]
        return (0,)

    def cuMemcpyHtoD(self, to: int, source: int, nbytes: int) -> tuple[int]:
        ctypes.memmove(to - SHIFT, source, nbytes)
        return (0,)

    def cuMemcpyDtoH(self, to: int, source: int, nbytes: int) -> tuple[int]:
        ctypes.memmove(to, source - SHIFT, nbytes)
        return (0,)

    def cuMemsetD8Async(self, to: int, byte: int, nbytes: int, stream: int) -> tuple[int]:
        ctypes.memset(to - SHIFT, byte, nbytes)
        return (0,)

    def cuEventElapsedTime(self, start: int, end: int) -> tuple[int, float]:
        return 0, 1.0

    def cuLaunchKernel(self, function: Any, *args: Any) -> tuple[int]:
        name, call = function
        blocks, threads, parameters = args[0], args[3], args[8]
        self.launches.append((name, blocks, threads))
        call(parameters, blocks, threads, self.backwards)
        return (0,)


@contextmanager
def emulated(sm: str = "sm_90") -> Iterator[Driver]:
    """This machine has one GPU within the block."""
    driver = Driver()
    gpu = Device(0, "an emulated GPU", sm, 1 << 30)
    cuda.Gpu.at.cache_clear()
    with mock.patch.object(cuda, "bindings", lambda: driver), mock.patch.object(cuda, "require_gpu", lambda i: gpu):
        yield driver
    cuda.Gpu.at.cache_clear()


def compiled(inputs: Any, outputs: Any, updates: Any = None, sm: str = "sm_90") -> stages.Compiled:
    """A program compiled for a GPU."""
    program = make_program(inputs, outputs, updates, None, False, "ignore", None, True, None)
    return stages.compile_program(program, parse(sm))


def load(driver: Driver, program: stages.Compiled) -> cuda.Kernel:
    """The program on the emulated GPU, by way of its artefact's bytes."""
    artifact = Artifact.from_bytes(program.artifact().to_bytes())
    driver.texts[artifact.code + b"\0"] = program.llvm_text
    return cuda.Kernel(artifact)


def function(driver: Driver) -> Callable[..., Callable[..., Any]]:
    """As `sc.function`, on the emulated GPU."""
    def make(inputs: Any, outputs: Any, updates: Any = None, *,
             on_unused_input: str | None = None) -> Callable[..., Any]:
        program = make_program(inputs, outputs, updates, None, False, on_unused_input, None, True, None)
        kernel = load(driver, stages.compile_program(program, parse("sm_90")))
        n_outputs = len(program.outputs)

        def call(*args: Any) -> Any:
            values = bind(program.inputs, args, {}, None)
            results = kernel(*values, *(s.get_value() for s in program.shared))
            for (shared, _), value in zip(program.updates, results[n_outputs:], strict=True):
                shared.set_value(value)
            return program.layout.arrange(results[:n_outputs])
        return call
    return make
