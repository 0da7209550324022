"""Functions of IR text, from any stage, to export: names and sizes are those of their arguments."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from scancc import pipeline, stages
from scancc.artifact import Check, Param
from scancc.calling import Calling
from scancc.codegen.target import target_of
from scancc.errors import UnsupportedError
from scancc.ir import types as t
from scancc.ir.core import Op, Value, clone_op, functions
from scancc.ir.core import module as module_of
from scancc.ir.needs import BUFFERS, PLANNED, require
from scancc.ir.ops import CHECKS, has_trait, lookup, memory_of, operand
from scancc.ir.parts import PlannedFunc
from scancc.late_dataclasses import dataclass
from scancc.signature import unique_name

if TYPE_CHECKING:
    from scancc.codegen.target import Target
    from scancc.stages import Compiled


def ir_functions(module: Op, passes: str = "") -> list[IrFunction]:
    """The functions of a module but for queries, each to be exported. `passes`: those that take it to loop IR with a
    plan of its memory, by default the target's that it has not been through."""
    return [IrFunction(func, passes) for func in functions(module) if not _is_query(func)]


def broken_rules(module: Op) -> Iterator[tuple[Op, str]]:
    """What keeps functions from being exported, beside what the verifier asks."""
    names = {f.attrs["sym_name"] for f in functions(module)}
    if not names:
        yield module, "has no function"
    for func in functions(module):
        name = func.attrs["sym_name"]
        if "planned" in func.attrs:
            if f"{name}__query" not in names:
                yield func, f"has no query @{name}__query, which `plan-memory` makes"
            if not PlannedFunc(func).fits:
                yield func, "has fewer arguments than n_inputs inputs, n_bounds bounds among them, and a workspace"


@dataclass(frozen=True)
class IrFunction:
    """A function of IR text, as `sc.export` takes it."""

    func: Op
    passes: str = ""

    @property
    def name(self) -> str:
        return str(self.func.attrs["sym_name"])

    @property
    def gives_one(self) -> bool:
        """Whether a call from Python gives one array instead of a list: where there is one result."""
        return len(self.output_names) == 1

    @property
    def output_names(self) -> list[str]:
        outputs = PlannedFunc(self.func).outputs if self._planned else self.func.body.terminator.operands
        return [(self._planned and value.name) or f"result{n}" for n, value in enumerate(outputs)]

    def export_form(self, target: Target | str | None = None, freeze: bool = False, threads: bool = False,
                    checks: Sequence[Check] = (), left_out: Collection[int] = ()) -> Compiled:
        """As `Function.export_form`; IR has no shared variables, so that none are frozen."""
        if left_out:
            raise self._refused("code without some outputs")
        where = target_of(target)
        passes = stages.named_for(self.passes, where) if self.passes else remaining_passes(self.func, where, threads)
        return _compiled(self.func, where, passes, checks)

    @property
    def _planned(self) -> bool:
        return "planned" in self.func.attrs

    def derivative(self, kind: str, wrt: object = None) -> NoReturn:
        raise self._refused(f"a derivative ({kind})")

    def streamed(self) -> NoReturn:
        raise self._refused("streaming")

    def _refused(self, what: str) -> UnsupportedError:
        return UnsupportedError(f"@{self.name} is IR, and {what} is made from the graph, which it no longer has; "
                                "build FILE.py:NAME, or dump the IR of what you want to build")


def remaining_passes(func: Op, target: Target, threads: bool = False) -> str:
    """What a target runs on a function of IR: on tensors all, on buffers without a plan what comes after `bufferize`,
    on what has a plan nothing."""
    if "planned" in func.attrs:
        return ""
    every = stages.passes_for(target, export=True, threads=threads)
    if not all(isinstance(arg.type, t.MemRefType) for arg in func.body.args) or func.body.terminator.operands:
        return every
    return every.partition("bufferize")[2].partition(",")[2]


def _compiled(func: Op, target: Target, passes: str, known: Sequence[Check]) -> Compiled:
    """What `passes` and the printer make of a function, and of its query where it has one, for a caller in C."""
    home, name = func.parent_op(), func.attrs["sym_name"]
    assert home is not None, "a function stands in a module"
    if target.kind == "ptx" and "planned" in func.attrs:
        raise UnsupportedError(f"@{name} is loop IR for a CPU; build {target.sm} from scan IR (dump --stage scan)")
    module = module_of([clone_op(f, {}) for f in functions(home) if f.attrs["sym_name"] in (name, f"{name}__query")])
    report = pipeline.run(module, passes)
    require(module, f"the export of @{name}", (BUFFERS, PLANNED))
    checks = stages.number_checks(module, known)
    text, parts, gpu = stages.printed(module, target, export=True)
    made = next(f for f in functions(module) if f.attrs["sym_name"] == name)
    if _fails_late(made):
        warnings.warn(f"@{name} writes outputs before its last check: where that fails, they are not as they were. "
                      "`bufferize{stage-outputs=true}`, as for scan IR, writes them at the end", stacklevel=2)
    inputs, outputs = _signature(made)
    given = [p.name for p in inputs if not p.is_bound]
    calling = Calling("one" if len(outputs) == 1 else "list", (), tuple(given), (None,) * len(given))
    dims = tuple(tuple(f"{p.name}_n{axis}" for axis in range(p.rank)) for p in inputs)
    return stages.Compiled(name, module, text, inputs, outputs, checks, target, report, dims, gpu,
                           made.attrs.get("fast_math", "default"), parts, calling, threads="worksharing" in passes)


def _signature(func: Op) -> tuple[tuple[Param, ...], tuple[Param, ...]]:
    """Inputs, the last of which may be bounds, and outputs of a planned function."""
    taken: set[str] = set()
    parts = PlannedFunc(func)
    params = {arg: _param(arg, taken) for arg in (*parts.inputs, *parts.outputs)}
    for bound in parts.bounds:
        params[bound] = replace(params[bound], is_bound=True)
    return tuple(params[arg] for arg in parts.inputs), tuple(params[arg] for arg in parts.outputs)


def _fails_late(func: Op) -> bool:
    """Whether a check can fail after an output was written: what `stage-outputs` prevents."""
    begun = False
    for op in func.body.ops:
        begun = begun or any(_writes_output(inner, func) for inner in op.walk())
        if begun and any(has_trait(inner, CHECKS) for inner in op.walk()):
            return True
    return False


def _writes_output(op: Op, func: Op) -> bool:
    written = lookup(op).written
    if not written or op.name == "scan.output_dims":
        return False
    return memory_of(operand(op, written)) in PlannedFunc(func).outputs


def _param(arg: Value, taken: set[str]) -> Param:
    assert isinstance(arg.type, t.MemRefType), "functions of loop IR take buffers only"
    name = unique_name(arg.name or f"arg{arg.index}", taken)
    return Param(name, t.numpy_dtype(arg.type.element).name, arg.type.shape)


def _is_query(func: Op) -> bool:
    return "return_slots" in func.attrs
