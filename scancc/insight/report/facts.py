"""What a report shows, as data: sources, IR pass by pass, assembly, remarks, memory, scans, time and the roofline."""

from __future__ import annotations

import difflib
import linecache
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scancc.codegen import cpu, llvm
from scancc.codegen import target as targets
from scancc.codegen.llvm.line_tables import print_with_lines
from scancc.insight.report.machine import measured
from scancc.ir.core import Location
from scancc.ir.reading.printer import Line
from scancc.ir.reading.text import near
from scancc.views import History, PassText

if TYPE_CHECKING:
    from scancc.insight.function import Insight
    from scancc.memory import MemoryPlan

AROUND = 12  # lines of the user's file shown before the first and after the last that the function has
NOWHERE = -1


class _Places:
    """Numbers for the user's lines, and for texts, of which each is kept once."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int], int] = {}
        self.texts: dict[str, int] = {}

    def of(self, location: Location | None) -> int:
        return NOWHERE if location is None else self.found.setdefault(location[:2], len(self.found))

    def line(self, line: Line) -> list[int]:
        return [self.texts.setdefault(near(line.text), len(self.texts)), self.of(line.location)]

    def sources(self) -> list[dict[str, Any]]:
        """The parts of the user's files that the lines come from."""
        files: dict[str, list[int]] = {}
        for path, line in self.found:
            files.setdefault(path, []).append(line)
        return [_source(path, min(lines), max(lines)) for path, lines in files.items()]


def _source(path: str, first: int, last: int) -> dict[str, Any]:
    lines = linecache.getlines(path)
    start, end = max(1, first - AROUND), min(len(lines), last + AROUND)
    return {"path": path, "name": near(path), "first": start, "lines": [t.rstrip("\n") for t in lines[start - 1:end]]}


def gathered(function: Insight, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """All that a report on the function shows."""
    places, history = _Places(), function.passes
    target = targets.local()
    steps = _steps(history, places)
    asm = _assembly(function, target, places)
    plan, cost = function.plan_and_cost(args, kwargs)
    timing = function.timing()
    return {
        "name": function.name or "function", "target": f"{target.cpu}, {target.triple}",
        "passes": steps, "asm": asm, "remarks": [_remark(r, places) for r in function.remarks],
        "memory": _memory(plan), "cards": str(function.explain()), "cost": str(cost),
        "timing": [{k: round(1e3 * v, 3) for k, v in times.items()} for times in timing.compile],
        "roofline": measured(function, cost, args, kwargs),
        "texts": list(places.texts), "places": [list(place) for place in places.found], "sources": places.sources(),
        "dropped": 0,
    }


# ---- text ----


def _steps(history: History, places: _Places) -> list[dict[str, Any]]:
    """The program as lowered and after each pass; lines where one changed what is read, and what it changed."""
    first = {"number": 0, "name": "as lowered", "ms": 0, "gone": 0, "come": 0, "said": 0, "edits": [],
             "lines": [places.line(line) for line in history.lowered]}
    return [first, *(_step(done, places) for done in history)]


def _step(done: PassText, places: _Places) -> dict[str, Any]:
    old, new = ([line.text for line in lines] for lines in (done.before, done.after))
    is_changed = old != new
    edits = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if is_changed else []
    gone, come = done.n_lines
    return {"number": done.number, "name": str(done.step), "ms": round(1e3 * done.time_s, 3), "gone": gone,
            "come": come, "said": len(done.remarks), "edits": [edit[1:] for edit in edits if edit[0] != "equal"],
            "lines": [places.line(line) for line in done.after] if is_changed else []}


_FILE = re.compile(r'\s*\.file\s+(\d+)\s+(?:"([^"]*)"\s+)?"([^"]*)"')
_LOC = re.compile(r"\s*\.loc\s+(\d+)\s+(\d+)")
_KEPT = re.compile(r"\s+[a-z]|[A-Za-z_.][\w.$]*:")
_HIDDEN = re.compile(r"\.L(func|tmp|debug|info|cu|line|CPI|sec)\w*:")


def _assembly(function: Insight, target: targets.Target, places: _Places) -> list[list[int]]:
    """The assembly without directives, each line with the user's."""
    registers = llvm.Registers.of(target)
    text = print_with_lines(function.compiled.module, target.has_fma, True, registers)
    files: dict[str, str] = {}
    found: list[list[int]] = []
    place: Location | None = None
    for line in cpu.assembly(text, target).split(".section\t.debug", 1)[0].splitlines():
        if file := _FILE.match(line):
            files[file[1]] = f"{file[2]}/{file[3]}" if file[2] else file[3]
        elif at := _LOC.match(line):
            place = (files.get(at[1], ""), int(at[2]), 1) if at[2] != "0" else place
        elif _KEPT.match(line) and not _HIDDEN.match(line):
            label = not line.startswith(("\t", " "))
            code = line.split("#", 1)[0].rstrip().expandtabs(8)
            found.append(places.line(Line(code, None if label else place)))
            place = None if label and not line.startswith(".") else place
    return found


def _remark(remark: Any, places: _Places) -> dict[str, Any]:
    return {"pass": remark.pass_name, "done": remark.done, "reason": near(remark.reason), "hint": remark.hint,
            "op": remark.op, "at": places.of(remark.location)}


# ---- memory ----


def _memory(plan: MemoryPlan) -> dict[str, Any]:
    """Buffers as bars: from when to when, how large, in which place."""
    def size(area: Any) -> list[Any]:
        return [str(area.nbytes), None if plan.values is None else area.room.at(plan.values)]

    return {"line": plan.line(200), "places": [size(p) for p in plan.places],
            "buffers": [{"name": b.name, "place": b.place, "first": b.first, "last": b.last, "in_step": b.in_step,
                         "at": near(b.location)} for b in plan.buffers],
            "inputs": [[a.name, *size(a)] for a in plan.inputs],
            "outputs": [[a.name, *size(a)] for a in plan.outputs]}
