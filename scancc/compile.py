"""From a program to something callable: trace, lower, passes, LLVM, artefact, call.

`function` is the public door; `compile_program` is the same road without Python's calling comfort, for
ahead-of-time use.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from scancc import pipeline
from scancc.artifact import Artifact, Check, DeviceCode, Param
from scancc.config import config
from scancc.frontend.arguments import bind
from scancc.frontend.program import Evaluation, Program, make_program
from scancc.ir.core import Op, clone_op
from scancc.ir.ops import CHECKS, has_trait
from scancc.ir.printer import print_op
from scancc.ir.types import IntAttr, i64
from scancc.modes import Mode, mode_named

if TYPE_CHECKING:
    from scancc.codegen.nvptx import GpuText
    from scancc.codegen.target import Target
    from scancc.ir.remarks import Remark


# ---- the road, stage by stage ----


def lower(program: Program) -> Op:
    """The scan IR of a program, before any pass: inputs, then shared variables; outputs, then updates."""
    from scancc.frontend.lowering import lower_program

    inputs = [*(i.variable for i in program.inputs), *program.shared]
    return lower_program(symbol_of(program), inputs, program.results)


def symbol_of(program: Program) -> str:
    """The program's name as a C identifier."""
    name = re.sub(r"\W", "_", program.name or "function")
    return name if not name[0].isdigit() else f"f_{name}"


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

    @property
    def remarks(self) -> list[Remark]:
        return self.report.remarks

    def artifact(self) -> Artifact:
        """Object code, from the disk cache where it is there."""
        from scancc.codegen import cpu

        code, device = _code(self)
        return Artifact(
            name=self.name, target=self.target.kind, triple=self.target.triple, cpu=self.target.cpu,
            features=self.target.features, code=code,
            run_symbol=f"{self.name}__run", query_symbol=f"{self.name}__query", inputs=self.inputs,
            outputs=self.outputs, checks=self.checks, versions=cpu.versions(), device=device)


def compile_program(program: Program, target: Target | None = None, export: bool = False) -> Compiled:
    """Lower a program, run the passes of `target` (default: this machine) and print LLVM IR.

    `export`: for callers who own the outputs, which an error must leave untouched.
    """
    from scancc.codegen import llvm
    from scancc.codegen import target as targets

    target = target or targets.host()
    module = lower(program)
    report = pipeline.run(module, passes_for(target, export), verify=config.verify)
    checks = number_checks(module)
    gpu = _gpu_text(module) if target.kind == "ptx" else None
    text = gpu.kernels if gpu is not None else llvm.emit_module(module, fma=target.has_fma)
    inputs, outputs = signature(program)
    dims = tuple(tuple(f"{p.name}_n{axis}" for axis in range(p.rank)) for p in inputs)
    return Compiled(symbol_of(program), module, text, inputs, outputs, checks, target, report, dims, gpu)


def passes_for(target: Target, export: bool = False) -> str:
    """The pipeline of a target, as text."""
    names = [*pipeline.GPU_SCAN, *pipeline.GPU_LOOP] if target.kind == "ptx" else (
        [*pipeline.CPU_SCAN, *pipeline.CPU_LOOP])
    if not (target.has_fma and config.contract):
        names = [n for n in names if n not in ("latency", "contract")]
    if export and target.kind == "cpu":
        names = [f"{n}{{stage-outputs=true}}" if n == "bufferize" else n for n in names]
    return ",".join(n if n != "vectorize" else f"vectorize{{bits={8 * target.vector_bytes}}}" for n in names)


def number_checks(module: Op) -> tuple[Check, ...]:
    """Give each distinct check of a module its status code, from 1; the table of them."""
    table: dict[tuple[str, str], Check] = {}
    for op in module.walk():
        if op.name == "scan.check" and has_trait(op, CHECKS):
            key = (op.attrs["error"], op.attrs["message"])
            check = table.setdefault(key, Check(len(table) + 1, *key))
            op.attrs["code"] = IntAttr(check.code, i64)
    return tuple(table.values())


