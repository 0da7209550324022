"""Loop IR after `map-to-gpu` as code for an NVIDIA GPU: LLVM IR of the kernels, PTX, and the host's part.

The host's part is compiled for the CPU that launches. `NAME__query` is the query of the packed ABI;
`NAME__run` makes the checks that need no kernel and, in place of launching, writes one record for each
launch behind the info slots: the number of blocks, then the kernel's parameters, 8 bytes each. Pointers
to arrays are the GPU's; only inputs of rank 0 are read. `runtime/cuda.py` then launches.

A kernel's parameters are, for each argument: a buffer's pointer and its run-time sizes; a scalar, of a
complex number both parts.
"""

from __future__ import annotations

from scancc.late_dataclasses import dataclass

from ..artifact import N_INFO_SLOTS, DeviceCode, Launch
from ..errors import UnsupportedError
from ..ir import types as t
from ..ir.builder import constant_of
from ..ir.core import Op, Value, functions
from ..ir.ops import VIEW, group, has_trait, int_attr, operand
from . import cpu
from .llvm.emitter import FunctionEmitter, Mem, ModuleText, Pair, emits, llvm_type
from .target import Target

_STATUS = "monotonic monotonic"  # kernels of one call run one after the other: no order is needed inside


@dataclass(frozen=True)
class GpuText:
    """A program for a GPU as text: LLVM IR for the device and for the host, and the launches between."""

    kernels: str
    host: str
    launches: tuple[Launch, ...]
    reports: tuple[tuple[int, int], ...]
    control_nbytes: int

    def device_code(self, host_object: bytes) -> DeviceCode:
        return DeviceCode(host_object, self.launches, self.reports, self.control_nbytes)


def emit_module(module: Op, host_fma: bool = True) -> GpuText:
    """LLVM IR of a mapped module. `host_fma`: the host's processor has a fused multiply-add."""
    kernels, host = ModuleText(fma=True), ModuleText(host_fma)
    launches: tuple[Launch, ...] = ()
    reports: tuple[tuple[int, int], ...] = ()
    control_nbytes = 0
    for func in functions(module):
        if "gpu.kernel" in func.attrs:
            kernels.functions.append(KernelEmitter(func, kernels).run())
        elif "return_slots" in func.attrs:
            host.functions.append(FunctionEmitter(func, host).run())
        else:
            emitter = HostEmitter(func, host)
            host.functions.append(emitter.run())
            launches, reports = tuple(emitter.launches), tuple(emitter.reports)
            control_nbytes = int_attr(func, "control_nbytes")
    return GpuText(kernels.text(), host.text(), launches, reports, control_nbytes)


def ptx(llvm_text: str, target: Target) -> str:
    """The PTX of kernels as LLVM IR text."""
    if target.kind != "ptx":
        raise UnsupportedError(f"PTX is for NVIDIA GPUs, and {target} is none; name one such as sm_90")
    return cpu.assembly(llvm_text, target)


# ---- kernels ----


class KernelEmitter(FunctionEmitter):
    """Prints a kernel. A failed check writes the control block, the first that fails, and ends the thread."""

    def __init__(self, func: Op, out: ModuleText) -> None:
        super().__init__(func, out)
        self.name = func.attrs["sym_name"]

    def run(self) -> str:
        params = [p for number, arg in enumerate(self.func.body.args) for p in self._parameter(number, arg)]
        if "status" in self.func.attrs:
            self._leave_if_failed()
        for op in self.func.body.ops:
            self.op(op)
        body = "\n".join([*self.stack, *self.lines])
        return f"define ptx_kernel void @{self.name}({', '.join(params)}) nounwind {{\nentry:\n{body}\n}}"

    def op(self, op: Op) -> None:
        if op.name == "func.return":
            self.line("ret void")
        elif op.name == "scan.check":
            self._check(op)
        else:
            super().op(op)

    def _parameter(self, number: int, arg: Value) -> list[str]:
        """The texts of an argument's parameters, which are bound to it."""
        name, type = f"%a{number}", arg.type
        if isinstance(type, t.MemRefType):
            dims = [f"{name}_d{axis}" if n is None else str(n) for axis, n in enumerate(type.shape)]
            self.env[arg] = Mem(name, tuple(dims), self.contiguous(dims), type.element)
            facts = f"noalias {'readonly ' if _only_read(arg) else ''}align {t.nbytes(type)}"
            return [f"ptr {facts} {name}", *(f"i64 {d}" for d in dims if d[0] == "%")]
        if isinstance(type, t.ComplexType):
            self.env[arg] = Pair(f"{name}_re", f"{name}_im")
            return [f"{llvm_type(type.element)} {name}_{part}" for part in ("re", "im")]
        if type == t.i1:
            self.env[arg] = self.emit(f"trunc i8 {name} to i1")
            return [f"i8 {name}"]
        self.env[arg] = name
        return [f"{llvm_type(type)} {name}"]

    def _status(self) -> str:
        return self.mem(self.func.body.args[int_attr(self.func, "status")]).pointer

    def _leave_if_failed(self) -> None:
        """An earlier kernel may have found what this one relies on to be wrong."""
        status = self.emit(f"load i64, ptr {self._status()}, align 8")
        failed = self.emit(f"icmp ne i64 {status}, 0")
        leave, stay = self.new_label("leave"), self.new_label("stay")
        self.line(f"br i1 {failed}, label %{leave}, label %{stay}")
        self.start(leave)
        self.line("ret void")
        self.start(stay)

    def _check(self, op: Op) -> None:
        passed, failed, first, last = (self.new_label(n) for n in ("pass", "fail", "first", "last"))
        self.line(f"br i1 {self.value(operand(op, 'condition'))}, label %{passed}, label %{failed}")
        self.start(failed)
        pair = self.emit(f"cmpxchg ptr {self._status()}, i64 0, i64 {int_attr(op, 'code')} {_STATUS}")
        won = self.emit(f"extractvalue {{ i64, i1 }} {pair}, 1")
        self.line(f"br i1 {won}, label %{first}, label %{last}")
        self.start(first)
        for number, info in enumerate(group(op, "info")[:N_INFO_SLOTS]):
            place = self.emit(f"getelementptr i64, ptr {self._status()}, i64 {1 + number}")
            self.line(f"store i64 {word(self, self.value(info), info.type)}, ptr {place}, align 8")
        self.line(f"br label %{last}")
        self.start(last)
        self.line("ret void")
        self.start(passed)


