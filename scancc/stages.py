"""The road of a program, stage by stage: lower, passes, LLVM IR, object code or PTX."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from scancc import cached, pass_lists, pipeline, progress, views
from scancc.artifact import Artifact, Check, DeviceCode, Param
from scancc.calling import Calling, State
from scancc.codegen import cpu, llvm
from scancc.codegen import target as targets
from scancc.codegen.binding import versions
from scancc.config import config
from scancc.frontend.lowering import lower_program
from scancc.frontend.program.arguments import convert
from scancc.frontend.program.program import Program
from scancc.ir.core import Op, functions
from scancc.ir.ops import CHECKS, has_trait
from scancc.ir.printer import print_op
from scancc.ir.rules.matrices import PRODUCT_PARTS
from scancc.ir.types import IntAttr, i64
from scancc.late_dataclasses import dataclass
from scancc.memory import MemoryPlan, memory_plan
from scancc.passes.reductions import LANE_BYTES
from scancc.printed import Prints
from scancc.process import deep_recursion, without_collection
from scancc.runtime import cache
from scancc.runtime.cpu import linked
from scancc.signature import signature, symbol_of

if TYPE_CHECKING:
    from scancc.codegen.nvptx import GpuText
    from scancc.codegen.target import Target
    from scancc.ir.remarks import Remark


pipeline.load((*pass_lists.CPU_SCAN, *pass_lists.CPU_LOOP))  # with the import, not with the first compilation


def lower(program: Program) -> Op:
    """The scan IR of a program, before any pass: inputs, then shared variables; outputs, then updates."""
    inputs = [*(i.variable for i in program.inputs), *program.shared]
    return lower_program(symbol_of(program), inputs, program.settled().results, program.fast_math)


@dataclass
class Compiled:
    """What the compiler made of a program for one target: IR, LLVM IR, and its signature."""

    name: str
    module: Op
    llvm_text: str
    inputs: tuple[Param, ...]
    outputs: tuple[Param, ...]
    checks: tuple[Check, ...]
    target: Target
    report: pipeline.Report
    dims: tuple[tuple[str, ...], ...] = ()  # for each input, a name for each axis
    gpu: GpuText | None = None  # for a GPU: `llvm_text` is the kernels', this has the host's part too
    fast_math: str = "default"  # what was allowed to change a number
    parts: llvm.Parts | None = None  # of `llvm_text`, for a CPU
    calling: Calling = Calling()  # for a caller of an export
    threads: bool = False  # whether they may share its loops
    loops: Callable[[], Op] | None = None  # for an export: makes the loop IR that is printed as C
    printing: Compiled | None = None  # for an export: the code that has what is printed as more outputs
    prints: tuple[Prints, ...] = ()  # which of its outputs these are

    @property
    def remarks(self) -> list[Remark]:
        return self.report.remarks

    @property
    def fast_math_used(self) -> tuple[str, ...]:
        """The parts of fast_math by which a pass did change numbers."""
        return tuple(sorted({r.part for r in self.remarks if r.part and r.done}))

    @property
    def memory(self) -> dict[str, object]:
        """The formulas of its memory, for the manifest."""
        return memory_plan(self.module, self.name, self.inputs, self.outputs).to_json()

    def libraries(self) -> tuple[bytes, ...]:
        """The objects of shared functions that its parts call."""
        return () if self.parts is None else tuple(_library(text, self.target) for text in self.parts.shared)

    def artifact(self) -> Artifact:
        """Object code, from the disk cache where it is there."""
        with progress.phase("object code"):
            code, libraries, device = _code(self)
        return Artifact(
            name=self.name, target=self.target.kind, triple=self.target.triple, cpu=self.target.cpu,
            features=self.target.features, code=code,
            run_symbol=f"{self.name}__run", query_symbol=f"{self.name}__query", inputs=self.inputs,
            outputs=self.outputs, checks=self.checks, versions=versions(), device=device, libraries=libraries,
            query_code=_query_code(self))


@deep_recursion()
@without_collection()
def compile_program(program: Program, target: Target | str | None = None, export: bool = False,
                    checks: Sequence[Check] = ()) -> Compiled:
    """Lower a program, run the passes of `target` (default: this machine) and print LLVM IR.

    `export`: for callers who own the outputs, which an error must leave untouched. `checks`: those of other code of
    the function, which have their numbers here, too.
    """
    compiled = _compiled(program, lower(program), targets.target_of(target), export, checks)
    if not export:
        return compiled
    return replace(compiled, calling=_calling(program, compiled.inputs, compiled.outputs),
                   loops=partial(loops_of, program, compiled.target, compiled.checks))


@deep_recursion()
@without_collection()
def loops_of(program: Program, target: Target, checks: Sequence[Check]) -> Op:
    """The loop IR of a program for a target, as people would write it: without what serves registers and threads."""
    module = lower(program)
    names = passes_for(target, True, program.leave_out, for_people=True)
    pipeline.run(module, names, config.verify, again=partial(lower, program))
    number_checks(module, checks)
    return module


@deep_recursion()
@without_collection()
def artifact_of(program: Program, entry: str | None = None) -> tuple[Artifact, Compiled | None]:
    """What Python calls on this machine, and how it was made. `entry`: of its graph, where nothing was found.

    More programs have the same IR as lowered, by which an entry of the disk cache is found without any pass.
    """
    with progress.phase("lowering"):
        module = lower(program)
    if not config.cache:
        return _made(program, module)
    with progress.phase("cache"):
        key = cached.key(program, print_op(module), signature(program))
        if entry:
            cache.store(entry, key.encode())
        stored = cached.by_key(key)
    if stored is not None:
        return stored, None
    artifact, compiled = _made(program, module)
    artifact = linked(artifact)
    cache.store(key, artifact.to_bytes())
    return artifact, compiled


def _made(program: Program, module: Op) -> tuple[Artifact, Compiled]:
    compiled = _compiled(program, module, targets.local(), export=False)
    return compiled.artifact(), compiled


def _compiled(program: Program, module: Op, target: Target, export: bool,
              known: Sequence[Check] = ()) -> Compiled:
    """What the passes of `target` and the printer make of the IR `module`, which they change."""
    recorder = views.Recorder(views.View(), module) if config.dump else None
    with progress.phase("passes"):
        report = pipeline.run(module, passes_of(program, target, export), config.verify, recorder,
                              again=partial(lower, program))
    checks = number_checks(module, known)
    with progress.phase("LLVM IR"):
        text, parts, gpu = printed(module, target, export)
    if recorder is not None:
        views.Files(config.dump, symbol_of(program)).write(recorder.history, text)
    inputs, outputs = signature(program)
    inputs = _with_bounds(inputs, module)
    dims = tuple(tuple(f"{p.name}_n{axis}" for axis in range(p.rank)) for p in inputs)
    return Compiled(symbol_of(program), module, text, inputs, outputs, checks, target, report, dims, gpu,
                    str(program.fast_math), parts, threads=program.threads)


def printed(module: Op, target: Target, export: bool) -> tuple[str, llvm.Parts | None, GpuText | None]:
    """LLVM IR of a module; its parts where Python calls it, and the host's side where a GPU does the work."""
    if target.kind == "ptx":
        gpu = _gpu_text(module)
        return gpu.kernels, None, gpu
    registers = llvm.Registers.of(target)
    printed = llvm.print_module(module, target.has_fma, not export, registers)
    return printed.text(), printed.parts(), None