def signature(program: Program) -> tuple[tuple[Param, ...], tuple[Param, ...]]:
    """Names, dtypes and shapes of what native code takes and gives."""
    taken: set[str] = set()
    inputs = [*(i.variable for i in program.inputs), *program.shared]
    single = len(program.results) == 1
    return (tuple(_param(v, f"in{n}", taken) for n, v in enumerate(inputs)),
            tuple(_param(v, "result" if single else f"result{n}", taken) for n, v in enumerate(program.results)))


def _param(variable: Any, default: str, taken: set[str]) -> Param:
    name = re.sub(r"\W", "_", variable.name or default)
    while not name or name[0].isdigit() or name in taken:
        name = f"{name or default}_"
    taken.add(name)
    return Param(name, variable.dtype, variable.type.shape)


def _gpu_text(module: Op) -> GpuText:
    from scancc.codegen import nvptx
    from scancc.codegen import target as targets

    return nvptx.emit_module(module, targets.host().has_fma)


def _code(compiled: Compiled) -> tuple[bytes, DeviceCode | None]:
    """An object; for a GPU, PTX and the host's part of it."""
    if compiled.gpu is None:
        return _object_code(compiled.llvm_text, compiled.target), None
    from scancc.codegen import nvptx
    from scancc.codegen import target as targets

    text = nvptx.ptx(compiled.llvm_text, compiled.target)
    return text.encode(), compiled.gpu.device_code(_object_code(compiled.gpu.host, targets.host()))


def _object_code(text: str, target: Target) -> bytes:
    from scancc.codegen import cpu
    from scancc.runtime import cache

    parts = (text, target.triple, target.cpu, target.features, cpu.versions())
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    code = cache.load(key)
    if code is None:
        code = cpu.compile_object(text, target)
        cache.store(key, code)
    return code


# ---- the callable ----