def _only_read(buffer: Value) -> bool:
    """True if no op of the kernel writes `buffer`; its loads then need not wait for stores to others."""
    for user in buffer.uses:
        if has_trait(user, VIEW):
            if not _only_read(user.result):
                return False
        elif user.name not in ("memref.load", "memref.dim"):
            return False
    return True


_REGISTERS = {"thread_id": "tid", "block_id": "ctaid", "block_dim": "ntid", "grid_dim": "nctaid"}


@emits(*(f"gpu.{name}" for name in _REGISTERS))
def gpu_index(e: FunctionEmitter, op: Op) -> None:
    axis = str(op.attrs["dimension"])[-2]  # '#gpu<dim x>'
    register = e.out.intrinsic(f"llvm.nvvm.read.ptx.sreg.{_REGISTERS[op.name[4:]]}.{axis}", "i32")
    narrow = e.emit(f"call i32 @{register}()")
    e.env[op.result] = e.emit(f"zext i32 {narrow} to i64")


def word(e: FunctionEmitter, operand: str, type: t.Type) -> str:
    """A scalar in the low bytes of an i64; an integer with its sign."""
    kind = llvm_type(type)
    if kind == "i64":
        return operand
    if isinstance(type, t.FloatType):
        bits = f"i{type.width}"
        operand = e.emit(f"bitcast {kind} {operand} to {bits}")
        return operand if bits == "i64" else e.emit(f"zext {bits} {operand} to i64")
    return e.emit(f"{'zext' if type == t.i1 else 'sext'} {kind} {operand} to i64")


# ---- the host's part ----


class HostEmitter(FunctionEmitter):
    """Prints the function around the kernels, which records launches."""

    outlines = False

    def __init__(self, func: Op, out: ModuleText) -> None:
        super().__init__(func, out)
        self.launches: list[Launch] = []
        self.reports: list[tuple[int, int]] = []  # slot of an output's size, place in the control block
        self.read_back: dict[Value, int] = {}     # scalar that a kernel computes -> its place there
        self.next_slot = -1

    @staticmethod
    def _attrs(param: str) -> str:
        return ""  # pointers are stored in the records

    def op(self, op: Op) -> None:
        if op.name == "scan.launch":
            self._launch(op)
        elif op.name == "scan.output_dims":
            self._output_dims(op)
        elif op.name == "memref.load" and (place := operand(op, "source").op) is not None:
            offset = constant_of(operand(place, "offset"))
            assert isinstance(offset, int), "the host reads the control block only"
            self.read_back[op.result] = offset
        else:
            super().op(op)

    def _launch(self, op: Op) -> None:
        first = self.next_slot if self.launches else self.n_slots + 4
        blocks, args = operand(op, "blocks"), group(op, "args")
        words = [self.value(blocks), *(w for v in args for w in self._words(v))]
        for slot, argument in enumerate(words, first):
            self.store_slot(slot, argument)
        self.next_slot = first + len(words)
        kernel = op.attrs["kernel"].name
        self.launches.append(Launch(kernel, int_attr(op, "threads"), first, len(words) - 1))

    def _words(self, value: Value) -> list[str]:
        """What the record holds for one argument of a kernel."""
        if isinstance(value.type, t.MemRefType):
            mem = self.mem(value)
            pointer = self.emit(f"ptrtoint ptr {mem.pointer} to i64")
            return [pointer, *(d for d, n in zip(mem.dims, value.type.shape, strict=True) if n is None)]
        if isinstance(value.type, t.ComplexType):
            pair, part = self.pair(value), value.type.element
            return [word(self, pair.re, part), word(self, pair.im, part)]
        return [word(self, self.value(value), value.type)]

    def _output_dims(self, op: Op) -> None:
        for axis, value in enumerate(group(op, "dims")):
            slot = self.slots[operand(op, "output")] + 1 + axis
            if value in self.read_back:
                self.reports.append((slot, self.read_back[value]))
            else:
                self.store_slot(slot, self.value(value))
