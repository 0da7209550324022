"""A program as text at a stage: the graph, IR for people or for tools, at the end or after each pass, and code."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from scancc import pipeline, stages
from scancc.codegen import cpu
from scancc.codegen import target as targets
from scancc.insight.cost import Cost, cost_of
from scancc.memory import MemoryPlan
from scancc.signature import symbol_of
from scancc.views import History, PassDump, Recorder, View

if TYPE_CHECKING:
    from scancc.codegen.target import Target
    from scancc.frontend.program.program import Program

STAGES = ("graph", "scan", "loop", "mlir-upstream", "llvm", "asm")
IR_STAGES = ("scan", "loop")
FORMS = ("reading", "generic")


def dump(program: Program, stage: str, after_each_pass: bool = False, only_changed: bool = False,
         target: Target | str | None = None, view: View | None = None) -> str:
    """See `Function.dump`."""
    view = view or View()
    _check(stage, after_each_pass or only_changed, view)
    if stage == "graph":
        from scancc.frontend.program.printing import debugprint
        return str(debugprint(program.settled().results, file="str"))
    target = targets.target_of(target)
    if stage in IR_STAGES:
        return _dump_ir(program, stage, after_each_pass or only_changed, only_changed, target, view)
    if stage == "mlir-upstream":
        from scancc.codegen.upstream import module_text  # rarely needed
        compiled = stages.compile_program(program, target, export=True)
        return module_text(compiled.module, compiled.checks)
    text = stages.compile_program(program, target).llvm_text
    return text if stage == "llvm" else cpu.assembly(text, target)


def _check(stage: str, each: bool, view: View) -> None:
    """An error where a stage or a form is unknown, or is asked for what it has not."""
    if stage not in STAGES:
        raise ValueError(f"there is no stage '{stage}'; the stages are {', '.join(STAGES)}")
    if view.form not in FORMS:
        raise ValueError(f"there is no form '{view.form}'; the forms of IR are {', '.join(FORMS)}")
    asked = {"after_each_pass or only_changed": each, "locations": view.locations, "query": view.query,
             "full": view.full, "form": view.form != "reading"}
    for name, is_asked in asked.items():
        if is_asked and stage not in IR_STAGES:
            raise ValueError(f"the stage '{stage}' has no IR, to which {name} applies; ask for the stage 'scan' or "
                             "'loop'")


def _dump_ir(program: Program, stage: str, each: bool, only_changed: bool, target: Target, view: View) -> str:
    module = stages.lower(program)
    passes = _passes_up_to(stage, program, target)
    if not each:
        pipeline.run(module, passes)
        planned = stage == "loop" and view.form == "reading" and not view.locations
        return view.text(module) + (f"\n// {stages.memory_of(program, module).line()}\n" if planned else "")
    stream = io.StringIO()
    on_pass = PassDump(stream, view, module, only_changed)
    on_pass.start()
    pipeline.run(module, passes, on_pass=on_pass)
    return stream.getvalue()


def _passes_up_to(stage: str, program: Program, target: Target) -> list[str]:
    passes = stages.passes_of(program, target).split(",")
    if stage == "scan":
        passes = passes[:next(i for i, p in enumerate(passes) if p.startswith("bufferize"))]
    return passes


def cost(program: Program, plan: MemoryPlan) -> Cost:
    """What a call computes and moves, counted where loops are joined and no schedule is chosen."""
    module = stages.lower(program)
    passes = _passes_up_to("scan", program, targets.local())
    pipeline.run(module, passes[:passes.index("slice")])
    return cost_of(module, symbol_of(program), plan)


def history(program: Program, target: Target | str | None = None, view: View | None = None) -> History:
    """What each pass does to a program; the passes run again, for this alone."""
    found = targets.target_of(target)
    module = stages.lower(program)
    recorder = Recorder(view or View(), module)
    pipeline.run(module, _passes_up_to("loop", program, found), on_pass=recorder)
    return recorder.history