class Function:
    """A compiled function: call it with arrays, lists or numbers, by position or keyword.

    Outputs are new arrays. Shared variables that it updates change after a call that succeeded.
    """

    def __init__(self, program: Program, mode: Mode) -> None:
        self.program = program
        self.name = program.name
        self.mode = mode
        self._n_outputs = len(program.outputs)
        self._plain = not program.shared and not program.updates and program.layout.kind in ("one", "list")
        if mode.reference:
            self._evaluation = Evaluation(program)
            self._plain = False
        else:
            self._call = self._native()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._plain and not kwargs:
            result = self._call(*args)
            if result is not NotImplemented:
                return result
        if self.mode.reference:
            return self._evaluation(*args, **kwargs)
        return self._general(args, kwargs)

    def _general(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Any arguments, shared variables and updates."""
        program = self.program
        values = bind(program.inputs, args, kwargs, self.name)
        held = [v.get_value(borrow=True) for v in program.shared]
        arrays = [_plain(v) for v in (*values, *held)]
        results = self._call(*arrays)
        if results is NotImplemented:
            results = self._kernel(*arrays)
            results = results[0] if self._plain and program.layout.kind == "one" else results
        if self._plain:
            return results
        for (shared, _), value in zip(program.updates, results[self._n_outputs:], strict=True):
            shared.set_value(value, borrow=True)
        return program.layout.arrange(results[:self._n_outputs])

    def _native(self) -> Any:
        from scancc.codegen import cpu
        from scancc.runtime import fastcall
        from scancc.runtime.cpu import Kernel

        compiled = self.compiled
        self._kernel = Kernel(compiled.artifact())
        if not fastcall.is_ready():
            target = compiled.target
            fastcall.build(lambda text: cpu.compile_object(text, target, 0),
                           f"{target.triple} {target.cpu} {target.features} {cpu.versions()}")
        return fastcall.bind(self._kernel, self._plain and self.program.layout.kind == "one")

    @cached_property
    def compiled(self) -> Compiled:
        """IR, LLVM IR and signature for this machine."""
        return compile_program(self.program)

    def export_form(self, target: Target | None = None) -> Compiled:
        """As `compiled`, for a caller in C, and for any target."""
        return compile_program(self.program, target, export=True)

    @property
    def remarks(self) -> list[Remark]:
        """What the passes did, or did not do and why."""
        return self.compiled.remarks

    def dump(self, stage: str = "scan", after_each_pass: bool = False, only_changed: bool = False,
             target: Target | None = None, locations: bool = False) -> str:
        """The program as text at a stage: 'graph', 'scan', 'loop', 'llvm' or 'asm'.

        `after_each_pass` adds the IR after every pass up to the stage; with `only_changed`, after those
        that changed something.
        """
        return dump(self.program, stage, after_each_pass, only_changed, target, locations)

    def copy(self, share_memory: bool = False, swap: Mapping[Any, Any] | None = None,
             delete_updates: bool = False, name: str | None = None) -> Function:
        """The same program with shared variables exchanged, or without its updates."""
        program = self.program
        outputs: Any = list(program.outputs)
        if program.layout.kind == "one":
            outputs = outputs[0]
        elif program.layout.kind == "dict":
            outputs = dict(zip(program.layout.keys, outputs, strict=True))
        swap = dict(swap or {})
        updates = {} if delete_updates else {swap.get(s, s): v for s, v in program.updates}
        return function(list(program.inputs), outputs, updates=updates, givens=swap, mode=self.mode,
                        no_default_updates=True, name=name or self.name, on_unused_input="ignore")

    def in_mode(self, mode: Any) -> Function:
        """The same program, with the same shared variables, run in another mode."""
        return Function(self.program, mode_named(mode))

    def __repr__(self) -> str:
        names = ", ".join(i.keyword or "?" for i in self.program.inputs)
        return f"<scancc function {self.name or ''}({names})>"


def _plain(value: np.ndarray) -> np.ndarray:
    """Row-major and aligned, as native code reads it."""
    return np.require(value, requirements=("C", "A"))


def function(
    inputs: Any, outputs: Any = None, mode: Any = None, updates: Any = None, givens: Any = None,
    no_default_updates: Any = False, accept_inplace: bool = False, name: str | None = None,
    rebuild_strict: bool = True, allow_input_downcast: bool | None = None, profile: Any = None,
    on_unused_input: str | None = None, trust_input: bool = False,
) -> Function:
    """Compile a program of symbolic variables into a callable.

    inputs: list of variables or `In`; outputs: one variable, a list, a dict by name, or nothing.
    updates: dict or pairs, shared variable to new value, applied after each call. givens: variables to
    replace by others. mode: 'native' (default) or 'reference', the NumPy interpreter.
    Raises UnusedInputError, MissingInputError, TypeError or ValueError where the program is wrong.
    """
    program = make_program(inputs, outputs, updates, givens, no_default_updates, on_unused_input,
                           allow_input_downcast, rebuild_strict, name)
    return Function(program, mode_named(mode))


# ---- dumps ----


def dump(program: Program, stage: str, after_each_pass: bool = False, only_changed: bool = False,
         target: Target | None = None, locations: bool = False) -> str:
    """See `Function.dump`."""
    from scancc.codegen import cpu
    from scancc.codegen import target as targets

    if stage not in ("graph", "scan", "loop", "llvm", "asm"):
        raise ValueError(f"there is no stage '{stage}'; the stages are graph, scan, loop, llvm, asm")
    if stage == "graph":
        from scancc.frontend.printing import debugprint
        return str(debugprint(list(program.results), file="str"))
    target = target or targets.host()
    if stage in ("scan", "loop"):
        return _dump_ir(program, stage, after_each_pass, only_changed, target, locations)
    text = compile_program(program, target).llvm_text
    return text if stage == "llvm" else cpu.assembly(text, target)


def _dump_ir(program: Program, stage: str, each: bool, only_changed: bool, target: Target,
             locations: bool) -> str:
    module = lower(program)
    passes = passes_for(target).split(",")
    if stage == "scan":
        passes = passes[:next(i for i, p in enumerate(passes) if p.startswith("bufferize"))]
    stream = io.StringIO()
    if each:
        stream.write(f"// ---- as lowered ----\n{print_op(clone_op(module, {}), locations)}\n")
        pipeline.run(module, passes, on_pass=pipeline.dump_to(stream, only_changed, locations))
        return stream.getvalue()
    pipeline.run(module, passes)
    return print_op(module, locations)