def _calling(program: Program, inputs: Sequence[Param], outputs: Sequence[Param]) -> Calling:
    """How the program is called, with the values that its shared variables have now."""
    n_inputs, n_outputs = len(program.inputs), len(program.outputs)
    new_value = {variable: n_outputs + n for n, (variable, _) in enumerate(program.updates)}
    states = [State(inputs[n_inputs + n].name, n_inputs + n, new_value.get(v), v.get_value(), id(v))
              for n, v in enumerate(program.shared)]
    unread = [(variable, n) for variable, n in new_value.items() if variable not in program.shared]
    states += [State(outputs[n].name, None, n, variable.get_value(), id(variable)) for variable, n in unread]
    return Calling(program.layout.kind, program.layout.keys, tuple(i.keyword for i in program.inputs),
                   tuple(None if i.value is None else convert(i.value, i) for i in program.inputs), tuple(states),
                   tuple(i.strict for i in program.inputs), tuple(i.allow_downcast for i in program.inputs))


def memory_of(program: Program, module: Op) -> MemoryPlan:
    """The memory of a program whose module has been through `plan-memory`."""
    inputs, outputs = signature(program)
    return memory_plan(module, symbol_of(program), _with_bounds(inputs, module), outputs)


def passes_of(program: Program, target: Target, export: bool = False) -> str:
    """The pipeline of a program for a target, as text."""
    return passes_for(target, export, program.leave_out, program.threads)


def passes_for(target: Target, export: bool = False, leave_out: str | None = None, threads: bool = False,
               for_people: bool = False) -> str:
    """The pipeline of a target, as text, without what `leave_out` names (None: `config.leave_out`). `threads`: they
    may share loops. `for_people`: without what serves registers."""
    names = [*pass_lists.GPU_SCAN, *pass_lists.GPU_LOOP] if target.kind == "ptx" else (
        [*pass_lists.CPU_SCAN, *pass_lists.CPU_LOOP])
    if target.kind == "cpu":
        options = [*["stage-outputs=true"] * export, *[f"product-parts={PRODUCT_PARTS}"] * threads]
        names = [f"bufferize{{{' '.join(options)}}}" if n == "bufferize" and options else n for n in names]
    if for_people:
        names = [name for name in names if name not in pass_lists.FOR_REGISTERS]
    left_out = config.leave_out if leave_out is None else leave_out
    fitting = _fitting(names, target, threads, 1 if for_people else _rows(target))
    return ",".join(pipeline.without(fitting, left_out))


