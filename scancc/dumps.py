"""A program as text at a stage: the graph, IR for people or for tools, at the end or after each pass, and code."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from scancc import pipeline, stages
from scancc.codegen import cpu
from scancc.codegen import target as targets
from scancc.ir.core import Op
from scancc.ir.printer import print_op
from scancc.ir.reading.changes import changes
from scancc.ir.reading.margin import with_margin
from scancc.ir.reading.names import Names
from scancc.ir.reading.printer import read

if TYPE_CHECKING:
    from scancc.codegen.target import Target
    from scancc.frontend.program.program import Program

STAGES = ("graph", "scan", "loop", "llvm", "asm")
IR_STAGES = ("scan", "loop")
FORMS = ("reading", "generic")


@dataclass(frozen=True)
class View:
    """How IR is shown: in the form for people or the generic one that tools read.

    `query`: with the functions that compute sizes. `full`: all of the IR after each pass, not what changed.
    """

    form: str = "reading"
    locations: bool = False
    query: bool = False
    full: bool = False
    names: Names = field(default_factory=Names)  # kept from one text to the next

    def lines(self, module: Op) -> list[str]:
        if self.form == "generic":
            return print_op(module, self.locations).splitlines()
        lines = read(module, self.names, self.query)
        return with_margin(lines) if self.locations else [line.text for line in lines]

    def text(self, module: Op) -> str:
        return "".join(f"{line}\n" for line in self.lines(module))


class PassDump:
    """An `on_pass` that writes what each pass did, or with `only_changed` each that changed something."""

    def __init__(self, stream: TextIO, view: View, before: Op, only_changed: bool = False) -> None:
        self.stream, self.view, self.only_changed = stream, view, only_changed
        self.lines = view.lines(before)

    def __call__(self, done: pipeline.PassRun, module: Op) -> None:
        before, self.lines = self.lines, self.view.lines(module)
        if not done.changed and self.only_changed:
            return
        news = self._news(before) if done.changed else []
        state = "" if news else " (no change to what is read)" if done.changed else " (no change)"
        self._write(f"after {done.step}{state}", news)

    def start(self) -> None:
        """Write the module before any pass."""
        self._write("as lowered", self.lines)

    def _news(self, before: list[str]) -> list[str]:
        whole = self.view.full or self.view.form == "generic"
        return self.lines if whole else changes(before, self.lines)

    def _write(self, title: str, lines: list[str]) -> None:
        self.stream.write("".join(f"{line}\n" for line in (f"// ---- {title} ----", *lines, "")))


def dump(program: Program, stage: str, after_each_pass: bool = False, only_changed: bool = False,
         target: Target | str | None = None, view: View | None = None) -> str:
    """See `Function.dump`."""
    view = view or View()
    _check(stage, after_each_pass or only_changed, view)
    if stage == "graph":
        from scancc.frontend.program.printing import debugprint
        return str(debugprint(list(program.results), file="str"))
    target = targets.target_of(target)
    if stage in IR_STAGES:
        return _dump_ir(program, stage, after_each_pass or only_changed, only_changed, target, view)
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
    passes = stages.passes_for(target, leave_out=program.leave_out).split(",")
    if stage == "scan":
        passes = passes[:next(i for i, p in enumerate(passes) if p.startswith("bufferize"))]
    if not each:
        pipeline.run(module, passes)
        planned = stage == "loop" and view.form == "reading" and not view.locations
        return view.text(module) + (f"\n// {stages.memory_of(program, module).line()}\n" if planned else "")
    stream = io.StringIO()
    on_pass = PassDump(stream, view, module, only_changed)
    on_pass.start()
    pipeline.run(module, passes, on_pass=on_pass)
    return stream.getvalue()