def _fitting(names: Sequence[str], target: Target, threads: bool, rows: int) -> list[str]:
    """A list of passes with the target's registers; without `contract` where it has no fused multiply-add, without
    `worksharing` where no `threads` share loops."""
    bits = f"bits={8 * target.vector_bytes}"
    registers = f"{bits} registers={target.n_vectors}"
    options = {"vectorize": registers, "row-lanes": registers, "series-lanes": bits, "steps-inside": bits,
               "reductions": f"rows={rows}",
               "parallel-prefix": f"fused={str(target.has_fma).lower()} {bits}"}
    left_out = [*["contract"] * (not target.has_fma), *["worksharing"] * (not threads)]
    return [f"{n}{{{options[n]}}}" if n in options else n for n in names if n not in left_out]


def _rows(target: Target) -> int:
    """How many sums in lanes half of the registers hold, at most four."""
    return min(max(target.n_vectors // 2 * target.vector_bytes // LANE_BYTES, 1), 4)


def named_for(text: str, target: Target) -> str:
    """A pipeline in which the names of pass lists (`cpu`, `cpu-loop`) stand for what `target` gets."""
    parts = re.split(r",(?![^{}]*\})", text)
    return ",".join(step for part in parts for step in (
        _fitting(pass_lists.PIPELINES[part.strip()], target, False, _rows(target))
        if part.strip() in pass_lists.PIPELINES else [part]))


def number_checks(module: Op, known: Sequence[Check] = ()) -> tuple[Check, ...]:
    """Give each distinct check of a module its status code, from 1 and after the `known` ones; the table of them."""
    table: dict[tuple[str, ...], Check] = {(c.error, c.message, c.place, c.step): c for c in known}
    for op in module.walk():
        if has_trait(op, CHECKS):
            place = "" if op.location is None else f"{op.location[0]}:{op.location[1]}"
            key = (op.attrs["error"], op.attrs["message"], place, op.attrs.get("step", ""))
            check = table.setdefault(key, Check(len(table) + 1, *key))
            op.attrs["code"] = IntAttr(check.code, i64)
    return tuple(table.values())


def _with_bounds(inputs: tuple[Param, ...], module: Op) -> tuple[Param, ...]:
    """The program's inputs, and those that plan-memory added: numbers that bound sizes."""
    taken, found = {p.name for p in inputs}, list(inputs)
    n_bounds = [f.attrs["n_bounds"].value for f in functions(module) if "n_bounds" in f.attrs]
    for number in range(sum(n_bounds)):
        name = f"bound_{number}"
        while name in taken:
            name += "_"
        found.append(Param(name, "int64", (), is_bound=True))
    return tuple(found)


def _gpu_text(module: Op) -> GpuText:
    from scancc.codegen import nvptx  # only where a GPU is the target

    return nvptx.emit_module(module, targets.local().has_fma)


def _code(compiled: Compiled) -> tuple[bytes, tuple[bytes, ...], DeviceCode | None]:
    """An object and those that it calls; for a GPU, PTX and the host's part of it."""
    if compiled.gpu is None:
        assert compiled.parts is not None, "there are parts where there is no GPU"
        return _object_code(compiled.parts.main, compiled.target), compiled.libraries(), None
    from scancc.codegen import nvptx  # only where a GPU is the target

    text = nvptx.ptx(compiled.llvm_text, compiled.target)
    return text.encode(), (), compiled.gpu.device_code(_object_code(compiled.gpu.host, targets.local()))


def _query_code(compiled: Compiled) -> bytes:
    """An object of a query that stands apart: it runs straight on, once a call, so that LLVM need not optimise it."""
    text = compiled.parts.queries if compiled.parts is not None else ""
    return _object_code(text, compiled.target, opt_level=0) if text else b""


@lru_cache(maxsize=64)
def _library(text: str, target: Target) -> bytes:
    """An object that many modules call: also without the disk cache, a process compiles it once."""
    return _object_code(text, target)


def _object_code(text: str, target: Target, opt_level: int = 2) -> bytes:
    parts = (text, target.triple, target.cpu, target.features, str(opt_level), versions())
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    code = cache.load(key)
    if code is None:
        code = cpu.compile_object(text, target, opt_level)
        cache.store(key, code)
    return code
